//! Row 8 and 9 in small: what costs a client nothing is counted, bounded, and named when it bites. `make long` has the same in large,
//! with the clock and the memory of a process of its own (`tests/long/floods.py`).
//!
//! Every flood is sent on one connection while another client is served before and after, and each ends in a definite
//! state: GOAWAY, or all of it was taken and the connection still answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use engine::bounds::{self, Bound};
use engine::record::ConnectionEvent;
use testkit::frames::{block, kind};
use testkit::{Answer, Naive, RawClient, Recorder, until};

use crate::conformance::code;
use crate::plane::Plane;
use crate::two::{self, END_HEADERS, END_STREAM, Outcome, data, frame, get, get_fields, opening, post};

fn reset(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, [0, 0, 0, 8])
}

fn times(count: u32, frame: &[u8]) -> Vec<u8> {
    frame.repeat(count as usize)
}

/// A gateway and what stands behind it.
struct Under {
    recorder: Recorder,
    plane: Plane,
}

impl Under {
    fn start() -> Self {
        let recorder = Recorder::start();
        let plane = Plane::start(&recorder);
        let under = Self { recorder, plane };
        under.serves();
        under
    }

    /// Another client gets its answer.
    fn serves(&self) {
        let reply =
            testkit::raw::exchange(self.plane.address, "GET /m/other HTTP/1.1\r\nHost: files.test\r\n\r\n");
        assert_eq!(reply.map(|reply| reply.status), Some(200));
    }

    /// Sends it all behind preface and SETTINGS.
    fn flood(&self, script: &[u8], awaited: &[u32]) -> Outcome {
        let outcome = two::run(self.plane.address, &[opening(), script.to_vec()].concat(), awaited);
        self.serves();
        outcome
    }

    /// It is given up, told by GOAWAY, and the bound is counted once.
    fn bites(&self, name: &str, script: &[u8], bound: Bound, told: u32) {
        let before = self.plane.notes.bound(bound);
        let outcome = self.flood(script, &[u32::MAX]);
        assert_eq!((outcome.closed, outcome.gone), (true, Some(told)), "{name}: {outcome:?}");
        assert_eq!(self.plane.notes.bound(bound), before + 1, "{name}: `{}` is counted", bound.name());
    }

    /// As much of it as may be is taken.
    fn takes(&self, name: &str, script: &[u8]) {
        let outcome = self.flood(&[script.to_vec(), get(0x7fff_fff1, "/m/after")].concat(), &[0x7fff_fff1]);
        assert_eq!(outcome.answers.get(&0x7fff_fff1), Some(&200), "{name}: {outcome:?}");
        assert!(!outcome.closed, "{name}");
    }
}

#[test]
fn threat_08_frames_that_carry_nothing_are_bounded() {
    let under = Under::start();
    let floods = [
        ("SETTINGS", frame(kind::SETTINGS, 0, 0, [0, 3, 0, 0, 0, 9])),
        ("SETTINGS without any", frame(kind::SETTINGS, 0, 0, [])),
        ("PING", frame(kind::PING, 0, 0, [7; 8])),
        ("answers to no PING", frame(kind::PING, 1, 0, [7; 8])),
        ("PRIORITY", frame(kind::PRIORITY, 0, 9, [0, 0, 0, 3, 7])),
        ("unknown types", frame(0xbe, 0, 0, [0; 8])),
    ];
    for (name, frame) in floods {
        let more = bounds::CONTROL_FRAMES.burst * 2;
        under.bites(name, &times(more, &frame), Bound::ControlFrames, code::PROTOCOL);
        under.takes(name, &times(100, &frame));
    }
    // The library below bounds bodies in crumbs.
    for (name, crumb) in [("empty DATA", data(1, 0, [])), ("DATA of a byte", data(1, 0, [0]))] {
        let flood = [post(1, "/m/1", &[]), times(100_000, &crumb)].concat();
        under.bites(name, &flood, Bound::Http2Excess, code::CALM);
        under.takes(name, &[post(1, "/m/1", &[]), times(20, &crumb), data(1, END_STREAM, [])].concat());
    }
}

