//! Protocol Buffers as they go over the wire (proto3): fields that are appended, messages with their length before them.
//!
//! Nothing is allocated but the buffer that grows: a message's length is put before it once it is known. Texts of callers are
//! bounded and made inert here, so that no attribute can be written otherwise.

use engine::evidence::TEXT;
use engine::text::{bounded, is_hidden};

/// Most bytes of a number in base 128.
const VARINT: usize = 10;

/// A number in base 128, and how many bytes it takes.
fn digits(mut value: u64) -> ([u8; VARINT], usize) {
    let mut out = [0; VARINT];
    let mut used = 0;
    for slot in &mut out {
        used += 1;
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        *slot = if value == 0 { low } else { low | 0x80 };
        if value == 0 {
            break;
        }
    }
    (out, used)
}

/// Appends a number in base 128.
pub(super) fn varint(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let (digits, used) = digits(value);
            out.extend(digits.iter().take(used));
        }
    }
}

/// How many bytes a number in base 128 takes.
fn width(value: usize) -> usize {
    if value < 0x80 { 1 } else { digits(value as u64).1 }
}

/// How many bytes a field of a number below 16 takes that is a text or a message of this length.
fn framed(length: usize) -> usize {
    1 + width(length) + length
}

fn tag(out: &mut Vec<u8>, field: u32, kind: u32) {
    varint(out, u64::from(field << 3 | kind));
}

/// A field of the kinds `uint64`, `int64`, `enum` or `bool`.
pub(super) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, 0);
    varint(out, value);
}

/// A field of the kinds `fixed64` or `sfixed64`.
pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field of the kind `double`.
pub(super) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    fixed64(out, field, value.to_bits());
}

/// A field of the kind `fixed32`.
pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, 5);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field of the kinds `bytes` or `string`. What it is of is ours, or was made inert before.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A field that is a message, written by `write`.
pub(super) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, 2);
    let at = out.len();
    // Most messages are short: the length of a longer one moves it.
    out.push(0);
    write(out);
    let end = out.len();
    let (digits, used) = digits((end - at - 1) as u64);
    if used > 1 {
        out.resize(end + used - 1, 0);
        out.copy_within(at + 1..end, at + used);
    }
    for (slot, digit) in out.iter_mut().skip(at).zip(digits.iter().take(used)) {
        *slot = *digit;
    }
}

/// Whether all of it is printable ASCII.
fn is_plain(text: &str) -> bool {
    // Without a way out in the middle it is eight bytes at a time.
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// A field of the kind `string` with what somebody else wrote: at most [`TEXT`] bytes of it, U+FFFD in the place of what moves
/// a cursor, turns the direction of text or is not seen.
pub(super) fn foreign(out: &mut Vec<u8>, field: u32, value: &str) {
    let value = bounded(value, TEXT);
    if is_plain(value) {
        return bytes(out, field, value.as_bytes());
    }
    message(out, field, |out| {
        let mut one = [0; 4];
        for char in value.chars() {
            let char = if is_hidden(char) { char::REPLACEMENT_CHARACTER } else { char };
            out.extend_from_slice(char.encode_utf8(&mut one).as_bytes());
        }
    });
}

/// An `AnyValue` of `opentelemetry.proto.common.v1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Any<'a> {
    /// What may have come from elsewhere.
    Text(&'a str),
    /// An integer, at most 2^63 - 1.
    Int(u64),
    /// `true` or `false`.
    Bool(bool),
}

/// A field that is an `AnyValue`.
pub(super) fn any(out: &mut Vec<u8>, field: u32, value: Any<'_>) {
    message(out, field, |out| match value {
        Any::Text(text) => foreign(out, 1, text),
        Any::Bool(value) => number(out, 2, u64::from(value)),
        Any::Int(value) => number(out, 3, value.min(i64::MAX.unsigned_abs())),
    });
}

/// A field that is a `KeyValue`. Most of what is written are these: the lengths of a plain text are known before it is.
pub(super) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: Any<'_>) {
    if let Any::Text(text) = value {
        let text = bounded(text, TEXT);
        if is_plain(text) {
            let any = framed(text.len());
            let whole = framed(key.len()) + framed(any);
            out.reserve(framed(whole) + 1);
            tag(out, field, 2);
            varint(out, whole as u64);
            bytes(out, 1, key.as_bytes());
            tag(out, 2, 2);
            varint(out, any as u64);
            return bytes(out, 1, text.as_bytes());
        }
    }
    message(out, field, |out| {
        bytes(out, 1, key.as_bytes());
        any(out, 2, value);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As printed in the documentation of the encoding.
    #[test]
    fn fields_are_written_as_the_documentation_has_them() {
        let write = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        assert_eq!(write(&|out| number(out, 1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(write(&|out| bytes(out, 2, b"testing")), b"\x12\x07testing");
        assert_eq!(write(&|out| message(out, 3, |out| number(out, 1, 150))), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(write(&|out| varint(out, u64::MAX)).len(), VARINT);
        assert_eq!(write(&|out| varint(out, 0)), [0]);
        assert_eq!(write(&|out| fixed32(out, 16, 0x101)), [0x85, 0x01, 0x01, 0x01, 0, 0]);
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 70_000] {
            let content = vec![7; length];
            let nested = write(&|out| message(out, 1, |out| out.extend_from_slice(&content)));
            assert_eq!(nested, write(&|out| bytes(out, 1, &content)), "{length}");
        }
    }

    #[test]
    fn what_others_wrote_is_bounded_and_inert() {
        for (text, kept) in [("plain", "plain"), ("a\u{1b}[31m\n\u{202e}é", "a\u{fffd}[31m\u{fffd}\u{fffd}é")]
        {
            let (mut written, mut expected) = (Vec::new(), Vec::new());
            foreign(&mut written, 1, text);
            bytes(&mut expected, 1, kept.as_bytes());
            assert_eq!(written, expected);
        }
        // However long, a plain one is written as any other.
        for length in [0, 1, 100, 110, 118, 120, 122, 125, 127, 128, 256] {
            let text = "x".repeat(length);
            let (mut quick, mut slow) = (Vec::new(), Vec::new());
            attribute(&mut quick, 9, "a.key", Any::Text(&text));
            message(&mut slow, 9, |out| {
                bytes(out, 1, b"a.key");
                any(out, 2, Any::Text(&text));
            });
            assert_eq!(quick, slow, "{length}");
        }
        let mut out = Vec::new();
        foreign(&mut out, 1, &"é".repeat(1 << 20));
        assert!(out.len() <= TEXT + 3);
    }
}
