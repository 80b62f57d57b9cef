//! A WebSocket between two pipes that a test polls by hand, under a clock that it moves by hand.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::BytesMut;
use engine::call::BodyLength;
use engine::snapshot::Live;
use engine::websocket::{Handshake, Rules};
use engine::{Peer, Request, bounds};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use testkit::FakeClock;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::runtime::Runtime;

use super::super::world::{Shape, Tape, services};
use super::kit::MASK;
use crate::addresses::Addresses;
use crate::connection::Conn;
use crate::core::Core;
use crate::flight::Flight;
use crate::http1::client::Connection;
use crate::http1::wire::{Socket, Wire};
use crate::inbox::Siblings;
use crate::offload;
use crate::plane::{self, Seed};
use crate::room::Budget;
use crate::tls::Tls;
use crate::upstream::{Lease, Permit};
use crate::websocket::Tunnel;
use crate::websocket::frames::{Event, From, Limits, Opcode, Reader};
use crate::websocket::write::write;

/// Room in a pipe, in bytes.
const PIPE: usize = 64 * 1024;

/// Whether the task was woken.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One end, as a test has it.
pub(super) struct Far {
    socket: DuplexStream,
    reader: Reader,
    inbox: BytesMut,
    mask: Option<[u8; 4]>,
    /// Bytes of a frame that is sent again and again.
    poured: usize,
}

impl Far {
    fn new(socket: DuplexStream, sends: From) -> Self {
        let (reads, mask) = match sends {
            From::Client => (From::Server, Some(MASK)),
            From::Server => (From::Client, None),
        };
        Self { socket, reader: Reader::new(reads), inbox: BytesMut::new(), mask, poured: 0 }
    }

    /// Sends what there is room for, and says how much.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let context = &mut Context::from_waker(Waker::noop());
        match Pin::new(&mut self.socket).poll_write(context, bytes) {
            Poll::Ready(count) => count.unwrap(),
            Poll::Pending => 0,
        }
    }

    pub(super) fn frame(&self, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        write(&mut frame, opcode, payload, self.mask);
        frame
    }

    /// Sends a frame for which there is room.
    pub(super) fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let frame = self.frame(opcode, payload);
        assert_eq!(self.push(&frame), frame.len());
    }

    /// Sends a frame again and again while there is room; what is left of one goes first the next time.
    pub(super) fn pour(&mut self, frame: &[u8]) {
        loop {
            let sent = self.push(&frame[self.poured..]);
            if sent == 0 {
                return;
            }
            self.poured = (self.poured + sent) % frame.len();
        }
    }

    /// Takes so many bytes at most, and says how many there were.
    pub(super) fn pull(&mut self, most: usize) -> usize {
        let (mut space, mut taken) = (vec![0; most], 0);
        let context = &mut Context::from_waker(Waker::noop());
        while taken < most {
            let mut out = ReadBuf::new(&mut space[taken..]);
            match Pin::new(&mut self.socket).poll_read(context, &mut out) {
                Poll::Ready(Ok(())) if !out.filled().is_empty() => taken += out.filled().len(),
                _ => break,
            }
        }
        self.inbox.extend_from_slice(&space[..taken]);
        taken
    }

    /// What has come whole of what was taken.
    pub(super) fn taken(&mut self) -> Vec<Event> {
        let limits = Limits { frame: 1 << 30, message: 1 << 30 };
        std::iter::from_fn(|| self.reader.next(&mut self.inbox, limits).unwrap()).collect()
    }

    /// Takes all that is there.
    pub(super) fn events(&mut self) -> Vec<Event> {
        self.pull(1 << 20);
        self.taken()
    }

    /// Takes all that is there, and says with which code it was closed.
    pub(super) fn closed(&mut self) -> Option<u16> {
        closed(&self.events())
    }
}

/// The code of the close among them; 0 when it has none.
pub(super) fn closed(events: &[Event]) -> Option<u16> {
    events.iter().find_map(|event| match event {
        Event::Close(reason) => Some(reason.as_ref().map_or(0, |(code, _)| *code)),
        _ => None,
    })
}

/// The WebSocket and all around it.
pub(super) struct Bench {
    pub(super) clock: FakeClock,
    pub(super) core: Rc<Core>,
    pub(super) tape: Tape,
    pub(super) live: Live,
    pub(super) client: Far,
    pub(super) server: Far,
    /// The client's socket, as the gateway has it.
    pub(super) wire: Rc<RefCell<Wire>>,
    run: Option<Pin<Box<dyn Future<Output = ()>>>>,
    woken: Arc<Woken>,
    runtime: Runtime,
}

