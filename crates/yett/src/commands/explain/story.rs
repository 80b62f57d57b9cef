//! A decision for people.

use manage_api::{Explained, Record, Verdict};

use crate::layout::{WIDTH, cut, wrap};
use crate::pages;
use crate::render::{moment, printable};

/// A decision from beginning to end, in lines of [`WIDTH`] columns.
pub(super) fn story(found: &Explained) -> Vec<String> {
    let (event, record) = (&found.event, &found.record);
    let mut out = Vec::new();
    if happened(found) {
        out.push(cut(&format!("call {}", event.id), WIDTH));
        wrap(&mut out, 2, &format!("{} at {} UTC", ending(found), moment(event.at)));
    } else {
        out.push(String::from("this call would be"));
        wrap(&mut out, 2, &ending(found));
    }
    out.push(String::from("why"));
    why(&mut out, found);
    out.push(String::from("request"));
    wrap(&mut out, 2, &format!("{} {}", event.method, event.path));
    let about = [named("to", &record.host), named("from", &event.address), named("agent", &record.agent)];
    wrap(&mut out, 2, &about.into_iter().flatten().collect::<Vec<_>>().join(", "));
    if !event.operation.is_empty() {
        let template =
            if record.template.is_empty() { String::new() } else { format!(" ({})", record.template) };
        wrap(&mut out, 2, &format!("operation {} of {}{template}", event.operation, event.api));
    }
    let traces = [named("trace", &record.trace), named("linked trace", &record.linked_trace)];
    traces.into_iter().flatten().for_each(|trace| wrap(&mut out, 2, &trace));
    out.push(String::from("caller"));
    wrap(&mut out, 2, &caller(found));
    wrap(&mut out, 2, &scopes(record));
    if happened(found) {
        out.push(String::from("took"));
        wrap(&mut out, 2, &timings(record));
        out.push(format!("controls, by configuration {} ({})", record.generation, cut(&record.digest, 13)));
    } else {
        out.push(String::from("controls"));
    }
    record.verdicts.iter().for_each(|verdict| control(&mut out, verdict, happened(found)));
    if record.verdicts.is_empty() {
        out.push(String::from("  none was asked"));
    }
    if let Some(page) = pages::of(code(found)) {
        out.push(String::from("what to do"));
        page.operator.split("\n\n").for_each(|paragraph| wrap(&mut out, 2, paragraph));
        wrap(&mut out, 2, &format!("more: docs/errors/{}.md", code(found)));
    }
    out
}

/// Whether it is of a call that was made, and not of one that is only asked about.
fn happened(found: &Explained) -> bool {
    !found.event.id.is_empty()
}

fn named(name: &str, value: &str) -> Option<String> {
    (!value.is_empty()).then(|| format!("{name} {value}"))
}

/// The verdict that ended the call, or the first that would have.
fn decisive(found: &Explained) -> Option<&Verdict> {
    let stops = |verdict: &&Verdict| !matches!(verdict.outcome.as_str(), "allow" | "note" | "answer");
    let shadowed = found.event.kept == "shadowed";
    let mut stopping = found.record.verdicts.iter().filter(stops);
    stopping.find(|verdict| verdict.control == found.event.control && (verdict.mode == "shadow") == shadowed)
}

/// The code that is explained: the call's, else the one that it would have had.
fn code(found: &Explained) -> &str {
    match decisive(found) {
        Some(verdict) if found.event.code.is_empty() => &verdict.code,
        _ => &found.event.code,
    }
}

/// How it ended, in a line.
fn ending(found: &Explained) -> String {
    let (event, record) = (&found.event, &found.record);
    let status = match event.status {
        0 => String::from("no answer"),
        status => status.to_string(),
    };
    let aborted = if record.aborted { ", and the client went away" } else { "" };
    match event.kept.as_str() {
        "shadowed" => {
            format!("passed with {status}{aborted}; `{}` in shadow would have refused it", event.control)
        }
        "passed" => format!("passed with {status}{aborted}"),
        "noted" => format!("passed with {status}{aborted}; `{}` wants it told of", event.control),
        kept => format!("{kept} with {status} {}{aborted}", event.code),
    }
}

