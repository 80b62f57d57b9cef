//! Request bodies as controls read them that decide by a value: JSON off the one tape, fields of forms and parts of multipart by the
//! contract's own readers, and nothing else. And how much of an answer they read.

use std::sync::Arc;

use contract::{BodyMatch, ContentType, MediaKind};
use engine::Call;
use engine::call::BodyLength;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tape::Tape;

use crate::coding::is_encoded;
use crate::patch;

/// Bounds inside an answer: those of the whole body hold already, and what an upstream sends is wider than what clients may.
pub(crate) const INSIDE_ANSWERS: tape::Bounds = tape::Bounds {
    depth: 256,
    values: 1_000_000,
    members: 100_000,
    items: 1_000_000,
    name_bytes: 64 * 1024,
    string_bytes: u32::MAX,
    number_bytes: 1024,
};

/// What a body is.
pub(crate) enum Content {
    /// There is none.
    Empty,
    /// JSON.
    Json(Arc<Tape>),
    /// JSON that says what to change (RFC 6902).
    Patch(Arc<Tape>),
    /// JSON of which only what it has is changed (RFC 7396).
    Merge(Arc<Tape>),
    /// JSON that is not said to be such, and that a service may take for it.
    Both(Arc<Tape>),
    /// Fields of a form or parts of multipart.
    Fields(Tape),
    /// Bytes or text, in which a contract has no places.
    Flat,
    /// Something that cannot be read here, or in more than one way.
    Unread,
}

/// Whether a call brings one, by its head.
pub(crate) fn comes(call: &Call) -> bool {
    !matches!(call.request.length, BodyLength::Empty | BodyLength::Known(0))
}

/// Reads the body of a call to an operation.
pub(crate) fn read(operation: Option<&contract::Operation>, call: &mut Call) -> Content {
    if call.body.bytes().is_empty() {
        return Content::Empty;
    }
    let Some(text) = content_type(&call.request.headers).map(str::to_owned) else { return Content::Unread };
    let Some(actual) = ContentType::parse(&text) else { return Content::Unread };
    if is_encoded(&call.request.headers) || !actual.is_utf8() {
        return Content::Unread;
    }
    let media = match operation.map(|operation| operation.request.body(Some(&text))) {
        Some(BodyMatch::Media(media)) => Some(media),
        Some(_) => return Content::Unread,
        None => None,
    };
    match (media.map_or(actual.kind(), |media| media.kind(Some(&text))), media) {
        (MediaKind::Json, _) => match call.body.json(&tape::Bounds::default()) {
            Ok(tape) if actual.essence == "application/json-patch+json" => Content::Patch(Arc::clone(tape)),
            Ok(tape) if patch::looks_like_one(tape.root()) => Content::Both(Arc::clone(tape)),
            // Most services take plain JSON by PATCH for a merge patch.
            Ok(tape)
                if call.request.method == Method::PATCH
                    || actual.essence == "application/merge-patch+json" =>
            {
                Content::Merge(Arc::clone(tape))
            }
            Ok(tape) => Content::Json(Arc::clone(tape)),
            Err(_) => Content::Unread,
        },
        (MediaKind::Form | MediaKind::Multipart, Some(media)) => {
            match media.read_fields(call.body.bytes(), Some(&text)) {
                Ok(Some(tape)) => Content::Fields(tape),
                _ => Content::Unread,
            }
        }
        (MediaKind::Text | MediaKind::Binary, Some(_)) => Content::Flat,
        _ => Content::Unread,
    }
}

/// The one `Content-Type` of a message.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (fields.next()?, fields.next());
    first.to_str().ok().filter(|_| second.is_none())
}

/// Whether a form has a field that some services read as part of the first step of a pattern, as `a[b]` of `a`, or as that in
/// another spelling.
pub(crate) fn has_alias(fields: &Tape, pattern: &crate::pattern::Pattern) -> bool {
    let Some(name) = pattern.steps().first().and_then(crate::pattern::Step::name) else { return false };
    fields.root().members().any(|(written, _)| contract::is_alias(name, &written))
}
