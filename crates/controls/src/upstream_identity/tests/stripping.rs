//! What is taken out of a call, wherever the contract says that a credential stands, and what stays.

use super::{authorization, document, fields, gateway, setup};
use crate::security::kit::{CONTRACT, Gateway, World};

const SCHEMES: &str = "    key: { type: apiKey, in: header, name: X-Key }\n    \
                       token: { type: apiKey, in: query, name: api key }\n    \
                       session: { type: apiKey, in: cookie, name: session }\n";

fn with(world: &World, section: &str) -> Gateway {
    let contract = CONTRACT.replace("    key: { type: apiKey, in: header, name: X-Key }\n", SCHEMES);
    assert_ne!(contract, CONTRACT);
    let document = document("", section);
    let gateway = setup(&document, &contract).attach(world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    gateway
}

#[test]
fn what_the_contract_calls_a_credential_does_not_go_on() {
    let world = World::new();
    let (strip, pass) = (with(&world, "{ credential: strip }"), with(&world, "{ credential: pass }"));
    let bearer = format!("Bearer {}", world.token(&[]));
    let target = "/v1/x?a=1&api+key=k&%61pi%20key=k&b=2";
    let sent: &[(&str, &str)] = &[
        ("authorization", &bearer),
        ("x-key", "k"),
        ("x-key", "l"),
        ("cookie", "theme=dark; session=s"),
        ("cookie", "session=t"),
        ("x-other", "o"),
    ];
    let passed = pass.send("read", target, sent);
    assert_eq!((passed.code(), authorization(&passed)), ("ok", vec![bearer.clone()]));
    assert_eq!(fields(&passed, "cookie"), ["theme=dark; session=s", "session=t"]);
    assert_eq!(fields(&passed, "x-key"), ["k", "l"]);
    assert_eq!(passed.call.request.query().unwrap().matches("key=k").count(), 2);
    for operation in ["read", "open"] {
        let stripped = strip.send(operation, target, sent);
        assert_eq!((stripped.code(), authorization(&stripped)), ("ok", vec![]), "{operation}");
        assert_eq!(fields(&stripped, "cookie"), ["theme=dark"], "{operation}");
        assert!(fields(&stripped, "x-key").is_empty(), "{operation}");
        assert_eq!(fields(&stripped, "x-other"), ["o"], "{operation}");
        assert_eq!(stripped.call.request.query(), Some("a=1&b=2"), "{operation}");
    }
    let kept = |operation: &str| strip.send(operation, target, sent).call.presented;
    assert_eq!(kept("read").unwrap(), bearer, "a stream is asked again by it");
    assert_eq!(kept("open"), None);
    // What was not proven is refused as ever.
    assert_eq!(strip.bearer("read", "forged").code(), "token_invalid");
    assert_eq!(strip.send("read", "/v1/x", &[]).code(), "credential_missing");
}

/// Two callers of one URL look alike to a cache before the service, unless it is told.
#[test]
fn threat_22_a_cache_is_told_where_callers_look_alike() {
    let world = World::new();
    world.net.set(super::ENDPOINT, super::json(super::given(&[])));
    for (section, told) in [
        ("{ credential: strip }", true),
        ("{ credential: client_credentials, issuer: shop }", true),
        ("{ credential: exchange, issuer: shop }", false),
        ("{ credential: pass }", false),
    ] {
        let gateway = gateway(&world, "", section);
        let bearer = format!("Bearer {}", world.token(&[]));
        let sent: &[(&str, &str)] = &[("authorization", &bearer), ("cache-control", "max-stale")];
        let ended = gateway.send("read", "/v1/x", sent);
        assert_eq!(ended.code(), "ok", "{section}");
        let expected = if told { "no-cache, no-store" } else { "max-stale" };
        assert_eq!(fields(&ended, "cache-control"), [expected], "{section}");
        let open = gateway.send("open", "/v1/x", sent);
        assert_eq!(
            fields(&open, "cache-control"),
            ["max-stale"],
            "what anyone may have may be kept: {section}"
        );
    }
}

#[test]
fn a_query_without_a_credential_is_not_touched() {
    let world = World::new();
    let strip = gateway(&world, "", "{ credential: strip }");
    let passed = strip.send("open", "/v1/x?a=1", &[]);
    assert!(passed.call.request.untouched_target().is_some());
}