fn why(out: &mut Vec<String>, found: &Explained) {
    let (event, record) = (&found.event, &found.record);
    if let Some(page) = pages::of(code(found)) {
        let blame =
            named("to act: the", &record.blame).map(|blame| format!(" ({blame})")).unwrap_or_default();
        wrap(out, 2, &format!("{}: {}{blame}", code(found), page.title));
    }
    match decisive(found) {
        Some(verdict) => {
            let place = named("at", &verdict.place).map(|place| format!(" {place}")).unwrap_or_default();
            wrap(out, 2, &format!("control {} ({} stage){place}", verdict.control, verdict.stage));
            wrap(out, 2, &named("contract", &verdict.contract).unwrap_or_default());
            wrap(out, 2, &verdict.detail);
        }
        None if event.code.is_empty() => out.push(String::from("  nothing was said against it")),
        None => out.push(String::from("  no control: the data plane itself")),
    }
    wrap(out, 2, &record.fault);
}

fn caller(found: &Explained) -> String {
    let event = &found.event;
    if event.subject.is_empty() {
        return String::from("nobody: no credential was verified");
    }
    let mut words = vec![event.subject.clone()];
    words.extend(named("of", &event.issuer));
    words.extend(named("application", &event.application));
    words.extend(named("by", &found.record.credential));
    words.join(", ")
}

/// Which scopes the caller brought, where that is kept.
fn scopes(record: &Record) -> String {
    let list =
        |scopes: &[String]| scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(", ");
    let Some(counted) = &record.scopes else { return String::new() };
    let counted = match counted.as_slice() {
        [] => String::from("no scope that counts here"),
        some => format!("scopes that count here: {}", list(some)),
    };
    if record.other_scopes.is_empty() {
        return counted;
    }
    format!("{counted}; others: {}", list(&record.other_scopes))
}

fn timings(record: &Record) -> String {
    let ms = |micros: u64| format!("{}.{:03} ms", micros / 1_000, micros % 1_000);
    let mut words = vec![
        format!("{} in all", ms(record.total_us)),
        format!("checks {}", ms(record.checks_us)),
        format!("upstream {}", ms(record.upstream_us)),
        format!("{} bytes in", record.bytes_in),
        format!("{} out", record.bytes_out),
    ];
    if let (Some(of_client), Some(of_upstream)) = (record.messages_in, record.messages_out) {
        words.push(format!("messages {of_client} in, {of_upstream} out"));
    }
    words.extend(record.close.map(|close| format!("closed with {close}")));
    words.join(", ")
}

/// A control's verdict: a line in columns, and what it says below.
fn control(out: &mut Vec<String>, verdict: &Verdict, is_timed: bool) {
    let outcome = match verdict.mode.as_str() {
        "" => verdict.outcome.clone(),
        mode => format!("{} ({mode})", verdict.outcome),
    };
    let cost = if is_timed { format!("{:>8} us", verdict.cost_us) } else { String::new() };
    let (stage, control) = (printable(&verdict.stage), printable(&verdict.control));
    let line = format!("  {stage:<13}  {control:<16}  {outcome:<18}  {cost}");
    out.push(cut(line.trim_end(), WIDTH));
    let said = !matches!(verdict.outcome.as_str(), "allow");
    let about: Vec<String> = [verdict.code.clone(), named("at", &verdict.place).unwrap_or_default()]
        .into_iter()
        .filter(|text| said && !text.is_empty())
        .collect();
    wrap(out, 4, &about.join(" "));
    if said {
        wrap(out, 4, &named("contract", &verdict.contract).unwrap_or_default());
    }
    wrap(out, 4, &verdict.detail);
}

#[cfg(test)]
mod tests {
    use engine::text::is_hidden;
    use manage_api::Event;

    use super::*;

