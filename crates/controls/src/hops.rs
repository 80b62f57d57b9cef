//! What proxies say of where a call came from: `Forwarded` (RFC 7239 section 4) and `X-Forwarded-For`.
//!
//! Both are lists to which each hop appends, so that only their right end, written by hops of ours, can be believed. They are
//! read from the right, entry by entry, and no further than hops are trusted: what a client wrote before them is not
//! looked at, so that it can neither name another client nor hide this one. Parsing is strict, bounded and linear.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

/// `X-Forwarded-For`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Entries of a list that are read.
pub const MAX_HOPS: usize = 32;

/// One entry of either list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// An address; its port, if any, is dropped.
    Address(IpAddr),
    /// `unknown` or an obfuscated identifier (RFC 7239 section 6.3).
    Hidden,
}

/// Who a list says the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its address, or that of the last hop that is known.
    pub address: IpAddr,
    /// Whether every entry on the way to it could be read, and there were not too many.
    pub good: bool,
    /// Whether a hop names whom it speaks for in a way that says nothing: the address is that of the last hop that is known.
    pub hidden: bool,
}

/// Whether hops say that whoever called the first of them spoke TLS: one `X-Forwarded-Proto` that is `https`, and every `proto` of `Forwarded`
/// as far as that can be read. `None` when neither says anything. Only of a call from a trusted hop is it worth something.
#[must_use]
pub fn says_https(headers: &HeaderMap) -> Option<bool> {
    let mut fields = headers.get_all(X_FORWARDED_PROTO).iter();
    let first = fields.next().map(|proto| proto == "https");
    let one = first.map(|https| https && fields.next().is_none());
    let entries = List::Forwarded.entries(headers).take(MAX_HOPS);
    let elements = entries.map_while(|entry| parameter(entry, "proto").ok()).flatten();
    elements.map(|proto| proto.eq_ignore_ascii_case("https")).chain(one).reduce(|all, next| all && next)
}

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `X-Forwarded-For`: addresses.
    XForwardedFor,
    /// `Forwarded`: elements, of which `for` counts. One without it is [`Node::Hidden`].
    Forwarded,
}

impl List {
    /// The client's address as far as trusted hops vouch for it: from the right, past every trusted hop, to the first that
    /// is not. A hidden node, or one that cannot be read, ends the walk at the last hop that is known. When all are
    /// trusted, the leftmost is the client. `None` when there is no such list.
    #[must_use]
    pub fn client(
        self,
        headers: &HeaderMap,
        peer: IpAddr,
        trusted: impl Fn(IpAddr) -> bool,
    ) -> Option<Found> {
        let mut known: Option<Found> = None;
        for (number, entry) in self.entries(headers).enumerate() {
            let address = known.map_or(peer, |found| found.address);
            let node = if number < MAX_HOPS { self.node(entry) } else { None };
            match node {
                Some(Node::Address(next)) if trusted(next) => {
                    known = Some(Found { address: next, good: true, hidden: false });
                }
                Some(Node::Address(client)) => {
                    return Some(Found { address: client, good: true, hidden: false });
                }
                Some(Node::Hidden) => return Some(Found { address, good: true, hidden: true }),
                None => return Some(Found { address, good: false, hidden: false }),
            }
        }
        known
    }

    /// The longest right end of the list whose entries follow its syntax, as one line; `None` when there is none.
    #[must_use]
    pub fn well_formed(self, headers: &HeaderMap) -> Option<String> {
        let good = self.entries(headers).take(MAX_HOPS).take_while(|entry| self.node(entry).is_some());
        let mut entries: Vec<&str> = good.collect();
        entries.reverse();
        (!entries.is_empty()).then(|| entries.join(", "))
    }

