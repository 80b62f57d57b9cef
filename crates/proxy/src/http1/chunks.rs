//! The chunked coding (RFC 9112 section 7.1), decoded as it comes.
//!
//! From clients it is strict: no chunk extensions, no bare LF, trailers are checked and dropped. From upstreams extensions
//! are skipped, and trailers are kept, since gRPC and digests live in them.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::grammar::{Fault, is_control, is_token, line, split_field};

use Fault::Malformed;

/// Longest trailer section, and longest chunk extension, in bytes.
const TRAILER_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the size line: value and digits so far.
    Size(u64, u8),
    /// In an extension of the size line: value, bytes so far.
    Extension(u64, usize),
    /// After the CR of a size line.
    SizeEnd(u64),
    /// In the data.
    Data(u64),
    /// At the CR after the data.
    DataCr,
    /// At the LF after the data.
    DataLf,
    /// At the start of a trailer line, or in it: bytes of the section and of the line so far.
    Trailer(usize, usize),
    /// After the CR of a trailer line.
    TrailerLf(usize, usize),
    /// After the last byte.
    End,
}

/// What comes next of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some of its data.
    Data(Bytes),
    /// More has to be read.
    More,
    /// Its end, and the trailers that are kept.
    End(Option<HeaderMap>),
}

/// A decoder of one body.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Whether the sender is a client.
    strict: bool,
    trailers: Vec<u8>,
}

impl Chunks {
    /// For a body of a client.
    pub(crate) fn strict() -> Self {
        Self { state: State::Size(0, 0), strict: true, trailers: Vec::new() }
    }

    /// For a body of an upstream.
    pub(crate) fn tolerant() -> Self {
        Self { state: State::Size(0, 0), strict: false, trailers: Vec::new() }
    }

    /// Takes the next piece off the front of `inbox`.
    ///
    /// # Errors
    /// When the bytes break the grammar.
    pub(crate) fn next(&mut self, inbox: &mut BytesMut) -> Result<Piece, Fault> {
        loop {
            match self.state {
                State::Data(_) if inbox.is_empty() => return Ok(Piece::More),
                State::Data(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(inbox.len());
                    let left = left - taken as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                    return Ok(Piece::Data(inbox.split_to(taken).freeze()));
                }
                State::End => return self.end(),
                _ => {
                    let mut used = 0;
                    while let Some(&byte) = inbox.get(used)
                        && !matches!(self.state, State::Data(_) | State::End)
                    {
                        self.state = self.step(byte)?;
                        used += 1;
                    }
                    inbox.advance(used);
                    if inbox.is_empty() && self.state != State::End {
                        return Ok(Piece::More);
                    }
                }
            }
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, Fault> {
        Ok(match (self.state, byte) {
            (State::Size(_, 0), b'\r') => return Err(Malformed("a chunk without its size")),
            (State::Size(size, _), b'\r') => State::SizeEnd(size),
            // 15 digits cannot overflow, and no body is that long.
            (State::Size(size, digits @ ..15), byte) if byte.is_ascii_hexdigit() => {
                State::Size(size << 4 | u64::from(hex(byte)), digits + 1)
            }
            (State::Size(size, 1..), b';' | b' ' | b'\t') if !self.strict => State::Extension(size, 0),
            (State::Extension(size, _), b'\r') => State::SizeEnd(size),
            (State::Extension(size, seen), byte) if !is_control(byte) && seen < TRAILER_BYTES => {
                State::Extension(size, seen + 1)
            }
            (State::SizeEnd(0), b'\n') => State::Trailer(0, 0),
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0, 0),
            (State::Trailer(total, line), b'\r') => State::TrailerLf(total, line),
            (State::Trailer(total, line), byte) if total < TRAILER_BYTES => {
                if is_control(byte) || (line == 0 && !is_token(byte)) {
                    return Err(Malformed("a trailer field that breaks the grammar"));
                }
                self.keep(&[byte]);
                State::Trailer(total + 1, line + 1)
            }
            (State::TrailerLf(_, 0), b'\n') => State::End,
            (State::TrailerLf(total, _), b'\n') => {
                self.keep(b"\r\n");
                State::Trailer(total, 0)
            }
            _ => return Err(Malformed("a chunk that breaks the grammar")),
        })
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.trailers.extend_from_slice(bytes);
    }

    fn end(&mut self) -> Result<Piece, Fault> {
        if self.trailers.is_empty() {
            return Ok(Piece::End(None));
        }
        let text = std::mem::take(&mut self.trailers);
        let mut trailers = HeaderMap::new();
        let mut start = 0;
        while start < text.len() {
            let (end, next) = line(&text, start);
            let field = text.get(start..end).unwrap_or_default();
            let (name, from, to) = split_field(field)?;
            let bad = Malformed("a trailer field that breaks the grammar");
            let name = HeaderName::from_bytes(field.get(..name).unwrap_or_default()).map_err(|_| bad)?;
            let value = HeaderValue::from_bytes(field.get(from..to).unwrap_or_default()).map_err(|_| bad)?;
            trailers.append(name, value);
            start = next;
        }
        // A client's were read to be judged only.
        Ok(Piece::End((!self.strict).then_some(trailers)))
    }
}

const fn hex(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte.wrapping_sub(b'A').wrapping_add(10),
    }
}
