//! The Core Rule Set's own tests as samples: a test that wants a rule of a class to match is an attack of that class.

use std::collections::BTreeMap;

use detect::Place;
use serde::Deserialize;

use crate::corpora::{header, read, shared};
use crate::sample::{Sample, Split, split};

#[derive(Debug, Deserialize)]
struct File {
    rule_id: u64,
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    test_id: u64,
    stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
struct Stage {
    input: Input,
    output: Output,
}

#[derive(Debug, Deserialize)]
struct Input {
    uri: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    data: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Output {
    #[serde(default)]
    log: Log,
}

#[derive(Debug, Default, Deserialize)]
struct Log {
    #[serde(default)]
    expect_ids: Vec<u64>,
}

/// The parts of a call that values stand in.
#[derive(Debug, Clone)]
pub struct Request {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<(String, String)>,
}

/// Classes by the hundreds and tens of rule ids, as the rule files are named. Java is left out of all tuning.
fn class(rule: u64) -> Option<&'static str> {
    Some(match rule / 1000 {
        930 => "path traversal",
        931 => "remote file inclusion",
        932 => "command injection",
        933 => "PHP injection",
        934 => "generic (Node, SSTI, SSRF, NoSQL, Ruby, Perl)",
        941 => "cross-site scripting",
        942 => "SQL injection",
        944 => JAVA,
        _ => return None,
    })
}

/// The class that nothing was tuned on.
pub const JAVA: &str = "Java (class left out)";

pub const AT_LEVEL_1: &str = "CRS tests, paranoia level 1";
pub const ABOVE: &str = "CRS tests, paranoia levels 2 to 4";

pub fn attacks() -> Vec<Sample> {
    let levels = levels();
    let mut found = Vec::new();
    for file in files() {
        let Some(class) = class(file.rule_id) else { continue };
        let source = if levels.get(&file.rule_id) == Some(&1) { AT_LEVEL_1 } else { ABOVE };
        for test in file.tests {
            for stage in
                test.stages.iter().filter(|stage| stage.output.log.expect_ids.contains(&file.rule_id))
            {
                let values = values(&request(&stage.input));
                let label = format!("{}-{}", file.rule_id, test.test_id);
                let split = if class == JAVA { Split::Report } else { split(label.as_bytes()) };
                found.push(Sample { source, class, label, split, values, line: None });
            }
        }
    }
    found
}

fn files() -> Vec<File> {
    let folder = shared().join("crs/tests/regression/tests");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        paths.extend(std::fs::read_dir(entry.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    paths.sort();
    let texts = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| read(path));
    let full = texts.filter(|text| {
        text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#') && line.trim() != "---")
    });
    full.map(|text| serde_saphyr::from_str(&text).unwrap()).collect()
}

/// Paranoia levels by rule id, as the rules are tagged.
fn levels() -> BTreeMap<u64, u64> {
    let mut levels = BTreeMap::new();
    for entry in std::fs::read_dir(shared().join("crs/rules")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let mut rule = 0;
        for line in read(&path).lines() {
            let number = |text: &str| {
                text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok()
            };
            if let Some(id) = line.split("id:").nth(1).and_then(number) {
                rule = id;
            }
            if let Some(level) = line.split("paranoia-level/").nth(1).and_then(number) {
                levels.insert(rule, level);
            }
        }
    }
    levels
}

fn request(input: &Input) -> Request {
    let headers: Vec<(String, String)> =
        input.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let kind = headers
        .iter()
        .find(|(name, _)| name == "content-type")
        .map(|(_, value)| value.clone())
        .unwrap_or_default();
    Request {
        target: input.uri.clone().unwrap_or_default(),
        headers,
        body: input.data.clone().map(|body| (kind, body)),
    }
}

/// Values of a call as the control takes them apart.
pub fn values(request: &Request) -> Vec<(Place, Vec<u8>)> {
    let mut found = Vec::new();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    found.extend(
        path.split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| (Place::Path, decoded(segment, false))),
    );
    pairs(query, &mut found);
    for (name, value) in &request.headers {
        match name.as_str() {
            "cookie" => {
                for pair in value.split(';') {
                    let (name, value) = pair.trim().split_once('=').unwrap_or((pair.trim(), ""));
                    found.push((Place::Name, name.as_bytes().to_vec()));
                    found.push((Place::Value, value.as_bytes().to_vec()));
                }
            }
            "host" | "accept" | "content-type" | "content-length" | "authorization" | "connection" => {}
            _ => found.push(header(value)),
        }
    }
    if let Some((kind, body)) = &request.body {
        if kind.contains("json") {
            json(body, &mut found);
        } else if kind.contains("xml") {
            detect::xml_parts(body.as_bytes(), |part| found.push((Place::Value, part.to_vec())));
            found.push((Place::Value, body.as_bytes().iter().copied().take(512).collect()));
        } else if kind.contains("multipart") {
            found.push((Place::Value, body.as_bytes().to_vec()));
        } else {
            pairs(body, &mut found);
        }
    }
    found
}

fn pairs(text: &str, found: &mut Vec<(Place, Vec<u8>)>) {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.push((Place::Name, decoded(name, true)));
        found.push((Place::Value, decoded(value, true)));
        // A name without a value is what careless readers take for a value.
        if value.is_empty() {
            found.push((Place::Value, decoded(name, true)));
        }
    }
}

fn decoded(text: &str, plus: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut index) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(index) {
        let digits = bytes.get(index + 1..index + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (byte, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                out.push(value);
                index += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            _ => out.push(*byte),
        }
        index += 1;
    }
    out
}

fn json(text: &str, found: &mut Vec<(Place, Vec<u8>)>) {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => strings(&value, found),
        Err(_) => found.push((Place::Value, text.as_bytes().to_vec())),
    }
}

fn strings(value: &serde_json::Value, found: &mut Vec<(Place, Vec<u8>)>) {
    match value {
        serde_json::Value::String(text) => found.push((Place::Value, text.as_bytes().to_vec())),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                found.push((Place::Name, name.as_bytes().to_vec()));
                strings(value, found);
            }
        }
        _ => {}
    }
}
