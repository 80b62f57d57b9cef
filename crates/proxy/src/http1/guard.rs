//! Stands between the socket and hyper and lets strict messages through only.
//!
//! hyper's parser is laxer than we want, and above it is too late: it drops what contradicts itself. The guard follows the
//! messages in the stream. A head is handed on when all of it is there and checked; a body as it comes. In place of a
//! head that is refused, hyper gets a small one of ours that ends the connection, and the service answers it with the
//! fault that waits on the connection. After a fault nothing is read any more.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::Conn;
use crate::http1::message::Messages;

pub(crate) use crate::http1::message::Fault;

/// How long, and for how many bytes, what the client still sends is read and dropped after the last answer: closing a
/// socket with unread bytes resets it, and the client might never see the answer.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// A socket whose reader sees strict HTTP/1 only.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    io: S,
    conn: Rc<Conn>,
    messages: Messages,
    /// Accepted, not yet handed on.
    ready: BytesMut,
    /// The start of a head.
    held: BytesMut,
    stopped: Option<Stopped>,
    /// Bytes read and dropped since our side was shut; `None` before.
    lingering: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Stopped {
    /// A head was refused; its stand-in is on the way.
    InHead,
    /// A body broke the grammar.
    InBody,
}

impl<S> Guard<S> {
    /// Guards a socket of which `first` was read already.
    pub(crate) fn new(io: S, first: BytesMut, conn: Rc<Conn>) -> Self {
        let mut guard = Self {
            io,
            conn,
            messages: Messages::new(),
            ready: BytesMut::new(),
            held: first,
            stopped: None,
            lingering: None,
        };
        if !guard.held.is_empty() {
            guard.scan_held();
        }
        guard
    }

    fn scan_held(&mut self) {
        let (accepted, fault) = self.messages.scan(&self.held);
        let accepted = self.held.split_to(accepted);
        if self.ready.is_empty() {
            self.ready = accepted;
        } else {
            self.ready.extend_from_slice(&accepted);
        }
        self.after_scan(fault);
    }

    fn after_scan(&mut self, fault: Option<Fault>) {
        match fault {
            Some(fault) if self.messages.in_head() => {
                self.conn.refuse_head(self.messages.heads, fault);
                self.ready.extend_from_slice(STAND_IN);
                self.stopped = Some(Stopped::InHead);
            }
            Some(_) => self.stopped = Some(Stopped::InBody),
            None => self.conn.head_open(!self.held.is_empty()),
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Reads into the caller's buffer and takes back what cannot be handed on yet.
    fn read_through(&mut self, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, out))?;
        let fresh = out.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let (accepted, fault) = self.messages.scan(fresh);
        let complete = accepted == fresh.len() && fault.is_none();
        if !complete {
            if fault.is_none() {
                self.held.extend_from_slice(fresh.get(accepted..).unwrap_or_default());
            }
            out.set_filled(before + accepted);
            self.after_scan(fault);
        }
        Poll::Ready(Ok(accepted > 0))
    }

    /// Reads more of a head that came in pieces.
    fn read_held(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut space = [0_u8; 4096];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(buffer.filled());
        self.scan_held();
        Poll::Ready(Ok(false))
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
            if !this.ready.is_empty() {
                let length = this.ready.len().min(out.remaining());
                out.put_slice(this.ready.get(..length).unwrap_or_default());
                this.ready.advance(length);
                return Poll::Ready(Ok(()));
            }
            match this.stopped {
                // No end of file: hyper would give up the answer that is due.
                Some(Stopped::InHead) => return Poll::Pending,
                Some(Stopped::InBody) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the body breaks the grammar",
                    )));
                }
                None => {}
            }
            let done = if this.held.is_empty() {
                ready!(this.read_through(context, out))?
            } else {
                ready!(this.read_held(context))?
            };
            if done {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(context))?;
            this.lingering = Some(0);
            this.conn.alarm.set_in(LINGER_TIME);
        }
        if this.messages.in_head() && this.stopped.is_none() {
            return Poll::Ready(Ok(()));
        }
        this.linger(context).map(Ok)
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut space = [0_u8; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer));
            let dropped = self.lingering.unwrap_or_default() + buffer.filled().len();
            self.lingering = Some(dropped);
            if read.is_err() || buffer.filled().is_empty() || dropped > LINGER_BYTES {
                return Poll::Ready(());
            }
        }
    }
}
