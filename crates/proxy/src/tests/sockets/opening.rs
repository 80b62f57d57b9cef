//! Handshakes: who gets one, what of it goes on, and what an upstream may answer.

use engine::websocket::Origins;

use super::kit::{ASK, End, KEY, answered, closed_with, echo, field, rules, shape};
use crate::tests::world::{Backend, OK, World};
use crate::websocket::frames::{Event, Opcode};

#[test]
fn the_handshake_upstream_is_made_anew() {
    let backend = Backend::start(|backend, _, client| {
        let mut end =
            answered(backend, client, "sec-websocket-protocol: v2\r\nserver: secret\r\nx-own: 1\r\n")
                .unwrap();
        assert_eq!(end.closed(), Some(1000));
        end.close(1000);
    });
    let world = World::start(&shape(&backend, rules()));
    let mut client = world.connect();
    client.send(format!(
        "{ASK}sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\
         sec-websocket-protocol: other, v2\r\nsec-websocket-protocol: chat\r\nx-mine: 1\r\n\r\n"
    ));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(field(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(field(&head, "sec-websocket-protocol"), Some("v2"));
    assert_eq!((field(&head, "upgrade"), field(&head, "connection")), (Some("websocket"), Some("upgrade")));
    assert_eq!((field(&head, "server"), field(&head, "x-own")), (None, Some("1")));
    let seen = backend.requests()[0].0.clone();
    assert!(seen.starts_with("GET /v1/a HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "sec-websocket-protocol"), Some("v2, chat"));
    assert_eq!((field(&seen, "sec-websocket-extensions"), field(&seen, "x-mine")), (None, Some("1")));
    assert_eq!(
        (field(&seen, "upgrade"), field(&seen, "sec-websocket-version")),
        (Some("websocket"), Some("13"))
    );
    let key = field(&seen, "sec-websocket-key").unwrap();
    assert!(key.len() == 24 && key != KEY);
    let mut end = End::new(client, crate::websocket::frames::From::Server);
    end.close(1000);
    assert_eq!(end.closed(), Some(1000));
}

/// Heads without their empty line, and what they come to.
fn no_handshakes() -> Vec<(String, u16, &'static str)> {
    let without = |part: &str| ASK.replace(part, "");
    vec![
        (without("upgrade: websocket\r\n"), 400, "upgrade_refused"),
        (without("connection: keep-alive, Upgrade\r\n"), 400, "upgrade_refused"),
        (without("sec-websocket-version: 13\r\n"), 400, "upgrade_refused"),
        (without("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400, "upgrade_refused"),
        (ASK.replace(": 13", ": 8"), 400, "upgrade_refused"),
        (ASK.replace("==", "="), 400, "upgrade_refused"),
        (format!("{ASK}sec-websocket-key: {KEY}\r\n"), 400, "upgrade_refused"),
        (format!("{ASK}upgrade: h2c\r\n"), 400, "upgrade_refused"),
        (ASK.replace(": websocket", ": websocket, h2c"), 400, "upgrade_refused"),
        (format!("{ASK}http2-settings: x\r\n"), 400, "upgrade_refused"),
        (format!("{ASK}content-length: 1\r\n"), 400, "upgrade_refused"),
        (format!("{ASK}transfer-encoding: chunked\r\n"), 400, "upgrade_refused"),
        (ASK.replace("GET ", "POST "), 400, "upgrade_refused"),
        (ASK.replace("GET ", "PUT "), 400, "upgrade_refused"),
        (ASK.replace("HTTP/1.1", "HTTP/1.0"), 400, "upgrade_refused"),
        (ASK.replace("/v1/a", "/other"), 404, "operation_unknown"),
        (String::from("GET /v1/a HTTP/1.1\r\nhost: a\r\n"), 426, "upgrade_required"),
    ]
}

#[test]
fn threat_42_whatever_is_no_handshake_of_its_operation_is_refused() {
    let (backend, _met) = echo();
    let world = World::start(&shape(&backend, rules()));
    for (head, status, code) in no_handshakes() {
        let mut client = world.connect();
        client.send(format!("{head}\r\n"));
        let reply = client.reply();
        assert_eq!(reply.status, status, "{head}\n{}", reply.text());
        assert!(reply.text().contains(code), "{head}\n{}", reply.text());
        if status == 426 {
            assert_eq!(reply.field("upgrade"), Some("websocket"));
        } else {
            assert_eq!(reply.field("connection"), Some("close"), "{head}");
            assert_eq!(client.rest(), b"");
        }
    }
    assert!(backend.requests().is_empty(), "nothing of them came through");
    End::open(&world, "");
}

#[test]
fn threat_42_the_same_handshakes_get_through_a_naive_proxy() {
    for (head, _, _) in no_handshakes() {
        let recorder = testkit::Recorder::start();
        let naive = testkit::Naive::start(recorder.address());
        let mut client = testkit::RawClient::connect(naive.address());
        let sent = format!("{head}\r\n");
        client.send(&sent).unwrap();
        let came = testkit::until(10, || (recorder.received() == sent.len()).then_some(()));
        assert!(came.is_some() && recorder.bytes() == sent.as_bytes(), "{head}");
    }
}

#[test]
fn an_operation_that_is_no_websocket_takes_no_handshake() {
    let backend = Backend::answering(OK);
    let mut shape = shape(&backend, rules());
    shape.websocket = None;
    let world = World::start(&shape);
    let reply = world.call(&format!("{ASK}\r\n"));
    assert_eq!((reply.status, reply.field("connection")), (400, Some("close")));
    assert!(reply.text().contains("upgrade_refused"));
    assert!(backend.requests().is_empty());
    assert_eq!(world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
}

#[test]
fn threat_37_pages_of_other_sites_open_nothing() {
    let (backend, _met) = echo();
    let mut rules = rules();
    rules.origins = Origins::Listed(Box::new(["https://app.test".into()]));
    let world = World::start(&shape(&backend, rules));
    for (origin, allowed) in [
        ("", true),
        ("origin: http://a\r\n", true),
        ("origin: https://app.test\r\n", true),
        ("origin: https://evil.test\r\n", false),
        ("origin: null\r\n", false),
        ("origin: http://a\r\norigin: https://evil.test\r\n", false),
        ("origin: https://app.test.evil.test\r\n", false),
    ] {
        let before = backend.requests().len();
        if allowed {
            End::open(&world, origin);
            assert_eq!(backend.requests().len(), before + 1);
        } else {
            let reply = world.call(&format!("{ASK}{origin}\r\n"));
            assert_eq!(reply.status, 403, "{origin}");
            assert!(reply.text().contains("origin_refused"));
            assert_eq!(backend.requests().len(), before);
        }
    }
}

#[test]
fn a_call_that_a_control_refuses_opens_nothing_and_nothing_behind_it_is_read() {
    let (backend, _met) = echo();
    let world = World::start(&shape(&backend, rules()));
    let mut client = world.connect();
    let second = "GET /v1/b HTTP/1.1\r\nhost: a\r\n\r\n";
    client.send(format!("{ASK}x-toy: refuse\r\n\r\n{second}"));
    let reply = client.reply();
    assert_eq!((reply.status, reply.field("connection")), (429, Some("close")));
    assert_eq!(client.rest(), b"");
    assert!(backend.requests().is_empty());
    let mut end = End::open(&world, "");
    end.send(Opcode::Text, b"hello");
    assert_eq!(end.text(), "hello");
}

#[test]
fn threat_03_who_speaks_before_the_answer_is_not_heard() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    let mut client = world.connect();
    client.send([format!("{ASK}\r\n").as_bytes(), &[0x81, 0x81, 0, 0, 0, 0, b'a']].concat());
    assert_eq!(client.rest(), b"", "neither 101 nor anything else");
    assert_eq!(closed_with(&met), 0);
    assert_eq!(world.tape.calls(1)[0].code, "message_malformed");
    // While the upstream answers something else, what came ahead is no request either.
    let backend = Backend::answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
    let world = World::start(&shape(&backend, rules()));
    let mut client = world.connect();
    client.send(format!("{ASK}\r\nGET /v1/b HTTP/1.1\r\nhost: a\r\n\r\n"));
    let reply = client.reply();
    assert_eq!((reply.status, reply.text().as_str(), reply.field("connection")), (403, "no", Some("close")));
    assert_eq!(client.rest(), b"");
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn an_upstream_has_to_prove_that_it_read_the_handshake() {
    let good = "upgrade: websocket\r\nconnection: upgrade\r\n";
    let proof = "sec-websocket-accept: {}\r\n";
    let cases = [
        format!("{good}sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        good.to_owned(),
        format!("connection: upgrade\r\nupgrade: foo\r\n{proof}"),
        format!("upgrade: websocket\r\n{proof}"),
        format!("{good}{proof}sec-websocket-extensions: permessage-deflate\r\n"),
        format!("{good}{proof}sec-websocket-protocol: chat\r\n"),
    ];
    for fields in cases {
        let sent = fields.clone();
        let backend = Backend::start(move |backend, _, mut client| {
            while backend.take(&mut client) {
                let head = backend.requests().last().unwrap().0.clone();
                let accept = crate::websocket::handshake::accept(
                    field(&head, "sec-websocket-key").unwrap().as_bytes(),
                );
                let fields = sent.replace("{}", &accept);
                client.send(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n"));
            }
        });
        let world = World::start(&shape(&backend, rules()));
        let reply = world.call(&format!("{ASK}\r\n"));
        assert_eq!(reply.status, 502, "{fields}");
        assert!(reply.text().contains("upstream_protocol"));
    }
}

#[test]
fn an_upstream_that_breaks_the_protocol_is_named() {
    for (bytes, code) in [
        (&[0x81, 0x81, 0, 0, 0, 0, b'a'][..], 1002),
        (&[0xc1, 0x01, b'a'], 1002),
        (&[0x81, 0x01, 0xff], 1007),
        (&[0x82, 127, 0, 0, 0, 0, 0, 3, 0x0d, 0x41], 1009),
    ] {
        let backend = Backend::start(move |backend, _, client| {
            let mut end = answered(backend, client, "").unwrap();
            end.send(Opcode::Text, b"good");
            end.raw(bytes);
            assert_eq!(end.closed(), Some(code));
        });
        let world = World::start(&shape(&backend, rules()));
        let mut end = End::open(&world, "");
        assert_eq!(end.next(), Some(Event::Message { text: true, payload: "good".into() }));
        assert_eq!(end.closed(), Some(code));
        drop(end);
        let call = &world.tape.calls(1)[0];
        assert_eq!((call.code, call.close, call.messages), ("upstream_protocol", Some(code), (0, 1)));
    }
}
