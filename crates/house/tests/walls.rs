//! Invariants 1, 2, 3, 7: which crate may know which, and what must be absent. `sites.rs` goes into the words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot read the house has to fail loudly"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::tokens::{places, tokens};
use common::{controls, is_test, metadata, root, sources, without_tests};

/// Normal dependencies of each crate of ours, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap();
    let normal = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies
            .filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), normal(package))).collect()
}

/// The arrows of the house: which of our crates each may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("diagnostics", &[]),
    ("cedar", &["diagnostics"]),
    ("detect", &[]),
    ("credentials", &[]),
    ("tape", &[]),
    ("jose", &["tape"]),
    ("probe", &[]),
    ("x509", &[]),
    ("engine", &["tape"]),
    ("seclang", &["diagnostics"]),
    ("signatures", &["engine", "jose"]),
    ("spec", &["diagnostics"]),
    ("schema", &["tape"]),
    ("contract", &["diagnostics", "schema", "tape"]),
    ("state", &["engine"]),
    ("store", &["credentials", "engine"]),
    ("telemetry", &["engine"]),
    ("notices", &["engine"]),
    ("outbound", &["engine"]),
    ("proxy", &["engine", "x509"]),
    (
        "controls",
        &[
            "cedar",
            "contract",
            "credentials",
            "detect",
            "diagnostics",
            "engine",
            "jose",
            "probe",
            "seclang",
            "signatures",
            "spec",
            "tape",
        ],
    ),
    ("compile", &["contract", "controls", "diagnostics", "engine", "notices", "signatures", "spec", "x509"]),
    ("manage-api", &[]),
    (
        "policy-tests",
        &[
            "compile",
            "contract",
            "controls",
            "credentials",
            "diagnostics",
            "engine",
            "jose",
            "proxy",
            "spec",
            "state",
        ],
    ),
    ("policy-audit", &["compile", "contract", "diagnostics", "policy-diff", "spec"]),
    ("policy-diff", &["compile", "contract", "diagnostics", "engine", "spec"]),
];

#[test]
fn crates_know_only_whom_the_arrows_allow() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    for (name, allowed) in ARROWS {
        for known in dependencies[*name].iter().filter(|known| ours.contains(known.as_str())) {
            assert!(allowed.contains(&known.as_str()), "`{name}` must not know `{known}`");
        }
    }
}

#[test]
fn the_engine_and_the_pure_crates_have_no_runtime_and_no_serde() {
    let dependencies = dependencies();
    for name in [
        "credentials",
        "engine",
        "tape",
        "jose",
        "diagnostics",
        "detect",
        "notices",
        "probe",
        "seclang",
        "signatures",
        "x509",
    ] {
        for absent in ["tokio", "hyper", "serde", "serde_json"] {
            assert!(!dependencies[name].contains(absent), "`{name}` must not know `{absent}`");
        }
    }
    for name in ["cedar", "compile", "controls", "contract", "schema", "spec"] {
        for absent in ["tokio", "hyper"] {
            assert!(
                !dependencies[name].contains(absent),
                "`{name}` does no IO, so it must not know `{absent}`"
            );
        }
    }
    for absent in ["serde", "serde_json"] {
        assert!(!dependencies["proxy"].contains(absent), "the data plane must not know `{absent}`");
    }
}

#[test]
fn no_crate_has_more_than_25_direct_dependencies() {
    for (name, known) in dependencies() {
        // The binary wires everything together; the controls speak with all whom they ask, each in its own words.
        let bound = match name.as_str() {
            "yett" => 44,
            "controls" => 26,
            _ => 25,
        };
        assert!(known.len() <= bound, "`{name}` has {}", known.len());
    }
}

#[test]
fn serde_derives_live_at_the_edge() {
    let suites = ["crates/policy-tests/src/credential.rs", "crates/policy-tests/src/document.rs"];
    let allowed = ["crates/spec/", "crates/manage-api/", "examples/", "crates/house/", "benches/"];
    for (path, text) in sources("crates") {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let is_config = relative.starts_with("crates/controls/")
            && ["config.rs", "inspection/modes.rs"].iter().any(|end| relative.ends_with(end));
        if is_config
            || suites.contains(&relative.as_str())
            || is_test(&path)
            || allowed.iter().any(|edge| relative.starts_with(edge))
        {
            continue;
        }
        for line in without_tests(&text).lines().filter(|line| line.trim_start().starts_with("#[derive(")) {
            assert!(!line.contains("Serialize") && !line.contains("Deserialize"), "{relative}: {line}");
        }
    }
}

#[test]
fn controls_do_not_know_each_other() {
    let folder = root().join("crates/controls/src");
    let controls = controls();
    for (path, text) in sources("crates/controls/src") {
        let inside = path.strip_prefix(&folder).unwrap();
        let own = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        if !controls.contains(&own) || is_test(&path) {
            continue;
        }
        for other in controls.iter().filter(|other| **other != own) {
            assert!(!text.contains(&format!("crate::{other}::")), "{} uses `{other}`", inside.display());
        }
    }
}

/// Which HTTP is spoken in front is the proxy's business: one more wants no change of the pipeline.
#[test]
fn the_pipeline_names_no_version_of_http_and_no_library_that_speaks_it() {
    let named = |folder: &str| -> Vec<String> {
        let sources = sources(folder).into_iter().filter(|(path, _)| !is_test(path));
        let found = sources.flat_map(|(path, text)| {
            let tokens = tokens(without_tests(&text));
            let words = ["Version::", "hyper", "h2", "h3", "httparse", "quinn"];
            let places = words.map(|word| {
                let lines = places(&tokens, word).into_iter().map(|(_, line)| line);
                lines.map(|line| format!("{}:{line}: `{word}`", path.display())).collect::<Vec<_>>()
            });
            places.concat()
        });
        found.collect()
    };
    assert_eq!(named("crates/engine/src"), Vec::<String>::new());
    assert!(!named("crates/proxy/src").is_empty(), "whoever speaks it does name it");
}

#[test]
fn nothing_is_unsafe_and_nothing_is_left_undone() {
    let manifest = String::from_utf8(std::fs::read(root().join("Cargo.toml")).unwrap()).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for (name, _) in dependencies() {
        let folder = if name == "orders" { "examples/orders" } else { &format!("crates/{name}") };
        let path = root().join(folder).join("Cargo.toml");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "`{name}` does not take the workspace's lints");
    }
}

#[test]
fn files_stay_readable() {
    let mut long = Vec::new();
    let mut count = 0;
    for (path, text) in sources("crates").into_iter().filter(|(path, _)| !is_test(path)) {
        count += 1;
        let lines = without_tests(&text).lines().count();
        assert!(lines <= 800, "{} has {lines} lines", path.display());
        if lines > 350 {
            long.push((lines, path));
        }
    }
    assert!(long.len() * 10 <= count, "more than a tenth of {count} files are over 350 lines: {long:?}");
}
