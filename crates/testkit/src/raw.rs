//! A client that sends whatever bytes it is told to and reads answers under a deadline.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::clock::Deadline;
use crate::frames::{Frame, read_frame};
use crate::wire::{Framing, Head, Reader, read_head};

/// How long an answer may take before a test calls it stuck, in seconds.
pub const PATIENCE: u64 = 20;

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    reader: Reader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its head.
    pub head: Head,
    /// Its body, chunks joined.
    pub body: Vec<u8>,
    /// Statuses of interim answers before it.
    pub interim: Vec<u16>,
}

impl Reply {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The problem's `code`, when the body is a problem document of ours.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        code_of(&self.body)
    }
}

/// The member `code` of a problem document.
#[must_use]
pub fn code_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"code\":\"")?;
    rest.split_once('"').map(|(code, _)| code.to_owned())
}

impl RawClient {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Deadline::seconds(PATIENCE).left())).unwrap();
        stream.set_write_timeout(Some(Deadline::seconds(PATIENCE).left())).unwrap();
        Self { reader: Reader::new(stream) }
    }

    /// Sends bytes. An error means that the other side closed; what it said before that can still be read.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes.as_ref())
    }

    /// Waits so long for each read from now on, and no longer.
    ///
    /// # Panics
    /// When the time is zero.
    pub fn patience(&mut self, time: Duration) {
        self.reader.get_ref().set_read_timeout(Some(time)).unwrap();
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// When the connection ends before it, or the deadline passes.
    pub fn reply(&mut self) -> io::Result<Reply> {
        self.reply_to(false)
    }

    /// Reads the answer to a HEAD request.
    ///
    /// # Errors
    /// As [`RawClient::reply`].
    pub fn reply_to_head(&mut self) -> io::Result<Reply> {
        self.reply_to(true)
    }

    fn reply_to(&mut self, head_only: bool) -> io::Result<Reply> {
        let mut interim = Vec::new();
        loop {
            let head = read_head(&self.reader.take_until(b"\r\n\r\n")?);
            let status: u16 = head.start.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let framing = if head_only || status == 204 || status == 304 || status == 101 {
                Framing::None
            } else if head.get("transfer-encoding").is_some() {
                Framing::Chunked
            } else {
                head.get("content-length")
                    .and_then(|value| value.parse().ok())
                    .map_or(Framing::Close, Framing::Length)
            };
            let body = self.reader.take_body(framing)?;
            return Ok(Reply { status, head, body, interim });
        }
    }

    /// Reads one frame of HTTP/2.
    ///
    /// # Errors
    /// As [`RawClient::reply`].
    pub fn frame(&mut self) -> io::Result<Frame> {
        read_frame(&mut self.reader)
    }

    /// Reads until the other side ends the connection; true when it did so within the deadline.
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.reader.more() {
                Ok(()) => {}
                Err(error) => {
                    return !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                }
            }
        }
    }

    /// What was read and belongs to no answer yet.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        self.reader.held()
    }
}

/// One request on one connection. `None` when the connection ends without an answer.
#[must_use]
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Option<Reply> {
    let mut client = RawClient::connect(address);
    // The other side may refuse and close before it has all.
    let _ = client.send(request);
    client.reply().ok()
}
