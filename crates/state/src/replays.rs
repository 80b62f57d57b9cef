//! What was used once, in one process: of a DPoP proof its key and `jti` (RFC 9449 section 11.1).
//!
//! A table of keys of 128 bits with the moment until which each is remembered. Sharded; a use takes the shard's lock for the
//! time of one look-up, so that of two at one time one is the first. Nothing that is still to be remembered is ever thrown
//! away: where a shard is full, nothing new can be taken down, and [`Used::Unknown`] says so.

use std::collections::HashMap;
use std::time::Duration;

use engine::replay::{Replays, Used};
use engine::{UnixTime, bounds};
use parking_lot::Mutex;

use crate::hash::{BuildPassed, Keys, shard};

/// A power of two, enough that cores seldom meet in one shard.
const SHARDS: usize = 64;
/// A full shard is searched for what is over at most this often.
const SWEEP: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
struct Shard {
    used: HashMap<u128, UnixTime, BuildPassed>,
    swept: UnixTime,
}

/// Uses in memory, bounded by [`bounds::REPLAYS`].
#[derive(Debug)]
pub struct MemoryReplays {
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
    keys: Keys,
}

impl Default for MemoryReplays {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryReplays {
    /// A table for [`bounds::REPLAYS`] uses.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(bounds::REPLAYS)
    }

    /// A table for at most `uses` uses, rounded up to one per shard.
    #[must_use]
    pub fn with_capacity(uses: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_shard: uses.div_ceil(SHARDS).max(1),
            keys: Keys::default(),
        }
    }

    /// How many uses are remembered now, those included that are over and not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().used.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Replays for MemoryReplays {
    fn take(&self, key: u128, until: UnixTime, now: UnixTime) -> Used {
        match self.shards.get(shard(key, SHARDS)) {
            Some(shard) => shard.lock().take(key, until, now, self.per_shard),
            None => Used::Unknown,
        }
    }

    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.keys.of(parts)
    }
}

impl Shard {
    fn take(&mut self, key: u128, until: UnixTime, now: UnixTime, capacity: usize) -> Used {
        if let Some(known) = self.used.get_mut(&key) {
            if *known >= now {
                return Used::Before;
            }
            *known = until;
            return Used::First;
        }
        if self.used.len() >= capacity {
            self.sweep(now);
        }
        if self.used.len() >= capacity {
            return Used::Unknown;
        }
        self.used.insert(key, until);
        Used::First
    }

    fn sweep(&mut self, now: UnixTime) {
        let since = Duration::from_nanos(now.0.saturating_sub(self.swept.0));
        if since >= SWEEP || now < self.swept {
            self.swept = now;
            self.used.retain(|_, until| *until >= now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const SECOND: u64 = 1_000_000_000;

    fn at(second: u64) -> UnixTime {
        UnixTime(second * SECOND)
    }

    #[test]
    fn used_once_until_it_is_over() {
        let replays = MemoryReplays::new();
        let key = replays.key(&[b"key", b"jti"]);
        assert_eq!(replays.take(key, at(100), at(40)), Used::First);
        assert_eq!(replays.take(key, at(100), at(40)), Used::Before);
        assert_eq!(replays.take(key, at(200), at(100)), Used::Before, "at its last moment it is still known");
        assert_eq!(replays.take(key, at(200), at(101)), Used::First);
        assert_eq!(replays.take(key, at(200), at(150)), Used::Before);
        let other = replays.key(&[b"keyj", b"ti"]);
        assert_ne!(key, other, "parts are kept apart");
        assert_eq!(replays.take(other, at(200), at(150)), Used::First);
    }

    #[test]
    fn a_full_table_forgets_nothing_and_says_that_it_does_not_know() {
        let replays = MemoryReplays::with_capacity(SHARDS * 4);
        let key = |n: u64| replays.key(&[&n.to_le_bytes()]);
        let took: Vec<(u64, Used)> = (0..4_000).map(|n| (n, replays.take(key(n), at(100), at(1)))).collect();
        assert!(replays.len() <= SHARDS * 4);
        assert!(took.iter().any(|(_, used)| *used == Used::Unknown));
        for (n, used) in took {
            let again = replays.take(key(n), at(100), at(2));
            let expected = if used == Used::First { Used::Before } else { Used::Unknown };
            assert_eq!(again, expected, "{n}");
        }
        // When what it holds is over there is room again.
        assert_eq!(replays.take(key(5_000), at(300), at(101)), Used::First);
    }

    #[test]
    fn of_many_at_one_time_one_is_the_first() {
        let replays = MemoryReplays::new();
        let firsts = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..2_000_u64 {
                        let key = replays.key(&[&n.to_le_bytes()]);
                        if replays.take(key, at(100), at(1)) == Used::First {
                            firsts.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(firsts.load(Ordering::Relaxed), 2_000);
    }
}
