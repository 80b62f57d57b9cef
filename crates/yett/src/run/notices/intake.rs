//! From the queues of the cores to the spool: which sink wants which record, and in which order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::{Evidence, Tick, bounds};
use notices::{Actor, Item};
use store::{Ending, Spool, StoreError};
use telemetry::Lost;

use super::choice::Choice;
use super::sink::{Sink, unix};
use super::watch::Told;
use super::{INTERVAL, Notices};

/// How long it is not tried again after a failure, at most; the first time [`INTERVAL`], then twice as long each time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Notices that are read at one time when a spool is opened.
const PAGE: u64 = 1_000;

/// Alerts that may wait for the spool.
const ALERTS: usize = 1_024;

/// What the intake has in hand.
#[derive(Default)]
pub(super) struct Intake {
    held: VecDeque<Arc<Evidence>>,
    /// Alerts that are to be told.
    alerts: Vec<Told>,
    /// What is given up for sinks that are not there any more, and is to be written.
    endings: Vec<Ending>,
    /// Failures in a row, and until when it is not tried again.
    failures: u32,
    later: Option<Tick>,
}

impl Intake {
    pub(super) fn held(&self) -> usize {
        self.held.len() + self.alerts.len()
    }
}

/// Writes what was given up and what was chosen; gives the number of the first that was chosen.
async fn put(spool: &Spool, endings: &[Ending], choice: &Choice) -> Result<u64, StoreError> {
    if !endings.is_empty() {
        spool.end(endings).await?;
    }
    if choice.batch.is_empty() { Ok(0) } else { spool.put(&choice.batch).await }
}

/// Records of several cores as one row: those of a core in its order, and otherwise by when their calls ended.
fn merged(queues: Vec<VecDeque<Arc<Evidence>>>) -> VecDeque<Arc<Evidence>> {
    let mut all = Vec::new();
    for queue in queues {
        let mut ended = 0;
        for record in queue {
            ended = (record.at.saturating_mul(1_000).saturating_add(record.micros)).max(ended);
            all.push((ended, record));
        }
    }
    all.sort_by_key(|(ended, _)| *ended);
    all.into_iter().map(|(_, record)| record).collect()
}

impl Notices {
    /// Spools what waits, as much as one transaction takes. It has to run to its end: what rules said is told then, and what was spooled
    /// is scheduled.
    pub(super) async fn turn(&self, work: &mut Intake) {
        let now = self.services.clock.now();
        if work.later.is_some_and(|later| now < later) {
            return;
        }
        let Some(spool) = self.opened(work).await else { return };
        self.take_in(work);
        let room = ALERTS.saturating_sub(work.alerts.len());
        work.alerts.extend(self.look(room).await);
        let calls = work.held.len().min(bounds::DECISION_BATCH);
        let sinks: Vec<Arc<Sink>> = self.sinks.lock().values().map(Arc::clone).collect();
        let source = Arc::clone(&self.source.lock());
        let mut choice = Choice::new(sinks, source, unix(&*self.services.clock));
        work.held.iter().take(calls).for_each(|record| choice.call(record));
        work.alerts.iter().for_each(|told| choice.alert(told));
        match put(&spool, &work.endings, &choice).await {
            Ok(first) => {
                work.held.drain(..calls);
                work.alerts.clear();
                work.endings.clear();
                (work.failures, work.later) = (0, None);
                self.no_room.fetch_add(choice.lost, Ordering::Relaxed);
                self.well();
                self.schedule(first, choice.items, work);
            }
            Err(why) => self.put_off(&why, work),
        }
    }

    /// Takes what the cores queued, when all that was taken before is spooled.
    fn take_in(&self, work: &mut Intake) {
        if !work.held.is_empty() {
            return;
        }
        work.held = merged(self.queue.take());
        let mut watch = self.watch.lock();
        if !watch.is_empty() {
            work.held.iter().for_each(|record| watch.event(record, &*self.services.clock));
        }
    }

    /// Hands to sinks what was spooled for them; what is for one that is not there any more is given up.
    fn schedule(&self, first: u64, items: Vec<(Arc<Sink>, Item)>, work: &mut Intake) {
        for (sequence, (sink, item)) in (first..).zip(items) {
            sink.counts.spooled.fetch_add(1, Ordering::Relaxed);
            work.endings.extend(sink.push(Item { sequence, ..item }, &*self.services.clock));
        }
    }

