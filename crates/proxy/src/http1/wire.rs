//! A socket with what was read of it and what is still to be written.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Room for a read: most messages fit.
const ROOM: usize = 4 * 1024;
/// Room for a read of a long body.
const MUCH_ROOM: usize = 32 * 1024;
/// A piece that is at least so long is written from where it lies, a shorter one is copied.
const LONG_PIECE: usize = 4 * 1024;
/// So much waits to be written before more is asked for.
const HIGH_WATER: usize = 32 * 1024;

/// What a connection of HTTP/1 is made of.
#[derive(Debug)]
pub(crate) enum Socket {
    /// TCP in clear text.
    Clear(TcpStream),
    /// A unix socket in clear text.
    Unix(UnixStream),
    /// TLS with a client.
    Accepted(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// TLS with an upstream.
    Connected(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    /// The memory of this process, where no socket is ([`crate::offline`]).
    Memory(DuplexStream),
}

/// Does the same on whatever it is.
macro_rules! each {
    ($socket:expr, $io:ident => $do:expr) => {
        match $socket {
            Socket::Clear($io) => $do,
            Socket::Unix($io) => $do,
            Socket::Accepted($io) => $do,
            Socket::Connected($io) => $do,
            Socket::Memory($io) => $do,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_read(context, out))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, io => io.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_shutdown(context))
    }
}

/// A socket and its buffers.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    /// Read, not yet taken.
    pub(crate) inbox: BytesMut,
    /// To be written, the first `written` bytes of it are.
    outbox: Vec<u8>,
    written: usize,
    /// To be written after `outbox`.
    tail: Bytes,
    /// Whether any byte was handed to the socket since [`Wire::forget_written`].
    handed: bool,
    /// Whether all was handed to the socket, and the socket may still hold some of it.
    unflushed: bool,
    room: usize,
}

impl Wire {
    /// A socket of which `inbox` was read already.
    pub(crate) fn new(socket: Socket, inbox: BytesMut) -> Self {
        Self {
            socket,
            inbox,
            outbox: Vec::new(),
            written: 0,
            tail: Bytes::new(),
            handed: false,
            unflushed: false,
            room: ROOM,
        }
    }

    /// Reads once, and gives how much came; 0 at the end.
    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.inbox.capacity() - self.inbox.len() < self.room / 2 {
            self.inbox.reserve(self.room);
        }
        let space = self.inbox.capacity() - self.inbox.len();
        let read = ready!(pin!(self.socket.read_buf(&mut self.inbox)).poll(context))?;
        self.room = if read == space { MUCH_ROOM } else { ROOM };
        Poll::Ready(Ok(read))
    }

    /// Lets go of what a long message needed; nothing is waited for but the next one.
    pub(crate) fn relax(&mut self) {
        if self.inbox.is_empty() && self.inbox.capacity() > 2 * ROOM {
            self.inbox = BytesMut::new();
        }
        self.room = ROOM;
    }

    /// Lets go of all room: nothing is expected soon.
    pub(crate) fn park(&mut self) {
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        if self.outbox.is_empty() {
            self.outbox = Vec::new();
        }
    }

    /// What is to be written next, to be appended to.
    pub(crate) fn outbox(&mut self) -> &mut Vec<u8> {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.outbox.extend_from_slice(&tail);
        }
        &mut self.outbox
    }

    /// Queues a piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.len() < LONG_PIECE || !self.tail.is_empty() {
            self.outbox().extend_from_slice(&piece);
        } else {
            self.tail = piece;
        }
    }

    /// Whether so much is queued that it has to go first.
    pub(crate) fn is_full(&self) -> bool {
        !self.tail.is_empty() || self.outbox.len() - self.written >= HIGH_WATER
    }

    /// Whether any byte was handed to the socket since it was forgotten.
    pub(crate) fn has_written(&self) -> bool {
        self.handed
    }

    /// What was written so far belongs to an earlier message.
    pub(crate) fn forget_written(&mut self) {
        self.handed = false;
    }

    /// Whether nothing is queued.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && self.tail.is_empty() && !self.unflushed
    }

    /// Writes all that is queued.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.outbox.len() || !self.tail.is_empty() {
            let rest = self.outbox.get(self.written..).unwrap_or_default();
            let socket = Pin::new(&mut self.socket);
            let count = ready!(match (rest.is_empty(), self.tail.is_empty()) {
                (_, true) => socket.poll_write(context, rest),
                (true, false) => socket.poll_write(context, &self.tail),
                (false, false) => socket
                    .poll_write_vectored(context, &[io::IoSlice::new(rest), io::IoSlice::new(&self.tail)]),
            })?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.handed, self.unflushed) = (true, true);
            let of_outbox = count.min(rest.len());
            self.written += of_outbox;
            self.tail.advance(count - of_outbox);
        }
        self.written = 0;
        self.outbox.clear();
        self.outbox.shrink_to(HIGH_WATER);
        if self.unflushed {
            ready!(Pin::new(&mut self.socket).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the other side that nothing more will come.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
