//! Who is told of what happens to calls, and how.

use super::alert::{self, Alert};
use crate::document::{Document, check::is_name};
use crate::node::Node;
use crate::read::Spanned;
use crate::units::{Duration, SecretRef, Size, Url};
use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most sinks of a document: each has a task, a place in the spool and series of metrics.
const SINKS: usize = 16;

/// Who is told of what happens to calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Notify {
    /// what the gateway calls itself in events: an absolute URI (`source` of CloudEvents)
    #[serde(default = "default_source")]
    #[schemars(extend("pattern" = "^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"))]
    pub source: Spanned<String>,
    /// where events go, by name
    #[serde(default)]
    pub sinks: BTreeMap<String, Spanned<Sink>>,
    /// rules of which sinks are told when they begin to hold and when they cease, by name
    #[serde(default)]
    pub alerts: BTreeMap<String, Spanned<Alert>>,
}

fn default_source() -> Spanned<String> {
    Spanned::nowhere(String::from("urn:yett:gateway"))
}

/// A receiver of events: CloudEvents 1.0 by POST, signed as Standard Webhooks says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Sink {
    /// where events are posted to
    pub url: Spanned<Url>,
    /// where the secret is kept that events are signed with: base64 of 24 to 64 bytes, with or without `whsec_` before it
    pub secret: Spanned<SecretRef>,
    /// where the secret is kept that the receiver may still know: events are signed with both
    #[serde(default)]
    pub previous_secret: Option<Spanned<SecretRef>>,
    /// what it is told of: calls, alerts, or both
    #[serde(default = "all_kinds")]
    pub tell: Vec<Tell>,
    /// which events; without it all. `severity` and `owner` hold for alerts too
    #[serde(default)]
    pub events: Wanted,
    /// `true` lets the host lead to loopback, private and link-local addresses
    #[serde(default)]
    pub allow_private: bool,
    /// `true` takes a URL that is not `https`: what is sent can be read and changed on the way
    #[serde(default)]
    pub allow_cleartext: bool,
    /// longest time that one delivery may take, from `100ms` to `1m`
    #[serde(default = "default_deadline")]
    pub deadline: Spanned<Duration>,
    /// when an event is sent again, and when no more
    #[serde(default)]
    pub retry: Redelivery,
    /// how much may wait on the disk for this receiver, at least `1MiB`; what comes then is lost and counted
    #[serde(default = "default_size")]
    pub size: Spanned<Size>,
    /// how much of what was given up is kept, at least `1MiB`; the oldest is removed
    #[serde(default = "default_dead")]
    pub dead: Spanned<Size>,
}

fn all_kinds() -> Vec<Tell> {
    vec![Tell::Calls, Tell::Alerts]
}

fn default_deadline() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(10))
}

fn default_size() -> Spanned<Size> {
    Spanned::nowhere(Size::from_bytes(64 * 1024 * 1024))
}

fn default_dead() -> Spanned<Size> {
    Spanned::nowhere(Size::from_bytes(16 * 1024 * 1024))
}

/// Which events a sink is told of: those that fit every key that is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Wanted {
    /// those that are at least so severe
    pub severity: Severity,
    /// those of calls that came to one of these
    pub outcome: Vec<EventOutcome>,
    /// those with one of these codes
    pub code: Vec<Spanned<String>>,
    /// those that one of these controls ended, or would have
    pub control: Vec<Spanned<String>>,
    /// those of one of these APIs
    pub api: Vec<Spanned<String>>,
    /// those of one of these operations, by id
    pub operation: Vec<Spanned<String>>,
    /// those of APIs for which one of these answers (`owner` of an API); of alerts also of applications
    pub owner: Vec<Spanned<String>>,
}

/// What a sink is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tell {
    /// Each call that was refused, failed, or would have been refused.
    Calls,
    /// Alerts.
    Alerts,
}

/// How severe an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing happened to a call: a control in shadow would have ended it.
    #[default]
    Info,
    /// A call was refused, as calls are.
    Notice,
    /// A call was refused that looks like an attack.
    Warning,
    /// The gateway, an issuer or the service is to blame.
    Error,
}

/// What a call came to that somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventOutcome {
    /// It, or its answer, was refused.
    Refused,
    /// It failed, and was not refused.
    Failed,
    /// It passed, and a control in shadow would have ended it.
    Shadowed,
    /// It passed, and a control wants it told of.
    Noted,
}

/// When an event is sent again, and when no more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Redelivery {
    /// the first pause, from `10ms` to `1m`; then twice as long each time
    pub first: Spanned<Duration>,
    /// the longest pause, a `Retry-After` of the receiver included, at most `1h`
    pub most: Spanned<Duration>,
    /// after so many tries an event is given up
    #[schemars(range(min = 1, max = 1000))]
    pub tries: Spanned<u32>,
    /// as old as this an event is given up, from `1m` to `30d`
    pub age: Spanned<Duration>,
}

