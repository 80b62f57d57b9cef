//! One call, from the end of its head to its log line.

use std::any::Any;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use smallvec::SmallVec;
use tape::Tape;

use crate::bounds;
use crate::clock::{Tick, UnixTime};
use crate::codes;
use crate::decision::Decision;
use crate::path::{NotCanonical, canonical_path, canonical_query};
pub use crate::peer::Peer;
use crate::plan::OperationPlan;
use crate::principal::{Principal, Proof};
use crate::room::Share;
use crate::route::Params;
use crate::text::{bounded, hex128};
use crate::trace::TraceParent;
use crate::verdict::Refusal;
use crate::websocket::Handshake;

/// Names one call everywhere: in the answer's header, the log, the trace and the stored decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub u128);

impl CallId {
    /// 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn text(self) -> [u8; 32] {
        hex128(self.0)
    }
}

impl std::fmt::Display for CallId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What the head says of the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    Empty,
    /// So many bytes.
    Known(u64),
    /// Ends when it ends.
    Unknown,
}

/// The head of the request. What stands here is what goes upstream: controls change it in place.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Version of HTTP that the client speaks.
    pub version: Version,
    /// Host in lower case, without port and trailing dot.
    pub host: Box<str>,
    /// Host with port as the client sent it.
    pub authority: Box<str>,
    uri: Uri,
    path: Option<Box<str>>,
    query: Option<Box<str>>,
    /// Header fields.
    pub headers: HeaderMap,
    /// What the head says of the body.
    pub length: BodyLength,
    /// Set when the client asks to go on as a WebSocket.
    pub handshake: Option<Box<Handshake>>,
}

impl Request {
    /// Takes over a parsed head; its target becomes canonical.
    ///
    /// # Errors
    /// When the target has no canonical form; with what is kept of the head.
    #[inline]
    pub fn new(
        method: Method,
        version: Version,
        uri: Uri,
        (host, authority): (Box<str>, Box<str>),
        headers: HeaderMap,
        length: BodyLength,
    ) -> Result<Self, (NotCanonical, Box<Self>)> {
        match canonical(&uri) {
            Ok((path, query)) => {
                let handshake = None;
                Ok(Self { method, version, host, authority, uri, path, query, headers, length, handshake })
            }
            Err(why) => {
                let refused = Self::refused(method, version, (uri.path(), &authority), headers, length);
                Err((why, Box::new(refused)))
            }
        }
    }

    /// A head that is refused: kept for admission and for the log only, with the beginning of its path and authority as
    /// they came, which nothing may route by.
    #[must_use]
    pub fn refused(
        method: Method,
        version: Version,
        (path, authority): (&str, &str),
        headers: HeaderMap,
        length: BodyLength,
    ) -> Self {
        let kept = |text| Box::from(bounded(text, bounds::DETAIL_BYTES));
        Self {
            method,
            version,
            host: Box::default(),
            authority: kept(authority),
            uri: Uri::from_static("/"),
            path: Some(kept(path)),
            query: None,
            headers,
            length,
            handshake: None,
        }
    }

    /// The canonical path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| self.uri.path())
    }

    /// The canonical query, without `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref().or_else(|| self.uri.query())
    }

    /// Path and query as the client sent them, when both were canonical already and nobody replaced them.
    #[must_use]
    pub fn untouched_target(&self) -> Option<&PathAndQuery> {
        let untouched = self.path.is_none() && self.query.is_none();
        self.uri.path_and_query().filter(|_| untouched)
    }

    /// Path and query to the letter as the client sent them, canonical or not: for what the client vouches for by them. Nothing
    /// may route by them.
    #[must_use]
    pub fn received_target(&self) -> (&str, Option<&str>) {
        (self.uri.path(), self.uri.query())
    }

    /// Replaces the query, as when undeclared parameters are stripped. An empty one goes upstream without its `?`.
    pub fn set_query(&mut self, query: impl Into<Box<str>>) {
        self.query = Some(query.into());
    }
}

type Replaced = Option<Box<str>>;

