//! Those who are told, beside the running gateway: takes the records that cores queued, spools what each sink wants, and has it
//! delivered.
//!
//! Nothing of it is on the way of a call. Records are taken from queues of their own, beside those of the store of decisions: what
//! has to be told does not wait for that store, and is told also where it is off, gone, or another gateway's too. A spool that cannot
//! be written is tried again from time to time; meanwhile the queues fill up and then drop what comes, which metrics count by
//! reason and readiness tells.

mod ask;
mod choice;
mod deliver;
mod intake;
mod ledger;
mod settings;
mod sink;
mod views;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::Clock;
use engine::Tick;
use engine::fetch::Fetch;
use parking_lot::Mutex;
use store::{Spool, StoreError};
use telemetry::{Lost, RecordQueue, Telemetry};
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

use super::credentials::{Credentials, plain};
use crate::load::Loaded;
use crate::terminal;
use intake::Intake;
use settings::Settings;
use sink::{Services, Sink, Stage};
use watch::Watch;

pub(super) use sink::Told as SinkTold;
pub(super) use views::{detail, samples};

/// How often what waits is spooled.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long the end waits for the last batch.
const FLUSH: Duration = Duration::from_secs(2);
/// How long readiness tells that events were lost.
const TOLD: Duration = Duration::from_secs(60);

/// Those who are told, at work.
pub(super) struct Notices {
    queue: Arc<RecordQueue>,
    telemetry: Arc<Telemetry>,
    /// Knows who answers for an application, once it is open.
    credentials: Arc<OnceLock<Arc<Credentials>>>,
    watch: Mutex<Watch>,
    path: PathBuf,
    services: Services,
    side: Handle,
    sinks: Mutex<BTreeMap<String, Arc<Sink>>>,
    source: Mutex<Arc<str>>,
    spool: Mutex<Option<Arc<Spool>>>,
    tasks: Mutex<Vec<JoinHandle<bool>>>,
    work: Arc<tokio::sync::Mutex<Intake>>,
    /// Events that found no room in what a sink may have on the disk.
    no_room: AtomicU64,
    state: Mutex<State>,
    is_running: AtomicBool,
    is_ending: AtomicBool,
}

#[derive(Default)]
struct State {
    fault: Option<String>,
    lost: u64,
    lost_at: Option<Tick>,
}

/// How it is, for readiness, metrics and whoever asks.
pub(super) struct Told {
    /// Why the spool cannot be used, or that events were lost a moment ago.
    pub(super) fault: Option<String>,
    /// Events that were lost before they were spooled, by reason.
    pub(super) lost: Vec<(&'static str, u64)>,
    pub(super) sinks: Vec<SinkTold>,
    /// Alerts that hold, and events that were not counted since there were too many groups.
    pub(super) alerts: Option<(usize, u64)>,
}

impl Notices {
    /// Begins to tell whom the document names.
    ///
    /// # Errors
    /// That a secret of it is not there.
    pub(super) fn start(
        telemetry: &Arc<Telemetry>,
        credentials: &Arc<OnceLock<Arc<Credentials>>>,
        path: PathBuf,
        (clock, fetch, side): (&Arc<dyn Clock>, Arc<dyn Fetch>, &Handle),
        (document, loaded): (&spec::Document, &Loaded),
    ) -> Result<Arc<Self>, String> {
        let notices = Arc::new(Self {
            queue: Arc::clone(telemetry.events()),
            telemetry: Arc::clone(telemetry),
            credentials: Arc::clone(credentials),
            watch: Mutex::default(),
            path,
            services: Services { clock: Arc::clone(clock), fetch },
            side: side.clone(),
            sinks: Mutex::default(),
            source: Mutex::new(Arc::from("")),
            spool: Mutex::default(),
            tasks: Mutex::default(),
            work: Arc::default(),
            no_room: AtomicU64::new(0),
            state: Mutex::default(),
            is_running: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
        });
        notices.apply(document, loaded)?;
        Ok(notices)
    }

    /// Tells from now on whom another document names.
    ///
    /// # Errors
    /// That a secret of it is not there: then nothing was changed.
    pub(super) fn apply(self: &Arc<Self>, document: &spec::Document, loaded: &Loaded) -> Result<(), String> {
        let wanted = document.notify.iter().flat_map(|notify| &notify.sinks);
        let wanted = wanted.map(|(name, sink)| Ok((name.clone(), Settings::of(sink, document, loaded)?)));
        let wanted = wanted.collect::<Result<BTreeMap<String, Settings>, String>>()?;
        if let Some(notify) = &document.notify {
            *self.source.lock() = Arc::from(&*notify.source.value);
        }
        let is_told = !wanted.is_empty();
        self.watch.lock().apply(document, &self.telemetry, &*self.services.clock);
        let mut new = Vec::new();
        {
            let mut sinks = self.sinks.lock();
            sinks.retain(|name, sink| {
                let stays = wanted.contains_key(name);
                if !stays {
                    sink.end(Stage::Removed);
                }
                stays
            });
            for (name, settings) in wanted {
                match sinks.get(&name) {
                    Some(sink) => sink.renew(settings, &*self.services.clock),
                    None => {
                        let sink = Arc::new(Sink::new(&name, settings));
                        new.push(Arc::clone(&sink));
                        sinks.insert(name, sink);
                    }
                }
            }
        }
        if let Some(spool) = self.spool.lock().clone() {
            new.iter().for_each(|sink| self.start_task(sink, &spool));
        }
        self.queue.want(is_told.then_some(0));
        if is_told && !self.is_running.swap(true, Ordering::AcqRel) {
            self.side.spawn(keep(Arc::clone(self)));
        }
        Ok(())
    }

