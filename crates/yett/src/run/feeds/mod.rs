//! Where others say what is revoked: `POST /revoke` for applications (RFC 7009) and `POST /events` for issuers (RFC 8935), which can be
//! asked for events as well ([`poll`], RFC 8936).
//!
//! A listener of its own, in clear text and on this machine only: it is there when the document says so, and reached from
//! elsewhere as the upstream of an API, behind the same TLS, limits and log as every other. What it is told is verified here all
//! the same. The settings are those of the document that serves; what it listens on is that of the start.
//!
//! What it promises: bodies, connections, times and rates are bounded; nothing is acknowledged that is not kept and in effect at
//! every core of this process; a token, a secret and an event are never logged.

mod answer;
mod basic;
mod events;
mod form;
mod poll;
mod question;
mod revoke;
mod seen;
mod subject;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use controls::authentication::issued::{self, Signer, Unsigned, Vouched, Voucher};
use engine::CoreContext;
use engine::cells::Meter;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use proxy::Passed;
use spec::{Issuer, Revocation, Spanned};
use store::{NewRevocation, Once, StoreError};
use tokio::net::{TcpListener, TcpStream};

use super::gateway::Gateway;
use super::service;
use crate::load::Loaded;
pub(super) use poll::{State as PollState, keep};
use seen::Seen;

/// Connections served at one time; further ones wait.
const CONNECTIONS: usize = 64;
/// How long one connection may last.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a head may take, and how long a body.
const HEAD: Duration = Duration::from_secs(10);
/// Longest body, in bytes; more is 413. The longest token that is read, each byte of it encoded.
const BODY: usize = 64 * 1024;
/// Calls in a minute where nothing is written.
const RATE: u64 = 600;
/// Most calls at once, whatever is written.
const BURST: u32 = 1_000_000;

/// What outlives a call.
pub(super) struct Feeds {
    context: CoreContext,
    /// The issuers that were asked for, so that their keys are kept and not fetched for each call.
    signers: Mutex<HashMap<String, Signer>>,
    seen: Seen,
    /// How asking for events goes, by the names of those that are asked.
    polls: Mutex<BTreeMap<String, PollState>>,
}

impl Feeds {
    pub(super) fn new(context: CoreContext) -> Self {
        Self { context, signers: Mutex::default(), seen: Seen::default(), polls: Mutex::default() }
    }
}

impl Feeds {
    /// How asking for events goes, by the names of those that are asked.
    pub(super) fn polls(&self) -> BTreeMap<String, PollState> {
        self.polls.lock().clone()
    }
}

/// Opens the socket.
pub(super) async fn bind(passed: &Passed, address: SocketAddr) -> Result<TcpListener, String> {
    service::listen(passed, address).await.map_err(|error| {
        format!(
            "`revocation` cannot be opened on {address}: {error}; write another `revocation: {{ bind: … }}`"
        )
    })
}

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    service::serve(listener, CONNECTIONS, |stream| connection(stream, Arc::clone(&gateway))).await;
}

async fn connection(stream: TcpStream, gateway: Arc<Gateway>) {
    let service = hyper::service::service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(answer(request, &gateway).await.into_response()) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // What a caller does with its connection is its own affair.
    let _ = tokio::time::timeout(PATIENCE, connection).await;
}

/// An answer before it is written.
pub(super) struct Said {
    status: StatusCode,
    /// A JSON object, or nothing.
    body: Option<Box<serde_json::Value>>,
    field: Option<(HeaderName, HeaderValue)>,
}

impl Said {
    fn plain(status: StatusCode) -> Self {
        Self { status, body: None, field: None }
    }

    fn with(status: StatusCode, body: serde_json::Value) -> Self {
        Self { status, body: Some(Box::new(body)), field: None }
    }

    fn field(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { field: Some((name, value)), ..self }
    }

