//! A deadline that is cheap to move.
//!
//! A call sets several deadlines and nearly always meets them. Instead of a timer for each, an alarm keeps one timer that
//! may fire early: when it does and the deadline has moved on, it is set anew. On a busy connection that is one timer
//! operation per deadline's length, not per call.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use engine::{Clock, Tick};
use tokio::time::Sleep;

/// One movable deadline.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Arc<dyn Clock>,
    at: Cell<Option<Tick>>,
    timer: RefCell<Option<Timer>>,
}

#[derive(Debug)]
struct Timer {
    fires: Tick,
    sleep: Pin<Box<Sleep>>,
    waker: Option<Waker>,
}

impl Alarm {
    /// An alarm that is not set.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, at: Cell::new(None), timer: RefCell::new(None) }
    }

    /// Moves the deadline.
    pub(crate) fn set(&self, at: Tick) {
        self.at.set(Some(at));
    }

    /// Moves the deadline to `after` from now.
    pub(crate) fn set_in(&self, after: Duration) {
        self.set(self.clock.now().after(after));
    }

    /// The moment that it is.
    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Takes the deadline away.
    pub(crate) fn clear(&self) {
        self.at.set(None);
    }

    /// The deadline.
    pub(crate) fn at(&self) -> Option<Tick> {
        self.at.get()
    }

    /// Ready when the deadline has passed; else wakes the task when it does.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at.get() else { return Poll::Pending };
        let mut slot = self.timer.borrow_mut();
        let timer = match &mut *slot {
            Some(timer) => {
                if timer.fires > at {
                    timer.arm(at, at.since(self.clock.now()));
                }
                timer
            }
            None => {
                let sleep = Box::pin(tokio::time::sleep(at.since(self.clock.now())));
                slot.insert(Timer { fires: at, sleep, waker: None })
            }
        };
        loop {
            if timer.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()))
                && !timer.sleep.is_elapsed()
            {
                return Poll::Pending;
            }
            if timer.sleep.as_mut().poll(context).is_pending() {
                timer.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            let now = self.clock.now();
            if now >= at {
                return Poll::Ready(());
            }
            timer.arm(at, at.since(now));
        }
    }
}

impl Timer {
    fn arm(&mut self, fires: Tick, wait: Duration) {
        // A timer that fires a little late is better than one that fires twice.
        self.sleep.as_mut().reset(tokio::time::Instant::now() + wait + Duration::from_micros(100));
        self.fires = fires;
        self.waker = None;
    }
}
