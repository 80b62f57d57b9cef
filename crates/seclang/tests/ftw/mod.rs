//! The Core Rule Set's regression tests, run in process.
//!
//! The tests are written for go-ftw, which sends requests over the network to a web server with the engine in it, and
//! reads the server's log. Here the harness takes the part of the client and of the server: [`wire`] completes a request
//! as go-ftw does and reads it as a server does, [`reflect`] answers as the tests' backend does. A stage passes when every
//! id it expects is logged and none that it does not expect; when it expects a status of 400, the request must be one that
//! a strict server refuses before any rule runs.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a harness that cannot go on has to fail loudly; it is shared by targets that use parts of it"
)]

pub mod corpus;
pub mod reflect;
pub mod requests;
pub mod rules;
pub mod wire;

use seclang::{Engine, Transaction, Verdict};

use corpus::{Output, Stage};
use wire::Request;

/// What became of one stage.
#[derive(Debug)]
pub struct Outcome {
    /// As in `920100-4`, with `/2` for a second stage.
    pub name: String,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Runs a request and its answer through all phases.
pub fn inspect<'e>(engine: &'e Engine, request: &Request) -> Transaction<'e> {
    let mut call = engine.transaction();
    call.remote_address("192.0.2.1");
    call.unique_id("a1b2c3d4");
    call.request_line(&request.method, &request.target, &request.version);
    for (name, value) in &request.headers {
        call.request_header(name, value);
    }
    let _ = call.request_head_done();
    let _ = call.request_body(&request.body);
    let answer = reflect::answer(request);
    call.response_line(answer.status, b"HTTP/1.1");
    for (name, value) in &answer.headers {
        call.response_header(name.as_bytes(), value.as_bytes());
    }
    let _ = call.response_head_done();
    let _ = call.response_body(&answer.body);
    call.finish();
    call
}

/// The log as the tests' regular expressions expect it.
fn log(call: &Transaction<'_>) -> String {
    let mut lines = String::new();
    for report in call.reports() {
        for found in &report.matches {
            lines += &format!(
                "[id \"{}\"] [msg \"{}\"] [data \"{}\"] [var \"{}\"]\n",
                report.id,
                report.message,
                escaped(&found.data),
                found.variable
            );
        }
    }
    lines
}

/// Runs one stage.
pub fn run(engine: &Engine, stage: &Stage) -> Option<String> {
    let request = wire::request(&stage.input);
    let Output { status, log: expected, .. } = &stage.output;
    if *status == Some(400) {
        return match wire::refused(&request) {
            Some(_) => None,
            None => Some("a strict server would not refuse this".to_owned()),
        };
    }
    let call = inspect(engine, &request);
    let ids: Vec<u64> = call.reports().iter().map(|report| report.id).collect();
    let mut failures = Vec::new();
    for id in expected.expect_ids.iter().filter(|id| !ids.contains(id)) {
        failures.push(format!("{id} is not logged"));
    }
    for id in expected.no_expect_ids.iter().filter(|id| ids.contains(id)) {
        failures.push(format!("{id} is logged"));
    }
    let is_logged = |pattern: &String| regex::Regex::new(pattern).unwrap().is_match(&log(&call));
    for pattern in expected.match_regex.iter().filter(|pattern| !is_logged(pattern)) {
        failures.push(format!("nothing logged matches `{pattern}`"));
    }
    for pattern in expected.no_match_regex.iter().filter(|pattern| is_logged(pattern)) {
        failures.push(format!("what is logged matches `{pattern}`"));
    }
    if *status == Some(200) && *call.verdict() != Verdict::Pass {
        failures.push("the call is refused".to_owned());
    }
    (!failures.is_empty()).then(|| format!("{}; logged: {ids:?}", failures.join(", ")))
}

/// Runs every stage of every test, on as many threads as asked for.
pub fn run_all(engine: &Engine, tests: &[corpus::Test], threads: usize) -> Vec<Outcome> {
    let chunk = tests.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = tests
            .chunks(chunk)
            .map(|tests| {
                scope.spawn(move || tests.iter().flat_map(|test| run_test(engine, test)).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn run_test(engine: &Engine, test: &corpus::Test) -> Vec<Outcome> {
    let name = |at: usize| {
        let stage = if at == 0 { String::new() } else { format!("/{}", at + 1) };
        format!("{}-{}{stage}", test.rule, test.id)
    };
    test.stages
        .iter()
        .enumerate()
        .map(|(at, stage)| Outcome { name: name(at), failure: run(engine, stage) })
        .collect()
}

/// Stages that are known to fail, with the reason.
pub fn known_failures() -> Vec<(String, String)> {
    let text = include_str!("../data/known-failures.txt");
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, reason) = line.split_once(char::is_whitespace).expect("a known failure has a reason");
            (name.to_owned(), reason.trim().to_owned())
        })
        .collect()
}

/// Logs write control characters as escapes, so that a line stays a line.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}
