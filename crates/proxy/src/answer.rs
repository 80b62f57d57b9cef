//! The body of an answer on its way to the client, which carries the call to its record.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use engine::{Code, codes};
use http_body::{Body, Frame, SizeHint};

use crate::exchange::is_grpc;
use crate::flight::Flight;
use crate::incoming::Incoming;
use crate::live;
use crate::sample::Sample;
use crate::stream::{Kind, Span, Stream, Why};
use crate::untaken::Untaken;
use crate::upstream::Lease;
use crate::websocket::Tunnel;

/// So much of a known body is handed to a stream of HTTP/2 at once: what was handed over and has not gone is held for a call that may be
/// over, and by no budget.
const PIECE: usize = 32 * 1024;

/// An answer's body.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// Known whole.
    Known(Known),
    /// From the upstream as it comes.
    Streamed(Box<Streamed>),
    /// None: the connection or stream goes on as a WebSocket.
    Switched(Box<Tunnel>),
}

/// A body that is known whole.
#[derive(Debug)]
pub(crate) struct Known {
    bytes: Bytes,
    /// How much of it is handed over at once.
    piece: usize,
    untaken: Option<Untaken>,
    call: Option<Held>,
    /// Checked when the client has it. In a box: an answer is handed on by value, and few are checked.
    sample: Option<Box<Sample>>,
    /// The client took nothing for too long.
    late: bool,
}

/// Where the call of a known body is while its bytes go.
#[derive(Debug)]
enum Held {
    Here(Box<Flight>),
    /// In the core's table: its client takes nothing at the moment, or may on HTTP/2, where nobody else would notice.
    Stream(Rc<Stream>),
}

/// A body that comes from the upstream.
#[derive(Debug)]
pub(crate) struct Streamed {
    incoming: Incoming,
    lease: Option<Lease>,
    stream: Rc<Stream>,
    sample: Option<Sample>,
    bytes: u64,
    ended: bool,
    broken: Option<(&'static Code, &'static str)>,
    /// Whether it can be cut off with a status (gRPC).
    grpc: bool,
    /// Whether its end says no more than that it is to be asked for again.
    events: bool,
    untaken: Untaken,
}

impl AnswerBody {
    /// A body that is known whole; the call is over once it is handed over.
    pub(crate) fn known(bytes: Bytes, flight: Flight) -> Self {
        Self::checked(bytes, flight, None)
    }

    /// The same, from the upstream; with `sample`, a copy of so many bytes at most is checked afterwards.
    pub(crate) fn at_hand(bytes: Bytes, flight: Flight, sample: Option<usize>) -> Self {
        let sample = sample.map(|limit| {
            let mut sample = Sample::new(limit);
            sample.add(&bytes);
            Box::new(sample)
        });
        Self::checked(bytes, flight, sample)
    }

    fn checked(bytes: Bytes, mut flight: Flight, sample: Option<Box<Sample>>) -> Self {
        flight.call.decision.bytes_out = bytes.len() as u64;
        let two = flight.call.request.version == http::Version::HTTP_2 && !bytes.is_empty();
        let untaken = two.then(|| Untaken::of(&flight));
        let call = if two { Held::stream(flight) } else { Held::Here(Box::new(flight)) };
        let piece = if two { PIECE } else { usize::MAX };
        AnswerBody::Known(Known { bytes, piece, untaken, call: Some(call), sample, late: false })
    }

    /// None, of an answer whose call goes on elsewhere.
    pub(crate) fn nothing() -> Self {
        let (bytes, piece) = (Bytes::new(), usize::MAX);
        AnswerBody::Known(Known { bytes, piece, untaken: None, call: None, sample: None, late: false })
    }

    /// A body that comes from the upstream; with `sample`, a copy of so many bytes at most is checked afterwards.
    pub(crate) fn streamed(
        incoming: Incoming,
        lease: Lease,
        flight: Flight,
        (sample, kind): (Option<usize>, Kind),
    ) -> Self {
        let (span, grpc, untaken) = (Span::of(&flight.call), is_grpc(&flight), Untaken::of(&flight));
        let sample = sample.map(Sample::new);
        AnswerBody::Streamed(Box::new(Streamed {
            incoming,
            lease: Some(lease),
            stream: Stream::enter(flight, span, kind),
            sample,
            bytes: 0,
            ended: false,
            broken: None,
            grpc,
            events: kind == Kind::Events,
            untaken,
        }))
    }

    /// The client took some of it.
    pub(crate) fn moved(&self) {
        match self {
            AnswerBody::Known(Known { call: Some(Held::Stream(stream)), .. }) => stream.moved(),
            AnswerBody::Known(_) | AnswerBody::Switched(_) => {}
            AnswerBody::Streamed(streamed) => streamed.stream.moved(),
        }
    }

    /// Whether the client, who takes nothing of it now, took nothing for too long; wakes the task when that is so.
    pub(crate) fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        match self {
            AnswerBody::Known(known) => known.is_overdue(context),
            AnswerBody::Streamed(streamed) => streamed.stream.stuck(context),
            AnswerBody::Switched(_) => false,
        }
    }
}

