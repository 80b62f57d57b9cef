//! The task that keeps one source fresh, on the side runtime. It ends when the source is dropped.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use engine::fetch::Fetch;
use engine::signal::Signal;
use engine::{BoxFuture, Clock, CoreContext, Tick};

use super::discovery::{Fetched, KeysError, fetch_keys};
use super::{Current, KeySource};

/// How often calls that wait may look at their own deadline.
const TICK: Duration = Duration::from_millis(250);
/// Ticks after which a fetch is given up; each of its steps has a deadline of its own before that.
const MAX_TICKS: u32 = 80;
/// First pause after a failure; doubles up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Io {
    clock: Arc<dyn Clock>,
    fetch: Arc<dyn Fetch>,
}

pub(super) fn spawn(source: &Arc<KeySource>, core: &CoreContext) {
    let io = Io { clock: Arc::clone(&core.clock), fetch: Arc::clone(&core.fetch) };
    core.side.spawn(Box::pin(run(Arc::downgrade(source), io, Arc::clone(&source.wake))));
}

async fn run(source: Weak<KeySource>, io: Io, wake: Arc<Signal>) {
    let _running = Running(Weak::clone(&source));
    loop {
        let Some(held) = source.upgrade() else { return };
        let Some(remote) = held.remote.clone() else { return };
        let seen = wake.version();
        let flight = Flight::begin(Arc::clone(&held));
        let fetch = Arc::clone(&io.fetch);
        let work: BoxFuture<'static, _> = Box::pin(async move { fetch_keys(&remote, &*fetch).await });
        let outcome = ticking(work, &*io.clock, &held.changed).await;
        let pause = held.settle(outcome, &*io.clock);
        drop(flight);
        drop(held);
        pause_or_wake(io.clock.sleep(pause), &wake, seen).await;
    }
}

/// Marks the task as gone, so that a later attach starts another, even when this one panicked.
struct Running(Weak<KeySource>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(source) = self.0.upgrade() {
            source.running.store(false, Ordering::Release);
            source.changed.raise();
        }
    }
}

/// One fetch; whoever waits for its end is woken however it ends.
struct Flight(Arc<KeySource>);

impl Flight {
    fn begin(source: Arc<KeySource>) -> Self {
        source.in_flight.store(true, Ordering::Release);
        Self(source)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.store(false, Ordering::Release);
        self.0.attempts.fetch_add(1, Ordering::AcqRel);
        self.0.changed.raise();
    }
}

/// Runs `work`, raising `changed` each [`TICK`] so that waiting calls see time pass; gives up after [`MAX_TICKS`].
async fn ticking(
    mut work: BoxFuture<'static, Result<Fetched, KeysError>>,
    clock: &dyn Clock,
    changed: &Signal,
) -> Result<Fetched, KeysError> {
    let mut tick = clock.sleep(TICK);
    let mut ticks = 0;
    std::future::poll_fn(move |context| {
        loop {
            if let Poll::Ready(outcome) = work.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            if tick.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            changed.raise();
            ticks += 1;
            if ticks >= MAX_TICKS {
                return Poll::Ready(Err(KeysError::TooSlow));
            }
            tick = clock.sleep(TICK);
        }
    })
    .await
}

async fn pause_or_wake(mut pause: BoxFuture<'static, ()>, wake: &Signal, seen: u64) {
    let mut woken = pin!(wake.changed(seen));
    std::future::poll_fn(move |context| {
        let over = pause.as_mut().poll(context).is_ready() || woken.as_mut().poll(context).is_ready();
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl KeySource {
    /// Takes over what came of a fetch; returns the pause until the next.
    fn settle(&self, outcome: Result<Fetched, KeysError>, clock: &dyn Clock) -> Duration {
        let now = clock.now();
        let pause = match outcome {
            Ok(fetched) if fetched.keys.is_empty() => {
                // The issuer itself says that none of its keys is good any more.
                self.publish(None, fetched.text, now);
                self.fail(None)
            }
            Ok(Fetched { keys, text, fresh }) => {
                self.publish(Some(keys), text, now);
                self.failures.store(0, Ordering::Release);
                self.fetched.store(now.0, Ordering::Release);
                *self.error.lock() = None;
                // Asked again while the keys still serve, however short that is.
                self.remote.as_ref().map_or(fresh, |remote| fresh.min(remote.max_age / 2))
            }
            Err(error) => self.fail(Some(error)),
        };
        let pause = jittered(pause, clock);
        self.next.store(now.after(pause).0, Ordering::Release);
        pause
    }

    fn fail(&self, error: Option<KeysError>) -> Duration {
        *self.error.lock() = error;
        let failures = self.failures.fetch_add(1, Ordering::AcqRel);
        BACKOFF.saturating_mul(1 << failures.min(6)).min(BACKOFF_MAX)
    }

    fn publish(&self, keys: Option<jose::KeySet>, text: bytes::Bytes, now: Tick) {
        let max_age = self.remote.as_ref().map_or(Duration::ZERO, |remote| remote.max_age);
        let good_until = if keys.is_some() { now.after(max_age).0 } else { 0 };
        let mut last = self.text.lock();
        let mut current = self.current.lock();
        if current.keys.is_none() != keys.is_none() || *last != text {
            let generation = self.first.max(current.generation + 1);
            *current = Current { generation, keys: keys.map(Arc::new) };
            *last = text;
            self.generation.store(current.generation, Ordering::Release);
        }
        self.good_until.store(good_until, Ordering::Release);
    }
}

/// A pause less up to a fifth of it, so that many gateways do not ask at one time.
fn jittered(pause: Duration, clock: &dyn Clock) -> Duration {
    let mut random = [0_u8; 2];
    clock.fill(&mut random);
    let fifth = pause / 5;
    pause - fifth * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
}
