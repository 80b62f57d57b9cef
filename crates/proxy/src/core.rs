//! What one core has for itself.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::bounds::{self, Bound};
use engine::control::CoreContext;
use engine::record::CoreRecorder;
use engine::{BodyMode, Clock, CoreSnapshot, OperationPlan, Room, Share, Snapshot, UnixTime, Withdrawn};

use crate::addresses::Addresses;
use crate::connection::Conn;
use crate::ids::Ids;
use crate::inbox::Siblings;
use crate::live::{Registry, Revocations};
use crate::offline::Service;
use crate::offload::CoreOffload;
use crate::room::CoreRoom;
use crate::shed::Shed;
use crate::stream::{Stream, Who, Why};
use crate::table::Table;
use crate::task::Task;
use crate::tls::{Server, Tls};
use crate::upstream::Pool;

/// A core and all that belongs to it; never leaves its thread.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Rc<dyn CoreRecorder>,
    /// Whether the recorder asks for the digests of calls.
    pub(crate) wants_digest: bool,
    pub(crate) offload: CoreOffload,
    pub(crate) context: CoreContext,
    pub(crate) tls: Arc<Tls>,
    pub(crate) current: RefCell<Rc<CoreSnapshot>>,
    pub(crate) ids: Ids,
    pub(crate) bodies: Rc<CoreRoom>,
    /// Copies of answers that are being checked.
    pub(crate) sampling: Cell<usize>,
    /// How many sockets of clients are open, here and on other cores.
    pub(crate) siblings: Siblings,
    /// Copies of calls that are under way to mirrors.
    pub(crate) mirroring: Cell<usize>,
    /// Whether the gateway ends: a connection carries one call more at most.
    pub(crate) ending: Cell<bool>,
    /// How many new calls are refused since the core is late.
    pub(crate) shed: Shed,
    /// Sockets of all cores, by listener and by address.
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) conns: Table<Rc<Conn>>,
    /// Answers that are on their way.
    pub(crate) streams: Table<Rc<Stream>>,
    /// Those without an end of their own, by whose they are.
    pub(crate) live: Registry,
    /// Whose were ended, for calls that have no stream yet.
    pub(crate) revocations: Revocations,
    /// What was revoked of the credentials of others, where anything was.
    pub(crate) withdrawn: RefCell<Option<Arc<dyn Withdrawn>>>,
    pub(crate) pool: Pool,
    /// What stands in for all targets, where no socket is.
    pub(crate) service: Option<Rc<dyn Service>>,
    /// What listeners serve TLS with, by number.
    pub(crate) servers: RefCell<Vec<Option<Arc<Server>>>>,
    /// The task of HTTP/2 that runs now.
    pub(crate) task: RefCell<Option<Rc<Task>>>,
    /// The date as answers carry it, and the second that it tells.
    pub(crate) date: Cell<(u64, [u8; 29])>,
    /// How long a stream may go on when its operation is gone.
    pub(crate) drain: Duration,
}

impl Core {
    /// The snapshot that serves now.
    pub(crate) fn current(&self) -> Rc<CoreSnapshot> {
        Rc::clone(&self.current.borrow())
    }

    /// The moment on the wall clock; answers carry the date of the last one that was asked for.
    pub(crate) fn share(&self) -> Share {
        Share::of(Rc::clone(&self.bodies) as Rc<dyn Room>)
    }

    pub(crate) fn unix(&self) -> UnixTime {
        let now = self.clock.unix();
        let second = now.seconds();
        if self.date.get().0 != second {
            let at = std::time::UNIX_EPOCH + Duration::from_secs(second);
            let mut text = [b' '; 29];
            for (to, from) in text.iter_mut().zip(httpdate::fmt_http_date(at).bytes()) {
                *to = from;
            }
            self.date.set((second, text));
        }
        now
    }

    /// The date in the form of RFC 9110 section 5.6.7: the start of the call that began last.
    pub(crate) fn date(&self) -> [u8; 29] {
        self.date.get().1
    }

    /// Attaches a snapshot and lets live streams go over to it.
    pub(crate) fn swap(&self, snapshot: Arc<Snapshot>) {
        let attached = Rc::new(CoreSnapshot::attach(snapshot, &self.context));
        self.pool.adopt(attached.snapshot(), &self.context);
        let old = self.current.replace(Rc::clone(&attached));
        for stream in self.streams.all() {
            stream.rebind(&attached, self.drain);
        }
        drop(old);
        self.pool.forget_unused();
    }

    /// Ends all live streams of a principal, and those that calls of before are yet to open.
    pub(crate) fn revoke(&self, who: &Who) {
        let now = self.clock.now();
        if !self.revocations.add(who, now, self.longest()) {
            self.recorder.bound(Bound::Revocations);
        }
        for stream in self.live.of(who).into_iter().filter_map(|number| self.streams.get(number)) {
            stream.end_at(now, Why::Withdrawn);
        }
    }

    /// Ends all live streams whose credential was revoked; those that open from now on are asked about when they do.
    pub(crate) fn withdraw(&self, withdrawn: Arc<dyn Withdrawn>) {
        let now = (self.clock.now(), self.clock.unix().seconds());
        for stream in self.streams.all() {
            stream.review(&*withdrawn, now);
        }
        *self.withdrawn.borrow_mut() = Some(withdrawn);
    }

    /// How long a call may be under way before its answer begins: what a body that is read first may take, and all tries.
    fn longest(&self) -> Duration {
        let of = |plan: &Arc<OperationPlan>| {
            let tries = plan.upstream.as_ref().map(|upstream| upstream.deadlines.total).unwrap_or_default();
            let body = match plan.request_mode {
                BodyMode::Whole { limit } => Duration::from_secs(limit / bounds::BODY_RATE),
                BodyMode::Pass { .. } => Duration::ZERO,
            };
            tries.saturating_add(body).saturating_add(bounds::BODY_GRACE)
        };
        self.current().snapshot().operations.iter().map(of).max().unwrap_or_default()
    }

    /// What a listener of a snapshot serves TLS with; `None` in clear text.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn server(&self, listener: u16, snapshot: &Snapshot) -> io::Result<Option<Arc<Server>>> {
        let number = usize::from(listener);
        let Some(entry) = snapshot.listeners.get(number) else {
            return Err(io::Error::other("the listener is gone"));
        };
        let Some(settings) = &entry.tls else { return Ok(None) };
        let mut servers = self.servers.borrow_mut();
        if servers.len() <= number {
            servers.resize(number + 1, None);
        }
        let Some(slot) = servers.get_mut(number) else { return Ok(None) };
        if let Some(server) = slot.as_ref().filter(|server| server.settings.digest == settings.digest) {
            return Ok(Some(Arc::clone(server)));
        }
        // The old one goes after the new one is there, so that its tickets stay good.
        *slot = self.tls.server(entry)?;
        Ok(slot.clone())
    }
}

/// Runs hyper's tasks on the core that they belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExec;

impl<F> hyper::rt::Executor<F> for LocalExec
where
    F: Future + 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
