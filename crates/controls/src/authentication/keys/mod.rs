//! The public keys of one issuer, kept fresh: one source per issuer and settings, shared by all cores and reloads.
//!
//! What it promises:
//! - a core reads keys without waiting; it looks at two atomics per call, and at a lock only when the keys changed;
//! - the keys of an issuer are used for that issuer only;
//! - a failing, slow or lying issuer leaves the last good keys in use for a bounded time ([`Remote::max_age`]), then
//!   nothing is verified any more until keys come again, by themselves;
//! - calls cannot make the gateway fetch more often than once in [`ASK_EVERY`] and [`ASKS`] times at once: more than one, so
//!   that a stray token does not use up what a rotation right after it needs.

mod discovery;
mod refresh;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine::signal::Signal;
use engine::{Clock, CoreContext, Tick};
use jose::KeySet;
use parking_lot::Mutex;

pub use discovery::KeysError;
pub use state::{IssuerState, issuer_states, remote, unneeded};

/// Fetches that calls with an unknown key may cause at once.
pub const ASKS: u32 = 4;
/// How often they may in the long run.
pub const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long a call waits for keys that are being fetched.
pub const WAIT: Duration = Duration::from_secs(2);

/// No tick.
const NEVER: u64 = u64::MAX;
/// How many sources there were in this process. Each has generations of its own: what was verified with the keys of one that is gone
/// is not good with those of its successor, though both count their first keys as one.
static SOURCES: AtomicU64 = AtomicU64::new(1);
/// The lower bits of a generation count within its source.
const COUNT: u64 = u32::MAX as u64;

/// Where the keys of an issuer on the network are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The issuer's URL, exactly as in `iss`.
    pub issuer: String,
    /// URL of its key set, when discovery is not wanted.
    pub jwks: Option<String>,
    /// How long the last good keys are used.
    pub max_age: Duration,
}

/// Which keys are current. The generation counts up whenever they change, and is never reused, by no other source either.
#[derive(Debug, Clone, Default)]
pub struct Current {
    /// 0 before the first keys came.
    pub generation: u64,
    /// `None` before the first keys came and after the issuer withdrew all of them.
    pub keys: Option<Arc<KeySet>>,
}

/// How a source is, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// Counts up with each change of the keys.
    pub generation: u64,
    /// How many keys are usable.
    pub keys: usize,
    /// Whether tokens can be verified: there are keys, and they are not too old.
    pub usable: bool,
    /// Time since the last fetch that brought keys; `None` before the first.
    pub age: Option<Duration>,
    /// Fetches that failed since the last that did not.
    pub failures: u64,
    /// Why the last fetch failed, when it did.
    pub error: Option<String>,
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeySource {
    remote: Option<Remote>,
    current: Mutex<Current>,
    /// Text of the key set last taken, so that an unchanged one voids no cache.
    text: Mutex<bytes::Bytes>,
    error: Mutex<Option<KeysError>>,
    generation: AtomicU64,
    /// Generation of the first keys that come.
    first: u64,
    /// Last tick at which the keys may be used.
    good_until: AtomicU64,
    /// Tick of the last fetch that brought keys; [`NEVER`] before.
    fetched: AtomicU64,
    /// Tick of the next planned fetch.
    next: AtomicU64,
    /// Tick at which all that calls asked for is earned again (GCRA's theoretical arrival time).
    asked: AtomicU64,
    /// Fetches that ended.
    attempts: AtomicU64,
    failures: AtomicU64,
    in_flight: AtomicBool,
    running: AtomicBool,
    /// Raised when a fetch ended, and now and then while one runs, so that who waits can give up.
    changed: Signal,
    /// Raised to fetch now, and when the source is dropped.
    wake: Arc<Signal>,
}

impl KeySource {
    fn new(remote: Option<Remote>, current: Current, good_until: u64) -> Self {
        Self {
            remote,
            first: SOURCES.fetch_add(1, Ordering::Relaxed) << 32 | 1,
            generation: AtomicU64::new(current.generation),
            current: Mutex::new(current),
            text: Mutex::default(),
            error: Mutex::default(),
            good_until: AtomicU64::new(good_until),
            fetched: AtomicU64::new(NEVER),
            next: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            in_flight: AtomicBool::new(false),
            running: AtomicBool::new(false),
            changed: Signal::default(),
            wake: Arc::default(),
        }
    }

