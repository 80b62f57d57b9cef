//! Frames of RFC 6455 section 5, read strictly: what is taken has one meaning and one spelling, and is written anew.
//!
//! Whole messages come out, under the bounds of [`Limits`]; a message that lies whole in one frame and in what was read is
//! not copied. Refused are reserved bits and opcodes, lengths that are not minimal, frames of a client without a mask and of
//! a server with one, control frames that are long or in pieces, fragments out of order, texts that are not UTF-8 and codes
//! that nobody may close with. How bytes are cut into reads changes nothing of the verdict.

use bytes::{Buf, Bytes, BytesMut};
use engine::websocket::close;

use super::write::mask;

/// Most bytes of a control frame's payload (section 5.5).
const CONTROL: usize = 125;
pub(super) const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
pub(super) const MASKED: u8 = 0x80;

/// Whose frames are read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// A client's: masked.
    Client,
    /// A server's: not masked.
    Server,
}

/// What a frame is for (section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }

    pub(super) const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// Why frames are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// They break the protocol.
    Protocol(&'static str),
    /// A text, or the reason of a close, is not UTF-8.
    NotUtf8,
    /// A frame or a message is longer than its bound.
    TooBig,
}

impl Violation {
    /// The code to close with (section 7.4.1).
    pub(crate) const fn code(self) -> u16 {
        match self {
            Violation::Protocol(_) => close::PROTOCOL,
            Violation::NotUtf8 => close::INVALID,
            Violation::TooBig => close::TOO_BIG,
        }
    }
}

/// Bounds in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) frame: usize,
    pub(crate) message: usize,
}

/// What came whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A message; of a text it is known that it is UTF-8.
    Message {
        text: bool,
        payload: Bytes,
    },
    /// A fragment without payload that does not end its message.
    Crumb,
    Ping(Bytes),
    Pong(Bytes),
    /// Code and reason, when there are any (section 7.1.5).
    Close(Option<(u16, Bytes)>),
}

/// The header of a frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    last: bool,
    opcode: Opcode,
    length: usize,
    key: [u8; 4],
    /// Its own bytes.
    size: usize,
}

/// The frame of a message of which a part came.
#[derive(Debug, Clone, Copy)]
struct Open {
    last: bool,
    left: usize,
    key: [u8; 4],
    /// Bytes of its payload that were read.
    at: usize,
}

/// Reads the frames of one side.
#[derive(Debug)]
pub(crate) struct Reader {
    from: From,
    /// Whether a message is in pieces, and whether it is a text.
    pieces: Option<bool>,
    frame: Option<Open>,
    message: BytesMut,
    /// Bytes of a text that are known to be UTF-8.
    checked: usize,
}

impl Reader {
    pub(crate) fn new(from: From) -> Self {
        Self { from, pieces: None, frame: None, message: BytesMut::new(), checked: 0 }
    }

    /// Bytes of a message that is not whole.
    pub(crate) fn held(&self) -> usize {
        self.message.len()
    }

    /// Takes what comes whole next off the front of `inbox`; `None` when more has to be read.
    ///
    /// # Errors
    /// Why it is not taken; after that nothing is to be read any more.
    pub(crate) fn next(&mut self, inbox: &mut BytesMut, limits: Limits) -> Result<Option<Event>, Violation> {
        loop {
            if let Some(frame) = self.frame {
                match self.go_on(frame, inbox)? {
                    Progress::Whole(event) => return Ok(Some(event)),
                    Progress::Next => continue,
                    Progress::More => return Ok(None),
                }
            }
            let Some(head) = self.head(inbox, limits)? else { return Ok(None) };
            if head.opcode.is_control() {
                if inbox.len() < head.size + head.length {
                    return Ok(None);
                }
                inbox.advance(head.size);
                return control(head, take(inbox, head.length, head.key)).map(Some);
            }
            inbox.advance(head.size);
            if head.opcode != Opcode::Continuation {
                self.pieces = Some(head.opcode == Opcode::Text);
            }
            if head.last && self.message.is_empty() && inbox.len() >= head.length {
                return self.whole(take(inbox, head.length, head.key)).map(Some);
            }
            if head.length == 0 && !head.last {
                return Ok(Some(Event::Crumb));
            }
            self.frame = Some(Open { last: head.last, left: head.length, key: head.key, at: 0 });
        }
    }

    /// Takes what is there of the payload of a frame.
    fn go_on(&mut self, mut frame: Open, inbox: &mut BytesMut) -> Result<Progress, Violation> {
        let count = frame.left.min(inbox.len());
        let start = self.message.len();
        self.message.extend_from_slice(inbox.get(..count).unwrap_or_default());
        inbox.advance(count);
        mask(self.message.get_mut(start..).unwrap_or_default(), frame.key, frame.at);
        frame.left -= count;
        frame.at += count;
        if self.pieces == Some(true) {
            self.check_text(frame.last && frame.left == 0)?;
        }
        if frame.left > 0 {
            self.frame = Some(frame);
            return Ok(Progress::More);
        }
        self.frame = None;
        if !frame.last {
            return Ok(Progress::Next);
        }
        self.checked = 0;
        let payload = std::mem::take(&mut self.message).freeze();
        let text = self.pieces.take().unwrap_or_default();
        Ok(Progress::Whole(Event::Message { text, payload }))
    }

