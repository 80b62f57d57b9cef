//! libmodsecurity, in a process of its own (`tests/peers/modsecurity.py`).

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::json;

use super::ftw::wire::Request;
use super::ftw::{reflect, rules};

/// What libmodsecurity says of one request.
#[derive(Debug, Deserialize)]
pub struct Said {
    /// Rules that were logged, in order, once for each match.
    pub ids: Vec<u64>,
    /// CPU time in the library, in microseconds.
    pub micros: f64,
}

impl Said {
    /// The rules, each once.
    pub fn set(&self) -> BTreeSet<u64> {
        self.ids.iter().copied().collect()
    }
}

/// A running libmodsecurity with rules loaded.
pub struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub version: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The tests' Python environment.
fn python() -> PathBuf {
    let peers = std::env::var_os("YETT_PEERS").map_or_else(|| root().join(".peers"), PathBuf::from);
    peers.join("venv/bin/python")
}

/// Directives that libmodsecurity refuses, or that it needs a file for which the rule sets do not bring.
const ELSEWHERE: [&str; 5] = [
    "SecRequestBodyInMemoryLimit",
    "SecUnicodeMapFile",
    "SecAuditEngine",
    "SecPcreMatchLimit",
    "SecPcreMatchLimitRecursion",
];

/// The rule files as both engines load them.
pub fn texts(overrides: &str) -> Vec<(String, String)> {
    let (mut files, _) = rules::texts(overrides);
    for (_, text) in &mut files {
        let lines = text.lines().filter(|line| !ELSEWHERE.iter().any(|name| line.starts_with(name)));
        *text = lines.map(|line| format!("{line}\n")).collect();
    }
    files
}

impl Peer {
    /// Starts it with the Core Rule Set and more settings.
    pub fn start(overrides: &str) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        let (_, data) = rules::texts(overrides);
        let files = texts(overrides);
        for (name, text) in files.iter().chain(&data.into_iter().collect::<Vec<_>>()) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let names = files.iter().map(|(name, _)| folder.path().join(name));
        Peer::with_files(names)
    }

    fn with_files(files: impl Iterator<Item = PathBuf>) -> Peer {
        let mut process = Command::new(python())
            .arg(root().join("tests/peers/modsecurity.py"))
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `make peers`", python().display()));
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let version = line.trim().strip_prefix("ready ").expect("libmodsecurity loads the rules").to_owned();
        Peer { process, input, output, version }
    }

    /// Starts it with rules given as text.
    pub fn with_rules(text: &str) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.conf");
        std::fs::write(&file, text).unwrap();
        Peer::with_files([file].into_iter())
    }

    /// Runs a request; with `answered`, and what the tests' backend answers.
    pub fn inspect(&mut self, request: &Request, answered: bool) -> Said {
        let mut line = serde_json::to_vec(&described(request, answered)).unwrap();
        line.push(b'\n');
        self.input.write_all(&line).unwrap();
        self.input.flush().unwrap();
        let mut said = String::new();
        self.output.read_line(&mut said).unwrap();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("libmodsecurity ended: {error}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Bytes as the characters of the same numbers.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn described(request: &Request, answered: bool) -> serde_json::Value {
    let headers: Vec<[String; 2]> =
        request.headers.iter().map(|(name, value)| [latin1(name), latin1(value)]).collect();
    let line = [&request.method, &request.target, &request.version].map(|part| latin1(part));
    let mut described = json!({ "line": line, "headers": headers, "body": latin1(&request.body) });
    if answered {
        let answer = reflect::answer(request);
        let headers: Vec<[String; 2]> = answer
            .headers
            .iter()
            .map(|(name, value)| [name.as_bytes(), value.as_bytes()].map(latin1))
            .collect();
        described["answer"] =
            json!({ "status": answer.status, "headers": headers, "body": latin1(&answer.body) });
    }
    described
}
