//! Calls that the gateway signs on their way to services: PyPI's `http-message-signatures` verifies them under keys by `openssl`, and takes
//! none that somebody changed behind the gateway.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Gateway, House, text};
use crate::signing::{ALGORITHMS, client, make_key, outcome, start};
use serde_json::{Map, Value, json};
use testkit::raw::exchange;
use testkit::{Answer, Recorded, Recorder};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
security: []
paths:
  /notes:
    get:
      operationId: listNotes
      parameters: [{ name: q, in: query, schema: { type: string } }]
      responses: { "200": { description: ok } }
    post:
      operationId: addNote
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, required: [text], properties: { text: { type: string } } } } }
      responses: { "200": { description: ok } }
"##;

/// What is covered of every call.
const ALWAYS: [&str; 5] = ["@method", "@authority", "@path", "@query", "forwarded"];

/// An API and an upstream for each algorithm, all with the one service behind them.
fn start_all(house: &House, service: &Recorder) -> Gateway {
    house.write("openapi.yaml", CONTRACT);
    let (mut upstreams, mut apis) = (String::new(), String::new());
    for (name, made_by) in ALGORITHMS {
        make_key(house, name, made_by);
        let named = name.starts_with("rsa") || made_by.is_empty();
        let algorithm = if named { format!(", algorithm: {name}") } else { String::new() };
        upstreams.push_str(&format!(
            "  {name}: {{ url: \"{}\", headers: {{ set: {{ x-gateway: yett }} }}, \
             sign: {{ key: \"file:{name}.key\", keyid: {name}, tag: gateway, components: [x-gateway]{algorithm} }} }}\n",
            service.url()
        ));
        apis.push_str(&format!(
            "  {name}: {{ contract: ./openapi.yaml, base_path: /{name}, upstream: {name} }}\n"
        ));
    }
    house.write(
        "yett.yaml",
        &format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\nupstreams:\n{upstreams}apis:\n{apis}"
        ),
    );
    Gateway::start(house)
}

/// A call as the service got it, to be judged: what it was signed by, and what has to be covered.
fn came(recorded: &Recorded, key: &str, require: &[&str]) -> Value {
    let host = recorded.head.get("host").unwrap();
    let body: String = recorded.body.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "key": key, "method": recorded.method(), "url": format!("http://{host}{}", recorded.target()),
        "fields": recorded.head.fields, "body": body, "tag": "gateway", "require": require,
    })
}

