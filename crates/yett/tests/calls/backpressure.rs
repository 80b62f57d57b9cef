//! Large bodies both ways, while whoever takes them stands still, and to the last byte when it goes on: the sender is held back by
//! its socket or its window, and the gateway holds no more of a body than it has buffers for, however long it is.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::harness::Gateway;
use testkit::frames::{END_HEADERS, END_STREAM, Frame, PREFACE, block, kind, read_status};
use testkit::raw::PATIENCE;
use testkit::{Deadline, RawClient, until_every};

/// What goes one way, in bytes.
const TOTAL: u64 = 256 * 1024 * 1024;
/// Of uploads, as many as may pass unread in one call (`bounds::PASS_BYTES`): four at a time.
const UPLOADS: u64 = 4;
const EACH: u64 = TOTAL / UPLOADS;
/// Bytes that are the same; the next as many are others.
const BLOCK: u64 = 64 * 1024;
/// What the gateway may grow by, in KiB: a sixteenth of what goes through it.
const GROWTH: u64 = 16 * 1024;
/// A window of a client, and of its connection.
const WINDOW: u32 = 1024 * 1024;

/// The bytes of a body from `at`, not past the end of their block.
fn piece(at: u64, most: u64) -> Vec<u8> {
    let length = most.min(BLOCK - at % BLOCK);
    vec![(at / BLOCK % 251) as u8; length as usize]
}

/// How far a body was read, each part of which was what belongs there.
#[derive(Debug, Default)]
struct Seen(u64);

impl Seen {
    fn add(&mut self, bytes: &[u8]) {
        if let [first, .., last] = bytes {
            let end = self.0 + bytes.len() as u64 - 1;
            let wanted = [self.0, end].map(|at| (at / BLOCK % 251) as u8);
            assert_eq!([*first, *last], wanted, "at {} of the body", self.0);
        }
        self.0 += bytes.len() as u64;
    }

    /// Reads `length` bytes.
    fn read(&mut self, from: &mut impl Read, length: u64) {
        let mut space = vec![0; BLOCK as usize];
        while self.0 < length {
            let most = (length - self.0).min(BLOCK) as usize;
            let count = from.read(&mut space[..most]).unwrap();
            assert!(count > 0, "ended after {} of {length} bytes", self.0);
            self.add(&space[..count]);
        }
    }
}

/// What those wait for who take nothing.
#[derive(Debug, Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn set(&self, open: bool) {
        *self.0.lock().unwrap() = open;
        self.1.notify_all();
    }

    fn pass(&self) {
        let _open = self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap();
    }
}

/// A service that sends [`TOTAL`] bytes, and takes uploads while its gate is open.
#[derive(Clone)]
struct Service {
    address: SocketAddr,
    gate: Arc<Gate>,
    sent: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let service = Self { address, gate: Arc::default(), sent: Arc::default(), taken: Arc::default() };
        let own = service.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        service
    }

    fn serve(&self, mut stream: TcpStream) {
        while let Some(head) = read_head(&mut stream) {
            if head.starts_with("GET ") {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {TOTAL}\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
                send_body(&mut stream, TOTAL, &self.sent);
            } else {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length = length.unwrap_or_else(|| panic!("no length: {head}")).parse().unwrap();
                self.gate.pass();
                Seen::default().read(&mut stream, length);
                self.taken.fetch_add(length, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            }
        }
    }
}

/// A head, in small letters but for its first line; none at the end of the connection.
fn read_head(stream: &mut impl Read) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).unwrap();
    let (first, rest) = text.split_once("\r\n").unwrap();
    Some(format!("{first}\r\n{}", rest.to_ascii_lowercase()))
}

fn send_body(to: &mut impl Write, length: u64, sent: &AtomicU64) {
    let mut at = 0;
    while at < length {
        let next = piece(at, length - at);
        if to.write_all(&next).is_err() {
            return;
        }
        at += next.len() as u64;
        sent.fetch_add(next.len() as u64, Ordering::SeqCst);
    }
}

