//! What happens to a gateway while it runs: files replaced under it, a kill without a word, clients that say nothing, no
//! descriptors left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{self, Gateway, House, Service, call, mode};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use testkit::{Alg, Deadline, Mint, until};

const LISTENERS: &str = "listeners:\n  plain: { bind: \"127.0.0.1:0\" }\n  secure: { bind: \"127.0.0.1:0\", \
                         tls: { certificate: \"file:server.pem\", key: \"file:server.key\" } }\n";

fn token(house: &House) -> String {
    house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned()
}

/// A certificate with its key, as PEM and as what a client is shown.
struct Identity {
    certificate: String,
    key: String,
    shown: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
        Self { certificate: cert.pem(), key: signing_key.serialize_pem(), shown: cert.der().clone() }
    }
}

/// A client that trusts these certificates and nothing else.
struct Client(Arc<ClientConfig>);

impl Client {
    fn new(trusted: &[&Identity]) -> Self {
        let mut roots = RootCertStore::empty();
        for identity in trusted {
            roots.add(identity.shown.clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Self(Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth()))
    }

    fn connect(&self, gateway: &Gateway) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let socket = TcpStream::connect(&gateway.secure).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        assert!(get(&mut stream, None).starts_with("HTTP/1.1 401"));
        stream
    }

    fn shown(&self, gateway: &Gateway) -> CertificateDer<'static> {
        let stream = self.connect(gateway);
        stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

/// One call on a kept connection: its head and what came with it.
fn get(stream: &mut impl ReadWrite, token: Option<&str>) -> String {
    let field = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    stream.write_all(format!("GET /notes HTTP/1.1\r\nhost: localhost\r\n{field}\r\n").as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the connection ended: {}", seen.escape_ascii());
        seen.extend_from_slice(&piece[..count]);
    }
    common::text(&seen)
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn threat_41_a_certificate_serves_until_the_new_one_is_whole() {
    let (house, service) = (House::new(), Service::start());
    let (old, new) = (Identity::new(), Identity::new());
    house.write("server.pem", &old.certificate);
    house.write("server.key", &old.key);
    let document = house.document(service.port).replace("listen: http://127.0.0.1:0\n", LISTENERS);
    house.write("yett.yaml", &document);
    let mut gateway = Gateway::start(&house);
    let client = Client::new(&[&old, &new]);
    assert_eq!(client.shown(&gateway), old.shown);
    let mut kept = client.connect(&gateway);

    // Each state that a careless copy passes through, in place: not one of them may take effect or stop the old one.
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let states = [
        ("server.pem", half(&new.certificate), "half a certificate"),
        ("server.pem", String::new(), "an empty certificate"),
        ("server.pem", new.certificate.clone(), "a certificate without its key"),
        ("server.key", half(&new.key), "half a key"),
        ("server.key", String::new(), "an empty key"),
        (
            "server.key",
            String::from("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            "a false key",
        ),
    ];
    for (file, text, state) in states {
        std::fs::write(house.path(file), &text).unwrap();
        gateway.line("reload failed");
        assert_eq!(client.shown(&gateway), old.shown, "{state}");
        let (status, ready) = call(&gateway.admin, "GET", "/ready", None, None);
        assert!(status == 200 && ready.contains("\"outcome\":\"failed\""), "{state}: {ready}");
        assert!(!ready.contains("PRIVATE KEY"), "{state}: {ready}");
    }
    std::fs::remove_file(house.path("server.key")).unwrap();
    gateway.line("reload failed");
    assert_eq!(client.shown(&gateway), old.shown, "no key");

    std::fs::write(house.path("server.key"), &new.key).unwrap();
    gateway.line("reloaded: configuration 2");
    assert_eq!(client.shown(&gateway), new.shown);
    // Who had connected before goes on, and is served by what holds now.
    let alice = token(&house);
    assert!(get(&mut kept, Some(&alice)).starts_with("HTTP/1.1 200"));
    assert_eq!(service.count(), 1);
}

#[test]
fn threat_41_a_key_set_in_a_file_serves_until_the_new_one_is_whole() {
    let (house, service) = (House::new(), Service::start());
    let (old, new) = (Mint::new(Alg::Es256, "old"), Mint::new(Alg::Es256, "new"));
    let set = |mint: &Mint| format!("{{\"keys\":[{}]}}", mint.jwk());
    house.write("keys.json", &set(&old));
    let issuers = "issuers:\n  idp: { url: \"https://idp.example\", jwks: \"file:keys.json\" }\nlisten:";
    let document = house.document(service.port).replace("listen:", issuers);
    house.write("yett.yaml", &document.replace("issuer: local", "issuer: idp\n    audience: notes"));
    let mut gateway = Gateway::start(&house);
    let url = gateway.url.clone();
    let with = |mint: &Mint, subject: &str| {
        let claims = format!(
            "{{\"iss\":\"https://idp.example\",\"sub\":\"{subject}\",\"aud\":\"notes\",\"exp\":4102444800,\"scope\":\"notes:read\"}}"
        );
        call(&url, "GET", "/notes", Some(&mint.token(&claims)), None).0
    };
    let remembered = old.token("{\"iss\":\"https://idp.example\",\"sub\":\"r\",\"aud\":\"notes\",\"exp\":4102444800,\"scope\":\"notes:read\"}");
    let again = || call(&url, "GET", "/notes", Some(&remembered), None).0;
    assert_eq!((again(), again()), (200, 200));
    assert_eq!((with(&old, "a"), with(&new, "a"), again()), (200, 401, 200));
    let whole = set(&new);
    for (number, text) in [&whole[..whole.len() / 2], "", "{\"keys\":[]}"].into_iter().enumerate() {
        std::fs::write(house.path("keys.json"), text).unwrap();
        gateway.line("reload failed");
        let subject = format!("b{number}");
        assert_eq!((with(&old, &subject), with(&new, &subject)), (200, 401), "after `{text}`");
    }
    std::fs::write(house.path("keys.json"), &whole).unwrap();
    gateway.line("reloaded: configuration 2");
    assert_eq!((with(&old, "c"), with(&new, "c")), (401, 200));
    assert_eq!(again(), 401, "a remembered token of the old key is void");
}

#[test]
fn a_gateway_that_was_killed_serves_again_with_its_keys() {
    let (house, service) = (House::new(), Service::start());
    let log = "record: { access_log: \"file:access.log\" }\nlisten:";
    house.write("yett.yaml", &house.document(service.port).replace("listen:", log));
    let gateway = Gateway::start(&house);
    let alice = token(&house);
    let key = std::fs::read(house.path("data/issuer.key")).unwrap();
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&alice), None).0, 200);
    // Killed with calls on their way, one half sent.
    let mut halfway = TcpStream::connect(&gateway.url).unwrap();
    halfway.write_all(b"GET /notes HTTP/1.1\r\nhost: x\r\n").unwrap();
    gateway.kill();
    assert!(house.path("data/yett.sock").exists(), "nothing was tidied up");
    assert!(house.bad(&["status"]).contains("start `yett run` first"));

