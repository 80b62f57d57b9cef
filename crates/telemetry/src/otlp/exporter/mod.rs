//! Sends what waits, one task per signal: none waits for another's collector. How one request is sent is in [`send`].

mod send;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use engine::fetch::Fetch;
use engine::{BoxFuture, Clock, Tick};
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::answer::Partial;
use super::queue::{Kind, Logs, Want};
use super::state::{Lost, Signal, State, TOLD, Told};
use crate::{Sample, Telemetry};

/// How often somebody looks whether there is something to export again, where there is not.
const IDLE: Duration = Duration::from_secs(60);
/// How long the end waits for the last requests.
const FLUSH: Duration = Duration::from_secs(5);

/// Where telemetry goes, and what of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The collector's URL, to which `/v1/traces` and the like are added.
    pub endpoint: String,
    /// Header fields of each request.
    pub headers: HeaderMap,
    /// How many of a million traces that begin here are recorded.
    pub share: u32,
    /// Whether their spans are exported.
    pub traces: bool,
    /// Whether metrics are exported.
    pub metrics: bool,
    /// Of which calls a log record is exported.
    pub logs: Logs,
    /// How long spans and records wait at most, and how often metrics are sent.
    pub interval: Duration,
    /// How long one exchange may take.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Attributes of the resource, beside `service.name`, `service.version` and `service.instance.id`.
    pub resource: Vec<(String, String)>,
}

impl Settings {
    fn wants(&self, signal: Signal) -> bool {
        match signal {
            Signal::Traces => self.traces,
            Signal::Metrics => self.metrics,
            Signal::Logs => self.logs != Logs::None,
        }
    }
}

type Samples = Box<dyn Fn() -> Vec<Sample> + Send + Sync>;

/// Exports what a [`Telemetry`] has, while somebody wants it.
pub struct Exporter {
    telemetry: Arc<Telemetry>,
    clock: Arc<dyn Clock>,
    fetch: Arc<dyn Fetch>,
    /// Tells the operator one line.
    say: fn(&str),
    /// What others measure.
    samples: OnceLock<Samples>,
    instance: String,
    settings: Mutex<Option<Arc<Settings>>>,
    lanes: [Lane; 3],
    closing: AtomicBool,
}

/// One signal's.
#[derive(Debug, Default)]
struct Lane {
    /// Held by who sends.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Told of other settings, and of the end.
    bell: Arc<Notify>,
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("instance", &self.instance).finish_non_exhaustive()
    }
}

impl Exporter {
    /// Exports nothing yet.
    #[must_use]
    pub fn new(
        telemetry: &Arc<Telemetry>,
        clock: &Arc<dyn Clock>,
        fetch: &Arc<dyn Fetch>,
        say: fn(&str),
    ) -> Arc<Self> {
        let mut instance = [0; 16];
        clock.fill(&mut instance);
        Arc::new(Self {
            telemetry: Arc::clone(telemetry),
            clock: Arc::clone(clock),
            fetch: Arc::clone(fetch),
            say,
            samples: OnceLock::new(),
            instance: format!("{:032x}", u128::from_le_bytes(instance)),
            settings: Mutex::default(),
            lanes: Default::default(),
            closing: AtomicBool::new(false),
        })
    }

    /// Its work, to be polled on the side runtime; it ends with the exporter.
    pub fn tasks(self: &Arc<Self>) -> [BoxFuture<'static, ()>; 3] {
        Signal::ALL.map(|signal| {
            let bell = Arc::clone(&self.lane(signal).bell);
            let task: BoxFuture<'static, ()> = Box::pin(keep(Arc::downgrade(self), signal, bell));
            task
        })
    }

    /// Exports from now on what these settings say.
    pub fn apply(&self, settings: Option<Settings>) {
        let want = settings.as_ref().map_or_else(Want::default, |settings| Want {
            share: settings.share,
            traces: settings.traces,
            logs: settings.logs,
        });
        let mut current = self.settings.lock();
        if current.as_deref() == settings.as_ref() {
            return;
        }
        *current = settings.map(Arc::new);
        drop(current);
        self.telemetry.export.want(want);
        self.lanes.iter().for_each(|lane| lane.bell.notify_one());
    }

    /// Asks these from now on for what others measure, each time when metrics are sent.
    pub fn measure(&self, samples: Samples) {
        let _ = self.samples.set(samples);
    }

    /// How it is, one entry per signal that is exported; empty where nothing is.
    #[must_use]
    pub fn state(&self) -> Vec<Told> {
        let settings = self.settings();
        let wanted = |signal: &Signal| settings.as_ref().is_some_and(|settings| settings.wants(*signal));
        Signal::ALL.into_iter().filter(wanted).map(|signal| self.told(signal)).collect()
    }

