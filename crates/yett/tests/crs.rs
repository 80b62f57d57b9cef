//! The Core Rule Set's regression tests through the gateway, over HTTP: each stage logs the ids that it expects, or is refused at
//! the door by a code of the gateway's own before any rule runs. Those refused and those that differ are listed in `crs/`.
//!
//! `make crs` prints the counts. The set runs as its own tests want it, in shadow; what upstreams of theirs answer, ours does.
//! The access log holds ids and no values, so patterns on other parts of a log line are left to the tests in process.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a harness that cannot go on has to fail loudly; the counts are what it is run for"
)]

#[path = "../../seclang/tests/ftw/mod.rs"]
mod ftw;
#[path = "calls/harness/mod.rs"]
mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use ftw::corpus::{Stage, Test};
use ftw::{reflect, rules, wire};
use harness::Gateway;
use serde_json::Value;
use testkit::raw::exchange;
use testkit::recorder::{Answer, Fault};
use testkit::{RawClient, Recorded, Recorder, Reply, until};

/// Stages refused before any rule runs, each with its code.
const REFUSED: &str = include_str!("crs/refused-at-the-door.txt");
/// Stages that come to something else than the set expects, each with its reason.
const DIFFERENT: &str = include_str!("crs/different.txt");

/// Methods of stages that `*` does not stand for.
const METHODS: [&str; 5] = ["FOO", "PROPFIND", "REALLYLONGUNREALMETHOD", "SUBSCRIBE", "TEST"];

/// A stage's name and what was answered.
struct Sent<'t> {
    name: String,
    stage: &'t Stage,
    status: u16,
    code: Option<String>,
    id: Option<String>,
}

/// What became of a stage.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Logged,
    Refused(String),
    Failed(String),
}

fn names(test: &Test) -> impl Iterator<Item = (String, &Stage)> {
    test.stages.iter().enumerate().map(|(at, stage)| {
        let number = if at == 0 { String::new() } else { format!("/{}", at + 1) };
        (format!("{}-{}{number}", test.rule, test.id), stage)
    })
}

/// The set with the settings that its tests want; with what keeps rules from refusing, or without.
fn folder(detect: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let setup = std::fs::read(rules::folder().join("crs-setup.conf.example")).unwrap();
    let overrides = include_str!("../../seclang/tests/data/overrides.conf");
    let only_detect = "  ctl:ruleEngine=DetectionOnly,\\\n";
    assert!(overrides.contains(only_detect), "what keeps rules from refusing is written otherwise");
    let overrides = if detect { overrides.to_owned() } else { overrides.replace(only_detect, "") };
    let setup = format!("{}\n{overrides}", String::from_utf8(setup).unwrap());
    std::fs::write(dir.path().join("crs-setup.conf"), setup).unwrap();
    let rules = rules::folder().join("rules").canonicalize().unwrap();
    std::os::unix::fs::symlink(rules, dir.path().join("rules")).unwrap();
    dir
}

fn document(upstream: &str, modes: &str, rules: &std::path::Path) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
         admission: {{ anonymous: {{ mode: off }}, failures: {{ mode: off }} }}\n\
         record: {{ access_log: \"file:access.log\" }}\napis:\n  t:\n    contract: none\n    allow: [\"* /*\"{}]\n    \
         unsecured: anonymous\n    upstream: {upstream}\n    \
         inspection: {{ {modes}, rules: \"file:{}\" }}\n",
        METHODS.map(|method| format!(", \"{method} /*\"")).concat(),
        rules.display()
    )
}

/// As the tests' backend answers.
fn backend(call: &Recorded) -> Answer {
    let request = wire::Request {
        method: call.method().into(),
        target: call.target().into(),
        body: call.body.clone(),
        ..wire::Request::default()
    };
    let answer = reflect::answer(&request);
    let headers = answer.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    Answer { status: answer.status, headers: headers.collect(), body: answer.body, fault: Fault::None }
}

/// Sends one stage on a connection of its own; `None` when it ends without an answer.
fn send(gateway: &Gateway, stage: &Stage) -> Option<Reply> {
    let bytes = wire::sent(&stage.input);
    let mut client = RawClient::connect(gateway.address);
    // The gateway may refuse and close before it has all.
    let _ = client.send(&bytes);
    if bytes.starts_with(b"HEAD ") { client.reply_to_head().ok() } else { client.reply().ok() }
}

