//! Rules over what happens to calls, of which somebody is told when they begin to hold.

use super::notify::{Notify, Severity, Wanted};
use crate::node::Node;
use crate::read::Spanned;
use crate::units::{Duration, Percent, Rate};
use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most alerts of a document.
const ALERTS: usize = 64;

/// A rule: one of `rate`, `share` and `absent`, over the calls that fit `events`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Alert {
    /// which calls count; without it all that were refused, failed, or would have been refused by a control in shadow
    #[serde(default)]
    pub events: Wanted,
    /// what groups are told apart by: each is counted and told of alone
    #[serde(default)]
    pub by: Vec<Spanned<GroupBy>>,
    /// holds when there are at least so many in that time
    #[serde(default)]
    pub rate: Option<Spanned<Rate>>,
    /// holds when at least this share of all calls in `window` fits
    #[serde(default)]
    pub share: Option<Spanned<Percent>>,
    /// holds when there was none for so long, from `1m` to `7d`
    #[serde(default)]
    pub absent: Option<Spanned<Duration>>,
    /// what is missed by `absent`: `events`, or `calls`, those that nothing was said against among them
    #[serde(default)]
    pub of: Counted,
    /// over which time a share is taken, from `10s` to `1d`
    #[serde(default = "default_window")]
    pub window: Spanned<Duration>,
    /// fewer calls than this in `window` make no share
    #[serde(default = "default_at_least")]
    pub at_least: u32,
    /// for how long it has to have ceased before that is told, at most `1d`
    #[serde(default = "default_hold")]
    pub hold: Spanned<Duration>,
    /// after how long it is told again while it lasts, from `1m` to `7d`
    #[serde(default = "default_repeat")]
    pub repeat: Spanned<Duration>,
    /// how severe it is
    #[serde(default = "default_severity")]
    pub severity: Severity,
    /// which sinks are told; without it all that take alerts of such severity and owner
    #[serde(default)]
    pub sinks: Vec<Spanned<String>>,
}

fn default_window() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(5 * 60))
}

const fn default_at_least() -> u32 {
    20
}

fn default_hold() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(5 * 60))
}

fn default_repeat() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(4 * 3600))
}

const fn default_severity() -> Severity {
    Severity::Warning
}

/// What groups are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// The API.
    Api,
    /// The operation.
    Operation,
    /// The code.
    Code,
    /// The control.
    Control,
    /// The client's address.
    Address,
    /// The principal.
    Principal,
    /// The application.
    Application,
}

/// What is missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Events.
    #[default]
    Events,
    /// Calls, whatever came of them.
    Calls,
}

/// Reports what is wrong with the alerts.
pub(super) fn check(notify: &Notify, tree: &Node, out: &mut Diagnostics) {
    if let Some(first) = notify.alerts.values().next().filter(|_| notify.alerts.len() > ALERTS) {
        let message = format!("{} alerts are too many", notify.alerts.len());
        let help = format!("write at most {ALERTS}: one can tell groups apart by `by`");
        out.push(Diagnostic::error("invalid-value", message).at(first.span).help(help));
    }
    if let Some(first) = notify.alerts.values().next().filter(|_| notify.sinks.is_empty()) {
        let message = "there are alerts, and nobody who is told";
        let help = "write a sink under `sinks`";
        out.push(Diagnostic::error("missing-key", message).at(first.span).help(help));
    }
    for (name, alert) in &notify.alerts {
        // What is there and cannot be read was reported as that.
        let is_written = |key: &str| tree.at(&["notify", "alerts", name.as_str(), key]).is_some();
        let written = ["rate", "share", "absent"].iter().filter(|key| is_written(key)).count();
        kinds((name, written), alert, out);
        bounds(alert, out);
        for sink in &alert.sinks {
            if !notify.sinks.contains_key(&sink.value) {
                let message = format!("there is no sink `{}`", sink.value.escape_debug());
                let help = match diagnostics::nearest(sink, notify.sinks.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => String::from("write it under `sinks`"),
                };
                out.push(Diagnostic::error("unknown-name", message).at(sink.span).help(help));
            }
        }
    }
}

/// One kind of rule, with the keys that mean something to it.
fn kinds((name, written): (&str, usize), alert: &Spanned<Alert>, out: &mut Diagnostics) {
    let mut report = |message: String, help: &str| {
        out.push(Diagnostic::error("conflict", message).at(alert.span).help(help));
    };
    match written {
        1 => {}
        0 => report(
            format!("the alert `{name}` says nothing of when it holds"),
            "write `rate: 20/min`, `share: 5%` or `absent: 10m`",
        ),
        _ => report(
            format!("the alert `{name}` has more than one of `rate`, `share` and `absent`"),
            "keep one, and write the others as alerts of their own",
        ),
    }
    let of_operation = |by: &Spanned<GroupBy>| matches!(by.value, GroupBy::Api | GroupBy::Operation);
    if alert.share.is_some() && !alert.by.iter().all(of_operation) {
        report(
            format!("the alert `{name}` takes a share by what is not known of calls that pass"),
            "write `by: [api]`, `by: [operation]` or none",
        );
    }
    if alert.absent.is_some() && !alert.by.is_empty() {
        report(
            format!("the alert `{name}` misses groups that nobody has seen yet"),
            "take `by` out, and write one alert for each API, as in `events: { api: [orders] }`",
        );
    }
    if alert.of == Counted::Calls {
        let events = &alert.events;
        let narrow = events.severity != Severity::Info
            || !events.outcome.is_empty()
            || !events.code.is_empty()
            || !events.control.is_empty();
        if alert.absent.is_none() {
            report(format!("`of` of the alert `{name}` is for `absent`"), "take it out");
        } else if narrow {
            report(
                format!("the alert `{name}` misses calls by what is known of events only"),
                "keep `api` and `operation` under `events`, or take `of: calls` out",
            );
        }
    }
}

fn bounds(alert: &Alert, out: &mut Diagnostics) {
    let (minute, day) = (60_000, 86_400_000);
    let absent = alert.absent.unwrap_or(Spanned::nowhere(Duration::from_secs(60)));
    for (what, time, least, most, help) in [
        ("silence", absent, minute, 7 * day, "write from `1m` to `7d`"),
        ("window", alert.window, 10_000, day, "write from `10s` to `1d`"),
        ("hold", alert.hold, 0, day, "write at most `1d`"),
        ("repeat", alert.repeat, minute, 7 * day, "write from `1m` to `7d`"),
    ] {
        if !(least..=most).contains(&time.get().as_millis()) {
            let message = format!("the {what} of `{}` is out of bounds", time.value);
            out.push(Diagnostic::error("invalid-value", message).at(time.span).help(help));
        }
    }
    if let Some(rate) = alert.rate
        && !(1_000..=day).contains(&rate.window().as_millis())
    {
        let message = format!("`{}` counts for too long", rate.value);
        out.push(Diagnostic::error("invalid-value", message).at(rate.span).help("count for at most a day"));
    }
    if let Some(share) = alert.share.filter(|share| share.get() == 0) {
        let message = "a share of `0%` always holds";
        out.push(Diagnostic::error("invalid-value", message).at(share.span).help("write at least `1%`"));
    }
}
