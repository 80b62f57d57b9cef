//! Policy decision points of others beside the real binary: policies in Rego, evaluated by rego-cpp, asked as OPA and as a PDP of
//! AuthZEN is, and nginx as a service of `ext_authz`; and such as are dead, slow or lie.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, Fault, Peer, Recorder, Reply, until, until_every};

/// Who may read, and up to how many may be written.
const POLICY: &str = r#"package orders

import rego.v1

default allow := false

allow if {
	input.method == "GET"
	input.template == "/secret"
	input.principal.subject == "alice"
	"things:read" in input.principal.scopes
	input.client.address == "127.0.0.1"
	input.headers["x-flavor"] == ["sweet"]
}

allow if {
	input.operation == "writeSecret"
	input.body.count <= input.principal.claims.limit
}

why := {"allow": allow, "reason": sprintf("not for %s", [input.principal.subject])}
"#;

/// The same as AuthZEN asks it.
const AUTHZEN: &str = r#"package authzen

import rego.v1

default decision := false

decision if {
	input.action.name == "GET"
	input.resource.type == "route"
	input.resource.id == "/public/{id}"
	input.resource.properties.params.id == "7"
	input.subject.type == "anonymous"
}

decision if {
	input.subject.type == "identity"
	input.subject.id == "alice"
	input.resource.properties.operation == "readSecret"
}

context := {"reason_admin": {"en": "not in the policy"}} if not decision
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A PDP with a policy; it is killed when dropped.
struct Pdp {
    _peer: Peer,
    _folder: TempDir,
    url: String,
}

impl Pdp {
    fn start(policy: &str, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.rego");
        std::fs::write(&path, policy).unwrap();
        let mut command = Command::new(root().join(".peers/venv/bin/python"));
        command.arg(root().join("tests/peers/pdp.py")).arg(path);
        command.args(token.iter().flat_map(|token| ["--token", token]));
        let peer = Peer::start(&mut command);
        let about: Value = serde_json::from_str(&peer.about).unwrap();
        let url = about["url"].as_str().unwrap().to_owned();
        Self { _peer: peer, _folder: folder, url }
    }

    /// How many questions came.
    fn asked(&self) -> u64 {
        let address = self.url.strip_prefix("http://").unwrap().parse().unwrap();
        let request = "GET /asked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let reply = testkit::raw::exchange(address, request).unwrap();
        let told: Value = serde_json::from_slice(&reply.body).unwrap();
        told["questions"].as_u64().unwrap()
    }
}

/// A gateway that asks, and the service behind it.
fn gateway(pdp: &str, files: &[(&str, &[u8])]) -> (Gateway, Recorder) {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, "{}"));
    let setup = Setup::api(&format!("pdp: {pdp}"));
    (Gateway::with_files(&setup, &recorder.url(), files), recorder)
}

