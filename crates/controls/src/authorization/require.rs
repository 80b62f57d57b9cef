//! The operator's own rule: what a caller needs beside what the contract asks for. One of the call's principals has to carry all of
//! what is asked for and, where there are alternatives, one of them whole.

use std::sync::Arc;
use std::time::Duration;

use engine::{Attached, Call, Clock, Code, Control, CoreContext, Needs, Principal, Step, Verdict, codes};

use crate::callers::{Missing, Roles, Traits};
use crate::security::{Challenge, Issuers, Scheme};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// All of this.
    pub all: Traits,
    /// And one of these, where alternatives are listed.
    pub any: Option<Vec<Traits>>,
    /// Where roles are.
    pub roles: Roles,
    /// Numbers of the listeners by which it may be called; `None` for all.
    pub listeners: Option<Box<[u16]>>,
    /// How long ago the user may have logged in.
    pub max_age: Option<Duration>,
    /// Whether a token that does not say when counts from when it was issued.
    pub by_issue: bool,
    /// Of which one has to be how the user logged in, the preferred first; without any it does not matter.
    pub acr: Box<[Box<str>]>,
    /// Whose words for that are believed.
    pub acr_of: Issuers,
}

impl Asked {
    /// Whether every principal has it all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let Self { all, any, listeners, max_age, acr, .. } = self;
        all.is_empty() && any.is_none() && listeners.is_none() && max_age.is_none() && acr.is_empty()
    }

    /// What the login of a principal lacks at this time.
    fn lacking_of_login(&self, principal: &Principal, now: u64) -> Option<&'static Code> {
        if !self.acr.is_empty() && !self.is_strong(principal) {
            return Some(&codes::LOGIN_WEAK);
        }
        let is_stale = self.max_age.is_some_and(|most| !is_fresh(principal, now, most, self.by_issue));
        is_stale.then_some(&codes::LOGIN_STALE)
    }

    /// Whether the user logged in by means that are asked for: `acr` (OpenID Connect Core section 2), one string, as it is.
    fn is_strong(&self, principal: &Principal) -> bool {
        let said = principal.claims.root().get("acr").and_then(tape::Node::as_str);
        said.is_some_and(|said| self.acr.iter().any(|wanted| **wanted == *said))
    }
}

/// The rule, as compiled.
#[derive(Debug)]
pub struct Require {
    challenge: Challenge,
    asked: Asked,
}

impl Require {
    /// Asks for this.
    #[must_use]
    pub fn new(challenge: Challenge, asked: Asked) -> Self {
        Self { challenge, asked }
    }

    fn satisfied(&self, principal: &Principal) -> bool {
        // Of whom no login is believed there is none that would do: it is not asked for.
        let Asked { all, roles, acr_of, .. } = &self.asked;
        all.hold(principal, roles) && self.has_one(principal) && acr_of.vouch_for(principal)
    }

    fn has_one(&self, principal: &Principal) -> bool {
        let any = self.asked.any.as_ref();
        any.is_none_or(|any| any.iter().any(|one| one.hold(principal, &self.asked.roles)))
    }

    fn decide(&self, call: &Call, now: u64) -> Verdict {
        let here = self.asked.listeners.as_ref().is_none_or(|all| all.contains(&call.peer.listener));
        if !here {
            let detail = String::from("it may not be called by this listener");
            return Verdict::Refuse(self.challenge.lacking(detail));
        }
        let Some(first) = call.proofs.first() else {
            return Verdict::Refuse(
                self.challenge.missing("the operation requires more of its callers", None),
            );
        };
        let presented = Scheme::presented(&call.request);
        let mut able = call.proofs.iter().filter(|proof| self.satisfied(&proof.principal)).peekable();
        let Some(nearest) = able.peek().copied() else {
            return Verdict::Refuse(self.refuse((first.scheme, presented), &first.principal));
        };
        let Asked { acr, max_age, .. } = &self.asked;
        let mut lacking = None;
        for proof in able {
            match self.asked.lacking_of_login(&proof.principal, now) {
                None => return Verdict::Allow,
                code => lacking = lacking.or(code),
            }
        }
        let code = lacking.unwrap_or(&codes::LOGIN_STALE);
        Verdict::StepUp(self.challenge.step_up((nearest.scheme, presented), code, (acr.as_ref(), *max_age)))
    }

    fn refuse(&self, by: (u16, Scheme), principal: &Principal) -> Box<engine::verdict::Refusal> {
        let Asked { all, roles, .. } = &self.asked;
        let Missing { scopes, roles: lacking, claims, issuer } = all.missing(principal, roles);
        let list = |what: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| format!("missing {what}: {}", names.join(", ")))
        };
        let none = !self.has_one(principal);
        let issuer = issuer || !self.asked.acr_of.vouch_for(principal);
        let lacks = list("scopes", &scopes);
        let said: Vec<String> = [lacks.clone(), list("roles", &lacking), list("claims", &claims)]
            .into_iter()
            .flatten()
            .chain(issuer.then(|| String::from("its issuer is none of those that are believed")))
            .chain(none.then(|| String::from("none of the alternatives holds")))
            .collect();
        let said = said.join("; ");
        let Some(public) = lacks else { return self.challenge.lacking(said) };
        let mut refusal = self.challenge.insufficient(by, &scopes, public);
        refusal.detail = said.into();
        refusal
    }
}

/// Whether the user logged in (`auth_time`, OpenID Connect Core section 2) no longer ago than `most`. A token's own age (`iat`) says
/// nothing of that, since a refresh makes it new, and counts only where that is wanted. Who does not say is not fresh.
fn is_fresh(principal: &Principal, now: u64, most: Duration, by_issue: bool) -> bool {
    let claims = principal.claims.root();
    let claim = claims.get("auth_time").or_else(|| claims.get("iat").filter(|_| by_issue));
    let since = claim.and_then(tape::Node::as_number).and_then(|number| number.as_f64());
    // A fraction of a second is younger than its whole one.
    since.is_some_and(|since| now as f64 - since <= most.as_secs_f64())
}

impl Control for Require {
    fn name(&self) -> &'static str {
        "authorization"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, recheck: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtCore { rule: self, clock: Arc::clone(&core.clock) })
    }
}

#[derive(Debug)]
struct AtCore {
    rule: Arc<Require>,
    clock: Arc<dyn Clock>,
}

impl Attached for AtCore {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        // Not when the call began: a stream is asked again long after.
        let now = if self.rule.asked.max_age.is_some() { self.clock.unix().seconds() } else { 0 };
        Step::Done(self.rule.decide(call, now))
    }
}
