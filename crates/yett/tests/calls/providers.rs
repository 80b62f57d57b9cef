//! Real identity providers: npm's `oidc-provider`, certified by the OpenID Foundation, one and two at a time, with keys
//! that rotate in mid-run and endpoints that fail.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Gateway, Setup};
use serde_json::{Value, json};
use testkit::raw::exchange;
use testkit::{Answer, Peer, Recorder, until, until_every};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A running provider; it is killed when dropped.
struct Provider {
    _peer: Peer,
    about: Value,
}

impl Provider {
    fn start(name: &str) -> Self {
        let script = root().join("tests/peers/oidc-provider.mjs");
        let peer = Peer::start(Command::new("node").arg(script).args(["--name", name]));
        let about = serde_json::from_str(&peer.about).expect("the provider says where it is");
        Self { _peer: peer, about }
    }

    fn issuer(&self) -> &str {
        self.about["issuer"].as_str().unwrap()
    }

    /// An access token by the client credentials grant for a resource (RFC 8707), as a real client gets it.
    fn token(&self, client: &str, resource: &str, scope: &str) -> String {
        let secret = self.about["clients"][client]["secret"].as_str().unwrap();
        let body = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}&resource={}&scope={}",
            resource.replace(':', "%3A"),
            scope.replace(':', "%3A").replace(' ', "+")
        );
        let answer =
            post(self.about["token_endpoint"].as_str().unwrap(), "application/x-www-form-urlencoded", &body);
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Something that only its control port can do.
    fn control(&self, action: &str, wanted: &Value) -> Value {
        let url = format!("{}{action}", self.about["control"].as_str().unwrap());
        post(&url, "application/json", &wanted.to_string())
    }
}

fn post(url: &str, media_type: &str, body: &str) -> Value {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let address: SocketAddr = authority.parse().unwrap();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let reply = exchange(address, request).unwrap_or_else(|| panic!("`{url}` does not answer"));
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("`{url}`: {}", reply.text()))
}

/// The sample's contract in front of a recorder, with issuers as told.
fn gateway(issuers: &str, api: &str) -> (Gateway, Recorder) {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, "{}"));
    let contract = std::fs::read(root().join("examples/orders/openapi.yaml")).unwrap();
    let setup = Setup {
        top: issuers.to_owned(),
        api: api.to_owned(),
        contract: String::from_utf8(contract).unwrap(),
        ..Setup::default()
    };
    (Gateway::with(&setup, &recorder.url()), recorder)
}

fn get(gateway: &Gateway, token: &str) -> (u16, Option<String>) {
    let reply = gateway.call(format!(
        "GET /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    ));
    (reply.status, reply.code())
}

/// Whom the provider's access tokens are for, whatever the resource: that chooses the algorithm only.
const AUDIENCE: &str = "orders-api";
const ES256: &str = "urn:yett:orders";
const RS256: &str = "urn:yett:orders:rs256";

#[test]
fn a_certified_provider_works_and_may_rotate_its_keys() {
    let provider = Provider::start("one");
    let (gateway, recorder) = gateway("", &format!("issuer: {}\naudience: {AUDIENCE}", provider.issuer()));
    for resource in [ES256, RS256] {
        let token = provider.token("reader", resource, "orders:read");
        assert_eq!(get(&gateway, &token).0, 200, "{resource}");
    }
    assert_eq!(recorder.count(), 2);
    // The old keys are gone: the new ones are fetched when a token names one of them.
    let old = provider.token("reader", ES256, "orders:read");
    provider.control("/rotate", &json!({ "keep": false }));
    let new = provider.token("reader", ES256, "orders:read");
    let passed = until(15, || (get(&gateway, &new).0 == 200).then_some(()));
    assert!(passed.is_some(), "a token of the new key: {:?}", get(&gateway, &new));
    assert_eq!(get(&gateway, &old), (401, Some("token_invalid".into())), "a token of a key that is gone");
}

#[test]
fn scopes_and_audiences_of_a_provider_are_kept() {
    let provider = Provider::start("scopes");
    let (gateway, recorder) = gateway("", &format!("issuer: {}\naudience: {AUDIENCE}", provider.issuer()));
    let order = "POST /orders/ord_000001/cancel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    let reader = provider.token("reader", ES256, "orders:read");
    let clerk = provider.token("clerk", ES256, "orders:read orders:write");
    let call = |token: &str| {
        gateway.call(format!("{order}Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"))
    };
    let refused = call(&reader);
    assert_eq!((refused.status, refused.code().as_deref()), (403, Some("insufficient_scope")));
    let challenge = refused.head.get("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("orders:write"), "{challenge}");
    assert_eq!(recorder.count(), 0);
    let passed = call(&clerk);
    assert_eq!(passed.status, 200, "{}", passed.text());
    let claims = json!({ "aud": "another-api" });
    let elsewhere = provider.control("/mint", &json!({ "scope": "orders:read", "claims": claims }));
    assert_eq!(
        get(&gateway, elsewhere["access_token"].as_str().unwrap()),
        (401, Some("token_invalid".into())),
        "another audience"
    );
}

#[test]
fn two_issuers_serve_one_api_and_never_share_keys() {
    let (one, two) = (Provider::start("one"), Provider::start("two"));
    let issuers = format!(
        "issuers:\n  one: {{ url: \"{}\", audience: {AUDIENCE} }}\n  two: {{ url: \"{}\", audience: {AUDIENCE} }}\n",
        one.issuer(),
        two.issuer()
    );
    let (gateway, recorder) = gateway(&issuers, "authentication: { oauth: { issuers: [one, two] } }");
    for provider in [&one, &two] {
        assert_eq!(get(&gateway, &provider.token("reader", ES256, "orders:read")).0, 200);
    }
    // Signed by one, in the name of the other.
    let claims = json!({ "iss": two.issuer(), "aud": AUDIENCE });
    let forged = one.control("/mint", &json!({ "scope": "orders:read", "claims": claims }));
    let forged = forged["access_token"].as_str().unwrap();
    assert_eq!(get(&gateway, forged), (401, Some("token_invalid".into())));
    let honest = one.control("/mint", &json!({ "scope": "orders:read", "claims": { "aud": AUDIENCE } }));
    assert_eq!(get(&gateway, honest["access_token"].as_str().unwrap()).0, 200, "its valid twin");
    assert_eq!(recorder.count(), 3);
}

#[test]
fn a_provider_that_fails_closes_the_gate_until_it_is_back() {
    for broken in ["500", "garbage", "empty", "hang"] {
        let provider = Provider::start(broken);
        provider.control("/serve", &json!({ "jwks": broken }));
        let (gateway, recorder) =
            gateway("", &format!("issuer: {}\naudience: {AUDIENCE}", provider.issuer()));
        let token = provider.token("reader", ES256, "orders:read");
        let (status, code) = get(&gateway, &token);
        assert!(
            matches!(
                (status, code.as_deref()),
                (503, Some("issuer_unavailable")) | (401, Some("token_invalid"))
            ),
            "{broken}: {status} {code:?}"
        );
        assert_eq!(recorder.count(), 0, "{broken}");
        provider.control("/serve", &json!({ "jwks": "ok" }));
        // Every look is a call, and one that fails is counted: a few a second are enough.
        let pause = std::time::Duration::from_millis(250);
        let back = until_every(pause, 75, || (get(&gateway, &token).0 == 200).then_some(()));
        assert!(
            back.is_some(),
            "{broken}: it is back and calls are still refused: {:?}",
            get(&gateway, &token)
        );
    }
}
