//! Writing JSON and making hostile text inert, without a serialization library.

use std::io::Write;
use std::net::IpAddr;

/// Appends `text` as a JSON string with its quotes. All that is hidden ([`is_hidden`]) is escaped, so that no log, terminal or
/// console can be steered by what a caller sent.
pub fn push_json(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    let mut start = 0;
    for (at, char) in text.char_indices() {
        if !needs_escape(char) {
            continue;
        }
        out.extend_from_slice(text.get(start..at).unwrap_or_default().as_bytes());
        match char {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            other => push_unicode_escape(out, other),
        }
        start = at + char.len_utf8();
    }
    out.extend_from_slice(text.get(start..).unwrap_or_default().as_bytes());
    out.push(b'"');
}

fn needs_escape(char: char) -> bool {
    match char {
        '"' | '\\' => true,
        ' '..='~' => false,
        other => is_hidden(other),
    }
}

fn push_unicode_escape(out: &mut Vec<u8>, char: char) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut units = [0_u16; 2];
    for unit in char.encode_utf16(&mut units) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            out.push(HEX.get(usize::from(*unit >> shift & 0xf)).copied().unwrap_or(b'0'));
        }
    }
}

/// `text` cut to at most `bytes` bytes at a character's border.
#[must_use]
pub fn bounded(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Whether a character moves the cursor, ends a line, turns the direction of text or is not seen at all (Unicode TR 36,
/// section 2): none of these is shown or kept of what others wrote.
#[must_use]
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The beginning of `text`, at most `bytes` bytes of it, with U+FFFD in the place of each hidden character: what is kept of it
/// to be searched and shown, wherever that may be.
#[must_use]
pub fn inert(text: &str, bytes: usize) -> Box<str> {
    let text = bounded(text, bytes);
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.into();
    }
    text.chars().map(|char| if is_hidden(char) { '\u{fffd}' } else { char }).collect::<String>().into()
}

/// Lower-case hexadecimal digits of a number of 128 bits.
#[must_use]
pub fn hex128(value: u128) -> [u8; 32] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = [b'0'; 32];
    for (index, slot) in out.iter_mut().enumerate() {
        let nibble = usize::try_from(value >> ((31 - index) * 4) & 0xf).unwrap_or(0);
        *slot = HEX.get(nibble).copied().unwrap_or(b'0');
    }
    out
}

/// Appends a number in decimal.
pub fn push_number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an address as text: the usual kind without the machinery of formatting, which is most of its cost.
pub fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                push_number(out, u64::from(octet));
            }
        }
        // Writing to a vector does not fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_inert() {
        let cases = [
            ("plain é", "\"plain é\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("\u{1b}[31m\n", "\"\\u001b[31m\\n\""),
            ("\u{202e}\u{2028}\u{200b}\u{9b}", "\"\\u202e\\u2028\\u200b\\u009b\""),
        ];
        for (text, expected) in cases {
            let mut out = Vec::new();
            push_json(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn addresses_and_numbers_are_written_as_everybody_writes_them() {
        for text in ["0.0.0.0", "10.1.200.255", "::1", "2001:db8::7"] {
            let mut out = Vec::new();
            push_address(&mut out, text.parse().unwrap());
            push_number(&mut out, u64::MAX);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{text}{}", u64::MAX));
        }
    }

    #[test]
    fn what_is_kept_is_short_and_inert() {
        for (text, kept) in [
            ("alice", "alice"),
            ("\0a\u{1b}[31m\n", "\u{fffd}a\u{fffd}[31m\u{fffd}"),
            ("x\u{202e}y\u{200b}\u{9b}", "x\u{fffd}y\u{fffd}\u{fffd}"),
            ("支払い", "支払い"),
        ] {
            assert_eq!(&*inert(text, 64), kept);
            assert_eq!(inert(kept, 64), inert(text, 64), "what is kept stays as it is");
        }
        assert_eq!(inert(&"é".repeat(1 << 20), 7).len(), 6);
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(bounded("aé", 2), "a");
        assert_eq!(bounded("aé", 3), "aé");
        assert_eq!(&hex128(0xab)[30..], b"ab");
    }
}
