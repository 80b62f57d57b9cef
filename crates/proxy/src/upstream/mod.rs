//! Connections to upstreams, per core.
//!
//! What an upstream's connections have in common is a [`Target`]: host, port, TLS, version of HTTP and trust. Targets
//! outlive snapshots, so a reload keeps connections warm. HTTP/1 connections wait in a list and the last one in is the
//! first one out; one HTTP/2 connection carries all calls of a core.

mod connect;
mod resolve;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::record::ConnectionEvent;
use engine::snapshot::{Upstream, UpstreamHttp};
use engine::{Tick, bounds, codes};
use hyper::client::conn::http2;
use rustls::ClientConfig;

use crate::core::Core;
use crate::exchange::Failure;
use crate::http1::client::Connection;
use crate::incoming::Incoming;
use crate::outgoing::Outgoing;

/// How long a connection waits for its next call.
const IDLE: Duration = Duration::from_secs(60);

/// A connection as calls use it.
#[derive(Debug)]
pub(crate) enum Sender {
    One(Connection),
    Two(http2::SendRequest<Outgoing>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    host: Box<str>,
    port: u16,
    tls: bool,
    http: UpstreamHttp,
    roots: Vec<Vec<u8>>,
}

/// One place to connect to.
#[derive(Debug)]
pub(crate) struct Target {
    idle: RefCell<Vec<(Connection, Tick)>>,
    two: RefCell<Option<http2::SendRequest<Outgoing>>>,
    tls: OnceCell<Arc<ClientConfig>>,
    addresses: resolve::Addresses,
    /// Calls since it was looked at last.
    used: Cell<bool>,
}

type Known = (Weak<Upstream>, Rc<Target>);

/// All targets of a core.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The weak count keeps the address from being given to another upstream.
    by_upstream: RefCell<HashMap<usize, Known>>,
    by_key: RefCell<HashMap<Key, Rc<Target>>>,
    /// When [`Pool::sweep`] was called last: precise enough for what is counted in seconds.
    swept: Cell<Tick>,
}

impl Pool {
    /// The target of an upstream.
    pub(crate) fn target(&self, upstream: &Arc<Upstream>) -> Rc<Target> {
        let address = Arc::as_ptr(upstream).addr();
        if let Some((_, target)) = self.by_upstream.borrow().get(&address) {
            return Rc::clone(target);
        }
        let key = Key {
            host: upstream.host.clone(),
            port: upstream.port,
            tls: upstream.tls,
            http: upstream.http,
            roots: upstream.roots.clone(),
        };
        let target = Rc::clone(self.by_key.borrow_mut().entry(key).or_insert_with(|| Rc::new(Target::new())));
        self.by_upstream.borrow_mut().insert(address, (Arc::downgrade(upstream), Rc::clone(&target)));
        target
    }

    /// Forgets upstreams that no snapshot has any more, and their connections.
    pub(crate) fn forget_unused(&self) {
        self.by_upstream.borrow_mut().retain(|_, (upstream, _)| upstream.strong_count() > 0);
        // The map itself holds one.
        self.by_key.borrow_mut().retain(|_, target| Rc::strong_count(target) > 1);
    }

    /// Closes what was idle for too long.
    pub(crate) fn sweep(&self, now: Tick) {
        self.forget_unused();
        self.swept.set(now);
        for target in self.by_key.borrow().values() {
            target
                .idle
                .borrow_mut()
                .retain_mut(|(connection, since)| now.since(*since) < IDLE && connection.is_open());
            let unused = !target.used.replace(false);
            if target.two.borrow().as_ref().is_some_and(|sender| unused && sender.is_closed()) {
                target.two.borrow_mut().take();
            }
        }
    }
}

impl Target {
    fn new() -> Self {
        Self {
            idle: RefCell::default(),
            two: RefCell::default(),
            tls: OnceCell::new(),
            addresses: resolve::Addresses::default(),
            used: Cell::new(false),
        }
    }

    /// A connection, and whether it was used before; with `fresh`, a new one.
    ///
    /// # Errors
    /// When none can be made in time.
    pub(crate) async fn connection(
        &self,
        core: &Rc<Core>,
        upstream: &Arc<Upstream>,
        fresh: bool,
    ) -> Result<(Sender, bool), Failure> {
        if !fresh && let Some(sender) = self.reuse().await {
            core.recorder.connection(ConnectionEvent::UpstreamReused);
            return Ok((sender, true));
        }
        // In a box: the future of a call is moved, and connecting would be the largest part of it.
        let connect = Box::pin(connect::connect(core, self, upstream));
        let made = match Box::pin(tokio::time::timeout(upstream.deadlines.connect, connect)).await {
            Ok(made) => made,
            Err(_) => Err(Failure::new(&codes::UPSTREAM_UNREACHABLE, "no connection in time")),
        };
        match made {
            Ok(sender) => {
                core.recorder.connection(ConnectionEvent::UpstreamOpened);
                if let Sender::Two(sender) = &sender {
                    *self.two.borrow_mut() = Some(sender.clone());
                }
                Ok((sender, false))
            }
            Err(failure) => {
                core.recorder.connection(ConnectionEvent::UpstreamFailed);
                Err(failure)
            }
        }
    }

    async fn reuse(&self) -> Option<Sender> {
        let two = self.two.borrow().as_ref().filter(|sender| !sender.is_closed()).cloned();
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

/// Where the connection of a call goes when its answer has been read.
#[derive(Debug)]
pub(crate) struct Lease {
    target: Rc<Target>,
    core: Rc<Core>,
}

impl Lease {
    pub(crate) fn new(target: Rc<Target>, core: Rc<Core>) -> Self {
        Self { target, core }
    }

    /// The answer was read to its end: its connection may carry another call.
    pub(crate) fn give_back(self, answer: &mut Incoming) {
        let Some(connection) = answer.take_reusable() else { return };
        let mut idle = self.target.idle.borrow_mut();
        if idle.len() < bounds::IDLE_UPSTREAM {
            idle.push((connection, self.core.pool.swept.get()));
        }
    }
}

/// Whether a connection ended before it gave an answer.
pub(crate) fn is_break(error: &hyper::Error) -> bool {
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || io_kind(error).is_some()
}

fn io_kind(error: &hyper::Error) -> Option<std::io::ErrorKind> {
    use std::error::Error;
    error.source()?.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
}

/// What went wrong on a connection, as a code and a word for the operator.
pub(crate) fn classify(error: &hyper::Error) -> Failure {
    let code = if error.is_parse() { &codes::UPSTREAM_PROTOCOL } else { &codes::UPSTREAM_RESET };
    Failure::new(code, error.to_string())
}
