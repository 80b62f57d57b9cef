//! The body of a request, read off the client's connection when somebody asks for it, never ahead.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::chunks::Piece;
use super::grammar::Framing;
use super::rest::Rest;
use super::wire::Wire;
use crate::connection::Conn;
use crate::incoming::Fault;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// So much of what a client sends ahead is read while its call is under way.
const AHEAD: usize = 16 * 1024;

/// What the loop of a connection and the body of its current call share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) wire: RefCell<Wire>,
    pub(crate) conn: Rc<Conn>,
    rest: RefCell<Rest>,
    /// The client waits for a word before it sends the body.
    expects: Cell<bool>,
    /// Number of the message: a body of an earlier one gets nothing.
    number: Cell<u64>,
}

impl Line {
    pub(crate) fn new(wire: Wire, conn: Rc<Conn>) -> Rc<Self> {
        Rc::new(Self {
            wire: RefCell::new(wire),
            conn,
            rest: RefCell::new(Rest::Nothing),
            expects: Cell::new(false),
            number: Cell::new(0),
        })
    }

    /// A message begins whose head was taken.
    pub(crate) fn begin(self: &Rc<Self>, framing: Framing, expects: bool) -> RequestBody {
        *self.rest.borrow_mut() = Rest::of_request(framing);
        self.expects.set(expects);
        self.number.set(self.number.get() + 1);
        RequestBody { line: Rc::clone(self), number: self.number.get() }
    }

    /// Whether the message was read to its end, so that what follows is another one.
    pub(crate) fn is_read(&self) -> bool {
        self.rest.borrow().is_nothing()
    }

    /// Gives the current message up: its body fails from now on.
    pub(crate) fn give_up(&self) {
        if !self.is_read() {
            *self.rest.borrow_mut() = Rest::Failed;
        }
    }

    /// Whether the client has gone while its call is under way. While the body is open, whoever reads it finds out.
    pub(crate) fn is_gone(&self, context: &mut Context<'_>) -> bool {
        if !self.is_read() {
            return false;
        }
        let wire = &mut *self.wire.borrow_mut();
        while wire.inbox.len() < AHEAD {
            match wire.poll_fill(context) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return true,
                Poll::Pending => return false,
            }
        }
        false
    }

    fn poll_piece(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        let wire = &mut *self.wire.borrow_mut();
        if self.expects.replace(false) {
            wire.outbox().extend_from_slice(CONTINUE);
        }
        let mut rest = self.rest.borrow_mut();
        loop {
            match rest.next(&mut wire.inbox) {
                Ok(Piece::Data(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(Piece::End(_)) => return Poll::Ready(None),
                Ok(Piece::More) => {}
                Err(_) => {
                    self.conn.malformed();
                    return Poll::Ready(Some(Err(Fault::Malformed)));
                }
            }
            let written = wire.poll_flush(context);
            match ready!(wire.poll_fill(context)) {
                Ok(1..) if !matches!(written, Poll::Ready(Err(_))) => {}
                _ => {
                    *rest = Rest::Failed;
                    return Poll::Ready(Some(Err(Fault::Broken)));
                }
            }
        }
    }
}

/// The body of a request.
#[derive(Debug)]
pub(crate) struct RequestBody {
    line: Rc<Line>,
    number: u64,
}

impl RequestBody {
    fn is_current(&self) -> bool {
        self.number == self.line.number.get()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if !self.is_current() {
            return Poll::Ready(Some(Err(Fault::Broken)));
        }
        let piece = ready!(self.line.poll_piece(context));
        if self.line.is_read() {
            // The loop of the connection watches for the client's leaving again.
            self.line.conn.wake_unless(context);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_current() && self.line.is_read()
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.line.rest.borrow().exact();
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
