//! Invariants 3 and 5, word by word: what only a few named functions may do, each with its reason. A list here says
//! `file:function`; what is found and not listed fails, and so does an entry that is not found any more.

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

use common::tokens::{Token, places, tokens};
use common::{controls, is_test, root, sources, without_tests};

/// Every source of ours but the house's own, by its path from the root.
fn all_sources() -> Vec<(String, String)> {
    let relative = |path: &std::path::Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    let folders = ["crates", "examples", "benches", "fuzz"].into_iter().flat_map(sources);
    let named = folders.map(|(path, text)| (relative(&path), text));
    named.filter(|(path, _)| !path.starts_with("crates/house/")).collect()
}

/// What of `paths` is found where, as `file:function`, against what is allowed.
fn only(what: &str, paths: &[&str], allowed: &[(&str, &str)]) {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in all_sources() {
        let tokens = tokens(&text);
        for path in paths {
            for (function, line) in places(&tokens, path) {
                let place = format!("{file}:{function}");
                found.entry(place).or_default().push(format!("`{path}` in line {line}"));
            }
        }
    }
    let listed: BTreeSet<&str> = allowed.iter().map(|(place, _)| *place).collect();
    assert_eq!(listed.len(), allowed.len(), "an entry stands there twice");
    assert!(allowed.iter().all(|(_, reason)| !reason.is_empty()), "each entry has its reason");
    let more: Vec<_> = found.iter().filter(|(place, _)| !listed.contains(place.as_str())).collect();
    assert!(more.is_empty(), "{what}, which these may not: {more:#?}");
    let gone: Vec<_> = listed.iter().filter(|place| !found.contains_key(**place)).collect();
    assert!(gone.is_empty(), "these are listed for what they do not do any more ({what}): {gone:#?}");
}

#[test]
fn only_the_clock_reads_the_time() {
    let paths = [
        "Instant::now",
        "SystemTime::now",
        "UNIX_EPOCH.elapsed",
        ".elapsed(",
        "clock_gettime",
        "OffsetDateTime::now_utc",
        "Utc::now",
        "Local::now",
    ];
    let measures = "measures how long it takes; decides nothing";
    let own = "a clock: this is where a test's time comes from";
    only(
        "reads the time past `engine::Clock`",
        &paths,
        &[
            ("crates/yett/src/clock.rs:now", "the clock"),
            ("crates/yett/src/clock.rs:unix", "the clock"),
            (
                "crates/proxy/src/alarm.rs:arm",
                "sets the runtime's timer, which counts from the runtime's own now",
            ),
            ("crates/seclang/examples/speed.rs:", measures),
            ("crates/seclang/examples/speed.rs:now", measures),
            ("crates/detect/examples/detection/dearest.rs:", measures),
            ("crates/detect/examples/detection/dearest.rs:now", measures),
            ("crates/compile/examples/credentials.rs:", measures),
            ("crates/compile/examples/credentials.rs:now", measures),
            ("crates/cedar/examples/policies.rs:", measures),
            ("crates/cedar/examples/policies.rs:now", measures),
            ("crates/controls/examples/views.rs:", measures),
            ("crates/controls/examples/views.rs:spent", measures),
            (
                "crates/yett/tests/process/notices/misbehaving.rs:what_a_receiver_asks_for_by_retry_after_is_obeyed_in_both_forms",
                "a date for another process",
            ),
            ("crates/testkit/src/clock.rs:seconds", "a deadline for what happens in another process"),
            ("crates/testkit/src/clock.rs:left", "a deadline for what happens in another process"),
            ("crates/testkit/src/clock.rs:is_over", "a deadline for what happens in another process"),
            ("crates/proxy/src/tests/world.rs:now", own),
            ("crates/proxy/src/tests/world.rs:unix", own),
            ("crates/proxy/src/tests/world.rs:start", own),
            ("crates/proxy/src/tests/world.rs:moment", own),
            ("crates/proxy/examples/plain.rs:now", own),
            ("crates/proxy/examples/plain.rs:unix", own),
            ("crates/proxy/examples/plain.rs:main", own),
            (
                "crates/yett/tests/calls/harness/mod.rs:now",
                "tokens for the real binary, which has the time of day",
            ),
            ("crates/yett/tests/process/applications/revocations.rs:now", "the same"),
            ("crates/yett/tests/process/certificates.rs:now", "certificates for it"),
            ("crates/yett/tests/process/glewlwyd.rs:now", "tokens for it"),
            ("crates/state/src/shared/tests/world.rs:ahead", "a real server has the time of day"),
            ("crates/state/src/shared/tests/world.rs:now", "the same"),
            ("crates/state/src/shared/tests/world.rs:unix", "the same"),
            ("examples/orders/src/time.rs:now", "the sample is a service of its own, without our engine"),
            ("crates/policy-tests/examples/measure.rs:main", measures),
            ("crates/contract/examples/contracts.rs:now", measures),
            ("crates/contract/examples/contracts.rs:main", measures),
            ("benches/load/src/handshake.rs:handshake", measures),
            ("benches/load/src/call.rs:call", measures),
            ("benches/load/src/call.rs:take", measures),
            ("benches/load/src/call.rs:connection", measures),
            ("benches/load/src/call.rs:wait", measures),
        ],
    );
}

