//! How a target is, as the calls of all cores find it: known to the process, kept over reloads.
//!
//! Nothing is written while all is well. A target that failed so many times in a row is left alone for a while, longer
//! each time; the way back is gradual (`slow_start`), and one further failure ends it. So many stay in as `floor` says,
//! since what looks ill everywhere has its cause elsewhere; only a target that takes no connection goes regardless.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use engine::Tick;
use engine::upstream::Outliers;

/// Longest ejection, in multiples of the first.
const LONGEST: u32 = 10;
/// Weights are counted in parts of this, so that a slow start can give a part of 1.
pub(super) const WHOLE: u64 = 64;
/// Least part of its weight that a target has at the beginning of a slow start.
const LEAST: u64 = WHOLE / 8;

/// What a call met at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// An answer.
    Good,
    /// No connection.
    Dead,
    /// A connection, and then a fault, a silence or a status that says so.
    Ill,
}

/// How one target is.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// In a row.
    failures: AtomicU32,
    /// The end of the last ejection, in nanoseconds; 0 when there was none.
    until: AtomicU64,
    /// Ejections in close succession.
    times: AtomicU32,
    /// When it came new to an upstream that was there already; 0 when it was there from the start.
    new_at: AtomicU64,
    /// Ejections in all.
    ejections: AtomicU64,
}

impl Health {
    /// Of a target that came at `now` to an upstream that serves already; `None` when all of it is new.
    pub(super) fn new(now: Option<Tick>) -> Self {
        Self { new_at: AtomicU64::new(now.map_or(0, |now| now.0)), ..Self::default() }
    }

    /// Whether calls may be sent there.
    pub(crate) fn is_up(&self, now: Tick) -> bool {
        now.0 >= self.until.load(Ordering::Relaxed)
    }

    /// Its weight in parts of [`WHOLE`]; less while it starts slowly, also when its checks found it well at `back`.
    pub(super) fn weight(&self, weight: u32, back: Tick, now: Tick, slow: Duration) -> u64 {
        let whole = u64::from(weight) * WHOLE;
        let since = self.until.load(Ordering::Relaxed).max(self.new_at.load(Ordering::Relaxed)).max(back.0);
        let (span, passed) = (slow.as_nanos(), u128::from(now.0.saturating_sub(since)));
        if since == 0 || passed >= span {
            return whole;
        }
        let part = u64::try_from(passed * u128::from(WHOLE) / span).unwrap_or(WHOLE);
        u64::from(weight) * part.max(LEAST)
    }

    /// Ejections so far.
    pub(crate) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// The target gave an answer.
    pub(super) fn good(&self) {
        // Mostly there is nothing to write, and the line stays shared between cores.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The target failed; true when it is to be ejected.
    fn failed(&self, limit: u32) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= limit
    }

