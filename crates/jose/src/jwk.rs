//! One key of a set: RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2.
//!
//! Only public members are read: a private or symmetric one that an issuer published by mistake is never loaded.

use crate::{Algorithm, Fault, base64url};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::ParsedPublicKey;
use tape::{Kind, Node};

/// A public key, parsed once for each algorithm that it may serve.
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    pub(crate) thumbprint: [u8; 32],
    verifiers: Vec<(Algorithm, ParsedPublicKey)>,
}

impl Key {
    /// None when the key is not one for verifying signatures, or not one that we trust.
    pub(crate) fn read(jwk: Node<'_>) -> Option<Key> {
        if !for_verifying(jwk)? {
            return None;
        }
        let kid = text(jwk, "kid")?;
        // A key that names its algorithm serves no other (RFC 8725 section 3.1).
        let bound = match text(jwk, "alg")? {
            Some(name) => Some(Algorithm::from_name(&name)?),
            None => None,
        };
        let serves = |algorithm: &Algorithm| bound.is_none_or(|bound| bound == *algorithm);
        let verifiers: Vec<_> = match text(jwk, "kty")??.as_str() {
            "RSA" => {
                let (n, e) = rsa(jwk)?;
                let keys = Algorithm::RSA.into_iter().filter(serves);
                keys.map(|algorithm| Some((algorithm, algorithm.rsa_key(&n, &e)?))).collect::<Option<_>>()?
            }
            "EC" | "OKP" => {
                let (algorithm, public) = curve(jwk)?;
                let keys = Some(algorithm).filter(serves).into_iter();
                keys.map(|algorithm| Some((algorithm, algorithm.curve_key(&public)?)))
                    .collect::<Option<_>>()?
            }
            _ => return None,
        };
        let thumbprint = thumbprint(jwk)?;
        (!verifiers.is_empty()).then_some(Key { kid, thumbprint, verifiers })
    }

    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.verifiers.iter().find(|(serves, _)| *serves == algorithm).map(|(_, key)| key)
    }
}

/// Members of keys that are not public: RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The one public key that a proof carries in its header, for the algorithm that the header names, and its SHA-256
/// thumbprint.
pub(crate) fn carried(jwk: Node<'_>, algorithm: Algorithm) -> Result<(ParsedPublicKey, [u8; 32]), Fault> {
    if jwk.kind() != Kind::Object {
        return Err(Fault::KeyMalformed);
    }
    let secret = jwk.members().any(|(name, _)| PRIVATE.contains(&&*name));
    if secret || text(jwk, "kty").flatten().is_some_and(|kty| kty == "oct") {
        return Err(Fault::KeyPrivate);
    }
    if for_verifying(jwk) != Some(true) || text(jwk, "kid").is_none() {
        return Err(Fault::KeyMalformed);
    }
    let named = text(jwk, "alg").ok_or(Fault::KeyMalformed)?;
    if named.is_some_and(|name| Algorithm::from_name(&name) != Some(algorithm)) {
        return Err(Fault::KeyMismatch);
    }
    let (key, canonical) = public(jwk, algorithm)?;
    Ok((key, sha256(&canonical)))
}

fn sha256(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    let hashed = digest(&SHA256, text.as_bytes());
    out.iter_mut().zip(hashed.as_ref()).for_each(|(slot, byte)| *slot = *byte);
    out
}

/// The thumbprint of a key, private, public or shared (RFC 7638 section 3.2), by what its members encode, however they are spelled; `None`
/// for one of no known type. That of a shared key (section 7) is compared and told nobody.
pub(crate) fn thumbprint(jwk: Node<'_>) -> Option<[u8; 32]> {
    let member = |name| Some(base64url::encode(&bytes(jwk, name)?));
    let canonical = match (text(jwk, "kty")??.as_str(), text(jwk, "crv")?) {
        ("RSA", _) => {
            let (n, e) = rsa(jwk)?;
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, base64url::encode(&e), base64url::encode(&n))
        }
        ("EC", Some(crv)) => {
            format!(r#"{{"crv":"{crv}","kty":"EC","x":"{}","y":"{}"}}"#, member("x")?, member("y")?)
        }
        ("OKP", Some(crv)) => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{}"}}"#, member("x")?),
        ("oct", _) => format!(r#"{{"k":"{}","kty":"oct"}}"#, member("k")?),
        _ => return None,
    };
    Some(sha256(&canonical))
}

/// A public key and its canonical form of RFC 7638 section 3: the required members in the order of their names, as the key
/// spells them.
fn public(jwk: Node<'_>, algorithm: Algorithm) -> Result<(ParsedPublicKey, String), Fault> {
    let member = |name| text(jwk, name).flatten().ok_or(Fault::KeyMalformed);
    if Algorithm::RSA.contains(&algorithm) {
        if member("kty")? != "RSA" {
            return Err(Fault::KeyMismatch);
        }
        let (n, e) = rsa(jwk).ok_or(Fault::KeyMalformed)?;
        let key = algorithm.rsa_key(&n, &e).ok_or(Fault::KeyMalformed)?;
        return Ok((key, format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, member("e")?, member("n")?)));
    }
    let (fits, point) = curve(jwk).ok_or(Fault::KeyMalformed)?;
    if fits != algorithm {
        return Err(Fault::KeyMismatch);
    }
    let key = algorithm.curve_key(&point).ok_or(Fault::KeyMalformed)?;
    let (crv, x) = (member("crv")?, member("x")?);
    let canonical = match algorithm {
        Algorithm::EdDsa => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
        _ => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{}"}}"#, member("y")?),
    };
    Ok((key, canonical))
}

