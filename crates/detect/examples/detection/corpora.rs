//! Labelled values and traffic of `../shared/corpora`.

use std::path::{Path, PathBuf};

use detect::Place;

use crate::crs::{self, Request};
use crate::sample::{Sample, split};

/// The folder beside the repository.
pub fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}

pub fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Values and classes of a table in the quoting of RFC 4180.
fn labelled() -> Vec<(String, String)> {
    let text = read(&shared().join("corpora/httpparams-train.csv"));
    let mut rows = Vec::new();
    let (mut row, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            char => field.push(char),
        }
    }
    rows.iter().skip(1).filter(|row| row.len() == 4).map(|row| (row[0].clone(), row[2].clone())).collect()
}

pub const LABELLED: &str = "labelled values";

pub fn attacks() -> Vec<Sample> {
    let class = |name: &str| match name {
        "sqli" => "SQL injection",
        "xss" => "cross-site scripting",
        "cmdi" => "command injection",
        _ => "path traversal",
    };
    let rows = labelled().into_iter().filter(|(_, kind)| kind != "norm");
    rows.map(|(value, kind)| Sample::value(LABELLED, class(&kind), value.as_bytes())).collect()
}

pub fn harmless() -> Vec<Sample> {
    let rows = labelled().into_iter().filter(|(_, kind)| kind == "norm");
    rows.map(|(value, _)| Sample::value(LABELLED, "harmless", value.as_bytes())).collect()
}

/// Lines of an access log, each the call that it tells of.
pub fn access_log() -> Vec<Sample> {
    let text = read(&shared().join("corpora/apache-access-first-half.log"));
    let sample = |line: &str| {
        let parts: Vec<&str> = line.split('"').collect();
        let target = parts.get(1)?.split(' ').nth(1)?.to_owned();
        let header = |name: &str, part: usize| Some((name.to_owned(), (*parts.get(part)?).to_owned()));
        let headers = [header("referer", 3), header("user-agent", 5)].into_iter().flatten().collect();
        let request = Request { target, headers, body: None };
        let values = crs::values(&request);
        let label = parts.get(1)?.chars().take(60).collect();
        let split = split(line.as_bytes());
        Some(Sample { source: "access log", class: "harmless", label, split, values, line: Some(request) })
    };
    text.lines()
        .filter_map(sample)
        .filter(|sample| !sample.values.is_empty() || sample.source.is_empty())
        .collect()
}

/// One header field, as the control reads it.
pub fn header(value: &str) -> (Place, Vec<u8>) {
    (Place::Header, value.as_bytes().to_vec())
}

/// The source that nothing was tuned on.
pub const LEFT_OUT: &str = "unit tests of libinjection's port (source left out)";

/// What the unit tests of `libinjectionrs` want to be found as cross-site scripting, or to pass.
pub fn left_out(attack: bool) -> Vec<Sample> {
    let wanted = if attack { "XssResult::Xss" } else { "XssResult::Safe" };
    let mut found = Vec::new();
    for text in crate::benign::registry("libinjectionrs", |name| name.ends_with("/xss/tests.rs")) {
        let lines = text.lines().filter(|line| line.contains(wanted));
        let literals = lines.filter_map(|line| {
            let start = line.find("detect(b\"")? + 9;
            let end = line.rfind("\"), ")?;
            line.get(start..end)
        });
        for literal in literals.filter(|literal| !literal.is_empty()) {
            let value =
                literal.replace("\\\"", "\"").replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
            let class = if attack { "cross-site scripting" } else { "harmless" };
            found.push(Sample {
                split: crate::sample::Split::Report,
                ..Sample::value(LEFT_OUT, class, value.as_bytes())
            });
        }
    }
    found
}
