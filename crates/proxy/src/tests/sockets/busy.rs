//! WebSockets that are never at rest, and those of which one end is slow: what is due comes all the same.

use std::time::Duration;

use engine::websocket::Rules;

use super::bench::{Bench, closed, shape};
use super::kit::rules;
use crate::websocket::frames::{Event, Opcode};

const HOUR: Duration = Duration::from_secs(3_600);

/// One whose upstream always has more to say, and whose client takes all of it.
fn restless(payload: &[u8]) -> (Bench, Vec<u8>) {
    let mut bench = Bench::open(&shape(Rules { idle: HOUR, ..rules() }));
    let frame = bench.server.frame(Opcode::Text, payload);
    let bytes = frame.repeat(64 * 1024 / frame.len());
    assert!(bench.server.push(&bytes) > 32 * 1024, "more than a few polls pass on");
    bench.poll();
    assert!(bench.client.events().iter().all(|event| matches!(event, Event::Message { .. })));
    (bench, frame)
}

/// How it is closed while its upstream goes on.
fn closes(bench: &mut Bench, frame: &[u8]) -> Option<u16> {
    (0..20).find_map(|_| {
        bench.server.pour(frame);
        bench.poll();
        bench.client.closed()
    })
}

#[test]
fn what_is_due_does_not_wait_for_an_end_that_never_runs_dry() {
    // The twin: it goes on while nothing is due.
    let (mut bench, frame) = restless(b"");
    assert_eq!(closes(&mut bench, &frame), None);
    bench.revoke();
    assert_eq!(closes(&mut bench, &frame), Some(1008));
    bench.settle();
    assert_eq!(bench.tape.calls(1)[0].code, "stream_withdrawn");

    let (mut bench, frame) = restless(b"");
    bench.clock.advance(rules().lifetime);
    assert_eq!(closes(&mut bench, &frame), Some(1000));

    // A close that is not returned.
    let (mut bench, frame) = restless(b"");
    bench.client.send(Opcode::Close, &1000_u16.to_be_bytes());
    assert_eq!(closes(&mut bench, &frame), None);
    bench.clock.advance(engine::bounds::WEBSOCKET_CLOSE);
    assert_eq!(closes(&mut bench, &frame), Some(1000));
    bench.settle();
    let call = &bench.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted, call.close), ("", false, Some(1000)));
}

#[test]
fn who_broke_the_protocol_is_closed_however_long_the_upstream_talks() {
    let late: [fn(&Bench); 2] = [|bench| bench.clock.advance(engine::bounds::WEBSOCKET_LAST), Bench::revoke];
    for comes in late {
        let (mut bench, frame) = restless(b"more");
        // No mask.
        bench.client.push(&[0x81, 0x01, b'a']);
        assert_eq!(closes(&mut bench, &frame), None, "what the upstream says still goes on");
        assert_eq!(bench.server.closed(), Some(1002));
        comes(&bench);
        assert_eq!(closes(&mut bench, &frame), Some(1002));
        bench.settle();
        let call = &bench.tape.calls(1)[0];
        assert_eq!((call.code, call.aborted, call.close), ("message_malformed", false, Some(1002)));
    }
}

#[test]
fn nothing_passes_unread_once_controls_read_messages() {
    let (mut bench, _) = restless(b"bad");
    let mut read = shape(Rules { idle: HOUR, ..rules() });
    read.message_toy = true;
    bench.core.swap(read.snapshot(&bench.live));
    bench.settle();
    let events = bench.client.events();
    assert_eq!((events.len(), closed(&events)), (1, Some(1008)), "{events:?}");
    assert_eq!(bench.tape.calls(1)[0].code, "body_invalid");
}

/// Its upstream has sent a message of 4 MiB, of which the client has taken nothing.
fn full() -> Bench {
    const LONG: usize = 4 << 20;
    let rules = Rules { idle: HOUR, lifetime: HOUR, message: LONG, frame: LONG, ..rules() };
    let mut bench = Bench::open(&shape(rules));
    let frame = bench.server.frame(Opcode::Binary, &vec![7; LONG]);
    let mut sent = 0;
    while sent < frame.len() {
        sent += bench.server.push(&frame[sent..]);
        bench.settle();
    }
    assert!(bench.holds(LONG - 64 * 1024));
    bench
}

/// Answers what an upstream is asked.
fn answer(bench: &mut Bench) {
    for event in bench.server.events() {
        if let Event::Ping(payload) = event {
            bench.server.send(Opcode::Pong, &payload);
        }
    }
}

#[test]
fn who_takes_a_message_slowly_gets_it_whole() {
    let mut bench = full();
    let mut events = Vec::new();
    for _ in 0..70 {
        bench.client.pull(64 * 1024);
        events.extend(bench.client.taken());
        bench.pass(10);
        answer(&mut bench);
        bench.settle();
        if !events.is_empty() {
            break;
        }
    }
    assert!(matches!(&events[..], [Event::Message { payload, .. }, ..] if payload.len() == 4 << 20));
    assert_eq!(closed(&events), None);
    bench.client.send(Opcode::Close, &1000_u16.to_be_bytes());
    bench.settle();
    assert_eq!(bench.server.closed(), Some(1000));
}

#[test]
fn a_client_that_talks_and_takes_nothing_is_not_its_upstreams_fault() {
    let mut bench = full();
    for _ in 0..20 {
        bench.client.send(Opcode::Ping, b"");
        bench.pass(10);
        answer(&mut bench);
        bench.settle();
    }
    let call = &bench.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted, call.close), ("", true, Some(1001)));
}

#[test]
fn an_upstream_that_takes_nothing_is_gone() {
    let mut bench = Bench::open(&shape(Rules { idle: HOUR, lifetime: HOUR, ..rules() }));
    let frame = bench.client.frame(Opcode::Binary, &[7; 100_000]);
    let mut sent = 0;
    while sent < frame.len() {
        sent += bench.client.push(&frame[sent..]);
        bench.settle();
    }
    for _ in 0..20 {
        bench.server.send(Opcode::Ping, b"");
        bench.pass(10);
        for event in bench.client.events() {
            if let Event::Ping(payload) = event {
                bench.client.send(Opcode::Pong, &payload);
            }
        }
        bench.settle();
    }
    let call = &bench.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted, call.close), ("upstream_reset", false, Some(1014)));
}

#[test]
fn an_end_at_rest_is_still_asked_and_lost() {
    let mut bench = Bench::open(&shape(Rules { idle: HOUR, lifetime: HOUR, ..rules() }));
    for _ in 0..5 {
        bench.client.send(Opcode::Text, b"hello");
        bench.pass(15);
        bench.client.events();
    }
    let call = &bench.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted, call.close), ("upstream_reset", false, Some(1014)));
}
