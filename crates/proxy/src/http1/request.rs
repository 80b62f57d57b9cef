//! The head of a request: a strict subset of RFC 9112, read once.
//!
//! Lines end with CRLF, never with a bare LF; no control characters; one framing field, said once; the target without a
//! fragment (THREATS rows 1, 4, 7). What is refused here is answered and its connection ends.

use bytes::Bytes;
use engine::bounds;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version, header};

use super::grammar::{Fault, Framing, is_token, line, parse_length, split_field};

use Fault::Malformed;

/// A complete head that was accepted.
#[derive(Debug)]
pub(crate) struct Head {
    /// Method, target, version and fields.
    pub(crate) parts: Parts,
    /// How its body ends.
    pub(crate) framing: Framing,
    /// What it asks of the connection.
    pub(crate) wishes: Wishes,
}

/// What a head asks of the connection that it came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Whether another message may follow (RFC 9112 section 9.3).
    pub(crate) keep_alive: bool,
    /// Whether the client waits for a word before it sends the body (RFC 9110 section 10.1.1).
    pub(crate) expects: bool,
    /// Whether it takes trailers (RFC 9110 section 6.5.1).
    pub(crate) trailers: bool,
}

/// Reads a complete head, its empty line included.
///
/// # Errors
/// Why it is refused.
pub(crate) fn parse(head: &Bytes) -> Result<Head, Fault> {
    let (end, mut next) = line(head, 0);
    if head.len() - next > bounds::HEADER_BYTES {
        return Err(Fault::HeadersTooLarge);
    }
    let (method, target, version) = request_line(head.get(..end).unwrap_or_default())?;
    let uri = Uri::from_maybe_shared(head.slice(target.0..target.1))
        .map_err(|_| Malformed("a target that is no URI reference"))?;
    let mut reading = Reading::new(version);
    loop {
        let start = next;
        let (end, after) = line(head, start);
        if end <= start {
            break;
        }
        reading.field(head, start, end)?;
        next = after;
    }
    let framing = reading.framing()?;
    let wishes = Wishes {
        keep_alive: if version == Version::HTTP_11 { !reading.close } else { reading.stay && !reading.close },
        expects: reading.expects && framing != Framing::Empty,
        trailers: reading.trailers,
    };
    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri, parts.version, parts.headers) = (method, uri, version, reading.headers);
    Ok(Head { parts, framing, wishes })
}

/// The fields so far, and what they say of the message.
struct Reading {
    version: Version,
    headers: HeaderMap,
    fields: usize,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    stay: bool,
    expects: bool,
    trailers: bool,
}

impl Reading {
    fn new(version: Version) -> Self {
        Self {
            version,
            headers: HeaderMap::with_capacity(12),
            fields: 0,
            length: None,
            chunked: false,
            close: false,
            stay: false,
            expects: false,
            trailers: false,
        }
    }

    fn field(&mut self, head: &Bytes, start: usize, end: usize) -> Result<(), Fault> {
        let text = head.get(start..end).unwrap_or_default();
        let (name, from, to) = split_field(text)?;
        self.fields += 1;
        if self.fields > bounds::HEADERS {
            return Err(Fault::HeadersTooLarge);
        }
        let bytes = text.get(from..to).unwrap_or_default();
        let name = HeaderName::from_bytes(text.get(..name).unwrap_or_default())
            .map_err(|_| Malformed("a field name that is no token, or a folded field"))?;
        self.heed(&name, bytes)?;
        let value = HeaderValue::from_maybe_shared(head.slice(start + from..start + to))
            .map_err(|_| Malformed("a control character in a field"))?;
        self.headers.append(name, value);
        Ok(())
    }

    /// What this hop has to know of a field.
    fn heed(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Fault> {
        if *name == header::CONTENT_LENGTH {
            if self.length.is_some() {
                return Err(Malformed("more than one Content-Length"));
            }
            self.length = Some(parse_length(value)?);
        } else if *name == header::TRANSFER_ENCODING {
            if self.chunked || self.version != Version::HTTP_11 || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed("a Transfer-Encoding other than one `chunked` in HTTP/1.1"));
            }
            self.chunked = true;
        } else if *name == header::CONNECTION {
            self.close |= lists(value, b"close");
            self.stay |= lists(value, b"keep-alive");
        } else if *name == header::EXPECT {
            self.expects |= value.eq_ignore_ascii_case(b"100-continue");
        } else if *name == header::TE {
            self.trailers |= lists(value, b"trailers");
        }
        Ok(())
    }

    fn framing(&self) -> Result<Framing, Fault> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Malformed("both Content-Length and Transfer-Encoding")),
            (_, true) => Ok(Framing::Chunked),
            (None | Some(0), false) => Ok(Framing::Empty),
            (Some(length), false) => Ok(Framing::Length(length)),
        }
    }
}

/// Whether a list of tokens has `token`.
pub(crate) fn lists(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

type Span = (usize, usize);

fn request_line(line: &[u8]) -> Result<(Method, Span, Version), Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Malformed("a request line that is not `method target version`"));
    };
    if method.is_empty() || method.len() > 32 || !method.iter().copied().all(is_token) {
        return Err(Malformed("a method that is no token"));
    }
    if target.len() > bounds::TARGET_BYTES {
        return Err(Fault::TargetTooLong);
    }
    if target.is_empty() || target.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'#') {
        return Err(Malformed("a target with a byte that is not allowed there"));
    }
    let version = match version {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return Err(Malformed("a version other than HTTP/1.0 and HTTP/1.1")),
    };
    let start = method.len() + 1;
    let end = start + target.len();
    let method = Method::from_bytes(method).map_err(|_| Malformed("a method that is no token"))?;
    Ok((method, (start, end), version))
}