#[test]
fn only_the_clock_is_random() {
    let paths = [
        "rand::fill",
        "SystemRandom",
        "thread_rng",
        "OsRng",
        "getrandom",
        "RandomState",
        "fastrand",
        "rand::random",
    ];
    let hashed = "seeds a hash table against chosen collisions; nothing that is decided depends on it";
    let signed = "signatures want their own randomness, which nobody may choose";
    let encrypted = "keys and vectors of messages, which nobody may choose";
    only(
        "makes randomness past `engine::Clock`",
        &paths,
        &[
            ("crates/yett/src/clock.rs:fill", "the clock"),
            ("crates/cedar/examples/policies.rs:", signed),
            ("crates/cedar/examples/policies.rs:main", signed),
            ("crates/controls/src/authentication/cache.rs:", hashed),
            ("crates/controls/src/authentication/cache.rs:default", hashed),
            ("crates/proxy/src/addresses.rs:", hashed),
            ("crates/proxy/src/addresses.rs:with_limit", hashed),
            ("crates/state/src/hash.rs:", hashed),
            ("crates/state/src/shared/held.rs:", hashed),
            ("crates/tape/src/duplicates.rs:", hashed),
            ("crates/seclang/src/texts.rs:", hashed),
            ("crates/seclang/src/texts.rs:new", hashed),
            ("crates/jose/src/message/encrypted.rs:random", encrypted),
            ("crates/jose/src/message/signer.rs:", signed),
            ("crates/jose/src/message/signer.rs:sign", signed),
            ("crates/jose/src/sign.rs:", signed),
            ("crates/jose/src/sign.rs:sign", signed),
            ("crates/jose/src/tests/mint.rs:", signed),
            ("crates/jose/src/tests/mint.rs:raw", signed),
            ("crates/jose/src/tests/hostile.rs:forged_signatures_are_refused", signed),
            ("crates/policy-tests/src/keys.rs:", signed),
            ("crates/policy-tests/src/keys.rs:sign", signed),
            ("crates/signatures/src/sign.rs:", signed),
            ("crates/signatures/src/sign.rs:sign", signed),
            ("crates/testkit/src/mint.rs:", signed),
            ("crates/testkit/src/mint.rs:sign", signed),
        ],
    );
}

/// What lets time go by.
const WAITS: [&str; 8] = [
    "sleep(",
    "sleep_ms",
    "sleep_until",
    "time::interval",
    "interval_at",
    "park_timeout",
    "wait_timeout",
    "wait_timeout_while",
];

