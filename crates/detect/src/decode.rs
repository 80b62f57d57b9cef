//! Undoing encodings. Each function gives `None` when there is nothing of its kind to undo.

use crate::bytes::{at, from, part};

/// `%41`, `%u0041`: a broken escape stands for itself.
pub(crate) fn percent(bytes: &[u8]) -> Option<Vec<u8>> {
    replace(bytes, b'%', |rest| {
        if matches!(at(rest, 1), b'u' | b'U') {
            return Some((hexadecimal(rest, 2, 4)?, 6));
        }
        Some((Decoded::Byte(u8::try_from(number(rest, 1, 2)?).ok()?), 3))
    })
}

/// Percent signs from which on they are taken for strewn in.
const STREWN: usize = 4;

/// `%s%e%l%e%c%t`: signs that belong to no escape, before every letter, which some readers drop.
pub(crate) fn strewn(bytes: &[u8]) -> Option<Vec<u8>> {
    let alone = |index: usize| at(bytes, index + 1) != b'%' && number(from(bytes, index), 1, 2).is_none();
    let strewn =
        memchr::memchr_iter(b'%', bytes).filter(|index| at(bytes, index + 2) == b'%' && alone(*index));
    if strewn.take(STREWN).count() < STREWN {
        return None;
    }
    let kept = bytes.iter().enumerate().filter(|(index, byte)| **byte != b'%' || !alone(*index));
    Some(kept.map(|(_, byte)| *byte).collect())
}

/// `\u0041`, `\u{41}`, `\x41` as JSON, JavaScript, Python and C write them.
pub(crate) fn escapes(bytes: &[u8]) -> Option<Vec<u8>> {
    replace(bytes, b'\\', |rest| match at(rest, 1) {
        b'u' if at(rest, 2) == b'{' => {
            let digits = from(rest, 3).iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let closed = digits > 0 && at(rest, 3 + digits) == b'}';
            Some((hexadecimal(rest, 3, digits).filter(|_| closed)?, 4 + digits))
        }
        b'u' => Some((hexadecimal(rest, 2, 4)?, 6)),
        b'x' => Some((hexadecimal(rest, 2, 2)?, 4)),
        _ => None,
    })
}

/// `&lt;`, `&#60;`, `&#x3c` and the names whose characters code is made of.
pub(crate) fn entities(bytes: &[u8]) -> Option<Vec<u8>> {
    replace(bytes, b'&', |rest| {
        if at(rest, 1) == b'#' {
            let hexadecimal = matches!(at(rest, 2), b'x' | b'X');
            let start = if hexadecimal { 3 } else { 2 };
            let digits = from(rest, start).iter().take(8);
            let digits = digits
                .take_while(|byte| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() })
                .count();
            let text = std::str::from_utf8(rest.get(start..start + digits)?).ok()?;
            let code = u32::from_str_radix(text, if hexadecimal { 16 } else { 10 }).ok()?;
            let end = start + digits;
            return Some((Decoded::Char(char::from_u32(code)?), end + usize::from(at(rest, end) == b';')));
        }
        let length = from(rest, 1).iter().take(10).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let byte = named(rest.get(1..1 + length)?)?;
        let closed = at(rest, 1 + length) == b';';
        closed.then_some((Decoded::Byte(byte), length + 2))
    })
}

fn named(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"lt" | b"LT" => b'<',
        b"gt" | b"GT" => b'>',
        b"amp" | b"AMP" => b'&',
        b"quot" | b"QUOT" => b'"',
        b"apos" => b'\'',
        b"colon" => b':',
        b"lpar" => b'(',
        b"rpar" => b')',
        b"sol" => b'/',
        b"bsol" => b'\\',
        b"Tab" | b"tab" => b'\t',
        b"NewLine" | b"newline" => b'\n',
        b"equals" => b'=',
        b"semi" => b';',
        b"lbrace" | b"lcub" => b'{',
        b"rbrace" | b"rcub" => b'}',
        b"lsqb" | b"lbrack" => b'[',
        b"rsqb" | b"rbrack" => b']',
        b"grave" => b'`',
        b"period" => b'.',
        b"dollar" => b'$',
        b"num" => b'#',
        b"vert" | b"verbar" => b'|',
        b"nbsp" => b' ',
        _ => return None,
    })
}

/// Full-width forms (U+FF01 to U+FF5E) and overlong UTF-8 as the ASCII that careless readers make of them.
pub(crate) fn width(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut index, mut changed) = (0, false);
    while let Some(&byte) = bytes.get(index) {
        let (second, third) = (at(bytes, index + 1), at(bytes, index + 2));
        let continued = (0x80..0xc0).contains(&second);
        let last = (0x80..0xc0).contains(&third);
        let (decoded, length) = match byte {
            0xef if second == 0xbc && (0x81..0xc0).contains(&third) => (third - 0x60, 3),
            0xef if second == 0xbd && (0x80..0x9f).contains(&third) => (third - 0x20, 3),
            0xc0 | 0xc1 if continued => ((byte & 3) << 6 | second & 0x3f, 2),
            0xe0 if (0x80..0x82).contains(&second) && last => ((second & 1) << 6 | third & 0x3f, 3),
            // Curly and modifier quotes that code pages make straight.
            0xca if matches!(second, 0xb9 | 0xbc) => (b'\'', 2),
            _ => (byte, 1),
        };
        changed |= length > 1;
        out.push(decoded);
        index += length;
    }
    changed.then_some(out)
}

