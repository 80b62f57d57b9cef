//! The boundary that a `Content-Type` names (RFC 2046, section 5.1.1).

use super::Flags;
use crate::bytes::is_space;

/// Longest boundary of RFC 2046 is 70; senders that don't keep to it are read all the same.
const MAX_LENGTH: usize = 200;

/// The boundary, or why there is none.
pub(super) fn of(content_type: &[u8], flags: &mut Flags) -> Result<Vec<u8>, &'static str> {
    let at = name(content_type).ok_or("Multipart: Boundary not found in C-T.")?;
    let (before, after) = content_type.split_at(at);
    // Between the media type, or the parameter before, and this one there is a semicolon, and nothing else.
    let (kind, gap) = before.split_at(memchr::memrchr(b';', before).unwrap_or(before.trim_ascii_end().len()));
    flags.missing_semicolon |= !gap.starts_with(b";");
    let gap = gap.strip_prefix(b";").unwrap_or(gap);
    if !gap.iter().all(|byte| is_space(*byte))
        || kind.iter().any(|byte| is_space(*byte)) && flags.missing_semicolon
    {
        return Err("Multipart: Invalid boundary in C-T (malformed).");
    }
    let after = after.get(8..).unwrap_or_default();
    let equals = after.iter().position(|byte| *byte == b'=').unwrap_or(0);
    let value = after.get(equals + 1..).unwrap_or_default();
    flags.boundary_whitespace |= equals > 0 || value.first().is_some_and(|byte| is_space(*byte));
    let value = value.trim_ascii_start();
    let (value, rest) = match value.strip_prefix(b"\"") {
        Some(quoted) => {
            flags.boundary_quoted = true;
            let end = quoted.iter().position(|byte| *byte == b'"');
            let end = end.ok_or("Multipart: Invalid boundary in C-T (quote).")?;
            (quoted.get(..end).unwrap_or_default(), quoted.get(end + 1..).unwrap_or_default())
        }
        None => {
            let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
            let (value, rest) = value.split_at(end);
            (value.trim_ascii_end(), rest)
        }
    };
    // Two of them are two bodies.
    if name(rest).is_some() {
        return Err("Multipart: Multiple boundary parameters in C-T.");
    }
    if !matches!(rest.trim_ascii_start().first(), None | Some(b';')) {
        return Err("Multipart: Invalid boundary in C-T (malformed).");
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    let fits = !value.is_empty() && value.len() <= MAX_LENGTH && value.last() != Some(&b' ');
    if fits && value.iter().all(allowed) {
        Ok(value.to_vec())
    } else {
        Err("Multipart: Invalid boundary in C-T (characters).")
    }
}

/// Where the parameter `boundary` begins.
fn name(text: &[u8]) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let is_name = |at: &usize| {
        let after = lower.get(at + 8..).unwrap_or_default().trim_ascii_start();
        after.starts_with(b"=")
    };
    lower.windows(8).enumerate().filter(|(_, window)| window == b"boundary").map(|(at, _)| at).find(is_name)
}
