//! Services of Envoy's `ext_authz` over gRPC beside the real binary: policies in Rego behind Google's gRPC and Envoy's messages, which
//! Envoy itself asks as well; and such as are dead, slow or lie.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::harness::*;
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, Peer, Recorder, Reply, until};
use tokio::io::AsyncWriteExt;

/// Who may do what, as OPA's plugin for Envoy has it.
const POLICY: &str = r#"package envoy.authz

import rego.v1

default result := false

http := input.attributes.request.http

own := input.attributes.contextExtensions

result := {"allowed": true, "headers": {"x-plan": "gold", "x-secret": "no"}} if {
	http.method == "GET"
	http.path == "/secret"
	own["yett-operation"] == "readSecret"
	own["yett-subject"] == "alice"
	own["yett-scopes"] == "things:read things:write"
	input.attributes.source.address.socketAddress.address == "127.0.0.1"
	http.headers["x-flavor"] == "sweet"
}

result := {"allowed": false, "http_status": 404, "message": sprintf("not for %s", [own["yett-subject"]])} if {
	http.path == "/secret"
	own["yett-subject"] == "bob"
}

result if {
	http.method == "POST"
	own["yett-operation"] == "writeSecret"
	json.unmarshal(http.body).count <= 5
}

result := {"allowed": true, "delay": 2} if http.path == "/public/slow"
"#;

/// What Envoy and the gateway ask alike: the call itself.
const ALIKE: &str = r#"package envoy.authz

import rego.v1

default result := false

http := input.attributes.request.http

result := {"allowed": true, "headers": {"x-plan": "gold"}} if {
	http.method == "GET"
	http.path == "/public/7"
	http.headers["x-flavor"] == "sweet"
	http.scheme == "http"
	http.protocol == "HTTP/1.1"
}

result := {"allowed": false, "http_status": 404} if http.path == "/public/8"

result := {"allowed": false, "http_status": 418, "body": "no"} if http.path == "/public/9"

result := {"allowed": true, "headers": {"x-plan": "a"}, "request_headers_to_remove": ["x-plan"]} if http.path == "/things?q=remove"

result := {"allowed": true} if http.path == "/things?q=plain"

result := {"abort": 14} if http.path == "/things?q=unavailable"

result := {"abort": 7} if http.path == "/things?q=denied"

result := {"raw": "/////w=="} if http.path == "/things?q=garbage"
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A service with a policy; it is killed when dropped.
struct Service {
    _peer: Peer,
    folder: TempDir,
    url: String,
    asked: String,
}

impl Service {
    fn start(policy: &str, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.rego");
        std::fs::write(&path, policy).unwrap();
        let mut command = Command::new(root().join(".peers/venv/bin/python"));
        command.arg(root().join("tests/peers/ext_authz.py")).arg(path);
        command.args(token.iter().flat_map(|token| ["--token", token]));
        let peer = Peer::start(&mut command);
        let about: Value = serde_json::from_str(&peer.about).unwrap();
        let text = |name: &str| about[name].as_str().unwrap().to_owned();
        Self { url: text("url"), asked: text("asked"), _peer: peer, folder }
    }

    /// How many questions came, and the last of them.
    fn asked(&self) -> Value {
        let (address, _) = self.asked.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let request = "GET /asked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let reply = testkit::raw::exchange(address.parse().unwrap(), request).unwrap();
        serde_json::from_slice(&reply.body).unwrap()
    }
}

