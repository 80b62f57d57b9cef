//! Which sections are wrong, what becomes of bodies and of answers, and what clear text and bad messages are told.

use std::sync::Arc;

use bytes::Bytes;
use diagnostics::{Diagnostics, Sources};
use engine::control::Cancel;
use engine::{Attached, Body, Call, Mode, Step, Verdict};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jose::{
    Algorithm, ContentEncryption, Encrypted, KeyManagement, KeySet, OpeningKeys, Recipient, Signed, Signer,
};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core};

use super::{build, check_section, config};
use crate::scope::{Assets, Compiled, NamedKind, OperationKind, OperationScope};
use crate::security::kit::{SHOP, Setup, World};

mod callers;
mod directions;
mod places;
mod work;

/// Keys that are nobody's secret: two shared ones, one of a curve that agrees and signs, one that only agrees.
const KEYS: &str = r#"{"keys":[
    {"kty":"oct","kid":"w","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},
    {"kty":"oct","kid":"d","alg":"A128CBC-HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"},
    {"kty":"EC","kid":"e","crv":"P-256","x":"Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
     "y":"HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw","d":"r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8"},
    {"kty":"OKP","kid":"x","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
     "d":"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}]}"#;

const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers: { shop: { url: "https://idp.example.com/realms/shop" } }
apis: { t: { contract: ./api.yaml, upstream: http://127.0.0.1:3000, authentication: { oauth: { issuers: [shop], audience: t } }, validation: { response: enforce } } }
"#;
const CONTRACT: &str = r##"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /x:
    post:
      operationId: x
      security: [{ oauth: [] }]
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/payment" } } } }
      responses: { "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/payment" } } } } }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: {} } } }
    key: { type: apiKey, in: header, name: x-key }
    certificate: { type: mutualTLS }
  schemas:
    payment:
      type: object
      additionalProperties: false
      properties:
        amount: { type: integer }
        note: { type: string }
        card: { type: object, additionalProperties: false, properties: { number: { type: string } } }
        lines: { type: array, items: { type: object, additionalProperties: false, properties: { account: { type: string } } } }
"##;

const DECRYPT: &str = "decrypt: { keys: 'file:keys.jwks', algorithms: [A128KW, dir, ECDH-ES], encryption: [A128CBC-HS256, A256GCM] }";
const VERIFY: &str = "verify: { keys: 'file:keys.jwks', algorithms: [ES256] }";
const SIGN: &str = "sign: { keys: 'file:keys.jwks', algorithm: ES256, kid: e }";
const ENCRYPT: &str = "encrypt: { keys: 'file:keys.jwks', algorithm: ECDH-ES, encryption: A256GCM, kid: x }";

fn keys() -> Bytes {
    Bytes::from_static(KEYS.as_bytes())
}

/// What a section comes to, and what is wrong with it.
fn compiled(section: &str, websocket: bool) -> (Vec<Compiled>, Vec<String>) {
    compiled_with(section, KEYS, websocket)
}

fn compiled_with(section: &str, keys: &str, websocket: bool) -> (Vec<Compiled>, Vec<String>) {
    compiled_in((DOCUMENT, CONTRACT), section, keys, websocket)
}

