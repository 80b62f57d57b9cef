//! Whether `htu` is the URI of a request: RFC 9449 section 4.3, check 9, with the normalizations of RFC 3986 sections 6.2.2 and
//! 6.2.3, and without query and fragment.
//!
//! The request's own path is canonical already and what routing went by; `htu` is brought to the same form. What has none
//! names no request.

use std::borrow::Cow;

use engine::Call;
use engine::path::canonical_path;
use spec::Url;

/// Where clients find an API, when the call itself does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    https: bool,
    host: Box<str>,
    port: u16,
    /// Put before the path that we see; does not end with a slash.
    prefix: Box<str>,
}

impl Base {
    pub(super) fn of(url: &Url) -> Self {
        Self {
            https: url.is_https(),
            host: url.host().into(),
            port: url.port(),
            prefix: url.path().trim_end_matches('/').into(),
        }
    }
}

/// Whether `htu` names the request of a call.
pub(super) fn names(htu: &str, base: Option<&Base>, call: &Call) -> bool {
    let Some(named) = Named::read(htu) else { return false };
    let request = &call.request;
    let (https, host, port, prefix) = match base {
        Some(base) => (base.https, &*base.host, Some(base.port), &*base.prefix),
        None => {
            let https = call.peer.tls;
            let port = port_of(&request.authority).map(|port| port.unwrap_or(usual(https)));
            (https, bare(&request.host), port, "")
        }
    };
    let same_place =
        named.https == https && Some(named.port) == port && bare(named.host).eq_ignore_ascii_case(host);
    same_place && same_path(named.path, prefix, request.path())
}

/// An absolute URI, apart.
struct Named<'a> {
    https: bool,
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl<'a> Named<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        // Who names a user as well names another server than it seems.
        if authority.contains(['@', '\\']) {
            return None;
        }
        let port = port_of(authority)?.unwrap_or(usual(https));
        let host = authority.strip_suffix(':').unwrap_or(authority);
        let host = match host.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => host,
            _ => host,
        };
        if host.is_empty() {
            return None;
        }
        let path = rest.find(['?', '#']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
        Some(Self { https, host, port, path: if path.is_empty() { "/" } else { path } })
    }
}