impl Bench {
    /// Opens one of the subject `s` of the issuer `i`, by the first operation of a snapshot.
    pub(super) fn open(shape: &Shape) -> Self {
        let (clock, tape, live) = (FakeClock::new(), Tape::default(), Live::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let entered = runtime.enter();
        let services = services(Arc::new(clock.clone()), &tape, &live);
        let recorder = Rc::from(services.recorder.core(0));
        let seed = Seed {
            index: 0,
            cores: 1,
            first: shape.snapshot(&live),
            drain: Duration::from_secs(5),
            tls: Arc::new(Tls::new(Arc::clone(&services.clock))),
            queue: offload::start(1).unwrap(),
            bodies: Budget::new(bounds::BODIES_BYTES),
            siblings: Siblings::none(),
            places: Addresses::new(1, 1),
            service: None,
            services,
        };
        let core = Rc::new(plane::make(seed, recorder));
        let (near, client) = tokio::io::duplex(PIPE);
        let (up, server) = tokio::io::duplex(PIPE);
        let tunnel = Box::new(tunnel(&core, up));
        let wire = Rc::new(RefCell::new(Wire::new(Socket::Memory(near), BytesMut::new())));
        let held = Rc::clone(&wire);
        #[allow(clippy::await_holding_refcell_ref, reason = "a test looks at it when this is over")]
        let run = async move {
            tunnel.run(&mut held.borrow_mut()).await;
        };
        drop(entered);
        Self {
            clock,
            core,
            tape,
            live,
            client: Far::new(client, From::Client),
            server: Far::new(server, From::Server),
            wire,
            run: Some(Box::pin(run)),
            woken: Arc::default(),
            runtime,
        }
    }

    /// Polls it once.
    pub(super) fn poll(&mut self) {
        let _entered = self.runtime.enter();
        self.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken));
        let Some(run) = &mut self.run else { return };
        if run.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.run = None;
        }
    }

    /// Polls it until it waits for something.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_000 {
            self.poll();
            if self.run.is_none() || !self.woken.0.load(Ordering::SeqCst) {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Lets so many seconds pass at once.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.settle();
    }

    /// Looks after what is open, as its core does each second.
    pub(super) fn sweep(&mut self) {
        self.core.streams.all().into_iter().for_each(|stream| stream.sweep(self.core.clock.now()));
        self.settle();
    }

    /// Ends its task from outside.
    pub(super) fn abandon(&mut self) {
        let _entered = self.runtime.enter();
        self.run = None;
    }

    /// Ends all that its subject has open.
    pub(super) fn revoke(&self) {
        self.core.revoke(&("i".into(), "s".into()));
    }

    /// Whether messages hold as many bytes of the room for bodies as this, or more.
    pub(super) fn holds(&self, bytes: usize) -> bool {
        self.core.bodies.used() >= bytes
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.abandon();
    }
}

fn tunnel(core: &Rc<Core>, up: DuplexStream) -> Tunnel {
    let uri = Uri::from_static("http://a/v1/a");
    let named = ("a".into(), "a".into());
    // When its controls are asked again they would have to wait.
    let fields = HeaderMap::from_iter([(HeaderName::from_static("x-toy"), HeaderValue::from_static("wait"))]);
    let mut request =
        Request::new(Method::GET, Version::HTTP_11, uri, named, fields, BodyLength::Empty).unwrap();
    request.handshake = Some(Box::new(Handshake { key: None, subprotocols: Box::default() }));
    let address = ([127, 0, 0, 1], 1).into();
    let conn = Rc::new(Conn::new(core, Peer::new(address, 0), None));
    let mut flight = Flight::new(Rc::clone(core), conn, core.clock.now(), request);
    let plan = Arc::clone(&core.current().snapshot().operations[0]);
    let principal = testkit::call::principal("i", "s", u64::MAX);
    flight.call.proofs.push(engine::principal::Proof { scheme: 0, principal, certificate: None });
    flight.call.decision.status = 101;
    let group = core.pool.group(plan.upstream.as_ref().unwrap(), &core.context);
    let lease = Lease::take(&group, 0, core).unwrap();
    let rules: Arc<Rules> = plan.websocket.clone().unwrap();
    flight.call.operation = Some(plan);
    let upstream = Connection::new(Socket::Memory(up), address, Permit::alone());
    Tunnel::new(flight, (upstream, lease), rules)
}

/// A shape with an upstream to which nobody connects.
pub(super) fn shape(rules: Rules) -> Shape {
    let mut shape = Shape::to(([127, 0, 0, 1], 1).into());
    shape.websocket = Some(Arc::new(rules));
    shape
}
