//! One exchange over HTTP/2 and a fresh connection, for what says behind its content how it ended, as gRPC does.
//!
//! In clear it begins by prior knowledge (RFC 9113 section 3.3). Over TLS the server has to agree by ALPN (section 3.2): one that does
//! not is told nothing.

use std::sync::Arc;

use bytes::Bytes;
use engine::fetch::{FetchError, FetchRequest, FetchResponse, Trailed};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use crate::address::Target;
use crate::exchange::{HEADER_BYTES, collect, connect, exchange_failed, request_to, secure};

/// What HTTP/2 over TLS is called.
pub(crate) const ALPN: &[u8] = b"h2";
/// What a server may send before it is read, in bytes: the least that every window begins with (RFC 9113 section 6.9.2).
const WINDOW: u32 = 65_535;

pub(crate) async fn run(
    tls: &Arc<ClientConfig>,
    target: &Target,
    request: FetchRequest,
) -> Result<Trailed, FetchError> {
    let stream = connect(target, request.reach).await?;
    // Settings, fields and content are frames of their own, and somebody waits for the answer.
    stream.set_nodelay(true).map_err(|error| exchange_failed(&error))?;
    if !target.tls {
        return send(stream, target, request).await;
    }
    let stream = secure(tls, target, stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(FetchError::Exchange(String::from("the server does not speak HTTP/2")));
    }
    send(stream, target, request).await
}

/// Drives a connection, and ends with the exchange however that ends.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send<S>(stream: S, target: &Target, request: FetchRequest) -> Result<Trailed, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let scheme = if target.tls { "https" } else { "http" };
    let max_bytes = request.max_bytes;
    let request = request_to(&format!("{scheme}://{}{}", target.authority(), target.path), request)?;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEADER_BYTES)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|error| exchange_failed(&error))?;
    let _driver = Driver(tokio::spawn(async move {
        // What breaks the connection is told to who waits for the answer.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await.map_err(|error| exchange_failed(&error))?;
    let (head, body) = answer.into_parts();
    let (body, trailers) = collect(body, max_bytes).await?;
    Ok(Trailed { answer: FetchResponse { status: head.status, headers: head.headers, body }, trailers })
}