/// A gateway that asks, and the service behind it.
fn gateway(url: &str, more: &str, files: &[(&str, &[u8])]) -> (Gateway, Recorder) {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, "{}"));
    let setup = Setup::api(&format!("pdp: {{ protocol: ext_authz_grpc, url: \"{url}\"{more} }}"));
    (Gateway::with_files(&setup, &recorder.url(), files), recorder)
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
fn a_policy_in_rego_decides_by_what_a_service_is_asked_over_grpc() {
    let service = Service::start(POLICY, Some("s3cret"));
    let more = ", token: \"file:pdp.token\", deadline: 1s, body: json, include: [x-flavor], headers: [x-plan], refuse: as_told";
    let (gateway, recorder) = gateway(&service.url, more, &[("pdp.token", b"s3cret\n")]);
    let both = "things:read things:write";
    let (alice, bob, carol) =
        (gateway.token("alice", both), gateway.token("bob", both), gateway.token("carol", both));
    let read = |token: &str, fields: &str| {
        gateway.call(send("GET", "/secret", &format!("Authorization: Bearer {token}\r\n{fields}"), ""))
    };
    // What a client says of itself, in the place of what the gateway and the service say.
    let spoofed = "X-Flavor: sweet\r\nX-Plan: platinum\r\nX_Plan: platinum\r\nYett-Subject: alice\r\n";
    assert_eq!(told(&read(&alice, spoofed)), (200, None));
    let arrived = recorder.last();
    assert_eq!(arrived.head.get("x-plan"), Some("gold"), "{:?}", arrived.head);
    for absent in ["x_plan", "x-secret", "yett-subject"] {
        assert_eq!(arrived.head.get(absent), None, "{absent}");
    }
    let asked = service.asked();
    assert_eq!(asked["last"]["attributes"]["contextExtensions"]["yett-template"], "/secret", "{asked}");
    assert_eq!(asked["metadata"]["authorization"], "Bearer s3cret");
    for secret in [alice.as_str(), "platinum"] {
        assert!(!asked["last"].to_string().contains(secret), "{asked}");
    }
    let reply = read(&bob, spoofed);
    assert_eq!(told(&reply), refused(404, "pdp_not_found"));
    assert!(!reply.text().contains("bob"), "{}", reply.text());
    assert_eq!(verdict(&gateway, &reply)["detail"], "the PDP denies it: not for bob");
    for (who, fields) in [(&carol, spoofed), (&alice, "X-Flavor: sour\r\n"), (&alice, "")] {
        assert_eq!(told(&read(who, fields)), refused(403, "pdp_denied"), "{fields}");
    }
    assert_eq!(recorder.count(), 1, "what is denied does not arrive");
    for (count, status) in [(5, 200), (6, 403)] {
        let fields = format!("Authorization: Bearer {carol}\r\nContent-Type: application/json\r\n");
        let body = json!({ "name": "é", "count": count }).to_string();
        let reply = gateway.call(send("POST", "/secret", &fields, &body));
        assert_eq!(reply.status, status, "{count}: {}", reply.text());
    }
    assert_eq!(recorder.count(), 2);
    // What takes longer than its deadline.
    let slow = gateway.call(send("GET", "/public/slow", "", ""));
    assert_eq!(told(&slow), refused(503, "pdp_unavailable"));
    drop(gateway);
    let (gateway, recorder) = self::gateway(&service.url, ", deadline: 5s", &[]);
    let slow = gateway.call(send("GET", "/public/slow", "", ""));
    assert_eq!(told(&slow), refused(503, "pdp_unavailable"), "without its token it is not answered");
    assert_eq!(recorder.count(), 0);
    drop(gateway);
    let (gateway, recorder) =
        self::gateway(&service.url, ", deadline: 5s, token: \"file:pdp.token\"", &[("pdp.token", b"s3cret")]);
    assert_eq!(
        told(&gateway.call(send("GET", "/public/slow", "", ""))),
        (200, None),
        "its twin has the time"
    );
    assert_eq!(recorder.count(), 1);
    assert!(service.folder.path().is_dir());
}

/// Envoy, which asks the same service; it is killed when dropped.
struct Envoy {
    child: Child,
    _folder: TempDir,
    address: SocketAddr,
}

