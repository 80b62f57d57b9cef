//! Security event tokens (RFC 8417), as a receiver of Shared Signals takes them: what a transmitter says has happened to a subject.
//!
//! It is signed with the keys that access tokens are signed with, so the kind is looked at first, and strictly (RFC 8417 section
//! 4.5, RFC 8725 section 3.11): `typ` is `secevent+jwt` and nothing else, there are `events`, and nothing that only another kind
//! of token has. An access token has to be refused as such an event, and is ([`crate::validate`]) the other way round.

use std::borrow::Cow;
use std::time::Duration;

use tape::{Kind, Node};

use crate::claims::{audience, date, text};
use crate::{Fault, Verified};

/// `typ` of a security event, and its media type below `application/`.
pub const EVENT_TYPE: &str = "secevent+jwt";
/// Most events of one token.
const MAX_EVENTS: usize = 16;
/// Claims that no security event has, and who has them.
const FOREIGN: [&str; 12] = [
    "sub",                 // Shared Signals Framework section 4.1.2: the subject is `sub_id`
    "nonce",               // RFC 8417 section 4.5, OpenID Connect Back-Channel Logout section 2.4
    "scope",               // access token: RFC 9068 section 2.2.3
    "scp",                 // access token
    "client_id",           // access token: RFC 9068 section 2.2
    "cnf",                 // access token: RFC 7800
    "at_hash",             // ID token
    "c_hash",              // ID token
    "auth_time",           // ID token
    "sid",                 // logout token, ID token
    "htm",                 // DPoP proof
    "token_introspection", // RFC 9701 section 5
];

/// What an event must say to be taken.
#[derive(Clone, Copy, Debug)]
pub struct EventExpectations<'a> {
    /// The transmitter whose keys verified it, compared byte by byte.
    pub issuer: &'a str,
    /// At least one of these must be in `aud`; none at all refuses every event.
    pub audiences: &'a [String],
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How long ago it may have been issued.
    pub max_age: Duration,
    /// Now, in seconds since 1970.
    pub now: u64,
}

/// What a transmitter says.
#[derive(Clone, Debug)]
pub struct SecurityEvent<'t> {
    /// `jti`, unique at the transmitter.
    pub id: Cow<'t, str>,
    /// `iat`, in seconds since 1970, rounded up.
    pub issued: u64,
    /// `sub_id` (RFC 9493), where it stands beside the events.
    pub subject: Option<Node<'t>>,
    /// What happened: types and what is said of each.
    pub events: Vec<(Cow<'t, str>, Node<'t>)>,
}

/// Checks the claims of a verified security event.
///
/// # Errors
/// The first expectation that is not met, in this order: kind, issuer, audience, dates, the other claims.
pub fn validate_event<'t>(
    token: &Verified<'t>,
    expect: &EventExpectations<'_>,
) -> Result<SecurityEvent<'t>, Fault> {
    let payload = token.payload();
    if token.header().kind() != Some(EVENT_TYPE) {
        return Err(Fault::TypRefused);
    }
    if payload.members().any(|(name, _)| FOREIGN.contains(&&*name)) {
        return Err(Fault::WrongKind);
    }
    let issuer = text(payload, "iss")?.ok_or(Fault::IssuerMissing)?;
    if issuer != expect.issuer {
        return Err(Fault::IssuerMismatch);
    }
    audience(payload, expect.audiences)?;
    let issued = dates(payload, expect)?;
    let id = text(payload, "jti")?.ok_or(Fault::ClaimMissing)?;
    let subject = payload.get("sub_id");
    if subject.is_some_and(|subject| subject.kind() != Kind::Object) {
        return Err(Fault::ClaimMalformed);
    }
    let named = payload.get("events").ok_or(Fault::ClaimMissing)?;
    if named.kind() != Kind::Object {
        return Err(Fault::ClaimMalformed);
    }
    let events: Vec<_> = named.members().take(MAX_EVENTS + 1).collect();
    let objects = events.iter().all(|(_, said)| said.kind() == Kind::Object);
    if events.is_empty() || events.len() > MAX_EVENTS || !objects {
        return Err(Fault::ClaimMalformed);
    }
    Ok(SecurityEvent { id, issued, subject, events })
}

/// `iat`, and `exp` and `nbf` where they are, although no event should have them (RFC 8417 section 2.2).
fn dates(payload: Node<'_>, expect: &EventExpectations<'_>) -> Result<u64, Fault> {
    let (leeway, now) = (expect.leeway.as_secs(), expect.now);
    let issued = date(payload, "iat", f64::ceil)?.ok_or(Fault::ClaimMissing)?;
    if issued > now.saturating_add(leeway) {
        return Err(Fault::IssuedInFuture);
    }
    if now > issued.saturating_add(expect.max_age.as_secs()).saturating_add(leeway) {
        return Err(Fault::TooOld);
    }
    if date(payload, "exp", f64::floor)?.is_some_and(|end| now >= end.saturating_add(leeway)) {
        return Err(Fault::Expired);
    }
    if date(payload, "nbf", f64::ceil)?.is_some_and(|start| start > now.saturating_add(leeway)) {
        return Err(Fault::NotYetValid);
    }
    Ok(issued)
}
