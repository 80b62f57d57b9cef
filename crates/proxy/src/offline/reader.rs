//! Requests that came over no connection, such as those of a file: read by the reader of those that clients send, so that what is said
//! of one holds for the other.

use bytes::{Bytes, BytesMut};
use engine::call::BodyLength;
use engine::{Peer, Refusal, Request, codes};

use crate::head;
use crate::http1::grammar::{Fault, Framing, find_end};
use crate::http1::request::parse;
use crate::http1::rest::Rest;

/// A request of HTTP/1.
#[derive(Debug)]
pub struct Message {
    /// Its head, as controls get it.
    pub request: Request,
    /// Its body, out of its framing.
    pub body: Bytes,
    /// Bytes that it took; what follows is another one's.
    pub length: usize,
}

/// Reads the request that `bytes` begin with, as one of `peer`.
///
/// # Errors
/// The refusal that a client would get.
pub fn read(bytes: &Bytes, peer: &Peer) -> Result<Message, Box<Refusal>> {
    let grammar = |fault: Fault| head::refused_by_grammar(fault).refusal;
    let incomplete = |why: &str| Refusal::new(&codes::BODY_INCOMPLETE, why);
    let end = find_end(bytes, 0).map_err(grammar)?;
    let end = end.ok_or_else(|| Refusal::new(&codes::REQUEST_MALFORMED, "a head without its empty line"))?;
    let head = parse(&bytes.slice(..end)).map_err(grammar)?;
    let length = match head.framing {
        Framing::Length(length) => BodyLength::Known(length),
        Framing::Chunked => BodyLength::Unknown,
        Framing::Empty | Framing::Close => BodyLength::Empty,
    };
    let request = head::read_of(head.parts, length, peer).map_err(|refused| refused.refusal)?;
    let mut inbox = BytesMut::from(bytes.slice(end..));
    let body = Rest::of_request(head.framing).whole(&mut inbox).map_err(grammar)?;
    let body = body.ok_or_else(|| incomplete("shorter than its head says"))?;
    Ok(Message { request, body, length: bytes.len() - inbox.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let peer = Peer::new(([192, 0, 2, 1], 0).into(), 0);
        match read(&Bytes::copy_from_slice(text.as_bytes()), &peer) {
            Ok(message) => {
                let body = String::from_utf8_lossy(&message.body).into_owned();
                format!("{} {} `{body}` {}", message.request.method, message.request.path(), message.length)
            }
            Err(refusal) => refusal.code.name.to_owned(),
        }
    }

    #[test]
    fn a_request_is_read_to_its_end_and_refused_as_a_client_is() {
        let head = "POST /%61/b HTTP/1.1\r\nHost: x\r\n";
        for (rest, expected) in [
            ("\r\nGET", "POST /a/b `` 33"),
            ("Content-Length: 2\r\n\r\nabGET", "POST /a/b `ab` 54"),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET", "POST /a/b `ab` 73"),
            ("Content-Length: 3\r\n\r\nab", "body_incomplete"),
            ("Transfer-Encoding: chunked\r\n\r\n2\nab", "request_malformed"),
            ("A: b\n\r\n", "request_malformed"),
            ("", "request_malformed"),
        ] {
            assert_eq!(said(&format!("{head}{rest}")), expected, "{rest:?}");
        }
        assert_eq!(said("GET /../a HTTP/1.1\r\nHost: x\r\n\r\n"), "path_not_canonical");
        assert_eq!(said("GET /a HTTP/1.1\r\n\r\n"), "request_malformed");
    }
}
