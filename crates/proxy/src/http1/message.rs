//! Follows the messages in a stream of bytes and accepts a strict subset of RFC 9112 only.
//!
//! Lines end with CRLF, never with a bare LF; no control characters; one framing field, said once; no chunk extensions;
//! the target without a fragment. What is laxer in any parser behind this one does not matter, since it never sees it
//! (THREATS rows 1, 4, 7).

use engine::bounds;

/// Why bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They break RFC 9112, or what we accept of it.
    Malformed(&'static str),
    /// The target is longer than [`bounds::TARGET_BYTES`].
    TargetTooLong,
    /// More than [`bounds::HEADERS`] fields, or longer than [`bounds::HEADER_BYTES`].
    HeadersTooLarge,
}

use Fault::Malformed;

/// Longest trailer section, in bytes; it is not passed on.
const TRAILER_BYTES: usize = 8 * 1024;
/// Longest head: request line and fields.
const HEAD_BYTES: usize = bounds::TARGET_BYTES + bounds::HEADER_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    Chunked(Chunk),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// In the size line: value and digits so far.
    Size(u64, u8),
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
}

/// Where in the stream of messages we are.
#[derive(Debug)]
pub(crate) struct Messages {
    state: State,
    /// Bytes of an incomplete head that were searched for its end already.
    searched: usize,
    /// Complete heads so far.
    pub(crate) heads: u64,
}

impl Messages {
    pub(crate) fn new() -> Self {
        Self { state: State::Head, searched: 0, heads: 0 }
    }

    /// Whether the next byte starts a head.
    pub(crate) fn in_head(&self) -> bool {
        self.state == State::Head
    }

    /// Accepts as many bytes as can be judged now; what is left over is the start of a head. The next call starts with
    /// these bytes again.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> (usize, Option<Fault>) {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return (at, None);
            }
            match self.step(rest) {
                Ok(0) => return (at, None),
                Ok(taken) => at += taken,
                Err(fault) => return (at, Some(fault)),
            }
        }
    }

    fn step(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        match self.state {
            State::Head => {
                let Some(end) = find_end(rest, self.searched)? else {
                    self.searched = rest.len();
                    return Ok(0);
                };
                self.searched = 0;
                self.state = check_head(rest.get(..end).unwrap_or_default())?;
                self.heads += 1;
                Ok(end)
            }
            State::Body(left) => {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let left = left - taken as u64;
                self.state = if left == 0 { State::Head } else { State::Body(left) };
                Ok(taken)
            }
            State::Chunked(chunk) => self.chunk(chunk, rest),
        }
    }

    fn chunk(&mut self, chunk: Chunk, rest: &[u8]) -> Result<usize, Fault> {
        if let Chunk::Data(left) = chunk {
            let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let left = left - taken as u64;
            self.state = State::Chunked(if left == 0 { Chunk::DataCr } else { Chunk::Data(left) });
            return Ok(taken);
        }
        let Some(&byte) = rest.first() else { return Ok(0) };
        let next = match (chunk, byte) {
            (Chunk::Size(_, 0), b'\r') => return Err(Malformed("a chunk without its size")),
            (Chunk::Size(size, _), b'\r') => Chunk::SizeEnd(size),
            // 15 digits cannot overflow, and no body is that long.
            (Chunk::Size(size, digits @ ..15), byte) if byte.is_ascii_hexdigit() => {
                Chunk::Size(size << 4 | u64::from(hex(byte)), digits + 1)
            }
            (Chunk::SizeEnd(0), b'\n') => Chunk::Trailer(0, 0),
            (Chunk::SizeEnd(size), b'\n') => Chunk::Data(size),
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => Chunk::Size(0, 0),
            (Chunk::Trailer(total, line), b'\r') => Chunk::TrailerLf(total, line),
            (Chunk::Trailer(total, line), byte) if total < TRAILER_BYTES => {
                if is_control(byte) || (line == 0 && !is_token(byte)) {
                    return Err(Malformed("a trailer field that breaks the grammar"));
                }
                Chunk::Trailer(total + 1, line + 1)
            }
            (Chunk::TrailerLf(_, 0), b'\n') => {
                self.state = State::Head;
                return Ok(1);
            }
            (Chunk::TrailerLf(total, _), b'\n') => Chunk::Trailer(total, 0),
            _ => return Err(Malformed("a chunk that breaks the grammar")),
        };
        self.state = State::Chunked(next);
        Ok(1)
    }
}

