//! Tokens that are good by themselves and were revoked: first and remembered, by whatever they were revoked, in
//! whatever form they come back.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::{HashKey, Kind, Published, Revoked, Rule, Table, token_digest};
use engine::principal::CredentialKind;
use engine::{Principal, Step, Verdict};

use super::super::{apikey, revoked};
use crate::security::kit::{CONTRACT, DOCUMENT, Ended, Gateway, NOW, Reply, SHOP, STAFF, Setup, World, b64};

/// A gateway with a store.
struct Shop {
    world: World,
    gateway: Gateway,
    published: Arc<Published>,
}

/// By what, of whom, which, issued until, forgotten at.
type Entry<'a> = (Kind, &'a str, &'a str, Option<u64>, u64);

const LATER: u64 = NOW + 100_000;

impl Shop {
    fn new() -> Self {
        Self::with(DOCUMENT, World::new())
    }

    fn with(document: &str, world: World) -> Self {
        let published = apikey::published(&world.keyed);
        let document = document.replace("version: 1\n", "version: 1\nstore: {}\n");
        let mut setup = Setup::new(&document, CONTRACT);
        setup.assets.insert("env:SECRET".into(), Arc::from(&b"s3cret"[..]));
        let gateway = setup.attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
        world.side.run();
        let shop = Self { world, gateway, published };
        shop.revoke(&[]);
        shop
    }

    /// Publishes that this is revoked, and nothing else.
    fn revoke(&self, entries: &[Entry<'_>]) {
        let mut revoked = Revoked::default();
        for (kind, issuer, value, before, until) in entries {
            let rule = Rule { before: *before, until: *until };
            assert!(revoked.insert(*kind, (issuer, value), rule));
        }
        let key = Arc::new(HashKey::new(&[7; 32]).unwrap());
        self.published.publish(Table::new(key, 1, Vec::new(), HashMap::new()).revoking(revoked));
    }

    fn send(&self, token: &str) -> Ended {
        self.gateway.bearer("read", token)
    }

    fn code(&self, token: &str) -> &'static str {
        self.send(token).code()
    }
}

