//! Below hyper: every frame's header is seen before hyper sees it, and bytes go on up to the first frame that must not.
//!
//! hyper answers each PING and SETTINGS and starts a call for each stream however many come; the bounds on that are here,
//! where a frame costs nothing yet (THREATS row 8). Only headers of frames are read, payloads pass as they are. When a frame
//! must not go on, or a field block does not come to its end in time, hyper is given one that it refuses instead, so that
//! the client is told by GOAWAY; calls that are under way are dropped with the connection. Streams whose turn it is not wait here
//! ([`Turns`]), while frames of others go on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use engine::bounds::{self, Bound};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::Sleep;

use super::rules::Objection;
use super::turns::Turns;
use super::watch::Watch;
use super::written::Written;
use crate::alarm::Alarm;
use crate::connection::Conn;
use crate::core::Core;

/// Room for a read of our own.
const ROOM: usize = 4 * 1024;
/// hyper's own buffer is read into when it has so much room.
const DIRECT: usize = 1024;
/// PING on stream 1: PROTOCOL_ERROR (RFC 9113 section 6.7).
const MISPLACED: &[u8] = b"\0\0\x08\x06\0\0\0\0\x01\0\0\0\0\0\0\0\0";
/// The header of a frame longer than any may be: FRAME_SIZE_ERROR (section 4.2).
const OVERSIZED: &[u8] = b"\xff\xff\xff\x06\0\0\0\0\0";

/// A client's connection under guard.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    io: S,
    core: Rc<Core>,
    conn: Rc<Conn>,
    /// Read, not yet handed on: little more than the beginning of a frame's header.
    inbox: BytesMut,
    /// How many bytes of `inbox` may go on.
    good: usize,
    watch: Watch,
    turns: Turns,
    /// When streams that wait are looked at again.
    turn: Option<Pin<Box<Sleep>>>,
    written: Written,
    /// Bytes that were written since they were looked at.
    wrote: u64,
    /// When the field block that is open has to be whole.
    alarm: Alarm,
    /// Nothing more goes on.
    refused: bool,
    /// But this.
    instead: &'static [u8],
}

impl<S> Guard<S> {
    /// A socket of which nothing was read yet.
    pub(crate) fn new(io: S, core: &Rc<Core>, conn: &Rc<Conn>) -> Self {
        Self {
            io,
            inbox: BytesMut::new(),
            good: 0,
            watch: Watch::new(core.clock.now()),
            turns: Turns::new(),
            turn: None,
            written: Written::default(),
            wrote: 0,
            alarm: Alarm::new(Arc::clone(&core.clock)),
            refused: false,
            instead: MISPLACED,
            core: Rc::clone(core),
            conn: Rc::clone(conn),
        }
    }

