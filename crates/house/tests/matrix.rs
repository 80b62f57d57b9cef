//! The matrix of docs/credentials.md: every row of hostile cases names tests that are there and that count as many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot read the house has to fail loudly"
)]

mod common;

use std::path::PathBuf;

use common::root;

/// What issue and threat model ask for at least.
const LEAST: usize = 150;

/// One row: what is presented, how many cases there are, and which tests have how many of them.
struct Row {
    credential: String,
    cases: usize,
    tests: Vec<(String, usize)>,
}

fn page(name: &str) -> String {
    String::from_utf8(std::fs::read(root().join(name)).unwrap()).unwrap()
}

/// The rows of the table that has this heading, without its end.
fn table<'p>(page: &'p str, heading: &str) -> Vec<Vec<&'p str>> {
    let lines = page.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// A test of a cell: "`file.rs::function` 12".
fn test(cell: &str) -> (String, usize) {
    let mut parts = cell.trim().split('`').skip(1);
    let name = parts.next().unwrap_or_else(|| panic!("no test in `{cell}`"));
    let count = parts.next().and_then(|count| count.trim().parse().ok());
    (name.to_owned(), count.unwrap_or_else(|| panic!("no number behind the test in `{cell}`")))
}

fn matrix(page: &str) -> (Vec<Row>, usize) {
    let mut rows = table(page, "| credential | hostile cases | tests, and how many each has |");
    let all = rows.pop().expect("the table has rows");
    assert_eq!(all[0], "in all");
    let number = |text: &str| text.replace(',', "").parse::<usize>().unwrap_or_else(|_| panic!("{text}"));
    let rows = rows.into_iter().map(|cells| Row {
        credential: cells[0].to_owned(),
        cases: number(cells[1]),
        tests: cells[2]
            .split(", `")
            .map(|cell| test(&format!("`{}", cell.trim_start_matches('`'))))
            .collect(),
    });
    (rows.collect(), number(all[1]))
}

/// The text of a test function, of the one file that its name means.
fn body(name: &str, sources: &[(PathBuf, String)]) -> String {
    let (file, function) = name.split_once("::").unwrap_or_else(|| panic!("`{name}` is no test of a file"));
    let found: Vec<&String> =
        sources.iter().filter(|(path, _)| path.ends_with(file)).map(|(_, text)| text).collect();
    assert_eq!(found.len(), 1, "files of the name `{file}`");
    let start = format!("fn {function}() {{");
    let (before, after) =
        found[0].split_once(&start).unwrap_or_else(|| panic!("`{file}` has no test `{function}`"));
    let attributes = before.rsplit("\n\n").next().unwrap();
    assert!(attributes.contains("#[test]"), "`{name}` is no test");
    // Up to the brace that stands as far to the left as the function.
    let indent = before.rsplit('\n').next().unwrap();
    after.split(&format!("\n{indent}}}\n")).next().unwrap().to_owned()
}

/// Whether a test says by itself how many cases it has: a number that nothing holds goes stale.
fn counts(body: &str, cases: usize) -> bool {
    let end = format!(", {cases});");
    body.lines().any(|line| line.trim_start().starts_with("assert_eq!(") && line.ends_with(&end))
}

#[test]
fn every_hostile_case_of_the_matrix_is_one_of_a_test() {
    let (rows, all) = matrix(&page("docs/credentials.md"));
    let sources = common::sources("crates");
    for Row { credential, cases, tests } in &rows {
        let sum: usize = tests.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, *cases, "{credential}: the tests have another number of cases");
        for (name, count) in tests {
            assert!(
                counts(&body(name, &sources), *count),
                "{credential}: `{name}` does not say `assert_eq!(…, {count});`"
            );
        }
    }
    let sum: usize = rows.iter().map(|row| row.cases).sum();
    assert_eq!(sum, all, "the last row of the matrix");
    assert!(sum >= LEAST, "{sum}");
}

/// What the page names elsewhere, files and folders, is there as well.
#[test]
fn every_file_of_tests_that_the_page_names_is_there() {
    let page = page("docs/credentials.md");
    let sources = common::sources("crates");
    // In a table, where a file may be named after one of the same row.
    let named =
        page.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2));
    let mut seen = 0;
    for name in named.filter(|name| name.ends_with(".rs") || name.ends_with("/tests")) {
        let is_it =
            |path: &PathBuf| path.ends_with(name) || path.ancestors().any(|folder| folder.ends_with(name));
        assert!(sources.iter().any(|(path, _)| is_it(path)), "`{name}` is nowhere");
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

/// Each row of the threat model names at least one test, and every test that it names is there.
#[test]
fn every_test_of_the_threat_model_is_there() {
    let page = page("docs/threat-model.md");
    let sources = common::sources("crates");
    let scripts: String = ["tests/long", "tests/e2e", "tests/peers"].map(scripts).concat();
    let rows = table(&page, "| # | class | what Yett does | test |");
    for wanted in [14, 15, 16, 17, 18, 19, 30, 31, 32, 33] {
        assert!(rows.iter().any(|row| row[0] == wanted.to_string()), "row {wanted} is missing");
    }
    for row in rows {
        let tests = row.last().unwrap().split('`').skip(1).step_by(2);
        let names: Vec<&str> = tests.filter(|name| !name.contains(['/', '.', ' '])).collect();
        assert!(!names.is_empty() || row.last().unwrap().contains('`'), "row {} names no test", row[0]);
        for name in names {
            // A `*` stands for the rest of several names.
            let ending = name.strip_suffix('*').map_or_else(|| format!("{name}("), str::to_owned);
            let function = format!("fn {ending}");
            let is_there = sources.iter().any(|(_, text)| text.contains(&function));
            assert!(
                is_there || scripts.contains(&format!("def {ending}")),
                "row {}: `{name}` is nowhere",
                row[0]
            );
        }
    }
}

/// The scripts of a folder, one after the other.
fn scripts(folder: &str) -> String {
    let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let python = files.filter(|path| path.extension().is_some_and(|extension| extension == "py"));
    python.map(|path| String::from_utf8(std::fs::read(path).unwrap()).unwrap()).collect()
}
