//! Writing an encrypted message: RFC 7516 section 5.1.

use std::fmt;

use aws_lc_rs::agreement::{ParsedPublicKey, PrivateKey};
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use bytes::Bytes;
use tape::{Builder, Node};
use zeroize::Zeroizing;

use super::agree::{Curve, Parties, agree};
use super::encrypted::random;
use super::keys::{is_named, shared, shared_serves};
use super::read::{self, Type, Unused, is_for, text, thumbprint};
use super::{ContentEncryption, KeyManagement, MessageKeyError, algorithm};
use crate::{KeyError, base64url, jwk};

/// Somebody who reads messages: a key, and how it is written to.
pub struct Recipient {
    management: KeyManagement,
    encryption: ContentEncryption,
    kid: Option<String>,
    thumbprint: [u8; 32],
    key: Key,
}

enum Key {
    Rsa(OaepPublicEncryptingKey),
    Curve(Curve, ParsedPublicKey),
    Shared(Zeroizing<Vec<u8>>),
}

/// A content key, and what makes it known.
struct Agreed {
    content: Zeroizing<Vec<u8>>,
    encrypted: Vec<u8>,
    /// The members of `epk`.
    ephemeral: Vec<(&'static str, String)>,
}

impl Recipient {
    /// The one key of a JWK set that fits, of those with this `kid` when one is named.
    ///
    /// # Errors
    /// [`MessageKeyError`], also when none fits or more than one does.
    pub fn new(
        jwks_json: Bytes,
        kid: Option<&str>,
        management: KeyManagement,
        encryption: ContentEncryption,
    ) -> Result<Self, MessageKeyError> {
        let fitting = read::each(jwks_json, |jwk| {
            let own = text(jwk, "kid")?;
            if kid.is_some() && own.as_deref() != kid {
                return Err(Unused::Other);
            }
            let key = Key::read(jwk, management, encryption)?;
            Ok(Self { management, encryption, kid: own, thumbprint: thumbprint(jwk)?, key })
        })?;
        read::only(fitting)
    }

    /// A message with this content. `typ` and `cty` are media types, without `application/` before them.
    ///
    /// # Errors
    /// [`KeyError`] when the cryptographic library fails.
    pub fn encrypt(&self, content: &[u8], typ: Option<&str>, cty: Option<&str>) -> Result<String, KeyError> {
        self.message(content, typ, cty).ok_or(KeyError)
    }

    /// What tells its key from every other.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    fn message(&self, content: &[u8], typ: Option<&str>, cty: Option<&str>) -> Option<String> {
        let agreed = self.content_key()?;
        let protected = base64url::encode(self.header(&agreed.ephemeral, typ, cty)?.as_bytes());
        let iv = random(self.encryption.iv_bytes())?;
        let (ciphertext, tag) =
            self.encryption.encrypt(&agreed.content, &iv, protected.as_bytes(), content)?;
        let parts = [&agreed.encrypted[..], &iv[..], &ciphertext[..], &tag[..]].map(base64url::encode);
        let mut message = protected;
        for part in parts {
            message.push('.');
            message.push_str(&part);
        }
        Some(message)
    }

    fn header(&self, ephemeral: &[(&str, String)], typ: Option<&str>, cty: Option<&str>) -> Option<String> {
        let mut header = Builder::new();
        header.begin_object().key("alg").string(self.management.name());
        header.key("enc").string(self.encryption.name());
        for (name, value) in [("kid", self.kid.as_deref()), ("typ", typ), ("cty", cty)] {
            if let Some(value) = value {
                header.key(name).string(value);
            }
        }
        if !ephemeral.is_empty() {
            header.key("epk").begin_object();
            for (name, value) in ephemeral {
                header.key(name).string(value);
            }
            header.end_object();
        }
        header.end_object();
        let header = header.try_finish().ok()?;
        Some(std::str::from_utf8(header.source()).ok()?.to_owned())
    }

