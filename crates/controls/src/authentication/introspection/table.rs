//! Answers by the hash of their tokens, bounded. An answer that is thrown away is asked for again, so a full table costs
//! questions and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use engine::{Tick, bounds};
use parking_lot::Mutex;

use super::{Answer, Flight};

/// A power of two.
const SHARDS: usize = 16;

/// What stands for a token.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// An answer that still counts.
    Known(Answer),
    /// A question under way.
    Asking(Arc<Flight>),
}

#[derive(Debug, Default)]
struct Shard(HashMap<[u8; 32], (Slot, Tick)>);

/// The table.
#[derive(Debug, Default)]
pub(super) struct Table([Mutex<Shard>; SHARDS]);

impl Table {
    fn shard(&self, key: &[u8; 32]) -> Option<&Mutex<Shard>> {
        self.0.get(usize::from(key.first()? % 16))
    }

    /// What stands for a token, unless it is over.
    pub(super) fn look(&self, key: [u8; 32], now: Tick) -> Option<Slot> {
        let shard = self.shard(&key)?.lock();
        let (slot, until) = shard.0.get(&key)?;
        let counts = matches!(slot, Slot::Asking(_)) || now < *until;
        counts.then(|| slot.clone())
    }

    /// A question for a token, and whether it is new: it is not when another core began one meanwhile.
    pub(super) fn begin(&self, key: [u8; 32], now: Tick) -> (Arc<Flight>, bool) {
        let flight = Arc::new(Flight::default());
        let Some(shard) = self.shard(&key) else { return (flight, true) };
        let mut shard = shard.lock();
        if let Some((Slot::Asking(known), _)) = shard.0.get(&key) {
            return (Arc::clone(known), false);
        }
        shard.make_room(now);
        shard.0.insert(key, (Slot::Asking(Arc::clone(&flight)), Tick(u64::MAX)));
        (flight, true)
    }

    /// Takes an answer down.
    pub(super) fn settle(&self, key: [u8; 32], answer: Answer, until: Tick) {
        if let Some(shard) = self.shard(&key) {
            shard.lock().0.insert(key, (Slot::Known(answer), until));
        }
    }

    /// Takes a question out that ended without an answer.
    pub(super) fn forget(&self, key: [u8; 32], flight: &Arc<Flight>) {
        let Some(shard) = self.shard(&key) else { return };
        let mut shard = shard.lock();
        let stands =
            matches!(shard.0.get(&key), Some((Slot::Asking(known), _)) if Arc::ptr_eq(known, flight));
        if stands {
            shard.0.remove(&key);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().0.len()).sum()
    }
}

impl Shard {
    /// Throws away what is over, and, when nothing is, the half that ends first; never a question.
    fn make_room(&mut self, now: Tick) {
        let most = bounds::INTROSPECTED / SHARDS;
        if self.0.len() < most {
            return;
        }
        self.0.retain(|_, (_, until)| now < *until);
        if self.0.len() < most {
            return;
        }
        let mut ends: Vec<Tick> = self.0.values().map(|(_, until)| *until).collect();
        let middle = ends.len() / 2;
        let (_, middle, _) = ends.select_nth_unstable(middle);
        let middle = *middle;
        self.0.retain(|_, (slot, until)| matches!(slot, Slot::Asking(_)) || *until > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn one_asks_and_an_answer_ends() {
        let table = Table::default();
        assert!(table.look(key(1), Tick(0)).is_none());
        let (flight, mine) = table.begin(key(1), Tick(0));
        let (same, again) = table.begin(key(1), Tick(0));
        assert!(mine && !again && Arc::ptr_eq(&flight, &same));
        assert!(matches!(table.look(key(1), Tick(u64::MAX)), Some(Slot::Asking(_))));
        table.settle(key(1), Answer::Inactive, Tick(10));
        table.forget(key(1), &flight);
        assert!(matches!(table.look(key(1), Tick(9)), Some(Slot::Known(Answer::Inactive))));
        assert!(table.look(key(1), Tick(10)).is_none());
        let (lost, _) = table.begin(key(2), Tick(0));
        table.forget(key(2), &lost);
        assert!(table.look(key(2), Tick(0)).is_none(), "a question that was lost is asked again");
    }

    #[test]
    fn bounded_and_no_question_is_thrown_away() {
        let table = Table::default();
        let (open, _) = table.begin(key(0), Tick(0));
        for number in 1..bounds::INTROSPECTED * 2 {
            let (_, mine) = table.begin(key(number), Tick(0));
            assert!(mine);
            table.settle(key(number), Answer::Inactive, Tick(1 + number as u64));
        }
        assert!(table.len() <= bounds::INTROSPECTED && table.len() >= bounds::INTROSPECTED / 4);
        assert!(
            matches!(table.look(key(0), Tick(0)), Some(Slot::Asking(flight)) if Arc::ptr_eq(&flight, &open))
        );
        let last = bounds::INTROSPECTED * 2 - 1;
        assert!(table.look(key(last), Tick(0)).is_some(), "what ends last stays");
    }
}
