//! Which answers are live streams, whose are open on a core, and how gRPC is told why one ends.

use std::cell::RefCell;
use std::collections::HashMap;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::stream::{Kind, Who, Why};

/// Media types of answers that consist of messages, one after another for as long as somebody listens.
const OF_MESSAGES: [&[u8]; 7] = [
    b"text/event-stream",
    b"application/grpc",
    b"application/x-ndjson",
    b"application/jsonl",
    b"application/json-seq",
    b"application/stream+json",
    b"multipart/x-mixed-replace",
];

/// What kind of stream an answer is by its head; `sized` when it says how long it is.
pub(crate) fn kind(headers: &HeaderMap, sized: bool) -> Kind {
    if sized {
        return Kind::Finite;
    }
    let Some(media) = headers.get(header::CONTENT_TYPE) else { return Kind::Finite };
    let starts = |known: &&[u8]| {
        media.as_bytes().get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    if OF_MESSAGES.iter().any(starts) { Kind::Live } else { Kind::Finite }
}

/// The trailers that end a call of gRPC which is not allowed any more (its status codes: 16 UNAUTHENTICATED, 7
/// PERMISSION_DENIED, 14 UNAVAILABLE).
pub(crate) fn grpc_status(why: Why) -> HeaderMap {
    let (status, message) = match why {
        Why::Expired => ("16", "the access token has expired"),
        Why::Withdrawn => ("7", "the permission for this stream was withdrawn"),
        Why::Draining => ("14", "the gateway is shutting down"),
    };
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static(status));
    trailers.insert(HeaderName::from_static("grpc-message"), HeaderValue::from_static(message));
    trailers
}

/// Numbers of streams in the core's table, by (issuer, subject). As long as the table: an entry goes with its last stream.
#[derive(Debug, Default)]
pub(crate) struct Registry(RefCell<HashMap<Who, Vec<usize>>>);

impl Registry {
    pub(crate) fn enter(&self, who: &Who, number: usize) {
        self.0.borrow_mut().entry(who.clone()).or_default().push(number);
    }

    pub(crate) fn leave(&self, who: &Who, number: usize) {
        let mut all = self.0.borrow_mut();
        if let Some(numbers) = all.get_mut(who) {
            numbers.retain(|own| *own != number);
            if numbers.is_empty() {
                all.remove(who);
            }
        }
    }

    /// The streams of one of them.
    pub(crate) fn of(&self, who: &Who) -> Vec<usize> {
        self.0.borrow().get(who).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_messages_are_live_and_files_are_not() {
        let cases = [
            ("text/event-stream", false, Kind::Live),
            ("Text/Event-Stream; charset=utf-8", false, Kind::Live),
            ("application/grpc+proto", false, Kind::Live),
            ("application/x-ndjson", true, Kind::Finite),
            ("application/json", false, Kind::Finite),
            ("text/event", false, Kind::Finite),
        ];
        for (media, sized, expected) in cases {
            let mut headers = HeaderMap::new();
            assert_eq!(kind(&headers, sized), Kind::Finite);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
            assert_eq!(kind(&headers, sized), expected, "{media}");
        }
    }

    #[test]
    fn an_entry_goes_with_its_last_stream() {
        let registry = Registry::default();
        let (one, other) = (("i".into(), "s".into()), ("other".into(), "s".into()));
        registry.enter(&one, 1);
        registry.enter(&one, 2);
        registry.enter(&other, 3);
        assert_eq!((registry.of(&one), registry.of(&other)), (vec![1, 2], vec![3]));
        registry.leave(&one, 1);
        registry.leave(&one, 1);
        assert_eq!(registry.of(&one), [2]);
        registry.leave(&one, 2);
        assert!(registry.of(&one).is_empty());
        assert_eq!(registry.0.borrow().len(), 1);
    }
}
