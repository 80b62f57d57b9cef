//! Client certificates as credentials, at the real binary, over real TLS: who is known by which name, what they may, and what ends
//! them. Nothing that is refused reaches the service, and each has a twin that does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{Gateway, House, call, text};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use testkit::{until, until_every};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "notes:read": r } } } }
    mtls: { type: mutualTLS }
paths:
  /notes: { get: { operationId: listNotes, security: [{ mtls: ["notes:read"] }], responses: { "200": { description: ok } } } }
  /both: { get: { operationId: both, security: [{ mtls: [], oauth: ["notes:read"] }], responses: { "200": { description: ok } } } }
  /events: { get: { operationId: events, security: [{ mtls: ["notes:read"] }], responses: { "200": { description: ok } } } }
"##;

const SHOP: &str = "spiffe://example.com/shop";
const DESK: &str = "spiffe://example.com/ns/prod/desk";
const GUEST: &str = "spiffe://example.com/guest";

/// An authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate with its key, in PEM.
struct Leaf {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        Self { pem: own.pem(), der: own.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn sign(&self, mut params: CertificateParams) -> Leaf {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { pem: made.pem(), der: made.der().clone(), key: key.serialize_pem() }
    }

    /// Of a client that these URIs name, with a number, to a moment.
    fn client(&self, uris: &[&str], serial: u64, until: Option<u64>) -> Leaf {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = date_time_ymd(2024, 1, 1);
        if let Some(until) = until {
            params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(until);
        }
        let names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names = names.collect();
        self.sign(params)
    }

    /// Writes a list of what is revoked.
    fn list(&self, house: &House, revoked: &[u64]) {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2199, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        house.write("ca.crl", &params.signed_by(&self.issuer).unwrap().pem().unwrap());
    }
}

/// A service that sends events without an end under `/events`, and answers everything else with 200.
struct Service {
    port: u16,
    calls: Arc<AtomicUsize>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let count = Arc::clone(&count);
                std::thread::spawn(move || Self::serve(stream, &count));
            }
        });
        Self { port, calls }
    }

    fn serve(mut stream: TcpStream, count: &AtomicUsize) {
        loop {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                head.push(byte[0]);
            }
            count.fetch_add(1, Ordering::SeqCst);
            let answer: &[u8] = if head.starts_with(b"GET /events") {
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n7\r\nevent\n\n\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
            };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }

    fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A gateway, and all that it stands between.
struct Setting {
    house: House,
    service: Service,
    gateway: Gateway,
    server: Authority,
    clients: Authority,
}

impl Setting {
    fn start() -> Self {
        let (house, service) = (House::new(), Service::start());
        let (server, clients) = (Authority::new("server"), Authority::new("clients"));
        let mut params = CertificateParams::new(vec![String::from("localhost")]).unwrap();
        params.serial_number = Some(SerialNumber::from(1_u64));
        let own = server.sign(params);
        for (name, content) in [
            ("openapi.yaml", CONTRACT),
            ("server.pem", &own.pem),
            ("server.key", &own.key),
            ("ca.pem", &clients.pem),
            ("yett.yaml", &document(service.port)),
        ] {
            house.write(name, content);
        }
        clients.list(&house, &[9]);
        let gateway = Gateway::start(&house);
        Self { house, service, gateway, server, clients }
    }

