//! Issuers that rotate, fail, lie and come back (THREATS rows 19 and 30).

use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use engine::fetch::Reach;
use jose::SigningKey;

use super::super::keys::{KeySource, Remote, issuer_states};
use crate::security::kit::{
    CONTRACT, DOCUMENT, NOW, Reply, SHOP, STAFF, Setup, World, claims, discovery, ready,
};

const JWKS: &str = "https://idp.example.com/realms/shop/jwks";
const OIDC: &str = "https://idp.example.com/realms/shop/.well-known/openid-configuration";
const RFC8414: &str = "https://idp.example.com/.well-known/oauth-authorization-server/realms/shop";

fn far(world: &World) -> String {
    world.token(&[("exp", &(NOW + 900_000).to_string())])
}

#[test]
fn a_new_key_is_fetched_when_a_token_names_it() {
    let (world, gateway) = ready();
    world.pass(Duration::from_secs(30));
    let next = SigningKey::generate().unwrap();
    let token = next.sign(&[], claims(&[]).as_bytes()).unwrap();
    world.net.set(JWKS, Reply::Json(next.jwks_json()));
    let ended = gateway.bearer("read", &token);
    assert_eq!((ended.code(), ended.waited), ("ok", true));
    assert_eq!(world.net.asked(JWKS), 2);
    assert!(!gateway.bearer("read", &token).waited, "once");
}

#[test]
fn unknown_keys_cause_four_fetches_and_then_one_in_ten_seconds() {
    let (world, gateway) = ready();
    let unknown = || SigningKey::generate().unwrap().sign(&[], claims(&[]).as_bytes()).unwrap();
    let before = world.net.asked(JWKS);
    for _ in 0..20 {
        assert_eq!(gateway.bearer("read", &unknown()).code(), "token_invalid");
    }
    assert_eq!(world.net.asked(JWKS), before + 4);
    assert!(!gateway.bearer("read", &unknown()).waited, "no one waits for a fetch that does not happen");
    world.pass(Duration::from_secs(11));
    for _ in 0..5 {
        assert_eq!(gateway.bearer("read", &unknown()).code(), "token_invalid");
    }
    assert_eq!(world.net.asked(JWKS), before + 5);
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok", "the good ones go on");
}

#[test]
fn a_stray_key_does_not_stand_in_the_way_of_a_rotation() {
    let (world, gateway) = ready();
    world.pass(Duration::from_secs(30));
    let stray = SigningKey::generate().unwrap().sign(&[], claims(&[]).as_bytes()).unwrap();
    assert_eq!(gateway.bearer("read", &stray).code(), "token_invalid");
    let next = SigningKey::generate().unwrap();
    world.net.set(JWKS, Reply::Json(next.jwks_json()));
    let token = next.sign(&[], claims(&[]).as_bytes()).unwrap();
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
}

#[test]
fn a_slow_issuer_holds_a_call_for_two_seconds_at_most() {
    let (world, gateway) = ready();
    world.pass(Duration::from_secs(30));
    world.net.set(JWKS, Reply::Never);
    let token = SigningKey::generate().unwrap().sign(&[], claims(&[]).as_bytes()).unwrap();
    let start = gateway.now();
    let ended = gateway.bearer("read", &token);
    assert_eq!((ended.code(), ended.waited), ("token_invalid", true));
    assert!(gateway.now().since(start) <= Duration::from_millis(2_500));
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
    // Given up in the end; what was known is still good, and the next try succeeds.
    world.pass(Duration::from_secs(25));
    world.net.set(JWKS, Reply::Json(world.shop.jwks_json()));
    world.pass(Duration::from_secs(5));
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
}

