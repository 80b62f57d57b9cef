//! The standard's own examples, and requests by which somebody would get past a signature.

mod bases;
mod hostile;
mod sealed;
mod vectors;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Fault, Message, Signature};

/// Fields of a head.
fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A message with the target of RFC 9421 appendix B.2.
fn message(headers: &HeaderMap) -> Message<'_> {
    Message {
        method: "POST",
        scheme: "https",
        authority: Cow::Borrowed("example.com"),
        path: Cow::Borrowed("/foo"),
        query: Some("param=Value&Pet=dog"),
        headers,
    }
}

/// The base of a message whose signature covers this, as text, or what is wrong with it.
fn base(message: &Message<'_>, covered: &str) -> Result<String, Fault> {
    let input = format!("a={covered}");
    let signature = Signature::read(&headers(&[("signature-input", &input), ("signature", "a=:AA==:")]))?;
    signature.unwrap().base(message).map(|base| String::from_utf8(base).unwrap())
}
