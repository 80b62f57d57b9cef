//! Invariant 11, word by word: what each command may name.

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

use common::tokens::{Token, tokens};
use common::{root, sources, without_tests};

/// Crates of ours, and ways out of the process, that a file below `crates/yett/src/commands` names.
fn reached(tokens: &[Token]) -> BTreeSet<&'static str> {
    const NAMES: &[&str] = &[
        "compile",
        "contract",
        "controls",
        "diagnostics",
        "engine",
        "jose",
        "manage_api",
        "outbound",
        "proxy",
        "spec",
        "state",
        "store",
        "tape",
        "telemetry",
        "fs",
        "File",
        "OpenOptions",
        "DirBuilder",
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "Command",
        "rusqlite",
        "sqlx",
        "hyper",
        "hyper_util",
        "notify",
        "tokio",
        "clock",
        "load",
        "run",
        "rewrite",
    ];
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.word.as_str());
        let before = at.checked_sub(1).and_then(|at| tokens.get(at)).map_or("", |token| token.word.as_str());
        // As the head of a path, or in a `use`; a field, a method or an argument of that name is none.
        let path = word(1) == ":" && word(2) == ":";
        let used = matches!(before, "{" | "," | ":") && matches!(word(1), "," | "}" | ":" | ";" | "as");
        let used = used && token.function.is_empty();
        if token.literal.is_none() && (path || used) {
            found.extend(NAMES.iter().filter(|name| **name == token.word));
        }
    }
    found
}

