//! Envoy's `ext_authz` over gRPC: `envoy.service.auth.v3.Authorization/Check`, one message each way over HTTP/2 ("gRPC over HTTP2", the
//! protocol's own text).
//!
//! An answer is read when it is exactly one: status 200, gRPC's media type, the status 0 in the trailers, and one message before them that
//! is whole and not compressed. A status of gRPC that is not 0 counts as the status of HTTP that `google.rpc.Code` gives beside it.

mod answer;
mod messages;
mod question;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{FetchResponse, Trailed};
use engine::text::inert;
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Endpoint;
use super::answer::{Answer, REASON, undecided};

pub(super) use answer::{checked, said};
pub(super) use question::{bound, push_moment};

/// Where the service's one method is asked.
pub(super) const METHOD: &str = "/envoy.service.auth.v3.Authorization/Check";
/// What stands before a message: whether it is compressed, and its length.
pub(super) const PREFIX: usize = 5;

const MEDIA: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Why there is no message, and the status of HTTP that says whose fault it is.
struct Fault {
    status: StatusCode,
    why: String,
}

impl Fault {
    /// Of an answer that is none.
    fn wrong(why: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, why: why.into() }
    }
}

/// The header fields with which a question is sent.
pub(super) fn fields(headers: &mut HeaderMap, deadline: Duration) {
    headers.insert(CONTENT_TYPE, MEDIA);
    headers.insert(TE, TRAILERS);
    // Milliseconds: a deadline has four digits of them.
    if let Ok(timeout) = HeaderValue::from_str(&format!("{}m", deadline.as_millis())) {
        headers.insert(TIMEOUT, timeout);
    }
}

/// A message as it is sent. Questions are far from the four GiB that a length can say.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(PREFIX + message.len());
    out.push(0);
    out.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(message);
    out
}

/// What an answer comes to, and the status of HTTP that it stands for.
pub(super) fn read(endpoint: &Endpoint, trailed: &Trailed) -> (Answer, StatusCode) {
    match message(trailed) {
        Ok(message) => (checked(&endpoint.headers, &message), StatusCode::OK),
        Err(Fault { status, why }) => (undecided(status, why), status),
    }
}

/// The one message of an answer.
fn message(trailed: &Trailed) -> Result<Bytes, Fault> {
    let Trailed { answer: FetchResponse { status, headers, body }, trailers } = trailed;
    if *status != StatusCode::OK {
        return Err(Fault { status: *status, why: format!("it answered {status}") });
    }
    if !is_grpc(headers) {
        return Err(Fault::wrong("its answer is not `application/grpc`"));
    }
    // Without content, the fields of the head may be the trailers at the same time ("Trailers-Only").
    let ended = match trailers {
        Some(trailers) if !headers.contains_key(STATUS) => trailers,
        None if body.is_empty() => headers,
        Some(_) => return Err(Fault::wrong("its answer has a status of gRPC twice")),
        None => return Err(Fault::wrong("its answer ends without trailers")),
    };
    ended_well(ended)?;
    if headers.get(ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Fault::wrong("its answer is compressed, which nobody asked for"));
    }
    unframed(body)
}

/// `application/grpc`, with a name of protobuf or parameters behind it or not.
fn is_grpc(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let media = fields.next().filter(|_| fields.next().is_none()).and_then(|value| value.to_str().ok());
    let media = media.and_then(|media| media.split(';').next()).unwrap_or_default().trim();
    ["application/grpc", "application/grpc+proto"].iter().any(|good| media.eq_ignore_ascii_case(good))
}

/// Whether the status that ends an answer is 0.
fn ended_well(fields: &HeaderMap) -> Result<(), Fault> {
    let mut all = fields.get_all(STATUS).iter();
    let one = all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok());
    let number = one.and_then(|text| text.parse::<u16>().ok().filter(|code| code.to_string() == text));
    let Some(code) = number else {
        return Err(Fault::wrong("its answer has no status of gRPC"));
    };
    if code == 0 {
        return Ok(());
    }
    let message = fields.get(MESSAGE).map(|message| detect::percent_decoded(message.as_bytes()));
    let message = message.map(|message| inert(&String::from_utf8_lossy(&message), REASON));
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    Err(Fault {
        status: over_http(code),
        why: format!("it answered with the status {code} of gRPC{message}"),
    })
}

/// The status of HTTP that `google/rpc/code.proto` gives beside one of gRPC; a number that is none counts as UNKNOWN.
fn over_http(code: u16) -> StatusCode {
    let status = match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The message of a content that has exactly one.
fn unframed(body: &Bytes) -> Result<Bytes, Fault> {
    let Some(([compressed, length @ ..], message)) = body.split_first_chunk::<PREFIX>() else {
        return Err(Fault::wrong("its answer has no message"));
    };
    if *compressed != 0 {
        return Err(Fault::wrong("its answer is compressed, which nobody asked for"));
    }
    if usize::try_from(u32::from_be_bytes(*length)).ok() != Some(message.len()) {
        return Err(Fault::wrong("its answer is not one whole message"));
    }
    Ok(body.slice(PREFIX..))
}
