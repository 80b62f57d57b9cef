//! Where others say what is revoked: the endpoint of RFC 7009 and the receiver of RFC 8935, against who lies to them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::mint::{base64url, hmac_token};
use testkit::{Alg, Mint};

use super::revocations::{ISSUER, Idp, ask, claims, good, now, revoked};
use super::*;

pub(super) const EVENTS: &str = "https://gateway.example.com/events";
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
pub(super) const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
pub(super) const SECRET: &str = "a secret of a client, long enough";
const FORM: &str = "application/x-www-form-urlencoded";
const SET: &str = "application/secevent+jwt";

fn furnished(idp: &Idp, house: House, service: &Service, rate: &str) -> House {
    let house = idp.furnish(house, service);
    house.write("secret", SECRET);
    house.write("sender", SECRET);
    let document = house.read("yett.yaml").replacen(
        "issuers:",
        &format!(
            "revocation:\n  bind: 127.0.0.1:0\n  rate: {rate}\n  clients:\n    shop: {{ secret: \"file:secret\", issuers: [corp] }}\n    \
             desk: {{ secret: \"file:secret\", issuers: [corp], any: true }}\n    till: {{ api_key: true, issuers: [corp] }}\n    \
             nobody: {{ secret: \"file:secret\", issuers: [other] }}\n  transmitters:\n    corp: {{ audience: \"{EVENTS}\", opaque: session }}\n    \
             shy: {{ audience: \"{EVENTS}\", issuers: [corp], secret: \"file:sender\" }}\nissuers:"
        ),
        1,
    );
    let more = "jwks: \"file:keys.json\" }, other: { url: \"https://other.example.com\", jwks: \"file:keys.json\" }, \
                shy: { url: \"https://shy.example.com\", jwks: \"file:keys.json\" } }";
    let document = document.replace("jwks: \"file:keys.json\" } }", more);
    house.write("yett.yaml", &document);
    house
}

/// Whether something comes to be.
pub(super) fn soon(mut look: impl FnMut() -> bool) -> bool {
    until(40, || look().then_some(())).is_some()
}

/// Status, head and body of a call.
fn post(gateway: &Gateway, path: &str, fields: &[(&str, &str)], body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(&gateway.feeds).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{fields}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

pub(super) fn basic(name: &str, secret: &str) -> String {
    let encoded = secret.replace('%', "%25").replace('+', "%2B");
    format!("Basic {}", STANDARD.encode(format!("{name}:{encoded}")))
}

/// Status and error of a revocation.
pub(super) fn revoke(gateway: &Gateway, authorization: &str, body: &str) -> (u16, String) {
    let (status, _, body) =
        post(gateway, "/revoke", &[("authorization", authorization), ("content-type", FORM)], body);
    let error = serde_json::from_str::<Value>(&body).ok();
    (status, error.and_then(|error| Some(error["error"].as_str()?.to_owned())).unwrap_or_default())
}

/// Status and error of an event.
pub(super) fn send(gateway: &Gateway, event: &str) -> (u16, String) {
    send_as(gateway, &[("content-type", SET)], event)
}

fn send_as(gateway: &Gateway, fields: &[(&str, &str)], event: &str) -> (u16, String) {
    let (status, _, body) = post(gateway, "/events", fields, event);
    let error = serde_json::from_str::<Value>(&body).ok();
    (status, error.and_then(|error| Some(error["err"].as_str()?.to_owned())).unwrap_or_default())
}

fn said(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

pub(super) const HEADER: &str = r#"{"alg":"ES256","kid":"k1","typ":"secevent+jwt"}"#;

/// A good event about somebody.
pub(super) fn event(id: &str, sub: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": EVENTS, "iat": now(), "jti": id,
        "sub_id": { "format": "iss_sub", "iss": ISSUER, "sub": sub },
        "events": { SESSION_REVOKED: { "event_timestamp": now() } }
    })
}

pub(super) fn of(sub: &str, id: &str) -> Value {
    let mut claims = claims(id);
    claims["sub"] = json!(sub);
    claims["sid"] = json!(format!("session of {sub}"));
    claims
}