fn hex(token: &str) -> String {
    token_digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Claims that a token of its own has.
const OWN: [(&str, &str); 3] = [("jti", "\"t1\""), ("sid", "\"s1\""), ("azp", "\"party\"")];

/// Its name, claims of the token, what is revoked, claims of its twin.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Entry<'a>, &'a [(&'a str, &'a str)]);

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn whatever_a_token_is_revoked_by_it_is_refused_first_and_remembered() {
    let shop = Shop::new();
    let long = "x".repeat(1024);
    let long_claim = format!("\"{long}\"");
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("jti", &[], (Kind::Token, SHOP, "t1", None, LATER), &[("jti", "\"t2\"")]),
        ("jti in another case", &[], (Kind::Token, SHOP, "t1", None, LATER), &[("jti", "\"T1\"")]),
        ("jti, escaped in the token", &[("jti", "\"\\u00741\"")], (Kind::Token, SHOP, "t1", None, LATER), &[("jti", "\"\\u00742\"")]),
        ("jti of the greatest length", &[("jti", &long_claim)], (Kind::Token, SHOP, &long, None, LATER), &[]),
        ("jti with a space at its end", &[("jti", "\"t1 \"")], (Kind::Token, SHOP, "t1 ", None, LATER), &[]),
        ("jti that is not ASCII", &[("jti", "\"\u{e9}\"")], (Kind::Token, SHOP, "\u{e9}", None, LATER), &[("jti", "\"e\u{301}\"")]),
        ("jti, whatever the subject", &[("sub", "\"bob\"")], (Kind::Token, SHOP, "t1", None, LATER), &[("jti", "\"t2\""), ("sub", "\"bob\"")]),
        ("jti of a token without a time", &[("iat", "")], (Kind::Token, SHOP, "t1", None, LATER), &[("iat", ""), ("jti", "")]),
        ("sid", &[], (Kind::Session, SHOP, "s1", None, LATER), &[("sid", "\"s2\"")]),
        ("sid, another token of it", &[("jti", "\"t9\"")], (Kind::Session, SHOP, "s1", None, LATER), &[("sid", "")]),
        ("sid, another subject in it", &[("sub", "\"bob\"")], (Kind::Session, SHOP, "s1", None, LATER), &[("sid", "[\"s1\"]")]),
        ("sid, escaped in the token", &[("sid", "\"\\u0073\\u0031\"")], (Kind::Session, SHOP, "s1", None, LATER), &[("sid", "7")]),
        ("sub, issued before", &[], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("sub", "\"Alice\"")]),
        ("sub, issued in that second", &[], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("iat", "1900000001")]),
        ("sub, issued in that second's fraction", &[("iat", &format!("{}.0", NOW))], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("sub", "\"alice \"")]),
        ("sub, issued in a part of that second", &[("iat", &format!("{NOW}.75"))], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("iat", "1900000001")]),
        ("sub, long before", &[("iat", "1")], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("iat", "1"), ("sub", "\"bob\"")]),
        ("sub, without a time", &[("iat", "")], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("iat", ""), ("sub", "\"bob\"")]),
        ("sub, whenever issued", &[], (Kind::Subject, SHOP, "alice", None, LATER), &[("sub", "\"alic\"")]),
        ("sub, in another session", &[("sid", "\"s9\"")], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("sub", "\"s1\"")]),
        ("sub, of another application", &[("client_id", "\"other\"")], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("sub", "\"app\"")]),
        ("sub, without jti", &[("jti", "")], (Kind::Subject, SHOP, "alice", Some(NOW), LATER), &[("jti", ""), ("sub", "\"bob\"")]),
        ("client_id", &[], (Kind::Application, SHOP, "app", None, LATER), &[("client_id", "\"other\"")]),
        ("client_id, issued before", &[], (Kind::Application, SHOP, "app", Some(NOW), LATER), &[("client_id", "\"App\"")]),
        ("azp alone", &[("client_id", "")], (Kind::Application, SHOP, "party", None, LATER), &[("client_id", ""), ("azp", "\"app\"")]),
        ("azp beside client_id", &[], (Kind::Application, SHOP, "party", None, LATER), &[("azp", "")]),
        ("azp the same as client_id", &[("azp", "\"app\"")], (Kind::Application, SHOP, "app", None, LATER), &[("azp", "\"x\""), ("client_id", "\"x\"")]),
        ("issuer, issued before", &[], (Kind::Issuer, SHOP, "", Some(NOW), LATER), &[("iat", "1900000001")]),
        ("issuer, without a time", &[("iat", "")], (Kind::Issuer, SHOP, "", Some(NOW), LATER), &[("iat", "1900000001")]),
    ];
    for (name, changes, entry, twin) in cases {
        // `iat` after now, within the leeway.
        let fix = |changes: &[(&str, &str)]| {
            let next = (NOW + 1).to_string();
            let all: Vec<(&str, String)> = OWN
                .iter()
                .filter(|(own, _)| !changes.iter().any(|(name, _)| name == own))
                .chain(changes)
                .map(|(name, value)| {
                    (*name, if *value == "1900000001" { next.clone() } else { (*value).to_owned() })
                })
                .collect();
            let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
            shop.world.token(&all)
        };
        let (token, twin) = (fix(changes), fix(twin));
        let fresh = fix(changes);
        shop.revoke(&[]);
        for _ in 0..3 {
            assert_eq!((shop.code(&token), shop.code(&twin)), ("ok", "ok"), "{name}: before");
        }
        shop.revoke(&[*entry]);
        for (how, token) in [("remembered", &token), ("first", &fresh), ("second", &fresh), ("third", &fresh)]
        {
            let ended = shop.send(token);
            assert_eq!(ended.code(), "token_revoked", "{name}: {how}");
            let refusal = ended.refusal.as_ref().unwrap();
            assert_eq!(refusal.code.status, 401, "{name}");
            let challenge = ended.challenge();
            assert!(
                challenge.contains("error=\"invalid_token\"") && challenge.contains("the token was revoked"),
                "{name}: {challenge}"
            );
        }
        let own = shop.code(&twin);
        // Its twin is as old, but for issuers.
        assert_eq!(own, "ok", "{name}: the twin");
        // Of another issuer's, and forgotten in time, nothing is refused.
        let (kind, _, value, before, _) = *entry;
        shop.revoke(&[(kind, STAFF, value, before, LATER)]);
        assert_eq!(shop.code(&token), "ok", "{name}: of another issuer");
        shop.revoke(&[(kind, SHOP, value, before, NOW)]);
        assert_eq!(shop.code(&token), "ok", "{name}: forgotten");
    }
    assert_eq!(cases.len(), 29);
}

#[test]
fn a_token_without_an_id_is_known_again_in_every_form() {
    let shop = Shop::new();
    let (token, twin) = (shop.world.token(&[]), shop.world.token(&[("sub", "\"bob\"")]));
    shop.revoke(&[(Kind::Digest, "", &hex(&token), None, LATER)]);
    assert_eq!(shop.code(&token), "token_revoked");
    // The other signature that who holds the token can make of it without any key (FIPS 186-5 section 6).
    let other = otherwise(&token);
    assert_ne!(other, token);
    shop.revoke(&[]);
    assert_eq!(shop.code(&other), "ok", "it is good by itself");
    shop.revoke(&[(Kind::Digest, "", &hex(&token), None, LATER)]);
    assert_eq!((shop.code(&other), shop.code(&twin)), ("token_revoked", "ok"));
    // What is malformed is refused as such, and nothing is said of what it might have been.
    for bad in [format!("{token}="), format!("{token}.x"), token.replace('.', ".."), format!("{token}A")] {
        let code = shop.code(&bad);
        assert!(matches!(code, "token_invalid"), "{bad}: {code}");
    }
}

