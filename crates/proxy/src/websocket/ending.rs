//! Why a WebSocket ends: what its ends are told (RFC 6455 section 7.4) and what the record says.

use engine::pipeline::Stop;
use engine::websocket::close;
use engine::{Code, codes};

use super::frames::Violation;
use crate::stream::Why;

/// Why a WebSocket ends otherwise than by the close of one end that the other returned.
#[derive(Debug)]
pub(super) struct Ending {
    /// What both ends are told.
    pub(super) close: u16,
    /// What the record calls it, and the operator's detail.
    pub(super) told: Option<(&'static Code, Box<str>)>,
    /// Whether the client went away.
    pub(super) aborted: bool,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
}

impl Ending {
    fn told(close: u16, code: &'static Code, detail: impl Into<Box<str>>) -> Self {
        Self { close, told: Some((code, detail.into())), aborted: false }
    }

    fn quiet(close: u16) -> Self {
        Self { close, told: None, aborted: false }
    }

    /// Neither side said anything for too long.
    pub(super) fn idle() -> Self {
        Self::quiet(close::AWAY)
    }

    /// It has lasted as long as it may.
    pub(super) fn old() -> Self {
        Self::quiet(close::NORMAL)
    }

    /// One end closed, and the other did not in time.
    pub(super) fn unanswered() -> Self {
        Self::quiet(close::NORMAL)
    }

    /// What allowed it does not hold any more.
    pub(super) fn because(why: Why) -> Self {
        let close = match why {
            Why::Old => return Self::old(),
            Why::Draining => close::AWAY,
            Why::Expired | Why::Withdrawn => close::POLICY,
        };
        match why.told() {
            Some((code, detail)) => Self::told(close, code, detail),
            None => Self::quiet(close),
        }
    }

    /// The end that messages of this way come from is gone without a close.
    pub(super) fn gone(way: Way, how: &str) -> Self {
        match way {
            Way::Up => Self { aborted: true, ..Self::quiet(close::AWAY) },
            Way::Down => Self::told(close::BAD_GATEWAY, &codes::UPSTREAM_RESET, how),
        }
    }

    /// What came this way breaks a rule.
    pub(super) fn violated(way: Way, violation: Violation) -> Self {
        let detail = match violation {
            Violation::Protocol(what) => what,
            Violation::NotUtf8 => "a text that is not UTF-8",
            Violation::TooBig => "a message or a frame longer than its bound",
        };
        let code = match (way, violation) {
            (Way::Down, _) => &codes::UPSTREAM_PROTOCOL,
            (Way::Up, Violation::TooBig) => &codes::MESSAGE_TOO_LARGE,
            (Way::Up, _) => &codes::MESSAGE_MALFORMED,
        };
        Self::told(violation.code(), code, detail)
    }

    /// More came than may come.
    pub(super) fn too_fast(way: Way, what: &'static str) -> Self {
        let code = if way == Way::Up { &codes::MESSAGES_TOO_FAST } else { &codes::UPSTREAM_PROTOCOL };
        Self::told(close::POLICY, code, what)
    }

    /// The core has no room.
    pub(super) fn no_room() -> Self {
        Self::told(close::TRY_AGAIN, &codes::OVERLOADED, "no room for another message on this core")
    }

    /// A control said so of a message.
    pub(super) fn refused(stop: Stop) -> Self {
        match stop {
            Stop::Refuse(refusal) => Self::told(close::POLICY, refusal.code, refusal.detail),
            Stop::Answer(_) => Self::told(close::POLICY, &codes::CONTROL_FAILED, "an answer to a message"),
        }
    }

    /// What the client is told beside the code.
    pub(super) fn reason(&self) -> &'static str {
        self.told.as_ref().map_or("", |(code, _)| code.title)
    }
}
