//! PDPs as tests of policies have them.

use diagnostics::Diagnostics;
use engine::fetch::{FetchResponse, Trailed};
use spec::Node;

use super::{PdpSection, Protocol, grpc};

/// A PDP as tests of policies have it in its place: which URLs are its, and what it says.
#[derive(Debug, Clone)]
pub struct StandIn {
    url: String,
    protocol: Protocol,
}

impl StandIn {
    /// Whether it is asked by this URL.
    #[must_use]
    pub fn is_at(&self, url: &str) -> bool {
        match self.protocol {
            Protocol::Opa | Protocol::AuthZen | Protocol::ExtAuthzGrpc => url == self.url,
            Protocol::ExtAuthz => {
                let base = self.url.trim_end_matches('/');
                url.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }

    /// Status and content of the answer by which it allows, or denies.
    #[must_use]
    pub fn says(&self, allow: bool) -> (u16, String) {
        match self.protocol {
            Protocol::Opa => (200, format!("{{\"result\":{allow}}}")),
            Protocol::AuthZen => (200, format!("{{\"decision\":{allow}}}")),
            Protocol::ExtAuthz | Protocol::ExtAuthzGrpc => (if allow { 200 } else { 403 }, String::new()),
        }
    }

    /// The answer over gRPC that says what this one says over HTTP.
    #[must_use]
    pub fn over_grpc(&self, answer: &FetchResponse) -> Trailed {
        grpc::said(answer.status, &answer.headers)
    }
}

/// The PDP that a section names.
#[must_use]
pub fn stand_in(node: &Node) -> Option<StandIn> {
    let section: PdpSection = spec::read(node, &mut Diagnostics::new())?;
    let (url, protocol) = (section.url?, section.protocol?);
    Some(StandIn { url: protocol.asked_at(&url), protocol: protocol.protocol() })
}
