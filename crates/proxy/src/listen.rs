//! Sockets that clients connect to.
//!
//! Each core has a socket of its own on the same address (`SO_REUSEPORT`), so that accepting needs no lock.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use engine::bounds::{self, Bound};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection;
use crate::core::Core;

const BACKLOG: i32 = 1024;
/// How long to wait when accepting fails, as when there are no descriptors left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Opens one socket per core on `bind`, all on one port.
///
/// # Errors
/// When the text is no address, or the address is in use or not ours.
pub(crate) fn bind(bind: &str, cores: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut address: SocketAddr = bind.parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{bind}` is not an address with a port"))
    })?;
    // With SO_REUSEPORT a second process of the same user would silently take half of the connections.
    drop(open(address, false)?);
    let mut sockets = Vec::with_capacity(cores);
    for _ in 0..cores.max(1) {
        let socket = open(address, true)?;
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok((address, sockets))
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts for ever.
pub(crate) async fn accept(core: Rc<Core>, listener: u16, socket: tokio::net::TcpListener) {
    loop {
        match socket.accept().await {
            Ok(_) if core.sockets.get() >= bounds::CONNECTIONS => core.recorder.bound(Bound::Connections),
            Ok((stream, address)) => {
                tokio::task::spawn_local(connection::serve(Rc::clone(&core), listener, stream, address));
            }
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

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

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
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
