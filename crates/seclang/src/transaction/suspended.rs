//! A call between two of its phases, kept where the engine cannot be borrowed.

use std::ops::Range;

use super::gather::Candidates;
use super::watch::Watched;
use super::{Entry, Intervention, Matched, Report, Transaction, Verdict};
use crate::Engine;
use crate::bits::Bits;
use crate::rule::Selector;
use crate::store::Store;
use crate::syntax::{AllowScope, Mode, Processor};
use crate::texts::Texts;

/// All of a transaction but its engine: may be kept for as long as wanted, and moved to another thread.
#[derive(Debug)]
pub struct Suspended {
    texts: Texts,
    entries: Vec<Entry>,
    ranges: Vec<Range<usize>>,
    tx: Store,
    mode: Mode,
    processor: Option<Processor>,
    force_body: bool,
    request_body_access: bool,
    response_body_access: bool,
    allowed: Option<AllowScope>,
    matched: Matched,
    removed: Option<Bits>,
    removed_targets: Vec<(Bits, Selector)>,
    watched: Option<Watched>,
    candidates: Candidates,
    reports: Vec<Report>,
    matched_ids: Vec<u64>,
    verdict: Verdict,
    foreseen: Option<Intervention>,
    work: u64,
    exhausted: bool,
    body_error: Option<String>,
    arguments_size: usize,
}

impl Transaction<'_> {
    /// Lets go of the engine until [`Engine::resume`].
    #[must_use]
    pub fn suspend(self) -> Suspended {
        Suspended {
            texts: self.texts,
            entries: self.entries,
            ranges: self.ranges,
            tx: self.tx,
            mode: self.mode,
            processor: self.processor,
            force_body: self.force_body,
            request_body_access: self.request_body_access,
            response_body_access: self.response_body_access,
            allowed: self.allowed,
            matched: self.matched,
            removed: self.removed,
            removed_targets: self.removed_targets,
            watched: self.watched,
            candidates: self.candidates,
            reports: self.reports,
            matched_ids: self.matched_ids,
            verdict: self.verdict,
            foreseen: self.foreseen,
            work: self.work,
            exhausted: self.exhausted,
            body_error: self.body_error,
            arguments_size: self.arguments_size,
        }
    }
}

impl Engine {
    /// Goes on with a call. It must have begun with this very engine: numbers of rules and variables are its own.
    #[must_use]
    pub fn resume(&self, call: Suspended) -> Transaction<'_> {
        Transaction {
            engine: self,
            texts: call.texts,
            entries: call.entries,
            ranges: call.ranges,
            tx: call.tx,
            mode: call.mode,
            processor: call.processor,
            force_body: call.force_body,
            request_body_access: call.request_body_access,
            response_body_access: call.response_body_access,
            allowed: call.allowed,
            matched: call.matched,
            removed: call.removed,
            removed_targets: call.removed_targets,
            watched: call.watched,
            candidates: call.candidates,
            reports: call.reports,
            matched_ids: call.matched_ids,
            verdict: call.verdict,
            foreseen: call.foreseen,
            work: call.work,
            exhausted: call.exhausted,
            body_error: call.body_error,
            arguments_size: call.arguments_size,
        }
    }
}
