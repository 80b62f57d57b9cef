//! Whether what a connection began with still holds, asked at each call (THREATS rows 15 and 47).
//!
//! A connection lives longer than a revocation list, and a session that is resumed was verified when it began, perhaps under
//! another configuration. So a call on a connection with a client certificate looks whether the authorities and lists are
//! those that verified it, which is a comparison of digests; where they are not, or the session was resumed, the chain is
//! verified again, once. Ends of validity are looked at each time. What does not hold any more ends the connection after
//! the call. Live streams are asked about after each change, and are over when what they stand on is.

use std::cell::Cell;

use engine::peer::ClientCertificate;
use engine::snapshot::{ClientAuth, ListenerTls};
use engine::{Peer, Refusal, codes};
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;

use crate::connection::Conn;
use crate::core::Core;
use crate::flight::Flight;

/// How a connection's client certificate stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// What verified it.
    by: Cell<Option<[u8; 32]>>,
    /// First second since 1970 at which it or a list that it was looked up in is out of date.
    until: Cell<u64>,
}

impl Standing {
    /// After a handshake in full, which has verified it, or after one that resumed a session.
    pub(crate) fn new(clients: &ClientAuth, certificate: Option<&ClientCertificate>, full: bool) -> Self {
        let until = certificate.map_or(u64::MAX, |certificate| until(certificate, clients));
        Self { by: Cell::new(full.then_some(clients.digest)), until: Cell::new(until) }
    }
}

impl Standing {
    /// Of a peer in memory, whose certificate counts as verified by the listener's authorities: there was no handshake.
    pub(crate) fn in_memory(core: &Core, peer: &Peer) -> Option<Self> {
        let current = core.current();
        let listener = current.snapshot().listeners.get(usize::from(peer.listener))?;
        let clients = listener.tls.as_ref()?.clients.as_ref()?;
        Some(Self::new(clients, peer.certificate().map(|shown| &**shown), true))
    }

    /// Whether the certificate, or a list that it was looked up in, is out of date at a second.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        now >= self.until.get()
    }
}

fn until(certificate: &ClientCertificate, clients: &ClientAuth) -> u64 {
    certificate.expires.min(clients.crls_until.unwrap_or(u64::MAX))
}

/// Whether a call may go on, at a second, as far as its connection's handshake is concerned.
///
/// # Errors
/// `misdirected`, `certificate_required`, `certificate_expired` or `certificate_refused`; the connection ends after the answer.
pub(crate) fn check(flight: &Flight, now: u64) -> Result<(), Box<Refusal>> {
    let conn = &flight.conn;
    if !conn.peer.tls {
        return Ok(());
    }
    let listeners = &flight.pin.snapshot().listeners;
    let listener = listeners.get(usize::from(conn.peer.listener));
    let Some(settings) = listener.and_then(|listener| listener.tls.as_deref()) else {
        return Err(Refusal::new(&codes::MISDIRECTED, "the listener speaks no TLS any more"));
    };
    let checked =
        same_certificate(flight, settings).and_then(|()| certificate(&flight.core, settings, flight, now));
    if checked.is_err() {
        conn.close();
    }
    checked
}

/// Whether the client certificate of a connection, which has one, still stands for a stream that is open; else the connection ends.
pub(crate) fn stands(flight: &Flight, now: u64) -> bool {
    let listener = flight.pin.snapshot().listeners.get(usize::from(flight.conn.peer.listener));
    let settings = listener.and_then(|listener| listener.tls.as_deref());
    let good = settings.is_some_and(|settings| certificate(&flight.core, settings, flight, now).is_ok());
    if !good {
        flight.conn.close();
    }
    good
}

/// A client that named no server was shown the default certificate; a host that another one is for is not for it.
fn same_certificate(flight: &Flight, settings: &ListenerTls) -> Result<(), Box<Refusal>> {
    if settings.certificates().len() < 2 || flight.conn.peer.server_name().is_some() {
        return Ok(());
    }
    let host = &*flight.call.request.host;
    if settings.certificates_for(Some(host)) == settings.certificates_for(None) {
        return Ok(());
    }
    Err(Refusal::new(
        &codes::MISDIRECTED,
        "the handshake named no server, and the host has a certificate of its own",
    ))
}

fn certificate(core: &Core, settings: &ListenerTls, flight: &Flight, now: u64) -> Result<(), Box<Refusal>> {
    let conn: &Conn = &flight.conn;
    let shown = conn.peer.certificate();
    let (clients, shown) = match (&settings.clients, shown) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            let why = "the listener asks for no certificates any more";
            return Err(Refusal::new(&codes::CERTIFICATE_REFUSED, why));
        }
        (Some(clients), None) if !clients.required => return Ok(()),
        (Some(_), None) => {
            let why = "the listener demands a certificate since the connection began";
            return Err(Refusal::new(&codes::CERTIFICATE_REQUIRED, why));
        }
        (Some(clients), Some(shown)) => (clients, shown),
    };
    let refused = |why: &str| Err(Refusal::new(&codes::CERTIFICATE_REFUSED, why));
    if now >= shown.expires {
        // A credential that is over, as an expired token is: another one is to be shown, to whatever API.
        let refusal = Refusal::new(&codes::CERTIFICATE_EXPIRED, "it, or one of its chain, has expired");
        return Err(refusal.header(WWW_AUTHENTICATE, HeaderValue::from_static("ClientCertificate")));
    }
    let Some(standing) = &conn.standing else { return refused("nothing has verified the certificate") };
    if standing.by.get() != Some(clients.digest) {
        let server = core.server(conn.peer.listener, flight.pin.snapshot());
        let verified = match server {
            Ok(Some(server)) => server.verify(&shown.chain),
            _ => Err(String::from("nothing can verify it")),
        };
        if let Err(why) = verified {
            return refused(&why);
        }
        standing.by.set(Some(clients.digest));
        standing.until.set(until(shown, clients));
    }
    if standing.is_over(now) {
        return refused("the list that says whether it was revoked is out of date");
    }
    Ok(())
}
