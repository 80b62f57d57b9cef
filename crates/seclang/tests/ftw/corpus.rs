//! Reading the test files (the format of go-ftw, coreruleset/ftw-tests-schema).

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct File {
    rule_id: u64,
    tests: Vec<TestCase>,
}

#[derive(Debug, Deserialize)]
struct TestCase {
    test_id: u64,
    stages: Vec<Stage>,
}

/// One test of a rule.
#[derive(Debug)]
pub struct Test {
    /// The rule it is about.
    pub rule: u64,
    /// Its number.
    pub id: u64,
    /// Usually one.
    pub stages: Vec<Stage>,
}

/// A request and what is expected of it.
#[derive(Debug, Deserialize)]
pub struct Stage {
    /// What is sent.
    pub input: Input,
    /// What is expected.
    pub output: Output,
}

/// What is sent.
#[derive(Debug, Deserialize)]
pub struct Input {
    pub method: Option<String>,
    pub uri: Option<String>,
    pub version: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub data: Option<String>,
    pub encoded_request: Option<String>,
    #[serde(default = "yes")]
    pub autocomplete_headers: bool,
}

fn yes() -> bool {
    true
}

/// What is expected.
#[derive(Debug, Deserialize)]
pub struct Output {
    pub status: Option<u16>,
    #[serde(default)]
    pub log: Log,
    #[serde(default)]
    pub expect_error: bool,
}

/// What is expected in the log.
#[derive(Debug, Default, Deserialize)]
pub struct Log {
    #[serde(default)]
    pub expect_ids: Vec<u64>,
    #[serde(default)]
    pub no_expect_ids: Vec<u64>,
    pub match_regex: Option<String>,
    pub no_match_regex: Option<String>,
}

/// All tests, by file name.
pub fn tests() -> Vec<Test> {
    let folder = super::rules::folder().join("tests/regression/tests");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.unwrap().path();
        paths.extend(std::fs::read_dir(entry).unwrap().map(|file| file.unwrap().path()));
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        // A file may hold nothing but comments.
        if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#') || line.trim() == "---") {
            continue;
        }
        let file: File =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let test = |case: TestCase| Test { rule: file.rule_id, id: case.test_id, stages: case.stages };
        found.extend(file.tests.into_iter().map(test));
    }
    found
}
