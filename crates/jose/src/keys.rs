//! The public keys of one issuer: RFC 7517 section 5.
//!
//! Keys are parsed here, once; verifying never parses one. A key we cannot use is skipped and counted, as section 5
//! asks, so that one odd key does not take an issuer down. Keys are never shared between issuers: one set each.

use crate::issued_for;
use crate::jwk::{self, Key};
use crate::{Algorithm, MAX_TRIED, Signer};
use bytes::Bytes;
use std::fmt;
use tape::{Bounds, Kind, Node, Tape};

/// Largest document read, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

/// Most keys in a set, those we skip included.
pub const MAX_KEYS: usize = 64;

/// The public keys of one issuer.
pub struct KeySet {
    keys: Vec<Key>,
    skipped: usize,
    spoiled: usize,
}

impl KeySet {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// When the document as a whole is no JWK set or past a bound; unusable keys are skipped instead.
    pub fn parse(jwks_json: Bytes) -> Result<KeySet, JwksError> {
        Self::read_each(jwks_json, Key::read)
    }

    /// Reads a JWK set for one issuer: keys that say that they are for others are skipped.
    ///
    /// # Errors
    /// Those of [`KeySet::parse`].
    pub fn parse_for(jwks_json: Bytes, issuer: &str) -> Result<KeySet, JwksError> {
        Self::read_each(jwks_json, |jwk| {
            let named = jwk.get("issuer").and_then(Node::as_str);
            let ours = named.is_none_or(|named| issued_for::fits(&named, issuer));
            ours.then(|| Key::read(jwk)).flatten()
        })
    }

    fn read_each(jwks_json: Bytes, key: impl Fn(Node<'_>) -> Option<Key>) -> Result<KeySet, JwksError> {
        let tape = read(jwks_json)?;
        let list = list(&tape)?;
        let mut set = KeySet { keys: Vec::new(), skipped: 0, spoiled: 0 };
        for jwk in list.items() {
            if let Some(key) = key(jwk) {
                set.keys.push(key);
            } else {
                set.skipped += 1;
                set.spoiled += usize::from(jwk::is_to_verify(jwk));
            }
        }
        Ok(set)
    }

    /// How many usable keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable: every token is refused then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys were skipped: of unknown type, symmetric, for encryption, too weak, malformed, for another issuer.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// How many of those say, by all that they say of their use, that they verify signatures: too weak, or a slip of whoever wrote them.
    #[must_use]
    pub fn spoiled(&self) -> usize {
        self.spoiled
    }

    /// The identifiers of the usable keys that have one.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// With how many keys a signature by one of these algorithms is tried at most.
    #[must_use]
    pub fn tried(&self, algorithms: &[Algorithm]) -> usize {
        let serving = |one: &Algorithm| self.keys.iter().filter(|key| key.verifier(*one).is_some()).count();
        algorithms.iter().map(serving).max().unwrap_or_default().min(MAX_TRIED)
    }

    /// Whether the key of this identifier may serve an algorithm: for signatures over other things than tokens.
    #[must_use]
    pub fn serves(&self, kid: &str, algorithm: Algorithm) -> bool {
        self.named(kid).any(|key| key.verifier(algorithm).is_some())
    }

    /// Whether a signature over something else than a token is good, under the key of this identifier.
    #[must_use]
    pub fn verifies(&self, kid: &str, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        let fits = algorithm.signature_bytes().is_none_or(|bytes| bytes == signature.len());
        let key = self.named(kid).find_map(|key| key.verifier(algorithm));
        fits && key.is_some_and(|key| key.verify_sig(input, signature).is_ok())
    }

    /// Whether the key of a signer is one of these, by whatever identifier.
    #[must_use]
    pub fn includes(&self, signer: &Signer) -> bool {
        self.keys.iter().any(|key| key.thumbprint == signer.thumbprint())
    }

    fn named<'k>(&'k self, kid: &'k str) -> impl Iterator<Item = &'k Key> {
        self.keys.iter().filter(move |key| key.kid.as_deref() == Some(kid))
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }
}

/// Reads the document that a set is.
pub(crate) fn read(jwks_json: Bytes) -> Result<Tape, JwksError> {
    if jwks_json.len() > MAX_JWKS_BYTES {
        return Err(JwksError::TooLarge);
    }
    let bounds = Bounds { depth: 8, values: 8_192, string_bytes: 64 * 1024, ..Bounds::default() };
    Tape::parse(jwks_json, &bounds).map_err(JwksError::Json)
}

/// The array of its keys.
pub(crate) fn list(tape: &Tape) -> Result<Node<'_>, JwksError> {
    let list = tape.root().get("keys").filter(|list| list.kind() == Kind::Array);
    let list = list.ok_or(JwksError::NoKeys)?;
    if list.len() > MAX_KEYS { Err(JwksError::TooManyKeys) } else { Ok(list) }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("kids", &self.kids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// Why a document is no JWK set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwksError {
    /// Past [`MAX_JWKS_BYTES`].
    TooLarge,
    /// Not strict JSON, or past a bound.
    Json(tape::Error),
    /// Not an object with an array `keys`.
    NoKeys,
    /// More than [`MAX_KEYS`].
    TooManyKeys,
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JwksError::TooLarge => write!(f, "the key set is larger than {MAX_JWKS_BYTES} bytes"),
            JwksError::Json(error) => write!(f, "the key set is not usable json: {error}"),
            JwksError::NoKeys => f.write_str("the key set has no array `keys`"),
            JwksError::TooManyKeys => write!(f, "the key set has more than {MAX_KEYS} keys"),
        }
    }
}

impl std::error::Error for JwksError {}