/// Path and query of a target in canonical form, where they were not.
fn canonical(uri: &Uri) -> Result<(Replaced, Replaced), NotCanonical> {
    let path = match canonical_path(uri.path())? {
        Cow::Borrowed(_) => None,
        Cow::Owned(path) => Some(path.into_boxed_str()),
    };
    let query = match uri.query().map(canonical_query).transpose()? {
        None | Some(Cow::Borrowed(_)) => None,
        Some(Cow::Owned(query)) => Some(query.into_boxed_str()),
    };
    Ok((path, query))
}

/// A body that was buffered whole.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Bytes,
    tape: Option<Arc<Tape>>,
    /// Where what it holds is counted.
    share: Option<Share>,
    /// What it was read into beyond its bytes.
    slack: usize,
    short: bool,
}

impl Body {
    /// A whole body whose memory is nobody's concern.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// A whole body that holds a share of the room for bodies; so does what it becomes.
    #[must_use]
    pub fn within(bytes: Bytes, share: Share) -> Self {
        let slack = share.held().saturating_sub(bytes.len());
        Self { bytes, share: Some(share), slack, ..Self::default() }
    }

    /// Its bytes, as they go on.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Replaces it (decoded, or written anew); what was parsed of the old one is forgotten.
    pub fn replace(&mut self, bytes: Bytes) {
        (self.bytes, self.tape, self.slack) = (bytes, None, 0);
        self.count();
    }

    /// Replaces it by what it was decoded to, if it was, and parsed to.
    pub fn replace_parsed(&mut self, tape: Arc<Tape>) {
        if tape.source().as_ptr() != self.bytes.as_ptr() {
            (self.bytes, self.slack) = (tape.source().clone(), 0);
        }
        self.tape = Some(tape);
        self.count();
    }

    /// Replaces the bytes by another spelling of the same value, so that the tape stays true.
    pub fn respell(&mut self, bytes: Bytes) {
        self.bytes = bytes;
        self.count();
    }

    /// The body as JSON, parsed once for all controls.
    ///
    /// # Errors
    /// When it is not JSON or exceeds `bounds`, or when there is no room for what was parsed: then [`Body::is_short`].
    pub fn json(&mut self, bounds: &tape::Bounds) -> Result<&Arc<Tape>, tape::Error> {
        let parsed = match self.tape.take() {
            Some(parsed) => parsed,
            None => {
                let parsed = Arc::new(Tape::parse(self.bytes.clone(), bounds)?);
                self.tape = Some(Arc::clone(&parsed));
                self.count();
                if self.short {
                    return Err(tape::Error { kind: tape::ErrorKind::TooLarge, offset: 0 });
                }
                parsed
            }
        };
        Ok(self.tape.insert(parsed))
    }

    /// The JSON that an earlier control parsed.
    #[must_use]
    pub fn tape(&self) -> Option<&Arc<Tape>> {
        self.tape.as_ref()
    }

    /// Forgets what was parsed: while a call waits for others, its bytes are enough.
    pub fn forget_parsed(&mut self) {
        if self.tape.take().is_some() {
            self.count();
        }
    }

    /// Whether there was no room for what it became. Nobody may go by it any more.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.short
    }

    /// Holds what it needs by now.
    fn count(&mut self) {
        let parsed = self.tape.as_ref().map_or(0, |tape| {
            // Of another spelling there are both.
            let same = tape.source().as_ptr() == self.bytes.as_ptr();
            tape.index_bytes() + if same { 0 } else { tape.source().len() }
        });
        let needed = self.bytes.len().saturating_add(self.slack).saturating_add(parsed);
        self.short |= self.share.as_mut().is_some_and(|share| !share.resize(needed));
    }
}

/// The upstream's answer as it goes to the client: controls change it in place.
#[derive(Debug, Default)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, when it is read whole.
    pub body: Body,
}

/// A call's place in a trace.
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    /// What goes upstream.
    pub current: TraceParent,
    /// The span of a trusted caller that the call goes on from.
    pub parent: Option<u64>,
    /// What an untrusted caller said of itself.
    pub link: Option<TraceParent>,
}

