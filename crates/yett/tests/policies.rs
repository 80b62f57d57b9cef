//! `yett test` and `yett diff` as they are typed, and the proof that what a case sees is what a client of the running
//! gateway sees: the same random calls, byte for byte, to both.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

#[path = "calls/harness/mod.rs"]
mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use diagnostics::{Diagnostics, Sources};
use engine::Peer;
use harness::{Gateway, Setup, now};
use http::{HeaderMap, StatusCode};
use policy_tests::document::Case;
use policy_tests::generate::generate;
use policy_tests::moment::Moment;
use policy_tests::{Decided, Files, Heard, Seen, Subject, Suite, Threads, World, on_the_wire};
use serde_json::Value;
use testkit::raw::exchange;
use testkit::{Answer, Recorder};

const CONTRACT: &str = include_str!("../../../examples/orders/openapi.yaml");
const SAMPLE: &str = include_str!("../../../examples/orders/yett.yaml");

/// What both are given: signed tokens, limits that are used up, inspection, and undeclared things refused.
const API: &str = "authentication: { oauth: { issuers: [shop], audience: t } }\n\
                   limits: [{ per: subject, quota: 40/month }]\n\
                   validation: { request: enforce, response: shadow, undeclared: { property: refuse } }\n\
                   bodies: { max: 32KiB }\n\
                   inspection: { mode: enforce }";
const TOP: &str = "issuers: { shop: { url: \"https://login.example.com\", jwks: \"file:keys.json\" } }\n\
                   admission: { anonymous: { mode: off }, failures: { mode: off } }\n";

fn setup() -> Setup {
    Setup {
        top: String::from(TOP),
        api: String::from(API),
        contract: String::from(CONTRACT),
        ..Setup::default()
    }
}

fn subject(document: &str) -> Subject {
    let files = [("./openapi.yaml", CONTRACT), ("openapi.yaml", CONTRACT), ("keys.json", "{\"keys\":[]}")];
    let assets: BTreeMap<String, Arc<[u8]>> =
        files.into_iter().map(|(name, text)| (name.to_owned(), text.as_bytes().into())).collect();
    let (none, references) = (BTreeMap::new(), BTreeMap::new());
    let files = Files {
        name: "yett.yaml",
        text: document,
        assets: &assets,
        unreadable: &none,
        references: &references,
        environment: None,
    };
    let mut sources = Sources::default();
    Subject::compile(&files, &mut sources).unwrap_or_else(|found| panic!("{found:?}"))
}

/// Repeats itself, so that a run that fails can be made again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides
    }
}

/// A call with up to two things different: what clients do wrong, and what attackers try.
fn altered(request: &[u8], dice: &mut Dice) -> Vec<u8> {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let (head, body) = (String::from_utf8_lossy(&request[..end]).into_owned(), request[end + 4..].to_vec());
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    for _ in 0..dice.roll(3) {
        let start = lines[0].clone();
        let mut parts = start.splitn(3, ' ');
        let (method, target, version) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let path = target.split('?').next().unwrap_or_default();
        match dice.roll(16) {
            0 => {
                lines[0] = format!(
                    "{} {target} {version}",
                    ["HEAD", "PUT", "DELETE", "OPTIONS", "BREW", "get"][dice.roll(6)]
                );
            }
            1 => lines[0] = format!("{method} {target}/ {version}"),
            2 => lines[0] = format!("{method} /{target} {version}"),
            3 => lines[0] = format!("{method} /x/%2e%2e{target} {version}"),
            4 => lines[0] = format!("{method} {path}?limit=5&limit=6 {version}"),
            5 => lines[0] = format!("{method} {path}?q=%27%20OR%201%3D1-- {version}"),
            6 => lines[0] = format!("{method} http://localhost{target} {version}"),
            7 => lines.push(String::from("X-Forwarded-For: 203.0.113.9")),
            8 => lines.push(String::from("Cookie: a=1; currency=EUR")),
            9 => lines.push(String::from("Authorization: Basic YTpi")),
            10 => lines.push(String::from("Host: elsewhere")),
            11 => lines.push(String::from("Upgrade: h2c")),
            12 => lines.push(String::from("X-Odd : 1")),
            13 => lines.push(format!("X-Long: {}", "x".repeat(dice.roll(40_000)))),
            14 => lines.push(String::from("Origin: https://evil.example")),
            _ => lines.retain(|line| !line.to_ascii_lowercase().starts_with("content-type")),
        }
    }
    let mut out = (lines.join("\r\n") + "\r\n\r\n").into_bytes();
    out.extend(body);
    out
}

