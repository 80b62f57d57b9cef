//! Tokens that their issuer is asked about (RFC 7662, RFC 9701; THREATS row 19): what it says is believed as far as it can be,
//! what is no answer proves nothing.

use std::sync::Arc;
use std::time::Duration;

use jose::SigningKey;
use testkit::Alg;

use super::holder::{Attempt, Holder, changed, field};
use crate::security::kit::{CONTRACT, DOCUMENT, Gateway, NOW, Reply, SHOP, STAFF, Setup, World, b64};

const ENDPOINT: &str = "https://idp.example.com/realms/shop/introspect";
const JSON: &str = "application/json";
const SIGNED: &str = "application/token-introspection+jwt";

/// A gateway whose issuer `shop` is asked, with these settings beside.
fn asking(world: &World, more: &str) -> Gateway {
    let settings = format!(
        "realms/shop\", introspection: {{ url: \"{ENDPOINT}\", client_id: gateway, client_secret: \"env:SECRET\"{more} }} }}"
    );
    let document = DOCUMENT.replace("realms/shop\" }", &settings);
    assert_ne!(document, DOCUMENT);
    let mut setup = Setup::new(&document, CONTRACT);
    setup.assets.insert("env:SECRET".into(), Arc::from(&b"s3cret/+ &"[..]));
    let gateway = setup.attach(world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    gateway
}

/// What an issuer says of a good token, with changes.
fn said(changes: &[(&str, &str)]) -> String {
    let members = [
        ("active", "true".to_owned()),
        ("token_type", "\"Bearer\"".to_owned()),
        ("iss", format!("\"{SHOP}\"")),
        ("sub", "\"alice\"".to_owned()),
        ("client_id", "\"app\"".to_owned()),
        ("aud", "\"orders\"".to_owned()),
        ("exp", (NOW + 600).to_string()),
        ("iat", NOW.to_string()),
        ("scope", "\"orders:read orders:write\"".to_owned()),
    ];
    changed(&members, changes)
}

fn json(body: String) -> Reply {
    Reply::Media(200, JSON, body)
}

/// What is told of each of the tokens `t1`, `t2` …, so that nothing remembered stands in the way.
struct Asker<'a> {
    world: &'a World,
    gateway: Gateway,
    asked: usize,
}

impl<'a> Asker<'a> {
    fn new(world: &'a World, more: &str) -> Self {
        Self { gateway: asking(world, more), world, asked: 0 }
    }

    fn told(&mut self, reply: Reply) -> crate::security::kit::Ended {
        self.asked += 1;
        self.world.net.set(ENDPOINT, reply);
        self.gateway.bearer("read", &format!("t{}", self.asked))
    }
}

const INVALID: &str = "token_invalid";
const UNAVAILABLE: &str = "issuer_unavailable";

