//! Percent-decoding (RFC 3986 §2.1), strict: a malformed escape or bytes that are not UTF-8 decode to nothing, so that
//! no later reader sees another value than the one that was checked.

/// Decodes; `plus` turns `+` into a space (form encoding). `None` for malformed escapes or UTF-8.
pub(crate) fn decode(text: &[u8], plus: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = hex(bytes.next()?)?;
                let low = hex(bytes.next()?)?;
                high << 4 | low
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes for `application/x-www-form-urlencoded`: what is not unreserved is escaped, a space becomes `+`.
pub(crate) fn encode_form(text: &str, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(byte),
            b' ' => out.push(b'+'),
            other => out.extend([b'%', digit(other >> 4), digit(other)]),
        }
    }
}
