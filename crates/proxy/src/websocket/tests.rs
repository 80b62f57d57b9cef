//! Frames by the sections of RFC 6455 that they keep or break.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::frames::{Event, From, Limits, Opcode, Reader, Violation};
use super::write::{mask, write};

const LIMITS: Limits = Limits { frame: 70_000, message: 100_000 };
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Reads all of it in reads of `step`.
fn read(from: From, bytes: &[u8], step: usize) -> (Vec<Event>, Option<Violation>) {
    let (mut reader, mut inbox, mut events) = (Reader::new(from), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(step.max(1)) {
        inbox.extend_from_slice(piece);
        loop {
            match reader.next(&mut inbox, LIMITS) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
    }
    (events, None)
}

fn message(text: bool, payload: impl Into<Bytes>) -> Event {
    Event::Message { text, payload: payload.into() }
}

/// A server's frame, byte by byte.
fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

#[test]
fn the_examples_of_section_5_7_are_read() {
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read(From::Client, &masked, 99), (vec![message(true, "Hello")], None));
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(read(From::Server, &ping, 99), (vec![Event::Ping("Hello".into())], None));
    let pieces = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    assert_eq!(read(From::Server, &pieces, 99), (vec![message(true, "Hello")], None));
    for length in [0, 125, 126, 256, 65_535, 65_536] {
        let payload = vec![7; length];
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Binary, &payload, None);
        let header = [0x82, 0x7e, (length >> 8) as u8, length as u8];
        match length {
            126..=65_535 => assert_eq!(frame[..4], header),
            65_536.. => assert_eq!(frame[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
            _ => assert_eq!(frame[..2], [0x82, length as u8]),
        }
        assert_eq!(read(From::Server, &frame, 1_000), (vec![message(false, payload)], None));
    }
}

/// What is refused, its code, and what differs from it only by being good.
type Broken = (&'static str, Vec<u8>, u16, Vec<u8>);

#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn broken() -> Vec<Broken> {
    let close = |bytes: &[u8]| raw(0x88, bytes);
    vec![
        ("5.2 RSV1, as of permessage-deflate", raw(0xc1, b"a"), 1002, raw(0x81, b"a")),
        ("5.2 RSV2", raw(0xa1, b"a"), 1002, raw(0x81, b"a")),
        ("5.2 RSV3", raw(0x91, b"a"), 1002, raw(0x81, b"a")),
        ("5.2 opcode 3", raw(0x83, b""), 1002, raw(0x82, b"")),
        ("5.2 opcode 7", raw(0x87, b""), 1002, raw(0x82, b"")),
        ("5.2 opcode 11", raw(0x8b, b""), 1002, raw(0x8a, b"")),
        ("5.2 opcode 15", raw(0x8f, b""), 1002, raw(0x8a, b"")),
        ("5.1 a mask of a server", [&[0x81, 0x81, 1, 2, 3, 4][..], b"a"].concat(), 1002, raw(0x81, b"a")),
        ("5.2 16 bits for 125", [&[0x82, 126, 0, 125][..], &[0; 125]].concat(), 1002, {
            [&[0x82, 126, 0, 126][..], &[0; 126]].concat()
        }),
        (
            "5.2 64 bits for 65535",
            [&[0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255][..], &[0; 65_535]].concat(),
            1002,
            { [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[0; 65_536]].concat() },
        ),
        ("5.2 the highest bit of 64", vec![0x82, 127, 128, 0, 0, 0, 0, 1, 0, 0], 1002, raw(0x82, b"")),
        (
            "5.5 a ping of 126 bytes",
            [&[0x89, 126, 0, 126][..], &[0; 126]].concat(),
            1002,
            raw(0x89, &[0; 125]),
        ),
        ("5.5 a ping in pieces", raw(0x09, b"a"), 1002, raw(0x89, b"a")),
        ("5.5 a close in pieces", raw(0x08, b""), 1002, raw(0x88, b"")),
        ("5.4 a fragment without a beginning", raw(0x80, b"a"), 1002, raw(0x81, b"a")),
        ("5.4 a text within a binary", [raw(0x02, b"a"), raw(0x81, b"b")].concat(), 1002, {
            [raw(0x02, b"a"), raw(0x80, b"b")].concat()
        }),
        ("5.4 a fragment after the end", [raw(0x81, b"a"), raw(0x80, b"b")].concat(), 1002, {
            [raw(0x01, b"a"), raw(0x80, b"b")].concat()
        }),
        ("5.5.1 half a code", close(b"\x03"), 1002, close(b"")),
        ("7.4.1 code 999", close(b"\x03\xe7"), 1002, close(b"\x03\xe8")),
        ("7.4.1 code 1004", close(b"\x03\xec"), 1002, close(b"\x03\xeb")),
        ("7.4.1 code 1005", close(b"\x03\xed"), 1002, close(b"\x03\xef")),
        ("7.4.1 code 1006", close(b"\x03\xee"), 1002, close(b"\x03\xf3")),
        ("7.4.1 code 1015", close(b"\x03\xf7"), 1002, close(b"\x03\xf6")),
        ("7.4.2 code 2999", close(b"\x0b\xb7"), 1002, close(b"\x0b\xb8")),
        ("7.4.2 code 5000", close(b"\x13\x88"), 1002, close(b"\x13\x87")),
        ("5.5.1 a reason that is not UTF-8", close(b"\x03\xe8\xff"), 1007, close(b"\x03\xe8\xc3\xa4")),
        ("5.6 a text that is not UTF-8", raw(0x81, b"\xff"), 1007, raw(0x82, b"\xff")),
        ("8.1 a surrogate", raw(0x81, b"\xed\xa0\x80"), 1007, raw(0x81, b"\xed\x9f\xbf")),
        ("8.1 an overlong form", raw(0x81, b"\xc0\xaf"), 1007, raw(0x81, b"\x2f")),
        ("8.1 half a character at the end", raw(0x81, b"a\xc3"), 1007, raw(0x81, b"a\xc3\xa4")),
        ("8.1 half a character over fragments", [raw(0x01, b"\xc3"), raw(0x80, b"a")].concat(), 1007, {
            [raw(0x01, b"\xc3"), raw(0x80, b"\xa4")].concat()
        }),
        ("a frame over its bound", vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71], 1009, raw(0x82, b"")),
        ("a length that no memory has", vec![0x82, 127, 127, 255, 255, 255, 255, 255, 255, 255], 1009, {
            raw(0x82, b"")
        }),
        ("a message over its bound", [long(0x02, 60_000), long(0x80, 40_001)].concat(), 1009, {
            [long(0x02, 60_000), long(0x80, 40_000)].concat()
        }),
    ]
}

#[test]
fn what_breaks_the_protocol_is_refused_and_its_twin_is_not() {
    for (name, bad, code, good) in broken() {
        for step in [1, 2, 3, 7, usize::MAX] {
            let (_, violation) = read(From::Server, &bad, step);
            assert_eq!(violation.map(Violation::code), Some(code), "{name}, in reads of {step}");
            let (events, violation) = read(From::Server, &good, step);
            assert_eq!(violation, None, "the twin of: {name}, in reads of {step}");
            assert!(!events.is_empty(), "the twin of: {name}");
        }
    }
    let bare = raw(0x81, b"a");
    assert_eq!(
        read(From::Client, &bare, 9).1.map(Violation::code),
        Some(1002),
        "5.1 a client without a mask"
    );
}

fn long(first: u8, length: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    write(&mut frame, Opcode::Binary, &vec![b'x'; length], None);
    frame[0] = first;
    frame
}

#[test]
fn control_frames_come_between_fragments() {
    let bytes = [raw(0x01, b"a"), raw(0x89, b"p"), raw(0x00, b""), raw(0x80, b"b"), raw(0x88, b"")].concat();
    let expected = vec![Event::Ping("p".into()), Event::Crumb, message(true, "ab"), Event::Close(None)];
    for step in 1..=bytes.len() {
        assert_eq!(read(From::Server, &bytes, step), (expected.clone(), None), "in reads of {step}");
    }
}

#[test]
fn a_text_that_cannot_become_one_is_refused_before_its_end() {
    let (mut reader, mut inbox) = (Reader::new(From::Server), BytesMut::new());
    for (piece, expected) in [
        (&[0x01, 4, b'a', 0xf0][..], Ok(None)),
        (&[0x9f], Ok(None)),
        (&[0x98], Ok(None)),
        (&[0x80, 2, 0x80, 0xc3], Err(Violation::NotUtf8)),
    ] {
        inbox.extend_from_slice(piece);
        assert_eq!(reader.next(&mut inbox, LIMITS), expected, "{piece:?}");
    }
    let (mut reader, mut inbox) =
        (Reader::new(From::Server), BytesMut::from(&[0x01, 9, b'a', 0xf4, 0x90][..]));
    assert_eq!(reader.next(&mut inbox, LIMITS), Err(Violation::NotUtf8));
}

#[test]
fn a_mask_goes_on_and_off_from_any_byte() {
    let plain: Vec<u8> = (0..100).collect();
    for at in 0..9 {
        let mut masked = plain.clone();
        mask(&mut masked, KEY, at);
        let expected: Vec<u8> =
            plain.iter().enumerate().map(|(index, byte)| byte ^ KEY[(index + at) % 4]).collect();
        assert_eq!(masked, expected);
        mask(&mut masked, KEY, at);
        assert_eq!(masked, plain);
    }
}

#[test]
fn what_a_long_message_holds_is_known_and_given_back() {
    let frame = long(0x82, 1_000);
    let (mut reader, mut inbox) = (Reader::new(From::Server), BytesMut::from(&frame[..500]));
    assert_eq!(reader.next(&mut inbox, LIMITS), Ok(None));
    assert_eq!((reader.held(), inbox.len()), (496, 0));
    inbox.extend_from_slice(&frame[500..]);
    assert!(matches!(reader.next(&mut inbox, LIMITS), Ok(Some(Event::Message { .. }))));
    assert_eq!(reader.held(), 0);
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let good = (0..16_u8, prop::collection::vec(any::<u8>(), 0..200), any::<[u8; 4]>()).prop_map(
        |(first, payload, key)| {
            let opcode =
                [Opcode::Text, Opcode::Binary, Opcode::Continuation, Opcode::Ping][usize::from(first % 4)];
            let mut frame = Vec::new();
            write(&mut frame, opcode, &payload, Some(key));
            if first >= 8 && opcode != Opcode::Ping {
                frame[0] &= 0x7f;
            }
            frame
        },
    );
    let wild = prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec(prop_oneof![6 => good, 1 => wild], 0..6).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn how_frames_are_cut_changes_nothing(bytes in frames(), cuts in prop::collection::vec(1..60_usize, 1..20)) {
        let whole = read(From::Client, &bytes, usize::MAX);
        let (mut reader, mut inbox, mut events, mut rest) =
            (Reader::new(From::Client), BytesMut::new(), Vec::new(), &bytes[..]);
        let mut violation = None;
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            inbox.extend_from_slice(piece);
            rest = after;
            violation = loop {
                match reader.next(&mut inbox, LIMITS) {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break None,
                    Err(violation) => break Some(violation),
                }
            };
            if violation.is_some() || rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!((events, violation), whole);
    }

    #[test]
    fn what_is_written_is_read_back(payload in prop::collection::vec(any::<u8>(), 0..70_000), key in any::<[u8; 4]>()) {
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Binary, &payload, Some(key));
        prop_assert_eq!(read(From::Client, &frame, 4_096), (vec![message(false, payload)], None));
    }
}
