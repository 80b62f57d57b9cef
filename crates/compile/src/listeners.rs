//! Listeners, and the certificates they show: parsed here, so that a key that does not belong to its certificate is
//! found before anything is served.

use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::snapshot::{Listener, TlsIdentity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use spec::{FileRef, SecretRef, Spanned};

use crate::{assets, digest};

/// All listeners, numbered in the order of their names.
pub(crate) fn build(document: &spec::Document, files: &Assets, out: &mut Diagnostics) -> Vec<Listener> {
    document
        .listeners
        .iter()
        .map(|(name, listener)| Listener {
            name: name.as_str().into(),
            bind: listener.bind.value.to_string().into(),
            tls: listener
                .tls
                .as_ref()
                .and_then(|tls| identity((&tls.certificate, &tls.key), files, out))
                .map(Arc::new),
        })
        .collect()
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

/// A certificate with its chain, and its key; what is wrong with them is reported.
pub(crate) fn identity(
    (named, named_key): (&Spanned<FileRef>, &Spanned<SecretRef>),
    files: &Assets,
    out: &mut Diagnostics,
) -> Option<TlsIdentity> {
    let key_name = assets::secret_key(named_key);
    // What is not there was reported by `assets::check`.
    let (certificate, key) = (files.get(named.path())?, files.get(&key_name)?);
    let mut fail = |what: &str, why: &str, help: &str, span: Span| {
        let message = format!("`{what}` cannot be used: {why}");
        out.push(Diagnostic::error("certificate", message).at(span).help(help));
    };
    let chain = match certificates(certificate) {
        Ok(chain) => Some(chain),
        Err(why) => {
            let help = "give a PEM file with the certificate first, then its chain";
            fail(named.path(), why, help, named.span);
            None
        }
    };
    let help = "give one PEM private key: PKCS#8, SEC1 or PKCS#1, without a passphrase";
    let signing = match PrivateKeyDer::from_pem_slice(key) {
        Ok(der) => match rustls::crypto::aws_lc_rs::sign::any_supported_type(&der) {
            Ok(signing) => Some(signing),
            Err(_) => {
                fail(&key_name, "it is no private key that TLS can use", help, named_key.span);
                None
            }
        },
        Err(_) => {
            fail(&key_name, "it holds no PEM private key", help, named_key.span);
            None
        }
    };
    let (chain, signing) = (chain?, signing?);
    let ders: Vec<CertificateDer<'static>> = chain.iter().map(|der| der.clone().into()).collect();
    match CertifiedKey::new(ders, signing).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            let digest = digest::of_parts([("certificate", &**certificate), ("key", &**key)]);
            Some(TlsIdentity { chain, key: Arc::clone(key), digest })
        }
        Err(rustls::Error::InconsistentKeys(_)) => {
            let help =
                "give the key that the certificate was made for, and put the certificate before its chain";
            fail(&key_name, "it does not belong to the certificate", help, named_key.span);
            None
        }
        Err(_) => {
            let help = "give the certificate in PEM, itself first, then its chain";
            fail(named.path(), "it is not an X.509 certificate", help, named.span);
            None
        }
    }
}
