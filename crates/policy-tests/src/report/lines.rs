//! For people: a line for each case that is not as expected and what differs, then the sum and what nobody tried.

use super::{Report, reason};
use crate::{Coverage, Outcome};

/// Most names in one line.
const NAMED: usize = 6;

fn some<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let count = names.len();
    let mut text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if count > NAMED {
        text.push_str(&format!(" and {} more", count - NAMED));
    }
    text
}

/// The whole report; with `all` what was not tried to the last word.
#[must_use]
pub fn lines(report: &Report<'_>, all: bool) -> Vec<String> {
    let mut out = Vec::new();
    for ran in &report.suites {
        for (case, finished) in ran.suite.cases.iter().zip(ran.results) {
            let place = report.sources.place(case.name.span);
            match &finished.outcome {
                Outcome::Passed => continue,
                Outcome::Broken(why) => {
                    out.push(format!("broken {place} {}", case.name.value));
                    out.push(format!("       {why}"));
                }
                Outcome::Failed(mismatches) => {
                    out.push(format!("failed {place} {}", case.name.value));
                    for mismatch in mismatches {
                        let (what, expected) = (&mismatch.what, &mismatch.expected);
                        out.push(format!("       {what}: expected {expected}, got {}", mismatch.got));
                    }
                }
            }
            if let Some((why, place)) = reason(finished) {
                out.push(format!("       because: {why}"));
                out.extend(place.map(|place| format!("       at: {place}")));
            }
        }
    }
    let (passed, cases) = report.tally();
    let failed = cases - passed;
    let suites = report.suites.len();
    let files = if suites == 1 { "file" } else { "files" };
    out.push(match failed {
        0 => format!("{cases} cases in {suites} {files}: all passed"),
        _ => format!("{cases} cases in {suites} {files}: {passed} passed, {failed} not"),
    });
    out.extend(coverage_lines(report.coverage, all));
    out
}

/// What was tried, in two lines, or to the last word.
#[must_use]
pub fn coverage_lines(coverage: &Coverage, all: bool) -> Vec<String> {
    let (there, tried) = coverage.count();
    let percent = (tried * 100).checked_div(there).unwrap_or(100);
    let untouched = coverage.never_called();
    let called = coverage.operations.len() - untouched.len();
    let mut out = vec![format!(
        "tried: {called} of {} operations, {tried} of {there} outcomes of their controls ({percent} %)",
        coverage.operations.len()
    )];
    if !untouched.is_empty() {
        let names: Vec<String> = untouched.iter().map(|(api, id)| format!("{api}.{id}")).collect();
        let shown = if all { names.join(", ") } else { some(names.iter().map(String::as_str)) };
        out.push(format!("never called: {shown}"));
    }
    for ((control, outcome), operations) in coverage.untried() {
        let shown = if all {
            operations.iter().copied().collect::<Vec<_>>().join(", ")
        } else {
            some(operations.iter().copied())
        };
        let what = if outcome == "refuse" { "never refused" } else { "never let pass" };
        out.push(format!("{what} by {control}: {shown}"));
    }
    out
}
