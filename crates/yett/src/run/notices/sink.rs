//! One sink: what waits for it, how it is, and the task that delivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::fetch::Fetch;
use engine::{Clock, Tick};
use notices::{Item, Schedule, Verdict};
use parking_lot::Mutex;
use store::Ending;
use tokio::sync::Notify;

use super::settings::Settings;
use crate::terminal;

/// Failures in a row after which it is said that a sink takes nothing.
const SAID: u32 = 5;

/// Why what waits for a sink that is taken out is given up.
const REMOVED: &str = "the sink was taken out of the configuration";

/// What becomes of a sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Events are delivered.
    #[default]
    Running,
    /// The receiver answered 410: nothing is sent until the configuration is read again.
    Gone,
    /// The process ends: what waits stays where it is.
    Ending,
    /// The document has it no more: what waits is given up.
    Removed,
}

/// How a sink is.
#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// Why the last try failed, until one succeeds.
    error: Option<String>,
    is_said: bool,
}

/// What happened since the process began.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) spooled: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) dead: AtomicU64,
    /// Dead letters that are kept now.
    pub(super) letters: AtomicU64,
}

/// A receiver of events.
pub(super) struct Sink {
    pub(super) name: String,
    pub(super) settings: Mutex<Arc<Settings>>,
    pub(super) schedule: Mutex<Schedule>,
    /// Rung when there may be something to do.
    pub(super) bell: Notify,
    pub(super) counts: Counts,
    /// Whether its task was started.
    pub(super) is_started: AtomicBool,
    /// Whether its task gives up what comes yet. Changed and read under the lock of the schedule.
    is_closed: AtomicBool,
    state: Mutex<State>,
}

/// How a sink is, for readiness, metrics and whoever asks.
#[derive(Debug, Clone)]
pub(in crate::run) struct Told {
    pub(in crate::run) name: String,
    /// `ok`, `failing` or `gone`.
    pub(in crate::run) state: &'static str,
    pub(in crate::run) error: Option<String>,
    pub(in crate::run) waiting: usize,
    pub(in crate::run) bytes: u64,
    /// When the oldest that waits came, in milliseconds since 1970.
    pub(in crate::run) oldest: Option<u64>,
    pub(in crate::run) spooled: u64,
    pub(in crate::run) delivered: u64,
    pub(in crate::run) failed: u64,
    pub(in crate::run) dead: u64,
    pub(in crate::run) letters: u64,
}

/// The monotonic clock in milliseconds, by which pauses are counted.
pub(super) fn ticks(clock: &dyn Clock) -> u64 {
    let Tick(nanos) = clock.now();
    nanos / 1_000_000
}

/// Milliseconds since 1970, by which ages are.
pub(super) fn unix(clock: &dyn Clock) -> u64 {
    clock.unix().0 / 1_000_000
}

