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

/// Calls that ended alike: how many, and how long those in clear text and those over TLS took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    /// In a box each: most calls of a gateway come by one scheme.
    pub(crate) durations: [Option<Box<Histogram>>; 2],
}

impl Tally {
    fn observe(&mut self, tls: bool, duration: Duration) {
        self.count += 1;
        let [clear, secure] = &mut self.durations;
        let slot = if tls { secure } else { clear };
        slot.get_or_insert_default().observe(duration);
    }

    fn add(&mut self, other: &Tally) {
        self.count += other.count;
        for (mine, theirs) in self.durations.iter_mut().zip(&other.durations) {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().add(theirs);
            }
        }
    }

    fn add_durations(&self, all: &mut Histogram) {
        self.durations.iter().flatten().for_each(|durations| all.add(durations));
    }
}

/// Calls of one operation by status and code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    /// Its template, and its method as attributes name it.
    pub(crate) route: Option<(Arc<str>, &'static str)>,
    pub(crate) by_outcome: Vec<((u16, &'static str), Tally)>,
}

impl Calls {
    fn sum(&self) -> u64 {
        self.by_outcome.iter().map(|(_, tally)| tally.count).sum()
    }

    fn of(plan: &OperationPlan) -> Self {
        let route = (Arc::clone(&plan.template), crate::otlp::method(&plan.method));
        Self { route: Some(route), by_outcome: Vec::new() }
    }

    /// The tally of an outcome, which is always there.
    fn tally(&mut self, status: u16, code: &'static str) -> Option<&mut Tally> {
        let all = &mut self.by_outcome;
        // Codes are constants: where they lie tells the usual one without a comparison of texts.
        let usual = |known: &(u16, &'static str)| known.0 == status && std::ptr::eq(known.1, code);
        let key = if all.len() >= STATUSES { (0, code) } else { (status, code) };
        let found = all
            .iter()
            .position(|(known, _)| usual(known) || *known == (status, code))
            .or_else(|| all.iter().position(|(known, _)| *known == key));
        let at = found.unwrap_or(all.len());
        if found.is_none() {
            all.push((key, Tally::default()));
        }
        all.get_mut(at).map(|(_, tally)| tally)
    }

    fn add(&mut self, other: &Calls) {
        if self.route.is_none() {
            self.route.clone_from(&other.route);
        }
        for ((status, code), tally) in &other.by_outcome {
            if let Some(mine) = self.tally(*status, code) {
                mine.add(tally);
            }
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

/// How often each bound was reached, in the order of [`Bound::ALL`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds(pub(crate) [u64; Bound::ALL.len()]);

impl Default for Bounds {
    fn default() -> Self {
        Self([0; Bound::ALL.len()])
    }
}

/// Numbers of one core.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Of the running snapshot, by the address of the plan, which `plans` keeps alive.
    hot: HashMap<usize, (Arc<OperationPlan>, Calls)>,
    generation: u64,
    pub(crate) calls: BTreeMap<OperationKey, Calls>,
    /// Of calls that have no operation, by method: all that a caller makes up is one.
    pub(crate) unrouted: BTreeMap<&'static str, Calls>,
    pub(crate) verdicts: Vec<(VerdictKey, u64)>,
    /// How long calls took, of a total: a core counts that by operation only.
    pub(crate) duration: Histogram,
    pub(crate) overhead: Histogram,
    pub(crate) bounds: Bounds,
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
        let calls = match &call.operation {
            None => self.unrouted.entry(crate::otlp::method(&call.request.method)).or_default(),
            Some(plan) => {
                let key = Arc::as_ptr(plan).addr();
                &mut self.hot.entry(key).or_insert_with(|| (Arc::clone(plan), Calls::of(plan))).1
            }
        };
        if let Some(tally) = calls.tally(decision.status, code) {
            tally.observe(call.peer.tls, decision.timings.total);
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
        self.overhead.observe(decision.timings.checks);
        self.aborted += u64::from(decision.aborted);
        self.bytes_in += decision.bytes_in;
        self.bytes_out += decision.bytes_out;
        self.messages.0 += decision.messages.0;
        self.messages.1 += decision.messages.1;
        shadow
    }

    pub(crate) fn bound(&mut self, bound: Bound) {
        self.bounds(bound, 1);
    }

    pub(crate) fn bounds(&mut self, bound: Bound, times: u64) {
        let index = Bound::ALL.iter().position(|known| *known == bound);
        if let Some(slot) = index.and_then(|index| self.bounds.0.get_mut(index)) {
            *slot += times;
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
        self.calls.entry(key).or_default().add(calls);
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
        for (key, calls) in hot.chain(cold).chain(self.unrouted.values().map(|calls| (nowhere(), calls))) {
            *all.entry(key).or_default() += calls.sum();
        }
    }

    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        let hot = self.hot.values().map(|(_, calls)| calls);
        let all = hot.chain(self.calls.values()).chain(self.unrouted.values());
        all.flat_map(|calls| calls.by_outcome.iter().map(|(_, tally)| tally))
    }

    /// Adds another core's numbers.
    pub(crate) fn add(&mut self, other: &Counters) {
        for (plan, calls) in other.hot.values() {
            self.fold(plan, calls);
        }
        for (key, calls) in &other.calls {
            self.calls.entry(key.clone()).or_default().add(calls);
        }
        for (method, calls) in &other.unrouted {
            self.unrouted.entry(method).or_default().add(calls);
        }
        for (key, count) in &other.verdicts {
            self.verdict(*key, *count);
        }
        other.tallies().for_each(|tally| tally.add_durations(&mut self.duration));
        self.overhead.add(&other.overhead);
        for (mine, theirs) in self.bounds.0.iter_mut().zip(other.bounds.0) {
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
