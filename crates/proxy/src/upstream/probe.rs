//! Active health checks: one task per target on the side runtime, which asks for a path from time to time.
//!
//! A check goes the way that calls go (name, TCP, TLS with the same trust and identity, the same version of HTTP) on a connection
//! of its own, which is closed after it. The task ends when the last core lets go of its target.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;

use bytes::BytesMut;
use engine::control::CoreContext;
use engine::upstream::{HealthCheck, Target, Upstream, UpstreamHttp};
use engine::{Clock, Tick, bounds};
use http::{Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::names::Host;
use super::tls::{self, Clients};
use crate::http1::answer;

const AGENT: &str = concat!("yett/", env!("CARGO_PKG_VERSION"), " (health check)");

/// What the checks of a target found.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    started: AtomicBool,
    down: AtomicBool,
    /// When it came up again, in nanoseconds; 0 when it was never down.
    up_at: AtomicU64,
}

impl Probe {
    /// Whether the target is well.
    pub(super) fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    /// When it came up again.
    pub(super) fn up_at(&self) -> Tick {
        Tick(self.up_at.load(Ordering::Relaxed))
    }

    /// Begins the checks, once however many cores ask for it.
    pub(super) fn start(
        self: &Arc<Self>,
        (upstream, target, check): (&Upstream, &Target, &HealthCheck),
        (clients, context): (&Clients, &CoreContext),
    ) {
        if !self.started.swap(true, Ordering::AcqRel) {
            let checked = Checked::new((upstream, target, check), clients, context);
            context.side.spawn(Box::pin(run(Arc::downgrade(self), checked, Arc::clone(&context.clock))));
        }
    }
}

/// What is checked, and how. It holds no upstream, whose end is how the pool knows of its own.
#[derive(Debug)]
struct Checked {
    target: Target,
    host: Host,
    check: HealthCheck,
    http: UpstreamHttp,
    /// Over TLS; `Err` when that cannot be spoken.
    tls: Option<Result<(Arc<ClientConfig>, ServerName<'static>), String>>,
}

impl Checked {
    fn new(
        (upstream, target, check): (&Upstream, &Target, &HealthCheck),
        clients: &Clients,
        context: &CoreContext,
    ) -> Self {
        let tls =
            target.tls.then(|| Ok((clients.config(upstream, false)?, tls::server_name(upstream, target)?)));
        let host = Host::of(&target.host, context, true);
        Self { target: target.clone(), host, check: check.clone(), http: upstream.http, tls }
    }
}

async fn run(probe: Weak<Probe>, checked: Checked, clock: Arc<dyn Clock>) {
    let (mut failures, mut successes) = (0_u32, 0_u32);
    while probe.strong_count() > 0 {
        let well = is_well(&checked, &*clock).await;
        let Some(probe) = probe.upgrade() else { return };
        (failures, successes) =
            if well { (0, successes.saturating_add(1)) } else { (failures.saturating_add(1), 0) };
        let down = probe.down.load(Ordering::Relaxed);
        if down && successes >= checked.check.up_after {
            probe.up_at.store(clock.now().0, Ordering::Relaxed);
            probe.down.store(false, Ordering::Relaxed);
        } else if !down && failures >= checked.check.down_after {
            probe.down.store(true, Ordering::Relaxed);
        }
        drop(probe);
        clock.sleep(checked.check.every).await;
    }
}

/// One check under its deadline.
async fn is_well(checked: &Checked, clock: &dyn Clock) -> bool {
    let mut late = clock.sleep(checked.check.timeout);
    let mut asked = pin!(ask(checked, clock));
    std::future::poll_fn(move |context| match asked.as_mut().poll(context) {
        Poll::Ready(status) => {
            Poll::Ready(status.is_some_and(|status| status.is_success() || status.is_redirection()))
        }
        Poll::Pending => late.as_mut().poll(context).map(|()| false),
    })
    .await
}

/// The status of the answer; `None` when there is none.
async fn ask(checked: &Checked, clock: &dyn Clock) -> Option<StatusCode> {
    let socket = dial(checked, clock).await?;
    let Some(tls) = &checked.tls else {
        return match checked.http {
            UpstreamHttp::Two => ask_two(socket, checked).await,
            _ => ask_one(socket, checked).await,
        };
    };
    let (config, name) = tls.as_ref().ok()?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name.clone(), socket).await.ok()?;
    match stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        true => ask_two(stream, checked).await,
        false if checked.http == UpstreamHttp::Two => None,
        false => ask_one(stream, checked).await,
    }
}

/// A connection to the first of its addresses that takes one.
#[allow(clippy::disallowed_methods, reason = "checks go the way of the calls that they are made for")]
async fn dial(checked: &Checked, clock: &dyn Clock) -> Option<TcpStream> {
    for address in checked.host.addresses(clock).await.ok()? {
        if let Ok(socket) = TcpStream::connect((address, checked.target.port)).await {
            return Some(socket);
        }
    }
    checked.host.doubt(clock.now());
    None
}

async fn ask_one<S>(mut io: S, checked: &Checked) -> Option<StatusCode>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let host = checked.target.authority.to_str().ok()?;
    let path = &checked.check.path;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {AGENT}\r\nconnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.ok()?;
    io.flush().await.ok()?;
    let mut inbox = BytesMut::with_capacity(1024);
    let mut spans = answer::Spans::new();
    loop {
        while let Some(found) = answer::find(&inbox, &mut spans).ok()? {
            let head = inbox.split_to(found.length).freeze();
            let head = answer::read(&head, found, &spans, &Method::GET).ok()?;
            if !head.status.is_informational() {
                return Some(head.status);
            }
        }
        if inbox.len() > bounds::HEADER_BYTES || io.read_buf(&mut inbox).await.ok()? == 0 {
            return None;
        }
    }
}

async fn ask_two<S>(io: S, checked: &Checked) -> Option<StatusCode>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.ok()?;
    let scheme = if checked.target.tls { "https" } else { "http" };
    let authority = checked.target.authority.to_str().ok()?;
    let request = Request::get(format!("{scheme}://{authority}{}", checked.check.path))
        .header(http::header::USER_AGENT, AGENT)
        .body(String::new())
        .ok()?;
    let mut connection = pin!(connection);
    let mut answer = pin!(sender.send_request(request));
    std::future::poll_fn(move |context| {
        // The connection moves while its answer is waited for, and ends with it.
        let over = connection.as_mut().poll(context).is_ready();
        match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.ok().map(|answer| answer.status())),
            Poll::Pending if over => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