#[test]
fn what_an_issuer_says_is_held_to_what_was_asked() {
    let world = World::new();
    let mut asker = Asker::new(&world, "");
    let at = |offset: i64| (NOW as i64 + offset).to_string();
    let (other, slash) = (format!("\"{STAFF}\""), format!("\"{SHOP}/\""));
    // What is wrong, claim, hostile value, valid value, code.
    let rows: Vec<(&str, &str, String, String, &str)> = vec![
        ("not active", "active", "false".into(), "true".into(), INVALID),
        ("no verdict", "active", String::new(), "true".into(), UNAVAILABLE),
        ("a verdict in words", "active", "\"true\"".into(), "true".into(), UNAVAILABLE),
        ("a verdict in numbers", "active", "1".into(), "true".into(), UNAVAILABLE),
        ("a verdict of null", "active", "null".into(), "true".into(), UNAVAILABLE),
        ("another issuer", "iss", other, format!("\"{SHOP}\""), UNAVAILABLE),
        ("an issuer with a slash more", "iss", slash, String::new(), UNAVAILABLE),
        ("an issuer that is a list", "iss", format!("[\"{SHOP}\"]"), String::new(), UNAVAILABLE),
        ("another audience", "aud", "\"billing\"".into(), "[\"x\",\"orders\"]".into(), INVALID),
        ("no audience", "aud", String::new(), "\"orders\"".into(), INVALID),
        ("an empty audience", "aud", "\"\"".into(), "\"orders\"".into(), INVALID),
        ("an audience of numbers", "aud", "[1]".into(), "\"orders\"".into(), INVALID),
        ("expired", "exp", at(0), at(60), "token_expired"),
        ("expired within what clocks may differ", "exp", at(-5), at(60), "token_expired"),
        ("an end in words", "exp", format!("\"{}\"", at(60)), String::new(), INVALID),
        ("not yet valid", "nbf", at(60), at(10), INVALID),
        ("issued in the future", "iat", at(60), at(10), INVALID),
        ("a refresh token", "token_type", String::new(), "\"bearer\"".into(), INVALID),
        ("another kind of token", "token_type", "\"refresh_token\"".into(), "\"BEARER\"".into(), INVALID),
        ("a kind that is a list", "token_type", "[\"Bearer\"]".into(), "\"Bearer\"".into(), INVALID),
        ("nobody", "sub", "7".into(), "\"7\"".into(), INVALID),
        ("an empty subject", "sub", "\"\"".into(), "\"bob\"".into(), INVALID),
        ("a client that is a list", "client_id", "[\"app\"]".into(), "\"app\"".into(), INVALID),
        (
            "the wrong scope",
            "scope",
            "\"orders:none\"".into(),
            "\"orders:read\"".into(),
            "insufficient_scope",
        ),
        ("no scope", "scope", String::new(), "\"orders:read\"".into(), "insufficient_scope"),
        ("bound to a key", "cnf", format!("{{\"jkt\":\"{}\"}}", b64([1; 32])), String::new(), INVALID),
        (
            "bound to a certificate",
            "cnf",
            format!("{{\"x5t#S256\":\"{}\"}}", b64([1; 32])),
            String::new(),
            INVALID,
        ),
        ("bound to nobody", "cnf", "{}".into(), String::new(), INVALID),
        ("said to be bound, to nothing", "token_type", "\"DPoP\"".into(), "\"Bearer\"".into(), INVALID),
        ("a number that no double holds", "x", "1e400".into(), "1e300".into(), UNAVAILABLE),
    ];
    assert_eq!(rows.len(), 30);
    for (name, claim, hostile, valid, code) in rows {
        let refused = asker.told(json(said(&[(claim, &hostile)])));
        assert_eq!(refused.code(), code, "{name}: {:?}", refused.refusal);
        assert!(refused.call.proofs.is_empty() || code == "insufficient_scope", "{name}");
        let status = refused.refusal.as_ref().unwrap().code.status;
        match code {
            UNAVAILABLE => assert_eq!((status, field(&refused, "www-authenticate")), (503, None), "{name}"),
            "insufficient_scope" => assert_eq!(status, 403),
            _ => {
                assert_eq!(status, 401, "{name}");
                assert!(refused.challenge().contains("error=\"invalid_token\""), "{name}");
            }
        }
        let passed = asker.told(json(said(&[(claim, &valid)])));
        assert_eq!(passed.code(), "ok", "twin of {name}: {:?}", passed.refusal);
    }
}

