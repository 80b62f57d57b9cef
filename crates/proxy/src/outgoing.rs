//! The body of a request on its way to the upstream.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use engine::Tick;
use engine::bounds::{self, Bound};
use engine::digest::CallDigest;
use http_body::{Body, Frame, SizeHint};

use crate::core::Core;
use crate::hops;
use crate::incoming::Incoming;
use crate::pace::Pace;

/// How far a body that passes has come. The call waits for the answer beside it.
#[derive(Debug)]
pub(crate) struct Passing {
    core: Rc<Core>,
    /// Bytes so far.
    pub(crate) bytes: Cell<u64>,
    /// What became of it.
    pub(crate) state: Cell<Passed>,
    waker: RefCell<Option<Waker>>,
    pace: Cell<Pace>,
    /// While the client is waited for: when it is too slow.
    slow: Cell<Option<Tick>>,
    digest: RefCell<Option<CallDigest>>,
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
    /// The client was too slow.
    Slow,
}

impl Passing {
    /// Of a body of which nothing went yet, to be added to `digest`.
    pub(crate) fn new(core: &Rc<Core>, digest: Option<CallDigest>) -> Self {
        Self {
            core: Rc::clone(core),
            bytes: Cell::new(0),
            state: Cell::new(Passed::Open),
            waker: RefCell::new(None),
            pace: Cell::new(Pace::new(bounds::BODY_GRACE, bounds::BODY_RATE)),
            slow: Cell::new(None),
            digest: RefCell::new(digest),
        }
    }

    /// When the client is too slow if nothing comes; `None` while it is not waited for.
    pub(crate) fn slow_at(&self) -> Option<Tick> {
        self.slow.get()
    }

    /// Whether the client is too slow by now; then the body has failed.
    pub(crate) fn is_too_slow(&self) -> bool {
        let slow =
            self.state.get() == Passed::Open && self.slow.get().is_some_and(|at| at <= self.core.clock.now());
        if slow {
            self.state.set(Passed::Slow);
            self.core.recorder.bound(Bound::BodyRate);
        }
        slow
    }

    /// The digest of the call, when it was asked for and all of the body went.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        let whole = self.state.get() == Passed::Whole;
        self.digest.borrow_mut().take().filter(|_| whole).map(CallDigest::finish)
    }

    /// Notes that the client is waited for; whoever waits for the answer learns how long that may be.
    fn waits(&self, context: &Context<'_>) {
        let mut pace = self.pace.get();
        self.slow.set(Some(pace.waits(|| self.core.clock.now())));
        self.pace.set(pace);
        let mut slot = self.waker.borrow_mut();
        if slot.as_ref().is_some_and(|waker| !waker.will_wake(context.waker()))
            && let Some(waker) = slot.take()
        {
            waker.wake();
        }
    }

    fn came(&self, data: &Bytes) {
        let mut pace = self.pace.get();
        pace.came(data.len(), || self.core.clock.now());
        self.pace.set(pace);
        self.slow.set(None);
        if let Some(digest) = &mut *self.digest.borrow_mut() {
            digest.body(data);
        }
    }

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
            let Poll::Ready(next) = Pin::new(&mut self.incoming).poll_frame(context) else {
                self.passing.waits(context);
                return Poll::Pending;
            };
            let frame = match next {
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
                self.passing.came(data);
                if bytes > self.limit {
                    self.passing.become_now(Passed::TooLarge);
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                if self.incoming.is_end_stream() {
                    self.passing.become_now(Passed::Whole);
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            if let (true, Ok(mut trailers)) = (self.trailers, frame.into_trailers()) {
                hops::keep_grpc(&mut trailers);
                if !trailers.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
            }
        }
    }
}
