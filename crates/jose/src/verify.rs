//! Checking a signature: RFC 7515 section 5.2 with sections 3.1 to 3.3 of RFC 8725.

use crate::jwk::Key;
use crate::{Algorithm, Fault, Header, KeySet, Unverified};
use aws_lc_rs::signature::ParsedPublicKey;
use tape::Node;

/// Most keys tried for one token.
pub const MAX_TRIED: usize = 8;

/// A token whose signature verified under a key of one issuer. Its claims have still to be validated.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'t> {
    token: &'t Unverified<'t>,
}

impl<'t> Verified<'t> {
    /// The header, now proven.
    #[must_use]
    pub fn header(&self) -> &'t Header {
        self.token.header()
    }

    /// The payload, now proven to be the signer's.
    #[must_use]
    pub fn payload(&self) -> Node<'t> {
        self.token.payload()
    }
}

/// Checks the signature of a token.
///
/// With a `kid`, only the keys that have exactly this one are tried; without, all that fit the algorithm. At most
/// [`MAX_TRIED`].
///
/// An ECDSA signature (r, s) has a twin (r, n − s) which anybody can compute and which verifies too, so a replay check
/// must be keyed by `jti` or by [`Unverified::signing_input`], never by the whole token.
///
/// # Errors
/// [`Fault::AlgNotAllowed`]; [`Fault::UnknownKey`] when no key has the `kid` (or, without a `kid`, when none fits):
/// fetching the set anew may help; [`Fault::KeyMismatch`]; [`Fault::BadSignature`].
pub fn verify<'t>(
    token: &'t Unverified<'t>,
    keys: &KeySet,
    allowed: &[Algorithm],
) -> Result<Verified<'t>, Fault> {
    signature(token.header(), (token.signing_input(), token.signature()), keys, allowed)?;
    Ok(Verified { token })
}

/// The keys with which something is tried that has this header.
pub(crate) fn fitting<'k>(header: &'k Header, keys: &'k KeySet) -> impl Iterator<Item = &'k ParsedPublicKey> {
    let named = |key: &&Key| header.kid.is_none() || key.kid == header.kid;
    keys.keys().iter().filter(named).filter_map(|key| key.verifier(header.alg)).take(MAX_TRIED)
}

/// Checks what was signed and its signature, of whatever is signed by this header.
pub(crate) fn signature(
    header: &Header,
    (input, signature): (&str, &[u8]),
    keys: &KeySet,
    allowed: &[Algorithm],
) -> Result<(), Fault> {
    let Header { alg, kid, .. } = header;
    if !allowed.contains(alg) {
        return Err(Fault::AlgNotAllowed);
    }
    let mut fitting = fitting(header, keys).peekable();
    if fitting.peek().is_none() {
        let known = kid.is_some() && keys.keys().iter().any(|key| key.kid == *kid);
        return Err(if known { Fault::KeyMismatch } else { Fault::UnknownKey });
    }
    if alg.signature_bytes().is_some_and(|bytes| bytes != signature.len()) {
        return Err(Fault::BadSignature);
    }
    if fitting.any(|key| key.verify_sig(input.as_bytes(), signature).is_ok()) {
        Ok(())
    } else {
        Err(Fault::BadSignature)
    }
}
