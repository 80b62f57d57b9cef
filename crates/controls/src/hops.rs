//! What proxies say of where a call came from: `Forwarded` (RFC 7239 section 4) and `X-Forwarded-For`.
//!
//! Both are lists to which each hop appends, so that only their right end, written by hops of ours, can be believed.
//! Parsing is strict, bounded and linear; anything odd makes the whole field worthless.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use smallvec::SmallVec;

/// `X-Forwarded-For`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops that are read; a longer list is malformed.
pub const MAX_HOPS: usize = 32;

/// One entry of either list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// An address; its port, if any, is dropped.
    Address(IpAddr),
    /// `unknown` or an obfuscated identifier (RFC 7239 section 6.3).
    Hidden,
}

/// The nodes of a list, left to right.
pub type Nodes = SmallVec<[Node; 4]>;

/// A list that does not follow its syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The nodes of all `X-Forwarded-For` fields; `None` when there is none.
///
/// # Errors
/// When an entry is not an address, or there are more than [`MAX_HOPS`].
pub fn x_forwarded_for(headers: &HeaderMap) -> Result<Option<Nodes>, Malformed> {
    if !headers.contains_key(X_FORWARDED_FOR) {
        return Ok(None);
    }
    let mut nodes = Nodes::new();
    for field in headers.get_all(X_FORWARDED_FOR) {
        for entry in field.to_str().map_err(|_| Malformed)?.split(',') {
            push(&mut nodes, node(entry.trim_matches([' ', '\t'])).ok_or(Malformed)?)?;
        }
    }
    Ok(Some(nodes))
}

/// The `for` nodes of all `Forwarded` fields; `None` when there is none. An element without `for` is [`Node::Hidden`].
///
/// # Errors
/// When a field breaks the grammar, or there are more than [`MAX_HOPS`] elements.
pub fn forwarded(headers: &HeaderMap) -> Result<Option<Nodes>, Malformed> {
    if !headers.contains_key(FORWARDED) {
        return Ok(None);
    }
    let mut nodes = Nodes::new();
    for field in headers.get_all(FORWARDED) {
        let mut rest = field.to_str().map_err(|_| Malformed)?;
        loop {
            let (element, after) = element(rest)?;
            push(&mut nodes, element)?;
            match after {
                Some(after) => rest = after,
                None => break,
            }
        }
    }
    Ok(Some(nodes))
}

fn push(nodes: &mut Nodes, node: Node) -> Result<(), Malformed> {
    if nodes.len() >= MAX_HOPS {
        return Err(Malformed);
    }
    nodes.push(node);
    Ok(())
}

