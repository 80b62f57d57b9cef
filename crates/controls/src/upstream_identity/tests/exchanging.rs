//! Tokens in exchange for callers' (RFC 8693; THREATS rows 14, 19): what an issuer gives is held to what was asked for, what is no
//! answer lets nobody pass, and what is remembered is nobody else's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use credentials::{HashKey, Kind, Revoked, Rule, Table};

use super::{ENDPOINT, JSON, at, authorization, document, gateway, given, json, setup};
use crate::authentication::apikey;
use crate::security::kit::{CONTRACT, Ended, Gateway, NOW, Reply, SHOP, World};

const SECTION: &str = "{ credential: exchange, issuer: shop, audience: orders-service }";
const UNAVAILABLE: &str = "identity_unavailable";
const REFUSED: &str = "exchange_refused";

/// What is given for each of the tokens with `jti` 1, 2 …, so that nothing remembered stands in the way.
struct Asker<'a> {
    world: &'a World,
    gateway: Gateway,
    asked: usize,
}

impl<'a> Asker<'a> {
    fn new(world: &'a World) -> Self {
        Self { gateway: gateway(world, "", SECTION), world, asked: 0 }
    }

    fn given(&mut self, reply: Reply) -> Ended {
        self.asked += 1;
        self.world.net.set(ENDPOINT, reply);
        let token = self.world.token(&[("jti", &format!("\"{}\"", self.asked))]);
        self.gateway.bearer("read", &token)
    }
}

fn assert_passes(ended: &Ended, name: &str) {
    assert_eq!(ended.code(), "ok", "twin of {name}: {:?}", ended.refusal);
    assert_eq!(authorization(ended), ["Bearer for-the-service"], "twin of {name}");
}

#[test]
fn what_an_issuer_gives_is_held_to_what_was_asked_for() {
    let world = World::new();
    let mut asker = Asker::new(&world);
    let long = format!("\"{}\"", "x".repeat(8 * 1024 + 1));
    let long = long.as_str();
    let longest = "x".repeat(8 * 1024);
    // What is wrong, member, hostile value, valid value.
    let rows: Vec<(&str, &str, &str, &str)> = vec![
        ("no token", "access_token", "", "\"for-the-service\""),
        ("an empty token", "access_token", "\"\"", "\"for-the-service\""),
        ("a token that is a number", "access_token", "7", "\"for-the-service\""),
        ("a token that is a list", "access_token", "[\"for-the-service\"]", "\"for-the-service\""),
        ("a token of null", "access_token", "null", "\"for-the-service\""),
        ("a second field in the token", "access_token", "\"a\\r\\nX-Admin: 1\"", "\"for-the-service\""),
        ("two tokens in one", "access_token", "\"a, Bearer b\"", "\"for-the-service\""),
        ("a space in the token", "access_token", "\"for the\"", "\"for-the-service\""),
        ("a token that is not ASCII", "access_token", "\"\u{e9}\"", "\"for-the-service\""),
        ("a token with a NUL", "access_token", "\"a\\u0000\"", "\"for-the-service\""),
        ("nothing but padding", "access_token", "\"==\"", "\"for-the-service\""),
        ("a token that is too long", "access_token", long, "\"for-the-service\""),
        ("no type", "token_type", "", "\"bearer\""),
        ("a type that is not for services", "token_type", "\"N_A\"", "\"BEARER\""),
        ("a bound token", "token_type", "\"DPoP\"", "\"Bearer\""),
        ("a MAC token", "token_type", "\"mac\"", "\"Bearer\""),
        ("a type that is a list", "token_type", "[\"Bearer\"]", "\"Bearer\""),
        ("no word on what was issued", "issued_token_type", "", "\"urn:ietf:params:oauth:token-type:jwt\""),
        (
            "a refresh token",
            "issued_token_type",
            "\"urn:ietf:params:oauth:token-type:refresh_token\"",
            "\"urn:ietf:params:oauth:token-type:access_token\"",
        ),
        (
            "an ID token",
            "issued_token_type",
            "\"urn:ietf:params:oauth:token-type:id_token\"",
            "\"urn:ietf:params:oauth:token-type:jwt\"",
        ),
        (
            "an assertion of another kind",
            "issued_token_type",
            "\"urn:ietf:params:oauth:token-type:saml2\"",
            "\"urn:ietf:params:oauth:token-type:jwt\"",
        ),
        ("issued is a list", "issued_token_type", "[]", "\"urn:ietf:params:oauth:token-type:jwt\""),
        ("over already", "expires_in", "0", "1"),
        ("over long ago", "expires_in", "-1", "60"),
        ("an end in words", "expires_in", "\"300\"", "300"),
        ("an end of null", "expires_in", "null", "300"),
        ("a part of a second", "expires_in", "0.5", "300"),
        ("an end that no number holds", "expires_in", "1e400", "18446744073709551615"),
    ];
    assert_eq!(rows.len(), 28);
    for (name, member, hostile, valid) in rows {
        let refused = asker.given(json(given(&[(member, hostile)])));
        assert_eq!(refused.code(), UNAVAILABLE, "{name}: {:?}", refused.refusal);
        let refusal = refused.refusal.as_ref().unwrap();
        assert_eq!((refusal.code.status, refusal.retry_after), (503, Some(Duration::from_secs(1))), "{name}");
        assert!(!refusal.detail.contains("for-the-service"), "{name}");
        assert_passes(&asker.given(json(given(&[(member, valid)]))), name);
    }
    let passed = asker.given(json(given(&[("access_token", &format!("\"{longest}\""))])));
    assert_eq!(authorization(&passed), [format!("Bearer {longest}")]);
    assert_passes(&asker.given(json(given(&[("expires_in", "")]))), "an end that is not said");
    assert_passes(&asker.given(json(given(&[("scope", "\"x\""), ("refresh_token", "\"r\"")]))), "more");
}

