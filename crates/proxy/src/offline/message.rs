//! Requests as they come to a service of a test, and answers as they go to its client.
//!
//! Both were written by this gateway: a reader that takes nothing else suffices.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::io::{AsyncReadExt, DuplexStream};

use crate::http1::grammar::Framing;
use crate::http1::rest::Rest;

/// Most fields of a head.
const FIELDS: usize = engine::bounds::HEADERS + 64;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its content.
    pub body: Bytes,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its content.
    pub body: Bytes,
}

impl Answer {
    /// Reads a whole answer, whatever interim ones come before it.
    pub(super) fn parse(mut bytes: &[u8], to_head: bool) -> Option<Self> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut parsed = httparse::Response::new(&mut fields);
            let end = match parsed.parse(bytes).ok()? {
                httparse::Status::Complete(end) => end,
                httparse::Status::Partial => return None,
            };
            let (status, headers) = (StatusCode::from_u16(parsed.code?).ok()?, collect(parsed.headers)?);
            let rest = bytes.get(end..)?;
            if status.is_informational() {
                bytes = rest;
                continue;
            }
            let bodyless = to_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
            let body = if bodyless { Bytes::new() } else { content(&headers, rest)?.0 };
            return Some(Self { status, headers, body });
        }
    }

    /// As a service writes it: framed by its length, whatever its fields say of that.
    pub(super) fn encode(&self, to_head: bool) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} \r\n", self.status.as_u16()).into_bytes();
        let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
        for (name, value) in self.headers.iter().filter(|(name, _)| !framing.contains(name)) {
            out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let bodyless = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !bodyless {
            out.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        out.extend(b"\r\n");
        if !bodyless && !to_head {
            out.extend(&self.body);
        }
        out
    }
}

/// The next request of a connection; `None` at its end.
pub(super) async fn read(socket: &mut DuplexStream, inbox: &mut Vec<u8>) -> Option<Asked> {
    loop {
        if let Some((asked, taken)) = parse(inbox) {
            inbox.drain(..taken);
            return Some(asked);
        }
        if socket.read_buf(inbox).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(Asked, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(end) = parsed.parse(bytes).ok()? else { return None };
    let (method, target) = (parsed.method?.to_owned(), parsed.path?.to_owned());
    let headers = collect(parsed.headers)?;
    let (body, taken) = content(&headers, bytes.get(end..)?)?;
    Some((Asked { method, target, headers, body }, end + taken))
}

fn collect(fields: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(headers)
}

/// The content of a message and how many bytes it took; `None` when it is not whole.
fn content(headers: &HeaderMap, bytes: &[u8]) -> Option<(Bytes, usize)> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let mut inbox = BytesMut::from(bytes);
        let body = Rest::of_answer(Framing::Chunked).whole(&mut inbox).ok()??;
        return Some((body, bytes.len() - inbox.len()));
    }
    let length = match headers.get(header::CONTENT_LENGTH) {
        Some(value) => value.to_str().ok()?.parse().ok()?,
        None => 0,
    };
    Some((Bytes::copy_from_slice(bytes.get(..length)?), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_are_written() {
        for (text, to_head, body) in [
            ("HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok", false, Some("ok")),
            ("HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n", true, Some("")),
            (
                "HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                false,
                Some("ok"),
            ),
            (
                "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n",
                false,
                Some("a"),
            ),
            ("HTTP/1.1 204 \r\n\r\n", false, Some("")),
            ("HTTP/1.1 200 \r\ncontent-length: 3\r\n\r\nok", false, None),
            ("HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n5\r\nok", false, None),
            ("HTTP/1.1 200 \r\n", false, None),
        ] {
            let read = Answer::parse(text.as_bytes(), to_head).map(|answer| answer.body);
            assert_eq!(read.as_deref(), body.map(str::as_bytes), "{text}");
        }
        let answer = Answer { body: Bytes::from_static(b"ok"), ..Answer::default() };
        assert_eq!(Answer::parse(&answer.encode(false), false).unwrap().body, answer.body);
        assert_eq!(Answer::parse(&answer.encode(true), true).unwrap().body.len(), 0);
    }
}
