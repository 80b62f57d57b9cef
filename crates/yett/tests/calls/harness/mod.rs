//! The real binary between a hostile client and an upstream that remembers every byte.
//!
//! Each test starts its own gateway on port 0 with its own directory, so that all of them run beside each other. Every
//! table of hostile calls can be put to the gateway ([`judge`]) and to a proxy that checks nothing ([`reaches_naive`]):
//! a call that does not get through that one would prove nothing.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Naive, RawClient, Recorder, Reply, until};

pub mod cases;
pub use cases::*;

/// The contract of most tests.
pub const CONTRACT: &str = include_str!("openapi.yaml");

/// The time of day, in seconds since 1970: that of the real binary.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a gateway is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Lines at the top of the document.
    pub top: String,
    /// Lines of the API, without indentation.
    pub api: String,
    /// The contract.
    pub contract: String,
    /// `record.access_log`.
    pub log: String,
    /// Lines of the upstream beside its URL, without indentation.
    pub upstream: String,
    /// Further arguments of the command line.
    pub arguments: &'static [&'static str],
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            top: String::new(),
            api: String::from("issuer: local"),
            contract: CONTRACT.to_owned(),
            log: String::from("file:access.log"),
            upstream: String::new(),
            arguments: &[],
        }
    }
}

fn indent(text: &str, by: usize) -> String {
    text.lines().fold(String::new(), |all, line| all + &" ".repeat(by) + line + "\n")
}

impl Setup {
    /// With these lines in the API beside `issuer: local`.
    pub fn api(lines: &str) -> Self {
        Self { api: format!("issuer: local\n{lines}"), ..Self::default() }
    }

    /// The document.
    pub fn document(&self, upstream: &str) -> String {
        format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
             record: {{ access_log: \"{}\" }}\n{}upstreams:\n  up:\n    targets: [{{ url: \"{upstream}\" }}]\n{}\
             apis:\n  t:\n    contract: ./openapi.yaml\n    upstream: up\n{}",
            self.log,
            self.top,
            indent(&self.upstream, 4),
            indent(&self.api, 4)
        )
    }
}

/// A running gateway; it is killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    dir: TempDir,
    /// Where calls go.
    pub address: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

impl Gateway {
    /// Starts it in front of the recorder.
    pub fn start(recorder: &Recorder) -> Self {
        Self::with(&Setup::default(), &recorder.url())
    }

    /// Starts it as told.
    pub fn with(setup: &Setup, upstream: &str) -> Self {
        Self::with_files(setup, upstream, &[])
    }

    /// Starts it with a document of which the harness knows nothing.
    pub fn with_document(document: &str) -> Self {
        Self::from(document, CONTRACT)
    }

    /// Starts it with a document and its contract.
    pub fn with_both(document: &str, contract: &str) -> Self {
        Self::from(document, contract)
    }

    /// Starts it with a document, its contract and further files beside both.
    pub fn with_document_and(document: &str, contract: &str, files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        Self::in_folder(dir, document, contract, &[])
    }

    /// Starts it as told, with further files beside the document.
    pub fn with_files(setup: &Setup, upstream: &str, files: &[(&str, &[u8])]) -> Self {
        Self::in_folder(folder(files), &setup.document(upstream), &setup.contract, setup.arguments)
    }

    /// Starts it with a document, its contract and further files.
    pub fn with_all(document: &str, contract: &str, files: &[(&str, &[u8])]) -> Self {
        Self::in_folder(folder(files), document, contract, &[])
    }

    fn from(document: &str, contract: &str) -> Self {
        Self::with_all(document, contract, &[])
    }

    fn in_folder(dir: TempDir, document: &str, contract: &str, arguments: &[&str]) -> Self {
        std::fs::write(dir.path().join("yett.yaml"), document).unwrap();
        std::fs::write(dir.path().join("openapi.yaml"), contract).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_yett"))
            .args(["run", "--cores", "1"])
            .args(arguments)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let find = |what: &str| {
            let found = until(20, || {
                let said = said.lock().unwrap();
                let line =
                    said.iter().find_map(|line| line.split_once(what).map(|(_, rest)| rest.to_owned()))?;
                line.split([' ', '/', ',']).next()?.parse().ok()
            });
            found.unwrap_or_else(|| {
                panic!(
                    "the gateway did not say `{what}…`:\n{}\n{}",
                    said.lock().unwrap().join("\n"),
                    document
                )
            })
        };
        let (address, admin) = (find("listening on http://"), find("admin on http://"));
        Self { child, address, admin, said, dir }
    }

