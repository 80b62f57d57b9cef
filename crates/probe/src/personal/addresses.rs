//! Addresses of mail (the `addr-spec` of RFC 5322 section 3.4.1, as it is in use: dot-atoms, and a domain with a top-level name).

/// Bytes before the `@`, at most (RFC 5321 section 4.5.3.1.1).
const LOCAL: usize = 64;
/// Bytes behind it.
const DOMAIN: usize = 253;
/// Endings of files that are named like `logo@2x.png`.
const FILES: [&[u8]; 8] = [b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js"];

/// The address around an `@`.
pub(super) fn around(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let before = bytes.get(at.saturating_sub(LOCAL)..at)?;
    let is_local = |byte: &&u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._%+'-".contains(byte);
    let mut start = at - before.iter().rev().take_while(is_local).count();
    // A quote or a dot before it is not its own; `\n` and the like before it in JSON is one letter of an escape.
    while start < at && bytes.get(start).is_some_and(|byte| b".'-%+".contains(byte)) {
        start += 1;
    }
    if start > 0 && bytes.get(start - 1) == Some(&b'\\') {
        start += 1;
    }
    let after = bytes.get(at + 1..)?;
    let is_domain = |byte: &&u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".-".contains(byte);
    let length = after.iter().take(DOMAIN).take_while(is_domain).count();
    let mut domain = after.get(..length)?;
    while let Some((b'.' | b'-', rest)) = domain.split_last() {
        domain = rest;
    }
    let (last, rest) = (domain.rsplit(|byte| *byte == b'.').next()?, domain);
    let named = last.len() >= 2
        && (last.iter().all(u8::is_ascii_alphabetic) || last.starts_with(b"xn--") || !last.is_ascii());
    let labels = rest.split(|byte| *byte == b'.').all(|label| !label.is_empty() && !label.starts_with(b"-"));
    let has_dot = domain.len() > last.len();
    let is_file = FILES.iter().any(|file| last.eq_ignore_ascii_case(file));
    (start < at && named && labels && has_dot && !is_file).then_some((start, at + 1 + domain.len()))
}
