//! TLS towards clients and upstreams: one provider (aws-lc-rs), ALPN for both versions of HTTP.

mod server;

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use engine::Clock;
use engine::snapshot::{Listener, Upstream, UpstreamHttp};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

pub(crate) use server::Server;
use server::Servers;

/// TLS configurations that cores share: sessions resume on whichever core a client comes back to.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    servers: Mutex<Servers>,
    system: OnceLock<Arc<RootCertStore>>,
}

impl Tls {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            servers: Mutex::new(Servers::new(clock)),
            system: OnceLock::new(),
        }
    }

    /// What a listener serves with; `None` in clear text.
    ///
    /// # Errors
    /// When a certificate, a key, an authority or a list cannot be used.
    pub(crate) fn server(&self, listener: &Listener) -> io::Result<Option<Arc<Server>>> {
        let Some(settings) = &listener.tls else { return Ok(None) };
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.get(&self.provider, listener, settings).map(Some)
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
