//! The connections of one core to one target.
//!
//! They outlive snapshots, so a reload keeps them warm. HTTP/1 connections wait in a list and the last one in is the
//! first one out; one HTTP/2 connection carries all calls of a core.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::bounds::Bound;
use engine::record::ConnectionEvent;
use engine::upstream::{Kept, Target, Upstream};
use engine::{Tick, codes};
use hyper::client::conn::http2;
use rustls::ClientConfig;
use tokio::sync::Notify;

use super::gate::{Gate, Permit};
use super::group::Group;
use super::health::{Health, Met};
use super::names::Host;
use super::{Counts, Sender, connect, resolve};
use crate::core::Core;
use crate::exchange::Failure;
use crate::http1::client::Connection;
use crate::incoming::Incoming;
use crate::outgoing::Outgoing;

/// What happened to the calls of one core at one target. Written by that core only, read by whoever tells the metrics.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    good: AtomicU64,
    dead: AtomicU64,
    ill: AtomicU64,
    retries: AtomicU64,
    busy: AtomicU64,
}

impl Stats {
    pub(super) fn count(&self, met: Met) {
        add(match met {
            Met::Good => &self.good,
            Met::Dead => &self.dead,
            Met::Ill => &self.ill,
        });
    }

    pub(super) fn retried(&self) {
        add(&self.retries);
    }

    pub(super) fn read(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            good: of(&self.good),
            dead: of(&self.dead),
            ill: of(&self.ill),
            retries: of(&self.retries),
            busy: of(&self.busy),
        }
    }
}

/// There is one writer, so this needs no locked instruction.
fn add(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// What is known of a target beyond its core.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) health: Arc<Health>,
    pub(super) stats: Arc<Stats>,
    pub(super) gate: Arc<Gate>,
    pub(super) host: Host,
}

/// An HTTP/2 connection and where it leads.
type Two = (http2::SendRequest<Outgoing>, SocketAddr);

/// The connections to one target.
#[derive(Debug)]
pub(crate) struct Connections {
    idle: RefCell<Vec<(Connection, Tick)>>,
    two: RefCell<Option<Two>>,
    pub(super) tls: OnceCell<Arc<ClientConfig>>,
    /// The same, with nothing but HTTP/1 offered.
    pub(super) tls_one: OnceCell<Arc<ClientConfig>>,
    pub(super) addresses: resolve::Addresses,
    pub(super) health: Arc<Health>,
    pub(super) stats: Arc<Stats>,
    pub(super) gate: Arc<Gate>,
    /// A connection of this core came free.
    freed: Notify,
    /// Calls of this core that wait for one.
    waiting: Cell<u32>,
    /// Calls under way.
    pub(super) busy: Cell<u32>,
    kept: Cell<Kept>,
    /// Calls since it was looked at last.
    used: Cell<bool>,
}

impl Connections {
    pub(super) fn new(target: &Target, kept: Kept, shared: Shared) -> Self {
        let Shared { health, stats, gate, host } = shared;
        Self {
            idle: RefCell::default(),
            two: RefCell::default(),
            tls: OnceCell::new(),
            tls_one: OnceCell::new(),
            addresses: resolve::Addresses::new(host, target.port),
            health,
            stats,
            gate,
            freed: Notify::new(),
            waiting: Cell::new(0),
            busy: Cell::new(0),
            kept: Cell::new(kept),
            used: Cell::new(false),
        }
    }

    /// A reload may keep more or fewer.
    pub(super) fn keep(&self, kept: Kept) {
        self.kept.set(kept);
    }

    /// Closes what was idle for too long, or leads where the name does not any more.
    pub(super) fn sweep(&self, now: Tick) {
        self.stats.busy.store(u64::from(self.busy.get()), Ordering::Relaxed);
        let idle = self.kept.get().idle;
        self.idle.borrow_mut().retain_mut(|(connection, since)| {
            now.since(*since) < idle && self.addresses.knows(&connection.peer()) && connection.is_open()
        });
        let unused = !self.used.replace(false);
        let over = |(sender, address): &Two| (unused && sender.is_closed()) || !self.addresses.knows(address);
        // Calls that it carries go on; further ones get another.
        if self.two.borrow().as_ref().is_some_and(over) {
            self.two.borrow_mut().take();
        }
    }

    /// A connection, and how it came; with `fresh`, a new one. It has to be there at `by`.
    ///
    /// # Errors
    /// When none can be made in time.
    async fn get(
        &self,
        core: &Rc<Core>,
        upstream: &Upstream,
        target: &Target,
        Wanted { fresh, one, by }: Wanted,
    ) -> Result<(Sender, Way), Failure> {
        if !fresh && let Some(sender) = self.reuse().await {
            core.recorder.connection(ConnectionEvent::UpstreamReused);
            return Ok((sender, Way::Kept));
        }
        let time = || upstream.deadlines.connect.min(by.since(core.clock.now()));
        let permit = match self.gate.open(&upstream.breakers, core.pool.cores()) {
            Some(permit) => permit,
            None => match Box::pin(tokio::time::timeout(time(), self.wait(core, upstream, fresh))).await {
                Ok(Ok(Free::Permit(permit))) => permit,
                Ok(Ok(Free::Kept(sender))) => return Ok((sender, Way::Awaited)),
                Ok(Err(failure)) => return Err(failure),
                Err(_) => return Err(busy("no connection came free in time")),
            },
        };
        let time = time();
        // In a box: the future of a call is moved, and connecting would be the largest part of it.
        let connect = Box::pin(connect::connect(core, self, (upstream, target, one), permit));
        let made = match Box::pin(tokio::time::timeout(time, connect)).await {
            Ok(made) => made,
            Err(_) if time < upstream.deadlines.connect => {
                Err(Failure::new(&codes::UPSTREAM_TIMEOUT, "no time was left for a connection"))
            }
            Err(_) => Err(Failure::new(&codes::UPSTREAM_UNREACHABLE, "no connection in time")),
        };
        match made {
            Ok((sender, address)) => {
                core.recorder.connection(ConnectionEvent::UpstreamOpened);
                if let Sender::Two(sender) = &sender {
                    *self.two.borrow_mut() = Some((sender.clone(), address));
                }
                Ok((sender, Way::New))
            }
            Err(failure) => {
                core.recorder.connection(ConnectionEvent::UpstreamFailed);
                Err(failure)
            }
        }
    }

