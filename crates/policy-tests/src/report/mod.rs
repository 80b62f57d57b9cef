//! What came of suites, for people and for machines.

mod junit;
mod lines;
mod tables;

use diagnostics::Sources;

use crate::{Coverage, Finished, Outcome, Suite};

pub use junit::{junit, junit_not_run};
pub use lines::{coverage_lines, lines};
pub use tables::table;

/// One suite and what came of its cases, in the same order.
#[derive(Debug)]
pub struct Ran<'r> {
    /// The suite.
    pub suite: &'r Suite,
    /// One for each of its cases.
    pub results: &'r [Finished],
}

/// Everything that there is to tell.
#[derive(Debug)]
pub struct Report<'r> {
    /// In the order of their files.
    pub suites: Vec<Ran<'r>>,
    /// What was tried.
    pub coverage: &'r Coverage,
    /// For places.
    pub sources: &'r Sources,
}

impl Report<'_> {
    /// Cases that passed, and all.
    #[must_use]
    pub fn tally(&self) -> (usize, usize) {
        let results = || self.suites.iter().flat_map(|ran| ran.results);
        (results().filter(|finished| matches!(finished.outcome, Outcome::Passed)).count(), results().count())
    }
}

/// Why a call ended as it did: control, stage, code and reason, and the place that they come from.
#[must_use]
pub fn reason(finished: &Finished) -> Option<(String, Option<String>)> {
    let decided = &finished.seen.as_ref()?.decided;
    if let Some(stop) = decided.stop() {
        let code = stop.code.map(|code| format!(" {code}")).unwrap_or_default();
        let detail = stop.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let place = Some(stop.place.clone()).filter(|place| !place.is_empty());
        return Some((format!("{} ({}){code}{detail}", stop.control, stop.stage.name()), place));
    }
    if let Some(code) = decided.code {
        let fault = decided.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
        return Some((format!("{code}{fault}"), None));
    }
    let operation = decided.operation.as_ref().map(|(api, id, _)| format!("{api}.{id}")).unwrap_or_default();
    Some((format!("every control let it pass to `{operation}`"), None))
}