impl Sink {
    pub(super) fn new(name: &str, settings: Settings) -> Self {
        Self {
            name: name.to_owned(),
            settings: Mutex::new(Arc::new(settings)),
            schedule: Mutex::default(),
            bell: Notify::new(),
            counts: Counts::default(),
            is_started: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.state.lock().stage
    }

    /// Ends its task, for this reason.
    pub(super) fn end(&self, stage: Stage) {
        self.state.lock().stage = stage;
        self.bell.notify_one();
    }

    /// Takes over what a document says of it now, and tries at once.
    pub(super) fn renew(&self, settings: Settings, clock: &dyn Clock) {
        *self.settings.lock() = Arc::new(settings);
        self.try_again(clock);
    }

    /// Lets the receiver be asked again, also after it was gone.
    pub(super) fn try_again(&self, clock: &dyn Clock) {
        let mut state = self.state.lock();
        if state.stage == Stage::Gone {
            state.stage = Stage::Running;
        }
        drop(state);
        self.schedule.lock().renew(ticks(clock));
        self.bell.notify_one();
    }

    /// Schedules an item; what is to be written where it is too late for that.
    pub(super) fn push(&self, item: Item, clock: &dyn Clock) -> Option<Ending> {
        let mut schedule = self.schedule.lock();
        if self.is_closed.load(Ordering::Relaxed) {
            return Some(self.dead(item, REMOVED.to_owned(), clock));
        }
        schedule.push(item);
        drop(schedule);
        self.bell.notify_one();
        None
    }

    /// Takes no more, and gives up all that waits and is not on its way.
    pub(super) fn give_up(&self, clock: &dyn Clock) -> Vec<Ending> {
        let mut schedule = self.schedule.lock();
        self.is_closed.store(true, Ordering::Relaxed);
        let left = schedule.take_all();
        drop(schedule);
        left.into_iter().map(|item| self.dead(item, REMOVED.to_owned(), clock)).collect()
    }

    /// Gives up what was on its way and did not come back. It may have been delivered, and says so when it is sent again.
    pub(super) fn give_up_unsettled(&self, clock: &dyn Clock) -> Vec<Ending> {
        let unsettled = self.schedule.lock().take_unsettled();
        let endings = |item: Item| [Ending::Tried(item.sequence), self.dead(item, REMOVED.to_owned(), clock)];
        unsettled.into_iter().flat_map(endings).collect()
    }

    /// Bytes that may come yet.
    pub(super) fn room(&self) -> u64 {
        self.settings.lock().size.saturating_sub(self.schedule.lock().bytes())
    }

    /// Takes down what came of a try of `item`; what is to be written of it.
    pub(super) fn settle(&self, item: Item, verdict: Verdict, clock: &dyn Clock) -> Option<Ending> {
        let now = ticks(clock);
        match verdict {
            Verdict::Delivered => {
                self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                self.schedule.lock().delivered(item.actor, now);
                self.well();
                Some(Ending::Delivered(item.sequence))
            }
            Verdict::Untried => {
                self.schedule.lock().untried(item.actor, super::deliver::MOMENT, now);
                None
            }
            Verdict::Gone => {
                self.schedule.lock().refused(item.actor);
                self.gone();
                Some(Ending::Tried(item.sequence))
            }
            Verdict::Failed(asked, why) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                let retry = self.settings.lock().retry;
                let age = std::time::Duration::from_millis(unix(clock).saturating_sub(item.at));
                let mut dice = [0; 8];
                clock.fill(&mut dice);
                let at = (now, u64::from_le_bytes(dice));
                if retry.is_over(item.tries.saturating_add(1), age) {
                    self.schedule.lock().given_up(item.actor, &retry, asked, at);
                    self.ill(&why);
                    return Some(self.dead(item, why, clock));
                }
                self.schedule.lock().failed(item.actor, &retry, asked, at);
                self.ill(&why);
                Some(Ending::Tried(item.sequence))
            }
        }
    }

    /// An event is given up.
    pub(super) fn dead(&self, item: Item, why: String, clock: &dyn Clock) -> Ending {
        self.counts.dead.fetch_add(1, Ordering::Relaxed);
        Ending::Dead(item.sequence, unix(clock), why)
    }

    /// Takes out what is too old.
    pub(super) fn expire(&self, clock: &dyn Clock) -> Vec<Ending> {
        let age = self.settings.lock().retry.age;
        let old = self.schedule.lock().take_older(unix(clock), age);
        let why = || match self.state.lock().error.clone() {
            Some(error) => format!("it got too old; {error}"),
            None => String::from("it got too old"),
        };
        old.into_iter().map(|item| self.dead(item, why(), clock)).collect()
    }

    fn well(&self) {
        let mut state = self.state.lock();
        state.error = None;
        if std::mem::take(&mut state.is_said) {
            terminal::say(format_args!("the sink `{}` takes events again", self.name));
        }
    }

    fn ill(&self, why: &str) {
        let failures = self.schedule.lock().failures();
        let mut state = self.state.lock();
        state.error = Some(why.to_owned());
        if failures >= SAID && !state.is_said {
            state.is_said = true;
            let why = crate::render::printable(why);
            terminal::say(format_args!(
                "warning: the sink `{}` takes no events: {why}; they wait on the disk, and it is tried again",
                self.name
            ));
        }
    }

    fn gone(&self) {
        let mut state = self.state.lock();
        state.error = Some(String::from("it answered 410: it wants no more events"));
        if state.stage == Stage::Running {
            state.stage = Stage::Gone;
            terminal::say(format_args!(
                "warning: the sink `{}` is gone (410): nothing is sent to it until the configuration is read again",
                self.name
            ));
        }
    }

    pub(super) fn told(&self) -> Told {
        let (waiting, bytes, oldest, failures) = {
            let schedule = self.schedule.lock();
            (schedule.count(), schedule.bytes(), schedule.oldest(), schedule.failures())
        };
        let state = self.state.lock();
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Told {
            name: self.name.clone(),
            state: match state.stage {
                Stage::Gone => "gone",
                _ if failures >= SAID => "failing",
                _ => "ok",
            },
            error: state.error.clone(),
            waiting,
            bytes,
            oldest,
            spooled: of(&self.counts.spooled),
            delivered: of(&self.counts.delivered),
            failed: of(&self.counts.failed),
            dead: of(&self.counts.dead),
            letters: of(&self.counts.letters),
        }
    }
}

/// What deliveries need of the process.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fetch: Arc<dyn Fetch>,
}
