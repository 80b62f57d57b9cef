//! An alert for people.

use manage_api::{Alert, Event};

use crate::layout::{WIDTH, cut, wrap};
use crate::render::moment;

/// An alert as it began to hold, or ceased to, in lines of [`WIDTH`] columns.
pub(super) fn story(event: &Event, alert: &Alert) -> Vec<String> {
    let mut out = vec![cut(&format!("alert {}", event.id), WIDTH)];
    let at = moment(event.at);
    if alert.state == "resolved" {
        wrap(&mut out, 2, &format!("`{}` is over, since {at} UTC", alert.rule));
        wrap(&mut out, 2, &format!("it held from {} on", alert.since));
    } else {
        wrap(&mut out, 2, &format!("`{}` holds, since {at} UTC", alert.rule));
    }
    out.push(String::from("why"));
    wrap(&mut out, 2, &found(alert));
    out.push(String::from("about"));
    for (label, value) in &alert.group {
        let value = if value.is_empty() { "(none)" } else { value };
        wrap(&mut out, 2, &format!("{label} {value}"));
    }
    if alert.group.is_empty() {
        out.push(String::from("  all that the rule counts"));
    }
    if !alert.owners.is_empty() {
        wrap(&mut out, 2, &format!("for which {} answers", alert.owners.join(", ")));
    }
    if !alert.calls.is_empty() {
        out.push(String::from("calls, the newest last"));
        alert.calls.iter().for_each(|id| wrap(&mut out, 2, &format!("yett explain {id}")));
    }
    out.push(String::from("what to do"));
    wrap(
        &mut out,
        2,
        "Look at its calls, and what else was said of them: `yett events` with what they have in common.",
    );
    wrap(&mut out, 2, &format!("From its beginning to its end: yett events --text {}", alert.alert));
    wrap(&mut out, 2, &format!("The rule: `notify.alerts.{}`; more: docs/notifications.md", alert.rule));
    out
}

/// What was found, and what it was held against.
fn found(alert: &Alert) -> String {
    let number = |name: &str| alert.numbers.get(name).and_then(serde_json::Value::as_u64);
    let or_none = |name: &str| number(name).unwrap_or_default();
    let (events, window) = (or_none("events"), or_none("window_s"));
    match (number("of_calls"), number("silent_s")) {
        (Some(calls), _) => format!(
            "{events} of {calls} calls within {window} s; it holds from {}% on",
            or_none("at_least_percent")
        ),
        (None, Some(silent)) => {
            format!("nothing came for {silent} s; it holds from {} s on", or_none("at_least_s"))
        }
        (None, None) => {
            format!("{events} events within {window} s; it holds from {} on", or_none("at_least"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use engine::text::is_hidden;

    use super::*;

    fn alert(state: &str, numbers: &[(&str, u64)]) -> Alert {
        Alert {
            rule: "guessing".into(),
            alert: "c1d2".into(),
            state: state.into(),
            since: "2026-01-01T00:00:00.000Z".into(),
            owners: vec!["team@example.com".into()],
            group: BTreeMap::from([("api".into(), "notes".into()), ("address".into(), String::new())]),
            calls: vec!["0123456789abcdef0123456789abcdef".into()],
            numbers: numbers.iter().map(|(name, number)| ((*name).into(), (*number).into())).collect(),
        }
    }

    #[test]
    fn an_alert_is_told_in_plain_words() {
        let event = Event { id: "ab".into(), at: 1_767_225_600_123, ..Event::default() };
        let rate = [("events", 7), ("at_least", 5), ("window_s", 20)];
        let share = [("events", 7), ("of_calls", 9), ("at_least_percent", 50), ("window_s", 20)];
        let absent = [("silent_s", 70), ("at_least_s", 60)];
        for (state, numbers, parts) in [
            (
                "firing",
                &rate[..],
                [
                    "`guessing` holds, since 2026-01-01 00:00:00.123",
                    "7 events within 20 s; it holds from 5 on",
                ],
            ),
            (
                "resolved",
                &share[..],
                ["it held from 2026-01-01T00:00:00", "7 of 9 calls within 20 s; it holds from 50%"],
            ),
            ("firing", &absent[..], ["api notes", "nothing came for 70 s; it holds from 60 s on"]),
        ] {
            let text = story(&event, &alert(state, numbers)).join("\n");
            let every =
                ["address (none)", "team@example.com", "yett explain 0123456789abcdef0123456789abcdef"];
            for part in parts.into_iter().chain(every) {
                assert!(text.contains(part), "`{part}` in\n{text}");
            }
        }
    }

    #[test]
    fn hostile_content_is_inert_and_fits() {
        let hostile = format!("\u{1b}[2J\r\nerror: \u{202e}{}", "W".repeat(3_000));
        let mut alert = alert(&hostile, &[]);
        for text in [&mut alert.rule, &mut alert.alert, &mut alert.owners[0], &mut alert.calls[0]] {
            text.clone_from(&hostile);
        }
        alert.group.insert(hostile.clone(), hostile.clone());
        for line in story(&Event { id: hostile, ..Event::default() }, &alert) {
            assert!(!line.contains(is_hidden) && line.chars().count() <= WIDTH, "{line:?}");
            assert!(!line.starts_with("error:"), "{line:?}");
        }
    }
}
