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
/// Bytes that bodies may hold at one time, buffered or parsed, for each core: the cores share what that comes to, unless the command
/// line says otherwise, and it is never more than [`BODIES_SHARE`] of the memory there is. More is 503.
pub const BODIES_BYTES: usize = 256 * 1024 * 1024;
/// The part of the process's memory that bodies may hold: one in so many.
pub const BODIES_SHARE: usize = 4;
/// Longest body that a configuration may let be buffered, in bytes.
pub const WHOLE_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of a body on which work leaves the thread of its connection: some 500 µs of it.
pub const LONG_BODY: usize = 128 * 1024;
/// How much of an answer is copied for a check in shadow, in bytes.
pub const SAMPLE_BYTES: usize = 64 * 1024;
/// Open connections from clients per core.
pub const CONNECTIONS: usize = 20_000;
/// Open connections from one address (of IPv6 its /64), for each core of the process: nobody takes more than half of the room. A
/// listener may have less, and less in all.
pub const ADDRESS_CONNECTIONS: u32 = 10_000;
/// Longest ClientHello that is read, in bytes, headers of its records included; more ends the handshake. A large one, with a
/// post-quantum key share and a ticket that holds a client's chain, is a third of it.
pub const CLIENT_HELLO_BYTES: usize = 16 * 1024;
/// How much of a ClientHello is kept with its connection, in bytes.
pub const CLIENT_HELLO_KEPT: usize = 4 * 1024;
/// Longest header of the PROXY protocol, in bytes; more ends the connection. Version 1 has 107 at most.
pub const PROXY_HEADER_BYTES: usize = 2 * 1024;
/// Streams that one HTTP/2 connection may have open at one time.
pub const STREAMS: u32 = 100;
/// Initial window of a client's streams, in bytes, below which it may have [`SMALL_WINDOW_STREAMS`] only: an answer that waits for
/// its window holds a connection to the upstream, and what was read of it.
pub const SMALL_WINDOW: u32 = 4 * 1024;
/// Calls that such a client may have under way on one connection; more are 503.
pub const SMALL_WINDOW_STREAMS: u32 = 1;
/// Streams that such a client may open before as many of them are over; one more ends its connection: each that is refused holds
/// memory of its connection as well.
pub const SMALL_WINDOW_OPENED: u32 = 4;
/// Streams that a connection of HTTP/2 may have open when it has shown nothing yet; those behind them wait, as the bytes that came. It
/// may have one more for each answer that its client took, or [`ROOM_BYTES`] of one, and twice as many each [`TURN`] in which none of
/// its answers waits for its client.
pub const FIRST_STREAMS: u32 = 2;
/// The same of a client whose windows, of its streams and of the connection, are [`WIDE_WINDOW`] at least: browsers' are.
pub const FIRST_STREAMS_WIDE: u32 = 16;
/// A window in bytes in which a whole answer finds room, mostly; who took so much of answers is believed to take more.
pub const WIDE_WINDOW: u32 = 1024 * 1024;
/// Bytes of answers that a client takes for one stream more: no less than its windows give away unasked.
pub const ROOM_BYTES: u64 = 64 * 1024;
/// Bytes of streams that wait; more are not read until some of them go on.
pub const WAITING_BYTES: usize = 256 * 1024;
/// Streams of one HTTP/2 connection that were reset and are still remembered.
pub const RESET_STREAMS: usize = 50;
/// Streams that a client of HTTP/2 may reset at once, and how many more every second; a page that is left resets a hundred.
pub const CLIENT_RESETS: Rate = Rate { burst: 200, per_second: 50 };
/// Frames of HTTP/2 that carry nothing (SETTINGS, PING, PRIORITY, unknown types, DATA without data) that may come at once, and how
/// many more every second. Whoever sends more comes back with as many on a new connection: others wait for all of them.
pub const CONTROL_FRAMES: Rate = Rate { burst: 150, per_second: 100 };
/// Frames of a WebSocket that carry nothing (pings, pongs, empty fragments) that may come at once, and how many more every second.
pub const CRUMBS: Rate = Rate { burst: 1_000, per_second: 100 };
/// Longest message of a WebSocket unless the configuration says otherwise, in bytes; more closes it with 1009.
pub const MESSAGE_BYTES: usize = 1024 * 1024;
/// Messages that the client of a WebSocket may send at once, and how many more every second, unless the configuration says
/// otherwise; more close it with 1008.
pub const MESSAGES: Rate = Rate { burst: 10_000, per_second: 2_000 };
/// Heads of the class 1xx that an upstream may send before its answer (RFC 9110 section 15.2); more are a fault of its.
pub const INTERIM: usize = 16;
/// Targets of one upstream; the calls of one are tried at each of them once at most.
pub const TARGETS: usize = 64;
/// Largest weight of a target.
pub const WEIGHT: u32 = 1_000;
/// Addresses of one name; more are not used.
pub const ADDRESSES: usize = 64;
/// Idle connections kept per upstream target and core, unless the configuration says otherwise.
pub const IDLE_UPSTREAM: usize = 256;
/// Copies of calls that are under way to mirrors per core; more are not made.
pub const MIRRORED: usize = 256;
/// What is read of an answer to such a copy, in bytes; what is longer ends its connection.
pub const MIRROR_ANSWER: usize = 1024 * 1024;
/// Snapshots alive at one time (invariant 4); a reload waits for the oldest to end.
pub const LIVE_SNAPSHOTS: usize = 4;
/// Jobs waiting for a worker thread; more is 503.
pub const OFFLOAD_QUEUE: usize = 256;
/// Violations reported for one call; the rest is counted.
pub const VIOLATIONS: usize = 64;
/// Verified tokens remembered per core.
pub const TOKENS: usize = 16_384;
/// Principals of API keys remembered per core and control: what is over is made anew.
pub const KEY_PRINCIPALS: usize = 4_096;
/// Principals of client certificates remembered per core and control: what is over is made anew.
pub const CERTIFICATE_PRINCIPALS: usize = 4_096;
/// Longest subject that a client certificate names, in bytes; a longer one names nobody. The longest that can be revoked.
pub const CERTIFICATE_SUBJECT: usize = 1_024;
/// Entries of a table that says which certificates of an authority are let in.
pub const CERTIFICATE_GRANTS: usize = 10_000;
/// Users of one file of passwords.
pub const USERS: usize = 10_000;
/// Bytes of such a file.
pub const USERS_BYTES: usize = 4 << 20;
/// Passwords that are being checked at one time in the process, or wait for a thread that does: each takes up to 64 MiB while it is
/// hashed. More are 503.
pub const PASSWORDS_CHECKED: usize = 16;
/// Those of them that calls from one address may have brought, so that others find room (an IPv6 address counts by its /64). When half of
/// all places are taken, one.
pub const PASSWORDS_OF_ONE: usize = 4;
/// Passwords that are remembered as good; what is over is checked again.
pub const PASSWORDS_KNOWN: usize = 16 * 1024;
/// How long they are.
pub const PASSWORD_KNOWN_FOR: Duration = Duration::from_secs(5 * 60);
/// Addresses of which it is remembered that a password came from them, the latest (an IPv6 address counts by its /64): when such a one has
/// failed too often, it passes by this password all the same.
pub const PASSWORD_HOLDERS: usize = 4;
/// How long a name rests for an address that has failed too often and was wrong about it again.
pub const PASSWORD_GUESS_AGAIN: Duration = Duration::from_secs(2);
/// Slots in which it is remembered which names rest; two that share one rest together.
pub const PASSWORD_GUESSERS: usize = 8 * 1024;
/// Rate cells in the process.
pub const CELLS: usize = 1 << 20;
/// Uses of what may be used once that are remembered (proofs of possession). Sixteen thousand a second for a minute.
pub const REPLAYS: usize = 1 << 20;
/// Components that a signature over a request may cover; more are refused.
pub const SIGNATURE_COMPONENTS: usize = 64;
/// Of these, those that read the whole of something for a part of it (`key`, `sf`, `@query-param`); more are refused.
pub const SIGNATURE_PARTS: usize = 16;
/// Longest base of a signature, in bytes: a head, some of it in base64; longer ones are refused.
pub const SIGNATURE_BASE_BYTES: usize = 128 * 1024;
/// Longest `Signature-Input`, `Signature` or `Content-Digest`, in bytes; longer ones are refused.
pub const SIGNATURE_FIELD_BYTES: usize = 8 * 1024;
/// Longest signature over a request, in bytes: one of RSA with 8192 bits.
pub const SIGNATURE_BYTES: usize = 1024;
/// Longest text among the parameters of a signature (`keyid`, `nonce`, `tag`, `alg`), in bytes.
pub const SIGNATURE_TEXT: usize = 256;
/// Questions to the server of shared state that wait for their answer at one time; more are not asked.
pub const SHARED_QUESTIONS: usize = 4_096;
/// Bytes that the server of shared state may send without ending an answer.
pub const SHARED_ANSWER: usize = 1024 * 1024;
/// Answers of introspection endpoints that are remembered, of each issuer.
pub const INTROSPECTED: usize = 16 * 1024;
/// Tokens that are asked for at one time, of each issuer.
pub const INTROSPECTING: usize = 128;
/// Tokens that were exchanged for others and are remembered, of each service that they are for; each has at most 8 KiB.
pub const EXCHANGED: usize = 4 * 1024;
/// Tokens that are exchanged at one issuer at one time.
pub const EXCHANGING: usize = 128;
/// Answers of a policy decision point elsewhere that are remembered, of each.
pub const PDP_ANSWERS: usize = 16 * 1024;
/// Questions that one is asked at one time; more calls are refused as ones that cannot be decided.
pub const PDP_ASKING: usize = 128;
/// Longest question that one is asked, in bytes, the body of the call among them.
pub const PDP_QUESTION: usize = 256 * 1024;
/// Objects whose owners a service said that are remembered, of each service.
pub const OWNERS_REMEMBERED: usize = 16 * 1024;
/// Questions after owners that are asked at one time, of each service.
pub const OWNERS_ASKING: usize = 128;
/// Objects of one call that are asked about.
pub const OWNERS_PER_CALL: usize = 32;
/// Owners of one object.
pub const OWNERS: usize = 1_024;
/// Bytes of an id that is asked about.
pub const OWNER_ID_BYTES: usize = 256;
/// Bytes of an answer about an object.
pub const OWNER_ANSWER: usize = 256 * 1024;
/// Rows of what operations returned to whom; answers of others are not counted, and the report says so.
pub const RETURNED: usize = 4_096;
/// Callers of administrative operations that are remembered, twice over.
pub const ADMINISTRATIVE_USES: usize = 16 * 1024;
/// Failures in a row after which one is left alone for [`PDP_PAUSE`].
pub const PDP_FAILURES: u32 = 5;
/// Bytes of a note or detail kept with a verdict.
pub const DETAIL_BYTES: usize = 512;
/// Revocations remembered per core for calls that began before them and have no stream yet. Of those calls that began before one
/// that was forgotten for want of room, none opens a live stream for anybody who is known.
pub const REVOCATIONS: usize = 4_096;
/// Entries of the denylist: revoked tokens, subjects, sessions, applications and issuers. When it is full, revoking is refused and
/// says so.
pub const DENIED: usize = 100_000;
/// Security events that are remembered until they would not be taken any more, so that each takes effect once.
pub const EVENTS: usize = 65_536;
/// Bytes of lines that wait to be written to the access log per core; lines that come on top are lost and counted.
pub const LOG_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Records of decisions that wait for the store, per core; more are dropped and counted.
pub const DECISION_QUEUE: usize = 4_096;
/// What the records that wait may hold per core, in bytes; more are dropped and counted.
pub const DECISION_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Records of decisions that wait to be told, per core: a burst of ten thousand fits, however slow the disk is at that moment. More
/// are dropped and counted.
pub const EVENT_QUEUE: usize = 16 * 1024;
/// What they may hold per core, in bytes; more are dropped and counted.
pub const EVENT_QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// Longest record of a decision before what controls say in it is left out, in bytes.
pub const DECISION_BYTES: usize = 16 * 1024;
/// Records of decisions that are written in one transaction; there are four of these a second, so that a flood of refusals costs
/// no more than that.
pub const DECISION_BATCH: usize = 1_000;
/// Bytes of spans, and as many of log records, that wait to be exported per core; what comes on top is dropped and counted.
pub const EXPORT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of spans or log records that one request to a collector carries, at most by a call more.
pub const EXPORT_REQUEST: usize = 1024 * 1024;
/// Counts of what controls in shadow said that wait for the store, per core; calls that would need more are not counted, which is
/// counted.
pub const SHADOW_COUNTS: usize = 16_384;