impl Default for Redelivery {
    fn default() -> Self {
        Self {
            first: Spanned::nowhere(Duration::from_secs(1)),
            most: Spanned::nowhere(Duration::from_secs(15 * 60)),
            tries: Spanned::nowhere(50),
            age: Spanned::nowhere(Duration::from_secs(3 * 24 * 3600)),
        }
    }
}

/// Reports what is wrong with it.
pub(super) fn check(document: &Document, tree: &Node, out: &mut Diagnostics) {
    let Some(notify) = &document.notify else { return };
    source(&notify.source, out);
    let groups = ["sinks", "alerts"].map(|group| tree.at(&["notify", group]));
    for entry in groups.into_iter().flatten().flat_map(|node| node.entries()) {
        if !is_name(&entry.key) {
            let message = format!("`{}` is not a name", entry.key.escape_debug());
            let help = "use letters, digits, `-`, `_` and `.`, at most 128";
            out.push(Diagnostic::error("invalid-name", message).at(entry.key_span).help(help));
        }
    }
    if notify.sinks.len() > SINKS {
        let message = format!("{} sinks are too many", notify.sinks.len());
        let help = format!("write at most {SINKS}: one receiver can pass events on");
        out.push(Diagnostic::error("invalid-value", message).at(notify.span()).help(help));
    }
    for (name, sink) in &notify.sinks {
        check_sink(name, sink, out);
    }
    alert::check(notify, tree, out);
}

impl Notify {
    /// Where the first of its sinks stands.
    fn span(&self) -> diagnostics::Span {
        self.sinks.values().next().map_or(self.source.span, |sink| sink.span)
    }
}

fn source(source: &Spanned<String>, out: &mut Diagnostics) {
    let scheme = source.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    let letters = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
    };
    let good = scheme.is_some_and(letters)
        && source.len() <= 256
        && source.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    if !good {
        let message = format!("`{}` is not an absolute URI", source.value.escape_debug());
        let help =
            "write one of at most 256 characters, as in `urn:yett:eu-1` or `https://gateway.example.com`";
        out.push(Diagnostic::error("invalid-value", message).at(source.span).help(help));
    }
}

fn check_sink(name: &str, sink: &Spanned<Sink>, out: &mut Diagnostics) {
    if !sink.url.is_https() && !sink.allow_cleartext {
        let message = format!("the sink `{name}` is not `https`");
        let help = "what is sent can be read and changed on the way: use its `https` URL, or write `allow_cleartext: true`";
        out.push(Diagnostic::error("insecure-sink", message).at(sink.url.span).help(help));
    }
    if sink.url.is_loopback() && !sink.allow_private {
        let message = format!("the sink `{name}` is on this machine, which events may not reach");
        let help = "write `allow_private: true`";
        out.push(Diagnostic::error("private-sink", message).at(sink.url.span).help(help));
    }
    if sink.previous_secret.as_ref().is_some_and(|previous| previous.value == sink.secret.value) {
        let message = format!("both secrets of the sink `{name}` are the same one");
        out.push(Diagnostic::error("conflict", message).at(sink.secret.span).help("keep `secret`"));
    }
    let retry = &sink.retry;
    let second = 1_000;
    for (what, time, least, most, help) in [
        ("deadline", sink.deadline, 100, 60 * second, "write from `100ms` to `1m`"),
        ("first pause", retry.first, 10, 60 * second, "write from `10ms` to `1m`"),
        ("longest pause", retry.most, 10, 3_600 * second, "write from `10ms` to `1h`"),
        ("age", retry.age, 60 * second, 30 * 86_400 * second, "write from `1m` to `30d`"),
    ] {
        if !(least..=most).contains(&time.get().as_millis()) {
            let message = format!("the {what} of `{}` is out of bounds", time.value);
            out.push(Diagnostic::error("invalid-value", message).at(time.span).help(help));
        }
    }
    if retry.most.value < retry.first.value {
        let message = "the longest pause is shorter than the first";
        let help = "write a `most` of at least `first`";
        out.push(Diagnostic::error("invalid-value", message).at(retry.most.span).help(help));
    }
    if !(1..=1_000).contains(&retry.tries.value) {
        let message = format!("`{}` tries are out of bounds", retry.tries.value);
        out.push(Diagnostic::error("invalid-value", message).at(retry.tries.span).help("write 1 to 1000"));
    }
    for size in [sink.size, sink.dead] {
        if size.value < Size::from_bytes(1024 * 1024) {
            let message = format!("`{}` is too little to keep events in", size.value);
            out.push(Diagnostic::error("invalid-value", message).at(size.span).help("write at least `1MiB`"));
        }
    }
}
