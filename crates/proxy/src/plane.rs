//! The data plane as a whole: one thread per core, snapshots published to all of them, and the end.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::bounds::{self, Bound};
use engine::cells::Cells;
use engine::control::CoreContext;
use engine::fetch::{Fetch, Spawn};
use engine::keyed::Keyed;
use engine::record::{CoreRecorder, Recorder};
use engine::replay::Replays;
use engine::snapshot::Live;
use engine::{Clock, CoreSnapshot, Snapshot, Withdrawn};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;

use crate::addresses::Addresses;
use crate::core::Core;
use crate::ids::Ids;
use crate::inbox::{Command, Inbox, Siblings};
use crate::listen::{self, Address, Door, Passed, SocketFile};
use crate::live::{Registry, Revocations};
use crate::offline::Service;
use crate::offload::{self, CoreOffload, Queue};
use crate::room::{Budget, CoreRoom};
use crate::shed::Shed;
use crate::stream::Who;
use crate::table::Table;
use crate::tls::Tls;
use crate::upkeep;
use crate::upstream::Pool;

/// Stack of a core's thread in bytes; memory only where it is used. Values nested to the deepest are judged by recursion.
const STACK: usize = 16 << 20;
/// How often a full house of snapshots is looked at again.
const CROWD: Duration = Duration::from_millis(10);

/// What the operator decides about threads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that serve, at least 1.
    pub cores: usize,
    /// Threads for work that may take long, at least 1.
    pub workers: usize,
    /// Bytes that bodies of all cores may hold at one time, buffered or parsed.
    pub bodies: usize,
    /// How long calls in flight may go on when the plane ends, and streams whose operation is gone.
    pub drain: Duration,
    /// Where relative paths of unix sockets begin.
    pub folder: PathBuf,
    /// Sockets that are open already; those that listeners are bound to are taken out.
    pub passed: Passed,
}

/// What the data plane is given from outside.
#[derive(Clone)]
pub struct Services {
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Shared counters, for controls.
    pub cells: Arc<dyn Cells>,
    /// What may be used once and was, for controls.
    pub replays: Arc<dyn Replays>,
    /// The way out, for controls.
    pub fetch: Arc<dyn Fetch>,
    /// The side runtime, for controls.
    pub side: Arc<dyn Spawn>,
    /// State that outlives snapshots.
    pub keyed: Arc<Keyed>,
    /// Takes down calls and events.
    pub recorder: Arc<dyn Recorder>,
    /// Counts living snapshots; the guards of all snapshots come from it.
    pub live: Live,
    /// Is told why before the process aborts, when the loop of a core dies.
    pub dying: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("live", &self.live).finish_non_exhaustive()
    }
}

/// The running data plane.
pub struct DataPlane {
    addresses: Vec<(String, Address)>,
    /// Of unix sockets; they go when nobody accepts any more.
    files: Vec<SocketFile>,
    inboxes: Arc<[Arc<Inbox>]>,
    threads: Vec<JoinHandle<()>>,
    publishing: Mutex<()>,
    live: Live,
}

