//! State that several gateways share: limits, uses of what may be used once, and the denylist, at a server that speaks the protocol
//! of Redis (Redis from version 5, or Valkey).
//!
//! The promises, and what becomes of them when the server cannot be reached, is slow, loses its memory or lies, stand in
//! `docs/state.md`. Everything is written under keys of ours, with the version of what they hold in them and an end.

mod about;
mod both;
mod cells;
mod denials;
mod held;
mod limited;
mod link;
mod plan;
mod replays;
mod scripts;
mod share;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::Clock;
use engine::cells::Cells;
use engine::fetch::Spawn;
use engine::replay::Replays;
use zeroize::Zeroizing;

pub use denials::{Denial, Denylist};
pub use link::{Dial, Stream};

use crate::memory::MemoryCells;
use crate::replays::MemoryReplays;
use both::BothCells;
use cells::SharedCells;
use denials::Denials;
use link::Link;
use replays::SharedReplays;

/// Between two looks whether there is something to give back; one shard each.
const TIDY: Duration = Duration::from_millis(50);

/// Between two looks whether all was answered, at the end.
const QUIET: Duration = Duration::from_millis(2);

/// How the server is used.
#[derive(Clone)]
pub struct Settings {
    /// What all of our keys begin with.
    pub prefix: String,
    /// Who we are there.
    pub username: Option<String>,
    /// And how we prove it.
    pub password: Option<Zeroizing<String>>,
    /// Number of the database.
    pub database: u32,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether limited calls are refused while the server cannot be used; else each gateway counts by itself.
    pub refuse_alone: bool,
    /// Tells operators something.
    pub say: fn(&str),
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// How the shared state is, for readiness and metrics.
#[derive(Debug, Clone)]
pub struct State {
    /// Why the server cannot be used, and since when in seconds since 1970, when it cannot.
    pub fault: Option<(String, u64)>,
    /// Whether it keeps what it is given until its time is over; uses of what may be used once are not taken where it does not.
    pub keeps: bool,
    /// How old what is known of the denylist is, where it is followed; `None` before the first look.
    pub revocations_age: Option<Duration>,
    /// Why the denylist cannot be followed, when it cannot.
    pub revocations_fault: Option<String>,
    /// Whether something was revoked here that the others may not know yet.
    pub revocations_unsaid: bool,
    /// Limits of which units are held.
    pub shares: usize,
    /// Questions that were answered.
    pub answered: u64,
    /// Questions that were not answered, or not in time.
    pub failed: u64,
    /// Questions that were not asked, since the server could not be used or too many waited.
    pub not_asked: u64,
    /// Connections made.
    pub connections: u64,
}

/// The shared state of one gateway.
#[derive(Debug)]
pub struct Shared {
    link: Arc<Link>,
    local: Arc<MemoryCells>,
    cells: Arc<SharedCells>,
    replays: Arc<SharedReplays>,
    denials: Arc<Denials>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    /// Begins to connect, on the side runtime; calls that need the server before it answers find it gone.
    #[must_use]
    pub fn start(settings: Settings, dial: Dial, clock: &Arc<dyn Clock>, side: &Arc<dyn Spawn>) -> Arc<Self> {
        let link = Link::new(settings, Arc::clone(clock), Arc::clone(side));
        let local = Arc::new(MemoryCells::new());
        let cells = SharedCells::new(&link, Arc::clone(&local));
        let replays = Arc::new(SharedReplays { link: Arc::clone(&link), local: MemoryReplays::new() });
        side.spawn(Box::pin(link::keep(Arc::downgrade(&link), dial)));
        side.spawn(Box::pin(tidy(Arc::downgrade(&cells), Arc::clone(clock))));
        Arc::new(Self { link, local, cells, replays, denials: Arc::default(), clock: Arc::clone(clock) })
    }

    /// The counters: a gateway's own, and those that it shares.
    #[must_use]
    pub fn cells(&self) -> Arc<dyn Cells> {
        Arc::new(BothCells { local: Arc::clone(&self.local), shared: Arc::clone(&self.cells) })
    }

    /// The uses.
    #[must_use]
    pub fn replays(&self) -> Arc<dyn Replays> {
        Arc::clone(&self.replays) as Arc<dyn Replays>
    }

    /// Puts in effect in a list what other gateways revoke, and tells them what is in it, until it is dropped.
    pub fn follow(&self, list: Weak<dyn Denylist>) {
        let following = denials::follow(Arc::downgrade(&self.link), Arc::clone(&self.denials), list);
        self.link.side.spawn(Box::pin(following));
    }

    /// Tells the others of what was revoked here or taken back; where they cannot be told now, they are as soon as they can be.
    pub async fn say(&self, entries: &[Denial]) {
        self.denials.say(&self.link, entries).await;
    }

    /// Gives back what was taken of quotas and not used, at the end; waits for that, but no longer than for one answer.
    pub async fn close(&self) {
        let until = self.clock.now().after(self.link.settings.timeout);
        self.cells.give_up();
        loop {
            while !self.link.is_quiet() && self.clock.now() < until {
                self.clock.sleep(QUIET).await;
            }
            // An answer that was on its way may have brought more.
            if !self.cells.give_up() || self.clock.now() >= until {
                return;
            }
        }
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> State {
        let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
        let counts = &self.link.counts;
        let current = self.denials.current(counts.connections.load(Ordering::Acquire));
        State {
            fault: self.link.fault().map(|fault| (fault.why, fault.since)),
            keeps: self.link.keeps(),
            revocations_age: current.map(|current| self.clock.now().since(current)),
            revocations_fault: self.denials.fault(),
            revocations_unsaid: self.denials.is_unsaid(),
            shares: self.cells.len(),
            answered: count(&counts.answered),
            failed: count(&counts.failed),
            not_asked: count(&counts.not_asked),
            connections: count(&counts.connections),
        }
    }
}

async fn tidy(cells: Weak<SharedCells>, clock: Arc<dyn Clock>) {
    for number in 0_usize.. {
        clock.sleep(TIDY).await;
        let Some(cells) = cells.upgrade() else { return };
        cells.tidy(number);
    }
}
