//! One end of a WebSocket: what came from it, what it was told, and whether it is still there.

use std::rc::Rc;

use engine::{Clock, Tick, bounds};

use super::frames::{From, Reader};
use crate::body;
use crate::core::Core;
use crate::pace::Bucket;

/// What is known of one end.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) reader: Reader,
    /// Frames that carry nothing.
    pub(super) crumbs: Bucket,
    /// What its messages hold of the core's room: those that are not whole, and those that wait for the other end.
    pub(super) lease: body::Lease,
    /// When anything came from it last, or it was asked.
    heard: Tick,
    /// Whether anything came since that was noted.
    pub(super) moved: bool,
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
    /// It has not answered.
    Lost,
}

impl Side {
    pub(super) fn new(from: From, core: &Rc<Core>, now: Tick) -> Self {
        Self {
            reader: Reader::new(from),
            crumbs: Bucket::new(bounds::CONTROL_FRAMES, now),
            lease: body::Lease::new(&core.bodies),
            heard: now,
            moved: false,
            asked: false,
            closed: false,
            told: false,
            gone: false,
        }
    }

    /// Looks after it.
    pub(super) fn care(&mut self, now: Tick) -> Care {
        if std::mem::replace(&mut self.moved, false) {
            (self.heard, self.asked) = (now, false);
        }
        let next = self.heard.after(bounds::WEBSOCKET_PING);
        if now < next {
            return Care::Until(next);
        }
        if std::mem::replace(&mut self.asked, true) {
            return Care::Lost;
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
