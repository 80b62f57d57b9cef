//! `differential COUNT`: runs the Core Rule Set's own tests and COUNT requests grown from them through seclang and libmodsecurity,
//! and prints what differs as JSON; ends with 1 when more does than may. `differential show NUMBER` prints one request.

#[path = "../tests/differential/mod.rs"]
mod differential;

use std::io::Write as _;
use std::process::ExitCode;

use differential::compare::{self, Ours};
use differential::mutate::Seeds;
use differential::peer::Peer;

const OVERRIDES: &str = include_str!("../tests/data/overrides.conf");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (ours, seeds) = (Ours::with_rule_set(OVERRIDES), Seeds::read());
    let mut out = std::io::stdout().lock();
    match (number(0), number(1)) {
        (Some(count), _) => {
            let (tally, version) = compare::run(&ours, &seeds, OVERRIDES, 0..count, true);
            let (plain, _) = compare::run(&ours, &seeds, OVERRIDES, 0..seeds.len() as u64, false);
            let found = serde_json::json!({
                "grown_from_the_tests": tally.json(&version),
                "the_tests_themselves": plain.json(&version),
            });
            let _ = writeln!(out, "{found:#}");
            ExitCode::from(u8::from(!tally.misses().is_empty() || !plain.unexplained.is_empty()))
        }
        (None, Some(at)) => {
            let request = seeds.grown(at);
            let difference = compare::compare(&ours, &mut Peer::start(OVERRIDES), &request);
            let line = [&request.method[..], &request.target, &request.version].join(&b' ');
            let _ = writeln!(out, "{}", line.escape_ascii());
            for (name, value) in &request.headers {
                let _ = writeln!(out, "{}: {}", name.escape_ascii(), value.escape_ascii());
            }
            let _ = writeln!(out, "\n{}\n{difference:?}", request.body.escape_ascii());
            ExitCode::SUCCESS
        }
        _ => {
            let _ = writeln!(out, "usage: differential COUNT | differential show NUMBER");
            ExitCode::from(2)
        }
    }
}
