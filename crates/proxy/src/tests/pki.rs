//! Authorities, certificates, revocation lists, and a client that shows them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use engine::snapshot::{ClientAuth, ListenerTls, TlsIdentity, TlsMinimum};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned};

use super::world::PATIENCE;

/// The year that lists and certificates hold to unless a test says otherwise.
pub(super) const FAR: i32 = 2199;

/// An authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) der: Vec<u8>,
    /// What its certificates are shown with: itself, when another one has signed it.
    between: Vec<Vec<u8>>,
}

/// A certificate and its key.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) der: Vec<u8>,
    between: Vec<Vec<u8>>,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let params = Self::params(name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { issuer: Issuer::new(params, key), der, between: vec![] }
    }

    /// An authority that this one vouches for.
    pub(super) fn below(&self, name: &str, serial: u64) -> Self {
        let mut params = Self::params(name);
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { issuer: Issuer::new(params, key), between: vec![der.clone()], der }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// A certificate for a server, with these names.
    pub(super) fn server(&self, names: &[&str]) -> Leaf {
        let mut params =
            CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// A certificate for a client, which ends with a year.
    pub(super) fn client(&self, serial: u64, ends: i32) -> Leaf {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_after = date_time_ymd(ends, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let uri = format!("spiffe://example.com/client/{serial}");
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { der: made.der().to_vec(), between: self.between.clone(), key: key.serialize_pem() }
    }

    /// A list of what is revoked, which is good until a year begins.
    pub(super) fn list(&self, revoked: &[u64], ends: i32) -> Vec<u8> {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(ends, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// What a listener is to do, less its digests, which follow from it.
#[derive(Clone, Default)]
pub(super) struct Serves {
    pub(super) certificates: Vec<(Leaf, Vec<&'static str>)>,
    pub(super) named_only: bool,
    pub(super) three: bool,
    pub(super) clients: Option<Asks>,
}

/// What is asked of clients.
#[derive(Clone, Default)]
pub(super) struct Asks {
    pub(super) optional: bool,
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) lists: Vec<(Vec<u8>, i32)>,
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().unwrap()
}

/// Seconds since 1970 at which a year begins.
pub(super) fn year(year: i32) -> u64 {
    date_time_ymd(year, 1, 1).unix_timestamp() as u64
}

impl Serves {
    pub(super) fn one(leaf: &Leaf) -> Self {
        Self { certificates: vec![(leaf.clone(), vec![])], ..Self::default() }
    }

    pub(super) fn settings(&self) -> Arc<ListenerTls> {
        let clients = self.clients.as_ref().map(|asks| {
            let roots: Vec<&[u8]> = asks.roots.iter().map(Vec::as_slice).collect();
            let lists: Vec<&[u8]> = asks.lists.iter().map(|(der, _)| der.as_slice()).collect();
            let authority = digest(&[&[u8::from(asks.optional)], &roots.concat()]);
            Arc::new(ClientAuth {
                required: !asks.optional,
                roots: asks.roots.clone(),
                crls: asks.lists.iter().map(|(der, _)| der.clone()).collect(),
                crls_until: asks.lists.iter().map(|(_, ends)| year(*ends)).min(),
                authority,
                digest: digest(&[&authority, &lists.concat()]),
            })
        });
        let identity = |(leaf, hosts): &(Leaf, Vec<&str>)| TlsIdentity {
            chain: vec![leaf.der.clone()],
            key: leaf.key.as_bytes().into(),
            hosts: hosts.iter().map(|host| (*host).into()).collect(),
        };
        let ders: Vec<&[u8]> = self.certificates.iter().map(|(leaf, _)| leaf.der.as_slice()).collect();
        let asked = clients.as_ref().map_or([0; 32], |clients| clients.digest);
        let digest = digest(&[&ders.concat(), &asked, &[u8::from(self.three)]]);
        let minimum = if self.three { TlsMinimum::Three } else { TlsMinimum::Two };
        let certificates = self.certificates.iter().map(identity).collect();
        Arc::new(ListenerTls::new(certificates, !self.named_only, minimum, clients, digest))
    }
}

/// A client with its own memory of sessions.
#[derive(Clone)]
pub(super) struct TlsClient(pub(super) Arc<ClientConfig>);

impl TlsClient {
    pub(super) fn new(trusted: &Authority, shows: Option<&Leaf>) -> Self {
        Self::with(trusted, shows, |_| {}, rustls::ALL_VERSIONS)
    }

    pub(super) fn with(
        trusted: &Authority,
        shows: Option<&Leaf>,
        change: impl FnOnce(&mut rustls::crypto::CryptoProvider),
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(trusted.der.clone())).unwrap();
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        change(&mut provider);
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match shows {
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
                let chain = std::iter::once(&leaf.der).chain(&leaf.between);
                let chain = chain.map(|der| CertificateDer::from(der.clone())).collect();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(8);
        Self(Arc::new(config))
    }

    #[allow(clippy::disallowed_methods, reason = "a client of the tests")]
    pub(super) fn connect(&self, address: SocketAddr, name: &str) -> Session {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Session(StreamOwned::new(connection, socket))
    }

    /// A call on a connection of its own: its status, or why there is none.
    pub(super) fn get(&self, address: SocketAddr, name: &str) -> Result<u16, String> {
        let mut session = self.connect(address, name);
        session.settle()?;
        session.get(name)
    }

    /// Whether a new connection resumes a session. Tickets come after the first answer at the latest.
    pub(super) fn resumes(&self, address: SocketAddr) -> bool {
        let mut session = self.connect(address, "localhost");
        assert_eq!(session.get("localhost"), Ok(200));
        session.0.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// A connection.
pub(super) struct Session(pub(super) StreamOwned<ClientConnection, TcpStream>);

impl Session {
    /// One call: its status, or why there is none.
    pub(super) fn get(&mut self, host: &str) -> Result<u16, String> {
        self.call(host).map(|(status, _)| status)
    }

    pub(super) fn call(&mut self, host: &str) -> Result<(u16, String), String> {
        let request = format!("GET /v1/a HTTP/1.1\r\nhost: {host}\r\n\r\n");
        self.0.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let mut seen = Vec::new();
        let mut piece = [0; 4096];
        loop {
            if let Some((head, body)) = split(&seen) {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body >= length.unwrap().parse().unwrap() {
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    return Ok((status, String::from_utf8(seen).unwrap()));
                }
            }
            match self.0.read(&mut piece) {
                Ok(0) => return Err(String::from("the connection ended")),
                Ok(count) => seen.extend_from_slice(&piece[..count]),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Calls for events, and waits for the first.
    pub(super) fn listen(&mut self, host: &str) -> Result<(), String> {
        let request = format!("GET /v1/a HTTP/1.1\r\nhost: {host}\r\n\r\n");
        self.0.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
        while !seen.ends_with(b"event\r\n") {
            match self.0.read(&mut piece) {
                Ok(0) => return Err(String::from("the connection ended")),
                Ok(count) => seen.extend_from_slice(&piece[..count]),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// All that still comes, however the connection ends.
    pub(super) fn rest(&mut self) -> String {
        let mut seen = Vec::new();
        let _ = self.0.read_to_end(&mut seen);
        String::from_utf8(seen).unwrap()
    }

    /// Waits for what the server says to the handshake. In TLS 1.3 a client is done before its certificate is judged: a request that it
    /// sent at once would be unread when a refused socket is closed, and the reset would overtake the alert.
    fn settle(&mut self) -> Result<(), String> {
        self.shown()?;
        let StreamOwned { conn, sock } = &mut self.0;
        if conn.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            // Tickets, or an alert.
            conn.read_tls(sock).map_err(|error| error.to_string())?;
            conn.process_new_packets().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The certificate that the server showed.
    pub(super) fn shown(&mut self) -> Result<Vec<u8>, String> {
        while self.0.conn.is_handshaking() {
            self.0.conn.complete_io(&mut self.0.sock).map_err(|error| error.to_string())?;
        }
        Ok(self.0.conn.peer_certificates().unwrap()[0].to_vec())
    }
}

/// The head, and how much of the body is there.
fn split(seen: &[u8]) -> Option<(String, usize)> {
    let end = seen.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    Some((String::from_utf8(seen[..end].to_vec()).unwrap(), seen.len() - end))
}
