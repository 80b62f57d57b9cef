//! WebSockets on HTTP/2 (RFC 8441).

use bytes::{Bytes, BytesMut};
use http::Request;

use super::kit::{ASK, MASK, closed_with, echo, field, rules, shape};
use crate::tests::two::{block, dial};
use crate::tests::world::{Backend, OK, Shape, World};
use crate::websocket::frames::{Event, From, Limits, Opcode, Reader};
use crate::websocket::write::write;

const LIMITS: Limits = Limits { frame: 1 << 30, message: 1 << 30 };

/// One end on a stream.
struct End {
    send: h2::SendStream<Bytes>,
    receive: h2::RecvStream,
    reader: Reader,
    inbox: BytesMut,
}

impl End {
    fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        write(&mut frame, opcode, payload, Some(MASK));
        self.send.send_data(frame.into(), false).unwrap();
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.reader.next(&mut self.inbox, LIMITS).unwrap() {
                return Some(event);
            }
            let data = self.receive.data().await?.unwrap();
            self.receive.flow_control().release_capacity(data.len()).unwrap();
            self.inbox.extend_from_slice(&data);
        }
    }
}

fn ask(protocol: &'static str, more: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method("CONNECT").uri("http://a/v1/a");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from_static(protocol));
    request
}

async fn connect(world: &World) -> h2::client::SendRequest<Bytes> {
    let (mut client, connection) = h2::client::handshake(dial(world.address).await).await.unwrap();
    tokio::spawn(connection);
    // The settings come with the answer to a first call.
    std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
    let (response, _) = client.send_request(crate::tests::two::get("http://a/nothing"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 404);
    client
}

#[test]
fn messages_go_both_ways_on_a_stream_and_its_connection_goes_on() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    block(async {
        let mut client = connect(&world).await;
        assert!(client.is_extended_connect_protocol_enabled());
        let fields = [
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "v2"),
            ("sec-websocket-extensions", "x"),
        ];
        let (response, send) = client.send_request(ask("websocket", &fields), false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().get("sec-websocket-accept").is_none());
        let mut end = End {
            send,
            receive: response.into_body(),
            reader: Reader::new(From::Server),
            inbox: BytesMut::new(),
        };
        end.send(Opcode::Text, "grüß".as_bytes());
        assert_eq!(end.next().await, Some(Event::Message { text: true, payload: "grüß".into() }));
        // Longer than a window.
        let long = vec![9; 190_000];
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Binary, &long, Some(MASK));
        for piece in frame.chunks(10_000) {
            end.send.send_data(Bytes::copy_from_slice(piece), false).unwrap();
        }
        assert_eq!(end.next().await, Some(Event::Message { text: false, payload: long.into() }));
        end.send(Opcode::Close, &1000_u16.to_be_bytes());
        assert_eq!(end.next().await, Some(Event::Close(Some((1000, Bytes::new())))));
        assert_eq!(end.next().await, None);
        // What breaks the protocol.
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, send) = client.send_request(ask("websocket", &fields[..1]), false).unwrap();
        let receive = response.await.unwrap().into_body();
        let mut end = End { send, receive, reader: Reader::new(From::Server), inbox: BytesMut::new() };
        end.send.send_data(Bytes::from_static(b"\x81\x01a"), false).unwrap();
        assert!(matches!(end.next().await, Some(Event::Close(Some((1002, _))))));
        drop(end);
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, _) = client.send_request(crate::tests::two::get("http://a/nothing"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 404, "the connection goes on");
    });
    assert_eq!((closed_with(&met), closed_with(&met)), (1000, 1002));
    let seen = backend.requests()[0].0.clone();
    assert!(seen.starts_with("GET /v1/a HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "sec-websocket-protocol"), Some("v2"));
    let calls = world.tape.calls(4);
    let of: Vec<_> =
        calls.iter().filter(|call| call.status == 200).map(|call| (call.code, call.close)).collect();
    assert_eq!(of, [("", Some(1000)), ("message_malformed", Some(1002))]);
}

#[test]
fn threat_42_other_protocols_and_other_operations_are_refused_on_a_stream() {
    let (backend, _met) = echo();
    let mut shape = shape(&backend, rules());
    let world = World::start(&shape);
    block(async {
        let version = ("sec-websocket-version", "13");
        let cases = [
            (ask("websocket", &[]), 400),
            (ask("websocket", &[("sec-websocket-version", "8")]), 400),
            (ask("connect-udp", &[version]), 400),
            (ask("websocket", &[version, ("origin", "https://evil.test")]), 403),
            (ask("websocket", &[version, ("x-toy", "refuse")]), 429),
            (crate::tests::two::get("http://a/v1/a"), 426),
        ];
        for (request, status) in cases {
            let mut client = connect(&world).await;
            let text = format!("{request:?}");
            let end = request.method() != "CONNECT";
            let (response, _) = client.send_request(request, end).unwrap();
            assert_eq!(response.await.unwrap().status(), status, "{text}");
        }
    });
    assert!(backend.requests().is_empty());
    // Where nothing is a WebSocket, nobody is told that there could be.
    shape.websocket = None;
    let plain = Backend::answering(OK);
    let world = World::start(&Shape { upstream: plain.address, ..shape });
    block(async {
        assert!(!connect(&world).await.is_extended_connect_protocol_enabled());
    });
    assert_eq!(world.call(&format!("{ASK}\r\n")).status, 400);
    assert_eq!(world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
}

#[test]
fn a_stream_that_is_reset_closes_the_other_end() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    block(async {
        let mut client = connect(&world).await;
        let (response, mut send) =
            client.send_request(ask("websocket", &[("sec-websocket-version", "13")]), false).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        send.send_reset(h2::Reason::CANCEL);
        // The connection stays, so that it is the reset that is seen.
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, _) = client.send_request(crate::tests::two::get("http://a/nothing"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 404);
        assert_eq!(closed_with(&met), 1001);
    });
    assert_eq!(world.tape.calls(3).iter().filter(|call| call.aborted).count(), 1);
}

#[test]
fn a_success_that_is_no_switch_opens_nothing_on_a_stream() {
    // On HTTP/2 any 2xx would tell the client that it may speak frames (RFC 8441 section 5).
    let answers = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "", 502),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", 502),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "", 403),
        ("HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n", "", 302),
        (OK, "answer", 400),
    ];
    for (answer, toy, status) in answers {
        let backend = Backend::answering(answer);
        let world = World::start(&shape(&backend, rules()));
        block(async {
            let mut client = connect(&world).await;
            let fields = [("sec-websocket-version", "13"), ("x-toy", toy)];
            let (response, _send) = client.send_request(ask("websocket", &fields), false).unwrap();
            assert_eq!(response.await.unwrap().status(), status, "{answer} {toy}");
        });
        let call = world.tape.calls(2).pop().unwrap();
        let code = match status {
            502 => "upstream_protocol",
            400 => "upgrade_refused",
            _ => "",
        };
        assert_eq!((call.status, call.code), (status, code), "{answer} {toy}");
        // On HTTP/1 nothing but a 101 switches.
        let reply = world.call(&format!("{ASK}x-toy: {toy}\r\n\r\n"));
        let as_it_is: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(reply.status, as_it_is, "{answer} {toy}");
    }
}

