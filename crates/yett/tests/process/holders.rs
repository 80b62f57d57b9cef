//! Tokens of a real provider that are bound to their holders: npm's `oidc-provider` gives them, `oauth4webapi` proves that it
//! holds the key, `openssl` makes the certificates, and a thief has all of it but the key.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{self, Gateway, House, call, text};
use serde_json::{Value, json};
use testkit::{Answer, Peer, Recorder};

pub(crate) const ES256: &str = "urn:yett:orders";
const OPAQUE: &str = "urn:yett:orders:opaque";

pub(crate) fn peers(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(name)
}

/// A running provider; it is killed when dropped.
pub(crate) struct Provider {
    _peer: Peer,
    pub(crate) about: Value,
}

impl Provider {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(Peer::start(Command::new("node").arg(peers("oidc-provider.mjs")).args(arguments)))
    }

    /// Of another make.
    pub(crate) fn of(peer: Peer) -> Self {
        let about = serde_json::from_str(&peer.about).expect("the provider says where it is");
        Self { _peer: peer, about }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.about[name].as_str().unwrap()
    }

    pub(crate) fn secret(&self, client: &str) -> &str {
        self.about["clients"][client]["secret"].as_str().unwrap()
    }

    /// What the client `holder.mjs` was given and what became of its calls.
    pub(crate) fn client(&self, client: &str, resource: &str, more: Value) -> Value {
        let mut plan = json!({
            "issuer": self.text("issuer"), "client": client, "secret": self.secret(client),
            "resource": resource, "scope": "orders:read", "calls": [],
        });
        if let (Some(plan), Value::Object(more)) = (plan.as_object_mut(), more) {
            plan.extend(more);
        }
        let mut command = Command::new("node");
        let output = command.arg(peers("holder.mjs")).arg(plan.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Takes a token back (RFC 7009).
    fn revoke(&self, client: &str, token: &str) {
        let body = format!("client_id={client}&client_secret={}&token={token}", self.secret(client));
        let output = Command::new("curl")
            .args(["--silent", "--fail", "--data", &body, self.text("revocation_endpoint")])
            .output()
            .unwrap();
        assert!(output.status.success());
    }
}

/// A document with an API of the provider's tokens, and lines of its own.
pub(crate) fn document(service: &Recorder, provider: &Provider, issuer: &str, api: &str) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\n\
         issuers:\n  idp: {{ url: \"{}\", audience: orders-api, scopes_from: scope{issuer} }}\n\
         apis:\n  notes:\n    contract: ./openapi.yaml\n    upstream: {}\n{api}",
        provider.text("issuer"),
        service.url()
    )
}

/// The service behind the gateway.
pub(crate) fn service() -> Recorder {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, "{}"));
    recorder
}

/// The contract of these tests, by the provider's scopes.
pub(crate) fn house() -> House {
    let house = House::new();
    house.write("openapi.yaml", &common::CONTRACT.replace("notes:read", "orders:read"));
    house
}

pub(crate) fn outcome(call: &Value) -> (u64, &str) {
    (call["status"].as_u64().unwrap(), call["code"].as_str().unwrap_or("ok"))
}