/// Sends each stage.
fn send_all<'t>(gateway: &Gateway, tests: &'t [Test]) -> Vec<Sent<'t>> {
    let stages = tests.iter().flat_map(names);
    stages
        .map(|(name, stage)| {
            let reply = send(gateway, stage);
            let (status, code, id) = match &reply {
                Some(reply) => {
                    (reply.status, reply.code(), reply.head.get("yett-call-id").map(str::to_owned))
                }
                None => (0, None, None),
            };
            Sent { name, stage, status, code, id }
        })
        .collect()
}

/// The verdicts of each call, once all are logged.
fn logged(gateway: &Gateway, sent: &[Sent<'_>]) -> BTreeMap<String, Vec<Value>> {
    let wanted: BTreeSet<&str> = sent.iter().filter_map(|sent| sent.id.as_deref()).collect();
    let all = until(60, || {
        let lines = gateway.log();
        let by_id: BTreeMap<String, Vec<Value>> = lines
            .into_iter()
            .map(|line| {
                let id = line["id"].as_str().unwrap_or_default().to_owned();
                (id, line["verdicts"].as_array().cloned().unwrap_or_default())
            })
            .collect();
        wanted.iter().all(|id| by_id.contains_key(*id)).then_some(by_id)
    });
    all.expect("every call that was answered with an id is logged")
}

/// Ids of rules that the verdicts name.
fn ids(verdicts: &[Value]) -> BTreeSet<u64> {
    let details = verdicts.iter().filter(|verdict| verdict["control"] == "inspection");
    let details = details.filter_map(|verdict| verdict["detail"].as_str()?.strip_prefix("rules "));
    let listed = details.filter_map(|detail| detail.split(';').next());
    listed.flat_map(|ids| ids.split(' ').filter_map(|id| id.parse().ok())).collect()
}

fn judge(sent: &Sent<'_>, verdicts: &BTreeMap<String, Vec<Value>>) -> Outcome {
    let verdicts = sent.id.as_ref().and_then(|id| verdicts.get(id)).map(Vec::as_slice).unwrap_or_default();
    let inspected = verdicts.iter().any(|verdict| verdict["control"] == "inspection");
    match &sent.code {
        Some(code) if !inspected => return Outcome::Refused(code.clone()),
        _ if sent.status == 0 => return Outcome::Failed(String::from("no answer")),
        _ => {}
    }
    let found = ids(verdicts);
    let expected = &sent.stage.output.log;
    let mut failures = String::new();
    for id in expected.expect_ids.iter().filter(|id| !found.contains(id)) {
        let _ = write!(failures, "{id} is not logged, ");
    }
    for id in expected.no_expect_ids.iter().filter(|id| found.contains(id)) {
        let _ = write!(failures, "{id} is logged, ");
    }
    let log: String = found.iter().map(|id| format!("[id \"{id}\"]\n")).collect();
    let of_ids = |pattern: &&String| pattern.starts_with("\\[id");
    let matches = |pattern: &String| regex::Regex::new(pattern).unwrap().is_match(&log);
    if expected.match_regex.iter().filter(of_ids).any(|pattern| !matches(pattern)) {
        failures += "nothing logged matches, ";
    }
    if expected.no_match_regex.iter().filter(of_ids).any(matches) {
        failures += "what is logged matches, ";
    }
    if sent.stage.output.status == Some(400) {
        failures += "a strict server would refuse this, ";
    }
    if failures.is_empty() {
        Outcome::Logged
    } else {
        Outcome::Failed(format!("{failures}logged: {found:?}"))
    }
}

/// Whether the score of the call reached its threshold, or a body could not be taken apart: what refuses a call.
fn is_implied(verdicts: &[Value]) -> bool {
    let of_request = |verdict: &&Value| {
        verdict["control"] == "inspection" && (verdict["stage"] == "head" || verdict["stage"] == "body")
    };
    let reached = |detail: &str| {
        let score = detail.split("score ").nth(1)?.split(';').next()?;
        let (score, threshold) = score.split_once(" of ")?;
        Some(score.parse::<u64>().ok()? >= threshold.parse::<u64>().ok()?)
    };
    let score = verdicts.iter().filter(of_request).any(|verdict| {
        verdict["stage"] == "body" && verdict["detail"].as_str().and_then(reached).unwrap_or_default()
    });
    score || ids(verdicts).iter().any(|id| (200_002..=200_004).contains(id))
}

/// What would have been refused in shadow is what is refused enforced, and it is what the score implies.
fn enforced_as_foreseen(recorder: &Recorder, seen: &[Sent<'_>], shadow: &BTreeMap<String, Vec<Value>>) {
    let dir = folder(false);
    let gateway = Gateway::with_document(&document(&recorder.url(), "mode: enforce", dir.path()));
    let plain = exchange(gateway.address, harness::get("/", "User-Agent: x\r\nAccept: */*\r\n")).unwrap();
    assert_eq!(plain.status, 200, "{}", plain.text());
    let (mut wrong, mut count) = (Vec::new(), 0);
    for seen in seen {
        let Some(verdicts) = seen.id.as_ref().and_then(|id| shadow.get(id)) else { continue };
        let foreseen = verdicts.iter().any(|verdict| verdict["code"] == "payload_refused");
        let reply = send(&gateway, seen.stage);
        let problem = |reply: &Reply| reply.head.get("content-type") == Some("application/problem+json");
        let refused = reply.is_some_and(|reply| reply.status == 403 && problem(&reply));
        if foreseen != refused || (refused && !is_implied(verdicts)) {
            wrong.push(format!("{}: foreseen {foreseen}, refused {refused}: {verdicts:?}", seen.name));
        }
        count += usize::from(refused);
    }
    eprintln!("over HTTP, enforced: {count} refused, as foreseen and as their scores imply");
    assert!(count > 0 && wrong.is_empty(), "{} are not as foreseen:\n{}", wrong.len(), wrong.join("\n"));
}

/// Names of a list and what stands beside them.
fn list(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(name, why)| (name, why.trim()))
        .collect()
}

#[test]
fn every_stage_is_logged_as_expected_or_refused_at_the_door() {
    let dir = folder(true);
    let recorder = Recorder::start();
    recorder.script(backend);
    let gateway =
        Gateway::with_document(&document(&recorder.url(), "mode: shadow, answers: shadow", dir.path()));
    let tests = Arc::new(ftw::corpus::tests());
    let sent = send_all(&gateway, &tests);
    let verdicts = logged(&gateway, &sent);
    enforced_as_foreseen(&recorder, &sent, &verdicts);
    let (refused, different) = (list(REFUSED), list(DIFFERENT));
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let (mut logged, mut failed, mut expected, mut wrong) = (0, 0, 0, Vec::new());
    for sent in &sent {
        let name = sent.name.as_str();
        match judge(sent, &verdicts) {
            Outcome::Logged => {
                logged += 1;
                if refused.contains_key(name) || different.contains_key(name) {
                    wrong.push(format!("{name} is listed and is logged as expected"));
                }
            }
            Outcome::Refused(code) => {
                if refused.get(name) != Some(&code.as_str()) {
                    wrong.push(format!("{name} {code}"));
                }
                *codes.entry(code).or_default() += 1;
                expected += usize::from(sent.stage.output.status == Some(400));
            }
            Outcome::Failed(why) => {
                failed += 1;
                eprintln!("{name}: {why}{}", different.get(name).map_or("", |_| " (listed)"));
                if !different.contains_key(name) {
                    wrong.push(format!("{name}: {why}"));
                }
            }
        }
    }
    let by_code: Vec<String> = codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let total: usize = codes.values().sum();
    eprintln!(
        "over HTTP: {logged} logged as expected, {total} refused at the door ({}; {expected} of them the set wants refused), {failed} failed",
        by_code.join(", ")
    );
    assert_eq!(sent.len(), 4972, "stages of 4.28");
    assert!(wrong.is_empty(), "{} stages are not as listed:\n{}", wrong.len(), wrong.join("\n"));
}
