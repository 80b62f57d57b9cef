//! Makes one connection: address, TCP, TLS, HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use engine::upstream::{Target, Upstream, UpstreamHttp};
use engine::{bounds, codes};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Sender;
use super::connections::Connections;
use super::gate::Permit;
use crate::core::{Core, LocalExec};
use crate::exchange::Failure;
use crate::http1::client::Connection;
use crate::http1::wire::Socket;
use crate::offline;

const SEND_BUFFER: usize = 64 * 1024;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Connects to a target, with `one` by HTTP/1 alone; the caller sets the deadline. Says which of its addresses it was.
///
/// # Errors
/// `upstream_unreachable` with what failed.
pub(super) async fn connect(
    core: &Core,
    connections: &Connections,
    (upstream, target, one): (&Upstream, &Target, bool),
    permit: Permit,
) -> Result<(Sender, SocketAddr), Failure> {
    if let Some(service) = &core.service {
        let (socket, address) = offline::connect(service, target)?;
        return Ok((Sender::One(Connection::new(socket, address, permit)), address));
    }
    let unreachable = |why: String| Failure::new(&codes::UPSTREAM_UNREACHABLE, why);
    let (socket, address) = dial(core, connections).await?;
    if !target.tls {
        let sender = match upstream.http {
            UpstreamHttp::Two if !one => speak_two(socket, permit).await?,
            _ => Sender::One(Connection::new(Socket::Clear(socket), address, permit)),
        };
        return Ok((sender, address));
    }
    let cell = if one { &connections.tls_one } else { &connections.tls };
    let config = match cell.get() {
        Some(config) => Arc::clone(config),
        None => {
            let made = core.tls.clients.config(upstream, one).map_err(unreachable)?;
            Arc::clone(cell.get_or_init(|| made))
        }
    };
    let name = super::tls::server_name(upstream, target).map_err(unreachable)?;
    let stream = tokio_rustls::TlsConnector::from(config)
        .connect(name, socket)
        .await
        .map_err(|error| unreachable(format!("TLS: {error}")))?;
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    if upstream.http == UpstreamHttp::Two && !two && !one {
        return Err(unreachable(String::from("TLS: the upstream does not offer HTTP/2")));
    }
    let sender = match two {
        true => speak_two(stream, permit).await?,
        false => Sender::One(Connection::new(Socket::Connected(Box::new(stream)), address, permit)),
    };
    Ok((sender, address))
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that connects for calls of clients")]
async fn dial(core: &Core, connections: &Connections) -> Result<(TcpStream, SocketAddr), Failure> {
    let addresses = connections.addresses.get(&*core.clock).await?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => {
                // Without it an answer may wait for an acknowledgement; it works all the same.
                let _ = socket.set_nodelay(true);
                return Ok((socket, address));
            }
            Err(error) => last = Some(error),
        }
    }
    connections.addresses.doubt(core.clock.now());
    let why = last.map_or_else(|| String::from("no address"), |error| error.to_string());
    Err(Failure::new(&codes::UPSTREAM_UNREACHABLE, why))
}

async fn speak_two<S>(io: S, permit: Permit) -> Result<Sender, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(LocalExec)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(bounds::HEADER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_reset_streams(bounds::RESET_STREAMS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(std::time::Duration::from_secs(30))
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| Failure::new(&codes::UPSTREAM_UNREACHABLE, error.to_string()))?;
    tokio::task::spawn_local(async move {
        // Whoever has a call on it is told of its end there.
        let _ = connection.await;
        drop(permit);
    });
    Ok(Sender::Two(sender))
}