    for round in 2..5 {
        let gateway = Gateway::start(&house);
        let kept = std::fs::read(house.path("data/issuer.key")).unwrap();
        assert!(kept == key, "the keys of the local issuer are kept");
        assert_eq!(mode(&house.path("data/issuer.key")), 0o600);
        assert_eq!(mode(&house.path("data/yett.sock")), 0o600);
        assert_eq!(call(&gateway.url, "GET", "/notes", Some(&alice), None).0, 200, "a token from before");
        assert_eq!(call(&gateway.url, "GET", "/notes", Some(&token(&house)), None).0, 200);
        assert_eq!(call(&gateway.url, "GET", "/notes", None, None).0, 401);
        assert!(house.good(&["status"]).contains("configuration 1"));
        assert_eq!(service.count(), 1 + (round - 1) * 2);
        gateway.kill();
    }
    let lines = house.read("access.log");
    let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "no line was torn by a kill: {line}");
    }
}

/// Reads until the other side ends the connection; how it ended.
fn ended(mut socket: TcpStream) -> std::io::Result<Vec<u8>> {
    socket.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
    let mut seen = Vec::new();
    match socket.read_to_end(&mut seen) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(seen),
        other => other.map(|_| seen),
    }
}

/// Preface, SETTINGS, and HEADERS whose block goes on (RFC 9113 section 6.2).
const HALF_A_BLOCK: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x02\x01\x01\0\0\0\x01\x82\x86";

