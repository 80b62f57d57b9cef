//! A call on its way, and the promise that it is recorded exactly once.
//!
//! Whoever holds the [`Flight`] answers for the call. It is recorded when the flight is dropped: after the answer's last
//! byte, or when the client went away, or when a task was cancelled; there is no path without a record.
//!
//! While checks run, a call keeps the snapshot that it began with. While an answer streams, it is a [`Stream`] in the
//! table of its core, and goes over to the snapshot that a reload brings.
//!
//! [`Stream`]: crate::stream::Stream

use std::rc::Rc;
use std::sync::Arc;

use engine::bounds::Bound;
use engine::call::{BodyLength, Trace};
use engine::pipeline::Pipeline;
use engine::trace::TraceParent;
use engine::{Call, CoreSnapshot, Request, Tick};
use http::HeaderMap;

use crate::alarm::Alarm;
use crate::connection::Conn;
use crate::core::Core;
use crate::outgoing::Passing;
use crate::websocket::Opening;

/// A call and what it holds.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) core: Rc<Core>,
    pub(crate) conn: Rc<Conn>,
    pub(crate) pin: Rc<CoreSnapshot>,
    pub(crate) call: Box<Call>,
    /// On HTTP/2 each call has its own; on HTTP/1 the connection's serves.
    own_alarm: Option<Alarm>,
    pub(crate) passing: Option<Rc<Passing>>,
    /// The handshake of a WebSocket that the upstream is to answer.
    pub(crate) opening: Option<Box<Opening>>,
    on_connection: bool,
}

impl Flight {
    /// A call whose head is there.
    pub(crate) fn new(core: Rc<Core>, conn: Rc<Conn>, started: Tick, request: Request) -> Self {
        // The box first: a call is made where it stays, for it is large.
        let room = Box::new_uninit();
        let new = Call::new(core.ids.call(), (started, core.unix()), conn.peer.clone(), request);
        let mut call = Box::write(room, new);
        call.trace.link = traceparent(&call.request.headers);
        let two = call.request.version == http::Version::HTTP_2;
        Self {
            pin: core.current(),
            own_alarm: two.then(|| Alarm::new(Arc::clone(&core.clock))),
            core,
            conn,
            call,
            passing: None,
            opening: None,
            on_connection: true,
        }
    }

    /// The deadline of the call.
    pub(crate) fn alarm(&self) -> &Alarm {
        self.own_alarm.as_ref().unwrap_or(&self.conn.alarm)
    }

    /// The pipeline, and the call that it is to run.
    pub(crate) fn pipeline(&mut self) -> (Pipeline<'_>, &mut Call) {
        let Self { core, pin, call, .. } = self;
        (Pipeline { core: pin, clock: &*core.clock, offload: &core.offload }, call)
    }

    /// From a trusted hop the trace goes on; else the caller's stays a link.
    pub(crate) fn join_trace(&mut self) {
        match self.call.trace.link {
            Some(TraceParent { trace_id, span_id, flags }) if self.call.trusted => {
                let current = TraceParent { trace_id, span_id: self.core.ids.span(), flags };
                self.call.trace = Trace { current, parent: Some(span_id), link: None };
            }
            _ => {
                let current = &mut self.call.trace.current;
                current.flags = u8::from(self.core.recorder.samples(current.trace_id));
            }
        }
    }

    /// The answer has gone; the connection is free for the next call.
    pub(crate) fn leave(&mut self) -> Tick {
        let now = self.core.clock.now();
        if self.on_connection {
            self.on_connection = false;
            self.call.decision.timings.total = now.since(self.call.started);
            self.conn.end(now);
        }
        now
    }

    /// Goes over to a new snapshot; false when its operation is not in it.
    pub(crate) fn rebind(&mut self, new: &Rc<CoreSnapshot>) -> bool {
        let old = std::mem::replace(&mut self.pin, Rc::clone(new));
        let (old, new) = (old.snapshot(), new.snapshot());
        for verdict in &mut self.call.decision.verdicts {
            for place in [&mut verdict.place, &mut verdict.contract] {
                *place = new.place_like(old.place(*place));
            }
        }
        let call = &mut *self.call;
        let Some(plan) = &call.operation else { return true };
        let Some(like) = new.operation_like(plan) else { return false };
        // A control may keep what was proven, and it is numbered as the old snapshot has it.
        plan.names.translate(&like.names, &mut call.proofs);
        call.operation = Some(Arc::clone(like));
        true
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leave();
        let Self { core, pin, call, passing, .. } = self;
        if let Some(passing) = passing {
            call.decision.bytes_in = passing.bytes.get();
            call.decision.digest = passing.digest();
        }
        if call.decision.status == 0 {
            call.decision.aborted = true;
        }
        if call.decision.long_work {
            core.recorder.bound(Bound::LongWork);
        }
        let pipeline = Pipeline { core: pin, clock: &*core.clock, offload: &core.offload };
        pipeline.observe(call);
        core.recorder.call(pin.snapshot(), call);
    }
}

/// The caller's `traceparent`, when there is exactly one.
fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    TraceParent::parse(value.to_str().ok()?)
}

/// Whether the head says that a body follows.
pub(crate) fn has_body(length: BodyLength) -> bool {
    length != BodyLength::Empty
}