/// Work of one control that holds its core for longer is counted: it belongs on another thread.
pub const LONG_WORK: Duration = Duration::from_micros(500);
/// How long a client may take to send a complete head, from its first byte to its last: bytes buy no more time, so that this is
/// the lowest rate too.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection may sit idle between calls.
pub const IDLE_TIME: Duration = Duration::from_secs(75);
/// How long a client may be waited for in all while its body arrives, before [`BODY_RATE`] counts.
pub const BODY_GRACE: Duration = Duration::from_secs(10);
/// Bytes of a body that have to come for each second of waiting more than [`BODY_GRACE`]: half of what the slowest mobile
/// networks carry.
pub const BODY_RATE: u64 = 2 * 1024;
/// How long a policy decision point that failed several times in a row is not asked; then one question tries.
pub const PDP_PAUSE: Duration = Duration::from_secs(5);
/// How late a core may be before it refuses a share of its new calls, unless the configuration says otherwise: a neighbor that takes the
/// processor for a moment is no reason.
pub const CORE_LAG: Duration = Duration::from_millis(500);
/// For how long it has to be later than that, unless the configuration says otherwise.
pub const CORE_LAG_INTERVAL: Duration = Duration::from_secs(1);
/// How long the addresses of a name are not asked for again, however short their TTL is.
pub const NAME_LEAST: Duration = Duration::from_secs(1);
/// After so long they are, however long it is.
pub const NAME_MOST: Duration = Duration::from_secs(5 * 60);
/// After so long they are when there was no answer.
pub const NAME_RETRY: Duration = Duration::from_secs(5);
/// How long one answer may take, all tries at all name servers together.
pub const NAME_ANSWER: Duration = Duration::from_secs(30);
/// How long an answer that streams may last from its head on, unless the configuration says otherwise.
pub const STREAM_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long neither side of a WebSocket may say anything, unless the configuration says otherwise.
pub const WEBSOCKET_IDLE: Duration = Duration::from_secs(5 * 60);
/// How long a WebSocket may last, unless the configuration says otherwise.
pub const WEBSOCKET_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// After so long without a byte a side of a WebSocket is asked whether it is still there (RFC 6455 section 5.5.2), and after as
/// long again it is not.
pub const WEBSOCKET_PING: Duration = Duration::from_secs(30);
/// How long a side of a WebSocket that was told to close may take to do so.
pub const WEBSOCKET_CLOSE: Duration = Duration::from_secs(5);
/// How long its upstream may take to answer what came before its client broke the protocol.
pub const WEBSOCKET_LAST: Duration = Duration::from_secs(1);
/// How long a drain waits for calls in flight.
pub const DRAIN_TIME: Duration = Duration::from_secs(30);
/// How long a trusted proxy may take to say whose connection it is.
pub const PROXY_HEADER_TIME: Duration = Duration::from_secs(5);
/// How often streams that wait for others of their connection are looked at.
pub const TURN: Duration = Duration::from_millis(100);
/// How long a TLS handshake may take.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Regained in a second.
    pub per_second: u32,
}

