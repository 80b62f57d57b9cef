//! A copy of an answer, for controls in shadow to look at when the client has it.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use engine::Body as WholeBody;
use engine::bounds::Bound;

use crate::core::Core;
use crate::flight::Flight;

/// Checks of copies that one core has going at one time.
const SAMPLES: usize = 64;

/// A copy for a check in shadow.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Most answers come in one piece.
    first: Bytes,
    /// Copied, so that many small pieces do not keep many buffers alive.
    rest: BytesMut,
    length: usize,
    limit: usize,
}

impl Sample {
    /// Of so many bytes at most.
    pub(crate) fn new(limit: usize) -> Self {
        Self { first: Bytes::new(), rest: BytesMut::new(), length: 0, limit }
    }

    /// Copies a piece of the answer.
    pub(crate) fn add(&mut self, data: &Bytes) {
        self.length = self.length.saturating_add(data.len());
        if self.length > self.limit {
            (self.first, self.rest) = (Bytes::new(), BytesMut::new());
        } else if self.first.is_empty() {
            self.first = data.clone();
        } else {
            self.rest.extend_from_slice(data);
        }
    }

    fn bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::with_capacity(self.length);
        whole.extend_from_slice(&self.first);
        whole.extend_from_slice(&self.rest);
        whole.freeze()
    }

    /// Checks the copy when the client has its answer; the call is recorded after that.
    pub(crate) fn check(self, mut flight: Flight) {
        let core = Rc::clone(&flight.core);
        let running = tokio::runtime::Handle::try_current().is_ok();
        if !running || self.length > self.limit || core.sampling.get() >= SAMPLES {
            core.recorder.bound(Bound::Unsampled);
            return;
        }
        let Some(plan) = flight.call.operation.clone() else { return };
        flight.call.response.body = WholeBody::new(self.bytes());
        let ticket = Ticket::take(core);
        tokio::task::spawn_local(async move {
            let (pipeline, call) = flight.pipeline();
            // In shadow a verdict is kept and stops nothing.
            let _ = pipeline.response_body(call, &plan).await;
            drop(flight);
            drop(ticket);
        });
    }
}

/// One of [`SAMPLES`].
struct Ticket(Rc<Core>);

impl Ticket {
    fn take(core: Rc<Core>) -> Self {
        core.sampling.set(core.sampling.get() + 1);
        Self(core)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.sampling.set(self.0.sampling.get().saturating_sub(1));
    }
}