    fn content_key(&self) -> Option<Agreed> {
        let bytes = self.encryption.key_bytes();
        match &self.key {
            Key::Rsa(key) => {
                let content = random(bytes)?;
                let mut out = vec![0; key.ciphertext_size()];
                let length = key.encrypt(&OAEP_SHA256_MGF1SHA256, &content, &mut out, None).ok()?.len();
                out.truncate(length);
                Some(Agreed { content, encrypted: out, ephemeral: Vec::new() })
            }
            Key::Curve(curve, key) => {
                // RFC 7518 section 4.6: a new key for each message.
                let ours = PrivateKey::generate(curve.algorithm()).ok()?;
                let ephemeral = curve.members(ours.compute_public_key().ok()?.as_ref())?;
                let how = (self.management, self.encryption);
                let agreed = agree(&ours, key.clone(), how, Parties::default())?;
                if self.management.is_direct() {
                    return Some(Agreed { content: agreed, encrypted: Vec::new(), ephemeral });
                }
                let content = random(bytes)?;
                let encrypted = algorithm::wrap(&agreed, &content)?;
                Some(Agreed { content, encrypted, ephemeral })
            }
            Key::Shared(key) if self.management == KeyManagement::Dir => {
                Some(Agreed { content: key.clone(), encrypted: Vec::new(), ephemeral: Vec::new() })
            }
            Key::Shared(key) => {
                let content = random(bytes)?;
                let encrypted = algorithm::wrap(key, &content)?;
                Some(Agreed { content, encrypted, ephemeral: Vec::new() })
            }
        }
    }
}

impl Key {
    /// A key that is for these algorithms, out of a set in which others may be for others.
    fn read(jwk: Node<'_>, management: KeyManagement, encryption: ContentEncryption) -> Result<Self, Unused> {
        let alg = text(jwk, "alg")?;
        if !is_named(alg.as_deref(), management, encryption) {
            return Err(Unused::Other);
        }
        is_for(jwk, "enc", &["encrypt", "wrapKey", "deriveKey", "deriveBits"])?;
        let key = match Type::of(jwk)? {
            Type::Rsa if management == KeyManagement::RsaOaep256 => Key::Rsa(rsa(jwk)?),
            Type::Curve(curve) if management.agrees() => {
                let bad = || Unused::Bad("its public key is no point of its curve");
                let (_, point) = Curve::point(jwk).ok_or_else(bad)?;
                let public = curve.public(&point).ok_or_else(bad)?;
                if !agrees(curve, &public) {
                    return Err(Unused::Bad("its public key agrees on nothing"));
                }
                Key::Curve(curve, public)
            }
            Type::Symmetric if !management.agrees() && management != KeyManagement::RsaOaep256 => {
                let key = shared(jwk, alg.as_deref())?;
                if !shared_serves(key.len(), management, encryption) {
                    return Err(Unused::Other);
                }
                Key::Shared(key)
            }
            _ => return Err(Unused::Other),
        };
        Ok(key)
    }
}

/// Whether something can be agreed on with a key: not with one of low order (RFC 8037 section 6), by which every answer would be withheld.
fn agrees(curve: Curve, public: &ParsedPublicKey) -> bool {
    let how = (KeyManagement::EcdhEs, ContentEncryption::A128Gcm);
    let ours = PrivateKey::generate(curve.algorithm()).ok();
    ours.and_then(|ours| agree(&ours, public.clone(), how, Parties::default())).is_some()
}

fn rsa(jwk: Node<'_>) -> Result<OaepPublicEncryptingKey, Unused> {
    let bad = || Unused::Bad("it is no RSA key of 2048 to 8192 bits");
    let (n, e) = jwk::rsa(jwk).ok_or_else(bad)?;
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into().map_err(|_| bad())?;
    OaepPublicEncryptingKey::new(key).map_err(|_| bad())
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("alg", &self.management)
            .field("enc", &self.encryption)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
