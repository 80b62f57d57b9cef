//! A socket with what was read of it and what is still to be written.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::listen::records::{self, Records};

/// Room for a read: most messages fit.
const ROOM: usize = 4 * 1024;
/// Room for a read of a long body.
const MUCH_ROOM: usize = 32 * 1024;
/// A piece that is at least so long is written from where it lies, a shorter one is copied.
const LONG_PIECE: usize = 4 * 1024;
/// So much is written on a stream of HTTP/2 at once.
const PIECE: usize = 16 * 1024;
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
    Accepted(Box<tokio_rustls::server::TlsStream<Records>>),
    /// TLS with an upstream.
    Connected(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    /// The memory of this process, where no socket is ([`crate::offline`]).
    Memory(DuplexStream),
    /// A stream of a client's connection of HTTP/2 that goes on as something else.
    Stream(Box<TokioIo<Upgraded>>),
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
            Socket::Stream($io) => $do,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Accepted(stream) => records::poll_read(stream, context, out),
            other => each!(other, io => Pin::new(io).poll_read(context, out)),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // What is written on a stream is copied whole before any of it goes.
        let limit = if matches!(*self, Socket::Stream(_)) { PIECE } else { bytes.len() };
        let bytes = bytes.get(..limit).unwrap_or(bytes);
        each!(self.get_mut(), io => Pin::new(io).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if matches!(*self, Socket::Stream(_)) {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(context, first.map_or(&[], |slice| slice));
        }
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
    /// Room for a read of a long body.
    much: usize,
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
            much: MUCH_ROOM,
        }
    }

    /// Reads once, and gives how much came; 0 at the end.
    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.inbox.capacity() - self.inbox.len() < self.room / 2 {
            self.inbox.reserve(self.room);
        }
        let space = self.inbox.capacity() - self.inbox.len();
        let read = ready!(pin!(self.socket.read_buf(&mut self.inbox)).poll(context))?;
        self.room = if read == space { self.much } else { ROOM };
        Poll::Ready(Ok(read))
    }

    /// Whether nothing has come that was not read, the end included. Nobody is woken when something does.
    pub(crate) fn is_silent(&mut self) -> bool {
        match &self.socket {
            // A look at what the runtime knows already, without a waker to leave there.
            Socket::Clear(socket) => {
                socket.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            _ => self.poll_fill(&mut Context::from_waker(Waker::noop())).is_pending(),
        }
    }

    /// Whether even long bodies are read in short pieces.
    pub(crate) fn read_little(&mut self, little: bool) {
        self.much = if little { ROOM } else { MUCH_ROOM };
        self.room = self.room.min(self.much);
    }

    /// Lets go of what a long message needed; nothing is waited for but the next one.
    pub(crate) fn relax(&mut self) {
        if self.inbox.is_empty() && self.inbox.capacity() > 2 * ROOM {
            self.inbox = BytesMut::new();
        }
        (self.room, self.much) = (ROOM, MUCH_ROOM);
    }

    /// Lets go of all room: nothing is expected soon.
    pub(crate) fn park(&mut self) {
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
        }
        if self.outbox.is_empty() {
            self.outbox = Vec::new();
        }
        self.room = ROOM;
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

    /// How many bytes are queued.
    pub(crate) fn queued(&self) -> usize {
        self.outbox.len() - self.written + self.tail.len()
    }

    /// Whether so much is queued that it has to go first.
    pub(crate) fn is_full(&self) -> bool {
        !self.tail.is_empty() || self.queued() >= HIGH_WATER
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
            let written = match (rest.is_empty(), self.tail.is_empty()) {
                (_, true) => socket.poll_write(context, rest),
                (true, false) => socket.poll_write(context, &self.tail),
                (false, false) => socket
                    .poll_write_vectored(context, &[io::IoSlice::new(rest), io::IoSlice::new(&self.tail)]),
            };
            let Poll::Ready(count) = written else {
                self.let_go_of_written();
                return Poll::Pending;
            };
            let count = count?;
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

    /// Takes what was written off the front of what waits. A socket that never takes all at once would keep it for ever while
    /// more is appended. No byte is moved more often than two are written, and what is left is no more than half as much.
    fn let_go_of_written(&mut self) {
        let rest = self.outbox.len() - self.written;
        if self.written > 0 && self.written >= rest / 2 {
            self.outbox.drain(..self.written);
            self.written = 0;
            if self.outbox.capacity() > 4 * self.outbox.len().max(HIGH_WATER) {
                self.outbox.shrink_to(HIGH_WATER);
            }
        }
    }

    /// Tells the other side that nothing more will come.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what is there, so many bytes at most.
    fn take(from: &mut DuplexStream, most: usize, context: &mut Context<'_>) -> usize {
        let mut space = vec![0; most];
        let mut out = ReadBuf::new(&mut space);
        let _ = Pin::new(from).poll_read(context, &mut out);
        out.filled().len()
    }

    #[test]
    fn what_was_written_takes_no_room_however_long_something_waits() {
        let context = &mut Context::from_waker(Waker::noop());
        let (near, mut far) = tokio::io::duplex(8 * 1024);
        let mut wire = Wire::new(Socket::Memory(near), BytesMut::new());
        let piece = Bytes::from(vec![7; 1024]);
        let (mut pushed, mut taken) = (0, 0);
        for _ in 0..10_000 {
            while !wire.is_full() {
                wire.push(piece.clone());
                pushed += piece.len();
            }
            assert!(wire.poll_flush(context).is_pending(), "it is never empty");
            taken += take(&mut far, 8 * 1024, context);
        }
        assert!(wire.outbox.capacity() <= 3 * HIGH_WATER, "{}", wire.outbox.capacity());
        // All of it comes.
        while !wire.is_flushed() {
            let _ = wire.poll_flush(context);
            taken += take(&mut far, 8 * 1024, context);
        }
        taken += take(&mut far, 8 * 1024, context);
        assert_eq!(taken, pushed);
    }

    #[test]
    fn a_long_piece_leaves_no_room_behind_while_short_ones_follow() {
        let context = &mut Context::from_waker(Waker::noop());
        let (near, mut far) = tokio::io::duplex(8 * 1024);
        let mut wire = Wire::new(Socket::Memory(near), BytesMut::new());
        let sent: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        wire.outbox().extend_from_slice(&sent);
        let mut came = Vec::new();
        while came.len() < sent.len() {
            let _ = wire.poll_flush(context);
            let mut space = vec![0; 8 * 1024];
            let mut out = ReadBuf::new(&mut space);
            let _ = Pin::new(&mut far).poll_read(context, &mut out);
            came.extend_from_slice(out.filled());
            while !wire.is_full() {
                wire.push(Bytes::from_static(&[9; 1024]));
            }
        }
        assert!(came.starts_with(&sent));
        assert!(wire.outbox.capacity() <= 5 * HIGH_WATER, "{}", wire.outbox.capacity());
    }
}
