//! Calls that PyPI's `http-message-signatures` signs with each algorithm, keys by `openssl`, and somebody on the way who changes them.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::path::Path;
use std::process::Command;

use crate::common::{Gateway, House, text};
use serde_json::{Value, json};
use testkit::{Answer, Recorder};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
security: [{ signed: ["notes:read"] }]
components: { securitySchemes: { signed: { type: http, scheme: signature } } }
paths:
  /notes:
    get:
      operationId: listNotes
      parameters: [{ name: q, in: query, schema: { type: string } }]
      responses: { "200": { description: ok } }
    post:
      operationId: addNote
      security: [{ signed: ["notes:write"] }]
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, required: [text], properties: { text: { type: string } } } } }
      responses: { "200": { description: ok } }
"##;

/// Algorithm, and what `openssl genpkey` makes its key by.
pub(crate) const ALGORITHMS: [(&str, &[&str]); 6] = [
    ("ed25519", &["-algorithm", "ED25519"]),
    ("ecdsa-p256-sha256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("ecdsa-p384-sha384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("rsa-pss-sha512", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("rsa-v1_5-sha256", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("hmac-sha256", &[]),
];

fn openssl(house: &House, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(house.dir.path()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
}

/// Makes a key: `NAME.key`, and where there is one its public half, `NAME.pem`.
pub(crate) fn make_key(house: &House, name: &str, made_by: &[&str]) {
    let (private, public) = (format!("{name}.key"), format!("{name}.pem"));
    if made_by.is_empty() {
        return house.write(&private, "a secret that is as long as it has to be");
    }
    openssl(house, &[&["genpkey", "-out", &private][..], made_by].concat());
    openssl(house, &["pkey", "-in", &private, "-pubout", "-out", &public]);
}

/// Makes a key for each algorithm, and the lines of the document that name them.
fn signers(house: &House) -> String {
    let mut lines = String::new();
    for (name, made_by) in ALGORITHMS {
        make_key(house, name, made_by);
        let kept = match name {
            "hmac-sha256" => format!("secret: \"file:{name}.key\""),
            rsa if rsa.starts_with("rsa") => format!("public: \"file:{name}.pem\", algorithm: {name}"),
            _ => format!("public: \"file:{name}.pem\""),
        };
        let scopes = "scopes: [\"notes:read\", \"notes:write\"]";
        lines.push_str(&format!("      {name}: {{ subject: {name}, {scopes}, {kept} }}\n"));
    }
    lines
}

/// A gateway that takes signed calls, and signs those to its service as `sign` says.
pub(crate) fn start(house: &House, service: &Recorder, sign: &str) -> Gateway {
    house.write("yett.yaml", &document(house, service, sign));
    Gateway::start(house)
}

fn document(house: &House, service: &Recorder, sign: &str) -> String {
    house.write("openapi.yaml", CONTRACT);
    let signers = signers(house);
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\nsigners:\n  partners:\n    keys:\n{signers}\
         upstreams:\n  notes: {{ url: \"{}\"{sign} }}\napis:\n  notes:\n    contract: ./openapi.yaml\n    upstream: notes\n    \
         bodies: {{ codings: [gzip] }}\n    authentication: {{ signed: {{ signers: [partners] }} }}\n",
        service.url()
    )
}

/// What became of calls.
pub(crate) fn client(house: &House, calls: &Value) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = |name: &str| house.path(&format!("{name}.key")).to_str().unwrap().to_owned();
    let keys = ALGORITHMS.map(|(name, _)| (name.to_owned(), json!({ "alg": name, "file": file(name) })));
    let plan = json!({ "keys": serde_json::Map::from_iter(keys), "calls": calls });
    let mut command = Command::new(root.join(".peers/venv/bin/python"));
    let output = command.arg(root.join("tests/peers/signer.py")).arg(plan.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn outcome(call: &Value) -> (u64, &str) {
    (call["status"].as_u64().unwrap(), call["code"].as_str().unwrap())
}

#[test]
fn threat_33_a_standard_client_signs_its_calls_and_nobody_else_does() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let gateway = start(&house, &service, "");
    let url = |target: &str| format!("http://{}{target}", gateway.url);
    let (list, body) = (url("/notes?q=a%20b"), json!({ "text": "buy bread" }).to_string());
    for (name, _) in ALGORITHMS {
        let before = service.count();
        let good = [
            json!({ "key": name, "url": list }),
            json!({ "key": name, "url": list, "covered": ["@method", "@target-uri"], "include_alg": false }),
            json!({ "key": name, "url": list, "headers": { "X-Request-Id": "7" } }),
            json!({ "key": name, "url": url("/notes"), "method": "POST", "body": body }),
            json!({ "key": name, "url": url("/notes"), "method": "POST", "body": body, "chunked": true }),
            json!({ "key": name, "url": url("/notes"), "method": "POST", "body": body, "gzip": true }),
        ];
        for (call, ended) in good.iter().zip(client(&house, &json!(good))) {
            assert_eq!(outcome(&ended), (200, "ok"), "{name}: {call} {ended}");
        }
        assert_eq!(service.count() - before, good.len());
    }
    let seen = text(&service.bytes()).to_lowercase();
    assert!(!seen.contains("\nsignature"), "the fields of signatures end at the gateway");
    assert!(seen.contains("buy bread"));
}

#[test]
fn threat_33_what_is_changed_on_the_way_goes_nowhere() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let gateway = start(&house, &service, "");
    let url = |target: &str| format!("http://{}{target}", gateway.url);
    let (list, notes) = (url("/notes?q=a"), url("/notes"));
    let body = json!({ "text": "pay 10" }).to_string();
    let get = |more: Value| {
        let mut call = json!({ "key": "ed25519", "url": list });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    let post = |more: Value| {
        let mut call = json!({ "key": "ed25519", "url": notes, "method": "POST", "body": body });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    let other = json!({ "text": "pay 99" }).to_string();
    let invalid = (401, "signature_invalid");
    let hostile = [
        (get(json!({ "then": { "url": url("/notes?q=b") } })), invalid),
        (get(json!({ "then": { "url": url("/notes") } })), invalid),
        (get(json!({ "then": { "add": { "Authorization": "Bearer x" } } })), invalid),
        (get(json!({ "then": { "add": { "Cookie": "a=b" } } })), invalid),
        (get(json!({ "then": { "add": { "Host": "other.example.com" } } })), invalid),
        (get(json!({ "then": { "drop": ["Signature"] } })), invalid),
        (get(json!({ "then": { "drop": ["Signature", "Signature-Input"] } })), (401, "credential_missing")),
        (get(json!({ "age": -61 })), invalid),
        (get(json!({ "age": 60 })), invalid),
        (get(json!({ "keyid": "hmac-sha256" })), invalid),
        (get(json!({ "keyid": "ecdsa-p256-sha256", "include_alg": false })), invalid),
        (get(json!({ "keyid": "nobody" })), invalid),
        (get(json!({ "covered": ["@method", "@authority", "@path"] })), invalid),
        (get(json!({ "covered": ["@authority", "@path", "@query"] })), invalid),
        (post(json!({ "then": { "body": other } })), (401, "digest_mismatch")),
        (post(json!({ "chunked": true, "then": { "body": other } })), (401, "digest_mismatch")),
        (
            post(json!({ "then": { "add": { "Content-Type": "application/x-www-form-urlencoded" } } })),
            invalid,
        ),
        (post(json!({ "then": { "add": { "Content-Encoding": "gzip" } } })), invalid),
        (post(json!({ "then": { "add": { "Content-Digest": "sha-256=:AAAA:" } } })), invalid),
        (post(json!({ "covered": ["@method", "@authority", "@path", "@query"] })), invalid),
    ];
    let calls: Vec<&Value> = hostile.iter().map(|(call, _)| call).collect();
    let ended = client(&house, &json!(calls));
    for ((call, expected), ended) in hostile.iter().zip(&ended) {
        assert_eq!(outcome(ended), *expected, "{call} {ended}");
        assert!(ended["challenge"].as_str().unwrap().starts_with("Signature realm=\"notes\""), "{ended}");
        assert!(ended["accept"].as_str().unwrap().starts_with("sig=(\"@method\" \"@authority\""), "{ended}");
    }
    assert_eq!(service.count(), 0, "nothing of it reached the service");
    let twice = client(&house, &json!([get(json!({ "then": { "twice": true } })), get(json!({}))]));
    assert_eq!((outcome(&twice[0]), outcome(&twice[0]["again"])), ((200, "ok"), invalid));
    assert_eq!(outcome(&twice[1]), (200, "ok"));
    assert_eq!(service.count(), 2);
}

#[test]
fn who_is_revoked_signs_in_vain() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    house.write("yett.yaml", &format!("{}store: {{}}\n", document(&house, &service, "")));
    let gateway = Gateway::start(&house);
    let url = format!("http://{}/notes", gateway.url);
    let ended = |key: &str| {
        let all = client(&house, &json!([{ "key": key, "url": url }]));
        let (status, code) = outcome(&all[0]);
        (status, code.to_owned())
    };
    let (good, revoked) = ((200, "ok".to_owned()), (401, "signature_invalid".to_owned()));
    assert_eq!((ended("ed25519"), ended("hmac-sha256")), (good.clone(), good.clone()));
    house.good(&["revoke", "subject", "ed25519", "--issuer", "partners"]);
    assert_eq!((ended("ed25519"), ended("hmac-sha256")), (revoked.clone(), good));
    // One that is named by a token's own means is none.
    let said = house.bad(&["revoke", "session", "s1", "--issuer", "partners"]);
    assert!(said.contains("are signers"), "{said}");
    let said = house.bad(&["revoke", "subject", "ed25519", "--issuer", "partner"]);
    assert!(said.contains("did you mean `partners`"), "{said}");
    house.good(&["revoke", "issuer", "partners"]);
    assert_eq!(ended("hmac-sha256"), revoked);
}
