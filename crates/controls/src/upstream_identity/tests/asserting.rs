//! Who calls, as the gateway signs it (draft-ietf-oauth-transaction-tokens): what is said is what was proven, by the key that is
//! published, and no client can say it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Verdict;
use engine::{Attached, Step};
use http::Method;
use jose::{Algorithm, KeySet, SigningKey};
use tape::Node;

use super::{authorization, document, fields, setup};
use crate::scope::{OperationKind, OperationScope};
use crate::security::kit::{CONTRACT, Gateway, NOW, SHOP, World};
use crate::upstream_identity::{OWN_KEY, compile, keys_path};

const SECTION: &str = "{ credential: strip, assert: { audience: shop.internal } }";
/// Of the operation that takes tokens of two issuers.
const QUALIFIED: &str = "{ credential: strip, assert: { audience: shop.internal, subject: qualified } }";

fn pem(key: &SigningKey) -> String {
    let text = STANDARD.encode(&*key.to_pkcs8().unwrap());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

/// A document with this section, whose API believes one issuer unless subjects are told apart.
fn of(section: &str) -> String {
    let text = document("", section);
    if section.contains("qualified") {
        text
    } else {
        text.replace("issuers: [shop, staff]", "issuers: [shop]")
    }
}

/// A gateway with this section and these keys, and the key set that it publishes.
fn with(world: &World, section: &str, keys: &[u8]) -> (Gateway, String) {
    let text = of(section);
    let mut setup = setup(&text, CONTRACT);
    setup.assets.insert(OWN_KEY.into(), Arc::from(keys));
    let mut published = String::new();
    let gateway = setup.attach_and(world, 0, |api| {
        let path = keys_path(api.base_path);
        let scope = OperationScope {
            api,
            kind: OperationKind::WellKnown,
            contract: None,
            id: "keys",
            method: &Method::GET,
            template: &path,
            params: &[],
            siblings: &[],
            websocket: false,
            section: None,
        };
        let mut out = diagnostics::Diagnostics::new();
        let control = compile(&scope, &mut out).pop().unwrap().control;
        let attached: Box<dyn Attached> = control.attach(&world.core(0));
        let mut call = crate::security::kit::call(&world.clock, &path, &[]);
        let Step::Done(Verdict::Answer(answer)) = attached.head(&mut call) else { panic!("no answer") };
        assert_eq!(answer.headers[0].1, "application/jwk-set+json");
        published = String::from_utf8(answer.body.to_vec()).unwrap();
        let other = OperationScope { template: "/.well-known/oauth-protected-resource/v1", ..scope };
        assert!(compile(&other, &mut out).is_empty(), "no document of ours but its own");
    });
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    (gateway, published)
}

/// A gateway of usual settings.
fn usual(world: &World, section: &str) -> (Gateway, String) {
    with(world, section, &SigningKey::generate().unwrap().to_pkcs8().unwrap())
}

/// The claims of the assertion that a call goes upstream with, verified by what is published.
fn claims(token: &str, published: &str) -> serde_json::Value {
    let keys = KeySet::parse(published.to_owned().into()).unwrap();
    let parsed = jose::parse(token).unwrap();
    let verified = jose::verify(&parsed, &keys, &[Algorithm::Es256]).unwrap();
    assert_eq!(verified.header().typ.as_deref(), Some("txntoken+jwt"));
    let mut text = Vec::new();
    let payload: Node<'_> = verified.payload();
    payload.write_compact(&mut text);
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn what_is_said_is_what_was_proven() {
    let world = World::new();
    let section = SECTION.replace(" } }", ", claims: [email, groups, missing] } }");
    let (gateway, published) = usual(&world, &section);
    let token = world.token(&[("email", "\"a@b.example\""), ("groups", "[\"x\",{\"y\":1}]")]);
    let ended = gateway.bearer("read", &token);
    assert_eq!((ended.code(), authorization(&ended)), ("ok", vec![]));
    let sent = fields(&ended, "txn-token");
    assert_eq!(sent.len(), 1);
    assert!(ended.call.request.headers["txn-token"].is_sensitive());
    let expected = serde_json::json!({
        "iss": "https://api.example.com/v1",
        "aud": "shop.internal",
        "iat": NOW,
        "exp": NOW + 60,
        "txn": "00000000000000000000000000000001",
        "sub": "alice",
        "scope": "orders:read",
        "req_wl": "https://api.example.com/v1",
        "rctx": { "req_ip": "192.0.2.1", "authn": "urn:ietf:rfc:7519" },
        "tctx": {
            "api": "orders", "operation": "read", "sub_iss": SHOP, "client_id": "app",
            "email": "a@b.example", "groups": ["x", { "y": 1 }],
        },
    });
    assert_eq!(claims(&sent[0], &published), expected);
    assert!(!sent[0].contains(token.split('.').nth(2).unwrap()), "the caller's token is not in it");
}

#[test]
fn each_operation_says_what_it_was_called_for() {
    let world = World::new();
    let (gateway, published) = usual(&world, QUALIFIED);
    let scope = |operation: &str, scopes: &str| {
        let token = world.token(&[("scope", &format!("\"{scopes}\"")), ("aud", "[\"orders\",\"other\"]")]);
        let ended = gateway.bearer(operation, &token);
        assert_eq!(ended.code(), "ok", "{operation}: {:?}", ended.refusal);
        let said = claims(&fields(&ended, "txn-token")[0], &published);
        assert_eq!(said["sub"], format!("{SHOP}#alice"));
        let mut words: Vec<&str> = said["scope"].as_str().unwrap().split(' ').collect();
        words.sort_unstable();
        words.join(" ")
    };
    assert_eq!(scope("either", "orders:admin orders:read"), "orders:admin");
    assert_eq!(scope("either", "orders:write orders:read"), "orders:read orders:write");
    assert_eq!(scope("and", "orders:write orders:read orders:admin"), "orders:read orders:write");
    assert_eq!(scope("silentAuthenticated", "whatever"), "silentAuthenticated");
}

#[test]
fn an_assertion_does_not_outlive_what_it_was_made_of() {
    let world = World::new();
    let (gateway, published) = usual(&world, &SECTION.replace(" } }", ", lifetime: 5m } }"));
    let exp = |changes: &[(&str, &str)]| {
        let ended = gateway.bearer("read", &world.token(changes));
        claims(&fields(&ended, "txn-token")[0], &published)["exp"].as_u64().unwrap()
    };
    assert_eq!(exp(&[]), NOW + 300);
    // Tokens are taken for the 10 s more by which clocks may differ.
    assert_eq!(exp(&[("exp", &(NOW + 100).to_string())]), NOW + 110);
}

#[test]
fn nobody_is_told_of_as_nobody() {
    let world = World::new();
    let (gateway, _) = usual(&world, SECTION);
    for (operation, token) in [("open", Some("Bearer forged")), ("optional", None)] {
        let sent: Vec<(&str, &str)> = token.map(|token| ("authorization", token)).into_iter().collect();
        let ended = gateway.send(operation, "/v1/x", &sent);
        assert_eq!((ended.code(), fields(&ended, "txn-token").len()), ("ok", 0), "{operation}");
    }
    assert_eq!(fields(&gateway.bearer("optional", &world.token(&[])), "txn-token").len(), 1);
}

#[test]
fn threat_14_no_client_says_it_by_any_spelling() {
    let world = World::new();
    let key = SigningKey::generate().unwrap().to_pkcs8().unwrap();
    for (header, section) in [
        ("txn-token", SECTION.to_owned()),
        ("yett-caller", SECTION.replace(" } }", ", header: Yett-Caller } }")),
    ] {
        let (gateway, published) = with(&world, &section, &key);
        let name = header.split_once('-').unwrap();
        let spellings = [
            header.to_owned(),
            header.to_uppercase(),
            format!("{}_{}", name.0, name.1),
            format!("{}_{}", name.0.to_uppercase(), name.1),
        ];
        let bearer = format!("Bearer {}", world.token(&[]));
        for operation in ["read", "open"] {
            let mut sent: Vec<(&str, &str)> = vec![("authorization", &bearer)];
            sent.extend(
                spellings.iter().flat_map(|name| [(name.as_str(), "forged"), (name.as_str(), "twice")]),
            );
            let ended = gateway.send(operation, "/v1/x", &sent);
            assert_eq!(ended.code(), "ok");
            let found: Vec<&str> = ended
                .call
                .request
                .headers
                .iter()
                .filter(|(known, _)| known.as_str().replace('_', "-") == header)
                .map(|(_, value)| value.to_str().unwrap())
                .collect();
            match operation {
                "read" => assert_eq!(claims(found[0], &published)["sub"], "alice", "{header}"),
                _ => assert!(found.is_empty(), "{header}: {found:?}"),
            }
            assert!(found.len() <= 1, "{header}: {found:?}");
        }
    }
}

#[test]
fn one_key_follows_another() {
    let world = World::new();
    let (old, new) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let both = [pem(&new), pem(&old)].concat();
    let (gateway, published) = with(&world, SECTION, both.as_bytes());
    let keys: serde_json::Value = serde_json::from_str(&published).unwrap();
    let kids: Vec<&str> =
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids, [new.thumbprint(), old.thumbprint()]);
    assert!(!published.contains("\"d\""), "no private member");
    let token = &fields(&gateway.bearer("read", &world.token(&[])), "txn-token")[0];
    assert_eq!(claims(token, &new.jwks_json())["sub"], "alice");
    // What the old one signed is verified by what is published as well.
    let (before, _) = with(&world, SECTION, pem(&old).as_bytes());
    let token = &fields(&before.bearer("read", &world.token(&[])), "txn-token")[0];
    assert_eq!(claims(token, &published)["sub"], "alice");
}

#[test]
fn without_a_key_nothing_goes_on() {
    let world = World::new();
    let text = of(SECTION);
    let gateway = setup(&text, CONTRACT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "the gateway makes the key when it runs");
    world.side.run();
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "control_failed");
    let (gateway, _) = usual(&world, SECTION);
    let long = format!("\"{}\"", "x".repeat(1_000));
    assert_eq!(gateway.bearer("read", &world.token(&[("sub", &long)])).code(), "ok");
}

#[test]
fn what_is_too_long_to_be_said_is_not_said_in_part() {
    let world = World::new();
    let (gateway, _) = usual(&world, &SECTION.replace(" } }", ", claims: [groups] } }"));
    let groups = |count: usize| format!("[{}]", vec!["\"group\""; count].join(","));
    assert_eq!(gateway.bearer("read", &world.token(&[("groups", &groups(400))])).code(), "ok");
    assert_eq!(gateway.bearer("read", &world.token(&[("groups", &groups(600))])).code(), "control_failed");
}

#[test]
fn threat_31_an_assertion_is_no_access_token() {
    let world = World::new();
    let (gateway, _) = usual(&world, SECTION);
    let good = crate::security::kit::claims(&[]);
    let of = |typ: &str| world.shop.sign(&[("typ", typ)], good.as_bytes()).unwrap();
    assert_eq!(gateway.bearer("read", &of("txntoken+jwt")).code(), "token_invalid");
    assert_eq!(gateway.bearer("read", &of("at+jwt")).code(), "ok");
}
