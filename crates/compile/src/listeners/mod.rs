//! Listeners, the certificates they show and those that they ask for: all of it read here, so that a key that does not
//! belong to its certificate, or an authority that cannot be believed, is found before anything is served.

mod clients;
mod identities;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::snapshot::{Bind, Connections, Listener, ListenerTls, Network, TlsMinimum};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spec::{Cidr, ListenAddress, TlsVersion};

use crate::digest;
pub(crate) use identities::identity;

/// Permissions of a unix socket of which nothing is said: its user and group.
const PERMISSIONS: u32 = 0o660;

/// All listeners, numbered in the order of their names.
pub(crate) fn build(document: &spec::Document, files: &Assets, out: &mut Diagnostics) -> Vec<Listener> {
    document
        .listeners
        .iter()
        .map(|(name, listener)| Listener {
            name: name.as_str().into(),
            bind: bind(listener),
            tls: listener.tls.as_ref().and_then(|tls| tls_of(tls, files, out)).map(Arc::new),
            proxies: listener.proxy_protocol.iter().map(|range| network(range.value)).collect(),
            connections: Connections {
                total: listener.connections.total.map(|most| most.value),
                address: listener.connections.address.map(|most| most.value),
            },
        })
        .collect()
}

fn bind(listener: &spec::Listener) -> Bind {
    match &listener.bind.value {
        ListenAddress::Tcp(bind) => Bind::Tcp(bind.to_string().into()),
        ListenAddress::Unix(path) => {
            let mode = listener.permissions.map_or(PERMISSIONS, |permissions| permissions.bits());
            Bind::Unix { path: PathBuf::from(path), mode }
        }
    }
}

fn network(range: Cidr) -> Network {
    let first = range.address();
    let last = match first {
        IpAddr::V4(first) => {
            let host = u32::MAX.checked_shr(u32::from(range.prefix())).unwrap_or(0);
            Ipv4Addr::from_bits(first.to_bits() | host).into()
        }
        IpAddr::V6(first) => {
            let host = u128::MAX.checked_shr(u32::from(range.prefix())).unwrap_or(0);
            Ipv6Addr::from_bits(first.to_bits() | host).into()
        }
    };
    Network { first, last }
}

/// Certificates of a PEM file, in DER; at least one.
///
/// # Errors
/// What is wrong with it, as a clause.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        chain.push(certificate.map_err(|_| "it is not PEM")?.to_vec());
    }
    if chain.is_empty() { Err("it holds no certificate") } else { Ok(chain) }
}

/// Says that a file cannot be used.
fn unusable(what: &str, why: &str, help: &str, span: Span, out: &mut Diagnostics) {
    let message = format!("`{what}` cannot be used: {why}");
    out.push(Diagnostic::error("certificate", message).at(span).help(help));
}

fn tls_of(tls: &spec::ListenerTls, files: &Assets, out: &mut Diagnostics) -> Option<ListenerTls> {
    let identities = identities::all(tls, files, out);
    let clients = match &tls.client_ca {
        Some(ca) => Some(Arc::new(clients::read(tls, ca, files, out)?)),
        None => None,
    };
    let identities = identities?;
    let minimum = match tls.min_version {
        TlsVersion::Tls12 => TlsMinimum::Two,
        TlsVersion::Tls13 => TlsMinimum::Three,
    };
    let version = tls.min_version.to_string();
    let default: &[u8] = if tls.certificate.is_some() { b"default" } else { b"named" };
    let mut parts: Vec<(&str, &[u8])> = vec![("version", version.as_bytes()), ("default", default)];
    for (identity, digest) in &identities {
        parts.push(("certificate", digest));
        parts.extend(identity.hosts.iter().map(|host| ("host", host.as_bytes())));
    }
    parts.extend(clients.iter().map(|clients| ("clients", clients.digest.as_slice())));
    let digest = digest::of_parts(parts);
    let certificates = identities.into_iter().map(|(identity, _)| identity).collect();
    Some(ListenerTls::new(certificates, tls.certificate.is_some(), minimum, clients, digest))
}