impl Envoy {
    fn start(service: &str, upstream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("envoy.json"), bootstrap(service, upstream).to_string()).unwrap();
        let child = Command::new(root().join(".peers/venv/bin/envoy"))
            .args(["--concurrency", "1", "-l", "error", "--use-dynamic-base-id", "-c"])
            .arg(at("envoy.json"))
            .arg("--admin-address-path")
            .arg(at("admin"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`envoy` is not there: run `tests/peers/setup python`");
        let mut envoy = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), _folder: folder };
        let path = envoy._folder.path().join("admin");
        let found = until(30, || {
            let admin: SocketAddr = std::fs::read_to_string(&path).ok()?.trim().parse().ok()?;
            let request = "GET /listeners HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let reply = testkit::raw::exchange(admin, request)?;
            reply.text().lines().find_map(|line| line.strip_prefix("main::")?.trim().parse().ok())
        });
        envoy.address = found.expect("Envoy listens");
        envoy
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway of Envoy's that asks the service about each call.
fn bootstrap(service: &str, upstream: &str) -> Value {
    let filters = "type.googleapis.com/envoy.extensions.filters";
    let address = |url: &str| {
        let (host, port) = url.strip_prefix("http://").unwrap().split_once(':').unwrap();
        let port: u16 = port.parse().unwrap();
        json!({ "socket_address": { "address": host, "port_value": port } })
    };
    let cluster = |name: &str, url: &str, more: Value| {
        let endpoint = json!({ "endpoint": { "address": address(url) } });
        let mut cluster = json!({
            "name": name, "type": "STATIC", "connect_timeout": "2s",
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] }
        });
        cluster.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cluster
    };
    let two = json!({ "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} }
    } } });
    let asks = json!({ "name": "envoy.filters.http.ext_authz", "typed_config": {
        "@type": format!("{filters}.http.ext_authz.v3.ExtAuthz"), "transport_api_version": "V3",
        "grpc_service": { "envoy_grpc": { "cluster_name": "authz" }, "timeout": "5s" },
        "failure_mode_allow": false, "status_on_error": { "code": "ServiceUnavailable" }
    } });
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": {
        "@type": format!("{filters}.http.router.v3.Router")
    } });
    let route = json!({ "match": { "prefix": "/" }, "route": { "cluster": "up" } });
    let manager = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": {
        "@type": format!("{filters}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "in", "http_filters": [asks, router],
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] }
    } });
    json!({
        "node": { "id": "test", "cluster": "test" },
        "admin": { "address": address("http://127.0.0.1:0") },
        "static_resources": {
            "listeners": [{
                "name": "main", "address": address("http://127.0.0.1:0"), "filter_chains": [{ "filters": [manager] }]
            }],
            "clusters": [cluster("up", upstream, json!({})), cluster("authz", service, two)]
        }
    })
}

#[test]
fn envoy_and_the_gateway_decide_alike_by_one_service() {
    let service = Service::start(ALIKE, None);
    let more = ", deadline: 5s, include: [x-flavor], headers: [x-plan], refuse: as_told";
    let (gateway, recorder) = gateway(&service.url, more, &[]);
    let envoy = Envoy::start(&service.url, &recorder.url());
    // A status of Envoy's that is another here: what a service writes to callers stays inside.
    for (name, target, flavor, plan, by_envoy, here) in [
        ("allowed", "/public/7", "sweet", Some("gold"), 200, 200),
        ("another field", "/public/7", "sour", None, 403, 403),
        ("no such thing", "/public/8", "sweet", None, 404, 404),
        ("another status", "/public/9", "sweet", None, 418, 403),
        ("undefined", "/public/10", "sweet", None, 403, 403),
        ("a field is removed", "/things?q=remove", "sweet", None, 200, 200),
        ("unavailable", "/things?q=unavailable", "sweet", None, 503, 503),
        ("denied as a method", "/things?q=denied", "sweet", None, 503, 503),
        ("garbage", "/things?q=garbage", "sweet", None, 503, 503),
        ("allowed again", "/public/7", "sweet", Some("gold"), 200, 200),
    ] {
        let call = send("GET", target, &format!("X-Flavor: {flavor}\r\nX-Plan: platinum\r\n"), "");
        for (who, address, status) in [("envoy", envoy.address, by_envoy), ("here", gateway.address, here)] {
            let before = recorder.count();
            let reply = testkit::raw::exchange(address, &call).unwrap_or_else(|| panic!("{name}: {who}"));
            assert_eq!(reply.status, status, "{name}: {who}: {}", reply.text());
            assert_eq!(recorder.count() - before, usize::from(status == 200), "{name}: {who}");
            if status == 200 {
                assert_eq!(recorder.last().head.get("x-plan"), plan, "{name}: {who}");
            }
        }
    }
    // What no service says of it: Envoy keeps what the client sent under a name that is the service's here.
    let plain = send("GET", "/things?q=plain", "X-Plan: platinum\r\n", "");
    assert_eq!(gateway.call(&plain).status, 200);
    assert_eq!(recorder.last().head.get("x-plan"), None);
}

