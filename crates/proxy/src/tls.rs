//! TLS towards clients, and what TLS towards upstreams shares with it: one provider (aws-lc-rs), ALPN for both versions of HTTP.

mod server;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Clock;
use engine::snapshot::Listener;
use rustls::crypto::CryptoProvider;

use crate::upstream::Clients;

pub(crate) use server::Server;
use server::Servers;

/// TLS configurations that cores share: sessions resume on whichever core a client comes back to.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    servers: Mutex<Servers>,
    /// Towards upstreams.
    pub(crate) clients: Clients,
}

impl Tls {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { clients: Clients::new(&provider), provider, servers: Mutex::new(Servers::new(clock)) }
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
}
