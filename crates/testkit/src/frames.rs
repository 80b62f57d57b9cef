//! Frames of HTTP/2 written by hand (RFC 9113), so that they can say what no library lets a client say.
//!
//! Fields are always literals without indexing, name and value in plain bytes (RFC 7541 section 6.2.2). Of what comes
//! back only frame boundaries, the status and the data are read: the table size is set to zero, so that the status is a
//! static index or a literal.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};

use crate::clock::Deadline;
use crate::raw::{PATIENCE, code_of};
use crate::wire::Reader;

/// What every client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types used here.
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
    /// PRIORITY.
    pub const PRIORITY: u8 = 2;
    /// PUSH_PROMISE.
    pub const PUSH_PROMISE: u8 = 5;
}

/// END_STREAM of DATA and HEADERS; ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// END_HEADERS.
pub const END_HEADERS: u8 = 4;

/// PADDED of DATA and HEADERS.
pub const PADDED: u8 = 8;
/// PRIORITY of HEADERS.
pub const PRIORITY: u8 = 0x20;

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// As it goes over the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut out = vec![length[1], length[2], length[3], self.kind, self.flags];
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.payload);
        out
    }
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    // An integer with a prefix of seven bits, without Huffman (RFC 7541 section 5.1).
    if length < 127 {
        out.push(u8::try_from(length).unwrap_or(0));
        return;
    }
    out.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap_or(0) | 0x80);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
}

/// A header block of literals.
#[must_use]
pub fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        push_length(&mut out, name.len());
        out.extend_from_slice(name);
        push_length(&mut out, value.len());
        out.extend_from_slice(value);
    }
    out
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let (first, mut rest) = bytes.split_first()?;
    let mut length = usize::from(*first & 127);
    if length == 127 {
        let mut shift = 0;
        loop {
            let (next, after) = rest.split_first()?;
            rest = after;
            length += usize::from(*next & 127) << shift;
            shift += 7;
            if next & 128 == 0 {
                break;
            }
        }
    }
    *bytes = rest;
    Some(length)
}

/// A field as it came.
pub type Field = (Vec<u8>, Vec<u8>);

/// Reads a block that [`block`] wrote, where a field may also be kept (RFC 7541 section 6.2.1) and the last that was be named again
/// (section 6.1); nothing else.
#[must_use]
pub fn read_block(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let (mut fields, mut kept): (Vec<Field>, Option<Field>) = (Vec::new(), None);
    while let Some((first @ (0 | 0x40 | 0xbe), rest)) = bytes.split_first() {
        bytes = rest;
        if *first == 0xbe {
            fields.push(kept.clone()?);
            continue;
        }
        let mut pair = [Vec::new(), Vec::new()];
        for part in &mut pair {
            let length = take_length(&mut bytes)?;
            let (own, rest) = bytes.split_at_checked(length)?;
            *part = own.to_vec();
            bytes = rest;
        }
        let [name, value] = pair;
        if *first == 0x40 {
            kept = Some((name.clone(), value.clone()));
        }
        fields.push((name, value));
    }
    bytes.is_empty().then_some(fields)
}

/// Reads one frame.
///
/// # Errors
/// Those of the stream.
pub fn read_frame<R: io::Read>(reader: &mut Reader<R>) -> io::Result<Frame> {
    let head = reader.take(9)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5] & 127, head[6], head[7], head[8]]);
    let payload = reader.take(usize::try_from(length).unwrap_or(0))?;
    Ok(Frame { kind: head[3], flags: head[4], stream, payload })
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer: status and body.
    Answer(u16, Vec<u8>),
    /// The stream was reset with this error.
    Reset(u32),
    /// The connection was given up with this error.
    Gone(u32),
    /// The connection ended without a word, or nothing came in time.
    Closed,
}

impl Outcome {
    /// The status, when there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Outcome::Answer(status, _) => Some(*status),
            _ => None,
        }
    }

    /// The problem's code, when there is one.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        match self {
            Outcome::Answer(_, body) => code_of(body),
            _ => None,
        }
    }
}

/// A client's connection in clear text with prior knowledge.
#[derive(Debug)]
pub struct Http2 {
    reader: Reader<TcpStream>,
}

