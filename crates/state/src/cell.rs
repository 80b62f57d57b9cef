//! One cell: a word of 64 bits and the three ways to count with it.
//!
//! - rate: the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371, annex A), in nanoseconds since 1970;
//! - window: the window's first second in the upper half, the units taken in the lower;
//! - concurrency: the units held.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::UnixTime;
use engine::cells::{Meter, Taken};

/// One counter.
#[derive(Debug)]
pub(crate) struct Cell {
    word: AtomicU64,
    /// Moment after which the word means nothing any more; for concurrency the word itself says.
    expires: AtomicU64,
    held: bool,
}

impl Cell {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            word: AtomicU64::new(0),
            expires: AtomicU64::new(0),
            held: matches!(meter, Meter::Concurrency { .. }),
        }
    }

    /// Whether it may be thrown away without anybody noticing.
    pub(crate) fn is_idle(&self, now: UnixTime) -> bool {
        match self.held {
            true => self.word.load(Ordering::Acquire) == 0,
            false => self.expires.load(Ordering::Acquire) <= now.0,
        }
    }

    /// Takes a unit, or only looks.
    pub(crate) fn ask(&self, meter: &Meter, now: UnixTime, take: bool) -> Taken {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let (taken, next, expires) = decide(word, meter, now);
            if !taken.allowed || !take {
                return taken;
            }
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.expires.fetch_max(expires, Ordering::AcqRel);
                    return taken;
                }
                Err(moved) => word = moved,
            }
        }
    }

    /// Gives a held unit back.
    pub(crate) fn release(&self) {
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| held.checked_sub(1));
    }
}

/// What a meter says of a word: the answer, the word after taking, and when that word will mean nothing.
pub(crate) fn decide(word: u64, meter: &Meter, now: UnixTime) -> (Taken, u64, u64) {
    match *meter {
        Meter::Rate { interval, burst } => rate(word, nanos(interval).max(1), u64::from(burst.max(1)), now.0),
        Meter::Window { start, end, limit } => window(word, (start, end), limit, now),
        Meter::Concurrency { limit } => {
            let allowed = word < u64::from(limit);
            let held = word.saturating_add(u64::from(allowed));
            let taken = Taken {
                allowed,
                remaining: u64::from(limit).saturating_sub(held),
                reset_after: Duration::ZERO,
                // Nobody knows when a call in flight ends.
                retry_after: if allowed { Duration::ZERO } else { Duration::from_secs(1) },
            };
            (taken, held, u64::MAX)
        }
    }
}

fn rate(arrival: u64, interval: u64, burst: u64, now: u64) -> (Taken, u64, u64) {
    let depth = interval.saturating_mul(burst);
    let next = arrival.max(now).saturating_add(interval);
    let ahead = next - now.min(next);
    if ahead > depth {
        let owed = arrival.saturating_sub(now);
        let taken = Taken {
            allowed: false,
            remaining: 0,
            reset_after: Duration::from_nanos(owed),
            retry_after: Duration::from_nanos(ahead - depth),
        };
        return (taken, arrival, arrival);
    }
    let taken = Taken {
        allowed: true,
        remaining: (depth - ahead) / interval,
        reset_after: Duration::from_nanos(ahead),
        retry_after: Duration::ZERO,
    };
    (taken, next, next)
}

fn window(word: u64, (start, end): (UnixTime, UnixTime), limit: u32, now: UnixTime) -> (Taken, u64, u64) {
    let second = u64::from(u32::try_from(start.seconds()).unwrap_or(u32::MAX));
    let (known, count) = (word >> 32, word & u64::from(u32::MAX));
    // A core that is late counts into the window that another has already opened: never more than the limit in any.
    let (second, count) = if known >= second { (known, count) } else { (second, 0) };
    let allowed = count < u64::from(limit);
    let count = count + u64::from(allowed);
    let left = Duration::from_nanos(end.0.saturating_sub(now.0));
    let taken = Taken {
        allowed,
        remaining: u64::from(limit).saturating_sub(count),
        reset_after: left,
        retry_after: if allowed { Duration::ZERO } else { left.max(Duration::from_nanos(1)) },
    };
    (taken, second << 32 | count, end.0)
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
