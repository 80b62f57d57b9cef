//! Parameters of a query as section 2.2.8 has them: decoded as a form's, and encoded anew, so that there is one spelling.

use std::fmt::Write;

use crate::Fault;

/// The value of the parameter of this name, both encoded anew.
///
/// # Errors
/// [`Fault::QueryParameter`] when it is not there exactly once, or something in the query is no UTF-8: then two spellings could
/// come to one.
pub(crate) fn parameter(query: &str, wanted: &str) -> Result<String, Fault> {
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if encoded(&decoded(name)?) == wanted && found.replace(encoded(&decoded(value)?)).is_some() {
            return Err(Fault::QueryParameter);
        }
    }
    found.ok_or(Fault::QueryParameter)
}

fn decoded(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', after_percent(rest)),
            },
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| Fault::QueryParameter)
}

/// What follows a percent sign that encodes nothing, and so stands for itself.
fn after_percent(rest: &[u8]) -> &[u8] {
    rest.get(1..).unwrap_or_default()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encoding by the set of forms, with `%20` for a space.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
