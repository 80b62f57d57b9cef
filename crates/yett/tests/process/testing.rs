//! `yett test` beside other programs. `--watch`: cases run again when the configuration, a contract or a case changes, and whatever is
//! broken in between is told and waited out; each wait ends on a line that the command prints. Reports: they are read by a parser of
//! another make.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::common::{self, CONTRACT, House};

/// `yett test --watch` in a folder.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

fn read(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        let all = BufReader::new(pipe).lines().map_while(Result::ok);
        all.map_while(|line| lines.send(line).ok()).for_each(drop);
    });
}

impl Watching {
    fn start(house: &House) -> Self {
        let mut command = house.command(&["test", "--watch"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        read(child.stdout.take().unwrap(), sender.clone());
        read(child.stderr.take().unwrap(), sender);
        Self { child, lines }
    }

    /// Waits until all of these were printed, in whatever order, and then that it waits.
    fn says(&self, wanted: &[&str]) {
        let mut missing = wanted.to_vec();
        missing.push("waiting for a change");
        let mut seen = Vec::new();
        while !missing.is_empty() {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => {
                    missing.retain(|part| !line.contains(part));
                    seen.push(line);
                }
                Err(_) => panic!("no {missing:?} in {seen:#?}"),
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cases(expect: &str) -> String {
    format!(
        "version: 1\ntests:\n  - name: readers read\n    request: GET /notes\n    credential: {{ scopes: [\"notes:read\"] }}\n    expect: {expect}\n"
    )
}

#[test]
fn cases_run_again_when_anything_changes_that_they_depend_on() {
    let house = House::new();
    let document = house.document(1);
    house.write("yett.yaml", &document);
    house.write("a.test.yaml", &cases("allow"));
    let watching = Watching::start(&house);
    watching.says(&["1 cases in 1 file: all passed"]);
    // A case.
    house.write("a.test.yaml", &cases("refuse"));
    watching.says(&["failed a.test.yaml:3:11 readers read", "decision: expected refuse, got allow"]);
    house.write("a.test.yaml", "version: 1\ntests:\n  - nam: x\n");
    watching.says(&["unknown key `nam`", "a.test.yaml:3:5", "not run: "]);
    house.write("a.test.yaml", &cases("allow"));
    watching.says(&["all passed"]);
    // The configuration: broken, gone, and good again.
    house.write("yett.yaml", &document.replace("upstream:", "upstrem:"));
    watching.says(&[
        "error[unknown-key]: unknown key `upstrem`",
        "yett.yaml:7:5",
        "did you mean `upstream`?",
    ]);
    std::fs::remove_file(house.path("yett.yaml")).unwrap();
    watching.says(&["error: `yett.yaml` cannot be read: there is no such file"]);
    house.write("yett.yaml", &document);
    watching.says(&["all passed"]);
    // The contract.
    house.write("openapi.yaml", &CONTRACT.replace("[\"notes:read\"]", "[\"notes:write\"]"));
    watching.says(&["because: authorization (head) insufficient_scope"]);
    house.write("openapi.yaml", "openapi: [");
    watching.says(&["error[contract-syntax]"]);
    // A contract that was moved to a folder which nobody watched before.
    std::fs::create_dir(house.path("moved")).unwrap();
    watching.says(&["error[contract-syntax]"]);
    house.write("moved/openapi.yaml", CONTRACT);
    house.write("yett.yaml", &document.replace("./openapi.yaml", "./moved/openapi.yaml"));
    watching.says(&["all passed"]);
    house.write("moved/openapi.yaml", &CONTRACT.replace("[\"notes:read\"]", "[\"notes:write\"]"));
    watching.says(&["because: authorization (head) insufficient_scope"]);
}

#[test]
fn there_have_to_be_cases() {
    let house = House::new();
    house.write("yett.yaml", &house.document(1));
    let watching = Watching::start(&house);
    watching.says(&["error: no file `*.test.yaml` stands beside `yett.yaml`"]);
    house.write("a.test.yaml", &cases("allow"));
    watching.says(&["1 cases in 1 file: all passed"]);
}

/// Reads a JUnit report as build servers do, with expat; prints its numbers, then name and message of each case.
const JUNIT: &str = "
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
assert root.tag == 'testsuites', root.tag
print(root.get('tests'), root.get('failures'))
for suite in root.findall('testsuite'):
    cases = suite.findall('testcase')
    assert (int(suite.get('tests')), int(suite.get('failures'))) == (len(cases), len(suite.findall('testcase/failure')))
    for case in cases:
        failure = case.find('failure')
        print(case.get('classname'), ascii(case.get('name')), None if failure is None else failure.get('message'))
";

/// What a program in Python prints of this input.
fn python(program: &str, input: &[u8]) -> String {
    let python = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers/venv/bin/python");
    assert!(python.exists(), "`{}` is missing: run `make peers`", python.display());
    let mut command = std::process::Command::new(python);
    let mut child =
        command.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    common::text(&child.wait_with_output().unwrap().stdout)
}

#[test]
fn reports_are_read_by_a_parser_of_another_make() {
    let house = House::new();
    house.write("yett.yaml", &house.document(1));
    let named = "\"]]>&<b a='1'>\\u001b[2J\\u202e\"";
    house.write(
        "a.test.yaml",
        &(cases("allow")
            + &cases("refuse").replace("version: 1\ntests:\n", "").replace("readers read", named)),
    );
    let report = house.yett(&["test", "--format", "junit"]);
    assert_eq!(report.status.code(), Some(1));
    let read = python(JUNIT, &report.stdout);
    let expected = "2 1\na.test.yaml 'readers read' None\n\
                    a.test.yaml \"]]>&<b a='1'>\\ufffd[2J\\ufffd\" decision: expected refuse, got allow\n";
    assert_eq!(read, expected);
    let report = house.yett(&["test", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let names: Vec<_> = report["cases"].as_array().unwrap().iter().map(|case| case["name"].clone()).collect();
    assert_eq!(names, ["readers read", "]]>&<b a='1'>\u{1b}[2J\u{202e}"]);
    assert_eq!((&report["passed"], &report["failed"]), (&1.into(), &1.into()));
}

/// Prints what the one test of a report says that is in error.
const NOT_RUN: &str = "
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
[suite] = root.findall('testsuite')
[error] = suite.findall('testcase/error')
assert [(one.get('tests'), one.get('failures'), one.get('errors')) for one in (root, suite)] == [('1', '0', '1')] * 2
assert not set(error.get('message') + error.text) & {'\\x1b', '\\u202e'}
print(ascii(error.get('message')), ascii(error.text))
";

#[test]
fn what_cannot_run_is_an_error_of_the_report() {
    let house = House::new();
    let good = house.document(1);
    let told = || {
        let report = house.yett(&["test", "--format", "junit"]);
        assert_eq!(report.status.code(), Some(1));
        python(NOT_RUN, &report.stdout)
    };
    // The configuration.
    house.write("a.test.yaml", &cases("allow"));
    house.write("yett.yaml", &good.replace("upstream:", "\"]]></error>&\\u001b[2J\\u202e\":"));
    let said = told();
    for part in ["'not run: ", "unknown key `]]></error>&", "yett.yaml:7:5", "\\n"] {
        assert!(said.contains(part), "`{part}` in {said}");
    }
    // A file of cases.
    house.write("yett.yaml", &good);
    house.write("a.test.yaml", "version: 1\ntests:\n  - nam: x\n");
    let said = told();
    assert!(said.contains("unknown key `nam`") && said.contains("a.test.yaml:3:5"), "{said}");
    // None at all, and no configuration.
    std::fs::remove_file(house.path("a.test.yaml")).unwrap();
    assert!(told().contains("no file `*.test.yaml` stands beside"));
    std::fs::remove_file(house.path("yett.yaml")).unwrap();
    assert!(told().contains("`yett.yaml` cannot be read"));
}
