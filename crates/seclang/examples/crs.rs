//! `make crs`: runs the Core Rule Set's regression tests in process and prints the ids of those that fail.

#[path = "../tests/ftw/mod.rs"]
mod ftw;

use std::io::Write as _;

fn main() {
    let engine = ftw::rules::tested();
    let tests = ftw::corpus::tests();
    let outcomes = ftw::run_all(&engine, &tests, 2);
    let known = ftw::known_failures();
    let mut out = std::io::stdout().lock();
    let mut failed = 0;
    for outcome in &outcomes {
        let Some(failure) = &outcome.failure else { continue };
        failed += 1;
        let reason = known.iter().find(|(name, _)| *name == outcome.name).map(|(_, reason)| reason.as_str());
        let _ = writeln!(
            out,
            "{}: {failure}{}",
            outcome.name,
            reason.map(|reason| format!(" (known: {reason})")).unwrap_or_default()
        );
    }
    let _ = writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed);
}