/// A token with claims beside.
fn token(gateway: &Gateway, subject: &str, claims: &[&str]) -> String {
    let claims = claims.iter().flat_map(|claim| ["--claim", claim]);
    let output = Command::new(env!("CARGO_BIN_EXE_yett"))
        .args(["token", "--subject", subject, "--scope", "things:read things:write"])
        .args(claims)
        .current_dir(gateway.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn read(gateway: &Gateway, token: &str, fields: &str) -> Reply {
    gateway.call(send("GET", "/secret", &format!("Authorization: Bearer {token}\r\n{fields}"), ""))
}

fn write(gateway: &Gateway, token: &str, body: &str) -> Reply {
    let fields = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    gateway.call(send("POST", "/secret", &fields, body))
}

fn told(reply: &Reply) -> (u16, Option<String>) {
    (reply.status, reply.code())
}

fn refused(status: u16, code: &str) -> (u16, Option<String>) {
    (status, Some(code.to_owned()))
}

/// What `pdp` said of a call.
fn verdict(gateway: &Gateway, reply: &Reply) -> Value {
    let line = gateway.log_of(reply);
    let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
    let found = verdicts.into_iter().find(|one| one["control"] == "pdp");
    found.unwrap_or_else(|| panic!("nothing of pdp in {line}"))
}

#[test]
fn a_policy_in_rego_decides_by_what_opa_is_asked() {
    let pdp = Pdp::start(POLICY, Some("s3cret"));
    let section = |rule: &str| {
        format!(
            "{{ protocol: opa, url: \"{}/v1/data/orders/{rule}\", token: \"file:pdp.token\", deadline: 5s, body: json, include: [x-flavor], claims: [limit] }}",
            pdp.url
        )
    };
    let key: &[(&str, &[u8])] = &[("pdp.token", b"s3cret\n")];
    let (gateway, recorder) = gateway(&section("allow"), key);
    let (alice, bob) = (token(&gateway, "alice", &["limit=5"]), token(&gateway, "bob", &["limit=1"]));
    let sweet = "X-Flavor: sweet\r\n";
    assert_eq!(told(&read(&gateway, &alice, sweet)), (200, None));
    assert_eq!(recorder.count(), 1);
    for (who, fields) in [(&bob, sweet), (&alice, ""), (&alice, "X-Flavor: sour\r\n")] {
        assert_eq!(told(&read(&gateway, who, fields)), refused(403, "pdp_denied"), "{fields}");
    }
    for (who, count, good) in [(&alice, 5, true), (&alice, 6, false), (&bob, 1, true), (&bob, 2, false)] {
        let reply = write(&gateway, who, &json!({ "name": "a", "count": count }).to_string());
        assert_eq!(reply.status, if good { 200 } else { 403 }, "{count}: {}", reply.text());
    }
    assert_eq!(recorder.count(), 3, "what is denied does not arrive");
    // What does not get past the contract is not asked about.
    let before = pdp.asked();
    assert_eq!(told(&write(&gateway, &alice, "{\"name\":7}")), refused(400, "body_invalid"));
    assert_eq!(told(&read(&gateway, "no-token", sweet)), refused(401, "token_invalid"));
    assert_eq!(pdp.asked(), before);
    drop(gateway);
    // Reasons stay inside; a rule that is not there denies.
    let (gateway, recorder) = self::gateway(&section("why"), key);
    let bob = token(&gateway, "bob", &[]);
    let reply = read(&gateway, &bob, sweet);
    assert_eq!(told(&reply), refused(403, "pdp_denied"));
    assert!(!reply.text().contains("bob"), "{}", reply.text());
    assert_eq!(verdict(&gateway, &reply)["detail"], "the PDP denies it: not for bob");
    drop(gateway);
    let (gateway, _) = self::gateway(&section("nothing"), key);
    let alice = token(&gateway, "alice", &[]);
    let reply = read(&gateway, &alice, sweet);
    assert_eq!(told(&reply), refused(403, "pdp_denied"));
    assert!(verdict(&gateway, &reply)["detail"].as_str().unwrap().contains("undefined"));
    assert_eq!(recorder.count(), 0);
    drop(gateway);
    // Another token is none.
    let (gateway, _) = self::gateway(&section("allow"), &[("pdp.token", b"other")]);
    let alice = token(&gateway, "alice", &[]);
    assert_eq!(told(&read(&gateway, &alice, sweet)), refused(503, "pdp_unavailable"));
}

#[test]
fn a_policy_in_rego_decides_by_what_authzen_is_asked() {
    let pdp = Pdp::start(AUTHZEN, None);
    let section = format!(
        "{{ protocol: authzen, url: \"{}/access/v1/evaluation\", deadline: 5s, refuse: not_found }}",
        pdp.url
    );
    let (gateway, recorder) = gateway(&section, &[]);
    let public = |id: &str| gateway.call(send("GET", &format!("/public/{id}"), "", ""));
    let (alice, bob) = (token(&gateway, "alice", &[]), token(&gateway, "bob", &[]));
    assert_eq!(told(&public("7")), (200, None));
    assert_eq!(told(&public("8")), refused(404, "pdp_not_found"));
    assert_eq!(told(&read(&gateway, &alice, "")), (200, None));
    let reply = read(&gateway, &bob, "");
    assert_eq!(told(&reply), refused(404, "pdp_not_found"));
    assert!(verdict(&gateway, &reply)["detail"].as_str().unwrap().contains("not in the policy"));
    assert_eq!(recorder.count(), 2);
}

/// nginx as a service of `ext_authz`; it is killed when dropped.
struct Nginx {
    child: Child,
    _folder: TempDir,
    port: u16,
}

impl Nginx {
    /// It takes no port 0: a free one is looked for, and another when somebody else was faster.
    fn start() -> Self {
        (0..5).find_map(|_| Self::try_start()).expect("nginx listens on one of five free ports")
    }

    fn try_start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String =
            temporary.iter().map(|name| format!("{name}_temp_path {};\n", at(name))).collect();
        let settings = format!(
            "daemon off; master_process off; pid {}; error_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
             server {{\nlisten 127.0.0.1:{port};\nadd_header X-Plan gold;\nadd_header X-Secret no;\n\
             location /check/public/ {{ return 404; }}\n\
             location = /check/secret {{\n  if ($http_authorization) {{ return 500; }}\n  if ($http_yett_subject = alice) {{ return 200; }}\n\
             if ($arg_q) {{ return 302 /login; }}\n  return 401;\n}}\nlocation / {{ return 503; }}\n}}\n}}\n",
            at("pid")
        );
        std::fs::write(at("nginx.conf"), settings).unwrap();
        let mut child = Command::new("/usr/sbin/nginx")
            .args(["-c", &at("nginx.conf"), "-p", &at(""), "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`nginx` is not there: run `tests/peers/setup debian`");
        let up = until(10, || match child.try_wait() {
            Ok(None) => TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true),
            _ => Some(false),
        });
        if up == Some(true) {
            return Some(Self { child, _folder: folder, port });
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn nginx_decides_as_a_service_of_ext_authz() {
    let nginx = Nginx::start();
    let section = format!(
        "{{ protocol: ext_authz, url: \"http://127.0.0.1:{}/check\", deadline: 5s, refuse: as_told, headers: [x-plan] }}",
        nginx.port
    );
    let (gateway, recorder) = gateway(&section, &[]);
    let (alice, bob) = (token(&gateway, "alice", &[]), token(&gateway, "bob", &[]));
    // What a client says of itself, in the place of what the gateway and the service say.
    let spoofed = "X-Plan: platinum\r\nYett-Subject: alice\r\n";
    assert_eq!(told(&read(&gateway, &alice, spoofed)), (200, None));
    let arrived = recorder.last();
    assert_eq!(arrived.head.get("x-plan"), Some("gold"), "{:?}", arrived.head);
    assert_eq!((arrived.head.get("yett-subject"), arrived.head.get("x-secret")), (None, None));
    assert_eq!(told(&read(&gateway, &bob, spoofed)), refused(403, "pdp_denied"));
    let public = gateway.call(send("GET", "/public/7", "", ""));
    assert_eq!(told(&public), refused(404, "pdp_not_found"));
    // A service that is not there for it.
    let things = gateway.call(send("GET", "/things", "", ""));
    assert_eq!(told(&things), refused(503, "pdp_unavailable"));
    assert_eq!(recorder.count(), 1);
}

/// A call that is another one each time, so that nothing remembered stands in the way.
struct Caller<'g> {
    gateway: &'g Gateway,
    calls: usize,
}

impl Caller<'_> {
    fn call(&mut self) -> Reply {
        self.calls += 1;
        self.gateway.call(send("GET", &format!("/things?q={}", self.calls), "", ""))
    }
}