/// UTF-16 of either order, told by its mark or by its NULs.
pub(crate) fn utf16(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < 6 {
        return None;
    }
    let (little, skip) = match bytes {
        [0xff, 0xfe, ..] => (true, 2),
        [0xfe, 0xff, ..] => (false, 2),
        _ => {
            let zeros = |offset: usize| {
                bytes.iter().skip(offset).step_by(2).take(32).filter(|byte| **byte == 0).count()
            };
            let most = (bytes.len() / 2).min(32) * 3 / 4;
            let (even, odd) = (zeros(0), zeros(1));
            if odd >= most.max(2) && even == 0 {
                (true, 0)
            } else if even >= most.max(2) && odd == 0 {
                (false, 0)
            } else {
                return None;
            }
        }
    };
    let units = from(bytes, skip).chunks_exact(2).filter_map(|pair| match pair {
        [first, second] if little => Some(u16::from_le_bytes([*first, *second])),
        [first, second] => Some(u16::from_be_bytes([*first, *second])),
        _ => None,
    });
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Some(text.into_bytes())
}

/// Bytes that are looked at to tell text from what merely looks like base64.
const SAMPLE: usize = 64;
/// Fewest characters of base64 that are worth undoing.
const SHORTEST: usize = 12;

/// Base64 or base64url (RFC 4648), with or without padding, of something that is text or a serialized object.
pub(crate) fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.trim_ascii();
    let head = part(bytes, 0, 96);
    // Most values have no semicolon, for which a search need not be built.
    let named = memchr::memchr(b';', head).and_then(|_| memchr::memmem::find(head, b";base64,"));
    let bytes = named.map_or(bytes, |start| from(bytes, start + 8));
    let end = bytes.iter().rev().take(3).take_while(|byte| **byte == b'=').count();
    let body = bytes.get(..bytes.len() - end)?;
    if body.len() < SHORTEST || body.len() % 4 == 1 {
        return None;
    }
    let mut room = [0; SAMPLE / 4 * 3];
    let sample = sampled(body.get(..body.len().min(SAMPLE))?, &mut room)?;
    let text = sample.iter().filter(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')).count();
    let object = sample.starts_with(b"\xac\xed\x00\x05")
        || at(sample, 0) == 0x80 && matches!(at(sample, 1), 2..=5)
        || sample.starts_with(b"\x00\x01\x00\x00\x00\xff");
    if text * 20 < sample.len() * 19 && !object && utf16(sample).is_none() {
        return None;
    }
    undo_base64(body)
}

fn undo_base64(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() * 3 / 4);
    for group in body.chunks(4) {
        out.extend(three_bytes(group)?.iter().take(group.len() * 6 / 8));
    }
    Some(out)
}

/// The same of what fits into `room`, which most values that are no base64 need no memory for.
fn sampled<'a>(body: &[u8], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    for (group, slots) in body.chunks(4).zip(room.chunks_mut(3)) {
        slots.copy_from_slice(three_bytes(group)?.get(..slots.len())?);
        length += group.len() * 6 / 8;
    }
    room.get(..length)
}

fn three_bytes(group: &[u8]) -> Option<[u8; 3]> {
    let six = |byte: &u8| SIX_BITS.get(usize::from(*byte)).copied().unwrap_or(NONE);
    let (first, second, third, fourth) = match group {
        [first, second, third, fourth] => (six(first), six(second), six(third), six(fourth)),
        [first, second, third] => (six(first), six(second), six(third), 0),
        [first, second] => (six(first), six(second), 0, 0),
        [first] => (six(first), 0, 0, 0),
        _ => return None,
    };
    if first | second | third | fourth >= NONE {
        return None;
    }
    let bits = u32::from(first) << 18 | u32::from(second) << 12 | u32::from(third) << 6 | u32::from(fourth);
    let [_, bytes @ ..] = bits.to_be_bytes();
    Some(bytes)
}

/// What no digit of base64 stands for: more than six bits.
const NONE: u8 = 1 << 6;

const SIX_BITS: [u8; 256] = all_six_bits();

#[allow(clippy::indexing_slicing, reason = "runs when the crate is compiled, over a range that fits")]
const fn all_six_bits() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(bits) = six_bits(byte as u8) {
            table[byte] = bits;
        }
        byte += 1;
    }
    table
}

const fn six_bits(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// What an escape stands for.
enum Decoded {
    Byte(u8),
    Char(char),
}

/// Writes `bytes` anew with what `read` makes of each place where `sign` stands.
fn replace(bytes: &[u8], sign: u8, read: impl Fn(&[u8]) -> Option<(Decoded, usize)>) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    for start in memchr::memchr_iter(sign, bytes) {
        // Within an escape that was read already.
        if start < copied {
            continue;
        }
        let Some((decoded, length)) = read(from(bytes, start)) else { continue };
        let out = out.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
        out.extend_from_slice(bytes.get(copied..start).unwrap_or_default());
        match decoded {
            Decoded::Byte(byte) => out.push(byte),
            Decoded::Char(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        copied = start + length;
    }
    if let Some(out) = &mut out {
        out.extend_from_slice(from(bytes, copied));
    }
    out
}

fn number(rest: &[u8], start: usize, digits: usize) -> Option<u32> {
    let text = rest.get(start..start + digits)?;
    if !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

fn hexadecimal(rest: &[u8], start: usize, digits: usize) -> Option<Decoded> {
    let code = number(rest, start, digits)?;
    // Half a pair stands for nothing that code is made of.
    Some(Decoded::Char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)))
}
