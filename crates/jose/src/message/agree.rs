//! Agreement on a key: ECDH on the curves of RFC 7518 section 6.2.1.1 and on X25519 (RFC 8037), and the derivation of a key out of
//! what was agreed on (RFC 7518 section 4.6.2, NIST SP 800-56A section 5.8.1).

use aws_lc_rs::agreement::{self, ParsedPublicKey, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest::{Context, SHA256};
use tape::Node;
use zeroize::Zeroizing;

use super::{ContentEncryption, KeyManagement};
use crate::{base64url, jwk};

/// A curve that keys are agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

/// Who agrees, as both have to say it: `apu` and `apv`, decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parties<'a> {
    pub(crate) sender: &'a [u8],
    pub(crate) recipient: &'a [u8],
}

impl Curve {
    /// By the names of a key's type and curve.
    pub(crate) fn of(kty: &str, crv: &str) -> Option<Curve> {
        match (kty, crv) {
            ("EC", "P-256") => Some(Curve::P256),
            ("EC", "P-384") => Some(Curve::P384),
            ("EC", "P-521") => Some(Curve::P521),
            ("OKP", "X25519") => Some(Curve::X25519),
            _ => None,
        }
    }

    fn name(self) -> (&'static str, &'static str) {
        match self {
            Curve::P256 => ("EC", "P-256"),
            Curve::P384 => ("EC", "P-384"),
            Curve::P521 => ("EC", "P-521"),
            Curve::X25519 => ("OKP", "X25519"),
        }
    }

    /// Bytes of a coordinate and of a private key.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Curve::P256 | Curve::X25519 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    pub(crate) fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Curve::P256 => &agreement::ECDH_P256,
            Curve::P384 => &agreement::ECDH_P384,
            Curve::P521 => &agreement::ECDH_P521,
            Curve::X25519 => &agreement::X25519,
        }
    }

    /// The public key of a JWK as the library takes it: an uncompressed point, or the bytes of X25519. Coordinates have the full length.
    pub(crate) fn point(jwk: Node<'_>) -> Option<(Curve, Vec<u8>)> {
        let curve = Curve::of(&jwk::text(jwk, "kty")??, &jwk::text(jwk, "crv")??)?;
        let x = jwk::bytes(jwk, "x").filter(|x| x.len() == curve.bytes())?;
        if curve == Curve::X25519 {
            return Some((curve, x));
        }
        let y = jwk::bytes(jwk, "y").filter(|y| y.len() == curve.bytes())?;
        Some((curve, [&[4], x.as_slice(), y.as_slice()].concat()))
    }

    /// A public key; `None` for a point that is not on the curve.
    pub(crate) fn public(self, point: &[u8]) -> Option<ParsedPublicKey> {
        ParsedPublicKey::try_from(UnparsedPublicKey::new(self.algorithm(), point)).ok()
    }

    /// Kind, curve and coordinates of a public key, as the members of its JWK.
    pub(crate) fn members(self, point: &[u8]) -> Option<Vec<(&'static str, String)>> {
        let (kty, crv) = self.name();
        let mut members = vec![("kty", kty.to_owned()), ("crv", crv.to_owned())];
        if self == Curve::X25519 {
            members.push(("x", base64url::encode(point)));
        } else {
            let (x, y) = point.strip_prefix(&[4])?.split_at_checked(self.bytes())?;
            members.extend([("x", base64url::encode(x)), ("y", base64url::encode(y))]);
        }
        Some(members)
    }
}

/// The key that two keys agree on for an algorithm: the content key of ECDH-ES, else the one that wraps it.
pub(crate) fn agree(
    ours: &PrivateKey,
    theirs: ParsedPublicKey,
    (management, encryption): (KeyManagement, ContentEncryption),
    parties: Parties<'_>,
) -> Option<Zeroizing<Vec<u8>>> {
    // Section 4.6.2: the algorithm is that of the key that comes of it.
    let (name, bytes) = match management.wrapping_bytes() {
        Some(bytes) => (management.name(), bytes),
        None => (encryption.name(), encryption.key_bytes()),
    };
    agreement::agree(ours, theirs, (), |shared| {
        // RFC 8037 section 6: a point of low order leads to nothing that is secret.
        if shared.iter().all(|byte| *byte == 0) {
            return Err(());
        }
        derive(shared, name, parties, bytes).ok_or(())
    })
    .ok()
}

/// The Concat KDF with SHA-256.
pub(crate) fn derive(
    shared: &[u8],
    algorithm: &str,
    parties: Parties<'_>,
    bytes: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut other = Vec::new();
    for part in [algorithm.as_bytes(), parties.sender, parties.recipient] {
        other.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
        other.extend_from_slice(part);
    }
    other.extend_from_slice(&u32::try_from(bytes).ok()?.checked_mul(8)?.to_be_bytes());
    let mut key = Zeroizing::new(Vec::with_capacity(bytes + 32));
    let mut round = 0_u32;
    while key.len() < bytes {
        round += 1;
        let mut context = Context::new(&SHA256);
        context.update(&round.to_be_bytes());
        context.update(shared);
        context.update(&other);
        key.extend_from_slice(context.finish().as_ref());
    }
    key.truncate(bytes);
    Some(key)
}
