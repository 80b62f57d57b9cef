//! The table of cells of one process.
//!
//! Sharded by key; a look-up takes the shard's lock for reading, which cores share, and moves one atomic word. The lock is
//! taken for writing only when a cell is made or idle ones are thrown away, so a cell never vanishes under a hand that
//! counts with it.
//!
//! When a shard is full of cells that still hold something back, nobody is evicted: that would forget what was taken. New
//! keys then share one overflow cell per meter, so that the limit still holds for all of them together, and if there
//! are more meters than overflow cells, they are refused. Both are strict on the newcomers, never lax.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::UnixTime;
use engine::bounds;
use engine::cells::{Cells, Meter, Taken};
use parking_lot::RwLock;

use crate::cell::Cell;
use crate::hash::{BuildPassed, Keys, shard};

/// A power of two, enough that cores seldom make cells in one shard at one time.
const SHARDS: usize = 64;
/// Meters that have an overflow cell in one shard.
const OVERFLOW: usize = 64;
/// A full shard is searched for idle cells at most this often.
const SWEEP: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Shard {
    cells: HashMap<u128, Cell, BuildPassed>,
    /// By meter; all meters of concurrency share one, since a unit that is given back does not name its meter.
    overflow: HashMap<Meter, Cell>,
    swept: UnixTime,
}

/// Counters in memory, bounded by [`bounds::CELLS`].
#[derive(Debug)]
pub struct MemoryCells {
    shards: Box<[RwLock<Shard>]>,
    per_shard: usize,
    keys: Keys,
    /// Units that were asked for of overflow cells.
    crowded: AtomicU64,
}

impl Default for MemoryCells {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryCells {
    /// A table for [`bounds::CELLS`] cells.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(bounds::CELLS)
    }

    /// A table for at most `cells` cells, rounded up to one per shard.
    #[must_use]
    pub fn with_capacity(cells: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            per_shard: cells.div_ceil(SHARDS).max(1),
            keys: Keys::default(),
            crowded: AtomicU64::new(0),
        }
    }

    /// How many cells there are now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().cells.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: u128) -> Option<&RwLock<Shard>> {
        self.shards.get(shard(key, SHARDS))
    }
}

impl Cells for MemoryCells {
    fn take(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        let Some(shard) = self.shard(key) else { return refused() };
        if let Some(cell) = shard.read().cells.get(&key) {
            return cell.ask(meter, now, true);
        }
        let mut shard = shard.write();
        if let Some(taken) = shard.take(key, meter, now, self.per_shard) {
            return taken;
        }
        self.crowded.fetch_add(1, Ordering::Relaxed);
        shard.take_shared(meter, now)
    }

    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        let Some(shard) = self.shard(key) else { return refused() };
        match shard.read().cells.get(&key) {
            Some(cell) => cell.ask(meter, now, false),
            None => Cell::new(meter).ask(meter, now, false),
        }
    }

    fn release(&self, key: u128) {
        let Some(shard) = self.shard(key) else { return };
        let shard = shard.read();
        match shard.cells.get(&key) {
            Some(cell) => cell.release(),
            None => {
                if let Some(cell) = shard.overflow.get(&class(&Meter::Concurrency { limit: 0 })) {
                    cell.release();
                }
            }
        }
    }

    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.keys.of(parts)
    }

    fn take_crowded(&self) -> u64 {
        self.crowded.swap(0, Ordering::Relaxed)
    }
}

impl Shard {
    /// Of the key's own cell; `None` where it cannot have one.
    fn take(&mut self, key: u128, meter: &Meter, now: UnixTime, capacity: usize) -> Option<Taken> {
        if let Some(cell) = self.cells.get(&key) {
            return Some(cell.ask(meter, now, true));
        }
        if self.cells.len() >= capacity {
            self.sweep(now);
        }
        // As long as the overflow holds a unit of concurrency it might be this key's: given back, it must find the
        // same cell, so the key gets none of its own until all are back.
        let owed = matches!(meter, Meter::Concurrency { .. })
            && self.overflow.get(&class(meter)).is_some_and(|cell| !cell.is_idle(now));
        (self.cells.len() < capacity && !owed)
            .then(|| self.cells.entry(key).or_insert_with(|| Cell::new(meter)).ask(meter, now, true))
    }

    /// Of the cell that all keys of a meter share which have none.
    fn take_shared(&mut self, meter: &Meter, now: UnixTime) -> Taken {
        let class = class(meter);
        if self.overflow.len() >= OVERFLOW && !self.overflow.contains_key(&class) {
            self.overflow.retain(|_, cell| !cell.is_idle(now));
        }
        if self.overflow.len() >= OVERFLOW && !self.overflow.contains_key(&class) {
            return refused();
        }
        self.overflow.entry(class).or_insert_with(|| Cell::new(meter)).ask(meter, now, true)
    }

    fn sweep(&mut self, now: UnixTime) {
        let since = Duration::from_nanos(now.0.saturating_sub(self.swept.0));
        if since >= SWEEP || now < self.swept {
            self.swept = now;
            self.cells.retain(|_, cell| !cell.is_idle(now));
        }
    }
}

/// What an overflow cell is shared by: the same limit, whatever its window.
fn class(meter: &Meter) -> Meter {
    match *meter {
        Meter::Window { start, end, limit } => {
            Meter::Window { start: UnixTime(0), end: UnixTime(end.0.saturating_sub(start.0)), limit }
        }
        Meter::Concurrency { .. } => Meter::Concurrency { limit: 0 },
        rate @ Meter::Rate { .. } => rate,
    }
}

fn refused() -> Taken {
    let second = Duration::from_secs(1);
    Taken { allowed: false, remaining: 0, reset_after: second, retry_after: second }
}
