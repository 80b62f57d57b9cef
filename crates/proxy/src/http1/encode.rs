//! Messages to bytes. Everything that leaves is written here, field by field; nothing is passed through as it came.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::wire::Wire;

/// Ends a chunked body that has no trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How the body of a message that we write ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// There is none, and the head says nothing of it.
    Silently,
    /// After so many bytes.
    After(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Closing,
}

impl Ends {
    /// The field that says it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Ends::Silently | Ends::Closing => {}
            Ends::After(length) => {
                out.extend_from_slice(b"content-length: ");
                number(out, length);
                out.extend_from_slice(b"\r\n");
            }
            Ends::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
    }
}

/// One field.
pub(crate) fn field(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    pair(out, name.as_str().as_bytes(), value.as_bytes());
}

/// One field.
pub(crate) fn pair(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The head of an answer, up to the fields about the body and the connection.
pub(crate) fn answer_head(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap, keep_length: bool) {
    out.reserve(512);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        let ours = *name == header::CONNECTION
            || *name == header::TRANSFER_ENCODING
            || (*name == header::CONTENT_LENGTH && !keep_length);
        if !ours {
            field(out, name, value);
        }
    }
}

/// Whether a request without a body says so (RFC 9110 section 8.6).
pub(crate) fn says_empty(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Queues one chunk.
pub(crate) fn chunk(wire: &mut Wire, piece: Bytes) {
    if piece.is_empty() {
        return;
    }
    let out = wire.outbox();
    hexadecimal(out, piece.len());
    out.extend_from_slice(b"\r\n");
    wire.push(piece);
    wire.outbox().extend_from_slice(b"\r\n");
}

/// Ends a chunked body with trailers.
pub(crate) fn trailers(out: &mut Vec<u8>, trailers: &HeaderMap) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        field(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn hexadecimal(out: &mut Vec<u8>, value: usize) {
    let digits = (usize::BITS - value.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (value >> (place * 4)) & 0xf;
        out.push(b"0123456789abcdef".get(digit).copied().unwrap_or(b'0'));
    }
}