#[test]
fn threat_32_a_standard_client_proves_its_key_and_a_thief_cannot() {
    let (house, service, provider) = (house(), service(), Provider::start(&[]));
    let api = "    authentication: { oauth: { issuers: [idp], sender_constrained: dpop } }\n    dpop: { nonce: required }\n";
    house.write("yett.yaml", &document(&service, &provider, "", api));
    let gateway = Gateway::start(&house);
    let url = format!("http://{}/notes", gateway.url);
    for algorithm in ["ES256", "PS256", "Ed25519"] {
        let before = service.count();
        let calls = json!({ "alg": algorithm, "calls": [
            { "as": "holder", "url": url }, { "as": "holder", "url": url },
            { "as": "thief", "url": url }, { "as": "bearer", "url": url }, { "as": "holder", "url": url },
        ] });
        let client = provider.client("holder", ES256, calls);
        assert_eq!(client["token_type"], "dpop");
        let calls = client["calls"].as_array().unwrap();
        assert_eq!(outcome(&calls[0]), (200, "ok"), "{algorithm} {client}");
        assert_eq!(calls[0]["retried"], true, "it was asked for a nonce");
        assert_eq!((outcome(&calls[4]), &calls[4]["retried"]), ((200, "ok"), &json!(false)), "and kept it");
        for (number, error) in [(2, "DPoP"), (3, "DPoP")] {
            assert_eq!(outcome(&calls[number]), (401, "token_invalid"), "{algorithm} {number}");
            let challenge = calls[number]["challenge"].as_str().unwrap();
            assert!(challenge.starts_with(error) && challenge.contains("invalid_token"), "{challenge}");
        }
        let passed = calls.iter().filter(|call| call["status"] == 200).count();
        assert_eq!(service.count() - before, passed, "what was refused went nowhere");
    }
    let seen = text(&service.bytes()).to_lowercase();
    assert!(
        seen.contains("authorization: dpop ") && !seen.contains("\ndpop:"),
        "the proof was for the gateway"
    );
    let (status, page) = call(&gateway.url, "GET", "/.well-known/oauth-protected-resource", None, None);
    assert_eq!(status, 200);
    assert!(page.contains("\"dpop_bound_access_tokens_required\":true"), "{page}");
}

