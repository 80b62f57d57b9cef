//! Where a service is asked for an object, and how.

use std::time::Duration;

use bytes::Bytes;
use engine::bounds;
use engine::fetch::{FetchRequest, Reach};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method};

/// What stands for the id in a URL.
pub(super) const ID: &str = "{id}";

/// Where a service is asked for an object.
#[derive(Debug)]
pub(in crate::objects) struct Lookup {
    /// What stands before the id in the URL, and behind it.
    pub(super) around: (Box<str>, Box<str>),
    /// `Authorization` of questions.
    pub(super) token: Option<HeaderValue>,
    /// Where the owner stands in an answer (RFC 6901).
    pub(super) pointer: Box<str>,
    /// Longest time that an answer may take.
    pub(super) deadline: Duration,
    /// How long an answer counts for other calls; zero: for none.
    pub(super) max_age: Duration,
}

impl Lookup {
    /// Names all of its settings, the token by its hash: who has the same asks together.
    pub(super) fn settings(&self) -> String {
        let Self { around, token, pointer, deadline, max_age } = self;
        let token = token.as_ref().map(|token| {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
            jose::base64url_encode(hash.as_ref())
        });
        format!("{around:?} {token:?} {pointer:?} {deadline:?} {max_age:?}")
    }

    /// The question about one object.
    pub(super) fn request(&self, id: &str) -> FetchRequest {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let (before, after) = &self.around;
        FetchRequest {
            method: Method::GET,
            url: format!("{before}{}{after}", segment(id)),
            headers,
            body: Bytes::new(),
            deadline: self.deadline,
            max_bytes: bounds::OWNER_ANSWER,
            head_only: false,
            reach: Reach::Operator,
        }
    }
}

/// Whether an id can be asked about: it is not empty nor too long, and no step of a path to somewhere else (RFC 3986 section 5.2.4).
pub(super) fn can_be_asked(id: &str) -> bool {
    !id.is_empty() && id.len() <= bounds::OWNER_ID_BYTES && !id.bytes().all(|byte| byte == b'.')
}

/// An id as one segment of a path: all but unreserved characters is encoded (RFC 3986 section 2.3).
fn segment(id: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The id that a segment is of; `None` where it is of none.
pub(super) fn of_segment(segment: &str) -> Option<String> {
    let mut pieces = segment.split('%');
    let mut out = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        out.push(u8::from_str_radix(code, 16).ok()?);
        out.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_whatever_stands_in_it() {
        for (id, expected) in [
            ("ord_1", "ord_1"),
            ("a/b", "a%2Fb"),
            ("../admin", "..%2Fadmin"),
            ("1?x=2#y", "1%3Fx%3D2%23y"),
            ("%2e%2e", "%252e%252e"),
            ("é\n", "%C3%A9%0A"),
        ] {
            assert_eq!(segment(id), expected);
            assert_eq!(of_segment(expected).as_deref(), Some(id));
            assert!(can_be_asked(id));
        }
        let long = "x".repeat(bounds::OWNER_ID_BYTES);
        assert!(can_be_asked(&long));
        for id in ["", ".", "..", "...", &format!("{long}x")] {
            assert!(!can_be_asked(id), "{id}");
        }
    }
}
