//! Names under which some services read what another name stands for.

use http::HeaderMap;

use crate::query;

/// Whether some services read a field, a cookie, a parameter or a form's field of this name as `name`: in another case, with other
/// signs between its words or about it, or with brackets or a dot after it for what is in it.
#[must_use]
pub fn is_alias(name: &str, written: &str) -> bool {
    let fold = |text: &str, at: usize| {
        let char = text.get(at..).and_then(|rest| rest.chars().next())?;
        // By way of the upper case, in which the long s is an S.
        let upper = char.to_uppercase().next().filter(|_| char.is_alphanumeric());
        let lower = upper.and_then(|upper| upper.to_lowercase().next());
        Some((lower.unwrap_or('_'), at + char.len_utf8()))
    };
    if name == written {
        return false;
    }
    let edge = |c: char| !c.is_alphanumeric();
    let (own, other) = (name.trim_matches(edge), written.trim_start_matches(edge));
    let (mut at, mut there) = (0, 0);
    while let Some((wanted, next)) = fold(own, at) {
        match fold(other, there) {
            Some((found, beyond)) if found == wanted => (at, there) = (next, beyond),
            _ => return false,
        }
    }
    let rest = other.get(there..).unwrap_or_default();
    // What closes the name itself, as the bracket of `a[b]`.
    let end = name.trim_start_matches(edge).get(own.len()..).unwrap_or_default();
    let rest = rest.strip_prefix(end).unwrap_or(rest);
    rest.chars().all(edge) || rest.starts_with(['[', '.'])
}

/// Whether there is a field under another spelling of a name.
pub(crate) fn has_alias(name: &str, headers: &HeaderMap) -> bool {
    headers.keys().any(|written| is_alias(name, written.as_str()))
}

/// Whether a cookie of this name follows a comma in the value of another one: some servers part cookies there (RFC 2965 section
/// 3.4).
pub(crate) fn hides(name: &str, value: &str) -> bool {
    let pairs = value.split(',').skip(1).filter_map(|piece| piece.split_once('='));
    pairs
        .map(|(written, _)| written.trim_matches(query::BLANK))
        .any(|written| written == name || is_alias(name, written))
}
