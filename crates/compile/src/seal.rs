//! How calls to an upstream are signed, so that the service knows that they came through the gateway.

use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics};
use engine::upstream::Sign;
use http::HeaderName;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, FORWARDED};
use signatures::{Algorithm, CONTENT_DIGEST, Seal, SigningKey};

use crate::assets::secret_key;

/// Fields that are signed where they are sent: what is in the body and how it is read, who calls, and from where.
static FIELDS: [HeaderName; 6] =
    [CONTENT_DIGEST, CONTENT_TYPE, CONTENT_ENCODING, AUTHORIZATION, COOKIE, FORWARDED];
/// Shortest secret that calls are signed with, in bytes: as long as what the hash gives (RFC 2104 section 3).
const SECRET_BYTES: usize = 32;

/// What signs the calls to an upstream. Where its key cannot be used there is none, and an error, so that nothing is served.
pub(crate) fn build(
    name: &str,
    upstream: &spec::Upstream,
    files: &Assets,
    out: &mut Diagnostics,
) -> Option<Arc<dyn Sign>> {
    let signing = upstream.sign.as_ref()?;
    let key = key(name, signing, files, out)?;
    let mut fields = FIELDS.to_vec();
    // What is no field was reported when the document was read.
    let own = signing.components.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    for field in own {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    Some(Arc::new(Seal {
        key,
        keyid: signing.keyid.as_str().into(),
        label: signing.label.as_str().into(),
        tag: signing.tag.as_ref().map(|tag| tag.as_str().into()),
        lasts: signing.expires.get().as_secs(),
        fields: fields.into(),
    }))
}

fn key(name: &str, signing: &spec::Signing, files: &Assets, out: &mut Diagnostics) -> Option<SigningKey> {
    // What is not there was reported by `assets::check`.
    let kept = files.get(&secret_key(&signing.key))?;
    let algorithm = signing.algorithm.as_ref().and_then(|name| Algorithm::from_name(name));
    if algorithm == Some(Algorithm::HmacSha256) {
        if kept.len() >= SECRET_BYTES {
            return Some(SigningKey::secret(kept));
        }
        let message = format!("the secret that signs calls to `{name}` has less than {SECRET_BYTES} bytes");
        let help = "make one with `openssl rand -hex 32`";
        out.push(Diagnostic::error("weak-secret", message).at(signing.key.span).help(help));
        return None;
    }
    let made = std::str::from_utf8(kept)
        .map_err(|_| signatures::KeyFault::NotPrivatePem)
        .and_then(|text| SigningKey::pem(text, algorithm));
    made.map_err(|why| {
        let message = format!("the key that signs calls to `{name}` cannot be used: {why}");
        let help = "make one with `openssl genpkey -algorithm ed25519`; of an RSA key also `algorithm: rsa-pss-sha512` or \
                    `rsa-v1_5-sha256`, of a secret `algorithm: hmac-sha256`";
        out.push(Diagnostic::error("invalid-keys", message).at(signing.key.span).help(help));
    })
    .ok()
}
