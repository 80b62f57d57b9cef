//! Every bound of the data plane in one place (invariant 6): what may grow with the input stops here, and reaching a
//! bound is an event that is counted by name.

use std::time::Duration;

/// Longest request target, in bytes; more is 414.
pub const TARGET_BYTES: usize = 8 * 1024;
/// Most header fields in a message; more is 431.
pub const HEADERS: usize = 100;
/// Longest header section, in bytes; more is 431.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Longest body that is buffered unless the configuration says otherwise, in bytes; more is 413.
pub const BODY_BYTES: u64 = 1024 * 1024;
/// Longest body that passes unread unless the configuration says otherwise, in bytes; more is 413.
pub const PASS_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes that all buffered bodies of one core may hold at one time; more is 503.
pub const CORE_BODY_BYTES: usize = 256 * 1024 * 1024;
/// How much of an answer is copied for a check in shadow, in bytes.
pub const SAMPLE_BYTES: usize = 64 * 1024;
/// Open connections from clients per core.
pub const CONNECTIONS: usize = 20_000;
/// Longest ClientHello that is read, in bytes, headers of its records included; more ends the handshake. A large one, with a
/// post-quantum key share and a ticket that holds a client's chain, is a third of it.
pub const CLIENT_HELLO_BYTES: usize = 16 * 1024;
/// How much of a ClientHello is kept with its connection, in bytes.
pub const CLIENT_HELLO_KEPT: usize = 4 * 1024;
/// Longest header of the PROXY protocol, in bytes; more ends the connection. Version 1 has 107 at most.
pub const PROXY_HEADER_BYTES: usize = 2 * 1024;
/// Streams that one HTTP/2 connection may have open at one time.
pub const STREAMS: u32 = 100;
/// Streams of one HTTP/2 connection that were reset and are still remembered.
pub const RESET_STREAMS: usize = 50;
/// Idle connections kept per upstream target and core.
pub const IDLE_UPSTREAM: usize = 128;
/// Snapshots alive at one time (invariant 4); a reload waits for the oldest to end.
pub const LIVE_SNAPSHOTS: usize = 4;
/// Jobs waiting for a worker thread; more is 503.
pub const OFFLOAD_QUEUE: usize = 256;
/// Violations reported for one call; the rest is counted.
pub const VIOLATIONS: usize = 64;
/// Verified tokens remembered per core.
pub const TOKENS: usize = 16_384;
/// Rate cells in the process.
pub const CELLS: usize = 1 << 20;
/// Bytes of a note or detail kept with a verdict.
pub const DETAIL_BYTES: usize = 512;
/// Lines waiting to be written to the access log per core; more are counted as lost.
pub const LOG_QUEUE: usize = 4_096;

/// How long a client may take to send a complete head.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection may sit idle between calls.
pub const IDLE_TIME: Duration = Duration::from_secs(75);
/// How long a body that is buffered may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// How long a drain waits for calls in flight.
pub const DRAIN_TIME: Duration = Duration::from_secs(30);
/// How long a trusted proxy may take to say whose connection it is.
pub const PROXY_HEADER_TIME: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// A bound that was reached; each is a series of the metric `yett_bound_reached_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// [`CONNECTIONS`].
    Connections,
    /// [`CORE_BODY_BYTES`].
    CoreBodies,
    /// The body bound of an operation.
    Body,
    /// [`OFFLOAD_QUEUE`].
    OffloadQueue,
    /// [`LOG_QUEUE`].
    LogQueue,
    /// [`LIVE_SNAPSHOTS`].
    Snapshots,
    /// [`CELLS`].
    Cells,
    /// [`HEAD_TIME`].
    HeadTime,
    /// [`BODY_TIME`].
    BodyTime,
    /// [`HANDSHAKE_TIME`].
    HandshakeTime,
    /// [`CLIENT_HELLO_BYTES`].
    ClientHello,
    /// [`PROXY_HEADER_BYTES`].
    ProxyHeader,
    /// [`PROXY_HEADER_TIME`].
    ProxyHeaderTime,
    /// A response that was not sampled for a check in shadow because it was too large or the pool was full.
    Unsampled,
}

impl Bound {
    /// All, in the order of their metric series.
    pub const ALL: [Bound; 14] = [
        Bound::Connections,
        Bound::CoreBodies,
        Bound::Body,
        Bound::OffloadQueue,
        Bound::LogQueue,
        Bound::Snapshots,
        Bound::Cells,
        Bound::HeadTime,
        Bound::BodyTime,
        Bound::HandshakeTime,
        Bound::ClientHello,
        Bound::ProxyHeader,
        Bound::ProxyHeaderTime,
        Bound::Unsampled,
    ];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Connections => "connections",
            Bound::CoreBodies => "core_bodies",
            Bound::Body => "body",
            Bound::OffloadQueue => "offload_queue",
            Bound::LogQueue => "log_queue",
            Bound::Snapshots => "snapshots",
            Bound::Cells => "cells",
            Bound::HeadTime => "head_time",
            Bound::BodyTime => "body_time",
            Bound::HandshakeTime => "handshake_time",
            Bound::ClientHello => "client_hello",
            Bound::ProxyHeader => "proxy_header",
            Bound::ProxyHeaderTime => "proxy_header_time",
            Bound::Unsampled => "unsampled",
        }
    }
}
