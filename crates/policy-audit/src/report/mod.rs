//! Findings in the forms that other programs read.

mod github;
mod sarif;

use serde_json::{Value as Json, json};

use crate::{Audit, Finding, Level, Risk};

pub use github::github;
pub use sarif::sarif;

/// Everything, as JSON.
#[must_use]
pub fn as_json(audit: &Audit) -> Json {
    let finding = |one: &Finding| {
        json!({
            "rule": one.rule.id,
            "owasp": one.rule.risk.id(),
            "severity": one.rule.severity().name(),
            "title": one.rule.title,
            "api": one.api,
            "operations": one.operations,
            "what": one.what,
            "why": one.rule.why,
            "fix": one.rule.fix,
            "fixed_by_fix": one.repair.is_some(),
            "gain": hundredths(one.gain),
            "place": one.place.as_ref().map(ToString::to_string),
            "places": one.others.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    let row = |row: &crate::Row| {
        let covers = row.covers.iter().map(|cover| {
            let value = json!({ "level": level(cover.level), "by": cover.by });
            (cover.risk.id().to_owned(), value)
        });
        json!({ "api": row.api, "operation": row.operation, "covers": covers.collect::<serde_json::Map<_, _>>() })
    };
    let beyond = Risk::ALL
        .map(|risk| (risk.id().to_owned(), json!({ "title": risk.title(), "beyond": risk.beyond() })));
    json!({
        "score": audit.score,
        "apis": audit.apis.iter().map(|one| json!({ "api": one.api, "score": one.score, "operations": one.operations })).collect::<Vec<_>>(),
        "findings": audit.findings.iter().map(finding).collect::<Vec<_>>(),
        "coverage": audit.coverage.iter().map(row).collect::<Vec<_>>(),
        "risks": beyond.into_iter().collect::<serde_json::Map<_, _>>(),
    })
}

fn level(level: Level) -> &'static str {
    if level == Level::Nothing { "nothing" } else { level.name() }
}

/// Points with two decimals.
fn hundredths(value: u64) -> f64 {
    // Exact to 2^53 hundredths.
    value as f64 / 100.0
}

/// A finding as one sentence.
fn sentence(finding: &Finding) -> String {
    let about = match (&finding.api, finding.operations.as_slice()) {
        (None, _) => String::new(),
        (Some(api), []) => format!("{api}: "),
        (Some(api), [only]) => format!("{api}/{only}: "),
        (Some(api), [first, rest @ ..]) => format!("{api}/{first} and {} more: ", rest.len()),
    };
    format!("{about}{}: {}", finding.rule.title, finding.what)
}