#[test]
fn what_is_no_answer_lets_nobody_pass() {
    let world = World::new();
    let mut asker = Asker::new(&world);
    let good = || given(&[]);
    let error = |status: u16, word: &str| Reply::Media(status, JSON, format!("{{\"error\":\"{word}\"}}"));
    let media = |media: &'static str| Reply::Media(200, media, good());
    let hostile: Vec<(&str, Reply)> = vec![
        ("no answer", Reply::Fails),
        ("no answer in time", Reply::Never),
        ("not found", Reply::Status(404)),
        ("broken", Reply::Media(500, JSON, good())),
        ("created", Reply::Media(201, JSON, good())),
        ("a redirect", Reply::Media(302, JSON, good())),
        ("a page of a proxy", Reply::Media(403, "text/html", "<h1>no</h1>".into())),
        ("no media type", Reply::Json(good())),
        ("text", media("text/plain")),
        ("JSON by another name", media("application/jwt")),
        ("nothing", json(String::new())),
        ("a form", json("access_token=x&token_type=bearer".into())),
        ("a list", json(format!("[{}]", good()))),
        ("a token alone", json("\"for-the-service\"".into())),
        ("a token twice", json(good().replacen('{', "{\"access_token\":\"other\",", 1))),
        ("a token twice, once escaped", json(good().replacen('{', "{\"\\u0061ccess_token\":\"other\",", 1))),
        ("two answers", json(format!("{}{}", good(), good()))),
        ("cut", json(good()[..40].into())),
        ("too deep", json(given(&[("x", &format!("{}{}", "[".repeat(40), "]".repeat(40)))]))),
        ("our own credential is refused", error(401, "invalid_client")),
        ("we may not ask", error(400, "unauthorized_client")),
        ("it does not exchange", error(400, "unsupported_grant_type")),
        ("no such service", error(400, "invalid_target")),
        ("no such scope", error(400, "invalid_scope")),
        ("it fails", error(400, "server_error")),
        ("a broken server blames the token", error(500, "invalid_grant")),
        ("an error that is no word", Reply::Media(400, JSON, "{\"error\":[\"invalid_grant\"]}".into())),
        ("an error that nobody says", Reply::Media(400, JSON, "{}".into())),
        ("an error and a token", Reply::Media(400, JSON, good())),
    ];
    assert_eq!(hostile.len(), 29);
    for (name, reply) in hostile {
        let refused = asker.given(reply);
        assert_eq!(refused.code(), UNAVAILABLE, "{name}: {:?}", refused.refusal);
        let refusal = refused.refusal.as_ref().unwrap();
        assert_eq!((refusal.code.status, refusal.retry_after), (503, Some(Duration::from_secs(1))), "{name}");
        assert!(refused.challenge().is_empty(), "{name}: nobody is accused");
        for good in [json(good()), media("application/json; charset=utf-8"), media("Application/JSON")] {
            assert_passes(&asker.given(good), name);
        }
    }
}