const CLOCK: &str = "implements the clock's own timer";
const ASKED: &str = "asks the clock, which a test moves";
const SPENT: &str = "no descriptors are left: waits for some rather than spin";
const LOOKS: &str = "waits for a condition until a deadline, looking again from time to time";
/// Where something waits all the same, and why.
const WAITING: &[(&str, &str)] = &[
    ("crates/fuzz-targets/src/signatures.rs:sleep", CLOCK),
    ("crates/signatures/src/tests/sealed.rs:sleep", CLOCK),
    ("crates/engine/src/clock.rs:sleep", CLOCK),
    ("crates/yett/src/clock.rs:sleep", CLOCK),
    ("crates/testkit/src/clock.rs:sleep", CLOCK),
    ("crates/policy-tests/src/clock.rs:sleep", CLOCK),
    ("crates/proxy/src/tests/world.rs:sleep", CLOCK),
    ("crates/state/src/shared/tests/world.rs:sleep", CLOCK),
    ("crates/proxy/examples/plain.rs:sleep", CLOCK),
    ("crates/controls/src/authentication/keys/refresh.rs:run", ASKED),
    ("crates/controls/src/authentication/keys/refresh.rs:ticking", ASKED),
    ("crates/controls/src/authentication/introspection/ask.rs:ask", ASKED),
    ("crates/controls/src/pdp/asking.rs:ask", ASKED),
    ("crates/controls/src/objects/owners/asking.rs:look", ASKED),
    ("crates/controls/src/upstream_identity/token.rs:ask", ASKED),
    ("crates/outbound/src/lib.rs:within", ASKED),
    ("crates/proxy/src/upstream/probe.rs:run", ASKED),
    ("crates/proxy/src/upstream/names.rs:keep", ASKED),
    ("crates/state/src/shared/denials.rs:follow", ASKED),
    ("crates/state/src/shared/link.rs:ask", ASKED),
    ("crates/state/src/shared/link.rs:beat", ASKED),
    ("crates/state/src/shared/link.rs:keep", ASKED),
    ("crates/state/src/shared/mod.rs:close", ASKED),
    ("crates/state/src/shared/mod.rs:tidy", ASKED),
    ("crates/yett/src/run/credentials.rs:keep", ASKED),
    ("crates/telemetry/src/otlp/exporter/mod.rs:close", ASKED),
    ("crates/telemetry/src/otlp/exporter/mod.rs:keep", ASKED),
    ("crates/telemetry/src/otlp/exporter/send.rs:wait", ASKED),
    ("crates/yett/src/run/decisions.rs:keep", ASKED),
    ("crates/yett/src/run/notices/mod.rs:keep", ASKED),
    ("crates/yett/src/run/notices/deliver.rs:turn", ASKED),
    ("crates/yett/src/run/notices/deliver.rs:settle_all", ASKED),
    ("crates/yett/src/run/notices/deliver.rs:wait", ASKED),
    ("crates/yett/src/run/notices/watch.rs:owners_in_time", ASKED),
    ("crates/yett/src/run/feeds/poll.rs:keep", ASKED),
    ("crates/yett/src/run/feeds/poll.rs:run", ASKED),
    ("crates/yett/src/run/feeds/poll.rs:once", ASKED),
    ("crates/yett/src/commands/events/follow.rs:follow", "shows what comes as it comes"),
    ("crates/proxy/src/upstream/probe.rs:is_well", ASKED),
    ("crates/proxy/src/alarm.rs:poll", "the runtime's timer behind a deadline of the clock"),
    ("crates/proxy/src/http2/guard.rs:is_turn", "lets streams that wait go on; refuses nothing"),
    ("crates/proxy/src/upkeep.rs:park", "tells idle connections so; decides nothing of a call"),
    ("crates/proxy/src/upkeep.rs:sweep", "tidies up from time to time; decides nothing of a call"),
    ("crates/proxy/src/upkeep.rs:listen", "how late it is woken is what it wants to know"),
    ("crates/proxy/src/upkeep.rs:drain", LOOKS),
    ("crates/proxy/src/plane.rs:publish", LOOKS),
    ("crates/telemetry/src/access_log.rs:open", "the writer's thread looks for lines from time to time"),
    ("crates/proxy/src/listen/mod.rs:accept", SPENT),
    ("crates/manage-api/src/server.rs:serve", SPENT),
    ("crates/yett/src/run/service.rs:serve", SPENT),
    ("examples/orders/src/main.rs:accept", SPENT),
    ("crates/testkit/src/clock.rs:until_every", LOOKS),
    ("crates/proxy/src/tests/world.rs:calls", LOOKS),
    ("crates/proxy/src/tests/world.rs:bound", LOOKS),
    ("crates/proxy/src/tests/world.rs:event", LOOKS),
    ("crates/testkit/src/recorder.rs:write", "an upstream that is slow on purpose"),
    ("crates/testkit/src/transmitter.rs:answer", "holds a question back until there is something to say"),
    (
        "crates/yett/tests/process/applications/revocations.rs:watch",
        "measures how late the machine wakes it up",
    ),
];

/// Tests wait for what happens, never for time to pass, and neither do their helpers; in the product a wait is a timer of the
/// clock or one of these.
#[test]
fn tests_do_not_sleep() {
    only("waits for time to pass", &WAITS, WAITING);
}

