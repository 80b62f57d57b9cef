//! Below hyper: every frame's header is seen before hyper sees it, and bytes go on up to the first frame that must not.
//!
//! hyper answers each PING and SETTINGS and starts a call for each stream however many come; the bounds on that are here,
//! where a frame costs nothing yet (THREATS row 8). Only headers of frames are read, payloads pass as they are. When a frame
//! must not go on, hyper is given one that it refuses instead, so that the client is told by GOAWAY; calls that are under way are dropped with the connection.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::rules::{FrameHead, HEADER, Objection, Rules};
use crate::connection::Conn;
use crate::core::Core;

/// Bytes before the first frame (RFC 9113 section 3.4); hyper reads them.
const PREFACE: usize = 24;
/// Room for a read.
const ROOM: usize = 16 * 1024;
/// PING on stream 1: PROTOCOL_ERROR (RFC 9113 section 6.7).
const MISPLACED: &[u8] = b"\0\0\x08\x06\0\0\0\0\x01\0\0\0\0\0\0\0\0";
/// The header of a frame longer than any may be: FRAME_SIZE_ERROR (section 4.2).
const OVERSIZED: &[u8] = b"\xff\xff\xff\x06\0\0\0\0\0";

/// A client's connection under guard.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    io: S,
    core: Rc<Core>,
    conn: Rc<Conn>,
    /// Read, not yet handed on.
    inbox: BytesMut,
    /// How many bytes of `inbox` may go on.
    good: usize,
    /// Bytes up to the next frame's header, beyond what is in `inbox`.
    skip: usize,
    rules: Rules,
    /// Nothing more goes on.
    refused: bool,
}

impl<S> Guard<S> {
    /// A socket of which nothing was read yet.
    pub(crate) fn new(io: S, core: &Rc<Core>, conn: &Rc<Conn>) -> Self {
        Self {
            io,
            inbox: BytesMut::new(),
            good: 0,
            skip: PREFACE,
            rules: Rules::new(core.clock.now()),
            refused: false,
            core: Rc::clone(core),
            conn: Rc::clone(conn),
        }
    }

    /// Looks at what is new in `inbox`.
    fn look(&mut self) {
        while !self.refused {
            let rest = self.inbox.len() - self.good;
            let step = self.skip.min(rest);
            self.good += step;
            self.skip -= step;
            if self.skip > 0 {
                return;
            }
            let Some(header) = self.inbox.get(self.good..).and_then(<[u8]>::first_chunk::<HEADER>) else {
                return;
            };
            let frame = FrameHead::read(*header);
            match self.rules.judge(frame, || self.core.clock.now()) {
                Ok(()) => self.skip = HEADER + frame.length as usize,
                Err(objection) => self.refuse(objection),
            }
        }
    }

    fn refuse(&mut self, objection: Objection) {
        self.conn.malformed();
        if let Objection::Bound(bound) = objection {
            self.core.recorder.bound(bound);
        }
        self.refused = true;
        self.inbox.truncate(self.good);
        self.inbox.extend_from_slice(if objection == Objection::Size { OVERSIZED } else { MISPLACED });
        self.good = self.inbox.len();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.good == 0 {
            if this.refused {
                return Poll::Ready(Ok(()));
            }
            this.inbox.reserve(ROOM);
            let read = std::pin::pin!(this.io.read_buf(&mut this.inbox)).poll(context);
            if read.is_pending() && this.inbox.is_empty() {
                // An idle connection holds no buffer.
                this.inbox = BytesMut::new();
            }
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
            this.look();
        }
        let length = this.good.min(out.remaining());
        out.put_slice(this.inbox.get(..length).unwrap_or_default());
        this.inbox.advance(length);
        this.good -= length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
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
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}
