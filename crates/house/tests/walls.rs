//! Invariants 1, 2, 3, 5, 7: which crate may know which, and what must be absent.

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
    ("tape", &[]),
    ("jose", &["tape"]),
    ("engine", &["tape"]),
    ("seclang", &["diagnostics"]),
    ("spec", &["diagnostics"]),
    ("contract", &["diagnostics", "tape"]),
    ("state", &["engine"]),
    ("telemetry", &["engine"]),
    ("outbound", &["engine"]),
    ("proxy", &["engine"]),
    ("controls", &["contract", "diagnostics", "engine", "jose", "spec", "tape"]),
    ("compile", &["contract", "controls", "diagnostics", "engine", "spec"]),
    ("manage-api", &[]),
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
    for name in ["engine", "tape", "jose", "diagnostics", "seclang"] {
        for absent in ["tokio", "hyper", "serde", "serde_json"] {
            assert!(!dependencies[name].contains(absent), "`{name}` must not know `{absent}`");
        }
    }
    for name in ["compile", "controls", "contract", "spec"] {
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
        // The binary wires everything together.
        let bound = if name == "yett" { 40 } else { 25 };
        assert!(known.len() <= bound, "`{name}` has {}", known.len());
    }
}

#[test]
fn serde_derives_live_at_the_edge() {
    let allowed = ["crates/spec/", "crates/manage-api/", "examples/", "crates/house/", "benches/"];
    for (path, text) in sources("crates") {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let is_config = relative.starts_with("crates/controls/") && relative.ends_with("config.rs");
        if is_config || is_test(&path) || allowed.iter().any(|edge| relative.starts_with(edge)) {
            continue;
        }
        for line in without_tests(&text).lines().filter(|line| line.trim_start().starts_with("#[derive(")) {
            assert!(!line.contains("Serialize") && !line.contains("Deserialize"), "{relative}: {line}");
        }
    }
}

#[test]
fn the_proxy_and_the_engine_name_no_control() {
    // A stage of the engine's has the name of the control that speaks there.
    let controls: Vec<String> = controls().into_iter().filter(|name| name != "admission").collect();
    for folder in ["crates/proxy/src", "crates/engine/src"] {
        for (path, text) in sources(folder).into_iter().filter(|(path, _)| !is_test(path)) {
            for control in &controls {
                let named = without_tests(&text).contains(&format!("\"{control}\""));
                assert!(!named, "{} names `{control}`", path.display());
            }
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

#[test]
fn only_the_clock_reads_the_time() {
    let clock = ["Instant::now()", "SystemTime::now()"];
    let mut readers = Vec::new();
    for (path, text) in sources("crates") {
        // The runtime's timer is set relative to its own clock, which is not read.
        let text = text.replace("reset(tokio::time::Instant::now() + wait", "reset(");
        if !is_test(&path) && clock.iter().any(|call| without_tests(&text).contains(call)) {
            readers.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
        }
    }
    assert!(readers.iter().all(|path| path.ends_with("clock.rs")), "{readers:?}");
}

#[test]
fn tests_do_not_sleep() {
    for (path, text) in sources("crates") {
        if path.ends_with("walls.rs") || path.components().any(|part| part.as_os_str() == "examples") {
            continue;
        }
        // A clock that a test hands in has a `sleep` of its own to implement.
        let text = text.replace("Box::pin(tokio::time::sleep(duration))", "");
        let sleeps =
            text.contains("thread::sleep(") || (is_test(&path) && text.contains("tokio::time::sleep("));
        assert!(!sleeps, "{} sleeps", path.display());
    }
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

#[test]
fn commands_reach_a_running_gateway_by_its_socket_only() {
    for (path, text) in sources("crates/yett/src/commands") {
        for other in ["state::", "store::", "telemetry::", "proxy::"] {
            assert!(
                !without_tests(&text).contains(other),
                "{} reaches past the control API: `{other}`",
                path.display()
            );
        }
    }
}
