//! What coverage says that cases have tried, and no more than that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use common::{CONTRACT, SAMPLE, failed, run, subject};
use diagnostics::{Diagnostics, Sources};
use policy_tests::report::{Ran, Report, coverage_lines, table};
use policy_tests::{Coverage, Suite};

/// What cases on a document have tried of `getOrder`, as JSON, and the lines of all that they have not.
fn tried(document: &str, cases: &str) -> (Vec<String>, String) {
    let subject = subject(document, CONTRACT).unwrap();
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let defaults = "version: 1\ndefaults: { credential: { scopes: [\"orders:read\"] } }\ntests:\n";
    let suite = Suite::read("a.test.yaml", &format!("{defaults}{cases}"), &mut sources, &mut found).unwrap();
    let finished = run(&subject, &suite);
    assert_eq!(failed(&suite, &finished), Vec::<String>::new());
    let coverage = Coverage::of(&subject, &finished);
    let suites = vec![Ran { suite: &suite, results: &finished }];
    let table = table(&Report { suites, coverage: &coverage, sources: &sources });
    let operations = table["coverage"]["operations"].as_array().unwrap();
    let one = operations.iter().find(|one| one["operation"] == "getOrder").unwrap();
    let row = |row: &serde_json::Value| {
        let seen = ["allowed", "refused", "shadowed"].into_iter().filter(|key| row[*key] == true);
        let seen = seen.collect::<Vec<_>>().join("+");
        let of = |key: &str| row[key].as_str().unwrap().to_owned();
        format!("{} {} {}: {seen}", of("control"), of("part"), of("mode"))
    };
    let rows = one["controls"].as_array().unwrap().iter().map(row).collect();
    (rows, coverage_lines(&coverage, true).join("\n"))
}

const BAD_REQUEST: &str = "  - { name: r, request: GET /orders/ord_000001?x=1, expect: refuse }\n";
const BAD_ANSWER: &str =
    "  - { name: a, request: GET /orders/ord_000001, upstream: { json: { id: 1 } }, expect: EXPECT }\n";

#[test]
fn a_request_that_is_refused_says_nothing_of_answers() {
    let (rows, told) = tried(SAMPLE, BAD_REQUEST);
    let has = |rows: &[String], row: &str| rows.iter().any(|one| one == row);
    assert!(has(&rows, "validation request enforce: refused"), "{rows:?}");
    assert!(has(&rows, "validation answer shadow: "), "{rows:?}");
    assert!(told.contains("never let pass by validation: getOrder"), "{told}");
    assert!(told.contains("never refused by validation of answers in shadow: getOrder"), "{told}");
    // Limits write a field of the answer and refuse none.
    assert!(!told.contains("limits of answers"), "{told}");
    // What shadow says ends nothing.
    let (rows, told) = tried(SAMPLE, &BAD_ANSWER.replace("EXPECT", "allow"));
    assert!(has(&rows, "validation request enforce: allowed"), "{rows:?}");
    // Its head was good, and yet the answer was not.
    assert!(has(&rows, "validation answer shadow: shadowed"), "{rows:?}");
    assert!(told.contains("never let pass by validation of answers in shadow: getOrder"), "{told}");
    assert!(!told.contains("never refused by validation of answers"), "{told}");
    let held = SAMPLE.replace("response: shadow", "response: enforce");
    let (rows, told) = tried(&held, &BAD_ANSWER.replace("EXPECT", "{ decision: refuse, status: 502 }"));
    assert!(has(&rows, "validation answer enforce: refused"), "{rows:?}");
    assert!(told.contains("never refused by validation: getOrder"), "{told}");
}

#[test]
fn a_limit_in_shadow_is_tried_apart_from_one_that_counts() {
    let both = SAMPLE.replace("rate: 60/min }", "rate: 60/min }, { per: api, rate: 1/min, mode: shadow }");
    let calls = "  - { name: a, request: GET /orders/ord_000001, state: { calls: 1 }, expect: allow }\n";
    let (rows, told) = tried(&both, calls);
    let limits: Vec<_> = rows.iter().filter(|row| row.starts_with("limits")).collect();
    assert_eq!(limits, ["limits request enforce: allowed", "limits request shadow: shadowed"]);
    assert!(told.contains("never refused by limits: getOrder"), "{told}");
    assert!(told.contains("never let pass by limits in shadow: getOrder"), "{told}");
}
