//! The store of decisions beside the running gateway: takes what cores queued, writes it in batches, removes what is too old or
//! too much, and answers what operators ask.
//!
//! Nothing of it is on the way of a call. A store that is gone, or whose disk is full, is tried again from time to time; meanwhile
//! the queues fill up and then drop what comes, which metrics count by reason and readiness tells.

mod counts;
mod shadow;
mod views;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::{CallId, Clock, Tick};
use manage_api::{AskDecisions, Begin, Events, Problem, SaidDecisions};
use parking_lot::Mutex;
use store::{DecisionStore, Place, Position, Retention, StoreError};
use telemetry::{Lost, RecordQueue, ShadowCounts, Telemetry};
use tokio::runtime::Handle;

use super::credentials::plain;
use crate::terminal;
use views::{event, explained, filter, problem};
use writer::Work;

/// How often what waits is written.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long who asks waits for what was queued before, and how long the end waits for the last batch.
const FLUSH: Duration = Duration::from_secs(2);
/// How long readiness tells that decisions were lost.
const TOLD: Duration = Duration::from_secs(60);

/// What the document says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    /// How many of a million calls of the rest are kept; `None` when nothing is.
    sample: Option<u32>,
    retention: Retention,
}

impl Settings {
    fn of(document: &spec::Document) -> Self {
        let decisions = &document.record.decisions;
        Self {
            sample: decisions.enabled.then(|| u32::from(decisions.sample.get()) * 10_000),
            retention: Retention { age: decisions.keep.value.get(), bytes: decisions.size.value.bytes() },
        }
    }
}

/// The store at work.
pub(super) struct Decisions {
    queue: Arc<RecordQueue>,
    /// What controls in shadow said, which lies in the same store.
    counts: Arc<ShadowCounts>,
    place: Place,
    clock: Arc<dyn Clock>,
    side: Handle,
    settings: Mutex<Settings>,
    /// Held by who writes.
    work: tokio::sync::Mutex<Work>,
    store: Mutex<Option<Arc<DecisionStore>>>,
    state: Mutex<State>,
    written: AtomicU64,
}

/// How it is.
#[derive(Default)]
struct State {
    fault: Option<String>,
    bytes: u64,
    lost: u64,
    lost_at: Option<Tick>,
}

/// How it is, for readiness and metrics.
pub(super) struct Told {
    /// Whether anything is kept.
    pub(super) enabled: bool,
    /// Why the store cannot be used, or that decisions were lost a moment ago.
    pub(super) fault: Option<String>,
    /// Decisions that were written since the process began.
    pub(super) written: u64,
    /// Those that wait.
    pub(super) waiting: usize,
    /// Those that were lost, by reason.
    pub(super) lost: [(Lost, u64); Lost::ALL.len()],
    /// Bytes that all decisions of the store take.
    pub(super) bytes: u64,
}

impl Decisions {
    /// Begins to keep what the document says; the store is opened behind it, so that nobody waits for it.
    pub(super) fn start(
        telemetry: &Telemetry,
        place: Place,
        clock: &Arc<dyn Clock>,
        side: &Handle,
        document: &spec::Document,
    ) -> Arc<Self> {
        let settings = Settings::of(document);
        telemetry.decisions().want(settings.sample);
        let decisions = Arc::new(Self {
            queue: Arc::clone(telemetry.decisions()),
            counts: Arc::clone(telemetry.shadow()),
            place,
            clock: Arc::clone(clock),
            side: side.clone(),
            settings: Mutex::new(settings),
            work: tokio::sync::Mutex::default(),
            store: Mutex::default(),
            state: Mutex::default(),
            written: AtomicU64::new(0),
        });
        side.spawn(keep(Arc::downgrade(&decisions)));
        decisions
    }

    /// Does from now on what another document says.
    pub(super) fn apply(&self, document: &spec::Document) {
        let settings = Settings::of(document);
        *self.settings.lock() = settings;
        self.queue.want(settings.sample);
    }

    /// How it is.
    pub(super) fn state(&self) -> Told {
        let lost = self.queue.lost();
        let waiting = self.queue.waiting();
        let enabled = self.settings.lock().sample.is_some();
        let mut state = self.state.lock();
        let sum = lost.iter().map(|(_, count)| count).sum();
        let now = self.clock.now();
        if sum > state.lost {
            (state.lost, state.lost_at) = (sum, Some(now));
        }
        let lately = state.lost_at.is_some_and(|at| now.since(at) < TOLD);
        let dropped = lately.then(|| format!("decisions are lost: {sum} since the start"));
        Told {
            enabled,
            fault: state.fault.clone().or(dropped),
            written: self.written.load(Ordering::Relaxed),
            waiting,
            lost,
            bytes: state.bytes,
        }
    }

