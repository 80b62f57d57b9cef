//! Keys of our own that open messages: RFC 7517, RFC 7518 section 6.
//!
//! They are read when a configuration is, and what cannot be used is said, where a set of somebody else's would only be the smaller for it.

use std::fmt;

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    self, KeyPairComponents, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
    PublicKeyComponents,
};
use bytes::Bytes;
use tape::Node;
use zeroize::Zeroizing;

use super::agree::{Curve, agree};
use super::read::{self, Type, Unused, bytes, is_for, text};
use super::{ContentEncryption, Encrypted, KeyManagement, MessageKeyError, Recipient, algorithm};
use crate::{MAX_TRIED, jwk};

/// What is said of a key with an algorithm that it cannot serve.
const WRONG_ALG: Unused = Unused::Bad("its `alg` is none that a key of its type can have here");

/// Private and shared keys, of one recipient.
pub struct OpeningKeys {
    keys: Vec<OpeningKey>,
}

impl OpeningKeys {
    /// Reads a JWK set. Keys for signatures in it are left out.
    ///
    /// # Errors
    /// [`MessageKeyError`], also when no key of the set opens anything.
    pub fn parse(jwks_json: Bytes) -> Result<Self, MessageKeyError> {
        let keys = read::each(jwks_json, OpeningKey::read)?;
        if keys.is_empty() { Err(MessageKeyError::None) } else { Ok(Self { keys }) }
    }

    pub(crate) fn keys(&self) -> &[OpeningKey] {
        &self.keys
    }

    /// With how many keys a message by one of these algorithms is tried at most.
    #[must_use]
    pub fn tried(&self, management: &[KeyManagement], encryption: &[ContentEncryption]) -> usize {
        let pairs = management.iter().flat_map(|one| encryption.iter().map(move |other| (*one, *other)));
        let serving = |(one, other)| self.keys.iter().filter(|key| key.serves(one, other)).count();
        pairs.map(serving).max().unwrap_or_default().min(MAX_TRIED)
    }

    /// Whether the key of a recipient is one of these, by whatever identifier.
    #[must_use]
    pub fn includes(&self, recipient: &Recipient) -> bool {
        self.keys.iter().any(|key| key.thumbprint == recipient.thumbprint())
    }

    /// Whether a key of the set serves an algorithm, with some encryption.
    #[must_use]
    pub fn serve(&self, management: KeyManagement, encryption: ContentEncryption) -> bool {
        self.keys.iter().any(|key| key.serves(management, encryption))
    }
}

impl fmt::Debug for OpeningKeys {
    /// Their names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.iter().map(|key| key.kid.as_deref()).collect();
        f.debug_struct("OpeningKeys").field("kids", &kids).finish_non_exhaustive()
    }
}

/// One key.
pub(crate) struct OpeningKey {
    pub(crate) kid: Option<String>,
    /// The only algorithm that it serves, when it says.
    alg: Option<String>,
    thumbprint: [u8; 32],
    secret: Secret,
}

enum Secret {
    Rsa(OaepPrivateDecryptingKey),
    Curve(Curve, PrivateKey),
    Shared(Zeroizing<Vec<u8>>),
}

impl OpeningKey {
    fn read(jwk: Node<'_>) -> Result<Self, Unused> {
        let alg = text(jwk, "alg")?;
        if alg.as_deref().is_some_and(read::signs) {
            return Err(Unused::Other);
        }
        is_for(jwk, "enc", &["decrypt", "unwrapKey", "deriveKey", "deriveBits"])?;
        let known = alg.as_deref().map(KeyManagement::from_name);
        let secret = match (Type::of(jwk)?, known) {
            (Type::Other, _) => return Err(Unused::Other),
            (Type::Rsa, None | Some(Some(KeyManagement::RsaOaep256))) => Secret::Rsa(rsa(jwk)?),
            (Type::Curve(curve), None) => curve_key(jwk, curve)?,
            (Type::Curve(curve), Some(Some(management))) if management.agrees() => curve_key(jwk, curve)?,
            (Type::Symmetric, _) => Secret::Shared(shared(jwk, alg.as_deref())?),
            _ => return Err(WRONG_ALG),
        };
        Ok(Self { kid: text(jwk, "kid")?, alg, thumbprint: read::thumbprint(jwk)?, secret })
    }

    /// Whether it is for an algorithm with an encryption.
    pub(crate) fn serves(&self, management: KeyManagement, encryption: ContentEncryption) -> bool {
        let fits = match &self.secret {
            Secret::Rsa(_) => management == KeyManagement::RsaOaep256,
            Secret::Curve(..) => management.agrees(),
            Secret::Shared(key) => shared_serves(key.len(), management, encryption),
        };
        fits && is_named(self.alg.as_deref(), management, encryption)
    }

