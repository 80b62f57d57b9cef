//! Operations for administrators before the real binary: on which listeners, and what is told of who uses them for the first time.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::process::Command;

use crate::harness::*;
use serde_json::Value;
use testkit::{Answer, Recorder, until};

fn document(hook: &str, upstream: &str) -> String {
    format!(
        "version: 1\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
         listeners:\n  default: {{ bind: 127.0.0.1:0 }}\n  internal: {{ bind: 127.0.0.1:0 }}\n\
         record: {{ access_log: \"file:access.log\", decisions: {{ sample: 0% }} }}\n\
         notify:\n  sinks:\n    soc: {{ url: \"{hook}/hook\", secret: \"file:hook.secret\", allow_private: true, allow_cleartext: true }}\n\
         apis:\n  t:\n    contract: ./openapi.yaml\n    upstream: {upstream}\n    issuer: local\n    operations:\n      \
         readSecret: {{ authorization: {{ administrative: true, require: {{ roles: [admin] }} }} }}\n      \
         writeSecret: {{ authorization: {{ administrative: true, require: {{ roles: [admin], listeners: [internal] }} }} }}\n"
    )
}

fn token(gateway: &Gateway, subject: &str, role: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(["token", "--subject", subject, "--scope", "things:read things:write", "--role", role])
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Decisions that were noted.
fn noted(gateway: &Gateway) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(["events", "--outcome", "noted", "--json"])
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn threat_13_administrators_call_by_their_listener_and_a_first_use_is_told() {
    let (recorder, hook) = (Recorder::start(), Recorder::scripted(|_| Answer::json(204, "")));
    let folder: &[(&str, &[u8])] = &[("hook.secret", b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")];
    let gateway = Gateway::with_all(&document(&hook.url(), &recorder.url()), CONTRACT, folder);
    let (ada, bob, eve) =
        (token(&gateway, "ada", "admin"), token(&gateway, "bob", "admin"), token(&gateway, "eve", "clerk"));
    let read =
        |token: &str| gateway.call(send("GET", "/secret", &format!("Authorization: Bearer {token}\r\n"), ""));
    let write = |token: &str| {
        let fields = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
        send("POST", "/secret", &fields, r#"{"name":"a","count":1}"#)
    };
    // Who lacks the role is refused, and used nothing.
    let reply = read(&eve);
    assert_eq!((reply.status, reply.code().as_deref()), (403, Some("privilege_missing")));
    assert_eq!(recorder.count(), 0);
    for token in [&ada, &ada, &bob, &ada] {
        assert_eq!(read(token).status, 200);
    }
    // By the other listener only, for administrators as well.
    let reply = gateway.call(write(&ada));
    assert_eq!((reply.status, reply.code().as_deref()), (403, Some("privilege_missing")));
    assert_eq!(recorder.count(), 4);
    let internal = gateway
        .said()
        .lines()
        .find_map(|line| Some(line.strip_suffix(" (internal)")?.rsplit_once("http://")?.1.parse().unwrap()))
        .unwrap();
    let reply = testkit::raw::exchange(internal, write(&ada)).unwrap();
    assert_eq!((reply.status, recorder.count()), (200, 5), "{}", reply.text());

    let found = until(10, || Some(noted(&gateway)).filter(|found| found.len() >= 3)).unwrap();
    let mut told: Vec<(&str, &str)> = found
        .iter()
        .map(|event| {
            assert_eq!(
                (event["kept"].as_str(), event["control"].as_str()),
                (Some("noted"), Some("authorization"))
            );
            (event["subject"].as_str().unwrap(), event["operation"].as_str().unwrap())
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("ada", "readSecret"), ("ada", "writeSecret"), ("bob", "readSecret")]);
    let events = || -> Vec<Value> {
        let all =
            hook.calls().into_iter().filter_map(|call| serde_json::from_slice::<Value>(&call.body).ok());
        all.filter(|event| event["type"] == "yett.call.noted").collect()
    };
    let told = until(10, || Some(events()).filter(|told| told.len() >= 3)).unwrap();
    assert!(told.iter().all(|event| event["severity"] == "notice"), "{told:?}");
    assert_eq!(told.len(), 3);
}
