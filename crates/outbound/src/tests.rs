mod http2;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use engine::fetch::{DialogRequest, Reach};
use testkit::FakeClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers every connection with the same bytes and counts them.
async fn canary(answer: &'static [u8]) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let hits = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&hits);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (url, hits)
}

fn client() -> (Client, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::new());
    (Client::new(clock.clone(), &[]).unwrap(), clock)
}

#[tokio::test]
async fn the_answer_comes_whole_and_redirects_are_answers() {
    let (client, _) = client();
    let (url, _) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let answer = client.fetch(FetchRequest::get(url, Reach::Operator)).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"ok"[..]));

    let (inner, hits) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {inner}\r\ncontent-length: 0\r\n\r\n");
    let (url, _) = canary(Box::leak(redirect.into_boxed_str()).as_bytes()).await;
    let answer = client.fetch(FetchRequest::get(url, Reach::Operator)).await.unwrap();
    assert_eq!(answer.status.as_u16(), 302);
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_loopback_canary_is_out_of_public_reach() {
    let (client, _) = client();
    let (url, hits) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let by_name = url.replace("127.0.0.1", "localhost");
    for url in [url.clone(), by_name] {
        let error = client.fetch(FetchRequest::get(url, Reach::PublicOnly)).await.unwrap_err();
        assert!(matches!(error, FetchError::Address(_)), "{error}");
    }
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 0);
    client.fetch(FetchRequest::get(url, Reach::Operator)).await.unwrap();
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// A name whose owner answers with a good address first and an inner one when asked again, or with both at once.
#[tokio::test]
async fn a_name_that_leads_elsewhere_a_moment_later_leads_nowhere() {
    let target = address::Target::parse("https://rebinds.example/hook").unwrap();
    let [public, inner]: [SocketAddr; 2] = ["8.8.4.4:443", "127.0.0.1:443"].map(|text| text.parse().unwrap());
    let asked = std::cell::Cell::new(0);
    let answers = async |host: &str, port: u16| {
        asked.set(asked.get() + 1);
        assert_eq!((host, port), ("rebinds.example", 443));
        Ok(if asked.get() == 1 { vec![public] } else { vec![inner] })
    };
    let first = target.resolve_by(Reach::PublicOnly, answers).await.unwrap();
    assert_eq!(first.iter().map(|one| one.address()).collect::<Vec<_>>(), [public]);
    assert_eq!(asked.get(), 1, "what is connected to is what was looked at");
    let again = target.resolve_by(Reach::PublicOnly, answers).await;
    assert!(matches!(again, Err(FetchError::Address(_))), "{again:?}");
    let both = async |_: &str, _| Ok(vec![inner, public]);
    let found = target.resolve_by(Reach::PublicOnly, both).await.unwrap();
    assert_eq!(found.iter().map(|one| one.address()).collect::<Vec<_>>(), [public]);
    assert_eq!(target.resolve_by(Reach::Operator, both).await.unwrap().len(), 2);
    // An address needs no name, and is looked at all the same.
    for host in ["127.0.0.1", "[::ffff:10.0.0.1]", "169.254.169.254", "[fd00::1]", "[64:ff9b::7f00:1]"] {
        let target = address::Target::parse(&format!("https://{host}/")).unwrap();
        assert!(target.resolve(Reach::PublicOnly).await.is_err(), "{host}");
    }
}

#[tokio::test]
async fn size_and_time_are_bounded() {
    let (client, clock) = client();
    let (url, _) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789").await;
    let mut request = FetchRequest::get(url.clone(), Reach::Operator);
    request.max_bytes = 8;
    assert_eq!(client.fetch(request.clone()).await.unwrap_err(), FetchError::TooLarge);
    request.max_bytes = 9;
    client.fetch(request.clone()).await.unwrap();
    // Announced, and never sent.
    let (long, _) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n").await;
    let announced = client.fetch(FetchRequest { url: long, ..request.clone() }).await;
    assert_eq!(announced.unwrap_err(), FetchError::TooLarge);
    (request.max_bytes, request.head_only) = (0, true);
    let head = client.fetch(request).await.unwrap();
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/", listener.local_addr().unwrap());
    let call = client.fetch(FetchRequest::get(silent, Reach::Operator));
    let (result, ()) = tokio::join!(call, async {
        let _held = listener.accept().await;
        clock.advance(Duration::from_secs(6));
    });
    assert_eq!(result.unwrap_err(), FetchError::Deadline);
}