#[test]
fn a_token_that_the_issuer_does_not_take_is_the_callers_business() {
    let world = World::new();
    let mut asker = Asker::new(&world);
    for (status, word) in [
        (400, "invalid_request"),
        (400, "invalid_grant"),
        (401, "invalid_token"),
        (400, "invalid_token"),
        (403, "access_denied"),
    ] {
        let refused = asker.given(Reply::Media(status, JSON, format!("{{\"error\":\"{word}\"}}")));
        assert_eq!(refused.code(), REFUSED, "{word}: {:?}", refused.refusal);
        let refusal = refused.refusal.as_ref().unwrap();
        assert_eq!((refusal.code.status, refusal.retry_after), (401, None), "{word}");
        assert!(refused.challenge().contains("error=\"invalid_token\""), "{word}: {}", refused.challenge());
        assert!(refusal.detail.contains(word), "{word}");
        assert_passes(&asker.given(json(given(&[]))), word);
    }
    // What it says beside that is nobody's to read: it may hold the token.
    let said = "{\"error\":\"invalid_grant\",\"error_description\":\"eyJ\"}";
    let refused = asker.given(Reply::Media(400, JSON, said.into()));
    assert!(!refused.refusal.unwrap().detail.contains("eyJ"));
}

#[test]
fn the_question_is_one_of_rfc_8693() {
    let world = World::new();
    let section = "{ credential: exchange, issuer: shop, audience: [orders, billing], \
                   resource: [\"https://orders.internal/v1\"], scope: \"orders:read orders:write\" }";
    let asker = gateway(&world, ", actor_token: \"env:ACTOR\", deadline: 1s", section);
    world.net.set(ENDPOINT, json(given(&[])));
    let token = world.token(&[]);
    assert_eq!(asker.bearer("read", &token).code(), "ok");
    let posted = world.net.posted.lock().unwrap().take().unwrap();
    let body = String::from_utf8(posted.body.to_vec()).unwrap();
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3A";
    assert_eq!(
        body,
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}\
             &subject_token_type={kind}access_token&requested_token_type={kind}access_token\
             &actor_token=who.acts%2B&actor_token_type={kind}jwt&audience=orders&audience=billing\
             &resource=https%3A%2F%2Forders.internal%2Fv1&scope=orders%3Aread%20orders%3Awrite"
        )
    );
    let headers = |name: &str| posted.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(headers("content-type").unwrap(), "application/x-www-form-urlencoded");
    assert_eq!(headers("accept").unwrap(), JSON);
    // base64 of `gateway:s3cret%2F%2B%20%26` (RFC 6749 section 2.3.1)
    assert_eq!(headers("authorization").unwrap(), "Basic Z2F0ZXdheTpzM2NyZXQlMkYlMkIlMjAlMjY=");
    assert_eq!((posted.deadline, posted.max_bytes), (Duration::from_secs(1), 16 * 1024));
}

#[test]
fn a_token_is_exchanged_once_until_it_ends() {
    let world = World::new();
    let asked = || world.net.asked(ENDPOINT);
    let (one, other) = (gateway(&world, "", SECTION), at(&world, "", SECTION, 1));
    world.net.set(ENDPOINT, json(given(&[("expires_in", "100")])));
    let token = world.token(&[]);
    let first = one.bearer("read", &token);
    assert!(first.waited);
    assert_passes(&first, "the first");
    for _ in 0..3 {
        let again = other.bearer("read", &token);
        assert!(!again.waited, "no call waits for what is known");
        assert_passes(&again, "one of another core");
    }
    assert_eq!(asked(), 1);
    // Another caller has another token, and another service another question.
    world.net.set(ENDPOINT, json(given(&[("access_token", "\"of-bob\"")])));
    let bob = one.bearer("read", &world.token(&[("sub", "\"bob\"")]));
    assert_eq!((authorization(&bob), asked()), (vec![String::from("Bearer of-bob")], 2));
    let elsewhere = gateway(&world, "", &SECTION.replace("orders-service", "billing"));
    world.net.set(ENDPOINT, json(given(&[("access_token", "\"for-billing\"")])));
    assert_eq!(authorization(&elsewhere.bearer("read", &token)), ["Bearer for-billing"]);
    assert_eq!(asked(), 3);
    // A tenth before its end it is not used any more.
    world.clock.advance(Duration::from_secs(89));
    assert!(!one.bearer("read", &token).waited);
    world.clock.advance(Duration::from_secs(2));
    assert!(one.bearer("read", &token).waited);
    assert_eq!(asked(), 4);
}