/// A PDP of ours that says what it is told to.
fn asking(more: &str) -> (Gateway, Recorder, Recorder) {
    let pdp = Recorder::start();
    pdp.answer(Answer::json(200, "{\"result\":true}"));
    let section = format!("{{ protocol: opa, url: \"{}/v1/data/t/allow\"{more} }}", pdp.url());
    let (gateway, recorder) = gateway(&section, &[]);
    (gateway, recorder, pdp)
}

#[test]
fn threat_19_what_a_pdp_does_not_decide_does_not_pass() {
    let (gateway, recorder, pdp) = asking(", deadline: 500ms");
    let mut caller = Caller { gateway: &gateway, calls: 0 };
    let good = || Answer::json(200, "{\"result\":true}");
    let with = |status: u16| Answer { status, ..good() };
    let plain = |media: &str| Answer {
        status: 200,
        headers: vec![("content-type".into(), media.into())],
        body: b"{\"result\":true}".to_vec(),
        fault: Fault::None,
    };
    let rows: Vec<(&str, Answer)> = vec![
        ("reset", good().fault(Fault::Reset(0))),
        ("closed", good().fault(Fault::Close(0))),
        ("closed in the head", good().fault(Fault::Close(20))),
        ("silent", good().fault(Fault::Stall(0))),
        ("silent in the body", good().fault(Fault::Stall(80))),
        ("slow", good().fault(Fault::Slow(Duration::from_millis(50)))),
        ("more than is said", good().fault(Fault::Claim(4))),
        ("less than is said", good().fault(Fault::Claim(4_000))),
        ("garbage", good().fault(Fault::Garbage(b"\x16\x03\x01\x02\0".to_vec()))),
        ("broken", with(500)),
        ("a redirect to a permission", with(307).header("location", "/v1/data/t/other")),
        ("no content", with(204)),
        ("a page", plain("text/html")),
        ("long", Answer::json(200, format!("{{\"result\":true,\"x\":\"{}\"}}", "x".repeat(20_000)))),
        ("no JSON", Answer::json(200, "true")),
        ("a word", Answer::json(200, "{\"result\":\"true\"}")),
        ("twice", Answer::json(200, "{\"result\":false,\"result\":true}")),
    ];
    let mut passed = 0;
    for (name, answer) in rows {
        pdp.answer(answer);
        let reply = caller.call();
        // Of one that says more than its length, what is within that is no JSON.
        assert_eq!(told(&reply), refused(503, "pdp_unavailable"), "{name}: {}", reply.text());
        assert_eq!(reply.head.get("retry-after"), Some("1"), "{name}");
        let said = verdict(&gateway, &reply);
        assert!(said["detail"].as_str().is_some_and(|detail| detail.len() < 400), "{name}: {said}");
        pdp.answer(good());
        assert_eq!(told(&caller.call()), (200, None), "twin of {name}");
        passed += 1;
        assert_eq!(recorder.count(), passed, "{name}");
    }
    assert!(pdp.calls().iter().all(|call| call.target() == "/v1/data/t/allow"), "redirects are not followed");
}

