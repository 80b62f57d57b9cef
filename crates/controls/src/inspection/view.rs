//! What rules see of a call: the canonical target, the fields as they are now, the address that admission found.

use engine::Call;
use engine::call::BodyLength;
use http::header::{CONTENT_ENCODING, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};
use seclang::Transaction;

/// Hands the head of the request over; returns how many bytes that were.
pub(super) fn head(inspection: &mut Transaction<'_>, call: &Call) -> usize {
    let request = &call.request;
    inspection.remote_address(&call.client.to_string());
    inspection.unique_id(&call.id.to_string());
    let elapsed = call.marked.since(call.started).as_micros();
    inspection.duration(u64::try_from(elapsed).unwrap_or(u64::MAX));
    let target = match request.query() {
        Some(query) => [request.path(), query].join("?"),
        None => request.path().to_owned(),
    };
    inspection.request_line(request.method.as_str().as_bytes(), target.as_bytes(), protocol(request.version));
    let headers = &request.headers;
    // HTTP/2 says by `:authority` what is `Host` in HTTP/1.
    if !headers.contains_key(HOST) && !request.authority.is_empty() {
        inspection.request_header(b"host", request.authority.as_bytes());
    }
    // The framing of this hop is taken off before any control speaks; that a body comes without a length is known.
    if request.length == BodyLength::Unknown && request.version == Version::HTTP_11 {
        inspection.request_header(TRANSFER_ENCODING.as_str().as_bytes(), b"chunked");
    }
    // A coding is undone before the body goes on, or the body is refused: it is no field of what goes upstream.
    let undone = request.length != BodyLength::Empty;
    target.len()
        + fields(headers, |name, value| {
            if !(undone && name == CONTENT_ENCODING.as_str().as_bytes() && is_coding(value)) {
                inspection.request_header(name, value);
            }
        })
}

/// One coding that can be undone, and nothing beside it.
fn is_coding(value: &[u8]) -> bool {
    [&b"gzip"[..], b"x-gzip", b"deflate", b"identity"].iter().any(|known| value.eq_ignore_ascii_case(known))
}

/// Hands the head of the answer over.
pub(super) fn answer(inspection: &mut Transaction<'_>, status: StatusCode, headers: &HeaderMap) {
    inspection.response_line(status.as_u16(), b"HTTP/1.1");
    fields(headers, |name, value| inspection.response_header(name, value));
}

fn fields(headers: &HeaderMap, mut each: impl FnMut(&[u8], &[u8])) -> usize {
    let mut bytes = 0;
    for (name, value) in headers {
        bytes += name.as_str().len() + value.len();
        each(name.as_str().as_bytes(), value.as_bytes());
    }
    bytes
}

/// As request lines write it; the Core Rule Set lists `HTTP/2.0` and `HTTP/3.0` too.
const fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_3 => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_what_rules_know_it_by() {
        for (version, name) in [
            (Version::HTTP_10, "HTTP/1.0"),
            (Version::HTTP_11, "HTTP/1.1"),
            (Version::HTTP_2, "HTTP/2.0"),
            (Version::HTTP_3, "HTTP/3.0"),
        ] {
            assert_eq!(protocol(version), name.as_bytes());
        }
    }
}