#[test]
fn what_is_remembered_ends_with_the_callers_token_and_with_max_age() {
    let world = World::new();
    let asked = || world.net.asked(ENDPOINT);
    let long = gateway(&world, "", &SECTION.replace(" }", ", max_age: 24h }"));
    world.net.set(ENDPOINT, json(given(&[("expires_in", "86400")])));
    let ends = (NOW + 40).to_string();
    let short = world.token(&[("exp", &ends)]);
    assert_passes(&long.bearer("read", &short), "the first");
    world.clock.advance(Duration::from_secs(35));
    assert!(!long.bearer("read", &short).waited);
    // It is taken for some seconds after its end, for clocks differ: not what was given for it.
    world.clock.advance(Duration::from_secs(7));
    assert!(long.bearer("read", &short).waited);
    assert_eq!(asked(), 2);
    world.clock.advance(Duration::from_secs(10));
    let over = long.bearer("read", &short);
    assert_eq!((over.code(), asked()), ("token_expired", 2), "nobody is asked about it");
    let brief = gateway(&world, "", &SECTION.replace(" }", ", max_age: 10s }"));
    let token = world.token(&[]);
    assert_passes(&brief.bearer("read", &token), "the first");
    world.clock.advance(Duration::from_secs(10));
    assert!(brief.bearer("read", &token).waited);
    assert_eq!(asked(), 4);
}

#[test]
fn a_token_that_was_revoked_is_sent_on_by_nothing_that_is_remembered() {
    let world = World::new();
    let published = apikey::published(&world.keyed);
    let revoke = |entries: &[&str]| {
        let mut revoked = Revoked::default();
        for id in entries {
            assert!(revoked.insert(Kind::Token, (SHOP, *id), Rule { before: None, until: NOW + 10_000 }));
        }
        let key = Arc::new(HashKey::new(&[7; 32]).unwrap());
        published.publish(Table::new(key, 1, Vec::new(), HashMap::new()).revoking(revoked));
    };
    let text = document("", SECTION).replace("version: 1\n", "version: 1\nstore: {}\n");
    let gateway = setup(&text, CONTRACT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    revoke(&[]);
    world.net.set(ENDPOINT, json(given(&[])));
    let (stolen, own) = (world.token(&[("jti", "\"1\"")]), world.token(&[("jti", "\"2\"")]));
    for token in [&stolen, &own, &stolen] {
        assert_passes(&gateway.bearer("read", token), "before");
    }
    revoke(&["1"]);
    let refused = gateway.bearer("read", &stolen);
    assert_eq!((refused.code(), world.net.asked(ENDPOINT)), ("token_revoked", 2));
    assert_passes(&gateway.bearer("read", &own), "one that was not revoked");
}

#[test]
fn failures_are_remembered_for_seconds_and_pauses_are_kept() {
    let world = World::new();
    let asker = gateway(&world, "", SECTION);
    let asked = || world.net.asked(ENDPOINT);
    let (token, other) = (world.token(&[("jti", "\"1\"")]), world.token(&[("jti", "\"2\"")]));
    world.net.set(ENDPOINT, Reply::Fails);
    for _ in 0..5 {
        assert_eq!(asker.bearer("read", &token).code(), UNAVAILABLE);
    }
    assert_eq!(asked(), 1, "of one token one call asks");
    world.net.set(ENDPOINT, json(given(&[])));
    world.clock.advance(Duration::from_secs(1));
    assert_passes(&asker.bearer("read", &token), "a second later");
    world.net.set(ENDPOINT, Reply::Media(400, JSON, "{\"error\":\"invalid_grant\"}".into()));
    for _ in 0..5 {
        assert_eq!(asker.bearer("read", &other).code(), REFUSED);
    }
    assert_eq!(asked(), 3);
    world.clock.advance(Duration::from_secs(5));
    world.net.set(ENDPOINT, json(given(&[])));
    assert_passes(&asker.bearer("read", &other), "some seconds later");
    assert_eq!(asked(), 4);
}

#[test]
fn who_proves_nothing_by_a_token_has_none_to_exchange() {
    let world = World::new();
    let asker = gateway(&world, "", SECTION);
    world.net.set(ENDPOINT, json(given(&[])));
    // Anyone may call these: what came is not looked at, and does not go on.
    for operation in ["open", "silent"] {
        let passed = asker.send(operation, "/v1/x", &[("authorization", "Bearer forged"), ("x-key", "k")]);
        assert_eq!((passed.code(), authorization(&passed)), ("ok", vec![]), "{operation}");
        assert!(super::fields(&passed, "x-key").is_empty(), "{operation}");
    }
    let nobody = asker.send("optional", "/v1/x", &[]);
    assert_eq!((nobody.code(), authorization(&nobody), world.net.asked(ENDPOINT)), ("ok", vec![], 0));
    assert_passes(&asker.bearer("optional", &world.token(&[])), "who proves who they are");
    assert_eq!(world.net.asked(ENDPOINT), 1);
    // A call that is refused shows its token to nobody.
    let refused = asker.bearer("admin", &world.token(&[("jti", "\"9\"")]));
    assert_eq!((refused.code(), world.net.asked(ENDPOINT)), ("insufficient_scope", 1));
}
