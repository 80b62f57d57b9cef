//! What the header of a frame tells (RFC 9113 section 4.1), and which frames carry nothing.

use engine::Tick;
use engine::bounds::{self, Bound};

use crate::pace::Bucket;

/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 9;

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;
/// END_HEADERS of HEADERS and CONTINUATION.
pub(crate) const END_HEADERS: u8 = 0x4;
/// Bytes of the ACK of a PING; that of SETTINGS is shorter.
const LONGEST_ACK: u64 = 17;
/// For so many bytes of answers one frame of control more may come: less than the least message of gRPC takes.
const ANSWER: u64 = 16;
/// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
pub(crate) const LAST: u8 = 0x1;
const PADDED: u8 = 0x8;
const WITH_PRIORITY: u8 = 0x20;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) length: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl FrameHead {
    /// Reads one; the reserved bit is ignored.
    pub(crate) const fn read(bytes: [u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, w, x, y, z] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([w & 0x7f, x, y, z]),
        }
    }
}

/// Why a connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objection {
    /// A bound was reached.
    Bound(Bound),
    /// The frame must not stand where it stands, and the library under us lets it pass.
    Protocol,
    /// It does not have the length of its type; the library under us would call that PROTOCOL_ERROR.
    Size,
}

/// What is kept of the frames of one connection.
#[derive(Debug)]
pub(crate) struct Rules {
    /// A frame came already.
    begun: bool,
    resets: Bucket,
    control: Bucket,
    /// Bytes that the library under us still writes in answer to frames of control.
    owed: u64,
    /// Bytes of answers that no frame of control was allowed for yet.
    earned: u64,
}

impl Rules {
    pub(crate) const fn new(now: Tick) -> Self {
        Self {
            begun: false,
            resets: Bucket::new(bounds::CLIENT_RESETS, now),
            control: Bucket::new(bounds::CONTROL_FRAMES, now),
            owed: 0,
            earned: 0,
        }
    }

    /// So many bytes were written. Clients that measure the path send a PING for each round trip in which answers come (gRPC's do), and
    /// may, however many that are: what they get costs us more. Answers to frames of control earn nothing.
    pub(crate) fn earn(&mut self, wrote: u64) {
        let paid = wrote.min(self.owed);
        self.owed -= paid;
        self.earned += wrote - paid;
        self.earn_frames(u32::try_from(self.earned / ANSWER).unwrap_or(u32::MAX));
        self.earned %= ANSWER;
    }

    /// So many more frames of control may come.
    pub(crate) fn earn_frames(&mut self, frames: u32) {
        self.control.give(frames);
    }

    /// Judges the next frame. The clock is asked for frames that are counted only.
    ///
    /// # Errors
    /// Why the connection must end.
    pub(crate) fn judge(&mut self, frame: FrameHead, now: &impl Fn() -> Tick) -> Result<(), Objection> {
        let FrameHead { length, kind, flags, .. } = frame;
        // Section 3.4.
        if !std::mem::replace(&mut self.begun, true) && (kind != SETTINGS || flags & LAST != 0) {
            return Err(Objection::Protocol);
        }
        if !has_its_length(frame) {
            return Err(Objection::Size);
        }
        match kind {
            RST_STREAM if self.resets.take(now()) => Ok(()),
            RST_STREAM => Err(Objection::Bound(Bound::ClientResets)),
            DATA if length > 0 || flags & LAST != 0 => Ok(()),
            // Field blocks in many pieces are bounded by the library; windows open as fast as data is taken.
            HEADERS | CONTINUATION | WINDOW_UPDATE => Ok(()),
            _ if self.control.take(now()) => {
                self.owed += LONGEST_ACK;
                Ok(())
            }
            _ => Err(Objection::Bound(Bound::ControlFrames)),
        }
    }
}

/// Whether a frame is as long as its type wants (RFC 9113 section 6); longer than any may be is for the library to say.
const fn has_its_length(frame: FrameHead) -> bool {
    let FrameHead { length, kind, flags, .. } = frame;
    let padding = (flags & PADDED != 0) as u32;
    let priority = if flags & WITH_PRIORITY != 0 { 5 } else { 0 };
    match kind {
        DATA => length >= padding,
        HEADERS => length >= padding + priority,
        PRIORITY => length == 5,
        RST_STREAM | WINDOW_UPDATE => length == 4,
        SETTINGS if flags & LAST != 0 => length == 0,
        SETTINGS => length % 6 == 0,
        PING => length == 8,
        GOAWAY => length >= 8,
        _ => true,
    }
}