    /// Whether more waits than the last turn took.
    pub(super) fn is_behind(&self, work: &Intake) -> bool {
        work.held() > 0 && work.later.is_none()
    }

    /// The spool; opens it when it is not open, and takes up what waits in it.
    async fn opened(&self, work: &mut Intake) -> Option<Arc<Spool>> {
        if let Some(spool) = self.spool.lock().clone() {
            return Some(spool);
        }
        let opened = async {
            let spool = Arc::new(Spool::open(&self.path).await?);
            match self.take_up(&spool).await {
                Ok(sinks) => Ok((spool, sinks)),
                Err(why) => {
                    spool.abandon().await;
                    Err(why)
                }
            }
        };
        match opened.await {
            Ok((spool, sinks)) => {
                *self.spool.lock() = Some(Arc::clone(&spool));
                self.well();
                // Also of those that a reload has taken out meanwhile: what they were given is given up by their tasks.
                sinks.iter().for_each(|sink| self.start_task(sink, &spool));
                self.start_tasks(&spool);
                Some(spool)
            }
            Err(why) => {
                self.put_off(&why, work);
                None
            }
        }
    }

    /// Gives each sink what waits for it; what waits for nobody is given up. Gives the sinks.
    async fn take_up(&self, spool: &Spool) -> Result<Vec<Arc<Sink>>, StoreError> {
        let sinks: BTreeMap<String, Arc<Sink>> = self.sinks.lock().clone();
        let (mut after, mut all) = (0, Vec::new());
        loop {
            let page = spool.waiting(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            all.extend(page);
        }
        let now = unix(&*self.services.clock);
        let of_nobody = all.iter().filter(|notice| !sinks.contains_key(&notice.sink));
        let why = || String::from("the sink is not in the configuration");
        let endings: Vec<Ending> =
            of_nobody.map(|notice| Ending::Dead(notice.sequence, now, why())).collect();
        spool.end(&endings).await?;
        let owed = spool.owed().await?;
        for notice in all {
            if let Some(sink) = sinks.get(&notice.sink) {
                // None of them has a task yet that could end.
                let _ = sink.push(item(&notice), &*self.services.clock);
            }
        }
        for one in owed {
            if let Some(sink) = sinks.get(&one.sink) {
                sink.counts.letters.store(one.dead, Ordering::Relaxed);
            }
        }
        Ok(sinks.into_values().collect())
    }

    fn put_off(&self, why: &StoreError, work: &mut Intake) {
        self.ill(why);
        let wait = INTERVAL.saturating_mul(1 << work.failures.min(16)).min(PATIENCE);
        work.later = Some(self.services.clock.now().after(wait));
        work.failures = work.failures.saturating_add(1);
    }

    fn ill(&self, why: &StoreError) {
        let is_full = matches!(why, StoreError::Full(_));
        self.queue.full_because(if is_full { Lost::Full } else { Lost::Unavailable });
        self.say_ill(why);
    }
}

/// A notice of the spool as it is scheduled.
pub(super) fn item(notice: &store::Notice) -> Item {
    Item {
        sequence: notice.sequence,
        actor: Actor(u128::from_str_radix(&notice.actor, 16).unwrap_or_default()),
        bytes: notice.bytes,
        at: notice.at,
        tries: u32::try_from(notice.tries).unwrap_or(u32::MAX),
        sent: notice.sent,
    }
}

#[cfg(test)]
mod tests {
    use engine::{CallId, Kept};

    use super::*;

    fn record(id: u128, at: u64, micros: u64) -> Arc<Evidence> {
        let none = || Box::<str>::default();
        Arc::new(Evidence {
            id: CallId(id),
            at,
            kept: Kept::Refused,
            status: 403,
            code: none(),
            control: none(),
            method: none(),
            path: none(),
            api: none(),
            operation: none(),
            address: none(),
            issuer: none(),
            subject: none(),
            application: none(),
            micros,
            document: none(),
        })
    }

    #[test]
    fn records_of_cores_become_one_row_in_which_each_core_keeps_its_order() {
        let one = [record(1, 10, 0), record(2, 9, 500), record(3, 30, 0)];
        let two = [record(4, 5, 4_000), record(5, 5, 9_000), record(6, 40, 0)];
        let ids: Vec<u128> = merged(vec![one.into(), two.into()]).iter().map(|record| record.id.0).collect();
        assert_eq!(ids, [4, 1, 2, 5, 3, 6]);
    }
}
