//! The cache of verified tokens: what it may never do.

use std::time::Duration;

use engine::{Step, Verdict, codes};

use super::super::TokenCache;
use crate::security::kit::{CONTRACT, DOCUMENT, Gateway, NOW, Reply, SHOP, Setup, World, call, ready};

/// Has a token remembered: it is when it was verified twice.
fn twice(gateway: &Gateway, token: &str) {
    for _ in 0..2 {
        assert_eq!(gateway.bearer("read", token).code(), "ok");
    }
}

#[test]
fn a_remembered_token_still_expires() {
    let (world, gateway) = ready();
    let token = world.token(&[("exp", &(NOW + 60).to_string())]);
    twice(&gateway, &token);
    world.clock.advance(Duration::from_secs(69));
    assert_eq!(gateway.bearer("read", &token).code(), "ok", "within the leeway of 10 s");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(gateway.bearer("read", &token).code(), "token_expired");
    let counts = TokenCache::of(&world.keyed, 0).counts();
    assert_eq!((counts.hits, counts.misses), (1, 3));
}

#[test]
fn a_remembered_token_is_void_when_keys_change() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    twice(&gateway, &token);
    let next = jose::SigningKey::generate().unwrap();
    world.net.set(&format!("{SHOP}/jwks"), Reply::Json(next.jwks_json()));
    world.pass(Duration::from_secs(301));
    assert_eq!(gateway.bearer("read", &token).code(), "token_invalid", "its key is gone");
    let new = next.sign(&[], crate::security::kit::claims(&[]).as_bytes()).unwrap();
    assert_eq!(gateway.bearer("read", &new).code(), "ok");
}

#[test]
fn a_fetch_without_change_voids_nothing() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    twice(&gateway, &token);
    let before = world.net.asked(&format!("{SHOP}/jwks"));
    world.pass(Duration::from_secs(301));
    assert!(world.net.asked(&format!("{SHOP}/jwks")) > before);
    let hits = || TokenCache::of(&world.keyed, 0).counts().hits;
    let seen = hits();
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
    assert_eq!(hits(), seen + 1);
}

#[test]
fn a_reload_keeps_what_the_same_verifier_verified_and_nothing_of_another() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    twice(&gateway, &token);
    let hits = || TokenCache::of(&world.keyed, 0).counts().hits;
    let same = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    assert_eq!((same.bearer("read", &token).code(), hits()), ("ok", 1), "the table outlives the reload");
    let stricter = DOCUMENT.replace(
        "shop: { issuers: [shop], audience: orders }",
        "shop: { issuers: [shop], audience: elsewhere }",
    );
    let other = Setup::new(&stricter, CONTRACT).attach(&world, 0);
    assert_eq!((other.bearer("read", &token).code(), hits()), ("token_invalid", 1));
    let lenient = DOCUMENT.replace("realms/shop\"", "realms/shop\", algorithms: [RS256]");
    let third = Setup::new(&lenient, CONTRACT).attach(&world, 0);
    assert_eq!(third.bearer("read", &token).code(), "token_invalid", "ES256 is not taken any more");
    drop((gateway, same));
    assert_eq!(other.bearer("or", &token).code(), "token_invalid");
    assert_eq!(world.side.tasks(), 2, "one task per issuer, however often it is attached");
}

#[test]
fn what_was_verified_with_keys_that_are_gone_is_void_when_a_document_is_taken_back() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    twice(&gateway, &token);
    // Another age of keys: another source. The key of the token is withdrawn while it serves.
    let older = DOCUMENT.replace("realms/shop\"", "realms/shop\", keys: { max_age: 2h }");
    assert_ne!(older, DOCUMENT);
    let second = Setup::new(&older, CONTRACT).attach(&world, 0);
    drop(gateway);
    let next = jose::SigningKey::generate().unwrap();
    world.net.set(&format!("{SHOP}/jwks"), Reply::Json(next.jwks_json()));
    world.side.run();
    world.pass(Duration::from_secs(301));
    assert_eq!(second.bearer("read", &token).code(), "token_invalid");
    let third = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    drop(second);
    world.side.run();
    let new = next.sign(&[], crate::security::kit::claims(&[]).as_bytes()).unwrap();
    assert_eq!(third.bearer("read", &new).code(), "ok");
    assert_eq!(third.bearer("read", &token).code(), "token_invalid", "it is remembered, and its key is gone");
}

#[test]
fn what_one_scheme_took_is_not_taken_by_another() {
    let (world, gateway) = ready();
    let shop = world.token(&[]);
    twice(&gateway, &shop);
    // `and` wants `other` as well, whose audience is another.
    assert_eq!(gateway.bearer("and", &shop).code(), "token_invalid");
    let both = world.token(&[("aud", "[\"orders\",\"other\"]")]);
    assert_eq!(gateway.bearer("and", &both).code(), "ok");
}

#[test]
fn each_core_remembers_for_itself() {
    let world = World::new();
    let first = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    let second = Setup::new(DOCUMENT, CONTRACT).attach(&world, 1);
    world.side.run();
    let token = world.token(&[]);
    assert_eq!((first.bearer("read", &token).code(), second.bearer("read", &token).code()), ("ok", "ok"));
    assert_eq!(TokenCache::of(&world.keyed, 0).counts().misses, 1);
    assert_eq!(TokenCache::of(&world.keyed, 1).counts().misses, 1);
    assert_eq!(world.net.asked(&format!("{SHOP}/jwks")), 1, "keys are fetched once for all cores");
}

#[test]
fn a_suspect_needs_a_remembered_token() {
    let (world, gateway) = ready();
    let (known, new) = (world.token(&[]), world.token(&[("sub", "\"bob\"")]));
    twice(&gateway, &known);
    let (authentication, _) = &gateway.operations["read"][0];
    let ask = |fields: &[(&str, &str)]| {
        let mut call = call(&world.clock, "/v1/x", fields);
        call.suspect = Some(Duration::from_secs(3));
        match authentication.head(&mut call) {
            Step::Done(Verdict::Allow) => "ok",
            Step::Done(Verdict::Throttle(refusal)) => {
                assert_eq!(refusal.retry_after, Some(Duration::from_secs(3)));
                refusal.code.name
            }
            other => panic!("{other:?}"),
        }
    };
    let many = codes::TOO_MANY_FAILURES.name;
    assert_eq!(ask(&[("authorization", &format!("Bearer {known}"))]), "ok");
    for other in [format!("Bearer {new}"), "Bearer junk".to_owned(), "Basic YTpi".to_owned(), String::new()] {
        assert_eq!(ask(&[("authorization", &other)]), many, "{other}");
    }
    assert_eq!(ask(&[]), many);
    // Nothing was verified for it: the next look is a miss again, and another caller's token is still good.
    assert_eq!(ask(&[("authorization", &format!("Bearer {new}"))]), many);
    assert_eq!(gateway.bearer("read", &new).code(), "ok");
}