#[test]
fn a_stream_whose_window_stays_shut_is_reset_and_its_connection_goes_on() {
    let backend = Backend::start(|backend, _, client| {
        let mut end = super::kit::answered(backend, client, "").unwrap();
        end.send(Opcode::Binary, &[7; 1_000]);
        assert_eq!(end.closed(), Some(1001));
        end.close(1001);
    });
    let idle = std::time::Duration::from_millis(300);
    let world = World::start(&shape(&backend, engine::websocket::Rules { idle, ..rules() }));
    block(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0);
        let socket = dial(world.address).await;
        let (mut client, connection) = builder.handshake::<_, Bytes>(socket).await.unwrap();
        tokio::spawn(connection);
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, _) = client.send_request(crate::tests::two::get("http://a/v1/a"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 426);
        let fields = [("sec-websocket-version", "13")];
        let (response, _send) = client.send_request(ask("websocket", &fields), false).unwrap();
        let mut receive = response.await.unwrap().into_body();
        let end = tokio::time::timeout(crate::tests::world::PATIENCE, receive.data()).await;
        assert!(matches!(end, Ok(Some(Err(error))) if error.is_reset()));
        std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
        let (response, _) = client.send_request(crate::tests::two::get("http://a/v1/a"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 426, "the connection goes on");
    });
}
