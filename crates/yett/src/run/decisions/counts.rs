//! Counts of what controls in shadow said, on their way to the store: a batch every few seconds, and one whenever somebody asks.

use std::time::Duration;

use engine::{ShadowCount, Tick};
use store::{CountBatch, DecisionStore, StoreError};

use super::Decisions;
use super::writer::{STUBBORN, Work};

/// How often counts are written: a kill loses those of so long.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often they are folded and the old ones removed.
const FOLD: Duration = Duration::from_secs(300);

/// What the writer has in hand of counts.
#[derive(Default)]
pub(super) struct Counts {
    batch: Option<CountBatch>,
    /// Failures of this batch.
    failures: u32,
    written: Option<Tick>,
    folded: Option<Tick>,
}

impl Counts {
    /// Has what there is written in the next turn.
    pub(super) fn hurry(&mut self) {
        self.written = None;
    }
}

impl Decisions {
    /// Writes what was counted, when it is time to.
    ///
    /// # Errors
    /// When it cannot be written now; it stays in hand.
    pub(super) async fn write_counts(
        &self,
        store: &DecisionStore,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let counts = &mut work.counts;
        if counts.written.is_some_and(|at| now.since(at) < INTERVAL) {
            return Ok(());
        }
        if counts.batch.is_none() {
            let taken = self.counts.take();
            counts.batch = (!taken.is_empty()).then(|| CountBatch { id: self.random(), counts: taken });
        }
        let unix = self.clock.unix().0 / 1_000_000;
        if let Some(batch) = &counts.batch {
            if let Err(why) = store.count(batch, unix).await {
                self.give_up(&why, counts);
                return Err(why);
            }
            (counts.batch, counts.failures) = (None, 0);
        }
        counts.written = Some(now);
        if counts.folded.is_none_or(|at| now.since(at) >= FOLD) {
            let age = self.settings.lock().retention.age;
            store.fold_counts(age, unix).await?;
            counts.folded = Some(now);
        }
        Ok(())
    }

    /// Lets go of a batch that the store does not take while it is there and has room: later ones are not to wait for it.
    fn give_up(&self, why: &StoreError, counts: &mut Counts) {
        let may_come =
            matches!(why, StoreError::Full(_) | StoreError::Unavailable(_) | StoreError::Unknown(_));
        counts.failures += u32::from(!may_come);
        if counts.failures <= STUBBORN {
            return;
        }
        counts.failures = 0;
        let looked = |count: &&ShadowCount| count.code.is_empty();
        if let Some(batch) = counts.batch.take() {
            self.counts.lose(batch.counts.iter().filter(looked).map(|count| count.calls).sum());
        }
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        self.clock.fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }
}
