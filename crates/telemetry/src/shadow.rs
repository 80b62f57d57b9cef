//! Counts of what controls in shadow said, of one core: by the minute, until somebody takes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use engine::plan::OperationPlan;
use engine::shadow::{Part, is_good, said};
use engine::{Call, ShadowCount, bounds};

const MINUTE: u64 = 60_000;

/// The counts of the current minute by operation, and those of minutes before.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    minute: u64,
    /// By the address of the plan, which the entry keeps alive; 0 for calls without one.
    hot: HashMap<usize, (Option<Arc<OperationPlan>>, Vec<Cell>)>,
    cold: Vec<ShadowCount>,
    held: usize,
}

#[derive(Debug)]
struct Cell {
    control: &'static str,
    part: Part,
    code: &'static str,
    calls: u64,
    good: u64,
}

impl Tally {
    /// Counts a call; `false` when there was no room for all of it.
    pub(crate) fn count(&mut self, call: &Call) -> bool {
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
                    cell.code == code && cell.control == said.control && cell.part == said.part
                };
                match cells.iter_mut().find(same) {
                    Some(cell) => (cell.calls, cell.good) = (cell.calls + 1, cell.good + good),
                    None if self.held >= bounds::SHADOW_COUNTS => whole = false,
                    None => {
                        self.held += 1;
                        cells.push(Cell { control: said.control, part: said.part, code, calls: 1, good });
                    }
                }
            }
        }
        whole
    }

    /// Takes all counts.
    pub(crate) fn take(&mut self) -> Vec<ShadowCount> {
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
                control: Cow::Borrowed(cell.control),
                part: cell.part,
                code: Cow::Borrowed(cell.code),
                calls: cell.calls,
                good: cell.good,
            }));
        }
    }
}
