//! Writing JSON and making hostile text inert, without a serialization library.

use std::io::Write;
use std::net::IpAddr;

/// Appends `text` as a JSON string with its quotes. All that is hidden ([`is_hidden`]) is escaped, so that no log, terminal or
/// console can be steered by what a caller sent.
pub fn push_json(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    if text.bytes().all(|byte| PLAIN.get(usize::from(byte)).copied().unwrap_or(false)) {
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

/// What stands for itself in JSON, and steers nothing. One look-up a byte: the log has half a dozen texts of each call.
static PLAIN: [bool; 256] = plain();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, within the table's length")]
const fn plain() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        table[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    table
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
    let mut out = [b'0'; 32];
    for (eight, place) in out.as_chunks_mut::<8>().0.iter_mut().zip([96, 64, 32, 0]) {
        *eight = hex_digits(value >> place);
    }
    out
}

/// The digits of the lower 32 bits, in a word and not one by one: ids are written five times a call.
const fn hex_digits(value: u128) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A digit to each byte, the first one on top.
    let mut word = value as u64 & 0xffff_ffff;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Six more than nine and above has the fifth bit; no byte overflows into the next.
    let letters = (word + 6 * ONES) >> 4 & ONES;
    (word + b'0' as u64 * ONES + letters * (b'a' - b'9' - 1) as u64).to_be_bytes()
}

/// Appends a number in decimal.
pub fn push_number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an address as text: the usual kind without the machinery of formatting, which is most of its cost.
pub fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.reserve(4 * 4);
            for octet in address.octets() {
                if let Some((text, length)) = OCTETS.get(usize::from(octet)) {
                    // Four bytes are one store; as many as there are would be a copy by a function.
                    let end = out.len() + length;
                    out.extend_from_slice(text);
                    out.truncate(end);
                }
            }
            // The last dot.
            out.pop();
        }
        // Writing to a vector does not fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// Each octet in decimal with a dot after it, and how long that is.
static OCTETS: [([u8; 4], usize); 256] = octets();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, within the table's length")]
const fn octets() -> [([u8; 4], usize); 256] {
    let mut table = [([b'.'; 4], 0); 256];
    let mut octet = 0_u8;
    loop {
        let (hundreds, tens, ones) = (b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10);
        table[octet as usize] = match octet {
            0..=9 => ([ones, b'.', b'.', b'.'], 2),
            10..=99 => ([tens, ones, b'.', b'.'], 3),
            100..=255 => ([hundreds, tens, ones, b'.'], 4),
        };
        if octet == u8::MAX {
            return table;
        }
        octet += 1;
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
            (" ~\u{7f}", "\" ~\\u007f\""),
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

    #[test]
    fn each_octet_and_each_digit_is_written_as_the_library_writes_it() {
        for octet in 0..=u8::MAX {
            let address = std::net::Ipv4Addr::new(octet, 0, octet, 255 - octet);
            let mut out = b"for=".to_vec();
            push_address(&mut out, address.into());
            assert_eq!(String::from_utf8(out).unwrap(), format!("for={address}"));
        }
        for shift in 0..128 {
            for value in [1_u128 << shift, u128::MAX >> shift, 0x0123_4567_89ab_cdef << (shift / 2)] {
                assert_eq!(hex128(value).as_slice(), format!("{value:032x}").as_bytes());
            }
        }
    }
}
