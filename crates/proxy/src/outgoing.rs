//! The body of a request on its way to the upstream.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::incoming::Incoming;

/// How far a body that passes has come. The call waits for the answer beside it.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    /// Bytes so far.
    pub(crate) bytes: Cell<u64>,
    /// What became of it.
    pub(crate) state: Cell<Passed>,
    waker: RefCell<Option<Waker>>,
}

/// What became of a body that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Passed {
    /// More is to come.
    #[default]
    Open,
    /// All of it went.
    Whole,
    /// It is longer than its bound.
    TooLarge,
    /// The client broke off, or broke the grammar.
    Broken,
}

impl Passing {
    /// Wakes the task when something becomes of the body.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *slot = Some(context.waker().clone());
        }
    }

    fn become_now(&self, state: Passed) {
        self.state.set(state);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A body as it goes upstream.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// There is none.
    Empty,
    /// Buffered and checked.
    Whole(Bytes),
    /// From the client's connection, unread.
    Pass(Box<Pass>),
}

/// A body that passes unread under a bound.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) incoming: Incoming,
    pub(crate) passing: Rc<Passing>,
    pub(crate) limit: u64,
    /// Whether trailers pass too: gRPC's own only (THREATS row 44).
    pub(crate) trailers: bool,
}

impl Outgoing {
    /// A second one for a second try; only what was buffered has one.
    pub(crate) fn copy(&self) -> Option<Self> {
        match self {
            Outgoing::Empty => Some(Outgoing::Empty),
            Outgoing::Whole(bytes) => Some(Outgoing::Whole(bytes.clone())),
            Outgoing::Pass(_) => None,
        }
    }
}

/// Why a body broke off.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body broke off")
    }
}

impl std::error::Error for BrokenOff {}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Outgoing::Empty => Poll::Ready(None),
            Outgoing::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Outgoing::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Outgoing::Pass(pass) => pass.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Empty => true,
            Outgoing::Whole(bytes) => bytes.is_empty(),
            Outgoing::Pass(pass) => pass.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Empty => SizeHint::with_exact(0),
            Outgoing::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Outgoing::Pass(pass) => pass.incoming.size_hint(),
        }
    }
}

impl Pass {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            let frame = match std::task::ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => {
                    self.passing.become_now(Passed::Broken);
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                None => {
                    self.passing.become_now(Passed::Whole);
                    return Poll::Ready(None);
                }
            };
            if let Some(data) = frame.data_ref() {
                let bytes = self.passing.bytes.get() + data.len() as u64;
                self.passing.bytes.set(bytes);
                if bytes > self.limit {
                    self.passing.become_now(Passed::TooLarge);
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                if self.incoming.is_end_stream() {
                    self.passing.become_now(Passed::Whole);
                }
            } else if !self.trailers {
                continue;
            }
            return Poll::Ready(Some(Ok(frame)));
        }
    }
}