    fn eject(&self, now: Tick, base: Duration) {
        let last = self.until.load(Ordering::Relaxed);
        let close = last != 0 && now.since(Tick(last)) < base * LONGEST;
        let times = if close { self.times.load(Ordering::Relaxed).saturating_add(1).min(LONGEST) } else { 1 };
        self.times.store(times, Ordering::Relaxed);
        self.until.store(now.after(base * times).0, Ordering::Relaxed);
        self.ejections.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the targets of one upstream have in common.
#[derive(Debug, Default)]
pub(crate) struct Ward {
    /// One ejection at a time, so that they cannot go below the floor together.
    gate: Mutex<()>,
    /// Address of the upstream that it was made for.
    first: usize,
}

impl Ward {
    /// Of an upstream that was not there before.
    pub(super) fn of(first: usize) -> Self {
        Self { first, ..Self::default() }
    }

    /// Whether it was made for the upstream at this address.
    pub(super) fn is_of(&self, address: usize) -> bool {
        self.first == address
    }

    /// Takes down what a call met at `of`, one of `all`, which says of each target whether it is up.
    pub(super) fn report(
        &self,
        of: &Health,
        all: impl Iterator<Item = bool>,
        met: Met,
        now: Tick,
        rule: &Outliers,
    ) {
        if met == Met::Good {
            return of.good();
        }
        if !of.failed(rule.failures) || !of.is_up(now) {
            return;
        }
        let _one_at_a_time = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut count, mut up) = (0_usize, 0_usize);
        for is_up in all {
            count += 1;
            up += usize::from(is_up);
        }
        let floor = match met {
            Met::Dead => 1,
            _ => (count * usize::from(rule.floor)).div_ceil(100).max(1),
        };
        if up > floor && of.is_up(now) {
            of.eject(now, rule.eject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Outliers = Outliers { failures: 3, eject: Duration::from_secs(30), floor: 50 };

    fn at(seconds: u64) -> Tick {
        Tick(1).after(Duration::from_secs(seconds))
    }

    fn up(all: &[Health], now: Tick) -> Vec<bool> {
        all.iter().map(|health| health.is_up(now)).collect()
    }

    fn fail(ward: &Ward, all: &[Health], index: usize, met: Met, times: u32, now: Tick) {
        for _ in 0..times {
            ward.report(&all[index], all.iter().map(|health| health.is_up(now)), met, now, &RULE);
        }
    }

    fn many(count: usize) -> Vec<Health> {
        (0..count).map(|_| Health::default()).collect()
    }

    #[test]
    fn failures_in_a_row_eject_and_others_do_not() {
        let (ward, all) = (Ward::default(), many(2));
        fail(&ward, &all, 0, Met::Ill, 2, at(0));
        ward.report(&all[0], std::iter::empty(), Met::Good, at(0), &RULE);
        fail(&ward, &all, 0, Met::Ill, 2, at(0));
        assert_eq!(up(&all, at(0)), [true, true]);
        fail(&ward, &all, 0, Met::Ill, 1, at(0));
        assert_eq!(up(&all, at(0)), [false, true]);
        assert_eq!((up(&all, at(29)), up(&all, at(30))), (vec![false, true], vec![true, true]));
    }

    #[test]
    fn the_floor_holds_for_the_ill_and_the_last_one_stays() {
        let (ward, all) = (Ward::default(), many(3));
        for index in 0..3 {
            fail(&ward, &all, index, Met::Ill, 10, at(0));
        }
        assert_eq!(up(&all, at(0)), [false, true, true], "half of three are two");
        for index in 0..3 {
            fail(&ward, &all, index, Met::Dead, 10, at(1));
        }
        assert_eq!(up(&all, at(1)), [false, false, true], "the dead go, but for the last");
        let alone = many(1);
        fail(&ward, &alone, 0, Met::Dead, 100, at(0));
        assert_eq!(up(&alone, at(0)), [true]);
    }

    #[test]
    fn who_fails_again_after_coming_back_stays_out_longer() {
        let (ward, all) = (Ward::default(), many(2));
        fail(&ward, &all, 0, Met::Dead, 3, at(0));
        fail(&ward, &all, 0, Met::Dead, 1, at(30));
        assert_eq!(
            (up(&all, at(89))[0], up(&all, at(90))[0]),
            (false, true),
            "twice as long, at the first failure"
        );
        ward.report(&all[0], std::iter::empty(), Met::Good, at(91), &RULE);
        fail(&ward, &all, 0, Met::Dead, 3, at(1000));
        assert_eq!((up(&all, at(1029))[0], up(&all, at(1030))[0]), (false, true), "long ago is forgotten");
        assert_eq!(all[0].ejections(), 3);
    }

    #[test]
    fn the_way_back_is_slow() {
        let slow = Duration::from_secs(10);
        let (ward, all) = (Ward::default(), many(2));
        assert_eq!(all[0].weight(2, Tick(0), at(0), slow), 2 * WHOLE, "all are new at the start");
        fail(&ward, &all, 0, Met::Dead, 3, at(0));
        let weights: Vec<u64> =
            [30, 35, 40].iter().map(|second| all[0].weight(2, Tick(0), at(*second), slow)).collect();
        assert_eq!(weights, [2 * LEAST, WHOLE, 2 * WHOLE]);
        assert_eq!(all[0].weight(2, Tick(0), at(30), Duration::ZERO), 2 * WHOLE);
        let late = Health::new(Some(at(100)));
        assert!(late.weight(1, Tick(0), at(101), slow) < WHOLE && late.is_up(at(100)));
    }
}