    /// Keys that are known when the document is compiled and never change: a file, or the local issuer's.
    #[must_use]
    pub fn fixed(keys: Arc<KeySet>) -> Self {
        Self::new(None, Current { generation: 1, keys: Some(keys) }, u64::MAX)
    }

    /// Keys that are to be fetched; [`KeySource::start`] begins.
    #[must_use]
    pub fn remote(remote: Remote) -> Self {
        Self::new(Some(remote), Current::default(), 0)
    }

    /// Counts up with each change of the keys.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether there are keys that are not too old.
    #[must_use]
    pub fn usable(&self, now: Tick) -> bool {
        now.0 < self.good_until.load(Ordering::Acquire)
    }

    /// The current keys. Takes a lock: call it when the generation changed.
    #[must_use]
    pub fn current(&self) -> Current {
        self.current.lock().clone()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self, now: Tick) -> KeyStatus {
        let Current { generation, keys } = self.current();
        let fetched = self.fetched.load(Ordering::Acquire);
        let failures = self.failures.load(Ordering::Acquire);
        let error = self.error.lock().as_ref().map(ToString::to_string);
        KeyStatus {
            generation: generation & COUNT,
            keys: keys.map_or(0, |keys| keys.len()),
            usable: self.usable(now),
            age: (fetched != NEVER).then(|| now.since(Tick(fetched))),
            failures,
            // The issuer answered, and withdrew all it had.
            error: error.or_else(|| (failures > 0).then(|| String::from("the key set has no usable key"))),
        }
    }

    /// Fetches that ended.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Acquire)
    }

    /// Begins to fetch on the side runtime, once; later calls do nothing.
    pub fn start(self: &Arc<Self>, core: &CoreContext) {
        if self.remote.is_some() && !self.running.swap(true, Ordering::AcqRel) {
            refresh::spawn(self, core);
        }
    }

    /// Asks for newer keys than those at hand. True when a fetch runs or begins, so that waiting may help: at most one
    /// in [`ASK_EVERY`] and [`ASKS`] at once are begun, and none while the issuer fails (the back-off decides then).
    #[must_use]
    pub fn ask(&self, now: Tick) -> bool {
        if !self.running.load(Ordering::Acquire) {
            return false;
        }
        if self.in_flight.load(Ordering::Acquire) || self.attempts() == 0 {
            return true;
        }
        if self.failures.load(Ordering::Acquire) > 0 {
            return false;
        }
        let asked = self.asked.load(Ordering::Acquire);
        let earned = Tick(asked.max(now.0));
        if earned.since(now) > ASK_EVERY * (ASKS - 1) {
            return false;
        }
        let next = earned.after(ASK_EVERY).0;
        let mine = self.asked.compare_exchange(asked, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if mine {
            self.wake.raise();
        }
        // Whoever lost the race may wait for the fetch of the one who won.
        true
    }

    /// Waits until a fetch ended after the one numbered `seen`, at most [`WAIT`].
    pub async fn wait(&self, seen: u64, clock: &dyn Clock) {
        let deadline = clock.now().after(WAIT);
        loop {
            let version = self.changed.version();
            if self.attempts() != seen || clock.now() >= deadline {
                return;
            }
            self.changed.changed(version).await;
        }
    }

    /// When to try again: until the next planned fetch, 1 to 60 seconds.
    #[must_use]
    pub fn retry_after(&self, now: Tick) -> Duration {
        let left = Tick(self.next.load(Ordering::Acquire)).since(now);
        Duration::from_secs(left.as_secs().saturating_add(1).clamp(1, 60))
    }
}

impl Drop for KeySource {
    fn drop(&mut self) {
        self.wake.raise();
    }
}

/// For tests: which addresses a learned URL may reach.
#[cfg(test)]
pub(super) fn reach_of(issuer: &str, url: &str) -> Result<engine::fetch::Reach, &'static str> {
    discovery::keys_reach(issuer, url)
}