    /// Sends what is left, once; gives up after five seconds. Says what is lost.
    pub async fn close(&self) {
        let before = Signal::ALL.map(|signal| self.lane(signal).state.lock().unavailable);
        self.closing.store(true, Ordering::Release);
        self.lanes.iter().for_each(|lane| lane.bell.notify_one());
        let last = async {
            tokio::join!(self.turn(Signal::Traces), self.turn(Signal::Metrics), self.turn(Signal::Logs))
        };
        tokio::select! {
            _ = last => {}
            () = self.clock.sleep(FLUSH) => {}
        }
        for (signal, before) in Signal::ALL.into_iter().zip(before) {
            let waiting = self.told(signal).waiting;
            let lost = waiting + self.lane(signal).state.lock().unavailable - before;
            if lost > 0 {
                let name = signal.name();
                (self.say)(&format!("warning: {lost} {name} could not be exported and are lost"));
            }
        }
    }

    fn told(&self, signal: Signal) -> Told {
        let (full, waiting) = kind(signal)
            .map_or((0, 0), |kind| (self.telemetry.export.lost(kind), self.telemetry.export.waiting(kind)));
        let now = self.clock.now();
        let mut state = self.lane(signal).state.lock();
        if full > state.queue.0 {
            state.queue = (full, Some(now));
        }
        let lately = |at: Option<Tick>| at.is_some_and(|at| now.since(at) < TOLD);
        let dropped = lately(state.queue.1).then(|| format!("calls found no room: {full} since the start"));
        let rejected = (state.rejected > 0 && lately(state.rejected_at))
            .then(|| format!("some are rejected: {} since the start", state.rejected));
        Told {
            signal,
            fault: state.fault.clone().or(rejected).or(dropped),
            exported: state.exported,
            lost: [
                (Lost::Queue, full),
                (Lost::Unavailable, state.unavailable),
                (Lost::Refused, state.refused),
                (Lost::Rejected, state.rejected),
            ],
            waiting: waiting + state.in_hand,
        }
    }

    fn lane(&self, signal: Signal) -> &Lane {
        let [traces, metrics, logs] = &self.lanes;
        match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        }
    }

    fn settings(&self) -> Option<Arc<Settings>> {
        self.settings.lock().clone()
    }

    fn interval(&self) -> Duration {
        self.settings().map_or(IDLE, |settings| settings.interval)
    }

    fn taken(&self, signal: Signal, items: u64, partial: Option<Partial>) {
        let mut state = self.lane(signal).state.lock();
        let recovered = state.fault.take().is_some();
        let rejected = partial.as_ref().map_or(0, |partial| partial.rejected.min(items));
        state.exported += items - rejected;
        state.rejected += rejected;
        let now = self.clock.now();
        let told = state.rejected_at.is_some_and(|at| now.since(at) < TOLD);
        if partial.is_some() && !told {
            state.rejected_at = Some(now);
        }
        drop(state);
        let name = signal.name();
        if recovered {
            (self.say)(&format!("{name} are exported again"));
        }
        if let Some(Partial { message, .. }) = partial.filter(|_| !told) {
            let why = if message.is_empty() { "it does not say why" } else { &*message };
            // One that rejects nothing warns of something (OTLP specification, "Partial Success").
            (self.say)(&format!("warning: the collector took {name}, {rejected} of {items} not: {why}"));
        }
    }

    fn refused(&self, signal: Signal, items: u64, why: &str) {
        self.lane(signal).state.lock().refused += items;
        self.ill(signal, why);
    }

    fn ill(&self, signal: Signal, why: &str) {
        let why = engine::text::inert(why, engine::evidence::TEXT);
        let before = self.lane(signal).state.lock().fault.replace(why.clone().into());
        if before.is_none() {
            let name = signal.name();
            (self.say)(&format!(
                "warning: {name} cannot be exported: {why}; calls go on, and what finds no room meanwhile is lost"
            ));
        }
    }
}

/// Which buffers a signal is taken from.
fn kind(signal: Signal) -> Option<Kind> {
    match signal {
        Signal::Traces => Some(Kind::Spans),
        Signal::Metrics => None,
        Signal::Logs => Some(Kind::Records),
    }
}

/// Sends at intervals, and earlier when there is much, as long as there is somebody to send for.
async fn keep(exporter: Weak<Exporter>, signal: Signal, bell: Arc<Notify>) {
    loop {
        let Some(strong) = exporter.upgrade() else { return };
        let (clock, telemetry, interval) =
            (Arc::clone(&strong.clock), Arc::clone(&strong.telemetry), strong.interval());
        drop(strong);
        let much = async {
            match kind(signal) {
                Some(kind) => telemetry.export.much(kind).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = clock.sleep(interval) => {}
            () = much => {}
            () = bell.notified() => {}
        }
        let Some(strong) = exporter.upgrade() else { return };
        strong.turn(signal).await;
    }
}
