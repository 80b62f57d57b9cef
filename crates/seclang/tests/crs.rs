//! Every stage of the Core Rule Set's regression tests passes but those listed, and those listed fail.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod ftw;

use std::collections::BTreeSet;

#[test]
fn the_core_rule_sets_tests_pass_but_the_known_ones() {
    let engine = ftw::rules::tested();
    let tests = ftw::corpus::tests();
    let outcomes = ftw::run_all(&engine, &tests, 2);
    assert_eq!((tests.len(), outcomes.len()), (4966, 4972), "tests and stages of 4.28");
    let known: BTreeSet<String> = ftw::known_failures().into_iter().map(|(name, _)| name).collect();
    assert!(known.len() <= 10, "too many known failures");
    let mut problems = Vec::new();
    for outcome in &outcomes {
        match (&outcome.failure, known.contains(&outcome.name)) {
            (Some(failure), false) => problems.push(format!("{}: {failure}", outcome.name)),
            (None, true) => problems.push(format!("{}: is listed as known to fail and passes", outcome.name)),
            _ => {}
        }
    }
    let names: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
    problems.extend(
        known
            .iter()
            .filter(|name| !names.contains(name.as_str()))
            .map(|name| format!("{name}: no such stage")),
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
