//! The one place where a call that ended is handed on: to the store of decisions, to the counts of what controls in shadow said, and to
//! those who are told.
//!
//! Handed on is what somebody may ask about: each call that ended with a code, or would have by a control in shadow, or that a control wants told of, and for the
//! store every so many of the rest. One record is made of a call, by whoever wants it first, and stands in the queue of each consumer,
//! so that none waits for another. A call that nobody wants pays for looking at that.

use std::sync::Arc;

use engine::codes::Blame;
use engine::evidence::TEXT;
use engine::text::{inert, push_address};
use engine::{Call, Decision, Evidence, Kept, Outcome, Snapshot};

use crate::counters::Shadow;
use crate::line;
use crate::records::QueueEnd;
use crate::shadow::TallyEnd;
use crate::timestamp::Stamp;

/// One core's ends of the ways to all consumers.
#[derive(Debug)]
pub(crate) struct Consumers {
    pub(crate) store: QueueEnd,
    /// Counts lie in the store, beside the records: they are made while it wants any.
    pub(crate) tally: TallyEnd,
    pub(crate) events: QueueEnd,
}

/// The ways on which there was no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) store: bool,
    pub(crate) tally: bool,
    pub(crate) events: bool,
}

impl Consumers {
    /// Hands a call on to whoever wants it.
    pub(crate) fn hand_on(
        &self,
        stamp: &mut Stamp,
        snapshot: &Snapshot,
        call: &Call,
        shadow: Shadow,
    ) -> Full {
        let is_stored = self.store.is_wanted();
        if !is_stored && !self.events.is_wanted() {
            return Full::default();
        }
        let tally = is_stored && shadow.looked && !self.tally.count(call);
        let ended = ended(&call.decision, shadow.ended);
        let (kept, told) = (self.store.wants(ended), self.events.wants(ended));
        let Some(why) = kept.or(told) else { return Full { tally, ..Full::default() } };
        let store = kept.is_some() && self.store.has_room();
        let events = told.is_some() && self.events.has_room();
        if store || events {
            let record = Arc::new(record(why, stamp, snapshot, call));
            if events {
                self.events.push(Arc::clone(&record));
            }
            if store {
                self.store.push(record);
            }
        }
        Full { store: kept.is_some() && !store, tally, events: told.is_some() && !events }
    }
}

/// What a call came to that did not simply pass.
fn ended(decision: &Decision, shadowed: bool) -> Option<Kept> {
    match decision.code {
        Some(code) => Some(match (code.blame, ended_by(decision)) {
            // A control that ended it and works as it should: an upstream's answer is refused for what the upstream did.
            (Blame::Client, _) | (Blame::Upstream, Some(_)) => Kept::Refused,
            _ => Kept::Failed,
        }),
        None if shadowed => Some(Kept::Shadowed),
        None => decision.notable.map(|_| Kept::Noted),
    }
}

/// The control that ended a call, when one did.
fn ended_by(decision: &Decision) -> Option<&'static str> {
    decision.refusal().filter(|verdict| verdict.outcome != Outcome::Answer).map(|verdict| verdict.control)
}

fn record(kept: Kept, stamp: &mut Stamp, snapshot: &Snapshot, call: &Call) -> Evidence {
    let decision = &call.decision;
    let shadowed = || decision.shadowed().next().map(|verdict| verdict.control);
    let control = match kept {
        Kept::Refused | Kept::Failed => ended_by(decision),
        Kept::Shadowed => shadowed(),
        Kept::Noted => decision.notable,
        Kept::Passed | Kept::Alert => None,
    };
    let control = control.unwrap_or_default();
    let mut document = Vec::with_capacity(1_024);
    line::document(&mut document, stamp, snapshot, call, (kept, control));
    let mut address = Vec::with_capacity(40);
    push_address(&mut address, call.client);
    let text = |text: &str| inert(text, TEXT);
    let plan = call.operation.as_deref();
    let principal = call.principal();
    Evidence {
        id: call.id,
        at: call.at.0 / 1_000_000,
        kept,
        status: decision.status,
        code: decision.code.map_or("", |code| code.name).into(),
        control: control.into(),
        method: text(call.request.method.as_str()),
        path: text(call.request.path()),
        api: text(plan.map_or("", |plan| &plan.api)),
        operation: text(plan.map_or("", |plan| &plan.id)),
        address: String::from_utf8_lossy(&address).into(),
        issuer: text(principal.map_or("", |principal| &principal.issuer)),
        subject: text(principal.map_or("", |principal| &principal.subject)),
        application: text(
            principal.and_then(|principal| principal.application.as_deref()).unwrap_or_default(),
        ),
        micros: u64::try_from(decision.timings.total.as_micros()).unwrap_or(u64::MAX),
        document: String::from_utf8(document).unwrap_or_default().into(),
    }
}
