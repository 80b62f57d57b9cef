//! One connection of a client, from accept to close.
//!
//! TLS when the listener has a certificate (the one of the snapshot that serves at that moment), HTTP/2 by ALPN, or in
//! clear text by its preface (RFC 9113 section 3.3), HTTP/1 otherwise. One alarm serves the head's time, the idle time
//! and, on HTTP/1, all deadlines of a call.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::BytesMut;
use engine::bounds::{self, Bound};
use engine::peer::{PeerFacts, PeerProcess};
use engine::record::ConnectionEvent;
use engine::{Peer, Tick};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::addresses::Seat;
use crate::alarm::Alarm;
use crate::core::Core;
use crate::http1::server;
use crate::http1::wire::Socket;
use crate::http2::serve as http2;
use crate::listen::standing::Standing;
use crate::listen::{Replay, handshake, proxied};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room for a first read: most first requests fit.
const FIRST_READ: usize = 4 * 1024;
/// A connection that is idle for so long is parked.
const PARK_TIME: Duration = Duration::from_millis(200);

/// How long a connection that carries no call may still begin one when the gateway ends: its client has connected to be served,
/// or just sends its next call, and cannot know.
pub(crate) const LAST_CALL: Duration = Duration::from_secs(1);

/// What is known of a connection while it is open.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) peer: Peer,
    pub(crate) alarm: Alarm,
    /// Of the client's certificate, where the listener asks for one.
    pub(crate) standing: Option<Standing>,
    malformed: Cell<bool>,
    active: Cell<u32>,
    /// Answers of which a piece waits for the client to have room for it (HTTP/2).
    untaken: Cell<u32>,
    /// Whether any call has begun on it.
    used: Cell<bool>,
    head_open: Cell<bool>,
    closing: Cell<bool>,
    /// Whether its time to begin the last call has begun.
    last: Cell<bool>,
    /// Whether its client takes hardly anything of an answer at once.
    narrow: Cell<bool>,
    /// Whether its client has yet to show that it takes answers (HTTP/2).
    trial: Cell<bool>,
    /// Whether its task lets go of what it has no need of when it is told to.
    parks: Cell<bool>,
    /// It was told to.
    parked: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Conn {
    /// One that was just accepted.
    pub(crate) fn new(core: &Core, peer: Peer, standing: Option<Standing>) -> Self {
        let alarm = Alarm::new(Arc::clone(&core.clock));
        alarm.set_in(if core.ending.get() { LAST_CALL } else { bounds::HEAD_TIME });
        Self {
            peer,
            alarm,
            standing,
            malformed: Cell::new(false),
            active: Cell::new(0),
            untaken: Cell::new(0),
            used: Cell::new(false),
            head_open: Cell::new(false),
            closing: Cell::new(core.ending.get()),
            last: Cell::new(false),
            narrow: Cell::new(false),
            trial: Cell::new(false),
            parks: Cell::new(false),
            parked: Cell::new(false),
            waker: RefCell::new(None),
        }
    }

    /// A call begins.
    pub(crate) fn begin(&self) {
        self.active.set(self.active.get() + 1);
        self.used.set(true);
        self.parked.set(false);
        self.alarm.clear();
    }

    /// A call is over.
    pub(crate) fn end(&self, now: Tick) {
        let active = self.active.get().saturating_sub(1);
        self.active.set(active);
        if active == 0 {
            let time = if self.head_open.get() { bounds::HEAD_TIME } else { bounds::IDLE_TIME };
            self.alarm.set(now.after(time));
        }
    }

    /// How many calls are under way.
    pub(crate) fn active(&self) -> usize {
        self.active.get() as usize
    }

    /// One answer more, or one less, waits for the client to have room for it.
    pub(crate) fn untaken(&self, more: bool) {
        let count = self.untaken.get();
        self.untaken.set(if more { count.saturating_add(1) } else { count.saturating_sub(1) });
    }

    /// Whether an answer waits for the client to have room for it.
    pub(crate) fn has_untaken(&self) -> bool {
        self.untaken.get() > 0
    }

    /// Whether its client takes hardly anything of an answer at once.
    pub(crate) fn narrow(&self, narrow: bool) {
        self.narrow.set(narrow);
    }

    /// Whether its client has yet to show that it takes answers.
    pub(crate) fn put_on_trial(&self, trial: bool) {
        self.trial.set(trial);
    }

    /// Whether its client has yet to show that it takes answers: few bytes of them are held for it.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.trial.get()
    }

    /// Whether the call that has begun is one more than such a client may have.
    pub(crate) fn is_crowded(&self) -> bool {
        self.narrow.get() && self.active.get() > bounds::SMALL_WINDOW_STREAMS
    }

    /// What came breaks the grammar.
    pub(crate) fn malformed(&self) {
        self.malformed.set(true);
    }

    /// Whether anything that came broke the grammar.
    pub(crate) fn is_malformed(&self) -> bool {
        self.malformed.get()
    }

    /// Whether the start of a head is there and its end is not.
    pub(crate) fn head_open(&self, open: bool) {
        if open && !self.head_open.get() && self.active.get() == 0 {
            self.alarm.set_in(bounds::HEAD_TIME);
        }
        self.head_open.set(open);
    }

    /// Its task looks at [`Self::is_parked`].
    pub(crate) fn may_park(&self) {
        self.parks.set(true);
    }

    /// Tells its task to hold no more than it must, when nothing came for a second; whether it did.
    pub(crate) fn park(&self, now: Tick) -> bool {
        let idle = self.active.get() == 0 && !self.head_open.get() && !self.parked.get();
        let quiet = self.alarm.at().is_some_and(|at| at.since(now) <= bounds::IDLE_TIME - PARK_TIME);
        let parks = self.parks.get() && idle && quiet;
        if parks {
            self.parked.set(true);
            self.wake();
        }
        parks
    }

    /// Whether nothing came for a while, so that buffers would be held for nothing.
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.get()
    }

    /// Ends the connection after the calls that it carries; one that carries none may still begin one.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        if !self.used.get() && !self.head_open.get() {
            self.alarm.set_in(LAST_CALL);
        }
        self.wake();
    }

    /// Whether it ends after its calls.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// No call is under way: one that ends has a moment to begin the last one, which is told so by its answer.
    pub(crate) fn await_last(&self) {
        if self.closing.get() && !self.last.replace(true) {
            self.alarm.set_in(LAST_CALL);
        }
    }

    /// Polls its task.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Polls its task, unless that is what `context` belongs to.
    pub(crate) fn wake_unless(&self, context: &Context<'_>) {
        if let Some(waker) = self.waker.borrow().as_ref().filter(|waker| !waker.will_wake(context.waker())) {
            waker.wake_by_ref();
        }
    }

    /// Whether no call is under way and none was for too long.
    pub(crate) fn is_idle_for_long(&self, context: &mut Context<'_>) -> bool {
        self.active.get() == 0 && self.alarm.poll(context).is_ready()
    }

    /// Keeps the waker of its task.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *slot = Some(context.waker().clone());
        }
    }
}

