//! How the data plane tells what happened: a trait here, its sinks in `telemetry`.

use std::fmt;

use crate::bounds::Bound;
use crate::call::Call;
use crate::snapshot::Snapshot;

/// Something that happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionEvent {
    /// A client connected.
    Opened,
    /// It is gone.
    Closed,
    /// What it sent is not HTTP as we accept it; it was closed.
    Malformed,
    /// Its TLS handshake failed.
    HandshakeFailed,
    /// It came from a trusted proxy and did not begin with a good header of the PROXY protocol; it was closed.
    ProxyHeaderRefused,
    /// It was idle, and gave back all room but what it needs to notice the next call.
    Parked,
    /// A connection to an upstream was made.
    UpstreamOpened,
    /// A connection to an upstream was used again.
    UpstreamReused,
    /// No connection to an upstream could be made.
    UpstreamFailed,
}

impl ConnectionEvent {
    /// All, in the order of their metric series.
    pub const ALL: [ConnectionEvent; 9] = [
        ConnectionEvent::Opened,
        ConnectionEvent::Closed,
        ConnectionEvent::Malformed,
        ConnectionEvent::HandshakeFailed,
        ConnectionEvent::ProxyHeaderRefused,
        ConnectionEvent::Parked,
        ConnectionEvent::UpstreamOpened,
        ConnectionEvent::UpstreamReused,
        ConnectionEvent::UpstreamFailed,
    ];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ConnectionEvent::Opened => "opened",
            ConnectionEvent::Closed => "closed",
            ConnectionEvent::Malformed => "malformed",
            ConnectionEvent::HandshakeFailed => "handshake_failed",
            ConnectionEvent::ProxyHeaderRefused => "proxy_header_refused",
            ConnectionEvent::Parked => "parked",
            ConnectionEvent::UpstreamOpened => "upstream_opened",
            ConnectionEvent::UpstreamReused => "upstream_reused",
            ConnectionEvent::UpstreamFailed => "upstream_failed",
        }
    }
}

/// Hands each core its own recorder.
pub trait Recorder: Send + Sync + fmt::Debug {
    /// The recorder of core number `index`.
    fn core(&self, index: usize) -> Box<dyn CoreRecorder>;
}

/// Takes down what happens on one core. Never blocks and never fails a call.
pub trait CoreRecorder: fmt::Debug {
    /// A call is over; `call.decision` is complete.
    fn call(&self, snapshot: &Snapshot, call: &Call);
    /// Whether a trace that begins here is recorded, which the service behind is told by the flag `sampled`.
    fn samples(&self, _trace_id: u128) -> bool {
        true
    }
    /// Whether calls are to carry their digest ([`crate::digest`]); it costs a hash over all that goes upstream.
    fn wants_digest(&self) -> bool {
        false
    }
    /// A bound was reached.
    fn bound(&self, bound: Bound);
    /// A bound was reached so many times.
    fn bounds(&self, bound: Bound, times: u64) {
        (0..times).for_each(|_| self.bound(bound));
    }
    /// Something happened to a connection.
    fn connection(&self, event: ConnectionEvent);
}
