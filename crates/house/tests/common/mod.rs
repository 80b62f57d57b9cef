//! What the tests of the house share: where it stands, and what cargo says of it.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod tokens;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What `cargo metadata` says.
pub(crate) fn metadata(extra: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(extra)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every Rust source below `folder`, with its text.
pub(crate) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// Whether a source file holds tests only.
pub(crate) fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "examples")
        || path.file_stem().is_some_and(|stem| stem == "tests")
}

/// The part of a source before its unit tests.
pub(crate) fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// Names of the controls, as the registry has them.
pub(crate) fn controls() -> Vec<String> {
    let text =
        String::from_utf8(std::fs::read(root().join("crates/controls/src/registry.rs")).unwrap()).unwrap();
    let entries = text.split("name: \"").skip(1);
    let names: Vec<String> = entries.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert!(names.len() >= 8, "{names:?}");
    names
}
