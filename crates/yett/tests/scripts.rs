//! End-to-end runs that are scripts, each with real peers of another make: Python's schemathesis, jsonschema and websockets,
//! sqlmap, prism, curl, h2load. `make long` runs the same ones for longer.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs a script of the repository with the folder of the binaries under test.
fn run(script: &str, args: &[&str]) -> Output {
    let python = root().join(".peers/venv/bin/python");
    assert!(python.exists(), "`{}` is missing: run `make peers`", python.display());
    let bin = Path::new(env!("CARGO_BIN_EXE_yett")).parent().unwrap();
    Command::new(python)
        .arg(root().join(script))
        .args(args)
        .arg("--bin")
        .arg(bin)
        .current_dir(root())
        .output()
        .unwrap()
}

fn must_pass(script: &str, args: &[&str]) {
    let output = run(script, args);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{script} {args:?}\n{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn no_call_that_breaks_the_contract_reaches_the_upstream() {
    must_pass("tests/long/schemathesis.py", &[]);
}

#[test]
fn sqlmap_gets_a_secret_directly_and_none_through_the_gateway() {
    must_pass("tests/long/sqlmap.py", &["--part", "short"]);
}

#[test]
fn reloads_under_load_lose_no_call() {
    must_pass("tests/long/reloads.py", &["--count", "40", "--streams", "10"]);
}

#[test]
fn restarts_under_load_of_all_protocols_lose_no_call() {
    must_pass("tests/long/restarts.py", &["--reloads", "6", "--drains", "3", "--kills", "3"]);
}

#[test]
fn an_upstream_that_fails_in_every_way_is_told_and_leaves_nothing_behind() {
    let few = ["--count", "1500", "--clients", "16", "--deadlines", "4"];
    must_pass("tests/long/faults.py", &few);
}

#[test]
fn strangers_add_no_series_to_the_metrics() {
    must_pass("tests/long/cardinality.py", &["--count", "2000"]);
}

#[test]
fn public_contracts_are_enforced() {
    must_pass("tests/long/contracts.py", &["--at-least", "10"]);
}

#[test]
fn common_clients_and_a_mocked_public_contract_work() {
    must_pass("tests/e2e/clients.py", &[]);
}

#[test]
fn websockets_of_another_make_work_and_hostile_ones_get_nowhere() {
    must_pass("tests/e2e/sockets.py", &[]);
}

#[test]
fn the_sample_and_the_tour_do_what_is_printed() {
    must_pass("tests/e2e/tour.py", &[]);
}
