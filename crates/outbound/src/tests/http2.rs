//! What servers of HTTP/2 do to who asks them: trailers come with the answer, and what breaks, is long or never ends is said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{Fetch, FetchError, FetchRequest, Reach};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use testkit::FakeClock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{acceptor, client};
use crate::Client;

/// What a server does with a call.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Says these bytes, and the fields behind them.
    Trailed(&'static [u8], &'static [(&'static str, &'static str)]),
    /// Says these bytes and no fields.
    Bare(&'static [u8]),
    /// The head is all.
    Head,
    /// Says these bytes, then takes the stream back.
    Reset(&'static [u8], Reason),
    /// Says these bytes, and no more.
    Stall(&'static [u8]),
    /// Says so many fields of the head.
    Fields(usize),
}

fn trailers(all: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    all.iter().map(field).collect()
}

fn act(act: Act, mut respond: SendResponse<Bytes>) -> Option<SendStream<Bytes>> {
    let mut head = Response::new(());
    if let Act::Fields(count) = act {
        let long = HeaderValue::from_bytes(&[b'x'; 1024]).unwrap();
        (0..count).for_each(|_| {
            head.headers_mut().append("x-long", long.clone());
        });
    }
    let mut stream = respond.send_response(head, matches!(act, Act::Head | Act::Fields(_))).unwrap();
    match act {
        Act::Trailed(body, fields) => {
            stream.send_data(Bytes::from_static(body), false).unwrap();
            stream.send_trailers(trailers(fields)).unwrap();
        }
        Act::Bare(body) => stream.send_data(Bytes::from_static(body), true).unwrap(),
        Act::Reset(body, reason) => {
            stream.send_data(Bytes::from_static(body), false).unwrap();
            stream.send_reset(reason);
        }
        Act::Stall(body) => {
            stream.send_data(Bytes::from_static(body), false).unwrap();
            return Some(stream);
        }
        Act::Head | Act::Fields(_) => {}
    }
    None
}

type Heard = Arc<std::sync::Mutex<Vec<(Request<()>, Vec<u8>)>>>;

async fn serve(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, what: Act, heard: Heard) {
    let Ok(mut connection) = h2::server::handshake(io).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (head, mut body) = request.into_parts();
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut whole = Vec::new();
            while let Some(Ok(bytes)) = body.data().await {
                let _ = body.flow_control().release_capacity(bytes.len());
                whole.extend_from_slice(&bytes);
            }
            heard.lock().unwrap().push((Request::from_parts(head, ()), whole));
            if let Some(_open) = act(what, respond) {
                std::future::pending::<()>().await;
            }
        });
    }
}

/// A server in clear.
async fn server(what: Act) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, what, Arc::clone(&told)));
        }
    });
    (format!("http://{address}/service/method"), heard)
}

fn question(url: &str) -> FetchRequest {
    FetchRequest {
        method: Method::POST,
        headers: trailers(&[("te", "trailers"), ("content-type", "application/grpc")]),
        body: Bytes::from(vec![7; 200_000]),
        max_bytes: 64,
        ..FetchRequest::get(url, Reach::Operator)
    }
}

const ENDED: &[(&str, &str)] = &[("grpc-status", "0"), ("grpc-message", "")];

#[tokio::test]
async fn the_fields_behind_an_answer_come_with_it() {
    let (client, _) = client();
    let (url, heard) = server(Act::Trailed(b"hello", ENDED)).await;
    let trailed = client.fetch_trailed(question(&url)).await.unwrap();
    assert_eq!((trailed.answer.status.as_u16(), &trailed.answer.body[..]), (200, &b"hello"[..]));
    assert_eq!(trailed.trailers.unwrap(), trailers(ENDED));
    let (request, body) = heard.lock().unwrap().pop().unwrap();
    assert_eq!((request.version(), request.method()), (Version::HTTP_2, &Method::POST));
    assert_eq!(request.uri().to_string(), url, "scheme, authority and path");
    assert_eq!((request.headers()["te"].as_bytes(), body.len()), (&b"trailers"[..], 200_000));
    assert!(!request.headers().contains_key("host"));
    for what in [Act::Bare(b"hello"), Act::Head] {
        let (url, _) = server(what).await;
        let trailed = client.fetch_trailed(question(&url)).await.unwrap();
        assert!(trailed.trailers.is_none(), "{what:?}");
    }
}

