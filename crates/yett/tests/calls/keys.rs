//! API keys that are not good, in every place that a contract may name, before the real gateway: 401 or 403 with the right
//! challenge, and nothing of the call reaches the service. Each has a twin that does, without the key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use std::process::Command;

use crate::harness::*;
use testkit::raw::exchange;
use testkit::{Recorder, Reply, until};

const KEYED: &str = r##"openapi: 3.1.0
info: { title: Keyed, version: "1" }
components:
  securitySchemes:
    head: { type: apiKey, in: header, name: X-Api-Key }
    query: { type: apiKey, in: query, name: api_key }
    cookie: { type: apiKey, in: cookie, name: api_key }
    bearer: { type: http, scheme: bearer }
    custom: { type: http, scheme: ApiKey }
    kept: { type: apiKey, in: header, name: X-Kept }
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "t:read": r } } } }
paths:
  /head: { get: { operationId: head, security: [{ head: ["t:read"] }], responses: { "200": { description: ok } } } }
  /write: { get: { operationId: write, security: [{ head: ["t:write"] }], responses: { "200": { description: ok } } } }
  /query: { get: { operationId: query, security: [{ query: [] }], parameters: [{ in: query, name: a, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /cookie: { get: { operationId: cookie, security: [{ cookie: [] }], parameters: [{ in: cookie, name: a, schema: { type: string } }], responses: { "200": { description: ok } } } }
  /bearer: { get: { operationId: bearer, security: [{ bearer: [] }], responses: { "200": { description: ok } } } }
  /custom: { get: { operationId: custom, security: [{ custom: [] }], responses: { "200": { description: ok } } } }
  /kept: { get: { operationId: kept, security: [{ kept: [] }], responses: { "200": { description: ok } } } }
  /either: { get: { operationId: either, security: [{ head: [] }, { query: [] }, { oauth: ["t:read"] }], responses: { "200": { description: ok } } } }
"##;

const API: &str = "authentication:\n  head: { source: applications }\n  query: { source: applications }\n  \
                   cookie: { source: applications }\n  bearer: { source: applications }\n  \
                   custom: { source: applications }\n  kept: { source: applications, forward: true }\n  \
                   oauth: { issuers: [local], audience: t }\n";
const TOP: &str = "issuers: { local: { local: true } }\n\
                   admission: { anonymous: { rate: 60000/min }, failures: { rate: 60000/min } }\n";

fn setup() -> Setup {
    Setup { top: TOP.into(), api: API.into(), contract: KEYED.into(), ..Setup::default() }
}

/// What a command prints; it must succeed.
fn yett(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(arguments)
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn create(gateway: &Gateway, application: &str, more: &[&str]) -> String {
    yett(gateway, &[&["key", "create", application, "--scope", "t:read"], more].concat())
}

fn id(key: &str) -> &str {
    &key[5..17]
}

/// The key with its checksum made good: CRC-32 in six digits of base 62.
fn with_checksum(text: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut crc = u32::MAX;
    for byte in text.as_bytes() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    let mut left = !crc;
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(char::from(DIGITS[left as usize % 62]));
        left /= 62;
    }
    text.to_owned() + &digits.into_iter().rev().collect::<String>()
}

/// A call with a key in the place that an operation reads.
fn with_key(operation: &str, key: &str) -> Vec<u8> {
    match operation {
        "query" => get(&format!("/query?a=1&api_key={key}"), ""),
        "cookie" => get("/cookie", &format!("Cookie: a=1; api_key={key}\r\n")),
        "bearer" => get("/bearer", &format!("Authorization: Bearer {key}\r\n")),
        "custom" => get("/custom", &format!("Authorization: ApiKey {key}\r\n")),
        "kept" => get("/kept", &format!("X-Kept: {key}\r\n")),
        other => get(&format!("/{other}"), &format!("X-Api-Key: {key}\r\n")),
    }
}

/// What the challenge of an operation begins with.
fn challenge_of(operation: &str) -> &'static str {
    match operation {
        "query" => "ApiKey realm=\"t\", in=\"query\", name=\"api_key\"",
        "cookie" => "ApiKey realm=\"t\", in=\"cookie\", name=\"api_key\"",
        "bearer" => "Bearer realm=\"t\"",
        "custom" => "apikey realm=\"t\"",
        "kept" => "ApiKey realm=\"t\", in=\"header\", name=\"x-kept\"",
        _ => "ApiKey realm=\"t\", in=\"header\", name=\"x-api-key\"",
    }
}

/// A hostile call, the operation whose twin is good, and what has to come back.
struct Row {
    name: String,
    hostile: Vec<u8>,
    operation: &'static str,
    expect: (u16, &'static str),
}

fn row(
    name: impl Into<String>,
    hostile: Vec<u8>,
    operation: &'static str,
    expect: (u16, &'static str),
) -> Row {
    Row { name: name.into(), hostile, operation, expect }
}

const INVALID: (u16, &str) = (401, "key_invalid");
const EXPIRED: (u16, &str) = (401, "key_expired");
const MISSING: (u16, &str) = (401, "credential_missing");

/// Every key that is none, in every place.
fn forms(key: &str, foreign: &str) -> Vec<Row> {
    let last = if key.ends_with('0') { "1" } else { "0" };
    let (id, secret) = (&key[..18], &key[18..45]);
    let other = if secret.starts_with('a') { "b" } else { "a" };
    let forged = with_checksum(&format!("{id}{other}{}", &secret[1..]));
    assert_eq!(with_checksum(&key[..45]), key, "the checksum of a good key is the one computed here");
    let shapes: Vec<(&str, String)> = vec![
        ("a wrong checksum", format!("{}{last}", &key[..50])),
        ("truncated", key[..50].into()),
        ("longer", format!("{key}0")),
        ("lower case", key.to_lowercase()),
        ("upper case", key.to_uppercase()),
        ("another prefix", key.replacen("yett_", "yeti_", 1)),
        ("the id alone", key[5..17].into()),
        ("the secret alone", secret.into()),
        ("empty", String::new()),
        ("the right id, a forged secret, a good checksum", forged),
        ("another gateway's key", foreign.into()),
        ("a token", "eyJhbGciOiJub25lIn0.e30.".into()),
        ("far too long", "yett_".to_owned() + &"a".repeat(6_000)),
    ];
    let mut rows = Vec::new();
    for operation in ["head", "query", "cookie", "bearer", "custom", "kept"] {
        for (name, text) in &shapes {
            // A scheme without a credential after it is none (RFC 9110 section 11.4), as for tokens.
            rows.push(row(format!("{operation}: {name}"), with_key(operation, text), operation, INVALID));
        }
    }
    rows
}

/// Keys that are good, and not so in the way in which they come.
fn ways(key: &str, token: &str) -> Vec<Row> {
    let field = format!("X-Api-Key: {key}\r\n");
    let bearer = format!("Authorization: Bearer {key}\r\n");
    vec![
        row("the field doubled", get("/head", &format!("{field}{field}")), "head", INVALID),
        row(
            "the field doubled in another case",
            get("/head", &format!("{field}x-API-key: {key}\r\n")),
            "head",
            INVALID,
        ),
        row("two keys in one field", get("/head", &format!("X-Api-Key: {key}, {key}\r\n")), "head", INVALID),
        row("quoted", get("/head", &format!("X-Api-Key: \"{key}\"\r\n")), "head", INVALID),
        row("not ASCII", get("/head", &format!("X-Api-Key: {}é\r\n", &key[..49])), "head", INVALID),
        row("a full-width letter", get("/head", &format!("X-Api-Key: ｙ{}\r\n", &key[1..])), "head", INVALID),
        row(
            "with a scheme in the field",
            get("/head", &format!("X-Api-Key: Bearer {key}\r\n")),
            "head",
            INVALID,
        ),
        row(
            "the parameter doubled",
            get(&format!("/query?api_key={key}&api_key={key}"), ""),
            "query",
            INVALID,
        ),
        row(
            "doubled in another spelling",
            get(&format!("/query?api_key={key}&api%5Fkey={key}"), ""),
            "query",
            INVALID,
        ),
        row(
            "not ASCII in the query",
            get(&format!("/query?api_key={}%C3%A9", &key[..50]), ""),
            "query",
            INVALID,
        ),
        row("without a value", get("/query?api_key", ""), "query", INVALID),
        row(
            "the cookie doubled",
            get("/cookie", &format!("Cookie: api_key={key}; api_key={key}\r\n")),
            "cookie",
            INVALID,
        ),
        row(
            "in two `Cookie` fields",
            get("/cookie", &format!("Cookie: api_key={key}\r\nCookie: api_key={key}\r\n")),
            "cookie",
            INVALID,
        ),
        row("a quoted cookie", get("/cookie", &format!("Cookie: api_key=\"{key}\"\r\n")), "cookie", INVALID),
        row("`Authorization` doubled", get("/bearer", &format!("{bearer}{bearer}")), "bearer", INVALID),
        row("in two places", get(&format!("/either?api_key={key}"), &field), "either", INVALID),
        row("two different places, one bad", get("/either?api_key=x", &field), "either", INVALID),
        row(
            "a good key and a bad token",
            get("/either", &format!("{field}Authorization: Bearer a.b.c\r\n")),
            "either",
            (401, "token_invalid"),
        ),
        row("a key where tokens belong", get("/either", &bearer), "either", (401, "token_invalid")),
        row("none", get("/head", ""), "head", MISSING),
        row("in the query, not the field", get(&format!("/head?api_key={key}"), ""), "head", MISSING),
        row(
            "in a cookie, not the field",
            get("/head", &format!("Cookie: api_key={key}\r\n")),
            "head",
            MISSING,
        ),
        row("as a bearer token, not the field", get("/head", &bearer), "head", MISSING),
        row("in the field, not the query", get("/query", &field), "query", MISSING),
        row("in the query in another case", get(&format!("/query?API_KEY={key}"), ""), "query", MISSING),
        row("in the field, not `Authorization`", get("/bearer", &field), "bearer", MISSING),
        row("under another scheme", get("/custom", &bearer), "custom", MISSING),
        row(
            "a token beside it that nobody reads",
            get("/head", &format!("{field}Authorization: Bearer {token}\r\n")),
            "head",
            MISSING,
        ),
        row(
            "Basic beside it",
            get("/head", &format!("{field}Authorization: Basic YTpi\r\n")),
            "head",
            MISSING,
        ),
        row(
            "a good token where keys belong",
            get("/head", &format!("Authorization: Bearer {token}\r\n")),
            "head",
            MISSING,
        ),
    ]
}

/// Puts each row and its twin to the gateway.
fn judge_keys(gateway: &Gateway, recorder: &Recorder, key: &str, rows: &[Row]) {
    let mut wrong = Vec::new();
    for Row { name, hostile, operation, expect } in rows {
        let before = recorder.count();
        let reply = exchange(gateway.address, hostile).unwrap_or_else(|| panic!("{name}: no answer"));
        let (status, code) = expect;
        let challenge = reply.head.get("www-authenticate").unwrap_or_default().to_owned();
        let good = reply.status == *status && reply.code().as_deref() == Some(*code);
        // Where several kinds are taken, the challenge is of the kind that came.
        let own = *operation == "either" || challenge.starts_with(challenge_of(operation));
        if !good || challenge.is_empty() || !own {
            wrong.push(format!(
                "{name}: {} {:?} `{challenge}`, expected {expect:?}",
                reply.status,
                reply.code()
            ));
        }
        let twin = gateway.call(with_key(operation, key));
        let reached = recorder.wait_for(before + 1) && recorder.count() == before + 1;
        if twin.status != 200 || !reached {
            wrong.push(format!(
                "{name}: its twin got {} {}, {} reached",
                twin.status,
                twin.text(),
                recorder.count() - before
            ));
        }
        let raw = String::from_utf8_lossy(&recorder.last().raw).into_owned();
        if raw.contains(&key[18..45]) != (*operation == "kept") {
            wrong.push(format!("{name}: the service was sent `{raw}`"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(recorder.faults(), Vec::<String>::new());
}

#[test]
fn what_is_not_one_good_key_is_refused_wherever_it_stands() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&setup(), &recorder.url());
    yett(&gateway, &["app", "create", "shop", "--owner", "me"]);
    let key = create(&gateway, "shop", &[]);
    let foreign = {
        let other = Gateway::with(&setup(), &recorder.url());
        yett(&other, &["app", "create", "shop", "--owner", "me"]);
        create(&other, "shop", &[])
    };
    let rows = [forms(&key, &foreign), ways(&key, &gateway.token("alice", "t:read"))].concat_rows();
    assert_eq!(rows.len(), 108);
    judge_keys(&gateway, &recorder, &key, &rows);
    // What is no request at all never gets as far.
    for hostile in [
        get("/head", &format!("X-Api-Key: {key}\0\r\n")),
        get(&format!("/query?api_key={key}%00"), ""),
        get("/head", &format!("X-Api-Key: yett_{}\r\n", "a".repeat(60_000))),
    ] {
        let count = recorder.count();
        let reply = exchange(gateway.address, &hostile);
        assert!(reply.is_none_or(|reply| [400, 431].contains(&reply.status)));
        assert_eq!(recorder.count(), count);
    }
    secrets_stay(&gateway, &key);
}

/// Rows of several tables as one.
trait Rows {
    fn concat_rows(self) -> Vec<Row>;
}

impl<const N: usize> Rows for [Vec<Row>; N] {
    fn concat_rows(self) -> Vec<Row> {
        self.into_iter().flatten().collect()
    }
}

/// Nothing secret of a key is in the log, on the terminal, or in what a data directory holds.
fn secrets_stay(gateway: &Gateway, key: &str) {
    let secret = &key.as_bytes()[18..45];
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    gateway.log_line(|line| line["status"] == 200);
    assert!(!holds(&std::fs::read(gateway.path("access.log")).unwrap()), "the access log has the key");
    assert!(!holds(gateway.said().as_bytes()), "the terminal shows the key");
    for entry in std::fs::read_dir(gateway.path("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert!(!holds(&std::fs::read(&path).unwrap()), "{} holds the key", path.display());
        }
    }
    assert!(
        !holds(gateway.admin("/metrics").text().as_bytes())
            && !holds(gateway.admin("/ready").text().as_bytes())
    );
}

#[test]
fn a_key_that_was_good_once_is_told_so_and_passes_no_more() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&setup(), &recorder.url());
    for name in ["shop", "off", "gone"] {
        yett(&gateway, &["app", "create", name, "--owner", "me"]);
    }
    let key = create(&gateway, "shop", &[]);
    let made = |application: &str, more: &[&str]| create(&gateway, application, more);
    let (revoked, replaced, fading, short) =
        (made("shop", &[]), made("shop", &[]), made("shop", &[]), made("shop", &["--expires", "1s"]));
    let (off, gone) = (made("off", &[]), made("gone", &[]));
    let call = |key: &str| gateway.call(with_key("head", key));
    for one in [&key, &revoked, &replaced, &fading, &off, &gone] {
        assert_eq!(call(one).status, 200);
    }
    yett(&gateway, &["key", "revoke", id(&revoked)]);
    assert_eq!(call(&revoked).status, 401, "at once");
    let next = yett(&gateway, &["key", "rotate", id(&replaced), "--overlap", "0s"]);
    assert_eq!((call(&replaced).status, call(&next).status), (401, 200));
    let after = yett(&gateway, &["key", "rotate", id(&fading), "--overlap", "2s"]);
    assert_eq!(call(&after).status, 200);
    yett(&gateway, &["app", "suspend", "off"]);
    assert_eq!(call(&off).status, 403, "at once");
    yett(&gateway, &["app", "delete", "gone", "--keys"]);
    for over in [&fading, &short] {
        assert!(until(20, || (call(over).status == 401).then_some(())).is_some(), "its time ends");
    }
    let mut rows = Vec::new();
    for operation in ["head", "query", "cookie", "bearer", "custom", "kept"] {
        for (name, key, expect) in [
            ("revoked", &revoked, INVALID),
            ("replaced", &replaced, EXPIRED),
            ("replaced after an overlap", &fading, EXPIRED),
            ("expired", &short, EXPIRED),
            ("suspended", &off, (403, "application_suspended")),
            ("deleted", &gone, INVALID),
        ] {
            rows.push(row(format!("{operation}: {name}"), with_key(operation, key), operation, expect));
        }
    }
    rows.push(row("a scope that it lacks", with_key("write", &key), "head", (403, "insufficient_scope")));
    judge_keys(&gateway, &recorder, &key, &rows);
    yett(&gateway, &["app", "resume", "off"]);
    assert_eq!(call(&off).status, 200, "at once");
    let reply = call(&key);
    let line = gateway.log_of(&reply);
    assert_eq!(
        (line["issuer"].as_str(), line["application"] == line["subject"]),
        (Some("yett:applications"), true)
    );
    let refused = gateway.log_of(&call(&revoked));
    let detail = refused["verdicts"].to_string();
    assert!(detail.contains(id(&revoked)) && !detail.contains(&revoked[18..45]), "{detail}");
}

#[test]
fn limits_count_an_application_whatever_key_it_calls_with() {
    let recorder = Recorder::start();
    let top = "issuers: { local: { local: true } }\nadmission: { anonymous: { rate: 2/hour } }\n";
    let api = format!("{API}limits: [{{ per: application, rate: 4/hour }}]\n");
    let setup = Setup { top: top.into(), api, contract: KEYED.into(), ..Setup::default() };
    let gateway = Gateway::with(&setup, &recorder.url());
    let status = |reply: Reply| reply.status;
    for name in ["one", "two"] {
        yett(&gateway, &["app", "create", name, "--owner", "me"]);
    }
    let (first, second) = (create(&gateway, "one", &[]), create(&gateway, "one", &[]));
    let other = create(&gateway, "two", &[]);
    // Calls with keys are not anonymous, in whichever place they stand.
    for (operation, key) in [("head", &first), ("query", &second), ("cookie", &first), ("custom", &second)] {
        assert_eq!(status(gateway.call(with_key(operation, key))), 200, "{operation}");
    }
    for key in [&first, &second] {
        let reply = gateway.call(with_key("head", key));
        assert_eq!((reply.status, reply.code().as_deref()), (429, Some("rate_limited")));
    }
    assert_eq!(status(gateway.call(with_key("head", &other))), 200);
    for (expected, reply) in [401, 401, 429].into_iter().zip((0..3).map(|_| gateway.call(get("/head", "")))) {
        assert_eq!(reply.status, expected, "calls without a key are");
    }
}
