//! Who calls, signed by the gateway: a transaction token (draft-ietf-oauth-transaction-tokens, of which this follows the text of 2026).
//!
//! One is made for each call, with the call's id as its `txn`. It says no more than the caller's credential did, and does not live
//! longer; the credential itself is not in it. Who calls as nobody has none.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::principal::CredentialKind;
use engine::text::{push_address, push_json, push_number};
use engine::{Call, Clock, Principal, ScopeSet};
use http::{HeaderName, HeaderValue};
use jose::SigningKey;

/// The gateway's own key among the assets of a document: not a file that it names.
pub const OWN_KEY: &str = "data:assertion.key";
/// Longest content of an assertion, in bytes: it goes upstream in a header field.
const CLAIMS_BYTES: usize = 4 * 1024;

/// How subjects are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// As their issuer calls them.
    Plain,
    /// The issuer, `#` and that: unique, whoever vouches.
    Qualified,
}

/// The keys of assertions.
#[derive(Debug)]
pub(super) struct SigningKeys {
    signs: SigningKey,
    /// The public keys of all.
    pub(super) jwks: Bytes,
}

impl SigningKeys {
    /// The first signs, all are published; `None` without one.
    pub(super) fn new(keys: Vec<SigningKey>) -> Option<Self> {
        let all: Vec<String> = keys.iter().map(SigningKey::jwk_json).collect();
        let jwks = format!("{{\"keys\":[{}]}}", all.join(",")).into();
        keys.into_iter().next().map(|signs| Self { signs, jwks })
    }
}

/// What a call has to have proven for these scopes to be what it was let in for.
#[derive(Debug)]
pub(super) struct Purpose {
    pub(super) needs: Vec<(u16, ScopeSet)>,
    pub(super) scope: Box<str>,
}

/// Says who calls one operation.
#[derive(Debug)]
pub struct Asserts {
    /// The field that it goes into.
    pub(super) header: HeaderName,
    /// `None` before the gateway has made its key: then nothing is signed, and nothing goes on.
    pub(super) keys: Option<Arc<SigningKeys>>,
    pub(super) issuer: Box<str>,
    pub(super) audience: Box<str>,
    pub(super) workload: Box<str>,
    pub(super) lifetime: Duration,
    pub(super) subject: Subject,
    /// Claims of the caller's credential that are told.
    pub(super) claims: Box<[Box<str>]>,
    pub(super) api: Box<str>,
    pub(super) operation: Box<str>,
    pub(super) purposes: Box<[Purpose]>,
    /// The scope where the contract asks for none: the operation itself.
    pub(super) usual: Box<str>,
}

impl Asserts {
    /// The assertion about a call; none about one that proves nobody.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn sign(&self, call: &Call, clock: &dyn Clock) -> Result<Option<HeaderValue>, &'static str> {
        let Some(principal) = call.principal() else { return Ok(None) };
        let keys = self.keys.as_ref().ok_or("the gateway has no key to sign with")?;
        let claims = self.claims(call, principal, clock.unix().seconds());
        if claims.len() > CLAIMS_BYTES {
            return Err("what is to be said of the caller is too long");
        }
        let token =
            keys.signs.sign(&[("typ", "txntoken+jwt")], &claims).map_err(|_| "the key cannot sign")?;
        let mut field =
            HeaderValue::from_maybe_shared(Bytes::from(token)).map_err(|_| "the key cannot sign")?;
        field.set_sensitive(true);
        Ok(Some(field))
    }

    fn claims(&self, call: &Call, principal: &Principal, now: u64) -> Vec<u8> {
        // A token that is taken for a while after its end ends now, as far as others are told.
        let ends = principal.taken_until.max(now + 1);
        let expires = now.saturating_add(self.lifetime.as_secs()).min(ends);
        let mut out = Vec::with_capacity(768);
        let member = |out: &mut Vec<u8>, name: &str, value: &str| {
            let gap: &[u8] = if out.ends_with(b"{") { b"" } else { b"," };
            out.extend_from_slice(gap);
            push_json(out, name);
            out.push(b':');
            push_json(out, value);
        };
        out.push(b'{');
        member(&mut out, "iss", &self.issuer);
        member(&mut out, "aud", &self.audience);
        out.extend_from_slice(b",\"iat\":");
        push_number(&mut out, now);
        out.extend_from_slice(b",\"exp\":");
        push_number(&mut out, expires);
        member(&mut out, "txn", &String::from_utf8_lossy(&call.id.text()));
        match self.subject {
            Subject::Plain => member(&mut out, "sub", &principal.subject),
            Subject::Qualified => {
                member(&mut out, "sub", &format!("{}#{}", principal.issuer, principal.subject));
            }
        }
        member(&mut out, "scope", self.scope(call));
        member(&mut out, "req_wl", &self.workload);
        out.extend_from_slice(b",\"rctx\":{");
        let mut address = Vec::with_capacity(40);
        push_address(&mut address, call.client);
        member(&mut out, "req_ip", &String::from_utf8_lossy(&address));
        member(&mut out, "authn", authn(principal.credential));
        out.extend_from_slice(b"},\"tctx\":{");
        member(&mut out, "api", &self.api);
        member(&mut out, "operation", &self.operation);
        member(&mut out, "sub_iss", &principal.issuer);
        if let Some(application) = &principal.application {
            member(&mut out, "client_id", application);
        }
        for name in &self.claims {
            if let Some(value) = principal.claims.root().get(name) {
                out.push(b',');
                push_json(&mut out, name);
                out.push(b':');
                value.write_compact(&mut out);
            }
        }
        out.extend_from_slice(b"}}");
        out
    }

    /// What the call was let in for: the scopes of the first alternative of the contract that holds.
    fn scope(&self, call: &Call) -> &str {
        let has = |(scheme, scopes): &(u16, ScopeSet)| {
            let mut proofs = call.proofs.iter();
            proofs.any(|proof| proof.scheme == *scheme && proof.principal.scopes.contains_all(scopes))
        };
        let found = self.purposes.iter().find(|purpose| purpose.needs.iter().all(has));
        found.map_or(&self.usual, |purpose| &purpose.scope)
    }
}

/// How the caller proved who they are, by the standard that says how.
const fn authn(credential: CredentialKind) -> &'static str {
    match credential {
        CredentialKind::Jwt => "urn:ietf:rfc:7519",
        CredentialKind::Introspected => "urn:ietf:rfc:7662",
        CredentialKind::Certificate => "urn:ietf:rfc:8705",
        CredentialKind::Signature => "urn:ietf:rfc:9421",
        CredentialKind::Password => "urn:ietf:rfc:7617",
        CredentialKind::Webhook => "urn:yett:webhook",
        CredentialKind::ApiKey => "urn:yett:api-key",
    }
}
