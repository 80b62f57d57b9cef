//! For machines: the whole report as JSON.

use engine::Mode;
use serde_json::{Value as Json, json};

use super::{Report, reason};
use crate::coverage::Planned;
use crate::{Coverage, Finished, Outcome, judge};

/// The report: `passed`, `failed`, `cases`, `coverage`.
#[must_use]
pub fn table(report: &Report<'_>) -> Json {
    let (passed, all) = report.tally();
    let mut cases = Vec::new();
    for ran in &report.suites {
        for (case, finished) in ran.suite.cases.iter().zip(ran.results) {
            let place = report.sources.place(case.name.span);
            cases.push(row((&case.name, &ran.suite.name, &place), finished));
        }
    }
    json!({
        "ok": passed == all,
        "passed": passed,
        "failed": all - passed,
        "cases": cases,
        "coverage": coverage(report.coverage),
    })
}

fn row((name, file, at): (&str, &str, &str), finished: &Finished) -> Json {
    let (outcome, differs, why) = match &finished.outcome {
        Outcome::Passed => ("passed", Vec::new(), None),
        Outcome::Broken(why) => ("broken", Vec::new(), Some(why.clone())),
        Outcome::Failed(mismatches) => {
            let row =
                |one: &judge::Mismatch| json!({ "what": one.what, "expected": one.expected, "got": one.got });
            ("failed", mismatches.iter().map(row).collect(), None)
        }
    };
    let seen = finished.seen.as_ref();
    let (reason, place) = reason(finished).unzip();
    json!({
        "name": name,
        "file": file,
        "at": at,
        "outcome": outcome,
        "why": why,
        "differs": differs,
        "operation": seen.and_then(|seen| seen.decided.operation.as_ref()).map(|(api, id, _)| format!("{api}.{id}")),
        "decision": seen.map(|seen| judge::decision(seen).name()),
        "control": seen.and_then(|seen| seen.decided.stop()).map(|stop| stop.control),
        "code": seen.and_then(|seen| seen.decided.code),
        "status": seen.map(|seen| seen.status.as_u16()),
        "reason": reason,
        "place": place.flatten(),
    })
}

/// What would have been refused was not: it has a key of its own.
fn planned(one: &Planned) -> Json {
    let is_shadow = one.mode == Mode::Shadow;
    json!({
        "control": one.control,
        "part": one.part.name(),
        "mode": one.mode.name(),
        "place": one.place,
        "allowed": one.allowed,
        "refused": one.refused && !is_shadow,
        "shadowed": one.refused && is_shadow,
    })
}

fn coverage(coverage: &Coverage) -> Json {
    let (there, tried) = coverage.count();
    let operations: Vec<Json> = coverage
        .operations
        .iter()
        .map(|((api, id), of)| {
            let controls: Vec<Json> = of.controls.iter().map(planned).collect();
            json!({ "api": api, "operation": id, "calls": of.calls, "controls": controls })
        })
        .collect();
    json!({ "outcomes": there, "tried": tried, "operations": operations })
}
