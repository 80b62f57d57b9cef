//! Messages before a real gateway: bodies and fields that are encrypted and signed reach the service in clear text, and what is like them and is
//! no good message does not reach it at all; answers are read by another implementation (npm's `jose`), which writes bodies as well.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::*;
use jose::{Algorithm, ContentEncryption, KeyManagement, Recipient, Signer};
use serde_json::{Value, json};
use testkit::{Answer, Recorder};

/// Keys of every kind, made by another implementation.
const KEYS: &str = include_str!("../../../jose/src/message/tests/joserfc.jwks");

/// The key of who reads answers: none of the gateway's own, by which answers would be good requests.
const READER: &str = r#"{"keys":[{"kty":"OKP","kid":"reader","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
    "d":"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}]}"#;

const CLEAR: &str = r#"{"amount":1,"card":{"number":"4711"}}"#;
const JOSE: &str = "Content-Type: application/jose\r\n";
const PLAIN: &str = "Content-Type: application/json\r\n";

/// An operation for each way of a message: `opened`, `verified`, `nested`, `fields`, and answers `sealed` and `part`.
fn setup(mode: &str) -> Setup {
    let decrypt = "decrypt: { keys: 'file:keys.jwks', algorithms: [RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A256KW, A128KW, A256KW, dir], encryption: [A128GCM, A256GCM, A128CBC-HS256, A256CBC-HS512] }";
    let verify = "verify: { keys: 'file:keys.jwks', algorithms: [ES256, PS256, EdDSA] }";
    let sign = "sign: { keys: 'file:keys.jwks', algorithm: ES256, kid: p256 }";
    let encrypt =
        "encrypt: { keys: 'file:reader.jwks', algorithm: ECDH-ES+A256KW, encryption: A256GCM, kid: reader }";
    let section = |what: &str| format!("{{ message_security: {{ mode: {mode}, {what} }} }}");
    let operations = [
        ("opened", section(&format!("request: {{ {decrypt} }}"))),
        ("verified", section(&format!("request: {{ {verify} }}"))),
        ("nested", section(&format!("request: {{ {decrypt}, {verify} }}"))),
        ("fields", section(&format!("request: {{ fields: [/card], {decrypt} }}"))),
        ("sealed", section(&format!("request: {{ {decrypt} }}, answer: {{ {sign}, {encrypt} }}"))),
        ("part", section(&format!("answer: {{ fields: [/card], {encrypt} }}"))),
    ];
    let lines: String = operations.iter().map(|(id, section)| format!("  {id}: {section}\n")).collect();
    let schema = "{ type: object, required: [amount], additionalProperties: false, properties: { amount: { type: integer }, card: { type: object, properties: { number: { type: string } } } } }";
    let content = format!("content: {{ application/json: {{ schema: {schema} }} }}");
    let path = |id: &str| {
        let answer = format!("{{ description: ok, {content} }}");
        format!(
            "  /{id}: {{ post: {{ operationId: {id}, requestBody: {{ required: true, {content} }}, responses: {{ \"200\": {answer} }} }} }}\n"
        )
    };
    let paths: String = operations.iter().map(|(id, _)| path(id)).collect();
    Setup {
        api: format!(
            "unsecured: anonymous\nvalidation: {{ request: enforce, response: enforce }}\noperations:\n{lines}"
        ),
        contract: format!("openapi: 3.1.0\ninfo: {{ title: t, version: \"1\" }}\npaths:\n{paths}"),
        ..Setup::default()
    }
}

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, CLEAR));
    let gateway = Gateway::with_files(&setup("enforce"), &recorder.url(), &FILES);
    (recorder, gateway)
}

const FILES: [(&str, &[u8]); 2] = [("keys.jwks", KEYS.as_bytes()), ("reader.jwks", READER.as_bytes())];

fn keys() -> bytes::Bytes {
    bytes::Bytes::from_static(KEYS.as_bytes())
}

