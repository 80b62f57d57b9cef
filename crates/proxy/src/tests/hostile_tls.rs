//! Handshakes that are none, too long, or want what is not given; and what OpenSSL makes of us.

use std::io::Write;
use std::process::{Command, Stdio};

use engine::bounds::{self, Bound};
use engine::record::ConnectionEvent;

use super::pki::{Authority, Serves, TlsClient};
use super::world::{Backend, Client, OK, Shape, World};

fn world() -> (World, Authority) {
    let authority = Authority::new("a");
    let mut shape = Shape::to(Backend::answering(OK).address);
    shape.tls = Some(Serves::one(&authority.server(&["localhost"])).settings());
    (World::start(&shape), authority)
}

/// One record of a handshake.
fn record(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[22, 3, 1], length.as_slice(), payload].concat()
}

#[test]
fn what_is_no_handshake_is_told_so_and_closed() {
    let (world, authority) = world();
    let client = TlsClient::new(&authority, None);
    assert_eq!(client.get(world.address, "localhost"), Ok(200));
    let hello = world.tape.calls(1)[0].facts.as_ref().unwrap().client_hello.clone().unwrap().records;
    let mut server_hello = hello.to_vec();
    server_hello[5] = 2;
    let mut doubled = hello.to_vec();
    doubled.extend_from_slice(&hello);
    // A message of 64 KiB, in as many records as it takes.
    let mut long = vec![1, 1, 0, 0];
    long.resize(4 + 65_536, 0);
    let long: Vec<u8> = long.chunks(4_000).flat_map(record).collect();
    let slow: Vec<u8> =
        [&[1, 0, 0x30, 0], [7; 0x3000].as_slice()].concat().chunks(1).flat_map(record).collect();
    let mut failed = 0;
    for (hostile, bytes, bound) in [
        ("clear text", b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), false),
        ("SSL 2", vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10], false),
        ("the answer of a server", server_hello, false),
        ("an empty record", record(&[]), false),
        ("a hello of nothing", record(&[1, 0, 0, 0]), false),
        ("a hello that is cut by its own length", record(&[1, 0, 0, 2, 3, 3]), false),
        ("two hellos at once", doubled, false),
        ("a hello that is too long", long, true),
        ("a record that is too long", vec![22, 3, 1, 0xff, 0xff], true),
        ("a byte in each record", slow, true),
    ] {
        let mut peer = Client::to(world.address);
        // The gateway may be gone before all of it is there.
        let _ = peer.socket.write_all(&bytes);
        let _ = peer.socket.shutdown(std::net::Shutdown::Write);
        let answer = peer.rest();
        assert!(answer.is_empty() || answer[..2] == [21, 3], "{hostile}: {}", answer.escape_ascii());
        failed += 1;
        world.tape.event(ConnectionEvent::HandshakeFailed, failed);
        let bounds = world.tape.bounds().iter().filter(|told| **told == Bound::ClientHello).count();
        assert_eq!(bounds > 0, bound, "{hostile}");
    }
    // Cut into reads of a byte a good one is as good.
    let mut peer = Client::to(world.address);
    peer.socket.set_nodelay(true).unwrap();
    for byte in &hello {
        peer.send([*byte]);
    }
    assert_eq!(peer.exactly(1), [22]);
    assert!(hello.len() < bounds::CLIENT_HELLO_BYTES);
    assert_eq!(world.tape.calls(1).len(), 1);
    assert_eq!(client.get(world.address, "localhost"), Ok(200));
}

/// What `openssl s_client` prints when it is told this on its standard input.
fn openssl(world: &World, arguments: &[&str], input: &str) -> String {
    let address = world.address.to_string();
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-servername", "localhost"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

const CALL: &str = "GET /v1/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[test]
fn openssl_is_served_and_renegotiates_nothing() {
    let (world, _) = world();
    for (arguments, version) in [(["-tls1_2"], "TLSv1.2"), (["-tls1_3"], "TLSv1.3")] {
        let seen = openssl(&world, &[&arguments[..], &["-quiet", "-ign_eof"]].concat(), CALL);
        assert!(seen.contains("HTTP/1.1 200"), "{version}: {seen}");
        let seen = openssl(&world, &arguments, "Q\n");
        assert!(seen.contains(version) && seen.contains("Secure Renegotiation IS"), "{seen}");
    }
    // `R` renegotiates, in TLS 1.2 only. The answer goes out with the end of the connection, which waits for a head as long as
    // any: this is what the test takes.
    let seen = openssl(&world, &["-tls1_2"], "R\n");
    assert!(seen.contains("RENEGOTIATING"), "{seen}");
    assert!(
        seen.contains("no renegotiation") || seen.contains("unexpected message") || seen.contains("alert"),
        "{seen}"
    );
    for old in ["-tls1", "-tls1_1"] {
        let seen = openssl(&world, &[old, "-cipher", "ALL:@SECLEVEL=0"], "Q\n");
        assert!(seen.contains("Cipher is (NONE)") && seen.contains("alert"), "{old}: {seen}");
    }
    world.tape.calls(2);
}