/// What a service of ours does with a call, frame by frame.
#[derive(Debug, Clone)]
struct Act {
    /// These bytes in the place of HTTP/2, and the connection ends.
    raw: Option<&'static [u8]>,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    end: End,
}

#[derive(Debug, Clone)]
enum End {
    Trailers(Vec<(&'static str, &'static str)>),
    Bare,
    Reset(Reason),
    Stall,
}

/// A message that allows: a status that is OK.
const ALLOWS: &[u8] = &[0x0a, 0x00];

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

impl Act {
    fn says(message: &[u8]) -> Self {
        Self {
            raw: None,
            status: 200,
            headers: vec![("content-type", "application/grpc".into())],
            body: framed(message),
            end: End::Trailers(vec![("grpc-status", "0")]),
        }
    }

    fn good() -> Self {
        Self::says(ALLOWS)
    }
}

/// Serves acts until the process ends.
fn liar() -> (String, Arc<Mutex<Act>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let act = Arc::new(Mutex::new(Act::good()));
    let told = Arc::clone(&act);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let act = told.lock().unwrap().clone();
                tokio::spawn(serve(stream, act));
            }
        });
    });
    (url, act)
}

async fn serve(mut stream: tokio::net::TcpStream, act: Act) {
    if let Some(raw) = act.raw {
        let _ = stream.write_all(raw).await;
        return;
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/envoy.service.auth.v3.Authorization/Check");
        tokio::spawn(answer(request.into_body(), respond, act.clone()));
    }
}

