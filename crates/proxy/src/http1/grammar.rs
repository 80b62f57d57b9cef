//! What requests and answers share of the grammar of RFC 9112: lines, fields, lengths.

use engine::bounds;
use memchr::memchr;

/// Why bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They break RFC 9112, or what we accept of it.
    Malformed(&'static str),
    /// The target is longer than [`bounds::TARGET_BYTES`].
    TargetTooLong,
    /// More than [`bounds::HEADERS`] fields, or longer than [`bounds::HEADER_BYTES`].
    HeadersTooLarge,
}

use Fault::Malformed;

/// How the end of a body is told (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// So many bytes, never zero.
    Length(u64),
    /// By the chunked coding.
    Chunked,
    /// By the end of the connection; answers only.
    Close,
}

/// Longest head: first line and fields.
pub(crate) const HEAD_BYTES: usize = bounds::TARGET_BYTES + bounds::HEADER_BYTES;

/// Longest first line: a target, and what stands around it.
const FIRST_LINE_BYTES: usize = bounds::TARGET_BYTES + 64;

/// Finds the end of a head; bytes before `searched` were looked at already.
///
/// # Errors
/// When a line ends without CR, or the head is too long.
pub(crate) fn find_end(bytes: &[u8], searched: usize) -> Result<Option<usize>, Fault> {
    let first_line = bytes.get(..FIRST_LINE_BYTES).unwrap_or_default();
    if !first_line.is_empty() && memchr(b'\n', first_line).is_none() {
        return Err(Fault::TargetTooLong);
    }
    let mut at = searched.saturating_sub(3);
    while let Some(length) = bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) {
        let line_end = at + length;
        match line_end.checked_sub(1).and_then(|before| bytes.get(before)) {
            Some(b'\r') => {}
            _ => return Err(Malformed("a line that ends without CR")),
        }
        if line_end >= 3 && bytes.get(line_end - 3..line_end - 1) == Some(b"\r\n") {
            return if line_end < HEAD_BYTES { Ok(Some(line_end + 1)) } else { Err(Fault::HeadersTooLarge) };
        }
        at = line_end + 1;
    }
    if bytes.len() > HEAD_BYTES { Err(Fault::HeadersTooLarge) } else { Ok(None) }
}

/// The first line of a head whose lines all end with CRLF, without its end, and where the next one starts.
pub(crate) fn line(head: &[u8], from: usize) -> (usize, usize) {
    let rest = head.get(from..).unwrap_or_default();
    match memchr(b'\n', rest) {
        Some(length) => (from + length.saturating_sub(1), from + length + 1),
        None => (head.len(), head.len()),
    }
}

/// Splits a field line; gives the length of its name and where the value starts and ends, all within the line.
///
/// # Errors
/// When the name is no token or the value has a control character.
pub(crate) fn split_field(line: &[u8]) -> Result<(usize, usize, usize), Fault> {
    let Some(name) = line.iter().position(|byte| !is_token(*byte)) else {
        return Err(Malformed("a field without a colon"));
    };
    if name == 0 || line.get(name) != Some(&b':') {
        return Err(Malformed("a field name that is no token, or a folded field"));
    }
    let value = line.get(name + 1..).unwrap_or_default();
    if value.iter().copied().any(is_control) {
        return Err(Malformed("a control character in a field"));
    }
    let left = value.iter().take_while(|byte| is_space(**byte)).count();
    let right = value.iter().skip(left).rev().take_while(|byte| is_space(**byte)).count();
    Ok((name, name + 1 + left, line.len() - right))
}

/// The value of a `Content-Length`.
///
/// # Errors
/// When it is not 1 to 18 digits.
pub(crate) fn parse_length(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || value.len() > 18 {
        return Err(Malformed("a Content-Length that is no length"));
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
        _ => Err(Malformed("a Content-Length that is no number")),
    })
}

const fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Control characters, the tab apart, that no line may have.
pub(crate) const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// One look-up a byte: heads are read on every call.
static TOKEN: [bool; 256] = tokens();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, within the table's length")]
const fn tokens() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
}
