//! TLS towards upstreams: whom to trust, who we are, and which versions of HTTP to offer.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use engine::upstream::{Target, Trust, Upstream, UpstreamHttp};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What the configurations for all upstreams share.
#[derive(Debug)]
pub(crate) struct Clients {
    provider: Arc<CryptoProvider>,
    system: OnceLock<Arc<RootCertStore>>,
}

impl Clients {
    pub(crate) fn new(provider: &Arc<CryptoProvider>) -> Self {
        Self { provider: Arc::clone(provider), system: OnceLock::new() }
    }

    /// The configuration for an upstream; with `one`, for HTTP/1 alone.
    ///
    /// # Errors
    /// When there is no certificate to trust, or our own cannot be used.
    pub(super) fn config(&self, upstream: &Upstream, one: bool) -> Result<Arc<ClientConfig>, String> {
        let trust = &upstream.trust;
        let roots = if trust.roots.is_empty() { self.system_roots()? } else { own_roots(trust)? };
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| error.to_string())?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if trust.pins.is_empty() {
            builder.with_webpki_verifier(verifier)
        } else {
            let pinned = Pinned { inner: verifier, pins: trust.pins.clone() };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        };
        let mut config = match &trust.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
                let key = PrivateKeyDer::from_pem_slice(&identity.key)
                    .map_err(|error| format!("our key cannot be read: {error}"))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
            }
        };
        config.alpn_protocols = match upstream.http {
            _ if one => vec![b"http/1.1".to_vec()],
            UpstreamHttp::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            UpstreamHttp::One => vec![b"http/1.1".to_vec()],
            UpstreamHttp::Two => vec![b"h2".to_vec()],
        };
        Ok(Arc::new(config))
    }

    fn system_roots(&self) -> Result<Arc<RootCertStore>, String> {
        let roots = self.system.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        });
        if roots.is_empty() {
            return Err(String::from("the system has no certificates to trust"));
        }
        Ok(Arc::clone(roots))
    }
}

fn own_roots(trust: &Trust) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for der in &trust.roots {
        roots
            .add(CertificateDer::from(der.clone()))
            .map_err(|error| format!("a certificate to trust cannot be used: {error}"))?;
    }
    Ok(Arc::new(roots))
}

/// The name that a target's certificate must carry.
///
/// # Errors
/// When no certificate could carry it.
pub(super) fn server_name(upstream: &Upstream, target: &Target) -> Result<ServerName<'static>, String> {
    let host = target.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name = upstream.trust.server_name.as_deref().or(host).unwrap_or(&target.host);
    ServerName::try_from(name.to_owned())
        .map_err(|_| format!("`{name}` is no name that a certificate could have"))
}

/// Trusts what `inner` trusts, when it also has a key that is known.
#[derive(Debug)]
struct Pinned {
    inner: Arc<WebPkiServerVerifier>,
    pins: Vec<[u8; 32]>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(leaf, chain, name, ocsp, now)?;
        let key = ParsedCertificate::try_from(leaf)?.subject_public_key_info();
        let hash = digest(&SHA256, &key);
        match self.pins.iter().any(|pin| pin == hash.as_ref()) {
            true => Ok(verified),
            false => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