async fn answer(mut body: h2::RecvStream, mut respond: h2::server::SendResponse<Bytes>, act: Act) {
    while let Some(Ok(bytes)) = body.data().await {
        let _ = body.flow_control().release_capacity(bytes.len());
    }
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(act.status).unwrap();
    for (name, value) in &act.headers {
        head.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    let Ok(mut stream) = respond.send_response(head, false) else { return };
    let _ = stream.send_data(act.body.into(), matches!(act.end, End::Bare));
    match act.end {
        End::Trailers(fields) => {
            let field = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            let _ = stream.send_trailers(HeaderMap::from_iter(fields.into_iter().map(field)));
        }
        End::Bare => {}
        End::Reset(reason) => stream.send_reset(reason),
        End::Stall => std::future::pending().await,
    }
}

/// Each way in which a service says nothing, or nothing that can be believed.
fn lies() -> Vec<(&'static str, Act)> {
    let good = Act::good;
    let end = |end: End| Act { end, ..good() };
    let trailers = |fields: &[(&'static str, &'static str)]| end(End::Trailers(fields.to_vec()));
    let body = |body: Vec<u8>| Act { body, ..good() };
    let raw = |raw: &'static [u8]| Act { raw: Some(raw), ..good() };
    let with = |name: &'static str, value: String| {
        let mut act = good();
        act.headers.push((name, value));
        act
    };
    let half = framed(ALLOWS)[..6].to_vec();
    vec![
        ("closed", raw(b"")),
        ("another protocol", raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")),
        ("garbage in the place of frames", raw(b"\x16\x03\x01\x02\0\x01\0\0\0\0\0")),
        ("broken", Act { status: 500, ..good() }),
        ("busy", Act { status: 503, ..good() }),
        ("no such method", Act { status: 404, ..good() }),
        ("a redirect", Act { status: 307, ..good() }),
        ("a page", Act { headers: vec![("content-type", "text/html".into())], ..good() }),
        ("no trailers", end(End::Bare)),
        ("trailers that say nothing", trailers(&[("x-status", "0")])),
        ("unavailable", trailers(&[("grpc-status", "14"), ("grpc-message", "later")])),
        ("internal", trailers(&[("grpc-status", "13")])),
        ("denied as a method", trailers(&[("grpc-status", "7")])),
        ("two statuses", trailers(&[("grpc-status", "0"), ("grpc-status", "0")])),
        ("taken back", end(End::Reset(Reason::INTERNAL_ERROR))),
        ("taken back without an error", end(End::Reset(Reason::NO_ERROR))),
        ("silent after its message", end(End::Stall)),
        ("half a message", body(half.clone())),
        ("silent after half a message", Act { end: End::Stall, ..body(half) }),
        ("nothing", body(Vec::new())),
        ("two messages", body([framed(ALLOWS), framed(ALLOWS)].concat())),
        ("less than is said", body(b"\0\0\0\0\x09\x0a\0".to_vec())),
        ("more than is said", body(b"\0\0\0\0\x02\x0a\0\x0a\0".to_vec())),
        ("compressed", body(b"\x01\0\0\0\x02\x0a\0".to_vec())),
        ("in another coding", with("grpc-encoding", "gzip".into())),
        ("long", body(framed(&[ALLOWS, &b"\x22\xa0\x9c\x01"[..], &[0; 20_000]].concat()))),
        ("long in the head", with("x-long", "x".repeat(40_000))),
        ("no message of protobuf", Act::says(b"\xff\xff\xff\xff")),
        ("JSON", Act::says(b"{\"status\":{\"code\":0}}")),
        ("an empty message", Act::says(b"")),
        ("a response without a status", Act::says(b"\x1a\0")),
        ("OK that denies", Act::says(b"\x0a\0\x12\x05\x0a\x03\x08\x93\x03")),
    ]
}

#[test]
fn threat_19_what_a_service_over_grpc_does_not_decide_does_not_pass() {
    let (url, act) = liar();
    let (gateway, recorder) = gateway(&url, ", deadline: 500ms", &[]);
    let mut calls = 0;
    // A call that is another one each time, so that nothing remembered stands in the way.
    let mut call = || {
        calls += 1;
        gateway.call(send("GET", &format!("/things?q={calls}"), "", ""))
    };
    for (number, (name, lie)) in lies().into_iter().enumerate() {
        *act.lock().unwrap() = lie;
        let reply = call();
        assert_eq!(told(&reply), refused(503, "pdp_unavailable"), "{name}: {}", reply.text());
        assert_eq!(reply.head.get("retry-after"), Some("1"), "{name}");
        let said = verdict(&gateway, &reply);
        assert!(said["detail"].as_str().is_some_and(|detail| detail.len() < 400), "{name}: {said}");
        *act.lock().unwrap() = Act::good();
        assert_eq!(told(&call()), (200, None), "twin of {name}");
        assert_eq!(recorder.count(), number + 1, "{name}");
    }
}

#[test]
fn a_service_that_is_gone_passes_calls_only_where_that_is_written() {
    let (url, act) = liar();
    let (gateway, recorder) = gateway(&url, ", deadline: 500ms, on_error: allow", &[]);
    let call = |number: usize| gateway.call(send("GET", &format!("/things?q={number}"), "", ""));
    *act.lock().unwrap() = Act { raw: Some(b""), ..Act::good() };
    let reply = call(1);
    assert_eq!((reply.status, recorder.count()), (200, 1));
    let said = verdict(&gateway, &reply);
    assert_eq!(said["outcome"], "note");
    assert!(said["detail"].as_str().unwrap().starts_with("not decided by"), "{said}");
    // What it says and is no answer may have been a denial.
    for (number, message) in [(2, &b"\xff"[..]), (3, b"")] {
        *act.lock().unwrap() = Act::says(message);
        assert_eq!(told(&call(number)), refused(503, "pdp_unavailable"));
    }
    *act.lock().unwrap() = Act::says(b"\x0a\x02\x08\x07");
    assert_eq!(told(&call(4)), refused(403, "pdp_denied"));
    *act.lock().unwrap() = Act::good();
    assert_eq!(told(&call(5)), (200, None));
    assert_eq!(recorder.count(), 2);
}
