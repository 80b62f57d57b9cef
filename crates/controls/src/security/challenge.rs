//! `WWW-Authenticate: Bearer` (RFC 6750 section 3) with the place of the metadata document (RFC 9728 section 5.1), and beside it
//! or in its place a challenge for each scheme that takes API keys.

use std::fmt::Write;
use std::time::Duration;

use engine::codes::{self, Code};
use engine::verdict::Refusal;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;

use super::keys::{KeyScheme, key_scheme, key_schemes};
use super::{ANY_SCHEME, Access};
use crate::scope::ApiScope;

/// What an API asks for when it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Box<str>,
    metadata: Box<str>,
    /// Whether tokens are taken.
    tokens: bool,
    /// Challenges of the schemes that take keys, by number.
    keys: Box<[(u16, Box<str>)]>,
}

impl Challenge {
    /// The challenge of an API.
    #[must_use]
    pub fn of(api: &ApiScope<'_>) -> Self {
        let metadata = crate::metadata::url(api.public_url, api.base_path);
        let (realm, metadata) = (quotable(api.name).into(), quotable(&metadata).into());
        Self { realm, metadata, tokens: true, keys: Box::default() }
    }

    /// The challenge of operations that may be called as `access` says.
    #[must_use]
    pub fn for_access(api: &ApiScope<'_>, access: &Access) -> Self {
        let (schemes, tokens): (Vec<KeyScheme>, bool) = match access {
            Access::Open | Access::Closed(_) => return Self::of(api),
            Access::Authenticated => {
                let tokens = api.settings.authentication.values().any(|entry| !entry.issuers.is_empty());
                (key_schemes(api), tokens)
            }
            Access::OneOf { alternatives, .. } => {
                let mut numbers: Vec<u16> =
                    alternatives.iter().flat_map(|one| &one.needs).map(|need| need.scheme).collect();
                numbers.sort_unstable();
                numbers.dedup();
                let keys: Vec<KeyScheme> =
                    numbers.iter().filter_map(|number| key_scheme(api, *number)).collect();
                let tokens = keys.len() < numbers.len();
                (keys, tokens)
            }
        };
        let own = Self::of(api);
        let keys = schemes.iter().map(|scheme| (scheme.number, scheme.challenge(&own.realm).into()));
        let keys = keys.collect();
        Self { tokens, keys, ..own }
    }

    /// Whether tokens are taken, so that `Authorization` may hold one.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.tokens
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
        let mut refusal = match public {
            Some(public) => refusal.public(public),
            None => refusal,
        };
        if self.tokens {
            refusal = refusal.header(WWW_AUTHENTICATE, self.value(None, ""));
        }
        self.keys.iter().fold(refusal, |refusal, (_, text)| refusal.header(WWW_AUTHENTICATE, header(text)))
    }

    /// A key of a scheme (by its number) that does not let the call pass; `public` is what the caller may know, `detail` what
    /// the operator should.
    #[must_use]
    pub fn key(
        &self,
        scheme: u16,
        (code, error): (&'static Code, &str),
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        let text = self.of_key(scheme).map_or_else(String::new, |own| with_error(own, error, public, ""));
        Refusal::new(code, detail).public(public).header(WWW_AUTHENTICATE, header(&text))
    }

    fn of_key(&self, scheme: u16) -> Option<&str> {
        let found = self.keys.iter().find(|(number, _)| *number == scheme || scheme == ANY_SCHEME);
        found.map(|(_, text)| &**text)
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

    /// 403 `insufficient_scope` with the scopes that are missing from what was proven for a scheme, by its number.
    #[must_use]
    pub fn insufficient(&self, scheme: u16, missing: &[&str], public: String) -> Box<Refusal> {
        let scopes = missing.join(" ");
        let own = self.keys.iter().find(|(number, _)| *number == scheme);
        let value = match own {
            Some((_, own)) => header(&with_error(own, "insufficient_scope", &public, &scopes)),
            None => self.value(Some(("insufficient_scope", &public)), &scopes),
        };
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

/// A challenge with what was wrong.
fn with_error(challenge: &str, error: &str, description: &str, scope: &str) -> String {
    // RFC 6750 section 3.1 has one word for a bearer credential that is not good.
    let bearer = challenge.starts_with("Bearer ") && matches!(error, "invalid_key" | "expired_key");
    let error = if bearer { "invalid_token" } else { error };
    let mut text = format!("{challenge}, error=\"{error}\", error_description=\"{}\"", quotable(description));
    if !scope.is_empty() {
        let _ = write!(text, ", scope=\"{}\"", quotable(scope));
    }
    text
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("ApiKey"))
}

/// The text with what may not stand inside a quoted parameter left out (RFC 6750 section 3: `%x20-21 / %x23-5B /
/// %x5D-7E`).
pub(super) fn quotable(text: &str) -> String {
    text.chars().filter(|char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\')).collect()
}
