//! What is kept of limits, in shards.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::time::Duration;

use engine::{Tick, UnixTime};

use super::plan::Plan;
use super::share::Share;

/// Between two searches of a full shard.
const SWEEP: Duration = Duration::from_millis(100);

/// What is kept of one limit. Locked for the time of a look: it is several words that belong together.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) share: Share,
    pub(super) plan: Plan,
    pub(super) end: UnixTime,
}

/// What is kept of the limits of one shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) held: HashMap<u128, Held, RandomState>,
    swept: Option<Tick>,
}

impl Shard {
    /// Whether there is room for a limit. A full shard is searched for what is idle at most once in a while: there are as many calls that
    /// find it full as callers like to make.
    pub(super) fn has_room(&mut self, key: u128, most: usize, tick: Tick) -> bool {
        if self.held.len() < most || self.held.contains_key(&key) {
            return true;
        }
        if self.swept.is_none_or(|swept| tick.since(swept) >= SWEEP) {
            self.swept = Some(tick);
            self.held.retain(|_, held| !held.share.is_idle(held.plan.life, tick));
        }
        self.held.len() < most
    }
}

#[cfg(test)]
mod tests {
    use engine::cells::Meter;

    use super::*;

    #[test]
    fn a_full_shard_is_not_searched_for_each_call() {
        let meter = Meter::Rate { interval: Duration::from_secs(1), burst: 3 };
        let plan = Plan::of(&meter, Duration::from_millis(250)).unwrap();
        let mut shard = Shard::default();
        let at = |millis: u64| Tick(3_600_000_000_000).after(Duration::from_millis(millis));
        let keep = |shard: &mut Shard, key, until: Tick| {
            let mut share = Share::default();
            share.lose(until);
            shard.held.insert(key, Held { share, plan, end: UnixTime(0) });
        };
        assert!(shard.has_room(1, 1, at(0)));
        keep(&mut shard, 1, at(10));
        assert!(!shard.has_room(2, 1, at(0)) && shard.has_room(1, 1, at(0)));
        // What is idle since is found by the next search, which is not the next call's.
        assert!((10..100).all(|millis| !shard.has_room(2, 1, at(millis))));
        assert!(shard.has_room(2, 1, at(100)) && shard.held.is_empty());
    }
}