#[test]
fn the_proxy_and_the_engine_name_no_control() {
    let controls = controls();
    // What else has such a name: a stage of the engine's, at which that control speaks; a header field.
    let others = [
        ("crates/engine/src/plan.rs", "name", "admission"),
        (
            "crates/proxy/src/tests/framing.rs",
            "fields_of_the_hop_end_here_and_ours_cannot_be_named_away",
            "authorization",
        ),
    ];
    let mut named = Vec::new();
    for folder in ["crates/proxy", "crates/engine"] {
        for (path, text) in sources(folder) {
            let file = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let text = if is_test(&path) { text.as_str() } else { without_tests(&text) };
            let tokens = tokens(text);
            for path in ["controls::", "extern crate controls"] {
                named.extend(
                    places(&tokens, path).into_iter().map(|(_, line)| format!("{file}:{line}: `{path}`")),
                );
            }
            named.extend(tokens.iter().filter_map(|token| {
                let control = names_control(token, &controls)?;
                let other = others.contains(&(file.as_str(), token.function.as_str(), control));
                (!other).then(|| format!("{file}:{} {}: `{control}`", token.line, token.function))
            }));
        }
    }
    assert!(named.is_empty(), "{named:#?}");
}

/// Sources beside its folder, the registry and its page that name a control, and why.
const NAMED_ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "crates/yett/src/run/feeds/revoke.rs",
        "authentication",
        "reads whose token it is as the issuer writes that",
    ),
    ("crates/compile/src/api.rs", "metadata", "its documents are mounted beside the APIs they describe"),
    ("crates/compile/src/api.rs", "authentication", "issuers are the document's own keys: no section"),
    ("crates/compile/src/api.rs", "upstream_identity", "its keys are mounted beside the APIs they sign for"),
    ("crates/compile/src/assets.rs", "upstream_identity", "says whether the gateway makes a key for it"),
    ("crates/compile/src/lib.rs", "upstream_identity", "what that key is called among the assets"),
    ("crates/compile/src/contracts.rs", "validation", "a contract is imported by what its API strips"),
    ("crates/contract/src/import/mod.rs", "content", "reads a contract's keys of that name"),
    (
        "crates/jose/src/message/mod.rs",
        "content",
        "a module of its own: how the content of a message is encrypted",
    ),
    ("crates/compile/src/lib.rs", "policies", "what they say, for whoever describes a configuration"),
    ("crates/policy-tests/src/token.rs", "authentication", "makes the tokens that it verifies"),
    ("crates/policy-tests/src/world.rs", "authentication", "hands it the table of API keys"),
    ("crates/policy-tests/src/decides.rs", "pdp", "answers in the place of those that it asks"),
    ("crates/policy-tests/src/decides.rs", "objects", "answers in the place of the services that it asks"),
    ("crates/policy-tests/src/subject.rs", "objects", "which services it asks"),
    ("crates/yett/src/run/mint.rs", "authentication", "makes the tokens that it verifies"),
    (
        "crates/spec/src/document/check_upstream.rs",
        "authorization",
        "the header field, whose value is a secret",
    ),
    ("crates/spec/src/sugar.rs", "authentication", "a key of the document's own, not a section"),
    ("crates/spec/src/document/api.rs", "authentication", "the same; it has no mode, and says why"),
    ("crates/controls/src/security/challenge.rs", "metadata", "a challenge names the document (RFC 9728)"),
    ("crates/compile/src/lib.rs", "authentication", "hands its snapshot the authorities that prove callers"),
    ("crates/fuzz-targets/src/callers.rs", "authentication", "feeds its reader of passwords"),
    ("crates/fuzz-targets/src/connections.rs", "authentication", "feeds its reader of names"),
    ("crates/fuzz-targets/src/content.rs", "pdp", "feeds its reader of answers"),
    ("crates/fuzz-targets/src/http1.rs", "cors", "feeds its parser of origins"),
    ("crates/policy-tests/src/generate/limits.rs", "admission", "limits that every call comes under"),
    ("crates/policy-tests/src/generate/limits.rs", "limits", "writes cases for it"),
    ("crates/policy-tests/src/generate/mod.rs", "limits", "a room of this name, not the control"),
    ("crates/fuzz-targets/src/lib.rs", "bodies", "a target of this name, not the control"),
    ("crates/fuzz-targets/src/lib.rs", "content", "a target of this name, not the control"),
    ("crates/controls/src/security/kit.rs", "admission", "a kit for the tests of the three"),
    ("crates/controls/src/security/kit.rs", "authentication", "a kit for the tests of the three"),
    ("crates/controls/src/security/kit.rs", "authorization", "a kit for the tests of the three"),
    ("crates/controls/src/security/kit.rs", "upstream_identity", "the same, of what becomes of their proofs"),
    ("crates/controls/src/security/kit.rs", "message_security", "the same, of what becomes of their proofs"),
    ("crates/controls/src/security/kit.rs", "validation", "the same, of what becomes of their proofs"),
    ("crates/yett/src/inspect/mod.rs", "inspection", "a command that explains what it finds"),
    ("crates/yett/src/run/gateway.rs", "authentication", "counts of verified tokens, and states of keys"),
    ("crates/yett/src/run/gateway.rs", "leaks", "what was returned to whom, for who asks"),
    ("crates/yett/src/run/admin.rs", "authentication", "states of keys, for readiness and metrics"),
    ("crates/yett/src/run/credentials.rs", "authentication", "hands it the table of API keys"),
    ("crates/yett/src/run/credentials/revocations.rs", "authentication", "hands the data plane its denylist"),
    ("crates/yett/src/run/revoke.rs", "authentication", "names the issuers whose tokens are revoked"),
    ("crates/yett/src/run/feeds/mod.rs", "authentication", "verifies with the keys of its issuers"),
    ("crates/compile/src/revocation.rs", "authentication", "looks whether such keys can be used"),
    (
        "crates/yett/src/run/credentials/revocations.rs",
        "views",
        "a module of its own: what commands are shown",
    ),
    ("crates/yett/src/run/credentials.rs", "views", "a module of its own: what commands are shown"),
    ("crates/yett/src/run/decisions.rs", "views", "a module of its own: what commands are shown"),
    ("crates/yett/src/run/notices/mod.rs", "views", "a module of its own: what commands are shown"),
    ("crates/detect/src/lib.rs", "views", "a module of its own: a value in all its encodings"),
];