/// How a call ends whose address has failed too often ([`Call::suspect`]).
#[must_use]
pub fn too_many_failures(retry_after: Duration) -> Box<Refusal> {
    Refusal::new(&codes::TOO_MANY_FAILURES, "the address has failed too often").retry_after(retry_after)
}

/// One call.
#[derive(Debug)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// When its head was complete.
    pub started: Tick,
    /// The same on the wall clock.
    pub at: UnixTime,
    /// When the last control spoke, or the call began or went on: what follows without waiting need not read the clock again.
    pub marked: Tick,
    /// The connection's other end.
    pub peer: Peer,
    /// Address of the client: the peer's, or what trusted hops say.
    pub client: IpAddr,
    /// Whether the peer is a trusted hop.
    pub trusted: bool,
    /// Whether `client` is the client's: not where a trusted hop hides it, or names it in a way that cannot be read.
    pub located: bool,
    /// Set when callers of this address have failed too often: until they may fail again. The call goes on only for a
    /// credential that costs nothing to check; everything else ends with [`too_many_failures`].
    pub suspect: Option<Duration>,
    /// Its place in a trace.
    pub trace: Trace,
    /// The request's head.
    pub request: Request,
    /// The operation, once routed.
    pub operation: Option<Arc<OperationPlan>>,
    /// Its path parameters, as ranges of the canonical path.
    pub params: Params,
    /// Credentials that were verified, or, while [`Call::unproven`], are taken for good until the body is there.
    pub proofs: SmallVec<[Proof; 1]>,
    /// Set while what counts as proven hangs on a body that was not looked at yet. A call that ends so was nobody's.
    pub unproven: bool,
    /// The request's body, when it is read whole.
    pub body: Body,
    /// The upstream's answer, once its head is there.
    pub response: Response,
    /// `Authorization` as it came, where something else went on in its place: a live stream is asked by it again who calls.
    pub presented: Option<HeaderValue>,
    /// Header fields that every answer to this call carries, refusals included.
    pub answer_headers: Vec<(HeaderName, HeaderValue)>,
    /// What is held for the time of the call and given back by its `Drop`.
    pub held: Vec<Box<dyn Any>>,
    /// Verdicts so far.
    pub decision: Decision,
}

impl Call {
    /// A call whose head is complete, before any control spoke.
    #[must_use]
    #[inline]
    pub fn new(id: CallId, (started, at): (Tick, UnixTime), peer: Peer, request: Request) -> Self {
        let span_id = u64::try_from(id.0 & u128::from(u64::MAX)).unwrap_or(1).max(1);
        let current = TraceParent { trace_id: id.0.max(1), span_id, flags: 1 };
        Self {
            id,
            started,
            at,
            marked: started,
            client: peer.address.ip().to_canonical(),
            peer,
            trusted: false,
            located: true,
            suspect: None,
            trace: Trace { current, parent: None, link: None },
            request,
            operation: None,
            params: Params::new(),
            proofs: SmallVec::new(),
            unproven: false,
            body: Body::default(),
            response: Response::default(),
            presented: None,
            answer_headers: Vec::new(),
            held: Vec::new(),
            decision: Decision::default(),
        }
    }

    /// The same call once more, as far as it goes upstream: where it comes from, who calls, its head.
    #[must_use]
    pub fn copy_for_upstream(&self, started: Tick) -> Self {
        let mut copy = Self::new(self.id, (started, self.at), self.peer.clone(), self.request.clone());
        copy.client = self.client;
        copy.trusted = self.trusted;
        copy.trace = self.trace;
        copy.proofs = self.proofs.clone();
        copy
    }

    /// Whom the first verified credential proves.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.proofs.first().map(|proof| &proof.principal)
    }

    /// Values of the path parameters, still percent-encoded, in the order of the template.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        let path = self.request.path();
        self.params.iter().map(|(from, to)| path.get(*from as usize..*to as usize).unwrap_or_default())
    }
}
