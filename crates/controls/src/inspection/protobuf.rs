//! Messages of Protocol Buffers without their schema, by the wire format alone (protobuf.dev, "Encoding"), and those of gRPC, which are in
//! frames ("gRPC over HTTP2", Length-Prefixed-Message).
//!
//! What is a text, bytes or a message in a field looks the same on the wire. So what can be a text is looked at as one, and what can be a
//! message is taken apart as well: a service may read either.

use detect::Place;

use super::parts::{Part, Sink, Where};

/// How deep messages are taken apart: each level is read once more.
const DEPTH: usize = 16;
/// Bytes before a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What is expected of a body that cannot be read.
const EXPECTED: &str = "a message of Protocol Buffers";

/// A field: its number and what it holds, where that has a length.
struct Field<'a> {
    number: u64,
    held: Option<&'a [u8]>,
}

/// The values of frames of gRPC; of `cut` ones the beginning. `json` says that they hold JSON.
///
/// # Errors
/// What is expected of frames that cannot be read, and of messages that are compressed.
pub(super) fn frames(bytes: &[u8], json: bool, cut: bool, sink: &mut impl Sink) -> Result<(), &'static str> {
    let mut rest = bytes;
    while !rest.is_empty() && !sink.is_done() {
        let Some((prefix, after)) = rest.split_at_checked(PREFIX) else {
            return if cut { Ok(()) } else { Err("frames of gRPC") };
        };
        let [compressed, length @ ..] = prefix else { return Err("frames of gRPC") };
        if *compressed != 0 {
            return Err("messages of gRPC that are not compressed");
        }
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let (held, behind, cut) = match after.split_at_checked(length) {
            Some((held, behind)) => (held, behind, false),
            None if cut => (after, &[][..], true),
            None => return Err("frames of gRPC"),
        };
        if json {
            sink.part(&Part { stands: Where::Json, name: "", place: Place::Value, value: held });
        } else {
            message(held, cut, sink)?;
        }
        rest = behind;
    }
    Ok(())
}

/// The values of a message; of a `cut` one the beginning.
///
/// # Errors
/// What is expected of bytes that are none.
pub(super) fn message(bytes: &[u8], cut: bool, sink: &mut impl Sink) -> Result<(), &'static str> {
    let mut path = String::from("protobuf");
    if fields(bytes, &mut path, DEPTH, sink) || cut { Ok(()) } else { Err(EXPECTED) }
}

/// Looks at the fields of a message, as far as it is one; whether it is.
fn fields(mut bytes: &[u8], path: &mut String, depth: usize, sink: &mut impl Sink) -> bool {
    let length = path.len();
    // Groups that are open: their fields are of the message in which they stand.
    let mut groups = 0_usize;
    while !bytes.is_empty() {
        let Some((field, rest)) = next(bytes, &mut groups) else { return false };
        bytes = rest;
        let Some(held) = field.held.filter(|held| !held.is_empty()) else { continue };
        if sink.is_done() {
            return true;
        }
        path.push('.');
        path.push_str(&field.number.to_string());
        if std::str::from_utf8(held).is_ok() {
            sink.part(&Part { stands: Where::Protobuf, name: path, place: Place::Value, value: held });
        }
        if depth > 0 && is_message(held) {
            fields(held, path, depth - 1, sink);
        }
        path.truncate(length);
    }
    groups == 0
}

/// Whether bytes can be a message.
fn is_message(mut bytes: &[u8]) -> bool {
    let mut groups = 0;
    while !bytes.is_empty() {
        let Some((_, rest)) = next(bytes, &mut groups) else { return false };
        bytes = rest;
    }
    groups == 0
}

