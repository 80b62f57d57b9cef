//! Counts of what controls in shadow said, of each core on its own: by the minute, until somebody takes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::plan::OperationPlan;
use engine::shadow::{Part, is_good, named, said};
use engine::{Call, ShadowCount, bounds};
use parking_lot::Mutex;

const MINUTE: u64 = 60_000;

/// The counts of all cores.
#[derive(Debug, Default)]
pub struct ShadowCounts {
    tallies: Mutex<Vec<Arc<Mutex<Tally>>>>,
    /// Calls of which counts are not whole.
    uncounted: Arc<AtomicU64>,
}

impl ShadowCounts {
    /// Takes all of them, of each core on its own.
    #[must_use]
    pub fn take(&self) -> Vec<ShadowCount> {
        let tallies: Vec<_> = self.tallies.lock().iter().map(Arc::clone).collect();
        tallies.iter().flat_map(|tally| tally.lock().take()).collect()
    }

    /// Says that counts of so many calls were taken and are lost.
    pub fn lose(&self, calls: u64) {
        self.uncounted.fetch_add(calls, Ordering::Relaxed);
    }

    /// Calls that controls in shadow looked at and that are not counted whole.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        self.uncounted.load(Ordering::Relaxed)
    }

    /// A new core's end.
    pub(crate) fn core(&self) -> TallyEnd {
        let tally = Arc::<Mutex<Tally>>::default();
        self.tallies.lock().push(Arc::clone(&tally));
        TallyEnd { tally, uncounted: Arc::clone(&self.uncounted) }
    }
}

/// One core's end of them.
#[derive(Debug)]
pub(crate) struct TallyEnd {
    tally: Arc<Mutex<Tally>>,
    uncounted: Arc<AtomicU64>,
}

impl TallyEnd {
    /// Counts a call; `false` when there was no room for all of it.
    pub(crate) fn count(&self, call: &Call) -> bool {
        let counted = self.tally.lock().count(call);
        if !counted {
            self.uncounted.fetch_add(1, Ordering::Relaxed);
        }
        counted
    }
}

/// The counts of the current minute by operation, and those of minutes before.
#[derive(Debug, Default)]
struct Tally {
    minute: u64,
    /// By the address of the plan, which the entry keeps alive; 0 for calls without one.
    hot: HashMap<usize, (Option<Arc<OperationPlan>>, Vec<Cell>)>,
    cold: Vec<ShadowCount>,
    held: usize,
}

#[derive(Debug)]
struct Cell {
    control: &'static str,
    rule: Option<Arc<str>>,
    part: Part,
    code: &'static str,
    calls: u64,
    good: u64,
}

impl Tally {
    /// Counts a call; `false` when there was no room for all of it.
    fn count(&mut self, call: &Call) -> bool {
        let minute = call.at.0 / 1_000_000 / MINUTE * MINUTE;
        if minute != self.minute {
            self.cool();
            self.minute = minute;
        }
        let good = u64::from(is_good(&call.decision));
        let plan = call.operation.as_ref();
        let key = plan.map_or(0, |plan| Arc::as_ptr(plan).addr());
        let (_, cells) = self.hot.entry(key).or_insert_with(|| (plan.map(Arc::clone), Vec::new()));
        let mut whole = true;
        for said in said(call) {
            // Looked at, and then what came of it.
            for code in [Some(""), said.code].into_iter().flatten() {
                let same = |cell: &&mut Cell| {
                    cell.code == code
                        && (cell.control, cell.rule.as_ref(), cell.part)
                            == (said.control, said.rule, said.part)
                };
                match cells.iter_mut().find(same) {
                    Some(cell) => (cell.calls, cell.good) = (cell.calls + 1, cell.good + good),
                    None if self.held >= bounds::SHADOW_COUNTS => whole = false,
                    None => {
                        self.held += 1;
                        let (control, rule, part) = (said.control, said.rule.map(Arc::clone), said.part);
                        cells.push(Cell { control, rule, part, code, calls: 1, good });
                    }
                }
            }
        }
        whole
    }

    /// Takes all counts.
    fn take(&mut self) -> Vec<ShadowCount> {
        self.cool();
        self.held = 0;
        std::mem::take(&mut self.cold)
    }

    fn cool(&mut self) {
        let nothing: Arc<str> = Arc::from("");
        for (_, (plan, cells)) in self.hot.drain() {
            let (api, operation) = match &plan {
                Some(plan) => (Arc::clone(&plan.api), Arc::clone(&plan.id)),
                None => (Arc::clone(&nothing), Arc::clone(&nothing)),
            };
            self.cold.extend(cells.into_iter().map(|cell| ShadowCount {
                at: self.minute,
                api: Arc::clone(&api),
                operation: Arc::clone(&operation),
                control: match &cell.rule {
                    Some(rule) => Cow::Owned(named(cell.control, rule)),
                    None => Cow::Borrowed(cell.control),
                },
                part: cell.part,
                code: Cow::Borrowed(cell.code),
                calls: cell.calls,
                good: cell.good,
            }));
        }
    }
}
