//! Row 22: answers to somebody that a cache gives to others.

use std::collections::HashMap;
use std::sync::Mutex;

use testkit::raw::exchange;
use testkit::{Answer, Naive, Recorded, Recorder};

use crate::harness::*;

/// What the service says to whom: who it is stands in the credential that reached it.
fn own(call: &Recorded) -> Answer {
    let caller = call.head.get("authorization").unwrap_or("nobody");
    let body = format!("{{\"for\":\"{}\"}}", &caller[caller.len().saturating_sub(24)..]);
    Answer::json(200, body).header("cache-control", "max-age=3600").header("etag", "\"1\"")
}

/// A service behind a cache that all share, and that gives an answer to everybody who asks for its target. One that keeps to RFC 9111
/// section 3.5 keeps no answer to a call that came with a credential.
fn cached(standard: bool) -> Recorder {
    let kept: Mutex<HashMap<String, Answer>> = Mutex::default();
    Recorder::scripted(move |call| {
        if standard && call.head.get("authorization").is_some() {
            return own(call);
        }
        kept.lock().unwrap().entry(call.target().to_owned()).or_insert_with(|| own(call)).clone()
    })
}

#[test]
fn threat_22_two_callers_of_one_url_get_an_answer_each() {
    for recorder in [Recorder::scripted(own), cached(true)] {
        let gateway = Gateway::start(&recorder);
        let [alice, bob] = ["alice", "bob"].map(|who| gateway.token(who, "things:read"));
        let ask = |token: &str, more: &str| {
            gateway.call(get("/secret", &format!("Authorization: Bearer {token}\r\n{more}")))
        };
        let mut calls = 0;
        for more in ["", "Cache-Control: max-stale=9999\r\n", "Cache-Control: only-if-cached\r\n"] {
            for token in [&alice, &bob, &alice] {
                let reply = ask(token, more);
                let tail = &token[token.len() - 24..];
                assert_eq!((reply.status, reply.text()), (200, format!("{{\"for\":\"{tail}\"}}")), "{more}");
                calls += 1;
                // Each is asked of the service: there is no answer that was kept.
                assert_eq!(recorder.count(), calls, "{more}");
                assert_eq!(
                    recorder.last().head.get("authorization"),
                    Some(format!("Bearer {token}").as_str())
                );
            }
        }
        // Nor does anybody get one who proves nothing, also when it was just given.
        for fields in ["", "Authorization: Bearer a.b.c\r\n", "If-None-Match: \"1\"\r\n"] {
            let reply = gateway.call(get("/secret", fields));
            assert_eq!(reply.status, 401, "{fields}");
            assert!(!reply.text().contains("\"for\""), "{}", reply.text());
        }
        assert_eq!(recorder.count(), calls);
    }
}

/// A cache that keeps answers to everybody is the service's mistake; whoever proves nothing does not get as far.
#[test]
fn threat_22_nobody_without_a_credential_reaches_what_a_cache_kept() {
    let recorder = cached(false);
    let gateway = Gateway::start(&recorder);
    let alice = gateway.token("alice", "things:read");
    let hers = format!("{{\"for\":\"{}\"}}", &alice[alice.len() - 24..]);
    assert_eq!(gateway.call(get_as("/secret", &alice)).text(), hers);
    for fields in ["", "Authorization: Bearer a.b.c\r\n"] {
        let reply = gateway.call(get("/secret", fields));
        assert_eq!((reply.status, reply.text() == hers), (401, false), "{fields}");
    }
    assert_eq!(recorder.count(), 1);
    // A proxy that checks nothing hands it out.
    let naive = Naive::start(recorder.address());
    assert_eq!(exchange(naive.address(), get("/secret", "Connection: close\r\n")).unwrap().text(), hers);
}