#[test]
fn a_client_revokes_its_own_tokens_and_nobody_elses() {
    let service = Service::start();
    let (idp, stranger) = (Idp::new(), Mint::new(Alg::Es256, "k1"));
    let house = furnished(&idp, house(&service, ""), &service, "6000/min");
    let gateway = Gateway::start(&house);
    house.good(&["app", "create", "till", "--owner", "me"]);
    house.good(&["app", "create", "other", "--owner", "me"]);
    let [key, other_key] = ["till", "other"].map(|name| key(&house, &["create", name]));
    let shop = basic("shop", SECRET);
    let (mut next, mut hostile) = (0, 0);
    let mut fresh = |client: &str| {
        next += 1;
        let mut claims = claims(&format!("r{next}"));
        claims["client_id"] = json!(client);
        idp.token(&claims)
    };

    // Who calls, with a body that would be good.
    let token = fresh("shop");
    let body = format!("token={token}");
    for (name, authorization) in [
        ("nobody", String::new()),
        ("another secret", basic("shop", "another secret of another client")),
        ("a part of it", basic("shop", &SECRET[1..])),
        ("no secret", basic("shop", "")),
        ("another client", basic("shopp", SECRET)),
        ("no client", basic("", SECRET)),
        ("the secret of one that has an API key", basic("till", SECRET)),
        ("an API key of one that has a secret", basic("shop", &key)),
        ("an API key of another application", basic("till", &other_key)),
        ("an API key as bearer", format!("Bearer {key}")),
        ("the token itself", format!("Bearer {token}")),
        ("not encoded", String::from("Basic shop:secret")),
    ] {
        assert_eq!(revoke(&gateway, &authorization, &body), said(401, "invalid_client"), "{name}");
        hostile += 1;
        assert_eq!(ask(&gateway, &token), good(), "{name}");
    }
    let (_, head, _) = post(&gateway, "/revoke", &[("content-type", FORM)], &body);
    assert!(head.to_lowercase().contains("www-authenticate: basic"), "{head}");

    // What is asked.
    for (name, body, expected) in [
        ("nothing", String::new(), said(400, "invalid_request")),
        ("no token", String::from("token="), said(400, "invalid_request")),
        ("two", format!("token={token}&token={token}"), said(400, "invalid_request")),
        ("two, one encoded", format!("token={token}&%74oken=x"), said(400, "invalid_request")),
        (
            "two hints",
            format!("token={token}&token_type_hint=a&token_type_hint=a"),
            said(400, "invalid_request"),
        ),
        ("half of an escape", format!("token={token}%"), said(400, "invalid_request")),
        ("the client once more", format!("token={token}&client_secret=x"), said(400, "invalid_request")),
        (
            "a refresh token",
            String::from("token=Zx81&token_type_hint=refresh_token"),
            said(400, "unsupported_token_type"),
        ),
    ] {
        assert_eq!(revoke(&gateway, &shop, &body), expected, "{name}");
        hostile += 1;
        assert_eq!(ask(&gateway, &token), good(), "{name}");
    }
    let json = [("authorization", shop.as_str()), ("content-type", "application/json")];
    assert_eq!(post(&gateway, "/revoke", &json, &format!("{{\"token\":\"{token}\"}}")).0, 400);

    // What cannot be revoked is said like what is unknown, so that nobody learns of it; the token goes on.
    let text = claims("r1").to_string();
    let forged = stranger.token(&text);
    let mut expired = claims("r1");
    expired["exp"] = json!(now() - 3_600);
    let mut other = claims("r1");
    other["iss"] = json!("https://other.example.com");
    for (name, token) in [
        ("none at all", String::from("nothing")),
        ("under another key", forged),
        ("under a secret", hmac_token(r#"{"alg":"HS256","typ":"at+jwt"}"#, &text, SECRET.as_bytes())),
        ("unsigned", format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(&text))),
        ("expired", idp.token(&expired)),
        ("of an issuer that the client has not", idp.token(&other)),
        ("of an unknown issuer", {
            other["iss"] = json!("https://nobody.example.com");
            idp.token(&other)
        }),
    ] {
        assert_eq!(revoke(&gateway, &shop, &format!("token={token}")), said(200, ""), "{name}");
        hostile += 1;
        assert_eq!(ask(&gateway, &idp.token(&of("alice", "r1"))), good(), "{name}: nothing of it was kept");
    }
    // Other kinds of tokens, signed with the key of the issuer.
    for (name, header, more) in kinds() {
        let mut all = claims("r1");
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = idp.0.jws(header, &all.to_string());
        hostile += 1;
        assert_eq!(
            revoke(&gateway, &shop, &format!("token={token}")),
            said(400, "unsupported_token_type"),
            "{name}"
        );
    }
    let foreign = fresh("another");
    assert_eq!(revoke(&gateway, &shop, &format!("token={foreign}")), said(400, "unauthorized_client"));
    assert_eq!(revoke(&gateway, &basic("nobody", SECRET), &format!("token={foreign}")), said(200, ""));
    assert_eq!(ask(&gateway, &foreign), good());
    assert!(house.good(&["revocations", "list"]).contains("nothing is revoked"));
    assert_eq!(hostile, 33);

    // The twins.
    assert_eq!(revoke(&gateway, &shop, &format!("token={token}&token_type_hint=whatever")), said(200, ""));
    assert_eq!(ask(&gateway, &token), revoked());
    assert_eq!(revoke(&gateway, &shop, &format!("token={token}")), said(200, ""), "once more");
    // A hint that is wrong saves nothing (RFC 7009 section 2.1).
    let hinted = fresh("shop");
    assert_eq!(ask(&gateway, &hinted), good());
    let body = format!("token={hinted}&token_type_hint=refresh_token");
    assert_eq!((revoke(&gateway, &shop, &body), ask(&gateway, &hinted)), (said(200, ""), revoked()));
    assert_eq!(revoke(&gateway, &basic("desk", SECRET), &format!("token={foreign}")), said(200, ""));
    assert_eq!(ask(&gateway, &foreign), revoked());
    let own = fresh("till");
    assert_eq!(revoke(&gateway, &basic("till", &key), &format!("token={own}")), said(200, ""));
    assert_eq!(ask(&gateway, &own), revoked());
    assert!(house.good(&["changes", "list"]).contains("client:till"));
    house.good(&["key", "revoke", id(&key)]);
    assert_eq!(revoke(&gateway, &basic("till", &key), &format!("token={own}")), said(401, "invalid_client"));

    let head = |method: &str| {
        let mut stream = TcpStream::connect(&gateway.feeds).unwrap();
        stream
            .write_all(
                format!("{method} /revoke HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
            )
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(head("GET").starts_with("HTTP/1.1 405"));
    assert_eq!(post(&gateway, "/other", &[], "").0, 404);
    assert_eq!(post(&gateway, "/revoke", &[("content-type", FORM)], &"x".repeat(65_600)).0, 413);
}

/// Every other kind of signed token: its header, and what its claims have more.
fn kinds() -> Vec<(&'static str, &'static str, Value)> {
    let id = json!({ "nonce": "n", "at_hash": "h" });
    vec![
        ("ID token", r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#, id),
        (
            "logout token",
            r#"{"alg":"ES256","kid":"k1","typ":"logout+jwt"}"#,
            json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
        ),
        (
            "DPoP proof",
            r#"{"alg":"ES256","kid":"k1","typ":"dpop+jwt"}"#,
            json!({ "htm": "POST", "htu": EVENTS }),
        ),
        (
            "introspection answer",
            r#"{"alg":"ES256","kid":"k1","typ":"token-introspection+jwt"}"#,
            json!({ "token_introspection": { "active": true } }),
        ),
        ("security event", HEADER, json!({ "events": { SESSION_REVOKED: {} } })),
        ("authorization request", r#"{"alg":"ES256","kid":"k1","typ":"oauth-authz-req+jwt"}"#, json!({})),
    ]
}

#[test]
fn calls_over_the_rate_are_refused_and_others_are_not() {
    let service = Service::start();
    let idp = Idp::new();
    let house = furnished(&idp, house(&service, ""), &service, "3/hour");
    let gateway = Gateway::start(&house);
    let (shop, desk) = (basic("shop", SECRET), basic("desk", SECRET));
    for _ in 0..3 {
        assert_eq!(revoke(&gateway, &shop, "token=x").0, 200);
        assert_eq!(revoke(&gateway, &basic("shop", "wrong"), "token=x").0, 401);
    }
    assert_eq!(revoke(&gateway, &shop, "token=x").0, 429);
    assert_eq!(revoke(&gateway, &basic("shop", "wrong"), "token=x").0, 429);
    // Neither locks anybody else out.
    assert_eq!(revoke(&gateway, &desk, "token=x").0, 200);
    assert_eq!(send(&gateway, &idp.0.jws(HEADER, &event("e1", "alice").to_string())).0, 202);
}

/// What an event is made of, and what becomes of it.
pub(super) type Hostile = (&'static str, String, Value, &'static str);

pub(super) fn changed(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

pub(super) fn hostile(sub: &str) -> Vec<Hostile> {
    let base = || event(&format!("bad {sub}"), sub);
    let header = |typ: &str| format!(r#"{{"alg":"ES256","kid":"k1"{typ}}}"#);
    let plain = || HEADER.to_owned();
    let with = |name: &str, value: Value| changed(base(), name, value);
    let subject = |value: Value| with("sub_id", value);
    let of_type = |kind: &str, said: Value| with("events", json!({ kind: said }));
    vec![
        ("no typ", header(""), base(), "invalid_request"),
        ("typ JWT", header(r#","typ":"JWT""#), base(), "invalid_request"),
        ("typ of an access token", header(r#","typ":"at+jwt""#), base(), "invalid_request"),
        ("typ of a logout token", header(r#","typ":"logout+jwt""#), base(), "invalid_request"),
        ("typ of a transaction token", header(r#","typ":"txntoken+jwt""#), base(), "invalid_request"),
        ("typ that goes on", header(r#","typ":"secevent+jwt2""#), base(), "invalid_request"),
        ("typ of another tree", header(r#","typ":"text/secevent+jwt""#), base(), "invalid_request"),
        ("crit", header(r#","typ":"secevent+jwt","crit":["x"],"x":1"#), base(), "invalid_request"),
        ("no iss", plain(), with("iss", Value::Null), "invalid_issuer"),
        ("iss of nobody", plain(), with("iss", json!("https://nobody.example.com")), "invalid_issuer"),
        ("iss with a slash", plain(), with("iss", json!(format!("{ISSUER}/"))), "invalid_issuer"),
        (
            "iss of an issuer that sends none",
            plain(),
            with("iss", json!("https://other.example.com")),
            "invalid_issuer",
        ),
        ("iss of two", plain(), with("iss", json!([ISSUER])), "invalid_issuer"),
        ("no aud", plain(), with("aud", Value::Null), "invalid_audience"),
        ("aud of another", plain(), with("aud", json!("https://another.example.com")), "invalid_audience"),
        ("aud of the API", plain(), with("aud", json!("notes")), "invalid_audience"),
        ("aud of no text", plain(), with("aud", json!([EVENTS, 7])), "invalid_request"),
        ("no iat", plain(), with("iat", Value::Null), "invalid_request"),
        ("iat to come", plain(), with("iat", json!(now() + 3_600)), "invalid_request"),
        ("iat long ago", plain(), with("iat", json!(now() - 3 * 86_400)), "invalid_request"),
        ("iat of text", plain(), with("iat", json!(now().to_string())), "invalid_request"),
        ("over", plain(), with("exp", json!(now() - 3_600)), "invalid_request"),
        ("no jti", plain(), with("jti", Value::Null), "invalid_request"),
        ("jti of a number", plain(), with("jti", json!(7)), "invalid_request"),
        ("no events", plain(), with("events", Value::Null), "invalid_request"),
        ("events of none", plain(), with("events", json!({})), "invalid_request"),
        ("events of a list", plain(), with("events", json!([SESSION_REVOKED])), "invalid_request"),
        ("an event of no object", plain(), of_type(SESSION_REVOKED, json!(true)), "invalid_request"),
        ("a sub", plain(), with("sub", json!(sub)), "invalid_request"),
        ("scopes", plain(), with("scope", json!("notes:read")), "invalid_request"),
        ("a client", plain(), with("client_id", json!("shop")), "invalid_request"),
        ("a nonce", plain(), with("nonce", json!("n")), "invalid_request"),
        ("a session", plain(), with("sid", json!("s")), "invalid_request"),
        ("no subject", plain(), with("sub_id", Value::Null), "invalid_request"),
        ("a subject of text", plain(), subject(json!(sub)), "invalid_request"),
        (
            "email",
            plain(),
            subject(json!({ "format": "email", "email": format!("{sub}@example.com") })),
            "invalid_request",
        ),
        ("without a format", plain(), subject(json!({ "iss": ISSUER, "sub": sub })), "invalid_request"),
        (
            "another format",
            plain(),
            subject(json!({ "format": "ISS_SUB", "iss": ISSUER, "sub": sub })),
            "invalid_request",
        ),
        (
            "an empty sub",
            plain(),
            subject(json!({ "format": "iss_sub", "iss": ISSUER, "sub": "" })),
            "invalid_request",
        ),
        (
            "of another issuer",
            plain(),
            subject(json!({ "format": "iss_sub", "iss": "https://other.example.com", "sub": sub })),
            "access_denied",
        ),
        (
            "of an unknown issuer",
            plain(),
            subject(json!({ "format": "iss_sub", "iss": "https://nobody.example.com", "sub": sub })),
            "access_denied",
        ),
        (
            "a device of somebody",
            plain(),
            subject(
                json!({ "format": "complex", "user": { "format": "iss_sub", "iss": ISSUER, "sub": sub }, "device": { "format": "opaque", "id": "d" } }),
            ),
            "invalid_request",
        ),
        (
            "two subjects",
            plain(),
            of_type(
                SESSION_REVOKED,
                json!({ "subject": { "format": "iss_sub", "iss": ISSUER, "sub": "x" } }),
            ),
            "invalid_request",
        ),
        (
            "a time to come",
            plain(),
            of_type(SESSION_REVOKED, json!({ "event_timestamp": now() + 3_600 })),
            "invalid_request",
        ),
        (
            "a time in milliseconds",
            plain(),
            of_type(SESSION_REVOKED, json!({ "event_timestamp": now() * 1_000 })),
            "invalid_request",
        ),
        (
            "a change of none",
            plain(),
            of_type(CREDENTIAL_CHANGE, json!({ "credential_type": "password" })),
            "invalid_request",
        ),
        (
            "a change of another",
            plain(),
            of_type(CREDENTIAL_CHANGE, json!({ "change_type": "Revoke" })),
            "invalid_request",
        ),
    ]
}

#[test]
fn no_event_is_believed_that_is_not_its_transmitters_own_and_whole() {
    let service = Service::start();
    let (idp, stranger) = (Idp::new(), Mint::new(Alg::Es256, "k1"));
    let house = furnished(&idp, house(&service, ""), &service, "60000/min");
    let gateway = Gateway::start(&house);
    let count = hostile("x").len();
    let mut others = 0;
    for number in 0..count {
        let sub = format!("u{number}");
        let (name, header, payload, code) = hostile(&sub).remove(number);
        let token = idp.token(&of(&sub, &format!("t{number}")));
        assert_eq!(send(&gateway, &idp.0.jws(&header, &payload.to_string())), said(400, code), "{name}");
        assert_eq!(ask(&gateway, &token), good(), "{name}");
        // Its twin.
        let twin = idp.0.jws(HEADER, &event(&format!("good {sub}"), &sub).to_string());
        assert_eq!(send(&gateway, &twin), said(202, ""), "{name}: the twin");
        assert_eq!(ask(&gateway, &token), revoked(), "{name}: the twin");
    }
    let (_, head, _) = post(&gateway, "/events", &[("content-type", SET)], "x");
    assert!(head.to_lowercase().contains("content-language: en"), "{head}");
    // What is no signature of the transmitter's, and what is no event at all.
    let payload = event("forged", "alice").to_string();
    let token = idp.token(&claims("t"));
    let whole = idp.0.jws(HEADER, &payload);
    let (signed, _) = whole.rsplit_once('.').unwrap();
    for (name, event, code) in [
        ("under another key", stranger.jws(HEADER, &payload), "invalid_key"),
        (
            "under a key that is not there",
            stranger.jws(r#"{"alg":"ES256","kid":"k2","typ":"secevent+jwt"}"#, &payload),
            "invalid_key",
        ),
        (
            "under a secret",
            hmac_token(r#"{"alg":"HS256","kid":"k1","typ":"secevent+jwt"}"#, &payload, b"x"),
            "invalid_request",
        ),
        (
            "unsigned",
            format!("{}.{}.", base64url(r#"{"alg":"none","typ":"secevent+jwt"}"#), base64url(&payload)),
            "invalid_request",
        ),
        ("without its signature", format!("{signed}."), "invalid_key"),
        ("the claims themselves", payload.clone(), "invalid_request"),
        ("with a line after it", format!("{whole}\n"), "invalid_request"),
        ("two", format!("{whole}{whole}"), "invalid_request"),
        ("nothing", String::new(), "invalid_request"),
        ("a list", format!("[\"{whole}\"]"), "invalid_request"),
    ] {
        assert_eq!(send(&gateway, &event), said(400, code), "{name}");
        others += 1;
    }
    for media in ["application/jwt", "application/json", "text/plain", "application/secevent+jwtx"] {
        others += 1;
        assert_eq!(
            send_as(&gateway, &[("content-type", media)], &whole),
            said(400, "invalid_request"),
            "{media}"
        );
    }
    assert_eq!(send_as(&gateway, &[], &whole), said(400, "invalid_request"));
    // Every other kind, signed with the key of the issuer, for this receiver.
    let mut kinds = kinds();
    kinds.push((
        "access token",
        r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#,
        json!({ "scope": "notes:read" }),
    ));
    kinds.push((
        "client assertion",
        r#"{"alg":"ES256","kid":"k1","typ":"client-authentication+jwt"}"#,
        json!({}),
    ));
    for (name, header, more) in kinds.iter().filter(|(name, ..)| *name != "security event") {
        let mut all = claims("t");
        all["aud"] = json!(EVENTS);
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(
            send(&gateway, &idp.0.jws(header, &all.to_string())),
            said(400, "invalid_request"),
            "{name}"
        );
        // Nor with the claims of an event beside its own.
        let mut both = event("both", "alice");
        both.as_object_mut().unwrap().extend(all.as_object().unwrap().clone());
        both["iss"] = json!(ISSUER);
        others += 2;
        assert_eq!(
            send(&gateway, &idp.0.jws(header, &both.to_string())),
            said(400, "invalid_request"),
            "{name}"
        );
    }
    // And an event is no access token.
    let mut both = claims("t");
    both["events"] = json!({ SESSION_REVOKED: {} });
    for (header, payload) in
        [(HEADER, &claims("t")), (HEADER, &both), (r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#, &both)]
    {
        assert_eq!(ask(&gateway, &idp.0.jws(header, &payload.to_string())), said(401, "token_invalid"));
        others += 1;
    }
    assert_eq!(count + others, 78);
    assert_eq!(ask(&gateway, &token), good(), "none of it had an effect");
    assert_eq!(send(&gateway, &whole), said(202, ""));
    assert_eq!(ask(&gateway, &token), revoked());
}

#[test]
fn what_an_event_says_takes_effect_once() {
    let service = Service::start();
    let idp = Idp::new();
    let house = furnished(&idp, house(&service, ""), &service, "60000/min");
    let mut gateway = Gateway::start(&house);
    let sign = |payload: &Value| idp.0.jws(HEADER, &payload.to_string());
    let (before, bob) = (idp.token(&of("alice", "a1")), idp.token(&of("bob", "b1")));
    // No effect, and no wrong.
    let nothing = changed(
        event("n1", "alice"),
        "events",
        json!({ "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": "x" } }),
    );
    let created =
        changed(event("n2", "alice"), "events", json!({ CREDENTIAL_CHANGE: { "change_type": "create" } }));
    for payload in [nothing, created] {
        assert_eq!(send(&gateway, &sign(&payload)), said(202, ""));
        assert_eq!(ask(&gateway, &before), good());
    }
    // A subject: what was issued until then, and nobody else's.
    let change = changed(
        event("c1", "alice"),
        "events",
        json!({ CREDENTIAL_CHANGE: { "change_type": "revoke", "credential_type": "password" } }),
    );
    assert_eq!(send(&gateway, &sign(&change)), said(202, ""));
    let mut later = of("alice", "a2");
    later["iat"] = json!(now() + 3);
    assert_eq!((ask(&gateway, &before), ask(&gateway, &bob)), (revoked(), good()));
    assert_eq!(ask(&gateway, &idp.token(&later)), good());
    // The same once more is taken and has no effect, also when it was undone in between.
    let listed = as_json(&house.good(&["revocations", "list", "--json"]));
    house.good(&["revocations", "undo", listed[0]["id"].as_str().unwrap()]);
    assert_eq!(send(&gateway, &sign(&change)), said(202, ""));
    assert_eq!(ask(&gateway, &before), good());
    gateway.kill();
    gateway = Gateway::start(&house);
    assert_eq!(send(&gateway, &sign(&change)), said(202, ""), "and after a restart");
    assert_eq!(ask(&gateway, &before), good());
    // A session, whoever has it and whenever its tokens were issued.
    let session = changed(
        event("s1", ""),
        "sub_id",
        json!({ "format": "complex", "session": { "format": "opaque", "id": "session of bob" } }),
    );
    assert_eq!(send(&gateway, &sign(&session)), said(202, ""));
    let mut later = of("bob", "b2");
    later["iat"] = json!(now() + 3);
    assert_eq!((ask(&gateway, &bob), ask(&gateway, &idp.token(&later))), (revoked(), revoked()));
    assert_eq!(ask(&gateway, &before), good());
    // A transmitter that has to prove who it is, and speaks of another issuer's tokens.
    let shy = changed(event("shy", "alice"), "iss", json!("https://shy.example.com"));
    let bearer = format!("Bearer {SECRET}");
    assert_eq!(send(&gateway, &sign(&shy)), said(401, "authentication_failed"));
    let wrong = [("content-type", SET), ("authorization", "Bearer another")];
    assert_eq!(send_as(&gateway, &wrong, &sign(&shy)), said(401, "authentication_failed"));
    assert_eq!(ask(&gateway, &before), good());
    let right = [("content-type", SET), ("authorization", bearer.as_str())];
    assert_eq!(send_as(&gateway, &right, &sign(&shy)), said(202, ""));
    assert_eq!(ask(&gateway, &before), revoked());
    assert!(house.good(&["changes", "list"]).contains("transmitter:shy"));
}

#[test]
fn where_nothing_is_written_nobody_is_heard() {
    let service = Service::start();
    let idp = Idp::new();
    let house = idp.furnish(house(&service, ""), &service);
    let mut gateway = Gateway::start(&house);
    assert!(gateway.feeds.is_empty());
    house.write("yett.yaml", &house.read("yett.yaml").replacen("issuers:", "revocation: { bind: 127.0.0.1:0, clients: { shop: { api_key: true, issuers: [corp] } } }\nissuers:", 1));
    gateway.signal("HUP");
    assert!(gateway.line("the listener of `revocation`").contains("error"));
    drop(gateway);
    gateway = Gateway::start(&house);
    assert_eq!(post(&gateway, "/revoke", &[("content-type", FORM)], "token=x").0, 401);
    assert_eq!(post(&gateway, "/events", &[("content-type", SET)], "x").0, 404, "no transmitter is named");
    house.write("short", "0123456789abcde");
    for (settings, said) in [
        ("{ bind: 0.0.0.0:9903, clients: { shop: { api_key: true, issuers: [corp] } } }", "clear text"),
        ("{ bind: 127.0.0.1:0 }", "nobody may revoke"),
        ("{ bind: 127.0.0.1:0, clients: { shop: { issuers: [corp] } } }", "how the client `shop` proves"),
        ("{ bind: 127.0.0.1:0, clients: { shop: { api_key: true, issuers: [] } } }", "no issuer"),
        (
            "{ bind: 127.0.0.1:0, clients: { shop: { api_key: true, issuers: [cor] } } }",
            "did you mean `corp`",
        ),
        ("{ bind: 127.0.0.1:0, transmitters: { cor: { audience: x } } }", "did you mean `corp`"),
        ("{ bind: 127.0.0.1:0, transmitters: { corp: { audience: x, max_age: 8d } } }", "from `1m` to `7d`"),
        (
            "{ bind: 127.0.0.1:0, transmitters: { corp: { audience: x, secret: \"file:short\" } } }",
            "less than 16 bytes",
        ),
        ("{ bind: 127.0.0.1:0, clients: { shop: { secret: \"file:absent\", issuers: [corp] } } }", "absent"),
    ] {
        let document = house.read("yett.yaml");
        let at = document.find("revocation:").unwrap();
        let (head, rest) = document.split_at(at);
        house.write(
            "wrong.yaml",
            &format!("{head}revocation: {settings}\n{}", rest.split_once('\n').unwrap().1),
        );
        let refused = house.bad(&["check", "--config", "wrong.yaml"]);
        assert!(refused.contains(said), "{settings}: {refused}");
    }
}

#[test]
fn an_event_takes_effect_once_at_all_gateways_of_a_store() {
    let service = Service::start();
    let (server, idp) = (Postgres::start(), Idp::new());
    let url = server.database("once");
    let [house, other] = [0, 1].map(|_| furnished(&idp, shared(&service, &url), &service, "60000/min"));
    let gateways = [Gateway::start(&house), Gateway::start(&other)];
    let alice = idp.token(&of("alice", "a1"));
    let event = idp.0.jws(HEADER, &event("e1", "alice").to_string());
    assert_eq!((send(&gateways[0], &event), ask(&gateways[0], &alice)), (said(202, ""), revoked()));
    // What is acknowledged is in effect, also where another gateway did it.
    assert_eq!((send(&gateways[1], &event), ask(&gateways[1], &alice)), (said(202, ""), revoked()));
    let listed = as_json(&house.good(&["revocations", "list", "--json"]));
    assert_eq!(listed.as_array().unwrap().len(), 1);
    other.good(&["revocations", "undo", listed[0]["id"].as_str().unwrap()]);
    for gateway in &gateways {
        assert_eq!(send(gateway, &event), said(202, ""));
        assert!(soon(|| ask(gateway, &alice) == good()));
    }
}

#[test]
fn an_opaque_token_is_revoked_by_who_it_was_given_to() {
    let service = Service::start();
    let idp = Idp::new();
    // What the issuer says of each token.
    let provider = testkit::Recorder::scripted(|call| {
        let form = String::from_utf8_lossy(&call.body).into_owned();
        let token = form.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        let client = token.split('-').next().unwrap_or_default();
        match client {
            "gone" => testkit::Answer::json(200, "{\"active\":false}"),
            "down" => testkit::Answer::json(500, "{}"),
            _ => testkit::Answer::json(
                200,
                json!({ "active": true, "token_type": "Bearer", "sub": "alice", "client_id": client,
                        "aud": "notes", "exp": now() + 600, "iss": ISSUER })
                .to_string(),
            ),
        }
    });
    let house = furnished(&idp, house(&service, ""), &service, "6000/min");
    let document = house.read("yett.yaml").replacen(
        "corp: { url: \"https://idp.example.com\",",
        &format!(
            "corp: {{ url: \"https://idp.example.com\", introspection: {{ url: \"{}/ask\", client_id: gateway, \
             client_secret: \"file:secret\" }},",
            provider.url()
        ),
        1,
    );
    house.write("yett.yaml", &document);
    let gateway = Gateway::start(&house);
    let (shop, desk) = (basic("shop", SECRET), basic("desk", SECRET));
    for token in ["shop-1", "shop-2", "another-1"] {
        assert_eq!(ask(&gateway, token), good(), "{token}");
    }
    let asked = |authorization: &str, token: &str| revoke(&gateway, authorization, &format!("token={token}"));
    for (name, authorization, token, expected) in [
        ("another client's", &shop, "another-1", said(400, "unauthorized_client")),
        ("no good one", &shop, "gone-1", said(200, "")),
        ("one that nobody can tell of", &shop, "down-1", said(503, "")),
        ("a client of another issuer", &basic("nobody", SECRET), "shop-1", said(200, "")),
        ("nobody", &basic("shop", "wrong wrong wrong"), "shop-1", said(401, "invalid_client")),
    ] {
        assert_eq!(asked(authorization, token), expected, "{name}");
        assert_eq!((ask(&gateway, "shop-1"), ask(&gateway, "another-1")), (good(), good()), "{name}");
    }
    let hinted = "token=shop-1&token_type_hint=refresh_token";
    assert_eq!(revoke(&gateway, &shop, hinted), said(400, "unsupported_token_type"));
    assert!(house.good(&["revocations", "list"]).contains("nothing is revoked"));
    // The twins.
    assert_eq!(asked(&shop, "shop-1"), said(200, ""));
    assert_eq!((ask(&gateway, "shop-1"), ask(&gateway, "shop-2")), (revoked(), good()));
    assert_eq!(asked(&shop, "shop-1"), said(200, ""), "once more");
    assert_eq!((asked(&desk, "another-1"), ask(&gateway, "another-1")), (said(200, ""), revoked()));
    let listed = as_json(&house.good(&["revocations", "list", "--json"]));
    assert!(listed.as_array().unwrap().iter().all(|one| one["kind"] == "digest"), "{listed}");
    assert!(!listed.to_string().contains("shop-1"));
    // A signed one of an issuer that is asked is known by its digest as well, whatever the issuer says of its `jti`.
    let signed = idp.token(&claims("j1"));
    assert_eq!(ask(&gateway, &signed), good());
    assert_eq!((asked(&shop, &signed), ask(&gateway, &signed)), (said(200, ""), revoked()));
    house.write("yett.yaml", &document.replace("issuers: [corp] }", "issuers: [corp, other] }").replace(
        "other: {",
        "other: { introspection: { url: \"https://other.example.com/ask\", client_id: gateway, client_secret: \"file:secret\" },",
    ));
    let refused = house.bad(&["check", "--config", "yett.yaml"]);
    assert!(refused.contains("opaque tokens of two issuers"), "{refused}");
}