/// How much was sent when no more went.
fn standing_still(sent: &AtomicU64) -> u64 {
    let (mut last, mut same) = (0, 0);
    let found = until_every(Duration::from_millis(50), PATIENCE, || {
        let now = sent.load(Ordering::SeqCst);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
        (same == 3).then_some(now)
    });
    found.expect("the sender is never held back")
}

/// The gateway in front of a service, which has served a call of each kind.
struct Setting {
    service: Service,
    gateway: Gateway,
    before: u64,
}

impl Setting {
    fn start() -> Self {
        let service = Service::start();
        service.gate.set(true);
        let gateway = Gateway::with_document(&format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
             record: {{ access_log: \"file:access.log\" }}\napis:\n  t:\n    contract: none\n    \
             allow: [\"GET /down\", \"POST /up\"]\n    unsecured: anonymous\n    \
             validation: {{ request: off, response: off }}\n    upstream: http://{}\n",
            service.address
        ));
        for upload in [upload_one, upload_two] {
            assert_eq!(upload(gateway.address, BLOCK, &AtomicU64::new(0)), 200);
        }
        service.gate.set(false);
        service.taken.store(0, Ordering::SeqCst);
        gateway.forget_peak();
        let before = gateway.peak();
        Self { service, gateway, before }
    }

    /// What was sent while nobody took it is a part of the whole, and the gateway holds next to none of that.
    fn is_held_back(&self, sent: &AtomicU64) {
        let held = standing_still(sent);
        assert!(held < TOTAL / 2, "{held} of {TOTAL} bytes went to somebody who takes none");
        self.has_not_grown();
    }

    fn has_not_grown(&self) {
        let grown = self.gateway.peak().saturating_sub(self.before);
        assert!(grown < GROWTH, "resident memory grew by {grown} KiB at its peak");
    }

    fn uploads(&self, upload: fn(SocketAddr, u64, &AtomicU64) -> u16) {
        let (address, sent) = (self.gateway.address, AtomicU64::new(0));
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..UPLOADS).map(|_| scope.spawn(|| upload(address, EACH, &sent))).collect();
            self.is_held_back(&sent);
            self.service.gate.set(true);
            assert!(all.into_iter().all(|one| one.join().unwrap() == 200));
        });
        assert_eq!(self.service.taken.load(Ordering::SeqCst), TOTAL);
        self.has_not_grown();
    }
}

/// An upload over HTTP/1.1; its status.
fn upload_one(address: SocketAddr, length: u64, sent: &AtomicU64) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Deadline::seconds(PATIENCE).left())).unwrap();
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    send_body(&mut stream, length, sent);
    let answer = read_head(&mut stream).expect("an answer");
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A connection of HTTP/2 that has opened a stream, and how much it may send: on the connection, on the stream.
struct Two {
    client: RawClient,
    room: [i64; 2],
    initial: i64,
}

impl Two {
    fn open(address: SocketAddr, method: &[u8], path: &[u8], length: Option<u64>) -> Self {
        let mut two = Self { client: RawClient::connect(address), room: [65_535; 2], initial: 65_535 };
        two.client.send(PREFACE).unwrap();
        // SETTINGS_INITIAL_WINDOW_SIZE, and the same for the connection.
        let window = WINDOW.to_be_bytes();
        two.send(kind::SETTINGS, 0, 0, [&[0, 4], &window[..]].concat());
        two.send(kind::WINDOW_UPDATE, 0, 0, window.to_vec());
        let text = length.unwrap_or_default().to_string();
        let mut fields: Vec<(&[u8], &[u8])> =
            vec![(b":method", method), (b":scheme", b"http"), (b":path", path), (b":authority", b"api.test")];
        if length.is_some() {
            fields.extend([
                (b"content-type".as_slice(), b"application/octet-stream".as_slice()),
                (b"content-length", text.as_bytes()),
            ]);
        }
        let flags = END_HEADERS | if length.is_none() { END_STREAM } else { 0 };
        two.send(kind::HEADERS, flags, 1, block(&fields));
        two
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: Vec<u8>) {
        self.client.send(Frame { kind, flags, stream, payload }.bytes()).unwrap();
    }

