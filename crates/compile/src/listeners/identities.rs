//! The certificates that a listener shows.

use std::collections::HashMap;
use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics};
use engine::snapshot::TlsIdentity;
use rustls::SignatureAlgorithm;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use spec::{FileRef, SecretRef, Spanned};

use super::{certificates, unusable};
use crate::{assets, digest};

/// An identity with a digest over its files.
pub(super) type Made = (TlsIdentity, [u8; 32]);
/// What names a certificate and its key.
pub(crate) type Pair<'a> = (&'a Spanned<FileRef>, &'a Spanned<SecretRef>);

/// All of them, the default first; `None` when one was reported.
pub(super) fn all(tls: &spec::ListenerTls, files: &Assets, out: &mut Diagnostics) -> Option<Vec<Made>> {
    let default: Option<Pair<'_>> = tls.certificate.as_ref().zip(tls.key.as_ref());
    let further = tls.certificates.iter().map(|entry| (&entry.certificate, &entry.key));
    let pairs: Vec<Pair<'_>> = default.into_iter().chain(further).collect();
    let mut made = Vec::new();
    let mut taken: HashMap<(Box<str>, u8), &str> = HashMap::new();
    for (number, (certificate, key)) in pairs.iter().enumerate() {
        let Some((identity, digest, algorithm)) = read((certificate, key), files, out) else { continue };
        let is_default = number == 0 && default.is_some();
        if identity.hosts.is_empty() && !is_default {
            let help = "give one with the hosts as subject alternative names; a common name is not looked at";
            unusable(certificate.path(), "it names no host", help, certificate.span, out);
        }
        for host in &identity.hosts {
            if let Some(other) = taken.insert((host.clone(), u8::from(algorithm)), certificate.path()) {
                let message = format!("`{}` and `{other}` both are for `{host}`", certificate.path());
                let help = "keep one of them: two are told apart by the kind of their keys only";
                out.push(Diagnostic::error("conflict", message).at(certificate.span).help(help));
            }
        }
        made.push((identity, digest));
    }
    (made.len() == pairs.len() && !made.is_empty()).then_some(made)
}

/// One of somebody else than a listener; what is wrong with it is reported.
pub(crate) fn identity(pair: Pair<'_>, files: &Assets, out: &mut Diagnostics) -> Option<TlsIdentity> {
    read(pair, files, out).map(|(identity, ..)| identity)
}

/// Reads one. What is not there was reported by `assets::check`.
fn read(
    (certificate, key): Pair<'_>,
    files: &Assets,
    out: &mut Diagnostics,
) -> Option<(TlsIdentity, [u8; 32], SignatureAlgorithm)> {
    let name = assets::secret_key(key);
    let (pem, secret) = (files.get(certificate.path())?, files.get(&name)?);
    let chain = match certificates(pem) {
        Ok(chain) => Some(chain),
        Err(why) => {
            let help = "give a PEM file with the certificate first, then its chain";
            unusable(certificate.path(), why, help, certificate.span, out);
            None
        }
    };
    let signing = match signing_key(secret) {
        Ok(signing) => Some(signing),
        Err(why) => {
            let help = "give one PEM private key: PKCS#8, SEC1 or PKCS#1, without a passphrase";
            unusable(&name, why, help, key.span, out);
            None
        }
    };
    let (chain, signing) = (chain?, signing?);
    let algorithm = signing.algorithm();
    let ders: Vec<CertificateDer<'static>> = chain.iter().map(|der| der.clone().into()).collect();
    match CertifiedKey::new(ders, signing).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            let help =
                "give the key that the certificate was made for, and put the certificate before its chain";
            unusable(&name, "it does not belong to the certificate", help, key.span, out);
            return None;
        }
        Err(_) => {
            let help = "give the certificate in PEM, itself first, then its chain";
            unusable(certificate.path(), "it is not an X.509 certificate", help, certificate.span, out);
            return None;
        }
    }
    let hosts = match hosts(chain.first().map(Vec::as_slice).unwrap_or_default()) {
        Ok(hosts) => hosts,
        Err(why) => {
            let help = "give a certificate as RFC 5280 wants it";
            unusable(certificate.path(), &why.to_string(), help, certificate.span, out);
            return None;
        }
    };
    let digest = digest::of_parts([("certificate", &**pem), ("key", &**secret)]);
    Some((TlsIdentity { chain, key: Arc::clone(secret), hosts }, digest, algorithm))
}

fn signing_key(pem: &[u8]) -> Result<Arc<dyn SigningKey>, &'static str> {
    let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "it holds no PEM private key")?;
    rustls::crypto::aws_lc_rs::sign::any_supported_type(&der)
        .map_err(|_| "it is no private key that TLS can use")
}

/// The hosts that a certificate names; one that has `*` anywhere but for its whole first label names none.
fn hosts(der: &[u8]) -> Result<Vec<Box<str>>, x509::Malformed> {
    let names = x509::Certificate::read(der)?.names;
    let mut hosts: Vec<Box<str>> = names
        .into_iter()
        .filter_map(|name| match name {
            x509::Name::Dns(host) => Some(host.trim_end_matches('.').to_ascii_lowercase()),
            _ => None,
        })
        .filter(|host| !host.strip_prefix("*.").unwrap_or(host).contains('*'))
        .map(String::into_boxed_str)
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    Ok(hosts)
}
