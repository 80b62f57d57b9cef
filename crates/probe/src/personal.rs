//! Personal data in text: numbers of cards and accounts, addresses of mail, telephone numbers, numbers by which states know people.
//!
//! A value counts by its form and its check digits, and by its ends: what is part of a longer word or number is none. What form and check
//! leave to chance counts only where a name before it says what it is. One pass, in linear time; how much is told is bounded.
//!
//! How many are found, and how much else, is measured on data of others' making: docs/personal-data.md.

mod accounts;
mod addresses;
mod cards;
mod checks;
mod context;
mod ids;
mod phones;
mod run;
#[cfg(test)]
mod tests;

use crate::leak::{Class, LEAKS, Leak, Leaks};

/// Bytes in JSON that stand for a `+`.
const ESCAPED_PLUS: &[u8] = b"\\u002b";

/// What is looked for.
pub const CLASSES: [Class; 5] = [Class::Card, Class::Account, Class::Mail, Class::Phone, Class::Person];

/// The personal data in `bytes` of the classes that `wants` names, in their order, none inside another.
#[must_use]
pub fn find(bytes: &[u8], wants: impl Fn(Class) -> bool) -> Leaks {
    let mut found = Leaks::default();
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| begins(*byte))) {
        at += next;
        let from = found.all.last().map_or(0, |leak| leak.end);
        let Some(leak) = look(bytes, at, &wants).filter(|leak| leak.start >= from) else {
            at = skip(bytes, at);
            continue;
        };
        if found.all.len() >= LEAKS {
            found.more = true;
            return found;
        }
        at = leak.end;
        found.all.push(leak);
    }
    found
}

/// Whether something may begin with a byte, or be around it.
const fn begins(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'@' | b'+' | b'(' | b'\\')
}

/// Where to look next when nothing begins at a byte: behind the word of which it is the first letter.
fn skip(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..).unwrap_or_default();
    let length = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    at + length.max(1)
}

/// What begins at a byte, or is around it.
fn look(bytes: &[u8], at: usize, wants: &impl Fn(Class) -> bool) -> Option<Leak> {
    let first = *bytes.get(at)?;
    if first == b'@' {
        let (start, end) = addresses::around(bytes, at)?;
        return wants(Class::Mail).then_some(Leak { class: Class::Mail, name: "mail", start, end });
    }
    if !is_start(bytes, at) {
        return None;
    }
    let leak = |class, name, end| {
        let leak = Leak { class, name, start: at, end };
        (wants(class) && is_end(bytes, end)).then_some(leak)
    };
    let phone = |end: Option<usize>| leak(Class::Phone, "phone", end?);
    match first {
        b'+' => phone(phones::international(bytes, at)),
        b'\\' => {
            let escape = bytes.get(at..at + ESCAPED_PLUS.len())?;
            if escape.eq_ignore_ascii_case(ESCAPED_PLUS) {
                phone(phones::international(bytes, at))
            } else {
                None
            }
        }
        b'(' => phone(phones::named(bytes, at)),
        b'0'..=b'9' => cards::at(bytes, at)
            .and_then(|(network, end)| leak(Class::Card, network, end))
            .or_else(|| ids::digits(bytes, at).and_then(|(state, end)| leak(Class::Person, state, end)))
            .or_else(|| phone(phones::named(bytes, at))),
        _ => accounts::at(bytes, at)
            .and_then(|end| leak(Class::Account, "iban", end))
            .or_else(|| ids::letters(bytes, at).and_then(|(state, end)| leak(Class::Person, state, end))),
    }
}

/// Whether a value may begin at a byte: the one before it is of no word or number, but for an escape of JSON (`\n`).
fn is_start(bytes: &[u8], at: usize) -> bool {
    let before = |by: usize| at.checked_sub(by).and_then(|at| bytes.get(at)).copied();
    match before(1) {
        None => true,
        Some(byte) if byte.is_ascii_alphabetic() => before(2) == Some(b'\\') && b"nrtbf".contains(&byte),
        Some(byte) if byte.is_ascii_digit() || byte == b'_' || !byte.is_ascii() => false,
        // The middle of a number, or of an id with parts.
        Some(b'.' | b'-' | b'+' | b'/') => !before(2).is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(_) => true,
    }
}

/// Whether one may end before a byte.
fn is_end(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        None => true,
        Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii() => false,
        Some(b'.' | b'-' | b'@') => !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric),
        Some(_) => true,
    }
}
