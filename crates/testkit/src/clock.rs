//! A clock that stands still until a test moves it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use engine::{BoxFuture, Clock, Tick, UnixTime};

/// 2026-01-01T00:00:00Z, where every fake clock starts.
pub const START: u64 = 1_767_225_600;

#[derive(Debug, Default)]
struct State {
    nanos: AtomicU64,
    random: AtomicU64,
    sleepers: Mutex<Vec<Waker>>,
}

/// A clock that stands still until [`FakeClock::advance`]; its randomness is a counter, so that runs repeat.
#[derive(Debug, Clone, Default)]
pub struct FakeClock(Arc<State>);

impl FakeClock {
    /// Starts at [`START`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves it forward and wakes those whose time has come.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.nanos.fetch_add(nanos, Ordering::SeqCst);
        let sleepers = std::mem::take(&mut *self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in sleepers {
            waker.wake();
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Tick {
        Tick(self.0.nanos.load(Ordering::SeqCst))
    }

    fn unix(&self) -> UnixTime {
        UnixTime(START * 1_000_000_000 + self.0.nanos.load(Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self
                .0
                .random
                .fetch_add(1, Ordering::SeqCst)
                .wrapping_add(1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for (slot, byte) in chunk.iter_mut().zip(next.to_le_bytes()) {
                *slot = byte;
            }
        }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = self.now().after(duration);
        let state = Arc::clone(&self.0);
        Box::pin(std::future::poll_fn(move |context| {
            // Registered before the look, so that no wake-up falls between the two.
            state.sleepers.lock().unwrap_or_else(PoisonError::into_inner).push(context.waker().clone());
            if state.nanos.load(Ordering::SeqCst) >= until.0 { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}

/// A moment in real time by which something outside this process has to have happened.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// `seconds` from now.
    #[must_use]
    pub fn seconds(seconds: u64) -> Self {
        Self(Instant::now() + Duration::from_secs(seconds))
    }

    /// What is left of it; never zero, since a socket takes a timeout of zero for none at all.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Looks again and again until there is something to see; `None` when there is nothing within `seconds`.
pub fn until<T>(seconds: u64, look: impl FnMut() -> Option<T>) -> Option<T> {
    until_every(Duration::from_millis(3), seconds, look)
}

/// As [`until`], with a pause between two looks: for a look that costs something or is counted.
pub fn until_every<T>(pause: Duration, seconds: u64, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Deadline::seconds(seconds);
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if deadline.is_over() {
            return None;
        }
        std::thread::park_timeout(pause);
    }
}
