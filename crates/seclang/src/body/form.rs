//! `application/x-www-form-urlencoded`, in query strings and bodies (WHATWG URL, section 5.1), and cookies.

use super::Pairs;
use crate::bytes::is_space;
use crate::transform::{has_broken_escape, url_decode};

/// Fields in order, and whether there is a `%` that two hexadecimal digits do not follow.
pub(crate) fn fields(input: &[u8], separator: u8) -> (Pairs, bool) {
    let mut broken = false;
    let mut pairs = Vec::new();
    for field in input.split(|byte| *byte == separator).filter(|field| !field.is_empty()) {
        let (name, value) = split(field, b'=');
        broken |= has_broken_escape(field);
        pairs.push((decoded(name), decoded(value)));
    }
    (pairs, broken)
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    url_decode(raw, &mut out);
    out
}

/// At the first separator; what follows is empty when there is none.
pub(crate) fn split(input: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == separator) {
        Some(at) => (input.get(..at).unwrap_or_default(), input.get(at + 1..).unwrap_or_default()),
        None => (input, b""),
    }
}

/// The cookies of one `Cookie` header, version 0: nothing is decoded, a pair without a name is left out.
pub(crate) fn cookies(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').filter_map(|pair| {
        let start = pair.iter().position(|byte| !is_space(*byte))?;
        let (name, value) = split(pair.get(start..)?, b'=');
        (!name.is_empty()).then_some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_and_decoded() {
        let (pairs, broken) = fields(b"a=1&b=%20x+y&&c&=d&e=%zz=2", b'&');
        let pairs: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        assert_eq!(
            pairs,
            [(&b"a"[..], &b"1"[..]), (b"b", b" x y"), (b"c", b""), (b"", b"d"), (b"e", b"%zz=2")]
        );
        assert!(broken);
    }

    #[test]
    fn cookies_are_split() {
        let found: Vec<(&[u8], &[u8])> = cookies(b"a=1; b=2=3;c; =x;").collect();
        assert_eq!(found, [(&b"a"[..], &b"1"[..]), (b"b", b"2=3"), (b"c", b"")]);
    }
}