    /// Whether what is there of a text can become one: what cannot is refused before the rest is waited for.
    fn check_text(&mut self, over: bool) -> Result<(), Violation> {
        let fresh = self.message.get(self.checked..).unwrap_or_default();
        match std::str::from_utf8(fresh) {
            Ok(_) => self.checked = self.message.len(),
            Err(error) if error.error_len().is_none() && !over => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }

    fn whole(&mut self, payload: Bytes) -> Result<Event, Violation> {
        let text = self.pieces.take().unwrap_or_default();
        if text && std::str::from_utf8(&payload).is_err() {
            return Err(Violation::NotUtf8);
        }
        Ok(Event::Message { text, payload })
    }

    /// Reads a frame's header and judges it as far as it came.
    fn head(&self, bytes: &[u8], limits: Limits) -> Result<Option<Head>, Violation> {
        let Some(first) = bytes.first() else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(Violation::Protocol("a reserved bit is set"));
        }
        let opcode = Opcode::of(first & 0xf).ok_or(Violation::Protocol("an opcode that nothing has"))?;
        let last = first & FIN != 0;
        match (opcode, self.pieces) {
            _ if opcode.is_control() && !last => {
                return Err(Violation::Protocol("a control frame in pieces"));
            }
            (Opcode::Continuation, None) => {
                return Err(Violation::Protocol("a fragment without its beginning"));
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::Protocol("a message within another"));
            }
            _ => {}
        }
        let Some(second) = bytes.get(1) else { return Ok(None) };
        let masked = second & MASKED != 0;
        match (self.from, masked) {
            (From::Client, false) => return Err(Violation::Protocol("a client's frame without a mask")),
            (From::Server, true) => return Err(Violation::Protocol("a server's frame with a mask")),
            _ => {}
        }
        let short = usize::from(second & !MASKED);
        if opcode.is_control() && short > CONTROL {
            return Err(Violation::Protocol("a control frame longer than 125 bytes"));
        }
        let Some((length, size)) = length(short, bytes)? else { return Ok(None) };
        let in_all = if opcode.is_control() { 0 } else { self.message.len() };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !opcode.is_control() && (length > limits.frame || length > limits.message.saturating_sub(in_all)) {
            return Err(Violation::TooBig);
        }
        if !masked {
            return Ok(Some(Head { last, opcode, length, key: [0; 4], size }));
        }
        let key = bytes.get(size..).and_then(<[u8]>::first_chunk::<4>);
        Ok(key.map(|key| Head { last, opcode, length, key: *key, size: size + 4 }))
    }
}

enum Progress {
    Whole(Event),
    /// The frame is over, its message is not.
    Next,
    /// More has to be read.
    More,
}

/// The length of a payload in its one spelling, and where in the header it ends.
fn length(short: usize, bytes: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    let long = Violation::Protocol("a length that is not minimal");
    let rest = bytes.get(2..).unwrap_or_default();
    let (length, size, least) = match short {
        126 => (rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))), 4, 126),
        127 => (rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)), 10, 1 << 16),
        _ => return Ok(Some((short as u64, 2))),
    };
    match length {
        Some(length) if length < least || length > i64::MAX.unsigned_abs() => Err(long),
        length => Ok(length.map(|length| (length, size))),
    }
}

fn take(inbox: &mut BytesMut, length: usize, key: [u8; 4]) -> Bytes {
    let mut payload = inbox.split_to(length);
    mask(&mut payload, key, 0);
    payload.freeze()
}

fn control(head: Head, payload: Bytes) -> Result<Event, Violation> {
    Ok(match head.opcode {
        Opcode::Ping => Event::Ping(payload),
        Opcode::Pong => Event::Pong(payload),
        _ => Event::Close(closing(payload)?),
    })
}

/// Code and reason of a close (section 5.5.1).
fn closing(mut payload: Bytes) -> Result<Option<(u16, Bytes)>, Violation> {
    if payload.is_empty() {
        return Ok(None);
    }
    if payload.len() < 2 {
        return Err(Violation::Protocol("half a code to close with"));
    }
    let code = payload.get_u16();
    if !may_close(code) {
        return Err(Violation::Protocol("a code that nobody may close with"));
    }
    if std::str::from_utf8(&payload).is_err() {
        return Err(Violation::NotUtf8);
    }
    Ok(Some((code, payload)))
}

/// Codes that may stand in a frame: those that are registered for it, and those of libraries and applications (section 7.4.2).
const fn may_close(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
