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
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use engine::fetch::{DialogRequest, Fetch, FetchError, FetchRequest, FetchResponse};
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
        let breaker = Breaker::new(Arc::clone(&clock));
        Ok(Self { shared: Arc::new(Shared { tls: Arc::new(tls), breaker, clock }) })
    }
}

impl Fetch for Client {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let target = address::Target::parse(&request.url)?;
            let key = target.authority();
            if !shared.breaker.may_call(&key) {
                return Err(FetchError::BreakerOpen);
            }
            let deadline = shared.clock.sleep(request.deadline);
            let exchange = exchange::run(&shared.tls, &target, request);
            let result = tokio::select! {
                result = exchange => result,
                () = deadline => Err(FetchError::Deadline),
            };
            shared.breaker.record(&key, !matches!(&result, Err(error) if is_hosts_fault(error)));
            result
        })
    }

    fn dialog(&self, request: DialogRequest) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let place = dialog::Place::parse(&request.address)?;
            let key = request.address.clone();
            if !shared.breaker.may_call(&key) {
                return Err(FetchError::BreakerOpen);
            }
            let deadline = shared.clock.sleep(request.deadline);
            let result = tokio::select! {
                result = dialog::run(&place, request) => result,
                () = deadline => Err(FetchError::Deadline),
            };
            shared.breaker.record(&key, !matches!(&result, Err(error) if is_hosts_fault(error)));
            result
        })
    }
}

/// Failures that say something of the host, not of what was asked.
fn is_hosts_fault(error: &FetchError) -> bool {
    matches!(error, FetchError::Exchange(_) | FetchError::Deadline)
}

#[cfg(test)]
mod tests;
