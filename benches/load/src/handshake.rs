//! The caller who never calls: full TLS handshakes, one after another over a number of tasks, none resumed.
//!
//! A handshake is counted when the other side has closed the connection in answer to our `close_notify` (RFC 8446 section
//! 6.1): by then it has done all that it does for one, tickets included. Certificates are looked at by nobody: what is
//! measured is the other side.

use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, NamedGroup, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::Flags;
use crate::call::connect;

/// Makes handshakes until the time is up and prints `{"calls", "seconds"}`.
pub(crate) async fn handshake(flags: &Flags) -> Result<(), String> {
    let target: Rc<str> = flags.text("--target")?.into();
    let connector = TlsConnector::from(Arc::new(config(flags.text("--group")?)?));
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(flags.number("--seconds", 2.5)?);
    let made = Rc::new(Cell::new(0_u64));
    let tasks: Vec<_> = (0..flags.number("--connections", 32_usize)?)
        .map(|_| {
            let (connector, target, made) = (connector.clone(), Rc::clone(&target), Rc::clone(&made));
            tokio::task::spawn_local(async move {
                while Instant::now() < until {
                    one(&connector, &target).await?;
                    made.set(made.get() + 1);
                }
                Ok::<_, std::io::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| error.to_string())?.map_err(|error| format!("`{target}`: {error}"))?;
    }
    let (calls, seconds) = (made.get(), start.elapsed().as_secs_f64());
    let line = format!("{{\"calls\": {calls}, \"seconds\": {seconds:.4}}}");
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

async fn one(connector: &TlsConnector, target: &str) -> std::io::Result<()> {
    let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
    let mut stream = connector.connect(name, connect(target).await?).await?;
    stream.shutdown().await?;
    let mut said = [0; 64];
    match stream.read(&mut said).await {
        // Some end without a word of their own.
        Ok(0) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
        Ok(_) => Err(std::io::Error::other("an answer that nobody asked for")),
        Err(error) => Err(error),
    }
}

/// TLS 1.3 with one group for the key exchange.
fn config(group: &str) -> Result<ClientConfig, String> {
    let group = match group {
        "x25519" => NamedGroup::X25519,
        "x25519mlkem768" => NamedGroup::X25519MLKEM768,
        other => return Err(format!("`--group {other}` is neither x25519 nor x25519mlkem768")),
    };
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups.retain(|one| one.name() == group);
    let verifier = Arc::new(Anybody(provider.clone()));
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Takes every certificate; the handshake's own signature is not checked either.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
