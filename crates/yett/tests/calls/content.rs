//! Bodies that are not what they are said to be, or larger inside than they may be, before a real gateway: they do not reach the
//! service, and what is like them does.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use crate::harness::*;
use testkit::{Recorder, Reply};

fn document(upstream: &str, section: &str) -> String {
    let section = section.lines().fold(String::new(), |all, line| all + "    " + line + "\n");
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
         record: {{ access_log: \"file:access.log\" }}\napis:\n  t:\n    contract: none\n    \
         allow: [\"GET /things\", \"POST /things\", \"POST /narrow\"]\n    unsecured: anonymous\n    \
         upstream: {upstream}\n{section}"
    )
}

const SECTION: &str =
    "content:\n  json: { depth: 8 }\noperations:\n  \"POST /narrow\": { content: { json: { depth: 2 } } }\n";

fn post(media_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    send("POST", "/things", &format!("Content-Type: {media_type}\r\n"), body)
}

fn multipart(head: &str, body: &str) -> Vec<u8> {
    let body = format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n--b--\r\n");
    post("multipart/form-data; boundary=b", body)
}

fn cases() -> Vec<Case> {
    let refused = |status, code| Expect::Problem(status, code);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let narrow = |depth| send("POST", "/narrow", "Content-Type: application/json\r\n", nested(depth));
    vec![
        case("deep JSON", post_json("/things", nested(9)), refused(400, "body_out_of_bounds"))
            .twin(post_json("/things", nested(8))),
        case("one operation is narrower", narrow(3), refused(400, "body_out_of_bounds")).twin(narrow(2)),
        case(
            "external entity",
            post("application/xml", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"),
            refused(400, "content_forbidden"),
        )
        .twin(post("application/xml", "<a>&lt;</a>")),
        case(
            "entity bomb",
            post("text/xml", "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>"),
            refused(400, "content_forbidden"),
        )
        .twin(post("text/xml", "<a>bbbb</a>")),
        case("deep XML", post("text/xml", "<a>".repeat(20_000)), refused(400, "body_out_of_bounds"))
            .twin(post("text/xml", "<a>".repeat(64) + &"</a>".repeat(64))),
        case("XML in UTF-16", post("text/xml", b"\xff\xfe<\0a\0/\0>\0"), refused(400, "body_malformed"))
            .twin(post("text/xml", "<a/>")),
        case(
            "HTML as a picture",
            post("image/png", "<script>alert(1)</script>"),
            refused(415, "content_mismatch"),
        )
        .twin(post("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")),
        case(
            "program as a document",
            post("application/pdf", b"MZ\x90\0\x03\0"),
            refused(415, "content_mismatch"),
        )
        .twin(post("application/pdf", "%PDF-1.7\n")),
        case("no media type", send("POST", "/things", "", "x"), refused(415, "media_type_unsupported"))
            .twin(post("text/plain", "x")),
        case(
            "file name in two spellings",
            multipart("name=\"f\"; filename=\"a.txt\"; filename*=UTF-8''a.php", "x"),
            refused(400, "body_malformed"),
        )
        .twin(multipart("name=\"f\"; filename=\"a.txt\"", "x")),
        case(
            "file name that is a path",
            multipart("name=\"f\"; filename=\"../../a.txt\"", "x"),
            refused(400, "content_forbidden"),
        )
        .twin(multipart("name=\"f\"; filename=\"a..txt\"", "x")),
        case(
            "part that is something else",
            multipart("name=\"f\"; filename=\"a.gif\"\r\nContent-Type: image/gif", "<?php system(1);"),
            refused(415, "content_mismatch"),
        )
        .twin(multipart("name=\"f\"; filename=\"a.gif\"\r\nContent-Type: image/gif", "GIF89a;")),
        case(
            "too many fields",
            post("application/x-www-form-urlencoded", "a=1&".repeat(1025)),
            refused(400, "body_out_of_bounds"),
        )
        .twin(post("application/x-www-form-urlencoded", "a=1&".repeat(1024))),
    ]
}

#[test]
fn false_bodies_do_not_get_through_and_their_twins_do() {
    let recorder = Recorder::start();
    let gateway = Gateway::with_document(&document(&recorder.url(), SECTION));
    judge(&gateway, &recorder, &cases());
    reaches_naive(&cases());
}

#[test]
fn shadow_reports_and_changes_nothing() {
    let recorder = Recorder::start();
    let shadow = SECTION.replace("content:\n", "content:\n  mode: shadow\n");
    let gateway = Gateway::with_document(&document(&recorder.url(), &shadow));
    for case in cases() {
        let calls = recorder.count();
        let reply = gateway.call(&case.hostile);
        assert_eq!((reply.status, recorder.count()), (200, calls + 1), "{}", case.name);
        assert!(case.hostile.ends_with(&recorder.last().body), "{}: the body has changed", case.name);
        let found = verdict(&gateway, &reply);
        let Expect::Problem(_, code) = case.expect else { panic!("a problem is expected") };
        assert_eq!((&found["mode"], &found["code"]), (&"shadow".into(), &code.into()), "{}", case.name);
    }
}

fn verdict(gateway: &Gateway, reply: &Reply) -> serde_json::Value {
    let line = gateway.log_of(reply);
    let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
    let found = verdicts.into_iter().find(|one| one["control"] == "content" && one["outcome"] == "refuse");
    found.unwrap_or_else(|| panic!("no refusal of content in {line}"))
}

#[test]
fn each_violation_is_told_with_its_pointer() {
    let recorder = Recorder::start();
    let section = "content: { json: { string: 4B, items: 2 } }";
    let gateway = Gateway::with_document(&document(&recorder.url(), section));
    let reply = gateway.call(post_json("/things", r#"{"a/b":[{"c":"secret"},1,2]}"#));
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(problem["code"], "body_out_of_bounds");
    let pointers: Vec<&str> =
        problem["violations"].as_array().unwrap().iter().filter_map(|one| one["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/a~1b", "/a~1b/0/c"], "{problem}");
    assert!(!reply.text().contains("secret"));
}
