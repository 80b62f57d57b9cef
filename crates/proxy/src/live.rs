//! Which answers are live streams, why one ends and how gRPC is told, whose are open on a core, and who was revoked lately.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use engine::{Code, Tick, bounds, codes};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::stream::Who;

/// Why a stream ends that could go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its credential is taken no more.
    Expired,
    /// Its operation is gone, its principal revoked, or it is not allowed any more.
    Withdrawn,
    /// The gateway ends.
    Draining,
    /// It has lasted as long as it may.
    Old,
}

impl Why {
    /// What the record calls it, and what is said of it to the operator.
    pub(crate) fn told(self) -> Option<(&'static Code, &'static str)> {
        match self {
            Why::Expired => Some((&codes::TOKEN_EXPIRED, "the credential expired while the stream was open")),
            Why::Withdrawn => Some((
                &codes::STREAM_WITHDRAWN,
                "the stream is not allowed any more since the configuration or a right changed",
            )),
            Why::Draining => None,
            Why::Old => Some((&codes::STREAM_TOO_LONG, "the answer was cut off after `deadlines.lifetime`")),
        }
    }
}

/// What kind of stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has an end of its own: what was allowed when it began is carried out.
    Finite,
    /// It has none.
    Live,
    /// It has none, and whoever reads it knows where an event ends, and comes again after the last one
    /// (`text/event-stream`, HTML section 9.2).
    Events,
    /// It speaks another protocol now, polled by a task of its own.
    Switched,
}

/// The media type of events, which end and are asked for again.
const OF_EVENTS: &[u8] = b"text/event-stream";
/// Media types of other answers that consist of messages, one after another for as long as somebody listens.
const OF_MESSAGES: [&[u8]; 6] = [
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
    let starts = |known: &[u8]| {
        media.as_bytes().get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    match () {
        () if starts(OF_EVENTS) => Kind::Events,
        () if OF_MESSAGES.iter().any(|known| starts(known)) => Kind::Live,
        () => Kind::Finite,
    }
}

/// The trailers that end a call of gRPC which may not go on (its status codes: 16 UNAUTHENTICATED, 7 PERMISSION_DENIED, 14
/// UNAVAILABLE, 4 DEADLINE_EXCEEDED).
pub(crate) fn grpc_status(why: Why) -> HeaderMap {
    let (status, message) = match why {
        Why::Expired => ("16", "the access token has expired"),
        Why::Withdrawn => ("7", "the permission for this stream was withdrawn"),
        Why::Draining => ("14", "the gateway is shutting down"),
        Why::Old => ("4", "the stream has lasted as long as it may"),
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

/// Whose rights ended lately: calls that were allowed before that, and whose streams are not open yet, open none.
#[derive(Debug, Default)]
pub(crate) struct Revocations(RefCell<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// The oldest first; at most [`bounds::REVOCATIONS`].
    recent: VecDeque<(Who, Tick)>,
    /// When the last one was made that was forgotten for want of room.
    forgotten: Option<Tick>,
}

impl Revocations {
    /// Remembers one; those that are older than `age` are forgotten, since no call is under way from before them. False when
    /// another one had to be forgotten early.
    pub(crate) fn add(&self, who: &Who, now: Tick, age: Duration) -> bool {
        let Remembered { recent, forgotten } = &mut *self.0.borrow_mut();
        while recent.pop_front_if(|(_, at)| at.after(age) < now).is_some() {}
        if forgotten.is_some_and(|at| at.after(age) < now) {
            *forgotten = None;
        }
        recent.retain(|(known, _)| known != who);
        let room = recent.len() < bounds::REVOCATIONS;
        if !room && let Some((_, at)) = recent.pop_front() {
            *forgotten = Some(at);
        }
        recent.push_back((who.clone(), now));
        room
    }

    /// Whether one of them was revoked since then, or may have been.
    pub(crate) fn since(&self, began: Tick, all: &[Who]) -> bool {
        // Nobody is known, or it has an end of its own.
        if all.is_empty() {
            return false;
        }
        let Remembered { recent, forgotten } = &*self.0.borrow();
        let may = forgotten.is_some_and(|at| began <= at);
        may || recent.iter().rev().take_while(|(_, at)| began <= *at).any(|(who, _)| all.contains(who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(10);

    const fn at(seconds: u64) -> Tick {
        Tick(seconds * 1_000_000_000)
    }

    fn who(subject: &str) -> Who {
        ("i".into(), subject.into())
    }

    #[test]
    fn a_revocation_holds_for_calls_that_began_before_it_and_not_for_others() {
        let revocations = Revocations::default();
        assert!(!revocations.since(at(1), &[who("a")]));
        assert!(revocations.add(&who("a"), at(5), AGE) && revocations.add(&who("b"), at(7), AGE));
        for (began, whose, revoked) in [
            (4, vec![who("a")], true),
            (5, vec![who("other"), who("a")], true),
            (6, vec![who("a")], false),
            (6, vec![who("b")], true),
            (8, vec![who("a"), who("b")], false),
            (1, vec![who("other")], false),
            (1, vec![("j".into(), "a".into())], false),
            (1, vec![], false),
        ] {
            assert_eq!(revocations.since(at(began), &whose), revoked, "{began} {whose:?}");
        }
        // Once more, and the other one is forgotten by its age.
        assert!(revocations.add(&who("a"), at(18), AGE));
        assert!(revocations.since(at(17), &[who("a")]) && !revocations.since(at(1), &[who("b")]));
        assert_eq!(revocations.0.borrow().recent.len(), 1);
    }

    #[test]
    fn revocations_are_bounded_and_those_forgotten_early_let_nobody_through() {
        let revocations = Revocations::default();
        for number in 0..bounds::REVOCATIONS {
            assert!(revocations.add(&who(&number.to_string()), at(5), AGE));
        }
        assert!(!revocations.since(at(4), &[who("other")]));
        assert!(revocations.add(&who("7"), at(6), AGE), "it has its place already");
        assert!(!revocations.add(&who("one more"), at(7), AGE));
        assert_eq!(revocations.0.borrow().recent.len(), bounds::REVOCATIONS);
        assert!(revocations.since(at(4), &[who("0")]) && revocations.since(at(4), &[who("other")]));
        assert!(!revocations.since(at(4), &[]) && !revocations.since(at(6), &[who("other")]));
        // All of it is over with its time.
        assert!(revocations.add(&who("a"), at(30), AGE));
        assert!(!revocations.since(at(4), &[who("0")]));
    }

    #[test]
    fn streams_of_messages_are_live_and_files_are_not() {
        let cases = [
            ("text/event-stream", false, Kind::Events),
            ("Text/Event-Stream; charset=utf-8", false, Kind::Events),
            ("text/event-stream", true, Kind::Finite),
            ("application/x-ndjson", false, Kind::Live),
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
