//! What a WebSocket holds of its core's room, and what is known of one that ends while a control looks at a message.

use std::time::Duration;

use engine::Mode;
use engine::websocket::Rules;

use super::bench::{Bench, shape};
use super::kit::rules;
use crate::websocket::frames::{Event, Opcode};

const HOUR: Duration = Duration::from_secs(3_600);

/// Sends a message and lets its upstream return it.
fn echo(bench: &mut Bench, payload: &[u8]) {
    bench.client.send(Opcode::Binary, payload);
    bench.settle();
    assert_eq!(bench.server.events().len(), 1);
    bench.server.send(Opcode::Binary, payload);
    bench.settle();
    let back = bench.client.events();
    assert!(matches!(&back[..], [Event::Message { payload: same, .. }] if same == payload));
}

#[test]
fn what_was_passed_on_is_held_no_longer() {
    let mut bench = Bench::open(&shape(rules()));
    // Short of what makes the other end wait: nobody comes back to it.
    bench.client.send(Opcode::Binary, &[7; 30_000]);
    bench.settle();
    assert!(!bench.holds(1));
    assert_eq!(bench.server.events().len(), 1);
    echo(&mut bench, &[7; 1_000]);
    assert!(!bench.holds(1));
    // The twin: what has not come whole is held.
    let frame = bench.client.frame(Opcode::Binary, &[7; 30_000]);
    bench.client.push(&frame[..20_000]);
    bench.settle();
    assert!(bench.holds(19_000));
}

#[test]
fn one_that_is_idle_keeps_no_room() {
    let mut bench = Bench::open(&shape(Rules { idle: HOUR, lifetime: HOUR, ..rules() }));
    echo(&mut bench, &[7; 60_000]);
    bench.pass(31);
    for end in [&mut bench.client, &mut bench.server] {
        for event in end.events() {
            let Event::Ping(payload) = event else { panic!("{event:?}") };
            end.send(Opcode::Pong, &payload);
        }
    }
    bench.settle();
    bench.abandon();
    let wire = &mut *bench.wire.borrow_mut();
    assert_eq!((wire.inbox.capacity(), wire.outbox().capacity()), (0, 0));
}

/// One whose controls read messages, and never come to an end with one that begins with `hold`.
fn inspected() -> Bench {
    let mut shape = shape(Rules { message: 2 << 20, frame: 2 << 20, ..rules() });
    shape.message_toy = true;
    Bench::open(&shape)
}

#[test]
fn what_ends_while_a_control_looks_at_a_message_is_recorded_as_what_it_was() {
    let mut bench = inspected();
    bench.client.send(Opcode::Text, b"hello");
    bench.client.send(Opcode::Text, b"hold it");
    bench.settle();
    bench.revoke();
    bench.settle();
    assert_eq!((bench.client.closed(), bench.server.closed()), (Some(1008), Some(1008)));
    let call = &bench.tape.calls(1)[0];
    assert_eq!((call.status, call.code, call.aborted), (101, "stream_withdrawn", false));
    assert_eq!((call.close, call.messages, call.bytes), (Some(1008), (1, 0), (5, 0)));
    // Its task is dropped.
    let mut bench = inspected();
    bench.client.send(Opcode::Text, b"hello");
    bench.client.send(Opcode::Text, b"hold it");
    bench.settle();
    bench.abandon();
    let call = &bench.tape.calls(1)[0];
    assert_eq!((call.code, call.aborted, call.messages), ("", true, (1, 0)));
}

#[test]
fn a_message_that_a_control_looks_at_is_held() {
    let mut bench = inspected();
    let mut payload = vec![b'x'; 1 << 20];
    payload[..4].copy_from_slice(b"hold");
    let frame = bench.client.frame(Opcode::Text, &payload);
    let mut sent = 0;
    while sent < frame.len() {
        sent += bench.client.push(&frame[sent..]);
        bench.settle();
    }
    assert!(bench.holds(1 << 20));
    bench.abandon();
    assert!(!bench.holds(1));
}

/// After a reload; the time for it is over then.
fn asked_again(mode: Mode) -> Bench {
    let mut bench = Bench::open(&shape(rules()));
    bench.settle();
    let mut next = shape(rules());
    (next.generation, next.head_toy) = (2, mode);
    bench.core.swap(next.snapshot(&bench.live));
    bench.pass(6);
    bench.sweep();
    bench
}

#[test]
fn a_control_that_does_not_answer_ends_what_is_open_only_where_it_is_enforced() {
    let mut bench = asked_again(Mode::Enforce);
    assert_eq!(bench.client.closed(), Some(1008));
    assert_eq!(bench.tape.calls(1)[0].code, "stream_withdrawn");
    echo(&mut asked_again(Mode::Shadow), b"hello");
}
