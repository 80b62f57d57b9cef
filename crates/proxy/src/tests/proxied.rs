//! Connections through trusted proxies, and over unix sockets.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use engine::bounds::Bound;
use engine::record::ConnectionEvent;
use engine::snapshot::{Bind, Network};
use rustls::StreamOwned;

use super::pki::{Authority, Serves, TlsClient};
use super::world::{Backend, OK, PATIENCE, Shape, World};
use crate::Passed;

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const ONE: &str = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n";
const TWO: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x02\0\x09\0\x08";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A gateway whose trusted proxies are here or elsewhere.
fn shape(here: bool) -> Shape {
    let mut shape = Shape::to(Backend::answering(OK).address);
    let address = if here { [127, 0, 0, 1] } else { [10, 0, 0, 1] }.into();
    shape.proxies = Arc::new([Network { first: address, last: address }]);
    shape
}

#[test]
fn a_trusted_proxy_says_whose_connection_it_is() {
    let world = World::start(&shape(true));
    let own: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    for (count, (header, client)) in [
        (ONE.as_bytes(), "192.0.2.1".parse().unwrap()),
        (TWO, "192.0.2.7".parse().unwrap()),
        (b"PROXY UNKNOWN\r\n", own),
        (LOCAL, own),
    ]
    .into_iter()
    .enumerate()
    {
        let mut peer = world.connect();
        // In one piece, and in many.
        peer.socket.set_nodelay(true).unwrap();
        if count % 2 == 0 {
            peer.send([header, GET.as_bytes()].concat());
        } else {
            for byte in [header, GET.as_bytes()].concat() {
                peer.send([byte]);
            }
        }
        assert_eq!(peer.reply().status, 200);
        peer.send(GET);
        assert_eq!(peer.reply().status, 200);
        let calls = world.tape.calls(2 * count + 2);
        assert!(calls[2 * count..].iter().all(|call| call.client == client), "{calls:?}");
        let facts = calls[2 * count].facts.as_ref().unwrap();
        assert_eq!(facts.proxy, Some(peer.socket.local_addr().unwrap()));
    }
    assert_eq!(world.tape.count(ConnectionEvent::ProxyHeaderRefused), 0);
}

#[test]
fn threat_26_a_trusted_proxy_that_says_nothing_good_is_closed() {
    let world = World::start(&shape(true));
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
    let tall = [&TWO[..14], &[0xff, 0xff], &[7; 5000]].concat();
    let cut = [&TWO[..14], &[0, 15], &TWO[16..], &[4, 0, 9]].concat();
    for (count, (header, bound)) in [
        (GET.as_bytes(), None),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n".as_slice(), None),
        (b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c", None),
        (&cut, None),
        (long.as_bytes(), Some(Bound::ProxyHeader)),
        (&tall, Some(Bound::ProxyHeader)),
        (&TWO[..20], None),
    ]
    .into_iter()
    .enumerate()
    {
        let before = world.tape.bounds().len();
        let mut peer = world.connect();
        let _ = peer.socket.write_all(header);
        let _ = peer.socket.write_all(if count < 6 { GET.as_bytes() } else { b"" });
        let _ = peer.socket.shutdown(Shutdown::Write);
        assert_eq!(peer.rest(), b"", "{}", header[..header.len().min(40)].escape_ascii());
        world.tape.event(ConnectionEvent::ProxyHeaderRefused, count + 1);
        assert_eq!(world.tape.bounds().get(before).copied(), bound);
    }
    world.tape.calls(0);
    let mut peer = world.connect();
    peer.send(ONE.to_owned() + GET);
    assert_eq!(peer.reply().status, 200);
}

#[test]
fn threat_26_the_same_headers_get_through_a_naive_proxy() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
    let tall = [&TWO[..14], &[0xff, 0xff], &[7; 5000]].concat();
    for header in [ONE.as_bytes(), TWO, LOCAL, long.as_bytes(), &tall] {
        let recorder = testkit::Recorder::start();
        let naive = testkit::Naive::start(recorder.address());
        let mut client = testkit::RawClient::connect(naive.address());
        let said = [header, GET.as_bytes()].concat();
        client.send(&said).unwrap();
        let came = testkit::until(10, || (recorder.received() == said.len()).then_some(()));
        assert!(
            came.is_some() && recorder.bytes() == said,
            "{}",
            header[..header.len().min(40)].escape_ascii()
        );
    }
}