#[test]
fn what_is_no_answer_proves_nothing_and_accuses_nobody() {
    let world = World::new();
    let mut asker = Asker::new(&world, "");
    let good = || said(&[]);
    let media = |media: &'static str| Reply::Media(200, media, good());
    let hostile: Vec<(&str, Reply)> = vec![
        ("no answer", Reply::Fails),
        ("no answer in time", Reply::Never),
        ("not found", Reply::Status(404)),
        ("our own credential is refused", Reply::Media(401, JSON, good())),
        ("broken", Reply::Media(500, JSON, good())),
        ("created", Reply::Media(201, JSON, good())),
        ("a redirect", Reply::Media(302, JSON, good())),
        ("no media type", Reply::Json(good())),
        ("text", media("text/plain")),
        ("a page", media("text/html")),
        ("JSON by another name", media("application/json5")),
        ("JSON in a suffix", media("application/x+json")),
        ("a signed answer that was not asked for", media(SIGNED)),
        ("nothing", json(String::new())),
        ("no JSON", json("active=true".into())),
        ("a list", json(format!("[{}]", good()))),
        ("a verdict alone", json("true".into())),
        ("a verdict twice", json(good().replacen('{', "{\"active\":false,", 1))),
        ("a verdict twice, once escaped", json(good().replacen('{', "{\"\\u0061ctive\":false,", 1))),
        ("two answers", json(format!("{}{}", good(), good()))),
        ("cut", json(good()[..40].into())),
        ("too deep", json(said(&[("x", &format!("{}{}", "[".repeat(40), "]".repeat(40)))]))),
    ];
    assert_eq!(hostile.len(), 22);
    for (name, reply) in hostile {
        let refused = asker.told(reply);
        assert_eq!(refused.code(), UNAVAILABLE, "{name}");
        let refusal = refused.refusal.unwrap();
        assert_eq!((refusal.code.status, refusal.retry_after), (503, Some(Duration::from_secs(1))), "{name}");
        assert!(refusal.detail.contains("cannot tell"), "{name}: {}", refusal.detail);
        for good in [json(good()), media("application/json; charset=utf-8"), media("Application/JSON")] {
            assert_eq!(asker.told(good).code(), "ok", "twin of {name}");
        }
    }
}

#[test]
fn the_question_is_one_of_rfc_7662() {
    let world = World::new();
    let mut asker = Asker::new(&world, "");
    world.net.set(ENDPOINT, json(said(&[])));
    assert_eq!(asker.gateway.bearer("read", "a/b+c==").code(), "ok");
    let posted = world.net.posted.lock().unwrap().take().unwrap();
    assert_eq!(posted.body, "token=a%2Fb%2Bc%3D%3D&token_type_hint=access_token");
    let headers = |name: &str| posted.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(headers("content-type").unwrap(), "application/x-www-form-urlencoded");
    assert_eq!(headers("accept").unwrap(), JSON);
    // base64 of `gateway:s3cret%2F%2B%20%26` (RFC 6749 section 2.3.1)
    assert_eq!(headers("authorization").unwrap(), "Basic Z2F0ZXdheTpzM2NyZXQlMkYlMkIlMjAlMjY=");
    assert_eq!((posted.deadline, posted.max_bytes), (Duration::from_secs(2), 16 * 1024));
    drop(asker);
    asker = Asker::new(&world, ", client_authentication: client_secret_post");
    assert_eq!(asker.gateway.bearer("read", "t").code(), "ok");
    let posted = world.net.posted.lock().unwrap().take().unwrap();
    assert!(posted.headers.get("authorization").is_none());
    let body = String::from_utf8(posted.body.to_vec()).unwrap();
    assert!(body.ends_with("&client_id=gateway&client_secret=s3cret%2F%2B%20%26"), "{body}");
}

#[test]
fn the_gateway_can_prove_itself_by_a_key() {
    use base64::Engine as _;
    let world = World::new();
    let key = SigningKey::generate().unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(&*key.to_pkcs8().unwrap());
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n", &text[..64], &text[64..]);
    let settings = format!(
        "realms/shop\", introspection: {{ url: \"{ENDPOINT}\", client_id: gateway, client_key: \"env:KEY\", \
         client_authentication: private_key_jwt }} }}"
    );
    let document = DOCUMENT.replace("realms/shop\" }", &settings);
    let mut setup = Setup::new(&document, CONTRACT);
    setup.assets.insert("env:KEY".into(), Arc::from(pem.as_bytes()));
    let gateway = setup.attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    world.net.set(ENDPOINT, json(said(&[])));
    assert_eq!(gateway.bearer("read", "t").code(), "ok");
    let posted = world.net.posted.lock().unwrap().take().unwrap();
    let body = String::from_utf8(posted.body.to_vec()).unwrap();
    let assertion = body.split('&').find_map(|part| part.strip_prefix("client_assertion=")).unwrap();
    let parsed = jose::parse(assertion).unwrap();
    let keys = jose::KeySet::parse(key.jwks_json().into()).unwrap();
    let verified = jose::verify(&parsed, &keys, &[jose::Algorithm::Es256]).unwrap();
    let claim = |name: &str| verified.payload().get(name).unwrap();
    assert_eq!(claim("iss").as_str().unwrap(), "gateway");
    assert_eq!(claim("sub").as_str().unwrap(), "gateway");
    assert_eq!(claim("aud").as_str().unwrap(), SHOP);
    assert_eq!(claim("exp").as_number().unwrap().as_u64(), Some(NOW + 60));
    setup.assets.insert("env:KEY".into(), Arc::from(&b"not a key"[..]));
    let broken = setup.attach(&world, 0);
    assert!(broken.codes().contains(&"invalid-keys"));
    assert_eq!(broken.bearer("read", "t").code(), "unsecured_operation");
}

