//! TLS towards clients, and what TLS towards upstreams shares with it: one provider (aws-lc-rs), ALPN for both versions of HTTP.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use engine::snapshot::TlsIdentity;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::upstream::Clients;

/// TLS configurations that cores share: sessions resume on whichever core a client comes back to.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    servers: Mutex<HashMap<[u8; 32], Weak<ServerConfig>>>,
    /// Towards upstreams.
    pub(crate) clients: Clients,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { clients: Clients::new(&provider), provider, servers: Mutex::default() }
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
}
