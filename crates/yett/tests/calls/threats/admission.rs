//! What an address may ask for that proves nobody, and who the address is (issue item 9; THREATS rows 1 and 14).

use testkit::Recorder;

use crate::harness::*;

const TOP: &str = "trusted_hops: [127.0.0.1/32]\nadmission: { anonymous: { rate: 1/hour, burst: 3 }, \
                   failures: { rate: 1/hour, burst: 2 } }\n";

fn gateway(recorder: &Recorder) -> Gateway {
    Gateway::with(&Setup { top: String::from(TOP), ..Setup::default() }, &recorder.url())
}

fn from(client: &str) -> String {
    format!("X-Forwarded-For: {client}\r\n")
}

#[test]
fn calls_without_a_credential_are_limited_wherever_they_go() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    let options = |client: &str| {
        let head = "OPTIONS /things HTTP/1.1\r\nHost: api.test\r\n";
        format!("{head}{}\r\n", from(client)).into_bytes()
    };
    let document = "/.well-known/oauth-protected-resource";
    let junk = "Authorization: Bearer junk\r\n";
    type Make<'m> = Box<dyn Fn(&str) -> Vec<u8> + 'm>;
    let ways: Vec<(&str, Make<'_>)> = vec![
        ("203.0.113.1", Box::new(|client| get("/things", &from(client)))),
        ("203.0.113.2", Box::new(options)),
        ("203.0.113.3", Box::new(|client| get(document, &from(client)))),
        ("203.0.113.4", Box::new(|client| get("/things", &format!("{}{junk}", from(client))))),
        // The client's own garbage does not move it to another allowance.
        ("203.0.113.5", Box::new(|client| get("/things", &from(&format!("x, {client}"))))),
    ];
    for (client, make) in &ways {
        for _ in 0..3 {
            let reply = gateway.call(make(client));
            assert!(reply.status < 300, "{client}: {} {}", reply.status, reply.text());
        }
        let reply = gateway.call(make(client));
        assert_eq!((reply.status, reply.code().as_deref()), (429, Some("too_many_anonymous")), "{client}");
        assert!(reply.head.get("retry-after").is_some(), "{client}");
        assert_eq!(gateway.log_of(&reply)["client"], *client);
    }
    assert_eq!(gateway.call(get("/things", &from("203.0.113.99"))).status, 200, "another address");
}

#[test]
fn a_failing_neighbor_locks_out_nobody_who_is_known() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    let (alice, bob) = (gateway.token("alice", "things:read"), gateway.token("bob", "things:read"));
    let secret = |credential: &str| {
        get("/secret", &format!("{}Authorization: Bearer {credential}\r\n", from("203.0.113.1")))
    };
    for _ in 0..2 {
        assert_eq!(gateway.call(secret(&alice)).status, 200);
    }
    for _ in 0..2 {
        assert_eq!(gateway.call(secret("junk")).status, 401);
    }
    for hostile in [secret("junk"), secret(&bob), get("/secret", &from("203.0.113.1"))] {
        let reply = gateway.call(&hostile);
        assert_eq!((reply.status, reply.code().as_deref()), (429, Some("too_many_failures")));
    }
    // Paths are not told to a suspect either.
    let unknown = get("/nowhere", &format!("{}Authorization: Bearer junk\r\n", from("203.0.113.1")));
    assert_eq!(gateway.call(&unknown).code().as_deref(), Some("too_many_failures"));
    for _ in 0..5 {
        assert_eq!(gateway.call(secret(&alice)).status, 200, "she is remembered");
    }
}

#[test]
fn a_refused_head_is_its_clients_and_counts() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    let hostile = || get("//admin", &from("203.0.113.1"));
    let reply = gateway.call(hostile());
    assert_eq!((reply.status, reply.code().as_deref()), (400, Some("path_not_canonical")));
    let line = gateway.log_of(&reply);
    assert_eq!(
        (line["client"].as_str(), line["path"].as_str(), line["host"].as_str()),
        (Some("203.0.113.1"), Some("//admin"), Some("api.test"))
    );
    // So does one that only its query condemns, and the client that it names is kept.
    let reply = gateway.call(get("/things?a=%zz", &from("203.0.113.1")));
    assert_eq!(reply.code().as_deref(), Some("path_not_canonical"));
    assert_eq!(gateway.log_of(&reply)["client"], "203.0.113.1");
    assert_eq!(gateway.call(hostile()).status, 429, "two failures are all there are");
    assert_eq!(gateway.call(get("/things", &from("203.0.113.2"))).status, 200);
    assert_eq!(recorder.count(), 1);
}
