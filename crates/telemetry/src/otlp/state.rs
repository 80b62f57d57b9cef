//! How the export of a signal is: for readiness, metrics and those who read the terminal.

use std::time::Duration;

use engine::Tick;

/// What a collector takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans of calls.
    Traces,
    /// What is counted.
    Metrics,
    /// Records of calls.
    Logs,
}

impl Signal {
    /// All, in the order of their metric series.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// Its name, in metric labels and in the path of its endpoint (`/v1/…`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

/// Why spans, points or records were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// There was no room: more came than the collector takes, or it took nothing.
    Queue,
    /// The collector could not be reached, or was busy, for too long.
    Unavailable,
    /// It answered that it does not take this.
    Refused,
    /// It took a part of a request and rejected these.
    Rejected,
}

impl Lost {
    /// All, in the order of their metric series.
    pub const ALL: [Lost; 4] = [Lost::Queue, Lost::Unavailable, Lost::Refused, Lost::Rejected];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Lost::Queue => "queue",
            Lost::Unavailable => "unavailable",
            Lost::Refused => "refused",
            Lost::Rejected => "rejected",
        }
    }
}

/// How the export of one signal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub signal: Signal,
    /// Why the last try failed, until one succeeds; or that something was rejected or found no room lately.
    pub fault: Option<String>,
    /// Spans, points or records that a collector took.
    pub exported: u64,
    /// Those that were lost; of a queue that was full, calls.
    pub lost: [(Lost, u64); Lost::ALL.len()],
    /// Those that wait.
    pub waiting: u64,
}

/// How long something lost is told as a fault.
pub(super) const TOLD: Duration = Duration::from_secs(60);

/// What the exporter remembers of one signal.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Why the last try failed.
    pub(super) fault: Option<String>,
    pub(super) exported: u64,
    pub(super) unavailable: u64,
    pub(super) refused: u64,
    pub(super) rejected: u64,
    /// Taken of the queue, and neither exported nor lost yet.
    pub(super) in_hand: u64,
    /// When a rejection was last said.
    pub(super) rejected_at: Option<Tick>,
    /// What was lost in the queue when it was last looked at, and when it was more than before.
    pub(super) queue: (u64, Option<Tick>),
}