/// Takes a connection out of its core's table when its task ends, however that comes.
struct Entered {
    core: Rc<Core>,
    conn: Rc<Conn>,
    number: usize,
}

impl Entered {
    fn new(core: &Rc<Core>, conn: &Rc<Conn>) -> Self {
        core.recorder.connection(ConnectionEvent::Opened);
        Self { number: core.conns.insert(Rc::clone(conn)), core: Rc::clone(core), conn: Rc::clone(conn) }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.core.conns.remove(self.number);
        self.core.recorder.connection(ConnectionEvent::Closed);
        if self.conn.is_malformed() {
            self.core.recorder.connection(ConnectionEvent::Malformed);
        }
    }
}

/// One of [`bounds::CONNECTIONS`], and one of those that its listener and its address may have.
struct Place {
    core: Rc<Core>,
    _seat: Seat,
}

impl Place {
    /// `None` when there are as many as may be. There is no address on a unix socket, and behind a proxy that is trusted.
    fn take(core: &Rc<Core>, listener: u16, address: Option<IpAddr>) -> Option<Self> {
        let most = {
            let current = core.current.borrow();
            let listener = current.snapshot().listeners.get(usize::from(listener));
            listener.map(|listener| listener.connections).unwrap_or_default()
        };
        match core.addresses.take((listener, most), address) {
            Ok(seat) => {
                core.siblings.opened();
                Some(Self { core: Rc::clone(core), _seat: seat })
            }
            Err(bound) => {
                core.recorder.bound(bound);
                None
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.core.siblings.closed();
    }
}

/// Serves a socket that was accepted on a listener.
pub(crate) async fn serve(core: Rc<Core>, listener: u16, mut socket: TcpStream, address: SocketAddr) {
    let proxied = proxied::is_expected(&core, listener, address);
    // A proxy is trusted to share out what it has.
    let Some(_place) = Place::take(&core, listener, (!proxied).then(|| address.ip())) else { return };
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let mut peer = Peer::new(address, listener);
    let mut first = BytesMut::new();
    let mut facts = PeerFacts::default();
    if proxied {
        let Ok(source) = Box::pin(proxied::source(&core, &mut socket, &mut first)).await else { return };
        facts.proxy = Some(address);
        peer.address = source.unwrap_or(address);
    }
    let server = core.server(listener, core.current().snapshot());
    match server {
        Ok(None) => {
            peer.facts = facts.proxy.is_some().then(|| Arc::new(facts));
            serve_clear(core, (peer, None), Socket::Clear(socket), first).await;
        }
        Ok(Some(server)) => {
            // In a box: an open connection has no need of its room.
            let Some(secured) = Box::pin(handshake::secure(&core, server, socket, first)).await else {
                return;
            };
            peer.tls = true;
            peer.facts = Some(Arc::new(PeerFacts { proxy: facts.proxy, ..secured.facts }));
            let conn = Conn::new(&core, peer, secured.standing);
            if secured.two {
                Box::pin(serve_two(core, conn, secured.stream)).await;
            } else {
                serve_one(core, conn, Socket::Accepted(secured.stream), BytesMut::new()).await;
            }
        }
        Err(_) => core.recorder.connection(ConnectionEvent::HandshakeFailed),
    }
}

/// Serves a connection to a unix socket, which speaks clear text.
pub(crate) async fn serve_unix(core: Rc<Core>, listener: u16, socket: UnixStream) {
    let Some(_place) = Place::take(&core, listener, None) else { return };
    let mut peer = Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), listener);
    let process = socket.peer_cred().ok().map(|credentials| PeerProcess {
        uid: credentials.uid(),
        gid: credentials.gid(),
        pid: credentials.pid(),
    });
    peer.facts = Some(Arc::new(PeerFacts { process, ..PeerFacts::default() }));
    serve_clear(core, (peer, None), Socket::Unix(socket), BytesMut::new()).await;
}

