//! What a collector says: `ExportTraceServiceResponse` and its two sisters, which are alike on the wire. It is a stranger's text:
//! read strictly, bounded, and made inert before anybody sees it.

use engine::evidence::TEXT;
use engine::text::inert;

/// A success that was not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partial {
    /// Items that were not taken.
    pub(super) rejected: u64,
    /// Why, as the collector says; a warning when nothing was rejected.
    pub(super) message: Box<str>,
}

/// Reads an answer; nothing when all was taken and nothing is said, or when it is no such message.
pub(super) fn read(body: &[u8]) -> Option<Partial> {
    let mut partial = Partial { rejected: 0, message: Box::default() };
    let mut reader = Reader(body);
    while let Some((field, value)) = reader.field()? {
        // The last one counts, as in every Protocol Buffers message.
        if let (1, Value::Bytes(inner)) = (field, value) {
            partial = nested(inner)?;
        }
    }
    (partial.rejected > 0 || !partial.message.is_empty()).then_some(partial)
}

fn nested(body: &[u8]) -> Option<Partial> {
    let mut partial = Partial { rejected: 0, message: Box::default() };
    let mut reader = Reader(body);
    while let Some((field, value)) = reader.field()? {
        match (field, value) {
            (1, Value::Number(rejected)) => partial.rejected = rejected,
            (2, Value::Bytes(text)) => {
                // A cut in the middle of a character shows as U+FFFD.
                let text = text.get(..text.len().min(TEXT)).unwrap_or_default();
                partial.message = inert(&String::from_utf8_lossy(text), TEXT);
            }
            _ => {}
        }
    }
    // A negative number is none.
    partial.rejected = if partial.rejected > i64::MAX.unsigned_abs() { 0 } else { partial.rejected };
    Some(partial)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a fixed length: not one of ours.
    Other,
}

/// Reads one field after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next field; `Some(None)` at the end, `None` when it is no message.
    #[expect(clippy::option_option, reason = "an end and a fault are two things")]
    fn field(&mut self) -> Option<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.skip(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (value, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(value)
            }
            5 => self.skip(4)?,
            _ => return None,
        };
        Some(Some((tag >> 3, value)))
    }

    fn skip(&mut self, length: usize) -> Option<Value<'a>> {
        self.0 = self.0.get(length..)?;
        Some(Value::Other)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_nothing_else_is_believed() {
        let partial = |rejected, message: &str| Some(Partial { rejected, message: message.into() });
        for (body, read_as) in [
            (&b""[..], None),
            (b"\x0a\x00", None),
            (b"\x0a\x02\x08\x03", partial(3, "")),
            (b"\x0a\x06\x08\x03\x12\x02no", partial(3, "no")),
            (b"\x0a\x04\x12\x02ok", partial(0, "ok")),
            (b"\x0a\x07\x08\x01\x12\x03\x1b[m", partial(1, "\u{fffd}[m")),
            (b"\x0a\x05\x08\x01\x12\x01\xff", partial(1, "\u{fffd}")),
            // Unknown fields are passed over.
            (b"\x15\0\0\0\0\x19\0\0\0\0\0\0\0\0\x20\x01\x0a\x02\x08\x03", partial(3, "")),
            // -1, and what is no message.
            (b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
            (b"\x0a\xff\xff\xff\xff\x0f\x08", None),
            (b"<html>", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(read(body), read_as, "{body:?}");
        }
        let long = [b"\x0a\x84\x20\x12\x81\x20".as_slice(), &[b'x'; 4_097]].concat();
        assert_eq!(read(&long).unwrap().message.len(), TEXT);
    }
}