#[test]
fn an_answer_counts_for_its_time_and_never_past_the_token() {
    let world = World::new();
    let gateway = asking(&world, ", max_age: 30s");
    let asked = || world.net.asked(ENDPOINT);
    let ask = |token: &str, code: &str, questions: usize| {
        let before = asked();
        assert_eq!(gateway.bearer("read", token).code(), code, "{token}");
        assert_eq!(asked() - before, questions, "{token}");
    };
    world.net.set(ENDPOINT, json(said(&[])));
    ask("long", "ok", 1);
    for _ in 0..5 {
        ask("long", "ok", 0);
    }
    world.net.set(ENDPOINT, json(said(&[("exp", &(NOW + 10).to_string())])));
    ask("short", "ok", 1);
    ask("short", "ok", 0);
    ask("short", "ok", 0);
    ask("short", "ok", 0);
    world.clock.advance(Duration::from_secs(9));
    ask("short", "ok", 0);
    world.clock.advance(Duration::from_secs(1));
    ask("short", "token_expired", 0);
    world.net.set(ENDPOINT, json("{\"active\":false}".into()));
    ask("long", "ok", 0);
    world.clock.advance(Duration::from_secs(20));
    ask("long", INVALID, 1);
    // That it is not active is remembered for five seconds.
    ask("long", INVALID, 0);
    world.net.set(ENDPOINT, json(said(&[("exp", &(NOW + 900).to_string())])));
    world.clock.advance(Duration::from_secs(4));
    ask("long", INVALID, 0);
    world.clock.advance(Duration::from_secs(1));
    ask("long", "ok", 1);
    // That there was no answer, for one.
    world.net.set(ENDPOINT, Reply::Fails);
    ask("new", UNAVAILABLE, 1);
    ask("new", UNAVAILABLE, 0);
    world.net.set(ENDPOINT, json(said(&[])));
    world.clock.advance(Duration::from_secs(1));
    ask("new", "ok", 1);
}

#[test]
fn a_reload_and_another_core_ask_nothing_twice() {
    let world = World::new();
    let first = asking(&world, "");
    world.net.set(ENDPOINT, json(said(&[])));
    assert_eq!(first.bearer("read", "t").code(), "ok");
    let second = asking(&world, "");
    assert_eq!(second.bearer("read", "t").code(), "ok");
    assert_eq!(world.net.asked(ENDPOINT), 1);
    let other = asking(&world, ", max_age: 10s");
    assert_eq!(other.bearer("read", "t").code(), "ok");
    assert_eq!(world.net.asked(ENDPOINT), 2, "other settings, other answers");
}

