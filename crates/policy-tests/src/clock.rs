//! A clock that stands still unless a case moves it; its randomness is a counter, so that runs repeat.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::{BoxFuture, Clock, Tick, UnixTime};

/// Where the monotonic clock stands when a case begins: a process that has been up for an hour.
const UP: u64 = 3_600_000_000_000;

/// The clock of one case.
#[derive(Debug)]
pub struct StillClock {
    /// When the case begins, in nanoseconds since 1970.
    start: u64,
    /// How far it was moved since.
    moved: AtomicU64,
    random: AtomicU64,
}

impl StillClock {
    /// A clock that stands at so many seconds since 1970.
    #[must_use]
    pub fn at(seconds: u64) -> Self {
        let start = seconds.saturating_mul(1_000_000_000);
        Self { start, moved: AtomicU64::new(0), random: AtomicU64::new(0) }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.moved.fetch_add(by, Ordering::AcqRel);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Tick {
        Tick(UP.saturating_add(self.moved.load(Ordering::Acquire)))
    }

    fn unix(&self) -> UnixTime {
        UnixTime(self.start.saturating_add(self.moved.load(Ordering::Acquire)))
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let count = self.random.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
            let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
            for (slot, byte) in chunk.iter_mut().zip(mixed) {
                *slot = byte;
            }
        }
    }

    /// Never ends: nobody waits for time to pass.
    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}
