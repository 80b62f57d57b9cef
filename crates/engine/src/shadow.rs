//! Counts of what controls in shadow would have done: of every call, so that a share of them is right whatever is sampled.
//!
//! A call that was looked at counts once for each control in shadow and each side of the call. It is *good* when the service
//! answered it well and nothing that is enforced ended it: those are the calls that enforcing the control would harm.

use std::borrow::Cow;
use std::sync::Arc;

use crate::call::Call;
use crate::decision::{Decision, Outcome, Recorded};
use crate::plan::{Mode, Stage};

/// The side of a call that a control looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// What the client sent.
    Request,
    /// What the service answered.
    Answer,
}

impl Part {
    /// Its name in stores and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Part::Request => "request",
            Part::Answer => "answer",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Part::Request, Part::Answer].into_iter().find(|part| part.name() == name)
    }

    /// The one that a stage belongs to.
    #[must_use]
    pub const fn of_stage(stage: Stage) -> Self {
        match stage {
            Stage::Admission | Stage::Head | Stage::Body | Stage::Message | Stage::Upstream => Part::Request,
            Stage::ResponseHead | Stage::ResponseBody => Part::Answer,
        }
    }
}

/// Calls of one operation in one minute, by what one control in shadow said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowCount {
    /// When the minute began, in milliseconds since 1970.
    pub at: u64,
    /// Name of the API; empty where no operation was found.
    pub api: Arc<str>,
    /// Name of the operation.
    pub operation: Arc<str>,
    /// The control, or one rule of it, as [`named`].
    pub control: Cow<'static, str>,
    /// What of the call it looked at.
    pub part: Part,
    /// The code with which it would have ended them. Empty: all calls that it looked at, whatever it said.
    pub code: Cow<'static, str>,
    /// How many.
    pub calls: u64,
    /// Those of them that were good.
    pub good: u64,
}

/// What a control in shadow said of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'c> {
    /// The control.
    pub control: &'static str,
    /// The one rule of it, where that is in shadow by itself.
    pub rule: Option<&'c Arc<str>>,
    /// What of the call it looked at.
    pub part: Part,
    /// The code with which it would have ended the call; where it would have for several reasons, the first.
    pub code: Option<&'static str>,
}

/// Whether the service answered a call well, and nothing that is enforced ended it.
#[must_use]
pub fn is_good(decision: &Decision) -> bool {
    decision.code.is_none() && matches!(decision.status, 101 | 200..=399) && decision.refusal().is_none()
}

/// The name of a control, or of one rule of it, in counts and reports: what `yett promote` takes.
#[must_use]
pub fn named(control: &str, rule: &str) -> String {
    if rule.is_empty() { control.to_owned() } else { format!("{control}.{rule}") }
}

/// Whose a verdict is, and of which side of the call.
fn of(verdict: &Recorded) -> (&'static str, Option<&Arc<str>>, Part) {
    (verdict.control, verdict.rule.as_ref(), Part::of_stage(verdict.stage))
}

/// What each control in shadow said of a call: once for each side that it looked at, and for each rule that is in shadow by itself.
pub fn said(call: &Call) -> impl Iterator<Item = Said<'_>> {
    let verdicts = &call.decision.verdicts;
    let in_shadow = |verdict: &&Recorded| verdict.mode == Mode::Shadow;
    let first = move |(number, one): &(usize, &Recorded)| {
        let mut before = verdicts.iter().take(*number).filter(in_shadow);
        in_shadow(one) && !before.any(|earlier| of(earlier) == of(one))
    };
    verdicts.iter().enumerate().filter(first).map(move |(_, one)| {
        let (control, rule, part) = of(one);
        let refuses = |verdict: &&Recorded| verdict.outcome.stops() && verdict.outcome != Outcome::Answer;
        let mut own =
            verdicts.iter().filter(in_shadow).filter(|verdict| of(verdict) == (control, rule, part));
        let code = own.find(refuses).map(|verdict| verdict.code.map_or("", |code| code.name));
        Said { control, rule, part, code }
    })
}
