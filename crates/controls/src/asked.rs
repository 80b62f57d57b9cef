//! What issuers and policy decision points are asked, asked once: questions under way, and answers by the hash of what was asked,
//! bounded. An answer that is thrown away is asked for again, so a full table costs questions and nothing else.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use engine::fetch::FetchError;
use engine::signal::Signal;
use engine::{BoxFuture, Clock, Tick};
use parking_lot::Mutex;

/// A power of two.
const SHARDS: usize = 16;

/// A question that was not answered yet. Who waited looks in the table, or is told `T`, where an answer counts for nobody else.
#[derive(Debug)]
pub struct Flight<T = ()> {
    over: AtomicBool,
    told: OnceLock<T>,
    ended: Signal,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self { over: AtomicBool::new(false), told: OnceLock::new(), ended: Signal::default() }
    }
}

impl<T> Flight<T> {
    /// Waits for its end, which comes with the endpoint's deadline at the latest.
    pub async fn wait(&self) {
        let version = self.ended.version();
        if !self.over.load(Ordering::Acquire) {
            self.ended.changed(version).await;
        }
    }

    /// What who waits is told; nothing before its end, and when it ended without an answer.
    pub(crate) fn told(&self) -> Option<&T> {
        self.told.get()
    }

    /// Takes down what who waits is told.
    pub(crate) fn tell(&self, told: T) {
        let _ = self.told.set(told);
    }

    /// Wakes who waits.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.ended.raise();
    }
}

/// Hashes tokens and questions, so that none is kept.
#[derive(Debug)]
pub(crate) struct Hasher(Key);

impl Hasher {
    /// One whose hashes nobody else can make.
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        clock.fill(&mut *secret);
        Self(Key::new(HMAC_SHA256, &*secret))
    }

    /// A keyed hash of what is asked.
    pub(crate) fn hash(&self, asked: impl AsRef<[u8]>) -> [u8; 32] {
        let mut key = [0; 32];
        let tag = sign(&self.0, asked.as_ref());
        key.iter_mut().zip(tag.as_ref()).for_each(|(slot, byte)| *slot = *byte);
        key
    }
}

/// What stands for a question.
#[derive(Debug)]
pub(crate) enum Slot<A, T = ()> {
    /// An answer that still counts.
    Known(A),
    /// A question under way.
    Asking(Arc<Flight<T>>),
}

impl<A: Clone, T> Clone for Slot<A, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Known(answer) => Self::Known(answer.clone()),
            Self::Asking(flight) => Self::Asking(Arc::clone(flight)),
        }
    }
}

#[derive(Debug)]
struct Shard<A, T>(HashMap<[u8; 32], (Slot<A, T>, Tick)>);

/// The table.
#[derive(Debug)]
pub(crate) struct Table<A, T = ()> {
    shards: [Mutex<Shard<A, T>>; SHARDS],
    most: usize,
}

impl<A: Clone, T> Table<A, T> {
    /// One of at most so many answers.
    pub(crate) fn new(most: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::new(Shard(HashMap::new()))), most: most / SHARDS }
    }

    fn shard(&self, key: &[u8; 32]) -> Option<&Mutex<Shard<A, T>>> {
        self.shards.get(usize::from(key.first()? % 16))
    }

    /// What stands for a question, unless it is over.
    pub(crate) fn look(&self, key: [u8; 32], now: Tick) -> Option<Slot<A, T>> {
        let shard = self.shard(&key)?.lock();
        let (slot, until) = shard.0.get(&key)?;
        let counts = matches!(slot, Slot::Asking(_)) || now < *until;
        counts.then(|| slot.clone())
    }

    /// A question under way, and whether it is new: it is not when another core began one meanwhile.
    pub(crate) fn begin(&self, key: [u8; 32], now: Tick) -> (Arc<Flight<T>>, bool) {
        let flight = Arc::new(Flight::default());
        let Some(shard) = self.shard(&key) else { return (flight, true) };
        let mut shard = shard.lock();
        if let Some((Slot::Asking(known), _)) = shard.0.get(&key) {
            return (Arc::clone(known), false);
        }
        shard.make_room(now, self.most);
        shard.0.insert(key, (Slot::Asking(Arc::clone(&flight)), Tick(u64::MAX)));
        (flight, true)
    }

    /// Takes an answer down.
    pub(crate) fn settle(&self, key: [u8; 32], answer: A, until: Tick) {
        if let Some(shard) = self.shard(&key) {
            shard.lock().0.insert(key, (Slot::Known(answer), until));
        }
    }

    /// Takes a question out that ended without an answer.
    pub(crate) fn forget(&self, key: [u8; 32], flight: &Arc<Flight<T>>) {
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

impl<A, T> Shard<A, T> {
    /// Throws away what is over, and, when nothing is, the half that ends first; never a question.
    fn make_room(&mut self, now: Tick, most: usize) {
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

/// The answer, if it comes before the time is over.
pub(crate) async fn within<T>(
    fetch: BoxFuture<'static, Result<T, FetchError>>,
    mut over: BoxFuture<'static, ()>,
) -> Result<T, FetchError> {
    let mut fetch = pin!(fetch);
    std::future::poll_fn(move |context| {
        if let Poll::Ready(answer) = fetch.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        over.as_mut().poll(context).map(|()| Err(FetchError::Deadline))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_024;

    /// What an answer is does not matter here.
    #[derive(Debug, Clone)]
    struct Inactive;

    fn key(number: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    #[test]
    fn one_asks_and_an_answer_ends() {
        let table = Table::<Inactive>::new(MOST);
        assert!(table.look(key(1), Tick(0)).is_none());
        let (flight, mine) = table.begin(key(1), Tick(0));
        let (same, again) = table.begin(key(1), Tick(0));
        assert!(mine && !again && Arc::ptr_eq(&flight, &same));
        assert!(matches!(table.look(key(1), Tick(u64::MAX)), Some(Slot::Asking(_))));
        table.settle(key(1), Inactive, Tick(10));
        table.forget(key(1), &flight);
        assert!(matches!(table.look(key(1), Tick(9)), Some(Slot::Known(Inactive))));
        assert!(table.look(key(1), Tick(10)).is_none());
        let (lost, _) = table.begin(key(2), Tick(0));
        table.forget(key(2), &lost);
        assert!(table.look(key(2), Tick(0)).is_none(), "a question that was lost is asked again");
    }

    #[test]
    fn bounded_and_no_question_is_thrown_away() {
        let table = Table::<Inactive>::new(MOST);
        let (open, _) = table.begin(key(0), Tick(0));
        for number in 1..MOST * 2 {
            let (_, mine) = table.begin(key(number), Tick(0));
            assert!(mine);
            table.settle(key(number), Inactive, Tick(1 + number as u64));
        }
        assert!(table.len() <= MOST && table.len() >= MOST / 4);
        assert!(
            matches!(table.look(key(0), Tick(0)), Some(Slot::Asking(flight)) if Arc::ptr_eq(&flight, &open))
        );
        let last = MOST * 2 - 1;
        assert!(table.look(key(last), Tick(0)).is_some(), "what ends last stays");
    }
}
