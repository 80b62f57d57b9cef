//! Numbers of one core, and their sum.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use engine::bounds::Bound;
use engine::plan::{Mode, OperationPlan};
use engine::record::ConnectionEvent;
use engine::{Call, Outcome, Snapshot, codes};

/// Different statuses counted per operation; what an odd upstream invents beyond is counted as 0.
const STATUSES: usize = 32;

/// Upper bounds of the duration buckets, in microseconds.
pub(crate) const BUCKETS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// Durations in buckets (not cumulated).
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    pub(crate) buckets: [u64; BUCKETS.len() + 1],
    pub(crate) sum: u64,
}

impl Histogram {
    fn observe(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let index = BUCKETS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
        }
        self.sum = self.sum.saturating_add(micros);
    }

    fn add(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// Name of an operation: its API and its id.
pub(crate) type OperationKey = (Arc<str>, Arc<str>);

/// Calls of one operation by status and code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    pub(crate) by_outcome: Vec<((u16, &'static str), u64)>,
}

impl Calls {
    fn sum(&self) -> u64 {
        self.by_outcome.iter().map(|(_, count)| count).sum()
    }

    fn count(&mut self, status: u16, code: &'static str, by: u64) {
        let key = if self.by_outcome.len() >= STATUSES { (0, code) } else { (status, code) };
        // Codes are constants: where they lie tells the usual one without a comparison of texts.
        let usual = |known: &(u16, &'static str)| known.0 == status && std::ptr::eq(known.1, code);
        match self.by_outcome.iter_mut().find(|(known, _)| usual(known) || *known == (status, code)) {
            Some((_, count)) => *count += by,
            None => match self.by_outcome.iter_mut().find(|(known, _)| *known == key) {
                Some((_, count)) => *count += by,
                None => self.by_outcome.push((key, by)),
            },
        }
    }
}

/// What control, outcome and mode of a verdict are counted under.
pub(crate) type VerdictKey = (&'static str, Outcome, Mode, &'static str);

/// What controls in shadow had to do with a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shadow {
    /// One looked at it.
    pub(crate) looked: bool,
    /// One would have ended it.
    pub(crate) ended: bool,
}

/// Numbers of one core.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Of the running snapshot, by the address of the plan, which `plans` keeps alive.
    hot: HashMap<usize, (Arc<OperationPlan>, Calls)>,
    generation: u64,
    pub(crate) calls: BTreeMap<OperationKey, Calls>,
    pub(crate) unrouted: Calls,
    pub(crate) verdicts: Vec<(VerdictKey, u64)>,
    pub(crate) duration: Histogram,
    pub(crate) overhead: Histogram,
    pub(crate) bounds: [u64; Bound::ALL.len()],
    pub(crate) connections: [u64; ConnectionEvent::ALL.len()],
    pub(crate) aborted: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages: (u64, u64),
}

impl Counters {
    /// Counts a call; says what controls in shadow had to do with it.
    pub(crate) fn call(&mut self, snapshot: &Snapshot, call: &Call) -> Shadow {
        if self.generation != snapshot.generation {
            self.generation = snapshot.generation;
            self.cool();
        }
        let decision = &call.decision;
        let code = decision.code.map_or("", |code| code.name);
        match &call.operation {
            None => self.unrouted.count(decision.status, code, 1),
            Some(plan) => {
                let key = Arc::as_ptr(plan).addr();
                let (_, calls) = self.hot.entry(key).or_insert_with(|| (Arc::clone(plan), Calls::default()));
                calls.count(decision.status, code, 1);
            }
        }
        let mut shadow = Shadow::default();
        for verdict in &decision.verdicts {
            shadow.looked |= verdict.mode == Mode::Shadow;
            if verdict.outcome == Outcome::Allow {
                continue;
            }
            shadow.ended |= verdict.mode == Mode::Shadow && verdict.outcome.stops();
            // The data plane counts the bodies that it cut off; one that said its length was refused by a control.
            if verdict.code == Some(&codes::BODY_TOO_LARGE) {
                self.bound(Bound::Body);
            }
            let code = verdict.code.map_or("", |code| code.name);
            self.verdict((verdict.control, verdict.outcome, verdict.mode, code), 1);
        }
        let timings = decision.timings;
        self.duration.observe(timings.total);
        self.overhead.observe(timings.checks);
        self.aborted += u64::from(decision.aborted);
        self.bytes_in += decision.bytes_in;
        self.bytes_out += decision.bytes_out;
        self.messages.0 += decision.messages.0;
        self.messages.1 += decision.messages.1;
        shadow
    }

    pub(crate) fn bound(&mut self, bound: Bound) {
        let index = Bound::ALL.iter().position(|known| *known == bound);
        if let Some(slot) = index.and_then(|index| self.bounds.get_mut(index)) {
            *slot += 1;
        }
    }

    pub(crate) fn connection(&mut self, event: ConnectionEvent) {
        let index = ConnectionEvent::ALL.iter().position(|known| *known == event);
        if let Some(slot) = index.and_then(|index| self.connections.get_mut(index)) {
            *slot += 1;
        }
    }

    /// Lets go of the plans of an older snapshot; their numbers stay under their names.
    fn cool(&mut self) {
        for (_, (plan, calls)) in std::mem::take(&mut self.hot) {
            self.fold(&plan, &calls);
        }
    }

    fn fold(&mut self, plan: &OperationPlan, calls: &Calls) {
        let key = (Arc::clone(&plan.api), Arc::clone(&plan.id));
        let total = self.calls.entry(key).or_default();
        for ((status, code), count) in &calls.by_outcome {
            total.count(*status, code, *count);
        }
    }

    fn verdict(&mut self, key: VerdictKey, by: u64) {
        match self.verdicts.iter_mut().find(|(known, _)| *known == key) {
            Some((_, count)) => *count += by,
            None => self.verdicts.push((key, by)),
        }
    }

    /// Adds how many calls there were by operation; those of none under empty names.
    pub(crate) fn add_calls(&self, all: &mut BTreeMap<OperationKey, u64>) {
        let nowhere = || (Arc::from(""), Arc::from(""));
        let hot =
            self.hot.values().map(|(plan, calls)| ((Arc::clone(&plan.api), Arc::clone(&plan.id)), calls));
        let cold = self.calls.iter().map(|(key, calls)| (key.clone(), calls));
        for (key, calls) in hot.chain(cold).chain([(nowhere(), &self.unrouted)]) {
            *all.entry(key).or_default() += calls.sum();
        }
    }

    /// Adds another core's numbers.
    pub(crate) fn add(&mut self, other: &Counters) {
        for (plan, calls) in other.hot.values() {
            self.fold(plan, calls);
        }
        for (key, calls) in &other.calls {
            let total = self.calls.entry(key.clone()).or_default();
            for ((status, code), count) in &calls.by_outcome {
                total.count(*status, code, *count);
            }
        }
        for ((status, code), count) in &other.unrouted.by_outcome {
            self.unrouted.count(*status, code, *count);
        }
        for (key, count) in &other.verdicts {
            self.verdict(*key, *count);
        }
        self.duration.add(&other.duration);
        self.overhead.add(&other.overhead);
        for (mine, theirs) in self.bounds.iter_mut().zip(other.bounds) {
            *mine += theirs;
        }
        for (mine, theirs) in self.connections.iter_mut().zip(other.connections) {
            *mine += theirs;
        }
        self.aborted += other.aborted;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.messages.0 += other.messages.0;
        self.messages.1 += other.messages.1;
    }
}
