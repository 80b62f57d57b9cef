//! An upstream's connection: one call at a time, driven by the task of the call.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use engine::bounds;
use http::Method;
use http_body::{Body, Frame, SizeHint};

use super::answer::{self, Head};
use super::chunks::Piece;
use super::encode::{self, Ends};
use super::rest::Rest;
use super::wire::{Socket, Wire};
use crate::hops;
use crate::incoming::Fault;
use crate::outgoing::Outgoing;
use crate::upstream::Permit;

/// Why no answer came.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The connection ended, and how.
    Broken(Box<str>),
    /// What came is no answer.
    Malformed(&'static str),
    /// More interim answers than [`bounds::INTERIM`].
    Interim,
    /// The client's body did not come whole.
    Client,
}

/// A connection; it carries a call, or waits for one.
#[derive(Debug)]
pub(crate) struct Connection(Box<Inner>);

#[derive(Debug)]
struct Inner {
    wire: Wire,
    peer: SocketAddr,
    /// Counts it as open.
    _permit: Permit,
    method: Method,
    sending: Sending,
    /// Whether the body that is on its way was read from: what is left of it is no request any more.
    begun: bool,
    rest: Rest,
    keep_alive: bool,
    /// Whether it carries no other call whatever the answer says: it was asked to speak another protocol.
    last: bool,
    /// Bytes of an incomplete head that were searched for its end already.
    searched: usize,
    interim: usize,
}

/// How far the request has come.
#[derive(Debug)]
enum Sending {
    /// All of it is queued.
    Whole,
    /// Its body is still on its way.
    Body(Outgoing, Ends),
    /// Its body broke off.
    Failed,
}

impl Connection {
    /// A connection to `peer` that was just made.
    pub(crate) fn new(socket: Socket, peer: SocketAddr, permit: Permit) -> Self {
        Self(Box::new(Inner {
            wire: Wire::new(socket, BytesMut::new()),
            peer,
            _permit: permit,
            method: Method::GET,
            sending: Sending::Whole,
            begun: false,
            rest: Rest::Nothing,
            keep_alive: true,
            last: false,
            searched: 0,
            interim: 0,
        }))
    }

    /// Where it leads.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Whether a connection that waits can carry another call: nobody closed it, and nothing was said unasked.
    pub(crate) fn is_open(&mut self) -> bool {
        self.0.wire.is_silent()
    }

    /// Queues a request; `head` writes its first line and its fields but those about the body.
    pub(crate) fn send(&mut self, method: &Method, outgoing: Outgoing, head: impl FnOnce(&mut Vec<u8>)) {
        let inner = &mut *self.0;
        inner.method = method.clone();
        (inner.rest, inner.searched, inner.interim, inner.begun) = (Rest::Nothing, 0, 0, false);
        inner.wire.forget_written();
        let ends = match &outgoing {
            Outgoing::Empty if !encode::says_empty(method) => Ends::Silently,
            _ => outgoing.size_hint().exact().map_or(Ends::Chunked, Ends::After),
        };
        let out = inner.wire.outbox();
        head(out);
        ends.write(out);
        out.extend_from_slice(b"\r\n");
        inner.sending = match outgoing {
            Outgoing::Empty => Sending::Whole,
            Outgoing::Whole(bytes) => {
                inner.wire.push(bytes);
                Sending::Whole
            }
            passing @ Outgoing::Pass(_) => Sending::Body(passing, ends),
        };
    }

    /// After this call it carries no other.
    pub(crate) fn ends_with_this(&mut self) {
        self.0.last = true;
    }

    /// Its socket, after another protocol was agreed on.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        &mut self.0.wire
    }

    /// Whether not one byte of the request was handed to the socket.
    pub(crate) fn is_unsent(&self) -> bool {
        !self.0.wire.has_written()
    }

    /// The body that was to be sent, when none of it was read.
    pub(crate) fn into_unsent_body(self) -> Option<Outgoing> {
        match self.0.sending {
            Sending::Body(outgoing, _) if !self.0.begun && !self.0.wire.has_written() => Some(outgoing),
            _ => None,
        }
    }

    /// Sends, and waits for the head of the answer.
    pub(crate) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, NoAnswer>> {
        let inner = &mut *self.0;
        // What cannot be written any more may have been answered all the same.
        let sent = inner.poll_send(context);
        if matches!(sent, Poll::Ready(Err(Unsent::Body))) {
            return Poll::Ready(Err(NoAnswer::Client));
        }
        loop {
            if let Some(head) = inner.take_head()? {
                return Poll::Ready(Ok(head));
            }
            match ready!(inner.wire.poll_fill(context)) {
                Ok(0) if inner.wire.inbox.is_empty() => return gone("closed without an answer"),
                Ok(0) => return gone("closed within the head of an answer"),
                Ok(_) => {}
                Err(error) => return gone(error.to_string()),
            }
        }
    }
}

fn gone<T>(why: impl Into<Box<str>>) -> Poll<Result<T, NoAnswer>> {
    Poll::Ready(Err(NoAnswer::Broken(why.into())))
}

/// Why a request did not go out whole.
enum Unsent {
    Wire,
    Body,
}

