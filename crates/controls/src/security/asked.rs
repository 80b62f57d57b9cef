//! What is asked of signatures over calls: `Accept-Signature` (RFC 9421 section 5).
//!
//! Neither a key nor a nonce is named there: both are the signer's to choose.

use std::fmt::Write;

use http::{HeaderName, HeaderValue};
use spec::Authentication;

use crate::scope::ApiScope;

/// The field.
pub(super) const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");

/// What every signature has to cover.
pub const ALWAYS_COVERED: [&str; 4] = ["@method", "@authority", "@path", "@query"];

/// What a signature has to cover, as `Accept-Signature` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Names of what it has to cover in every request.
    components: Box<[Box<str>]>,
    /// The `tag` that it has to carry.
    tag: Option<Box<str>>,
}

impl Asked {
    /// Asks for what an entry of `authentication` wants; of several signers that differ, for what the first want.
    pub(super) fn of(api: &ApiScope<'_>, entry: &Authentication) -> Option<Self> {
        let signers = api.gateway.document.signers.get(&entry.signers.first()?.value)?;
        let own = signers.components.iter().map(|name| name.as_str());
        let mut components: Vec<Box<str>> = ALWAYS_COVERED.iter().map(|name| Box::from(*name)).collect();
        for name in own.filter(|name| !ALWAYS_COVERED.contains(name)) {
            components.push(name.into());
        }
        let tag = signers.tag.as_ref().map(|tag| tag.as_str().into());
        Some(Self { components: components.into(), tag })
    }

    pub(super) fn field(&self, with_body: bool) -> HeaderValue {
        let body: &[&str] = if with_body { &["content-digest", "content-type"] } else { &[] };
        let names = self.components.iter().map(|name| &**name);
        let body = body.iter().copied().filter(|name| !names.clone().any(|known| known == *name));
        let quoted: Vec<String> = names.clone().chain(body).map(|name| format!("\"{name}\"")).collect();
        let mut text = format!("sig=({});created", quoted.join(" "));
        if let Some(tag) = &self.tag {
            let tag = tag.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(text, ";tag=\"{tag}\"");
        }
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("sig=();created"))
    }
}
