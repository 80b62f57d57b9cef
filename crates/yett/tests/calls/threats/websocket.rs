//! Rows 25, 37 and 42: WebSockets between a hostile client and an upstream that remembers every byte.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::wire::Reader;
use testkit::{Naive, RawClient, until};

use crate::harness::*;

const CONTRACT: &str = "openapi: 3.1.0\ninfo: { title: Chat, version: 1.0.0 }\npaths:\n  /chat:\n    \
    get: { operationId: chat, security: [], responses: { \"101\": { description: switched } } }\n";
const API: &str = "issuer: local\noperations: { chat: { websocket: { message: 1KiB } } }";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// An upstream that answers every handshake, and what came behind each of them.
struct Upstream {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut answers = socket.try_clone().unwrap();
                    let mut reader = Reader::new(socket);
                    let Ok(head) = reader.take_until(b"\r\n\r\n") else { return };
                    let head = testkit::wire::read_head(&head);
                    let key = head.get("sec-websocket-key").unwrap_or_default();
                    let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
                    let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{guid}").as_bytes());
                    let answer = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: {}\r\n\r\n",
                        STANDARD.encode(proof)
                    );
                    answers.write_all(answer.as_bytes()).unwrap();
                    while let Ok(byte) = reader.take(1) {
                        shared.lock().unwrap().extend(byte);
                    }
                });
            }
        });
        Self { address, received }
    }

    fn bytes(&self) -> Vec<u8> {
        self.received.lock().unwrap().clone()
    }
}

/// A frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [9, 8, 7, 6];
    let masked = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]);
    [first, 0x80 | u8::try_from(payload.len()).unwrap()].into_iter().chain(key).chain(masked).collect()
}

/// The payloads of the frames that an upstream got, each read strictly; a close is its code.
fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let [first, second, key0, key1, key2, key3, after @ ..] = rest {
        assert!(first & 0x70 == 0 && first & 0x80 != 0 && second & 0x80 != 0, "{}", bytes.escape_ascii());
        let length = usize::from(second & 0x7f);
        assert!(length < 126 && after.len() >= length, "{}", bytes.escape_ascii());
        let key = [key0, key1, key2, key3];
        found.push(after[..length].iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect());
        rest = &after[length..];
    }
    found
}

fn hostile() -> Vec<(&'static str, Vec<u8>, u16)> {
    vec![
        ("no mask", b"\x81\x01a".to_vec(), 1002),
        ("compressed", frame(0xc1, b"a"), 1002),
        ("an unknown opcode", frame(0x83, b"a"), 1002),
        ("a fragment alone", frame(0x80, b"a"), 1002),
        ("a ping in pieces", frame(0x09, b"a"), 1002),
        ("a length that is not minimal", b"\x81\xfe\x00\x01\0\0\0\0a".to_vec(), 1002),
        ("not UTF-8", frame(0x81, b"\xff\xfe"), 1007),
        ("not UTF-8 in its second piece", [frame(0x01, b"ok"), frame(0x80, b"\xff")].concat(), 1007),
        ("a frame without end", b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(), 1009),
        (
            "a message that grows",
            frame(0x01, &[b'x'; 120])
                .repeat(1)
                .into_iter()
                .chain(frame(0x00, &[b'x'; 120]).repeat(9))
                .collect(),
            1009,
        ),
        ("a request smuggled in", b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 1002),
    ]
}

fn open(address: SocketAddr, more: &str) -> RawClient {
    let mut client = RawClient::connect(address);
    client.send(get("/chat", &format!("{HANDSHAKE}{more}"))).unwrap();
    client
}

fn gateway(upstream: &Upstream) -> Gateway {
    let setup = Setup { api: API.to_owned(), contract: CONTRACT.to_owned(), ..Setup::default() };
    Gateway::with(&setup, &format!("http://{}", upstream.address))
}

#[test]
fn threat_25_hostile_frames_never_arrive() {
    for (name, frames, code) in hostile() {
        let upstream = Upstream::start();
        let gateway = gateway(&upstream);
        let mut client = open(gateway.address, "");
        assert_eq!(client.reply_to_head().unwrap().status, 101, "{name}");
        client.send(frame(0x81, b"good")).unwrap();
        client.send(&frames).unwrap();
        let line = gateway.log_line(|line| line["operation"] == "chat");
        assert_eq!((&line["close"], &line["messages_in"]), (&code.into(), &1.into()), "{name}: {line}");
        let arrived = until(10, || Some(payloads(&upstream.bytes())).filter(|all| all.len() == 2));
        let arrived = arrived.unwrap_or_else(|| panic!("{name}: {:?}", payloads(&upstream.bytes())));
        assert_eq!(arrived, [b"good".to_vec(), code.to_be_bytes().to_vec()], "{name}");
    }
}

#[test]
fn threat_25_the_same_frames_get_through_a_naive_proxy() {
    for (name, frames, _) in hostile() {
        let upstream = Upstream::start();
        let naive = Naive::start(upstream.address);
        let mut client = open(naive.address(), "Origin: https://evil.test\r\n");
        assert_eq!(client.reply_to_head().unwrap().status, 101, "{name}: from any page too");
        client.send(&frames).unwrap();
        let arrived = until(10, || (upstream.bytes() == frames).then_some(()));
        assert!(arrived.is_some(), "{name}: does not get through a naive proxy");
    }
}

#[test]
fn threat_37_pages_of_other_sites_open_no_websocket() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    for (origin, status) in [
        ("Origin: https://evil.test\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Origin: http://api.test\r\nOrigin: https://evil.test\r\n", 403),
        ("Origin: https://api.test\r\n", 101),
        ("", 101),
    ] {
        let reply = open(gateway.address, origin).reply_to_head().unwrap();
        assert_eq!(reply.status, status, "{origin}");
    }
}
