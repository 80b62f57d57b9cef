//! The only source of time and of randomness (invariant 5). Tests hand in a clock that they move themselves.

use std::fmt;
use std::time::Duration;

use crate::BoxFuture;

/// A moment on the monotonic clock, in nanoseconds since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

impl Tick {
    /// Time from an earlier moment to this one; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Tick) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved by a duration, saturating.
    #[must_use]
    pub fn after(self, duration: Duration) -> Tick {
        Tick(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A moment on the wall clock, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// Whole seconds, as tokens count them.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }
}

/// Time, sleep and randomness.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Monotonic time.
    fn now(&self) -> Tick;
    /// Wall clock time.
    fn unix(&self) -> UnixTime;
    /// Fills the buffer from the operating system's generator; for identifiers, nonces and seeds.
    fn fill(&self, bytes: &mut [u8]);
    /// Ends after `duration`. Only to be polled on the side runtime.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
