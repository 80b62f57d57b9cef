//! Whose turn it is: which streams of a client begin, and which wait as the bytes that came; no IO.
//!
//! A stream that began holds its call, a connection to the upstream and what was read of the answer for as long as its client has no
//! room for that; asking for it took a hundred bytes. So a connection begins with few at a time. It may have one more for each
//! answer that its client took, and more with time while no answer waits for the client: a service that is slow holds up nobody. What
//! waits takes no more room than what was sent.
//!
//! A stream that waits goes on as it came, its field block first and in its place among all of them, since HPACK has to be read in
//! order; all else passes it by, windows above all.

use bytes::BytesMut;
use engine::bounds::{self, Bound};

use super::rules::{
    CONTINUATION, DATA, END_HEADERS, FrameHead, GOAWAY, HEADER, HEADERS, LAST, RST_STREAM, WINDOW_UPDATE,
};
use super::watch::PREFACE;

/// The streams of one connection.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Those that went on and have not ended, by what was read and written: never more than there is room for.
    open: Vec<u32>,
    /// The newest of them.
    newest: u32,
    /// So many may be open before others wait.
    room: u32,
    /// Whether the windows of the client have room for many answers.
    wide: bool,
    /// Bytes of answers that were written and bought no room yet.
    taken: u64,
    /// All of them.
    answered: u64,
    /// Frames that wait, in their order.
    waiting: BytesMut,
    /// Streams that went on and whose trailers are among them.
    trailing: Vec<u32>,
    /// Bytes up to the next frame's header, beyond those that were sorted.
    skip: usize,
    /// Whether those wait.
    aside: bool,
    /// Whether a field block came whose end did not.
    in_block: bool,
    /// How many ended since it was asked last.
    ended: u32,
    /// What was reached since it was asked last.
    reached: [Option<Bound>; 2],
}

impl Turns {
    /// Of a connection of which nothing came yet.
    pub(crate) fn new() -> Self {
        Self {
            open: Vec::new(),
            newest: 0,
            room: bounds::FIRST_STREAMS,
            wide: false,
            taken: 0,
            answered: 0,
            waiting: BytesMut::new(),
            trailing: Vec::new(),
            skip: PREFACE,
            aside: false,
            in_block: false,
            ended: 0,
            reached: [None; 2],
        }
    }

    /// Sorts bytes that may go on as far as frames are concerned, each header whole: so many of them do so now. Of those behind
    /// them, what goes on as well is put into `through`, and what waits is kept.
    pub(crate) fn sort(&mut self, bytes: &[u8], through: &mut BytesMut) -> usize {
        let (mut at, mut first) = (0, None);
        loop {
            let step = self.skip.min(bytes.len() - at);
            let piece = bytes.get(at..at + step).unwrap_or_default();
            if self.aside && step > 0 {
                first.get_or_insert(at);
                self.waiting.extend_from_slice(piece);
            } else if first.is_some() {
                through.extend_from_slice(piece);
            }
            at += step;
            self.skip -= step;
            let Some(header) = bytes.get(at..).and_then(<[u8]>::first_chunk::<HEADER>) else {
                return first.unwrap_or(at);
            };
            let frame = FrameHead::read(*header);
            self.aside = !self.goes_on(frame);
            self.skip = HEADER + frame.length as usize;
            if matches!(frame.kind, HEADERS | CONTINUATION) {
                self.in_block = frame.flags & END_HEADERS == 0;
            }
            if !self.aside {
                self.enter(frame);
            }
        }
    }

    /// Whether a frame that comes goes on at once.
    fn goes_on(&mut self, frame: FrameHead) -> bool {
        let FrameHead { kind, stream, .. } = frame;
        if kind == CONTINUATION {
            return !self.aside;
        }
        if self.waiting.is_empty() {
            let waits = kind == HEADERS && stream > self.newest && !self.has_room();
            if waits {
                self.reach(Bound::WaitingStreams);
            }
            return !waits;
        }
        match kind {
            // Nothing is opened behind it.
            GOAWAY => false,
            HEADERS => {
                self.trail(stream);
                false
            }
            WINDOW_UPDATE => stream <= self.newest,
            _ => stream <= self.newest && !self.trailing.contains(&stream),
        }
    }

    /// A frame goes on.
    fn enter(&mut self, frame: FrameHead) {
        match frame.kind {
            HEADERS if frame.stream > self.newest => {
                self.newest = frame.stream;
                self.open.push(frame.stream);
                if self.open.len() > bounds::STREAMS as usize {
                    self.reach(Bound::Streams);
                }
            }
            RST_STREAM => {
                self.end(frame.stream);
            }
            _ => {}
        }
    }

