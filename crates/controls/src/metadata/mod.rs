//! Protected resource metadata (RFC 9728): where a client that was refused reads which issuers to ask and for what.
//!
//! Answers `GET /.well-known/oauth-protected-resource<base_path>` (section 3.1) of each API that takes tokens. The document
//! is public by its nature: it holds the API's URL, name, issuers and scopes, and to whom tokens may or must be bound, nothing
//! else, and is made once, when the configuration is compiled.

mod config;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use engine::text::push_json;
use engine::{Answer, Attached, Call, Control, CoreContext, Needs, Step, Verdict};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

pub use config::{compile, control};

/// Where the documents are (RFC 9728 section 3).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Path of the document of an API: the well-known one with the API's base path after it.
#[must_use]
pub fn path(base_path: &str) -> String {
    format!("{WELL_KNOWN}{}", base_path.trim_end_matches('/'))
}

/// URL of the document of an API.
#[must_use]
pub fn url(public_url: &str, base_path: &str) -> String {
    format!("{}{}", public_url.trim_end_matches('/'), path(base_path))
}

/// What the document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The resource's identifier: its URL.
    pub resource: String,
    /// Issuers that have a URL.
    pub authorization_servers: Vec<String>,
    /// Scopes of the contract.
    pub scopes_supported: Vec<String>,
    /// For a person to read.
    pub resource_name: String,
    /// Algorithms of proofs of possession that are taken (RFC 9449).
    pub dpop_algorithms: Vec<String>,
    /// Whether every token has to be bound to a key.
    pub dpop_required: bool,
    /// Whether tokens that are bound to a client certificate are taken (RFC 8705).
    pub certificates: bool,
}

impl Document {
    /// As JSON. Lists without members are left out (RFC 9728 section 3.2: they "MUST be omitted").
    #[must_use]
    pub fn render(&self) -> Bytes {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"{\"resource\":");
        push_json(&mut out, &self.resource);
        push_list(&mut out, "authorization_servers", &self.authorization_servers);
        push_list(&mut out, "scopes_supported", &self.scopes_supported);
        out.extend_from_slice(b",\"bearer_methods_supported\":[\"header\"],\"resource_name\":");
        push_json(&mut out, &self.resource_name);
        push_list(&mut out, "dpop_signing_alg_values_supported", &self.dpop_algorithms);
        if self.dpop_required {
            out.extend_from_slice(b",\"dpop_bound_access_tokens_required\":true");
        }
        if self.certificates {
            out.extend_from_slice(b",\"tls_client_certificate_bound_access_tokens\":true");
        }
        out.push(b'}');
        out.into()
    }
}

fn push_list(out: &mut Vec<u8>, name: &str, items: &[String]) {
    for (index, item) in items.iter().enumerate() {
        if index == 0 {
            out.push(b',');
            push_json(out, name);
            out.extend_from_slice(b":[");
        } else {
            out.push(b',');
        }
        push_json(out, item);
    }
    if !items.is_empty() {
        out.push(b']');
    }
}

/// Answers every call with one document.
#[derive(Debug)]
pub struct Metadata {
    body: Bytes,
}

impl Metadata {
    /// Answers with this document.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        Self { body: document.render() }
    }
}

impl Control for Metadata {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtCore(self))
    }
}

#[derive(Debug)]
struct AtCore(Arc<Metadata>);

impl Attached for AtCore {
    fn head<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Answer(Box::new(Answer {
            status: StatusCode::OK,
            headers: vec![
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
                // Clients in a browser read it too; it is for anyone.
                (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            ],
            body: self.0.body.clone(),
        })))
    }
}