/// Serves a connection that is no socket. What is known of its other end is what the caller says.
pub(crate) async fn serve_memory(core: Rc<Core>, peer: Peer, socket: Socket) {
    let standing = Standing::in_memory(&core, &peer);
    serve_clear(core, (peer, standing), socket, BytesMut::new()).await;
}

/// Tells HTTP/2 with prior knowledge from HTTP/1 by the first bytes, of which some may have been read.
async fn serve_clear(
    core: Rc<Core>,
    (peer, standing): (Peer, Option<Standing>),
    mut socket: Socket,
    mut first: BytesMut,
) {
    let sniff = async {
        first.reserve(FIRST_READ);
        loop {
            let length = first.len().min(PREFACE.len());
            let alike = first.get(..length) == PREFACE.get(..length);
            if !alike || length == PREFACE.len() {
                return Ok(alike);
            }
            if socket.read_buf(&mut first).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
    };
    // What is not needed while calls are carried is in boxes here: idle connections are many.
    match Box::pin(tokio::time::timeout(bounds::HEAD_TIME, sniff)).await {
        Ok(Ok(two)) => {
            let conn = Conn::new(&core, peer, standing);
            if two {
                Box::pin(serve_two(core, conn, Replay::new(first.freeze(), socket))).await;
            } else {
                serve_one(core, conn, socket, first).await;
            }
        }
        Ok(Err(_)) => {}
        Err(_) => core.recorder.bound(Bound::HeadTime),
    }
}

async fn serve_one(core: Rc<Core>, conn: Conn, socket: Socket, first: BytesMut) {
    let conn = Rc::new(conn);
    let _entered = Entered::new(&core, &conn);
    server::serve(core, conn, socket, first).await;
}

async fn serve_two<S>(core: Rc<Core>, conn: Conn, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let conn = Rc::new(conn);
    let _entered = Entered::new(&core, &conn);
    http2::serve(core, conn, io).await;
}