#[test]
fn without_keys_calls_are_refused_and_recover_by_themselves() {
    let broken: Vec<(&str, &str, Reply)> = vec![
        ("no answer", OIDC, Reply::Fails),
        ("an error", OIDC, Reply::Status(500)),
        ("a redirect", OIDC, Reply::Status(302)),
        ("garbage", OIDC, Reply::Json("<html>".into())),
        ("a list", OIDC, Reply::Json("[]".into())),
        ("no issuer", OIDC, Reply::Json(format!("{{\"jwks_uri\":\"{JWKS}\"}}"))),
        ("another issuer", OIDC, Reply::Json(discovery(STAFF, JWKS))),
        ("a slash more", OIDC, Reply::Json(discovery(&format!("{SHOP}/"), JWKS))),
        ("issuer twice", OIDC, Reply::Json(discovery(SHOP, JWKS).replacen('{', "{\"issuer\":\"x\",", 1))),
        ("no key set named", OIDC, Reply::Json(format!("{{\"issuer\":\"{SHOP}\"}}"))),
        ("keys in clear", OIDC, Reply::Json(discovery(SHOP, "http://idp.example.com/realms/shop/jwks"))),
        ("keys in a file", OIDC, Reply::Json(discovery(SHOP, "file:///etc/passwd"))),
        ("keys with a user", OIDC, Reply::Json(discovery(SHOP, "https://a:b@idp.example.com/jwks"))),
        ("endless metadata", OIDC, Reply::Json(format!("{}{}", " ".repeat(70_000), discovery(SHOP, JWKS)))),
        ("key set fails", JWKS, Reply::Fails),
        ("key set missing", JWKS, Reply::Status(404)),
        ("key set garbage", JWKS, Reply::Json("nonsense".into())),
        ("key set without keys", JWKS, Reply::Json("{}".into())),
        ("key set empty", JWKS, Reply::Json("{\"keys\":[]}".into())),
        ("key set symmetric", JWKS, Reply::Json("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}".into())),
        ("key set too long", JWKS, Reply::Json(format!("{{\"keys\":[]{}}}", " ".repeat(300_000)))),
    ];
    assert_eq!(broken.len(), 21);
    for (name, url, reply) in broken {
        let world = World::new();
        let good = world.net.replies.lock().unwrap().get(url).cloned().unwrap();
        world.net.set(url, reply);
        let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
        world.side.run();
        let ended = gateway.bearer("read", &world.token(&[]));
        assert_eq!(ended.code(), "issuer_unavailable", "{name}");
        assert!(
            ended.refusal.unwrap().retry_after.is_some_and(|after| after >= Duration::from_secs(1)),
            "{name}"
        );
        assert!(ended.call.proofs.is_empty());
        world.net.set(url, good);
        world.pass(Duration::from_secs(3));
        assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok", "{name}");
    }
}

#[test]
fn calls_wait_for_the_first_keys() {
    let world = World::new();
    let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    // The side runtime has not run yet.
    let ended = gateway.bearer("read", &world.token(&[]));
    assert_eq!((ended.code(), ended.waited), ("ok", true));
}

#[test]
fn failures_are_tried_again_ever_more_slowly() {
    let world = World::new();
    world.net.set(OIDC, Reply::Fails);
    let _gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    world.pass(Duration::from_secs(10));
    let early = world.net.asked(OIDC);
    assert!((3..=6).contains(&early), "{early}");
    world.pass(Duration::from_secs(120));
    let before = world.net.asked(OIDC);
    world.pass(Duration::from_secs(600));
    let late = world.net.asked(OIDC) - before;
    assert!((9..=14).contains(&late), "{late}");
}

#[test]
fn the_last_good_keys_serve_for_a_day_and_no_longer() {
    let (world, gateway) = ready();
    let token = far(&world);
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
    world.net.set(OIDC, Reply::Fails);
    world.pass(Duration::from_secs(23 * 3600));
    assert_eq!(gateway.bearer("read", &token).code(), "ok", "an outage of the issuer is not ours");
    world.pass(Duration::from_secs(3600 + 600));
    let ended = gateway.bearer("read", &token);
    assert_eq!(ended.code(), "issuer_unavailable", "even remembered tokens end with the keys");
    world.net.set(OIDC, Reply::Json(discovery(SHOP, JWKS)));
    world.pass(Duration::from_secs(61));
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
}

#[test]
fn the_bound_of_the_last_good_keys_is_the_documents() {
    let document = DOCUMENT.replace("realms/shop\" }", "realms/shop\", keys: { max_age: 10m } }");
    assert_ne!(document, DOCUMENT);
    let world = World::new();
    let gateway = Setup::new(&document, CONTRACT).attach(&world, 0);
    world.side.run();
    let token = far(&world);
    // While the issuer answers they are renewed in time.
    world.pass(Duration::from_secs(3600));
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
    world.net.set(OIDC, Reply::Fails);
    world.pass(Duration::from_secs(240));
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
    world.pass(Duration::from_secs(420));
    assert_eq!(gateway.bearer("read", &token).code(), "issuer_unavailable");
}

