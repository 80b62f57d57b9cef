//! The public keys of assertions, where services find them: a JWK set (RFC 7517) beside the API's other documents.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Answer, Attached, Call, Control, CoreContext, Needs, Step, Verdict};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use spec::{Api, Node};

/// Where the keys are.
pub const WELL_KNOWN: &str = "/.well-known/yett-assertion-keys";

/// Path of an API's key set: the well-known one with the API's base path after it.
#[must_use]
pub fn keys_path(base_path: &str) -> String {
    format!("{WELL_KNOWN}{}", base_path.trim_end_matches('/'))
}

/// Whether an API's calls are told of by assertions, at any of its operations, so that its keys are published.
#[must_use]
pub fn publishes(api: &Api) -> bool {
    let own = api.sections.iter().chain(api.operations.iter().flat_map(|operation| &operation.sections));
    let asserts = |node: &Node| node.get("assert").is_some();
    own.filter(|(name, _)| name == "upstream_identity").any(|(_, node)| asserts(node))
}

/// Answers every call with the key set.
#[derive(Debug)]
pub(super) struct Published(pub(super) Bytes);

impl Control for Published {
    fn name(&self) -> &'static str {
        "upstream_identity"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtCore(self))
    }
}

#[derive(Debug)]
struct AtCore(Arc<Published>);

impl Attached for AtCore {
    fn head<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Answer(Box::new(Answer {
            status: StatusCode::OK,
            headers: vec![
                (CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json")),
                (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
            ],
            body: self.0.0.clone(),
        })))
    }
}