#[test]
fn a_dead_pdp_is_left_alone_and_found_again() {
    let (gateway, recorder, pdp) = asking(", deadline: 500ms");
    let mut caller = Caller { gateway: &gateway, calls: 0 };
    pdp.answer(Answer::json(200, "{}").fault(Fault::Reset(0)));
    for _ in 0..20 {
        assert_eq!(told(&caller.call()), refused(503, "pdp_unavailable"));
    }
    assert!(pdp.count() <= 6, "after five failures it is left alone: {}", pdp.count());
    pdp.answer(Answer::json(200, "{\"result\":true}"));
    assert_eq!(recorder.count(), 0);
    let pause = Duration::from_millis(250);
    let back = until_every(pause, 75, || (caller.call().status == 200).then_some(()));
    assert!(back.is_some(), "it is back, and calls are still refused");
    for _ in 0..3 {
        assert_eq!(told(&caller.call()), (200, None));
    }
}

#[test]
fn what_fails_open_and_what_is_in_shadow_is_kept() {
    let (gateway, recorder, pdp) = asking(", deadline: 500ms, on_error: allow");
    let mut caller = Caller { gateway: &gateway, calls: 0 };
    pdp.answer(Answer::json(500, "{}"));
    let reply = caller.call();
    assert_eq!((reply.status, recorder.count()), (200, 1));
    let said = verdict(&gateway, &reply);
    assert_eq!(said["outcome"], "note");
    assert!(said["detail"].as_str().unwrap().starts_with("not decided by"), "{said}");
    pdp.answer(Answer::json(200, "{\"result\":false}"));
    assert_eq!(told(&caller.call()), refused(403, "pdp_denied"));
    drop(gateway);
    let (gateway, recorder, pdp) = asking(", mode: shadow");
    pdp.answer(Answer::json(200, "{\"result\":false}"));
    let reply = Caller { gateway: &gateway, calls: 0 }.call();
    assert_eq!((reply.status, recorder.count()), (200, 1));
    let said = verdict(&gateway, &reply);
    assert_eq!((said["mode"].as_str(), said["code"].as_str()), (Some("shadow"), Some("pdp_denied")));
}

#[test]
fn an_answer_counts_for_those_of_whom_the_same_is_told() {
    let (gateway, recorder, pdp) = asking(", max_age: 5m, deadline: 5s");
    let call = |target: &str| gateway.call(send("GET", target, "", "")).status;
    for _ in 0..5 {
        assert_eq!(call("/things?q=1"), 200);
    }
    assert_eq!((pdp.count(), recorder.count()), (1, 5));
    pdp.answer(Answer::json(200, "{\"result\":false}"));
    assert_eq!((call("/things?q=2"), call("/things?q=1"), call("/public/7")), (403, 200, 403));
    let (alice, bob) = (gateway.token("alice", "things:read"), gateway.token("bob", "things:read"));
    pdp.answer(Answer::json(200, "{\"result\":true}"));
    let before = pdp.count();
    assert_eq!(read(&gateway, &alice, "").status, 200);
    assert_eq!(read(&gateway, &alice, "").status, 200);
    assert_eq!(pdp.count(), before + 1);
    pdp.answer(Answer::json(200, "{\"result\":false}"));
    assert_eq!(read(&gateway, &bob, "").status, 403, "one caller's permission is not another's");
    assert_eq!(read(&gateway, &alice, "").status, 200);
}
