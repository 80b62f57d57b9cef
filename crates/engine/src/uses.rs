//! Who has done what before, where the first time is told of: remembered for a process, and for the next one by whoever keeps it.
//!
//! What is remembered is a hash that is the same in each process. The newest [`bounds::ADMINISTRATIVE_USES`] are, and as many before
//! them; what was forgotten is told of once more.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bounds;
use crate::keyed::Keyed;

/// One use, by hash.
pub type Use = u128;

/// Those of a process.
#[derive(Debug, Default)]
pub struct Uses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    young: HashSet<Use>,
    old: HashSet<Use>,
    /// First ones that nobody has kept yet, the oldest first.
    new: VecDeque<Use>,
}

impl State {
    fn keep_later(&mut self, one: Use) {
        if self.new.len() >= bounds::ADMINISTRATIVE_USES {
            self.new.pop_front();
        }
        self.new.push_back(one);
    }
}

impl Uses {
    /// Those of the process whose state this is.
    #[must_use]
    pub fn of(keyed: &Keyed) -> Arc<Self> {
        keyed.get_or_make("uses", "", Self::default)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is the first, and takes it down.
    pub fn is_first(&self, one: Use) -> bool {
        let mut state = self.state();
        if state.young.contains(&one) {
            return false;
        }
        if state.young.len() >= bounds::ADMINISTRATIVE_USES {
            state.old = std::mem::take(&mut state.young);
        }
        let known = state.old.contains(&one);
        state.young.insert(one);
        if !known {
            state.keep_later(one);
        }
        !known
    }

    /// Remembers what was kept before, the newest first, as older than all that came since.
    pub fn remember(&self, kept: &[Use]) {
        let mut state = self.state();
        for one in kept {
            if state.old.len() >= bounds::ADMINISTRATIVE_USES {
                return;
            }
            if !state.young.contains(one) {
                state.old.insert(*one);
            }
        }
    }

    /// Some of those that nobody has kept yet: as many as one transaction writes of decisions.
    #[must_use]
    pub fn take(&self) -> Vec<Use> {
        let new = &mut self.state().new;
        let some = new.len().min(bounds::DECISION_BATCH);
        new.drain(..some).collect()
    }

    /// Brings back what was taken and could not be kept.
    pub fn bring_back(&self, taken: Vec<Use>) {
        let mut state = self.state();
        taken.into_iter().for_each(|one| state.keep_later(one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Use = bounds::ADMINISTRATIVE_USES as Use;

    #[test]
    fn what_is_remembered_is_bounded() {
        let uses = Uses::default();
        for one in 0..MOST * 3 {
            assert!(uses.is_first(one));
            assert!(!uses.is_first(one));
        }
        let held = |uses: &Uses| {
            let state = uses.state();
            (state.young.len() + state.old.len(), state.new.len())
        };
        assert_eq!(held(&uses), (bounds::ADMINISTRATIVE_USES * 2, bounds::ADMINISTRATIVE_USES));
        assert!(uses.is_first(0), "what is forgotten is told of once more");
        uses.remember(&(MOST * 10..MOST * 12).collect::<Vec<_>>());
        assert!(held(&uses).0 <= bounds::ADMINISTRATIVE_USES * 2);
    }

    #[test]
    fn what_was_kept_is_known_to_the_next_process() {
        let before = Uses::default();
        assert!(before.is_first(1) && before.is_first(2) && !before.is_first(1));
        let kept = before.take();
        assert_eq!(kept, [1, 2]);
        assert!(before.take().is_empty());
        before.bring_back(kept.clone());
        assert_eq!(before.take(), kept, "what could not be kept is tried again");
        let next = Uses::default();
        assert!(next.is_first(2), "before it was told what was kept");
        next.remember(&kept);
        assert!(!next.is_first(1) && !next.is_first(2) && next.is_first(3));
        assert_eq!(next.take(), [2, 3], "what was kept is not kept again");
    }
}