/// A bound that was reached; each is a series of the metric `yett_bound_reached_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// [`CONNECTIONS`], or what a listener may have in all.
    Connections,
    /// [`ADDRESS_CONNECTIONS`], or what one address may have on a listener.
    AddressConnections,
    /// [`BODIES_BYTES`].
    Bodies,
    /// [`TARGET_BYTES`].
    Target,
    /// [`HEADERS`] or [`HEADER_BYTES`].
    Headers,
    /// The body bound of an operation.
    Body,
    /// [`OFFLOAD_QUEUE`].
    OffloadQueue,
    /// [`LONG_WORK`]: nothing was refused for it, but others waited.
    LongWork,
    /// [`LOG_QUEUE_BYTES`].
    LogQueue,
    /// [`DECISION_QUEUE`] or [`DECISION_QUEUE_BYTES`].
    DecisionQueue,
    /// [`EVENT_QUEUE`] or [`EVENT_QUEUE_BYTES`].
    EventQueue,
    /// [`SHADOW_COUNTS`].
    ShadowCounts,
    /// [`EXPORT_BYTES`].
    Export,
    /// [`LIVE_SNAPSHOTS`].
    Snapshots,
    /// [`CELLS`].
    Cells,
    /// [`HEAD_TIME`].
    HeadTime,
    /// [`BODY_RATE`].
    BodyRate,
    /// What an upstream's `deadlines.idle` says, or [`IDLE_TIME`]: a client that took nothing of its answer for so long was let go.
    AnswerIdle,
    /// [`HANDSHAKE_TIME`].
    HandshakeTime,
    /// [`CLIENT_RESETS`].
    ClientResets,
    /// [`CONTROL_FRAMES`] and [`CRUMBS`].
    ControlFrames,
    /// The longest message or frame of a WebSocket.
    Message,
    /// The messages of a WebSocket's client ([`MESSAGES`], or what the configuration says).
    MessageRate,
    /// [`SMALL_WINDOW_STREAMS`] and [`SMALL_WINDOW_OPENED`].
    SmallWindow,
    /// [`FIRST_STREAMS`], and what became of them: a stream waited for others of its connection.
    WaitingStreams,
    /// [`STREAMS`]: one more was refused.
    Streams,
    /// What the library under HTTP/2 bounds: streams that were reset before they were looked at ([`RESET_STREAMS`]), field
    /// blocks in too many pieces or far over [`HEADER_BYTES`], bodies in crumbs.
    Http2Excess,
    /// [`INTERIM`].
    InterimAnswers,
    /// [`CLIENT_HELLO_BYTES`].
    ClientHello,
    /// [`PROXY_HEADER_BYTES`].
    ProxyHeader,
    /// [`PROXY_HEADER_TIME`].
    ProxyHeaderTime,
    /// A response that was not sampled for a check in shadow because it was too large or the pool was full.
    Unsampled,
    /// The budget of an upstream's retries: a call was not tried again.
    Retries,
    /// [`REVOCATIONS`].
    Revocations,
    /// The open connections of an upstream's target: a call waited for one.
    UpstreamConnections,
    /// The calls that may wait for one, or be under way there: a call went elsewhere or was refused.
    UpstreamCalls,
    /// [`MIRRORED`], [`BODIES_BYTES`] for a copy's body, or what the mirror is given at one time: a call was not copied.
    Mirror,
    /// [`CORE_LAG`]: a call was refused.
    CoreLag,
}