#[test]
fn threat_08_rapid_resets_end_and_reach_the_upstream_no_more_often_than_allowed() {
    let under = Under::start();
    let before = under.recorder.count();
    let most = bounds::CLIENT_RESETS.burst;
    let script: Vec<u8> = (0..most * 5)
        .flat_map(|number| [get(number * 2 + 1, "/m/reset"), reset(number * 2 + 1)].concat())
        .collect();
    let outcome = under.flood(&script, &[u32::MAX]);
    assert!(outcome.closed && outcome.gone.is_some_and(|code| code != 0), "{outcome:?}");
    let bitten = under.plane.notes.bound(Bound::ClientResets) + under.plane.notes.bound(Bound::Http2Excess);
    assert!(bitten >= 1, "it is counted");
    let reached = under.recorder.count() - before - 1;
    assert!(reached <= most as usize, "{reached} calls reached the upstream");
    // A page that is left: as many resets as it may have, and the connection goes on.
    let left: Vec<u8> =
        (0..40).flat_map(|number| [get(number * 2 + 1, "/m/left"), reset(number * 2 + 1)].concat()).collect();
    under.takes("forty resets", &left);
}

/// Row 8, MadeYouReset: the client has the server reset its streams, by frames that are no resets.
#[test]
fn threat_08_streams_that_the_server_is_made_to_reset_are_bounded() {
    let under = Under::start();
    for (name, odd) in
        [("a window that is too large", frame_window(0x7fff_ffff)), ("a window by nothing", frame_window(0))]
    {
        let before = under.recorder.count();
        let script: Vec<u8> = (0..1_000_u32)
            .flat_map(|number| {
                let stream = number * 2 + 1;
                [post(stream, "/m/made", &[]), with_stream(&odd, stream)].concat()
            })
            .collect();
        let outcome = under.flood(&script, &[u32::MAX]);
        assert!(outcome.closed && outcome.gone.is_some_and(|code| code != 0), "{name}: {outcome:?}");
        let reached = under.recorder.count() - before - 1;
        assert!(
            reached <= bounds::STREAMS as usize + bounds::RESET_STREAMS,
            "{name}: {reached} reached the upstream"
        );
    }
}

fn frame_window(increment: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, 1, increment.to_be_bytes())
}

fn with_stream(frame: &[u8], stream: u32) -> Vec<u8> {
    [&frame[..5], &stream.to_be_bytes(), &frame[9..]].concat()
}

#[test]
fn threat_08_continuations_have_an_end() {
    let under = Under::start();
    let head = || frame(kind::HEADERS, END_STREAM, 1, get_fields("/m/1", &[]));
    let crumb = frame(kind::CONTINUATION, 0, 1, block(&[(b"x", b"y")]));
    under.bites("crumbs", &[head(), times(10_000, &crumb)].concat(), Bound::Http2Excess, code::CALM);
    let empty = frame(kind::CONTINUATION, 0, 1, []);
    under.bites("empty ones", &[head(), times(10_000, &empty)].concat(), Bound::Http2Excess, code::CALM);
    let long = frame(kind::CONTINUATION, 0, 1, block(&[(b"x", &[b'a'; 16_000])]));
    under.bites("long ones", &[head(), times(100, &long)].concat(), Bound::Http2Excess, code::CALM);
}

/// A reference of one byte stands for a field of 4,000, so many times.
fn bomb(references: usize) -> Vec<u8> {
    let kept = [[0x40, 1, b'x', 0x7f, 0xa1, 0x1e].as_slice(), &[b'a'; 4_000]].concat();
    let fields = [get_fields("/m/1", &[]), kept, vec![0xbe; references]].concat();
    frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, fields)
}

#[test]
fn threat_09_the_same_references_grow_in_a_naive_proxy() {
    let recorder = Recorder::start();
    let naive = Naive::start(recorder.address());
    let mut client = RawClient::connect(naive.address());
    let sent = [opening(), bomb(1_000)].concat();
    client.send(&sent).unwrap();
    let grown = until(20, || (recorder.received() > 500 * sent.len()).then_some(()));
    assert!(grown.is_some(), "{} bytes became {}", sent.len(), recorder.received());
}

/// Row 9.
#[test]
fn threat_09_references_do_not_grow_into_fields_without_end() {
    let under = Under::start();
    under.bites("10,000 references", &bomb(10_000), Bound::Http2Excess, code::CALM);
    // Over what a head may have and under what is abuse: refused, the connection goes on.
    let outcome = under.flood(&bomb(12), &[1]);
    assert_eq!((outcome.answers.get(&1), outcome.closed), (Some(&431), false), "{outcome:?}");
    let outcome = under.flood(&bomb(3), &[1]);
    assert_eq!(outcome.answers.get(&1), Some(&200), "{outcome:?}");
    let arrived = String::from_utf8(under.recorder.last().raw).unwrap();
    assert!(!arrived.is_empty());
}

