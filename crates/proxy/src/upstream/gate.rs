//! Circuit breakers: how much one target is given at one time, by all cores of the process together.
//!
//! Connections are counted when they are made and closed, which most calls do not notice. A call that finds none free waits
//! until one is, on its core or by another being closed, and not longer than a connect may take; when too many wait, it goes to
//! another target or is refused. No core keeps more idle ones than its share, so that none starves behind another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use engine::upstream::Breakers;
use tokio::sync::Notify;

/// What is under way at a target.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: AtomicU32,
    waiting: AtomicU32,
    calls: AtomicU32,
    /// A connection was closed.
    closed: Notify,
}

/// Adds one when fewer than `most` are there.
fn enter(count: &AtomicU32, most: u32) -> bool {
    let next = |now: u32| (now < most).then(|| now + 1);
    count.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
}

fn leave(count: &AtomicU32) {
    count.fetch_sub(1, Ordering::AcqRel);
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Gate>);

#[cfg(test)]
impl Permit {
    /// Of a target that has no other connection.
    pub(crate) fn alone() -> Self {
        Arc::<Gate>::default().open(&Breakers { connections: 1, pending: 0, calls: None }, 1).unwrap()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        leave(&self.0.open);
        // Looks at both counts in the order in which a waiting call writes and reads them, so that neither misses the other.
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.closed.notify_one();
        }
    }
}

/// One call that waits for a connection.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Gate);

impl Waiting<'_> {
    /// Ends when a connection was closed since this was asked for.
    pub(super) async fn closed(&self) {
        self.0.closed.notified().await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        leave(&self.0.waiting);
        // A notice that came too late for this one is for the next.
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.closed.notify_one();
        }
    }
}

impl Gate {
    /// A permit to open a connection, when there is one.
    pub(super) fn open(self: &Arc<Self>, breakers: &Breakers, cores: u32) -> Option<Permit> {
        enter(&self.open, breakers.connections.max(cores)).then(|| Permit(Arc::clone(self)))
    }

    /// A place among those that wait, when there is one.
    pub(super) fn wait(&self, breakers: &Breakers) -> Option<Waiting<'_>> {
        enter(&self.waiting, breakers.pending).then(|| Waiting(self))
    }

    /// Whether calls wait for a connection, here or on another core.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Counts a call, when calls are counted; false when there are too many.
    pub(super) fn begin(&self, most: u32) -> bool {
        enter(&self.calls, most)
    }

    /// The call is over.
    pub(super) fn end(&self) {
        leave(&self.calls);
    }

    /// Open connections.
    pub(super) fn connections(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIGHT: Breakers = Breakers { connections: 2, pending: 1, calls: Some(1) };

    #[test]
    fn what_is_taken_is_given_back() {
        let gate = Arc::<Gate>::default();
        let (first, second) = (gate.open(&TIGHT, 1), gate.open(&TIGHT, 1));
        assert!(first.is_some() && second.is_some() && gate.open(&TIGHT, 1).is_none());
        assert!(gate.open(&TIGHT, 3).is_some(), "each core has one at least");
        drop(first);
        assert!(gate.open(&TIGHT, 1).is_some());
        let waiting = gate.wait(&TIGHT);
        assert!(waiting.is_some() && gate.is_wanted() && gate.wait(&TIGHT).is_none());
        drop(waiting);
        assert!(!gate.is_wanted() && gate.wait(&TIGHT).is_some());
        assert!(gate.begin(1) && !gate.begin(1));
        gate.end();
        assert!(gate.begin(1));
    }
}