    /// Its entries from right to left, without the space around them. One that is not text is empty, which is no entry.
    pub fn entries(self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let name = match self {
            List::XForwardedFor => X_FORWARDED_FOR,
            List::Forwarded => FORWARDED,
        };
        headers.get_all(name).iter().rev().flat_map(move |field| {
            let mut left = Some(field.as_bytes());
            std::iter::from_fn(move || {
                let (before, entry) = self.last(left?);
                left = before;
                Some(std::str::from_utf8(entry).unwrap_or_default().trim_matches([' ', '\t']))
            })
        })
    }

    /// What an entry says; `None` when it does not follow the list's syntax.
    #[must_use]
    pub fn node(self, entry: &str) -> Option<Node> {
        match self {
            List::XForwardedFor => node(entry),
            List::Forwarded => element(entry),
        }
    }

    /// The last entry of a field, and what stands before its comma. A comma between quotes parts nothing; since they are
    /// counted from the right, a quote that a client left open reaches no entry of ours.
    fn last(self, field: &[u8]) -> (Option<&[u8]>, &[u8]) {
        let mut quoted = false;
        for (at, byte) in field.iter().enumerate().rev() {
            match byte {
                b'"' if self == List::Forwarded => quoted = !quoted,
                b',' if !quoted => return (field.get(..at), field.get(at + 1..).unwrap_or_default()),
                _ => {}
            }
        }
        (None, field)
    }
}

/// One `forwarded-element`.
fn element(text: &str) -> Option<Node> {
    match parameter(text, "for").ok()? {
        Some(value) => node(&value),
        None => Some(Node::Hidden),
    }
}

/// What is no `forwarded-element`.
struct Malformed;

/// What a `forwarded-element` says under a name, when it says that.
fn parameter<'t>(text: &'t str, wanted: &str) -> Result<Option<Cow<'t, str>>, Malformed> {
    let mut found = None;
    let mut rest = text;
    loop {
        let (name, after) = token(rest).ok_or(Malformed)?;
        let (value, after) = after.strip_prefix('=').and_then(value).ok_or(Malformed)?;
        if name.eq_ignore_ascii_case(wanted) {
            // Each parameter occurs at most once per element.
            if found.is_some() {
                return Err(Malformed);
            }
            found = Some(value);
        }
        let after = after.trim_start_matches([' ', '\t']);
        if after.is_empty() {
            return Ok(found);
        }
        rest = after.strip_prefix(';').ok_or(Malformed)?.trim_start_matches([' ', '\t']);
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(|byte| is_token(*byte)).count();
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then_some((token, rest))
}

