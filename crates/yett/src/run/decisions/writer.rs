//! Writing: one batch at a time, tried again while the store cannot be used.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::{Evidence, Tick, bounds};
use store::{DecisionStore, Retention, StoreError};
use telemetry::Lost;

use super::counts::Counts;
use super::{Decisions, INTERVAL};

/// How often is looked for what is too old, when nothing is written.
const TIDY: Duration = Duration::from_secs(60);
/// How long it is not tried again after a failure, at most; the first time [`INTERVAL`], then twice as long each time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Failures of one batch after which its records go one by one.
pub(super) const STUBBORN: u32 = 3;

/// What the writer has in hand.
#[derive(Default)]
pub(super) struct Work {
    pub(super) held: VecDeque<Arc<Evidence>>,
    pub(super) counts: Counts,
    /// Failures in a row, and until when it is not tried again.
    failures: u32,
    later: Option<Tick>,
    tidied: Option<Tick>,
}

impl Decisions {
    /// Writes until nothing waits that waited when it was called.
    pub(super) async fn flush(&self) {
        let mut work = self.work.lock().await;
        self.fill(&mut work);
        work.later = None;
        work.counts.hurry();
        // What comes meanwhile is written with it, and waited for by nobody.
        for _ in 0..=work.held.len() / bounds::DECISION_BATCH {
            self.turn(&mut work).await;
            if work.held.is_empty() {
                return;
            }
        }
    }

    /// Takes what cores have queued, once the last of it is written: so much may be held in all.
    fn fill(&self, work: &mut Work) {
        if work.held.len() < bounds::DECISION_BATCH {
            self.queue.take().into_iter().for_each(|records| work.held.extend(records));
        }
    }

    /// Writes one batch, or tidies up, or opens the store.
    pub(super) async fn turn(&self, work: &mut Work) {
        let settings = *self.settings.lock();
        let now = self.clock.now();
        if work.later.is_some_and(|later| now < later) {
            return;
        }
        let Some(store) = self.opened(settings.sample.is_some(), work).await else { return };
        self.fill(work);
        let is_tidy = work.tidied.is_some_and(|at| now.since(at) < TIDY);
        if (!work.held.is_empty() || !is_tidy) && !self.write_batch(&store, settings.retention, work).await {
            return;
        }
        // Records first: there are more of them, and their queues are shorter.
        if let Err(why) = self.write_counts(&store, work).await {
            self.ill(&why);
            self.put_off(work);
        }
    }

    /// Writes some of the records in hand, and removes what is over the retention; `false` when it could not.
    async fn write_batch(&self, store: &DecisionStore, retention: Retention, work: &mut Work) -> bool {
        let most = if work.failures < STUBBORN { bounds::DECISION_BATCH } else { 1 };
        let some = work.held.len().min(most);
        let batch = work.held.make_contiguous().get(..some).unwrap_or_default();
        let unix = self.clock.unix().0 / 1_000_000;
        match store.write(batch, retention, unix).await {
            Ok(written) => {
                work.held.drain(..some);
                (work.failures, work.tidied) = (0, Some(self.clock.now()));
                self.written.fetch_add(some as u64, Ordering::Relaxed);
                self.state.lock().bytes = written.bytes;
                self.well();
                true
            }
            Err(why) => {
                self.failed(store, retention, &why, work).await;
                false
            }
        }
    }

    /// The store; opens it when something is to be kept and it is not open.
    async fn opened(&self, wanted: bool, work: &mut Work) -> Option<Arc<DecisionStore>> {
        if let Some(store) = self.store.lock().clone() {
            return Some(store);
        }
        if !wanted && work.held.is_empty() {
            return None;
        }
        match DecisionStore::open(&self.place).await {
            Ok(store) => {
                let store = Arc::new(store);
                *self.store.lock() = Some(Arc::clone(&store));
                self.well();
                Some(store)
            }
            Err(why) => {
                self.ill(&why);
                self.put_off(work);
                None
            }
        }
    }

    /// A batch that could not be written stays in hand, unless it is the one record that the store does not take.
    async fn failed(&self, store: &DecisionStore, retention: Retention, why: &StoreError, work: &mut Work) {
        self.ill(why);
        self.put_off(work);
        let alone = work.failures > STUBBORN && !matches!(why, StoreError::Full(_));
        let Some(record) = work.held.front().filter(|_| alone) else { return };
        if self.is_rejected(store, retention, record).await {
            work.held.pop_front();
            self.queue.lose(Lost::Rejected, 1);
        }
    }

    /// Whether the store takes no such record while it works before and after. A store that has just come back would
    /// work after one failure and take the record at the next try.
    async fn is_rejected(&self, store: &DecisionStore, retention: Retention, record: &Arc<Evidence>) -> bool {
        let unix = self.clock.unix().0 / 1_000_000;
        store.held().await.is_ok()
            && matches!(store.write(std::slice::from_ref(record), retention, unix).await, Err(why) if !matches!(why, StoreError::Full(_)))
            && store.held().await.is_ok()
    }

    fn put_off(&self, work: &mut Work) {
        let wait = INTERVAL.saturating_mul(1 << work.failures.min(16)).min(PATIENCE);
        work.later = Some(self.clock.now().after(wait));
        work.failures = work.failures.saturating_add(1);
    }
}