    /// The content key of a message; `None` for whatever reason.
    pub(crate) fn content_key(&self, message: &Encrypted<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let (header, encrypted) = (message.header(), message.key());
        match &self.secret {
            Secret::Rsa(key) => {
                let mut out = Zeroizing::new(vec![0; key.min_output_size()]);
                let length = key.decrypt(&OAEP_SHA256_MGF1SHA256, encrypted, &mut out, None).ok()?.len();
                out.truncate(length);
                Some(out)
            }
            Secret::Curve(curve, key) => {
                let (_, ephemeral) = header.ephemeral().filter(|(of, _)| of == curve)?;
                let agreed = agree(key, ephemeral.clone(), (header.alg, header.enc), header.parties())?;
                if header.alg.is_direct() { Some(agreed) } else { algorithm::unwrap(&agreed, encrypted) }
            }
            Secret::Shared(key) if header.alg == KeyManagement::Dir => Some(key.clone()),
            Secret::Shared(key) => algorithm::unwrap(key, encrypted),
        }
    }
}

/// Whether a key's own `alg` allows the algorithm. A content key names its encryption, or `dir`.
pub(crate) fn is_named(alg: Option<&str>, management: KeyManagement, encryption: ContentEncryption) -> bool {
    alg.is_none_or(|alg| {
        alg == management.name() || (management == KeyManagement::Dir && alg == encryption.name())
    })
}

/// Whether a shared key is as long as an algorithm wants it.
pub(crate) fn shared_serves(bytes: usize, management: KeyManagement, encryption: ContentEncryption) -> bool {
    match management {
        KeyManagement::A128Kw | KeyManagement::A256Kw => management.wrapping_bytes() == Some(bytes),
        KeyManagement::Dir => bytes == encryption.key_bytes(),
        _ => false,
    }
}

/// A shared key, which names what it is for: the same bytes could wrap keys and be one.
pub(crate) fn shared(jwk: Node<'_>, alg: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Unused> {
    let alg = alg.ok_or(Unused::Bad("a symmetric key has to name its `alg`"))?;
    let key = Zeroizing::new(bytes(jwk, "k")?);
    let serves = |management| {
        ContentEncryption::ALL.into_iter().any(|encryption| {
            is_named(Some(alg), management, encryption) && shared_serves(key.len(), management, encryption)
        })
    };
    match KeyManagement::ALL.into_iter().any(serves) {
        true => Ok(key),
        false => Err(Unused::Bad("a symmetric key does not have the length of its `alg`")),
    }
}

/// The private key of a curve; its public members have to fit.
fn curve_key(jwk: Node<'_>, curve: Curve) -> Result<Secret, Unused> {
    let secret = Zeroizing::new(private(jwk)?);
    let bad = Unused::Bad("it is no private key of its curve");
    let key = PrivateKey::from_private_key(curve.algorithm(), &secret).map_err(|_| bad)?;
    let said = Curve::point(jwk).map(|(_, point)| point);
    let same = key.compute_public_key().is_ok_and(|public| said.as_deref() == Some(public.as_ref()));
    if same { Ok(Secret::Curve(curve, key)) } else { Err(Unused::Bad("its public and private parts differ")) }
}

/// `d`, without which a key is a public one.
pub(crate) fn private(jwk: Node<'_>) -> Result<Vec<u8>, Unused> {
    match jwk.get("d") {
        None => Err(Unused::Bad("it has no private part")),
        Some(_) => bytes(jwk, "d"),
    }
}

fn rsa(jwk: Node<'_>) -> Result<OaepPrivateDecryptingKey, Unused> {
    let pair = rsa_pair(jwk)?;
    let bad = || Unused::Bad("it is no RSA key that can be used");
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| bad())?;
    let key = PrivateDecryptingKey::from_pkcs8(der.as_ref()).map_err(|_| bad())?;
    OaepPrivateDecryptingKey::new(key).map_err(|_| bad())
}

/// An RSA key with all of its private members (RFC 7518 section 6.3.2), which the library holds against each other.
pub(crate) fn rsa_pair(jwk: Node<'_>) -> Result<rsa::KeyPair, Unused> {
    let secret = |member| bytes(jwk, member).map(Zeroizing::new);
    let d = Zeroizing::new(private(jwk)?);
    let (n, e) = jwk::rsa(jwk).ok_or(Unused::Bad("an RSA key has from 2048 to 8192 bits"))?;
    let (n, e) = (Zeroizing::new(n), Zeroizing::new(e));
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d,
        p: secret("p")?,
        q: secret("q")?,
        dP: secret("dp")?,
        dQ: secret("dq")?,
        qInv: secret("qi")?,
    };
    rsa::KeyPair::from_components(&components)
        .map_err(|_| Unused::Bad("its members are not those of one key"))
}
