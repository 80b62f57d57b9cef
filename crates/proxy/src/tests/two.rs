//! HTTP/2 in clear text and over TLS, on both sides (THREATS rows 5, 11, 15, 44).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use engine::BodyMode;
use engine::bounds::{self, Bound};
use engine::snapshot::{ListenerTls, TlsIdentity, TlsMinimum, UpstreamHttp};
use http::{HeaderMap, Request, Response};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::world::{Backend, OK, Shape, World};

struct Answer {
    head: Response<()>,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

/// Sends `requests` on one connection, each with a body and trailers when given.
async fn ask<S>(
    io: S,
    requests: Vec<(Request<()>, &'static str, Option<HeaderMap>)>,
) -> Vec<Result<Answer, h2::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut client, connection) = h2::client::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for (request, body, trailers) in requests {
        answers.push(one(&mut client, request, body, trailers).await);
    }
    answers
}

async fn one(
    client: &mut h2::client::SendRequest<Bytes>,
    request: Request<()>,
    body: &'static str,
    trailers: Option<HeaderMap>,
) -> Result<Answer, h2::Error> {
    let end = body.is_empty() && trailers.is_none();
    std::future::poll_fn(|context| client.poll_ready(context)).await?;
    let (response, mut stream) = client.send_request(request, end)?;
    if !end {
        stream.send_data(body.into(), trailers.is_none())?;
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers)?;
        }
    }
    let (parts, mut received) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = received.data().await {
        let data = data?;
        received.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = received.trailers().await?;
    Ok(Answer { head: Response::from_parts(parts, ()), body, trailers })
}

pub(super) fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[allow(clippy::disallowed_methods, reason = "a client of the tests")]
pub(super) async fn dial(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

pub(super) fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// A certificate for `localhost` and what trusts it.
pub(super) fn identity() -> (Arc<ListenerTls>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let der = made.cert.der().to_vec();
    let key = made.signing_key.serialize_pem();
    let identity = TlsIdentity { chain: vec![der.clone()], key: key.as_bytes().into(), hosts: vec![] };
    (Arc::new(ListenerTls::new(vec![identity], true, TlsMinimum::Two, None, [7; 32])), der)
}

async fn tls(address: SocketAddr, root: &[u8], alpn: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(root.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, dial(address).await).await.unwrap()
}

#[test]
fn h2c_with_prior_knowledge_is_served() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let post = Request::post("http://api.example.com/v1/b").body(()).unwrap();
    let answers = block(async {
        let requests = vec![(get("http://api.example.com/v1/a"), "", None), (post, "hello", None)];
        ask(dial(world.address).await, requests).await
    });
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.head.status().as_u16(), answer.body.as_slice()), (200, b"ok".as_slice()));
        assert!(answer.head.headers().contains_key("yett-call-id"));
    }
    assert_eq!(backend.requests()[1].1, b"hello");
    assert_eq!(world.tape.calls(2)[1].bytes, (5, 2));
}

