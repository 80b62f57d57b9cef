//! `Content-Digest` (RFC 9530): the digest of a body as it came, before any content coding is undone.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::bounds;
use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, ListEntry};

use crate::{Fault, fields};

/// The field.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Algorithms that are no broken ones (section 5): those of a registry's `Active`.
static KNOWN: [(&str, &Algorithm); 2] = [("sha-256", &SHA256), ("sha-512", &SHA512)];

/// Digests of one body.
#[derive(Debug, Clone)]
pub struct ContentDigest(Vec<(&'static Algorithm, Vec<u8>)>);

impl ContentDigest {
    /// Reads the digests of a head; `None` when there are none. Those of other algorithms are left out, as section 2 wants it, and
    /// count for nothing.
    ///
    /// # Errors
    /// [`Fault::DigestMalformed`], [`Fault::DigestUnknown`].
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let text = fields::joined(headers, &CONTENT_DIGEST).map_err(|_| Fault::DigestMalformed)?;
        let Some(text) = text else { return Ok(None) };
        if text.len() > bounds::SIGNATURE_FIELD_BYTES {
            return Err(Fault::DigestMalformed);
        }
        let members = fields::dictionary(&text).map_err(|_| Fault::DigestMalformed)?;
        let mut digests = Vec::new();
        for (name, entry) in members {
            let known = KNOWN.iter().find(|(known, _)| *known == name.as_str());
            let Some((_, algorithm)) = known else { continue };
            match entry {
                ListEntry::Item(item) => match item.bare_item {
                    BareItem::ByteSequence(bytes) if bytes.len() == algorithm.output_len() => {
                        digests.push((*algorithm, bytes));
                    }
                    _ => return Err(Fault::DigestMalformed),
                },
                ListEntry::InnerList(_) => return Err(Fault::DigestMalformed),
            }
        }
        if digests.is_empty() { Err(Fault::DigestUnknown) } else { Ok(Some(Self(digests))) }
    }

    /// The field with the digest of a body that is sent.
    #[must_use]
    pub fn field(body: &[u8]) -> Option<HeaderValue> {
        let text = format!("sha-256=:{}:", STANDARD.encode(digest(&SHA256, body)));
        HeaderValue::from_str(&text).ok()
    }

    /// Whether all of them are those of a body.
    #[must_use]
    pub fn is_of(&self, body: &[u8]) -> bool {
        self.0.iter().all(|(algorithm, wanted)| digest(algorithm, body).as_ref() == wanted.as_slice())
    }
}
