//! Whether the caller may: the scopes of the contract's `security`, and what the configuration requires beside them.
//!
//! Speaks at the head, after authentication, on the proofs that it left. An alternative of the contract holds when each of
//! its schemes is proven by a principal that carries all of its scopes; one is enough. The comparison is of bit sets made
//! when the document was compiled. A refusal is 403 with `insufficient_scope` and the scopes that are missing from the
//! alternative that lacks the fewest (RFC 6750 section 3.1).
//!
//! [`Require`] is the operator's own rule on top (roles, claims, how fresh the login is): it can only make an operation stricter, and
//! may be in shadow. [`Administrative`] tells the first use of an operation that is for administrators by somebody.

mod administrative;
mod config;
mod require;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict};
use http::header::AUTHORIZATION;

use crate::security::{Alternative, Challenge, Need, Scheme};

pub use administrative::Administrative;
pub use config::{AuthorizationSection, check_section, compile, schema};
pub use require::{Asked, Require};

/// The control, as compiled for the operations of one API with the same `security`.
#[derive(Debug)]
pub struct Authorization {
    challenge: Challenge,
    alternatives: Vec<Alternative>,
    anonymous: bool,
}

impl Authorization {
    /// One of the alternatives must hold; `anonymous` lets calls pass that present no credential.
    #[must_use]
    pub fn new(challenge: Challenge, alternatives: Vec<Alternative>, anonymous: bool) -> Self {
        Self { challenge, alternatives, anonymous }
    }

    fn decide(&self, call: &Call) -> Verdict {
        if call.proofs.is_empty() {
            return if self.anonymous && !call.request.headers.contains_key(AUTHORIZATION) {
                Verdict::Allow
            } else {
                Verdict::Refuse(self.challenge.missing("nothing was proven", None))
            };
        }
        if self.alternatives.iter().any(|alternative| holds(alternative, call)) {
            return Verdict::Allow;
        }
        Verdict::Refuse(self.refuse(call))
    }

    fn refuse(&self, call: &Call) -> Box<Refusal> {
        let nearest = self
            .alternatives
            .iter()
            .filter_map(|alternative| missing(alternative, call))
            .min_by_key(|(_, names)| names.len());
        match nearest {
            None => self.challenge.missing("no alternative has all of its schemes proven", None),
            Some((scheme, missing)) => {
                let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
                let presented = Scheme::presented(&call.request);
                let said = format!("missing scopes: {}", names.join(", "));
                self.challenge.insufficient((scheme, presented), &missing, said)
            }
        }
    }
}

fn holds(alternative: &Alternative, call: &Call) -> bool {
    let held = |need: &Need| {
        let mut proofs = call.proofs.iter().filter(|proof| proof.scheme == need.scheme);
        proofs.any(|proof| proof.principal.scopes.contains_all(&need.scopes))
    };
    !alternative.needs.is_empty() && alternative.needs.iter().all(held)
}

/// Scopes that an alternative lacks, with the number of the first scheme that lacks one; `None` when one of its schemes is
/// not proven.
fn missing<'a>(alternative: &'a Alternative, call: &Call) -> Option<(u16, Vec<&'a str>)> {
    let mut names: Vec<&str> = Vec::new();
    let mut scheme = None;
    for need in &alternative.needs {
        let proof = call.proofs.iter().find(|proof| proof.scheme == need.scheme)?;
        let lacks = need.names.iter().filter(|(bit, _)| !proof.principal.scopes.contains(*bit));
        for (_, name) in lacks {
            scheme.get_or_insert(need.scheme);
            if !names.contains(&&**name) {
                names.push(name);
            }
        }
    }
    Some((scheme.unwrap_or_default(), names))
}

impl Control for Authorization {
    fn name(&self) -> &'static str {
        "authorization"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, recheck: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtCore(self))
    }
}

#[derive(Debug)]
struct AtCore(Arc<Authorization>);

impl Attached for AtCore {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.decide(call))
    }
}
