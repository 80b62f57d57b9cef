//! How slow a client may be (`engine::bounds`), and how often it may do what costs us more than it.
//!
//! A [`Pace`] counts the time in which we waited for a client, not the time that passed: while an upstream is slow to take a
//! body, nobody asks the client for more. A [`Bucket`] counts events.

use std::time::Duration;

use engine::Tick;
use engine::bounds::Rate;
use engine::websocket::Flow;

/// The pace of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    grace: Duration,
    /// Bytes for each second more than the grace.
    rate: u64,
    bytes: u64,
    waited: Duration,
    since: Option<Tick>,
}

impl Pace {
    /// Of a message of which nothing came yet.
    pub(crate) const fn new(grace: Duration, rate: u64) -> Self {
        Self { grace, rate, bytes: 0, waited: Duration::ZERO, since: None }
    }

    /// Something came. The clock is asked when somebody waited for it.
    pub(crate) fn came(&mut self, bytes: usize, now: impl FnOnce() -> Tick) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(now().since(since));
        }
    }

    /// More is waited for: the moment at which the client is too slow.
    pub(crate) fn waits(&mut self, now: impl FnOnce() -> Tick) -> Tick {
        let since = *self.since.get_or_insert_with(now);
        since.after(self.allowed().saturating_sub(self.waited))
    }

    fn allowed(&self) -> Duration {
        let milliseconds = self.bytes.saturating_mul(1_000) / self.rate.max(1);
        self.grace.saturating_add(Duration::from_millis(milliseconds))
    }
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    burst: u32,
    /// Nanoseconds in which one is regained.
    each: u64,
    left: u32,
    /// Up to when it was refilled.
    at: Tick,
}

impl Bucket {
    /// A full one.
    pub(crate) const fn new(rate: Rate, now: Tick) -> Self {
        let per_second = if rate.per_second == 0 { 1 } else { rate.per_second };
        Self { burst: rate.burst, each: 1_000_000_000 / per_second as u64, left: rate.burst, at: now }
    }

    /// A full one that regains one in each such time.
    pub(crate) fn of(flow: Flow, now: Tick) -> Self {
        let each = u64::try_from(flow.each.as_nanos()).unwrap_or(u64::MAX);
        Self { burst: flow.burst, each, left: flow.burst, at: now }
    }

    /// Takes one; false when there is none.
    pub(crate) fn take(&mut self, now: Tick) -> bool {
        let passed = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        let each = self.each.max(1);
        let gained = passed / each;
        if gained > 0 {
            self.at = self.at.after(Duration::from_nanos(gained.saturating_mul(each)));
            let gained = u32::try_from(gained).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(gained).min(self.burst);
        }
        let had = self.left > 0;
        self.left = self.left.saturating_sub(1);
        had
    }

    /// Gives some more, up to the burst.
    pub(crate) fn give(&mut self, more: u32) {
        self.left = self.left.saturating_add(more).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Tick {
        Tick(seconds * 1_000_000_000)
    }

    #[test]
    fn only_waiting_counts_and_bytes_buy_time() {
        let mut pace = Pace::new(Duration::from_secs(10), 1_000);
        assert_eq!(pace.waits(|| at(5)), at(15));
        // A second look does not begin anew.
        assert_eq!(pace.waits(|| at(9)), at(15));
        pace.came(3_000, || at(12));
        // Seven seconds were waited, three were bought; from 12 to 60 nobody asked.
        assert_eq!(pace.waits(|| at(60)), at(66));
        pace.came(0, || at(66));
        assert_eq!(pace.waits(|| at(70)), at(70), "nothing came for what was allowed");
        let mut quick = Pace::new(Duration::from_secs(10), 1_000);
        quick.came(1_000_000, || unreachable!("nobody waited"));
        assert_eq!(quick.waits(|| at(0)), at(1_010));
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Rate { burst: 3, per_second: 2 }, at(1));
        let taken = |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(&mut bucket, at(1)), 3);
        assert_eq!(taken(&mut bucket, at(2)), 2);
        assert_eq!(taken(&mut bucket, Tick(2_499_999_999)), 0);
        assert_eq!(taken(&mut bucket, Tick(2_500_000_000)), 1);
        assert_eq!(taken(&mut bucket, at(1_000)), 3, "never more than the burst");
    }
}
