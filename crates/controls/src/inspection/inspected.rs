//! A call between the stages of its inspection, and what it comes to.

use std::sync::Arc;

use engine::verdict::Refusal;
use engine::{Call, Code, Verdict, codes};
use parking_lot::Mutex;
use seclang::{Exclusion, Suspended, Transaction};

use super::evidence::{self, Side};
use super::rules::Loaded;

/// A call between its stages.
#[derive(Debug)]
pub(super) struct Inspected {
    loaded: Arc<Loaded>,
    watched: Arc<[Exclusion]>,
    /// Bytes of the head.
    pub(super) read: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` when it is over, or when a thread that nobody waits for any more has it.
    call: Option<Suspended>,
    /// Reports that an earlier stage has told of.
    told: usize,
    /// The side that an earlier stage would have ended the call at: said once is enough.
    stopped: Option<Side>,
    /// Those of the rules that are only watched that matched, by number, and on which side.
    matched: Vec<(usize, Side)>,
}

impl Inspected {
    /// That begins, with the bytes of its head.
    pub(super) fn new(loaded: Arc<Loaded>, watched: Arc<[Exclusion]>, call: Suspended, read: usize) -> Self {
        let state = State { call: Some(call), told: 0, stopped: None, matched: Vec::new() };
        Self { loaded, watched, read, state: Mutex::new(state) }
    }

    /// Whether rules that are only watched matched on this side.
    pub(super) fn has_watched(&self, number: usize, side: Side) -> bool {
        self.state.try_lock().is_some_and(|state| state.matched.contains(&(number, side)))
    }

    /// Goes on with the next part of the call, whose last is followed by phase 5.
    pub(super) fn go_on(&self, side: Side, last: bool, work: impl FnOnce(&mut Transaction<'_>)) -> Verdict {
        // A thread that nobody waits for any more may be at it still: the core does not wait for it either.
        let Some(mut state) = self.state.try_lock() else { return missing() };
        let (Some(engine), Some(call)) = (self.loaded.engine(), state.call.take()) else { return missing() };
        let mut inspection = engine.resume(call);
        work(&mut inspection);
        if last {
            inspection.finish();
        }
        let verdict = judge(&inspection, (state.told, state.stopped), side, &self.loaded);
        if matches!(verdict, Verdict::Refuse(_)) {
            state.stopped = Some(side);
        }
        for (number, rules) in self.watched.iter().enumerate() {
            if inspection.has_watched(rules) && !state.matched.contains(&(number, side)) {
                state.matched.push((number, side));
            }
        }
        inspection.forget_watched();
        state.told = inspection.reports().len();
        state.call = (!last).then(|| inspection.suspend());
        verdict
    }
}

/// What an inspection comes to, of which an earlier stage has told so many reports, and on which side it would have ended the call.
pub(super) fn judge(
    inspection: &Transaction<'_>,
    (told, ended): (usize, Option<Side>),
    side: Side,
    loaded: &Loaded,
) -> Verdict {
    let said = evidence::describe(inspection, told, side, loaded);
    // What comes after the budget was not checked, whatever the rules have said until then.
    let stopped = ended == Some(side);
    if inspection.is_exhausted() && !stopped {
        let detail = "the call takes more work than the engine's budget";
        return Verdict::Refuse(Refusal::new(code(side), detail));
    }
    let denied = match inspection.verdict() {
        seclang::Verdict::Deny(intervention) => Some(intervention),
        seclang::Verdict::Pass => inspection.foreseen(),
    };
    match denied.filter(|_| !stopped) {
        Some(_) => {
            let detail = said.unwrap_or_else(|| String::from("a rule that is not logged refused"));
            Verdict::Refuse(Refusal::new(code(side), detail))
        }
        None => said.map_or(Verdict::Allow, |said| Verdict::Note(said.into())),
    }
}

const fn code(side: Side) -> &'static Code {
    match side {
        Side::Request => &codes::PAYLOAD_REFUSED,
        Side::Answer => &codes::ANSWER_REFUSED,
    }
}

/// That of a call.
pub(super) fn of(call: &Call) -> Option<Arc<Inspected>> {
    call.held.iter().find_map(|held| held.downcast_ref::<Arc<Inspected>>()).cloned()
}

/// A call without one was not inspected.
pub(super) fn missing() -> Verdict {
    Verdict::Refuse(Refusal::new(
        &codes::CONTROL_FAILED,
        "the inspection of this call was not begun, or is lost",
    ))
}
