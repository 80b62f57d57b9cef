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

/// The output of `yett returns` for a gateway.
fn returned(gateway: &Gateway) -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(["returns", "--json"])
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn personal_data_is_for_its_audience_and_what_is_returned_is_counted() {
    const BODY: &str =
        r#"{"name":"Ada","card":"4111 1111 1111 1111","mail":"ada@example.org","total":4111111111111112}"#;
    let recorder = Recorder::start();
    let section =
        "leaks: { mode: enforce, personal: { cards: mask, mails: tag, persons: refuse, to: [support] } }";
    let gateway = Gateway::with(&Setup::api(section), &recorder.url());
    let token = |role: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_yett"))
            .args(["token", "--subject", "alice", "--scope", "things:read", "--role", role])
            .current_dir(gateway.path(""))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (clerk, support) = (token("clerk"), token("support"));
    let call = |token: &str, body: &str| {
        recorder
            .answer(Answer::json(200, body).header("etag", "\"1\"").header("cache-control", "max-age=60"));
        gateway.call(send(
            "GET",
            "/secret",
            &format!("Authorization: Bearer {token}\r\nRange: bytes=5-\r\n"),
            "",
        ))
    };
    let reply = call(&clerk, BODY);
    assert_eq!((reply.status, reply.text()), (200, BODY.replace("4111 1111 1111 1111", &"*".repeat(19))));
    assert_eq!((reply.head.get("etag"), reply.head.get("cache-control")), (None, Some("private")));
    assert!(reply.head.get("vary").is_some_and(|vary| vary.contains("authorization")));
    assert_eq!(recorder.last().head.get("range"), None, "a part is of nobody knows what");
    let reply = call(&support, BODY);
    assert_eq!((reply.status, reply.text().as_str()), (200, BODY));
    assert_eq!(reply.head.get("cache-control"), Some("private"));
    let person = r#"{"ssn":"219-09-9999"}"#;
    let reply = call(&clerk, person);
    assert_eq!((reply.status, reply.code().as_deref()), (502, Some("answer_refused")));
    assert!(!reply.text().contains("219"));
    assert_eq!(call(&support, person).text(), person);
    assert_eq!(call(&clerk, r#"{"ssn":"219-09-99999"}"#).status, 200, "one that is none");
    let said = verdict(&gateway, &reply).unwrap()["detail"].as_str().unwrap().to_owned();
    assert_eq!(said, "leaks: persons (us ssn) at 8");

    let rows = returned(&gateway)["rows"].as_array().unwrap().clone();
    let told: Vec<(String, u64, u64)> = rows
        .iter()
        .map(|row| {
            assert_eq!((row["api"].as_str(), row["operation"].as_str()), (Some("t"), Some("readSecret")));
            assert!(row["issuer"].is_string() && row["last"].as_u64().is_some_and(|last| last > 0));
            let number = |name: &str| row[name].as_u64().unwrap();
            (row["class"].as_str().unwrap().to_owned(), number("answers"), number("hidden"))
        })
        .collect();
    let row = |class: &str, answers, hidden| (class.to_owned(), answers, hidden);
    assert_eq!(told, [row("cards", 2, 1), row("mails", 2, 0), row("persons", 2, 1)]);
    assert!(!rows.iter().any(|row| row.to_string().contains("ada")), "no value is in the report");
}