/// A token of ES256 with *n − s* in the place of *s*.
fn otherwise(token: &str) -> String {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = jose::base64url_decode(signature).unwrap();
    let mut borrow = false;
    for (at, n) in N.iter().enumerate().rev() {
        let (first, under) = n.overflowing_sub(bytes[32 + at]);
        let (digit, again) = first.overflowing_sub(u8::from(borrow));
        (bytes[32 + at], borrow) = (digit, under || again);
    }
    format!("{signed}.{}", b64(&bytes))
}

#[test]
fn what_an_issuer_vouches_for_is_revoked_like_what_it_signs() {
    const ENDPOINT: &str = "https://idp.example.com/realms/shop/introspect";
    let settings = format!(
        "realms/shop\", introspection: {{ url: \"{ENDPOINT}\", client_id: gateway, client_secret: \"env:SECRET\" }} }}"
    );
    let shop = Shop::with(&DOCUMENT.replace("realms/shop\" }", &settings), World::new());
    let answer = format!(
        "{{\"active\":true,\"token_type\":\"Bearer\",\"sub\":\"alice\",\"client_id\":\"app\",\"aud\":\"orders\",\"exp\":{},\
         \"iat\":{NOW},\"scope\":\"orders:read\",\"sid\":\"s1\",\"jti\":\"t1\"}}",
        NOW + 600
    );
    shop.world.net.set(ENDPOINT, Reply::Media(200, "application/json", answer));
    let (token, twin) = ("opaque-1", "opaque-2");
    for _ in 0..3 {
        assert_eq!((shop.code(token), shop.code(twin)), ("ok", "ok"));
    }
    for (kind, issuer, value) in [
        (Kind::Token, SHOP, "t1"),
        (Kind::Session, SHOP, "s1"),
        (Kind::Subject, SHOP, "alice"),
        (Kind::Application, SHOP, "app"),
        (Kind::Issuer, SHOP, ""),
    ] {
        shop.revoke(&[(kind, issuer, value, None, LATER)]);
        assert_eq!((shop.code(token), shop.code("opaque-3")), ("token_revoked", "token_revoked"), "{kind:?}");
    }
    shop.revoke(&[(Kind::Digest, "", &hex(token), None, LATER)]);
    assert_eq!((shop.code(token), shop.code(twin)), ("token_revoked", "ok"));
}

#[test]
fn nobody_learns_of_a_token_that_is_not_good() {
    let shop = Shop::new();
    let stranger = jose::SigningKey::generate().unwrap();
    let claims = crate::security::kit::claims(&[("jti", "\"t1\"")]);
    let forged = stranger.sign(&[], claims.as_bytes()).unwrap();
    shop.revoke(&[(Kind::Token, SHOP, "t1", None, LATER), (Kind::Subject, SHOP, "alice", None, LATER)]);
    assert_eq!(shop.code(&forged), "token_invalid", "the signature first");
    let expired = shop.world.token(&[("jti", "\"t1\""), ("exp", &(NOW - 60).to_string())]);
    assert_eq!(shop.code(&expired), "token_expired");
    let good = shop.world.token(&[("jti", "\"t1\"")]);
    let ended = shop.send(&good);
    assert_eq!(ended.code(), "token_revoked");
    assert!(!ended.challenge().contains("t1") && !ended.challenge().contains("alice"));
}

#[test]
fn a_stream_that_is_asked_about_again_ends_with_what_let_it_in() {
    let shop = Shop::new();
    let ended = shop.send(&shop.world.token(&[("jti", "\"t1\"")]));
    let mut call = ended.call;
    // As one whose proof is good once: nobody verifies it again.
    let principal =
        Principal { credential: CredentialKind::Introspected, ..(*call.proofs[0].principal).clone() };
    call.proofs[0].principal = Arc::new(principal);
    let (control, _) = &shop.gateway.operations["read"][0];
    assert!(matches!(control.head(&mut call), Step::Done(Verdict::Allow)));
    shop.revoke(&[(Kind::Token, SHOP, "t1", None, LATER)]);
    match control.head(&mut call) {
        Step::Done(Verdict::Refuse(refusal)) => assert_eq!(refusal.code.name, "token_revoked"),
        _ => panic!("it goes on"),
    }
    // As the data plane asks of those that are open.
    let asked = revoked::withdrawn(&shop.published).unwrap();
    assert!(asked.is(&call.proofs[0].principal, NOW) && !asked.is(&call.proofs[0].principal, LATER));
    // One that was let in before there was a store is known by what there is of it.
    let early = testkit::call::principal(SHOP, "alice", LATER);
    assert!(!asked.is(&early, NOW));
    shop.revoke(&[(Kind::Subject, SHOP, "alice", Some(NOW), LATER)]);
    let asked = revoked::withdrawn(&shop.published).unwrap();
    let bob = testkit::call::principal(SHOP, "bob", LATER);
    assert!(asked.is(&early, NOW) && !asked.is(&bob, NOW));
}

#[test]
fn without_a_store_nothing_is_noted_and_nobody_is_asked() {
    let world = World::new();
    let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    world.side.run();
    let ended = gateway.bearer("read", &world.token(&[("jti", "\"t1\"")]));
    assert_eq!(ended.code(), "ok");
    assert!(ended.call.proofs[0].principal.marks.is_none());
}
