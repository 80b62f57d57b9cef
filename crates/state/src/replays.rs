//! What was used once, in one process: of a DPoP proof its key and `jti` (RFC 9449 section 11.1).
//!
//! A table of keys of 128 bits with the moment until which each is remembered. Sharded; a use takes the shard's lock for the
//! time of one look-up, so that of two at one time one is the first. Nothing that is still to be remembered is ever thrown
//! away: where a shard is full, nothing new can be taken down, and [`Used::Unknown`] says so.
//!
//! Who makes many proofs must not keep others from having theirs taken down. A holder may use whatever room there is while a
//! shard is less than half full; from there on each has a share of it, and who has more gets nothing new.

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

/// What one holder has of a shard that is more than half full: a sixteenth of it, so that it takes nine to fill it.
const SHARES: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Use {
    until: UnixTime,
    /// Half of the holder's key: as it is keyed, no one can aim at another's.
    holder: u64,
}

#[derive(Debug, Default)]
struct Shard {
    used: HashMap<u128, Use, BuildPassed>,
    /// How many of them each holder has, of those that have any.
    held: HashMap<u64, usize, BuildPassed>,
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
    fn take(&self, (holder, key): (u128, u128), until: UnixTime, now: UnixTime) -> Used {
        let one = Use { until, holder: u64::try_from(holder & u128::from(u64::MAX)).unwrap_or(0) };
        match self.shards.get(shard(key, SHARDS)) {
            Some(shard) => shard.lock().take(key, one, now, self.per_shard),
            None => Used::Unknown,
        }
    }

    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.keys.of(parts)
    }
}

impl Shard {
    fn take(&mut self, key: u128, one: Use, now: UnixTime, capacity: usize) -> Used {
        if let Some(known) = self.used.get_mut(&key) {
            if known.until >= now {
                return Used::Before;
            }
            known.until = one.until;
            return Used::First;
        }
        if !self.has_room(one.holder, capacity) {
            self.sweep(now);
            if !self.has_room(one.holder, capacity) {
                return Used::Unknown;
            }
        }
        self.used.insert(key, one);
        *self.held.entry(one.holder).or_default() += 1;
        Used::First
    }

    fn has_room(&self, holder: u64, capacity: usize) -> bool {
        let taken = self.used.len();
        let held = self.held.get(&holder).copied().unwrap_or_default();
        taken < capacity && (taken < capacity / 2 || held < (capacity / SHARES).max(1))
    }

    fn sweep(&mut self, now: UnixTime) {
        let since = Duration::from_nanos(now.0.saturating_sub(self.swept.0));
        if since < SWEEP && now >= self.swept {
            return;
        }
        self.swept = now;
        let held = &mut self.held;
        held.clear();
        self.used.retain(|_, one| {
            let lasts = one.until >= now;
            if lasts {
                *held.entry(one.holder).or_default() += 1;
            }
            lasts
        });
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
        assert_eq!(replays.take((0, key), at(100), at(40)), Used::First);
        assert_eq!(replays.take((0, key), at(100), at(40)), Used::Before);
        assert_eq!(
            replays.take((0, key), at(200), at(100)),
            Used::Before,
            "at its last moment it is still known"
        );
        assert_eq!(replays.take((0, key), at(200), at(101)), Used::First);
        assert_eq!(replays.take((0, key), at(200), at(150)), Used::Before);
        let other = replays.key(&[b"keyj", b"ti"]);
        assert_ne!(key, other, "parts are kept apart");
        assert_eq!(replays.take((0, other), at(200), at(150)), Used::First);
    }

    #[test]
    fn a_full_table_forgets_nothing_and_says_that_it_does_not_know() {
        let replays = MemoryReplays::with_capacity(SHARDS * 4);
        let key = |n: u64| replays.key(&[&n.to_le_bytes()]);
        let took: Vec<(u64, Used)> =
            (0..4_000).map(|n| (n, replays.take((u128::from(n), key(n)), at(100), at(1)))).collect();
        assert!(replays.len() <= SHARDS * 4);
        assert!(took.iter().any(|(_, used)| *used == Used::Unknown));
        for (n, used) in took {
            let again = replays.take((u128::from(n), key(n)), at(100), at(2));
            let expected = if used == Used::First { Used::Before } else { Used::Unknown };
            assert_eq!(again, expected, "{n}");
        }
        // When what it holds is over there is room again.
        assert_eq!(replays.take((0, key(5_000)), at(300), at(101)), Used::First);
    }

    #[test]
    fn one_holder_leaves_room_for_others() {
        let replays = MemoryReplays::with_capacity(SHARDS * 1_024);
        let take = |holder: u64, n: u64, now| {
            let holder = holder.to_le_bytes();
            let key = replays.key(&[&holder, &n.to_le_bytes()]);
            replays.take((replays.key(&[&holder]), key), at(100), at(now))
        };
        let first = (0..50_000).filter(|n| take(1, *n, 1) == Used::First).count();
        assert_eq!(first, SHARDS * 512, "half of it for who comes first");
        for holder in 2..9 {
            assert!((0..1_000).all(|n| take(holder, n, 2) == Used::First), "{holder}");
        }
        // A share has an end too; what anybody used stays used, and is over when it is over.
        let second = (1_000..50_000).filter(|n| take(2, *n, 3) == Used::First).count();
        assert_eq!(second, SHARDS * 64 - 1_000);
        assert_eq!((take(1, 0, 4), take(2, 0, 4)), (Used::Before, Used::Before));
        assert!((50_000..51_000).all(|n| take(1, n, 5) == Used::Unknown));
        assert_eq!(take(1, 51_000, 101), Used::First);
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
                        if replays.take((0, key), at(100), at(1)) == Used::First {
                            firsts.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(firsts.load(Ordering::Relaxed), 2_000);
    }
}
