//! The head of an upstream's answer.
//!
//! The syntax is read by `httparse`; what it means for the framing (RFC 9112 section 6.3) is judged here. An answer that
//! contradicts itself is the upstream's fault and never reaches a client.

use std::mem::MaybeUninit;

use bytes::Bytes;
use engine::bounds;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::grammar::{Framing, parse_length};
use super::request::lists;

/// A head that was accepted.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    /// Whether another answer may follow on the connection.
    pub(crate) keep_alive: bool,
}

/// Where the names and the values of the fields lie in a head.
pub(crate) type Spans = smallvec::SmallVec<[(usize, usize, usize, usize); 24]>;

/// What the parser found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// How many bytes the head has.
    pub(crate) length: usize,
    minor: u8,
    status: u16,
}

/// Finds the end of the head at the start of `bytes`, and puts where its fields lie into `spans` (which is too large to be
/// handed on by value for each answer); `None` when it is not whole yet.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn find(bytes: &[u8], spans: &mut Spans) -> Result<Option<Found>, &'static str> {
    let mut fields = [const { MaybeUninit::uninit() }; bounds::HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) => {
            let start = bytes.as_ptr().addr();
            spans.clear();
            spans.extend(response.headers.iter().map(|field| {
                let name = field.name.as_ptr().addr() - start;
                let value = field.value.as_ptr().addr() - start;
                (name, name + field.name.len(), value, value + field.value.len())
            }));
            let (minor, status) = (response.version.unwrap_or(0), response.code.unwrap_or(0));
            Ok(Some(Found { length, minor, status }))
        }
        Ok(httparse::Status::Partial) if bytes.len() > bounds::HEADER_BYTES => {
            Err("a head longer than its bound")
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err("more fields than the bound"),
        Err(_) => Err("a head that is no HTTP/1"),
    }
}

/// Takes the head that [`find`] found. `method` is the request's: an answer to HEAD has no body.
///
/// # Errors
/// What contradicts itself in it.
pub(crate) fn read(
    bytes: &Bytes,
    found: Found,
    spans: &Spans,
    method: &Method,
) -> Result<Head, &'static str> {
    let status = StatusCode::from_u16(found.status).ok().filter(|status| status.as_u16() < 600);
    let status = status.ok_or("a status that is none")?;
    let mut headers = HeaderMap::with_capacity(spans.len() + 4);
    let (mut length, mut chunked, mut close, mut stay) = (None, false, false, false);
    for (name, name_end, value, value_end) in spans {
        let name = HeaderName::from_bytes(bytes.get(*name..*name_end).unwrap_or_default())
            .map_err(|_| "a field name that is no token")?;
        let text = bytes.get(*value..*value_end).unwrap_or_default();
        if name == header::CONTENT_LENGTH {
            let said = parse_length(text).map_err(|_| "a Content-Length that is no number")?;
            if length.is_some_and(|before| before != said) {
                return Err("two lengths that differ");
            }
            if length.replace(said).is_some() {
                continue;
            }
        } else if name == header::TRANSFER_ENCODING {
            if chunked || found.minor == 0 || !text.eq_ignore_ascii_case(b"chunked") {
                return Err("a Transfer-Encoding other than one `chunked` in HTTP/1.1");
            }
            chunked = true;
        } else if name == header::CONNECTION {
            close |= lists(text, b"close");
            stay |= lists(text, b"keep-alive");
        }
        let value = HeaderValue::from_maybe_shared(bytes.slice(*value..*value_end))
            .map_err(|_| "a field with a control character")?;
        headers.append(name, value);
    }
    if chunked && length.is_some() {
        return Err("both Content-Length and Transfer-Encoding");
    }
    let bodyless = *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = match (bodyless, chunked, length) {
        (true, ..) | (_, false, Some(0)) => Framing::Empty,
        (_, true, _) => Framing::Chunked,
        (_, _, Some(length)) => Framing::Length(length),
        (_, _, None) => Framing::Close,
    };
    let keep_alive = framing != Framing::Close && !close && (found.minor == 1 || stay);
    Ok(Head { status, headers, framing, keep_alive })
}
