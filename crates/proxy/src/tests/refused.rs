//! Upstreams over HTTP/2 that go away or refuse, frame by frame (RFC 9113 sections 6.8, 7 and 8.7): what was surely not looked
//! at is sent again, whatever its method, and nothing arrives twice at whoever does something with it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use engine::BodyMode;
use engine::upstream::UpstreamHttp;
use tokio::sync::mpsc;

use super::balance::Farm;
use super::two::{block, dial, get};
use super::world::{Backend, Client, Reply, Shape, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// END_STREAM of HEADERS and DATA, ACK of PING.
const LAST: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` (RFC 7541 appendix A).
const STATUS_200: &[u8] = &[0x88];

const REFUSED_STREAM: u32 = 7;

/// A call as it came: on which connection, and its body.
type Came = (usize, Vec<u8>);

#[derive(Debug, Default)]
pub(super) struct Log {
    /// All that came whole.
    came: Vec<Came>,
    /// Those that something was done with.
    done: Vec<Came>,
}

/// The upstream's side of a connection.
pub(super) struct Wire {
    socket: TcpStream,
    connection: usize,
    body: Vec<u8>,
    log: Arc<Mutex<Log>>,
}

impl Wire {
    fn send(&mut self, (kind, flags, stream): (u8, u8, u32), payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        // The gateway may be gone.
        let _ = self.socket.write_all(&frame);
    }

    fn frame(&mut self) -> Option<((u8, u8, u32), Vec<u8>)> {
        let mut head = [0; 9];
        self.socket.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.socket.read_exact(&mut payload).ok()?;
        Some(((kind, flags, u32::from_be_bytes(stream)), payload))
    }

    /// The stream of the next call that is whole; `None` at the end of the connection.
    fn call(&mut self) -> Option<u32> {
        self.body.clear();
        loop {
            let ((kind, flags, stream), payload) = self.frame()?;
            if kind == DATA {
                self.body.extend(payload);
            }
            if (kind == DATA || kind == HEADERS) && flags & LAST != 0 {
                self.log.lock().unwrap().came.push((self.connection, self.body.clone()));
                return Some(stream);
            }
        }
    }

    /// Does something with the call that came last.
    fn answer(&mut self, stream: u32) {
        self.log.lock().unwrap().done.push((self.connection, self.body.clone()));
        self.send((HEADERS, LAST | END_HEADERS, stream), STATUS_200);
    }

    fn reset(&mut self, stream: u32, code: u32) {
        self.send((RST_STREAM, 0, stream), &code.to_be_bytes());
    }

    fn go_away(&mut self, last: u32, code: u32) {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.send((GOAWAY, 0, 0), &payload);
    }

    fn close(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Returns when the gateway has read everything up to here.
    fn until_read(&mut self) {
        self.send((PING, 0, 0), &[7; 8]);
        while let Some(((kind, flags, _), _)) = self.frame() {
            if kind == PING && flags & LAST != 0 {
                return;
            }
        }
    }
}

/// An upstream that does `act` for each call, given its stream, and which call it is on which connection.
pub(super) fn upstream(
    act: impl Fn(&mut Wire, u32, (usize, usize)) + Send + Sync + 'static,
) -> (SocketAddr, Arc<Mutex<Log>>) {
    let log = Arc::<Mutex<Log>>::default();
    let shared = Arc::clone(&log);
    let backend = Backend::start(move |_, connection, client: Client| {
        let log = Arc::clone(&shared);
        let mut wire = Wire { socket: client.socket, connection, body: Vec::new(), log };
        if wire.socket.read_exact(&mut [0; 24]).is_err() {
            return;
        }
        wire.send((SETTINGS, 0, 0), &[]);
        let mut calls = 0;
        while let Some(stream) = wire.call() {
            act(&mut wire, stream, (connection, calls));
            calls += 1;
        }
    });
    (backend.address, log)
}

fn world(address: SocketAddr, request: Option<BodyMode>) -> World {
    let mut shape = Shape::to(address);
    shape.http = UpstreamHttp::Two;
    shape.request = request.unwrap_or(shape.request);
    World::start(&shape)
}

/// The answer to `request`, after a good call where `warm`, so that its connection is a kept one. Then the code of its end.
fn ask(world: &World, warm: bool, request: &str) -> (Reply, &'static str) {
    let mut client = world.connect();
    if warm {
        client.send(GET);
        assert_eq!(client.reply().status, 200);
    }
    client.send(request);
    let reply = client.reply();
    let calls = world.tape.calls(1 + usize::from(warm));
    (reply, calls.last().unwrap().code)
}

/// What came, and what something was done with, but for the call that warmed up.
fn seen(log: &Mutex<Log>, warm: bool) -> (Vec<Came>, Vec<Came>) {
    let log = log.lock().unwrap();
    let without = |all: &[Came]| all[usize::from(warm)..].to_vec();
    (without(&log.came), without(&log.done))
}

fn body(request: &str) -> Vec<u8> {
    if request == POST { b"hi".to_vec() } else { Vec::new() }
}

/// All four: on a new connection and on a kept one.
fn ways() -> impl Iterator<Item = (bool, &'static str)> {
    [false, true].into_iter().flat_map(|warm| [(warm, GET), (warm, POST)])
}

#[test]
fn what_is_above_the_last_stream_of_a_goaway_is_sent_again_whatever_its_method() {
    for ((warm, request), code) in ways().flat_map(|way| [0, 2, 11].map(|code| (way, code))) {
        let (address, log) = upstream(move |wire, stream, at| match at {
            (0, number) if number == usize::from(warm) => wire.go_away(stream.saturating_sub(2), code),
            _ => wire.answer(stream),
        });
        let (reply, _) = ask(&world(address, None), warm, request);
        let (came, done) = seen(&log, warm);
        assert_eq!((reply.status, came.len()), (200, 2), "{request} {warm} {code}");
        assert_eq!(
            done,
            [(1, body(request))],
            "once, where something is done with it: {request} {warm} {code}"
        );
    }
}

#[test]
fn a_stream_that_is_refused_is_sent_again_whatever_its_method() {
    for (warm, request) in ways() {
        let (address, log) = upstream(move |wire, stream, at| match at {
            (0, number) if number == usize::from(warm) => wire.reset(stream, REFUSED_STREAM),
            _ => wire.answer(stream),
        });
        let (reply, _) = ask(&world(address, None), warm, request);
        let (came, done) = seen(&log, warm);
        assert_eq!((reply.status, came.len()), (200, 2), "{request} {warm}");
        assert_eq!(done, [(1, body(request))], "{request} {warm}");
    }
}

#[test]
fn what_is_not_above_the_last_stream_may_have_been_looked_at() {
    for ((warm, request), code) in ways().flat_map(|way| [0, 2].map(|code| (way, code))) {
        let (address, log) = upstream(move |wire, stream, at| match at {
            (0, number) if number == usize::from(warm) => {
                wire.go_away(stream, code);
                wire.close();
            }
            _ => wire.answer(stream),
        });
        let (reply, end) = ask(&world(address, None), warm, request);
        let (came, done) = seen(&log, warm);
        // The rule of a kept connection that breaks: what is idempotent may be said twice.
        let again = warm && request == GET;
        let expected = if again { (200, "") } else { (502, "upstream_reset") };
        assert_eq!((reply.status, end), expected, "{request} {warm} {code}");
        assert_eq!((came.len(), done.len()), if again { (2, 1) } else { (1, 0) }, "{request} {warm} {code}");
    }
}

#[test]
fn a_connection_that_goes_away_ends_what_it_has_and_takes_nothing_new() {
    let (gone, mut is_gone) = mpsc::channel(1);
    let (go_on, may_go_on) = mpsc::channel(1);
    let may_go_on = Mutex::new(may_go_on);
    let (address, log) = upstream(move |wire, stream, at| {
        if at == (0, 0) {
            wire.go_away(stream, 0);
            wire.until_read();
            gone.blocking_send(()).unwrap();
            may_go_on.lock().unwrap().blocking_recv().unwrap();
        }
        wire.answer(stream);
    });
    let world = world(address, None);
    // Two streams of one connection, so that one core has both.
    block(async {
        let (mut client, connection) = h2::client::handshake(dial(world.address).await).await.unwrap();
        tokio::spawn(connection);
        let (first, _) = client.send_request(get("http://a/v1/a"), true).unwrap();
        is_gone.recv().await.unwrap();
        let (second, _) = client.send_request(get("http://a/v1/b"), true).unwrap();
        assert_eq!(second.await.unwrap().status(), 200);
        go_on.send(()).await.unwrap();
        assert_eq!(first.await.unwrap().status(), 200);
    });
    let connections = |all: Vec<Came>| all.into_iter().map(|(connection, _)| connection).collect::<Vec<_>>();
    let (came, done) = seen(&log, false);
    assert_eq!((connections(came), connections(done)), (vec![0, 1], vec![1, 0]));
}

#[test]
fn whoever_refuses_everything_is_not_asked_without_end() {
    for (warm, request) in ways() {
        for goes_away in [false, true] {
            let (address, log) = upstream(move |wire, stream, at| match at {
                (0, 0) if warm => wire.answer(stream),
                _ if goes_away => wire.go_away(stream.saturating_sub(2), 0),
                _ => wire.reset(stream, REFUSED_STREAM),
            });
            let (reply, code) = ask(&world(address, None), warm, request);
            let (came, done) = seen(&log, warm);
            let what = format!("{request} {warm} {goes_away}");
            assert_eq!((reply.status, code), (502, "upstream_reset"), "{what}");
            assert_eq!((came.len(), done.len()), (2, 0), "{what}");
        }
    }
}

#[test]
fn after_the_first_time_a_refused_call_is_a_retry() {
    for (budget, most, expected) in [(100, 1, 3), (100, 0, 2), (0, 20, 12)] {
        let refusing = || upstream(|wire, stream, _| wire.reset(stream, REFUSED_STREAM));
        let ((a, first), (b, second)) = (refusing(), refusing());
        let farm = Farm::new(&[(a, 1), (b, 1)], |upstream| {
            upstream.http = UpstreamHttp::Two;
            upstream.retries.most = most;
            upstream.retries.budget = budget;
        });
        assert_eq!(farm.calls(POST, 1)[0].status, 502);
        let came = first.lock().unwrap().came.len() + second.lock().unwrap().came.len();
        // Ten retries are there at the start, whatever the budget.
        assert_eq!(came, expected, "budget {budget}, most {most}");
        assert!(!first.lock().unwrap().came.is_empty() && !second.lock().unwrap().came.is_empty());
    }
}

#[test]
fn another_target_does_what_one_refuses() {
    let (refusing, first) = upstream(|wire, stream, _| wire.reset(stream, REFUSED_STREAM));
    let (good, second) = upstream(|wire, stream, _| wire.answer(stream));
    let farm = Farm::new(&[(refusing, 1), (good, 1)], |upstream| {
        upstream.http = UpstreamHttp::Two;
        upstream.outliers.failures = 1000;
        upstream.retries.most = 0;
    });
    assert!(farm.calls(POST, 10).iter().all(|reply| reply.status == 200));
    assert_eq!((first.lock().unwrap().came.len(), second.lock().unwrap().done.len()), (5, 10));
}

#[test]
fn other_resets_say_nothing_of_what_was_done() {
    // NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, STREAM_CLOSED, CANCEL, ENHANCE_YOUR_CALM, HTTP_1_1_REQUIRED, and one unknown.
    for code in [0, 1, 2, 5, 8, 11, 13, 99] {
        for request in [GET, POST] {
            let (address, log) = upstream(move |wire, stream, at| match at {
                (0, 0) => wire.answer(stream),
                _ => wire.reset(stream, code),
            });
            let (reply, end) = ask(&world(address, None), true, request);
            assert_eq!((reply.status, end), (502, "upstream_reset"), "{request} {code}");
            assert_eq!(seen(&log, true).0.len(), 1, "{request} {code}");
        }
    }
}

#[test]
fn a_body_that_passed_is_not_there_to_be_sent_again() {
    for (request, status, times) in [(POST, 502, 1), (GET, 200, 2)] {
        let (address, log) = upstream(|wire, stream, at| match at.0 {
            0 => wire.reset(stream, REFUSED_STREAM),
            _ => wire.answer(stream),
        });
        let world = world(address, Some(BodyMode::Pass { limit: 1000 }));
        let (reply, _) = ask(&world, false, request);
        assert_eq!((reply.status, seen(&log, false).0.len()), (status, times), "{request}");
    }
}

#[test]
fn frames_that_break_the_rules_are_called_that() {
    // DATA before a head, a field block that is none, a name in capitals, SETTINGS of five bytes, WINDOW_UPDATE by nothing.
    let frames: [((u8, u8), bool, &'static [u8]); 5] = [
        ((DATA, LAST), true, b"x"),
        ((HEADERS, LAST | END_HEADERS), true, b"\xff\xff\xff\xff\xff\xff\xff"),
        ((HEADERS, LAST | END_HEADERS), true, b"\x88\x00\x01X\x01y"),
        ((SETTINGS, 0), false, b"12345"),
        ((8, 0), false, &[0; 4]),
    ];
    for ((kind, flags), of_stream, payload) in frames {
        let (address, log) = upstream(move |wire, stream, _| {
            wire.send((kind, flags, if of_stream { stream } else { 0 }), payload);
        });
        let (reply, code) = ask(&world(address, None), false, POST);
        assert_eq!((reply.status, code), (502, "upstream_protocol"), "{kind} {payload:?}");
        assert_eq!(seen(&log, false).0.len(), 1, "{kind} {payload:?}");
    }
}

#[test]
fn an_answer_that_ends_before_its_stream_does_is_never_whole() {
    // By RST_STREAM with NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM and CANCEL, and by GOAWAY below it with NO_ERROR and another.
    for (goes_away, code) in [(false, 0), (false, 2), (false, 7), (false, 8), (true, 0), (true, 2)] {
        let (address, log) = upstream(move |wire, stream, _| {
            wire.send((HEADERS, END_HEADERS, stream), STATUS_200);
            wire.send((DATA, 0, stream), b"abc");
            match goes_away {
                true => wire.go_away(0, code),
                false => wire.reset(stream, code),
            }
        });
        let world = world(address, None);
        let mut client = world.connect();
        client.send(GET);
        assert!(client.head().starts_with("HTTP/1.1 200"));
        assert!(!client.rest().ends_with(b"0\r\n\r\n"), "{goes_away} {code}");
        let calls = world.tape.calls(1);
        assert_eq!((calls[0].status, calls[0].code), (200, "upstream_reset"), "{goes_away} {code}");
        assert_eq!(seen(&log, false).0.len(), 1, "it is not asked for again: {goes_away} {code}");
    }
}

#[test]
fn an_answer_may_come_before_the_request_is_read() {
    let (address, _) = upstream(|wire, stream, at| {
        if at.1 > 0 {
            wire.answer(stream);
            return;
        }
        wire.send((HEADERS, END_HEADERS, stream), STATUS_200);
        wire.send((DATA, LAST, stream), b"abc");
        wire.reset(stream, 0);
    });
    let (reply, code) = ask(&world(address, None), false, POST);
    assert_eq!((reply.status, reply.text().as_str(), code), (200, "abc", ""));
}
