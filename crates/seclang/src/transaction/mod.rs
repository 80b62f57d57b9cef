//! One call going through the rules: its parts come in, phase by phase, and verdicts come out (reference manual, section
//! "Processing Phases").

mod actions;
mod exclusion;
mod gather;
mod report;
mod request;
mod response;
mod run;
mod suspended;
mod values;
mod watch;

use std::ops::Range;

use crate::Engine;
use crate::bits::Bits;
use crate::rule::Selector;
use crate::store::Store;
use crate::syntax::{AllowScope, Mode, Processor};
use crate::texts::{Text, Texts};
use crate::variable::Variable;
use watch::Watched;

pub use exclusion::{Exclusion, Part, Which};
use gather::Candidates;
pub use report::{Intervention, Match, Report, Verdict};
pub use suspended::Suspended;

/// Something a rule can look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// A concrete one: never `ARGS`, but `ARGS_GET` or `ARGS_POST`.
    pub(crate) variable: Variable,
    pub(crate) name: Text,
    pub(crate) value: Text,
}

/// What a rule's test looks at: an entry under the name the rule calls it by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) variable: Variable,
    pub(crate) name: Text,
    pub(crate) value: Text,
    pub(crate) count: bool,
}

/// The inspection of one call.
///
/// The order of calls is: [`request_line`](Self::request_line), [`request_header`](Self::request_header) for each, then
/// [`request_head_done`](Self::request_head_done) (phase 1), [`request_body`](Self::request_body) (phase 2), the same for
/// the answer, and [`finish`](Self::finish) (phase 5). A phase that is left out is a phase that is not checked.
#[derive(Debug)]
pub struct Transaction<'e> {
    engine: &'e Engine,
    texts: Texts,
    entries: Vec<Entry>,
    /// For each variable where its first and last entries are.
    ranges: Vec<Range<usize>>,
    tx: Store,
    mode: Mode,
    processor: Option<Processor>,
    force_body: bool,
    request_body_access: bool,
    response_body_access: bool,
    allowed: Option<AllowScope>,
    matched: Matched,
    /// Rules that `ctl` took out of this call.
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

/// `MATCHED_VAR` and `MATCHED_VARS`.
#[derive(Debug, Clone, Default)]
struct Matched {
    last: Option<Subject>,
    all: Vec<Subject>,
}

impl<'e> Transaction<'e> {
    pub(crate) fn new(engine: &'e Engine) -> Transaction<'e> {
        let settings = &engine.settings;
        let mut texts = Texts::new(engine.rules.len().div_ceil(64), engine.keys);
        texts.add(b"");
        Transaction {
            engine,
            texts,
            entries: Vec::with_capacity(64),
            ranges: vec![0..0; Variable::COUNT],
            tx: Store::new(&engine.initial),
            mode: settings.mode,
            processor: None,
            force_body: false,
            request_body_access: settings.request_body_access,
            response_body_access: settings.response_body_access,
            allowed: None,
            matched: Matched::default(),
            removed: None,
            removed_targets: Vec::new(),
            watched: None,
            candidates: Candidates::new(engine.rules.len()),
            reports: Vec::new(),
            matched_ids: Vec::new(),
            verdict: Verdict::Pass,
            foreseen: None,
            work: 0,
            exhausted: false,
            body_error: None,
            arguments_size: 0,
        }
    }

    /// What rules matched so far and are logged, in order.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// All rules that matched so far, logged or not, in order; a chain counts when it matched as a whole.
    #[must_use]
    pub fn matched_ids(&self) -> &[u64] {
        &self.matched_ids
    }

    /// A member of `TX` as it stands, for scores.
    #[must_use]
    pub fn tx(&self, name: &str) -> Option<Vec<u8>> {
        let name = name.to_ascii_lowercase();
        self.tx.find(&self.engine.names, name.as_bytes()).map(crate::store::Value::to_bytes)
    }

    /// What was decided so far.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What would have stopped the call first, had the engine been on: while it only detects, nothing is refused.
    #[must_use]
    pub fn foreseen(&self) -> Option<&Intervention> {
        self.foreseen.as_ref()
    }

    /// Whether rules refuse, are only reported, or are not run from here on; a `ctl:ruleEngine` of theirs may say otherwise
    /// later. What was foreseen so far is forgotten.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.foreseen = None;
    }

    /// The work done so far, in bytes read.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    fn spend(&mut self, work: u64) {
        self.work = self.work.saturating_add(work);
        let settings = &self.engine.settings;
        let over = self.work > settings.work_limit || self.texts.size() > settings.memory_limit;
        if over && !self.exhausted {
            self.exhausted = true;
            self.stop(Intervention { status: 503, rule: None, redirect: None, exhausted: true });
        }
    }

    /// Refuses the call for a reason that is no rule's.
    fn refuse(&mut self, status: u16) {
        self.stop(Intervention { status, rule: None, redirect: None, exhausted: false });
    }

    fn stop(&mut self, intervention: Intervention) {
        match self.mode {
            Mode::On => self.verdict = Verdict::Deny(intervention),
            Mode::DetectionOnly => {
                self.foreseen.get_or_insert(intervention);
            }
            Mode::Off => {}
        }
    }

    /// Whether the call was too much work: what follows was not checked, and it is refused unless only detection is on.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Adds an entry.
    fn entry(&mut self, variable: Variable, name: &[u8], value: &[u8]) {
        let (name, value) = (self.texts.add(name), self.texts.add(value));
        self.push(Entry { variable, name, value });
    }

    fn push(&mut self, entry: Entry) {
        let at = self.entries.len();
        if let Some(range) = self.ranges.get_mut(entry.variable as usize) {
            if range.start == range.end {
                range.start = at;
            }
            range.end = at + 1;
        }
        self.entries.push(entry);
    }

    /// Adds a variable without members.
    fn scalar(&mut self, variable: Variable, value: &[u8]) {
        self.entry(variable, b"", value);
    }

    /// Adds a member and, in the collection of names, its name.
    fn member(&mut self, variable: Variable, names: Variable, name: &[u8], value: &[u8]) {
        let (name, value) = (self.texts.add(name), self.texts.add(value));
        self.push(Entry { variable, name, value });
        self.push(Entry { variable: names, name, value: name });
    }

    /// Where the entries of a variable are, among others.
    fn range(&self, variable: Variable) -> Range<usize> {
        let of = |variable: Variable| self.ranges.get(variable as usize).cloned().unwrap_or_default();
        match variable.parts() {
            [] => of(variable),
            [one, other] => {
                let (one, other) = (of(*one), of(*other));
                match (one.is_empty(), other.is_empty()) {
                    (true, _) => other,
                    (_, true) => one,
                    _ => one.start.min(other.start)..one.end.max(other.end),
                }
            }
            _ => 0..self.entries.len(),
        }
    }

    /// Runs one phase and says what was decided.
    fn phase(&mut self, phase: u8) -> Verdict {
        let stopped = matches!(self.verdict, Verdict::Deny(_));
        let allowed = match self.allowed {
            Some(AllowScope::Transaction) => phase < 5,
            Some(AllowScope::Request) => phase < 3,
            Some(AllowScope::Phase) | None => false,
        };
        if self.mode == Mode::Off || self.exhausted || allowed || (stopped && phase < 5) {
            return self.verdict.clone();
        }
        self.gather(phase);
        self.run(phase);
        if self.allowed == Some(AllowScope::Phase) {
            self.allowed = None;
        }
        self.verdict.clone()
    }

    /// Phase 5: nothing can be refused any more.
    pub fn finish(&mut self) {
        let _ = self.phase(5);
    }
}