fn compiled_in(
    (document, contract): (&str, &str),
    section: &str,
    keys: &str,
    websocket: bool,
) -> (Vec<Compiled>, Vec<String>) {
    let (mut found, mut sources) = (Diagnostics::new(), Sources::default());
    let file = sources.add("section.yaml", section);
    let node = spec::parse(section, file, &mut found).unwrap();
    check_section(&node, &mut found);
    let mut all = Vec::new();
    let text = |text: &str| Arc::from(text.as_bytes());
    let assets = Assets::from([
        (String::from("keys.jwks"), text(keys)),
        (String::from("env:KEYS"), text(KEYS)),
        (String::from("bad.jwks"), text(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#)),
        (String::from("none.jwks"), text(r#"{"keys":[]}"#)),
        (String::from("no.jwks"), text("secret")),
    ]);
    let setup = Setup { assets, ..Setup::new(document, contract) };
    setup.attach_and(&World::new(), 0, |api| {
        let operation = &api.contract.unwrap().operations[0];
        let scope = OperationScope {
            api,
            kind: OperationKind::Declared,
            contract: Some(operation),
            id: &operation.id,
            method: &operation.method,
            template: &operation.template,
            params: &[],
            siblings: &[],
            websocket,
            section: Some(&node),
        };
        all = build::compile(&scope, &mut found);
    });
    (all, found.iter().map(|one| one.message.clone()).collect())
}

fn attached(section: &str) -> Box<dyn Attached> {
    with_keys(section, KEYS)
}

fn with_keys(section: &str, keys: &str) -> Box<dyn Attached> {
    let (all, found) = compiled_with(section, keys, false);
    assert_eq!((all.len(), found), (1, Vec::new()), "{section}");
    Arc::clone(&all[0].control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

#[test]
fn wrong_sections_are_told() {
    let request = |more: &str| format!("request: {{ {more} }}");
    let answer = |more: &str| format!("answer: {{ {more} }}");
    for good in [
        request(DECRYPT),
        request(VERIFY),
        request(&format!("{DECRYPT}, {VERIFY}, required: false")),
        request(&DECRYPT.replace("file:keys.jwks", "env:KEYS")),
        request(&format!("fields: [/card, /lines/*/account], {DECRYPT}")),
        answer(SIGN),
        answer(ENCRYPT),
        answer(&format!("fields: [/note], values: text, {SIGN}, {ENCRYPT}")),
        format!("mode: shadow\n{}\n{}", request(DECRYPT), answer(SIGN)),
    ] {
        let (all, found) = compiled(&good, false);
        assert_eq!((all.len(), found), (1, Vec::new()), "{good}");
        assert_eq!(all[0].mode == Mode::Shadow, good.contains("shadow"));
    }
    assert_eq!(compiled("mode: off", false).0.len(), 0);
    for (section, said) in [
        (String::from("mode: enforce"), "the section protects nothing"),
        (request("required: true"), "`request` says nothing of what a message is"),
        (answer("values: text"), "`answer` says nothing of what a message is"),
        (request("decrypt: { keys: 'file:keys.jwks', encryption: [A256GCM] }"), "algorithms"),
        (request(&DECRYPT.replace("[A128KW, dir, ECDH-ES]", "[]")), "an empty `algorithms` accepts nothing"),
        (
            request(&DECRYPT.replace("[A128CBC-HS256, A256GCM]", "[]")),
            "an empty `encryption` accepts nothing",
        ),
        (request(&DECRYPT.replace("A128KW", "RSA1_5")), "RSA1_5"),
        (request(&DECRYPT.replace("A128KW", "RSA-OAEP")), "RSA-OAEP"),
        (request(&DECRYPT.replace("A128KW", "PBES2-HS256+A128KW")), "PBES2"),
        (request(&VERIFY.replace("ES256", "none")), "none"),
        (request(&VERIFY.replace("ES256", "HS256")), "HS256"),
        (request(&DECRYPT.replace("A128KW", "A256KW")), "none of them serves `A256KW`"),
        (request(&DECRYPT.replace("keys.jwks", "bad.jwks")), "a symmetric key has to name its `alg`"),
        (request(&DECRYPT.replace("keys.jwks", "none.jwks")), "no key of the set fits"),
        (request(&DECRYPT.replace("keys.jwks", "no.jwks")), "the key set is not usable json"),
        (request(&VERIFY.replace("keys.jwks", "none.jwks")), "none of them verifies a signature"),
        (request(&VERIFY.replace("[ES256]", "[ES256], callers: { app: who }")), "none has the `kid` `who`"),
        (request(&VERIFY.replace("[ES256]", "[ES256], callers: {}")), "an empty `callers` is for nobody"),
        (answer(&ENCRYPT.replace("kid: x", "callers: {}")), "an empty `callers` is for nobody"),
        (request(&VERIFY.replace("[ES256]", "[ES256], typ: ''")), "no message has an empty `typ`"),
        (answer(&SIGN.replace("kid: e", "kid: x")), "no key of the set fits"),
        (answer(&ENCRYPT.replace("kid: x", "kid: w")), "no key of the set fits"),
        (answer(&ENCRYPT.replace(", kid: x", "")), "more than one key of the set fits"),
        (answer(&ENCRYPT.replace("kid: x", "callers: { app: who }")), "no key of the set fits"),
        (answer(&ENCRYPT.replace("kid: x", "kid: x, callers: { app: x }")), "`kid` is for all callers"),
        (request(&format!("fields: [/cart], {DECRYPT}")), "the contract has `/cart` in no body"),
        (answer(&format!("fields: [/cart], {SIGN}")), "the contract has `/cart` in no answer"),
        (request(&format!("fields: [/card, /card/number], {DECRYPT}")), "may lead into each other"),
        (request(&format!("fields: [/*, /card], {DECRYPT}")), "may lead into each other"),
        (request(&format!("media_type: application/json, {DECRYPT}")), "cannot be told apart"),
        (request(&format!("media_type: jose, {DECRYPT}")), "`jose` is no media type"),
        (request(&format!("{DECRYPT}, zip: true")), "zip"),
    ] {
        let (all, found) = compiled(&section, false);
        assert!(all.is_empty() || found.iter().any(|one| one.contains(said)), "{section}");
        assert!(found.iter().any(|one| one.contains(said)), "{section}: {found:?}");
        assert!(found.iter().all(|one| !one.contains("secret")), "{found:?}");
    }
    let (_, found) = compiled(&answer(SIGN), true);
    assert!(found.iter().any(|one| one.contains("is a WebSocket")), "{found:?}");
}

#[test]
fn the_loader_is_told_where_keys_are() {
    let text = format!(
        "request: {{ {DECRYPT}, {} }}\nanswer: {{ {SIGN}, {ENCRYPT} }}",
        VERIFY.replace("file:keys.jwks", "env:KEYS")
    );
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let file = sources.add("x.yaml", &*text);
    let files = config::files(&spec::parse(&text, file, &mut found).unwrap());
    let names: Vec<&str> = files.iter().map(|file| &*file.path).collect();
    assert_eq!(names, ["keys.jwks", "env:KEYS", "keys.jwks", "keys.jwks"]);
    assert!(files.iter().all(|file| file.kind == NamedKind::Secret));
}

fn finish(step: Step<'_>) -> Verdict {
    match step {
        Step::Done(verdict) => verdict,
        Step::OffloadThen(job, then) => finish(then((job.run)(&Cancel::default()))),
        other => panic!("{other:?}"),
    }
}

/// The code of a verdict and its detail.
fn told(verdict: Verdict) -> (&'static str, String) {
    match verdict {
        Verdict::Allow => ("ok", String::new()),
        Verdict::Refuse(refusal) => (refusal.code.name, refusal.detail.into()),
        other => panic!("{other:?}"),
    }
}

/// Head and body of a call, to the first refusal.
fn judge(control: &dyn Attached, call: &mut Call) -> (&'static str, String) {
    match told(finish(control.head(call))) {
        ("ok", _) => told(finish(control.body(call))),
        refused => refused,
    }
}

fn sealed(kid: &str, content: &[u8], cty: Option<&str>) -> String {
    let (management, encryption) = match kid {
        "w" => (KeyManagement::A128Kw, ContentEncryption::A256Gcm),
        "d" => (KeyManagement::Dir, ContentEncryption::A128CbcHs256),
        _ => (KeyManagement::EcdhEs, ContentEncryption::A256Gcm),
    };
    Recipient::new(keys(), Some(kid), management, encryption).unwrap().encrypt(content, None, cty).unwrap()
}

fn signed(content: &[u8], typ: Option<&str>, cty: Option<&str>) -> String {
    Signer::new(keys(), Some("e"), Algorithm::Es256).unwrap().sign(content, typ, cty).unwrap()
}

fn post(media_type: &str, body: impl AsRef<[u8]>) -> CallBuilder {
    CallBuilder::new(Method::POST, "/x").body(media_type, Bytes::copy_from_slice(body.as_ref()))
}

fn field<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers[name].to_str().unwrap()
}

const JOSE: &str = "application/jose";
const JSON: &str = "application/json";
const CONTENT: &[u8] = br#"{"amount":1,"note":"n"}"#;

#[test]
fn what_is_in_a_message_is_the_body() {
    let open = attached(&format!("request: {{ {DECRYPT} }}"));
    let verify = attached(&format!("request: {{ {VERIFY} }}"));
    let both = attached(&format!("request: {{ {DECRYPT}, {VERIFY} }}"));
    let nested = |cty| sealed("w", signed(CONTENT, Some("JOSE"), Some("json")).as_bytes(), cty);
    for (control, message) in [
        (&open, sealed("w", CONTENT, None)),
        (&open, sealed("d", CONTENT, Some("json"))),
        (&open, sealed("e", CONTENT, Some("application/json"))),
        (&open, sealed("x", CONTENT, Some("JSON; charset=utf-8"))),
        (&verify, signed(CONTENT, None, None)),
        (&verify, signed(CONTENT, Some("jose"), Some("json"))),
        (&both, nested(Some("JOSE"))),
        (&both, nested(Some("application/JWT"))),
        (&both, nested(None)),
    ] {
        let mut call =
            post("Application/JOSE; x=y", &message).header("content-digest", "sha-256=:x:").build();
        assert_eq!(judge(&**control, &mut call), ("ok", String::new()), "{message}");
        assert_eq!(call.body.bytes(), CONTENT);
        let headers = &call.request.headers;
        assert_eq!((field(headers, "content-type"), field(headers, "content-length")), (JSON, "23"));
        assert!(!headers.contains_key("content-digest"));
    }
    // No body is for the contract to judge, whatever its type would be.
    let mut call = post(JOSE, "").length(engine::call::BodyLength::Known(0)).build();
    assert_eq!(judge(&*open, &mut call).0, "ok");
    let mut call = CallBuilder::new(Method::POST, "/x").build();
    assert_eq!(judge(&*open, &mut call).0, "ok");
}

#[test]
fn what_is_no_good_message_is_refused_by_one_code() {
    let open = format!("request: {{ {DECRYPT} }}");
    let verify = format!("request: {{ {VERIFY} }}");
    let typed = format!("request: {{ {} }}", VERIFY.replace("[ES256]", "[ES256], typ: order+jws"));
    let bound = format!("request: {{ {} }}", VERIFY.replace("[ES256]", "[ES256], callers: { shop: e }"));
    let both = format!("request: {{ {DECRYPT}, {VERIFY} }}");
    let good = sealed("w", CONTENT, None);
    let mut cut = good.clone();
    cut.pop();
    let not_listed =
        Recipient::new(keys(), Some("x"), KeyManagement::EcdhEsA128Kw, ContentEncryption::A256Gcm);
    let not_listed = not_listed.unwrap().encrypt(CONTENT, None, None).unwrap();
    let encryption = Recipient::new(keys(), Some("w"), KeyManagement::A128Kw, ContentEncryption::A128Gcm);
    let encryption = encryption.unwrap().encrypt(CONTENT, None, None).unwrap();
    let typ = Recipient::new(keys(), Some("w"), KeyManagement::A128Kw, ContentEncryption::A256Gcm).unwrap();
    let typ = typ.encrypt(CONTENT, Some("JWT"), None).unwrap();
    for (section, message, said) in [
        (&open, String::new(), "malformed"),
        (&open, String::from("{}"), "malformed"),
        (&open, cut, "malformed"),
        (&open, format!("{good}\n"), "malformed"),
        (&open, format!("A{}", &good[1..]), "malformed"),
        (&open, not_listed, "alg-not-allowed"),
        (&open, encryption, "enc-not-allowed"),
        (&open, typ, "another `typ`"),
        (&open, sealed("w", CONTENT, Some("xml")), "another `cty`"),
        (&open, sealed("w", CONTENT, Some("text/plain")), "another `cty`"),
        (&open, signed(CONTENT, None, None), "malformed"),
        (&verify, sealed("w", CONTENT, None), "malformed"),
        (&verify, signed(CONTENT, Some("at+jwt"), None), "another `typ`"),
        (&verify, signed(CONTENT, Some("JWT"), None), "another `typ`"),
        (&verify, signed(CONTENT, None, Some("xml")), "another `cty`"),
        (&verify, signed(CONTENT, None, None) + "A", "bad-signature"),
        (&typed, signed(CONTENT, None, None), "another `typ`"),
        (&typed, signed(CONTENT, Some("JOSE"), None), "another `typ`"),
        (&bound, signed(CONTENT, None, None), "no key of this caller is known"),
        (&both, sealed("w", CONTENT, None), "verify: malformed"),
        (&both, signed(CONTENT, None, None), "decrypt: malformed"),
        (&both, sealed("w", signed(CONTENT, None, None).as_bytes(), Some("json")), "another `cty`"),
        (&both, sealed("w", sealed("w", CONTENT, None).as_bytes(), Some("JOSE")), "verify: malformed"),
        (&both, sealed("w", b"\xff\xfe", Some("JOSE")), "verify: malformed"),
        // A message in a message is nothing that the contract would take.
        (&open, sealed("w", CONTENT, Some("JOSE")), "another `cty`"),
    ] {
        let control = attached(section);
        let mut call = post(JOSE, &message).length(engine::call::BodyLength::Unknown).build();
        let (code, detail) = judge(&*control, &mut call);
        assert_eq!(code, "protection_invalid", "{section} {message}");
        assert!(detail.contains(said), "{message}: {detail}");
        assert_eq!(call.body.bytes(), message.as_bytes());
    }
    for section in [&typed, &typed.replace("typ: order", "typ: application/order")] {
        for typ in ["order+jws", "Order+JWS", "application/order+jws"] {
            let mut call = post(JOSE, signed(CONTENT, Some(typ), None)).build();
            assert_eq!(judge(&*attached(section), &mut call).0, "ok", "{section} {typ}");
        }
    }
    for (application, said) in
        [(Some("shop"), "ok"), (Some("other"), "protection_invalid"), (None, "protection_invalid")]
    {
        let mut call = post(JOSE, signed(CONTENT, None, None)).principal(SHOP, "s", application).build();
        assert_eq!(judge(&*attached(&bound), &mut call).0, said, "{application:?}");
    }
}

#[test]
fn clear_text_is_refused_unless_it_need_not_be_protected() {
    let section = |more: &str| format!("request: {{ {DECRYPT}{more} }}");
    let (strict, lax) = (attached(&section("")), attached(&section(", required: false")));
    for (media_type, body) in
        [(JSON, CONTENT), ("text/plain", b"x"), ("jose", b"x"), ("application/jose+json", b"{}")]
    {
        assert_eq!(
            judge(&*strict, &mut post(media_type, body).build()).0,
            "body_unprotected",
            "{media_type}"
        );
        let mut call = post(media_type, body).build();
        assert_eq!(judge(&*lax, &mut call).0, "ok", "{media_type}");
        assert_eq!(call.body.bytes(), body);
    }
    let good = sealed("w", CONTENT, None);
    let mut twice = post(JOSE, &good).header("content-type", JSON).build();
    assert_eq!(judge(&*strict, &mut twice).0, "body_unprotected");
    for control in [&strict, &lax] {
        let mut call = post(JOSE, &good).header("content-encoding", "gzip").build();
        assert_eq!(judge(&**control, &mut call).0, "coding_unsupported");
        let mut call = post(JOSE, &good).build();
        assert_eq!(judge(&**control, &mut call).0, "ok");
        assert_eq!(call.body.bytes(), CONTENT);
    }
}

/// Where clear text passes, what is meant to be a message is one however its header is laid out.
#[test]
fn what_begins_as_a_message_is_no_clear_text() {
    let lax = attached(&format!("request: {{ fields: [/note], values: text, required: false, {DECRYPT} }}"));
    for (header, code) in [
        ("{\"alg\":\"dir\"}", "protection_invalid"),
        ("{ \"alg\":\"dir\"}", "protection_invalid"),
        ("{\n  \"alg\": \"dir\"}", "protection_invalid"),
        ("{\r\n\t\"alg\": \"dir\"}", "protection_invalid"),
        ("[\"alg\"]", "ok"),
        ("no header", "ok"),
    ] {
        let text = format!("{}.a.b.c.d", jose::base64url_encode(header.as_bytes()));
        let mut call = post(JSON, format!("{{\"note\":\"{text}\"}}")).build();
        assert_eq!(judge(&*lax, &mut call).0, code, "{header}");
    }
}

#[test]
fn a_body_where_none_is_declared_is_clear_text() {
    let contract = CONTRACT.replace("      requestBody:", "      x-none:");
    let compiled = |more: &str, answer: &str| {
        let section = format!("request: {{ {DECRYPT}{more} }}\n{answer}");
        let (all, found) = compiled_in((DOCUMENT, &contract), &section, KEYS, false);
        assert_eq!(found, [""; 0]);
        all
    };
    let all = compiled("", "");
    assert!(!all[0].control.needs().body);
    let control = Arc::clone(&all[0].control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
    for (call, code) in [
        (post(JSON, r#"{"clear":1}"#), "body_unprotected"),
        (post(JOSE, sealed("w", CONTENT, None)), "body_unprotected"),
        (CallBuilder::new(Method::POST, "/x"), "ok"),
    ] {
        assert_eq!(told(finish(control.head(&mut call.build()))).0, code);
    }
    assert!(compiled(", required: false", "").is_empty());
    assert_eq!(compiled(", required: false", &format!("answer: {{ {SIGN} }}")).len(), 1);
}

#[test]
fn fields_become_what_is_in_them() {
    let json = attached(&format!("request: {{ fields: [/card, /lines/*/account], {DECRYPT} }}"));
    let text = attached(&format!("request: {{ fields: [/note], values: text, {DECRYPT} }}"));
    let lax = attached(&format!("request: {{ fields: [/note], values: text, required: false, {DECRYPT} }}"));
    let card = sealed("w", br#" {"number" : "4711"} "#, Some("json"));
    let (one, two) = (sealed("w", b"\"DE1\"", None), sealed("x", b"null", None));
    let note = sealed("d", "a \"note\" \u{2013}".as_bytes(), Some("text/plain"));
    for (control, body, expected) in [
        (&json, format!(r#"{{"amount":1, "card":"{card}"}}"#), r#"{"amount":1,"card":{"number":"4711"}}"#),
        (&json, format!(r#"{{"CARD":"{card}"}}"#), r#"{"CARD":{"number":"4711"}}"#),
        (
            &json,
            format!(r#"{{"card":"{card}","Card":"{card}"}}"#),
            r#"{"card":{"number":"4711"},"Card":{"number":"4711"}}"#,
        ),
        (
            &json,
            format!(r#"{{"lines":[{{"account":"{one}"}},{{}},{{"account":"{two}"}}]}}"#),
            r#"{"lines":[{"account":"DE1"},{},{"account":null}]}"#,
        ),
        (&text, format!(r#"{{"note":"{note}"}}"#), "{\"note\":\"a \\\"note\\\" \u{2013}\"}"),
        (&lax, format!(r#"{{"note":"{note}"}}"#), "{\"note\":\"a \\\"note\\\" \u{2013}\"}"),
    ] {
        let mut call = post(JSON, &body).build();
        assert_eq!(judge(&**control, &mut call), ("ok", String::new()), "{body}");
        assert_eq!(call.body.bytes(), expected.as_bytes());
        assert_eq!(call.request.headers["content-length"], expected.len().to_string());
    }
    // What has no field stays as it is.
    for (control, body) in [
        (&json, r#"{ "amount": 1 }"#),
        (&json, r#"{"lines":[]}"#),
        (&lax, r#"{ "note": "clear" }"#),
        (&lax, r#"{"note":7}"#),
    ] {
        let mut call = post(JSON, body).build();
        assert_eq!((judge(&**control, &mut call).0, call.body.bytes().as_ref()), ("ok", body.as_bytes()));
    }
}

#[test]
fn fields_in_clear_text_and_fields_that_are_not_good_are_told_apart() {
    let json = attached(&format!("request: {{ fields: [/card, /lines/*/account], {DECRYPT} }}"));
    let text = attached(&format!("request: {{ fields: [/note], values: text, {DECRYPT} }}"));
    let card = sealed("w", br#"{"number":"4711"}"#, Some("json"));
    let one = sealed("w", b"\"DE1\"", None);
    let (unprotected, invalid) = ("body_unprotected", "protection_invalid");
    let many =
        format!(r#"{{"lines":[{}{{"account":"{one}"}}]}}"#, format!(r#"{{"account":"{one}"}},"#).repeat(64));
    for (control, media_type, body, code) in [
        (&json, JSON, String::from(r#"{"card":{"number":"4711"}}"#), unprotected),
        (&json, JSON, String::from(r#"{"card":null}"#), unprotected),
        (&json, JSON, String::from(r#"{"card":7}"#), unprotected),
        (&json, JSON, format!(r#"{{"card":["{card}"]}}"#), unprotected),
        (&json, JSON, String::from(r#"{"lines":"x"}"#), unprotected),
        (&json, JSON, format!(r#"[{{"card":"{card}"}}]"#), unprotected),
        (&json, JSON, format!(r#"[{{"op":"add","path":"/card","value":"{card}"}}]"#), unprotected),
        (&json, "application/json-patch+json", String::from("[]"), unprotected),
        (&json, "application/x-www-form-urlencoded", String::from("card=4711"), unprotected),
        (&json, JSON, String::from(r#"{"card":"4711"}"#), invalid),
        (&json, JSON, String::from(r#"{"card":""}"#), invalid),
        (&json, JSON, format!(r#"{{"card":"{}"}}"#, &card[..card.len() - 2]), invalid),
        (&json, JSON, format!(r#"{{"card":"{}"}}"#, sealed("w", b"not json", None)), invalid),
        (
            &json,
            JSON,
            format!(r#"{{"card":"{}"}}"#, sealed("w", br#"{"number":"1","number":"2"}"#, None)),
            invalid,
        ),
        (&json, JSON, format!(r#"{{"card":"{}"}}"#, sealed("w", b"{}", Some("xml"))), invalid),
        (&json, JSON, format!(r#"{{"card":"{}"}}"#, signed(b"{}", None, None)), invalid),
        (&json, JSON, format!(r#"{{"Card":"{card}","card":"4711"}}"#), invalid),
        (&text, JSON, format!(r#"{{"note":"{}"}}"#, sealed("w", b"\xff", None)), invalid),
        (&json, JSON, many, "body_out_of_bounds"),
        (&json, JSON, format!(r#"{{"card":"{card}","card":"{card}"}}"#), "body_malformed"),
        (&json, JSON, String::from("{"), "body_malformed"),
    ] {
        let mut call = post(media_type, &body).build();
        assert_eq!(judge(&**control, &mut call).0, code, "{body}");
        assert_eq!(call.body.bytes(), body.as_bytes());
    }
}

fn answer(call: &mut Call, status: u16, media_type: &str, body: impl AsRef<[u8]>) {
    let mut headers = HeaderMap::new();
    if !media_type.is_empty() {
        headers.insert("content-type", HeaderValue::from_str(media_type).unwrap());
    }
    headers.insert("etag", HeaderValue::from_static("\"1\""));
    headers.insert("content-length", HeaderValue::from(body.as_ref().len()));
    call.response.status = StatusCode::from_u16(status).unwrap();
    call.response.headers = headers;
    call.response.body = Body::new(Bytes::copy_from_slice(body.as_ref()));
}

/// Head and body of an answer.
fn seal(control: &dyn Attached, call: &mut Call) -> (&'static str, String) {
    match told(finish(control.response_head(call))) {
        ("ok", _) => told(finish(control.response_body(call))),
        refused => refused,
    }
}

fn opened(message: &[u8]) -> (Vec<u8>, Option<String>, Option<String>) {
    let message = Encrypted::parse(std::str::from_utf8(message).unwrap()).unwrap();
    let keys = OpeningKeys::parse(keys()).unwrap();
    let content = message.open(&keys, (&KeyManagement::ALL, &ContentEncryption::ALL)).unwrap();
    (content, message.header().cty.clone(), message.header().kid.clone())
}

fn verified(message: &[u8]) -> (Vec<u8>, Option<String>) {
    let message = Signed::parse(std::str::from_utf8(message).unwrap()).unwrap();
    let content = message.verify(&KeySet::parse(keys()).unwrap(), &[Algorithm::Es256]).unwrap();
    (content, message.header().cty.clone())
}

#[test]
fn answers_are_sealed_as_a_whole() {
    let sign = attached(&format!("answer: {{ {SIGN} }}"));
    let encrypt = attached(&format!("answer: {{ {ENCRYPT}, media_type: application/jwe }}"));
    let both = attached(&format!("answer: {{ {SIGN}, {ENCRYPT} }}"));
    let some = |text: &str| Some(text.to_owned());
    for (media_type, cty) in [
        ("application/json", some("json")),
        ("text/html; charset=utf-8", some("text/html; charset=utf-8")),
        ("", None),
    ] {
        let mut call =
            CallBuilder::get("/x").header("range", "bytes=0-1").header("if-none-match", "\"1\"").build();
        assert_eq!(told(finish(sign.head(&mut call))).0, "ok");
        let headers = &call.request.headers;
        assert_eq!(headers["accept-encoding"], "identity");
        assert!(!headers.contains_key("range") && !headers.contains_key("if-none-match"));
        answer(&mut call, 404, media_type, CONTENT);
        assert_eq!(seal(&*sign, &mut call), ("ok", String::new()));
        assert_eq!(verified(call.response.body.bytes()), (CONTENT.to_vec(), cty.clone()));
        assert_eq!(call.response.headers["content-type"], JOSE);
        assert!(!call.response.headers.contains_key("etag"));
        answer(&mut call, 200, media_type, CONTENT);
        assert_eq!(seal(&*encrypt, &mut call).0, "ok");
        assert_eq!(opened(call.response.body.bytes()), (CONTENT.to_vec(), cty.clone(), some("x")));
        assert_eq!(call.response.headers["content-type"], "application/jwe");
        answer(&mut call, 200, media_type, CONTENT);
        assert_eq!(seal(&*both, &mut call).0, "ok");
        let (inner, outer, _) = opened(call.response.body.bytes());
        assert_eq!((verified(&inner), outer), ((CONTENT.to_vec(), cty), some("JOSE")));
    }
    for (accept, upstream) in
        [("Application/JOSE;q=1, text/html", "*/*"), ("application/json", "application/json"), ("*/*", "*/*")]
    {
        let mut call = CallBuilder::get("/x").header("accept", accept).build();
        assert_eq!(told(finish(sign.head(&mut call))).0, "ok");
        assert_eq!(field(&call.request.headers, "accept"), upstream);
    }
    // Nothing stays nothing; the length of what is not there is not told.
    let mut call = CallBuilder::new(Method::HEAD, "/x").build();
    answer(&mut call, 200, JSON, b"");
    call.response.headers.insert("content-length", HeaderValue::from(23));
    assert_eq!(seal(&*both, &mut call).0, "ok");
    assert!(call.response.body.bytes().is_empty() && !call.response.headers.contains_key("content-length"));
    assert_eq!(call.response.headers["content-type"], JOSE);
    for (status, media_type, fields) in [
        (206, JSON, ("x", "y")),
        (200, JSON, ("content-range", "bytes 0-1/2")),
        (200, JSON, ("content-encoding", "gzip")),
        (200, "text/event-stream", ("x", "y")),
    ] {
        let mut call = CallBuilder::get("/x").build();
        answer(&mut call, status, media_type, CONTENT);
        call.response.headers.insert(fields.0, HeaderValue::from_static(fields.1));
        assert_eq!(seal(&*both, &mut call).0, "answer_unreadable", "{status} {media_type} {fields:?}");
    }
}

#[test]
fn each_application_reads_by_its_own_key() {
    let section = ENCRYPT.replace("kid: x", "callers: { shop: x, other: e }");
    let control = attached(&format!("answer: {{ {section} }}"));
    for (application, kid) in [("shop", "x"), ("other", "e")] {
        let mut call = CallBuilder::get("/x").principal(SHOP, "s", Some(application)).build();
        assert_eq!(told(finish(control.head(&mut call))).0, "ok");
        answer(&mut call, 200, JSON, CONTENT);
        assert_eq!(seal(&*control, &mut call).0, "ok");
        let (content, _, read_by) = opened(call.response.body.bytes());
        assert_eq!((content.as_slice(), read_by.as_deref()), (CONTENT, Some(kid)));
        // No cache has it for others.
        answer(&mut call, 200, JSON, CONTENT);
        call.response.headers.insert("cache-control", HeaderValue::from_static("public, max-age=60"));
        assert_eq!(seal(&*control, &mut call).0, "ok");
        let headers = &call.response.headers;
        assert_eq!((field(headers, "cache-control"), field(headers, "vary")), ("private", "authorization"));
    }
    for call in [CallBuilder::get("/x"), CallBuilder::get("/x").principal(SHOP, "s", Some("third"))] {
        let mut call = call.build();
        assert_eq!(told(finish(control.head(&mut call))).0, "recipient_unknown");
        // And if it came so far nothing would go out in clear text.
        answer(&mut call, 200, JSON, CONTENT);
        assert_eq!(seal(&*control, &mut call).0, "control_failed");
    }
}

#[test]
fn fields_of_answers_are_sealed_each_by_itself() {
    let json = attached(&format!("answer: {{ fields: [/card, /lines/*/account], {SIGN}, {ENCRYPT} }}"));
    let text = attached(&format!("answer: {{ fields: [/note], values: text, {ENCRYPT} }}"));
    let mut call = CallBuilder::get("/x").build();
    answer(&mut call, 200, JSON, r#"{"amount":1,"card":{"number":"4711"},"lines":[{"account":"a"},{}]}"#);
    assert_eq!(seal(&*json, &mut call), ("ok", String::new()));
    assert_eq!(call.response.headers["content-type"], JSON);
    let sealed: serde_json::Value = serde_json::from_slice(call.response.body.bytes()).unwrap();
    for (place, content) in [("/card", &br#"{"number":"4711"}"#[..]), ("/lines/0/account", b"\"a\"")] {
        let (inner, outer, _) = opened(sealed.pointer(place).unwrap().as_str().unwrap().as_bytes());
        assert_eq!((verified(&inner).0.as_slice(), outer.as_deref()), (content, Some("JOSE")));
    }
    assert_eq!((&sealed["amount"], &sealed["lines"][1]), (&1.into(), &serde_json::json!({})));
    answer(&mut call, 200, JSON, r#"{"note":"n\u0041"}"#);
    assert_eq!(seal(&*text, &mut call).0, "ok");
    let sealed: serde_json::Value = serde_json::from_slice(call.response.body.bytes()).unwrap();
    let (content, cty, _) = opened(sealed["note"].as_str().unwrap().as_bytes());
    assert_eq!((content.as_slice(), cty.as_deref()), (&b"nA"[..], Some("text/plain")));
    // What has none of the fields stays as it is.
    answer(&mut call, 200, JSON, "{ \"amount\": 1 }");
    assert_eq!(
        (seal(&*json, &mut call).0, call.response.body.bytes().as_ref()),
        ("ok", &b"{ \"amount\": 1 }"[..])
    );
    for (control, media_type, body) in [
        (&json, "text/html", "{}"),
        (&json, "", "{}"),
        (&json, "application/json-patch+json", "[]"),
        (&json, JSON, "{\"card\""),
        (&json, JSON, r#"{"card":1,"card":2}"#),
        (&json, JSON, r#"{"lines":"x"}"#),
        (&json, JSON, r#"[{"card":{}}]"#),
        (&text, JSON, r#"{"note":7}"#),
    ] {
        answer(&mut call, 200, media_type, body);
        assert_eq!(seal(&**control, &mut call).0, "answer_unreadable", "{media_type} {body}");
    }
}

#[test]
fn in_shadow_everything_is_tried_and_nothing_changed() {
    let control = attached(&format!("mode: shadow\nrequest: {{ {DECRYPT} }}\nanswer: {{ {SIGN} }}"));
    for (media_type, message, code) in [
        (JOSE, sealed("w", CONTENT, None), "ok"),
        (JOSE, sealed("w", CONTENT, Some("xml")), "protection_invalid"),
        (JSON, String::from("{}"), "body_unprotected"),
    ] {
        let mut call = post(media_type, &message).header("accept-encoding", "gzip").build();
        assert_eq!(judge(&*control, &mut call).0, code);
        let headers = &call.request.headers;
        assert_eq!((field(headers, "content-type"), field(headers, "accept-encoding")), (media_type, "gzip"));
        assert_eq!(call.body.bytes(), message.as_bytes());
        answer(&mut call, 200, JSON, CONTENT);
        assert_eq!(seal(&*control, &mut call).0, "ok");
        assert_eq!(call.response.body.bytes(), CONTENT);
        assert_eq!(field(&call.response.headers, "etag"), "\"1\"");
    }
}