/// A window that is never opened holds one call, and what it holds is bounded; a lone client cannot open more than it may.
#[test]
fn threat_08_shut_windows_hold_their_streams_and_nobody_elses() {
    let under = Under::start();
    under.recorder.answer(Answer::json(200, "x".repeat(200_000)));
    let shut = frame(kind::SETTINGS, 0, 0, [0, 4, 0, 0, 0, 0]);
    let gets = |count: u32| (0..count).flat_map(|number| get(number * 2 + 1, "/m/shut")).collect::<Vec<u8>>();
    let last = |count: u32| count * 2 - 1;
    // As many as are borne: one is under way, the others are refused.
    let (few, before) = (bounds::SMALL_WINDOW_OPENED, under.recorder.count());
    let refused: Vec<u32> = (2..=few).map(last).collect();
    let outcome = under.flood(&[shut.clone(), gets(few)].concat(), &refused);
    assert!(
        !outcome.closed && refused.iter().all(|stream| outcome.answers.get(stream) == Some(&503)),
        "{outcome:?}"
    );
    assert!(outcome.bytes.values().all(|bytes| *bytes == 0), "{outcome:?}");
    // And another client is served behind each flood.
    assert!(under.recorder.count() <= before + 2, "{} calls", under.recorder.count());
    under.bites("one more", &[shut, gets(few + 1)].concat(), Bound::SmallWindow, code::PROTOCOL);
}

/// Row 8: windows that are no smaller than others', and that nobody ever opens.
#[test]
fn threat_08_windows_that_stand_still_hold_few_streams_and_the_others_go_on_when_they_open() {
    let under = Under::start();
    under.recorder.answer(Answer::json(200, "x".repeat(200_000)));
    let small = frame(kind::SETTINGS, 0, 0, [0, 4, 0, 0, 0x10, 0]);
    for (name, settings) in [("the default", Vec::new()), ("4,096", small)] {
        let (before, told) = (under.recorder.count(), under.plane.notes.bound(Bound::WaitingStreams));
        let mut client = RawClient::connect(under.plane.address);
        let gets: Vec<u8> = (0..100).flat_map(|number| get(number * 2 + 1, "/m/still")).collect();
        client.send([opening(), settings, gets].concat()).unwrap();
        // Whatever comes is read and no window opens; before the first answers are there a turn may pass, and not another.
        let few = bounds::FIRST_STREAMS as usize;
        let mut heads = 0;
        while heads < few {
            heads += usize::from(client.frame().unwrap().kind == kind::HEADERS);
        }
        let more = until(1, || (under.recorder.count() - before > few * 4).then_some(()));
        assert!(more.is_none(), "{name}: {} calls", under.recorder.count() - before);
        under.serves();
        assert_eq!(under.plane.notes.bound(Bound::WaitingStreams), told + 1, "{name}");
        // They open, and everybody is answered.
        let wide = frame(kind::SETTINGS, 0, 0, [0, 4, 0x7f, 0xff, 0, 0]);
        client.send([wide, frame(kind::WINDOW_UPDATE, 0, 0, [0x70, 0, 0, 0])].concat()).unwrap();
        let mut ended = 0;
        while ended < 100 {
            let frame = client.frame().unwrap();
            let last = matches!(frame.kind, kind::HEADERS | kind::DATA) && frame.flags & END_STREAM != 0;
            ended += usize::from(last);
        }
        assert_eq!(under.recorder.count() - before, 100 + 1, "{name}");
    }
}

/// Who takes its answers has as many streams as it likes, with windows of any size and one that never opens.
#[test]
fn a_hundred_streams_of_short_answers_are_answered_without_a_window_that_opens() {
    let under = Under::start();
    under.recorder.answer(Answer::json(200, "{}"));
    let gets: Vec<u8> = (0..100).flat_map(|number| get(number * 2 + 1, "/m/short")).collect();
    let all: Vec<u32> = (0..100).map(|number| number * 2 + 1).collect();
    let outcome = under.flood(&gets, &all);
    assert!(
        !outcome.closed && all.iter().all(|stream| outcome.answers.get(stream) == Some(&200)),
        "{outcome:?}"
    );
    // And one more than may be open is refused, and counted, when all of them are.
    let posts: Vec<u8> = (0..=100).flat_map(|number| post(number * 2 + 1, "/m/open", &[])).collect();
    let outcome = under.flood(&posts, &[201]);
    assert_eq!(outcome.resets.get(&201), Some(&code::REFUSED), "{outcome:?}");
    assert_eq!(under.plane.notes.bound(Bound::Streams), 1);
}

fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(bytes).unwrap();
    socket
}

/// A head and a body that do not end.
const UNFINISHED: [&str; 2] = [
    "GET /m/slow HTTP/1.1\r\nHost: files.test\r\nA: b",
    "POST /j/slow HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
];

/// Slow heads and slow bodies, many at once: none reaches the upstream, and others are served meanwhile. That they end in time is
/// for `lifetime::clients_that_never_finish_a_head_or_a_handshake_are_let_go` and for `pace::tests`.
#[test]
fn threat_08_unfinished_messages_reach_nobody() {
    let under = Under::start();
    let before = under.recorder.count();
    let open: Vec<TcpStream> =
        (0..100).flat_map(|_| UNFINISHED).map(|text| connect(under.plane.address, text.as_bytes())).collect();
    let two = [opening(), frame(kind::HEADERS, 0, 1, get_fields("/m/slow", &[]))].concat();
    let more: Vec<TcpStream> = (0..50).map(|_| connect(under.plane.address, &two)).collect();
    under.serves();
    assert_eq!(under.recorder.count(), before + 1);
    let held = open.len() + more.len();
    drop((open, more));
    // All of them are let go as soon as their clients are.
    let opened = || under.plane.notes.event(ConnectionEvent::Opened);
    let all = until(20, || (opened() - under.plane.notes.event(ConnectionEvent::Closed) == 0).then_some(()));
    assert!(
        all.is_some() && opened() >= held,
        "{} of {} ended",
        under.plane.notes.event(ConnectionEvent::Closed),
        opened()
    );
    under.serves();
}

#[test]
fn threat_08_the_same_unfinished_messages_occupy_the_upstream_of_a_naive_proxy() {
    const EACH: usize = 20;
    let recorder = Recorder::start();
    let naive = Naive::start(recorder.address());
    let open: Vec<TcpStream> =
        (0..EACH).flat_map(|_| UNFINISHED).map(|text| connect(naive.address(), text.as_bytes())).collect();
    let sent = UNFINISHED.concat().len() * EACH;
    let came = until(20, || (recorder.received() == sent).then_some(()));
    assert!(came.is_some(), "{} of {sent} bytes", recorder.received());
    assert_eq!(recorder.connections(), open.len());
}

/// A client that reads nothing gets no more than fits into buffers: the upstream's answer stops.
#[test]
fn threat_08_an_answer_that_nobody_reads_is_not_taken_off_the_upstream() {
    let recorder = Recorder::start();
    recorder.answer(Answer::json(200, "x".repeat(16 << 20)));
    let plane = Plane::start(&recorder);
    let call = "GET /m/big HTTP/1.1\r\nHost: files.test\r\n\r\n";
    let slow: Vec<TcpStream> = (0..4).map(|_| connect(plane.address, call.as_bytes())).collect();
    for mut socket in &slow {
        let mut first = [0; 64];
        socket.read_exact(&mut first).unwrap();
    }
    recorder.answer(Answer::json(200, "{}"));
    let reply = testkit::raw::exchange(plane.address, call).unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    assert!(plane.notes.calls().iter().all(|call| call.code.is_empty()), "{:?}", plane.notes.calls());
    drop(slow);
    let ended = until(20, || (plane.notes.calls().len() == 5).then_some(()));
    assert!(ended.is_some(), "clients that left are recorded");
    assert_eq!(plane.notes.calls().iter().filter(|call| call.status == 200).count(), 5);
}

/// The same floods get through a proxy that checks nothing.
#[test]
fn threat_08_a_naive_proxy_calls_as_often_as_it_is_told() {
    let recorder = Recorder::start();
    let naive = Naive::start(recorder.address());
    let calls = bounds::CLIENT_RESETS.burst * 5;
    let script: Vec<u8> = (0..calls)
        .flat_map(|number| {
            let head =
                frame(kind::HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, get_fields("/m/reset", &[]));
            [frame(kind::PING, 0, 0, [0; 8]), head, reset(number * 2 + 1)].concat()
        })
        .collect();
    let mut client = RawClient::connect(naive.address());
    client.send([opening(), script].concat()).unwrap();
    assert!(recorder.wait_for(calls as usize), "{} of {calls}", recorder.count());
}