#[tokio::test]
async fn a_failing_host_is_left_alone_and_tried_again() {
    let (client, clock) = client();
    let (url, hits) = canary(b"garbage\r\n\r\n").await;
    let call = || client.fetch(FetchRequest::get(url.clone(), Reach::Operator));
    for _ in 0..5 {
        assert!(matches!(call().await.unwrap_err(), FetchError::Exchange(_)));
    }
    assert_eq!(call().await.unwrap_err(), FetchError::BreakerOpen);
    clock.advance(Duration::from_secs(6));
    assert!(matches!(call().await.unwrap_err(), FetchError::Exchange(_)));
    assert_eq!(call().await.unwrap_err(), FetchError::BreakerOpen);
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), 6);
}

fn dialog(address: &str) -> DialogRequest {
    DialogRequest {
        address: address.to_owned(),
        send: Bytes::from_static(b"hello"),
        is_whole: |answer| answer.contains(&0),
        deadline: Duration::from_secs(5),
        max_bytes: 64,
        reach: Reach::Operator,
    }
}

#[tokio::test]
async fn a_dialog_ends_when_the_answer_is_whole() {
    let (client, _) = client();
    let (url, hits) = canary(b"OK\0").await;
    let address = url.replace("http://", "tcp://").replace("/keys", "");
    assert_eq!(client.dialog(dialog(&address)).await.unwrap(), &b"OK\0"[..]);
    let bytes = client.dialog(DialogRequest { is_whole: |_| false, ..dialog(&address) }).await.unwrap();
    assert_eq!(bytes, &b"OK\0"[..], "the end of the connection ends the answer");
    let small = client.dialog(DialogRequest { max_bytes: 2, ..dialog(&address) }).await;
    assert_eq!(small.unwrap_err(), FetchError::TooLarge);
    let before = hits.load(std::sync::atomic::Ordering::SeqCst);
    let out_of_reach = client.dialog(DialogRequest { reach: Reach::PublicOnly, ..dialog(&address) }).await;
    assert!(matches!(out_of_reach, Err(FetchError::Address(_))));
    assert_eq!(hits.load(std::sync::atomic::Ordering::SeqCst), before);
}

/// A server may answer before it has read all, and shut the connection on the rest.
#[tokio::test]
async fn what_a_server_says_before_it_has_read_all_counts() {
    let (client, _) = client();
    let (url, _) = canary(b"too long\0").await;
    let address = url.replace("http://", "tcp://").replace("/keys", "");
    let send = Bytes::from(vec![7; 8 * 1024 * 1024]);
    assert_eq!(client.dialog(DialogRequest { send, ..dialog(&address) }).await.unwrap(), &b"too long\0"[..]);
}

#[tokio::test]
async fn a_socket_in_the_file_system_is_the_operators() {
    let (client, _) = client();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scanner");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"OK\0").await;
        }
    });
    let address = format!("unix:{}", path.display());
    assert_eq!(client.dialog(dialog(&address)).await.unwrap(), &b"OK\0"[..]);
    let learned = client.dialog(DialogRequest { reach: Reach::PublicOnly, ..dialog(&address) }).await;
    assert!(matches!(learned, Err(FetchError::Address(_))));
    let nobody = client.dialog(dialog("unix:/nonexistent/socket")).await;
    assert!(matches!(nobody, Err(FetchError::Exchange(_))));
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (client, clock) = client();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let call = client.dialog(dialog(&address));
    let (result, ()) = tokio::join!(call, async {
        let _held = listener.accept().await;
        clock.advance(Duration::from_secs(6));
    });
    assert_eq!(result.unwrap_err(), FetchError::Deadline);
}