/// Whether `use` and `key_ops` allow verifying; none when they are malformed.
fn for_verifying(jwk: Node<'_>) -> Option<bool> {
    let usage = text(jwk, "use")?.is_none_or(|usage| usage == "sig");
    let operations = match jwk.get("key_ops") {
        None => true,
        Some(list) => list.items().any(|operation| operation.as_str().is_some_and(|name| name == "verify")),
    };
    Some(usage && operations)
}

/// Whether a key is one for verifying signatures by its type and by what it says of its use, good or not.
pub(crate) fn is_to_verify(jwk: Node<'_>) -> bool {
    let said = |member| text(jwk, member).flatten();
    let kind = match said("kty").as_deref() {
        Some("RSA" | "EC") => true,
        Some("OKP") => !said("crv").is_some_and(|curve| curve.starts_with('X')),
        _ => false,
    };
    let signs = said("alg").is_none_or(|alg| Algorithm::from_name(&alg).is_some());
    kind && signs && for_verifying(jwk) != Some(false)
}

/// An optional string member; none when it is there and not a string.
#[expect(clippy::option_option, reason = "absent is fine, malformed is not")]
pub(crate) fn text(jwk: Node<'_>, member: &str) -> Option<Option<String>> {
    match jwk.get(member) {
        None => Some(None),
        Some(node) => node.as_str().map(|text| Some(text.into_owned())),
    }
}

pub(crate) fn bytes(jwk: Node<'_>, member: &str) -> Option<Vec<u8>> {
    base64url::decode(&text(jwk, member)??)
}

/// Modulus and exponent without leading zeros: 2048 to 8192 bits; odd, from 3 to 33 bits.
pub(crate) fn rsa(jwk: Node<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (n, e) = (integer(bytes(jwk, "n")?), integer(bytes(jwk, "e")?));
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let exponent = e.iter().try_fold(0u64, |sum, byte| Some(sum.checked_mul(256)? + u64::from(*byte)))?;
    let sound = (2048..=8192).contains(&bits)
        && n.last().is_some_and(|byte| byte % 2 == 1)
        && (3..1 << 33).contains(&exponent)
        && exponent % 2 == 1;
    sound.then_some((n, e))
}

/// Some issuers write a leading zero against RFC 7518 section 2; it changes nothing.
fn integer(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

/// Algorithm and public key of an elliptic curve; coordinates have the full length (RFC 7518 section 6.2.1.2).
pub(crate) fn curve(jwk: Node<'_>) -> Option<(Algorithm, Vec<u8>)> {
    let (kty, crv) = (text(jwk, "kty")??, text(jwk, "crv")??);
    let (algorithm, size) = match (kty.as_str(), crv.as_str()) {
        ("EC", "P-256") => (Algorithm::Es256, 32),
        ("EC", "P-384") => (Algorithm::Es384, 48),
        ("EC", "P-521") => (Algorithm::Es512, 66),
        ("OKP", "Ed25519") => (Algorithm::EdDsa, 32),
        _ => return None,
    };
    let x = bytes(jwk, "x").filter(|x| x.len() == size)?;
    if algorithm == Algorithm::EdDsa {
        return Some((algorithm, x));
    }
    let y = bytes(jwk, "y").filter(|y| y.len() == size)?;
    Some((algorithm, [&[4], x.as_slice(), y.as_slice()].concat()))
}
