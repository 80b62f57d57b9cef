//! What a document says of an operation that goes on as a WebSocket (RFC 6455), and what a client asks for by its head.
//!
//! The data plane reads every frame on both sides and passes whole messages on; nothing here does IO.

use std::time::Duration;

use http::HeaderValue;

use crate::call::Request;

/// Which pages may open a WebSocket. A browser sends cookies along from any page and lets any page read the answer: the
/// server alone can stop it (RFC 6455 section 10.2; THREATS row 37).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Those of the API's own host.
    Own,
    /// Those of its own host, and these, byte for byte.
    Listed(Box<[Box<str>]>),
    /// Any page. Whoever is no browser sends no origin and is not held back by any of these.
    Any,
}

/// How many messages a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// At once.
    pub burst: u32,
    /// The time in which one more is regained.
    pub each: Duration,
}

/// What holds for the WebSockets of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Pages that may open one.
    pub origins: Origins,
    /// Subprotocols that may be agreed on (RFC 6455 section 1.9); the client's others are not passed on.
    pub subprotocols: Box<[Box<str>]>,
    /// Longest message, in bytes; more closes with 1009.
    pub message: usize,
    /// Longest frame, in bytes; more closes with 1009.
    pub frame: usize,
    /// Messages of a client; more close with 1008.
    pub flow: Flow,
    /// How long neither side may say anything; then both are closed with 1001.
    pub idle: Duration,
    /// How long it may last; then both are closed with 1000.
    pub lifetime: Duration,
}

impl Rules {
    /// Whether a page of the request's origin may open one: `Err` says why not.
    ///
    /// # Errors
    /// What is wrong with the origin, for the operator.
    pub fn check_origin(&self, request: &Request) -> Result<(), &'static str> {
        let mut fields = request.headers.get_all(http::header::ORIGIN).iter();
        let Some(origin) = fields.next() else { return Ok(()) };
        if fields.next().is_some() {
            return Err("there is more than one `Origin`");
        }
        let allowed = match &self.origins {
            Origins::Any => true,
            Origins::Own => is_own(origin, &request.authority),
            Origins::Listed(known) => {
                known.iter().any(|known| known.as_bytes() == origin.as_bytes())
                    || is_own(origin, &request.authority)
            }
        };
        if allowed {
            Ok(())
        } else {
            Err("the origin is neither the API's own nor one of `websocket.origins`")
        }
    }
}

/// Whether an origin is the host that was called, whatever its scheme: a hop before us may have ended TLS.
fn is_own(origin: &HeaderValue, authority: &str) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let (host, default) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(host), _) => (host, ":443"),
        (None, Some(host)) => (host, ":80"),
        (None, None) => return false,
    };
    let own = authority.strip_suffix(default).unwrap_or(authority);
    !host.is_empty() && own.eq_ignore_ascii_case(host)
}

/// What a client asks for that wants to go on as a WebSocket; its fields are no longer in the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// `Sec-WebSocket-Key` of HTTP/1.1, which the answer proves to have read; HTTP/2 has none (RFC 8441 section 5).
    pub key: Option<HeaderValue>,
    /// Subprotocols that it speaks, in its order.
    pub subprotocols: Box<[Box<str>]>,
}

/// Why a WebSocket is closed (RFC 6455 section 7.4.1 and the registry that it founds).
pub mod close {
    /// Its purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// An end goes away.
    pub const AWAY: u16 = 1001;
    /// A frame breaks the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A text that is not UTF-8.
    pub const INVALID: u16 = 1007;
    /// A message breaks a rule that says no more.
    pub const POLICY: u16 = 1008;
    /// A message is too long.
    pub const TOO_BIG: u16 = 1009;
    /// There is no room now.
    pub const TRY_AGAIN: u16 = 1013;
    /// Who stands behind the gateway broke off.
    pub const BAD_GATEWAY: u16 = 1014;
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Uri, Version, header::ORIGIN};

    use super::*;
    use crate::call::BodyLength;

    fn request(authority: &str, origins: &[&'static str]) -> Request {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_static(origin));
        }
        let host = (Box::from("a"), Box::from(authority));
        let uri = Uri::from_static("/chat");
        Request::new(Method::GET, Version::HTTP_11, uri, host, headers, BodyLength::Empty).unwrap()
    }

    fn rules(origins: Origins) -> Rules {
        Rules {
            origins,
            subprotocols: Box::default(),
            message: 1,
            frame: 1,
            flow: Flow { burst: 1, each: Duration::ZERO },
            idle: Duration::ZERO,
            lifetime: Duration::ZERO,
        }
    }

    #[test]
    fn pages_of_other_hosts_open_nothing_unless_they_are_listed() {
        let listed = Origins::Listed(Box::new([Box::from("https://app.test")]));
        let cases: [(&str, &[&str], [bool; 3]); 12] = [
            ("a", &[], [true, true, true]),
            ("a", &["https://a"], [true, true, true]),
            ("a", &["http://a"], [true, true, true]),
            ("A:443", &["https://a"], [true, true, true]),
            ("a:80", &["https://a"], [false, false, true]),
            ("a:8080", &["http://a:8080"], [true, true, true]),
            ("a:8080", &["http://a"], [false, false, true]),
            ("a", &["https://app.test"], [false, true, true]),
            ("a", &["https://app.test.evil"], [false, false, true]),
            ("a", &["https://evil.test"], [false, false, true]),
            ("a", &["null"], [false, false, true]),
            ("a", &["https://a", "https://a"], [false, false, false]),
        ];
        for (authority, origins, expected) in cases {
            let request = request(authority, origins);
            let all = [Origins::Own, listed.clone(), Origins::Any];
            let found = all.map(|origins| rules(origins).check_origin(&request).is_ok());
            assert_eq!(found, expected, "{authority} {origins:?}");
        }
    }
}