impl fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataPlane").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl DataPlane {
    /// Opens the sockets of the snapshot's listeners and starts one thread per core. Returns when all cores accept.
    ///
    /// # Errors
    /// When a socket cannot be opened, a certificate cannot be used, or the system gives no thread.
    pub fn start(first: &Arc<Snapshot>, settings: &Settings, services: &Services) -> io::Result<Self> {
        let cores = settings.cores.max(1);
        let tls = Arc::new(Tls::new(Arc::clone(&services.clock)));
        let (addresses, sockets, files) =
            listen::open_all(first, &tls, (&settings.folder, &settings.passed), cores)?;
        let (queue, bodies) = (offload::start(settings.workers)?, Budget::new(settings.bodies));
        let places = Addresses::new(first.listeners.len(), cores);
        let inboxes: Arc<[Arc<Inbox>]> = (0..cores).map(|_| Arc::default()).collect();
        let mut threads = Vec::with_capacity(cores);
        let (ready, started) = sync_channel(cores);
        for (index, (sockets, inbox)) in sockets.into_iter().zip(inboxes.iter()).enumerate() {
            let (first, services) = (Arc::clone(first), services.clone());
            let (tls, queue, bodies) = (Arc::clone(&tls), queue.clone(), Arc::clone(&bodies));
            let (places, drain) = (Arc::clone(&places), settings.drain);
            let (all, inbox, ready) = (Arc::clone(&inboxes), Arc::clone(inbox), ready.clone());
            let start = move || {
                let siblings = Siblings::new(&all, &inbox);
                let seed = Seed {
                    index,
                    cores,
                    first,
                    drain,
                    services,
                    tls,
                    queue,
                    bodies,
                    siblings,
                    places,
                    service: None,
                };
                live(Start { seed, sockets, inbox, ready });
            };
            let name = format!("core-{index}");
            threads.push(std::thread::Builder::new().name(name).stack_size(STACK).spawn(start)?);
        }
        drop(ready);
        let plane = Self {
            addresses,
            files,
            inboxes,
            threads,
            publishing: Mutex::new(()),
            live: services.live.clone(),
        };
        for _ in 0..cores {
            let outcome = started.recv().unwrap_or_else(|_| Err(io::Error::other("a core did not start")));
            if let Err(error) = outcome {
                // Half a plane would hold the sockets and serve nobody.
                plane.drain();
                return Err(error);
            }
        }
        Ok(plane)
    }

    /// Listeners by name, with the addresses that they have.
    #[must_use]
    pub fn addresses(&self) -> &[(String, Address)] {
        &self.addresses
    }

    /// Hands a snapshot to all cores and returns when calls that begin now begin under it. Waits while too many old
    /// snapshots are alive ([`bounds::LIVE_SNAPSHOTS`], this one included). Blocks: not to be called on a runtime's
    /// thread.
    pub fn publish(&self, snapshot: &Arc<Snapshot>) {
        let _one_at_a_time = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut crowded = false;
        while self.live.count() > bounds::LIVE_SNAPSHOTS {
            if !std::mem::replace(&mut crowded, true)
                && let Some(inbox) = self.inboxes.first()
            {
                let _ = inbox.send(Command::Note(Bound::Snapshots));
            }
            std::thread::park_timeout(CROWD);
        }
        let (done, swapped) = sync_channel(self.inboxes.len());
        for inbox in &*self.inboxes {
            // One that ended would not tell when it has swapped: its sender is dropped with the command.
            let _ = inbox.send(Command::Swap(Arc::clone(snapshot), done.clone()));
        }
        drop(done);
        while swapped.recv().is_ok() {}
    }

    /// Ends all live streams (events, messages, gRPC, WebSockets) that a subject of an issuer has open on any core, or that an
    /// API key of that id has opened, each by its protocol's own close; calls that began before open none. Calls to come are for
    /// the controls to refuse. For a feed of revocations; does not block.
    pub fn revoke(&self, issuer: &str, subject: &str) {
        let who: Who = (issuer.into(), subject.into());
        for inbox in &*self.inboxes {
            let _ = inbox.send(Command::Revoke(who.clone()));
        }
    }

    /// Ends all live streams whose credential was revoked, on any core, each by its protocol's own close, and from now on each one
    /// that opens with such a credential: also for calls that began before. What was handed over before counts no more. Does not
    /// block.
    pub fn withdraw(&self, withdrawn: &Arc<dyn Withdrawn>) {
        for inbox in &*self.inboxes {
            let _ = inbox.send(Command::Withdraw(Arc::clone(withdrawn)));
        }
    }

    /// What the cores are told by.
    #[cfg(test)]
    pub(crate) fn inboxes(&self) -> &[Arc<Inbox>] {
        &self.inboxes
    }

    /// Stops accepting, lets calls in flight end within [`Settings::drain`], and ends the threads. Blocks.
    pub fn drain(self) {
        for inbox in &*self.inboxes {
            let _ = inbox.send(Command::Drain);
        }
        drop(self.files);
        for thread in self.threads {
            // A core that panicked has aborted the process.
            let _ = thread.join();
        }
    }
}

/// What a core is made of.
pub(crate) struct Seed {
    pub(crate) index: usize,
    pub(crate) cores: usize,
    pub(crate) first: Arc<Snapshot>,
    pub(crate) drain: Duration,
    pub(crate) services: Services,
    pub(crate) tls: Arc<Tls>,
    pub(crate) queue: Queue,
    pub(crate) bodies: Arc<Budget>,
    pub(crate) siblings: Siblings,
    /// Sockets of all cores.
    pub(crate) places: Arc<Addresses>,
    /// What stands in for all targets, where no socket is.
    pub(crate) service: Option<Rc<dyn Service>>,
}

/// What a core's thread begins with.
struct Start {
    seed: Seed,
    sockets: Vec<Door>,
    inbox: Arc<Inbox>,
    ready: SyncSender<io::Result<()>>,
}