/// Invariant 11: what each command may name. A running gateway is reached through `manage_api` alone, which speaks over its
/// socket; what is in its data directory, its keys first, is nobody's business here.
#[test]
#[allow(clippy::too_many_lines, reason = "a table, with a line for each command")]
fn commands_reach_a_running_gateway_by_its_socket_only() {
    let allowed: BTreeMap<&str, &[&str]> = [
        // Compile what was read, and look at it; nothing is served and nothing of the data directory is read.
        ("check.rs", ["compile", "diagnostics", "engine", "load"].as_slice()),
        ("app.rs", &["Command", "manage_api"]),
        ("changes.rs", &["Command"]),
        ("completions.rs", &[]),
        ("config.rs", &["compile", "diagnostics", "load", "spec"]),
        // Compile what was read, and have the controls look at calls of a file: nothing is served, sent or written.
        ("inspect.rs", &["compile", "diagnostics", "load", "spec"]),
        // Writes what it was asked for, below the folder of `--out`.
        ("init/files.rs", &["fs"]),
        // The time of day, for how long ago something was.
        ("events/follow.rs", &["engine", "manage_api"]),
        ("events/mod.rs", &["clock", "engine", "manage_api", "spec"]),
        ("explain/alert.rs", &["manage_api"]),
        // Tries a call that was not made with what was read, without a network.
        ("explain/before.rs", &["diagnostics", "engine", "load", "manage_api"]),
        ("explain/mod.rs", &[]),
        ("explain/story.rs", &["manage_api"]),
        // Compares descriptions: of files, or of the gateway that runs, as it describes itself.
        ("diff.rs", &["diagnostics", "load"]),
        // The only command that asks the network: for the contract that it was given by URL.
        ("init/fetch.rs", &["clock", "contract", "engine", "outbound", "tokio"]),
        ("init/contract.rs", &["contract", "diagnostics", "load"]),
        ("init/issuer.rs", &["contract", "spec"]),
        ("init/report.rs", &["contract"]),
        ("init.rs", &["compile", "contract", "diagnostics", "load", "spec"]),
        // Who makes the client: the path of the socket, and its runtime. `Command` is its own enumeration.
        ("mod.rs", &["Command", "compile", "load", "manage_api", "spec", "tokio", "run"]),
        ("key.rs", &["Command", "manage_api", "spec"]),
        ("notices.rs", &["Command", "manage_api"]),
        ("order.rs", &["controls"]),
        ("returns.rs", &["manage_api"]),
        // Change the document that they were told, when neither the compiler nor the person has anything against it.
        ("rewriting.rs", &["compile", "diagnostics", "load", "rewrite", "spec"]),
        ("audit/mod.rs", &[]),
        ("audit/table.rs", &[]),
        ("promote/mod.rs", &["manage_api"]),
        // The time of day, for how long ago a configuration began to run.
        ("promote/judge.rs", &["clock", "engine", "manage_api"]),
        ("reload.rs", &["manage_api"]),
        ("revocations.rs", &["Command", "manage_api"]),
        ("revoke.rs", &["Command", "manage_api", "spec"]),
        // Starts the gateway in this process.
        ("run.rs", &["run"]),
        ("schema.rs", &["compile", "spec"]),
        ("shadow/mod.rs", &["manage_api"]),
        ("shadow/table.rs", &["manage_api"]),
        ("status.rs", &["manage_api"]),
        // Puts cases to what was read, without a network; writes what it was asked to generate beside the document.
        ("test/mod.rs", &["diagnostics", "load"]),
        ("test/files.rs", &["fs", "load", "spec"]),
        ("test/generate.rs", &["File", "fs", "load", "spec"]),
        ("test/watch.rs", &["load", "notify"]),
        ("token.rs", &["manage_api", "spec"]),
        // Takes rules up beside the document, when they are signed by whom it believes; the time of day, for how long a bundle holds.
        ("update.rs", &["clock", "engine", "load"]),
        // Randomness, for a salt.
        ("user.rs", &["Command", "clock", "engine"]),
    ]
    .into();
    let folder = root().join("crates/yett/src/commands");
    let (mut files, mut wrong) = (BTreeSet::new(), Vec::new());
    for (path, text) in sources("crates/yett/src/commands") {
        let file = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        let tokens = tokens(without_tests(&text));
        let may: BTreeSet<&str> =
            allowed.get(file.as_str()).copied().unwrap_or_default().iter().copied().collect();
        let does = reached(&tokens);
        if !allowed.contains_key(file.as_str()) {
            wrong.push(format!("say here what `{file}` may reach: {does:?}"));
        }
        wrong.extend(does.difference(&may).map(|name| format!("`{file}` reaches `{name}`")));
        wrong.extend(
            may.difference(&does).map(|name| format!("`{file}` is listed for `{name}`, and does not")),
        );
        // Files of the data directory, by name.
        for token in &tokens {
            let text = token.literal.as_deref().unwrap_or_default();
            let socket = (file.as_str(), token.function.as_str(), text) == ("mod.rs", "socket", "yett.sock");
            let files = ["issuer.key", "yett.sock", ".lock", ".sqlite", ".db"];
            if files.iter().any(|name| text.contains(name)) && !socket {
                wrong.push(format!("`{file}` line {} names `{text}`", token.line));
            }
        }
        files.insert(file);
    }
    wrong.extend(
        allowed.keys().filter(|file| !files.contains(**file)).map(|file| format!("`{file}` is gone")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_a_command_reaches_is_seen_however_it_is_written() {
    for (text, name) in [
        ("use jose::SigningKey;", "jose"),
        ("use std::{fs, path::Path};", "fs"),
        ("use std::fs;", "fs"),
        ("fn f() { std::fs::read(x); }", "fs"),
        ("fn f() { let file = File::open(x); }", "File"),
        ("use std::os::unix::net::UnixStream as S;", "UnixStream"),
        ("use crate::{load, run};", "run"),
        ("fn f() { crate::run::mint(x) }", "run"),
        ("fn f() { ::telemetry::open() }", "telemetry"),
    ] {
        assert!(reached(&tokens(text)).contains(name), "`{text}`");
    }
    assert!(
        reached(&tokens("fn f(run: bool, state: u8) { self.state.run(); let x = load; } // fs::x"))
            .is_empty()
    );
}
