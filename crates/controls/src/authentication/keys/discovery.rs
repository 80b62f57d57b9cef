//! Finding and fetching an issuer's key set: OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.
//!
//! The `issuer` of a metadata document must equal the configured one byte by byte (OpenID Connect Discovery section
//! 4.3, RFC 8414 section 3.3). Where the document sends us for keys is learned from outside, so it reaches public
//! addresses only, unless it is the issuer's own origin or the issuer itself is a private address.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Reach};
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use jose::{JwksError, KeySet};
use tape::{Bounds, Node, Tape};

use super::Remote;

/// How long keys are taken as fresh when the issuer does not say.
const FRESH: Duration = Duration::from_secs(300);
/// Shortest time that an issuer may ask for.
const FRESH_MIN: Duration = Duration::from_secs(60);
/// Longest time that an issuer may ask for.
const FRESH_MAX: Duration = Duration::from_secs(3600);
/// Longest metadata document, in bytes.
const METADATA_BYTES: usize = 64 * 1024;

/// A key set as it came.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) text: Bytes,
    pub(super) fresh: Duration,
}

/// Why no keys came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysError {
    /// No answer.
    Fetch {
        /// What was asked for.
        url: String,
        /// Why.
        error: FetchError,
    },
    /// An answer that is not 200.
    Status {
        /// What was asked for.
        url: String,
        /// What came.
        status: StatusCode,
    },
    /// The metadata document is not one.
    Metadata {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The metadata document is another issuer's.
    OtherIssuer {
        /// What was asked for.
        url: String,
    },
    /// The metadata document sends us to a place where we do not go.
    KeysUrl {
        /// Where it sends us.
        url: String,
        /// Why not.
        what: &'static str,
    },
    /// The key set is not one.
    Keys(JwksError),
    /// It took too long in all.
    TooSlow,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeysError::Fetch { url, error } => write!(f, "`{url}`: {error}"),
            KeysError::Status { url, status } => write!(f, "`{url}` answered {status}"),
            KeysError::Metadata { url, what } => write!(f, "`{url}` is no issuer metadata: {what}"),
            KeysError::OtherIssuer { url } => write!(f, "`{url}` is the metadata of another issuer"),
            KeysError::KeysUrl { url, what } => write!(f, "the key set `{url}` is not fetched: {what}"),
            KeysError::Keys(error) => error.fmt(f),
            KeysError::TooSlow => f.write_str("the issuer took too long"),
        }
    }
}

/// Fetches the key set of an issuer.
pub(super) async fn fetch_keys(remote: &Remote, fetch: &dyn Fetch) -> Result<Fetched, KeysError> {
    let (url, reach) = match &remote.jwks {
        Some(url) => (url.clone(), Reach::Operator),
        None => discover(&remote.issuer, fetch).await?,
    };
    let answer = get(&url, reach, jose::MAX_JWKS_BYTES, fetch).await?;
    let fresh = fresh_for(&answer.headers);
    let keys = KeySet::parse_for(answer.body.clone(), &remote.issuer).map_err(KeysError::Keys)?;
    Ok(Fetched { keys, text: answer.body, fresh })
}

async fn get(
    url: &str,
    reach: Reach,
    max_bytes: usize,
    fetch: &dyn Fetch,
) -> Result<FetchResponse, KeysError> {
    let mut request = FetchRequest::get(url, reach);
    request.max_bytes = max_bytes;
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let failed = |error| KeysError::Fetch { url: url.to_owned(), error };
    let answer = fetch.fetch(request).await.map_err(failed)?;
    if answer.status != StatusCode::OK {
        return Err(KeysError::Status { url: url.to_owned(), status: answer.status });
    }
    // Not every implementation of the way out need keep the bound for us.
    if answer.body.len() > max_bytes {
        return Err(failed(FetchError::TooLarge));
    }
    Ok(answer)
}

/// Asks both well-known places; the first error is reported, since most issuers have the first only.
async fn discover(issuer: &str, fetch: &dyn Fetch) -> Result<(String, Reach), KeysError> {
    let mut first = None;
    for url in metadata_urls(issuer) {
        match metadata(&url, issuer, fetch).await {
            Ok(found) => return Ok(found),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or(KeysError::KeysUrl { url: issuer.to_owned(), what: "the issuer is not a URL" }))
}

/// The well-known URLs of an issuer: appended for OpenID Connect, inserted before the path for RFC 8414.
pub(super) fn metadata_urls(issuer: &str) -> Vec<String> {
    let base = issuer.trim_end_matches('/');
    let mut urls = vec![format!("{base}/.well-known/openid-configuration")];
    if let Some((scheme, rest)) = base.split_once("://") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        urls.push(format!("{scheme}://{authority}/.well-known/oauth-authorization-server{path}"));
    }
    urls
}

async fn metadata(url: &str, issuer: &str, fetch: &dyn Fetch) -> Result<(String, Reach), KeysError> {
    let answer = get(url, Reach::Operator, METADATA_BYTES, fetch).await?;
    let wrong = |what| KeysError::Metadata { url: url.to_owned(), what };
    let bounds = Bounds { depth: 16, values: 8_192, string_bytes: 16 * 1024, ..Bounds::default() };
    let tape = Tape::parse(answer.body, &bounds).map_err(|_| wrong("it is not usable JSON"))?;
    let text = |name| tape.root().get(name).and_then(Node::as_str);
    if text("issuer").ok_or_else(|| wrong("it has no `issuer`"))? != issuer {
        return Err(KeysError::OtherIssuer { url: url.to_owned() });
    }
    let keys_url = text("jwks_uri").ok_or_else(|| wrong("it has no `jwks_uri`"))?;
    keys_reach(issuer, &keys_url)
        .map(|reach| (keys_url.clone().into_owned(), reach))
        .map_err(|what| KeysError::KeysUrl { url: engine::text::bounded(&keys_url, 256).to_owned(), what })
}

/// Whether a learned URL may be fetched, and which addresses it may reach.
pub(super) fn keys_reach(issuer: &str, url: &str) -> Result<Reach, &'static str> {
    let (Ok(issuer), Ok(keys)) = (issuer.parse::<Uri>(), url.parse::<Uri>()) else {
        return Err("it is not a URL");
    };
    let (Some(from), Some(to)) = (origin(&issuer), origin(&keys)) else {
        return Err("it is not an absolute `http` or `https` URL");
    };
    if keys.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("it names a user");
    }
    if from == to {
        return Ok(Reach::Operator);
    }
    let private = is_private(&from.1);
    if to.0 != "https" && !(from.0 == "http" && is_private(&to.1)) {
        return Err("it is not `https`");
    }
    Ok(if private { Reach::Operator } else { Reach::PublicOnly })
}

type Origin = (String, String, u16);

fn origin(uri: &Uri) -> Option<Origin> {
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    Some((scheme, host, uri.port_u16().unwrap_or(default)))
}

/// Whether a host is loopback or private by its own spelling; names are not resolved here.
fn is_private(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

/// `max-age` of RFC 9111 section 5.2.2.1, within our bounds.
fn fresh_for(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut fresh = FRESH;
    for directive in values.flat_map(|value| value.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse().unwrap_or(FRESH.as_secs());
            fresh = Duration::from_secs(seconds);
        } else if directive == "no-store" || directive == "no-cache" {
            return FRESH_MIN;
        }
    }
    fresh.clamp(FRESH_MIN, FRESH_MAX)
}
