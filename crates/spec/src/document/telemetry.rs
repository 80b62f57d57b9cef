//! Where traces, metrics and logs are exported to.

use crate::document::Document;
use crate::read::Spanned;
use crate::units::{Duration, Percent, SecretRef, Url};
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most attributes of the resource, and the longest name and value of one.
const ATTRIBUTES: usize = 32;
const ATTRIBUTE_BYTES: usize = 256;
/// Header fields that are written by the exporter itself.
const OURS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What is told of calls to others, beside what is recorded here.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Telemetry {
    /// a collector that is sent traces, metrics and logs
    pub otlp: Option<Spanned<Otlp>>,
}

/// A collector: OTLP over HTTP, in Protocol Buffers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Otlp {
    /// the collector's URL, to which `/v1/traces`, `/v1/metrics` and `/v1/logs` are added
    pub endpoint: Spanned<Url>,
    /// header fields of each request, and where their values are kept
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<SecretRef>>,
    /// whether spans of calls are exported
    #[serde(default = "yes")]
    pub traces: bool,
    /// whether what `/metrics` shows is exported
    #[serde(default = "yes")]
    pub metrics: bool,
    /// of which calls a log record is exported
    #[serde(default)]
    pub logs: Logs,
    /// share of the traces that begin here that are recorded; those of trusted callers are as their callers say, and what is refused or
    /// fails always is
    #[serde(default = "default_sample")]
    pub sample: Percent,
    /// how long spans and log records wait at most, and how often metrics are sent, from `1s` to `10m`
    #[serde(default = "ten_seconds")]
    pub interval: Spanned<Duration>,
    /// how long one exchange with the collector may take, from `1s` to `1m`
    #[serde(default = "ten_seconds")]
    pub timeout: Spanned<Duration>,
    /// how requests are compressed
    #[serde(default)]
    pub compression: Compression,
    /// attributes of the gateway as a resource, as in `service.name: gateway`; it is called `yett` otherwise
    #[serde(default)]
    pub resource: BTreeMap<String, Spanned<String>>,
    /// `true` takes an endpoint that is not `https` and is not on this machine
    #[serde(default)]
    pub allow_cleartext: bool,
}

/// Of which calls a log record is exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Logs {
    /// Of those whose trace is recorded, and of what is refused or fails.
    #[default]
    Sampled,
    /// Of all.
    All,
    /// Of none.
    None,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By gzip.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

fn yes() -> bool {
    true
}

fn default_sample() -> Percent {
    Percent::new(1)
}

fn ten_seconds() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(10))
}

/// Reports what is wrong with it.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    let Some(otlp) = &document.telemetry.otlp else { return };
    let mut wrong = |code, message: String, span: Span, help: &str| {
        out.push(Diagnostic::error(code, message).at(span).help(help));
    };
    let endpoint = &otlp.endpoint;
    if !endpoint.is_https() && !endpoint.is_loopback() && !otlp.allow_cleartext {
        let message = format!("calls would be told to `{}` in clear text", endpoint.value);
        let help = "use its `https` URL, or write `allow_cleartext: true` where nobody can listen";
        wrong("clear-text", message, endpoint.span, help);
    }
    if endpoint.path().contains('?') || endpoint.path().contains("/v1/") {
        let message = format!("`{}` is no collector's base URL", endpoint.value);
        let help = "leave out `/v1/traces`, which is added, and a query";
        wrong("invalid-value", message, endpoint.span, help);
    }
    for (name, secret) in &otlp.headers {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
            let message = format!("`{}` is not the name of a header field", name.escape_debug());
            wrong("invalid-value", message, secret.span, "write one as in `authorization` or `x-api-key`");
        } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("`{name}` is written by the gateway itself");
            wrong("invalid-value", message, secret.span, "take it out");
        }
    }
    for (what, time, longest, range) in [
        ("every", &otlp.interval, 600, "from `1s` to `10m`"),
        ("within", &otlp.timeout, 60, "from `1s` to `1m`"),
    ] {
        if !(1..=longest).contains(&time.get().as_secs()) {
            let message = format!("a collector cannot be told {what} `{}`", time.value);
            wrong("invalid-value", message, time.span, &format!("write {range}"));
        }
    }
    for (key, value) in &otlp.resource {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        if key.is_empty() || key.len() > ATTRIBUTE_BYTES || !key.bytes().all(named) {
            let message = format!("`{}` is not the name of an attribute", key.escape_debug());
            let help = "write one as in `service.name` or `deployment.environment.name`";
            wrong("invalid-value", message, value.span, help);
        }
        if value.len() > ATTRIBUTE_BYTES || value.chars().any(char::is_control) {
            let message = format!("the value of `{}` is too long, or not text", key.escape_debug());
            let help = format!("write at most {ATTRIBUTE_BYTES} bytes without control characters");
            wrong("invalid-value", message, value.span, &help);
        }
    }
    if otlp.resource.len() > ATTRIBUTES {
        let message = format!("{} attributes are too many", otlp.resource.len());
        wrong("invalid-value", message, otlp.span, &format!("write at most {ATTRIBUTES}"));
    }
    if !otlp.traces && !otlp.metrics && otlp.logs == Logs::None {
        let message = String::from("nothing is exported there");
        wrong(
            "missing-key",
            message,
            otlp.span,
            "leave `otlp` out, or let one of `traces`, `metrics` and `logs` be exported",
        );
    }
}