    /// Writes what is left, as far as there is time, and closes the store. Blocks.
    pub(super) fn close(&self) {
        self.side.block_on(async {
            let _ = tokio::time::timeout(FLUSH, self.flush()).await;
            let store = self.store.lock().take();
            if let Some(store) = store {
                let _ = tokio::time::timeout(FLUSH, store.close()).await;
            }
        });
        let in_hand = self.work.try_lock().map_or(0, |work| work.held.len());
        let left = self.queue.waiting() + in_hand;
        if left > 0 {
            terminal::say(format_args!("warning: {left} decisions could not be written and are lost"));
        }
    }

    /// Answers what is asked, of what was queued before it was asked too.
    pub(super) async fn ask(self: Arc<Self>, ask: AskDecisions) -> Result<SaidDecisions, Problem> {
        let done = tokio::spawn(async move { self.answer(ask).await });
        let broke = |_| Problem::new(500, "internal", "a fault of this build", "ask again");
        done.await.unwrap_or_else(|error| Err(broke(error)))
    }

    async fn answer(&self, ask: AskDecisions) -> Result<SaidDecisions, Problem> {
        // The one of a call that has just ended is on its way.
        if !matches!(ask, AskDecisions::Page(_, Begin::After(_), _)) {
            let _ = tokio::time::timeout(FLUSH, self.flush()).await;
        }
        let Some(store) = self.store.lock().clone() else { return Err(self.absent()) };
        match ask {
            AskDecisions::One(id) => self.one(&store, &id).await,
            AskDecisions::Shadow(ask) => {
                self.shadow(&store, &ask).await.map(Box::new).map(SaidDecisions::Shadow)
            }
            AskDecisions::Page(filter, begin, most) => {
                let page = match begin {
                    Begin::Now => {
                        let held = store.held().await.map_err(|why| problem(&why))?;
                        store::Page { decisions: Vec::new(), next: Some(held.last) }
                    }
                    Begin::Newest => self.page(&store, &filter, Position::Newest, most).await?,
                    Begin::Before(number) => {
                        self.page(&store, &filter, Position::Before(number), most).await?
                    }
                    Begin::After(number) => self.page(&store, &filter, Position::After(number), most).await?,
                };
                let lost = self.queue.lost().iter().map(|(_, count)| count).sum();
                let events = page.decisions.into_iter().map(event).collect();
                Ok(SaidDecisions::Page(Events { events, next: page.next, lost }))
            }
        }
    }

    async fn page(
        &self,
        store: &DecisionStore,
        asked: &manage_api::EventFilter,
        from: Position,
        most: usize,
    ) -> Result<store::Page, Problem> {
        store.page(&filter(asked)?, from, most).await.map_err(|why| problem(&why))
    }

    async fn one(&self, store: &DecisionStore, asked: &str) -> Result<SaidDecisions, Problem> {
        let id = views::call_id(asked)?;
        match store.find(CallId(id)).await.map_err(|why| problem(&why))? {
            Some(found) => explained(found).map(Box::new).map(SaidDecisions::One),
            None => {
                let held = store.held().await.map_err(|why| problem(&why))?;
                let lost = self.queue.lost().iter().map(|(_, count)| count).sum();
                Err(views::unknown(CallId(id), &held, lost, self.settings.lock().sample))
            }
        }
    }

    /// Why there is nothing to ask.
    fn absent(&self) -> Problem {
        match self.state.lock().fault.clone() {
            Some(why) => problem(&StoreError::Unavailable(why)),
            None if self.settings.lock().sample.is_some() => {
                problem(&StoreError::Unavailable(String::from("the gateway begins or ends")))
            }
            None => {
                let detail = "nothing is kept of calls: write `record: { decisions: { enabled: true } }`";
                Problem::new(409, "no_decisions", "no decisions are kept", detail)
            }
        }
    }

    fn well(&self) {
        self.queue.full_because(Lost::Queue);
        if self.state.lock().fault.take().is_some() {
            terminal::say("the store of decisions can be used again");
        }
    }

    fn ill(&self, why: &StoreError) {
        let full = matches!(why, StoreError::Full(_));
        self.queue.full_because(if full { Lost::Full } else { Lost::Unavailable });
        let text = plain(why);
        let mut state = self.state.lock();
        if state.fault.is_none() {
            terminal::say(format_args!(
                "warning: the store of decisions ({}): {text}; calls go on, and what comes meanwhile may be lost",
                self.place.shown()
            ));
        }
        state.fault = Some(text);
    }
}

/// Writes as long as there is somebody to write for.
async fn keep(decisions: Weak<Decisions>) {
    loop {
        let Some(clock) = decisions.upgrade().map(|decisions| Arc::clone(&decisions.clock)) else { return };
        let Some(decisions) = decisions.upgrade() else { return };
        decisions.turn(&mut *decisions.work.lock().await).await;
        drop(decisions);
        clock.sleep(INTERVAL).await;
    }
}