    /// Has receivers asked again that are gone or fail, as after a reload that changed nothing.
    pub(super) fn try_again(&self) {
        self.sinks.lock().values().for_each(|sink| sink.try_again(&*self.services.clock));
    }

    fn start_tasks(&self, spool: &Arc<Spool>) {
        let sinks: Vec<Arc<Sink>> = self.sinks.lock().values().map(Arc::clone).collect();
        sinks.iter().for_each(|sink| self.start_task(sink, spool));
    }

    fn start_task(&self, sink: &Arc<Sink>, spool: &Arc<Spool>) {
        if sink.is_started.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = deliver::deliver(Arc::clone(sink), Arc::clone(spool), self.services.clone());
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(self.side.spawn(task));
    }

    /// How it is.
    pub(super) fn state(&self) -> Told {
        let sinks: Vec<SinkTold> = self.sinks.lock().values().map(|sink| sink.told()).collect();
        let of_queue = self.queue.lost().into_iter().filter(|(why, _)| *why != Lost::Rejected);
        let mut lost: Vec<(&'static str, u64)> = of_queue.map(|(why, count)| (why.name(), count)).collect();
        lost.push(("spool_full", self.no_room.load(Ordering::Relaxed)));
        let sum = lost.iter().map(|(_, count)| count).sum();
        let now = self.services.clock.now();
        let mut state = self.state.lock();
        if sum > state.lost {
            (state.lost, state.lost_at) = (sum, Some(now));
        }
        let lately = state.lost_at.is_some_and(|at| now.since(at) < TOLD);
        let dropped = lately.then(|| format!("events are lost: {sum} since the start"));
        let watch = self.watch.lock();
        let alerts = (!watch.is_empty()).then(|| watch.numbers());
        Told { fault: state.fault.clone().or(dropped), lost, sinks, alerts }
    }

    /// Spools what is left, as far as there is time, lets deliveries under way end, and closes the spool. Blocks.
    pub(super) fn close(self: &Arc<Self>) {
        if !self.is_running.load(Ordering::Acquire) {
            return;
        }
        self.is_ending.store(true, Ordering::Release);
        self.side.block_on(async {
            self.spool_in_time().await;
            self.sinks.lock().values().for_each(|sink| sink.end(Stage::Ending));
            let tasks = std::mem::take(&mut *self.tasks.lock());
            let mut is_written = true;
            for task in tasks {
                // Longer than any task waits for what is on its way.
                let ended = tokio::time::timeout(FLUSH + FLUSH, task).await;
                is_written &= matches!(ended, Ok(Ok(true)));
            }
            let spool = self.spool.lock().take();
            if let Some(spool) = spool {
                let end = async { if is_written { spool.close().await } else { spool.abandon().await } };
                let _ = tokio::time::timeout(FLUSH, end).await;
            }
        });
        let in_hand = self.work.try_lock().map_or(0, |work| work.held());
        let left = self.queue.waiting() + in_hand;
        if left > 0 {
            terminal::say(format_args!("warning: {left} events could not be spooled and are lost"));
        }
    }

    /// Spools all that waits, as far as there is time. A turn that has begun runs to its end also when nobody waits for it any more.
    async fn spool_in_time(self: &Arc<Self>) {
        let _ = tokio::time::timeout(FLUSH, self.spool_all()).await;
    }

    async fn spool_all(self: &Arc<Self>) {
        let mut before = None;
        loop {
            let Some(work) = self.whole_turn().await else { return };
            let left = (work.held(), self.queue.waiting());
            let is_done = !self.is_behind(&work) && left.1 == 0;
            if is_done || before.replace(left) == Some(left) {
                return;
            }
        }
    }

    /// One turn, which nothing but a fault ends half-way: what rules said would be lost, and what was spooled would be spooled again.
    /// While one runs no other begins.
    async fn whole_turn(self: &Arc<Self>) -> Option<OwnedMutexGuard<Intake>> {
        let mut work = Arc::clone(&self.work).lock_owned().await;
        let notices = Arc::clone(self);
        let turn = async move {
            notices.turn(&mut work).await;
            work
        };
        self.side.spawn(turn).await.ok()
    }

    fn well(&self) {
        self.queue.full_because(Lost::Queue);
        if self.state.lock().fault.take().is_some() {
            terminal::say("events can be spooled again");
        }
    }

    fn say_ill(&self, why: &StoreError) {
        let text = plain(why);
        let mut state = self.state.lock();
        if state.fault.is_none() {
            terminal::say(format_args!(
                "warning: events cannot be spooled (`{}`): {text}; calls go on, and what comes meanwhile may be lost",
                self.path.display()
            ));
        }
        state.fault = Some(text);
    }
}

/// Spools as long as the process runs.
async fn keep(notices: Arc<Notices>) {
    while !notices.is_ending.load(Ordering::Acquire) {
        let behind = {
            let mut work = notices.work.lock().await;
            notices.turn(&mut work).await;
            notices.is_behind(&work)
        };
        if !behind {
            notices.services.clock.sleep(INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests;
