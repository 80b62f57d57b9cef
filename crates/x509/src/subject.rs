//! Distinguished names as text: RFC 4514. What cannot be shown as text without doubt is shown as hexadecimal digits of its DER,
//! so that no two names look alike.

use std::fmt::Write as _;

use crate::Malformed;
use crate::der::{OID, Reader, SEQUENCE};

const SET: u8 = 0x31;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
/// Most attributes of a name; more make it unreadable.
const ATTRIBUTES: usize = 64;

/// Names of attribute types that are written short, by their object identifiers (RFC 4514 section 3).
const SHORT: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

/// `commonName`.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// The one common name of what is in a `Name`. Where there are several none of them is the one, and one that is written in an
/// alphabet that is not read here is none.
pub(crate) fn common_name(name: &[u8]) -> Result<Option<&str>, Malformed> {
    let mut list = Reader::new(name);
    let mut found = None;
    let mut count = 0;
    while !list.is_empty() {
        let mut set = list.enter(SET)?;
        while !set.is_empty() {
            let mut attribute = set.enter(SEQUENCE)?;
            let (kind, (tag, value)) = (attribute.take(OID)?, attribute.any()?);
            attribute.end()?;
            if kind == COMMON_NAME {
                count += 1;
                let is_text = matches!(tag, UTF8_STRING | PRINTABLE_STRING);
                found = std::str::from_utf8(value).ok().filter(|_| is_text);
            }
        }
    }
    Ok(found.filter(|_| count == 1))
}

/// The string of what is in a `Name`: the last part first.
pub(crate) fn text(name: &[u8]) -> Result<String, Malformed> {
    let mut parts = Vec::new();
    let mut list = Reader::new(name);
    let mut count = 0;
    while !list.is_empty() {
        let mut set = list.enter(SET)?;
        let mut part = String::new();
        while !set.is_empty() {
            count += 1;
            if count > ATTRIBUTES {
                return Err(Malformed("its subject has too many parts"));
            }
            let mut attribute = set.enter(SEQUENCE)?;
            if !part.is_empty() {
                part.push('+');
            }
            let (kind, (tag, value)) = (attribute.take(OID)?, attribute.any()?);
            attribute.end()?;
            push(&mut part, kind, tag, value)?;
        }
        parts.push(part);
    }
    parts.reverse();
    Ok(parts.join(","))
}

fn push(out: &mut String, kind: &[u8], tag: u8, value: &[u8]) -> Result<(), Malformed> {
    let short = SHORT.iter().find(|(known, _)| *known == kind);
    match short {
        Some((_, name)) => out.push_str(name),
        None => identifier(out, kind)?,
    }
    out.push('=');
    let shown = match tag {
        UTF8_STRING | PRINTABLE_STRING | IA5_STRING => std::str::from_utf8(value).ok(),
        _ => None,
    };
    match shown.filter(|text| short.is_some() && !text.chars().any(char::is_control)) {
        Some(text) => escape(out, text),
        None => {
            // RFC 4514 section 2.4: the number sign and the DER of the value.
            let _ = match value.len() {
                length @ ..0x80 => write!(out, "#{tag:02x}{length:02x}"),
                length @ ..0x100 => write!(out, "#{tag:02x}81{length:02x}"),
                length @ ..0x1_0000 => write!(out, "#{tag:02x}82{length:04x}"),
                length => write!(out, "#{tag:02x}83{length:06x}"),
            };
            value.iter().for_each(|byte| {
                let _ = write!(out, "{byte:02x}");
            });
        }
    }
    Ok(())
}

/// The dotted decimal form of an object identifier (X.690 section 8.19).
fn identifier(out: &mut String, kind: &[u8]) -> Result<(), Malformed> {
    const BROKEN: Malformed = Malformed("its subject has a type that is no identifier");
    let mut number = 0_u64;
    let mut first = true;
    for byte in kind {
        number = number.checked_mul(128).ok_or(BROKEN)? + u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if first {
            let root = (number / 40).min(2);
            let _ = write!(out, "{root}.{}", number - root * 40);
        } else {
            let _ = write!(out, ".{number}");
        }
        (number, first) = (0, false);
    }
    if first || number != 0 { Err(BROKEN) } else { Ok(()) }
}

/// RFC 4514 section 2.4.
fn escape(out: &mut String, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (place, char) in text.chars().enumerate() {
        let special = matches!(char, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=');
        let edge = char == ' ' && (place == 0 || place == last) || char == '#' && place == 0;
        if special || edge {
            out.push('\\');
        }
        out.push(char);
    }
}
