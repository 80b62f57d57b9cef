//! What others were asked: of all calls with one question one asks and the others wait for the same answer, which is found by a
//! keyed hash of the question, bounded. An answer that is thrown away is asked for again, so a full table costs questions and
//! nothing else.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use engine::fetch::{FetchError, FetchResponse};
use engine::signal::Signal;
use engine::{BoxFuture, Clock, Tick};
use parking_lot::Mutex;

/// A question that was not answered yet.
#[derive(Debug)]
pub struct Flight<A> {
    over: AtomicBool,
    told: OnceLock<A>,
    ended: Signal,
}

impl<A> Default for Flight<A> {
    fn default() -> Self {
        Self { over: AtomicBool::new(false), told: OnceLock::new(), ended: Signal::default() }
    }
}

impl<A> Flight<A> {
    /// Waits for its end, which comes with the deadline of who was asked at the latest.
    pub async fn wait(&self) {
        let version = self.ended.version();
        if !self.over.load(Ordering::Acquire) {
            self.ended.changed(version).await;
        }
    }

    /// What was answered; nothing before its end, and when it ended without an answer.
    pub fn told(&self) -> Option<&A> {
        self.told.get()
    }

    /// Takes the answer down for those who wait.
    pub fn tell(&self, answer: A) {
        let _ = self.told.set(answer);
    }

    /// Ends it, and wakes who waits.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.ended.raise();
    }
}

/// The key of a hash by which questions are found again: nobody can choose two that meet, and none is kept.
#[derive(Debug)]
pub struct Hash(Key);

impl Hash {
    /// A new one.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        clock.fill(&mut *secret);
        Self(Key::new(HMAC_SHA256, &*secret))
    }

    /// The hash of a question.
    #[must_use]
    pub fn of(&self, question: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        let tag = sign(&self.0, question);
        key.iter_mut().zip(tag.as_ref()).for_each(|(slot, byte)| *slot = *byte);
        key
    }
}

/// The answer, if it comes before the time is over.
pub(crate) async fn within(
    fetch: BoxFuture<'static, Result<FetchResponse, FetchError>>,
    mut over: BoxFuture<'static, ()>,
) -> Result<FetchResponse, FetchError> {
    let mut fetch = pin!(fetch);
    std::future::poll_fn(move |context| {
        if let Poll::Ready(answer) = fetch.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        over.as_mut().poll(context).map(|()| Err(FetchError::Deadline))
    })
    .await
}

/// A power of two.
const SHARDS: usize = 16;

/// What stands for a question.
#[derive(Debug)]
pub enum Slot<A> {
    /// An answer that still counts.
    Known(A),
    /// A question under way.
    Asking(Arc<Flight<A>>),
}

impl<A: Clone> Clone for Slot<A> {
    fn clone(&self) -> Self {
        match self {
            Self::Known(answer) => Self::Known(answer.clone()),
            Self::Asking(flight) => Self::Asking(Arc::clone(flight)),
        }
    }
}

#[derive(Debug)]
struct Shard<A>(HashMap<[u8; 32], (Slot<A>, Tick)>);

/// Answers and questions, by the hash of what was asked.
#[derive(Debug)]
pub struct Table<A> {
    shards: [Mutex<Shard<A>>; SHARDS],
    /// Most entries of one shard.
    most: usize,
}

impl<A: Clone> Table<A> {
    /// Of so many answers at most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard(HashMap::new()))),
            most: most.div_ceil(SHARDS),
        }
    }

    fn shard(&self, key: &[u8; 32]) -> Option<&Mutex<Shard<A>>> {
        self.shards.get(usize::from(key.first()? % 16))
    }

    /// What stands for a question, unless it is over.
    pub fn look(&self, key: [u8; 32], now: Tick) -> Option<Slot<A>> {
        let shard = self.shard(&key)?.lock();
        let (slot, until) = shard.0.get(&key)?;
        let counts = matches!(slot, Slot::Asking(_)) || now < *until;
        counts.then(|| slot.clone())
    }

    /// A question under way, and whether it is new: it is not when another core began one meanwhile.
    pub fn begin(&self, key: [u8; 32], now: Tick) -> (Arc<Flight<A>>, bool) {
        let flight = Arc::new(Flight::default());
        let Some(shard) = self.shard(&key) else { return (flight, true) };
        let mut shard = shard.lock();
        if let Some((Slot::Asking(known), _)) = shard.0.get(&key) {
            return (Arc::clone(known), false);
        }
        shard.make_room(self.most, now);
        shard.0.insert(key, (Slot::Asking(Arc::clone(&flight)), Tick(u64::MAX)));
        (flight, true)
    }

    /// Takes an answer down.
    pub fn settle(&self, key: [u8; 32], answer: A, until: Tick) {
        if let Some(shard) = self.shard(&key) {
            shard.lock().0.insert(key, (Slot::Known(answer), until));
        }
    }

    /// Takes a question out that ended without an answer.
    pub fn forget(&self, key: [u8; 32], flight: &Arc<Flight<A>>) {
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
        self.shards.iter().map(|shard| shard.lock().0.len()).sum()
    }
}

impl<A> Shard<A> {
    /// Throws away what is over, and, when nothing is, the half that ends first; never a question.
    fn make_room(&mut self, most: usize, now: Tick) {
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

    const MOST: usize = 1_024;

    fn key(number: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn one_asks_and_an_answer_ends() {
        let table = Table::<bool>::new(MOST);
        assert!(table.look(key(1), Tick(0)).is_none());
        let (flight, mine) = table.begin(key(1), Tick(0));
        let (same, again) = table.begin(key(1), Tick(0));
        assert!(mine && !again && Arc::ptr_eq(&flight, &same));
        assert!(matches!(table.look(key(1), Tick(u64::MAX)), Some(Slot::Asking(_))));
        table.settle(key(1), false, Tick(10));
        table.forget(key(1), &flight);
        assert!(matches!(table.look(key(1), Tick(9)), Some(Slot::Known(false))));
        assert!(table.look(key(1), Tick(10)).is_none());
        let (lost, _) = table.begin(key(2), Tick(0));
        table.forget(key(2), &lost);
        assert!(table.look(key(2), Tick(0)).is_none(), "a question that was lost is asked again");
    }

    #[test]
    fn bounded_and_no_question_is_thrown_away() {
        let table = Table::<bool>::new(MOST);
        let (open, _) = table.begin(key(0), Tick(0));
        for number in 1..MOST * 2 {
            let (_, mine) = table.begin(key(number), Tick(0));
            assert!(mine);
            table.settle(key(number), false, Tick(1 + number as u64));
        }
        assert!(table.len() <= MOST && table.len() >= MOST / 4);
        assert!(
            matches!(table.look(key(0), Tick(0)), Some(Slot::Asking(flight)) if Arc::ptr_eq(&flight, &open))
        );
        let last = MOST * 2 - 1;
        assert!(table.look(key(last), Tick(0)).is_some(), "what ends last stays");
    }
}
