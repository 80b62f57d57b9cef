//! The one way out for every call that Yett makes itself: key sets, discovery, scanners of uploads, policy decision
//! points and webhooks.
//!
//! What it promises: names are resolved first and the address is checked then, so that neither a redirect nor a name
//! that changes its address leads inside (THREATS row 30); redirects are answers, never followed; every call has a
//! deadline over all of it and a size cap; after repeated failures a host is left alone for a while. Server
//! certificates are always verified.

mod address;
mod breaker;
mod dialog;
mod exchange;
mod http2;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{DialogRequest, Fetch, FetchError, FetchRequest, FetchResponse, Trailed};
use engine::{BoxFuture, Clock};
use rustls::{ClientConfig, RootCertStore};

use breaker::Breaker;
pub use stream::Stream;

/// Makes calls on the side runtime.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tls: Arc<ClientConfig>,
    /// The same for what is asked over HTTP/2.
    tls_http2: Arc<ClientConfig>,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client that trusts the system's certificates and `extra` ones (DER).
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub fn new(clock: Arc<dyn Clock>, extra: &[Vec<u8>]) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in extra {
            roots.add(certificate.clone().into())?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tls_http2 = tls.clone();
        tls_http2.alpn_protocols = vec![http2::ALPN.to_vec()];
        let (tls, tls_http2) = (Arc::new(tls), Arc::new(tls_http2));
        let breaker = Breaker::new(Arc::clone(&clock));
        Ok(Self { shared: Arc::new(Shared { tls, tls_http2, breaker, clock }) })
    }
}

impl Shared {
    /// Makes an exchange within its deadline, unless the last ones with its host failed.
    async fn within<T>(
        &self,
        host: &str,
        deadline: Duration,
        exchange: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        if !self.breaker.may_call(host) {
            return Err(FetchError::BreakerOpen);
        }
        let deadline = self.clock.sleep(deadline);
        let result = tokio::select! {
            result = exchange => result,
            () = deadline => Err(FetchError::Deadline),
        };
        self.breaker.record(host, !matches!(&result, Err(error) if is_hosts_fault(error)));
        result
    }
}

impl Fetch for Client {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let target = address::Target::parse(&request.url)?;
            let deadline = request.deadline;
            let exchange = exchange::run(&shared.tls, &target, request);
            shared.within(&target.authority(), deadline, exchange).await
        })
    }

    fn fetch_trailed(&self, request: FetchRequest) -> BoxFuture<'static, Result<Trailed, FetchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let target = address::Target::parse(&request.url)?;
            let deadline = request.deadline;
            let exchange = http2::run(&shared.tls_http2, &target, request);
            shared.within(&target.authority(), deadline, exchange).await
        })
    }

    fn dialog(&self, request: DialogRequest) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let place = dialog::Place::parse(&request.address)?;
            let (host, deadline) = (request.address.clone(), request.deadline);
            shared.within(&host, deadline, dialog::run(&place, request)).await
        })
    }
}

/// Failures that say something of the host, not of what was asked.
fn is_hosts_fault(error: &FetchError) -> bool {
    matches!(error, FetchError::Exchange(_) | FetchError::Deadline)
}

#[cfg(test)]
mod tests;
