//! Whether who presents a token is the one whom its issuer gave it to: `cnf` (RFC 7800) as a key (DPoP, RFC 9449) or as a
//! certificate (RFC 8705 section 3).
//!
//! Looked at on every call, remembered token or not: what is remembered is whom a token is bound to, never that somebody has
//! shown it. A bound token sent as a plain one is refused always, and so is a plain one that is sent as a bound one, since
//! both are what a thief would try. The checks of a proof stand in the order of their cost: what needs no cryptography, then
//! the signature, then the nonce and the use, so that nothing is taken down of a proof that is not good.

mod nonce;
mod uri;

use std::sync::Arc;

use engine::principal::Binding;
use engine::replay::{Replays, Used};
use engine::{BoxFuture, Call, Clock, CoreContext, UnixTime};
use http::{HeaderName, HeaderValue};
use jose::{Fault, Proof, ProofClaims};
use spec::SenderConstrained;
use tape::{Kind, Node};

use super::verifier::Why;
use crate::security::Scheme;
use crate::security::possession::Proofs;
use nonce::{Age, Nonces};
use uri::Base;

/// Header field with the proof.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Header field with a nonce of ours.
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// How far in the future a proof may have been made, in seconds: clocks differ.
const AHEAD: u64 = 10;

/// What `cnf` binds a token to; of several methods, those that we know (RFC 7800 section 3.1). `None` when it names no holder
/// that we could hold anybody to: then nobody may use the token.
#[must_use]
pub fn binding(cnf: Node<'_>) -> Option<Binding> {
    if cnf.kind() != Kind::Object {
        return None;
    }
    let thumbprint = |name| match cnf.get(name) {
        None => Some(None),
        Some(node) => node.as_str().and_then(|text| digest(&text)).map(Some),
    };
    let binding = Binding { key: thumbprint("jkt")?, certificate: thumbprint("x5t#S256")? };
    (!binding.is_none()).then_some(binding)
}

/// A SHA-256 digest in base64url.
fn digest(text: &str) -> Option<[u8; 32]> {
    jose::base64url_decode(text)?.try_into().ok()
}

/// Whether the connection and the scheme are those of the token's holder, and the token is bound as is demanded. The proof
/// of a key is for [`CoreProofs::check`].
pub fn held(
    call: &Call,
    scheme: Scheme,
    binding: &Binding,
    demand: Option<SenderConstrained>,
) -> Result<(), Why> {
    match (scheme, binding.key) {
        (Scheme::Bearer, Some(_)) => return Err(Why::Bound),
        (Scheme::Dpop, None) => return Err(Why::NotBound),
        _ => {}
    }
    if let Some(thumbprint) = &binding.certificate {
        let shown = call.peer.certificate().ok_or(Why::CertificateMissing)?;
        if shown.thumbprint != *thumbprint {
            return Err(Why::CertificateOther);
        }
    }
    let satisfied = match demand {
        None => true,
        Some(SenderConstrained::Dpop) => binding.key.is_some(),
        Some(SenderConstrained::Mtls) => binding.certificate.is_some(),
        Some(SenderConstrained::Any) => !binding.is_none(),
    };
    if satisfied { Ok(()) } else { Err(Why::Unconstrained) }
}

/// Why a proof is not taken.
#[derive(Debug)]
pub enum NotShown {
    /// It is not good: what is wrong, for the operator and for the caller.
    Proof(Box<str>, &'static str),
    /// It is under another key than the token's.
    OtherKey,
    /// It is good but for a nonce; this is one.
    Nonce(HeaderValue),
    /// Whether it was used before cannot be told.
    Unchecked,
}

impl From<Fault> for NotShown {
    fn from(fault: Fault) -> Self {
        let public = match fault {
            Fault::TypRefused => "the proof's `typ` is not `dpop+jwt`",
            Fault::AlgNone | Fault::AlgNotAllowed => "the proof's signature algorithm is not accepted",
            Fault::KeyPrivate => "the proof has a private key in it",
            Fault::KeyMalformed | Fault::KeyMismatch => "the proof's `jwk` is not a public key that fits",
            Fault::BadSignature => "the proof's signature is wrong",
            Fault::ClaimMissing => "the proof lacks a claim",
            _ => "the proof is malformed",
        };
        Self::Proof(format!("the proof: {}: {fault}", fault.name()).into(), public)
    }
}

/// What came of a good proof.
pub struct Shown {
    /// A nonce for the next one, when that of this one is about to end.
    pub fresh: Option<HeaderValue>,
    /// What other gateways say of its use, where there are any.
    pub elsewhere: Option<BoxFuture<'static, Used>>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("elsewhere", &self.elsewhere.is_some()).finish_non_exhaustive()
    }
}

/// What a use that was asked about means.
///
/// # Errors
/// Why the proof is not taken.
pub fn first(used: Used) -> Result<(), NotShown> {
    match used {
        Used::First => Ok(()),
        Used::Before => Err(wrong("the proof was used before")),
        Used::Unknown => Err(NotShown::Unchecked),
    }
}

