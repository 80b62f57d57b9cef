//! Tables of differences, each with the way that it goes. That whole configurations are told apart is shown where the
//! sample is weakened (`policy-tests/tests/weakenings.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::schema::Comparison;
use crate::{Change, Changes, Effect, access, binding, settings, websocket};
use Effect::{Neutral, Stricter, Weaker};

fn told(compare: impl FnOnce(&mut Changes<'_>)) -> Vec<Change> {
    let mut all = Vec::new();
    compare(&mut Changes { about: String::from("x"), all: &mut all });
    all
}

fn effects(changes: &[Change]) -> Vec<Effect> {
    changes.iter().map(|change| change.effect).collect()
}

/// Each setting goes the way that is said, and none when nothing changes.
fn go<const N: usize>(cases: [(&str, Json, Json, Effect); N]) {
    for (key, old, new, effect) in cases {
        let changes = told(|out| settings::compare(key, &old, &new, out));
        assert_eq!(effects(&changes), [effect], "{old} → {new}: {changes:?}");
        assert_eq!(told(|out| settings::compare(key, &old, &old, out)), []);
    }
}

#[test]
fn messages_are_protected_more_or_less() {
    go([
        (
            "message_security",
            json!({ "request": { "required": true } }),
            json!({ "request": { "required": false } }),
            Weaker,
        ),
        (
            "message_security",
            json!({ "request": { "verify": { "algorithms": ["ES256"] } } }),
            json!({ "request": { "verify": { "algorithms": ["ES256", "RS256"] } } }),
            Weaker,
        ),
        (
            "message_security",
            json!({ "request": { "decrypt": { "encryption": ["A128GCM", "A256GCM"] } } }),
            json!({ "request": { "decrypt": { "encryption": ["A256GCM"] } } }),
            Stricter,
        ),
        (
            "message_security",
            json!({ "answer": { "fields": ["/a"] } }),
            json!({ "answer": { "fields": ["/b"] } }),
            Weaker,
        ),
    ]);
}

#[test]
fn settings_have_a_direction() {
    let ruled = |rules: Json| json!({ "modes": { "a": rules } });
    go([
        ("validation", json!({ "request": "enforce" }), json!({ "request": "shadow" }), Weaker),
        ("validation", json!({ "request": "off" }), json!({ "request": "shadow" }), Stricter),
        (
            "validation",
            json!({ "undeclared": { "query": "refuse" } }),
            json!({ "undeclared": { "query": "strip" } }),
            Weaker,
        ),
        ("bodies", json!({ "max": "1MiB" }), json!({ "max": "64KiB" }), Stricter),
        ("bodies", json!({ "max": "64KiB" }), json!({ "max": "1MiB" }), Weaker),
        // Of a listener.
        ("", json!({ "connections": { "total": 9 } }), json!({ "connections": { "total": 10 } }), Weaker),
        ("", json!({ "connections": {} }), json!({ "connections": { "address": 10 } }), Stricter),
        ("", json!({ "connections": { "address": 10 } }), json!({}), Weaker),
        ("bodies", json!({ "codings": [] }), json!({ "codings": ["gzip"] }), Weaker),
        ("uploads", json!({}), json!({ "types": ["image/png"] }), Stricter),
        ("uploads", json!({ "types": ["image/png"] }), json!({}), Weaker),
        ("uploads", json!({ "types": ["image/png"] }), json!({ "types": [] }), Stricter),
        (
            "authorization",
            json!({ "require": { "roles": ["a", "b"] } }),
            json!({ "require": { "roles": ["a"] } }),
            Weaker,
        ),
        (
            "authorization",
            json!({ "require": { "roles": "a" } }),
            json!({ "require": { "roles": ["a", "b"] } }),
            Stricter,
        ),
        (
            "inspection",
            json!({ "threshold": { "inbound": 5 } }),
            json!({ "threshold": { "inbound": 50 } }),
            Weaker,
        ),
        ("inspection", json!({ "paranoia": 2 }), json!({ "paranoia": 1 }), Weaker),
        ("inspection", json!({}), ruled(json!({ "tag": "a", "mode": "shadow" })), Weaker),
        ("inspection", ruled(json!({ "tag": "a", "mode": "off" })), json!({ "modes": {} }), Stricter),
        (
            "inspection",
            ruled(json!({ "tag": "a", "mode": "shadow" })),
            ruled(json!({ "tag": "a", "mode": "enforce" })),
            Stricter,
        ),
        (
            "inspection",
            ruled(json!({ "mode": "shadow", "operations": ["a", "b"] })),
            ruled(json!({ "mode": "shadow", "operations": ["a"] })),
            Stricter,
        ),
        ("hygiene", json!({ "hsts": { "max_age": "365d" } }), json!({ "hsts": { "max_age": "1d" } }), Weaker),
    ]);
}

#[test]
fn settings_of_no_control_have_a_direction() {
    go([
        ("", json!({ "leeway": "5s" }), json!({ "leeway": "10s" }), Weaker),
        ("", json!({ "typ": "lenient" }), json!({ "typ": "rfc9068" }), Stricter),
        ("", json!({ "typ": "lenient" }), json!({ "typ": "id-token" }), Weaker),
        ("", json!({ "preset": "okta" }), json!({ "preset": "auth0" }), Neutral),
        (
            "",
            json!({ "require_claims": { "hd": ["a"] } }),
            json!({ "require_claims": { "hd": ["a", "b"] } }),
            Weaker,
        ),
        (
            "",
            json!({ "require_claims": { "hd": ["a", "b"] } }),
            json!({ "require_claims": { "hd": ["b"] } }),
            Stricter,
        ),
        ("", json!({ "require_claims": { "hd": ["a"] } }), json!({ "require_claims": {} }), Weaker),
        ("", json!({}), json!({ "require_claims": { "hd": ["a"] } }), Stricter),
        ("", json!({ "require_claims": { "hd": ["a"] } }), json!({ "require_claims": { "hd": [] } }), Weaker),
        ("", json!({ "roles_from": ["roles"] }), json!({ "roles_from": ["roles", "groups"] }), Weaker),
        // Roles are what rules ask for, of some and against others.
        ("", json!({ "roles_from": ["roles", "groups"] }), json!({ "roles_from": ["roles"] }), Weaker),
        ("", json!({ "audience_from": "client_id" }), json!({ "audience_from": "azp" }), Weaker),
        ("", json!({ "owner": "a" }), json!({ "owner": "b" }), Neutral),
        ("", json!({ "deadlines": { "total": "5s" } }), json!({ "deadlines": { "total": "50s" } }), Neutral),
        (
            "",
            json!({ "deadlines": { "lifetime": "1h" } }),
            json!({ "deadlines": { "lifetime": "1d" } }),
            Weaker,
        ),
        (
            "",
            json!({ "deadlines": { "lifetime": "1d" } }),
            json!({ "deadlines": { "lifetime": "1h" } }),
            Stricter,
        ),
        ("", json!({ "shedding": { "lag": "50ms" } }), json!({ "shedding": { "lag": "1s" } }), Neutral),
        ("", json!({ "unheard_of": 1 }), json!({ "unheard_of": 2 }), Weaker),
        ("", json!({ "unsecured": "authenticated" }), json!({ "unsecured": "anonymous" }), Weaker),
        ("", json!({}), json!({ "unsecured": "authenticated" }), Weaker),
    ]);
}

#[test]
fn who_is_told_changes_nothing_but_the_way_there() {
    let sink = |settings: Json| json!({ "sinks": { "soc": settings } });
    go([
        ("notify", json!({}), sink(json!({ "url": "https://a/x" })), Neutral),
        ("notify", sink(json!({ "deadline": "1s" })), sink(json!({ "deadline": "9s" })), Neutral),
        ("notify", sink(json!({ "allow_private": false })), sink(json!({ "allow_private": true })), Weaker),
        (
            "notify",
            sink(json!({ "allow_cleartext": true })),
            sink(json!({ "allow_cleartext": false })),
            Stricter,
        ),
    ]);
}

#[test]
fn who_may_revoke_has_a_direction() {
    let client = |settings: Json| json!({ "clients": { "shop": settings } });
    let sender = |settings: Json| json!({ "transmitters": { "corp": settings } });
    go([
        ("revocation", client(json!({ "issuers": ["a"] })), client(json!({ "issuers": [] })), Weaker),
        (
            "revocation",
            client(json!({ "issuers": ["a"] })),
            client(json!({ "issuers": ["a", "b"] })),
            Stricter,
        ),
        ("revocation", json!({}), client(json!({ "secret": "env:A" })), Stricter),
        ("revocation", client(json!({ "secret": "env:A" })), json!({}), Weaker),
        ("revocation", client(json!({ "api_key": true })), json!({}), Weaker),
        ("revocation", client(json!({ "any": false })), client(json!({ "any": true })), Stricter),
        ("revocation", client(json!({ "any": true })), client(json!({ "any": false })), Weaker),
        ("revocation", json!({ "rate": "600/min" }), json!({ "rate": "6/min" }), Weaker),
        ("revocation", json!({ "bind": "127.0.0.1:1" }), json!({ "bind": "127.0.0.1:2" }), Neutral),
        ("revocation", json!({}), sender(json!({ "audience": "x" })), Stricter),
        ("revocation", sender(json!({ "audience": "x" })), json!({}), Weaker),
        ("revocation", sender(json!({ "max_age": "1d" })), sender(json!({ "max_age": "1m" })), Weaker),
        (
            "revocation",
            sender(json!({ "opaque": "session" })),
            sender(json!({ "opaque": "refused" })),
            Weaker,
        ),
        ("revocation", sender(json!({})), sender(json!({ "opaque": "subject" })), Stricter),
        (
            "revocation",
            sender(json!({ "opaque": "subject" })),
            sender(json!({ "opaque": "session" })),
            Weaker,
        ),
        ("revocation", sender(json!({ "poll": { "url": "https://a" } })), sender(json!({})), Weaker),
        (
            "revocation",
            sender(json!({ "poll": { "every": "1s" } })),
            sender(json!({ "poll": { "every": "1h" } })),
            Weaker,
        ),
    ]);
}

#[test]
fn settings_of_decision_points_have_a_direction() {
    go([
        ("pdp", json!({}), json!({ "max_age": "30s" }), Weaker),
        ("pdp", json!({ "max_age": "30s" }), json!({}), Stricter),
        ("pdp", json!({ "max_age": "30s" }), json!({ "max_age": "1m" }), Weaker),
        ("pdp", json!({ "max_age": "30s" }), json!({ "max_age": "1s" }), Stricter),
        ("pdp", json!({}), json!({ "on_error": "allow" }), Weaker),
        ("pdp", json!({ "on_error": "allow" }), json!({}), Stricter),
        ("pdp", json!({}), json!({ "mode": "shadow" }), Weaker),
        ("pdp", json!({ "body": "json" }), json!({}), Weaker),
        ("pdp", json!({}), json!({ "body": "json" }), Stricter),
        ("pdp", json!({ "claims": ["a", "b"] }), json!({ "claims": ["a"] }), Weaker),
        ("pdp", json!({ "include": ["a"] }), json!({ "include": ["a", "b"] }), Stricter),
        ("pdp", json!({ "headers": ["a"] }), json!({ "headers": ["a", "b"] }), Weaker),
        ("pdp", json!({ "url": "https://a/" }), json!({ "url": "https://b/" }), Weaker),
        ("pdp", json!({ "protocol": "opa" }), json!({ "protocol": "authzen" }), Weaker),
        ("pdp", json!({ "deadline": "200ms" }), json!({ "deadline": "1s" }), Neutral),
        ("pdp", json!({ "token": "env:A" }), json!({ "token": "env:B" }), Neutral),
    ]);
}

#[test]
fn policies_have_a_direction_by_what_they_do() {
    let (permit, forbid) = ("permit (principal, action, resource);", "forbid (principal, action, resource);");
    go([
        ("policies", json!({ "permits": [] }), json!({ "permits": [permit] }), Weaker),
        ("policies", json!({ "permits": [permit] }), json!({ "permits": [] }), Stricter),
        ("policies", json!({ "forbids": [] }), json!({ "forbids": [forbid] }), Stricter),
        ("policies", json!({ "forbids": [forbid] }), json!({ "forbids": [] }), Weaker),
        ("policies", json!({ "files": ["a"] }), json!({ "files": ["b"] }), Neutral),
        (
            "policies",
            json!({ "links": { "a": { "template": "everyone" } } }),
            json!({ "links": {} }),
            Neutral,
        ),
        ("policies", json!({ "refuse": "forbidden" }), json!({ "refuse": "not_found" }), Neutral),
        ("policies", json!({ "mode": "enforce" }), json!({ "mode": "shadow" }), Weaker),
        ("policies", json!({ "claims": { "a": "long" } }), json!({ "claims": { "a": "string" } }), Weaker),
        ("policies", json!({ "utc_offset": "+01:00" }), json!({ "utc_offset": "+02:00" }), Weaker),
    ]);
}

#[test]
fn what_a_service_is_sent_has_a_direction() {
    go([
        ("upstream_identity", json!({ "credential": "strip" }), json!({ "credential": "pass" }), Weaker),
        ("upstream_identity", json!({ "credential": "pass" }), json!({ "credential": "exchange" }), Stricter),
        ("upstream_identity", json!({ "credential": "exchange" }), json!({ "credential": "strip" }), Weaker),
        ("upstream_identity", json!({ "max_age": "1m" }), json!({ "max_age": "5m" }), Weaker),
        ("upstream_identity", json!({ "max_age": "5m" }), json!({ "max_age": "1m" }), Stricter),
        ("upstream_identity", json!({ "audience": ["a"] }), json!({ "audience": ["b"] }), Weaker),
        (
            "upstream_identity",
            json!({ "assert": { "lifetime": "60s" } }),
            json!({ "assert": { "lifetime": "30s" } }),
            Stricter,
        ),
        (
            "upstream_identity",
            json!({ "assert": { "claims": [] } }),
            json!({ "assert": { "claims": ["email"] } }),
            Weaker,
        ),
        ("token_endpoint", json!({ "client_secret": "env:A" }), json!({ "client_secret": "env:B" }), Neutral),
        ("token_endpoint", json!({ "url": "https://a/" }), json!({ "url": "https://b/" }), Weaker),
    ]);
}

#[test]
fn settings_of_signatures_have_a_direction() {
    go([
        ("authentication", json!({}), json!({ "a": { "signers": ["shops"] } }), Weaker),
        ("authentication", json!({ "a": { "signers": ["shops"] } }), json!({ "a": {} }), Stricter),
        ("signers", json!({ "keys": { "k": { "secret": "env:S" } } }), json!({ "keys": {} }), Stricter),
        ("signers", json!({ "keys": {} }), json!({ "keys": { "k": { "public": "file:k.pem" } } }), Weaker),
        ("signers", json!({ "nonce": "required" }), json!({ "nonce": "off" }), Weaker),
        ("signers", json!({ "max_age": "1m" }), json!({ "max_age": "5m" }), Weaker),
        ("signers", json!({ "components": ["x-a"] }), json!({ "components": [] }), Weaker),
        ("signers", json!({}), json!({ "tag": "t" }), Stricter),
        ("sign", json!({}), json!({ "key": "file:k.pem" }), Stricter),
        ("sign", json!({ "key": "file:k.pem" }), json!({}), Weaker),
        ("sign", json!({ "expires": "30s" }), json!({ "expires": "1m" }), Weaker),
        ("sign", json!({ "label": "a" }), json!({ "label": "b" }), Neutral),
    ]);
}

#[test]
fn settings_of_credentials_have_a_direction() {
    let redis = |key: &str, value: Json| json!({ "state": { "redis": { key: value } } });
    go([
        ("", json!({ "dpop": { "nonce": "required" } }), json!({ "dpop": { "nonce": "off" } }), Weaker),
        ("", json!({ "dpop": { "nonce": "off" } }), json!({ "dpop": { "nonce": "required" } }), Stricter),
        ("", json!({ "dpop": { "window": "60s" } }), json!({ "dpop": { "window": "5m" } }), Weaker),
        ("", json!({ "dpop": { "window": "60s" } }), json!({ "dpop": { "window": "10s" } }), Stricter),
        ("authentication", json!({ "a": {} }), json!({ "a": { "sender_constrained": "any" } }), Stricter),
        ("authentication", json!({ "a": { "sender_constrained": "dpop" } }), json!({ "a": {} }), Weaker),
        (
            "authentication",
            json!({ "a": { "sender_constrained": "mtls" } }),
            json!({ "a": { "sender_constrained": "any" } }),
            Weaker,
        ),
        (
            "authentication",
            json!({ "a": { "sender_constrained": "mtls" } }),
            json!({ "a": { "sender_constrained": "dpop" } }),
            Weaker,
        ),
        ("authentication", json!({ "a": {} }), json!({ "a": { "source": "applications" } }), Weaker),
        ("authentication", json!({ "a": { "source": "applications" } }), json!({ "a": {} }), Stricter),
        ("authentication", json!({}), json!({ "a": { "authorities": ["ca"] } }), Weaker),
        ("authentication", json!({ "a": { "authorities": ["ca"] } }), json!({ "a": {} }), Stricter),
        ("authentication", json!({}), json!({ "a": { "users": ["staff"] } }), Weaker),
        ("authentication", json!({ "a": { "users": ["staff"] } }), json!({ "a": {} }), Stricter),
        ("authentication", json!({}), json!({ "a": { "webhook": "billing" } }), Weaker),
        ("authentication", json!({ "a": { "webhook": "billing" } }), json!({ "a": {} }), Stricter),
        ("authentication", json!({ "a": { "forward": false } }), json!({ "a": { "forward": true } }), Weaker),
        (
            "authentication",
            json!({ "a": { "forward": true } }),
            json!({ "a": { "forward": false } }),
            Stricter,
        ),
        ("introspection", json!({ "tokens": "all" }), json!({ "tokens": "opaque" }), Weaker),
        ("introspection", json!({ "tokens": "opaque" }), json!({ "tokens": "all" }), Stricter),
        ("introspection", json!({ "max_age": "60s" }), json!({ "max_age": "10m" }), Weaker),
        ("introspection", json!({ "max_age": "60s" }), json!({ "max_age": "1s" }), Stricter),
        ("introspection", json!({ "audience": true }), json!({ "audience": false }), Weaker),
        ("introspection", json!({ "audience": false }), json!({ "audience": true }), Stricter),
        ("introspection", json!({ "signed": true }), json!({ "signed": false }), Weaker),
        ("introspection", json!({ "signed": false }), json!({ "signed": true }), Stricter),
        ("introspection", json!({ "url": "https://a/" }), json!({ "url": "https://b/" }), Weaker),
        ("introspection", json!({ "client_secret": "env:A" }), json!({ "client_secret": "env:B" }), Neutral),
        ("introspection", json!({ "deadline": "2s" }), json!({ "deadline": "5s" }), Neutral),
        ("telemetry", json!({}), json!({ "otlp": { "endpoint": "https://a" } }), Neutral),
        ("telemetry", json!({ "otlp": { "sample": "1%" } }), json!({ "otlp": { "sample": "9%" } }), Neutral),
        (
            "telemetry",
            json!({ "otlp": { "allow_cleartext": false } }),
            json!({ "otlp": { "allow_cleartext": true } }),
            Weaker,
        ),
        ("", json!({ "store": { "key": "env:A" } }), json!({ "store": { "key": "env:B" } }), Neutral),
        ("", json!({ "store": { "url": "env:A" } }), json!({ "store": { "url": "env:B" } }), Weaker),
        ("", redis("address", json!("a:1")), redis("address", json!("b:1")), Weaker),
        ("", redis("prefix", json!("a")), redis("prefix", json!("b")), Weaker),
        ("", redis("tls", json!(true)), redis("tls", json!(false)), Weaker),
        ("", redis("tls", json!(false)), redis("tls", json!(true)), Stricter),
        ("", redis("accept", json!(["cleartext"])), redis("accept", json!([])), Stricter),
        ("", redis("timeout", json!("1s")), redis("timeout", json!("2s")), Neutral),
        ("", redis("limits_alone", json!("refuse")), redis("limits_alone", json!("count")), Weaker),
    ]);
}

#[test]
fn websockets_are_compared_by_what_holds_for_them() {
    let usual = websocket::describe(&spec::WebSocket::default());
    let with = |key: &str, value: Json| {
        let mut changed = usual.clone();
        changed[key] = value;
        changed
    };
    for (key, less, more) in [
        ("origins", json!([]), json!(["https://app.example.com"])),
        ("subprotocols", json!(["a"]), json!(["a", "b"])),
        ("message", json!("64KiB"), json!("2MiB")),
        ("frame", json!("1KiB"), json!("2MiB")),
        ("rate", json!("20/s"), json!("3000/s")),
        ("burst", json!(20), json!(20_000)),
        ("idle", json!("1m"), json!("10m")),
        ("lifetime", json!("1h"), json!("2d")),
    ] {
        let (less, more) = (with(key, less), with(key, more));
        for (old, new, effect) in [(&less, &more, Weaker), (&more, &less, Stricter)] {
            let changes = told(|out| websocket::compare(old, new, out));
            assert_eq!(effects(&changes), [effect], "{old} → {new}: {changes:?}");
        }
    }
    for (old, new, expected) in [
        (&Json::Null, &usual, vec![Weaker]),
        (&usual, &Json::Null, vec![Stricter]),
        (&usual, &usual, vec![]),
        (&Json::Null, &Json::Null, vec![]),
    ] {
        assert_eq!(effects(&told(|out| websocket::compare(old, new, out))), expected, "{old} → {new}");
    }
}

#[test]
fn an_operations_own_demand_is_compared_with_what_held_without_it() {
    let of = |own: Json, demanded: Json| json!({ "own": own, "demanded": { "oauth": demanded } });
    let (none, dpop, any) = (Json::Null, json!("dpop"), json!("any"));
    for (old, new, effect) in [
        (of(none.clone(), none.clone()), of(any.clone(), any.clone()), vec![Stricter]),
        (of(any.clone(), any.clone()), of(none.clone(), none.clone()), vec![Weaker]),
        // It takes the place of what the scheme says.
        (of(none.clone(), dpop.clone()), of(any.clone(), any.clone()), vec![Weaker]),
        (of(any.clone(), any), of(none.clone(), dpop.clone()), vec![Stricter]),
        (of(none.clone(), dpop.clone()), of(dpop.clone(), dpop.clone()), vec![]),
        // What the scheme says is told with the API.
        (of(none.clone(), dpop), of(none.clone(), none), vec![]),
    ] {
        let changes = told(|out| binding::compare(&old, &new, out));
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn an_issuer_that_is_asked_takes_more_tokens_and_withdraws_more() {
    let with = |introspection: Json| {
        let issuer = json!({ "url": "https://i.example", "introspection": introspection });
        json!({ "issuers": { "i": issuer } })
    };
    let (none, opaque, all) = (
        with(Json::Null),
        with(json!({ "url": "https://i.example/ask", "tokens": "opaque", "audience": true })),
        with(json!({ "url": "https://i.example/ask", "tokens": "all", "audience": true })),
    );
    for (old, new, effect) in [
        (&none, &opaque, vec![Weaker]),
        (&none, &all, vec![Weaker]),
        (&opaque, &none, vec![Stricter]),
        (&all, &none, vec![Weaker]),
        (&all, &opaque, vec![Weaker]),
        (&opaque, &all, vec![Stricter]),
        (&all, &all, vec![]),
    ] {
        let changes = crate::compare(old, new);
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn authorities_let_in_whom_they_name() {
    let with = |grants: Json| json!({ "authorities": { "ca": { "client_ca": "ca.pem", "subject": "uri-san", "grants": grants } } });
    let shop = "spiffe://record.example/shop";
    let (everybody, one) = (with(json!({})), with(json!({ shop: { "scopes": [], "roles": [] } })));
    let two = with(json!({ shop: { "scopes": [], "roles": [] }, "*": { "scopes": [], "roles": [] } }));
    let more = with(json!({ shop: { "scopes": ["read"], "roles": ["boss"] } }));
    let other =
        json!({ "authorities": { "ca": { "client_ca": "ca.pem", "subject": "common-name", "grants": {} } } });
    for (old, new, effect) in [
        (&everybody, &one, vec![Stricter]),
        (&one, &everybody, vec![Weaker]),
        (&one, &two, vec![Weaker]),
        (&two, &one, vec![Stricter]),
        (&one, &more, vec![Weaker, Weaker]),
        (&more, &one, vec![Stricter, Stricter]),
        // Others are meant by the same text.
        (&everybody, &other, vec![Weaker]),
        (&two, &two, vec![]),
    ] {
        let changes = crate::compare(old, new);
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn signers_let_in_whom_they_name() {
    let with = |keys: Json| json!({ "signers": { "shops": { "keys": keys } } });
    let shop = json!({ "subject": "shop", "public": "file:shop.pem" });
    let (one, two) = (with(json!({ "a": shop })), with(json!({ "a": shop, "b.c": shop })));
    let more = with(json!({ "a": { "subject": "shop", "public": "file:shop.pem", "roles": ["boss"] } }));
    for (old, new, effect) in [
        (&one, &two, vec![Weaker, Weaker]),
        (&two, &one, vec![Stricter, Stricter]),
        (&one, &more, vec![Weaker]),
        (&two, &two, vec![]),
    ] {
        let changes = crate::compare(old, new);
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn users_and_senders_let_in_whom_they_name() {
    let users =
        |grants: Json| json!({ "users": { "staff": { "passwords": "staff.txt", "grants": grants } } });
    let (everybody, one) = (users(json!({})), users(json!({ "alice": { "scopes": [], "roles": [] } })));
    let other = json!({ "users": { "staff": { "passwords": "other.txt", "grants": {} } } });
    let sender = |more: Json| {
        let mut sender =
            json!({ "secrets": ["env:A"], "keys": [], "tolerance": "5m", "scopes": [], "roles": [] });
        sender.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "webhooks": { "billing": sender } })
    };
    let usual = sender(json!({}));
    for (old, new, effect) in [
        (&everybody, &one, vec![Stricter]),
        (&one, &everybody, vec![Weaker]),
        (&everybody, &other, vec![Weaker]),
        (&usual, &sender(json!({ "secrets": ["env:A", "env:B"] })), vec![Weaker]),
        (&usual, &sender(json!({ "keys": ["whpk_a"] })), vec![Weaker]),
        (&usual, &sender(json!({ "tolerance": "10m" })), vec![Weaker]),
        (&usual, &sender(json!({ "tolerance": "1m" })), vec![Stricter]),
        (&usual, &sender(json!({ "scopes": ["orders:write"] })), vec![Weaker]),
        (&usual, &sender(json!({ "secrets": [] })), vec![Stricter]),
    ] {
        let changes = crate::compare(old, new);
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn limits_are_compared_one_by_one() {
    let one = |rate: &str| json!([{ "per": "subject", "rate": rate }]);
    for (old, new, effect) in [
        (one("60/min"), one("120/min"), vec![Weaker]),
        (one("60/min"), one("1/s"), vec![Stricter]),
        (one("60/min"), one("30/min"), vec![Stricter]),
        (one("60/min"), json!([]), vec![Weaker]),
        (Json::Null, one("60/min"), vec![Stricter]),
        (one("60/min"), json!([{ "per": "address", "rate": "60/min" }]), vec![Stricter, Weaker]),
        (one("60/min"), json!([{ "per": "subject", "rate": "60/min", "mode": "shadow" }]), vec![Weaker]),
        (json!([{ "per": "subject", "rate": "60/min", "burst": 5 }]), one("60/min"), vec![Weaker]),
        (
            json!([{ "quota": "10/day" }, { "quota": "20/month" }]),
            json!([{ "quota": "20/month" }, { "quota": "9/day" }]),
            vec![Stricter],
        ),
        (json!([{ "concurrency": 5 }]), json!([{ "concurrency": 6 }]), vec![Weaker]),
    ] {
        let changes = told(|out| settings::compare("limits", &old, &new, out));
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn who_may_call_is_compared_by_what_has_to_be_shown() {
    let of = |anonymous: bool, ways: &[&[&str]]| json!({ "anonymous": anonymous, "any_of": ways });
    for (old, new, effect) in [
        (of(false, &[&["c", "r"]]), of(true, &[]), Weaker),
        (of(true, &[]), of(false, &[&["c"]]), Stricter),
        (of(false, &[&["c", "r", "w"]]), of(false, &[&["c", "r"]]), Weaker),
        (of(false, &[&["c", "r"]]), of(false, &[&["c", "r", "w"]]), Stricter),
        (of(false, &[&["c", "r"]]), of(false, &[&["c", "w"]]), Weaker),
        (of(false, &[&["c", "r"]]), of(false, &[&["c", "r"], &["c", "w"]]), Weaker),
        (of(false, &[&["c", "r"], &["c", "w"]]), of(false, &[&["c", "w"]]), Stricter),
        (of(false, &[&["c"]]), of(false, &[&["c"], &["c", "w"]]), Neutral),
        (of(false, &[&["c"]]), of(false, &[]), Stricter),
    ] {
        let changes = told(|out| access::compare(&old, &new, out));
        assert_eq!(effects(&changes), [effect], "{old} → {new}: {changes:?}");
    }
}

#[test]
fn schemas_are_compared_by_what_fits() {
    let none = json!({});
    for (old, new, effect) in [
        (json!({ "maximum": 5 }), json!({ "maximum": 6 }), vec![Weaker]),
        (json!({ "maximum": 5 }), json!({ "maximum": 4 }), vec![Stricter]),
        (json!({ "maximum": 5 }), json!({}), vec![Weaker]),
        (json!({}), json!({ "minLength": 5 }), vec![Stricter]),
        (json!({ "minLength": 5 }), json!({ "minLength": 1 }), vec![Weaker]),
        (json!({ "type": "string" }), json!({ "type": ["string", "null"] }), vec![Weaker]),
        (json!({ "type": "number" }), json!({ "type": "integer" }), vec![Stricter]),
        (json!({ "enum": ["a", "b"] }), json!({ "enum": ["a"] }), vec![Stricter]),
        (json!({ "enum": ["a"] }), json!({ "enum": ["a", "b"] }), vec![Weaker]),
        (json!({ "pattern": "^a$" }), json!({ "pattern": "^b$" }), vec![Weaker]),
        (json!({ "required": ["a"] }), json!({}), vec![Weaker]),
        (json!({ "additionalProperties": false }), json!({}), vec![Weaker]),
        (json!({}), json!({ "additionalProperties": false }), vec![Stricter]),
        (
            json!({ "properties": { "a": { "minimum": 1 } } }),
            json!({ "properties": { "a": {} } }),
            vec![Weaker],
        ),
        (json!({ "properties": {} }), json!({ "properties": { "a": {} } }), vec![Neutral]),
        (json!({ "items": { "maxLength": 1 } }), json!({ "items": { "maxLength": 2 } }), vec![Weaker]),
        (json!({ "items": {} }), json!({}), vec![Weaker]),
        (json!({ "oneOf": [{}, {}] }), json!({ "oneOf": [{}] }), vec![Stricter]),
        (json!({ "allOf": [{}, {}] }), json!({ "allOf": [{}] }), vec![Weaker]),
        (json!({ "uniqueItems": true }), json!({}), vec![Weaker]),
        (json!({ "if": {} }), json!({}), vec![Weaker]),
        (json!({ "maximum": 5 }), Json::Null, vec![Weaker]),
        (json!({ "a": { "b": 1 } }), json!({ "a": { "b": 1 } }), vec![]),
    ] {
        let mut comparison = Comparison { old: &none, new: &none, seen: BTreeSet::new() };
        let changes = told(|out| comparison.compare(&old, &new, "", out));
        assert_eq!(effects(&changes), effect, "{old} → {new}: {changes:?}");
    }
}

#[test]
fn definitions_are_compared_once_and_circles_end() {
    let circle =
        |most: u64| json!({ "f#/A": { "maxLength": most, "properties": { "next": { "$ref": "f#/A" } } } });
    let (old, new) = (circle(1), circle(2));
    let uses = json!({ "$ref": "f#/A" });
    let mut comparison = Comparison { old: &old, new: &new, seen: BTreeSet::new() };
    let changes = told(|out| {
        comparison.compare(&uses, &uses, "body", out);
        comparison.compare(&uses, &uses, "body", out);
    });
    assert_eq!(changes, [Change { effect: Weaker, about: "x".into(), what: "A: maxLength 1 → 2".into() }]);
}

#[test]
fn callers_objects_and_fields_have_a_direction() {
    let bound = |binding: Json| json!({ "bindings": { "a": binding } });
    let seen = |rule: Json| json!({ "answers": { "a": rule } });
    let require = |require: Json| json!({ "require": require });
    go([
        ("authorization", require(json!({ "any": ["a"] })), require(json!({ "any": ["a", "b"] })), Weaker),
        ("authorization", require(json!({ "any": ["a"] })), require(json!({})), Weaker),
        ("authorization", require(json!({})), require(json!({ "any": ["a"] })), Stricter),
        (
            "authorization",
            require(json!({ "claims": { "/x": ["a"] } })),
            require(json!({ "claims": {} })),
            Weaker,
        ),
        (
            "authorization",
            require(json!({ "claims": {} })),
            require(json!({ "claims": { "/x": 3 } })),
            Stricter,
        ),
        ("authorization", require(json!({ "max_age": "1h" })), require(json!({ "max_age": "2h" })), Weaker),
        ("authorization", require(json!({})), require(json!({ "max_age": "2h" })), Stricter),
        ("authorization", require(json!({})), require(json!({ "acr_values": ["a"] })), Stricter),
        (
            "authorization",
            require(json!({ "acr_values": ["a"] })),
            require(json!({ "acr_values": ["a", "b"] })),
            Weaker,
        ),
        ("authorization", json!({ "roles_from": "a" }), json!({ "roles_from": "b" }), Weaker),
        ("objects", json!({ "mode": "enforce" }), json!({ "mode": "shadow" }), Weaker),
        ("objects", bound(json!({})), bound(json!({ "mode": "shadow" })), Weaker),
        ("objects", bound(json!({ "mode": "shadow" })), bound(json!({})), Stricter),
        ("objects", bound(json!({ "mode": "shadow" })), bound(json!({ "mode": "enforce" })), Stricter),
        ("objects", bound(json!({ "mode": "enforce" })), bound(json!({ "mode": "off" })), Weaker),
        ("objects", bound(json!({ "mode": "off" })), bound(json!({ "mode": "shadow" })), Stricter),
        ("objects", json!({ "refuse": "forbidden" }), json!({ "refuse": "not_found" }), Neutral),
        ("objects", bound(json!({ "except": [] })), bound(json!({ "except": ["a"] })), Weaker),
        ("objects", bound(json!({})), bound(json!({ "claim": "a" })), Stricter),
        ("objects", bound(json!({ "claim": "a" })), bound(json!({ "claim": "b" })), Weaker),
        ("objects", bound(json!({ "places": [1] })), bound(json!({ "places": [1, 2] })), Stricter),
        ("leaks", json!({ "personal": { "to": [] } }), json!({ "personal": { "to": ["a"] } }), Weaker),
        (
            "leaks",
            json!({ "personal": { "cards": "mask" } }),
            json!({ "personal": { "cards": "tag" } }),
            Weaker,
        ),
        (
            "authorization",
            require(json!({ "listeners": ["a"] })),
            require(json!({ "listeners": ["a", "b"] })),
            Weaker,
        ),
        ("views", seen(json!({ "to": ["a"] })), seen(json!({ "to": ["a", "b"] })), Weaker),
        ("views", seen(json!({ "to": ["a"] })), seen(json!({})), Weaker),
        ("views", seen(json!({ "at": ["/a"] })), seen(json!({ "at": [] })), Weaker),
        ("views", seen(json!({ "asked_by": [] })), seen(json!({ "asked_by": ["sort"] })), Stricter),
        ("views", seen(json!({ "otherwise": "remove" })), seen(json!({ "otherwise": "mask" })), Weaker),
        (
            "views",
            json!({ "requests": { "a": { "by": ["b"] } } }),
            json!({ "requests": { "a": { "by": [] } } }),
            Stricter,
        ),
    ]);
}