/// A token or a quoted string, unquoted.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(token, rest)| (token.into(), rest));
    };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((out.into(), quoted.get(at + 1..)?)),
            '\\' => out.push(chars.next()?.1),
            other => out.push(other),
        }
    }
    None
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A node: an address with or without brackets and port, `unknown`, or `_obfuscated`.
fn node(text: &str) -> Option<Node> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Node::Address(address.to_canonical()));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(Node::Address(address.ip().to_canonical()));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| Node::Address(IpAddr::V6(address).to_canonical()));
    }
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let obfuscated = |text: &str| {
        text.strip_prefix('_').is_some_and(|rest| {
            !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
    };
    let good_port = port.is_none_or(|port| obfuscated(port) || port.parse::<u16>().is_ok());
    (good_port && (name.eq_ignore_ascii_case("unknown") || obfuscated(name))).then_some(Node::Hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn headers(name: &HeaderName, fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(name.clone(), HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        headers
    }

    /// Entries from left to right, `?` for what cannot be read.
    fn read(list: List, fields: &[&str]) -> String {
        let name = if list == List::Forwarded { FORWARDED } else { X_FORWARDED_FOR };
        let headers = headers(&name, fields);
        let mut all: Vec<String> = list
            .entries(&headers)
            .map(|entry| match list.node(entry) {
                Some(Node::Address(address)) => address.to_string(),
                Some(Node::Hidden) => String::from("-"),
                None => String::from("?"),
            })
            .collect();
        all.reverse();
        all.join(" ")
    }

    #[test]
    fn forwarded_is_read_by_its_grammar() {
        let cases: &[(&[&str], &str)] = &[
            (&["for=192.0.2.43"], "192.0.2.43"),
            (&["for=192.0.2.43:4711"], "?"),
            (&["For=\"192.0.2.43:4711\";proto=http; by=203.0.113.43"], "192.0.2.43"),
            (&["for=\"[2001:db8::17]:4711\""], "2001:db8::17"),
            (&["for=\"[::ffff:192.0.2.1]\""], "192.0.2.1"),
            (&["for=192.0.2.43, for=198.51.100.17"], "192.0.2.43 198.51.100.17"),
            (&["for=192.0.2.43", "for=198.51.100.17"], "192.0.2.43 198.51.100.17"),
            (&["for=unknown, for=_gazonk"], "- -"),
            (&["proto=https"], "-"),
            (&["host=\"a,b\";for=1.2.3.4"], "1.2.3.4"),
            (&["for=\"_x:_y\""], "-"),
            (&["for=\"\\1.2.3.4\""], "1.2.3.4"),
            (&["for=1.2.3.4;for=5.6.7.8"], "?"),
            (&["for=\"1.2.3.4"], "?"),
            (&["for=\"6.6.6.6, for=1.2.3.4"], "? 1.2.3.4"),
            (&["for=1.2.3.4 for=5.6.7.8"], "?"),
            (&["for = 1.2.3.4"], "?"),
            (&["for=999.1.1.1"], "?"),
            (&[""], "?"),
            (&["for=1.2.3.4,"], "1.2.3.4 ?"),
            (&["for"], "?"),
        ];
        for (fields, expected) in cases {
            assert_eq!(read(List::Forwarded, fields), *expected, "{fields:?}");
        }
    }

    #[test]
    fn what_a_hop_says_of_tls_is_said_once_and_by_all() {
        let cases: &[(&[&str], &[&str], Option<bool>)] = &[
            (&[], &[], None),
            (&["https"], &[], Some(true)),
            (&["http"], &[], Some(false)),
            (&["https", "https"], &[], Some(false)),
            (&["https,http"], &[], Some(false)),
            (&[""], &[], Some(false)),
            (&[], &["for=1.2.3.4;proto=https"], Some(true)),
            (&[], &["for=1.2.3.4;Proto=\"HTTPS\""], Some(true)),
            (&[], &["for=1.2.3.4;proto=http"], Some(false)),
            (&[], &["for=1.2.3.4;proto=http, for=10.0.0.1;proto=https"], Some(false)),
            (&[], &["for=1.2.3.4"], None),
            (&["https"], &["for=1.2.3.4;proto=http"], Some(false)),
            (&["http"], &["for=1.2.3.4;proto=https"], Some(false)),
            (&["https"], &["for=1.2.3.4;proto=https"], Some(true)),
            // What cannot be read was written by the client.
            (&[], &["garbage, for=1.2.3.4;proto=https"], Some(true)),
        ];
        for (proto, forwarded, expected) in cases {
            let mut all = headers(&X_FORWARDED_PROTO, proto);
            all.extend(headers(&FORWARDED, forwarded));
            assert_eq!(says_https(&all), *expected, "{proto:?} {forwarded:?}");
        }
    }

    #[test]
    fn x_forwarded_for_is_a_list_of_addresses() {
        let cases: &[(&[&str], &str)] = &[
            (&["192.0.2.1, 2001:db8::1"], "192.0.2.1 2001:db8::1"),
            (&["192.0.2.1:80,[2001:db8::1]:80"], "192.0.2.1 2001:db8::1"),
            (&["192.0.2.1", "unknown"], "192.0.2.1 -"),
            (&["192.0.2.1,,192.0.2.2"], "192.0.2.1 ? 192.0.2.2"),
            (&["<script>"], "?"),
            (&["é, 192.0.2.1"], "? 192.0.2.1"),
            (&["192.0.2.1 192.0.2.2"], "?"),
        ];
        for (fields, expected) in cases {
            assert_eq!(read(List::XForwardedFor, fields), *expected, "{fields:?}");
        }
    }

    #[test]
    fn the_client_is_the_first_hop_from_the_right_that_is_not_ours() {
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let many = |entry: &str, times: usize| vec![entry; times].join(",");
        let cases: &[(String, &str, bool)] = &[
            ("203.0.113.9".into(), "203.0.113.9", true),
            ("6.6.6.6, 203.0.113.9".into(), "203.0.113.9", true),
            ("6.6.6.6, 203.0.113.9, 10.0.0.2".into(), "203.0.113.9", true),
            ("10.0.0.9, 10.0.0.2".into(), "10.0.0.9", true),
            ("6.6.6.6, unknown, 10.0.0.2".into(), "10.0.0.2", true),
            // What stands before the client was written by it: nobody looks.
            ("x, 203.0.113.9".into(), "203.0.113.9", true),
            (",,é, 203.0.113.9, 10.0.0.2".into(), "203.0.113.9", true),
            (format!("{}, 203.0.113.9", many("6.6.6.6", 500)), "203.0.113.9", true),
            // What a hop of ours wrote has to be read.
            ("203.0.113.9, x, 10.0.0.2".into(), "10.0.0.2", false),
            ("x".into(), "10.0.0.1", false),
            (format!("203.0.113.9,{}", many("10.0.0.2", MAX_HOPS - 1)), "203.0.113.9", true),
            (format!("203.0.113.9,{}", many("10.0.0.2", MAX_HOPS)), "10.0.0.2", false),
        ];
        for (field, address, good) in cases {
            let headers = headers(&X_FORWARDED_FOR, &[field]);
            // The one that hides whom it speaks for.
            let hidden = field.contains("unknown");
            let expected = Found { address: address.parse().unwrap(), good: *good, hidden };
            assert_eq!(List::XForwardedFor.client(&headers, peer, trusted), Some(expected), "{field}");
        }
        assert_eq!(List::XForwardedFor.client(&HeaderMap::new(), peer, trusted), None);
        let open_quote = headers(&FORWARDED, &["for=\"6.6.6.6", "for=\"evil, for=203.0.113.9;proto=https"]);
        let found = List::Forwarded.client(&open_quote, peer, trusted).unwrap();
        assert_eq!((found.address.to_string().as_str(), found.good), ("203.0.113.9", true));
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_writes_moves_it(field in "[ -~\\t]{0,200}") {
            let trusted = |address: IpAddr| address.to_string().starts_with("10.");
            let peer: IpAddr = "10.0.0.1".parse().unwrap();
            for (list, name, appended) in [
                (List::Forwarded, FORWARDED, "for=203.0.113.9;proto=https"),
                (List::XForwardedFor, X_FORWARDED_FOR, "203.0.113.9"),
            ] {
                let joined = format!("{field}, {appended}");
                for fields in [vec![joined.as_str()], vec![field.as_str(), appended]] {
                    let found = list.client(&headers(&name, &fields), peer, trusted).unwrap();
                    let expected = Found { address: "203.0.113.9".parse().unwrap(), good: true, hidden: false };
                    prop_assert_eq!(found, expected);
                }
            }
        }

        #[test]
        fn what_is_written_by_the_grammar_is_read(addresses in proptest::collection::vec(any::<[u8; 16]>(), 1..20)) {
            let addresses: Vec<String> =
                addresses.into_iter().map(|octets| IpAddr::V6(octets.into()).to_canonical().to_string()).collect();
            let text: Vec<String> = addresses.iter().map(|address| match address.contains(':') {
                false => format!("for={address}"),
                true => format!("for=\"[{address}]\";proto=https"),
            }).collect();
            prop_assert_eq!(read(List::Forwarded, &[&text.join(", ")]), addresses.join(" "));
            let headers = headers(&FORWARDED, &[&text.join(",")]);
            prop_assert_eq!(List::Forwarded.well_formed(&headers), Some(text.join(", ")));
        }
    }
}
