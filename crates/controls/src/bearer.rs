//! `Authorization: Bearer` of questions that the gateway asks others.

use http::HeaderValue;
use zeroize::Zeroizing;

/// The field of a token as it is kept: one word of visible ASCII, perhaps with the end of its line.
pub(crate) fn field(kept: &[u8]) -> Option<HeaderValue> {
    let token = std::str::from_utf8(kept).ok().map(|text| text.strip_suffix('\n').unwrap_or(text));
    let good = token.filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    let field = Zeroizing::new(format!("Bearer {}", good?));
    let mut value = HeaderValue::from_str(&field).ok()?;
    value.set_sensitive(true);
    Some(value)
}
