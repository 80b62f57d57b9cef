//! How an alert is told: as an event like any other.

use engine::text::{push_json, push_number};

use super::{Alert, Change, Condition, Rule};
use crate::event::{Actor, Event, moment};

impl Event {
    /// The event that tells of an alert at `at` (in milliseconds since 1970), under an id of its own. `owners` answer for what it is
    /// about, as far as anybody is known to.
    #[must_use]
    pub fn of_alert(rule: &Rule, alert: &Alert, id: u128, owners: &[String], at: u64) -> Self {
        let kind = match alert.change {
            Change::Firing => "yett.alert.firing",
            Change::Lasting => "yett.alert.lasting",
            Change::Resolved => "yett.alert.resolved",
        };
        Self {
            id: format!("{id:032x}"),
            kind,
            at,
            severity: rule.severity,
            actor: actor(rule, alert, None),
            subject: rule.name.clone(),
            data: data(rule, alert, owners).into(),
        }
    }
}

/// Names a group of a rule; with its beginning, one alert of it.
fn actor(rule: &Rule, alert: &Alert, since: Option<&str>) -> Actor {
    let group = alert.group.iter().map(|value| &**value);
    let parts: Vec<&str> = ["alert", &rule.name].into_iter().chain(group).chain(since).collect();
    Actor::named(&parts)
}

fn data(rule: &Rule, alert: &Alert, owners: &[String]) -> String {
    let since = moment(alert.since);
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"{\"rule\":");
    push_json(&mut out, &rule.name);
    text(&mut out, "alert", &format!("{:032x}", actor(rule, alert, Some(&since)).0));
    text(&mut out, "state", alert.change.name());
    text(&mut out, "since", &since);
    texts(&mut out, "owners", owners);
    out.extend_from_slice(b",\"group\":{");
    for (at, (label, value)) in rule.by.iter().zip(&alert.group).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_json(&mut out, label.name());
        out.push(b':');
        push_json(&mut out, value);
    }
    out.push(b'}');
    condition(&mut out, rule, alert);
    let calls: Vec<String> = alert.examples.iter().map(ToString::to_string).collect();
    texts(&mut out, "calls", &calls);
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}

/// What was found, and what it was held against.
fn condition(out: &mut Vec<u8>, rule: &Rule, alert: &Alert) {
    match rule.condition {
        Condition::Rate(count, window) => {
            number(out, "events", alert.count);
            number(out, "at_least", count);
            number(out, "window_s", window.as_secs());
        }
        Condition::Share { percent, window, .. } => {
            number(out, "events", alert.count);
            number(out, "of_calls", alert.calls);
            number(out, "at_least_percent", u64::from(percent));
            number(out, "window_s", window.as_secs());
        }
        Condition::Absent(time) => {
            number(out, "silent_s", alert.count / 1_000);
            number(out, "at_least_s", time.as_secs());
        }
    }
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    push_json(out, value);
}

fn texts(out: &mut Vec<u8>, name: &str, values: &[String]) {
    key(out, name);
    out.push(b'[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_json(out, value);
    }
    out.push(b']');
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    key(out, name);
    push_number(out, value);
}
