//! `urlDecode`, `urlDecodeUni`, `urlEncode`, `utf8toUnicode`.

use crate::bytes::{hex, hex2};

/// `%HH` and `+`; broken escapes stand for themselves.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'%', high, low, after @ ..] if hex2(*high, *low).is_some() => {
                out.extend(hex2(*high, *low));
                after
            }
            [b'+', after @ ..] => {
                out.push(b' ');
                after
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

/// Whether there is a `%` that two hexadecimal digits do not follow.
pub(crate) fn has_broken_escape(input: &[u8]) -> bool {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return false,
            [b'%', high, low, after @ ..] if hex2(*high, *low).is_some() => after,
            [b'%', ..] => return true,
            [_, after @ ..] => after,
        };
    }
}

/// As [`decode`], and `%uHHHH`: full-width ASCII becomes ASCII, of all else the low byte is taken.
pub(super) fn decode_uni(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'%', b'u' | b'U', a, b, c, d, after @ ..] if four(*a, *b, *c, *d).is_some() => {
                out.extend(four(*a, *b, *c, *d));
                after
            }
            [b'%', high, low, after @ ..] if hex2(*high, *low).is_some() => {
                out.extend(hex2(*high, *low));
                after
            }
            [b'+', after @ ..] => {
                out.push(b' ');
                after
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

/// The byte that four hexadecimal digits of a code unit are taken for.
pub(super) fn four(a: u8, b: u8, c: u8, d: u8) -> Option<u8> {
    let (high, low) = (hex2(a, b)?, hex2(c, d)?);
    Some(narrow(high, low))
}

/// U+FF01..U+FF5E are ASCII in full width.
pub(super) fn narrow(high: u8, low: u8) -> u8 {
    if high == 0xff && (0x01..=0x5e).contains(&low) { low + 0x20 } else { low }
}

/// Letters, digits and `*` stay, a space becomes `+`.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) {
    for byte in input {
        match byte {
            b' ' => out.push(b'+'),
            b'*' => out.push(b'*'),
            byte if byte.is_ascii_alphanumeric() => out.push(*byte),
            byte => {
                out.push(b'%');
                super::encode::hex_encode(&[*byte], out);
            }
        }
    }
}

/// Characters beyond ASCII become `%uHHHH`; bytes that are not UTF-8 stay.
pub(super) fn utf8_to_unicode(input: &[u8], out: &mut Vec<u8>) {
    for chunk in input.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_ascii() {
                out.extend(u8::try_from(c));
            } else {
                out.extend_from_slice(format!("%u{:04x}", u32::from(c)).as_bytes());
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// Up to `max` hexadecimal digits at the start: how many.
pub(super) fn hex_run(input: &[u8], max: usize) -> usize {
    input.iter().take(max).take_while(|byte| hex(**byte).is_some()).count()
}
