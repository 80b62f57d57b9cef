//! How controls ask the world outside: a trait here, one implementation in `outbound`, no other way.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};

use crate::BoxFuture;

/// Which addresses a call of our own may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Written by the operator: any address.
    Operator,
    /// Learned from others (a document, a header): no loopback, private, link-local or multicast address.
    PublicOnly,
}

/// One call of our own.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// Its method.
    pub method: Method,
    /// Absolute `http` or `https` URL.
    pub url: String,
    /// Header fields.
    pub headers: HeaderMap,
    /// Content.
    pub body: Bytes,
    /// To the last byte of the answer.
    pub deadline: Duration,
    /// Longest answer, in bytes.
    pub max_bytes: usize,
    /// Whether the head says all there is to know: then the content is not read, however long it is.
    pub head_only: bool,
    /// Which addresses it may reach.
    pub reach: Reach,
}

impl FetchRequest {
    /// A GET of a small document.
    #[must_use]
    pub fn get(url: impl Into<String>, reach: Reach) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            deadline: Duration::from_secs(5),
            max_bytes: 256 * 1024,
            head_only: false,
            reach,
        }
    }
}

/// One exchange of bytes with a server that does not speak HTTP: all of ours, then its answer.
#[derive(Debug, Clone)]
pub struct DialogRequest {
    /// `tcp://host:port`, or `unix:/path` of a socket.
    pub address: String,
    /// What is sent. The answer is read meanwhile: a server may refuse before it has read all.
    pub send: Bytes,
    /// Says that the answer is whole; without it, the answer ends with the connection.
    pub is_whole: fn(&[u8]) -> bool,
    /// To the last byte of the answer.
    pub deadline: Duration,
    /// Longest answer, in bytes.
    pub max_bytes: usize,
    /// Which addresses it may reach; a socket in the file system is reached as the operator says only.
    pub reach: Reach,
}

/// What came back, whatever its status. Redirects are answers, never followed.
#[derive(Debug, Clone)]
pub struct FetchResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its content, whole.
    pub body: Bytes,
}

impl FetchResponse {
    /// What `Retry-After` asks for at `now` (in seconds since 1970): seconds, or a moment (RFC 9110 section 10.2.3). What is neither
    /// asks for nothing; what is over asks for no pause. Others say it: whoever obeys sets a bound.
    #[must_use]
    pub fn retry_after(&self, now: u64) -> Option<Duration> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let moment = httpdate::parse_http_date(value).ok()?;
        let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Some(since.saturating_sub(Duration::from_secs(now)))
    }
}

/// What came back over HTTP/2, with the fields behind its content (RFC 9113 section 8.1): protocols as gRPC say there how it ended.
#[derive(Debug, Clone)]
pub struct Trailed {
    /// The answer before them.
    pub answer: FetchResponse,
    /// They; nothing where it ended without.
    pub trailers: Option<HeaderMap>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// The URL cannot be used.
    Url(String),
    /// The name cannot be resolved, or only to addresses out of reach.
    Address(String),
    /// No connection, no TLS, or the exchange broke.
    Exchange(String),
    /// Too slow.
    Deadline,
    /// Too long.
    TooLarge,
    /// Not tried: the last calls to this host failed.
    BreakerOpen,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Url(why) => write!(f, "the URL cannot be used: {why}"),
            FetchError::Address(why) => write!(f, "no address: {why}"),
            FetchError::Exchange(why) => write!(f, "the exchange failed: {why}"),
            FetchError::Deadline => f.write_str("no answer in time"),
            FetchError::TooLarge => f.write_str("the answer is too long"),
            FetchError::BreakerOpen => f.write_str("not tried, the last calls to this host failed"),
        }
    }
}

/// The way out. Futures are to be polled on the side runtime.
pub trait Fetch: Send + Sync + fmt::Debug {
    /// Makes one call.
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>>;

    /// Makes one call over HTTP/2, in clear by prior knowledge; its content is read whatever `head_only` says. What cannot, says so.
    fn fetch_trailed(&self, request: FetchRequest) -> BoxFuture<'static, Result<Trailed, FetchError>> {
        Box::pin(async move { Err(FetchError::Address(format!("`{}` by HTTP/2", request.url))) })
    }

    /// Makes one exchange of bytes. What cannot, says so.
    fn dialog(&self, request: DialogRequest) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        Box::pin(async move { Err(FetchError::Address(request.address)) })
    }
}

/// Starts work on the side runtime.
pub trait Spawn: Send + Sync + fmt::Debug {
    /// Starts it; it ends with the process at the latest.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_moment() {
        let now = 1_767_225_600;
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Thu, 01 Jan 2026 00:02:00 GMT", Some(120)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("+7", None),
            ("soon", None),
            ("1.5", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            let answer = FetchResponse { status: StatusCode::OK, headers, body: Bytes::new() };
            assert_eq!(answer.retry_after(now).map(|asked| asked.as_secs()), expected, "{value}");
        }
        let silent = FetchResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() };
        assert_eq!(silent.retry_after(now), None);
    }
}
