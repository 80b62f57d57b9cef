//! A core that is late refuses a share of its new calls, before it looks at them, so that those it takes are in time.
//!
//! How late it is, its own loop says: what is ready waits for all that was ready before it, a timer like a call whose head has
//! come, and so the core sets itself a timer again and again and sees how long after its moment it is told. As in CoDel
//! (RFC 8289) that counts once it stays above a target for an interval: a burst passes, a queue that stands does not. Other than
//! there nothing is dropped from a queue that is full of work begun; calls are refused at its end, the more of them the longer
//! the core stays late, and the fewer once it does not, with one of some sixty let through whatever happens. What is under way
//! goes on: answers, live streams, and calls that were begun.
//!
//! A call pays for it with one look at a number that is zero.

use std::cell::Cell;
use std::time::Duration;

use engine::Tick;
use engine::shedding::Shedding;

/// Of so many calls a share is refused.
const WHOLE: u32 = 64;
/// How much larger the share becomes with each look that finds the core late.
const STEP: u32 = WHOLE / 8;

/// What a core knows of its lag.
#[derive(Debug, Default)]
pub(crate) struct Shed {
    /// Of [`WHOLE`] new calls so many are refused.
    share: Cell<u32>,
    /// What the calls let through are owed, in the same unit: refusals come evenly, without a die.
    owed: Cell<u32>,
    /// Since when the core is later than it may be.
    late: Cell<Option<Tick>>,
}

impl Shed {
    /// Takes down how late the core is.
    pub(crate) fn note(&self, lag: Duration, now: Tick, rules: Option<Shedding>) {
        let Some(rules) = rules else {
            self.late.set(None);
            self.share.set(0);
            return;
        };
        let share = self.share.get();
        if lag <= rules.lag {
            self.late.set(None);
            self.share.set(share - share.div_ceil(4));
            return;
        }
        let since = self.late.get().unwrap_or(now);
        self.late.set(Some(since));
        if now.since(since) >= rules.interval {
            self.share.set((share + STEP).min(WHOLE - 1));
        }
    }

    /// Whether a call that has just come is refused.
    #[inline]
    pub(crate) fn refuses(&self) -> bool {
        let share = self.share.get();
        share > 0 && self.draws(share)
    }

    #[cold]
    fn draws(&self, share: u32) -> bool {
        let owed = self.owed.get() + share;
        self.owed.set(owed % WHOLE);
        owed >= WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RULES: Shedding = Shedding { lag: Duration::from_millis(50), interval: Duration::from_millis(100) };

    /// A core that is looked at every 25 ms.
    #[derive(Default)]
    struct Core {
        shed: Shed,
        now: Tick,
    }

    impl Core {
        /// So many looks, each of which finds it so late.
        fn late(&mut self, looks: u32, lag: Duration) -> u32 {
            for _ in 0..looks {
                self.now = self.now.after(25 * MS + lag);
                self.shed.note(lag, self.now, Some(RULES));
            }
            self.refused(WHOLE)
        }

        /// How many of so many calls are refused.
        fn refused(&self, calls: u32) -> u32 {
            (0..calls).map(|_| u32::from(self.shed.refuses())).sum()
        }
    }

    #[test]
    fn a_core_that_is_in_time_refuses_nothing() {
        let mut core = Core::default();
        assert_eq!(core.late(1_000, 50 * MS), 0, "as late as it may be");
        assert_eq!(core.late(1, 10_000 * MS), 0, "once, however long");
        assert_eq!(core.late(1, Duration::ZERO), 0);
        // A burst: above the target for less than the interval, again and again.
        for _ in 0..100 {
            assert_eq!(core.late(2, 60 * MS), 0);
            assert_eq!(core.late(1, 49 * MS), 0);
        }
    }

    #[test]
    fn a_core_that_stays_late_refuses_more_and_more_and_never_all() {
        let mut core = Core::default();
        let mut before = core.late(2, 60 * MS);
        assert_eq!(before, 0, "85 ms from the first look to the second");
        for _ in 0..7 {
            let refused = core.late(1, 60 * MS);
            assert_eq!(refused, before + STEP);
            before = refused;
        }
        assert_eq!(core.late(100, 60 * MS), WHOLE - 1);
        assert_eq!(core.refused(10 * WHOLE), 10 * (WHOLE - 1), "evenly");
        // It is let off within a third of a second.
        assert!(core.late(1, Duration::ZERO) > 40);
        assert_eq!(core.late(11, Duration::ZERO), 0);
    }

    #[test]
    fn refusals_are_spread_evenly() {
        let mut core = Core::default();
        while core.shed.share.get() < WHOLE / 2 {
            core.late(1, 60 * MS);
        }
        let drawn: Vec<bool> = (0..8).map(|_| core.shed.refuses()).collect();
        assert!(drawn.windows(2).all(|two| two[0] != two[1]), "{drawn:?}");
    }

    #[test]
    fn without_rules_nothing_is_refused_at_once() {
        let mut core = Core::default();
        assert!(core.late(10, 60 * MS) > 0);
        core.shed.note(60 * MS, core.now, None);
        assert_eq!(core.refused(1_000), 0);
        // The interval begins anew.
        assert_eq!(core.late(1, 60 * MS), 0);
    }
}
