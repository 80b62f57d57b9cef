//! What a collector gets: through a real one (rotel), and from one that misbehaves; what it gets is read by OpenTelemetry's own types.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{self, Gateway, House, call, text};
use serde_json::{Value, json};
use testkit::recorder::Recorder;
use testkit::{Peer, until_every};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn peers() -> PathBuf {
    std::env::var_os("YETT_PEERS").map_or_else(|| root().join(".peers"), PathBuf::from)
}

/// A collector of others' making, and what it got.
struct Collector {
    _peer: Peer,
    url: String,
    control: String,
}

impl Collector {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(peers().join("venv/bin/python"));
        command.arg(root().join("tests/peers/collector.py")).args(arguments);
        let peer = Peer::start(command.stdin(Stdio::piped()));
        let about = as_json(&peer.about);
        let of = |name: &str| about[name].as_str().unwrap().to_owned();
        let control = of("control").strip_prefix("http://").unwrap().to_owned();
        Self { url: of("url"), control, _peer: peer }
    }

    fn seen(&self) -> Value {
        let (status, answer) = call(&self.control, "GET", "/seen", None, None);
        assert_eq!(status, 200);
        as_json(answer.split_once("\r\n\r\n").unwrap().1)
    }

    fn behave(&self, how: &Value) {
        let (status, _) = call(&self.control, "POST", "/behave", None, Some(&how.to_string()));
        assert_eq!(status, 200);
    }

    /// Waits for something in what it saw.
    fn wait<T>(&self, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let pause = Duration::from_millis(50);
        until_every(pause, 60, || look(&self.seen()))
            .unwrap_or_else(|| panic!("no {what} in {}", self.seen()))
    }

    /// Waits for the span of a call, of a kind (2 of the call itself, 3 of its exchange).
    fn span(&self, id: &str, kind: u64) -> Value {
        self.wait(&format!("span of {id}"), |seen| {
            let spans = seen["spans"].as_array().unwrap();
            let server = spans.iter().find(|span| span["attributes"]["yett.call.id"] == id)?;
            let wanted = |span: &&Value| span["kind"] == kind && span["parent"] == server["span_id"];
            if kind == server["kind"] { Some(server.clone()) } else { spans.iter().find(wanted).cloned() }
        })
    }

    fn record(&self, id: &str) -> Value {
        self.wait(&format!("record of {id}"), |seen| {
            let all = seen["records"].as_array().unwrap();
            all.iter().find(|record| record["attributes"]["yett.call.id"] == id).cloned()
        })
    }
}

fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A house whose gateway tells this collector; `more` are further keys of `otlp`.
fn house(upstream: &Recorder, url: &str, more: &str) -> House {
    let house = House::new();
    house.write("key", "let-me-in\n");
    let query =
        "get: { parameters: [{ name: secret, in: query, schema: { type: string } }], operationId: listNotes";
    house.write("openapi.yaml", &common::CONTRACT.replace("get: { operationId: listNotes", query));
    house.write("yett.yaml", &document(&house, upstream, url, more));
    house
}

fn document(house: &House, upstream: &Recorder, url: &str, more: &str) -> String {
    let otlp = format!(
        "endpoint: \"{url}\", interval: 1s, timeout: 1s, sample: 100%, headers: {{ x-api-key: \"file:key\" }}"
    );
    house.document(upstream.address().port())
        + "record: { access_log: \"file:access.log\", decisions: { sample: 100% } }\n"
        + "admission: { anonymous: { rate: 600000/min }, failures: { rate: 600000/min } }\n"
        + &format!("telemetry: {{ otlp: {{ {otlp}{more} }} }}\n")
}

fn token(house: &House, scope: &str) -> String {
    house.good(&["token", "--subject", "alice", "--scope", scope]).trim().to_owned()
}

/// A GET with these header fields: status, and the id of the call.
fn get(gateway: &Gateway, path: &str, fields: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{fields}\r\n", gateway.url);
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let id = answer
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("yett-call-id: ").map(str::to_owned));
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap(), id.unwrap_or_else(|| panic!("no id in {answer}")))
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

fn ready(gateway: &Gateway) -> Value {
    let (_, answer) = call(&gateway.admin, "GET", "/ready", None, None);
    as_json(answer.split_once("\r\n\r\n").unwrap().1)
}

