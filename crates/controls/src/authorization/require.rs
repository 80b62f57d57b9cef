//! The operator's own rule: scopes and roles that a caller needs beside what the contract asks for. All of them.

use std::sync::Arc;

use engine::{Attached, Call, Control, CoreContext, Needs, Principal, ScopeSet, Step, Verdict};

use crate::security::{Challenge, Scheme};

/// Scopes and roles of which the caller must carry every one.
#[derive(Debug)]
pub struct Require {
    challenge: Challenge,
    scopes: Vec<(usize, Box<str>)>,
    set: ScopeSet,
    roles: Vec<Box<str>>,
}

impl Require {
    /// Asks for all of these scopes (number and name) and roles.
    #[must_use]
    pub fn new(challenge: Challenge, scopes: Vec<(usize, Box<str>)>, roles: Vec<Box<str>>) -> Self {
        let mut set = ScopeSet::default();
        scopes.iter().for_each(|(bit, _)| set.insert(*bit));
        Self { challenge, scopes, set, roles }
    }

    fn satisfied(&self, principal: &Principal) -> bool {
        principal.scopes.contains_all(&self.set)
            && self.roles.iter().all(|role| principal.roles.contains(role))
    }

    fn decide(&self, call: &Call) -> Verdict {
        let Some(proof) = call.proofs.first() else {
            return Verdict::Refuse(self.challenge.missing("the operation requires scopes or roles", None));
        };
        let principal = &proof.principal;
        if self.satisfied(principal) {
            return Verdict::Allow;
        }
        let lacking = self.scopes.iter().filter(|(bit, _)| !principal.scopes.contains(*bit));
        let scopes: Vec<&str> = lacking.map(|(_, name)| &**name).collect();
        let roles = self.roles.iter().filter(|role| !principal.roles.contains(role)).map(|role| &**role);
        let roles: Vec<&str> = roles.collect();
        let list = |what: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| format!("missing {what}: {}", names.join(", ")))
        };
        let said: Vec<String> = list("scopes", &scopes).into_iter().chain(list("roles", &roles)).collect();
        let presented = Scheme::presented(&call.request);
        Verdict::Refuse(self.challenge.insufficient((proof.scheme, presented), &scopes, said.join("; ")))
    }
}

impl Control for Require {
    fn name(&self) -> &'static str {
        "authorization"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtCore(self))
    }
}

#[derive(Debug)]
struct AtCore(Arc<Require>);

impl Attached for AtCore {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.decide(call))
    }
}
