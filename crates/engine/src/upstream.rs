//! Services behind the gateway: where their targets are, how calls are spread over them, and what may be done when one
//! of them fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::snapshot::TlsIdentity;
use crate::{Clock, bounds};

/// Which HTTP an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamHttp {
    /// Over TLS what ALPN says, in clear text HTTP/1.1.
    Auto,
    /// HTTP/1.1.
    One,
    /// HTTP/2, in clear text with prior knowledge.
    Two,
}

/// How long an exchange with an upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deadlines {
    /// To a connection, TLS included.
    pub connect: Duration,
    /// From the request's last byte to the head of the answer.
    pub first_byte: Duration,
    /// From the end of the checks to the head of the answer, all tries included, or to its end where the answer is read
    /// whole.
    pub total: Duration,
    /// Between two bytes of an answer that streams, from the upstream and to the client.
    pub idle: Duration,
    /// From the head of an answer that streams to its end, however much of it moves.
    pub lifetime: Duration,
}

/// How an upstream proves who it is, and how we do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Trust {
    /// Certificates to trust, DER; empty means the system's.
    pub roots: Vec<Vec<u8>>,
    /// Name that its certificate must carry, when it is not the target's host.
    pub server_name: Option<Box<str>>,
    /// SHA-256 of the public keys (SubjectPublicKeyInfo, RFC 7469 section 2.4) one of which its certificate must have, beside
    /// being trusted; empty means any.
    pub pins: Vec<[u8; 32]>,
    /// What we show to prove who we are.
    pub identity: Option<Arc<TlsIdentity>>,
}

/// One place where an upstream runs.
#[derive(Debug, Clone)]
pub struct Target {
    /// Scheme, host and port: its name in logs and metrics. No two targets of an upstream share one.
    pub name: Box<str>,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Host to connect to and to verify.
    pub host: Box<str>,
    /// Port to connect to.
    pub port: u16,
    /// The `Host` it is sent.
    pub authority: HeaderValue,
    /// Path that replaces the API's base path; `None` leaves the path as it is.
    pub path: Option<Box<str>>,
    /// Its share of the calls, in proportion to those of the others: 1 to [`bounds::WEIGHT`].
    pub weight: u32,
}

/// How a target is chosen for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// Each in its turn, by weight.
    RoundRobin,
    /// Of two at random, the one with fewer calls under way for its weight.
    LeastBusy,
    /// Always the same for the same key, as long as it is well; others keep theirs when one goes.
    Hash(HashBy),
}

/// What calls are kept together by. A call without it is kept by its client's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashBy {
    /// The client's address.
    Address,
    /// (issuer, subject) of the principal.
    Subject,
    /// The value of a field.
    Header(HeaderName),
}

/// When a target is taken out because of what calls met there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outliers {
    /// Failures in a row.
    pub failures: u32,
    /// For how long the first time; each further time in close succession so much longer, up to ten times.
    pub eject: Duration,
    /// Percentage of the targets that stay in, however ill they are. A target that takes no connection is passed over
    /// regardless, as long as one other is well.
    pub floor: u8,
}

/// What may be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first; those that follow a failed connect to another target are not counted.
    pub most: u32,
    /// Retries per hundred calls.
    pub budget: u8,
    /// How long one try may take to the head of its answer, when another may follow.
    pub per_try: Option<Duration>,
    /// Statuses that are taken for a failure.
    pub statuses: Box<[StatusCode]>,
}

/// How much a target is given at one time by all cores together; more is 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breakers {
    /// Open connections; at least one per core.
    pub connections: u32,
    /// Calls that wait for a connection because of that.
    pub pending: u32,
    /// Calls under way.
    pub calls: Option<u32>,
}

/// What is asked of a target from time to time, to see whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path that is asked for; 200 to 399 is well.
    pub path: Box<str>,
    /// Time between two checks.
    pub every: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// Failures in a row by which it is down.
    pub down_after: u32,
    /// Successes in a row by which it is up again.
    pub up_after: u32,
}

