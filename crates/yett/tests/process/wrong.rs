//! Wrong configurations, and word for word what `yett check` says of each: one file for each in `wrong/`, beside the contract that
//! they share. A part of a file begins with `=== name`; the last, `=== yett check`, is what was said.
//!
//! `YETT_REGENERATE=1` writes that part anew. Read the difference as who made the mistake: is the place exact, does it say what is
//! wrong, and what to do?

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::path::{Path, PathBuf};

use crate::common::{House, text};

/// What begins the last part.
const SAID: &str = "=== yett check\n";
/// Columns of a line in which no line of a document is shown.
const COLUMNS: usize = 100;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong")
}

/// What a case writes into its folder: names and contents.
fn files(written: &str) -> Vec<(&str, &str)> {
    let mut parts = written.split("=== ").skip(1);
    let files = parts.by_ref().map(|part| part.split_once('\n').unwrap());
    files.collect()
}

fn check(contract: &str, written: &str) -> String {
    let house = House::new();
    house.write("openapi.yaml", contract);
    for (name, content) in files(written) {
        house.write(name, content);
    }
    let output = house.command(&["check"]).env_remove("SHOP").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{written}{}", text(&output.stdout));
    format!("{}{}", text(&output.stderr), text(&output.stdout))
}

/// What every message owes its reader.
fn is_fair(name: &str, said: &str) {
    let count = |part: &str| said.matches(part).count();
    let problems = said.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning["));
    let problems = problems.count();
    assert!(problems > 0, "{name}: nothing is said");
    assert_eq!(count("--> "), problems, "{name}: each has a place\n{said}");
    assert_eq!(count("= help: "), problems, "{name}: each says what to do\n{said}");
    for line in said.lines().filter(|line| !line.contains(" | ")) {
        let long = line.chars().count();
        assert!(
            long <= COLUMNS || line.starts_with("error[") || line.starts_with("warning["),
            "{name}: {line}"
        );
    }
}

#[test]
fn wrong_configurations_are_told_word_for_word() {
    let regenerate = std::env::var_os("YETT_REGENERATE").is_some();
    let contract = std::fs::read_to_string(folder().join("openapi.yaml")).unwrap();
    let all = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    all.sort();
    assert!(all.len() >= 140, "{}", all.len());
    let mut differing = String::new();
    for path in all {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case = std::fs::read_to_string(&path).unwrap();
        let (written, expected) = case.split_once(SAID).unwrap_or_else(|| panic!("{name} has no `{SAID}`"));
        let said = check(&contract, written);
        is_fair(&name, &said);
        if regenerate {
            std::fs::write(&path, format!("{written}{SAID}{said}")).unwrap();
        } else if said != expected {
            differing.push_str(&format!("{name}: said\n{said}\nnot\n{expected}\n"));
        }
    }
    assert!(differing.is_empty(), "read these, then `YETT_REGENERATE=1`:\n{differing}");
}

/// What would change a call behind its last check is checked by nobody: no document has a place for it.
#[test]
fn threat_46_no_document_has_a_place_for_a_plugin() {
    let house = House::new();
    let good = house.document(3000);
    house.write("yett.yaml", &good);
    house.good(&["check"]);
    for key in ["plugins", "processors", "scripts"] {
        for place in [
            format!("{key}: [rewrite.wasm]\n"),
            format!("    {key}: [rewrite.wasm]\n"),
            format!("    operations: {{ addNote: {{ {key}: [rewrite.wasm] }} }}\n"),
        ] {
            house.write("yett.yaml", &format!("{good}{place}"));
            let said = house.bad(&["check"]);
            assert!(said.contains(&format!("unknown key `{key}`")), "{place}{said}");
        }
    }
}