    /// Waits until a connection may be opened, or one is there that may be used again.
    async fn wait(&self, core: &Core, upstream: &Upstream, fresh: bool) -> Result<Free, Failure> {
        core.recorder.bound(Bound::UpstreamConnections);
        let Some(waiting) = self.gate.wait(&upstream.breakers) else {
            core.recorder.bound(Bound::UpstreamCalls);
            return Err(busy("too many calls wait for a connection"));
        };
        let _here = Here::enter(&self.waiting);
        loop {
            if !fresh && let Some(sender) = self.reuse().await {
                core.recorder.connection(ConnectionEvent::UpstreamReused);
                return Ok(Free::Kept(sender));
            }
            if let Some(permit) = self.gate.open(&upstream.breakers, core.pool.cores()) {
                return Ok(Free::Permit(permit));
            }
            // What waits idle is not wanted, and holds the place of what is.
            if fresh && (self.idle.borrow_mut().pop().is_some() || self.two.borrow_mut().take().is_some()) {
                continue;
            }
            tokio::select! {
                () = self.freed.notified() => {}
                () = waiting.closed() => {}
            }
        }
    }

    /// Keeps a connection for another call, unless one elsewhere waits for it to be closed.
    fn take_back(&self, connection: Connection, now: Tick) {
        if self.waiting.get() == 0 && self.gate.is_wanted() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.kept.get().connections {
            idle.push((connection, now));
            if self.waiting.get() > 0 {
                self.freed.notify_one();
            }
        }
    }

    async fn reuse(&self) -> Option<Sender> {
        let two = self
            .two
            .borrow()
            .as_ref()
            .map(|(sender, _)| sender)
            .filter(|sender| !sender.is_closed())
            .cloned();
        if let Some(mut sender) = two
            && sender.ready().await.is_ok()
        {
            self.used.set(true);
            return Some(Sender::Two(sender));
        }
        loop {
            let (mut connection, _) = self.idle.borrow_mut().pop()?;
            if connection.is_open() {
                return Some(Sender::One(connection));
            }
        }
    }
}

/// What connection a call wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// One that was not used before.
    pub(crate) fresh: bool,
    /// One of HTTP/1, whatever the upstream speaks beside it.
    pub(crate) one: bool,
    /// When it has to be there.
    pub(crate) by: Tick,
}

/// How a call came by its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It was made.
    New,
    /// It was kept from an earlier call, and there at once.
    Kept,
    /// It was kept, and the call waited for it.
    Awaited,
}

impl Way {
    /// Whether an earlier call used it.
    pub(crate) fn is_reused(self) -> bool {
        self != Way::New
    }
}

/// What a call that waited for a connection got.
enum Free {
    Kept(Sender),
    Permit(Permit),
}

/// One more, as long as it is there.
struct Here<'a>(&'a Cell<u32>);

impl<'a> Here<'a> {
    fn enter(count: &'a Cell<u32>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The circuit breakers let no more through.
pub(crate) fn busy(why: &str) -> Failure {
    Failure::new(&codes::UPSTREAM_BUSY, why)
}

/// A call's place at its target: counted while the call lasts, and where its connection goes back to.
#[derive(Debug)]
pub(crate) struct Lease {
    group: Rc<Group>,
    number: usize,
    core: Rc<Core>,
}

impl Lease {
    /// A place at target `number`; `None` when as many calls as may be are under way there.
    pub(crate) fn take(group: &Rc<Group>, number: usize, core: &Rc<Core>) -> Option<Self> {
        let connections = &group.member(number)?.connections;
        if group.calls.is_some_and(|most| !connections.gate.begin(most)) {
            return None;
        }
        connections.busy.set(connections.busy.get() + 1);
        Some(Self { group: Rc::clone(group), number, core: Rc::clone(core) })
    }

    fn connections(&self) -> Option<&Connections> {
        Some(&self.group.member(self.number)?.connections)
    }

    /// A connection, and how it came; with `fresh`, a new one. It has to be there at `by`.
    ///
    /// # Errors
    /// When none can be made in time.
    pub(crate) async fn connection(
        &self,
        upstream: &Upstream,
        wanted: Wanted,
    ) -> Result<(Sender, Way), Failure> {
        match (self.connections(), upstream.targets.get(self.number)) {
            (Some(connections), Some(target)) => connections.get(&self.core, upstream, target, wanted).await,
            _ => Err(Failure::new(&codes::CONTROL_FAILED, "the upstream has no such target")),
        }
    }

    /// The call is a second try.
    pub(crate) fn retried(&self) {
        if let Some(connections) = self.connections() {
            connections.stats.retried();
        }
    }

    /// The answer was read to its end: its connection may carry another call.
    pub(crate) fn give_back(self, answer: &mut Incoming) {
        let (Some(connection), Some(to)) = (answer.take_reusable(), self.connections()) else { return };
        to.take_back(connection, self.core.pool.swept());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connections) = self.connections() {
            connections.busy.set(connections.busy.get().saturating_sub(1));
            if self.group.calls.is_some() {
                connections.gate.end();
            }
        }
    }
}