/// What a client saw, without what is different each time: ids, dates, what is left of a limit at which second.
fn normal(status: u16, headers: &[(String, String)], body: &[u8]) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
        .filter(|(name, _)| name != "yett-call-id" && name != "date")
        .map(|(name, value)| match name.as_str() {
            "retry-after" => name,
            "ratelimit" => format!("{name}: {}", value.split(";t=").next().unwrap_or_default()),
            _ => format!("{name}: {value}"),
        })
        .collect();
    lines.sort();
    let text = String::from_utf8_lossy(body).into_owned();
    let text = match text.split_once("urn:yett:call:") {
        Some((before, after)) => format!("{before}urn:yett:call:{}", after.get(32..).unwrap_or_default()),
        None => text,
    };
    format!("{status}\n{}\n{text}", lines.join("\n"))
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// What came to the service, without what differs between two of them.
fn arrived(method: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| name != "traceparent" && name != "host")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    format!("{method} {target}\n{}\n{}", lines.join("\n"), String::from_utf8_lossy(body))
}

/// What the service answers, to both, one after the other: what the contract has, what it has not, and what went wrong.
const SAID: [(u16, &str); 4] = [
    (200, "{\"id\":\"ord_000001\"}"),
    (200, "{\"id\":7,\"secret\":true}"),
    (404, "{}"),
    (500, "{\"error\":\"x\"}"),
];

/// What was decided of a call, as both can say it: what would stop it, and what has something to say.
fn decided(code: Option<&str>, verdicts: impl Iterator<Item = [String; 6]>) -> String {
    let verdicts: Vec<String> = verdicts.map(|words| words.join(" ")).collect();
    format!("{}\n{}", code.unwrap_or("-"), verdicts.join("\n"))
}

fn decided_live(line: &Value) -> String {
    let word = |verdict: &Value, key: &str| verdict[key].as_str().unwrap_or("-").to_owned();
    let mode = |verdict: &Value| String::from(if verdict["mode"].is_null() { "enforce" } else { "shadow" });
    let keys = |verdict: &Value| {
        let [control, stage, outcome, code, place] =
            ["control", "stage", "outcome", "code", "place"].map(|key| word(verdict, key));
        [control, stage, outcome, mode(verdict), code, place]
    };
    decided(line["code"].as_str(), line["verdicts"].as_array().into_iter().flatten().map(keys))
}

fn decided_still(decided_of: &Decided) -> String {
    let telling = decided_of.verdicts.iter().filter(|heard| heard.outcome.stops() || heard.detail.is_some());
    let or = |text: &str| String::from(if text.is_empty() { "-" } else { text });
    let words = |heard: &Heard| {
        let names = [heard.control, heard.stage.name(), heard.outcome.name(), heard.mode.name()];
        let [control, stage, outcome, mode] = names.map(String::from);
        [control, stage, outcome, mode, or(heard.code.unwrap_or_default()), or(&heard.place)]
    };
    decided(decided_of.code, telling.map(words))
}

/// The calls: those that are generated from the contract, altered at random.
fn calls(subject: &Subject, count: usize, at: u64) -> Vec<Vec<u8>> {
    let written = generate(subject, 2).unwrap();
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let suite = Suite::read("generated", &written[0].text, &mut sources, &mut found).unwrap();
    let mut dice = Dice(0x5eed_cafe_f00d_1234);
    let mut cases: Vec<Case> = suite.cases.into_iter().map(|case| case.value).collect();
    cases.retain(|case| case.request.padding.is_none() && case.state.calls.is_none());
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let mut case = cases[dice.roll(cases.len())].clone();
        case.at = Some(Moment(at));
        if let Some(credential) = &mut case.credential {
            credential.subject = Some(format!("s{}", dice.roll(count / 120 + 1)));
            credential.expires_in = "2h".parse().ok();
        }
        let (_, request) = on_the_wire(subject, &case).unwrap();
        all.push(altered(&request, &mut dice));
    }
    all
}

/// What calls met without a network.
fn offline(subject: &Subject, calls: &[Vec<u8>], at: u64) -> Vec<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let threads = Threads::start(subject).unwrap();
        let world = World::new(subject, &threads, at);
        let mut all = Vec::with_capacity(calls.len());
        for (call, (status, said)) in calls.iter().zip(SAID.iter().cycle()) {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", "application/json".parse().unwrap());
            let (status, body) =
                (StatusCode::from_u16(*status).unwrap(), Bytes::from_static(said.as_bytes()));
            world.answer(Some(proxy::offline::Answer { status, headers, body }));
            let peer = Peer::new(([127, 0, 0, 1], 40_000).into(), 0);
            all.push(world.call(peer, call).await.unwrap());
        }
        all
    })
}