/// Waits until readiness says this of a signal.
fn wait_ready(gateway: &Gateway, signal: &str, look: impl Fn(&Value) -> bool) -> Value {
    let told = || Some(ready(gateway)["telemetry"][signal].clone()).filter(&look);
    until_every(Duration::from_millis(50), 60, told).unwrap_or_else(|| panic!("{}", ready(gateway)))
}

/// The line of a call in the access log.
fn line(house: &House, id: &str) -> Value {
    let found = until_every(Duration::from_millis(20), 30, || {
        let log = std::fs::read_to_string(house.path("access.log")).unwrap_or_default();
        log.lines().map(as_json).find(|line| line["id"] == id)
    });
    found.unwrap_or_else(|| panic!("no line of {id}"))
}

/// Has a receiver told of what is refused, too.
fn tell(house: &House, receiver: &Recorder) {
    house.write("hook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let sink = format!(
        "url: \"{}/hook\", secret: \"file:hook.secret\", allow_private: true, allow_cleartext: true",
        receiver.url()
    );
    house.write(
        "yett.yaml",
        &(house.read("yett.yaml") + &format!("notify: {{ sinks: {{ soc: {{ {sink} }} }} }}\n")),
    );
}

/// The event of a call, once a receiver was told of it.
fn event(receiver: &Recorder, id: &str) -> Value {
    let found = until_every(Duration::from_millis(20), 60, || {
        let calls = receiver.calls();
        let of_call = calls.iter().find(|call| call.head.get("webhook-id") == Some(id))?;
        Some(as_json(&text(&of_call.body)))
    });
    found.unwrap_or_else(|| panic!("no event of {id}"))
}

