//! The supply chain, over `cargo tree`: licenses, bans, sources and duplicates.

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
use std::process::Command;

use common::root;

/// Licenses that may be linked into a binary under Apache-2.0.
const LICENSES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that must not be in the binary, with the reason.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "one provider of cryptography: aws-lc-rs"),
    ("openssl-sys", "one provider of cryptography: aws-lc-rs"),
    ("ring", "one provider of cryptography: aws-lc-rs"),
    ("rsa", "has a timing side channel without a fix (RUSTSEC-2023-0071)"),
    ("serde_yaml", "no longer maintained"),
    ("serde_yml", "unsound (RUSTSEC-2025-0068)"),
    ("reqwest", "calls of our own go through outbound"),
    ("native-tls", "one TLS: rustls"),
    ("lazy_static", "std has it"),
    ("once_cell_polyfill", "std has it"),
];

/// Crates that may be there in two versions, with the reason.
const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "ours, in jose, is one version behind the one of serde-saphyr"),
    ("block-buffer", "of sqlx-core's sha2"),
    ("cpufeatures", "of sqlx-core's sha2"),
    ("crypto-common", "of sqlx-core's sha2"),
    ("digest", "of sqlx-core's sha2"),
    ("getrandom", "sqlx's and the HTTP parts' are versions apart; ours is the clock"),
    ("hashbrown", "sqlx's is one version behind"),
    ("sha2", "sqlx-core's is one version behind sqlx-postgres's"),
    ("syn", "derive macros only, never in the binary"),
    ("unicode-width", "Cedar's miette is one version behind; nothing of ours is measured by it"),
    ("untrusted", "aws-lc-rs's is one version behind rustls-webpki's"),
];

/// A package that ends up in the binary.
struct Package {
    name: String,
    version: String,
    license: String,
    /// Where it comes from when that is not the registry.
    elsewhere: Option<String>,
}

/// What is linked into `yett` as it is released, with Cedar, as cargo builds it on this platform. (`cargo metadata` unites the features of development
/// dependencies with the binary's, so it names more than is built.)
fn linked() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "yett",
            "-e",
            "normal",
            "--features",
            "cedar",
            "--prefix",
            "none",
            "--no-dedupe",
            "--locked",
            "--offline",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}\t{l}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: BTreeSet<&str> = text.lines().collect();
    let packages: Vec<Package> = lines.into_iter().map(package).collect();
    assert!(packages.len() > 50, "only {} packages", packages.len());
    packages
}

/// Reads `name v1.2.3 (from)\tlicense`.
fn package(line: &str) -> Package {
    let (about, license) = line.split_once('\t').unwrap();
    let mut words = about.splitn(3, ' ');
    let mut word = || words.next().map(str::to_owned);
    let (name, version) = (word().unwrap(), word().unwrap());
    let notes = word().unwrap_or_default();
    let elsewhere = Some(notes.replace("(proc-macro)", "").trim().to_owned()).filter(|from| !from.is_empty());
    Package { name, version, license: license.to_owned(), elsewhere }
}

/// Whether an SPDX expression can be satisfied by the allowed licenses. Enough of the grammar for what crates write:
/// `OR` of `AND` of licenses, with parentheses around the `OR`s.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut depth = 0;
    let mut terms = vec![String::new()];
    let words: Vec<String> =
        expression.replace('(', " ( ").replace(')', " ) ").split_whitespace().map(str::to_owned).collect();
    for word in words {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            "AND" if depth == 0 => {
                terms.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(term) = terms.last_mut() {
            term.push_str(&word);
            term.push(' ');
        }
    }
    let is_known = |license: &str| LICENSES.contains(&license.trim().trim_matches(['(', ')']).trim());
    if terms.len() == 1 {
        let term = terms.concat();
        let inner = term.trim().strip_prefix('(').and_then(|term| term.strip_suffix(')'));
        if let Some(inner) = inner {
            return is_allowed(inner);
        }
        return term
            .split(" OR ")
            .any(|choice| if choice.contains(" AND ") { is_allowed(choice) } else { is_known(choice) });
    }
    // `A OR B AND C` without parentheses reads as `A OR (B AND C)`.
    if expression.contains(" OR ") && !expression.contains('(') {
        return expression.split(" OR ").any(is_allowed);
    }
    terms.iter().all(|term| is_allowed(term.trim()))
}

#[test]
fn license_expressions_are_read_right() {
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "MIT/Apache-2.0",
        "ISC AND (Apache-2.0 OR ISC)",
    ] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-2.0 OR GPL-3.0) AND MIT", "AGPL-3.0-only", ""] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

#[test]
fn everything_linked_has_a_license_we_may_link() {
    for package in linked() {
        assert!(is_allowed(&package.license), "`{}` is under `{}`", package.name, package.license);
    }
}

#[test]
fn nothing_banned_and_nothing_from_elsewhere_is_linked() {
    let house = root();
    for package in linked() {
        if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == package.name) {
            panic!("`{}` is banned: {reason}", package.name);
        }
        let ours = |from: &String| from.contains(&*house.to_string_lossy());
        let elsewhere = package.elsewhere.filter(|from| !ours(from));
        assert_eq!(elsewhere, None, "`{}` does not come from the registry", package.name);
    }
}

#[test]
fn nothing_is_linked_twice_without_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in linked() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let twice: Vec<_> = versions
        .iter()
        .filter(|(name, versions)| versions.len() > 1 && !DUPLICATES.iter().any(|(known, _)| known == name))
        .collect();
    assert!(twice.is_empty(), "linked in two versions: {twice:?}");
}

/// Each package of the workspace's tree over these edges, with the features that it is built with when these are asked for.
fn features(edges: &str, asked: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "-e",
            edges,
            "--features",
            asked,
            "--prefix",
            "none",
            "--no-dedupe",
            "--locked",
            "--offline",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}\t{f}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A dependency that tests ask for more of is compiled twice, and with it all that stands on it: minutes.
#[test]
fn features_are_the_same_with_and_without_tests() {
    let (built, tested) = (features("normal,build", ""), features("normal,build,dev", ""));
    let twice: Vec<_> = built.difference(&tested).collect();
    assert!(twice.is_empty(), "tests ask for more features of these; ask for them in Cargo.toml: {twice:#?}");
}

/// The same of Cedar, which the builds of most tests have not: what differs is compiled twice by `make test`.
#[test]
fn features_are_the_same_with_and_without_cedar() {
    let (without, with) = (features("normal,build,dev", ""), features("normal,build,dev", "yett/cedar"));
    let ours = ["cedar v", "controls v", "yett v"];
    let twice: Vec<_> = without
        .difference(&with)
        .filter(|package| !ours.iter().any(|name| package.starts_with(name)))
        .collect();
    assert!(
        twice.is_empty(),
        "Cedar asks for more features of these; ask for them in Cargo.toml: {twice:#?}"
    );
}

#[test]
fn the_lock_file_is_committed() {
    assert!(root().join("Cargo.lock").is_file());
}

/// The fuzz targets are a workspace of their own, which nothing of the ordinary tests builds.
#[test]
fn the_fuzz_targets_are_locked_to_what_the_crates_need() {
    let manifest = root().join("fuzz/Cargo.toml");
    let mut command = Command::new(env!("CARGO"));
    let output =
        command.args(["update", "--workspace", "--locked", "--manifest-path"]).arg(manifest).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "run `cargo update --workspace` in `fuzz`: {said}");
}