#[test]
fn how_the_keys_of_each_issuer_are_is_told() {
    let world = World::new();
    let mut document = None;
    let _gateway = Setup::new(DOCUMENT, CONTRACT)
        .attach_and(&world, 0, |api| document = Some(api.gateway.document.clone()));
    let document = document.unwrap();
    let keyed = world.core(0).keyed;
    let of_shop = || {
        let states = issuer_states(&document, &keyed, world.clock.now());
        states.into_iter().find(|state| state.url == SHOP).unwrap().keys
    };
    let before = of_shop();
    assert_eq!((before.keys, before.usable, before.age, before.error), (0, false, None, None));
    world.side.run();
    let good = of_shop();
    assert_eq!((good.keys, good.usable, good.age, good.failures), (1, true, Some(Duration::ZERO), 0));
    world.net.set(OIDC, Reply::Fails);
    world.pass(Duration::from_secs(600));
    let failing = of_shop();
    assert!(failing.usable && failing.failures > 0 && failing.error.is_some(), "{failing:?}");
    assert!(failing.age > Some(Duration::from_secs(300)), "{failing:?}");
    world.pass(Duration::from_secs(24 * 3600));
    assert!(!of_shop().usable);
    world.net.set(OIDC, Reply::Json(discovery(SHOP, JWKS)));
    world.pass(Duration::from_secs(61));
    let back = of_shop();
    assert!(back.usable && back.failures == 0 && back.error.is_none(), "{back:?}");
    world.net.set(JWKS, Reply::Json("{\"keys\":[]}".into()));
    world.pass(Duration::from_secs(301));
    let withdrawn = of_shop();
    assert!(!withdrawn.usable && withdrawn.error.is_some(), "{withdrawn:?}");
}

#[test]
fn withdrawn_keys_are_gone_at_once() {
    let (world, gateway) = ready();
    let token = far(&world);
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
    world.net.set(JWKS, Reply::Json("{\"keys\":[]}".into()));
    world.pass(Duration::from_secs(301));
    assert_eq!(gateway.bearer("read", &token).code(), "issuer_unavailable");
}

#[test]
fn freshness_follows_the_issuer_within_bounds() {
    // (Cache-Control, fetches within an hour at least, at most)
    for (cache, least, most) in
        [("max-age=1", 55, 80), ("no-store", 55, 80), ("max-age=999999", 0, 3), ("public, max-age=600", 5, 9)]
    {
        let world = World::new();
        world.net.set(JWKS, Reply::JsonFor(world.shop.jwks_json(), cache));
        let _gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
        world.side.run();
        let first = world.net.asked(JWKS);
        world.pass(Duration::from_secs(3600));
        let asked = world.net.asked(JWKS) - first;
        assert!((least..=most).contains(&asked), "{cache}: {asked}");
    }
}

#[test]
fn metadata_may_stand_at_the_place_of_rfc_8414() {
    let world = World::new();
    world.net.set(OIDC, Reply::Status(404));
    world.net.set(RFC8414, Reply::Json(discovery(SHOP, JWKS)));
    let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
}

#[test]
fn what_is_learned_reaches_public_addresses_only() {
    use super::super::keys::reach_of as reach;
    let cases = [
        (SHOP, "https://idp.example.com/keys", Ok(Reach::Operator)),
        (SHOP, "https://IDP.example.com:443/keys?p=1", Ok(Reach::Operator)),
        (SHOP, "https://keys.example.com/keys", Ok(Reach::PublicOnly)),
        (SHOP, "https://127.0.0.1/keys", Ok(Reach::PublicOnly)),
        (SHOP, "https://idp.example.com:8443/keys", Ok(Reach::PublicOnly)),
        (SHOP, "http://idp.example.com/keys", Err(())),
        (SHOP, "ftp://idp.example.com/keys", Err(())),
        (SHOP, "/keys", Err(())),
        (SHOP, "", Err(())),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/jwks", Ok(Reach::Operator)),
        ("http://localhost:9000", "http://127.0.0.1:9001/jwks", Ok(Reach::Operator)),
        ("http://127.0.0.1:9000", "http://idp.example.com/jwks", Err(())),
        ("https://10.0.0.1", "https://10.0.0.2/jwks", Ok(Reach::Operator)),
        ("https://[::1]:9000", "https://[::1]:9001/jwks", Ok(Reach::Operator)),
    ];
    for (issuer, url, expected) in cases {
        assert_eq!(reach(issuer, url).map_err(|_| ()), expected, "{issuer} {url}");
    }
}