#[test]
fn both_versions_are_served_over_tls() {
    let backend = Backend::answering(OK);
    let (identity, root) = identity();
    let mut shape = Shape::to(backend.address);
    shape.tls = Some(identity);
    let world = World::start(&shape);
    let answers = block(async {
        let stream = tls(world.address, &root, b"h2").await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        ask(stream, vec![(get("https://localhost/v1/a"), "", None)]).await
    });
    assert_eq!(answers[0].as_ref().unwrap().head.status(), 200);
    let status = block(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tls(world.address, &root, b"http/1.1").await;
        stream
            .write_all(b"GET /v1/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    });
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
}

#[test]
fn a_call_for_another_host_than_the_handshake_named_is_misdirected() {
    let backend = Backend::answering(OK);
    let (identity, root) = identity();
    let mut shape = Shape::to(backend.address);
    shape.tls = Some(identity);
    let world = World::start(&shape);
    let statuses: Vec<u16> = block(async {
        let stream = tls(world.address, &root, b"h2").await;
        let uris = ["https://other/v1/a", "https://LOCALHOST/v1/a", "https://localhost.:443/v1/a"];
        let answers = ask(stream, uris.map(|uri| (get(uri), "", None)).to_vec()).await;
        answers.iter().map(|answer| answer.as_ref().unwrap().head.status().as_u16()).collect()
    });
    assert_eq!(statuses, [421, 200, 200]);
    assert_eq!((backend.requests().len(), world.tape.calls(3)[0].code), (2, "misdirected"));
}

#[test]
fn hosts_that_differ_and_odd_targets_are_refused() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    let mut differs = get("http://a/v1/a");
    differs.headers_mut().insert("host", "b".parse().unwrap());
    let answers = block(async {
        let requests = vec![
            (differs, "", None),
            (get("http://a/v1/%2e%2e/b"), "", None),
            (Request::connect("http://a:80/").body(()).unwrap(), "", None),
            (get("http://a/v1/a"), "", None),
        ];
        ask(dial(world.address).await, requests).await
    });
    let statuses: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map_or(0, |answer| answer.head.status().as_u16()))
        .collect();
    assert_eq!((&statuses[..2], statuses[3]), ([400, 400].as_slice(), 200));
    assert_ne!(statuses[2], 200);
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn bytes_of_a_field_cannot_become_lines_upstream() {
    let backend = Backend::answering(OK);
    let world = World::start(&Shape::to(backend.address));
    // A HEADERS frame written by hand: `x` with a value that holds CR, LF and a field.
    let bytes = {
        let mut block = vec![0x82, 0x86];
        for (name, value) in [(":path", "/v1/a"), (":authority", "a"), ("x", "1\r\nevil: 1")] {
            block.extend([0x00, name.len() as u8]);
            block.extend(name.bytes());
            block.push(value.len() as u8);
            block.extend(value.bytes());
        }
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec();
        bytes.extend([0, 0, block.len() as u8, 0x1, 0x5, 0, 0, 0, 1]);
        bytes.extend(block);
        bytes
    };
    let mut client = world.connect();
    client.send(&bytes);
    client.socket.shutdown(std::net::Shutdown::Write).unwrap();
    client.rest();
    assert_eq!(backend.requests().len(), 0);
}

/// An upstream that speaks HTTP/2 in clear text, and answers each call so.
pub(super) fn serving_two<A, F>(answer: A) -> SocketAddr
where
    A: Fn(Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        block(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(socket).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request, respond));
                    }
                });
            }
        });
    });
    address
}

/// Calls in turns are answered 503 and 200.
pub(super) fn moody_two() -> SocketAddr {
    let calls = Arc::new(AtomicUsize::new(0));
    serving_two(move |_, mut respond| {
        let status = if calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { 503 } else { 200 };
        async move {
            let response = Response::builder().status(status).body(()).unwrap();
            respond.send_response(response, true).unwrap();
        }
    })
}

/// Answers with the trailers that it got, or with `x: none`.
fn backend_two() -> SocketAddr {
    serving_two(|request, mut respond| async move {
        let te = request.headers().get("te").cloned();
        let mut body = request.into_body();
        while let Some(Ok(data)) = body.data().await {
            body.flow_control().release_capacity(data.len()).unwrap();
        }
        let got = body.trailers().await.unwrap();
        let mut response = Response::new(());
        if let Some(te) = te {
            response.headers_mut().insert("x-te", te);
        }
        let mut stream = respond.send_response(response, false).unwrap();
        stream.send_data("ok".into(), false).unwrap();
        let mut none = HeaderMap::new();
        none.insert("x", "none".parse().unwrap());
        stream.send_trailers(got.unwrap_or(none)).unwrap();
    })
}

