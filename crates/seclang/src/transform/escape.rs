//! `htmlEntityDecode`, `jsDecode`, `cssDecode`, `escapeSeqDecode`.

use super::url::{four, hex_run, narrow};
use crate::bytes::{hex, hex2, is_space};

/// `&#xHH;`, `&#DD;`, `&quot;`, `&amp;`, `&lt;`, `&gt;`, `&nbsp;`, each with or without its semicolon. Numbers are taken
/// modulo 256, as the engines that rules are written for do.
pub(super) fn html_entity_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some((byte, after)) = rest.split_first() {
        let entity = if *byte == b'&' { entity(after) } else { None };
        let Some((decoded, length)) = entity else {
            out.push(*byte);
            rest = after;
            continue;
        };
        out.push(decoded);
        let after = after.get(length..).unwrap_or_default();
        rest = after.strip_prefix(b";").unwrap_or(after);
    }
}

/// What follows `&`: the byte it stands for and how long it is.
fn entity(after: &[u8]) -> Option<(u8, usize)> {
    let number = |digits: &[u8], radix: u8| {
        digits
            .iter()
            .filter_map(|digit| hex(*digit))
            .fold(0_u8, |value, digit| value.wrapping_mul(radix).wrapping_add(digit))
    };
    match after {
        [b'#', b'x' | b'X', digits @ ..] => {
            let length = hex_run(digits, digits.len());
            (length > 0).then(|| (number(digits.get(..length).unwrap_or_default(), 16), length + 2))
        }
        [b'#', digits @ ..] => {
            let length = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
            (length > 0).then(|| (number(digits.get(..length).unwrap_or_default(), 10), length + 1))
        }
        _ => {
            let length = after.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let name = after.get(..length)?;
            let named: [(&[u8], u8); 5] =
                [(b"quot", b'"'), (b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"nbsp", 0xa0)];
            let found = named.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some((found.1, length))
        }
    }
}

/// `\uHHHH`, `\xHH`, `\OOO` and the one-letter escapes of JavaScript; any other escaped byte stands for itself.
pub(super) fn js_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'\\', b'u', a, b, c, d, after @ ..] if four(*a, *b, *c, *d).is_some() => {
                out.extend(four(*a, *b, *c, *d));
                after
            }
            [b'\\', b'x', high, low, after @ ..] if hex2(*high, *low).is_some() => {
                out.extend(hex2(*high, *low));
                after
            }
            [b'\\', after @ ..] if after.first().is_some_and(|byte| (b'0'..=b'7').contains(byte)) => {
                let (byte, length) = octal(after);
                out.push(byte);
                after.get(length..).unwrap_or_default()
            }
            [b'\\', escaped, after @ ..] => {
                out.push(letter(*escaped).unwrap_or(*escaped));
                after
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

/// One to three octal digits that make a byte.
fn octal(digits: &[u8]) -> (u8, usize) {
    let run = digits.iter().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
    let length = if run == 3 && digits.first().is_some_and(|first| *first > b'3') { 2 } else { run };
    let value = digits.iter().take(length).fold(0_u8, |value, digit| value << 3 | (digit & 7));
    (value, length)
}

fn letter(escaped: u8) -> Option<u8> {
    Some(match escaped {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        _ => return None,
    })
}

/// `\H` to `\HHHHHH` with one white space after it, `\` before a line break (which goes), `\` before any other byte.
pub(super) fn css_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'\\' {
            out.push(*byte);
            rest = after;
            continue;
        }
        let length = hex_run(after, 6);
        rest = if length > 0 {
            out.push(css_byte(after.get(..length).unwrap_or_default()));
            let after = after.get(length..).unwrap_or_default();
            match after.split_first() {
                Some((space, after)) if is_space(*space) => after,
                _ => after,
            }
        } else {
            match after.split_first() {
                Some((b'\n', after)) => after,
                Some((escaped, after)) => {
                    out.push(*escaped);
                    after
                }
                // A backslash at the end continues to nothing.
                None => after,
            }
        };
    }
}

/// Of the code point the low byte, full-width ASCII narrowed.
fn css_byte(digits: &[u8]) -> u8 {
    let at = |from_end: usize| {
        digits
            .len()
            .checked_sub(from_end)
            .and_then(|at| digits.get(at))
            .and_then(|digit| hex(*digit))
            .unwrap_or(0)
    };
    let (high, low) = (at(4) << 4 | at(3), at(2) << 4 | at(1));
    if at(5) == 0 && at(6) == 0 { narrow(high, low) } else { low }
}

/// The escapes of ANSI C; what is none of them keeps its backslash.
pub(super) fn escape_seq_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'\\', b'x' | b'X', high, low, after @ ..] if hex2(*high, *low).is_some() => {
                out.extend(hex2(*high, *low));
                after
            }
            [b'\\', after @ ..] if after.first().is_some_and(|byte| (b'0'..=b'7').contains(byte)) => {
                let run = after.iter().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                out.push(after.iter().take(run).fold(0_u8, |value, digit| value << 3 | (digit & 7)));
                after.get(run..).unwrap_or_default()
            }
            [b'\\', escaped @ (b'\\' | b'?' | b'\'' | b'"'), after @ ..] => {
                out.push(*escaped);
                after
            }
            [b'\\', escaped, after @ ..] if letter(*escaped).is_some() => {
                out.extend(letter(*escaped));
                after
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}
