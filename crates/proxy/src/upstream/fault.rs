//! What an error of the library says of a call.

use engine::codes;

use crate::exchange::Failure;

/// Whether a connection ended before it gave an answer. The library calls it an error of the user's when a call had a stream, waited for
/// the upstream to take one more (SETTINGS_MAX_CONCURRENT_STREAMS), and the connection ended over that.
pub(crate) fn is_break(error: &hyper::Error) -> bool {
    error.is_canceled()
        || error.is_closed()
        || error.is_incomplete_message()
        || error.is_user()
        || source::<std::io::Error>(error).is_some()
}

/// Whether the upstream said that it did nothing with the call (RFC 9113 section 8.7): the call's stream is above the last one
/// of a GOAWAY, whatever the code of that is, or was reset by REFUSED_STREAM.
///
/// The library gives a GOAWAY that came to the streams above its last one only. Those up to it go on, and when their connection is closed
/// before their answers, theirs is an error of IO.
pub(crate) fn is_refusal(error: &hyper::Error) -> bool {
    source::<h2::Error>(error).is_some_and(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

fn source<E: std::error::Error + 'static>(error: &hyper::Error) -> Option<&E> {
    std::error::Error::source(error)?.downcast_ref()
}

/// What went wrong on a connection, as a code and a word for the operator. What the upstream wrote beside its code stays out.
pub(crate) fn classify(error: &hyper::Error) -> Failure {
    let two = source::<h2::Error>(error);
    if let Some((two, reason)) = two.and_then(|two| Some((two, two.reason()?))) {
        let frame = if two.is_go_away() { "GOAWAY" } else { "RST_STREAM" };
        return if two.is_library() {
            Failure::new(&codes::UPSTREAM_PROTOCOL, format!("broke HTTP/2: {reason:?}"))
        } else {
            Failure::new(&codes::UPSTREAM_RESET, format!("{frame} with {reason:?}"))
        };
    }
    let code = if error.is_parse() { &codes::UPSTREAM_PROTOCOL } else { &codes::UPSTREAM_RESET };
    Failure::new(code, error.to_string())
}