    /// Its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What it said on standard error.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// A token of the local issuer.
    pub fn token(&self, subject: &str, scopes: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_yett"))
            .args(["token", "--subject", subject, "--scope", scopes])
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// One request on its own connection; the connection must not end without an answer.
    pub fn call(&self, request: impl AsRef<[u8]>) -> Reply {
        let request = request.as_ref();
        exchange(self.address, request).unwrap_or_else(|| {
            panic!("no answer to `{}`\n{}", request[..request.len().min(300)].escape_ascii(), self.said())
        })
    }

    /// A page of the admin listener.
    pub fn admin(&self, path: &str) -> Reply {
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        exchange(self.admin, request).expect("the admin listener answers")
    }

    /// The sum of all series of the metrics that begin with `name` and have every one of these labels.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.admin("/metrics").text();
        let fits = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        };
        text.lines().filter(fits).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// The lines of the access log so far.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read(self.path("access.log")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The line of a call, by the id that its answer carried.
    pub fn log_of(&self, reply: &Reply) -> Value {
        let id =
            reply.head.get("yett-call-id").unwrap_or_else(|| panic!("no `yett-call-id` in {:?}", reply.head));
        self.log_line(|line| line["id"] == id)
    }

    /// The first line that is as wanted, when it comes.
    pub fn log_line(&self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        until(15, || self.log().into_iter().find(|line| wanted(line)))
            .unwrap_or_else(|| panic!("no such line in the access log: {:#?}", self.log()))
    }

    /// Its resident memory, in KiB.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most that was resident since [`Gateway::forget_peak`], in KiB.
    pub fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Lets the peak be what is resident now. Where the kernel does not allow it, it stays that since the start.
    pub fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read(format!("/proc/{}/status", self.child.id())).unwrap();
        let status = String::from_utf8(status).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the gateway said:\n{}", self.said());
            for line in self.log().iter().rev().take(8) {
                eprintln!("{line}");
            }
        }
    }
}

/// One request on its own connection; an answer to HEAD has no body, whatever its length says.
fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Option<Reply> {
    let request = request.as_ref();
    if !request.starts_with(b"HEAD ") {
        return testkit::raw::exchange(address, request);
    }
    let mut client = RawClient::connect(address);
    let _ = client.send(request);
    client.reply_to_head().ok()
}

/// Puts every case to the gateway: the hostile call must be refused as expected and nothing of it may reach the
/// upstream, and its valid twin, sent right after, must reach it as one strict request. The twin is the proof that the
/// upstream was listening, and a barrier: what the hostile call had set off would have come before it.
pub fn judge(gateway: &Gateway, recorder: &Recorder, cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        let (calls, bytes) = (recorder.count(), recorder.received());
        let reply = exchange(gateway.address, &case.hostile);
        if let Err(why) = case.expect.check(reply.as_ref()) {
            wrong.push(format!("{}: {why}", case.name));
        }
        let twin = gateway.call(&case.twin);
        if twin.status >= 300 {
            wrong.push(format!("{}: its twin got {} {}", case.name, twin.status, twin.text()));
            continue;
        }
        let _ = recorder.wait_for(calls + 1);
        let since = recorder.calls().split_off(calls);
        if since.len() != 1 {
            let heads: Vec<String> = since.iter().map(|call| call.head.start.clone()).collect();
            wrong.push(format!("{}: reached the upstream: {heads:?}", case.name));
        } else if recorder.received() - bytes != since[0].raw.len() + wire_length(&since[0]) {
            let seen = recorder.bytes().split_off(bytes);
            wrong.push(format!("{}: stray bytes reached the upstream: `{}`", case.name, seen.escape_ascii()));
        }
    }
    wrong.extend(recorder.faults().into_iter().map(|fault| format!("not RFC 9112 at the upstream: {fault}")));
    assert!(wrong.is_empty(), "{} of {} cases went wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// How long the body was on the wire; chunked ones are not used in twins' upstream form except for passing bodies.
fn wire_length(call: &testkit::Recorded) -> usize {
    let chunked = call.head.get("transfer-encoding").is_some();
    let frame = if chunked && !call.body.is_empty() {
        format!("{:X}\r\n\r\n0\r\n\r\n", call.body.len()).len()
    } else {
        0
    };
    call.body.len() + frame
}

/// Puts every case to a proxy that checks nothing: each must reach the upstream, or its test proves nothing.
pub fn reaches_naive(cases: &[Case]) {
    for case in cases {
        let recorder = Recorder::start();
        let naive = Naive::start(recorder.address());
        let mut client = RawClient::connect(naive.address());
        let _ = client.send(&case.hostile);
        let reached = until(10, || (recorder.received() > 0).then_some(()));
        assert!(reached.is_some(), "{}: does not get through a naive proxy", case.name);
    }
}
