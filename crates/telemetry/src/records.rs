//! Records on their way to one consumer: each core appends to a queue of its own, and who makes records beside the cores to one of theirs;
//! whoever consumes them empties all.
//!
//! A queue that is full drops what comes and counts it under the reason for which it is full, and the call knows nothing of it
//! (invariant 15).

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use engine::{Evidence, Kept, bounds};
use parking_lot::Mutex;

/// A whole, of which [`RecordQueue::want`] says how much of the rest is kept.
const WHOLE: u32 = 1_000_000;
/// Says that nothing is kept.
const NOTHING: u32 = u32::MAX;

/// Why a record was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// More came than can be written.
    Queue,
    /// The store cannot be used, and the queue filled up meanwhile.
    Unavailable,
    /// The store's disk is full, and the queue filled up meanwhile.
    Full,
    /// The store does not take this record.
    Rejected,
}

impl Lost {
    /// All, in the order of their metric series.
    pub const ALL: [Lost; 4] = [Lost::Queue, Lost::Unavailable, Lost::Full, Lost::Rejected];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Lost::Queue => "queue",
            Lost::Unavailable => "unavailable",
            Lost::Full => "disk_full",
            Lost::Rejected => "rejected",
        }
    }

    const fn number(self) -> u8 {
        match self {
            Lost::Queue => 0,
            Lost::Unavailable => 1,
            Lost::Full => 2,
            Lost::Rejected => 3,
        }
    }
}

/// What a core's queue may hold: records, and their bytes.
#[derive(Debug, Clone, Copy)]
struct Room {
    records: usize,
    bytes: usize,
}

/// The queues of all cores, for one consumer.
#[derive(Debug)]
pub struct RecordQueue {
    room: Room,
    queues: Mutex<Vec<Arc<Mutex<Queue>>>>,
    /// The one of what is no call's: no flood of calls takes its room.
    beside: Arc<Mutex<Queue>>,
    shared: Arc<Shared>,
}

/// What cores read of it, and write when they lose something.
#[derive(Debug)]
struct Shared {
    /// How many of a million calls of the rest are kept, or [`NOTHING`].
    sample: AtomicU32,
    /// Number of the reason for which a queue that is full is full.
    full: AtomicU8,
    lost: [AtomicU64; Lost::ALL.len()],
}

impl Shared {
    fn lose(&self, number: u8, count: u64) {
        if let Some(lost) = self.lost.get(usize::from(number)) {
            lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    records: VecDeque<Arc<Evidence>>,
    bytes: usize,
}

impl Queue {
    fn has_room(&self, room: Room) -> bool {
        self.records.len() < room.records && self.bytes < room.bytes
    }

    fn push(&mut self, record: Arc<Evidence>) {
        self.bytes += record.bytes();
        self.records.push_back(record);
    }
}

impl RecordQueue {
    /// The way to the store.
    pub(crate) fn of_store() -> Self {
        Self::with_room(Room { records: bounds::DECISION_QUEUE, bytes: bounds::DECISION_QUEUE_BYTES })
    }

    /// The way to those who are told.
    pub(crate) fn of_events() -> Self {
        Self::with_room(Room { records: bounds::EVENT_QUEUE, bytes: bounds::EVENT_QUEUE_BYTES })
    }

    fn with_room(room: Room) -> Self {
        let shared =
            Shared { sample: AtomicU32::new(NOTHING), full: AtomicU8::new(0), lost: Default::default() };
        let beside = Arc::<Mutex<Queue>>::default();
        Self { room, queues: Mutex::new(vec![Arc::clone(&beside)]), beside, shared: Arc::new(shared) }
    }

    /// Appends what is no call's, where anything is kept at all; without room it is lost and counted. It never waits.
    pub fn add(&self, record: Arc<Evidence>) {
        if self.shared.sample.load(Ordering::Relaxed) == NOTHING {
            return;
        }
        let mut queue = self.beside.lock();
        if queue.has_room(self.room) {
            queue.push(record);
        } else {
            self.shared.lose(self.shared.full.load(Ordering::Relaxed), 1);
        }
    }

    /// Says what is kept from now on: nothing, or what ended otherwise than well and so many of a million of the rest.
    pub fn want(&self, sample: Option<u32>) {
        let sample = sample.map_or(NOTHING, |sample| sample.min(WHOLE));
        self.shared.sample.store(sample, Ordering::Relaxed);
    }

    /// Takes all that wait, the oldest of each core first.
    #[must_use]
    pub fn take(&self) -> Vec<VecDeque<Arc<Evidence>>> {
        let queues: Vec<_> = self.queues.lock().iter().map(Arc::clone).collect();
        let taken = queues.iter().map(|queue| std::mem::take(&mut *queue.lock()).records);
        taken.filter(|records| !records.is_empty()).collect()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queues.lock().iter().map(|queue| queue.lock().records.len()).sum()
    }

    /// Says why queues are full from now on, should they be.
    pub fn full_because(&self, why: Lost) {
        self.shared.full.store(why.number(), Ordering::Relaxed);
    }

    /// Counts records that were taken and are lost all the same.
    pub fn lose(&self, why: Lost, count: u64) {
        self.shared.lose(why.number(), count);
    }

    /// Records lost so far, by reason.
    #[must_use]
    pub fn lost(&self) -> [(Lost, u64); Lost::ALL.len()] {
        Lost::ALL.map(|why| {
            let count = self.shared.lost.get(usize::from(why.number()));
            (why, count.map_or(0, |count| count.load(Ordering::Relaxed)))
        })
    }

    /// A new core's end.
    pub(crate) fn core(&self) -> QueueEnd {
        let queue = Arc::<Mutex<Queue>>::default();
        self.queues.lock().push(Arc::clone(&queue));
        QueueEnd { room: self.room, queue, shared: Arc::clone(&self.shared), credit: Cell::new(0) }
    }
}

/// One core's end of its queue.
#[derive(Debug)]
pub(crate) struct QueueEnd {
    room: Room,
    queue: Arc<Mutex<Queue>>,
    shared: Arc<Shared>,
    /// Millionths of a record that the sample is owed.
    credit: Cell<u32>,
}

impl QueueEnd {
    /// Whether anything is kept.
    pub(crate) fn is_wanted(&self) -> bool {
        self.shared.sample.load(Ordering::Relaxed) != NOTHING
    }

    /// As what a call is kept that ended so; `None` stands for one that nothing was said against.
    pub(crate) fn wants(&self, ended: Option<Kept>) -> Option<Kept> {
        let sample = self.shared.sample.load(Ordering::Relaxed);
        if sample == NOTHING {
            return None;
        }
        ended.or_else(|| self.is_of_the_sample(sample).then_some(Kept::Passed))
    }

    fn is_of_the_sample(&self, sample: u32) -> bool {
        let credit = self.credit.get() + sample;
        let taken = credit >= WHOLE;
        self.credit.set(if taken { credit - WHOLE } else { credit });
        taken
    }

    /// Whether there is room; when there is none, a record is lost. Looked at before anything is made of it: a flood costs no
    /// more than this.
    pub(crate) fn has_room(&self) -> bool {
        let has_room = self.queue.lock().has_room(self.room);
        if !has_room {
            self.shared.lose(self.shared.full.load(Ordering::Relaxed), 1);
        }
        has_room
    }

    pub(crate) fn push(&self, record: Arc<Evidence>) {
        self.queue.lock().push(record);
    }
}
