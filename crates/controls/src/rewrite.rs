//! What goes with a body that is sent on otherwise than it came.

use engine::Call;
use engine::call::BodyLength;
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue};

/// Fields that describe the bytes as they were (RFC 9530, RFC 1864): they would be wrong now.
const STALE: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Sets the length of the request to that of its body, and removes digests of what it was.
pub(crate) fn sized(call: &mut Call) {
    let length = call.body.bytes().len() as u64;
    call.request.length = if length == 0 { BodyLength::Empty } else { BodyLength::Known(length) };
    call.request.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for name in &STALE {
        call.request.headers.remove(name);
    }
}
