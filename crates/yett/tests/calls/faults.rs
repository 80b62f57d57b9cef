//! Upstreams that are down, slow, lying or half dead: the right status, the right blame, and no call that hangs; and a
//! disk that is full.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use std::net::TcpListener;
use std::time::Duration;

use crate::harness::*;
use testkit::{Answer, Deadline, Fault, RawClient, Recorder, Reply};

const QUICK: &str = "deadlines: { connect: 1s, first_byte: 1s, total: 2s, idle: 2s }";

fn impatient(recorder: &Recorder) -> Gateway {
    Gateway::with(&Setup { upstream: QUICK.into(), ..Setup::default() }, &recorder.url())
}

/// Status and code to the caller, code and blame in the log, and a count in the metrics.
fn told(gateway: &Gateway, reply: &Reply, status: u16, code: &str, name: &str) {
    assert_eq!((reply.status, reply.code().as_deref()), (status, Some(code)), "{name}: {}", reply.text());
    let line = gateway.log_of(reply);
    assert_eq!(
        (line["code"].as_str(), line["blame"].as_str()),
        (Some(code), Some("upstream")),
        "{name}: {line}"
    );
    let labels = [("code", code), ("blame", "upstream")];
    assert!(gateway.metric("yett_calls_total", &labels) >= 1.0, "{name}");
}

#[test]
fn an_upstream_that_is_down_is_502() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway =
        Gateway::with(&Setup { upstream: QUICK.into(), ..Setup::default() }, &format!("http://{port}"));
    let reply = gateway.call(get("/things", ""));
    told(&gateway, &reply, 502, "upstream_unreachable", "down");
    assert!(
        !reply.text().contains(&port.port().to_string()),
        "nothing is told of the upstream: {}",
        reply.text()
    );
}

