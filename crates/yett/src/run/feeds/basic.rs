//! Who calls: a client by name and secret (RFC 6749 section 2.3.1, RFC 7617), a transmitter by a token.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::form::decode;

/// The one `Authorization` field, when it is of a scheme.
fn credential<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (all.next()?, all.next());
    let (found, rest) = first.to_str().ok()?.split_once(' ')?;
    (second.is_none() && found.eq_ignore_ascii_case(scheme)).then(|| rest.trim_start_matches(' '))
}

/// Name and secret of a client, as they were before they were encoded.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let decoded = Zeroizing::new(STANDARD.decode(credential(headers, "Basic")?).ok()?);
    let at = decoded.iter().position(|byte| *byte == b':')?;
    let (name, secret) = decoded.split_at_checked(at)?;
    Some((decode(name)?, Zeroizing::new(decode(secret.strip_prefix(b":")?)?)))
}

/// The token of a transmitter.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    credential(headers, "Bearer")
}

/// Whether two secrets are the same; how long it takes says nothing of what they are, nor of how long they are.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(digest(&SHA256, one).as_ref(), digest(&SHA256, other).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_is_read_in_one_way_only() {
        let field = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (fields, expected) in [
            (vec![field("shop:secret")], Some(("shop", "secret"))),
            (vec![field("shop:a:b")], Some(("shop", "a:b"))),
            (vec![field("sh%6Fp:s%2Bt+u")], Some(("shop", "s+t u"))),
            (vec![field("shop:secret").replace("Basic", "bAsIc")], Some(("shop", "secret"))),
            (vec![field("shop")], None),
            (vec![field("shop:%")], None),
            (vec![field("shop:secret"), field("shop:secret")], None),
            (vec![field("shop:secret").replace("Basic", "Bearer")], None),
            (vec![String::from("Basic !!!")], None),
            (vec![], None),
        ] {
            let mut headers = HeaderMap::new();
            for text in &fields {
                headers.append(AUTHORIZATION, HeaderValue::from_str(text).unwrap());
            }
            let found = basic(&headers);
            let found = found.as_ref().map(|(name, secret)| (name.as_str(), secret.as_str()));
            assert_eq!(found, expected, "{fields:?}");
        }
        assert!(same(b"a", b"a") && !same(b"a", b"b") && !same(b"a", b"ab"));
    }
}
