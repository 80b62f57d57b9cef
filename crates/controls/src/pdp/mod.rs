//! Asking a policy decision point elsewhere whether a call may go on: OPA's Data API, the OpenID AuthZEN Authorization API 1.0, or a
//! service of Envoy's `ext_authz`, in its HTTP form or over gRPC.
//!
//! What it promises:
//! - a call goes on when the PDP says so in the one way that its protocol has, and not otherwise: another status or media type, an
//!   answer that is too long, no JSON or message, of another type or none in time are no answer, and refuse the call as one that cannot be decided.
//!   `on_error: allow` lets calls pass while it is away; what it said and cannot be read may have been a denial, and refuses;
//! - it is asked last, when it is proven who calls, about the call as it goes upstream, so that what an earlier control refuses or strips is never asked about,
//!   and what the PDP adds for the upstream replaces whatever a client sent under that name;
//! - no credential is told to it, and of claims and header fields only those that are named;
//! - of all calls with one question one asks and the others wait for the same answer; [`engine::bounds::PDP_ASKING`] questions are asked at
//!   one time, more are refused at once; after [`engine::bounds::PDP_FAILURES`] questions in a row at which it was
//!   not there it is left alone for [`engine::bounds::PDP_PAUSE`], then one question tries;
//! - an answer is remembered only where `max_age` says so, by a keyed hash of all that was sent but the time, and never past the end
//!   of the caller's credentials; a denial for seconds. That there was none is remembered for a second for the same question;
//! - what the PDP says of its reasons stays inside: callers are told a code.
//!
//! A live stream is asked about again when the configuration changes, as all that says who may call; then an answer of the last
//! seconds will do, since it is looked for once a second until it is there. It ends when it is denied, or not decided within `drain`;
//! with `on_error: allow` it goes on while the PDP is away.

mod answer;
mod asking;
mod check;
mod config;
mod ext_authz;
mod grpc;
mod question;
mod stand_in;
#[cfg(test)]
mod tests;
mod written;

use std::sync::Arc;
use std::time::Duration;

use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use http::HeaderName;

use crate::read_body;
use crate::security::find::spellings;
pub use answer::{Added, Answer};
use asking::{Asker, Known, Whom};
pub use asking::{Endpoint, Protocol};
pub use config::{PdpSection, check_section, compile, files, schema};
use question::Question;
pub use question::Telling;
pub use stand_in::{StandIn, stand_in};

/// What the message of an answer over gRPC comes to, for a control that takes header fields of these names.
#[must_use]
pub fn read_check(names: &[HeaderName], message: &[u8]) -> Answer {
    grpc::checked(names, message)
}

/// When to come back to a PDP that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How a denial is told to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuse {
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 404 where the PDP said so, else 403.
    AsTold,
}

/// The control, for one operation.
#[derive(Debug)]
pub struct Pdp {
    /// Who is asked.
    pub endpoint: Arc<Endpoint>,
    /// What is told.
    pub telling: Telling,
    /// Whether who calls is known with the body only, so that it is asked then, whether it is told the body or not.
    pub late: bool,
    /// How a denial is told.
    pub refuse: Refuse,
    /// Whether calls pass while the PDP is away.
    pub allow_on_error: bool,
    /// Whether the PDP is to be told bodies, and the operation has none that could be.
    pub bodiless: bool,
    /// Whether what the PDP adds is added: not in shadow, which changes nothing of a call.
    pub adds: bool,
}

