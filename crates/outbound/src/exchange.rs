//! One exchange over a fresh connection: calls of our own are rare, and a fresh connection has nothing left in it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use engine::fetch::{FetchError, FetchRequest, FetchResponse, Reach};
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Target;

/// Most header fields of an answer.
const HEADERS: usize = 100;
/// Longest header section of an answer, in bytes.
pub(crate) const HEADER_BYTES: u32 = 32 * 1024;

pub(crate) async fn run(
    tls: &Arc<ClientConfig>,
    target: &Target,
    request: FetchRequest,
) -> Result<FetchResponse, FetchError> {
    let stream = connect(target, request.reach).await?;
    if target.tls {
        send(secure(tls, target, stream).await?, target, request).await
    } else {
        send(stream, target, request).await
    }
}

/// Speaks TLS with a server whose certificate names the target.
pub(crate) async fn secure(
    tls: &Arc<ClientConfig>,
    target: &Target,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| FetchError::Url(String::from("its host is no server name")))?;
    let connector = TlsConnector::from(Arc::clone(tls));
    connector.connect(name, stream).await.map_err(|error| exchange_failed(&error))
}

#[expect(clippy::disallowed_methods, reason = "this is the one way out")]
pub(crate) async fn connect(target: &Target, reach: Reach) -> Result<TcpStream, FetchError> {
    let mut last = FetchError::Address(String::from("no address"));
    for reachable in target.resolve(reach).await? {
        match TcpStream::connect(reachable.address()).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = exchange_failed(&error),
        }
    }
    Err(last)
}

async fn send<S>(stream: S, target: &Target, request: FetchRequest) -> Result<FetchResponse, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES as usize)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|error| exchange_failed(&error))?;
    // Ends with the exchange: dropping `sender` lets it go.
    let driver = tokio::spawn(connection);
    let (max_bytes, head_only) = (request.max_bytes, request.head_only);
    let result = async {
        let answer =
            sender.send_request(build(target, request)?).await.map_err(|error| exchange_failed(&error))?;
        let (head, body) = answer.into_parts();
        let body = if head_only { Bytes::new() } else { collect(body, max_bytes).await?.0 };
        Ok(FetchResponse { status: head.status, headers: head.headers, body })
    }
    .await;
    driver.abort();
    result
}

fn build(target: &Target, request: FetchRequest) -> Result<Request<Full<Bytes>>, FetchError> {
    let host = HeaderValue::from_str(&target.authority())
        .map_err(|_| FetchError::Url(String::from("its host cannot be written as a header")))?;
    let mut built = request_to(&target.path, request)?;
    built.headers_mut().insert(HOST, host);
    Ok(built)
}

/// The request to a URI as its version of HTTP writes that.
pub(crate) fn request_to(uri: &str, request: FetchRequest) -> Result<Request<Full<Bytes>>, FetchError> {
    let bad = |_| FetchError::Url(String::from("it cannot be written as a request"));
    let mut built =
        Request::builder().method(request.method).uri(uri).body(Full::new(request.body)).map_err(bad)?;
    *built.headers_mut() = request.headers;
    let headers = built.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("yett/", env!("CARGO_PKG_VERSION"))));
    Ok(built)
}

/// The content, whole, and the fields behind it.
pub(crate) async fn collect(
    mut body: Incoming,
    max_bytes: usize,
) -> Result<(Bytes, Option<HeaderMap>), FetchError> {
    // What is announced as too long is not waited for.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(FetchError::TooLarge);
    }
    let (mut whole, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let data = match frame.map_err(|error| exchange_failed(&error))?.into_data() {
            Ok(data) => data,
            Err(other) => {
                trailers = other.into_trailers().ok();
                continue;
            }
        };
        if whole.len() + data.len() > max_bytes {
            return Err(FetchError::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok((whole.freeze(), trailers))
}

pub(crate) fn exchange_failed(error: &dyn std::error::Error) -> FetchError {
    let mut text = error.to_string();
    if let Some(source) = error.source() {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }
    FetchError::Exchange(text)
}
