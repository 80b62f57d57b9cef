//! One exchange over a fresh connection: calls of our own are rare, and a fresh connection has nothing left in it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use engine::fetch::{FetchError, FetchRequest, FetchResponse, Reach};
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::address::Target;

/// Most header fields of an answer.
const HEADERS: usize = 100;
/// Longest header section of an answer, in bytes.
const HEADER_BYTES: usize = 32 * 1024;

pub(crate) async fn run(
    tls: &Arc<ClientConfig>,
    target: &Target,
    request: FetchRequest,
) -> Result<FetchResponse, FetchError> {
    let stream = connect(target, request.reach).await?;
    if !target.tls {
        return send(stream, target, request).await;
    }
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| FetchError::Url(String::from("its host is no server name")))?;
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
        .map_err(|error| exchange_failed(&error))?;
    send(stream, target, request).await
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
        .max_buf_size(HEADER_BYTES)
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
        let body = if head_only { Bytes::new() } else { collect(body, max_bytes).await? };
        Ok(FetchResponse { status: head.status, headers: head.headers, body })
    }
    .await;
    driver.abort();
    result
}

fn build(target: &Target, request: FetchRequest) -> Result<Request<Full<Bytes>>, FetchError> {
    let bad = |_| FetchError::Url(String::from("it cannot be written as a request"));
    let host = HeaderValue::from_str(&target.authority())
        .map_err(|_| FetchError::Url(String::from("its host cannot be written as a header")))?;
    let mut built = Request::builder()
        .method(request.method)
        .uri(target.path.as_str())
        .body(Full::new(request.body))
        .map_err(bad)?;
    *built.headers_mut() = request.headers;
    let headers = built.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(HOST, host);
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("yett/", env!("CARGO_PKG_VERSION"))));
    Ok(built)
}

async fn collect(mut body: Incoming, max_bytes: usize) -> Result<Bytes, FetchError> {
    // What is announced as too long is not waited for.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(FetchError::TooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| exchange_failed(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > max_bytes {
            return Err(FetchError::TooLarge);
        }
        whole.extend_from_slice(data);
    }
    Ok(whole.freeze())
}

pub(crate) fn exchange_failed(error: &dyn std::error::Error) -> FetchError {
    let mut text = error.to_string();
    if let Some(source) = error.source() {
        text.push_str(": ");
        text.push_str(&source.to_string());
    }
    FetchError::Exchange(text)
}
