//! Two ends and what goes between them.
//!
//! One task polls both sockets. From each as much is read as the other has room for: nothing grows when one end is slow, and
//! what is read at one time goes out with one write. Messages leave in the order in which they came; one that a control still
//! looks at holds up those behind it, in both directions.
//!
//! A close of one end is passed to the other and answered with what that says (section 7.1). Everything else that ends a
//! WebSocket is an [`Ending`]: both ends are told, and have [`engine::bounds::WEBSOCKET_CLOSE`] to take it. A client that breaks the
//! protocol is not heard any more, and is told when the upstream has answered what came before.

mod checks;
mod over;
mod time;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engine::Tick;
use engine::bounds::Bound;
use engine::websocket::Rules;

use super::ending::{Ending, Way};
use super::frames::{Event, From, Limits, Opcode};
use super::linger::linger;
use super::side::{Masks, Side};
use super::write::write;
use crate::alarm::Alarm;
use crate::core::Core;
use crate::flight::Flight;
use crate::http1::client::Connection;
use crate::http1::wire::Wire;
use crate::pace::Bucket;
use crate::stream::{Kind, Span, Stream};
use crate::task::Task;
use crate::upstream::Lease;
use checks::Checking;

/// Frames of one way before the other gets its turn.
const TURN: usize = 64;
/// Turns before other tasks get theirs.
const TURNS: usize = 8;

/// A WebSocket: the call, the upstream's connection, and what is known of both ends.
pub(crate) struct Tunnel {
    core: Rc<Core>,
    stream: Rc<Stream>,
    upstream: Connection,
    /// Counts the call at its target.
    _lease: Lease,
    rules: Arc<Rules>,
    /// Whether controls read its messages.
    reads: bool,
    client: Side,
    server: Side,
    flow: Bucket,
    masks: Masks,
    /// The payload of our own pings: whatever comes back with it was asked by us.
    token: [u8; 8],
    alarm: Alarm,
    began: Tick,
    /// When one end said something last that was not asked by us.
    said: Tick,
    lively: bool,
    /// Whether nothing was said since an end was asked: it holds no room that it has no need of.
    rests: bool,
    checking: Option<Checking>,
    /// When those that were told to close have to have done so.
    deadline: Option<Tick>,
    /// What the client broke, while the upstream still answers what came before.
    broken: Option<Ending>,
    ending: Option<Ending>,
    messages: (u64, u64),
    bytes: (u64, u64),
    close: Option<u16>,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").field("ending", &self.ending).finish_non_exhaustive()
    }
}

/// How a turn of one way ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing more is there.
    Waits,
    /// The other end has no room.
    Full,
    /// It was the other way's turn.
    More,
}

impl Tunnel {
    /// Of a call whose upstream has switched.
    pub(crate) fn new(flight: Flight, (upstream, lease): (Connection, Lease), rules: Arc<Rules>) -> Self {
        let core = Rc::clone(&flight.core);
        let now = core.clock.now();
        // How long it may last is for the rules, which a reload changes.
        let span = Span { idle: rules.idle, lifetime: Duration::MAX };
        let mut token = [0; 8];
        core.clock.fill(&mut token);
        Self {
            stream: Stream::enter(flight, span, Kind::Switched),
            upstream,
            _lease: lease,
            reads: false,
            client: Side::new(From::Client, &core, now),
            server: Side::new(From::Server, &core, now),
            flow: Bucket::of(rules.flow, now),
            masks: Masks::new(),
            token,
            alarm: Alarm::new(Arc::clone(&core.clock)),
            began: now,
            said: now,
            lively: false,
            rests: false,
            checking: None,
            deadline: None,
            broken: None,
            ending: None,
            messages: (0, 0),
            bytes: (0, 0),
            close: None,
            rules,
            core,
        }
    }

    /// The task of HTTP/2 that answers its call.
    pub(crate) fn task(&self) -> Option<Rc<Task>> {
        self.core.task.borrow().clone()
    }

