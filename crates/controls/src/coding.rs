//! Content codings (RFC 9110 section 8.4), as all controls that read bodies take them.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// Whether a body is in a coding that has to be undone before it can be read.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|field| !field.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_alone_is_no_coding() {
        for (fields, encoded) in [
            (&[][..], false),
            (&["identity"], false),
            (&["Identity", "IDENTITY"], false),
            (&["gzip"], true),
            (&["identity", "br"], true),
            (&["identity, gzip"], true),
            (&[""], true),
        ] {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(CONTENT_ENCODING, field.parse().unwrap());
            }
            assert_eq!(is_encoded(&headers), encoded, "{fields:?}");
        }
    }
}