const fn usual(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// The port of an authority, when it names one; an empty one is the usual one (RFC 3986 section 6.2.3).
#[expect(clippy::option_option, reason = "no port is fine, a broken one is not")]
fn port_of(authority: &str) -> Option<Option<u16>> {
    match authority.rsplit_once(':') {
        Some((_, digits)) if digits.ends_with(']') => Some(None),
        Some((_, "")) | None => Some(None),
        Some((_, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().map(Some)
        }
        Some(_) => None,
    }
}

/// A host without the brackets of an address and without the dot of the root.
fn bare(host: &str) -> &str {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

fn same_path(named: &str, prefix: &str, path: &str) -> bool {
    let named = without_dots(named);
    let Ok(named) = canonical_path(&named) else { return false };
    match named.strip_prefix(prefix) {
        Some("") => path == "/",
        Some(rest) => rest == path,
        None => false,
    }
}

/// A path without its dot segments (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in path.split('/').skip(1) {
        last = segment;
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    if matches!(last, "." | "..") {
        kept.push("");
    }
    Cow::Owned(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::CallBuilder;

    /// Host, whether over TLS, target, `htu`, whether it names it.
    type Row = (&'static str, bool, &'static str, &'static str, bool);

    const ROWS: &[Row] = &[
        ("api.example.com", true, "/a/b", "https://api.example.com/a/b", true),
        ("api.example.com", true, "/a/b?x=1", "https://api.example.com/a/b", true),
        ("api.example.com", true, "/a/b?x=1", "https://api.example.com/a/b?y=2#z", true),
        ("api.example.com", true, "/a/b", "HTTPS://API.example.COM/a/b", true),
        ("api.example.com", true, "/a/b", "https://api.example.com:443/a/b", true),
        ("api.example.com", true, "/a/b", "https://api.example.com:/a/b", true),
        ("api.example.com:443", true, "/a/b", "https://api.example.com/a/b", true),
        ("api.example.com", true, "/a/b", "https://api.example.com./a/b", true),
        ("api.example.com", true, "/a/~b", "https://api.example.com/a/%7Eb", true),
        ("api.example.com", true, "/a/%7eb", "https://api.example.com/a/~b", true),
        ("api.example.com", true, "/a/%c3%a9", "https://api.example.com/a/%C3%A9", true),
        ("api.example.com", true, "/a/b", "https://api.example.com/x/../a/./b", true),
        ("api.example.com", true, "/a/", "https://api.example.com/a/b/..", true),
        ("api.example.com", true, "/", "https://api.example.com", true),
        ("api.example.com", true, "/", "https://api.example.com?x", true),
        ("api.example.com:8443", true, "/a", "https://api.example.com:8443/a", true),
        ("127.0.0.1:8080", false, "/a", "http://127.0.0.1:8080/a", true),
        ("[::1]:8080", false, "/a", "http://[::1]:8080/a", true),
        ("[::1]", false, "/a", "http://[::1]/a", true),
        ("api.example.com", true, "/a/b", "http://api.example.com/a/b", false),
        ("api.example.com", false, "/a/b", "https://api.example.com/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com:80/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com:8443/a/b", false),
        ("api.example.com:8443", true, "/a", "https://api.example.com/a", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/a/B", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/a/b/", false),
        ("api.example.com", true, "/a/b/", "https://api.example.com/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/a", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/a%2Fb", false),
        ("api.example.com", true, "/a/b", "https://api.example.com//a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/a/b;x", false),
        ("api.example.com", true, "/a/b", "https://evil.example/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com.evil.example/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com@evil.example/a/b", false),
        ("api.example.com", true, "/a/b", "https://user@api.example.com/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com\\/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com:x/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com:99999/a/b", false),
        ("api.example.com", true, "/a/b", "https:///a/b", false),
        ("api.example.com", true, "/a/b", "https:/api.example.com/a/b", false),
        ("api.example.com", true, "/a/b", "//api.example.com/a/b", false),
        ("api.example.com", true, "/a/b", "/a/b", false),
        ("api.example.com", true, "/a/b", "ftp://api.example.com/a/b", false),
        ("api.example.com", true, "/a/b", "", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/%2e%2e/a/b", false),
        ("api.example.com", true, "/a/b", "https://api.example.com/a/b\u{e9}", false),
    ];

    fn call(host: &str, tls: bool, target: &str) -> Call {
        let mut call = CallBuilder::get(target).build();
        let name = host.strip_suffix(":8443").or_else(|| host.strip_suffix(":8080"));
        let name = name.or_else(|| host.strip_suffix(":443")).unwrap_or(host);
        (call.request.host, call.request.authority, call.peer.tls) = (name.into(), host.into(), tls);
        call
    }

    #[test]
    fn the_request_is_named_however_it_is_spelled_and_no_other_is() {
        assert_eq!(ROWS.iter().filter(|(.., expected)| !expected).count(), 27);
        for (host, tls, target, htu, expected) in ROWS {
            let call = call(host, *tls, target);
            assert_eq!(names(htu, None, &call), *expected, "{host} {target} {htu}");
        }
    }

    #[test]
    fn behind_a_proxy_the_url_is_the_documents() {
        let call = call("10.0.0.1:8080", false, "/a");
        for (url, htu, expected) in [
            ("https://api.example.com", "https://api.example.com/a", true),
            ("https://api.example.com/", "https://api.example.com/a", true),
            ("https://api.example.com:8443", "https://api.example.com:8443/a", true),
            ("https://api.example.com/shop", "https://api.example.com/shop/a", true),
            ("https://api.example.com/shop", "https://api.example.com/a", false),
            ("https://api.example.com/shop", "https://api.example.com/shopa", false),
            ("https://api.example.com", "http://10.0.0.1:8080/a", false),
            ("https://api.example.com", "http://api.example.com/a", false),
        ] {
            let base = Base::of(&url.parse().unwrap());
            assert_eq!(names(htu, Some(&base), &call), expected, "{url} {htu}");
        }
    }
}