fn encrypted(kid: &str, content: &str, cty: Option<&str>) -> String {
    let (management, encryption) = match kid {
        "r" => (KeyManagement::RsaOaep256, ContentEncryption::A256Gcm),
        "a" => (KeyManagement::A128Kw, ContentEncryption::A128CbcHs256),
        "d-A256GCM" => (KeyManagement::Dir, ContentEncryption::A256Gcm),
        "x" => (KeyManagement::EcdhEs, ContentEncryption::A256CbcHs512),
        _ => (KeyManagement::EcdhEsA256Kw, ContentEncryption::A128Gcm),
    };
    let recipient = Recipient::new(keys(), Some(kid), management, encryption).unwrap();
    recipient.encrypt(content.as_bytes(), None, cty).unwrap()
}

fn signed(algorithm: Algorithm, content: &str, typ: Option<&str>) -> String {
    let kid = match algorithm {
        Algorithm::Es256 => "p256",
        Algorithm::Es384 => "p384",
        Algorithm::EdDsa => "ed",
        _ => "r",
    };
    Signer::new(keys(), Some(kid), algorithm).unwrap().sign(content.as_bytes(), typ, Some("json")).unwrap()
}

/// A message with another part in the place of one.
fn with(message: &str, index: usize, part: &str) -> String {
    let mut parts: Vec<&str> = message.split('.').collect();
    parts[index] = part;
    parts.join(".")
}

/// The same with another header.
fn under(message: &str, header: &str) -> String {
    with(message, 0, &jose::base64url_encode(header.as_bytes()))
}

/// The same with one bit of a part changed.
fn flipped(message: &str, index: usize) -> String {
    let part = message.split('.').nth(index).unwrap();
    let mut bytes = jose::base64url_decode(part).unwrap();
    bytes[0] ^= 1;
    with(message, index, &jose::base64url_encode(&bytes))
}

fn invalid() -> Expect {
    Expect::Problem(400, "protection_invalid")
}

fn clear() -> Expect {
    Expect::Problem(400, "body_unprotected")
}

