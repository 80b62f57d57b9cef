//! A gateway of its own for each case: one core, counters at zero, a clock that stands, a service that says what it is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use controls::authentication::apikey::published;
use credentials::Published;
use engine::fetch::Spawn;
use engine::{BoxFuture, Clock, Peer};
use http::{HeaderMap, StatusCode};
use proxy::Services;
use proxy::offline::{Answer, Asked, Offline, OfflineCore};
use spec::Strings;
use tokio::runtime::Handle;

use crate::Subject;
use crate::apikey::{self, Issued};
use crate::clock::StillClock;
use crate::decides::{Beyond, Said};
use crate::record::{Book, Decided, Taken};

/// How long a call may take in real time: what has not come to an end by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was seen of a call from all sides.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The status that the client saw.
    pub status: StatusCode,
    /// The fields that it saw.
    pub headers: HeaderMap,
    /// The content that it saw.
    pub body: Bytes,
    /// What came to the service behind, the last of it when it was tried again.
    pub arrived: Option<Asked>,
    /// What was decided.
    pub decided: Decided,
}

/// Runs the gateway's own work beside the calls, on the same thread.
struct Beside(Handle);

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside")
    }
}

impl Spawn for Beside {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}

/// The service behind.
#[derive(Debug, Default)]
struct Behind {
    answer: RefCell<Answer>,
    down: Cell<bool>,
    arrived: RefCell<Option<Asked>>,
}

impl proxy::offline::Service for Behind {
    fn listens(&self, _target: &str) -> bool {
        !self.down.get()
    }

    fn answer(&self, _target: &str, request: Asked) -> Answer {
        *self.arrived.borrow_mut() = Some(request);
        self.answer.borrow().clone()
    }
}

/// One gateway without a network; stays on its thread, in a [`tokio::task::LocalSet`].
#[derive(Debug)]
pub struct World {
    core: OfflineCore,
    clock: Arc<StillClock>,
    behind: Rc<Behind>,
    taken: Arc<Taken>,
    beyond: Arc<Beyond>,
    /// Held, since what nobody holds is forgotten.
    _known: Arc<Published>,
}

impl World {
    /// A gateway to which nothing has happened, at so many seconds since 1970. Has to be called on a runtime.
    #[must_use]
    pub fn new(subject: &Subject, threads: &Threads, at: u64) -> Self {
        Self::knowing(subject, threads, at, None)
    }

    /// The same, which knows the API key of a case.
    pub(crate) fn knowing(subject: &Subject, threads: &Threads, at: u64, key: Option<&Issued>) -> Self {
        let (clock, taken) = (Arc::new(StillClock::at(at)), Arc::new(Taken::default()));
        let beyond = Arc::new(Beyond::new(subject));
        let services = services(subject, &clock, &taken, &beyond);
        let known = published(&services.keyed);
        apikey::table(key).into_iter().for_each(|table| known.publish(table));
        let behind = Rc::new(Behind::default());
        let service: Rc<dyn proxy::offline::Service> = Rc::<Behind>::clone(&behind);
        let core = threads.0.core(&subject.compiled.snapshot, &services, service);
        Self { core, clock, behind, taken, beyond, _known: known }
    }

    /// What a policy decision point says from now on.
    pub(crate) fn decide(&self, said: Said) {
        self.beyond.say(said);
    }

    /// Whose objects are from now on, where a service is asked.
    pub(crate) fn own(&self, owners: BTreeMap<String, Strings>) {
        self.beyond.own(owners);
    }

    /// What the service answers from now on; `None` when nobody listens there.
    pub fn answer(&self, answer: Option<Answer>) {
        self.behind.down.set(answer.is_none());
        *self.behind.answer.borrow_mut() = answer.unwrap_or_default();
    }

    /// The second since 1970 that it is there.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.unix().seconds()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Puts a call, byte for byte; it has to ask for its connection to be closed.
    ///
    /// # Errors
    /// When it does not come to an end, which no call should.
    pub async fn call(&self, peer: Peer, request: &[u8]) -> Result<Seen, String> {
        *self.behind.arrived.borrow_mut() = None;
        let whole = async {
            let answer = self.core.call(peer, request).await.map_err(|error| error.to_string())?;
            Ok((answer, self.taken.next().await))
        };
        let ended = tokio::time::timeout(PATIENCE, whole).await;
        let (answer, decided) =
            ended.unwrap_or_else(|_| Err(String::from("the call does not come to an end")))?;
        let Answer { status, headers, body } = answer;
        Ok(Seen { status, headers, body, arrived: self.behind.arrived.borrow_mut().take(), decided })
    }
}

/// Threads for long work, shared by all worlds of a thread.
#[derive(Debug)]
pub struct Threads(Offline);

impl Threads {
    /// Starts one.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(subject: &Subject) -> Result<Self, String> {
        let beyond = Arc::new(Beyond::new(subject));
        let services = services(subject, &Arc::new(StillClock::at(0)), &Arc::default(), &beyond);
        Offline::start(1, &services).map(Self).map_err(|error| format!("no thread for long work: {error}"))
    }
}

fn services(
    subject: &Subject,
    clock: &Arc<StillClock>,
    taken: &Arc<Taken>,
    beyond: &Arc<Beyond>,
) -> Services {
    let network: Arc<dyn engine::fetch::Fetch> = Arc::<Beyond>::clone(beyond);
    Services {
        clock: Arc::<StillClock>::clone(clock),
        cells: Arc::new(state::MemoryCells::new()),
        replays: Arc::new(state::MemoryReplays::new()),
        fetch: network,
        side: Arc::new(Beside(Handle::current())),
        keyed: Arc::default(),
        recorder: Arc::new(Book(Arc::clone(taken))),
        live: subject.live.clone(),
        dying: Arc::new(|_| {}),
    }
}