#[test]
fn threat_26_nobody_else_may_say_whose_connection_it_is() {
    let world = World::start(&shape(false));
    for header in [ONE.as_bytes(), TWO, LOCAL] {
        let mut peer = world.connect();
        peer.send([header, GET.as_bytes()].concat());
        let answer = String::from_utf8(peer.rest()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("connection: close"), "{answer}");
    }
    assert_eq!(world.call(GET).status, 200);
    let calls = world.tape.calls(4);
    let own: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    assert!(calls.iter().all(|call| call.client == own));
    assert!(calls[..3].iter().all(|call| call.code == "request_malformed"), "{calls:?}");
}

#[test]
fn the_header_comes_before_the_handshake() {
    let authority = Authority::new("a");
    let mut shape = shape(true);
    shape.tls = Some(Serves::one(&authority.server(&["localhost"])).settings());
    let world = World::start(&shape);
    let client = TlsClient::new(&authority, None);
    assert!(client.get(world.address, "localhost").is_err());
    world.tape.event(ConnectionEvent::ProxyHeaderRefused, 1);
    let mut session = client.connect(world.address, "localhost");
    session.0.sock.write_all(TWO).unwrap();
    assert_eq!(session.get("localhost"), Ok(200));
    let call = &world.tape.calls(1)[0];
    assert_eq!(call.client, "192.0.2.7".parse::<std::net::IpAddr>().unwrap());
    let facts = call.facts.as_ref().unwrap();
    assert!(facts.proxy.is_some() && facts.server_name.is_some());

    // Within TLS it is a call like any other, and a bad one.
    let mut session = client.connect(world.address, "localhost");
    session.0.sock.write_all(TWO).unwrap();
    let StreamOwned { conn, sock } = &mut session.0;
    conn.writer().write_all(ONE.as_bytes()).unwrap();
    conn.writer().write_all(GET.as_bytes()).unwrap();
    while conn.is_handshaking() || conn.wants_write() {
        conn.complete_io(sock).unwrap();
    }
    assert_eq!(world.tape.calls(2)[1].code, "request_malformed");
}

fn call_unix(path: &Path) -> String {
    let mut peer = UnixStream::connect(path).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.write_all(GET.replace("host: a", "host: a\r\nconnection: close").as_bytes()).unwrap();
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_unix_socket_has_its_permissions_and_goes_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yett.sock");
    // What a process left that was killed.
    drop(UnixListener::bind(&path).unwrap());
    let mut shape = Shape::to(Backend::answering(OK).address);
    shape.bind = Some(Bind::Unix { path: path.clone(), mode: 0o620 });
    let mut world = World::start(&shape);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
    for _ in 0..8 {
        assert!(call_unix(&path).starts_with("HTTP/1.1 200"));
    }
    let facts = world.tape.calls(8)[0].facts.clone().unwrap();
    let process = facts.process.unwrap();
    let owner = std::fs::metadata(folder.path()).unwrap();
    assert_eq!((process.uid, process.pid), (owner.uid(), i32::try_from(std::process::id()).ok()));

    // A second one finds it taken and leaves it alone.
    let again = crate::listen::open(shape.bind.as_ref().unwrap(), (Path::new(""), &Passed::default()), 1);
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert!(call_unix(&path).starts_with("HTTP/1.1 200"));
    world.plane.take().unwrap().drain();
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_path_that_is_taken_by_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "precious").unwrap();
    let open = |path: &Path| {
        crate::listen::open(
            &Bind::Unix { path: path.to_owned(), mode: 0o600 },
            (Path::new(""), &Passed::default()),
            1,
        )
    };
    assert_eq!(open(&path).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert!(open(&folder.path().join("none/sock")).is_err());
    // Whoever takes the place of a socket keeps it.
    let path = folder.path().join("sock");
    let (_, doors, file) = open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "another").unwrap();
    drop((doors, file));
    assert_eq!(std::fs::read(&path).unwrap(), b"another");
}
