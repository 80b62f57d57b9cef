//! Every kind of signed token, in every place where the gateway takes one (RFC 8725 sections 2.8 and 3.12).
//!
//! Each is put there twice: in disguise, with all that the place asks for and signed with the key that it trusts, so that nothing but the
//! kind is wrong with it; and as it is made, where that is different. The page of credentials shows this table.

use aws_lc_rs::digest::{SHA256, digest};
use testkit::mint::base64url;
use testkit::{Answer, Recorder};

use super::feeds::{EVENTS, SECRET, basic, event, revoke, send};
use super::revocations::{ISSUER, Idp, ask, claims, good, now};
use super::sharing::Holder;
use super::*;

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components: { securitySchemes: { oauth: { type: http, scheme: bearer } } }
security: [{ oauth: [] }]
paths: { /notes: { get: { operationId: listNotes, responses: { "200": { description: ok } } } } }
"##;
/// An issuer whose ID tokens stand for access tokens.
const ID_ISSUER: &str = "https://id.example.com";
const ANSWER: &str = "application/token-introspection+jwt";

/// In the order of the columns.
const PLACES: [&str; 6] = [
    "access token",
    "ID token in its place",
    "proof",
    "introspection answer",
    "security event",
    "revocation",
];

const OK: &str = "200 ";
const TOKEN: &str = "401 token_invalid";
const PROOF: &str = "401 proof_invalid";
const NO_ANSWER: &str = "503 issuer_unavailable";
const EVENT: &str = "400 invalid_request";
const TYPE: &str = "400 unsupported_token_type";
/// It is taken and has an effect.
const DONE: &str = "200 revoked";

/// A kind, its `typ`, what its claims have, and what is said of it in each place.
type Row = (&'static str, &'static str, Value, [&'static str; 6]);

#[rustfmt::skip]
fn table() -> Vec<Row> {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    vec![
        ("access token", "at+jwt", json!({ "client_id": "shop", "scope": "notes:read" }),
            [OK, TOKEN, PROOF, NO_ANSWER, EVENT, DONE]),
        ("access token of old", "JWT", json!({ "client_id": "shop", "scope": "notes:read" }),
            [OK, TOKEN, PROOF, NO_ANSWER, EVENT, DONE]),
        ("ID token", "JWT", json!({ "nonce": "n", "at_hash": "h" }),
            [TOKEN, OK, PROOF, NO_ANSWER, EVENT, TYPE]),
        ("logout token", "logout+jwt", json!({ "events": events, "sid": "s" }),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, EVENT, TYPE]),
        ("logout token of old", "JWT", json!({ "events": events, "sid": "s" }),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, EVENT, TYPE]),
        ("DPoP proof", "dpop+jwt", json!({ "htm": "GET", "htu": "http://api.example.com/notes" }),
            [TOKEN, TOKEN, OK, NO_ANSWER, EVENT, TYPE]),
        ("security event", "secevent+jwt", json!({ "events": events }),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, "202 ", TYPE]),
        ("introspection answer", "token-introspection+jwt", json!({ "token_introspection": { "active": true } }),
            [TOKEN, TOKEN, PROOF, OK, EVENT, TYPE]),
        ("client assertion", "client-authentication+jwt", json!({}),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, EVENT, TYPE]),
        ("transaction token", "txntoken+jwt", json!({ "txn": "t", "purp": "trade", "tctx": {} }),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, EVENT, TYPE]),
        ("authorization request", "oauth-authz-req+jwt", json!({ "response_type": "code" }),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, EVENT, TYPE]),
        ("signed message", "JOSE", json!({ "amount": 1 }),
            [TOKEN, TOKEN, PROOF, NO_ANSWER, EVENT, TYPE]),
    ]
}

/// The gateway, and all whom it asks or is told by.
struct Stage {
    idp: Idp,
    holder: Holder,
    gateway: Gateway,
    /// What the issuer that is asked answers with.
    answer: Arc<Mutex<String>>,
    asked: String,
    made: AtomicUsize,
    _parts: (House, Service, Recorder),
}

impl Stage {
    fn new() -> Self {
        let (service, idp) = (Service::start(), Idp::new());
        let answer: Arc<Mutex<String>> = Arc::default();
        let told = Arc::clone(&answer);
        let endpoint = Recorder::scripted(move |_| Answer {
            headers: vec![("content-type".to_owned(), ANSWER.to_owned())],
            ..Answer::json(200, told.lock().unwrap().clone())
        });
        let asked = endpoint.url();
        let house = house(&service, "");
        house.write("openapi.yaml", CONTRACT);
        house.write("keys.json", &format!("{{\"keys\":[{}]}}", idp.0.jwk()));
        house.write("secret", SECRET);
        let parts = format!(
            "store: {{}}\nrevocation:\n  bind: 127.0.0.1:0\n  rate: 6000/min\n  clients: {{ shop: {{ secret: \"file:secret\", issuers: [corp] }} }}\n  \
             transmitters: {{ corp: {{ audience: \"{EVENTS}\" }} }}\nissuers:\n  corp: {{ url: \"{ISSUER}\", jwks: \"file:keys.json\" }}\n  \
             id: {{ url: \"{ID_ISSUER}\", jwks: \"file:keys.json\", typ: id-token }}\n  asked: {{ url: \"{asked}\", jwks: \"file:keys.json\", \
             introspection: {{ url: \"{asked}/introspect\", client_id: gateway, client_secret: \"file:secret\", signed: true }} }}\napis:\n"
        );
        let document = document(&service, "").replace("apis:\n", &parts).replace(
            "apiKey: { source: applications }",
            "oauth: { issuers: [corp, id, asked], audience: notes }",
        );
        house.write("yett.yaml", &document);
        let gateway = Gateway::start(&house);
        let holder = Holder::new(&idp);
        let _parts = (house, service, endpoint);
        Self { idp, holder, gateway, answer, asked, made: AtomicUsize::new(0), _parts }
    }

