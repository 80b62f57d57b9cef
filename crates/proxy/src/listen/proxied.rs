//! Connections that come through a trusted proxy begin with whose they are.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use engine::bounds::{self, Bound};
use engine::record::ConnectionEvent;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::preamble::{self, Fault, Preamble};
use crate::core::Core;

/// Room for a read: version 1 and nearly all of version 2 fits.
const ROOM: usize = 512;

/// Whether a peer of a listener begins with the PROXY protocol.
pub(crate) fn is_expected(core: &Core, listener: u16, address: SocketAddr) -> bool {
    let current = core.current.borrow();
    let listener = current.snapshot().listeners.get(usize::from(listener));
    listener.is_some_and(|listener| listener.proxies.iter().any(|network| network.contains(address.ip())))
}

/// Reads the header, which leaves `bytes` with what followed it. `Err` when the connection is to be closed, which is told.
pub(crate) async fn source<S>(
    core: &Core,
    socket: &mut S,
    bytes: &mut BytesMut,
) -> Result<Option<SocketAddr>, ()>
where
    S: AsyncRead + Unpin,
{
    let refused = match tokio::time::timeout(bounds::PROXY_HEADER_TIME, read(socket, bytes)).await {
        Ok(Ok(header)) => {
            bytes.advance(header.length);
            return Ok(header.source);
        }
        Ok(Err(Some(Fault::TooLong))) => Some(Bound::ProxyHeader),
        Ok(Err(_)) => None,
        Err(_) => Some(Bound::ProxyHeaderTime),
    };
    if let Some(bound) = refused {
        core.recorder.bound(bound);
    }
    core.recorder.connection(ConnectionEvent::ProxyHeaderRefused);
    Err(())
}

/// `None` when the proxy went away.
async fn read<S>(socket: &mut S, bytes: &mut BytesMut) -> Result<Preamble, Option<Fault>>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(header) = preamble::parse(bytes, bounds::PROXY_HEADER_BYTES).map_err(Some)? {
            return Ok(header);
        }
        bytes.reserve(ROOM);
        let count: io::Result<usize> = socket.read_buf(bytes).await;
        if count.map_err(|_| None)? == 0 {
            return Err(None);
        }
    }
}
