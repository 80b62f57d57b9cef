//! Telephone numbers: in the international form (ITU-T E.164, with `+`) wherever they stand, in others where a name says that it is one.

use super::context::{Words, is_named};

/// Signs that people put between digits.
const SIGNS: &[u8] = b" -./()";
const NAMES: Words = &[
    b"phone",
    b"mobile",
    b"msisdn",
    b"whatsapp",
    b"telefon",
    b"handy",
    b"telef",
    b"fax",
    b"\"tel",
    b"tel:",
    b"tel.",
    b"cell",
];

/// The number that begins with a `+` at a byte, as which its escape in JSON counts too (`\u002B`).
pub(super) fn international(bytes: &[u8], start: usize) -> Option<usize> {
    let first = if bytes.get(start) == Some(&b'+') { start + 1 } else { start + 6 };
    let (end, digits) = number(bytes, first)?;
    let leads = bytes.get(first..).and_then(|rest| rest.iter().find(|byte| byte.is_ascii_digit()));
    ((8..=15).contains(&digits) && leads != Some(&b'0')).then_some(end)
}

/// The number that begins with a digit or a bracket at a byte, where a name before it says so.
pub(super) fn named(bytes: &[u8], start: usize) -> Option<usize> {
    let (end, digits) = number(bytes, start)?;
    ((7..=15).contains(&digits) && is_named(bytes, start, NAMES)).then_some(end)
}

/// Where digits with signs between them end, and how many there are. Two signs stand together only around a bracket, or as ` - `.
fn number(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let (mut end, mut digits, mut signs) = (start, 0, 0);
    for (at, byte) in bytes.iter().enumerate().skip(start).take(40) {
        if byte.is_ascii_digit() {
            (digits, signs, end) = (digits + 1, 0, at + 1);
        } else if SIGNS.contains(byte) && signs < 3 && digits < 15 {
            signs += 1;
        } else {
            break;
        }
    }
    (digits > 0).then_some((end, digits))
}
