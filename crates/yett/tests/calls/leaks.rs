//! What a service says that it should not, through a real gateway: withheld, masked or only told of, as configured.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use crate::harness::*;
use testkit::{Answer, Recorder, Reply};

fn document(upstream: &str, section: &str) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
         record: {{ access_log: \"file:access.log\" }}\napis:\n  t:\n    contract: none\n    \
         allow: [\"GET /things\", \"GET /raw\"]\n    unsecured: anonymous\n    upstream: {upstream}\n    leaks: {section}\n    \
         operations: {{ \"GET /raw\": {{ leaks: {{ traces: ignore }} }} }}\n"
    )
}

const TRACE: &str = r#"{"message":"oops\n\tat com.acme.Orders.load(Orders.java:42)"}"#;

fn secret() -> String {
    ["{\"key\":\"AKIA", "ABCDEFGHIJKLMNOP\",\"more\":true}"].concat()
}

fn say(recorder: &Recorder, body: &str) {
    recorder.answer(Answer::json(200, body));
}

fn verdict(gateway: &Gateway, reply: &Reply) -> Option<serde_json::Value> {
    let line = gateway.log_of(reply);
    let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
    verdicts.into_iter().find(|one| one["control"] == "leaks" && one["stage"] == "response_body")
}

#[test]
fn enforced_traces_are_withheld_and_secrets_masked() {
    let recorder = Recorder::start();
    let gateway = Gateway::with_document(&document(&recorder.url(), "{ mode: enforce }"));
    let call = |body: &str, path: &str| {
        say(&recorder, body);
        gateway.call(get(path, "Accept-Encoding: gzip\r\n"))
    };
    let reply = call(TRACE, "/things");
    assert_eq!((reply.status, reply.code().as_deref()), (502, Some("answer_refused")));
    assert!(!reply.text().contains("acme"), "{}", reply.text());
    assert_eq!(recorder.last().head.get("accept-encoding"), Some("identity"));
    let detail = verdict(&gateway, &reply).unwrap()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("traces (java)") && !detail.contains("acme"), "{detail}");
    // The twins: an answer without one, and an operation that may.
    assert_eq!(call(r#"{"message":"fine"}"#, "/things").text(), r#"{"message":"fine"}"#);
    assert_eq!(call(TRACE, "/raw").text(), TRACE);

    let reply = call(&secret(), "/things");
    let masked = format!("{{\"key\":\"{}\",\"more\":true}}", "*".repeat(20));
    assert_eq!((reply.status, reply.text()), (200, masked));
}

#[test]
fn long_answers_are_masked_and_withheld_alike() {
    let recorder = Recorder::start();
    let gateway = Gateway::with_document(&document(&recorder.url(), "{ mode: enforce }"));
    let filling = "x ".repeat(200_000);
    let call = |body: &str| {
        say(&recorder, body);
        gateway.call(get("/things", ""))
    };
    let masked = format!("{{\"key\":\"{}\",\"more\":true}}{filling}", "*".repeat(20));
    assert_eq!(call(&(secret() + &filling)).text(), masked);
    assert_eq!(call(&filling).text(), filling);
    let reply = call(&format!("{filling}{TRACE}"));
    assert_eq!((reply.status, reply.code().as_deref()), (502, Some("answer_refused")));
    assert!(!reply.text().contains("acme"));
}

#[test]
fn in_shadow_answers_pass_and_are_told_of() {
    let recorder = Recorder::start();
    let gateway = Gateway::with_document(&document(&recorder.url(), "{}"));
    for (body, outcome) in [(TRACE, "refuse"), (&secret(), "note"), (r#"{"message":"fine"}"#, "allow")] {
        say(&recorder, body);
        let reply = gateway.call(get("/things", ""));
        assert_eq!((reply.status, reply.text().as_str()), (200, body));
        let found = verdict(&gateway, &reply);
        let outcome_found = found.as_ref().map_or("allow", |found| found["outcome"].as_str().unwrap());
        assert_eq!(outcome_found, outcome, "{found:?}");
    }
}
