//! What TLS writes its records to, and how they are read.
//!
//! The library hands over records as a list of slices, and mostly it is one. `writev` costs the kernel more than `send` for the
//! same bytes: the list is copied and checked. On a short answer that is a hundredth of the call.
//!
//! Read by the library, each message asks the socket once more after its last record; and a call asks twice when nothing can have
//! come, to be woken when something does. Each time goes through all layers of the library, for nothing. [`poll_read`] does not.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Reads what a client sent: what lies decrypted, else what comes next.
///
/// Nobody else may read the stream with `AsyncRead`: the library puts an error aside there that is not seen here.
pub(crate) fn poll_read(
    stream: &mut TlsStream<Records>,
    context: &mut Context<'_>,
    out: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    // All records that came whole are decrypted when they come: without plaintext, only the socket can help.
    let (socket, session) = stream.get_ref();
    if session.wants_read() {
        ready!(socket.0.poll_read_ready(context))?;
    }
    loop {
        let bytes = ready!(Pin::new(&mut *stream).poll_fill_buf(context))?;
        let length = bytes.len().min(out.remaining());
        out.put_slice(bytes.get(..length).unwrap_or_default());
        Pin::new(&mut *stream).consume(length);
        // While there is plaintext the socket is not asked, so that nothing waits or fails after bytes were taken.
        if length == 0 || out.remaining() == 0 || stream.get_ref().1.wants_read() {
            return Poll::Ready(Ok(()));
        }
    }
}

/// A socket that sends a single slice by `send`.
#[derive(Debug)]
pub(crate) struct Records(pub(crate) TcpStream);

impl AsyncRead for Records {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, out)
    }
}

impl AsyncWrite for Records {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [one] => self.poll_write(context, one),
            all => Pin::new(&mut self.get_mut().0).poll_write_vectored(context, all),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