#[test]
fn cases_see_what_clients_of_the_running_gateway_see() {
    let count = 5_000;
    let recorder = Recorder::start();
    let subject = subject(&setup().document(&recorder.url()));
    let at = now();
    let calls = calls(&subject, count, at);
    let seen = offline(&subject, &calls, at);
    let gateway = Gateway::with_files(&setup(), &recorder.url(), &[("keys.json", subject.jwks())]);
    let (mut wrong, mut codes) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut ids = Vec::new();
    for ((call, seen), (status, said)) in calls.iter().zip(&seen).zip(SAID.iter().cycle()) {
        recorder.answer(Answer::json(*status, *said));
        let before = recorder.count();
        let mut client = testkit::RawClient::connect(gateway.address);
        let _ = client.send(call);
        let reply = if call.starts_with(b"HEAD ") { client.reply_to_head() } else { client.reply() }.unwrap();
        let code = reply.code().unwrap_or_else(|| reply.status.to_string());
        *codes.entry(code.clone()).or_default() += 1;
        let (live, still) = (
            normal(reply.status, &reply.head.fields, &reply.body),
            normal(seen.status.as_u16(), &pairs(&seen.headers), &seen.body),
        );
        let came = recorder.calls().split_off(before).pop();
        let live_upstream = came.map(|one| arrived(one.method(), one.target(), &one.head.fields, &one.body));
        let still_upstream = seen
            .arrived
            .as_ref()
            .map(|one| arrived(&one.method, &one.target, &pairs(&one.headers), &one.body));
        let shown = call[..call.len().min(300)].escape_ascii().to_string();
        ids.push((reply.head.get("yett-call-id").map(str::to_owned), shown.clone(), &seen.decided));
        if live != still || live_upstream != still_upstream {
            wrong.push(format!(
                "{shown}\nlive: {live}\nstill: {still}\n{live_upstream:?}\n{still_upstream:?}"
            ));
        }
    }
    let (more, verdicts) = decided_otherwise(&gateway, &ids);
    wrong.extend(more);
    println!("{count} calls: {codes:?}");
    println!("verdicts: {verdicts:?}");
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(3)].join("\n\n")
    );
    // A differential test that meets one outcome only would prove little.
    assert!(
        codes.len() >= 12 && codes.contains_key("200") && codes.contains_key("quota_exhausted"),
        "{codes:?}"
    );
    let in_shadow = verdicts.iter().any(|verdict| verdict.contains("refuse shadow response_invalid"));
    assert!(verdicts.len() >= 12 && in_shadow, "{verdicts:?}");
}

/// A call by its id, as it is shown, and what was decided of it without a network.
type Known<'a> = (Option<String>, String, &'a Decided);

