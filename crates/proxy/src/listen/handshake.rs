//! The TLS handshake with a client, and what it tells of it.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use engine::bounds::{self, Bound};
use engine::peer::{AltName, ClientCertificate, ClientHello, PeerFacts};
use engine::record::ConnectionEvent;
use rustls::HandshakeKind;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use super::hello::{self, NoHello};
use super::records::Records;
use super::standing::Standing;
use crate::core::Core;
use crate::tls::Server;

/// `decode_error` and `unexpected_message` (RFC 8446 section 6), for what never reaches the TLS library.
const TOO_LONG: &[u8] = &[21, 3, 3, 0, 2, 2, 50];
const TOO_MUCH: &[u8] = &[21, 3, 3, 0, 2, 2, 10];

/// A connection after its handshake.
pub(crate) struct Secured {
    pub(crate) stream: Box<TlsStream<Records>>,
    pub(crate) facts: PeerFacts,
    /// Of the client's certificate, where the listener asks for one.
    pub(crate) standing: Option<Standing>,
    pub(crate) two: bool,
}

/// Does the handshake within its time. `None` when it fails, which is told. `first` was read already.
pub(crate) async fn secure(
    core: &Core,
    server: Arc<Server>,
    socket: TcpStream,
    first: BytesMut,
) -> Option<Secured> {
    let failed = match tokio::time::timeout(bounds::HANDSHAKE_TIME, shake(&server, socket, first)).await {
        Ok(Ok((stream, hello))) => match describe(&server, &stream, hello) {
            Ok((facts, standing)) => {
                let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                return Some(Secured { stream: Box::new(stream), facts, standing, two });
            }
            Err(_) => None,
        },
        Ok(Err(NoHello::TooLong)) => Some(Bound::ClientHello),
        Ok(Err(_)) => None,
        Err(_) => Some(Bound::HandshakeTime),
    };
    if let Some(bound) = failed {
        core.recorder.bound(bound);
    }
    core.recorder.connection(ConnectionEvent::HandshakeFailed);
    None
}

async fn shake(
    server: &Arc<Server>,
    mut socket: TcpStream,
    mut bytes: BytesMut,
) -> Result<(TlsStream<Records>, ClientHello), NoHello> {
    let hello = match hello::read(&mut socket, &mut bytes).await {
        Ok(hello) if bytes.len() == hello.length => hello,
        // A client says nothing more before it is answered: there is no early data here.
        Ok(_) => return refuse(&mut socket, TOO_MUCH, NoHello::Other).await,
        Err(NoHello::TooLong) => return refuse(&mut socket, TOO_LONG, NoHello::TooLong).await,
        Err(NoHello::Gone) => return Err(NoHello::Gone),
        // The library says what is wrong with it.
        Err(NoHello::Other) => ClientHello { records: bytes::Bytes::new(), length: 0 },
    };
    match feed(&bytes) {
        Ok(accepted) => {
            drop(bytes);
            let start = StartHandshake::from_parts(accepted, Records(socket));
            let stream = start.into_stream(Arc::clone(&server.config)).await;
            stream.map(|stream| (stream, hello)).map_err(|_| NoHello::Other)
        }
        Err(alert) => refuse(&mut socket, &alert, NoHello::Other).await,
    }
}

/// Hands the message to the TLS library; else its alert.
fn feed(bytes: &[u8]) -> Result<rustls::server::Accepted, Vec<u8>> {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).is_err() {
            return Err(Vec::new());
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) => {}
            Err((_, mut alert)) => {
                let mut out = Vec::new();
                // A vector takes all that is written.
                let _ = alert.write_all(&mut out);
                return Err(out);
            }
        }
    }
    Err(Vec::new())
}

async fn refuse<T>(socket: &mut TcpStream, alert: &[u8], why: NoHello) -> Result<T, NoHello> {
    // Whether the client hears of it changes nothing.
    let _: io::Result<()> = socket.write_all(alert).await;
    let _ = socket.shutdown().await;
    Err(why)
}

type Described = (PeerFacts, Option<Standing>);

/// What the handshake told.
fn describe(
    server: &Server,
    stream: &TlsStream<Records>,
    hello: ClientHello,
) -> Result<Described, x509::Malformed> {
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let certificate = match chain.first() {
        Some(_) => Some(Arc::new(read(chain.iter().map(|der| Box::from(&**der)).collect())?)),
        None => None,
    };
    let standing = server.settings.clients.as_ref().map(|clients| {
        let full = session.handshake_kind() != Some(HandshakeKind::Resumed);
        Standing::new(clients, certificate.as_deref(), full)
    });
    let facts = PeerFacts {
        server_name: session.server_name().map(Box::from),
        client_hello: Some(hello),
        certificate,
        ..PeerFacts::default()
    };
    Ok((facts, standing))
}

/// What is known of a chain that was verified.
fn read(chain: Vec<Box<[u8]>>) -> Result<ClientCertificate, x509::Malformed> {
    let leaf = chain.first().map(|der| &**der).unwrap_or_default();
    let read = x509::Certificate::read(leaf)?;
    let (subject, common_name) = (read.subject()?.into(), read.common_name()?.map(Box::from));
    let begins = read.not_before;
    let names = read.names.into_iter().map(|name| match name {
        x509::Name::Dns(host) => AltName::Dns(host.to_ascii_lowercase().into()),
        x509::Name::Uri(uri) => AltName::Uri(uri.into()),
        x509::Name::Email(address) => AltName::Email(address.into()),
        x509::Name::Address(address) => AltName::Address(address),
    });
    let names = names.collect();
    let mut thumbprint = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
    for (slot, byte) in thumbprint.iter_mut().zip(digest.as_ref()) {
        *slot = *byte;
    }
    let mut expires = u64::MAX;
    for der in &chain {
        expires = expires.min(x509::Certificate::read(der)?.not_after.saturating_add(1));
    }
    Ok(ClientCertificate { chain, thumbprint, subject, common_name, names, begins, expires })
}