/// One `forwarded-element`, and what follows its comma.
fn element(text: &str) -> Result<(Node, Option<&str>), Malformed> {
    let mut found: Option<Node> = None;
    let mut rest = text.trim_start_matches([' ', '\t']);
    loop {
        let (name, after) = token(rest).ok_or(Malformed)?;
        let after = after.strip_prefix('=').ok_or(Malformed)?;
        let (value, after) = value(after).ok_or(Malformed)?;
        if name.eq_ignore_ascii_case("for") {
            // Each parameter occurs at most once per element.
            if found.is_some() {
                return Err(Malformed);
            }
            found = Some(node(&value).ok_or(Malformed)?);
        }
        let after = after.trim_start_matches([' ', '\t']);
        let hidden = || found.unwrap_or(Node::Hidden);
        match after.as_bytes().first() {
            None => return Ok((hidden(), None)),
            Some(b',') => return Ok((hidden(), after.get(1..))),
            Some(b';') => rest = after.get(1..).unwrap_or_default().trim_start_matches([' ', '\t']),
            Some(_) => return Err(Malformed),
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(|byte| is_token(*byte)).count();
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then_some((token, rest))
}

/// A token or a quoted string, unquoted.
fn value(text: &str) -> Option<(std::borrow::Cow<'_, str>, &str)> {
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

/// The client's address as far as trusted hops vouch for it: from the right, past every trusted hop, to the first that is
/// not. A hidden node ends the walk at the last hop that is known. When all are trusted, the leftmost is the client.
#[must_use]
pub fn client(nodes: &[Node], peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut known = peer;
    for node in nodes.iter().rev() {
        match node {
            Node::Hidden => return known,
            Node::Address(address) if trusted(*address) => known = *address,
            Node::Address(address) => return *address,
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    /// Fields, and what is read of them.
    type Case<'a> = (&'a [&'a str], Result<Vec<Node>, Malformed>);

    fn headers(name: &HeaderName, fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(name.clone(), HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        headers
    }

    fn at(text: &str) -> Node {
        Node::Address(text.parse().unwrap())
    }

    #[test]
    fn forwarded_is_read_by_its_grammar_or_not_at_all() {
        let cases: &[Case<'_>] = &[
            (&["for=192.0.2.43"], Ok(vec![at("192.0.2.43")])),
            (&["for=192.0.2.43:4711"], Err(Malformed)),
            (&["For=\"192.0.2.43:4711\";proto=http; by=203.0.113.43"], Ok(vec![at("192.0.2.43")])),
            (&["for=\"[2001:db8::17]:4711\""], Ok(vec![at("2001:db8::17")])),
            (&["for=\"[::ffff:192.0.2.1]\""], Ok(vec![at("192.0.2.1")])),
            (&["for=192.0.2.43, for=198.51.100.17"], Ok(vec![at("192.0.2.43"), at("198.51.100.17")])),
            (&["for=192.0.2.43", "for=198.51.100.17"], Ok(vec![at("192.0.2.43"), at("198.51.100.17")])),
            (&["for=unknown, for=_gazonk"], Ok(vec![Node::Hidden, Node::Hidden])),
            (&["proto=https"], Ok(vec![Node::Hidden])),
            (&["for=\"_x:_y\""], Ok(vec![Node::Hidden])),
            (&["for=\"\\1.2.3.4\""], Ok(vec![at("1.2.3.4")])),
            (&["for=1.2.3.4;for=5.6.7.8"], Err(Malformed)),
            (&["for=\"1.2.3.4"], Err(Malformed)),
            (&["for=1.2.3.4 for=5.6.7.8"], Err(Malformed)),
            (&["for = 1.2.3.4"], Err(Malformed)),
            (&["for=999.1.1.1"], Err(Malformed)),
            (&[""], Err(Malformed)),
            (&["for=1.2.3.4,"], Err(Malformed)),
            (&["for"], Err(Malformed)),
        ];
        for (fields, expected) in cases {
            let found = forwarded(&headers(&FORWARDED, fields));
            assert_eq!(found.map(|nodes| nodes.unwrap().to_vec()), *expected, "{fields:?}");
        }
        assert_eq!(forwarded(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn x_forwarded_for_is_a_list_of_addresses_or_nothing() {
        let cases: &[Case<'_>] = &[
            (&["192.0.2.1, 2001:db8::1"], Ok(vec![at("192.0.2.1"), at("2001:db8::1")])),
            (&["192.0.2.1:80,[2001:db8::1]:80"], Ok(vec![at("192.0.2.1"), at("2001:db8::1")])),
            (&["192.0.2.1", "unknown"], Ok(vec![at("192.0.2.1"), Node::Hidden])),
            (&["192.0.2.1,,192.0.2.2"], Err(Malformed)),
            (&["<script>"], Err(Malformed)),
            (&["192.0.2.1 192.0.2.2"], Err(Malformed)),
        ];
        for (fields, expected) in cases {
            let found = x_forwarded_for(&headers(&X_FORWARDED_FOR, fields));
            assert_eq!(found.map(|nodes| nodes.unwrap().to_vec()), *expected, "{fields:?}");
        }
        let many = vec!["192.0.2.1"; MAX_HOPS + 1].join(",");
        assert_eq!(x_forwarded_for(&headers(&X_FORWARDED_FOR, &[&many])), Err(Malformed));
        let most = vec!["192.0.2.1"; MAX_HOPS].join(",");
        assert!(x_forwarded_for(&headers(&X_FORWARDED_FOR, &[&most])).is_ok());
    }

    #[test]
    fn the_client_is_the_first_hop_from_the_right_that_is_not_ours() {
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let cases: &[(Vec<Node>, &str)] = &[
            (vec![], "10.0.0.1"),
            (vec![at("203.0.113.9")], "203.0.113.9"),
            (vec![at("6.6.6.6"), at("203.0.113.9")], "203.0.113.9"),
            (vec![at("6.6.6.6"), at("203.0.113.9"), at("10.0.0.2")], "203.0.113.9"),
            (vec![at("10.0.0.9"), at("10.0.0.2")], "10.0.0.9"),
            (vec![at("6.6.6.6"), Node::Hidden, at("10.0.0.2")], "10.0.0.2"),
        ];
        for (nodes, expected) in cases {
            assert_eq!(client(nodes, peer, trusted).to_string(), *expected, "{nodes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_panic_and_within_bounds(field in "[ -~\\t]{0,200}") {
            for (found, _) in [
                (forwarded(&headers(&FORWARDED, &[&field])), 0),
                (x_forwarded_for(&headers(&X_FORWARDED_FOR, &[&field])), 1),
            ] {
                if let Ok(Some(nodes)) = found {
                    prop_assert!(nodes.len() <= MAX_HOPS);
                }
            }
        }

        #[test]
        fn what_is_written_by_the_grammar_is_read(addresses in proptest::collection::vec(any::<[u8; 16]>(), 1..20)) {
            let addresses: Vec<IpAddr> =
                addresses.into_iter().map(|octets| IpAddr::V6(octets.into()).to_canonical()).collect();
            let text: Vec<String> = addresses.iter().map(|address| match address {
                IpAddr::V4(v4) => format!("for={v4}"),
                IpAddr::V6(v6) => format!("for=\"[{v6}]\";proto=https"),
            }).collect();
            let read = forwarded(&headers(&FORWARDED, &[&text.join(", ")])).unwrap().unwrap();
            let expected: Vec<Node> = addresses.into_iter().map(Node::Address).collect();
            prop_assert_eq!(read.to_vec(), expected);
        }
    }
}
