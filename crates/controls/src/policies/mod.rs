//! Policies in Cedar: who may do what with what, where the scopes of a contract are not enough. What policies may name comes from the
//! contract: its operations are their actions, parameters of its paths and values of its bodies are attributes of what is called about.
//!
//! What it promises:
//! - without a policy that permits a call it is refused, and one that forbids it wins over all that permit; the decision names the policy;
//! - policies are checked strictly, for each operation that they are about, when the document is: a name that nothing has, a type that does
//!   not fit, an optional value that nobody asks for first, a misspelled operation are errors at their place in the file;
//! - templates of the section ([`links`]) are written out in Cedar and read as what people write;
//! - what is told is what the call proves: claims and roles of issuers that are believed only, parameters by the router's own reading, values
//!   of bodies off the tape that validation has read. What is not of the type that is declared for it, or is read in more than one way,
//!   refuses the call as one that cannot be judged;
//! - a policy that forbids and fails forbids.
//!
//! It speaks at the head, right after the contract's scopes, since it needs nothing but the head; where a policy of the operation reads a
//! value of the body, or who calls is known with the body only, it speaks when that was checked against the contract. Whom a credential proves
//! that comes first is `principal`; others are told by their kinds. A live stream is asked about again when the configuration changes,
//! unless it was judged by its body.
//!
//! The language is in a crate of its own (`cedar`), which a build may leave out: then a document with policies is refused.

mod build;
mod config;
mod facts;
mod link_config;
mod links;
mod offset;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cedar::{Decision, Slice, Told};
use engine::verdict::Refusal;
use engine::{Attached, Call, Clock, Control, CoreContext, Needs, Step, Verdict, codes};

use crate::read_body::{self, Content};
pub use build::compile;
pub use config::{
    BodySection, ClaimSection, OnAbsent, PoliciesSection, RefuseAs, TypeName, check_section, files, schema,
};
use facts::{Telling, Untold};
pub use link_config::{Day, LinkSection, Template};

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refuse {
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
}

/// The control, for one operation.
#[derive(Debug)]
pub struct Policies {
    slice: Slice,
    telling: Telling,
    /// Whether it speaks when the body is there.
    late: bool,
    refuse: Refuse,
}

impl Policies {
    /// The policies that it asks.
    pub fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.slice.policies()
    }

    fn decide(&self, call: &Call, body: Option<&Content>, clock: &dyn Clock) -> Verdict {
        let wants = self.slice.wants();
        // Not when the call began: a stream is asked about again long after.
        let now = if wants.time || wants.token || wants.assurance { clock.unix() } else { call.at };
        match self.telling.facts(wants, call, body, now) {
            Ok(facts) => match self.slice.decide(&facts) {
                Decision::Permitted(policy) => Verdict::Note(format!("permitted by `{policy}`").into()),
                Decision::Forbidden(policy) => self.denied(format!("forbidden by `{policy}`")),
                Decision::Unpermitted => self.denied(String::from("no policy permits it")),
                Decision::Undecided(policy) => {
                    undecided(format!("`{policy}` forbids and cannot be evaluated"))
                }
            },
            Err(Untold { what, why }) => undecided(format!("{what} {why}")),
        }
    }

    fn denied(&self, detail: String) -> Verdict {
        let code = match self.refuse {
            Refuse::Forbidden => &codes::POLICY_DENIED,
            Refuse::NotFound => &codes::POLICY_NOT_FOUND,
        };
        Verdict::Refuse(Refusal::new(code, detail))
    }
}

fn undecided(detail: String) -> Verdict {
    Verdict::Refuse(Refusal::new(&codes::POLICY_UNDECIDED, detail))
}

/// What a control of an operation asks, when it is this one: for whoever describes a configuration.
#[must_use]
pub fn policies_of<'c>(control: &'c (dyn Control + 'static)) -> Option<&'c Policies> {
    let control: &dyn std::any::Any = control;
    control.downcast_ref()
}

impl Control for Policies {
    fn name(&self) -> &'static str {
        "policies"
    }

    fn needs(&self) -> Needs {
        Needs { head: !self.late, recheck: !self.late, body: self.late, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork { control: self, clock: Arc::clone(&core.clock) })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<Policies>,
    clock: Arc<dyn Clock>,
}

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.control.decide(call, None, &*self.clock))
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let telling = &self.control.telling;
        let body = (!telling.values.is_empty()).then(|| read_body::read(telling.contract.as_deref(), call));
        Step::Done(self.control.decide(call, body.as_ref(), &*self.clock))
    }
}
