//! TLS towards clients and upstreams: one provider (aws-lc-rs), ALPN for both versions of HTTP.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use engine::snapshot::{TlsIdentity, Upstream, UpstreamHttp};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// TLS configurations that cores share: sessions resume on whichever core a client comes back to.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    servers: Mutex<HashMap<[u8; 32], Weak<ServerConfig>>>,
    system: OnceLock<Arc<RootCertStore>>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        Self {
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            servers: Mutex::default(),
            system: OnceLock::new(),
        }
    }

    /// The configuration of a listener's certificate, made once while somebody uses it.
    ///
    /// # Errors
    /// When certificate and key do not belong together.
    pub(crate) fn server(&self, identity: &TlsIdentity) -> io::Result<Arc<ServerConfig>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = servers.get(&identity.digest).and_then(Weak::upgrade) {
            return Ok(config);
        }
        servers.retain(|_, config| config.strong_count() > 0);
        let config = Arc::new(self.make_server(identity).map_err(io::Error::other)?);
        servers.insert(identity.digest, Arc::downgrade(&config));
        Ok(config)
    }

    fn make_server(&self, identity: &TlsIdentity) -> Result<ServerConfig, String> {
        let chain: Vec<_> = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::from_pem_slice(&identity.key)
            .map_err(|error| format!("the key cannot be read: {error}"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| error.to_string())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
        Ok(config)
    }

    /// The configuration for an upstream.
    ///
    /// # Errors
    /// When there is no certificate to trust.
    pub(crate) fn client(&self, upstream: &Upstream) -> Result<Arc<ClientConfig>, String> {
        let roots = if upstream.roots.is_empty() { self.system_roots()? } else { own_roots(upstream)? };
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

fn own_roots(upstream: &Upstream) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for der in &upstream.roots {
        roots
            .add(CertificateDer::from(der.clone()))
            .map_err(|error| format!("a certificate to trust cannot be used: {error}"))?;
    }
    Ok(Arc::new(roots))
}
