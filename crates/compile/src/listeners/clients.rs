//! The authorities whose certificates a listener takes of clients, and what these have revoked.

use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::Diagnostics;
use engine::snapshot::ClientAuth;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use spec::{ClientCertificate, FileRef, Spanned};

use super::{certificates, unusable};
use crate::digest;

/// Reads them; `None` when something was reported, here or by `assets::check`.
pub(super) fn read(
    tls: &spec::ListenerTls,
    ca: &Spanned<FileRef>,
    files: &Assets,
    out: &mut Diagnostics,
) -> Option<ClientAuth> {
    let required = tls.client_certificate.is_none_or(|written| written.value == ClientCertificate::Required);
    let bundle = files.get(ca.path())?;
    let help = "give a PEM file with the certificates of the authorities that sign those of clients";
    let roots = match certificates(bundle) {
        Ok(roots) => roots,
        Err(why) => {
            unusable(ca.path(), why, help, ca.span, out);
            return None;
        }
    };
    let mut store = RootCertStore::empty();
    for der in &roots {
        if store.add(CertificateDer::from(der.as_slice())).is_err() {
            unusable(ca.path(), "one of its certificates cannot be that of an authority", help, ca.span, out);
            return None;
        }
    }
    let (mut crls, mut until) = (Vec::new(), None);
    for file in &tls.client_crls {
        let Some((lists, ends)) = lists(file, files, out) else { continue };
        crls.extend(lists);
        until = Some(until.map_or(ends, |known: u64| known.min(ends)));
    }
    if !tls.client_crls.is_empty() && until.is_none() {
        return None;
    }
    let written: Vec<_> = crls.iter().map(|der| CertificateRevocationListDer::from(der.clone())).collect();
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::new(aws_lc_rs::default_provider()));
    if let Err(why) = builder.with_crls(written).build() {
        let file = tls.client_crls.first().unwrap_or(ca);
        let help = "give the lists that the authorities of `client_ca` have signed";
        unusable(file.path(), &format!("TLS does not take it ({why})"), help, file.span, out);
        return None;
    }
    let asked: &[u8] = if required { b"required" } else { b"optional" };
    let authority = digest::of_parts([("clients", asked), ("authorities", &**bundle)]);
    let parts = [("authority", authority.as_slice())].into_iter();
    let digest = digest::of_parts(parts.chain(crls.iter().map(|der| ("list", der.as_slice()))));
    Some(ClientAuth { required, roots, crls, crls_until: until, authority, digest })
}

/// The lists of a file, and the first second at which one of them is out of date.
fn lists(file: &Spanned<FileRef>, files: &Assets, out: &mut Diagnostics) -> Option<(Vec<Vec<u8>>, u64)> {
    let bytes = files.get(file.path())?;
    let mut fail = |why: &str| {
        let help = "give a revocation list of RFC 5280, in PEM or DER, that says when the next one comes";
        unusable(file.path(), why, help, file.span, out);
        None
    };
    let lists: Vec<Vec<u8>> = if bytes.first() == Some(&0x30) {
        vec![bytes.to_vec()]
    } else {
        let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
        match read {
            Ok(lists) => lists.iter().map(|list| list.to_vec()).collect(),
            Err(_) => return fail("it is neither PEM nor DER"),
        }
    };
    let mut until = u64::MAX;
    for list in &lists {
        match x509::RevocationList::read(list) {
            Ok(read) => until = until.min(read.next_update),
            Err(why) => return fail(&why.to_string()),
        }
    }
    if lists.is_empty() { fail("it holds no revocation list") } else { Some((lists, until)) }
}
