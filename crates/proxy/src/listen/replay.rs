//! A socket of which something was read before it was known what speaks there.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

/// A socket whose first bytes were read already.
#[derive(Debug)]
pub(crate) struct Replay<S> {
    first: Bytes,
    io: S,
}

impl<S> Replay<S> {
    /// A socket of which `first` was read already.
    pub(crate) fn new(first: Bytes, io: S) -> Self {
        Self { first, io }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.io).poll_read(context, out);
        }
        let length = this.first.len().min(out.remaining());
        out.put_slice(this.first.get(..length).unwrap_or_default());
        this.first.advance(length);
        Poll::Ready(Ok(()))
    }
}

crate::through::writes_through!(Replay);