/// The bounds are ten seconds and not for configuration: this test waits them out, all kinds beside each other.
#[test]
fn clients_that_never_finish_a_head_or_a_handshake_are_let_go() {
    let (house, service) = (House::new(), Service::start());
    let identity = Identity::new();
    house.write("server.pem", &identity.certificate);
    house.write("server.key", &identity.key);
    house
        .write("yett.yaml", &house.document(service.port).replace("listen: http://127.0.0.1:0\n", LISTENERS));
    let gateway = Gateway::start(&house);
    let alice = token(&house);
    let early = Deadline::seconds(8);
    let silent: Vec<(&str, TcpStream)> = [
        ("nothing", &gateway.url, b"".as_slice()),
        ("half a line", &gateway.url, b"GET /no"),
        ("a head without an end", &gateway.url, b"GET /notes HTTP/1.1\r\nhost: x\r\na: b\r\n"),
        ("half an HTTP/2 preface", &gateway.url, b"PRI * HTTP/2.0\r\n"),
        ("half a field block of HTTP/2", &gateway.url, HALF_A_BLOCK),
        ("no handshake", &gateway.secure, b""),
        ("half a handshake", &gateway.secure, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ]
    .into_iter()
    .map(|(name, address, bytes)| {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(bytes).unwrap();
        (name, socket)
    })
    .collect();
    // A head that comes a byte at a time is no better than none: what is bounded is the whole head.
    let mut drip = TcpStream::connect(&gateway.url).unwrap();
    drip.write_all(b"GET /notes HTTP/1.1\r\nhost: x\r\na: ").unwrap();
    drip.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let dripping = std::thread::spawn(move || {
        until(25, || {
            let sent = drip.write_all(b"b");
            let mut one = [0; 1];
            let waiting = matches!(drip.read(&mut one), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
            (sent.is_err() || !waiting).then_some(())
        })
    });
    // Nor is a body that comes slower than it may (THREATS row 8): its client is told, and nothing of it goes on.
    let writer = house.good(&["token", "--subject", "bob", "--scope", "notes:write"]).trim().to_owned();
    let token = format!("authorization: Bearer {writer}\r\n");
    let head = format!(
        "POST /notes HTTP/1.1\r\nhost: x\r\n{token}content-type: application/json\r\ncontent-length: 900\r\n\r\n{{"
    );
    let mut slow = TcpStream::connect(&gateway.url).unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&alice), None).0, 200, "others are served meanwhile");
    for (name, socket) in silent {
        let answer = ended(socket).unwrap_or_else(|error| panic!("{name}: still open: {error}"));
        let text = common::text(&answer);
        assert!(!text.starts_with("HTTP/1.1 2"), "{name}: {text}");
        assert!(early.is_over(), "{name}: ended early: {text}");
    }
    assert!(dripping.join().unwrap().is_some(), "a head that drips is read for ever");
    assert!(early.is_over());
    let told = common::text(&ended(slow).unwrap());
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("body_incomplete"), "{told}");
    for bound in ["head_time", "handshake_time", "body_rate"] {
        let label = format!("\"{bound}\"");
        assert!(gateway.metric("yett_bound_reached_total", &label) >= 1.0, "`{bound}` is counted");
    }
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&alice), None).0, 200);
    assert_eq!(service.count(), 2);
}

#[test]
fn without_descriptors_the_gateway_waits_and_serves_again() {
    let (house, service) = (House::new(), Service::start());
    house.write("yett.yaml", &house.document(service.port));
    let gateway = Gateway::start_with_descriptors(&house, 64);
    let alice = token(&house);
    assert_eq!(call(&gateway.url, "GET", "/notes", Some(&alice), None).0, 200);
    let crowd: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(&gateway.url).unwrap()).collect();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", gateway.id())).unwrap().count();
    assert!(until(20, || (open() >= 64).then_some(())).is_some(), "{} descriptors are open", open());
    drop(crowd);
    // Until all of the crowd is noticed to be gone, a call may find none for its upstream.
    let served =
        until(20, || (call(&gateway.url, "GET", "/notes", Some(&alice), None).0 == 200).then_some(()));
    assert!(served.is_some(), "the crowd has gone, and nobody is served");
    assert!(until(20, || (open() < 40).then_some(())).is_some(), "{} descriptors are left", open());
    assert_eq!(call(&gateway.admin, "GET", "/health", None, None).0, 200);
}