#[tokio::test]
async fn what_breaks_or_is_long_is_no_answer() {
    let (client, _) = client();
    for what in [Act::Reset(b"hell", Reason::INTERNAL_ERROR), Act::Reset(b"", Reason::REFUSED_STREAM)] {
        let (url, _) = server(what).await;
        let error = client.fetch_trailed(question(&url)).await.unwrap_err();
        assert!(matches!(error, FetchError::Exchange(_)), "{what:?}: {error}");
    }
    // A stream that is taken back without an error may look whole, and has no fields behind it.
    let (url, _) = server(Act::Reset(b"hell", Reason::NO_ERROR)).await;
    match client.fetch_trailed(question(&url)).await {
        Ok(trailed) => assert!(trailed.trailers.is_none()),
        Err(error) => assert!(matches!(error, FetchError::Exchange(_)), "{error}"),
    }
    let (url, _) = server(Act::Trailed(&[b'x'; 65], ENDED)).await;
    assert_eq!(client.fetch_trailed(question(&url)).await.unwrap_err(), FetchError::TooLarge);
    let (url, _) = server(Act::Trailed(&[b'x'; 64], ENDED)).await;
    assert_eq!(client.fetch_trailed(question(&url)).await.unwrap().answer.body.len(), 64);
    let (url, _) = server(Act::Fields(40)).await;
    assert!(client.fetch_trailed(question(&url)).await.is_err(), "40 KiB of fields");
    let (url, _) = server(Act::Fields(20)).await;
    assert!(client.fetch_trailed(question(&url)).await.is_ok(), "20 KiB of fields");
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_with_its_connection() {
    let (client, clock) = client();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (seen, mut gone) = tokio::sync::mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, Act::Stall(b"hell"), Heard::default()).await;
        drop(seen);
    });
    let mut call = std::pin::pin!(client.fetch_trailed(question(&url)));
    for _ in 0..1_000 {
        tokio::select! {
            biased;
            result = &mut call => panic!("{result:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    clock.advance(Duration::from_secs(6));
    assert_eq!(call.await.unwrap_err(), FetchError::Deadline);
    assert!(gone.recv().await.is_none(), "the server is told");
}

#[tokio::test]
async fn a_server_of_another_version_is_no_peer() {
    let (client, _) = client();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 1024];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    });
    let error = client.fetch_trailed(question(&url)).await.unwrap_err();
    assert!(matches!(error, FetchError::Exchange(_)), "{error}");
    let learned = FetchRequest { reach: Reach::PublicOnly, ..question(&url) };
    assert!(matches!(client.fetch_trailed(learned).await, Err(FetchError::Address(_))));
}

/// A server over TLS that speaks these protocols; its certificate is given.
async fn over_tls(protocols: &[&[u8]]) -> (SocketAddr, Vec<u8>, Heard) {
    let (acceptor, certificate) = acceptor(protocols);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(serve(stream, Act::Trailed(b"hello", ENDED), Arc::clone(&told)));
        }
    });
    (address, certificate, heard)
}

#[tokio::test]
async fn over_tls_a_server_has_to_agree_on_http2() {
    for (protocols, agrees) in
        [(&[&b"h2"[..]][..], true), (&[b"http/1.1", b"h2"], true), (&[b"http/1.1"], false), (&[], false)]
    {
        let (address, certificate, heard) = over_tls(protocols).await;
        let client = Client::new(Arc::new(FakeClock::new()), &[certificate]).unwrap();
        let url = format!("https://localhost:{}/service/method", address.port());
        let answer = client.fetch_trailed(question(&url)).await;
        assert_eq!(answer.is_ok(), agrees, "{protocols:?}: {answer:?}");
        assert!(agrees || heard.lock().unwrap().is_empty(), "it is told nothing");
        let stranger = Client::new(Arc::new(FakeClock::new()), &[]).unwrap();
        assert!(stranger.fetch_trailed(question(&url)).await.is_err(), "nobody vouches for it");
    }
}
