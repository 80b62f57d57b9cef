//! The classes of attack of docs/threat-model.md: each has the tests that the page names, and those that go through the data plane
//! have a twin that shows that a proxy which checks nothing lets the same through.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot read the house has to fail loudly"
)]

mod common;

use std::collections::BTreeSet;

use common::root;

/// Rows of the data plane. The others are attacks on what issuers, stores and commands say.
const DATA_PLANE: [u32; 31] = [
    1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26, 28, 36, 42, 43, 44, 45, 46,
    47, 48, 49,
];

/// Names and texts of all functions that are called after a row.
fn functions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (_, text) in common::sources("crates") {
        for (at, _) in text.match_indices("fn threat") {
            // It ends with a bracket as far in as the line begins in which it is named.
            let line = &text[text[..at].rfind('\n').map_or(0, |last| last + 1)..];
            let margin = &line[..line.len() - line.trim_start_matches(' ').len()];
            let piece = &text[at + "fn ".len()..];
            let end = piece.find(&format!("\n{margin}}}\n")).unwrap_or(piece.len());
            let name = piece.split('(').next().unwrap();
            all.push((name.to_owned(), piece[..end].to_owned()));
        }
    }
    assert!(all.len() > 100, "only {} tests are called after a row", all.len());
    all
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let names: BTreeSet<String> = common::sources("crates")
        .iter()
        .flat_map(|(_, text)| {
            let found = text.split("fn ").skip(1).map(|piece| piece.split('(').next().unwrap().to_owned());
            found.collect::<Vec<_>>()
        })
        .collect();
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")) {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let tests: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test is named: {row}");
        for test in tests.iter().filter(|test| !test.contains(['*', '/', ' '])) {
            assert!(names.contains(*test), "{test} is not there: {row}");
        }
    }
}

#[test]
fn every_row_of_the_data_plane_has_a_test_and_a_naive_twin() {
    let functions = functions();
    for row in DATA_PLANE {
        let start = format!("threat_{row:02}_");
        let mut own = functions.iter().filter(|(name, _)| name.starts_with(&start)).peekable();
        assert!(own.peek().is_some(), "row {row} has no test");
        let twin = |(name, text): &(String, String)| name.contains("naive") || text.contains("naive");
        assert!(own.any(twin), "row {row} has no test that a naive proxy fails");
    }
}
