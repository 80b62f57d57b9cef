//! HTTP/1.1 as RFC 9112 says it and not a byte laxer: what judges what a gateway sends upstream.
//!
//! Written from the RFC alone and sharing nothing with the gateway's own guard.

use std::io::{self, Read};

/// A head in its parts.
#[derive(Debug, Clone)]
pub struct Head {
    /// Start line without CRLF.
    pub start: String,
    /// Fields in order, names as sent, values without outer white space.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The values of a field, case of the name ignored.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// `tchar` (RFC 9110 section 5.6.2).
#[must_use]
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads a head, as lenient as needed to look at an answer of any kind: bytes outside ASCII become `?`.
#[must_use]
pub fn read_head(bytes: &[u8]) -> Head {
    let text: String =
        bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
    let mut lines = text.split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let fields = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Head { start, fields }
}

/// What in a request's head is not strict RFC 9112 and 9110; nothing when all is.
#[must_use]
pub fn faults_of_request(bytes: &[u8]) -> Vec<String> {
    let mut faults = Vec::new();
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r')) {
        faults.push("a bare LF".into());
    }
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
        faults.push("a bare CR".into());
    }
    if bytes.iter().any(|byte| (*byte < 0x20 && !b"\r\n\t".contains(byte)) || *byte == 0x7f) {
        faults.push("a control character".into());
    }
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    check_start(lines.next().unwrap_or_default(), &mut faults);
    let mut hosts = 0;
    let (mut lengths, mut codings) = (0, 0);
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            faults.push("a field without a colon".into());
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().copied().all(is_token) {
            faults.push(format!("field name `{}`", name.escape_ascii()));
        }
        match name.to_ascii_lowercase().as_slice() {
            b"host" => hosts += 1,
            b"content-length" => {
                lengths += 1;
                if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                    faults.push(format!("content-length `{}`", value.escape_ascii()));
                }
            }
            b"transfer-encoding" => {
                codings += 1;
                if value != b"chunked" {
                    faults.push(format!("transfer-encoding `{}`", value.escape_ascii()));
                }
            }
            _ => {}
        }
    }
    if hosts != 1 {
        faults.push(format!("{hosts} Host fields"));
    }
    if lengths + codings > 1 {
        faults.push(format!("{lengths} Content-Length and {codings} Transfer-Encoding"));
    }
    faults
}

fn check_start(line: &[u8], faults: &mut Vec<String>) {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts.as_slice() else {
        faults.push(format!("request line `{}`", line.escape_ascii()));
        return;
    };
    if method.is_empty() || !method.iter().copied().all(is_token) {
        faults.push(format!("method `{}`", method.escape_ascii()));
    }
    if !(target.starts_with(b"/") || *target == b"*")
        || !target.iter().all(|byte| (0x21..0x7f).contains(byte))
    {
        faults.push(format!("target `{}`", target.escape_ascii()));
    }
    if *version != b"HTTP/1.1" {
        faults.push(format!("version `{}`", version.escape_ascii()));
    }
}

/// How a request's body ends.
#[must_use]
pub fn framing_of_request(head: &Head) -> Framing {
    if head.all("transfer-encoding").any(|value| value.eq_ignore_ascii_case("chunked")) {
        return Framing::Chunked;
    }
    match head.get("content-length").and_then(|value| value.parse().ok()) {
        None | Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
    }
}

/// Takes bytes off a stream; what was read and not taken stays.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    held: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, held: Vec::new() }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream itself.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// What was read and not taken.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Reads more.
    ///
    /// # Errors
    /// At the end of the stream, and when its timeout passed.
    pub fn more(&mut self) -> io::Result<()> {
        let mut space = [0_u8; 16 * 1024];
        let count = self.inner.read(&mut space)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.held.extend_from_slice(&space[..count]);
        Ok(())
    }

    /// Takes exactly so many bytes.
    ///
    /// # Errors
    /// As [`Reader::more`].
    pub fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.held.len() < count {
            self.more()?;
        }
        let rest = self.held.split_off(count);
        Ok(std::mem::replace(&mut self.held, rest))
    }

    /// Takes all up to and with `end`.
    ///
    /// # Errors
    /// As [`Reader::more`].
    pub fn take_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.held.windows(end.len()).position(|window| window == end) {
                return self.take(at + end.len());
            }
            self.more()?;
        }
    }

    /// Takes a body; chunks are checked strictly and joined.
    ///
    /// # Errors
    /// As [`Reader::more`], and `InvalidData` for chunks that break the grammar.
    pub fn take_body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => self.take(usize::try_from(length).unwrap_or(usize::MAX)),
            Framing::Chunked => self.take_chunks(),
            Framing::Close => loop {
                match self.more() {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Ok(std::mem::take(&mut self.held));
                    }
                    Err(error) => return Err(error),
                }
            },
        }
    }

    fn take_chunks(&mut self) -> io::Result<Vec<u8>> {
        let wrong = |what: &[u8]| {
            io::Error::new(io::ErrorKind::InvalidData, format!("chunk `{}`", what.escape_ascii()))
        };
        let mut body = Vec::new();
        loop {
            let line = self.take_until(b"\n")?;
            let digits = line.strip_suffix(b"\r\n").ok_or_else(|| wrong(&line))?;
            let good = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
            let text = std::str::from_utf8(digits).ok().filter(|_| good).ok_or_else(|| wrong(&line))?;
            let size = usize::from_str_radix(text, 16).map_err(|_| wrong(&line))?;
            if size == 0 {
                loop {
                    if self.take_until(b"\r\n")? == b"\r\n" {
                        return Ok(body);
                    }
                }
            }
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(wrong(b"data without CRLF"));
            }
        }
    }
}
