//! What the keys of a set are for: RFC 7517 section 4.

use tape::Node;

use super::MessageKeyError;
use super::agree::Curve;
use crate::{Algorithm, jwk, keys};

/// Why a key is not used: it is for something else, or it is not good.
pub(crate) enum Unused {
    /// For something else, as its `use`, `alg`, `key_ops` or type says.
    Other,
    /// Not good: nobody should go on without a word.
    Bad(&'static str),
}

/// A member that is not a string.
const MALFORMED: Unused = Unused::Bad("a member is not of its type");

/// An optional member that is a string.
pub(crate) fn text(jwk: Node<'_>, member: &str) -> Result<Option<String>, Unused> {
    jwk::text(jwk, member).ok_or(MALFORMED)
}

/// A member that is base64url and has to be there.
pub(crate) fn bytes(jwk: Node<'_>, member: &str) -> Result<Vec<u8>, Unused> {
    jwk::bytes(jwk, member).ok_or(Unused::Bad("a member that it needs is missing or malformed"))
}

/// What tells a key from every other.
pub(crate) fn thumbprint(jwk: Node<'_>) -> Result<[u8; 32], Unused> {
    jwk::thumbprint(jwk).ok_or(MALFORMED)
}

/// Refuses a key that is said to be for something else.
pub(crate) fn is_for(jwk: Node<'_>, usage: &str, operations: &[&str]) -> Result<(), Unused> {
    if text(jwk, "use")?.is_some_and(|said| said != usage) {
        return Err(Unused::Other);
    }
    let Some(list) = jwk.get("key_ops") else { return Ok(()) };
    let said = list.items().any(|one| one.as_str().is_some_and(|name| operations.contains(&&*name)));
    if said { Ok(()) } else { Err(Unused::Other) }
}

/// What kind of key it is, by type and curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Rsa,
    /// Of a curve that keys are agreed on, the curves of ECDSA among them.
    Curve(Curve),
    Symmetric,
    /// Of a curve for signatures alone, or not known.
    Other,
}

impl Type {
    pub(crate) fn of(jwk: Node<'_>) -> Result<Type, Unused> {
        let kty = text(jwk, "kty")?.ok_or(MALFORMED)?;
        Ok(match kty.as_str() {
            "RSA" => Type::Rsa,
            "oct" => Type::Symmetric,
            "EC" | "OKP" => {
                let crv = text(jwk, "crv")?.ok_or(MALFORMED)?;
                Curve::of(&kty, &crv).map_or(Type::Other, Type::Curve)
            }
            _ => Type::Other,
        })
    }
}

/// Whether an `alg` is one of signatures.
pub(crate) fn signs(alg: &str) -> bool {
    alg.starts_with("HS") || Algorithm::from_name(alg).is_some()
}

/// Reads those keys of a set that are for what `read` is for.
pub(crate) fn each<T>(
    jwks_json: bytes::Bytes,
    mut read: impl FnMut(Node<'_>) -> Result<T, Unused>,
) -> Result<Vec<T>, MessageKeyError> {
    let tape = keys::read(jwks_json)?;
    let mut all = Vec::new();
    for (index, jwk) in keys::list(&tape)?.items().enumerate() {
        match read(jwk) {
            Ok(key) => all.push(key),
            Err(Unused::Other) => {}
            Err(Unused::Bad(why)) => return Err(MessageKeyError::Key(index + 1, why)),
        }
    }
    Ok(all)
}

/// The one of them that is for it.
pub(crate) fn only<T>(mut all: Vec<T>) -> Result<T, MessageKeyError> {
    match (all.pop(), all.is_empty()) {
        (None, _) => Err(MessageKeyError::None),
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(MessageKeyError::Several),
    }
}
