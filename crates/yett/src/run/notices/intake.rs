//! From the queues of the cores to the spool: which sink wants which record, and in which order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::{Evidence, Tick, bounds};
use notices::{Actor, Event, Item};
use store::{Ending, NewNotice, Spool, StoreError};
use telemetry::Lost;

use super::sink::{Sink, unix};
use super::watch::Told;
use super::{INTERVAL, Notices};

/// How long it is not tried again after a failure, at most; the first time [`INTERVAL`], then twice as long each time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Notices that are read at one time when a spool is opened.
const PAGE: u64 = 1_000;

/// Alerts that may wait for the spool.
const ALERTS: usize = 1_024;

/// What is spooled at one time, and for whom.
type Batch = Vec<NewNotice>;
type Items = Vec<(Arc<Sink>, Item)>;

/// What the intake has in hand.
#[derive(Default)]
pub(super) struct Intake {
    held: VecDeque<Arc<Evidence>>,
    /// Alerts that are to be told.
    alerts: VecDeque<Told>,
    /// Failures in a row, and until when it is not tried again.
    failures: u32,
    later: Option<Tick>,
}

impl Intake {
    pub(super) fn held(&self) -> usize {
        self.held.len() + self.alerts.len()
    }
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
    /// Spools what waits, as much as one transaction takes.
    pub(super) async fn turn(&self, work: &mut Intake) {
        let now = self.services.clock.now();
        if work.later.is_some_and(|later| now < later) {
            return;
        }
        let Some(spool) = self.opened(work).await else { return };
        if work.held.is_empty() {
            work.held = merged(self.queue.take());
            let mut watch = self.watch.lock();
            if !watch.is_empty() {
                work.held.iter().for_each(|record| watch.event(record, &*self.services.clock));
            }
        }
        let changed = self.look().await;
        let room = ALERTS.saturating_sub(work.alerts.len());
        work.alerts.extend(changed.into_iter().take(room));
        let some = work.held.len().min(bounds::DECISION_BATCH);
        let sinks: Vec<Arc<Sink>> = self.sinks.lock().values().map(Arc::clone).collect();
        let (mut batch, mut items) = self.chosen(work.held.iter().take(some), &sinks);
        let told = work.alerts.len();
        work.alerts.iter().for_each(|one| self.choose_alert(one, &sinks, (&mut batch, &mut items)));
        let put = if batch.is_empty() { Ok(0) } else { spool.put(&batch).await };
        match put {
            Ok(first) => {
                work.held.drain(..some);
                work.alerts.drain(..told);
                (work.failures, work.later) = (0, None);
                self.well();
                for (sequence, (sink, item)) in (first..).zip(items) {
                    sink.counts.spooled.fetch_add(1, Ordering::Relaxed);
                    sink.push(Item { sequence, ..item });
                }
            }
            Err(why) => self.put_off(&why, work),
        }
    }

    /// Whether more waits than the last turn took.
    pub(super) fn is_behind(&self, work: &Intake) -> bool {
        work.held() > 0 && work.later.is_none()
    }

    /// What of these records is for whom, as far as there is room.
    fn chosen<'r>(
        &self,
        records: impl Iterator<Item = &'r Arc<Evidence>>,
        sinks: &[Arc<Sink>],
    ) -> (Batch, Items) {
        let (mut batch, mut items) = (Vec::new(), Vec::new());
        let source = Arc::clone(&self.source.lock());
        let mut room: Vec<u64> = sinks.iter().map(|sink| sink.room()).collect();
        let wanted: Vec<_> = sinks.iter().map(|sink| Arc::clone(&sink.settings.lock())).collect();
        let at = unix(&*self.services.clock);
        for record in records {
            let mut event: Option<(Event, String)> = None;
            for ((sink, settings), room) in sinks.iter().zip(&wanted).zip(&mut room) {
                if !settings.calls || !settings.wanted.wants(record) {
                    continue;
                }
                if event.is_none() {
                    event = Event::of(record).map(|event| {
                        let body = event.to_json(&source);
                        (event, body)
                    });
                }
                let Some((event, body)) = &event else { break };
                let notice = notice(sink, event, body.clone(), at);
                match room.checked_sub(notice.bytes()) {
                    None => drop(sink.counts.lost.fetch_add(1, Ordering::Relaxed)),
                    Some(left) => {
                        *room = left;
                        let (actor, bytes) = (event.actor, notice.bytes());
                        let item = Item { sequence: 0, actor, bytes, at, tries: 0, sent: false };
                        items.push((Arc::clone(sink), item));
                        batch.push(notice);
                    }
                }
            }
        }
        (batch, items)
    }

    /// For whom an alert is: the sinks that its rule names, or those that take such.
    fn choose_alert(&self, told: &Told, sinks: &[Arc<Sink>], (batch, items): (&mut Batch, &mut Items)) {
        let body = told.event.to_json(&self.source.lock());
        let at = unix(&*self.services.clock);
        for sink in sinks {
            let settings = Arc::clone(&sink.settings.lock());
            let takes = settings.alerts
                && told.event.severity >= settings.wanted.severity
                && (settings.owners.is_empty()
                    || told.owners.iter().any(|owner| settings.owners.contains(owner)));
            let is_told = if told.sinks.is_empty() { takes } else { told.sinks.contains(&sink.name) };
            if !is_told {
                continue;
            }
            // There is always room for an alert: they are few, and bounded.
            let notice = notice(sink, &told.event, body.clone(), at);
            let (actor, bytes) = (told.event.actor, notice.bytes());
            items.push((Arc::clone(sink), Item { sequence: 0, actor, bytes, at, tries: 0, sent: false }));
            batch.push(notice);
        }
    }

    /// The spool; opens it when it is not open, and takes up what waits in it.
    async fn opened(&self, work: &mut Intake) -> Option<Arc<Spool>> {
        if let Some(spool) = self.spool.lock().clone() {
            return Some(spool);
        }
        let opened = async {
            let spool = Arc::new(Spool::open(&self.path).await?);
            if let Err(why) = self.take_up(&spool).await {
                spool.abandon().await;
                return Err(why);
            }
            Ok(spool)
        };
        match opened.await {
            Ok(spool) => {
                *self.spool.lock() = Some(Arc::clone(&spool));
                self.well();
                self.start_tasks(&spool);
                Some(spool)
            }
            Err(why) => {
                self.put_off(&why, work);
                None
            }
        }
    }

    /// Gives each sink what waits for it; what waits for nobody is given up.
    async fn take_up(&self, spool: &Spool) -> Result<(), StoreError> {
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
                sink.push(item(&notice));
            }
        }
        for one in owed {
            if let Some(sink) = sinks.get(&one.sink) {
                sink.counts.letters.store(one.dead, Ordering::Relaxed);
            }
        }
        Ok(())
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

fn notice(sink: &Sink, event: &Event, body: String, at: u64) -> NewNotice {
    let actor = format!("{:032x}", event.actor.0);
    NewNotice { sink: sink.name.clone(), id: event.id.clone(), actor, at, body }
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