impl Held {
    fn stream(flight: Flight) -> Self {
        let span = Span::of(&flight.call);
        Held::Stream(Stream::enter(flight, span, Kind::Finite))
    }
}

impl Known {
    fn poll(&mut self) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(untaken) = &mut self.untaken {
            untaken.taken();
        }
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.bytes.split_to(self.bytes.len().min(self.piece));
        if let Some(untaken) = &mut self.untaken {
            untaken.given();
        }
        if let Some(Held::Stream(stream)) = &self.call {
            stream.moved();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// Most clients take a known answer at once. The others must hold neither a snapshot nor a place without an end.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        self.call = match self.call.take() {
            Some(Held::Here(flight)) => Some(Held::stream(*flight)),
            other => other,
        };
        let stream = match &self.call {
            Some(Held::Stream(stream)) => Some(stream),
            _ => None,
        };
        self.late = stream.is_some_and(|stream| stream.stuck(context));
        self.late
    }
}

/// The answer cannot be ended well; the connection or stream has to break.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Broken {}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            AnswerBody::Known(known) => known.poll(),
            AnswerBody::Streamed(streamed) => streamed.poll(context),
            AnswerBody::Switched(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Known(known) => known.bytes.is_empty(),
            AnswerBody::Streamed(streamed) => streamed.ended || streamed.incoming.is_end_stream(),
            AnswerBody::Switched(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Known(known) => SizeHint::with_exact(known.bytes.len() as u64),
            AnswerBody::Streamed(streamed) => streamed.incoming.size_hint(),
            AnswerBody::Switched(_) => SizeHint::with_exact(0),
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let flight = match self.call.take() {
            Some(Held::Here(flight)) => Some(*flight),
            Some(Held::Stream(stream)) => stream.leave(),
            None => None,
        };
        if let Some(mut flight) = flight {
            // Nobody took it, or not all of it: the client went away.
            if !self.bytes.is_empty() || self.late {
                let decision = &mut flight.call.decision;
                decision.aborted = true;
                let left = if self.late { decision.bytes_out } else { self.bytes.len() as u64 };
                decision.bytes_out = decision.bytes_out.saturating_sub(left);
            } else if let Some(sample) = self.sample.take() {
                flight.leave();
                sample.check(flight);
            }
        }
    }
}

impl Streamed {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.untaken.taken();
        if let Some(why) = self.stream.over() {
            return self.cut(why);
        }
        if let Some(trial) = self.untaken.is_on_trial() {
            self.incoming.read_little(trial);
        }
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.stream.moved();
                if let Some(data) = frame.data_ref() {
                    self.untaken.given();
                    self.bytes += data.len() as u64;
                    if let Some(sample) = &mut self.sample {
                        sample.add(data);
                    }
                }
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                self.broken = Some((&codes::UPSTREAM_RESET, "the answer broke off in its body"));
                Poll::Ready(Some(Err(Broken)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending if self.stream.overdue(context) => {
                if let Some(why) = self.stream.due_now() {
                    return self.cut(why);
                }
                self.broken = Some((&codes::UPSTREAM_TIMEOUT, "the answer's body did not end in time"));
                Poll::Ready(Some(Err(Broken)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ends it before its end: by a status where the protocol has one, else by breaking off, so that nobody takes a part for
    /// the whole (RFC 9112 section 8). Events that have lasted as long as they may just end: an event that is not whole is
    /// dropped by who reads it, and the stream asked for again (HTML section 9.2.6).
    fn cut(&mut self, why: Why) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if why == Why::Old && self.events && !self.grpc {
            (self.ended, self.incoming) = (true, Incoming::Nothing);
            return Poll::Ready(None);
        }
        self.broken = why.told();
        if !self.grpc {
            return Poll::Ready(Some(Err(Broken)));
        }
        (self.ended, self.incoming) = (true, Incoming::Nothing);
        Poll::Ready(Some(Ok(Frame::trailers(live::grpc_status(why)))))
    }

    fn end(&mut self) {
        self.ended = true;
        if let Some(lease) = self.lease.take() {
            lease.give_back(&mut self.incoming);
        }
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        if !self.ended && self.incoming.is_end_stream() {
            self.end();
        }
        // Who takes nothing is not told why it ends; the record is.
        let broken = self.broken.or_else(|| {
            let over = self.stream.due_now().filter(|_| !self.ended);
            over.and_then(Why::told)
        });
        let Some(mut flight) = self.stream.leave() else { return };
        flight.leave();
        let decision = &mut flight.call.decision;
        decision.bytes_out = self.bytes;
        if let Some((code, fault)) = broken {
            decision.code = Some(code);
            decision.fault = Some(fault.into());
        } else if !self.ended {
            decision.aborted = true;
        } else if let Some(sample) = self.sample.take() {
            sample.check(flight);
        }
    }
}
