//! WebSockets in front of upstreams of our own, frame by frame (THREATS rows 3, 25, 37, 42).

mod bench;
mod between;
mod busy;
mod endings;
mod held;
mod kit;
mod opening;
mod over_two;

use engine::bounds::Bound;

use crate::websocket::frames::{Event, Opcode};
use kit::{End, MASK, closed_with, echo, rules, shape};

use super::world::World;

#[test]
fn messages_go_both_ways_and_the_call_is_recorded() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    let mut end = End::open(&world, "");
    end.send(Opcode::Text, "grüß".as_bytes());
    assert_eq!(end.text(), "grüß");
    // In pieces, with a ping between them; what comes back is whole.
    end.raw([0x01, 0x81, 0, 0, 0, 0, b'a']);
    end.send(Opcode::Ping, b"still there?");
    assert_eq!(end.next(), Some(Event::Pong("still there?".into())));
    end.raw([0x80, 0x81, 0, 0, 0, 0, b'b']);
    assert_eq!(end.text(), "ab");
    // Longer than any buffer.
    let long = vec![0xfe; 150_000];
    end.send(Opcode::Binary, &long);
    assert_eq!(end.next(), Some(Event::Message { text: false, payload: long.into() }));
    end.send(Opcode::Pong, b"unasked");
    end.close(4_001);
    assert_eq!(end.closed(), Some(4_001));
    assert_eq!(end.next(), None);
    assert_eq!(closed_with(&met), 4_001);
    let call = &world.tape.calls(1)[0];
    assert_eq!((call.status, call.code, call.aborted, call.close), (101, "", false, Some(4_001)));
    let bytes = 6 + 2 + 150_000;
    assert_eq!((call.messages, call.bytes), ((3, 3), (bytes, bytes)));
}

/// What breaks a rule, with the code that both ends are told and the record's.
fn violations() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let masked = |first: u8, payload: &[u8]| {
        let mut frame = Vec::new();
        crate::websocket::write::write(&mut frame, Opcode::Binary, payload, Some(MASK));
        frame[0] = first;
        frame
    };
    vec![
        ("no mask", vec![0x81, 0x01, b'a'], 1002, "message_malformed"),
        ("RSV1", masked(0xc1, b"a"), 1002, "message_malformed"),
        ("an unknown opcode", masked(0x83, b""), 1002, "message_malformed"),
        (
            "a long ping",
            [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat(),
            1002,
            "message_malformed",
        ),
        ("a ping in pieces", masked(0x09, b""), 1002, "message_malformed"),
        ("a fragment alone", masked(0x80, b"a"), 1002, "message_malformed"),
        (
            "a text within a text",
            [masked(0x01, b"a"), masked(0x81, b"b")].concat(),
            1002,
            "message_malformed",
        ),
        ("a length that is not minimal", vec![0x82, 0xfe, 0, 1, 0, 0, 0, 0, 1], 1002, "message_malformed"),
        ("close with 1005", masked(0x88, &1005_u16.to_be_bytes()), 1002, "message_malformed"),
        ("not UTF-8", masked(0x81, b"\xff"), 1007, "message_malformed"),
        (
            "not UTF-8 over pieces",
            [masked(0x01, b"\xc3"), masked(0x80, b"a")].concat(),
            1007,
            "message_malformed",
        ),
        (
            "a long frame",
            vec![0x82, 0xff, 0, 0, 0, 0, 0, 3, 0x0d, 0x41, 0, 0, 0, 0],
            1009,
            "message_too_large",
        ),
        (
            "a long message",
            [masked(0x02, &[0; 199_000]), masked(0x80, &[0; 199_000])].concat(),
            1009,
            "message_too_large",
        ),
        ("too many at once", masked(0x81, b"x").repeat(1_200), 1008, "messages_too_fast"),
        ("too many pings", masked(0x89, b"").repeat(1_200), 1008, "messages_too_fast"),
        (
            "too many empty pieces",
            [masked(0x01, b""), masked(0x00, b"").repeat(1_200)].concat(),
            1008,
            "messages_too_fast",
        ),
    ]
}

