//! The sample's configuration and contract, as subjects.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnostics::{Diagnostics, Sources};
use policy_tests::document::Case;
use policy_tests::{Files, Finished, Outcome, Subject, Suite};

/// The sample's contract.
pub const CONTRACT: &str = include_str!("../../../../examples/orders/openapi.yaml");
/// The sample's configuration.
pub const SAMPLE: &str = include_str!("../../../../examples/orders/yett.yaml");
/// The same with all that can be weakened.
pub const WHOLE: &str = include_str!("whole.yaml");
/// One with a WebSocket, tokens that are bound to keys, an issuer that is asked, and a store.
pub const LIVE: &str = include_str!("live.yaml");

/// What a document and a contract compile to.
pub fn subject(document: &str, contract: &str) -> Result<Subject, String> {
    subject_with(document, contract, &[])
}

/// The same, of a document that names further files.
pub fn subject_with(document: &str, contract: &str, files: &[(&str, &str)]) -> Result<Subject, String> {
    let contracts = [("./openapi.yaml", contract), ("openapi.yaml", contract)];
    let assets: BTreeMap<String, Arc<[u8]>> = contracts
        .iter()
        .chain(files)
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().into()))
        .collect();
    let mut sources = Sources::default();
    let none = BTreeMap::new();
    let files = Files {
        name: "yett.yaml",
        text: document,
        assets: &assets,
        unreadable: &none,
        references: &BTreeMap::new(),
        environment: None,
    };
    Subject::compile(&files, &mut sources).map_err(|found| said(&found, &sources))
}

/// Diagnostics in lines.
pub fn said(found: &Diagnostics, sources: &Sources) -> String {
    let line = |one: &diagnostics::Diagnostic| {
        let place = one.span.map(|span| sources.place(span)).unwrap_or_default();
        format!("{} {place} {}: {}", one.severity, one.code, one.message)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A suite that has to be good.
pub fn suite(text: &str) -> Suite {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let suite = Suite::read("a.test.yaml", text, &mut sources, &mut found);
    assert!(!found.has_errors(), "{}", said(&found, &sources));
    suite.unwrap()
}

/// Runs a suite.
pub fn run(subject: &Subject, suite: &Suite) -> Vec<Finished> {
    let cases: Vec<&Case> = suite.cases.iter().map(|case| &case.value).collect();
    policy_tests::run(subject, &cases, 2).unwrap()
}

/// Names of the cases that did not pass, with why.
pub fn failed(suite: &Suite, finished: &[Finished]) -> Vec<String> {
    let mut all = Vec::new();
    for (case, finished) in suite.cases.iter().zip(finished) {
        match &finished.outcome {
            Outcome::Passed => {}
            Outcome::Failed(why) => all.push(format!("{}: {why:?}", case.name.value)),
            Outcome::Broken(why) => all.push(format!("{}: {why}", case.name.value)),
        }
    }
    all
}
