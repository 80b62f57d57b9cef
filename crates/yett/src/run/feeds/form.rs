//! Forms (`application/x-www-form-urlencoded`), read strictly: each field once.

/// What a field holds that stands there once; `None` where it does not stand there.
///
/// # Errors
/// When it stands there more than once, or is not encoded as it has to be.
pub(super) fn field(body: &[u8], name: &str) -> Result<Option<String>, ()> {
    let mut found = None;
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (key, value) = pair.split_at_checked(at).unwrap_or((pair, &[]));
        if decode(key).ok_or(())? != name {
            continue;
        }
        let value = decode(value.strip_prefix(b"=").unwrap_or(value)).ok_or(())?;
        if found.replace(value).is_some() {
            return Err(());
        }
    }
    Ok(found)
}

/// A text of a form; `None` where it is no UTF-8, or has a `%` that begins nothing.
pub(super) fn decode(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => (hex(*high)? << 4 | hex(*low)?, after),
            (b'%', _) => return None,
            (b'+', _) => (b' ', after),
            _ => (*first, after),
        };
        out.push(byte);
        rest = after;
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_once_or_not_at_all() {
        for (body, expected) in [
            ("token=a", Ok(Some("a"))),
            ("token=a.b-c_d&x=1", Ok(Some("a.b-c_d"))),
            ("x=1&token=%61%2Bb+c", Ok(Some("a+b c"))),
            ("%74oken=a", Ok(Some("a"))),
            ("x=1", Ok(None)),
            ("", Ok(None)),
            ("&&", Ok(None)),
            ("token", Ok(Some(""))),
            ("token=a&token=a", Err(())),
            ("token=a&%74oken=b", Err(())),
            ("token=%", Err(())),
            ("token=%4", Err(())),
            ("token=%zz", Err(())),
            ("token=%ff", Err(())),
            ("x%=1&token=a", Err(())),
            ("Token=a", Ok(None)),
        ] {
            assert_eq!(
                field(body.as_bytes(), "token"),
                expected.map(|value| value.map(str::to_owned)),
                "{body}"
            );
        }
    }
}
