//! A client that signs its calls, written apart from what verifies them.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use engine::call::BodyLength;
use engine::{Body, Call, CallId, Clock, Peer, Request, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::security::kit::{Ended, Gateway, NOW, Setup, World};

pub(super) const SECRET: &str = "a secret of shop's that has more than 32 bytes";

pub(super) const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: "https://idp.example.com/realms/shop" }
signers:
  partners:
    keys:
      shop-1: { subject: shop, scopes: ["orders:read", "orders:write"], roles: clerk, secret: "env:SHOP" }
      bakery-1: { subject: bakery, application: ovens, scopes: "orders:read", public: "PEM" }
  others: { nonce: 'off', tag: orders, components: [x-request-id], keys: { other-1: { subject: other, secret: "env:SHOP" } } }
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    hosts: [api.example.com]
    authentication:
      signed: { signers: [partners] }
      named: { signers: [others], forward: true }
      key: { source: applications }
      shop: { issuers: [shop], audience: orders }
"#;

pub(super) const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    signed: { type: http, scheme: signature }
    named: { type: apiKey, in: header, name: Signature }
    key: { type: apiKey, in: header, name: X-Key }
    shop: { type: openIdConnect, openIdConnectUrl: "https://idp.example.com/realms/shop/.well-known/openid-configuration" }