    /// Nothing can be done now: whoever asks has to take it that nothing was (RFC 7009 section 2.2.1).
    fn later(seconds: u64) -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE).field(RETRY_AFTER, seconds.into())
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let body = self.body.map(|body| body.to_string());
        let is_json = body.is_some();
        let mut response = Response::new(Full::new(Bytes::from(body.unwrap_or_default())));
        *response.status_mut() = self.status;
        if is_json {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.field {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

async fn answer(request: Request<Incoming>, gateway: &Arc<Gateway>) -> Said {
    let Some(view) = View::of(gateway) else { return Said::plain(StatusCode::NOT_FOUND) };
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let is_there = match path {
        "/revoke" => !view.settings.clients.is_empty(),
        "/events" => !view.settings.transmitters.is_empty(),
        _ => false,
    };
    if !is_there {
        return Said::plain(StatusCode::NOT_FOUND);
    }
    if parts.method != Method::POST {
        return Said::plain(StatusCode::METHOD_NOT_ALLOWED).field(ALLOW, HeaderValue::from_static("POST"));
    }
    let Ok(read) = tokio::time::timeout(HEAD, Limited::new(body, BODY).collect()).await else {
        return Said::plain(StatusCode::REQUEST_TIMEOUT);
    };
    let body = match read {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Said::plain(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(_) => return Said::plain(StatusCode::BAD_REQUEST),
    };
    match path {
        "/revoke" => revoke::answer(&view, &parts.headers, &body).await,
        _ => events::answer(&view, &parts.headers, &body).await,
    }
}

/// The settings as one call sees them.
struct View<'g> {
    gateway: &'g Arc<Gateway>,
    settings: Spanned<Revocation>,
    issuers: BTreeMap<String, Spanned<Issuer>>,
    served: Arc<Loaded>,
}

impl<'g> View<'g> {
    fn of(gateway: &'g Arc<Gateway>) -> Option<Self> {
        let current = gateway.current.lock();
        let document = &current.compiled.resolved.document;
        Some(Self {
            gateway,
            settings: document.revocation.clone()?,
            issuers: document.issuers.clone(),
            served: Arc::clone(&current.served),
        })
    }

    fn feeds(&self) -> &Feeds {
        &self.gateway.feeds
    }

    fn now(&self) -> u64 {
        self.gateway.clock.unix().seconds()
    }

    fn secret(&self, reference: &spec::SecretRef) -> Option<&[u8]> {
        self.served.assets.get(&compile::secret_key(reference)).map(|bytes| &**bytes)
    }

    /// The name and the settings of the issuer that signs as `iss`.
    fn issuer(&self, iss: &str) -> Option<(&str, &Issuer)> {
        let found = self.issuers.iter().find(|(_, issuer)| issued::iss(issuer) == iss);
        found.map(|(name, issuer)| (name.as_str(), &issuer.value))
    }

    /// An issuer with its keys.
    fn signer(&self, name: &str, issuer: &Issuer) -> Option<Signer> {
        let local = self.gateway.key.lock().as_ref().map(|key| key.jwks_json());
        let feeds = self.feeds();
        let local = local.as_deref().map(str::as_bytes);
        // The same source as before, unless its settings have changed.
        let signer = Signer::of(issuer, &self.served.assets, local, &feeds.context)?;
        let mut signers = feeds.signers.lock();
        // What the document no longer names is not kept fresh.
        signers.retain(|known, _| self.issuers.contains_key(known));
        signers.insert(name.to_owned(), signer.clone());
        Some(signer)
    }

    /// An issuer that is asked about tokens.
    fn voucher(&self, issuer: &Issuer) -> Option<Voucher> {
        let secret = |kept: &spec::SecretRef| self.served.assets.get(&compile::secret_key(kept)).cloned();
        Voucher::of(issuer, &self.served.assets, secret, &self.feeds().context)
    }

    /// Whether one more call may be made in somebody's name; else when.
    fn allow(&self, who: &str) -> Result<(), Said> {
        let rate = self.settings.rate.as_ref().map(|rate| rate.value);
        let count = rate.map_or(RATE, spec::Rate::count);
        let window = rate.map_or(Duration::from_secs(60), spec::Rate::window);
        let burst = u32::try_from(count).unwrap_or(u32::MAX).min(BURST);
        let meter = Meter::Rate { interval: window / burst.max(1), burst };
        let cells = &self.feeds().context.cells;
        let taken =
            cells.take(cells.key(&[&b"revocation"[..], who.as_bytes()]), &meter, self.gateway.clock.unix());
        if taken.allowed {
            return Ok(());
        }
        let after = taken.retry_after.as_secs().saturating_add(1);
        Err(Said::plain(StatusCode::TOO_MANY_REQUESTS).field(RETRY_AFTER, after.into()))
    }

    /// Somebody fails to prove who they are: said as often as one may fail, and less after that.
    fn failed(&self, said: Said) -> Said {
        self.allow("\0failures").err().unwrap_or(said)
    }

    /// Keeps what is revoked; in effect when it returns.
    async fn deny(&self, actor: &str, new: NewRevocation) -> Result<(), Said> {
        let credentials = self.gateway.credentials().map(Arc::clone).ok_or_else(|| Said::later(5))?;
        told(actor, credentials.deny(actor.to_owned(), new).await.map(drop))
    }

    /// Keeps all that an event revokes, unless that was done before; in effect when it returns.
    async fn deny_once(&self, actor: &str, new: Vec<NewRevocation>, once: Once) -> Result<(), Said> {
        let credentials = self.gateway.credentials().map(Arc::clone).ok_or_else(|| Said::later(5))?;
        told(actor, credentials.deny_once(actor.to_owned(), new, once).await)
    }
}

/// What the store said, to who asked.
fn told(actor: &str, done: Result<(), StoreError>) -> Result<(), Said> {
    done.map_err(|why| match why {
        StoreError::Invalid(_) => Said::plain(StatusCode::BAD_REQUEST),
        why => {
            crate::terminal::say(format_args!("warning: {actor} could not revoke anything: {why}"));
            Said::later(5)
        }
    })
}

/// Whether a body is said to be of a media type, whatever its parameters.
fn is_of(headers: &HeaderMap, media: &str) -> bool {
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (all.next(), all.next());
    let essence = first.and_then(|value| value.to_str().ok()).and_then(|text| text.split(';').next());
    second.is_none() && essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media))
}
