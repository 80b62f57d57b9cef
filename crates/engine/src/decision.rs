//! All verdicts of one call, with its id: what the log, the metrics, the trace and `yett explain` are made of.
//!
//! One versioned type from the start. Fields are added, never given another meaning.

use std::sync::Arc;
use std::time::Duration;

use crate::codes::{Blame, Code};
use crate::plan::{Mode, PlaceId, Stage};

/// Version of [`Decision`] as written to logs and stores.
pub const VERSION: u16 = 1;

/// What a control's verdict came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing against it.
    Allow,
    /// Allowed, with a note.
    Note,
    /// Refused.
    Refuse,
    /// Stronger or fresher authentication asked for.
    StepUp,
    /// Asked to come back later.
    Throttle,
    /// Answered by the gateway itself.
    Answer,
}

impl Outcome {
    /// Its name in logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::Note => "note",
            Outcome::Refuse => "refuse",
            Outcome::StepUp => "step_up",
            Outcome::Throttle => "throttle",
            Outcome::Answer => "answer",
        }
    }

    /// Whether it ends the call when enforced.
    #[must_use]
    pub const fn stops(self) -> bool {
        !matches!(self, Outcome::Allow | Outcome::Note)
    }
}

/// One control's verdict as kept.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The control's name.
    pub control: &'static str,
    /// The one rule of it that speaks, where that has a mode of its own.
    pub rule: Option<Arc<str>>,
    /// Where in the life of the call.
    pub stage: Stage,
    /// Whether it counted.
    pub mode: Mode,
    /// What it came to.
    pub outcome: Outcome,
    /// Its code, when it stops the call.
    pub code: Option<&'static Code>,
    /// Where in the configuration or the contract it comes from.
    pub place: PlaceId,
    /// The part of the contract whose rule it is, when it is one of the contract's.
    pub contract: PlaceId,
    /// What it took, in nanoseconds (saturating at 4 s).
    pub cost: u32,
    /// For the operator; redacted and bounded.
    pub detail: Option<Box<str>>,
}

/// When things happened, measured from the end of the head.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Checks on head and body, waiting for the body included.
    pub checks: Duration,
    /// When the try that counts was sent upstream; zero when nothing was.
    pub sent: Duration,
    /// From sending upstream to the head of its answer; zero when nothing was sent.
    pub upstream: Duration,
    /// To the last byte of the answer.
    pub total: Duration,
}

/// All verdicts of one call and how it ended.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// Verdicts in the order given.
    pub verdicts: Vec<Recorded>,
    /// Status of the answer; 0 when the client went away before there was one.
    pub status: u16,
    /// Why the call ended without the upstream's answer, or why that answer broke off.
    pub code: Option<&'static Code>,
    /// For the operator: the fault behind `code`, when no verdict says it.
    pub fault: Option<Box<str>>,
    /// The control that wants the call to be told of although it passes.
    pub notable: Option<&'static str>,
    /// When things happened.
    pub timings: Timings,
    /// Whether a control held its core for long ([`crate::bounds::LONG_WORK`]).
    pub long_work: bool,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Messages of a WebSocket that went on: from the client, and to it.
    pub messages: (u64, u64),
    /// With which code a WebSocket was closed (RFC 6455 section 7.4).
    pub close: Option<u16>,
    /// Whether the client went away before the answer was whole.
    pub aborted: bool,
    /// SHA-256 of the call as checked ([`crate::digest`]): when it was asked for, all checks passed, and the body came to its
    /// end.
    pub digest: Option<[u8; 32]>,
}

impl Decision {
    /// The verdict that ended the call.
    #[must_use]
    pub fn refusal(&self) -> Option<&Recorded> {
        self.verdicts.iter().find(|verdict| verdict.mode == Mode::Enforce && verdict.outcome.stops())
    }

    /// Verdicts that would have ended the call had they been enforced.
    pub fn shadowed(&self) -> impl Iterator<Item = &Recorded> {
        self.verdicts.iter().filter(|verdict| verdict.mode == Mode::Shadow && verdict.outcome.stops())
    }

    /// Who has to act, when somebody has.
    #[must_use]
    pub fn blame(&self) -> Option<Blame> {
        self.code.map(|code| code.blame)
    }
}
