//! How much a caller may: rate, quota and concurrency, for a subject, an application, an address or the whole API.
//!
//! Speaks after authorization, since only then it is known whose calls these are, and nobody without a right may use up what
//! belongs to others. Subjects and applications count under their issuer (invariant 13). What is counted lives in cells of
//! the process under the limit's definition: a reload that does not change a limit does not forget what was used.
//!
//! - `rate` is the generic cell rate algorithm: in any time T at most `burst` + T × rate calls.
//! - `quota` counts in windows of the calendar, in UTC.
//! - `concurrency` holds a unit until the call is over, however it ends.
//!
//! All limits of a call are looked at before a unit is taken, so that a call that one of them refuses costs nothing in the
//! others. Between look and take another core may be faster: then the call is refused all the same, and units of the limits
//! before are gone: strict on the caller, never lax. Where gateways count together, a unit that was not there may be had from
//! the others: then the call waits for the answer and looks again. Limits in shadow count apart from enforced ones and say nothing
//! in the answer. Every answer to a counted call says by `RateLimit` what is left; what the upstream says by the same
//! fields is removed, since two lists of limits would be read as one.

mod calendar;
mod config;
mod fields;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine::cells::{Cells, Meter, Taken};
use engine::codes::{self, Code};
use engine::verdict::Refusal;
use engine::{Attached, BoxFuture, Call, Control, CoreContext, Needs, Step, UnixTime, Verdict};
use http::HeaderValue;
use smallvec::SmallVec;

pub use calendar::Window;
pub use config::{LimitSection, Per, check_section, compile, schema};

use crate::address::bucket;

/// How one limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By a meter that is always the same.
    Meter(Meter),
    /// In windows of the calendar.
    Quota(Window, u32),
}

/// One limit.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) per: Per,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// Its member of `RateLimit-Policy`.
    pub(crate) policy: String,
    /// Where and what it is: the part of its cells' key that outlives snapshots.
    pub(crate) definition: Vec<u8>,
}

impl Limit {
    fn meter(&self, now: UnixTime) -> Meter {
        match self.kind {
            Kind::Meter(meter) => meter,
            Kind::Quota(window, limit) => {
                let (start, end) = window.around(now);
                Meter::Window { start, end, limit }
            }
        }
    }

    fn is_concurrency(&self) -> bool {
        matches!(self.kind, Kind::Meter(Meter::Concurrency { .. }))
    }

    const fn code(&self) -> &'static Code {
        match self.kind {
            Kind::Meter(Meter::Concurrency { .. }) => &codes::CONCURRENCY_LIMITED,
            Kind::Meter(_) => &codes::RATE_LIMITED,
            Kind::Quota(..) => &codes::QUOTA_EXHAUSTED,
        }
    }

    /// The cell of this call.
    fn key(&self, cells: &dyn Cells, shadow: &[u8], call: &Call) -> u128 {
        let principal = call.principal();
        let by_application = principal.filter(|_| self.per == Per::Application);
        if let Some((principal, application)) =
            by_application.and_then(|one| one.application.as_ref().map(|application| (one, application)))
        {
            let whom = [principal.issuer.as_bytes(), application.as_bytes()];
            return cells.key(&[&self.definition, shadow, b"application", whom[0], whom[1]]);
        }
        match (self.per, principal) {
            (Per::Api, _) => cells.key(&[&self.definition, shadow, b"all"]),
            (Per::Subject | Per::Application, Some(principal)) => cells.key(&[
                &self.definition,
                shadow,
                b"subject",
                principal.issuer.as_bytes(),
                principal.subject.as_bytes(),
            ]),
            (Per::Address, _) | (_, None) => {
                let (bytes, length) = bucket(call.client);
                let address = bytes.get(..length).unwrap_or(&bytes);
                cells.key(&[&self.definition, shadow, b"address", address])
            }
        }
    }
}

/// The limits of an operation that are in one mode.
#[derive(Debug)]
pub struct Limits {
    limits: Vec<Limit>,
    enforced: bool,
    policy: Option<HeaderValue>,
}

impl Limits {
    pub(crate) fn new(limits: Vec<Limit>, enforced: bool) -> Self {
        let policy = fields::policy(limits.iter().map(|limit| limit.policy.as_str()));
        Self { limits, enforced, policy }
    }
}

impl Control for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, response_head: self.enforced, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let cells = core.cells.shared().unwrap_or_else(|| Arc::clone(&core.cells));
        Box::new(AtWork { control: self, cells })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<Limits>,
    cells: Arc<dyn Cells>,
}