    fn decision() -> Explained {
        let event = Event {
            id: "0123456789abcdef0123456789abcdef".into(),
            at: 1_767_225_600_123,
            kept: "refused".into(),
            status: 403,
            code: "insufficient_scope".into(),
            control: "authorization".into(),
            method: "POST".into(),
            path: "/notes".into(),
            api: "notes".into(),
            operation: "addNote".into(),
            address: "192.0.2.7".into(),
            issuer: "local".into(),
            subject: "alice".into(),
            ..Event::default()
        };
        let verdict = |control: &str, outcome: &str, mode: &str| Verdict {
            control: control.into(),
            rule: String::new(),
            stage: "head".into(),
            outcome: outcome.into(),
            mode: mode.into(),
            code: if outcome == "allow" { String::new() } else { "insufficient_scope".into() },
            place: "yett.yaml:7:5".into(),
            contract: "openapi.yaml:12#/paths/~1notes/post/security".into(),
            detail: if outcome == "allow" { String::new() } else { "lacks `notes:write`".into() },
            cost_us: 12,
        };
        let verdicts = vec![
            verdict("authentication", "allow", ""),
            verdict("limits", "throttle", "shadow"),
            verdict("authorization", "refuse", ""),
        ];
        Explained {
            event,
            record: Record {
                host: "localhost".into(),
                blame: "client".into(),
                scopes: Some(vec!["notes:read".into()]),
                other_scopes: vec!["note:write".into()],
                verdicts,
                ..Record::default()
            },
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_rule_and_what_to_do() {
        let text = story(&decision()).join("\n");
        for part in [
            "refused with 403 insufficient_scope at 2026-01-01 00:00:00.123 UTC",
            "insufficient_scope: the credential lacks a required scope (to act: the client)",
            "control authorization (head stage) at yett.yaml:7:5",
            "contract openapi.yaml:12#/paths/~1notes/post/security",
            "lacks `notes:write`",
            "scopes that count here: `notes:read`; others: `note:write`",
            "POST /notes",
            "operation addNote of notes",
            "alice, of local",
            "throttle (shadow)",
            "what to do",
            "docs/errors/insufficient_scope.md",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let place = |name: &str| text.find(&format!("  {name}")).unwrap();
        assert!(
            place("authentication") < place("limits") && place("limits") < place("authorization"),
            "{text}"
        );
    }

    #[test]
    fn what_would_have_been_is_told_from_what_was() {
        let mut found = decision();
        found.event.kept = "shadowed".into();
        (found.event.code, found.event.control, found.event.status) = (String::new(), "limits".into(), 200);
        found.record.verdicts.pop();
        let text = story(&found).join("\n");
        assert!(text.contains("passed with 200; `limits` in shadow would have refused it"), "{text}");
        found.event.kept = "passed".into();
        found.record.verdicts.truncate(1);
        let text = story(&found).join("\n");
        assert!(text.contains("nothing was said against it") && !text.contains("what to do"), "{text}");
    }

    #[test]
    fn hostile_content_is_inert_and_fits() {
        let hostile = format!("\u{1b}[2J\u{1b}]0;x\u{7}\r\nerror: \u{202e}{}", "W".repeat(3_000));
        let mut found = decision();
        let event = &mut found.event;
        for text in [
            &mut event.path,
            &mut event.method,
            &mut event.subject,
            &mut event.address,
            &mut event.application,
        ] {
            *text = hostile.clone();
        }
        for text in [
            &mut found.record.agent,
            &mut found.record.host,
            &mut found.record.fault,
            &mut found.record.digest,
        ] {
            *text = hostile.clone();
        }
        (found.record.scopes, found.record.other_scopes) =
            (Some(vec![hostile.clone()]), vec![hostile.clone(); 2]);
        for verdict in &mut found.record.verdicts {
            (verdict.detail, verdict.stage, verdict.place, verdict.contract) =
                (hostile.clone(), hostile.clone(), hostile.clone(), hostile.clone());
        }
        for line in story(&found) {
            assert!(!line.contains(is_hidden) && line.chars().count() <= WIDTH, "{line:?}");
            assert!(!line.starts_with("error:"), "{line:?}");
        }
    }
}