impl Inner {
    fn take_head(&mut self) -> Result<Option<Head>, NoAnswer> {
        loop {
            let inbox = &self.wire.inbox;
            // Another look is worth it only when a line has ended since.
            let fresh = inbox.get(self.searched..).unwrap_or_default();
            let ended = self.searched == 0 || memchr::memchr(b'\n', fresh).is_some();
            if fresh.is_empty() || !(ended || inbox.len() > bounds::HEADER_BYTES) {
                return Ok(None);
            }
            let mut spans = answer::Spans::new();
            let Some(found) = answer::find(inbox, &mut spans).map_err(NoAnswer::Malformed)? else {
                self.searched = inbox.len();
                return Ok(None);
            };
            self.searched = 0;
            let bytes = self.wire.inbox.split_to(found.length).freeze();
            let head = answer::read(&bytes, found, &spans, &self.method).map_err(NoAnswer::Malformed)?;
            if head.status.is_informational() && head.status != http::StatusCode::SWITCHING_PROTOCOLS {
                self.interim += 1;
                if self.interim > bounds::INTERIM {
                    return Err(NoAnswer::Interim);
                }
                continue;
            }
            self.keep_alive = head.keep_alive;
            self.rest = Rest::of_answer(head.framing);
            return Ok(Some(head));
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unsent>> {
        loop {
            let body = match &mut self.sending {
                Sending::Body(..) if self.wire.is_full() => Poll::Ready(()),
                Sending::Body(outgoing, _) => match Pin::new(outgoing).poll_frame(context) {
                    Poll::Ready(frame) => {
                        self.begun = true;
                        self.queue(frame.map(|frame| frame.map_err(|_| ())))?;
                        continue;
                    }
                    Poll::Pending => Poll::Pending,
                },
                Sending::Failed => return Poll::Ready(Err(Unsent::Body)),
                Sending::Whole => Poll::Ready(()),
            };
            if ready!(self.wire.poll_flush(context)).is_err() {
                return Poll::Ready(Err(Unsent::Wire));
            }
            ready!(body);
            if matches!(self.sending, Sending::Whole) {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Queues what the body gave.
    fn queue(&mut self, frame: Option<Result<Frame<Bytes>, ()>>) -> Result<(), Unsent> {
        let Sending::Body(outgoing, ends) = &mut self.sending else { return Ok(()) };
        let ended = match frame {
            // Trailers of a request end here (THREATS row 44).
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    match ends {
                        Ends::After(left) if *left >= data.len() as u64 => {
                            *left -= data.len() as u64;
                            self.wire.push(data);
                        }
                        Ends::Chunked => encode::chunk(&mut self.wire, data),
                        // Longer than its head says.
                        _ => {
                            self.sending = Sending::Failed;
                            return Err(Unsent::Body);
                        }
                    }
                }
                outgoing.is_end_stream()
            }
            None => true,
            Some(Err(())) => {
                self.sending = Sending::Failed;
                return Err(Unsent::Body);
            }
        };
        match (ended, ends) {
            (false, _) => {}
            (true, Ends::After(1..)) => {
                self.sending = Sending::Failed;
                return Err(Unsent::Body);
            }
            (true, Ends::Chunked) => {
                self.wire.outbox().extend_from_slice(encode::LAST_CHUNK);
                self.sending = Sending::Whole;
            }
            (true, _) => self.sending = Sending::Whole,
        }
        Ok(())
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if !matches!(self.sending, Sending::Whole) || !self.wire.is_flushed() {
            // The rest of the request goes on; when it fails, the answer may still be whole.
            let _ = self.poll_send(context);
        }
        loop {
            match self.rest.next(&mut self.wire.inbox) {
                Ok(Piece::Data(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(Piece::End(None)) => return Poll::Ready(None),
                Ok(Piece::End(Some(mut trailers))) => {
                    hops::strip_trailers(&mut trailers);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Piece::More) => {}
                Err(_) => return Poll::Ready(Some(Err(Fault::Malformed))),
            }
            let read: io::Result<usize> = ready!(self.wire.poll_fill(context));
            match (read, &self.rest) {
                (Ok(1..), _) => {}
                (Ok(0), Rest::Close) => self.rest = Rest::Nothing,
                _ => {
                    self.rest = Rest::Failed;
                    return Poll::Ready(Some(Err(Fault::Broken)));
                }
            }
        }
    }
}

/// The body of an answer; it has the connection until its end.
#[derive(Debug)]
pub(crate) struct AnswerBody(Option<Connection>);

impl AnswerBody {
    /// The body of the answer whose head `connection` gave.
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Some(connection))
    }

    /// The connection, after the upstream agreed to another protocol.
    pub(crate) fn into_connection(self) -> Option<Connection> {
        self.0
    }

    /// The whole body, when its length was said and all of it is there already.
    pub(crate) fn at_hand(&mut self) -> Option<Bytes> {
        let inner = &mut *self.0.as_mut()?.0;
        let length = inner.rest.exact().filter(|_| matches!(inner.sending, Sending::Whole))?;
        if length > inner.wire.inbox.len() as u64 {
            return None;
        }
        match inner.rest.next(&mut inner.wire.inbox) {
            Ok(Piece::Data(bytes)) => Some(bytes),
            Ok(Piece::End(None)) => Some(Bytes::new()),
            _ => None,
        }
    }

    /// Whether it is read in short pieces, however long it is.
    pub(crate) fn read_little(&mut self, little: bool) {
        if let Some(connection) = &mut self.0 {
            connection.0.wire.read_little(little);
        }
    }

    /// The connection, when it may carry another call: both messages are over, and nothing was said unasked.
    pub(crate) fn take_reusable(&mut self) -> Option<Connection> {
        let mut connection = self.0.take()?;
        let inner = &mut *connection.0;
        inner.wire.relax();
        let over = inner.rest.is_nothing()
            && matches!(inner.sending, Sending::Whole)
            && inner.wire.is_flushed()
            && inner.wire.inbox.is_empty();
        (over && inner.keep_alive && !inner.last).then_some(connection)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.0 {
            Some(connection) => connection.0.poll_piece(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|connection| connection.0.rest.is_nothing())
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.0.as_ref().map_or(Some(0), |connection| connection.0.rest.exact());
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