/// Calls of which a running gateway and a still one decided otherwise, and all verdicts that there were.
fn decided_otherwise(gateway: &Gateway, known: &[Known<'_>]) -> (Vec<String>, BTreeSet<String>) {
    let log = testkit::until(30, || {
        let log = gateway.log();
        let there: BTreeSet<&str> = log.iter().filter_map(|line| line["id"].as_str()).collect();
        known.iter().filter_map(|(id, ..)| id.as_deref()).all(|id| there.contains(id)).then_some(log)
    })
    .expect("all are logged");
    let by_id: BTreeMap<&str, &Value> =
        log.iter().filter_map(|line| Some((line["id"].as_str()?, line))).collect();
    let (mut wrong, mut verdicts) = (Vec::new(), BTreeSet::new());
    for (id, shown, still) in known {
        let Some(id) = id else { continue };
        let live = decided_live(by_id[id.as_str()]);
        let still = decided_still(still);
        verdicts.extend(live.lines().skip(1).map(|line| line.rsplit_once(' ').unwrap().0.to_owned()));
        if live != still {
            wrong.push(format!("{shown}\nlive: {live}\nstill: {still}"));
        }
    }
    (wrong, verdicts)
}

fn yett(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_yett")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("yett.yaml"), SAMPLE).unwrap();
    std::fs::write(dir.path().join("openapi.yaml"), CONTRACT).unwrap();
    dir
}

#[test]
fn from_a_contract_to_tested_policies_without_a_line_typed() {
    let dir = folder();
    let (code, out, err) = yett(dir.path(), &["test"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("yett test --generate"), "{err}");
    let (code, out, err) = yett(dir.path(), &["test", "--generate"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("orders.generated.test.yaml: ") && out.contains(" cases"), "{out}");
    let (code, out, _) = yett(dir.path(), &["test"]);
    assert!(code == 0 && out.contains(": all passed") && out.contains("tried: 18 of 18 operations"), "{out}");
    let (code, out, _) = yett(dir.path(), &["test", "--format", "json", "--jobs", "1"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["ok"], &report["failed"]), (0, &true.into(), &0.into()));
    // The next change that lets more through is caught.
    std::fs::write(dir.path().join("yett.yaml"), SAMPLE.replace("request: enforce", "request: shadow"))
        .unwrap();
    let (code, out, _) = yett(dir.path(), &["test", "--format", "junit"]);
    assert!(code == 1 && out.contains("<failure message=\"decision: expected refuse, got allow\">"), "{out}");
    // Files that were written by hand are not written over.
    std::fs::write(dir.path().join("orders.generated.test.yaml"), "version: 1\ntests: []\n").unwrap();
    let (code, _, err) = yett(dir.path(), &["test", "--generate"]);
    assert!(code == 1 && err.contains("not generated"), "{err}");
}

#[test]
fn cases_that_cannot_be_read_are_not_run() {
    let dir = folder();
    std::fs::write(
        dir.path().join("a.test.yaml"),
        "version: 1\ntests:\n  - name: a\n    requst: GET /x\n    expect: allow\n",
    )
    .unwrap();
    let (code, _, err) = yett(dir.path(), &["test"]);
    assert!(code == 1 && err.contains("a.test.yaml:4:5") && err.contains("did you mean `request`?"), "{err}");
    let (code, out, _) = yett(dir.path(), &["test", "a.test.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["diagnostics"][0]["code"]), (1, &"unknown-key".into()));
    let (code, _, err) = yett(dir.path(), &["test", "gone.test.yaml"]);
    assert!(code == 1 && err.contains("there is no such file"), "{err}");
}

#[test]
fn a_difference_is_told_and_weaker_ones_fail() {
    let dir = folder();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("weak.yaml", &SAMPLE.replace("60/min", "120/min"));
    write("strict.yaml", &SAMPLE.replace("60/min", "30/min"));
    let (code, out, _) = yett(dir.path(), &["diff", "yett.yaml", "yett.yaml"]);
    assert_eq!((code, out.as_str()), (0, "both do the same\n"));
    let (code, out, _) = yett(dir.path(), &["diff", "yett.yaml", "weak.yaml"]);
    let unfolded = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(code == 1 && unfolded.contains("limit rate per subject: rate 60/min → 120/min"), "{out}");
    let (code, out, _) = yett(dir.path(), &["diff", "yett.yaml", "strict.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &report["weaker"], &report["changes"][0]["effect"]),
        (0, &false.into(), &"stricter".into())
    );
    let (code, _, err) = yett(dir.path(), &["diff", "yett.yaml"]);
    assert!(code == 1 && err.contains("no gateway listens"), "{err}");
}

#[test]
fn a_file_is_compared_with_the_gateway_that_runs() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let folder = gateway.path("");
    let (code, out, err) = yett(&folder, &["diff", "yett.yaml"]);
    assert_eq!((code, out.as_str()), (0, "both do the same\n"), "{err}");
    let document = std::fs::read(gateway.path("yett.yaml")).unwrap();
    let document = String::from_utf8(document).unwrap() + "    limits: [{ per: subject, rate: 5/s }]\n";
    std::fs::write(gateway.path("next.yaml"), &document).unwrap();
    let (code, out, err) = yett(&folder, &["diff", "next.yaml"]);
    assert!(code == 0 && out.contains("is looked at by limits now"), "{out}{err}");
    // What lets more through than what runs fails.
    let weaker = String::from_utf8(std::fs::read(gateway.path("yett.yaml")).unwrap()).unwrap()
        + "    validation: { request: shadow }\n";
    std::fs::write(gateway.path("weaker.yaml"), &weaker).unwrap();
    let (code, out, err) = yett(&folder, &["diff", "weaker.yaml"]);
    assert!(code == 1 && out.starts_with("weaker ") && out.contains("validation"), "{code}: {out}{err}");
    let answer =
        exchange(gateway.address, "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer.status, 404, "it serves all the while");
}