#[test]
fn only_what_is_no_signed_token_is_shown_and_to_its_issuer_alone() {
    let world = World::new();
    let gateway = asking(&world, "");
    world.net.set(ENDPOINT, json(said(&[])));
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
    assert_eq!(gateway.bearer("read", &world.token(&[("exp", "1")])).code(), "token_expired");
    assert_eq!(gateway.bearer("read", &world.token(&[("iss", "\"https://x\"")])).code(), INVALID);
    let unsigned = format!("{}.{}.", b64("{\"alg\":\"none\"}"), b64("{}"));
    assert_eq!(gateway.bearer("read", &unsigned).code(), INVALID);
    assert_eq!(world.net.asked(ENDPOINT), 0, "signed tokens are read here");
    assert_eq!(gateway.bearer("read", "opaque").code(), "ok");
    assert_eq!(gateway.bearer("read", "a.b.c.d.e").code(), "ok", "encrypted ones are opaque too");
    assert_eq!(world.net.asked(ENDPOINT), 2);
    // `all` asks about signed ones, of this issuer only, and needs no keys for it.
    let world = World::new();
    world.net.set(ENDPOINT, json(said(&[])));
    let gateway = asking(&world, ", tokens: all");
    let token = world.token(&[]);
    assert_eq!(gateway.bearer("read", &token).code(), "ok");
    assert_eq!(gateway.bearer("read", &world.token(&[("iss", "\"https://x\"")])).code(), INVALID);
    assert_eq!(world.net.asked(ENDPOINT), 1);
    assert_eq!(world.net.asked(&format!("{SHOP}/jwks")), 0);
    let staff = world
        .staff
        .sign(
            &[],
            crate::security::kit::claims(&[
                ("iss", &format!("\"{STAFF}\"")),
                ("roles", "[\"clerk\"]"),
                ("scope", ""),
            ])
            .as_bytes(),
        )
        .unwrap();
    assert_eq!(gateway.bearer("both", &staff).code(), "ok");
    assert_eq!(world.net.asked(ENDPOINT), 1, "the other issuer's are read");
    world.net.set(ENDPOINT, json("{\"active\":false}".into()));
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(gateway.bearer("read", &token).code(), INVALID, "a revoked token is known within `max_age`");
}

/// THREATS row 32: what an issuer leaves out of its answer does not set a bound token free.
#[test]
fn threat_32_a_token_that_says_it_is_bound_is_nobodys_when_its_issuer_does_not_say_whose() {
    let world = World::new();
    let gateway = asking(&world, ", tokens: all");
    world.net.set(ENDPOINT, json(said(&[])));
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
    for cnf in ["{\"jkt\":\"x\"}", "{\"x5t#S256\":\"x\"}", "{}", "null"] {
        assert_eq!(gateway.bearer("read", &world.token(&[("cnf", cnf)])).code(), INVALID, "{cnf}");
    }
    assert_eq!(world.net.asked(ENDPOINT), 5, "each is active, says its issuer");
}