#[test]
fn an_upstream_that_is_back_serves_at_once() {
    let recorder = Recorder::start();
    let gateway = impatient(&recorder);
    recorder.answer(Answer::json(200, "{}").fault(Fault::Close(0)));
    assert_eq!(gateway.call(post_json("/things", r#"{"name":"a"}"#)).status, 502);
    recorder.answer(Answer::json(200, "{}"));
    assert_eq!(gateway.call(post_json("/things", r#"{"name":"a"}"#)).status, 200);
}

#[test]
fn a_slow_upstream_is_504() {
    let recorder = Recorder::start();
    let gateway = impatient(&recorder);
    let answer = Answer::json(200, r#"{"a":1}"#);
    let head = answer.bytes("GET").len() - answer.body.len();
    for at in [0, 1, 15, head - 1] {
        recorder.answer(answer.clone().fault(Fault::Stall(at)));
        let reply = gateway.call(get("/things", ""));
        told(&gateway, &reply, 504, "upstream_timeout", &format!("silent after {at} bytes"));
    }
    // Slower than its deadline, byte by byte.
    recorder.answer(answer.clone().fault(Fault::Slow(Duration::from_millis(60))));
    let reply = gateway.call(get("/things", ""));
    told(&gateway, &reply, 504, "upstream_timeout", "byte by byte");
    // Silent in the middle of its body: the head has gone, so the connection has to break.
    recorder.answer(answer.fault(Fault::Stall(head + 3)));
    let deadline = Deadline::seconds(15);
    let mut client = RawClient::connect(gateway.address);
    client.send(get("/things", "")).unwrap();
    assert!(client.reply().is_err(), "half an answer is no answer");
    assert!(client.is_closed() && !deadline.is_over(), "the call hangs");
    let line = gateway.log_line(|line| line["code"] == "upstream_timeout" && line["status"] == 200);
    assert_eq!(line["blame"], "upstream");
}

#[test]
fn a_reset_at_each_byte_of_the_answer_is_a_fault_of_the_upstream() {
    let recorder = Recorder::start();
    let gateway = impatient(&recorder);
    let answer = Answer::json(200, r#"{"a":1}"#);
    let whole = answer.bytes("GET").len();
    let head = whole - answer.body.len();
    for (way, fault) in [("reset", Fault::Reset as fn(usize) -> Fault), ("close", Fault::Close)] {
        for at in 0..whole {
            recorder.answer(answer.clone().fault(fault(at)));
            let mut client = RawClient::connect(gateway.address);
            client.send(post_json("/things", r#"{"name":"a"}"#)).unwrap();
            let reply = client.reply();
            match reply {
                // A reset may overtake the bytes before it, so the head may never be seen.
                Ok(reply) => {
                    assert_eq!(reply.status, 502, "{way} at {at}: {}", reply.text());
                    assert!(at < head || way == "reset", "{way} at {at} of {head}");
                    assert_eq!(reply.code().as_deref(), Some("upstream_reset"), "{way} at {at}");
                }
                Err(_) => {
                    assert!(at >= head, "{way} at {at} of {head}: no answer");
                    assert!(client.is_closed(), "{way} at {at}: the call hangs");
                }
            }
        }
    }
    recorder.answer(answer);
    assert_eq!(gateway.call(get("/things", "")).status, 200);
    assert!(gateway.metric("yett_calls_total", &[("code", "upstream_reset")]) >= whole as f64);
    let blamed = gateway
        .log()
        .iter()
        .filter(|line| line["code"] == "upstream_reset")
        .all(|line| line["blame"] == "upstream");
    assert!(blamed);
    // POST has been tried once each time, and GET at most twice.
    assert!(
        recorder.count() <= 2 * whole + 2,
        "{} calls for {whole} bytes: a POST was sent again",
        recorder.count()
    );
}

#[test]
fn an_upstream_that_lies_about_its_length_poisons_nobody() {
    let recorder = Recorder::start();
    let gateway = impatient(&recorder);
    // Longer than it is: the answer cannot be ended well.
    recorder.answer(Answer::json(200, "{}").fault(Fault::Claim(100)));
    let mut client = RawClient::connect(gateway.address);
    client.send(get("/things", "")).unwrap();
    assert!(client.reply().is_err() && client.is_closed(), "an answer of 2 bytes passes for one of 100");
    let line = gateway.log_line(|line| line["code"] == "upstream_reset");
    assert_eq!(line["blame"], "upstream");
    // Shorter than it is: what is over belongs to nobody.
    let tail = "{}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    recorder.answer(Answer::json(200, tail).header("content-length", "2"));
    let reply = gateway.call(get("/things", ""));
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    recorder.answer(Answer::json(200, r#"{"good":1}"#));
    for _ in 0..3 {
        assert_eq!(gateway.call(get("/things", "")).text(), r#"{"good":1}"#);
    }
}

#[test]
fn an_answer_that_is_not_http_is_502() {
    let recorder = Recorder::start();
    let gateway = impatient(&recorder);
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    many.extend(b"a: b\r\n".repeat(5_000));
    many.extend_from_slice(b"\r\n");
    let garbage: Vec<(&str, Vec<u8>)> = vec![
        ("text", b"hello\r\n\r\n".to_vec()),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x0a".to_vec()),
        ("HTTP/2", b"\0\0\0\x04\0\0\0\0\0\0\0\0\x07".to_vec()),
        ("NUL", vec![0; 100]),
        ("no version", b"200 OK\r\n\r\n".to_vec()),
        ("HTTP/0.9", b"<html></html>\r\n\r\n".to_vec()),
        ("a status that is none", b"HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("a field name that is no token", b"HTTP/1.1 200 OK\r\na b: c\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("NUL in a field", b"HTTP/1.1 200 OK\r\na: b\0c\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x".to_vec()),
        ("a length that is none", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}".to_vec()),
        ("too many fields", many),
        ("an endless line", [b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'x'; 1 << 20]].concat()),
    ];
    for (name, bytes) in garbage {
        recorder.answer(Answer::json(200, "").fault(Fault::Garbage(bytes)));
        let reply = gateway.call(get("/things", ""));
        assert_eq!(reply.status, 502, "{name}: {}", reply.text());
        let code = reply.code().unwrap_or_default();
        assert!(["upstream_protocol", "upstream_reset"].contains(&code.as_str()), "{name}: {code}");
        told(&gateway, &reply, 502, &code, name);
    }
    // Chunks that break the grammar after a good head: the client must not take it for a whole answer.
    for body in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}XX0\r\n\r\n", "2\r\n{}\r\n"] {
        let bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{body}"
        );
        recorder.answer(Answer::json(200, "").fault(Fault::Garbage(bytes.into_bytes())));
        let mut client = RawClient::connect(gateway.address);
        client.send(get("/things", "")).unwrap();
        match client.reply() {
            Ok(reply) => assert_eq!(reply.status, 502, "{body:?}: {}", reply.text()),
            Err(_) => assert!(client.is_closed(), "{body:?}"),
        }
    }
    recorder.answer(Answer::json(200, "{}"));
    assert_eq!(gateway.call(get("/things", "")).status, 200);
}

#[test]
fn interim_answers_are_no_answers() {
    let recorder = Recorder::start();
    let gateway = impatient(&recorder);
    let early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec();
    recorder.answer(Answer::json(200, "{}").fault(Fault::Before(early.repeat(3))));
    let reply = gateway.call(get("/things", ""));
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    // A storm without end ends at a deadline.
    recorder.answer(Answer::json(200, "").fault(Fault::Garbage(early.repeat(20_000))));
    let reply = gateway.call(get("/things", ""));
    assert!(matches!(reply.status, 502 | 504), "{} {}", reply.status, reply.text());
    assert_eq!(gateway.log_of(&reply)["blame"], "upstream");
    let bound = [("bound", "interim_answers")];
    assert!(gateway.metric("yett_bound_reached_total", &bound) >= 1.0, "and it is counted");
    recorder.answer(Answer::json(200, "{}"));
    assert_eq!(gateway.call(get("/things", "")).status, 200);
}

#[test]
fn an_answer_before_the_request_is_whole_ends_the_call_well() {
    let recorder = Recorder::start();
    let document = Setup {
        api: "allow: [\"POST /files/*\"]\nunsecured: anonymous\nvalidation: { request: off, response: off }"
            .into(),
        upstream: QUICK.into(),
        ..Setup::default()
    }
    .document(&recorder.url())
    .replace("contract: ./openapi.yaml", "contract: none");
    let gateway = Gateway::with_document(&document);
    // The client breaks off in the middle of a body that passes: the upstream must not take it for whole.
    let mut client = RawClient::connect(gateway.address);
    client.send("POST /files/a HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\nhalf").unwrap();
    client.finish();
    assert!(client.reply().map_or(true, |reply| reply.status >= 400));
    drop(client);
    let line = gateway.log_line(|line| line["path"] == "/files/a");
    assert_ne!(line["blame"], "upstream", "{line}");
    assert!(recorder.calls().iter().all(|call| !call.complete));
    // And one that sends nothing more: its deadline, not for ever.
    let mut client = RawClient::connect(gateway.address);
    client.send("POST /files/b HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\nhalf").unwrap();
    let reply = client.reply();
    assert!(reply.map_or(true, |reply| reply.status >= 400), "it got an answer");
    let line = gateway.log_line(|line| line["path"] == "/files/b");
    assert_ne!(line["status"], 200, "{line}");
}

#[test]
fn a_full_disk_stops_no_call_and_is_said() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup { log: "file:/dev/full".into(), ..Setup::default() }, &recorder.url());
    for _ in 0..50 {
        assert_eq!(gateway.call(get("/things", "")).status, 200);
        assert_eq!(gateway.call(get("/nowhere", "")).status, 404);
    }
    let said = testkit::until(15, || {
        let ready = gateway.admin("/ready");
        let detail: serde_json::Value = serde_json::from_slice(&ready.body).ok()?;
        (ready.status == 200 && detail["access_log"]["ok"] == false && detail["degraded"] == true)
            .then_some(())
    });
    assert!(said.is_some(), "{}", gateway.admin("/ready").text());
    assert_eq!(gateway.admin("/health").status, 200);
    let lost = gateway.metric("yett_log_lines_lost_total", &[]);
    assert!(lost >= 1.0, "the lines that were lost are counted: {}", gateway.admin("/metrics").text());
}

#[test]
fn a_log_that_nobody_reads_stops_no_call_and_no_operator() {
    let recorder = Recorder::start();
    // A pipe that is full before the first call.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut pipe = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut pipe, &[b'\n'; 65_536]).unwrap();
    let log = format!("file:{}", path.display());
    let gateway = Gateway::with(&Setup { log, ..Setup::default() }, &recorder.url());
    assert_eq!(gateway.call(get("/things", "")).status, 200);
    let said = testkit::until(15, || {
        let detail: serde_json::Value = serde_json::from_slice(&gateway.admin("/ready").body).ok()?;
        let fault = detail["access_log"]["fault"].as_str()?;
        fault.starts_with("blocked since 20").then_some(())
    });
    assert!(said.is_some(), "{}", gateway.admin("/ready").text());
    assert_eq!(gateway.admin("/health").status, 200);
    assert!(gateway.metric("yett_calls_total", &[("status", "200")]) >= 1.0);
    assert_eq!(gateway.call(get("/things", "")).status, 200, "calls go on");
    let deadline = Deadline::seconds(15);
    drop(gateway);
    assert!(!deadline.is_over(), "it ends");
}

#[test]
fn calls_go_on_while_the_upstream_hangs() {
    let recorder = Recorder::start();
    recorder.script(|call| match call.target() {
        "/public/slow" => Answer::json(200, "{}").fault(Fault::Stall(0)),
        _ => Answer::json(200, "{}"),
    });
    let gateway = impatient(&recorder);
    let mut stuck: Vec<RawClient> = (0..40)
        .map(|_| {
            let mut client = RawClient::connect(gateway.address);
            client.send(get("/public/slow", "")).unwrap();
            client
        })
        .collect();
    assert!(recorder.wait_for(40));
    assert_eq!(gateway.call(get("/things", "")).status, 200, "others are served meanwhile");
    for client in &mut stuck {
        assert_eq!(client.reply().unwrap().status, 504);
    }
    // A client that goes away takes its call along.
    let mut client = RawClient::connect(gateway.address);
    client.send(get("/public/slow", "")).unwrap();
    assert!(recorder.wait_for(42));
    drop(client);
    gateway.log_line(|line| line["path"] == "/public/slow" && line["aborted"] == true);
}
