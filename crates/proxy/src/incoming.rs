//! A body that comes in, from whichever side, by whichever version of HTTP.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::http1::body::RequestBody;
use crate::http1::client::{AnswerBody, Connection};

/// Why a body has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its sender broke off.
    Broken,
    /// It breaks the grammar.
    Malformed,
}

/// A body that comes in.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request's over HTTP/1.
    Request(RequestBody),
    /// An answer's over HTTP/1.
    Answer(AnswerBody),
    /// Either over HTTP/2.
    Two(hyper::body::Incoming),
    /// What is left of one that was cut off.
    Nothing,
}

impl Incoming {
    /// The whole body of an answer over HTTP/1, when its length was said and all of it is there already.
    pub(crate) fn at_hand(&mut self) -> Option<Bytes> {
        match self {
            Incoming::Answer(body) => body.at_hand(),
            Incoming::Request(_) | Incoming::Two(_) | Incoming::Nothing => None,
        }
    }

    /// Whether an answer over HTTP/1 is read in short pieces, however long it is.
    pub(crate) fn read_little(&mut self, little: bool) {
        if let Incoming::Answer(body) = self {
            body.read_little(little);
        }
    }

    /// The connection to the upstream that the body came on, when it may carry another call.
    pub(crate) fn take_reusable(&mut self) -> Option<Connection> {
        match self {
            Incoming::Answer(body) => body.take_reusable(),
            Incoming::Request(_) | Incoming::Two(_) | Incoming::Nothing => None,
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.get_mut() {
            Incoming::Request(body) => Pin::new(body).poll_frame(context),
            Incoming::Answer(body) => Pin::new(body).poll_frame(context),
            Incoming::Two(body) => poll_two(body, context),
            Incoming::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Incoming::Request(body) => body.is_end_stream(),
            Incoming::Answer(body) => body.is_end_stream(),
            Incoming::Two(body) => body.is_end_stream(),
            Incoming::Nothing => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Incoming::Request(body) => body.size_hint(),
            Incoming::Answer(body) => body.size_hint(),
            Incoming::Two(body) => body.size_hint(),
            Incoming::Nothing => SizeHint::with_exact(0),
        }
    }
}

/// The library takes a stream that ends by NO_ERROR (RST_STREAM, or GOAWAY below it) for one that is whole, wherever it stands. Only
/// END_STREAM says that (RFC 9113 section 8.1).
fn poll_two(
    body: &mut hyper::body::Incoming,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
    match Pin::new(&mut *body).poll_frame(context) {
        Poll::Ready(None) if !body.is_end_stream() => Poll::Ready(Some(Err(Fault::Broken))),
        polled => polled.map_err(|_| Fault::Broken),
    }
}