    /// The next frame of the stream's answer. What is said of windows is kept; what wants an answer has it.
    fn next(&mut self) -> Option<Frame> {
        let frame = self.client.frame().expect("the connection lasts");
        let word = |bytes: &[u8]| i64::from(u32::from_be_bytes(bytes.try_into().unwrap()));
        match frame.kind {
            kind::SETTINGS if frame.flags == 0 => {
                for pair in frame.payload.chunks(6).filter(|pair| pair[..2] == [0, 4]) {
                    self.room[1] += word(&pair[2..]) - self.initial;
                    self.initial = word(&pair[2..]);
                }
                self.send(kind::SETTINGS, 1, 0, Vec::new());
            }
            kind::PING if frame.flags == 0 => self.send(kind::PING, 1, 0, frame.payload),
            kind::WINDOW_UPDATE => self.room[usize::from(frame.stream != 0)] += word(&frame.payload),
            kind::RST_STREAM | kind::GOAWAY => panic!("{frame:?}"),
            kind::HEADERS | kind::DATA => return Some(frame),
            _ => {}
        }
        None
    }

    fn status(&mut self) -> u16 {
        loop {
            if let Some(frame) = self.next() {
                return read_status(&frame.payload).expect("a status");
            }
        }
    }
}

/// An upload over HTTP/2; its status.
fn upload_two(address: SocketAddr, length: u64, sent: &AtomicU64) -> u16 {
    let (mut two, mut at) = (Two::open(address, b"POST", b"/up", Some(length)), 0);
    while at < length {
        let room = two.room[0].min(two.room[1]).clamp(0, 16 * 1024) as u64;
        if room == 0 {
            assert!(two.next().is_none(), "answered after {at} of {length} bytes");
            continue;
        }
        let next = piece(at, room.min(length - at));
        at += next.len() as u64;
        two.room = two.room.map(|room| room - next.len() as i64);
        sent.fetch_add(next.len() as u64, Ordering::SeqCst);
        two.send(kind::DATA, if at == length { END_STREAM } else { 0 }, 1, next);
    }
    two.status()
}

#[test]
fn an_upload_waits_for_a_service_that_takes_nothing() {
    Setting::start().uploads(upload_one);
}

#[test]
fn an_upload_over_http_2_waits_for_a_service_that_takes_nothing() {
    Setting::start().uploads(upload_two);
}

#[test]
fn a_download_waits_for_a_client_that_takes_nothing() {
    let setting = Setting::start();
    let mut stream = TcpStream::connect(setting.gateway.address).unwrap();
    stream.set_read_timeout(Some(Deadline::seconds(PATIENCE).left())).unwrap();
    stream.write_all(b"GET /down HTTP/1.1\r\nHost: api.test\r\n\r\n").unwrap();
    let head = read_head(&mut stream).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    setting.is_held_back(&setting.service.sent);
    let mut seen = Seen::default();
    seen.read(&mut stream, TOTAL);
    assert_eq!(setting.service.sent.load(Ordering::SeqCst), TOTAL);
    setting.has_not_grown();
}

#[test]
fn a_download_over_http_2_waits_for_a_client_whose_window_is_shut() {
    let setting = Setting::start();
    let mut two = Two::open(setting.gateway.address, b"GET", b"/down", None);
    assert_eq!(two.status(), 200);
    setting.is_held_back(&setting.service.sent);
    let (mut seen, mut owed) = (Seen::default(), 0);
    while seen.0 < TOTAL {
        let Some(frame) = two.next() else { continue };
        assert_eq!(frame.kind, kind::DATA, "after {} bytes", seen.0);
        seen.add(&frame.payload);
        owed += u32::try_from(frame.payload.len()).unwrap();
        if owed >= WINDOW / 2 {
            for stream in [0, 1] {
                two.send(kind::WINDOW_UPDATE, 0, stream, owed.to_be_bytes().to_vec());
            }
            owed = 0;
        }
    }
    assert_eq!(seen.0, TOTAL);
    setting.has_not_grown();
}