/// A new control touches its folder, the registry and its page: no source beside them names one, but for these.
#[test]
fn a_control_is_named_in_its_files_only() {
    let controls = controls();
    let mut found = BTreeSet::new();
    for (file, text) in all_sources() {
        if file == "crates/controls/src/registry.rs" || is_test(std::path::Path::new(&file)) {
            continue;
        }
        let tokens = tokens(without_tests(&text));
        let outside = |control: &&String| !file.starts_with(&format!("crates/controls/src/{control}/"));
        for control in controls.iter().filter(outside) {
            let paths =
                [format!("controls::{control}::"), format!("crate::{control}::"), format!("mod {control}")];
            let imported =
                text.contains("use controls::") && !places(&tokens, &format!("{control}::")).is_empty();
            let section = file.starts_with("crates/spec/src/") && text.contains(&format!("\"{control}\""));
            if imported || section || paths.iter().any(|path| !places(&tokens, path).is_empty()) {
                found.insert((file.clone(), control.clone()));
            }
        }
    }
    assert!(NAMED_ELSEWHERE.iter().all(|(_, _, reason)| !reason.is_empty()));
    let known: BTreeSet<(String, String)> = NAMED_ELSEWHERE
        .iter()
        .map(|(file, control, _)| ((*file).to_owned(), (*control).to_owned()))
        .collect();
    assert_eq!(found, known);
}

/// The control that a text names: alone, as the key of a section or of a label (`limits.rate`, `control="limits"`).
fn names_control<'c>(token: &Token, controls: &'c [String]) -> Option<&'c str> {
    let text = token.literal.as_deref()?;
    let named = |control: &&String| {
        let key = text.strip_prefix(control.as_str()).is_some_and(|rest| rest.starts_with(['.', ':', '/']));
        key || text == control.as_str()
            || text.contains(&format!("\\\"{control}\\\""))
            || text.contains(&format!("`{control}"))
    };
    controls.iter().find(named).map(String::as_str)
}

#[test]
fn words_are_found_in_code_only() {
    let text = r##"
        // Instant::now() in a comment
        /* and /* nested */ Instant::now() */
        fn one<'a>(x: &'a str) -> char { let y = "Instant::now()"; let z = r#"Instant::now() " "#; '\'' }
        trait T { fn declared(&self); }
        const fn two() { if x { std::time::Instant :: now(); } }
        fn three(f: fn(u8) -> u8) { let inner = || Instant::now(); }
    "##;
    let tokens = tokens(text);
    let found = places(&tokens, "Instant::now");
    assert_eq!(found, [("two".to_owned(), 6), ("three".to_owned(), 7)]);
    let literals: Vec<&str> = tokens.iter().filter_map(|token| token.literal.as_deref()).collect();
    assert_eq!(literals, ["Instant::now()", "Instant::now() \" "]);
}