#[test]
fn opaque_tokens_are_asked_about_in_every_way_and_end_when_they_are_taken_back() {
    let house = house();
    let key = house.path("client.key");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"])
        .arg(&key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let service = service();
    let provider = Provider::start(&["--gateway-key", key.to_str().unwrap()]);
    let endpoint = provider.text("introspection_endpoint");
    house.write("gateway.secret", &format!("{}\n", provider.secret("gateway")));
    house.write("signed.secret", provider.secret("gateway-signed"));
    for settings in [
        "client_id: gateway, client_secret: \"file:gateway.secret\"",
        "client_id: gateway, client_secret: \"file:gateway.secret\", max_age: 1s",
        "client_id: gateway-signed, client_secret: \"file:signed.secret\", signed: true",
        "client_id: gateway-key, client_key: \"file:client.key\", client_authentication: private_key_jwt",
    ] {
        let issuer = format!(", introspection: {{ url: \"{endpoint}\", {settings} }}");
        let api = "    authentication: { oauth: { issuers: [idp] } }\n";
        house.write("yett.yaml", &document(&service, &provider, &issuer, api));
        let gateway = Gateway::start(&house);
        let get = |token: &str| call(&gateway.url, "GET", "/notes", Some(token), None);
        let before = service.count();
        let plain = provider.client("reader", OPAQUE, json!({ "plain": true }));
        let token = plain["token"].as_str().unwrap();
        assert!(!token.contains('.'), "opaque: {token}");
        for _ in 0..4 {
            let (status, answer) = get(token);
            assert_eq!(status, 200, "{settings}: {answer}");
        }
        assert_eq!(get("of-nobody").0, 401, "{settings}");
        assert_eq!(service.count() - before, 4);
        provider.revoke("reader", token);
        if settings.contains("1s") {
            let ended = testkit::until(20, || (get(token).0 == 401).then_some(()));
            assert!(ended.is_some(), "a token that was taken back is good for `max_age` at most");
        }
        // Bound ones are bound, told or read.
        let url = format!("http://{}/notes", gateway.url);
        let calls = json!({ "calls": [
            { "as": "holder", "url": url }, { "as": "holder", "url": url }, { "as": "thief", "url": url },
            { "as": "bearer", "url": url },
        ] });
        let bound = provider.client("holder", OPAQUE, calls);
        let found: Vec<_> = bound["calls"].as_array().unwrap().iter().map(outcome).collect();
        let invalid = (401, "token_invalid");
        assert_eq!(found, [(200, "ok"), (200, "ok"), invalid, invalid], "{settings}");
    }
    // An endpoint that refuses the gateway itself proves nothing.
    house.write("gateway.secret", "wrong");
    let settings = "client_id: gateway, client_secret: \"file:gateway.secret\"";
    let issuer = format!(", introspection: {{ url: \"{endpoint}\", {settings} }}");
    let api = "    authentication: { oauth: { issuers: [idp] } }\n";
    house.write("yett.yaml", &document(&service, &provider, &issuer, api));
    let gateway = Gateway::start(&house);
    let before = service.count();
    let (status, answer) = call(&gateway.url, "GET", "/notes", Some("opaque"), None);
    assert!(status == 503 && answer.contains("issuer_unavailable"), "{answer}");
    assert_eq!(service.count(), before);
}

/// A certificate of an authority, both by openssl: `NAME.pem` and `NAME.key`.
pub(crate) fn certificate(house: &House, name: &str) {
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(house.dir.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    };
    let (key, pem, request) = (format!("{name}.key"), format!("{name}.pem"), format!("{name}.csr"));
    let subject = format!("/CN={name}");
    let new = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        &key,
        "-subj",
        &subject,
    ];
    if name == "ca" {
        let own = ["req", "-x509", "-days", "30", "-out", &pem];
        return openssl(&[&own[..], &new[..]].concat());
    }
    openssl(&[&["req", "-out", &request][..], &new[..]].concat());
    house.write("names.cnf", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl(&[
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "30",
        "-extfile",
        "names.cnf",
        "-out",
        &pem,
    ]);
}

#[test]
fn threat_32_a_token_is_good_on_connections_with_its_certificate_only() {
    let (house, service, provider) = (house(), service(), Provider::start(&[]));
    for name in ["ca", "server", "own", "other"] {
        certificate(&house, name);
    }
    let api = "    authentication: { oauth: { issuers: [idp], sender_constrained: mtls } }\n";
    let listeners = "listeners:\n  plain: { bind: \"127.0.0.1:0\" }\n  secure:\n    bind: \"127.0.0.1:0\"\n    \
                     tls: { certificate: server.pem, key: \"file:server.key\", client_ca: ca.pem, client_certificate: optional }\n";
    let text = document(&service, &provider, "", api).replace("listen: http://127.0.0.1:0\n", listeners);
    house.write("yett.yaml", &text);
    let gateway = Gateway::start(&house);
    let port = gateway.secure.rsplit(':').next().unwrap();
    let (secure, plain) =
        (format!("https://localhost:{port}/notes"), format!("http://{}/notes", gateway.url));
    let path = |name: &str| house.path(name).to_str().unwrap().to_owned();
    let by = |name: &str| {
        json!({ "as": "bearer", "url": secure, "ca": path("ca.pem"),
            "cert": path(&format!("{name}.pem")), "key": path(&format!("{name}.key")) })
    };
    let calls = json!([
        by("own"), by("other"), { "as": "bearer", "url": secure, "ca": path("ca.pem") },
        { "as": "bearer", "url": plain }, by("own"),
    ]);
    let before = service.count();
    let plan = json!({ "certificate": path("own.pem"), "calls": calls });
    let client = provider.client("machine", ES256, plan);
    let found: Vec<_> = client["calls"].as_array().unwrap().iter().map(outcome).collect();
    let invalid = (401, "token_invalid");
    assert_eq!(found, [(200, "ok"), invalid, invalid, invalid, (200, "ok")], "{client}");
    assert_eq!(service.count() - before, 2);
    // A plain token is not bound as is demanded.
    let token =
        provider.client("reader", ES256, json!({ "plain": true }))["token"].as_str().unwrap().to_owned();
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token), None).0, 401);
}