/// What is different in the head of a request as this upstream gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrites {
    /// Fields that the client's do not get past: those that are set, and those that are removed.
    pub without: Box<[HeaderName]>,
    /// Fields that are set.
    pub set: Box<[(HeaderName, HeaderValue)]>,
}

/// The head of a request as a target gets it.
#[derive(Debug)]
pub struct SentHead<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Whether it goes over TLS.
    pub tls: bool,
    /// The `Host` or `:authority`.
    pub authority: &'a HeaderValue,
    /// Path and query.
    pub target: &'a PathAndQuery,
    /// Those of its fields that are vouched for.
    pub fields: &'a HeaderMap,
}

/// What vouches for calls to an upstream by fields of its own. The data plane does not know how.
pub trait Sign: fmt::Debug + Send + Sync {
    /// The fields that are vouched for where they are sent.
    fn fields(&self) -> &[HeaderName];

    /// The fields that vouch for a request that is sent now; `None` when there can be none, and it is not to be sent.
    fn sign(&self, head: &SentHead<'_>, clock: &dyn Clock) -> Option<Vec<(HeaderName, HeaderValue)>>;
}

/// Connections that are kept for later calls, per target and core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// How many.
    pub connections: usize,
    /// For how long without a call.
    pub idle: Duration,
}

/// Who gets copies of calls.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// The upstream that gets them; its own mirror gets none of them.
    pub upstream: Arc<Upstream>,
    /// Copies per hundred calls that can be copied: 1 to 100.
    pub share: u8,
}

/// A service behind the gateway.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its name in the document.
    pub name: Box<str>,
    /// Where it runs: 1 to [`bounds::TARGETS`].
    pub targets: Box<[Target]>,
    /// The name of a service whose records say where it runs (RFC 2782); then the one target is what all of those are like.
    pub service: Option<Box<str>>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// Which HTTP it speaks.
    pub http: UpstreamHttp,
    /// How it proves who it is.
    pub trust: Arc<Trust>,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// When a target is taken out.
    pub outliers: Outliers,
    /// Over which time a target that is new or back comes to its full share.
    pub slow_start: Duration,
    /// What may be tried again.
    pub retries: Retries,
    /// Connections that are kept.
    pub kept: Kept,
    /// How much a target is given at one time.
    pub breakers: Breakers,
    /// What is different in the head of a request.
    pub headers: Rewrites,
    /// What vouches for calls to it.
    pub sign: Option<Arc<dyn Sign>>,
    /// What is asked of the targets from time to time.
    pub health: Option<HealthCheck>,
    /// Who gets copies of its calls.
    pub mirror: Option<Mirror>,
}

impl Upstream {
    /// An upstream with these targets, and otherwise what holds where nobody says more.
    #[must_use]
    pub fn new(name: &str, targets: Vec<Target>, deadlines: Deadlines) -> Self {
        let most = u32::from(targets.len() > 1);
        Self {
            name: name.into(),
            targets: targets.into_boxed_slice(),
            service: None,
            balance: Balance::RoundRobin,
            http: UpstreamHttp::Auto,
            trust: Arc::default(),
            deadlines,
            outliers: Outliers { failures: 5, eject: Duration::from_secs(30), floor: 50 },
            slow_start: Duration::from_secs(10),
            retries: Retries { most, budget: 20, per_try: None, statuses: Box::default() },
            kept: Kept { connections: bounds::IDLE_UPSTREAM, idle: Duration::from_secs(60) },
            breakers: Breakers { connections: 4096, pending: 1024, calls: None },
            headers: Rewrites::default(),
            sign: None,
            health: None,
            mirror: None,
        }
    }

    /// This one, and the one that gets copies of its calls.
    pub fn with_mirror(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::once(self).chain(self.mirror.as_ref().map(|mirror| &mirror.upstream))
    }
}