/// What another implementation makes of calls.
fn judged(house: &House, calls: &[Value]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let keys = ALGORITHMS.map(|(name, made_by)| {
        let end = if made_by.is_empty() { "key" } else { "pem" };
        let file = house.path(&format!("{name}.{end}")).to_str().unwrap().to_owned();
        (name.to_owned(), json!({ "alg": name, "file": file }))
    });
    let plan = json!({ "keys": Map::from_iter(keys), "calls": calls }).to_string();
    let mut child = Command::new(root.join(".peers/venv/bin/python"))
        .arg(root.join("tests/peers/verified.py"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(plan.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sends a call with these lines of fields, and gives it as the service got it.
fn send(gateway: &Gateway, service: &Recorder, start: &str, fields: &[&str], body: &str) -> Recorded {
    let before = service.count();
    let mut request = format!("{start} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", gateway.url);
    fields.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
    if !body.is_empty() {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    let reply = exchange(gateway.url.parse().unwrap(), format!("{request}\r\n{body}")).unwrap();
    assert_eq!(reply.status, 200, "{start}: {}", reply.text());
    assert_eq!(service.count(), before + 1);
    service.last()
}

#[test]
fn a_service_knows_that_a_call_came_through_the_gateway() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let gateway = start_all(&house, &service);
    // Longer than what is digested on the core.
    let long = json!({ "text": "x".repeat(300_000) }).to_string();
    let mut calls = Vec::new();
    for (name, _) in ALGORITHMS {
        let get = format!("GET /{name}/notes?q=a%20b");
        let post = format!("POST /{name}/notes");
        let plain = send(&gateway, &service, &get, &[], "");
        calls.push(came(&plain, name, &ALWAYS));
        assert!(plain.head.get("content-digest").is_none());
        let token = send(&gateway, &service, &get, &["authorization: Bearer x", "cookie: a=b"], "");
        calls.push(came(&token, name, &[&ALWAYS[..], &["authorization", "x-gateway"]].concat()));
        for body in ["{\"text\": \"buy bread\"}", &long] {
            let posted = send(&gateway, &service, &post, &[], body);
            calls.push(came(&posted, name, &[&ALWAYS[..], &["content-digest", "content-type"]].concat()));
        }
    }
    let mut nonces = Vec::new();
    for (call, found) in calls.iter().zip(judged(&house, &calls)) {
        assert_eq!(found["good"], true, "{} {}: {found}", call["key"], call["url"]);
        let parameters = &found["parameters"];
        assert_eq!((&found["label"], &parameters["keyid"]), (&json!("yett"), &call["key"]), "{found}");
        let lasts = parameters["expires"].as_u64().unwrap() - parameters["created"].as_u64().unwrap();
        assert_eq!(lasts, 60);
        nonces.push(parameters["nonce"].as_str().unwrap().to_owned());
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), calls.len(), "each call has a nonce of its own");
}

#[test]
fn what_a_client_says_of_signatures_does_not_pass_for_the_gateways() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let gateway = start_all(&house, &service);
    let forged = [
        "signature-input: yett=();created=1;keyid=\"ed25519\";tag=\"gateway\"",
        "signature: yett=:AAAA:",
        "content-digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    ];
    let body = "{\"text\": \"buy bread\"}";
    let get = send(&gateway, &service, "GET /ed25519/notes", &forged, "");
    let post = send(&gateway, &service, "POST /ed25519/notes", &forged, body);
    for recorded in [&get, &post] {
        for name in ["signature", "signature-input"] {
            assert_eq!(recorded.head.all(name).count(), 1, "{name}");
        }
    }
    assert_eq!(get.head.all("content-digest").count(), 0);
    assert_eq!(post.head.all("content-digest").count(), 1);
    let calls = [came(&get, "ed25519", &ALWAYS), came(&post, "ed25519", &["content-digest"])];
    for found in judged(&house, &calls) {
        assert_eq!(found["good"], true, "{found}");
    }
}

/// What somebody between gateway and service does to a call.
fn changed(call: &Value, change: impl FnOnce(&mut Map<String, Value>)) -> Value {
    let mut call = call.clone();
    change(call.as_object_mut().unwrap());
    call
}

fn with_field(call: &Value, name: &str, value: Option<&str>) -> Value {
    changed(call, |call| {
        let fields = call["fields"].as_array_mut().unwrap();
        assert!(fields.iter().any(|field| field[0] == name), "{name}");
        fields.retain(|field| field[0] != name);
        fields.extend(value.map(|value| json!([name, value])));
    })
}

#[test]
fn what_is_changed_behind_the_gateway_does_not_verify() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let gateway = start_all(&house, &service);
    let fields = ["authorization: Bearer x"];
    let good = send(&gateway, &service, "POST /ed25519/notes", &fields, "{\"text\": \"pay 10\"}");
    let other = send(&gateway, &service, "POST /hmac-sha256/notes", &fields, "{\"text\": \"pay 99\"}");
    let good = came(&good, "ed25519", &["@method", "content-digest", "authorization", "x-gateway"]);
    let other = came(&other, "hmac-sha256", &["@method"]);
    let digest =
        other["fields"].as_array().unwrap().iter().find(|field| field[0] == "content-digest").unwrap();
    let (digest, url) = (digest[1].as_str().unwrap(), good["url"].as_str().unwrap());
    let hostile = [
        changed(&good, |call| call["method"] = json!("PUT")),
        changed(&good, |call| call["url"] = json!(url.replace("notes", "other"))),
        changed(&good, |call| call["url"] = json!(format!("{url}?a=b"))),
        changed(&good, |call| call["url"] = json!("http://other.example/ed25519/notes")),
        changed(&good, |call| call["body"] = other["body"].clone()),
        changed(&with_field(&good, "content-digest", Some(digest)), |call| {
            call["body"] = other["body"].clone();
        }),
        with_field(&good, "content-digest", None),
        with_field(&good, "content-type", Some("text/plain")),
        with_field(&good, "authorization", Some("Bearer y")),
        with_field(&good, "authorization", None),
        with_field(&good, "forwarded", Some("for=192.0.2.9")),
        with_field(&good, "x-gateway", Some("other")),
        with_field(&good, "signature", None),
        changed(&other, |call| call["key"] = json!("ed25519")),
    ];
    assert!(judged(&house, &[good, other]).iter().all(|found| found["good"] == true), "their twins");
    for (call, found) in hostile.iter().zip(judged(&house, &hostile)) {
        assert_eq!(found["good"], false, "{call}");
    }
}

#[test]
fn a_call_that_came_signed_goes_on_signed_by_the_gateway() {
    let (house, service) = (House::new(), Recorder::start());
    service.answer(Answer::json(200, "{}"));
    let sign = ", sign: { key: \"file:ed25519.key\", keyid: ed25519, tag: gateway }";
    let gateway = start(&house, &service, sign);
    let url = format!("http://{}/notes", gateway.url);
    let body = json!({ "text": "buy bread" }).to_string();
    let calls = json!([
        { "key": "hmac-sha256", "url": url },
        { "key": "hmac-sha256", "url": url, "method": "POST", "body": body },
        // The digest that its caller signed is that of what came; the service gets that of what was decoded.
        { "key": "hmac-sha256", "url": url, "method": "POST", "body": body, "gzip": true },
    ]);
    for ended in client(&house, &calls) {
        assert_eq!(outcome(&ended), (200, "ok"), "{ended}");
    }
    let seen = service.calls();
    assert_eq!(seen.len(), 3);
    assert_eq!(text(&seen[2].body), body, "decoded");
    let calls: Vec<Value> = seen.iter().map(|one| came(one, "ed25519", &ALWAYS)).collect();
    for (call, found) in calls.iter().zip(judged(&house, &calls)) {
        assert_eq!(found["good"], true, "{call} {found}");
        assert_eq!(found["parameters"]["keyid"], "ed25519");
    }
}
