//! Every code has its page, every page its code, and the same for controls; and nothing else has moved in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot read the house has to fail loudly"
)]

mod common;

use std::collections::BTreeSet;

use common::root;

fn pages(folder: &str) -> BTreeSet<String> {
    std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "README.md"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_code_has_its_page() {
    let codes: BTreeSet<String> = engine::codes::TABLE.iter().map(|code| code.name.to_owned()).collect();
    assert_eq!(pages("docs/errors"), codes);
    for code in engine::codes::TABLE {
        let path = root().join("docs/errors").join(format!("{}.md", code.name));
        let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        for part in [code.name, code.title, code.blame.name(), "## For the caller", "## For the operator"] {
            assert!(text.contains(part), "docs/errors/{}.md lacks `{part}`", code.name);
        }
        assert!(text.contains(&code.status.to_string()), "docs/errors/{}.md lacks its status", code.name);
    }
}

#[test]
fn every_code_has_its_row() {
    let text = String::from_utf8(std::fs::read(root().join("docs/errors/README.md")).unwrap()).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| [")).collect();
    let expected: Vec<String> = engine::codes::TABLE
        .iter()
        .map(|code| {
            let (name, blame) = (code.name, code.blame.name());
            format!("| [{name}]({name}.md) | {} | {blame} | {} |", code.status, code.title)
        })
        .collect();
    assert_eq!(rows, expected, "the table of docs/errors/README.md");
}

#[test]
fn every_control_has_its_four_files_and_its_page() {
    let folder = root().join("crates/controls/src");
    let controls: BTreeSet<String> = common::controls().into_iter().collect();
    for control in &controls {
        for file in ["mod.rs", "config.rs", "README.md"] {
            assert!(
                folder.join(control).join(file).is_file(),
                "crates/controls/src/{control}/{file} is missing"
            );
        }
        let tests =
            folder.join(control).join("tests.rs").is_file() || folder.join(control).join("tests").is_dir();
        assert!(tests, "crates/controls/src/{control}/ has no tests");
    }
    assert_eq!(pages("docs/controls"), controls);
}

#[test]
fn the_architecture_names_a_test_for_each_invariant() {
    let text = String::from_utf8(std::fs::read(root().join("ARCHITECTURE.md")).unwrap()).unwrap();
    let section = text.split("## Invariants").nth(1).unwrap().split("\n## ").next().unwrap();
    for number in 1..=15 {
        let start = format!("\n{number}. ");
        let item = section.split(&start).nth(1).unwrap_or_else(|| panic!("invariant {number} is missing"));
        let item = item.split(&format!("\n{}. ", number + 1)).next().unwrap();
        assert!(item.contains("Test: `") || item.contains("Tests: `"), "invariant {number} names no test");
        for name in item.split('`').skip(1).step_by(2).filter(|name| {
            name.contains("::") && *name == name.to_lowercase() && !name.starts_with("engine::")
        }) {
            assert!(exists(name), "invariant {number} names `{name}`, which is not there");
        }
    }
}

/// Whether a test of this name (`file::function`) is somewhere in the house.
fn exists(name: &str) -> bool {
    let function = name.rsplit("::").next().unwrap();
    let needle = format!("fn {function}(");
    common::sources("crates").iter().any(|(_, text)| text.contains(&needle))
}

/// What somebody tried out beside the house is not to be moved in with it.
#[test]
fn nothing_hidden_stands_in_the_root() {
    // The last two are left by tests, and ignored.
    let known = [".ci", ".dockerignore", ".git", ".gitignore", ".hypothesis", ".peers"];
    let found: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.') && !known.contains(&name.as_str()))
        .collect();
    assert!(found.is_empty(), "not of the project: {found:?}");
}

/// `make test` names the crates whose documentation has examples: to ask each crate for them takes half a minute.
#[test]
fn examples_in_documentation_are_run() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let run = makefile.lines().find(|line| line.contains("--doc")).unwrap();
    for (file, text) in common::sources("crates") {
        let path = file.strip_prefix(root().join("crates")).unwrap();
        let name = path.components().next().unwrap().as_os_str().to_str().unwrap();
        // What opens as `text`, `json` or the like is no example.
        let mut fences = text.lines().filter_map(|line| line.trim().strip_prefix("//")).filter_map(|line| {
            line.trim_start_matches(['/', '!']).trim().strip_prefix("```").map(str::to_owned)
        });
        while let Some(opened) = fences.next() {
            assert!(!opened.is_empty() || run.contains(&format!("-p {name} ")), "{}", file.display());
            fences.next();
        }
    }
}