    /// How many of the bytes that come next may go on.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        self.watch.catch_up(self.turns.take_ended(), std::mem::take(&mut self.wrote));
        let (good, objection) = self.watch.judge(bytes, || self.core.clock.now());
        self.conn.narrow(self.watch.window() < bounds::SMALL_WINDOW);
        let answered = self.turns.answered();
        let wide = self.watch.is_wide(answered);
        self.turns.widen(wide);
        self.conn.put_on_trial(!wide && answered < u64::from(bounds::WIDE_WINDOW));
        if let Some(objection) = objection {
            self.refuse(objection);
        } else if let Some(since) = self.watch.in_block_since() {
            self.alarm.set(since.after(bounds::HEAD_TIME));
        } else {
            self.alarm.clear();
        }
        good
    }

    /// Nothing came: whether the field block that is open is overdue.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let late = self.alarm.poll(context).is_ready();
        if late {
            self.alarm.clear();
            self.refuse(Objection::Bound(Bound::HeadTime));
            // Within a frame nothing can be said that hyper would understand: the connection just ends.
            if self.watch.is_between_frames() {
                self.inbox.clear();
                self.keep(&[]);
            }
        }
        late
    }

    fn refuse(&mut self, objection: Objection) {
        self.conn.malformed();
        if let Objection::Bound(bound) = objection {
            self.core.recorder.bound(bound);
        }
        self.refused = true;
        self.instead = if objection == Objection::Size { OVERSIZED } else { MISPLACED };
    }

    /// Keeps what was read and may not go on yet; in place of what never may, what hyper is given.
    fn keep(&mut self, rest: &[u8]) {
        if self.refused {
            self.inbox.extend_from_slice(self.instead);
            self.good = self.inbox.len();
        } else {
            self.inbox.extend_from_slice(rest);
        }
    }

    /// Looks at what was read; so many of its bytes go on as they are, and what else does is in `inbox`.
    fn look(&mut self, read: &[u8]) -> usize {
        let good = self.judge(read);
        let first = self.turns.sort(read.get(..good).unwrap_or_default(), &mut self.inbox);
        for bound in self.turns.take_reached() {
            self.core.recorder.bound(bound);
        }
        self.good = self.inbox.len();
        self.keep(read.get(good..).unwrap_or_default());
        first
    }

    /// Looks at what was read into `inbox`.
    fn look_inside(&mut self) {
        let mut read = std::mem::take(&mut self.inbox);
        let first = self.look(&read);
        let behind = std::mem::take(&mut self.inbox);
        read.truncate(first);
        read.extend_from_slice(&behind);
        self.inbox = read;
        self.good += first;
    }

    /// Lets streams that waited go on whose turn it is. Only the beginning of a frame's header is in `inbox`, if anything.
    fn release(&mut self) {
        if self.good > 0 || self.refused || !self.turns.is_due() {
            return;
        }
        let rest = std::mem::take(&mut self.inbox);
        self.turns.release(&mut self.inbox);
        for bound in self.turns.take_reached() {
            self.core.recorder.bound(bound);
        }
        self.good = self.inbox.len();
        self.inbox.extend_from_slice(&rest);
    }

    /// Whether time has passed for streams that wait; wakes the task when it has.
    fn is_turn(&mut self, context: &mut Context<'_>) -> bool {
        if !self.turns.has_waiting() {
            self.turn = None;
            return false;
        }
        let turn = self.turn.get_or_insert_with(|| Box::pin(tokio::time::sleep(bounds::TURN)));
        if turn.as_mut().poll(context).is_pending() {
            return false;
        }
        self.turn = None;
        // An answer that its client has no room for: its body waits to be taken, or all of it was and its end has not gone out.
        let stands = self.conn.has_untaken() || self.turns.open() > self.conn.active();
        self.turns.pass_time(stands);
        true
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            this.release();
            if this.good > 0 || this.refused {
                break;
            }
            if this.turns.is_full() {
                if this.is_turn(context) || this.is_late(context) {
                    continue;
                }
                return Poll::Pending;
            }
            if this.inbox.is_empty() && out.remaining() >= DIRECT {
                // Nothing is kept back: no copy, and no buffer while the connection is idle.
                let before = out.filled().len();
                if Pin::new(&mut this.io).poll_read(context, out)?.is_pending() {
                    if this.is_late(context) || this.is_turn(context) {
                        continue;
                    }
                    return Poll::Pending;
                }
                let read = out.filled().get(before..).unwrap_or_default();
                if read.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let first = this.look(read);
                out.set_filled(before + first);
                if first > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.inbox.reserve(ROOM);
                let read = std::pin::pin!(this.io.read_buf(&mut this.inbox)).poll(context)?;
                match read {
                    Poll::Ready(0) => return Poll::Ready(Ok(())),
                    Poll::Ready(_) => this.look_inside(),
                    Poll::Pending if this.is_late(context) || this.is_turn(context) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        }
        let length = this.good.min(out.remaining());
        out.put_slice(this.inbox.get(..length).unwrap_or_default());
        this.inbox.advance(length);
        this.good -= length;
        if this.inbox.is_empty() {
            this.inbox = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Guard<S> {
    fn wrote(&mut self, slices: &[IoSlice<'_>], count: usize) {
        self.wrote = self.wrote.saturating_add(count as u64);
        let mut left = count;
        for slice in slices {
            let bytes: &[u8] = slice;
            let went = bytes.get(..left).unwrap_or(bytes);
            left -= went.len();
            self.written.pass(went, |frame| self.turns.wrote(frame));
        }
        if self.turns.is_due() {
            self.conn.wake();
        }
    }
}

crate::through::writes_through!(Guard, wrote);
