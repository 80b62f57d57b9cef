//! Memory for bodies: one budget for the process, of which each core holds a part (THREATS row 48).
//!
//! What bodies hold is counted as it is allocated: buffers by their capacity, and what was parsed of them. Each is under a bound of
//! its own; many of them together stop at the budget, before the memory of the machine or container does. A core takes from the
//! budget in steps, so that most calls touch no memory that another core writes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::Room;
use engine::bounds::Bound;
use engine::record::CoreRecorder;

/// How much a core takes from the budget at once, in bytes, and the part of a small budget that this is at most: one in so many.
const STEP: usize = 256 * 1024;
const STEPS: usize = 64;

/// What bodies of all cores may hold, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    taken: AtomicUsize,
    limit: usize,
    step: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), limit, step: (limit / STEPS).clamp(1, STEP) })
    }

    fn take(&self, bytes: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The part of the budget that one core holds.
#[derive(Debug)]
pub(crate) struct CoreRoom {
    budget: Arc<Budget>,
    recorder: Rc<dyn CoreRecorder>,
    /// Taken from the budget.
    taken: Cell<usize>,
    /// Of that, what bodies hold.
    used: Cell<usize>,
}

impl CoreRoom {
    pub(crate) fn new(budget: &Arc<Budget>, recorder: &Rc<dyn CoreRecorder>) -> Rc<Self> {
        let (taken, used) = (Cell::default(), Cell::default());
        Rc::new(Self { budget: Arc::clone(budget), recorder: Rc::clone(recorder), taken, used })
    }

    /// What bodies of this core hold, in bytes.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.get()
    }

    /// Takes what is missing from the budget: a whole step, or at its end no more than that.
    fn refill(&self, missing: usize) -> bool {
        let steps = missing.checked_next_multiple_of(self.budget.step).unwrap_or(usize::MAX);
        let taken = [steps, missing].into_iter().find(|bytes| self.budget.take(*bytes));
        self.taken.set(self.taken.get() + taken.unwrap_or(0));
        taken.is_some()
    }
}

impl Room for CoreRoom {
    fn take(&self, bytes: usize) -> bool {
        let used = self.used.get().saturating_add(bytes);
        let missing = used.saturating_sub(self.taken.get());
        if missing > 0 && !self.refill(missing) {
            self.recorder.bound(Bound::Bodies);
            return false;
        }
        self.used.set(used);
        true
    }

    fn give_back(&self, bytes: usize) {
        let used = self.used.get().saturating_sub(bytes);
        self.used.set(used);
        // A step is kept for the next body.
        let step = self.budget.step;
        let spare = self.taken.get().saturating_sub(used.saturating_add(step));
        if spare >= step {
            self.taken.set(self.taken.get() - spare);
            self.budget.give_back(spare);
        }
    }
}

impl Drop for CoreRoom {
    fn drop(&mut self) {
        self.budget.give_back(self.taken.get());
    }
}

#[cfg(test)]
mod tests {
    use engine::room::Share;
    use proptest::prelude::*;

    use super::*;
    use crate::tests::world::Tape;

    fn share(room: &Rc<CoreRoom>) -> Share {
        Share::of(Rc::clone(room) as Rc<dyn Room>)
    }

    fn cores(limit: usize, count: usize) -> (Arc<Budget>, Vec<Rc<CoreRoom>>) {
        let budget = Budget::new(limit);
        let recorder: Rc<dyn CoreRecorder> = Rc::new(Tape::default());
        let rooms = (0..count).map(|_| CoreRoom::new(&budget, &recorder)).collect();
        (budget, rooms)
    }

    #[test]
    fn what_one_core_holds_another_cannot_take() {
        let (budget, rooms) = cores(2 * STEPS, 2);
        assert_eq!(budget.step, 2);
        let mut first = share(&rooms[0]);
        assert!(first.resize(STEPS + 1));
        let mut second = share(&rooms[1]);
        // The rest of the first one's step is not to be had.
        assert!(!second.resize(STEPS - 1));
        assert!(second.resize(STEPS - 2));
        drop(first);
        assert!(second.resize(2 * STEPS - 2));
        drop((second, rooms));
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_last_bytes_are_given_too() {
        let (_, rooms) = cores(STEPS * STEP + 10, 1);
        let mut lease = share(&rooms[0]);
        assert!(lease.resize(STEPS * STEP + 10));
        assert!(!lease.resize(STEPS * STEP + 11));
        assert_eq!(lease.held(), STEPS * STEP + 10);
    }

    proptest! {
        /// Whatever is taken and given back: never more than the limit in all, and nothing is lost.
        #[test]
        fn no_more_than_the_budget_is_held(steps in prop::collection::vec((0_usize..3, 0_usize..4, 0..300_000_usize), 1..200)) {
            let limit = 1_000_017;
            let (budget, rooms) = cores(limit, 3);
            let mut leases: Vec<Vec<Share>> =
                rooms.iter().map(|room| (0..4).map(|_| share(room)).collect()).collect();
            for (core, which, bytes) in steps {
                let before = leases[core][which].held();
                if !leases[core][which].resize(bytes) {
                    prop_assert_eq!(leases[core][which].held(), before);
                }
                let held: usize = leases.iter().flatten().map(|lease| lease.held()).sum();
                let taken = budget.taken.load(Ordering::Relaxed);
                prop_assert!(held <= taken && taken <= limit);
            }
            drop(leases);
            prop_assert!(budget.taken.load(Ordering::Relaxed) <= 3 * 2 * budget.step);
            drop(rooms);
            prop_assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
        }
    }
}