/// Finds the end of a head; bytes before `searched` were looked at already.
fn find_end(bytes: &[u8], searched: usize) -> Result<Option<usize>, Fault> {
    let mut at = searched.saturating_sub(3);
    let first_line_open = |bytes: &[u8]| !bytes.contains(&b'\n');
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        let line_end = at + length;
        match line_end.checked_sub(1).and_then(|before| bytes.get(before)) {
            Some(b'\r') => {}
            _ => return Err(Malformed("a line that ends without CR")),
        }
        if line_end >= 3 && bytes.get(line_end - 3..line_end - 1) == Some(b"\r\n") {
            return if line_end < HEAD_BYTES { Ok(Some(line_end + 1)) } else { Err(Fault::HeadersTooLarge) };
        }
        at = line_end + 1;
    }
    if bytes.len() > bounds::TARGET_BYTES + 64 && first_line_open(bytes) {
        return Err(Fault::TargetTooLong);
    }
    if bytes.len() > HEAD_BYTES { Err(Fault::HeadersTooLarge) } else { Ok(None) }
}

/// Checks a complete head and says how its body ends.
fn check_head(head: &[u8]) -> Result<State, Fault> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let one_zero = check_request_line(lines.next().unwrap_or_default())?;
    let mut length: Option<u64> = None;
    let mut chunked = false;
    let mut fields = 0;
    for line in lines {
        if line.is_empty() {
            break;
        }
        fields += 1;
        let (name, value) = split_field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.is_some() {
                return Err(Malformed("more than one Content-Length"));
            }
            length = Some(parse_length(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || one_zero || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed("a Transfer-Encoding other than one `chunked` in HTTP/1.1"));
            }
            chunked = true;
        }
    }
    if fields > bounds::HEADERS {
        return Err(Fault::HeadersTooLarge);
    }
    match (length, chunked) {
        (Some(_), true) => Err(Malformed("both Content-Length and Transfer-Encoding")),
        (_, true) => Ok(State::Chunked(Chunk::Size(0, 0))),
        (None | Some(0), false) => Ok(State::Head),
        (Some(length), false) => Ok(State::Body(length)),
    }
}

/// Whether the request line says HTTP/1.0.
fn check_request_line(line: &[u8]) -> Result<bool, Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Malformed("a request line that is not `method target version`"));
    };
    if method.is_empty() || method.len() > 32 || !method.iter().copied().all(is_token) {
        return Err(Malformed("a method that is no token"));
    }
    if target.len() > bounds::TARGET_BYTES {
        return Err(Fault::TargetTooLong);
    }
    if target.is_empty() || target.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'#') {
        return Err(Malformed("a target with a byte that is not allowed there"));
    }
    // What the parser behind cannot read it would refuse with an answer of its own, without an id and a log line.
    if !is_plain_path(target) && http::Uri::try_from(target).is_err() {
        return Err(Malformed("a target that is no URI reference"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Malformed("a version other than HTTP/1.0 and HTTP/1.1")),
    }
}

/// Whether a target is a path and query of the bytes that need no second look.
fn is_plain_path(target: &[u8]) -> bool {
    target.first() == Some(&b'/')
        && target.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%?&=+,:@!$*;".contains(byte))
}

fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = line.iter().position(|byte| *byte == b':');
    let Some((name, rest)) = colon.and_then(|colon| line.split_at_checked(colon)) else {
        return Err(Malformed("a field without a colon"));
    };
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(Malformed("a field name that is no token, or a folded field"));
    }
    let value = rest.get(1..).unwrap_or_default();
    if value.iter().copied().any(is_control) {
        return Err(Malformed("a control character in a field"));
    }
    Ok((name, value.trim_ascii()))
}

fn parse_length(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || value.len() > 18 {
        return Err(Malformed("a Content-Length that is no length"));
    }
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
        _ => Err(Malformed("a Content-Length that is no number")),
    })
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// `tchar` of RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn hex(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