    /// Carries messages until the end of it; then both sockets are ended. Whether all went that the client was to have.
    pub(crate) async fn run(mut self: Box<Self>, client: &mut Wire) -> bool {
        self.reads = self.stream.read(reads_messages).unwrap_or_default();
        std::future::poll_fn(|context| self.poll(client, context)).await;
        self.record();
        let (gone, lost) = (self.client.gone, self.server.gone);
        let Self { upstream, alarm, .. } = &mut *self;
        let [whole, _] = linger([(client, gone), (upstream.wire(), lost)], alarm).await;
        whole
    }

    /// Ends it before it began: the client said something before it was told that it may.
    pub(crate) fn refuse(mut self: Box<Self>) {
        let early = super::frames::Violation::Protocol("bytes came before the handshake was answered");
        self.ending = Some(Ending::violated(Way::Up, early));
        self.record();
    }

    fn poll(&mut self, client: &mut Wire, context: &mut Context<'_>) -> Poll<()> {
        self.stream.watch(context);
        // Neither end may ever run dry: what became of its right to be there comes first.
        self.heed(client);
        for _ in 0..TURNS {
            let checked = self.poll_check(client, context);
            let waited = self.checking.is_some();
            let up = self.turn(Way::Up, client, context);
            let down = self.turn(Way::Down, client, context);
            self.flush(client, context);
            self.hold_less(client);
            if self.is_over(client) {
                return Poll::Ready(());
            }
            let goes_on = |turn, to: &Wire| turn == Turn::More || (turn == Turn::Full && !to.is_full());
            let begun = !waited && self.checking.is_some();
            let more = begun || goes_on(up, self.upstream.wire()) || goes_on(down, client);
            if !(checked || more || self.look(client, context)) {
                if self.rests {
                    client.park();
                    self.upstream.wire().park();
                }
                return Poll::Pending;
            }
        }
        // The same goes for what time does.
        self.look(client, context);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what came from one end, as far as there is room at the other.
    fn turn(&mut self, way: Way, client: &mut Wire, context: &mut Context<'_>) -> Turn {
        let mut turn = Turn::More;
        for _ in 0..TURN {
            if self.ending.is_some() || self.checking.is_some() {
                turn = Turn::Waits;
                break;
            }
            match self.next(way, client, context) {
                Ok(Ok(event)) => self.on(way, event, client),
                Ok(Err(end)) => {
                    turn = end;
                    break;
                }
                // Who is still there broke the protocol.
                Err(ending) if way == Way::Up && !self.client.gone => self.break_off(ending, client),
                Err(ending) => self.end(ending, client),
            }
        }
        let from = if way == Way::Up { &mut self.client } else { &mut self.server };
        // Nobody is heard who is not read.
        from.moved |= turn == Turn::Full || self.checking.is_some();
        if !self.hold(way, client) && self.ending.is_none() {
            self.end(Ending::no_room(), client);
        }
        turn
    }

    /// Holds of the room for bodies what of one way is here: a message that is not whole, one that a control looks at, and what
    /// waits for the other end. False when there is not so much.
    fn hold(&mut self, way: Way, client: &mut Wire) -> bool {
        let (from, to) = match way {
            Way::Up => (&mut self.client, self.upstream.wire()),
            Way::Down => (&mut self.server, client),
        };
        let looked_at = self.checking.as_ref().filter(|checking| checking.way == way);
        let looked_at = looked_at.map_or(0, |checking| checking.length);
        from.share.resize(from.reader.held() + to.queued() + looked_at)
    }

    /// Gives back what is held for bytes that have gone.
    fn hold_less(&mut self, client: &mut Wire) {
        for way in [Way::Up, Way::Down] {
            // Where there is more, as by a close, the next turn says so.
            let _ = self.hold(way, client);
        }
    }

    /// What comes next from one end, or how its turn ends.
    fn next(
        &mut self,
        way: Way,
        client: &mut Wire,
        context: &mut Context<'_>,
    ) -> Result<Result<Event, Turn>, Ending> {
        let limits = Limits { frame: self.rules.frame, message: self.rules.message };
        let upstream = self.upstream.wire();
        let (from, wire, to) = match way {
            Way::Up => (&mut self.client, client, upstream),
            Way::Down => (&mut self.server, upstream, client),
        };
        if from.closed || from.gone {
            return Ok(Err(Turn::Waits));
        }
        loop {
            if to.is_full() {
                return Ok(Err(Turn::Full));
            }
            match from.reader.next(&mut wire.inbox, limits) {
                Ok(Some(event)) => return Ok(Ok(event)),
                Ok(None) => {}
                Err(violation) => return Err(Ending::violated(way, violation)),
            }
            match wire.poll_fill(context) {
                Poll::Ready(Ok(1..)) => from.moved = true,
                Poll::Pending => return Ok(Err(Turn::Waits)),
                Poll::Ready(end) => {
                    from.gone = true;
                    // Who was told to close may just go.
                    if from.told {
                        return Ok(Ok(Event::Close(None)));
                    }
                    let how = end.err().map(|error| error.to_string());
                    return Err(Ending::gone(way, how.as_deref().unwrap_or("ended without a close")));
                }
            }
        }
    }

    /// Does what a frame wants.
    fn on(&mut self, way: Way, event: Event, client: &mut Wire) {
        match event {
            Event::Message { text, payload } => {
                self.lively = true;
                if way == Way::Up && !self.flow.take(self.core.clock.now()) {
                    self.core.recorder.bound(Bound::MessageRate);
                    self.end(Ending::too_fast(way, "more messages than the rate allows"), client);
                } else if self.reads {
                    self.check(way, text, payload, client);
                } else {
                    self.pass(way, text, &payload, client);
                }
            }
            Event::Pong(payload) if *payload == self.token => {}
            Event::Crumb => {
                self.crumb(way, client);
            }
            Event::Ping(payload) => {
                if self.crumb(way, client) {
                    self.send(way, Opcode::Ping, &payload, client);
                }
            }
            Event::Pong(payload) => {
                if self.crumb(way, client) {
                    self.send(way, Opcode::Pong, &payload, client);
                }
            }
            Event::Close(reason) => self.closed(way, reason, client),
        }
    }

    /// A frame that carries nothing; false when there are too many.
    fn crumb(&mut self, way: Way, client: &mut Wire) -> bool {
        self.lively = true;
        let from = if way == Way::Up { &mut self.client } else { &mut self.server };
        let allowed = from.crumbs.take(self.core.clock.now());
        if !allowed {
            self.core.recorder.bound(Bound::ControlFrames);
            self.end(Ending::too_fast(way, "more frames that carry nothing than may come"), client);
        }
        allowed
    }

    /// Queues a frame for the end that a way leads to.
    fn send(&mut self, way: Way, opcode: Opcode, payload: &[u8], client: &mut Wire) {
        match way {
            Way::Up => {
                let key = self.masks.next(&*self.core.clock);
                write(self.upstream.wire().outbox(), opcode, payload, Some(key));
            }
            Way::Down => write(client.outbox(), opcode, payload, None),
        }
    }

    fn flush(&mut self, client: &mut Wire, context: &mut Context<'_>) {
        for way in [Way::Up, Way::Down] {
            let (to, wire) = match way {
                Way::Up => (&mut self.server, self.upstream.wire()),
                Way::Down => (&mut self.client, &mut *client),
            };
            if to.gone || wire.is_flushed() {
                continue;
            }
            wire.forget_written();
            let flushed = wire.poll_flush(context);
            to.took(wire.has_written(), flushed.is_pending(), || self.core.clock.now());
            if let Poll::Ready(Err(error)) = flushed {
                to.gone = true;
                let lost = if way == Way::Up { Way::Down } else { Way::Up };
                if !(to.closed || to.told) || self.broken.is_some() {
                    self.end(Ending::gone(lost, &error.to_string()), client);
                }
            }
        }
    }
}

fn reads_messages(call: &engine::Call) -> bool {
    call.operation.as_ref().is_some_and(|plan| !plan.message.is_empty())
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.record();
    }
}
