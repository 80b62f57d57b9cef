//! Why a token is refused, and what is said of it: to the operator all, to the caller what it could see in its own token, and
//! nothing of our keys.

use std::time::Duration;

use credentials::Kind;
use engine::codes;
use engine::verdict::Refusal;
use jose::Fault;

use super::possession::{DPOP_NONCE, NotShown};
use crate::security::{Challenge, Scheme};

/// Why a token is refused, in the order of how much it says: the later is reported when several verifiers refuse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its `iss` is none of the scheme's issuers.
    UnknownIssuer(Box<str>),
    /// Its issuer says that it is not active.
    Inactive,
    /// It is not good.
    Fault(FaultOf),
    /// It is bound to nobody whom we could hold anybody to.
    BoundToNobody,
    /// It is bound to a key and came as a plain token.
    Bound,
    /// It is bound to no key and came as if it were.
    NotBound,
    /// It is bound to a certificate, and the connection has none.
    CertificateMissing,
    /// It is bound to another certificate than the connection's.
    CertificateOther,
    /// It is not bound as is demanded.
    Unconstrained,
    /// It has no `sub`.
    NoSubject,
    /// This claim does not say what it has to.
    Unmet(Box<str>),
    /// This claim, by which scopes or roles are given, is not in it but elsewhere.
    Elsewhere(Box<str>),
    /// It was revoked, and by what.
    Revoked(Kind),
    /// Nothing can be said of it now, and why; when to come back.
    Unavailable(Box<str>, Duration),
}

/// A [`Fault`], ordered by its number so that [`Why`] has an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultOf(pub Fault);

impl PartialOrd for FaultOf {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FaultOf {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let place = |fault: Fault| Fault::ALL.iter().position(|known| *known == fault);
        place(self.0).cmp(&place(other.0))
    }
}

impl From<Fault> for Why {
    fn from(fault: Fault) -> Self {
        Why::Fault(FaultOf(fault))
    }
}

/// The refusal of a token that was presented by a scheme.
pub(super) fn refuse(challenge: &Challenge, scheme: Scheme, why: Why) -> Box<Refusal> {
    let invalid = |detail: &str, public| challenge.invalid(scheme, &codes::TOKEN_INVALID, detail, public);
    match why {
        Why::Fault(FaultOf(Fault::Expired)) => {
            challenge.invalid(scheme, &codes::TOKEN_EXPIRED, "expired", "the token has expired")
        }
        Why::Fault(FaultOf(fault)) => invalid(&format!("{}: {fault}", fault.name()), public_text(fault)),
        Why::UnknownIssuer(issuer) => {
            let detail = format!("the issuer `{issuer}` is none of the scheme's");
            invalid(&detail, "the token is from another issuer")
        }
        Why::Inactive => invalid("its issuer says that it is not active", "the token is not active"),
        Why::BoundToNobody => invalid(
            "`cnf` names no holder by a method that is known here",
            "the token is bound in a way that cannot be checked",
        ),
        Why::Bound => invalid(
            "the token is bound to a key (`cnf.jkt`) and came as a mere bearer token",
            "the token is bound to a key and cannot be used as a bearer token",
        ),
        Why::NotBound => invalid(
            "the token is bound to no key (no `cnf.jkt`) and came by the scheme `DPoP`",
            "the token is bound to no key and cannot be used by the scheme `DPoP`",
        ),
        Why::CertificateMissing => invalid(
            "the token is bound to a certificate (`cnf.x5t#S256`) and the connection has none",
            "the token is bound to a certificate and the connection has none",
        ),
        Why::CertificateOther => invalid(
            "the token is bound to another certificate (`cnf.x5t#S256`) than the connection's",
            "the token is bound to another certificate than the connection's",
        ),
        Why::Unconstrained => invalid(
            "the token is not bound as `sender_constrained` demands",
            "a token that is bound to its holder is required",
        ),
        Why::NoSubject => invalid("the token has no `sub`", "the token names no subject"),
        Why::Unmet(claim) => invalid(
            &format!("`{claim}` does not say what `require_claims` asks for"),
            "the token does not say what is required of it",
        ),
        Why::Elsewhere(claim) => invalid(
            &format!("`{claim}` is not in the token but at its issuer, and what it grants is not known"),
            "the token does not carry all that it stands for",
        ),
        Why::Revoked(kind) => {
            let detail = format!("revoked by {}", kind.name());
            challenge.invalid(scheme, &codes::TOKEN_REVOKED, detail, "the token was revoked")
        }
        Why::Unavailable(detail, after) => Challenge::unavailable(detail, after),
    }
}

/// The refusal of a proof that came with a good token.
pub(super) fn refuse_proof(challenge: &Challenge, why: NotShown) -> Box<Refusal> {
    let proof =
        |code, error, detail: &str, public| challenge.refused(Scheme::Dpop, code, error, detail, public);
    match why {
        NotShown::Proof(detail, public) => {
            proof(&codes::PROOF_INVALID, "invalid_dpop_proof", &detail, public)
        }
        NotShown::OtherKey => challenge.invalid(
            Scheme::Dpop,
            &codes::TOKEN_INVALID,
            "the proof is under another key than the token is bound to",
            "the token is bound to another key than the proof's",
        ),
        NotShown::Nonce(nonce) => {
            let public = "the proof needs the nonce that comes with this answer";
            proof(&codes::PROOF_NONCE_REQUIRED, "use_dpop_nonce", public, public).header(DPOP_NONCE, nonce)
        }
        NotShown::Unchecked => refuse_unchecked(),
    }
}

/// The refusal of what may be used once, where nobody can tell whether it was.
pub(super) fn refuse_unchecked() -> Box<Refusal> {
    let detail = "it cannot be taken down that this was used: there is no room, or the server of shared state cannot tell";
    Refusal::new(&codes::PROOF_UNCHECKED, detail).retry_after(Duration::from_secs(1))
}

/// What the caller may know of a fault.
fn public_text(fault: Fault) -> &'static str {
    match fault {
        Fault::BadSignature | Fault::UnknownKey | Fault::KeyMismatch => {
            "the token's signature cannot be verified"
        }
        Fault::AudienceMissing | Fault::AudienceMismatch => "the token is not for this API",
        Fault::IssuerMissing | Fault::IssuerMismatch => "the token is from another issuer",
        Fault::NotYetValid | Fault::IssuedInFuture => "the token is not valid yet",
        Fault::ExpMissing => "the token never expires",
        Fault::TypRefused | Fault::WrongKind => "the token is not an access token",
        Fault::AlgNone | Fault::AlgNotAllowed => "the token's signature algorithm is not accepted",
        _ => "the token is malformed",
    }
}
