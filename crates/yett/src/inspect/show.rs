//! What became of a call, for people and for machines.

use std::fmt::Write as _;

use engine::Mode;
use serde_json::{Value, json};

use super::offline::{INSPECTION, Judged, Refused};
use super::{Matched, RuleName};
use crate::render::printable;

/// Characters of a piece that people are shown.
const PIECE: usize = 160;

/// The tag or id by which an exclusion takes a rule out.
pub(crate) fn rule(rule: &RuleName) -> String {
    match rule {
        RuleName::Id(id) => format!("rule {id}"),
        RuleName::Tag(tag) => format!("tag {tag}"),
    }
}

/// For people.
pub(crate) fn human(name: &str, judged: &Judged) -> String {
    let mut text = String::new();
    match &judged.operation {
        Some(plan) => {
            let _ = writeln!(text, "{name}: {} {} ({}, {})", plan.method, plan.template, plan.id, plan.api);
        }
        None => {
            let _ = writeln!(text, "{name}: no operation");
        }
    }
    if let Some(explanation) = &judged.explanation {
        for found in &explanation.matches {
            one(found, explanation.threshold, &mut text);
        }
        if explanation.matches.is_empty() {
            text.push_str("  nothing matched\n");
        }
    }
    for refused in &judged.refused {
        let _ = writeln!(text, "  {}{}", refused.by, said(refused));
    }
    let _ = write!(text, "decision: {}", decision(judged));
    text
}

fn said(refused: &Refused) -> String {
    let shadow = if refused.mode == Mode::Enforce { "" } else { " in shadow" };
    format!(" refuses{shadow} with {}: {}", refused.code.name, printable(&refused.detail))
}

/// In a word, and the score.
fn decision(judged: &Judged) -> String {
    let enforced = judged.refused.iter().find(|refused| refused.mode == Mode::Enforce);
    let in_shadow = judged.refused.iter().find(|refused| refused.by == INSPECTION);
    let mut text = match (enforced, in_shadow) {
        (Some(refused), _) => format!("refused ({})", refused.code.name),
        (None, Some(refused)) => format!("refused ({}), were it enforced", refused.code.name),
        (None, None) => String::from("allowed"),
    };
    if let Some((score, threshold)) =
        judged.explanation.as_ref().and_then(|explanation| Some((explanation.score?, explanation.threshold?)))
    {
        let _ = write!(text, ", score {score} of {threshold}");
    }
    text
}

fn one(found: &Matched, threshold: Option<u64>, text: &mut String) {
    let of = threshold.map_or_else(String::new, |threshold| format!(" of {threshold}"));
    let _ = writeln!(
        text,
        "  `{}`: {} ({}), score {}{of}",
        printable(&found.place),
        printable(&found.says),
        rule(&found.rule),
        found.score
    );
    let view = if found.view.is_empty() { String::from("plain") } else { found.view.join(", ") };
    let at = found.at.map_or_else(String::new, |(start, end)| format!("; bytes {start} to {end}"));
    let _ = writeln!(text, "      seen as: {view}{at}");
    let piece = String::from_utf8_lossy(&found.piece);
    let more = if piece.chars().nth(PIECE).is_some() { "…" } else { "" };
    let mut shown = String::new();
    for char in piece.chars().take(PIECE) {
        // Quotes are half of all attacks, and do no harm to a terminal.
        if matches!(char, '\'' | '"') { shown.push(char) } else { shown.extend(char.escape_debug()) }
    }
    let _ = writeln!(text, "      matched: {shown}{more}");
}

/// For machines.
pub(crate) fn as_json(name: &str, judged: &Judged) -> Value {
    let refused: Vec<Value> = judged.refused.iter().map(refused_as_json).collect();
    let explanation = judged.explanation.as_ref();
    let matches: Vec<Value> = explanation
        .map(|explanation| explanation.matches.iter().map(match_as_json).collect())
        .unwrap_or_default();
    json!({
        "request": name,
        "api": judged.operation.as_ref().map(|plan| plan.api.to_string()),
        "operation": judged.operation.as_ref().map(|plan| plan.id.to_string()),
        "decision": if judged.is_refused() { "refused" } else { "allowed" },
        "refused": refused,
        "score": explanation.and_then(|explanation| explanation.score),
        "threshold": explanation.and_then(|explanation| explanation.threshold),
        "matches": matches,
    })
}

fn refused_as_json(refused: &Refused) -> Value {
    json!({
        "by": refused.by,
        "mode": refused.mode.name(),
        "code": refused.code.name,
        "detail": refused.detail,
    })
}

fn match_as_json(found: &Matched) -> Value {
    let (id, tag) = match &found.rule {
        RuleName::Id(id) => (Some(*id), None),
        RuleName::Tag(tag) => (None, Some(*tag)),
    };
    json!({
        "place": found.place,
        "says": found.says,
        "rule": id,
        "tag": tag,
        "view": found.view,
        "start": found.at.map(|at| at.0),
        "end": found.at.map(|at| at.1),
        "matched": String::from_utf8_lossy(&found.piece),
        "score": found.score,
    })
}
