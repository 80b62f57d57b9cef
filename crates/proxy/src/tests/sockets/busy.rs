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