    /// A stream ended; false when it had before.
    fn end(&mut self, stream: u32) -> bool {
        let Some(place) = self.open.iter().position(|open| *open == stream) else { return false };
        self.open.swap_remove(place);
        self.ended += 1;
        true
    }

    /// A frame is written, of which the header at least went out.
    pub(crate) fn wrote(&mut self, frame: FrameHead) {
        if frame.kind == DATA {
            let length = u64::from(frame.length);
            self.answered += length;
            self.taken += length;
            self.earn(self.taken / bounds::ROOM_BYTES);
            self.taken %= bounds::ROOM_BYTES;
        }
        let whole = matches!(frame.kind, DATA | HEADERS) && frame.flags & LAST != 0;
        let ended = (whole || frame.kind == RST_STREAM) && self.end(frame.stream);
        self.earn(u64::from(ended && whole));
    }

    /// One more than may be open at all is refused by the library, which tells the client so.
    fn earn(&mut self, more: u64) {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        self.room = self.room.saturating_add(more).min(2 * bounds::STREAMS);
    }

    /// Time has passed while streams waited. Where no answer waits for the client, as many again may begin; the same for who has
    /// sent so much that more is not read.
    pub(crate) fn pass_time(&mut self, stands: bool) {
        if !stands || self.is_full() {
            let open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
            self.earn(u64::from(self.room.max(open)));
        }
    }

    fn has_room(&self) -> bool {
        let wide = if self.wide { bounds::FIRST_STREAMS_WIDE } else { 0 };
        self.open.len() < self.room.max(wide) as usize
    }

    /// Whether the windows of the client have room for many answers.
    pub(crate) const fn widen(&mut self, wide: bool) {
        self.wide = wide;
    }

    /// Whether a stream that waits may go on, and nothing stands in its way.
    pub(crate) fn is_due(&self) -> bool {
        !self.waiting.is_empty() && self.skip == 0 && !self.in_block && self.has_room()
    }

    /// Puts what may go on by now behind `through`: streams in their order as far as there is room, and what belongs to those wherever
    /// it stands.
    pub(crate) fn release(&mut self, through: &mut BytesMut) {
        if !self.is_due() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let (mut blocked, mut stays) = (false, false);
        while let Some(header) = waiting.first_chunk::<HEADER>() {
            let frame = FrameHead::read(*header);
            if frame.kind != CONTINUATION {
                stays = self.stays(frame, &mut blocked);
            }
            let bytes = waiting.split_to((HEADER + frame.length as usize).min(waiting.len()));
            if stays {
                self.waiting.extend_from_slice(&bytes);
            } else {
                through.extend_from_slice(&bytes);
                self.enter(frame);
            }
        }
    }

    /// Whether a frame that waits goes on waiting; `blocked`: a field block before it does.
    fn stays(&mut self, frame: FrameHead, blocked: &mut bool) -> bool {
        let stream = frame.stream;
        match frame.kind {
            HEADERS if stream > self.newest => *blocked |= !self.has_room(),
            HEADERS if *blocked => self.trail(stream),
            HEADERS => self.trailing.retain(|trailing| *trailing != stream),
            GOAWAY => {}
            _ => return *blocked && (stream > self.newest || self.trailing.contains(&stream)),
        }
        *blocked
    }

    /// Trailers wait of a stream that went on: so does what comes behind them. More of these than streams may be open mean nothing.
    fn trail(&mut self, stream: u32) {
        let known = stream > self.newest || self.trailing.contains(&stream);
        if !known && self.trailing.len() < bounds::STREAMS as usize {
            self.trailing.push(stream);
        }
    }

    /// Whether any stream waits.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether so much waits that no more is read.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= bounds::WAITING_BYTES
    }

    /// How many streams are open.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Bytes of answers that were written.
    pub(crate) const fn answered(&self) -> u64 {
        self.answered
    }

    /// How many streams ended since it was asked last.
    pub(crate) const fn take_ended(&mut self) -> u32 {
        std::mem::replace(&mut self.ended, 0)
    }

    fn reach(&mut self, bound: Bound) {
        let slot = usize::from(bound == Bound::Streams);
        if let Some(slot) = self.reached.get_mut(slot) {
            *slot = Some(bound);
        }
    }

    /// What was reached since it was asked last.
    pub(crate) fn take_reached(&mut self) -> impl Iterator<Item = Bound> + use<> {
        std::mem::take(&mut self.reached).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
