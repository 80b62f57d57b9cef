//! What comes out of an inspection.

use std::sync::Arc;

use diagnostics::Span;

/// What was decided about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Stop.
    Deny(Intervention),
}

/// How and why a call is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervention {
    /// The status to answer with.
    pub status: u16,
    /// The rule that decided.
    pub rule: Option<u64>,
    /// Where to send the caller, when the rule redirects.
    pub redirect: Option<String>,
    /// The call was too much work.
    pub exhausted: bool,
}

/// A rule that matched and is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The rule's id.
    pub id: u64,
    /// The phase it ran in.
    pub phase: u8,
    /// `msg`, expanded.
    pub message: String,
    /// 0 (emergency) to 7 (debug).
    pub severity: Option<u8>,
    /// All `tag`s.
    pub tags: Arc<[String]>,
    /// Where the rule is written.
    pub span: Span,
    /// What it matched; of a chain, what its last test matched.
    pub matches: Vec<Match>,
}

/// One value that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// As in `ARGS:q`.
    pub variable: String,
    /// The value as it came.
    pub value: Vec<u8>,
    /// As the operator saw it, when that differs.
    pub transformed: Option<Vec<u8>>,
    /// `logdata`, expanded.
    pub data: String,
}