impl Control for Pdp {
    fn name(&self) -> &'static str {
        "pdp"
    }

    fn needs(&self) -> Needs {
        let body = self.telling.body;
        Needs { head: !body, recheck: !body, body: body || self.late, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let asker = Asker::of(&self.endpoint, core);
        Box::new(AtWork { control: self, asker, core: core.clone() })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<Pdp>,
    asker: Arc<Asker>,
    core: CoreContext,
}

/// Held by a call that was asked about at its head: when that comes again, it is a live stream.
struct Before;

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let again = call.held.iter().any(|held| (**held).is::<Before>());
        if !again {
            call.held.push(Box::new(Before));
            if self.control.late {
                return Step::Done(Verdict::Allow);
            }
        }
        if self.control.bodiless && !again && read_body::comes(call) {
            // It would go upstream, and the PDP would not have seen it.
            let why = "the PDP is told bodies, and of this operation none is known";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::BODY_NOT_DECLARED, why)));
        }
        let question = self.control.telling.question(&self.control.endpoint, call, None);
        self.ask(call, question, again)
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let Pdp { telling, endpoint, .. } = &*self.control;
        let body = if telling.body { telling.read(call).map(Some) } else { Ok(None) };
        let question = body.and_then(|body| telling.question(endpoint, call, body.as_ref()));
        self.ask(call, question, false)
    }
}

impl AtWork {
    fn ask<'c>(
        &'c self,
        call: &'c mut Call,
        question: Result<Question, Box<Refusal>>,
        again: bool,
    ) -> Step<'c> {
        let question = match question {
            Ok(question) => question,
            Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
        };
        // Of a live stream the head has gone upstream.
        let adds = self.control.adds && !again;
        if adds {
            // Fields of these names are the PDP's, whether it will say one or not.
            self.control.endpoint.headers.iter().for_each(|name| spellings(call, name));
        }
        let expires = call.proofs.iter().map(|proof| proof.principal.expires).min();
        let whom = Whom { expires, again, passes: self.control.allow_on_error };
        match self.asker.look(question, whom, &self.core) {
            Known::Answer(answer) => Step::Done(self.settle(call, &answer, adds)),
            Known::Asking(flight) => Step::Wait(Box::pin(async move {
                flight.wait().await;
                match flight.told() {
                    Some(told) => self.settle(call, &told.answer, adds),
                    None => self.undecided("the question came to nothing"),
                }
            })),
            Known::Busy => self.unasked("too many questions at one time", again),
            Known::Resting => {
                self.unasked("it was not there several times in a row and is not asked for a while", again)
            }
        }
    }

    /// A live stream that does not pass meanwhile waits, and is asked about once more.
    fn unasked<'s>(&self, why: &str, again: bool) -> Step<'s> {
        let verdict = self.undecided(why);
        if again && !self.control.allow_on_error {
            Step::Wait(Box::pin(std::future::ready(verdict)))
        } else {
            Step::Done(verdict)
        }
    }

    fn settle(&self, call: &mut Call, answer: &Answer, adds: bool) -> Verdict {
        match answer {
            Answer::Allow(added) => {
                for (name, value) in added.iter().filter(|_| adds) {
                    call.request.headers.append(HeaderName::clone(name), value.clone());
                }
                Verdict::Allow
            }
            Answer::Deny { reason, not_found } => {
                let code = match self.control.refuse {
                    Refuse::NotFound => &codes::PDP_NOT_FOUND,
                    Refuse::AsTold if *not_found => &codes::PDP_NOT_FOUND,
                    Refuse::AsTold | Refuse::Forbidden => &codes::PDP_DENIED,
                };
                Verdict::Refuse(Refusal::new(code, format!("the PDP denies it: {reason}")))
            }
            Answer::Nonsense(why) => self.unavailable(why),
            Answer::Away(why) => self.undecided(why),
        }
    }

    /// Of a call that nobody could be asked about.
    fn undecided(&self, why: &str) -> Verdict {
        if self.control.allow_on_error {
            return Verdict::Note(format!("not decided by `{}`: {why}", self.control.endpoint.url).into());
        }
        self.unavailable(why)
    }

    fn unavailable(&self, why: &str) -> Verdict {
        let detail = format!("`{}`: {why}", self.control.endpoint.url);
        Verdict::Refuse(Refusal::new(&codes::PDP_UNAVAILABLE, detail).retry_after(RETRY_AFTER))
    }
}