/// A real collector takes all three signals, and one id leads from the answer's header through log, decision, notice, trace and log record.
#[test]
fn one_id_leads_everywhere_through_a_real_collector() {
    let (upstream, collector) = (Recorder::start(), Collector::start(&["--rotel"]));
    let receiver = Recorder::start();
    let house = house(&upstream, &collector.url, ", resource: { service.name: edge }");
    tell(&house, &receiver);
    let gateway = Gateway::start(&house);
    let good = bearer(&token(&house, "notes:read"));
    let stranger = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let hostile = "user-agent: a\u{202e}b\u{9b}31m\r\n";
    for (fields, status, code, severity) in [
        (format!("{good}{stranger}"), 200, None, "INFO"),
        (String::from(hostile), 401, Some("credential_missing"), "WARN"),
        (bearer(&token(&house, "notes:write")), 403, Some("insufficient_scope"), "WARN"),
    ] {
        let (got, id) = get(&gateway, "/notes?secret=hunter2", &fields);
        assert_eq!(got, status, "{fields}");
        let (span, record, line) = (collector.span(&id, 2), collector.record(&id), line(&house, &id));
        assert_eq!(span["trace_id"], id, "a trace that begins here is called as its call");
        for known in ["trace_id", "span_id"] {
            assert_eq!(span[known], record[known]);
        }
        let said = &span["attributes"];
        assert_eq!(said, &record["attributes"]);
        assert_eq!(said["http.response.status_code"], status);
        assert_eq!(said["url.path"], "/notes");
        assert_eq!(said["client.address"], line["client"]);
        assert_eq!(line["status"], status);
        assert_eq!(said.get("error.type").and_then(Value::as_str), code, "{said}");
        assert_eq!(line.get("code").and_then(Value::as_str), code);
        assert_eq!((&record["severity"], &record["event"]), (&json!(severity), &json!("yett.call")));
        assert_eq!(span["resource"]["service.name"], "edge");
        let explained = as_json(&house.good(&["explain", &id, "--json"]));
        assert_eq!(explained["id"], id);
        if let Some(code) = code {
            let event = event(&receiver, &id);
            assert_eq!((&event["id"], &event["data"]["code"]), (&json!(id), &json!(code)));
        }
        let told = format!("{span}{record}");
        assert!(!told.contains("hunter2") && !told.contains("Bearer"), "{told}");
        assert!(!told.contains("\\u001b") && !told.contains('\u{202e}'), "{told}");
        assert!(
            span["events"]
                .as_array()
                .unwrap()
                .iter()
                .any(|event| { code.is_none() || event["attributes"]["yett.code"].as_str() == code })
        );
        if status == 200 {
            let client = collector.span(&id, 3);
            assert_eq!(client["parent"], span["span_id"]);
            let sent = upstream.calls()[0].head.get("traceparent").unwrap().to_owned();
            assert_eq!(sent, format!("00-{id}-{}-01", client["span_id"].as_str().unwrap()));
            assert_eq!(span["links"][0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
            assert_eq!(client["attributes"]["server.port"], upstream.address().port());
        }
    }
    let request = collector.seen()["requests"][0].clone();
    assert_eq!(request["type"], "application/x-protobuf");
    // Sums are of all cores since the start; the page and the collector have the same.
    let metric = |name: &str, look: &dyn Fn(&Value) -> bool| {
        collector.wait(name, |seen| {
            let metrics = seen["metrics"].as_array().unwrap();
            let points = metrics.iter().filter(|one| one["name"] == name);
            let mut points = points.flat_map(|one| one["points"].as_array().unwrap());
            points.find(|point| look(point)).cloned()
        })
    };
    let counted = metric("yett.calls", &|point| {
        point["attributes"]["code"] == "insufficient_scope" && point["attributes"]["operation"] == "listNotes"
    });
    assert_eq!(counted["value"], gateway.metric("yett_calls_total", "code=\"insufficient_scope\"") as u64);
    let durations = metric("http.server.request.duration", &|point| {
        point["attributes"]["http.response.status_code"] == 200
    });
    assert_eq!((&durations["attributes"]["http.route"], &durations["value"]), (&json!("/notes"), &json!(1)));
    metric("yett.config_generation", &|point| point["value"] == 1.0);
    for signal in ["traces", "metrics", "logs"] {
        let told = wait_ready(&gateway, signal, |told| told["exported"].as_u64() > Some(0));
        assert_eq!((&told["ok"], &told["lost"]), (&json!(true), &json!(0)));
    }
    let read = read_by_others(&receiver, &collector.seen());
    assert_eq!(read["unknown"], json!([]), "names that no semantic convention has");
    let events = read["events"].as_array().unwrap();
    assert!(events.len() >= 2, "{read}");
    for event in events {
        let call =
            receiver.calls().into_iter().find(|call| call.head.get("webhook-id") == event["id"].as_str());
        let sent = as_json(&text(&call.unwrap().body));
        assert_eq!((&event["type"], &event["specversion"]), (&json!("yett.call.refused"), &json!("1.0")));
        for part in ["source", "subject", "data"] {
            assert_eq!(event[part], sent[part], "{part}");
        }
        assert_eq!(event["extensions"]["partitionkey"], sent["partitionkey"]);
    }
}

/// What libraries of others make of the events that a receiver got, and of the names that a collector did.
fn read_by_others(receiver: &Recorder, seen: &Value) -> Value {
    let of = |call: &testkit::recorder::Recorded| json!({ "headers": { "content-type": call.head.get("content-type") }, "body": text(&call.body) });
    let events: Vec<Value> = receiver.calls().iter().map(of).collect();
    let mut names = BTreeSet::new();
    let mut keys = |attributes: &Value| names.extend(attributes.as_object().unwrap().keys().cloned());
    for one in ["spans", "records"].iter().flat_map(|kind| seen[*kind].as_array().unwrap()) {
        keys(&one["attributes"]);
        keys(&one["resource"]);
        one["events"].as_array().into_iter().flatten().for_each(|event| keys(&event["attributes"]));
    }
    // Metrics of our own have the labels of the page of metrics.
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    let others = seen["metrics"].as_array().unwrap().iter().filter(|one| !name(one).starts_with("yett."));
    for one in others {
        one["points"].as_array().unwrap().iter().for_each(|point| keys(&point["attributes"]));
        keys(&json!({ name(one): 0 }));
    }
    assert!(names.contains("http.server.request.duration") && names.len() > 15, "{names:?}");
    let mut command = Command::new(peers().join("venv/bin/python"));
    command.arg(root().join("tests/peers/readers.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let given = json!({ "events": events, "names": names }).to_string();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "it cannot be read");
    as_json(&text(&output.stdout))
}

/// Text of a contract: it clears a screen, ends a line, turns text around, and is a script.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\r\n\u{202e}\u{2066}<script>alert(1)</script>";

/// All texts of a JSON value, names of members among them.
fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| texts(one, out)),
        Value::Object(all) => all.iter().for_each(|(name, one)| {
            out.push(name.clone());
            texts(one, out);
        }),
        _ => {}
    }
}

/// JSON in ASCII, which is YAML too.
fn ascii(value: &Value) -> String {
    let escaped = |char: char| match char {
        ' '..='~' => String::from(char),
        other => format!("\\u{:04x}", u32::from(other)),
    };
    value.to_string().chars().map(escaped).collect()
}

/// Whoever writes a contract names operations, tags, schemes and scopes: a collector and a receiver get them as text.
#[test]
fn what_a_contract_says_is_text_for_who_is_told() {
    for (name, shown) in [("Plain", "readPlain"), (HOSTILE, "<script>")] {
        let (upstream, collector, receiver) = (Recorder::start(), Collector::start(&[]), Recorder::start());
        let house = house(&upstream, &collector.url, "");
        tell(&house, &receiver);
        let (scheme, scope) = (format!("scheme{name}"), format!("scope{name}"));
        let flow = json!({ "tokenUrl": "https://idp.example/t", "scopes": { &scope: name } });
        let operation = json!({
            "operationId": format!("read{name}"), "tags": [name], "security": [{ &scheme: [scope] }],
            "responses": { "200": { "description": name } }
        });
        let contract = json!({
            "openapi": "3.1.0", "info": { "title": name, "version": name },
            "components": { "securitySchemes": { scheme: { "type": "oauth2", "flows": { "clientCredentials": flow } } } },
            "paths": { "/notes": { "get": operation } }
        });
        house.write("openapi.yaml", &ascii(&contract));
        let mut gateway = Gateway::start(&house);
        let (status, id) = get(&gateway, "/notes", &bearer(&token(&house, "other")));
        assert_eq!(status, 403);
        let (span, record, event) = (collector.span(&id, 2), collector.record(&id), event(&receiver, &id));
        let metric = collector.wait("metric", |seen| {
            let metrics = seen["metrics"].as_array().unwrap();
            metrics
                .iter()
                .find(|one| one["name"] == "yett.calls" && one.to_string().contains("read"))
                .cloned()
        });
        // To a receiver they go escaped, as JSON has it, so that what it writes down is inert; what it reads is what the contract says.
        assert_eq!(event["data"]["operation"], format!("read{name}"));
        let sent = receiver.calls().iter().map(|call| text(&call.body)).collect::<String>();
        assert!(sent.contains(shown) && !sent.contains(engine::text::is_hidden), "{sent:?}");
        for told in [&span, &record, &metric, &collector.seen()] {
            let mut all = Vec::new();
            texts(told, &mut all);
            let odd = all.iter().find(|text| text.contains(engine::text::is_hidden) || text.len() > 8 << 10);
            assert_eq!(odd, None);
            assert!(all.iter().any(|text| text.contains(shown)), "no `{shown}` in {told}");
        }
        // What the process says of a contract that is none any more.
        house.write("openapi.yaml", &ascii(&contract).replace("\"3.1.0\"", "\"9\""));
        for part in ["error[", "goes on serving"] {
            let said = gateway.line(part);
            assert!(!said.contains(engine::text::is_hidden), "{said:?}");
        }
    }
}

/// From a trusted hop the trace goes on and its flag decides, but what is refused is kept.
#[test]
fn a_trusted_callers_trace_goes_on_as_it_says() {
    let (upstream, collector) = (Recorder::start(), Collector::start(&[]));
    let house = house(&upstream, &collector.url, ", logs: all");
    house.write("yett.yaml", &(house.read("yett.yaml") + "trusted_hops: [127.0.0.0/8]\n"));
    let gateway = Gateway::start(&house);
    let good = bearer(&token(&house, "notes:read"));
    let parent = |flags: &str| {
        format!("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}\r\n")
    };
    let (_, unsampled) = get(&gateway, "/notes", &(good.clone() + &parent("00")));
    let (_, refused) = get(&gateway, "/nothing", &parent("00"));
    let (status, sampled) = get(&gateway, "/notes", &(good + &parent("01")));
    assert_eq!(status, 200);
    for (id, flags) in [(&refused, 0), (&sampled, 1)] {
        let span = collector.span(id, 2);
        assert_eq!(span["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span["parent"], "b7ad6b7169203331");
        assert_eq!(span["flags"], 0x300 + flags);
        assert_eq!(span["links"], json!([]));
    }
    let sent: Vec<_> =
        upstream.calls().iter().map(|one| one.head.get("traceparent").unwrap().to_owned()).collect();
    assert!(sent[0].ends_with("-00") && sent[1].ends_with("-01"), "{sent:?}");
    // It has a record all the same, where all have.
    assert_eq!(collector.record(&unsampled)["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let spans = collector.seen()["spans"].as_array().unwrap().clone();
    assert!(spans.iter().all(|span| span["attributes"]["yett.call.id"] != *unsampled));
}

/// Whatever the collector does, calls pass, what is lost is counted and said, and it goes on once it is well.
#[test]
fn a_collector_that_misbehaves_is_borne() {
    let (upstream, collector) = (Recorder::start(), Collector::start(&[]));
    let house = house(&upstream, &collector.url, ", metrics: false, logs: none, compression: none");
    let mut gateway = Gateway::start(&house);
    let good = bearer(&token(&house, "notes:read"));
    let sent = |gateway: &Gateway| {
        let (status, id) = get(gateway, "/notes", &good);
        assert_eq!(status, 200);
        id
    };
    // What may be tried again is, and nothing is lost or there twice.
    for (how, said) in [
        (json!({ "times": 1, "status": 503 }), "traces cannot be exported: it answered 503"),
        (json!({ "times": 1, "status": 429, "headers": { "retry-after": "1" } }), "it answered 429"),
        (json!({ "times": 2, "status": 502 }), "it answered 502"),
        (json!({ "times": 1, "stall": true }), "no answer in time"),
    ] {
        collector.behave(&how);
        let id = sent(&gateway);
        gateway.line(said);
        collector.span(&id, 3);
        gateway.line("traces are exported again");
        let spans = collector.seen()["spans"].as_array().unwrap().clone();
        let same = spans.iter().filter(|span| span["attributes"]["yett.call.id"] == *id);
        assert_eq!(same.count(), 1, "{how}");
    }
    let lost = |gateway: &Gateway, why: &str| {
        gateway.metric("yett_export_lost_total", &format!("signal=\"traces\",reason=\"{why}\""))
    };
    assert_eq!((lost(&gateway, "refused"), lost(&gateway, "unavailable")), (0.0, 0.0));
    // What is refused is not: 4xx, and a redirect, which is not followed.
    for (how, said) in [
        (json!({ "times": 1, "status": 400 }), "it answered 400"),
        (json!({ "times": 1, "status": 307, "headers": { "location": collector.url } }), "it answered 307"),
    ] {
        collector.behave(&how);
        let before = lost(&gateway, "refused");
        sent(&gateway);
        gateway.line(said);
        assert_eq!(lost(&gateway, "refused"), before + 2.0, "two spans");
        let id = sent(&gateway);
        collector.span(&id, 2);
        gateway.line("traces are exported again");
    }
    // A part is rejected: ExportTraceServiceResponse { partial_success: { rejected_spans: 1, error_message: "no\x1b[31m" } }.
    collector.behave(&json!({ "times": 1, "status": 200, "body": "0a0b080112076e6f1b5b33316d" }));
    sent(&gateway);
    gateway.line("1 of 2 not: no\u{fffd}[31m");
    let told = wait_ready(&gateway, "traces", |told| told["ok"] == false);
    assert!(told["fault"].as_str().unwrap().contains("rejected"), "{told}");
    assert_eq!(lost(&gateway, "rejected"), 1.0);
    let request = collector.seen()["requests"][0].clone();
    assert_eq!((&request["key"], &request["encoding"]), (&json!("let-me-in"), &Value::Null));
}

/// A collector that is not there: calls pass, what waits has its bound, and the end waits for nobody.
#[test]
fn a_collector_that_is_not_there_slows_no_call_and_no_end() {
    let upstream = Recorder::start();
    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let house = house(&upstream, &format!("http://127.0.0.1:{port}"), "");
    house.write("yett.yaml", &house.read("yett.yaml").replace("sample: 100% } }\n", "enabled: false } }\n"));
    let mut gateway = Gateway::start(&house);
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    let resident = |gateway: &Gateway| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    // Refused ones on one connection: each has a span and a record.
    let long = "x".repeat(900);
    let mut round = |count: usize| {
        let request = format!("GET /{long} HTTP/1.1\r\nhost: a\r\nuser-agent: {long}\r\n\r\n");
        let mut left = count;
        while left > 0 {
            let batch = left.min(50);
            stream.write_all(request.repeat(batch).as_bytes()).unwrap();
            let (mut seen, mut answers, mut buffer) = (0, Vec::new(), [0; 65_536]);
            while seen < batch {
                let read = stream.read(&mut buffer).unwrap();
                assert!(read > 0, "the connection ended");
                answers.extend_from_slice(&buffer[..read]);
                seen = text(&answers).matches("HTTP/1.1 ").count();
            }
            left -= batch;
        }
    };
    round(20_000);
    gateway.line("cannot be exported");
    let full = resident(&gateway);
    round(20_000);
    let lost = gateway.metric("yett_export_lost_total", "reason=\"queue\"");
    assert!(lost > 10_000.0, "{lost}");
    assert!(gateway.metric("yett_bound_reached_total", "bound=\"export\"") >= lost / 2.0);
    let grown = resident(&gateway).saturating_sub(full);
    assert!(grown < 16 * 1024, "{grown} KiB more");
    let told = ready(&gateway);
    assert_eq!((&told["ready"], &told["degraded"]), (&json!(true), &json!(true)));
    gateway.signal("TERM");
    gateway.line("could not be exported and are lost");
    assert_eq!(gateway.end(), 0);
}

/// What waits is sent at the end; a reload turns the export off and on, and to elsewhere.
#[test]
fn the_end_flushes_and_a_reload_turns_it_on_and_off() {
    let (upstream, collector) = (Recorder::start(), Collector::start(&[]));
    let house = House::new();
    house.write("key", "let-me-in\n");
    house.write("yett.yaml", &house.document(upstream.address().port()));
    let mut gateway = Gateway::start(&house);
    let (_, before) = get(&gateway, "/notes", "");
    assert_eq!(ready(&gateway)["telemetry"], Value::Null);
    let text = document(&house, &upstream, &collector.url, "").replace("interval: 1s", "interval: 10m");
    // The log's place cannot change.
    let text = text.replace("access_log: \"file:access.log\", ", "");
    house.write("yett.yaml", &text);
    house.good(&["reload"]);
    let (_, first) = get(&gateway, "/notes", "");
    house.write("yett.yaml", &house.document(upstream.address().port()));
    house.good(&["reload"]);
    let (_, off) = get(&gateway, "/notes", "");
    house.write("yett.yaml", &text.replace("10m", "9m"));
    house.good(&["reload"]);
    let (_, last) = get(&gateway, "/notes", "");
    gateway.signal("TERM");
    gateway.line("draining");
    assert_eq!(gateway.end(), 0);
    let told = collector.seen().to_string();
    assert!(told.contains(&last) && !told.contains(&before) && !told.contains(&off), "{first} {last} {told}");
    let seen = collector.seen();
    assert!(seen["records"].as_array().unwrap().iter().any(|one| one["attributes"]["yett.call.id"] == *last));
    assert!(!seen["metrics"].as_array().unwrap().is_empty());
}

/// After a kill a new life exports under another instance, and counts from its own start.
#[test]
fn a_killed_gateway_exports_again_as_another_instance() {
    let (upstream, collector) = (Recorder::start(), Collector::start(&[]));
    let house = house(&upstream, &collector.url, "");
    let mut instances = Vec::new();
    for _ in 0..2 {
        let gateway = Gateway::start(&house);
        let (_, id) = get(&gateway, "/notes", "");
        instances.push(collector.span(&id, 2)["resource"]["service.instance.id"].clone());
        gateway.kill();
    }
    assert!(instances[0].as_str().is_some() && instances[0] != instances[1], "{instances:?}");
}
