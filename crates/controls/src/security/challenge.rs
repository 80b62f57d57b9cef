//! `WWW-Authenticate: Bearer` (RFC 6750 section 3) with the place of the metadata document (RFC 9728 section 5.1).

use std::fmt::Write;
use std::time::Duration;

use engine::codes::{self, Code};
use engine::verdict::Refusal;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;

use crate::scope::ApiScope;

/// What an API asks for when it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Box<str>,
    metadata: Box<str>,
}

impl Challenge {
    /// The challenge of an API.
    #[must_use]
    pub fn of(api: &ApiScope<'_>) -> Self {
        let metadata = crate::metadata::url(api.public_url, api.base_path);
        Self { realm: quotable(api.name).into(), metadata: quotable(&metadata).into() }
    }

    /// The header field's value. `scope` is left out when empty.
    #[must_use]
    pub fn value(&self, error: Option<(&str, &str)>, scope: &str) -> HeaderValue {
        let mut text = format!("Bearer realm=\"{}\"", self.realm);
        if let Some((error, description)) = error {
            let _ = write!(text, ", error=\"{error}\", error_description=\"{}\"", quotable(description));
        }
        if !scope.is_empty() {
            let _ = write!(text, ", scope=\"{}\"", quotable(scope));
        }
        let _ = write!(text, ", resource_metadata=\"{}\"", self.metadata);
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }

    /// 401 without an error code: no credential came, or none of a scheme that is taken (RFC 6750 section 3.1).
    #[must_use]
    pub fn missing(&self, detail: &str, public: Option<&'static str>) -> Box<Refusal> {
        let refusal = Refusal::new(&codes::CREDENTIAL_MISSING, detail);
        let refusal = match public {
            Some(public) => refusal.public(public),
            None => refusal,
        };
        refusal.header(WWW_AUTHENTICATE, self.value(None, ""))
    }

    /// 400 `invalid_request`.
    #[must_use]
    pub fn malformed(&self, what: &'static str) -> Box<Refusal> {
        let value = self.value(Some(("invalid_request", what)), "");
        Refusal::new(&codes::CREDENTIAL_MALFORMED, what).public(what).header(WWW_AUTHENTICATE, value)
    }

    /// 401 `invalid_token`; `public` is what the caller may know, `detail` what the operator should.
    #[must_use]
    pub fn invalid(
        &self,
        code: &'static Code,
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        let value = self.value(Some(("invalid_token", public)), "");
        Refusal::new(code, detail).public(public).header(WWW_AUTHENTICATE, value)
    }

    /// 403 `insufficient_scope` with the scopes that are missing.
    #[must_use]
    pub fn insufficient(&self, missing: &[&str], public: String) -> Box<Refusal> {
        let value = self.value(Some(("insufficient_scope", &public)), &missing.join(" "));
        Refusal::new(&codes::INSUFFICIENT_SCOPE, public.clone())
            .public(public)
            .header(WWW_AUTHENTICATE, value)
    }

    /// 503: nothing can be verified now.
    #[must_use]
    pub fn unavailable(detail: impl Into<Box<str>>, after: Duration) -> Box<Refusal> {
        Refusal::new(&codes::ISSUER_UNAVAILABLE, detail).retry_after(after)
    }
}

/// The text with what may not stand inside a quoted parameter left out (RFC 6750 section 3: `%x20-21 / %x23-5B /
/// %x5D-7E`).
fn quotable(text: &str) -> String {
    text.chars().filter(|char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\')).collect()
}
