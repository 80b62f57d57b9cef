//! Attacks written in the encodings that services undo.

use std::fmt::Write as _;

type Encode = fn(&[u8]) -> Vec<u8>;

/// Encodings by name.
pub const ALL: [(&str, Encode); 12] = [
    ("as it is", <[u8]>::to_vec),
    ("percent, once more than the reader of the query undoes", percent),
    ("percent, twice more", |value| percent(&percent(value))),
    ("base64", |value| base64(value, b"+/", true)),
    ("base64url, without padding", |value| base64(value, b"-_", false)),
    ("JSON escapes (`\\u0027`)", escapes),
    ("HTML, decimal (`&#39;`)", entities),
    ("UTF-16LE", utf16),
    ("full width", width),
    ("JSON in a string", json),
    ("form in a string", form),
    ("percent in base64 in JSON", |value| json(&base64(&percent(value), b"+/", true))),
];

pub fn percent(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in value {
        if byte.is_ascii_alphanumeric() {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02x}").bytes());
        }
    }
    out
}

fn base64(value: &[u8], last: &[u8; 2], padded: bool) -> Vec<u8> {
    let letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last).collect();
    let mut out = Vec::new();
    for group in value.chunks(3) {
        let mut bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        bits <<= 8 * (3 - group.len());
        let digits = (0..=group.len()).map(|digit| letters[(bits >> (18 - 6 * digit) & 63) as usize]);
        out.extend(digits);
        out.extend(std::iter::repeat_n(b'=', if padded { 3 - group.len() } else { 0 }));
    }
    out
}

fn escapes(value: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(value)
        .chars()
        .fold(String::new(), |mut out, char| {
            if char.is_ascii_alphanumeric() {
                out.push(char);
            } else {
                let _ = write!(out, "\\u{:04x}", u32::from(char) & 0xffff);
            }
            out
        })
        .into_bytes()
}

fn entities(value: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(value)
        .chars()
        .fold(String::new(), |mut out, char| {
            if char.is_ascii_alphanumeric() {
                out.push(char);
            } else {
                let _ = write!(out, "&#{};", u32::from(char));
            }
            out
        })
        .into_bytes()
}

fn utf16(value: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(value).encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn width(value: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(value)
        .chars()
        .map(|char| match char {
            '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => {
                char::from_u32(u32::from(char) + 0xfee0).unwrap_or(char)
            }
            char => char,
        })
        .collect::<String>()
        .into_bytes()
}

fn json(value: &[u8]) -> Vec<u8> {
    let text = serde_json::Value::String(String::from_utf8_lossy(value).into_owned());
    format!("{{\"a\":[1,{text}]}}").into_bytes()
}

fn form(value: &[u8]) -> Vec<u8> {
    [b"a=1&b=", percent(value).as_slice()].concat()
}
