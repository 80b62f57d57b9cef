//! TLS towards upstreams: whom to trust, and which versions of HTTP to offer.

use std::sync::{Arc, OnceLock};

use engine::upstream::{Target, Trust, Upstream, UpstreamHttp};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

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

    /// The configuration for an upstream.
    ///
    /// # Errors
    /// When there is no certificate to trust.
    pub(super) fn config(&self, upstream: &Upstream) -> Result<Arc<ClientConfig>, String> {
        let trust = &upstream.trust;
        let roots = if trust.roots.is_empty() { self.system_roots()? } else { own_roots(trust)? };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = match upstream.http {
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
pub(super) fn server_name(_upstream: &Upstream, target: &Target) -> Result<ServerName<'static>, String> {
    let host = target.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    ServerName::try_from(host.unwrap_or(&target.host).to_owned())
        .map_err(|_| format!("`{}` is no name that a certificate could have", target.host))
}