#[test]
fn no_operation_asks_two_issuers() {
    let asked = |issuer: &str| {
        format!(
            ", introspection: {{ url: \"{issuer}/introspect\", client_id: gateway, client_secret: \"env:SECRET\" }} }}"
        )
    };
    let two = DOCUMENT
        .replace("realms/shop\" }", &format!("realms/shop\"{}", asked(SHOP)))
        .replace("[\"orders:read\"] } }", &format!("[\"orders:read\"] }}{}", asked(STAFF)));
    let with = |document: &str, authentication: &str, contract: &str| {
        let start = document.find("      shop: { issuers").unwrap();
        let end = document.find("    unsecured:").unwrap();
        let document = format!("{}{authentication}{}", &document[..start], &document[end..]);
        let mut setup = Setup::new(&document, contract);
        setup.assets.insert("env:SECRET".into(), Arc::from(&b"secret"[..]));
        setup.attach(&World::new(), 0)
    };
    let conflicts = |gateway: &Gateway| {
        let found = gateway.found.iter().filter(|found| found.message.contains("two issuers"));
        let places = found.map(|found| (found.code, found.span.is_some(), found.message.clone()));
        places.collect::<Vec<_>>()
    };
    let apart =
        "      shop: { issuers: [shop], audience: orders }\n      other: { issuers: [staff], audience: x }\n";
    let said = conflicts(&with(&two, apart, CONTRACT));
    assert_eq!(said.len(), 1, "{said:#?}");
    let (code, placed, message) = &said[0];
    assert_eq!((*code, *placed), ("conflict", true));
    assert!(message.contains("`shop`") && message.contains("`staff`"), "{message}");
    // Twins: schemes that no operation takes together; two schemes of one issuer; an issuer beside it whose tokens are read here.
    let without = |paths: &[&str]| {
        let kept = CONTRACT.lines().filter(|line| !paths.iter().any(|path| line.contains(path)));
        kept.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(conflicts(&with(&two, apart, &without(&["/and:", "/or:", "/silent2:"]))), []);
    assert_eq!(
        conflicts(&with(&two, apart, &without(&["/and:", "/or:"]))).len(),
        1,
        "whoever any scheme proves"
    );
    let same =
        "      shop: { issuers: [shop], audience: orders }\n      other: { issuers: [shop], audience: x }\n";
    assert_eq!(conflicts(&with(&two, same, CONTRACT)), []);
    let one = DOCUMENT.replace("realms/shop\" }", &format!("realms/shop\"{}", asked(SHOP)));
    assert_eq!(conflicts(&with(&one, apart, CONTRACT)), []);
}

#[test]
fn who_is_proven_by_what_is_told() {
    let world = World::new();
    let mut asker = Asker::new(&world, "");
    let who = |ended: crate::security::kit::Ended| {
        let principal = ended.call.principal().cloned().unwrap();
        (
            principal.issuer.to_string(),
            principal.subject.to_string(),
            principal.application.as_deref().map(str::to_owned),
        )
    };
    let app = Some("app".to_owned());
    assert_eq!(who(asker.told(json(said(&[])))), (SHOP.into(), "alice".into(), app.clone()));
    let client = who(asker.told(json(said(&[("sub", "")]))));
    assert_eq!(client, (SHOP.into(), "client:app".into(), app), "a client is no user of the same name");
    let nobody = asker.told(json(said(&[("sub", ""), ("client_id", "")])));
    assert_eq!(nobody.code(), INVALID);
    let endless = asker.told(json(said(&[("exp", "")])));
    assert_eq!(endless.code(), "ok", "what never ends is asked about again");
    let lax = asking(&world, ", audience: false");
    world.net.set(ENDPOINT, json(said(&[("aud", "")])));
    assert_eq!(lax.bearer("read", "x1").code(), "ok");
    world.net.set(ENDPOINT, json(said(&[("aud", "\"billing\"")])));
    assert_eq!(lax.bearer("read", "x2").code(), INVALID, "an audience that is named counts");
    world.net.set(ENDPOINT, json(said(&[("token_type", ""), ("typ", "\"Bearer\"")])));
    assert_eq!(lax.bearer("read", "x3").code(), "ok");
}

#[test]
fn what_is_told_to_be_bound_has_to_be_proven() {
    let world = World::new();
    let mut asker = Asker::new(&world, "");
    let holder = Holder::new(Alg::Es256);
    let cnf = format!("{{\"jkt\":\"{}\"}}", holder.thumbprint());
    let bound = json(said(&[("cnf", &cnf), ("token_type", "\"DPoP\"")]));
    assert_eq!(asker.told(bound).code(), INVALID, "as a plain one");
    let thief = Holder::new(Alg::Es256);
    for round in 0..4 {
        let own = Attempt::new("t1", holder.proof("t1", &[]));
        assert_eq!(own.send(&asker.gateway, "read").code(), "ok", "{round}");
        assert_eq!(own.send(&asker.gateway, "read").code(), "proof_invalid", "{round}: again");
        let stolen = Attempt::new("t1", thief.proof("t1", &[]));
        assert_eq!(stolen.send(&asker.gateway, "read").code(), INVALID, "{round}");
        assert_eq!(asker.gateway.bearer("read", "t1").code(), INVALID, "{round}");
    }
    assert_eq!(world.net.asked(ENDPOINT), 1);
}

#[test]
fn too_many_questions_at_one_time_are_refused_at_once() {
    let world = World::new();
    let gateway = asking(&world, "");
    world.net.set(ENDPOINT, Reply::Never);
    let (authentication, _) = &gateway.operations["read"][0];
    let send = |token: &str| {
        crate::security::kit::call(&gateway.clock, "/v1/x", &[("authorization", &format!("Bearer {token}"))])
    };
    let mut calls: Vec<_> = (0..engine::bounds::INTROSPECTING).map(|n| send(&format!("q{n}"))).collect();
    let waiting: Vec<_> = calls.iter_mut().map(|call| authentication.head(call)).collect();
    assert!(waiting.iter().all(|step| matches!(step, engine::Step::Wait(_))));
    let refused = gateway.bearer("read", "one-more");
    assert_eq!((refused.code(), refused.waited), (UNAVAILABLE, false));
    let mut same = send("q0");
    assert!(matches!(authentication.head(&mut same), engine::Step::Wait(_)), "who asks for the same waits");
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok", "who need not be asked for passes");
    drop(waiting);
    world.pass(Duration::from_secs(3));
    world.net.set(ENDPOINT, json(said(&[])));
    assert_eq!(gateway.bearer("read", "later").code(), "ok", "places come back");
}

/// A signed answer, with changes to its header's `typ`, to its claims and to what is told.
fn signed(key: &SigningKey, typ: &str, claims: &[(&str, &str)], told: &[(&str, &str)]) -> String {
    let members = [
        ("iss", format!("\"{SHOP}\"")),
        ("aud", "\"gateway\"".to_owned()),
        ("iat", NOW.to_string()),
        ("token_introspection", said(told)),
    ];
    key.sign(&[("typ", typ)], changed(&members, claims).as_bytes()).unwrap()
}

#[test]
fn signed_answers() {
    let world = World::new();
    let mut asker = Asker::new(&world, ", signed: true");
    let typ = "token-introspection+jwt";
    let good = || Reply::Media(200, SIGNED, signed(&world.shop, typ, &[], &[]));
    assert_eq!(asker.told(good()).code(), "ok");
    let posted = world.net.posted.lock().unwrap().take().unwrap();
    assert_eq!(posted.headers.get("accept").unwrap(), SIGNED);
    let at = |offset: i64| (NOW as i64 + offset).to_string();
    let staff = format!("\"{STAFF}\"");
    let of = |typ: &str, claims: &[(&str, &str)]| signed(&world.shop, typ, claims, &[]);
    let other = SigningKey::generate().unwrap();
    let hostile: Vec<(&str, &'static str, String)> = vec![
        ("unsigned", JSON, said(&[])),
        ("unsigned by the right name", SIGNED, said(&[])),
        ("signed by another name", JSON, of(typ, &[])),
        ("another's key", SIGNED, signed(&other, typ, &[], &[])),
        ("the key of another issuer", SIGNED, signed(&world.staff, typ, &[], &[])),
        ("an access token", SIGNED, of("at+jwt", &[])),
        ("any JWT", SIGNED, of("JWT", &[])),
        ("a proof", SIGNED, of("dpop+jwt", &[])),
        ("a logout token", SIGNED, of("logout+jwt", &[("events", "{}")])),
        ("a security event", SIGNED, of("secevent+jwt", &[("events", "{}")])),
        ("a transaction token", SIGNED, of("txntoken+jwt", &[("txn", "\"1\"")])),
        ("another issuer's", SIGNED, of(typ, &[("iss", &staff)])),
        ("nobody's", SIGNED, of(typ, &[("iss", "")])),
        ("for another client", SIGNED, of(typ, &[("aud", "\"other\"")])),
        ("for nobody", SIGNED, of(typ, &[("aud", "")])),
        ("of no time", SIGNED, of(typ, &[("iat", "")])),
        ("of another time", SIGNED, of(typ, &[("iat", &at(-90))])),
        ("of a time to come", SIGNED, of(typ, &[("iat", &at(90))])),
        ("telling nothing", SIGNED, of(typ, &[("token_introspection", "")])),
        ("telling a word", SIGNED, of(typ, &[("token_introspection", "true")])),
        ("with a verdict beside", SIGNED, of(typ, &[("token_introspection", "{}"), ("active", "true")])),
        (
            "of `alg` none",
            SIGNED,
            format!("{}.{}.", b64("{\"alg\":\"none\",\"typ\":\"token-introspection+jwt\"}"), b64("{}")),
        ),
    ];
    assert_eq!(hostile.len(), 22);
    for (name, media, body) in hostile {
        let refused = asker.told(Reply::Media(200, media, body));
        assert_eq!(refused.code(), UNAVAILABLE, "{name}: {:?}", refused.refusal);
        assert_eq!(asker.told(good()).code(), "ok", "twin of {name}");
    }
    let list = [("aud", "[\"other\",\"gateway\"]")];
    assert_eq!(asker.told(Reply::Media(200, SIGNED, of(typ, &list))).code(), "ok");
    let inactive = signed(&world.shop, typ, &[("token_introspection", "{\"active\":false}")], &[]);
    assert_eq!(asker.told(Reply::Media(200, SIGNED, inactive)).code(), INVALID);
}