/// The same text for both.
fn wrong(public: &'static str) -> NotShown {
    NotShown::Proof(public.into(), public)
}

/// Takes proofs on one core.
#[derive(Debug)]
pub struct CoreProofs {
    rule: Arc<Proofs>,
    base: Option<Base>,
    nonces: Option<Arc<Nonces>>,
    replays: Arc<dyn Replays>,
    clock: Arc<dyn Clock>,
}

impl CoreProofs {
    /// Binds the rule to a core.
    #[must_use]
    pub fn attach(rule: &Arc<Proofs>, core: &CoreContext) -> Self {
        Self {
            base: rule.url.as_ref().map(Base::of),
            nonces: rule.nonce.as_ref().map(|key| Nonces::of(core, key)),
            rule: Arc::clone(rule),
            replays: Arc::clone(&core.replays),
            clock: Arc::clone(&core.clock),
        }
    }

    /// Checks the proof of a call, whose token is bound to this key, as RFC 9449 section 4.3 has it, and takes its use down.
    /// Where other gateways share uses, it is only taken when they say that this is the first.
    ///
    /// # Errors
    /// Why the proof is not taken.
    pub fn check(&self, call: &Call, token: &str, key: &[u8; 32]) -> Result<Shown, NotShown> {
        let proof = Proof::read(field(call)?, &self.rule.algorithms)?;
        let claims = proof.claims()?;
        if proof.thumbprint() != key {
            return Err(NotShown::OtherKey);
        }
        let now = self.clock.unix();
        self.matches(call, token, &claims)?;
        self.is_timely(&claims, now.seconds())?;
        proof.verify()?;
        let fresh = self.nonce(&claims, now.seconds())?;
        // To the end of the last second in which its date is still good.
        let until = claims.issued.saturating_add(self.rule.window.as_secs()).saturating_add(1);
        let until = UnixTime(until.saturating_mul(1_000_000_000).saturating_sub(1));
        let holder = self.replays.key(&[b"dpop", key]);
        let used = self.replays.key(&[b"dpop", key, claims.id.as_bytes()]);
        first(self.replays.take((holder, used), until, now))?;
        // Before that it was from the future.
        let since = UnixTime(claims.issued.saturating_sub(AHEAD).saturating_mul(1_000_000_000));
        Ok(Shown { fresh, elsewhere: self.replays.elsewhere(used, (since, until), now) })
    }

    /// Checks 8, 9 and 12a: the proof is for this request and for this token.
    fn matches(&self, call: &Call, token: &str, claims: &ProofClaims<'_>) -> Result<(), NotShown> {
        if *claims.method != *call.request.method.as_str() {
            return Err(wrong("the proof is for another method"));
        }
        if !uri::names(&claims.uri, self.base.as_ref(), call) {
            return Err(wrong("the proof is for another URI"));
        }
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        match claims.token.as_deref().map(digest) {
            Some(Some(named)) if named == *hash.as_ref() => Ok(()),
            None => Err(wrong("the proof names no token")),
            Some(_) => Err(wrong("the proof is for another token")),
        }
    }

    /// Check 11, and what any JWT may say of its time (RFC 7519 section 4.1).
    fn is_timely(&self, claims: &ProofClaims<'_>, now: u64) -> Result<(), NotShown> {
        let oldest = now.saturating_sub(self.rule.window.as_secs());
        if claims.issued < oldest || claims.expires.is_some_and(|expires| expires <= now) {
            return Err(wrong("the proof is too old"));
        }
        let ahead = now.saturating_add(AHEAD);
        if claims.issued > ahead || claims.not_before.is_some_and(|start| start > ahead) {
            return Err(wrong("the proof is from the future"));
        }
        Ok(())
    }

    /// Check 10. After the signature, so that only who holds the key is given a nonce, and it is no failure to ask for one.
    fn nonce(&self, claims: &ProofClaims<'_>, now: u64) -> Result<Option<HeaderValue>, NotShown> {
        let Some(nonces) = &self.nonces else { return Ok(None) };
        match claims.nonce.as_deref().map(|nonce| nonces.age(nonce, now)) {
            Some(Age::Current) => Ok(None),
            Some(Age::Last) => Ok(nonces.current(now)),
            Some(Age::Unknown) | None => match nonces.current(now) {
                Some(nonce) => Err(NotShown::Nonce(nonce)),
                None => Err(NotShown::Unchecked),
            },
        }
    }
}

/// Check 1: the one field.
fn field(call: &Call) -> Result<&str, NotShown> {
    let mut fields = call.request.headers.get_all(DPOP).iter();
    let field = fields.next().ok_or_else(|| wrong("there is no `DPoP` header"))?;
    if fields.next().is_some() {
        return Err(wrong("there is more than one `DPoP` header"));
    }
    field.to_str().map_err(|_| wrong("the proof is malformed"))
}