#[test]
fn threat_25_what_breaks_the_protocol_closes_both_ends_with_its_code() {
    for (name, bytes, code, recorded) in violations() {
        let (backend, met) = echo();
        let world = World::start(&shape(&backend, rules()));
        let mut end = End::open(&world, "");
        // The twin: up to here all is well.
        end.send(Opcode::Text, b"good");
        assert_eq!(end.text(), "good", "{name}");
        end.raw(&bytes);
        assert_eq!(end.closed(), Some(code), "{name}: the client");
        drop(end);
        assert_eq!(met.recv().unwrap(), Ok("good".into()));
        assert_eq!(closed_with(&met), code, "{name}: the upstream");
        let call = &world.tape.calls(1)[0];
        assert_eq!((call.code, call.close, call.aborted), (recorded, Some(code), false), "{name}");
        // What was a matter of how much or how often is counted, once, and nothing else is.
        let reached = match (code, name) {
            (1009, _) => Some(Bound::Message),
            (1008, "too many at once") => Some(Bound::MessageRate),
            (1008, _) => Some(Bound::ControlFrames),
            _ => None,
        };
        let known = [Bound::Message, Bound::MessageRate, Bound::ControlFrames];
        let counted: Vec<_> = world.tape.bounds().into_iter().filter(|bound| known.contains(bound)).collect();
        assert_eq!(counted, reached.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

/// Section 7.1.7, as Autobahn's case 3.4 has it: what came whole before is answered.
#[test]
fn what_was_said_before_the_protocol_was_broken_is_answered_before_the_close() {
    for (name, bytes, code, recorded) in violations().into_iter().filter(|case| case.2 != 1008) {
        let (backend, met) = echo();
        let world = World::start(&shape(&backend, rules()));
        let mut end = End::open(&world, "");
        let mut good = Vec::new();
        crate::websocket::write::write(&mut good, Opcode::Text, b"good", Some(MASK));
        // At once, and more of it behind, which nobody hears.
        end.raw([&good[..], &bytes, &good].concat());
        assert_eq!(end.text(), "good", "{name}");
        assert_eq!(end.closed(), Some(code), "{name}: the client");
        assert_eq!(end.next(), None, "{name}");
        assert_eq!(met.recv().unwrap(), Ok("good".into()), "{name}");
        assert_eq!(met.recv().unwrap(), Err(code), "{name}: the upstream");
        let call = &world.tape.calls(1)[0];
        assert_eq!((call.code, call.close, call.messages), (recorded, Some(code), (1, 1)), "{name}");
    }
}

#[test]
fn nothing_of_a_message_that_breaks_a_rule_reaches_the_upstream() {
    let (backend, met) = echo();
    let world = World::start(&shape(&backend, rules()));
    let mut end = End::open(&world, "");
    let piece = |first: u8, payload: &[u8]| {
        let mut frame = Vec::new();
        crate::websocket::write::write(&mut frame, Opcode::Text, payload, Some(MASK));
        frame[0] = first;
        frame
    };
    end.raw([piece(0x01, &[b'a'; 5_000]), piece(0x00, &[b'b'; 5_000]), piece(0x80, b"\xff")].concat());
    assert_eq!(end.closed(), Some(1007));
    assert_eq!(met.recv().unwrap(), Err(1007), "not one message came before the close");
}

#[test]
fn a_message_that_a_control_refuses_closes_both_ends() {
    let (backend, met) = echo();
    let mut shape = shape(&backend, rules());
    shape.message_toy = true;
    let world = World::start(&shape);
    let mut end = End::open(&world, "");
    // Many at once: they wait for each other and keep their order.
    for number in 0..50 {
        end.send(Opcode::Text, format!("{number}").as_bytes());
    }
    for number in 0..50 {
        assert_eq!(end.text(), format!("{number}"));
    }
    end.send(Opcode::Text, b"this is bad");
    assert_eq!(end.closed(), Some(1008));
    assert_eq!(closed_with(&met), 1008);
    let call = &world.tape.calls(1)[0];
    assert_eq!((call.code, call.close, call.messages), ("body_invalid", Some(1008), (50, 50)));
}