paths:
  /read: { get: { operationId: read, security: [{ signed: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /write: { post: { operationId: write, security: [{ signed: ["orders:write"] }], responses: { "200": { description: ok } } } }
  /named: { get: { operationId: named, security: [{ named: [] }], responses: { "200": { description: ok } } } }
  /either: { get: { operationId: either, security: [{ signed: [] }, { shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /both: { get: { operationId: both, security: [{ signed: [], shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /optional: { get: { operationId: optional, security: [{}, { signed: [] }], responses: { "200": { description: ok } } } }
  /twice: { get: { operationId: twice, security: [{ signed: [], named: [] }], responses: { "200": { description: ok } } } }
  /token: { get: { operationId: token, security: [{ shop: ["orders:read"] }], responses: { "200": { description: ok } } } }
"#;

/// How a call is signed.
pub(super) enum Pen {
    Secret(&'static str),
    Ed25519(Arc<Ed25519KeyPair>),
}

/// A call, before it is signed.
pub(super) struct Draft {
    pub(super) method: &'static str,
    pub(super) target: &'static str,
    pub(super) host: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) body: Option<&'static [u8]>,
    /// Component identifiers as they are written.
    pub(super) covered: Vec<&'static str>,
    /// What follows them.
    pub(super) parameters: String,
    pub(super) label: &'static str,
    pub(super) pen: Pen,
}

/// A call on the wire.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) host: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    /// Said of the body when that is not its length.
    pub(super) length: Option<BodyLength>,
}

pub(super) const TARGET: [&str; 4] = ["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query\""];

/// `Content-Digest` of a body.
pub(super) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest(&SHA256, body).as_ref()))
}

/// `created`, `keyid` and a nonce of this name.
pub(super) fn parameters(offset: i64, key: &str, nonce: &str) -> String {
    format!(";created={};keyid=\"{key}\";nonce=\"{nonce}\"", NOW as i64 + offset)
}

pub(super) fn get(nonce: &str) -> Draft {
    Draft {
        method: "GET",
        target: "/v1/read?a=1&b=%20",
        host: "api.example.com",
        fields: Vec::new(),
        body: None,
        covered: TARGET.to_vec(),
        parameters: parameters(0, "shop-1", nonce),
        label: "sig1",
        pen: Pen::Secret(SECRET),
    }
}

pub(super) fn post(nonce: &str) -> Draft {
    let body: &[u8] = br#"{"amount": 10}"#;
    let mut draft = get(nonce);
    (draft.method, draft.target, draft.body) = ("POST", "/v1/write", Some(body));
    draft.fields =
        vec![("content-type", "application/json".into()), ("content-digest", content_digest(body))];
    draft.covered.extend(["\"content-type\"", "\"content-digest\""]);
    draft
}

impl Draft {
    fn value(&self, component: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let name = component.trim_matches('"');
        match name {
            "@method" => self.method.into(),
            "@authority" => self.host.into(),
            "@path" => path.into(),
            "@query" => format!("?{query}"),
            "@request-target" => self.target.into(),
            "@target-uri" => format!("https://{}{}", self.host, self.target),
            name => {
                let lines = self.fields.iter().filter(|(known, _)| *known == name);
                lines.map(|(_, value)| value.trim().to_owned()).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Signs it.
    pub(super) fn sign(&self) -> Sent {
        let inputs = format!("({}){}", self.covered.join(" "), self.parameters);
        let lines = self.covered.iter().map(|component| format!("{component}: {}\n", self.value(component)));
        let base = format!("{}\"@signature-params\": {inputs}", lines.collect::<String>());
        let bytes = match &self.pen {
            Pen::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                hmac::sign(&key, base.as_bytes()).as_ref().to_vec()
            }
            Pen::Ed25519(pair) => pair.sign(base.as_bytes()).as_ref().to_vec(),
        };
        let mut fields: Vec<(String, Vec<u8>)> = self
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()))
            .collect();
        fields.push(("signature-input".into(), format!("{}={inputs}", self.label).into_bytes()));
        fields
            .push(("signature".into(), format!("{}=:{}:", self.label, STANDARD.encode(bytes)).into_bytes()));
        Sent {
            method: self.method,
            target: self.target.to_owned(),
            host: self.host.to_owned(),
            fields,
            body: self.body.map(<[u8]>::to_vec),
            length: None,
        }
    }
}

impl Sent {
    /// The value of a field, to be changed.
    pub(super) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.fields.iter_mut().find(|(known, _)| known == name).unwrap().1
    }

    /// Replaces a text in the value of a field.
    pub(super) fn replace(&mut self, name: &str, old: &str, new: &str) {
        let value = self.field(name);
        let text = String::from_utf8(value.clone()).unwrap();
        assert!(text.contains(old), "{text}");
        *value = text.replace(old, new).into_bytes();
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    pub(super) fn drop(&mut self, name: &str) {
        self.fields.retain(|(known, _)| known != name);
    }

    pub(super) fn call(self, clock: &impl Clock) -> Call {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let known = self.body.as_ref().map_or(BodyLength::Empty, |body| BodyLength::Known(body.len() as u64));
        let host = (self.host.to_ascii_lowercase().into(), self.host.into());
        let (method, uri) =
            (Method::from_bytes(self.method.as_bytes()).unwrap(), self.target.parse().unwrap());
        let length = self.length.unwrap_or(known);
        let request = Request::new(method, Version::HTTP_11, uri, host, headers, length).unwrap();
        let peer = Peer { address: "192.0.2.1:1".parse().unwrap(), listener: 0, tls: true, facts: None };
        let mut call = Call::new(CallId(1), (clock.now(), clock.unix()), peer, request);
        call.body = Body::new(Bytes::from(self.body.unwrap_or_default()));
        call
    }
}

/// A gateway whose callers sign.
pub(super) struct Signed {
    pub(super) world: World,
    pub(super) gateway: Gateway,
    pub(super) bakery: Arc<Ed25519KeyPair>,
}

/// The public key of a pair in PEM, in one line.
pub(super) fn pem(pair: &Ed25519KeyPair) -> String {
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(pair.public_key().as_ref());
    format!("-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----", STANDARD.encode(der))
}

impl Signed {
    pub(super) fn new() -> Self {
        Self::with(World::new(), |document| document)
    }

    pub(super) fn with(world: World, change: impl FnOnce(String) -> String) -> Self {
        let bakery = Arc::new(Ed25519KeyPair::generate().unwrap());
        let document = change(DOCUMENT.replace("PEM", &pem(&bakery)));
        let mut setup = Setup::new(&document, CONTRACT);
        setup.assets.insert("env:SHOP".into(), SECRET.as_bytes().into());
        let gateway = setup.attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
        world.side.run();
        Self { world, gateway, bakery }
    }

    /// How a call ends at an operation, its body included.
    pub(super) fn send(&self, operation: &str, sent: Sent) -> Ended {
        let mut ended = self.gateway.end(operation, sent.call(&self.world.clock));
        if ended.refusal.is_some() {
            return ended;
        }
        for (control, _) in &self.gateway.operations[operation] {
            let (aside, verdict) = testkit::worked(control.body(&mut ended.call));
            ended.waited |= aside;
            if let Verdict::Refuse(refusal) = verdict {
                ended.refusal = Some(refusal);
                break;
            }
        }
        ended
    }

    /// The operation that a draft is for.
    pub(super) fn operation(sent: &Sent) -> &'static str {
        if sent.method == "POST" { "write" } else { "read" }
    }

    /// Code and public text of a call's end.
    pub(super) fn said(&self, sent: Sent) -> (&'static str, String) {
        let ended = self.send(Self::operation(&sent), sent);
        let text = ended.refusal.as_ref().and_then(|refusal| refusal.public.as_deref()).unwrap_or_default();
        (ended.code(), text.to_owned())
    }
}

/// Seconds since 1970 at which everything happens.
pub(super) const fn now() -> u64 {
    NOW
}