/// Headers that say something else.
fn of_headers() -> Vec<(&'static str, String)> {
    let wrapped = encrypted("a", CLEAR, None);
    let header = |members: &str| {
        under(&wrapped, &format!(r#"{{"alg":"A128KW","enc":"A128CBC-HS256","kid":"a"{members}}}"#))
    };
    let alg = |alg: &str| under(&wrapped, &format!(r#"{{"alg":"{alg}","enc":"A128CBC-HS256","kid":"a"}}"#));
    let own =
        |kid: &str| under(&wrapped, &format!(r#"{{"alg":"A128KW","enc":"A128CBC-HS256","kid":"{kid}"}}"#));
    vec![
        ("no algorithm", alg("none")),
        ("RSAES-PKCS1-v1_5", alg("RSA1_5")),
        ("RSAES-OAEP with SHA-1", alg("RSA-OAEP")),
        ("a password", alg("PBES2-HS256+A128KW")),
        ("a password of a billion rounds", header(r#","p2c":1000000000,"p2s":"AAAA""#)),
        ("GCM key wrap", alg("A128GCMKW")),
        ("another algorithm's key", alg("A256KW")),
        ("direct with a wrapping key", alg("dir")),
        ("agreed without a key", alg("ECDH-ES+A128KW")),
        ("a signature's algorithm", alg("ES256")),
        (
            "an encryption that is not listed",
            under(&wrapped, r#"{"alg":"A128KW","enc":"A192GCM","kid":"a"}"#),
        ),
        ("an encryption that nobody has", under(&wrapped, r#"{"alg":"A128KW","enc":"none","kid":"a"}"#)),
        ("a zip bomb", header(r#","zip":"DEF""#)),
        ("a critical extension", header(r#","crit":["exp"],"exp":1"#)),
        ("unencoded content", header(r#","b64":false,"crit":["b64"]"#)),
        ("two algorithms", header(r#","alg":"dir""#)),
        ("a key of its own", header(r#","jwk":{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA"}"#)),
        ("a key that nobody knows", own("who")),
        ("another's key", own("b")),
        ("a key for signatures", own("ed")),
        ("a header that is no object", under(&wrapped, "[]")),
        ("a header that is too long", header(&format!(r#","x":"{}""#, "y".repeat(5_000)))),
        ("a header that is too deep", header(&format!(r#","x":{}{}"#, "[".repeat(50), "]".repeat(50)))),
        ("another spelling of the header", header(" ")),
    ]
}

/// Messages that are not good, at the operation that decrypts.
fn of_encryption() -> Vec<(&'static str, String)> {
    let (good, wrapped, agreed) =
        (encrypted("r", CLEAR, None), encrypted("a", CLEAR, None), encrypted("p384", CLEAR, None));
    let other = encrypted("a", r#"{"amount":2}"#, None);
    let part = |message: &str, index: usize| message.split('.').nth(index).unwrap().to_owned();
    let first = |text: &str, length: usize| text[..length].to_owned();
    let mut all = of_headers();
    all.extend([
        ("a changed key of RSA", flipped(&good, 1)),
        ("a changed wrapped key", flipped(&wrapped, 1)),
        ("a changed vector", flipped(&wrapped, 2)),
        ("changed content", flipped(&wrapped, 3)),
        ("changed content of GCM", flipped(&good, 3)),
        ("a changed tag", flipped(&wrapped, 4)),
        ("a shorter tag", with(&wrapped, 4, &first(&part(&wrapped, 4), 16))),
        ("no tag", with(&wrapped, 4, "")),
        ("no content", with(&wrapped, 3, "")),
        ("no key", with(&wrapped, 1, "")),
        ("another message's key", with(&wrapped, 1, &part(&other, 1))),
        ("another message's tag", with(&wrapped, 4, &part(&other, 4))),
        ("content and tag of another", with(&with(&wrapped, 3, &part(&other, 3)), 4, &part(&other, 4))),
        ("parts that changed places", with(&with(&wrapped, 2, &part(&wrapped, 4)), 4, &part(&wrapped, 2))),
        ("four parts", wrapped.rsplit_once('.').unwrap().0.to_owned()),
        ("six parts", format!("{wrapped}.AA")),
        ("padding", format!("{wrapped}=")),
        ("a line break", format!("{wrapped}\r\n")),
        ("cut in two", first(&agreed, agreed.len() / 2)),
        (
            "a point beside its curve",
            under(
                &agreed,
                r#"{"alg":"ECDH-ES+A256KW","enc":"A128GCM","kid":"p384","epk":{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}}"#,
            ),
        ),
        ("a signed message", signed(Algorithm::Es256, CLEAR, None)),
        ("clear text under another name", CLEAR.to_owned()),
        ("a message in a message", encrypted("a", &encrypted("a", CLEAR, None), Some("JOSE"))),
        ("content of another type", encrypted("a", CLEAR, Some("xml"))),
    ]);
    all
}

/// Fields that are not good, and fields in clear text.
fn of_fields() -> Vec<Case> {
    let field = |value: &str| send("POST", "/fields", PLAIN, format!(r#"{{"amount":1,"card":"{value}"}}"#));
    let number = encrypted("p256", r#"{"number":"4711"}"#, None);
    let mut all = Vec::new();
    for (name, body, expect) in [
        ("a field in clear text", send("POST", "/fields", PLAIN, CLEAR), clear()),
        ("a field that is null", send("POST", "/fields", PLAIN, r#"{"amount":1,"card":null}"#), clear()),
        ("a field that is no message", field("4711"), invalid()),
        ("a field that was changed", field(&flipped(&number, 4)), invalid()),
        ("a field that is signed alone", field(&signed(Algorithm::Es256, "{}", None)), invalid()),
        ("a field with no JSON in it", field(&encrypted("a", "4711'", None)), invalid()),
        (
            "a field twice, in clear text in another case",
            send("POST", "/fields", PLAIN, format!(r#"{{"amount":1,"card":"{number}","CARD":"4711"}}"#)),
            invalid(),
        ),
        (
            "a field twice",
            send("POST", "/fields", PLAIN, format!(r#"{{"amount":1,"card":"{number}","card":"{number}"}}"#)),
            Expect::Problem(400, "body_malformed"),
        ),
        (
            "fields in a form",
            send("POST", "/fields", "Content-Type: application/x-www-form-urlencoded\r\n", "card=1"),
            clear(),
        ),
    ] {
        all.push(case(name, body, expect).twin(field(&number)));
    }
    all
}

/// Kinds of signed things that say by `typ` what they are.
const KINDS: [&str; 9] = [
    "JWT",
    "application/at+jwt",
    "logout+jwt",
    "dpop+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "client-authentication+jwt",
    "txntoken+jwt",
    "oauth-authz-req+jwt",
];

fn cases() -> Vec<Case> {
    let post = |id: &str, message: &str| send("POST", &format!("/{id}"), JOSE, message);
    let good = encrypted("a", CLEAR, Some("json"));
    let mut all: Vec<Case> = of_encryption()
        .into_iter()
        .map(|(name, message)| case(name, post("opened", &message), invalid()).twin(post("opened", &good)))
        .collect();
    let jws = signed(Algorithm::Es256, CLEAR, None);
    for (name, message) in [
        ("a token in the place of a message", signed(Algorithm::Es256, CLEAR, Some("at+jwt"))),
        ("an algorithm that is not listed", signed(Algorithm::Es384, CLEAR, None)),
        ("a signature of RSA that is not listed", signed(Algorithm::Rs256, CLEAR, None)),
        ("no signature", under(&with(&jws, 2, ""), r#"{"alg":"none"}"#)),
        ("a signature by a shared key", under(&jws, r#"{"alg":"HS256","kid":"p256"}"#)),
        ("another content", with(&jws, 1, &jose::base64url_encode(br#"{"amount":2}"#))),
        ("a changed signature", flipped(&jws, 2)),
        ("an encrypted message", encrypted("a", CLEAR, None)),
    ] {
        all.push(case(name, post("verified", &message), invalid()).twin(post("verified", &jws)));
    }
    // Whatever else its key may have signed (RFC 8725 section 3.11).
    for typ in KINDS {
        let other = post("verified", &signed(Algorithm::Es256, CLEAR, Some(typ)));
        all.push(case(typ, other, invalid()).twin(post("verified", &jws)));
    }
    let nested = encrypted("r", &jws, Some("JOSE"));
    for (name, message) in [
        ("encrypted and not signed", encrypted("r", CLEAR, None)),
        ("signed and not encrypted", jws.clone()),
        ("signed outside", signed(Algorithm::Es256, &encrypted("r", CLEAR, None), None)),
        ("a bad signature inside", encrypted("r", &flipped(&jws, 2), Some("JOSE"))),
    ] {
        all.push(case(name, post("nested", &message), invalid()).twin(post("nested", &nested)));
    }
    for (name, id, message) in
        [("clear text", "opened", &good), ("clear text where it is signed", "verified", &jws)]
    {
        let plain = send("POST", &format!("/{id}"), PLAIN, CLEAR);
        all.push(case(name, plain, clear()).twin(post(id, message)));
    }
    let coded = send("POST", "/opened", &format!("{JOSE}Content-Encoding: gzip\r\n"), &good);
    all.push(case("a coding", coded, Expect::Problem(415, "coding_unsupported")).twin(post("opened", &good)));
    let amount = encrypted("a", r#"{"amount":"one"}"#, None);
    all.push(
        case(
            "good, and not what the contract wants",
            post("opened", &amount),
            Expect::Problem(400, "body_invalid"),
        )
        .twin(post("opened", &good)),
    );
    let twice = encrypted("a", r#"{"amount":1,"amount":2}"#, None);
    all.push(
        case("two values of one name inside", post("opened", &twice), Expect::Problem(400, "body_malformed"))
            .twin(post("opened", &good)),
    );
    let large =
        encrypted("a", &format!(r#"{{"amount":1,"card":{{"number":"{}"}}}}"#, "7".repeat(2 << 20)), None);
    all.push(
        case("too large", post("opened", &large), Expect::Problem(413, "body_too_large"))
            .twin(post("opened", &good)),
    );
    all.extend(of_fields());
    all
}

#[test]
fn hostile_messages_do_not_get_through_and_their_twins_do() {
    let (recorder, gateway) = start();
    let cases = cases();
    assert_eq!(cases.len(), 84);
    judge(&gateway, &recorder, &cases);
    for call in recorder.calls() {
        assert_eq!(call.body, CLEAR.as_bytes(), "{}", call.head.start);
        assert_eq!(call.head.get("content-type"), Some("application/json"));
        assert_eq!(call.head.get("content-length"), Some(&*CLEAR.len().to_string()));
    }
    reaches_naive(&cases);
}

/// All that is wrong with a message is one answer, but for what tells one call from another.
#[test]
fn whatever_is_wrong_is_told_in_the_same_words() {
    let (_recorder, gateway) = start();
    let mut told = std::collections::BTreeSet::new();
    let mut details = std::collections::BTreeSet::new();
    for (_, message) in of_encryption() {
        let reply = gateway.call(send("POST", "/opened", JOSE, message));
        let mut problem: Value = serde_json::from_slice(&reply.body).unwrap();
        problem.as_object_mut().unwrap().remove("instance");
        told.insert(problem.to_string());
        let line = gateway.log_of(&reply);
        let verdicts = line["verdicts"].as_array().unwrap();
        let refused =
            verdicts.iter().find(|one| one["control"] == "message_security" && one["outcome"] == "refuse");
        details.insert(refused.unwrap()["detail"].as_str().unwrap().to_owned());
    }
    assert_eq!(told.len(), 1, "{told:#?}");
    for reason in [
        "alg-not-allowed",
        "enc-not-allowed",
        "extension-refused",
        "unknown-key",
        "key-mismatch",
        "undecryptable",
        "malformed",
    ] {
        assert!(details.contains(&format!("decrypt: {reason}")), "{reason}: {details:?}");
    }
}

#[test]
fn every_kind_of_key_reaches_the_service() {
    let (recorder, gateway) = start();
    for kid in ["r", "a", "d-A256GCM", "p256", "p384", "p521", "x"] {
        let reply = gateway.call(send("POST", "/opened", JOSE, encrypted(kid, CLEAR, None)));
        assert_eq!((reply.status, recorder.last().body.as_slice()), (200, CLEAR.as_bytes()), "{kid}");
    }
    for algorithm in [Algorithm::Es256, Algorithm::Ps256, Algorithm::EdDsa] {
        let reply = gateway.call(send("POST", "/verified", JOSE, signed(algorithm, CLEAR, None)));
        assert_eq!((reply.status, recorder.last().body.as_slice()), (200, CLEAR.as_bytes()), "{algorithm}");
    }
}

#[test]
fn shadow_reports_and_changes_nothing() {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, CLEAR));
    let setup = setup("shadow");
    // Validation would not take a message: it is told to look on as well.
    let api = setup.api.replace("request: enforce, response: enforce", "request: shadow");
    let setup = Setup { api, ..setup };
    let gateway = Gateway::with_files(&setup, &recorder.url(), &FILES);
    for (message, outcome) in
        [(encrypted("a", CLEAR, None), "allow"), (flipped(&encrypted("a", CLEAR, None), 3), "refuse")]
    {
        let reply = gateway.call(send("POST", "/sealed", JOSE, &message));
        assert_eq!((reply.status, reply.body.as_slice()), (200, CLEAR.as_bytes()));
        assert_eq!(recorder.last().body, message.as_bytes());
        assert_eq!(recorder.last().head.get("content-type"), Some("application/jose"));
        let line = gateway.log_of(&reply);
        let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
        let refused =
            verdicts.iter().any(|one| one["control"] == "message_security" && one["outcome"] == "refuse");
        assert_eq!(refused, outcome == "refuse", "{line}");
    }
}

/// Another implementation as the peer: what it makes of messages, and the messages that it makes.
fn peer(steps: &Value) -> Vec<Value> {
    let [mut keys, reader] = [KEYS, READER].map(|keys| serde_json::from_str::<Value>(keys).unwrap());
    keys["keys"].as_array_mut().unwrap().push(reader["keys"][0].clone());
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/messages.mjs");
    let plan = json!({ "keys": keys, "do": steps }).to_string();
    let output = Command::new("node").arg(script).arg(plan).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn another_implementation_reads_answers_and_writes_bodies() {
    let (recorder, gateway) = start();
    let write = |kid: &str, alg: &str, enc: &str| json!({ "what": "encrypt", "kid": kid, "header": { "alg": alg, "enc": enc, "kid": kid, "cty": "json" }, "content": CLEAR });
    let messages = peer(&json!([
        write("r", "RSA-OAEP-256", "A256GCM"),
        write("p256", "ECDH-ES", "A128CBC-HS256"),
        write("p384", "ECDH-ES+A128KW", "A256CBC-HS512"),
        write("p521", "ECDH-ES+A256KW", "A256GCM"),
        write("x", "ECDH-ES+A256KW", "A128GCM"),
        write("a", "A128KW", "A128GCM"),
        write("b", "A256KW", "A256GCM"),
        write("d-A128CBC-HS256", "dir", "A128CBC-HS256"),
    ]));
    let mut steps = Vec::new();
    for message in messages {
        let message = message.as_str().unwrap();
        let reply = gateway.call(send("POST", "/sealed", JOSE, message));
        assert_eq!(reply.status, 200, "{message} {}", reply.text());
        assert_eq!(recorder.last().body, CLEAR.as_bytes());
        assert_eq!(reply.head.get("content-type"), Some("application/jose"));
        steps.push(json!({ "what": "decrypt", "kid": "reader", "message": reply.text() }));
    }
    let opened = peer(&Value::from(steps));
    let inner: Vec<Value> = opened
        .iter()
        .map(|opened| {
            assert_eq!(opened["header"]["cty"], "JOSE", "{opened}");
            json!({ "what": "verify", "kid": "p256", "message": opened["content"] })
        })
        .collect();
    for verified in peer(&Value::from(inner)) {
        assert_eq!((&verified["content"], &verified["header"]["cty"]), (&json!(CLEAR), &json!("json")));
    }
    // A field of an answer, and a signed message.
    let reply = gateway.call(send("POST", "/part", PLAIN, CLEAR));
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&answer["amount"], reply.head.get("content-type")), (&json!(1), Some("application/json")));
    let steps = json!([
        { "what": "decrypt", "kid": "reader", "message": answer["card"] },
        { "what": "sign", "kid": "ed", "header": { "alg": "EdDSA", "kid": "ed" }, "content": CLEAR },
    ]);
    let done = peer(&steps);
    assert_eq!(done[0]["content"], r#"{"number":"4711"}"#);
    let reply = gateway.call(send("POST", "/verified", JOSE, done[1].as_str().unwrap()));
    assert_eq!((reply.status, recorder.last().body.as_slice()), (200, CLEAR.as_bytes()), "{}", reply.text());
}
