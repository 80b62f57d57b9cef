//! A call as checked, as one number: SHA-256 over method, target, fields and body in one canonical form.
//!
//! Who keeps decisions, or compares what was checked with what an upstream got, asks for it by
//! [`CoreRecorder::wants_digest`](crate::record::CoreRecorder::wants_digest); otherwise nothing is computed. What the
//! gateway writes itself for each connection (host, framing, expectation, trace context) is left out; what controls added,
//! as forwarding does, is part of it.
//!
//! Form: `yett-call-1`, then method, path, query, each field in the order of names (those of one name in the order of their
//! coming), each part with a tag, a NUL and its length of 8 bytes before it, so that no two calls run together; then the
//! body's bytes to the end. The path is the one that was checked, with the API's base path and without the upstream's.

use aws_lc_rs::digest::{Context, SHA256};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::call::Request;

/// Fields that are written anew for each connection, in lower case; no digest has them.
pub const OWN_FIELDS: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "expect", "traceparent", "tracestate"];

/// A digest that waits for the body.
pub struct CallDigest(Context);

impl std::fmt::Debug for CallDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallDigest")
    }
}

impl CallDigest {
    /// Of a head, as the controls left it.
    #[must_use]
    pub fn of_head(request: &Request) -> Self {
        let target = (request.path(), request.query().unwrap_or_default());
        let mut fields = fields_of(&request.headers);
        // Stable: values of one name stay in their order.
        fields.sort_by_key(|(name, _)| name.as_str());
        let fields = fields.into_iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        Self::of_parts(request.method.as_str(), target, fields)
    }

    /// Of a head in its parts: path and query; names in lower case and in order.
    pub fn of_parts<'a>(
        method: &str,
        (path, query): (&str, &str),
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let mut digest = Self(Context::new(&SHA256));
        digest.part(b"yett-call-1", b"");
        digest.part(b"method", method.as_bytes());
        digest.part(b"path", path.as_bytes());
        digest.part(b"query", query.as_bytes());
        for (name, value) in fields {
            digest.part(b"name", name);
            digest.part(b"value", value);
        }
        digest.part(b"body", b"");
        digest
    }

    /// More of the body.
    pub fn body(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest, when all of the body was given.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (slot, byte) in out.iter_mut().zip(self.0.finish().as_ref()) {
            *slot = *byte;
        }
        out
    }

    fn part(&mut self, tag: &[u8], bytes: &[u8]) {
        self.0.update(tag);
        self.0.update(&[0]);
        self.0.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }
}

fn fields_of(headers: &HeaderMap) -> Vec<(&HeaderName, &HeaderValue)> {
    headers.iter().filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri, Version};

    use super::*;
    use crate::call::BodyLength;

    fn digest(
        method: Method,
        target: &'static str,
        fields: &[(&'static str, &'static str)],
        body: &str,
    ) -> [u8; 32] {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let host = (Box::from("a"), Box::from("a"));
        let uri = Uri::from_static(target);
        let request =
            Request::new(method, Version::HTTP_11, uri, host, headers, BodyLength::Unknown).unwrap();
        let mut digest = CallDigest::of_head(&request);
        for byte in body.as_bytes() {
            digest.body(&[*byte]);
        }
        digest.finish()
    }

    #[test]
    fn calls_that_mean_the_same_have_one_digest_and_others_another() {
        let fields = [("b", "1"), ("a", "2"), ("b", "3")];
        let call = digest(Method::POST, "/x?y=1", &fields, "body");
        let own = [
            ("a", "2"),
            ("host", "h"),
            ("b", "1"),
            ("content-length", "4"),
            ("b", "3"),
            ("traceparent", "x"),
        ];
        assert_eq!(call, digest(Method::POST, "/%78?y=1", &own, "body"));
        for other in [
            digest(Method::PUT, "/x?y=1", &fields, "body"),
            digest(Method::POST, "/x/y=1", &fields, "body"),
            digest(Method::POST, "/x?y=2", &fields, "body"),
            digest(Method::POST, "/x?y=1", &[("b", "3"), ("a", "2"), ("b", "1")], "body"),
            digest(Method::POST, "/x?y=1", &[("a", "2"), ("b", "13")], "body"),
            digest(Method::POST, "/x?y=1", &fields, "bodY"),
            digest(Method::POST, "/x?y=1", &fields, ""),
        ] {
            assert_ne!(call, other);
        }
    }
}
