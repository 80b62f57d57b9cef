//! A client that holds a key and proves it, well or badly.

use std::cell::Cell;

use aws_lc_rs::digest::{SHA256, digest};
use engine::Call;
use http::{HeaderValue, Method};
use testkit::{Alg, FakeClock, Mint};

use crate::security::kit::{Ended, Gateway, NOW, World, b64, call};

/// SHA-256 of a text, in base64url.
pub(super) fn hash(text: &str) -> String {
    b64(digest(&SHA256, text.as_bytes()))
}

/// JSON members with some replaced or added, or taken out when the value is empty.
pub(super) fn changed(members: &[(&str, String)], changes: &[(&str, &str)]) -> String {
    let mut members: Vec<(&str, String)> = members.to_vec();
    for (name, value) in changes {
        members.retain(|(known, _)| known != name);
        if !value.is_empty() {
            members.push((name, (*value).to_owned()));
        }
    }
    let text: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", text.join(","))
}

pub(super) struct Holder {
    pub(super) mint: Mint,
    made: Cell<u32>,
}

impl Holder {
    pub(super) fn new(alg: Alg) -> Self {
        Self { mint: Mint::new(alg, "holder"), made: Cell::default() }
    }

    /// The key as it stands in a header.
    pub(super) fn jwk(&self) -> String {
        format!("{{{}}}", self.mint.public())
    }

    /// RFC 7638, computed from the JWK's members by name.
    pub(super) fn thumbprint(&self) -> String {
        let key: serde_json::Value = serde_json::from_str(&self.jwk()).unwrap();
        let members: Vec<String> = ["crv", "e", "kty", "n", "x", "y"]
            .iter()
            .filter_map(|name| Some(format!("\"{name}\":{}", key.get(name)?)))
            .collect();
        hash(&format!("{{{}}}", members.join(",")))
    }

    /// A token that is bound to the key.
    pub(super) fn token(&self, world: &World, changes: &[(&str, &str)]) -> String {
        let cnf = format!("{{\"jkt\":\"{}\"}}", self.thumbprint());
        let mut all = vec![("cnf", cnf.as_str())];
        all.extend(changes);
        world.token(&all)
    }

    pub(super) fn header(&self, changes: &[(&str, &str)]) -> String {
        let members = [
            ("typ", "\"dpop+jwt\"".to_owned()),
            ("alg", format!("\"{}\"", self.mint.alg.name())),
            ("jwk", self.jwk()),
        ];
        changed(&members, changes)
    }

    /// Claims for `GET https://api.example.com/v1/x` with a token, now.
    pub(super) fn claims(&self, token: &str, changes: &[(&str, &str)]) -> String {
        self.made.set(self.made.get() + 1);
        let members = [
            ("jti", format!("\"proof-{}\"", self.made.get())),
            ("htm", "\"GET\"".to_owned()),
            ("htu", "\"https://api.example.com/v1/x\"".to_owned()),
            ("iat", NOW.to_string()),
            ("ath", format!("\"{}\"", hash(token))),
        ];
        changed(&members, changes)
    }

    /// A proof with changes to its claims.
    pub(super) fn proof(&self, token: &str, changes: &[(&str, &str)]) -> String {
        self.mint.jws(&self.header(&[]), &self.claims(token, changes))
    }
}

/// A call with a token and proofs.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) scheme: &'static str,
    pub(super) token: String,
    pub(super) proofs: Vec<String>,
    pub(super) method: Method,
    pub(super) target: &'static str,
    pub(super) host: &'static str,
    pub(super) tls: bool,
    /// More `Authorization` fields.
    pub(super) more: Vec<String>,
}

impl Attempt {
    pub(super) fn new(token: &str, proof: String) -> Self {
        Self {
            scheme: "DPoP",
            token: token.to_owned(),
            proofs: vec![proof],
            method: Method::GET,
            target: "/v1/x",
            host: "api.example.com",
            tls: true,
            more: Vec::new(),
        }
    }

    pub(super) fn call(&self, clock: &FakeClock) -> Call {
        let mut call = call(clock, self.target, &[]);
        let headers = &mut call.request.headers;
        let mut add = |name: &'static str, value: &str| {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        };
        add("authorization", &format!("{} {}", self.scheme, self.token));
        self.more.iter().for_each(|field| add("authorization", field));
        self.proofs.iter().for_each(|proof| add("dpop", proof));
        call.request.method = self.method.clone();
        (call.request.host, call.request.authority, call.peer.tls) =
            (self.host.into(), self.host.into(), self.tls);
        call
    }

    pub(super) fn send(&self, gateway: &Gateway, operation: &str) -> Ended {
        gateway.end(operation, self.call(&gateway.clock))
    }
}

/// The field of an answer to a refused call.
pub(super) fn field(ended: &Ended, name: &str) -> Option<String> {
    let fields = &ended.refusal.as_ref()?.headers;
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_str().unwrap().to_owned())
}
