//! A proxy that takes TLS apart, or puts it on, and checks nothing of what a handshake shows: what tests of certificates have to
//! fail against.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, ServerConnection, SignatureScheme,
};

/// The proxy; its threads end with the process.
#[derive(Debug)]
pub struct NaiveTls {
    address: SocketAddr,
    front: Arc<Mutex<Option<Arc<ServerConfig>>>>,
}

impl NaiveTls {
    /// Speaks TLS with clients as `config` says, and passes on what they say to `upstream` in clear text.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn in_front(config: Arc<ServerConfig>, upstream: SocketAddr) -> Self {
        let front = Arc::new(Mutex::new(Some(config)));
        let current = Arc::clone(&front);
        let address = listen(move |client| {
            let config = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let sealed = ServerConnection::new(config.ok_or_else(|| io::Error::other("no configuration"))?);
            let clear = TcpStream::connect(upstream)?;
            relay(sealed.map_err(io::Error::other)?.into(), client, &clear)
        });
        Self { address, front }
    }

    /// Takes clear text, and passes it on to `upstream` in TLS under this name, whatever certificate that shows.
    ///
    /// # Panics
    /// When no port is free, or the name is none.
    #[must_use]
    pub fn behind(name: &str, upstream: SocketAddr) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
        let config =
            Arc::new(builder.with_custom_certificate_verifier(Arc::new(Anyone)).with_no_client_auth());
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let address = listen(move |clear| {
            let sealed = ClientConnection::new(Arc::clone(&config), name.clone());
            let socket = TcpStream::connect(upstream)?;
            relay(sealed.map_err(io::Error::other)?.into(), socket, &clear)
        });
        Self { address, front: Arc::default() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Handshakes are as `config` says from now on. As with a proxy that looks at certificates in handshakes only, what is open
    /// stays open, and who resumes a session of before is not asked again where both configurations keep theirs in one place.
    pub fn publish(&self, config: Arc<ServerConfig>) {
        *self.front.lock().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }
}

fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || {
                let _ = serve(client);
            });
        }
    });
    address
}

/// Passes on in both directions until both have ended.
fn relay(connection: Connection, socket: TcpStream, clear: &TcpStream) -> io::Result<()> {
    let sealed = Arc::new(Sealed { connection: Mutex::new(connection), socket });
    let (other, from) = (Arc::clone(&sealed), clear.try_clone()?);
    std::thread::spawn(move || {
        let _ = other.send(&from);
    });
    let outcome = sealed.receive(clear);
    if outcome.is_err() {
        // The alert has gone; a socket that is closed with something unread would take it back.
        let _ = sealed.socket.shutdown(Shutdown::Write);
        let _ = io::copy(&mut &sealed.socket, &mut io::sink());
        let _ = clear.shutdown(Shutdown::Both);
    }
    let _ = clear.shutdown(Shutdown::Write);
    outcome
}

/// The end that speaks TLS. Bytes are read by one thread, and written by whoever holds the lock.
struct Sealed {
    connection: Mutex<Connection>,
    socket: TcpStream,
}

impl Sealed {
    /// Writes to `to` what comes, until its end.
    fn receive(&self, mut to: &TcpStream) -> io::Result<()> {
        let mut space = vec![0_u8; 16 * 1024];
        loop {
            let count = (&self.socket).read(&mut space)?;
            if count == 0 {
                return Ok(());
            }
            let clear = self.open(&space[..count])?;
            to.write_all(&clear)?;
        }
    }

    fn open(&self, mut bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clear = Vec::new();
        while !bytes.is_empty() && connection.read_tls(&mut bytes)? > 0 {
            let outcome = connection.process_new_packets();
            self.flush(&mut connection)?;
            let start = clear.len();
            clear.resize(start + outcome.map_err(io::Error::other)?.plaintext_bytes_to_read(), 0);
            connection.reader().read_exact(&mut clear[start..])?;
        }
        Ok(clear)
    }

    /// Sends what comes from `from`, until its end.
    fn send(&self, mut from: &TcpStream) -> io::Result<()> {
        let mut space = vec![0_u8; 16 * 1024];
        self.flush(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner))?;
        loop {
            let count = from.read(&mut space)?;
            let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.writer().write_all(&space[..count])?;
            if count == 0 {
                connection.send_close_notify();
            }
            self.flush(&mut connection)?;
            if count == 0 {
                return self.socket.shutdown(Shutdown::Write);
            }
        }
    }

    fn flush(&self, connection: &mut Connection) -> io::Result<()> {
        while connection.wants_write() {
            connection.write_tls(&mut &self.socket)?;
        }
        Ok(())
    }
}

/// Takes every certificate of whoever shows it: of servers, and of clients, which it asks for one.
#[derive(Debug)]
pub struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Anyone {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
