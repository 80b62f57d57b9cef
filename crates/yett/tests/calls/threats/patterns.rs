//! Row 28: patterns of a contract that cost other engines exponential time, or a cache that grows with what is sent.

use std::fmt::Write;

use testkit::{Deadline, Recorder};

use crate::harness::*;

/// Properties with their patterns, a value that fits, and one on which engines that go back try for ever.
fn patterns() -> Vec<(&'static str, &'static str, String, String)> {
    let many = |text: &str| text.repeat(32 * 1024 / text.len());
    vec![
        ("nested", "^(a+)+$", many("a"), many("a") + "!"),
        ("ambiguous", "^(a|aa)+$", many("a"), many("a") + "!"),
        ("stars", "^(([a-z])+.)+[A-Z]([a-z])+$", many("a") + ".Zz", many("a")),
        ("empty", "^(a?){64}a{64}$", "a".repeat(64), "a".repeat(63)),
        ("slow", "^(.*,){11}P", "1,".repeat(11) + "P", many("1,")),
        // Every value is a way of its own through the automaton.
        ("wide", "^[a-q][^u-z]{13}x", "a".repeat(14) + "x", many("ab")),
        ("classes", "^([\\p{L}\\p{N}]+[-._]?)+$", many("\u{e4}b1-"), many("\u{e4}b1-") + "!"),
    ]
}

fn contract() -> String {
    let mut properties = String::new();
    for (name, pattern, ..) in patterns() {
        let pattern = pattern.replace('\\', "\\\\");
        let _ = writeln!(properties, "                {name}: {{ type: string, pattern: \"{pattern}\" }}");
    }
    let answer = "responses: { \"200\": { description: any, content: { application/json: { schema: { type: object } } } } }";
    let body = "requestBody:\n        required: true\n        content:\n          application/json:\n            schema:\n              \
                type: object\n              additionalProperties: false\n              properties:\n";
    format!(
        "openapi: 3.1.0\ninfo: {{ title: Patterns, version: 1.0.0 }}\nservers: [{{ url: / }}]\npaths:\n  /things:\n    \
         get: {{ operationId: list, security: [], {answer} }}\n    post:\n      operationId: put\n      security: []\n      \
         {body}{properties}      {answer}\n"
    )
}

fn put(name: &str, value: &str) -> Vec<u8> {
    post_json("/things", serde_json::json!({ name: value }).to_string())
}

#[test]
fn threat_28_patterns_take_time_by_the_length_of_what_is_sent() {
    let recorder = Recorder::start();
    let setup = Setup { contract: contract(), ..Setup::default() };
    let gateway = Gateway::with(&setup, &recorder.url());
    let refused = Expect::Problem(400, "body_invalid");
    let cases: Vec<Case> = patterns()
        .iter()
        .map(|(name, _, good, bad)| case(name, put(name, bad), refused.clone()).twin(put(name, good)))
        .collect();
    // An engine that goes back would not come to an end of one of them.
    let time = Deadline::seconds(60);
    judge(&gateway, &recorder, &cases);
    for _ in 0..10 {
        for case in &cases {
            assert_eq!(gateway.call(&case.hostile).status, 400, "{}", case.name);
        }
    }
    assert!(!time.left().is_zero(), "eighty values of 32 KiB took a minute");
    reaches_naive(&cases);
}

#[test]
fn threat_28_values_of_all_kinds_leave_nothing_behind() {
    let recorder = Recorder::start();
    let top = "admission: { anonymous: { rate: 100000/s }, failures: { rate: 100000/s } }\n".to_owned();
    let gateway = Gateway::with(&Setup { contract: contract(), top, ..Setup::default() }, &recorder.url());
    // A generator of its own, so that runs repeat.
    let mut state = 1_u64;
    let mut value = |length: usize| -> String {
        let alphabet: Vec<char> = ('a'..='z').chain("0-._,\u{e4}\u{3b2}".chars()).collect();
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            alphabet[(state >> 33) as usize % alphabet.len()]
        };
        (0..length).map(|_| next()).collect()
    };
    let mut round = |calls: usize| {
        for _ in 0..calls {
            for (name, ..) in patterns() {
                let reply = gateway.call(put(name, &value(2_000)));
                assert!(matches!(reply.status, 200 | 400), "{name}: {} {}", reply.status, reply.text());
            }
        }
    };
    round(20);
    let before = gateway.resident();
    round(150);
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "a thousand values that differ left {grown} KiB behind");
}