    /// What a place asks of the claims that are put there.
    fn wanted(&self, place: &str) -> Value {
        let id = format!("t{}", self.made.fetch_add(1, Ordering::SeqCst));
        match place {
            "access token" | "revocation" => claims(&id),
            "ID token in its place" => {
                json!({ "iss": ID_ISSUER, "sub": "alice", "aud": "notes", "exp": now() + 600, "iat": now() })
            }
            "proof" => json!({
                "jti": id, "htm": "GET", "htu": "http://api.example.com/notes", "iat": now(),
                "ath": base64url(digest(&SHA256, self.holder.token.as_bytes())),
            }),
            "introspection answer" => json!({
                "iss": self.asked, "aud": "gateway", "iat": now(), "token_introspection": {
                    "active": true, "token_type": "Bearer", "sub": "alice", "aud": "notes", "exp": now() + 600
                },
            }),
            _ => event(&id, "somebody else"),
        }
    }

    /// A token of a kind with all that a place asks for.
    fn disguised(&self, place: &str, (typ, own): (&str, &Value)) -> String {
        let mut all = self.wanted(place);
        for (name, value) in own.as_object().unwrap() {
            all.as_object_mut().unwrap().entry(name).or_insert_with(|| value.clone());
        }
        self.sign(place == "proof", typ, &all)
    }

    /// Signed with the key of the issuer, or with that of a client, which it brings along.
    fn sign(&self, by_client: bool, typ: &str, claims: &Value) -> String {
        if by_client {
            let jwk = self.holder.key.public();
            let header = format!(r#"{{"typ":"{typ}","alg":"ES256","jwk":{{{jwk}}}}}"#);
            return self.holder.key.jws(&header, &claims.to_string());
        }
        self.idp.0.jws(&format!(r#"{{"alg":"ES256","kid":"k1","typ":"{typ}"}}"#), &claims.to_string())
    }

    /// What becomes of a token in a place: status and code.
    fn put(&self, place: &str, token: &str) -> String {
        let shown = |(status, code): (u16, String)| format!("{status} {code}");
        match place {
            "access token" | "ID token in its place" => shown(ask(&self.gateway, token)),
            "proof" => shown(self.holder.show(&self.gateway, token)),
            "introspection answer" => {
                *self.answer.lock().unwrap() = token.to_owned();
                let number = self.made.fetch_add(1, Ordering::SeqCst);
                shown(ask(&self.gateway, &format!("opaque-{number}")))
            }
            "security event" => shown(send(&self.gateway, token)),
            _ => {
                let said = revoke(&self.gateway, &basic("shop", SECRET), &format!("token={token}"));
                let is_gone = ask(&self.gateway, token).1 == "token_revoked";
                if is_gone { format!("{} revoked", said.0) } else { shown(said) }
            }
        }
    }
}

#[test]
fn every_kind_of_token_is_good_in_its_own_place_and_in_no_other() {
    let stage = Stage::new();
    let (mut cells, mut refused) = (0, 0);
    for (kind, typ, own, said) in table() {
        for (place, expected) in PLACES.into_iter().zip(said) {
            let token = stage.disguised(place, (typ, &own));
            assert_eq!(stage.put(place, &token), expected, "{kind} as {place}");
            cells += 1;
            refused += usize::from(!expected.starts_with('2'));
        }
    }
    assert_eq!(cells, 72);
    assert_eq!(refused, 64);
}

#[test]
fn what_clients_make_is_good_in_no_place_of_an_issuer_s() {
    let stage = Stage::new();
    let holder = &stage.holder;
    let proof = stage.sign(true, "dpop+jwt", &stage.wanted("proof"));
    let own =
        json!({ "iss": "shop", "sub": "shop", "aud": ISSUER, "jti": "a", "exp": now() + 60, "iat": now() });
    // A client's key is no issuer's: nothing of it is known at the revocation endpoint, and events name their issuer first.
    let said = [TOKEN, TOKEN, PROOF, NO_ANSWER, "400 invalid_issuer", OK];
    let mut hostile = 0;
    for (kind, token, said) in [
        ("DPoP proof", proof, [said[0], said[1], OK, said[3], said[4], said[5]]),
        ("client assertion", stage.sign(true, "JWT", &own), said),
        ("client assertion of the draft", stage.sign(true, "client-authentication+jwt", &own), said),
        ("client assertion by the issuer's own key", stage.sign(false, "JWT", &own), said),
    ] {
        for (place, expected) in PLACES.into_iter().zip(said) {
            assert_eq!(stage.put(place, &token), expected, "{kind} as {place}");
            hostile += usize::from((kind, place) != ("DPoP proof", "proof"));
        }
    }
    assert_eq!(hostile, 23);
    assert_eq!(ask(&stage.gateway, &stage.idp.token(&claims("twin"))), good());
    let twin = stage.sign(true, "dpop+jwt", &stage.wanted("proof"));
    assert_eq!(holder.show(&stage.gateway, &twin), good());
}