    fn connect(&self, shows: Option<&Leaf>) -> Session {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(roots);
        let mut config = match shows {
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![leaf.der.clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(&self.gateway.secure).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Session(StreamOwned::new(connection, socket))
    }

    /// A call on a connection of its own: its status and code, or that there was no handshake.
    fn get(&self, shows: Option<&Leaf>, path: &str, token: Option<&str>) -> (u16, String) {
        let answer = self.connect(shows).get(path, token);
        answer.map_or((0, String::new()), |answer| (answer.status, answer.code()))
    }
}

fn document(upstream: u16) -> String {
    format!(
        "version: 1
admin: {{ bind: \"127.0.0.1:0\" }}
store: {{}}
record: {{ access_log: \"file:access.log\" }}
listeners:
  secure:
    bind: \"127.0.0.1:0\"
    hosts: [localhost]
    tls:
      certificate: server.pem
      key: \"file:server.key\"
      client_ca: ca.pem
      client_crls: [ca.crl]
      client_certificate: optional
issuers: {{ local: {{ local: true, audience: notes }} }}
authorities:
  partners:
    client_ca: ca.pem
    grants:
      \"{SHOP}\": {{ scopes: [\"notes:read\"] }}
      \"spiffe://example.com/ns/prod/*\": {{ scopes: [\"notes:read\"] }}
      \"{GUEST}\":
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:{upstream}
    authentication: {{ mtls: {{ authorities: [partners] }}, oauth: {{ issuers: [local] }} }}
    limits: [{{ per: subject, rate: 1000/min }}]
"
    )
}

/// A connection of a client.
struct Session(StreamOwned<ClientConnection, TcpStream>);

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn code(&self) -> String {
        let code = self.body.split("urn:yett:error:").nth(1).and_then(|rest| rest.split('"').next());
        code.unwrap_or("ok").to_owned()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Session {
    fn send(&mut self, path: &str, token: Option<&str>) -> std::io::Result<String> {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{token}\r\n");
        self.0.write_all(request.as_bytes())?;
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(text(&head))
    }

    /// One call; `None` when there is no answer.
    fn get(&mut self, path: &str, token: Option<&str>) -> Option<Answer> {
        let head = self.send(path, token).ok()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, head, body: String::new() };
        let mut body = vec![0; answer.field("content-length")?.parse().ok()?];
        self.0.read_exact(&mut body).ok()?;
        answer.body = text(&body);
        Some(answer)
    }

    /// Calls for events, and waits for the first.
    fn listen(&mut self) {
        assert!(self.send("/events", None).unwrap().starts_with("HTTP/1.1 200"));
        let mut chunk = [0; 12];
        self.0.read_exact(&mut chunk).unwrap();
        assert_eq!(&chunk, b"7\r\nevent\n\n\r\n");
    }

    /// Whether nothing more comes, and the connection has ended.
    fn is_cut_off(&mut self) -> bool {
        let mut rest = Vec::new();
        let ended = self.0.read_to_end(&mut rest);
        let waits =
            |error: &std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        rest.is_empty() && !ended.is_err_and(|error| waits(&error))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn threat_16_a_certificate_is_known_by_its_one_name_and_may_what_the_table_says() {
    let setting = Setting::start();
    let clients = &setting.clients;
    let leaf = |uris: &[&str]| clients.client(uris, 7, None);
    let token = setting.house.good(&["token", "--subject", "alice", "--scope", "notes:read"]);
    let token = Some(token.trim());
    let (shop, desk, guest) = (leaf(&[SHOP]), leaf(&[DESK]), leaf(&[GUEST]));
    let unauthorized = |code: &str| (401, code.to_owned());
    let ok = || (200, "ok".to_owned());
    for (name, shown, path, token, expected) in [
        ("in full", Some(&shop), "/notes", None, ok()),
        ("below a boundary", Some(&desk), "/notes", None, ok()),
        ("no certificate", None, "/notes", None, unauthorized("credential_missing")),
        ("a token alone", None, "/notes", token, unauthorized("credential_missing")),
        ("a scope that it lacks", Some(&guest), "/notes", None, (403, "insufficient_scope".into())),
        (
            "beside a boundary",
            Some(&leaf(&["spiffe://example.com/ns/production"])),
            "/notes",
            None,
            unauthorized("certificate_invalid"),
        ),
        (
            "another name",
            Some(&leaf(&["spiffe://example.com/shop2"])),
            "/notes",
            None,
            unauthorized("certificate_invalid"),
        ),
        ("two names", Some(&leaf(&[SHOP, GUEST])), "/notes", None, unauthorized("certificate_invalid")),
        ("no name", Some(&leaf(&[])), "/notes", None, unauthorized("certificate_invalid")),
        (
            "a way up",
            Some(&leaf(&["spiffe://example.com/x/../shop"])),
            "/notes",
            None,
            unauthorized("certificate_invalid"),
        ),
        ("both", Some(&guest), "/both", token, ok()),
        ("both, without the token", Some(&guest), "/both", None, unauthorized("credential_missing")),
        ("both, without the certificate", None, "/both", token, unauthorized("credential_missing")),
        ("both, with a bad token", Some(&guest), "/both", Some("x"), unauthorized("token_invalid")),
        // These never get so far.
        (
            "a NUL in the name",
            Some(&leaf(&["spiffe://example.com/shop\0"])),
            "/notes",
            None,
            (0, String::new()),
        ),
        (
            "another authority of the same name",
            Some(&Authority::new("clients").client(&[SHOP], 7, None)),
            "/notes",
            None,
            (0, String::new()),
        ),
        (
            "revoked by its authority",
            Some(&clients.client(&[SHOP], 9, None)),
            "/notes",
            None,
            (0, String::new()),
        ),
        ("expired", Some(&clients.client(&[SHOP], 7, Some(now() - 60))), "/notes", None, (0, String::new())),
    ] {
        let before = setting.service.count();
        assert_eq!(setting.get(shown, path, token), expected, "{name}");
        assert_eq!(setting.service.count() - before, usize::from(expected.0 == 200), "{name}");
    }
}

#[test]
fn who_shows_a_certificate_is_told_and_the_certificate_is_not() {
    let setting = Setting::start();
    let leaf = |uris: &[&str]| setting.clients.client(uris, 7, None);
    let (shop, guest) = (leaf(&[SHOP]), leaf(&[GUEST]));
    assert_eq!(setting.get(Some(&shop), "/notes", None).0, 200);
    let refused = setting.connect(None).get("/notes", None).unwrap();
    assert_eq!(refused.field("www-authenticate"), Some("ClientCertificate realm=\"notes\""));
    // Who called is in the log and in what is told of a call, without the certificate itself.
    let refused = setting.connect(Some(&guest)).get("/notes", None).unwrap();
    let told = setting.house.good(&["explain", refused.field("yett-call-id").unwrap()]);
    let who = format!("{GUEST}, of yett:authorities:partners, by certificate");
    assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(&who), "{told}");
    let shown = format!("\"subject\":\"{SHOP}\"");
    let log =
        until(10, || Some(setting.house.read("access.log")).filter(|log| log.contains(&shown))).unwrap();
    assert!(log.contains("\"issuer\":\"yett:authorities:partners\"") && !log.contains("BEGIN CERT"), "{log}");
}

#[test]
fn threat_47_a_certificate_that_expires_or_is_revoked_ends_what_stands_on_it() {
    let mut setting = Setting::start();
    let ends = now() + 5;
    let (short, long) =
        (setting.clients.client(&[SHOP], 7, Some(ends)), setting.clients.client(&[DESK], 8, None));
    let (mut doomed, mut spared) = (setting.connect(Some(&short)), setting.connect(Some(&long)));
    let (mut stream, mut lasting) = (setting.connect(Some(&short)), setting.connect(Some(&long)));
    stream.listen();
    lasting.listen();
    assert_eq!(doomed.get("/notes", None).unwrap().status, 200);
    let last = until_every(Duration::from_millis(200), 30, || {
        let answer = doomed.get("/notes", None)?;
        assert!(now() > ends || answer.status == 200, "{}", answer.body);
        (answer.status != 200).then_some(answer)
    });
    let last = last.expect("it ends in mid-connection");
    assert_eq!((last.status, last.code().as_str()), (401, "certificate_expired"));
    assert_eq!(last.field("www-authenticate"), Some("ClientCertificate"));
    assert!(doomed.get("/notes", None).is_none(), "the connection ends");
    assert!(stream.is_cut_off(), "and so does a live stream");
    assert_eq!(spared.get("/notes", None).unwrap().status, 200);

    // Revoked by the authority: calls and streams end with the next list.
    setting.clients.list(&setting.house, &[8]);
    setting.gateway.line("reloaded: configuration 2");
    let refused = spared.get("/notes", None).unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (403, "certificate_refused"));
    assert!(lasting.is_cut_off());
    assert_eq!(setting.get(Some(&setting.clients.client(&[DESK], 10, None)), "/notes", None).0, 200);
}

#[test]
fn what_is_revoked_at_the_gateway_is_refused_and_ends_streams() {
    let setting = Setting::start();
    let (shop, desk) = (setting.clients.client(&[SHOP], 7, None), setting.clients.client(&[DESK], 8, None));
    let revoked = (401, String::from("certificate_revoked"));
    let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &desk.der);
    let print: String = print.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let (mut kept, mut stream, mut other) =
        (setting.connect(Some(&shop)), setting.connect(Some(&shop)), setting.connect(Some(&desk)));
    assert_eq!(kept.get("/notes", None).unwrap().status, 200);
    stream.listen();
    other.listen();
    let done = setting.house.good(&["revoke", "subject", SHOP, "--issuer", "partners", "--json"]);
    assert!(stream.is_cut_off());
    assert_eq!(kept.get("/notes", None).unwrap().code(), "certificate_revoked");
    assert_eq!(setting.get(Some(&shop), "/notes", None), revoked);
    assert_eq!(setting.get(Some(&desk), "/notes", None).0, 200);
    // It is kept for as long as it can be: nobody knows how long certificates last.
    let done: serde_json::Value = serde_json::from_str(&done).unwrap();
    assert!(done["expires"].as_u64().unwrap() - now() > 9 * 365 * 24 * 3600, "{done}");
    setting.house.good(&["revocations", "undo", done["id"].as_str().unwrap()]);
    assert_eq!(setting.get(Some(&shop), "/notes", None).0, 200);
    // One certificate alone.
    setting.house.good(&["revoke", "token", "--sha256", &print]);
    assert!(other.is_cut_off());
    assert_eq!(setting.get(Some(&desk), "/notes", None), revoked);
    assert_eq!(setting.get(Some(&setting.clients.client(&[DESK], 8, None)), "/notes", None).0, 200);
    // All of the authorities.
    setting.house.good(&["revoke", "issuer", "partners", "--for", "1h"]);
    assert_eq!(setting.get(Some(&shop), "/notes", None), revoked);
    for (arguments, said) in [
        (["revoke", "session", "s1", "--issuer", "partners"], "authorities of certificates"),
        (["revoke", "application", "a", "--issuer", "partners"], "authorities of certificates"),
        (["revoke", "subject", "a", "--issuer", "partner"], "did you mean `partners`"),
    ] {
        let refused = setting.house.bad(&arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
    let (status, metrics) = call(&setting.gateway.admin, "GET", "/metrics", None, None);
    assert!(status == 200 && metrics.contains("yett_revocations "), "{metrics}");
}
