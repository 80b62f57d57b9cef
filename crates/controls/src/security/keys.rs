//! Security schemes whose credential is an API key: bound by `source: applications`, looked for where the contract says.

use contract::{KeyPlace, SecurityScheme};
use credentials::PREFIX;
use engine::Request;
use http::HeaderName;
use http::header::COOKIE;

use super::passwords::is_basic;
use super::signatures::is_signature;
use crate::scope::ApiScope;

/// Schemes of HTTP authentication whose credential has a syntax of its own, so that it can be no API key (IANA's registry).
const OTHER_SYNTAX: [&str; 14] = [
    "basic",
    "concealed",
    "digest",
    "dpop",
    "gnap",
    "hoba",
    "mutual",
    "negotiate",
    "oauth",
    "privatetoken",
    "scram-sha-1",
    "scram-sha-256",
    "ntlm",
    "vapid",
];

/// Where a key is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// The whole value of a header field.
    Header(HeaderName),
    /// The value of a parameter of the query.
    Query(Box<str>),
    /// The value of a cookie.
    Cookie(Box<str>),
    /// After this scheme, in lower case, in `Authorization`.
    Authorization(Box<str>),
}

/// A security scheme that takes API keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyScheme {
    /// Its number in the API.
    pub number: u16,
    /// Where its key is looked for.
    pub place: Where,
    /// Whether the key goes on to the upstream.
    pub forward: bool,
}

/// Where the key of a scheme of a contract is looked for, when API keys are bound to it; or why it can have none.
#[must_use]
pub fn key_place(
    settings: &spec::Api,
    contract: &contract::Api,
    name: &str,
) -> Option<Result<Where, &'static str>> {
    let bound = settings.authentication_for(name)?;
    bound.source.as_ref()?;
    let scheme = contract.schemes.get(name)?;
    if !bound.signers.is_empty() && is_signature(scheme) {
        return None;
    }
    // Under `*` the issuers have those schemes that tokens can satisfy.
    let tokens = !bound.issuers.is_empty();
    match scheme {
        SecurityScheme::ApiKey { name, place: KeyPlace::Header } => {
            let wrong = "the name of its header field is none";
            Some(HeaderName::from_bytes(name.as_bytes()).map(Where::Header).map_err(|_| wrong))
        }
        SecurityScheme::ApiKey { name, place: KeyPlace::Query }
            if name.eq_ignore_ascii_case("access_token") =>
        {
            Some(Err("`access_token` in a query is refused wherever it stands (RFC 6750 section 2.3)"))
        }
        SecurityScheme::ApiKey { name, place: KeyPlace::Query } => {
            Some(Ok(Where::Query(name.as_str().into())))
        }
        SecurityScheme::ApiKey { name, place: KeyPlace::Cookie } => {
            Some(Ok(Where::Cookie(name.as_str().into())))
        }
        SecurityScheme::Http { scheme, .. } if scheme == "bearer" && tokens => None,
        // As passwords have.
        scheme if is_basic(scheme) && !bound.users.is_empty() => None,
        SecurityScheme::Http { scheme, .. } if OTHER_SYNTAX.contains(&scheme.as_str()) => {
            Some(Err("an API key has not the syntax of this HTTP authentication scheme"))
        }
        SecurityScheme::Http { scheme, .. } => Some(Ok(Where::Authorization(scheme.as_str().into()))),
        SecurityScheme::MutualTls if !bound.authorities.is_empty() => None,
        _ if tokens => None,
        _ => Some(Err("API keys cannot satisfy a scheme of this type")),
    }
}

/// Why API keys cannot satisfy a scheme that they are bound to; `Ok(None)` when none are bound to it.
pub(super) fn bound(api: &ApiScope<'_>, name: &str) -> Result<Option<Where>, &'static str> {
    api.contract.and_then(|contract| key_place(api.settings, contract, name)).transpose()
}

/// The scheme of a number, when API keys are bound to it.
#[must_use]
pub fn key_scheme(api: &ApiScope<'_>, number: u16) -> Option<KeyScheme> {
    let name = api.schemes.get(usize::from(number))?;
    let place = bound(api, name).ok().flatten()?;
    let forward = api.settings.authentication_for(name).is_some_and(|settings| settings.forward);
    Some(KeyScheme { number, place, forward })
}

/// All schemes of the contract that API keys are bound to.
#[must_use]
pub fn key_schemes(api: &ApiScope<'_>) -> Vec<KeyScheme> {
    (0..api.schemes.len()).filter_map(|number| key_scheme(api, u16::try_from(number).ok()?)).collect()
}

/// Whether something in a call begins as an API key does, wherever it stands.
#[must_use]
pub fn holds_key(request: &Request) -> bool {
    let begins = |text: &[u8]| text.starts_with(PREFIX.as_bytes());
    let values = |text: &[u8]| text.split(|byte| *byte == b'=').skip(1).any(begins);
    let headers = &request.headers;
    headers.values().any(|value| begins(value.as_bytes()))
        || request.query().is_some_and(|query| values(query.as_bytes()))
        || headers.get_all(COOKIE).iter().any(|field| values(field.as_bytes()))
}

impl KeyScheme {
    /// What is asked for when there is no key, or no good one.
    ///
    /// There is no registered scheme for keys outside of `Authorization`; RFC 9110 section 15.5.2 wants a challenge with every
    /// 401, so the name that most services use says where the key belongs.
    pub(super) fn challenge(&self, realm: &str) -> String {
        let at = |place: &str, name: &str| {
            format!("ApiKey realm=\"{realm}\", in=\"{place}\", name=\"{}\"", super::challenge::quotable(name))
        };
        match &self.place {
            Where::Header(name) => at("header", name.as_str()),
            Where::Query(name) => at("query", name),
            Where::Cookie(name) => at("cookie", name),
            Where::Authorization(scheme) if **scheme == *"bearer" => format!("Bearer realm=\"{realm}\""),
            Where::Authorization(scheme) => format!("{scheme} realm=\"{realm}\""),
        }
    }
}