#[test]
fn keys_are_not_shared_between_issuers() {
    let (world, gateway) = ready();
    let staff_claims = claims(&[("iss", &format!("\"{STAFF}\"")), ("roles", "[\"clerk\"]"), ("scope", "")]);
    let shop_claims = claims(&[]);
    // (key, claims, code) at an operation that takes both issuers.
    for (key, payload, code) in [
        (&world.staff, &staff_claims, "ok"),
        (&world.shop, &shop_claims, "ok"),
        (&world.shop, &staff_claims, "token_invalid"),
        (&world.staff, &shop_claims, "token_invalid"),
    ] {
        let token = key.sign(&[], payload.as_bytes()).unwrap();
        assert_eq!(gateway.bearer("both", &token).code(), code, "{payload}");
    }
    // One issuer's outage is not the other's.
    let world = World::new();
    world.net.set(OIDC, Reply::Fails);
    let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    world.side.run();
    let token = world.staff.sign(&[], staff_claims.as_bytes()).unwrap();
    assert_eq!(gateway.bearer("both", &token).code(), "ok");
    assert_eq!(gateway.bearer("both", &world.token(&[])).code(), "issuer_unavailable");
}

#[test]
fn a_source_ends_with_its_last_user() {
    let world = World::new();
    let source = Arc::new(KeySource::remote(Remote {
        issuer: SHOP.into(),
        jwks: Some(JWKS.into()),
        max_age: Duration::from_secs(3600),
    }));
    let core = world.core(0);
    source.start(&core);
    source.start(&core);
    assert_eq!(world.side.tasks(), 1);
    world.side.run();
    let status = source.status(world.clock.now());
    assert_eq!((status.keys, status.failures, status.generation), (1, 0, 1));
    assert_eq!(world.net.asked(OIDC), 0, "an explicit key set needs no discovery");
    drop(source);
    world.side.run();
    assert_eq!(world.side.tasks(), 0);
}

#[test]
fn the_local_issuer_and_a_file_need_no_network() {
    let world = World::new();
    let local = SigningKey::generate().unwrap();
    let document = DOCUMENT.replace("url: \"https://idp.example.com/realms/shop\"", "local: true");
    let mut setup = Setup::new(&document, CONTRACT);
    let jwks = local.jwks_json();
    setup.local_jwks = Some(&jwks);
    let gateway = setup.attach(&world, 0);
    let token =
        |key: &SigningKey| key.sign(&[], claims(&[("iss", "\"urn:yett:local\"")]).as_bytes()).unwrap();
    assert_eq!(gateway.bearer("read", &token(&local)).code(), "ok");
    assert_eq!(gateway.bearer("read", &token(&world.shop)).code(), "token_invalid");
    assert_eq!(
        gateway.bearer("read", &local.sign(&[], claims(&[]).as_bytes()).unwrap()).code(),
        "token_invalid"
    );
    setup.local_jwks = None;
    let keyless = setup.attach(&world, 0);
    assert!(!keyless.found.has_errors(), "a document can be checked before the first start");
    assert_eq!(keyless.bearer("read", &token(&local)).code(), "token_invalid");

    let document = DOCUMENT.replace("realms/shop\" }", "realms/shop\", jwks: \"file:keys.json\" }");
    let mut setup = Setup::new(&document, CONTRACT);
    assert_eq!(
        setup.attach(&world, 0).codes(),
        ["security-alternative", "security-alternative", "missing-file"]
    );
    setup.assets.insert("keys.json".into(), Arc::from(&b"{\"keys\":[]}"[..]));
    assert!(setup.attach(&world, 0).codes().contains(&"invalid-keys"));
    setup.assets.insert("keys.json".into(), Arc::from(world.shop.jwks_json().as_bytes()));
    let gateway = setup.attach(&world, 0);
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
    assert_eq!(world.net.asked(OIDC), 0);
}