impl Http2 {
    /// Connects, and sends preface and settings.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Deadline::seconds(PATIENCE).left())).unwrap();
        let mut client = Self { reader: Reader::new(stream) };
        let _ = client.send(PREFACE);
        // SETTINGS_HEADER_TABLE_SIZE = 0, SETTINGS_ENABLE_PUSH = 0, SETTINGS_INITIAL_WINDOW_SIZE = 1 MiB.
        let settings = vec![0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0, 16, 0, 0];
        client.frame(kind::SETTINGS, 0, 0, settings);
        client.frame(kind::WINDOW_UPDATE, 0, 0, vec![0, 16, 0, 0]);
        client
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Sends a frame.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: Vec<u8>) {
        // The other side may have closed; what it said is read later.
        let _ = self.send(&Frame { kind, flags, stream, payload }.bytes());
    }

    /// Sends a head.
    pub fn headers(&mut self, stream: u32, fields: &[(&[u8], &[u8])], end: bool) {
        let flags = END_HEADERS | if end { END_STREAM } else { 0 };
        self.frame(kind::HEADERS, flags, stream, block(fields));
    }

    /// Sends a piece of the body.
    pub fn data(&mut self, stream: u32, data: &[u8], end: bool) {
        self.frame(kind::DATA, u8::from(end), stream, data.to_vec());
    }

    /// Waits for what becomes of a stream.
    pub fn outcome(&mut self, stream: u32) -> Outcome {
        let (mut status, mut body) = (None, Vec::new());
        loop {
            let Ok(frame) = read_frame(&mut self.reader) else { return Outcome::Closed };
            let word = |at: usize| {
                frame
                    .payload
                    .get(at..at + 4)
                    .map_or(0, |bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            };
            match frame.kind {
                kind::SETTINGS | kind::PING if frame.flags & END_STREAM == 0 => {
                    self.frame(
                        frame.kind,
                        END_STREAM,
                        0,
                        if frame.kind == kind::PING { frame.payload } else { Vec::new() },
                    );
                }
                kind::GOAWAY if word(4) != 0 || word(0) < stream => return Outcome::Gone(word(4)),
                kind::RST_STREAM if frame.stream == stream => {
                    // After a whole answer a reset without an error only says: no need to send the rest.
                    return Outcome::Reset(word(0));
                }
                kind::HEADERS if frame.stream == stream => {
                    status = status.or(read_status(&frame.payload));
                    if frame.flags & END_STREAM != 0 {
                        return Outcome::Answer(status.unwrap_or(0), body);
                    }
                }
                kind::DATA if frame.stream == stream => {
                    body.extend_from_slice(&frame.payload);
                    if frame.flags & END_STREAM != 0 {
                        return Outcome::Answer(status.unwrap_or(0), body);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The `:status` at the start of a block (RFC 7541 appendix A: 8 to 14; the digits of appendix B).
#[must_use]
pub fn read_status(mut block: &[u8]) -> Option<u16> {
    // Updates of the table's size may come first.
    while let Some((first, rest)) = block.split_first()
        && first & 0xe0 == 0x20
    {
        // An integer with a prefix of five bits (RFC 7541 section 5.1).
        let more = if first & 0x1f == 0x1f {
            1 + rest.iter().take_while(|byte| **byte & 0x80 != 0).count()
        } else {
            0
        };
        block = rest.get(more..)?;
    }
    let (first, rest) = block.split_first()?;
    match first {
        0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500].get(usize::from(first - 0x88)).copied(),
        // Name by index 8 to 14, value literal; with any of the three kinds of literals.
        _ => {
            let (length, rest) = rest.split_first()?;
            let value = rest.get(..usize::from(length & 127))?;
            let text = if length & 128 == 0 { value.to_vec() } else { digits(value) };
            std::str::from_utf8(&text).ok()?.parse().ok()
        }
    }
}

/// Digits out of Huffman code: `0` to `2` have five bits, `3` to `9` six.
fn digits(bytes: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0_u8, |sum, bit| sum << 1 | bit);
    let (mut at, mut out) = (0, Vec::new());
    while let Some(five) = bits.get(at..at + 5) {
        if number(five) <= 2 {
            out.push(b'0' + number(five));
            at += 5;
        } else if let Some(six @ 0x19..=0x1f) = bits.get(at..at + 6).map(number) {
            out.push(b'3' + six - 0x19);
            at += 6;
        } else {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_read_back_and_statuses_are_read() {
        let long = vec![b'x'; 1000];
        let fields: [(&[u8], &[u8]); 2] = [(b":path", b"/a\r\nb"), (b"x", &long)];
        let read = read_block(&block(&fields)).unwrap();
        assert_eq!(read, [(b":path".to_vec(), b"/a\r\nb".to_vec()), (b"x".to_vec(), long.clone())]);
        assert_eq!(read_status(&[0x20, 0x88]), Some(200));
        assert_eq!(read_status(&[0x20, 0x3f, 0xe1, 0x1f, 0x88]), Some(200));
        assert_eq!(read_status(&[0x08, 0x03, b'4', b'0', b'3']), Some(403));
        // RFC 7541 appendix C.6.1: `302` as 6402.
        assert_eq!(read_status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
    }
}
