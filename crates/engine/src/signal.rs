//! A wake-up that crosses threads without a runtime: calls on their cores wait for what the side runtime fetches.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Counts how often something changed and wakes who waits for the next change.
#[derive(Debug, Default)]
pub struct Signal {
    version: AtomicU64,
    waiting: Mutex<Vec<Waker>>,
}

impl Signal {
    /// How often it was raised.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Raises it and wakes all who wait.
    pub fn raise(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in waiting {
            waker.wake();
        }
    }

    /// Ends once [`Signal::version`] differs from `seen`.
    pub fn changed(&self, seen: u64) -> Changed<'_> {
        Changed { signal: self, seen }
    }
}

/// Future of [`Signal::changed`].
#[derive(Debug)]
#[must_use = "a future does nothing unless polled"]
pub struct Changed<'a> {
    signal: &'a Signal,
    seen: u64,
}

impl Future for Changed<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.version() != self.seen {
            return Poll::Ready(());
        }
        let mut waiting = self.signal.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.signal.version() != self.seen {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}