impl Bound {
    /// All, in the order of their metric series.
    pub const ALL: [Bound; 38] = [
        Bound::Connections,
        Bound::AddressConnections,
        Bound::Bodies,
        Bound::Target,
        Bound::Headers,
        Bound::Body,
        Bound::OffloadQueue,
        Bound::LongWork,
        Bound::LogQueue,
        Bound::DecisionQueue,
        Bound::EventQueue,
        Bound::ShadowCounts,
        Bound::Export,
        Bound::Snapshots,
        Bound::Cells,
        Bound::HeadTime,
        Bound::BodyRate,
        Bound::AnswerIdle,
        Bound::HandshakeTime,
        Bound::ClientResets,
        Bound::ControlFrames,
        Bound::Message,
        Bound::MessageRate,
        Bound::SmallWindow,
        Bound::WaitingStreams,
        Bound::Streams,
        Bound::Http2Excess,
        Bound::InterimAnswers,
        Bound::ClientHello,
        Bound::ProxyHeader,
        Bound::ProxyHeaderTime,
        Bound::Unsampled,
        Bound::Retries,
        Bound::Revocations,
        Bound::UpstreamConnections,
        Bound::UpstreamCalls,
        Bound::Mirror,
        Bound::CoreLag,
    ];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Connections => "connections",
            Bound::AddressConnections => "address_connections",
            Bound::Bodies => "body_memory",
            Bound::Target => "target",
            Bound::Headers => "headers",
            Bound::Body => "body",
            Bound::OffloadQueue => "offload_queue",
            Bound::LongWork => "long_work",
            Bound::LogQueue => "log_queue",
            Bound::DecisionQueue => "decision_queue",
            Bound::EventQueue => "event_queue",
            Bound::ShadowCounts => "shadow_counts",
            Bound::Export => "export",
            Bound::Snapshots => "snapshots",
            Bound::Cells => "cells",
            Bound::HeadTime => "head_time",
            Bound::BodyRate => "body_rate",
            Bound::AnswerIdle => "answer_idle",
            Bound::HandshakeTime => "handshake_time",
            Bound::ClientResets => "client_resets",
            Bound::ControlFrames => "control_frames",
            Bound::Message => "message",
            Bound::MessageRate => "message_rate",
            Bound::SmallWindow => "small_window",
            Bound::WaitingStreams => "waiting_streams",
            Bound::Streams => "streams",
            Bound::Http2Excess => "http2_excess",
            Bound::InterimAnswers => "interim_answers",
            Bound::ClientHello => "client_hello",
            Bound::ProxyHeader => "proxy_header",
            Bound::ProxyHeaderTime => "proxy_header_time",
            Bound::Unsampled => "unsampled",
            Bound::Retries => "retries",
            Bound::Revocations => "revocations",
            Bound::UpstreamConnections => "upstream_connections",
            Bound::UpstreamCalls => "upstream_calls",
            Bound::Mirror => "mirror",
            Bound::CoreLag => "core_lag",
        }
    }
}
