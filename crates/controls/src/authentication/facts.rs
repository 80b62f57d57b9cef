//! Who a token proves: from the claims of a signed one, or from what its issuer tells of it.

use std::sync::Arc;

use engine::principal::{Binding, CredentialKind, Marks};
use engine::{Principal, ScopeSet};
use jose::{Claims, Expectations, Fault};
use tape::Tape;

use super::possession::binding;
use super::revoked::marks;
use super::verifier::{Asked, IssuerRule};
use super::why::Why;

/// What a principal is made of, read from what an issuer vouches for.
pub(super) struct Facts {
    subject: Arc<str>,
    application: Option<Arc<str>>,
    scopes: ScopeSet,
    roles: Arc<[Box<str>]>,
    binding: Binding,
    marks: Option<Box<Marks>>,
    /// First second at which it counts.
    pub(super) starts: u64,
    /// First second at which it does not any more.
    pub(super) expires: u64,
}

/// The token itself, where it can be revoked.
pub(super) type Revocable<'t> = Option<&'t str>;

impl Facts {
    fn of(
        token: Revocable<'_>,
        claims: &Claims<'_>,
        subject: Arc<str>,
        rule: &IssuerRule,
    ) -> Result<Self, Why> {
        rule.shape.check(claims.payload).map_err(|claim| Why::Unmet(claim.into()))?;
        if let Some(claim) = rule.scopes.elsewhere(claims.payload) {
            return Err(Why::Elsewhere(claim.into()));
        }
        let binding = match claims.confirmation() {
            None => Binding::default(),
            Some(cnf) => binding(cnf).ok_or(Why::BoundToNobody)?,
        };
        let (scopes, roles) = rule.scopes.read(claims.payload);
        Ok(Self {
            subject,
            application: rule.shape.application(claims)?,
            scopes,
            roles,
            binding,
            marks: token.map(|token| marks(token, claims)),
            starts: claims.not_before.into_iter().chain(claims.issued).max().unwrap_or(0),
            expires: claims.expires,
        })
    }

    /// Whether it counts with the proof of a holder only.
    pub(super) fn is_bound(&self) -> bool {
        self.binding != Binding::default()
    }

    pub(super) fn principal(
        &self,
        rule: &IssuerRule,
        claims: Arc<Tape>,
        credential: CredentialKind,
    ) -> Arc<Principal> {
        Arc::new(Principal {
            issuer: Arc::clone(&rule.issuer),
            subject: Arc::clone(&self.subject),
            application: self.application.clone(),
            scopes: self.scopes.clone(),
            roles: Arc::clone(&self.roles),
            claims,
            expires: self.expires,
            taken_until: self.expires.saturating_add(rule.leeway.as_secs()),
            credential,
            binding: self.binding,
            marks: self.marks.clone(),
        })
    }
}

fn expectations(rule: &IssuerRule, now: u64) -> Expectations<'_> {
    Expectations {
        issuer: &rule.issuer,
        audiences: &rule.audiences,
        audience_from: rule.shape.audience_from.as_deref(),
        typ: rule.shape.typ,
        leeway: rule.leeway,
        now,
        max_age: None,
    }
}

/// What a signed token says.
pub(super) fn read(
    token: Revocable<'_>,
    verified: &jose::Verified<'_>,
    rule: &IssuerRule,
    now: u64,
) -> Result<Facts, Why> {
    let claims = jose::validate(verified, &expectations(rule, now))?;
    let subject = claims.subject.as_deref().ok_or(Why::NoSubject)?.into();
    Facts::of(token, &claims, subject, rule)
}

/// What an issuer told of an active token. Where it names no subject, the client is the one: told apart from a user of the
/// same name, whom it might have as well (RFC 9700 section 4.15).
pub(super) fn told(
    token: Revocable<'_>,
    claims: &Tape,
    rule: &IssuerRule,
    (asked, now): (&Asked, u64),
) -> Result<Facts, Why> {
    let claims = jose::validate_answer(claims.root(), &expectations(rule, now), asked.needs_audience)?;
    if now >= claims.expires {
        return Err(Fault::Expired.into());
    }
    let subject: Arc<str> = match (&claims.subject, &claims.client) {
        (Some(subject), _) => subject.as_ref().into(),
        (None, Some(client)) => format!("client:{client}").into(),
        (None, None) => return Err(Why::NoSubject),
    };
    let facts = Facts::of(token, &claims, subject, rule)?;
    let kind = claims.payload.get("token_type").and_then(tape::Node::as_str);
    if facts.binding.key.is_none() && kind.is_some_and(|kind| kind.eq_ignore_ascii_case("dpop")) {
        return Err(Why::BoundToNobody);
    }
    Ok(facts)
}
