//! How controls count across calls and cores: a trait here, its tables in `state`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::BoxFuture;
use crate::clock::UnixTime;

/// What a cell measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meter {
    /// Generic cell rate algorithm: one unit each `interval`, `burst` units at once (at least 1).
    Rate {
        /// Time that earns one unit.
        interval: Duration,
        /// Units that may be spent at once.
        burst: u32,
    },
    /// At most `limit` units in the window from `start` to `end`, which whoever asks aligns to the calendar: months have
    /// no common length.
    Window {
        /// First moment of the window, in whole seconds.
        start: UnixTime,
        /// First moment after it.
        end: UnixTime,
        /// Units in it.
        limit: u32,
    },
    /// At most `limit` units held at one time; given back with [`Cells::release`].
    Concurrency {
        /// Units held at one time.
        limit: u32,
    },
}

/// What came of taking a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether it was there.
    pub allowed: bool,
    /// Units left after this one.
    pub remaining: u64,
    /// Until all units are there again (rate), or the window ends.
    pub reset_after: Duration,
    /// When refused: until one unit is there again.
    pub retry_after: Duration,
}

/// Shared counters, exact in the process: never more is admitted than the meter says.
///
/// A key is a keyed 128-bit hash of (limit, whom it counts); two meters never share a key.
pub trait Cells: Send + Sync + fmt::Debug {
    /// Takes one unit.
    fn take(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken;
    /// Looks without taking.
    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken;
    /// Gives back one unit of [`Meter::Concurrency`].
    fn release(&self, key: u128);
    /// Hashes whom a limit counts into a key; keyed per process, so that nobody outside can aim at a cell.
    fn key(&self, parts: &[&[u8]]) -> u128;

    /// How many units were asked for, since this was asked last, of cells that keys share because there is no room for more
    /// ([`crate::bounds::CELLS`]).
    fn take_crowded(&self) -> u64 {
        0
    }

    /// The counters that several gateways share, where they share any; their keys are theirs alone.
    fn shared(&self) -> Option<Arc<dyn Cells>> {
        None
    }

    /// Asks after units elsewhere when one was not there: once the future is ready, it is worth looking again. `None` where what
    /// was said stands. To be awaited on any runtime.
    fn fetch(&self, _key: u128, _meter: &Meter, _now: UnixTime) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// Whether nothing of a key is allowed since nobody can tell what is left, and not since nothing is.
    fn is_lost(&self, _key: u128) -> bool {
        false
    }
}
