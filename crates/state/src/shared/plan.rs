//! How a limit is shared: how many units a gateway takes at one time, and for how long it may use them.
//!
//! A unit that is taken counts at the server from then on, used or not, so that a gateway which ends in between takes nothing
//! from anybody but those who are limited. What is left to show is that units used later than they were taken never add up to
//! more than the limit. In windows of the calendar they cannot: a unit is taken out of one window and used in it. Of a rate, the
//! uses in any time *T* were all taken in a time of *T* + life before their end, and so are no more than what the server gives
//! in that: burst there + (*T* + life) ÷ interval. The limit is burst + *T* ÷ interval. So the server is told a burst that is
//! smaller by life ÷ interval, rounded up; life is at most a 25th of what fills the burst, so that this costs 4 % of it, and
//! nothing of the rate.

use std::time::Duration;

use engine::UnixTime;
use engine::cells::Meter;

/// The smallest burst of which units are taken ahead; with less, those of one gateway would be missing at the others.
const BURST: u32 = 100;
/// The smallest quota of which units are taken ahead.
const QUOTA: u32 = 1_000;
/// How long units of a rate are good at most.
const RATE_LIFE: Duration = Duration::from_secs(1);
/// The shortest life for which it is worth taking ahead: an answer has to come in a fraction of it.
const SHORTEST: Duration = Duration::from_millis(20);
/// How long units of a quota are good before they go back.
const QUOTA_LIFE: Duration = Duration::from_secs(5);
/// What part of the time that fills a burst units are good for.
const PART: u32 = 25;
/// What part of a burst is taken at one time at most.
const MOST: u32 = 20;
/// What part of a quota is taken at one time at most.
const MOST_OF_QUOTA: u32 = 100;

/// How a limit is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// How long a unit may be used after it was asked for.
    pub(super) life: Duration,
    /// Units taken at one time, at most.
    pub(super) most: u32,
    /// The burst, or the quota, as the server is told.
    pub(super) burst: u32,
}

impl Plan {
    /// That of a meter; `None` where it counts what a process holds. A unit that is not taken ahead belongs to the call that
    /// waits for it, and is good for `patience`.
    pub(super) fn of(meter: &Meter, patience: Duration) -> Option<Self> {
        match *meter {
            Meter::Concurrency { .. } => None,
            Meter::Rate { interval, burst } => {
                let interval = interval.max(Duration::from_nanos(1));
                let life = (interval.saturating_mul(burst) / PART).min(RATE_LIFE);
                let held = u32::try_from(life.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u32::MAX);
                if burst < BURST || life < SHORTEST {
                    return Some(Self { life: patience, most: 1, burst });
                }
                Some(Self { life, most: (burst / MOST).max(1), burst: burst.saturating_sub(held).max(1) })
            }
            Meter::Window { limit, .. } if limit < QUOTA => {
                Some(Self { life: patience, most: 1, burst: limit })
            }
            Meter::Window { limit, .. } => {
                Some(Self { life: QUOTA_LIFE, most: limit / MOST_OF_QUOTA, burst: limit })
            }
        }
    }

    /// Whether units are taken before they are needed.
    pub(super) fn is_ahead(&self) -> bool {
        self.most > 1
    }
}

/// The window that units of a meter belong to; 0 where it has none.
pub(super) fn window(meter: &Meter) -> UnixTime {
    match *meter {
        Meter::Window { start, .. } => start,
        Meter::Rate { .. } | Meter::Concurrency { .. } => UnixTime(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(count: u32, seconds: u64, burst: u32) -> Plan {
        let interval = Duration::from_secs(seconds) / count;
        Plan::of(&Meter::Rate { interval, burst }, Duration::from_millis(250)).unwrap()
    }

    #[test]
    fn what_is_large_is_taken_ahead_and_costs_little_of_the_burst() {
        for (count, seconds, burst) in
            [(1_000, 60, 1_000), (1_000, 60, 200), (100, 60, 100), (10_000, 1, 10_000), (500, 1, 500)]
        {
            let plan = rate(count, seconds, burst);
            assert!(plan.is_ahead() && plan.burst * 100 >= burst * 95, "{count} {plan:?}");
            assert!(plan.life <= Duration::from_secs(1) && plan.most <= burst / 20);
        }
        assert_eq!(rate(1_000, 60, 1_000).burst, 983);
    }

    #[test]
    fn what_is_small_is_asked_for_each_time_and_whole() {
        for (count, seconds, burst) in [(5, 60, 5), (1_000, 60, 10), (60, 60, 60), (100_000, 1, 1_000)] {
            let plan = rate(count, seconds, burst);
            assert_eq!((plan.most, plan.burst), (1, burst), "{count}");
        }
        let quota = |limit| {
            let meter = Meter::Window { start: UnixTime(0), end: UnixTime(1), limit };
            Plan::of(&meter, Duration::from_millis(250)).unwrap()
        };
        assert_eq!((quota(999).most, quota(999).burst), (1, 999));
        assert_eq!((quota(10_000).most, quota(10_000).burst), (100, 10_000));
        assert_eq!(Plan::of(&Meter::Concurrency { limit: 5 }, Duration::ZERO), None);
    }
}