/// The life of a core's thread. When it ends otherwise than by a drain, a part of the sockets would wait for nobody:
/// the process ends instead, and whoever supervises it starts a new one.
fn live(start: Start) {
    let (dying, index) = (Arc::clone(&start.seed.services.dying), start.seed.index);
    if catch_unwind(AssertUnwindSafe(|| run(start))).is_err() {
        dying(&format!("the loop of core {index} panicked"));
        std::process::abort();
    }
}

fn run(start: Start) {
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(serve(start)),
        Err(error) => {
            // Nobody waits for it when the start has failed on another core.
            let _ = start.ready.send(Err(error));
        }
    }
}

async fn serve(start: Start) {
    let recorder: Rc<dyn CoreRecorder> = Rc::from(start.seed.services.recorder.core(start.seed.index));
    let time = start.seed.drain;
    let core = Rc::new(make(start.seed, recorder));
    let mut accepting = Vec::with_capacity(start.sockets.len());
    for (number, socket) in (0_u16..).zip(start.sockets) {
        match socket.accepting() {
            Ok(socket) => {
                let end = Rc::new(Notify::new());
                let all = listen::accept(Rc::clone(&core), number, socket, Rc::clone(&end));
                accepting.push((end, tokio::task::spawn_local(all)));
            }
            Err(error) => {
                let _ = start.ready.send(Err(error));
                return;
            }
        }
    }
    let _ = start.ready.send(Ok(()));
    drop(start.ready);
    tokio::task::spawn_local(upkeep::sweep(Rc::clone(&core)));
    tokio::task::spawn_local(upkeep::park(Rc::clone(&core)));
    tokio::task::spawn_local(upkeep::listen(Rc::clone(&core)));
    loop {
        match start.inbox.next().await {
            Command::Swap(snapshot, done) => {
                core.swap(snapshot);
                let _ = done.send(());
            }
            Command::Note(bound) => core.recorder.bound(bound),
            Command::Revoke(who) => core.revoke(&who),
            Command::Withdraw(withdrawn) => core.withdraw(withdrawn),
            Command::Serve(listener, accepted) => listen::adopt(&core, listener, accepted),
            Command::Drain => break,
        }
    }
    core.ending.set(true);
    for (end, task) in accepting {
        end.notify_one();
        // It has nothing to wait for any more, and closes its socket.
        let _ = task.await;
    }
    for command in start.inbox.close() {
        if let Command::Serve(listener, accepted) = command {
            listen::adopt(&core, listener, accepted);
        }
    }
    // Who was taken just now counts when their task has begun.
    tokio::task::yield_now().await;
    upkeep::drain(&core, time).await;
}

/// Makes a core to which nothing has happened yet.
pub(crate) fn make(seed: Seed, recorder: Rc<dyn CoreRecorder>) -> Core {
    let services = &seed.services;
    let context = CoreContext {
        core: seed.index,
        clock: Arc::clone(&services.clock),
        cells: Arc::clone(&services.cells),
        replays: Arc::clone(&services.replays),
        fetch: Arc::clone(&services.fetch),
        side: Arc::clone(&services.side),
        keyed: Arc::clone(&services.keyed),
    };
    let attached = CoreSnapshot::attach(seed.first, &context);
    let pool = Pool::new(&seed.tls, seed.cores);
    let pool = if seed.service.is_some() { pool.without_probes() } else { pool };
    pool.adopt(attached.snapshot(), &context);
    Core {
        clock: Arc::clone(&services.clock),
        offload: CoreOffload { queue: seed.queue, recorder: Rc::clone(&recorder) },
        wants_digest: recorder.wants_digest(),
        bodies: CoreRoom::new(&seed.bodies, &recorder),
        recorder,
        tls: seed.tls,
        current: std::cell::RefCell::new(Rc::new(attached)),
        ids: Ids::new(&*services.clock),
        sampling: std::cell::Cell::new(0),
        siblings: seed.siblings,
        mirroring: std::cell::Cell::new(0),
        ending: std::cell::Cell::new(false),
        shed: Shed::default(),
        addresses: seed.places,
        conns: Table::default(),
        streams: Table::default(),
        live: Registry::default(),
        revocations: Revocations::default(),
        withdrawn: std::cell::RefCell::default(),
        pool,
        service: seed.service,
        servers: std::cell::RefCell::default(),
        task: std::cell::RefCell::default(),
        date: std::cell::Cell::new((0, [b' '; 29])),
        drain: seed.drain,
        context,
    }
}