#[test]
fn threat_44_trailers_pass_for_grpc_only_and_back_for_all() {
    let mut shape = Shape::to(backend_two());
    shape.http = UpstreamHttp::Two;
    shape.request = BodyMode::Pass { limit: 1000 };
    let world = World::start(&shape);
    let request = |media: &str| {
        Request::post("http://a/v1/a")
            .header("content-type", media)
            .header("te", "trailers")
            .body(())
            .unwrap()
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    // And of those only its own.
    for name in ["cookie", "x-user-id", "host", "grpc_status"] {
        trailers.insert(name, "evil".parse().unwrap());
    }
    let answers = block(async {
        let requests = vec![
            (request("application/grpc"), "x", Some(trailers.clone())),
            (request("text/plain"), "x", Some(trailers.clone())),
        ];
        ask(dial(world.address).await, requests).await
    });
    let [grpc, plain] = [0, 1].map(|index| answers[index].as_ref().unwrap());
    assert_eq!(grpc.head.headers()["x-te"], "trailers");
    let own = grpc.trailers.as_ref().unwrap();
    assert_eq!((own["grpc-status"].as_bytes(), own.len()), (b"0".as_slice(), 1), "{own:?}");
    assert_eq!(plain.trailers.as_ref().unwrap()["x"], "none");
    assert!(!plain.head.headers().contains_key("x-te"));
}

#[test]
fn an_upstream_is_verified_over_tls() {
    let backend = Backend::answering(OK);
    let (identity, root) = identity();
    let mut inner = Shape::to(backend.address);
    inner.tls = Some(identity);
    let upstream = World::start(&inner);
    for http in [UpstreamHttp::Auto, UpstreamHttp::One, UpstreamHttp::Two] {
        let mut shape = Shape::to(upstream.address);
        shape.http = http;
        shape.host = "localhost";
        shape.roots = Some(vec![root.clone()]);
        let world = World::start(&shape);
        for _ in 0..2 {
            assert_eq!(world.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").status, 200, "{http:?}");
        }
        shape.host = "127.0.0.1";
        let other = World::start(&shape);
        assert_eq!(other.call("GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n").status, 502, "{http:?}");
        assert_eq!(other.tape.calls(1)[0].code, "upstream_unreachable");
    }
}

#[test]
fn threat_08_a_client_without_room_for_answers_has_few_at_a_time() {
    for (window, expected) in [(0, vec![200, 503, 503, 503]), (65_535, vec![200; 4])] {
        let backend = Backend::answering(OK);
        let world = World::start(&Shape::to(backend.address));
        block(async {
            let io = dial(world.address).await;
            let builder = h2::client::Builder::new().initial_window_size(window).clone();
            let (mut client, connection) = builder.handshake::<_, Bytes>(io).await.unwrap();
            tokio::spawn(connection);
            let mut answers = Vec::new();
            for _ in 0..4 {
                std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
                answers.push(client.send_request(get("http://a/v1/a"), true).unwrap().0);
            }
            let (mut statuses, mut open) = (Vec::new(), Vec::new());
            for answer in answers {
                let answer = answer.await.unwrap();
                statuses.push(answer.status().as_u16());
                open.push(answer);
            }
            statuses.sort_unstable();
            assert_eq!(statuses, expected);
        });
        assert_eq!(backend.requests().len(), expected.iter().filter(|status| **status == 200).count());
        let crowded = world.tape.bounds().iter().filter(|bound| **bound == Bound::SmallWindow).count();
        assert_eq!(crowded, expected.iter().filter(|status| **status == 503).count());
    }
}

#[test]
fn threat_08_a_client_without_room_for_answers_that_opens_many_streams_is_ended() {
    for (window, answered) in [(0, false), (65_535, true)] {
        let backend = Backend::answering(OK);
        let world = World::start(&Shape::to(backend.address));
        let streams = bounds::SMALL_WINDOW_OPENED as usize + 4;
        block(async {
            let io = dial(world.address).await;
            let builder = h2::client::Builder::new().initial_window_size(window).clone();
            let (mut client, connection) = builder.handshake::<_, Bytes>(io).await.unwrap();
            let mut answers = Vec::new();
            for _ in 0..streams {
                std::future::poll_fn(|context| client.poll_ready(context)).await.unwrap();
                answers.push(client.send_request(get("http://a/v1/a"), true).unwrap().0);
            }
            // What was opened goes out at once.
            let connection = tokio::spawn(connection);
            for answer in answers {
                assert_eq!(
                    answer.await.is_ok_and(|answer| answer.status() == 200),
                    answered,
                    "window of {window}"
                );
            }
            drop(client);
            assert_eq!(connection.await.unwrap().is_ok(), answered, "window of {window}");
        });
        assert_eq!(backend.requests().len(), if answered { streams } else { 0 });
        assert_eq!(world.tape.bounds().contains(&Bound::SmallWindow), !answered);
    }
}