#[test]
fn addresses_of_dialogs_are_read_strictly() {
    for bad in [
        "",
        "tcp://",
        "tcp://host",
        "tcp://user@host:1",
        "http://host:1",
        "unix:relative",
        "host:1",
        "tcp://:1",
    ] {
        assert!(dialog::Place::parse(bad).is_err(), "{bad}");
    }
    for good in ["tcp://127.0.0.1:3310", "tcp://[::1]:3310", "tcp://clamd:3310", "unix:/run/clamav/clamd.ctl"]
    {
        assert!(dialog::Place::parse(good).is_ok(), "{good}");
    }
}

#[test]
fn urls_are_read_strictly() {
    for bad in [
        "",
        "ftp://a/",
        "/path",
        "http://",
        "http://user@host/",
        "http://user:pw@127.0.0.1/",
        "file:///etc/passwd",
    ] {
        assert!(address::Target::parse(bad).is_err(), "{bad}");
    }
    let target = address::Target::parse("https://[::1]/a?b").unwrap();
    assert_eq!((target.authority().as_str(), target.path.as_str()), ("[::1]:443", "/a?b"));
}

#[test]
fn special_addresses_are_not_public() {
    let cases = [
        ("93.184.216.34", true),
        ("2606:2800:220:1::1", true),
        ("127.0.0.1", false),
        ("10.1.2.3", false),
        ("172.16.0.1", false),
        ("192.168.1.1", false),
        ("169.254.169.254", false),
        ("100.64.0.1", false),
        ("0.0.0.0", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("::1", false),
        ("::", false),
        ("::ffff:127.0.0.1", false),
        ("::ffff:93.184.216.34", true),
        ("fc00::1", false),
        ("fe80::1", false),
        ("ff02::1", false),
        ("64:ff9b::7f00:1", false),
        ("64:ff9b::5db8:d822", true),
        ("2002:7f00:1::", false),
        ("2001:db8::1", false),
        ("2001::1", false),
    ];
    for (text, expected) in cases {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(address::is_public(address), expected, "{text}");
    }
}

/// What accepts connections over TLS with a certificate of its own for `localhost`, which is given as well.
fn acceptor(protocols: &[&[u8]]) -> (tokio_rustls::TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), certificate.to_vec())
}

/// Says back what it hears over TLS.
async fn echo_over_tls() -> (u16, Vec<u8>) {
    let (acceptor, certificate) = acceptor(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut heard = [0; 4];
            if stream.read_exact(&mut heard).await.is_ok() {
                let _ = stream.write_all(&heard).await;
            }
        }
    });
    (port, certificate)
}

async fn says_back(mut stream: Box<dyn Stream>) -> bool {
    let mut heard = [0; 4];
    stream.write_all(b"ping").await.unwrap();
    stream.read_exact(&mut heard).await.is_ok() && &heard == b"ping"
}

#[tokio::test]
async fn a_connection_that_is_kept_is_opened_by_the_same_rules() {
    let (port, root) = echo_over_tls().await;
    let clock = Arc::new(FakeClock::new());
    let client = Client::new(clock.clone(), &[root]).unwrap();
    assert!(says_back(client.open(&format!("tls://localhost:{port}")).await.unwrap()).await);
    // Another name, and one whom nobody vouches for.
    let refused = client.open(&format!("tls://127.0.0.1:{port}")).await.err().unwrap();
    assert!(matches!(refused, FetchError::Exchange(_)), "{refused}");
    let stranger = Client::new(clock, &[]).unwrap();
    assert!(stranger.open(&format!("tls://localhost:{port}")).await.is_err());

    let (url, _) = canary(b"ping").await;
    let plain = url.replace("http://", "tcp://").replace("/keys", "");
    assert!(says_back(client.open(&plain).await.unwrap()).await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(&heard).await.unwrap();
    });
    assert!(says_back(client.open(&format!("unix:{}", path.display())).await.unwrap()).await);
    for wrong in ["localhost:1", "tls://", "tls://a@b:1", "tcp://a", "unix:relative", "http://a:1"] {
        assert!(matches!(client.open(wrong).await, Err(FetchError::Url(_))), "{wrong}");
    }
}
