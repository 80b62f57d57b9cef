//! The admin listener: health, readiness, metrics. Plain HTTP/1.1, loopback by default, no secrets in it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use controls::authentication::IssuerState;
use diagnostics::without_userinfo;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use manage_api::ReloadOutcome;
use proxy::Passed;
use serde_json::{Map, Value, json};
use telemetry::{Kind, Sample};
use tokio::net::{TcpListener, TcpStream};

use super::credentials::State as StoreState;
use super::decisions::Told as Decisions;
use super::gateway::Gateway;
use super::{notices, service, shared, targets};

/// Connections served at one time; further ones wait.
const CONNECTIONS: usize = 64;
/// How long one connection may last.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the socket.
pub(super) async fn bind(passed: &Passed, address: SocketAddr) -> Result<TcpListener, String> {
    service::listen(passed, address).await.map_err(|error| {
        format!(
            "the admin listener cannot be opened on {address}: {error}; write another `admin: {{ bind: … }}`"
        )
    })
}

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    service::serve(listener, CONNECTIONS, |stream| connection(stream, Arc::clone(&gateway))).await;
}

async fn connection(stream: TcpStream, gateway: Arc<Gateway>) {
    let service = hyper::service::service_fn(move |request| {
        let answer = answer(&request, &gateway);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // What a scraper does with its connection is its own affair.
    let _ = tokio::time::timeout(PATIENCE, connection).await;
}

fn answer(request: &Request<Incoming>, gateway: &Gateway) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return respond(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "use GET\n");
    }
    match request.uri().path() {
        "/health" => respond(StatusCode::OK, "text/plain", "alive\n"),
        "/ready" => ready(gateway),
        "/metrics" => {
            let text = gateway.telemetry().render(&samples(gateway));
            respond(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        _ => respond(StatusCode::NOT_FOUND, "text/plain", "try /health, /ready or /metrics\n"),
    }
}

/// Ready means: calls are taken. A reload that failed, a log that cannot be written, an issuer that cannot be asked for its keys,
/// a store or shared state that cannot be used, decisions or events that are lost, a sink that takes none, and a revocation list that is out of date, so that nobody's certificate is taken, are details.
fn ready(gateway: &Gateway) -> Response<Full<Bytes>> {
    let ready = !gateway.is_stopping();
    let status = gateway.status();
    let reload = status.last_reload.as_ref();
    let fault = gateway.telemetry().log_fault();
    let failed = reload.is_some_and(|report| report.outcome == ReloadOutcome::Failed);
    let issuers = gateway.issuer_states();
    let now = gateway.clock.unix().seconds();
    let lists = gateway.revocation_lists();
    let stale = lists.iter().any(|(_, until)| *until <= now);
    let store = gateway.store_state();
    let storeless = store.as_ref().is_some_and(|store| store.fault.is_some());
    let decisions = gateway.decisions().state();
    let state = gateway.shared().map(|shared| shared.state());
    let apart = state.as_ref().is_some_and(shared::is_degraded);
    let told = gateway.notices().state();
    let untold = told.fault.is_some() || told.sinks.iter().any(|sink| sink.state != "ok");
    let keyless = issuers.iter().any(|issuer| !issuer.keys.usable || issuer.keys.failures > 0);
    let lists: Map<String, Value> =
        lists.into_iter().map(|(name, until)| (name, json!({ "ok": until > now, "until": until }))).collect();
    let issuers: Map<String, Value> =
        issuers.into_iter().map(|issuer| (issuer.name.clone(), issuer_detail(&issuer, now))).collect();
    let detail = json!({
        "ready": ready,
        "draining": !ready,
        "degraded": failed || fault.is_some() || keyless || stale || storeless || apart || untold || decisions.fault.is_some(),
        "generation": status.generation,
        "digest": status.digest,
        "live_snapshots": status.live_snapshots,
        "access_log": { "ok": fault.is_none(), "fault": fault },
        "issuers": issuers,
        "store": store.map(|store| store_detail(&store)),
        "decisions": decisions_detail(&decisions),
        "state": state.as_ref().map(shared::detail),
        "notices": notices::detail(&told),
        "targets_down": targets::down(gateway),
        "revocation_lists": lists,
        "last_reload": reload,
    });
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    respond(code, "application/json", detail.to_string())
}

/// One issuer's keys: whether tokens can be verified, how old they are, when they came (seconds since 1970), and why not.
fn issuer_detail(issuer: &IssuerState, now: u64) -> Value {
    let keys = &issuer.keys;
    let age = keys.age.map(|age| age.as_secs());
    json!({
        "url": without_userinfo(&issuer.url),
        "ok": keys.usable,
        "keys": keys.keys,
        "age": age,
        "last_success": age.map(|age| now.saturating_sub(age)),
        "failures": keys.failures,
        "last_error": keys.error.as_deref().map(without_userinfo),
    })
}

/// The store of applications: whether it can be changed, and what holds while it cannot.
fn store_detail(store: &StoreState) -> Value {
    json!({ "ok": store.fault.is_none(), "fault": store.fault, "keys": store.keys, "revocations": store.revocations,
            "sequence": store.sequence })
}

/// The store of decisions: whether what is decided is kept, and what was lost of it.
fn decisions_detail(told: &Decisions) -> Value {
    let lost: u64 = told.lost.iter().map(|(_, count)| count).sum();
    json!({
        "ok": told.fault.is_none(),
        "enabled": told.enabled,
        "fault": told.fault,
        "written": told.written,
        "waiting": told.waiting,
        "lost": lost,
    })
}

fn decision_samples(told: &Decisions) -> Vec<Sample> {
    let one = |name, help, kind, value: f64| Sample { name, help, kind, labels: Vec::new(), value };
    let mut all = vec![
        one(
            "yett_decisions_written_total",
            "Decisions that were written to their store.",
            Kind::Counter,
            told.written as f64,
        ),
        one("yett_decisions_waiting", "Decisions that wait to be written.", Kind::Gauge, told.waiting as f64),
        one(
            "yett_decisions_bytes",
            "Bytes that the decisions of the store take.",
            Kind::Gauge,
            told.bytes as f64,
        ),
        one(
            "yett_decisions_up",
            "Whether decisions are kept without loss.",
            Kind::Gauge,
            f64::from(u8::from(told.fault.is_none())),
        ),
    ];
    all.extend(told.lost.iter().map(|(why, count)| Sample {
        name: "yett_decisions_lost_total",
        help: "Decisions that were not written, by why.",
        kind: Kind::Counter,
        labels: vec![("reason", why.name().to_owned())],
        value: *count as f64,
    }));
    all
}

fn store_samples(gateway: &Gateway) -> Vec<Sample> {
    let Some(store) = gateway.store_state() else { return Vec::new() };
    let gauge = |name, help, value: f64| Sample { name, help, kind: Kind::Gauge, labels: Vec::new(), value };
    let up = f64::from(u8::from(store.fault.is_none()));
    vec![
        gauge("yett_store_up", "Whether the store of applications can be used.", up),
        gauge("yett_api_keys", "API keys that are known, those that are over included.", store.keys as f64),
        gauge("yett_revocations", "Entries of the denylist of tokens.", store.revocations as f64),
        gauge(
            "yett_store_sequence",
            "Number of the last change of the store in effect.",
            store.sequence as f64,
        ),
    ]
}

/// How asking for security events goes, one series per transmitter that is asked.
fn poll_samples(gateway: &Gateway) -> Vec<Sample> {
    let mut all = Vec::new();
    for (name, state) in gateway.feeds.polls() {
        for (metric, help, kind, value) in [
            (
                "yett_event_polls_failures",
                "Times in a row that a transmitter could not be asked for security events.",
                Kind::Gauge,
                f64::from(state.failures),
            ),
            (
                "yett_event_polls_refused_total",
                "Security events that were asked for and refused.",
                Kind::Counter,
                state.refused as f64,
            ),
            (
                "yett_event_polls_taken_total",
                "Security events that were asked for and taken.",
                Kind::Counter,
                state.taken as f64,
            ),
        ] {
            all.push(Sample { name: metric, help, kind, labels: vec![("issuer", name.clone())], value });
        }
    }
    all.sort_by_key(|sample| sample.name);
    all
}

/// The same as metrics, one series per issuer of the document.
fn issuer_samples(gateway: &Gateway) -> Vec<Sample> {
    let mut all = Vec::new();
    for issuer in gateway.issuer_states() {
        let keys = &issuer.keys;
        let mut gauge = |name, help, value| {
            let labels = vec![("issuer", issuer.name.clone())];
            all.push(Sample { name, help, kind: Kind::Gauge, labels, value });
        };
        let usable = f64::from(u8::from(keys.usable));
        gauge("yett_issuer_keys_usable", "Whether tokens of an issuer can be verified.", usable);
        gauge("yett_issuer_keys", "Keys of an issuer that can be used.", keys.keys as f64);
        let failures = keys.failures as f64;
        gauge("yett_issuer_keys_failures", "Fetches of an issuer's keys that failed in a row.", failures);
        if let Some(age) = keys.age {
            let help = "Time since the last fetch that brought keys of an issuer.";
            gauge("yett_issuer_keys_age_seconds", help, age.as_secs_f64());
        }
    }
    // A metric's series stand together.
    all.sort_by_key(|sample| sample.name);
    all
}

fn samples(gateway: &Gateway) -> Vec<Sample> {
    let gauge = |name, help, value: f64| Sample { name, help, kind: Kind::Gauge, labels: Vec::new(), value };
    let status = gateway.status();
    let failed = status.last_reload.is_some_and(|report| report.outcome == ReloadOutcome::Failed);
    // Exact to 2^53, as every number in this format.
    let number = |value: u64| value as f64;
    let mut all = vec![
        gauge(
            "yett_snapshots_live",
            "Configurations that calls still use.",
            number(status.live_snapshots as u64),
        ),
        gauge(
            "yett_config_generation",
            "Number of the configuration that serves.",
            number(status.generation),
        ),
        gauge("yett_config_reload_failed", "Whether the last reload failed.", f64::from(u8::from(failed))),
    ];
    let counts = &gateway.counts;
    let outcomes =
        [("changed", &counts.changed), ("unchanged", &counts.unchanged), ("failed", &counts.failed)];
    for (outcome, count) in outcomes {
        all.push(Sample {
            name: "yett_config_reloads_total",
            help: "Reloads by what became of them.",
            kind: Kind::Counter,
            labels: vec![("outcome", outcome.to_owned())],
            value: number(count.load(Ordering::Relaxed)),
        });
    }
    let tokens = gateway.token_cache();
    for (event, count) in [("hit", tokens.hits), ("miss", tokens.misses), ("evicted", tokens.evicted)] {
        all.push(Sample {
            name: "yett_token_cache_total",
            help: "Verified tokens that were remembered, or not, or gave way to others.",
            kind: Kind::Counter,
            labels: vec![("event", event.to_owned())],
            value: number(count),
        });
    }
    all.extend(issuer_samples(gateway));
    all.extend(store_samples(gateway));
    all.extend(poll_samples(gateway));
    all.extend(gateway.shared().map(|shared| shared::samples(&shared.state())).into_iter().flatten());
    all.extend(decision_samples(&gateway.decisions().state()));
    all.extend(notices::samples(&gateway.notices().state()));
    all.extend(targets::samples(gateway));
    all.extend(gateway.revocation_lists().into_iter().map(|(listener, until)| Sample {
        name: "yett_revocation_lists_until_seconds",
        help: "When the first revocation list of a listener is out of date, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: vec![("listener", listener)],
        value: number(until),
    }));
    all
}

fn respond(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
