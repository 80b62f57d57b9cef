//! One end of a WebSocket: what came from it, what it was told, and whether it is still there.

use std::rc::Rc;

use engine::{Clock, Share, Tick, bounds};

use super::frames::{From, Reader};
use crate::core::Core;
use crate::pace::Bucket;

/// What is known of one end.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) reader: Reader,
    /// Frames that carry nothing.
    pub(super) crumbs: Bucket,
    /// What its messages hold of the core's room: those that are not whole, and those that wait for the other end.
    pub(super) share: Share,
    /// When anything came from it last, or it was asked.
    heard: Tick,
    /// Whether anything came since that was noted.
    pub(super) moved: bool,
    /// Since when it has taken nothing of what waits for it.
    stuck: Option<Tick>,
    /// Whether it was asked whether it is still there, and nothing came since.
    asked: bool,
    /// Whether it has closed.
    pub(super) closed: bool,
    /// Whether it was told to close.
    pub(super) told: bool,
    /// Whether its socket is at its end.
    pub(super) gone: bool,
}

/// What is to be done about an end from which nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Nothing up to this moment.
    Until(Tick),
    /// It is to be asked.
    Ask,
    /// It is not there any more, and how that shows.
    Lost(&'static str),
}

impl Side {
    pub(super) fn new(from: From, core: &Rc<Core>, now: Tick) -> Self {
        Self {
            reader: Reader::new(from),
            crumbs: Bucket::new(bounds::CRUMBS, now),
            share: core.share(),
            heard: now,
            moved: false,
            stuck: None,
            asked: false,
            closed: false,
            told: false,
            gone: false,
        }
    }

    /// What became of the bytes that waited for it: whether it took some, and whether some are left. Who takes what had to wait
    /// is there, though it may say nothing: it cannot see a ping that stands behind a long message.
    pub(super) fn took(&mut self, some: bool, left: bool, now: impl FnOnce() -> Tick) {
        self.moved |= some && self.stuck.is_some();
        self.stuck = match self.stuck {
            _ if !left => None,
            Some(since) if !some => Some(since),
            _ => Some(now()),
        };
    }

    /// Looks after it.
    pub(super) fn care(&mut self, now: Tick) -> Care {
        if std::mem::replace(&mut self.moved, false) {
            (self.heard, self.asked) = (now, false);
        }
        // It may go on talking: what waits for it waits no longer than an answer would.
        let given_up = self.stuck.map(|since| since.after(2 * bounds::WEBSOCKET_PING));
        if given_up.is_some_and(|at| at <= now) {
            return Care::Lost("took nothing of what was sent to it");
        }
        let next = self.heard.after(bounds::WEBSOCKET_PING);
        if now < next {
            return Care::Until(given_up.map_or(next, |at| at.min(next)));
        }
        if std::mem::replace(&mut self.asked, true) {
            return Care::Lost("said nothing, and did not answer a ping");
        }
        self.heard = now;
        Care::Ask
    }
}

/// Masks of frames that we send as a client: nobody may foresee them (RFC 6455 section 10.3).
#[derive(Debug)]
pub(super) struct Masks {
    pool: [u8; 256],
    used: usize,
}

impl Masks {
    pub(super) const fn new() -> Self {
        Self { pool: [0; 256], used: 256 }
    }

    /// The next one. Randomness is asked for once for many.
    pub(super) fn next(&mut self, clock: &dyn Clock) -> [u8; 4] {
        loop {
            if let Some(mask) = self.pool.get(self.used..).and_then(<[u8]>::first_chunk::<4>) {
                self.used += 4;
                return *mask;
            }
            clock.fill(&mut self.pool);
            self.used = 0;
        }
    }
}