/// The field that bytes begin with, and the bytes behind it.
fn next<'a>(bytes: &'a [u8], groups: &mut usize) -> Option<(Field<'a>, &'a [u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = tag >> 3;
    // Numbers are from 1 to 2^29 - 1.
    if number == 0 || number >= 1 << 29 {
        return None;
    }
    let fixed = |length: usize| rest.get(length..);
    let (held, rest) = match tag & 7 {
        0 => (None, varint(rest)?.1),
        1 => (None, fixed(8)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (held, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Some(held), rest)
        }
        3 => {
            *groups += 1;
            (None, rest)
        }
        4 => {
            *groups = groups.checked_sub(1)?;
            (None, rest)
        }
        5 => (None, fixed(4)?),
        _ => return None,
    };
    Some((Field { number, held }, rest))
}

/// A number of seven bits a byte, at most ten of them, and the bytes behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(length)?;
    let value = number.iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<(String, String)>);

    impl Sink for Seen {
        fn part(&mut self, part: &Part<'_>) {
            self.0.push((part.name.to_owned(), String::from_utf8_lossy(part.value).into_owned()));
        }

        fn is_done(&self) -> bool {
            self.0.len() >= 100
        }
    }

    fn text(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(value.len()).unwrap()][..], value].concat()
    }

    fn seen(bytes: &[u8], cut: bool) -> (Result<(), &'static str>, Vec<(String, String)>) {
        let mut sink = Seen::default();
        (message(bytes, cut, &mut sink), sink.0)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn texts_are_found_in_messages_within_messages() {
        let inner = text(2, b"' or '1'='1");
        let whole = [
            &[0x08, 0x96, 0x01][..],
            &text(3, b"plain"),
            &text(4, &inner),
            &[0x2d, 0, 0, 0, 0x7f],
            &[0x31, 0, 0, 0, 0, 0, 0, 0, 1],
            // A group with a text in it.
            &[0x3b],
            &text(1, b"grouped"),
            &[0x3c],
            // Bytes that are no text.
            &text(9, b"\xff\xfe\xfd"),
            &text(10, b""),
        ]
        .concat();
        let (result, found) = seen(&whole, false);
        assert_eq!(result, Ok(()));
        assert_eq!(
            found,
            [
                pair("protobuf.3", "plain"),
                pair("protobuf.4", "\u{12}\u{b}' or '1'='1"),
                pair("protobuf.4.2", "' or '1'='1"),
                pair("protobuf.1", "grouped"),
            ]
        );
    }

    #[test]
    fn what_is_no_message_is_refused_and_a_beginning_is_read() {
        for bytes in [
            &[0x00][..],
            &[0x07],
            &[0x0a],
            &[0x0a, 0x05, b'a'],
            &[0x08],
            &[0x08, 0x80],
            &[0x0c],
            &[0x0b],
            &[0x80; 11],
            &[0xf8, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00],
        ] {
            assert_eq!(seen(bytes, false).0, Err(EXPECTED), "{bytes:?}");
        }
        let cut = [text(1, b"seen"), vec![0x12, 0x7f, b'x']].concat();
        assert_eq!(seen(&cut, true), (Ok(()), vec![pair("protobuf.1", "seen")]));
        assert_eq!(seen(b"", false), (Ok(()), Vec::new()));
    }

    #[test]
    fn frames_hold_messages() {
        let frame = |flag: u8, held: &[u8]| {
            [&[flag][..], &u32::try_from(held.len()).unwrap().to_be_bytes(), held].concat()
        };
        let read = |bytes: &[u8], json, cut| {
            let mut sink = Seen::default();
            (frames(bytes, json, cut, &mut sink), sink.0)
        };
        let two = [frame(0, &text(1, b"a")), frame(0, &text(2, b"b"))].concat();
        assert_eq!(
            read(&two, false, false),
            (Ok(()), vec![pair("protobuf.1", "a"), pair("protobuf.2", "b")])
        );
        assert_eq!(read(&frame(0, b"{}"), true, false), (Ok(()), vec![pair("", "{}")]));
        assert!(read(&frame(1, &text(1, b"a")), false, false).0.is_err());
        assert!(read(&two[..two.len() - 1], false, false).0.is_err());
        assert_eq!(read(&two[..two.len() - 1], false, true).0, Ok(()));
        assert_eq!(read(&two[..3], false, true).0, Ok(()));
        assert_eq!(read(b"", false, false).0, Ok(()));
    }

    #[test]
    fn depth_is_bounded() {
        let mut bytes = text(1, b"x");
        for _ in 0..40 {
            bytes = text(1, &bytes);
        }
        let (result, found) = seen(&bytes, false);
        assert_eq!(result, Ok(()));
        assert!(found.len() <= DEPTH + 2, "{}", found.len());
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, cut: bool, json: bool) {
            let _ = message(&bytes, cut, &mut Seen::default());
            let _ = frames(&bytes, json, cut, &mut Seen::default());
        }
    }
}
