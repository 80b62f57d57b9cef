//! Passwords that are not good, or come in a way in which they are not taken, before the real gateway: 401 or 400 with the right
//! challenge, and nothing of the call reaches the service. Each has a twin that does, without the password.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::harness::*;
use testkit::mint::base64;
use testkit::raw::exchange;
use testkit::{Recorder, until};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Basic, version: "1" }
components:
  securitySchemes:
    basic: { type: http, scheme: basic }
    kept: { type: http, scheme: basic }
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "t:read": r } } } }
paths:
  /own: { get: { operationId: own, security: [{ basic: ["t:read"] }], parameters: [{ in: query, name: a, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /write: { get: { operationId: write, security: [{ basic: ["t:write"] }], responses: { "200": { description: ok } } } }
  /kept: { get: { operationId: kept, security: [{ kept: [] }], responses: { "200": { description: ok } } } }
  /either: { get: { operationId: either, security: [{ oauth: ["t:read"] }, { basic: [] }], responses: { "200": { description: ok } } } }
  /anyone: { get: { operationId: anyone, security: [{ basic: [] }, {}], responses: { "200": { description: ok } } } }
"##;

const API: &str = "authentication:\n  basic: { users: [staff] }\n  kept: { users: [staff], forward: true }\n  \
                   oauth: { issuers: [local], audience: t }\n";
const TOP: &str = "issuers: { local: { local: true } }\n\
                   users: { staff: { passwords: staff.txt, grants: { alice: { scopes: [\"t:read\"] }, josé: {}, bob: {}, ref: {} } } }\n";
const RATES: &str = "admission: { anonymous: { rate: 60000/min }, failures: { rate: 60000/min } }\n";
const CHALLENGE: &str = "Basic realm=\"t\", charset=\"UTF-8\"";

const ALICE: &str = "correct horse?~!";
const BOB: &str = "battery staple";
/// In composed form (NFC).
const JOSE: &str = "contrase\u{f1}a>>>";

/// What the reference implementation of Argon2 makes of `password`.
const REFERENCE: &str =
    "ref:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

fn yett(arguments: &[&str], folder: &std::path::Path, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses what it was asked does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The line of a user, as the command prints it.
fn line(user: &str, password: &str) -> String {
    let output = yett(&["user", "hash", user], std::path::Path::new("."), &format!("{password}\n"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(
        line.starts_with(&format!("{user}:$argon2id$v=19$m=19456,t=2,p=1$")) && line.ends_with('\n'),
        "{line}"
    );
    line
}

fn file() -> String {
    let users = [("alice", ALICE), ("bob", BOB), ("josé", JOSE), ("mallory", "not let in")];
    let lines: String = users.iter().map(|(user, password)| line(user, password)).collect();
    format!("# staff\n{lines}{REFERENCE}\n")
}

fn setup(more: &str) -> Setup {
    Setup { top: format!("{TOP}{more}"), api: API.into(), contract: CONTRACT.into(), ..Setup::default() }
}

fn start(recorder: &Recorder, more: &str) -> Gateway {
    Gateway::with_files(&setup(more), &recorder.url(), &[("staff.txt", file().as_bytes())])
}

fn with(operation: &str, authorization: &str) -> Vec<u8> {
    get(&format!("/{operation}"), &format!("Authorization: {authorization}\r\n"))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}")))
}

/// What is hostile, the call, the operation whose twin is good, and what has to come back.
type Row = (&'static str, Vec<u8>, &'static str, (u16, &'static str));

const INVALID: (u16, &str) = (401, "password_invalid");
const MALFORMED: (u16, &str) = (400, "credential_malformed");
const MISSING: (u16, &str) = (401, "credential_missing");

/// Names and passwords that are not those of one user.
fn pairs(hash: &str) -> Vec<Row> {
    let own = |user: &str, password: &str| with("own", &basic(user, password));
    vec![
        ("another password", own("alice", "correct horse?"), "own", INVALID),
        ("another user's password", own("alice", BOB), "own", INVALID),
        ("the password in another case", own("alice", "Correct horse?~"), "own", INVALID),
        ("the name in another case", own("Alice", ALICE), "own", INVALID),
        ("a name that nobody has", own("carol", "whatever it is"), "own", INVALID),
        ("nobody's name, somebody's password", own("carol", ALICE), "own", INVALID),
        ("in the file and not let in", own("mallory", "not let in"), "own", INVALID),
        ("the hash for the password", own("alice", hash), "own", INVALID),
        ("a space after the name", own("alice ", ALICE), "own", INVALID),
        ("a space after the password", own("alice", &format!("{ALICE} ")), "own", INVALID),
        ("a letter that looks the same", own("\u{430}lice", ALICE), "own", INVALID),
        ("a name in decomposed form", with("kept", &basic("jose\u{301}", JOSE)), "kept", INVALID),
        (
            "a password in decomposed form",
            with("kept", &basic("josé", "contrasen\u{303}a>>>")),
            "kept",
            INVALID,
        ),
        ("a character that nobody sees", own("alice\u{200b}", ALICE), "own", INVALID),
        ("the grant's `*`", own("*", ALICE), "own", INVALID),
        ("a comment of the file", own("# staff", ALICE), "own", INVALID),
        ("wrong where anyone may call", with("anyone", &basic("alice", "wrong")), "anyone", INVALID),
        ("wrong where tokens are taken as well", with("either", &basic("alice", "wrong")), "either", INVALID),
        (
            "a scope that is not granted",
            with("write", &basic("alice", ALICE)),
            "own",
            (403, "insufficient_scope"),
        ),
        ("a user without any", own("bob", BOB), "own", (403, "insufficient_scope")),
    ]
}

/// Spellings of a pair that are none.
fn spellings() -> Vec<Row> {
    let good = base64(format!("alice:{ALICE}"));
    let raw = |bytes: &[u8]| with("own", &format!("Basic {}", base64(bytes)));
    let kept = base64(format!("josé:{JOSE}"));
    assert!(good.ends_with("IQ==") && kept.contains(['+', '/']), "{good} {kept}");
    vec![
        ("without padding", with("own", &format!("Basic {}", good.trim_end_matches('='))), "own", INVALID),
        ("with more padding", with("own", &format!("Basic {good}=")), "own", INVALID),
        (
            "in the alphabet of URLs",
            with("kept", &format!("Basic {}", kept.replace('+', "-").replace('/', "_"))),
            "kept",
            INVALID,
        ),
        (
            "bits after the end",
            with("own", &format!("Basic {}", good.replace("IQ==", "IR=="))),
            "own",
            INVALID,
        ),
        ("in quotes", with("own", &format!("Basic \"{good}\"")), "own", INVALID),
        ("percent-encoded", with("own", &format!("Basic {}", good.replace('=', "%3D"))), "own", INVALID),
        ("not encoded", with("own", "Basic alice:secret"), "own", INVALID),
        ("encoded twice", with("own", &format!("Basic {}", base64(&good))), "own", INVALID),
        ("no colon", raw(b"alice"), "own", INVALID),
        ("a colon of another width", raw("alice\u{ff1a}secret".as_bytes()), "own", INVALID),
        ("no name", raw(format!(":{ALICE}").as_bytes()), "own", INVALID),
        ("no password", raw(b"alice:"), "own", INVALID),
        ("a colon alone", raw(b":"), "own", INVALID),
        ("NUL after the password", raw(format!("alice:{ALICE}\0").as_bytes()), "own", INVALID),
        ("NUL after the name", raw(format!("alice\0x:{ALICE}").as_bytes()), "own", INVALID),
        ("a line end after the password", raw(format!("alice:{ALICE}\n").as_bytes()), "own", INVALID),
        ("DEL", raw(b"alice:\x7f"), "own", INVALID),
        ("a control of two bytes", raw("alice:\u{9b}x".as_bytes()), "own", INVALID),
        ("Latin-1", raw(b"jos\xe9:x"), "own", INVALID),
        ("a name of 256 bytes", raw(format!("{}:x", "a".repeat(256)).as_bytes()), "own", INVALID),
        ("a password of 1,025 bytes", raw(format!("alice:{}", "p".repeat(1_025)).as_bytes()), "own", INVALID),
        ("6,000 bytes", raw(&[b'a'; 6_000]), "own", INVALID),
    ]
}

/// Good pairs that come in another way.
fn ways(token: &str) -> Vec<Row> {
    let good = basic("alice", ALICE);
    let field = format!("Authorization: {good}\r\n");
    vec![
        ("twice", get("/own", &format!("{field}{field}")), "own", MALFORMED),
        (
            "twice, in another case",
            get("/own", &format!("{field}authorization: {}\r\n", basic("bob", BOB))),
            "own",
            MALFORMED,
        ),
        (
            "after a token",
            get("/either", &format!("Authorization: Bearer {token}\r\n{field}")),
            "either",
            MALFORMED,
        ),
        (
            "before a token",
            get("/either", &format!("{field}Authorization: Bearer {token}\r\n")),
            "either",
            MALFORMED,
        ),
        ("two in one field", with("own", &format!("{good}, {good}")), "own", MALFORMED),
        ("with something after it", with("own", &format!("{good} x")), "own", MALFORMED),
        ("a tab after the scheme", with("own", &good.replace(' ', "\t")), "own", MALFORMED),
        ("the scheme alone", with("own", "Basic"), "own", MALFORMED),
        ("a token in the query beside it", get("/own?access_token=x", &field), "own", MALFORMED),
        ("by the scheme Bearer", with("own", &good.replace("Basic", "Bearer")), "own", MISSING),
        ("by the scheme Digest", with("own", "Digest username=\"alice\", response=\"x\""), "own", MISSING),
        ("by a scheme that begins so", with("own", &good.replace("Basic", "BasicX")), "own", MISSING),
        ("a token that is not taken here", with("own", &format!("Bearer {token}")), "own", MISSING),
        ("for a proxy", get("/own", &format!("Proxy-{field}")), "own", MISSING),
        ("in a cookie", get("/own", &format!("Cookie: authorization={good}\r\n")), "own", MISSING),
        (
            "in the query",
            get(&format!("/own?a={}", base64(format!("alice:{ALICE}")).replace('=', "%3D")), ""),
            "own",
            MISSING,
        ),
        ("none", get("/own", ""), "own", MISSING),
    ]
}

/// The good call of an operation, and whether the service sees its password.
fn twin(operation: &str) -> Vec<u8> {
    match operation {
        "kept" => with("kept", &basic("josé", JOSE)),
        other => with(other, &basic("alice", ALICE)),
    }
}

#[test]
fn what_is_not_one_good_password_is_refused() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, RATES);
    let file = String::from_utf8(std::fs::read(gateway.path("staff.txt")).unwrap()).unwrap();
    let hash = file.lines().find_map(|line| line.strip_prefix("alice:")).unwrap();
    let rows: Vec<Row> =
        [pairs(hash), spellings(), ways(&gateway.token("alice", "t:read"))].into_iter().flatten().collect();
    assert_eq!(rows.len(), 59);
    let mut wrong = Vec::new();
    for (name, hostile, operation, expect) in &rows {
        let before = recorder.count();
        let reply = exchange(gateway.address, hostile).unwrap_or_else(|| panic!("{name}: no answer"));
        let challenge = reply.head.get("www-authenticate").unwrap_or_default().to_owned();
        let asked = expect.0 == 403 || *operation == "either" || challenge == CHALLENGE;
        if (reply.status, reply.code().as_deref()) != (expect.0, Some(expect.1)) || !asked {
            wrong.push(format!(
                "{name}: {} {:?} `{challenge}`, expected {expect:?}",
                reply.status,
                reply.code()
            ));
        }
        let good = gateway.call(twin(operation));
        let reached = recorder.wait_for(before + 1) && recorder.count() == before + 1;
        if good.status != 200 || !reached {
            wrong.push(format!("{name}: its twin got {} {}", good.status, good.text()));
        }
        let sent = String::from_utf8_lossy(&recorder.last().raw).to_lowercase();
        if sent.contains("basic ") != (*operation == "kept") {
            wrong.push(format!("{name}: the service was sent `{sent}`"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(recorder.faults(), Vec::<String>::new());
    assert_eq!(
        gateway.call(with("anyone", &basic("ref", "password"))).status,
        200,
        "another implementation's"
    );
    assert_eq!(gateway.call(get("/anyone", "")).status, 200);
    // Who called is written down, and nothing of the password.
    let line = gateway.log_of(&gateway.call(twin("own")));
    assert!(line["issuer"] == "yett:users:staff" && line["subject"] == "alice", "{line}");
    let log = String::from_utf8(std::fs::read(gateway.path("access.log")).unwrap()).unwrap();
    let said = gateway.said();
    for secret in [ALICE, BOB, JOSE, hash, &base64(format!("alice:{ALICE}"))] {
        assert!(!log.contains(secret) && !said.contains(secret), "{secret}");
    }
    assert!(!log.contains("carol"), "a name that nobody has may be a password");
}

#[test]
fn a_file_that_changes_is_in_effect_and_what_is_revoked_passes_no_more() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, &format!("{RATES}store: {{}}\n"));
    let folder = gateway.path("");
    let call = |user: &str, password: &str| gateway.call(with("anyone", &basic(user, password))).status;
    assert_eq!((call("alice", ALICE), call("bob", BOB)), (200, 200));
    let done = yett(&["revoke", "subject", "alice", "--issuer", "staff"], &folder, "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let reply = gateway.call(with("anyone", &basic("alice", ALICE)));
    assert_eq!((reply.status, reply.code().as_deref()), (401, Some("user_revoked")));
    let reply = gateway.call(with("anyone", &basic("alice", "wrong")));
    assert_eq!(reply.code().as_deref(), Some("password_invalid"), "only who knows it is told");
    assert_eq!(call("bob", BOB), 200);
    let no_token = yett(&["revoke", "session", "s", "--issuer", "staff"], &folder, "");
    assert!(String::from_utf8_lossy(&no_token.stderr).contains("issues no tokens"));
    // Bob is taken out, and a line is changed: both without a restart.
    let text = String::from_utf8(std::fs::read(gateway.path("staff.txt")).unwrap()).unwrap();
    let others = text.lines().filter(|line| !line.starts_with("bob:") && !line.starts_with("josé:"));
    let changed: String = others.map(|line| format!("{line}\n")).collect();
    std::fs::write(gateway.path("staff.txt"), changed + &line("josé", "another secret")).unwrap();
    let reloaded = yett(&["reload"], &folder, "");
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    assert!(until(20, || (call("bob", BOB) == 401).then_some(())).is_some());
    assert_eq!((call("josé", JOSE), call("josé", "another secret")), (401, 200));
    // What cannot be read changes nothing.
    std::fs::write(gateway.path("staff.txt"), "bob:hunter2hunter2\n").unwrap();
    let reloaded = yett(&["reload"], &folder, "");
    let said = String::from_utf8_lossy(&reloaded.stderr).into_owned() + &gateway.said();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!reloaded.status.success() && said.contains("staff.txt`:1:5"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!((call("josé", "another secret"), call("bob", BOB)), (200, 401));
}

#[test]
fn an_address_that_fails_too_often_has_nothing_checked() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, "admission: { failures: { rate: 1/hour, burst: 3 } }\n");
    let status = |user: &str, password: &str| {
        let reply = gateway.call(with("anyone", &basic(user, password)));
        (reply.status, reply.code())
    };
    assert_eq!(status("alice", ALICE).0, 200);
    for _ in 0..3 {
        assert_eq!(status("alice", "wrong").1.as_deref(), Some("password_invalid"));
    }
    assert_eq!(status("alice", ALICE).0, 200, "what is known costs nothing");
    for (user, password) in [("alice", "wrong"), ("bob", BOB), ("carol", "x")] {
        assert_eq!(status(user, password).1.as_deref(), Some("too_many_failures"), "{user}");
    }
}

#[test]
fn many_at_one_time_are_checked_a_few_at_a_time() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, RATES);
    let at_once = |calls: Vec<Vec<u8>>| {
        let gateway = &gateway;
        std::thread::scope(|scope| {
            let all: Vec<_> = calls.iter().map(|call| scope.spawn(move || gateway.call(call))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let same = at_once((0..40).map(|_| twin("own")).collect());
    assert!(same.iter().all(|reply| reply.status == 200), "one is checked, the others wait for it");
    let others =
        at_once((0..40).map(|number| with("own", &basic("alice", &format!("guess {number}")))).collect());
    let codes: Vec<String> = others.iter().filter_map(testkit::Reply::code).collect();
    let of = |code: &str| codes.iter().filter(|one| *one == code).count();
    assert_eq!(of("password_invalid") + of("password_unchecked"), 40, "{codes:?}");
    assert!(of("password_invalid") >= 4, "{codes:?}");
    for reply in others.iter().filter(|reply| reply.status == 503) {
        assert_eq!(reply.head.get("retry-after"), Some("1"));
    }
    assert_eq!(gateway.call(twin("own")).status, 200);
}

#[test]
fn what_would_be_sent_in_clear_or_is_no_hash_is_told_before() {
    let folder = tempfile::tempdir().unwrap();
    let document = |listen: &str, more: &str| {
        format!(
            "version: 1\nlisteners: {{ a: {{ {listen} }} }}\n{TOP}{more}apis:\n  t:\n    contract: ./openapi.yaml\n    \
             upstream: http://127.0.0.1:1\n{}",
            API.lines().map(|line| format!("    {line}\n")).collect::<String>()
        )
    };
    std::fs::write(folder.path().join("openapi.yaml"), CONTRACT).unwrap();
    let check = |document: &str, file: &str| {
        std::fs::write(folder.path().join("yett.yaml"), document).unwrap();
        std::fs::write(folder.path().join("staff.txt"), file).unwrap();
        let output = yett(&["check"], folder.path(), "");
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
    };
    let good = file();
    let open = "bind: \"0.0.0.0:0\", accept: [cleartext]";
    let local = "accept: [local_issuer]\n";
    let said = check(&document(open, local), &good);
    assert!(said.contains("passwords-in-clear") && said.contains("trusted_hops"), "{said}");
    for (listen, more) in [
        (open, "accept: [local_issuer]\ntrusted_hops: [10.0.0.0/8]\n"),
        ("bind: 127.0.0.1:0", ""),
        ("bind: \"unix:a.sock\"", ""),
    ] {
        let said = check(&document(listen, more), &good);
        assert!(!said.contains("passwords-in-clear") && !said.contains("error"), "{said}");
    }
    let near = document("bind: 127.0.0.1:0", "");
    // The line of the reference implementation costs more than the others.
    let even: String =
        good.lines().filter(|line| !line.starts_with("ref:")).map(|line| format!("{line}\n")).collect();
    assert!(check(&near, &good).contains("uneven-users") && !check(&near, &even).contains("uneven-users"));
    for (line, column, why) in [
        ("carol:hunter2hunter2", 7, "no hash of a password"),
        ("carol:$2y$10$abcdefghijklmnopqrstuv", 8, "bcrypt"),
        ("carol", 1, "no `:`"),
        (
            "carol:$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            22,
            "`m`",
        ),
        (REFERENCE, 1, "already"),
    ] {
        let said = check(&near, &format!("{good}{line}\n"));
        let folded: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(folded.contains(&format!("`staff.txt`:7:{column}: ")) && folded.contains(why), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("c29tZXNhbHQ"), "{said}");
    }
    let said =
        check(&near, &good.lines().filter(|line| !line.starts_with("bob")).collect::<Vec<_>>().join("\n"));
    assert!(said.contains("warning") && said.contains("`bob` is let in"), "{said}");
    for (name, password, why) in [
        ("a:b", "long enough", "no name"),
        ("carol", "short", "less than 8"),
        ("carol", "with\ttab in it", "control"),
    ] {
        let output = yett(&["user", "hash", name], folder.path(), &format!("{password}\n"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why) && !said.contains(password), "{said}");
        assert!(output.stdout.is_empty());
    }
}