/// Gives a unit of concurrency back when the call is over.
#[derive(Debug)]
struct Held {
    cells: Arc<dyn Cells>,
    key: u128,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.cells.release(self.key);
    }
}

/// What is fetched.
type Lacking = Vec<BoxFuture<'static, ()>>;
type Asked<'l> = SmallVec<[(&'l Limit, u128, Meter, Taken); 4]>;

/// How often a call looks again after units were fetched: others may have been faster.
const TRIES: usize = 3;

impl AtWork {
    /// What each limit says; a unit of each is taken when all have one.
    fn ask(&self, call: &mut Call) -> Asked<'_> {
        let now = call.at;
        let shadow: &[u8] = if self.control.enforced { b"" } else { b"shadow" };
        let ask = |limit| {
            let limit: &Limit = limit;
            let (key, meter) = (limit.key(&*self.cells, shadow, call), limit.meter(now));
            (limit, key, meter, self.cells.peek(key, &meter, now))
        };
        let mut asked: Asked<'_> = self.control.limits.iter().map(ask).collect();
        if asked.iter().all(|(.., taken)| taken.allowed) {
            self.take(&mut asked, call);
        }
        asked
    }

    /// What to wait for before looking again; empty where what was said stands.
    fn lacking(&self, asked: &Asked<'_>, now: UnixTime) -> Lacking {
        let lacking = asked.iter().filter(|(.., taken)| !taken.allowed);
        lacking.filter_map(|(_, key, meter, _)| self.cells.fetch(*key, meter, now)).collect()
    }

    async fn fetch(&self, call: &mut Call, first: Lacking) -> Verdict {
        let mut lacking = first;
        let held = call.held.len();
        for _ in 1..TRIES {
            for one in lacking {
                one.await;
            }
            call.held.truncate(held);
            let asked = self.ask(call);
            lacking = self.lacking(&asked, call.at);
            if lacking.is_empty() {
                return self.conclude(&asked, call);
            }
        }
        for one in lacking {
            one.await;
        }
        call.held.truncate(held);
        let asked = self.ask(call);
        self.conclude(&asked, call)
    }

    fn conclude(&self, asked: &Asked<'_>, call: &mut Call) -> Verdict {
        if self.control.enforced {
            self.tell(asked, call);
        }
        // Of several, the one that lasts longest: coming back earlier would be in vain.
        let refused =
            asked.iter().filter(|(.., taken)| !taken.allowed).max_by_key(|(.., taken)| taken.retry_after);
        match refused {
            None => Verdict::Allow,
            Some((limit, key, _, taken)) if !limit.is_concurrency() && self.cells.is_lost(*key) => {
                let detail = "nobody can tell what other gateways have let in";
                Verdict::Throttle(
                    Refusal::new(&codes::LIMIT_UNCHECKED, detail).retry_after(taken.retry_after),
                )
            }
            Some((limit, .., taken)) => {
                let detail = format!("the limit `{}` per {} is used up", limit.name, limit.per.name());
                Verdict::Throttle(Refusal::new(limit.code(), detail).retry_after(taken.retry_after))
            }
        }
    }

    /// Takes a unit of each until one is not there any more.
    fn take(&self, asked: &mut Asked<'_>, call: &mut Call) {
        for (limit, key, meter, taken) in asked {
            *taken = self.cells.take(*key, meter, call.at);
            if !taken.allowed {
                return;
            }
            if limit.is_concurrency() {
                call.held.push(Box::new(Held { cells: Arc::clone(&self.cells), key: *key }));
            }
        }
    }

    fn tell(&self, asked: &Asked<'_>, call: &mut Call) {
        let mut left = String::with_capacity(32 * asked.len());
        for (limit, _, meter, taken) in asked {
            fields::push(&mut left, &limit.name, taken, meter);
        }
        if let (Some(policy), Ok(left)) = (&self.control.policy, HeaderValue::from_str(&left)) {
            call.answer_headers.push((fields::RATELIMIT_POLICY, policy.clone()));
            call.answer_headers.push((fields::RATELIMIT, left));
        }
    }
}

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let held = call.held.len();
        let asked = self.ask(call);
        let lacking = self.lacking(&asked, call.at);
        if lacking.is_empty() {
            return Step::Done(self.conclude(&asked, call));
        }
        call.held.truncate(held);
        Step::Wait(Box::pin(self.fetch(call, lacking)))
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        call.response.headers.remove(fields::RATELIMIT);
        call.response.headers.remove(fields::RATELIMIT_POLICY);
        Step::Done(Verdict::Allow)
    }
}
