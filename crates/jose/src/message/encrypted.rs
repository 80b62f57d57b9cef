//! Reading an encrypted message: RFC 7516 sections 4, 5.2 and 7.1.

use std::fmt;

use aws_lc_rs::agreement::ParsedPublicKey;
use aws_lc_rs::rand;
use tape::Node;
use zeroize::Zeroizing;

use super::agree::{Curve, Parties};
use super::keys::OpeningKey;
use super::{ContentEncryption, KeyManagement, MAX_HEADER_BYTES, MessageFault, OpeningKeys};
use crate::{MAX_TRIED, base64url, header};

/// Longest encrypted key as it is written: one under an RSA key of 8192 bits.
const MAX_KEY_BYTES: usize = 1400;
/// Longest `apu` and `apv`, in bytes as they are written.
const MAX_PARTY_BYTES: usize = 512;
/// Members that change how a message must be read, none of which is supported: RFC 7516 sections 4.1.3 and 4.1.13, RFC 7797, RFC 7518
/// section 4.8.1.
const EXTENSIONS: [&str; 5] = ["crit", "zip", "b64", "p2c", "p2s"];

/// What the header of an encrypted message says. Members that point to keys or carry them (`jku`, `jwk`, `x5u`, `x5c`) are not even kept,
/// but for the sender's key of the one message.
#[derive(Clone, Debug)]
pub struct EncryptedHeader {
    /// How the content key was made known.
    pub alg: KeyManagement,
    /// How the content is encrypted.
    pub enc: ContentEncryption,
    /// Which key of the recipient's it is for, when said.
    pub kid: Option<String>,
    /// The media type of the message, as written.
    pub typ: Option<String>,
    /// The media type of what is in it, as written.
    pub cty: Option<String>,
    ephemeral: Option<(Curve, ParsedPublicKey)>,
    sender: Vec<u8>,
    recipient: Vec<u8>,
}

impl EncryptedHeader {
    fn decode(part: &str) -> Result<Self, MessageFault> {
        if part.len() > MAX_HEADER_BYTES {
            return Err(MessageFault::TooLarge);
        }
        let tape = header::tape(part)?;
        let root = tape.root();
        if EXTENSIONS.iter().any(|name| root.get(name).is_some()) {
            return Err(MessageFault::ExtensionRefused);
        }
        let text = |name: &str| root.get(name).and_then(Node::as_str).ok_or(MessageFault::Malformed);
        let alg = KeyManagement::from_name(&text("alg")?).ok_or(MessageFault::AlgNotAllowed)?;
        let enc = ContentEncryption::from_name(&text("enc")?).ok_or(MessageFault::EncNotAllowed)?;
        Ok(Self {
            alg,
            enc,
            kid: header::name(root, "kid")?,
            typ: header::name(root, "typ")?,
            cty: header::name(root, "cty")?,
            ephemeral: if alg.agrees() { Some(ephemeral(root)?) } else { None },
            sender: party(root, "apu")?,
            recipient: party(root, "apv")?,
        })
    }

    /// The sender's key of this message.
    pub(crate) fn ephemeral(&self) -> Option<&(Curve, ParsedPublicKey)> {
        self.ephemeral.as_ref()
    }

    /// What both say of who they are.
    pub(crate) fn parties(&self) -> Parties<'_> {
        Parties { sender: &self.sender, recipient: &self.recipient }
    }
}

/// `epk` (RFC 7518 section 4.6.1.1): a public key alone, on its curve.
fn ephemeral(root: Node<'_>) -> Result<(Curve, ParsedPublicKey), MessageFault> {
    let jwk = root.get("epk").filter(|jwk| jwk.get("d").is_none()).ok_or(MessageFault::Malformed)?;
    let (curve, point) = Curve::point(jwk).ok_or(MessageFault::Malformed)?;
    let key = curve.public(&point).ok_or(MessageFault::Malformed)?;
    Ok((curve, key))
}

fn party(root: Node<'_>, name: &str) -> Result<Vec<u8>, MessageFault> {
    let Some(node) = root.get(name) else { return Ok(Vec::new()) };
    let text = node.as_str().ok_or(MessageFault::Malformed)?;
    if text.len() > MAX_PARTY_BYTES {
        return Err(MessageFault::TooLarge);
    }
    base64url::decode(&text).ok_or(MessageFault::Malformed)
}

/// An encrypted message as it came.
pub struct Encrypted<'a> {
    header: EncryptedHeader,
    /// The header as it is written: what the tag covers beside the content.
    protected: &'a str,
    key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: &'a str,
    tag: Vec<u8>,
}

impl<'a> Encrypted<'a> {
    /// Whether a text has the five parts of an encrypted message.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 4
    }

    /// Reads a message without any key. How long it may be is whoever's business who has it whole.
    ///
    /// # Errors
    /// Any of [`MessageFault`] but those that need a key.
    pub fn parse(text: &'a str) -> Result<Self, MessageFault> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(MessageFault::Malformed);
        let (protected, key, iv, ciphertext, tag) = (part()?, part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(MessageFault::Malformed);
        }
        let header = EncryptedHeader::decode(protected)?;
        if key.len() > MAX_KEY_BYTES {
            return Err(MessageFault::TooLarge);
        }
        // Vector and tag are some bytes long: what is longer is nothing that has to be decoded to see it.
        let bytes = |part: &str| base64url::decode(part).ok_or(MessageFault::Malformed);
        if iv.len() > 64 || tag.len() > 64 {
            return Err(MessageFault::Malformed);
        }
        let (key, iv, tag) = (bytes(key)?, bytes(iv)?, bytes(tag)?);
        let lengths = iv.len() == header.enc.iv_bytes() && tag.len() == header.enc.tag_bytes();
        if !lengths || key.is_empty() != header.alg.is_direct() {
            return Err(MessageFault::Malformed);
        }
        Ok(Self { header, protected, key, iv, ciphertext, tag })
    }

    /// What the header claims; proven once the message was opened.
    #[must_use]
    pub fn header(&self) -> &EncryptedHeader {
        &self.header
    }

    /// The encrypted key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// With how many keys it is tried at most.
    #[must_use]
    pub fn tried(&self, keys: &OpeningKeys) -> usize {
        self.fitting(keys).count()
    }

    /// The keys with which it is tried.
    fn fitting<'k>(&'k self, keys: &'k OpeningKeys) -> impl Iterator<Item = &'k OpeningKey> {
        let EncryptedHeader { alg, enc, kid, .. } = &self.header;
        let named = move |key: &&OpeningKey| kid.is_none() || key.kid == *kid;
        keys.keys().iter().filter(named).filter(|key| key.serves(*alg, *enc)).take(MAX_TRIED)
    }

    /// The content.
    ///
    /// With a `kid`, only the keys that have exactly this one are tried; without, all that fit the algorithms. At most [`MAX_TRIED`].
    ///
    /// # Errors
    /// [`MessageFault::AlgNotAllowed`], [`MessageFault::EncNotAllowed`], [`MessageFault::UnknownKey`], [`MessageFault::KeyMismatch`];
    /// [`MessageFault::Undecryptable`] for all that needs a key to be seen.
    pub fn open(
        &self,
        keys: &OpeningKeys,
        (management, encryption): (&[KeyManagement], &[ContentEncryption]),
    ) -> Result<Vec<u8>, MessageFault> {
        let EncryptedHeader { alg, enc, kid, .. } = &self.header;
        if !management.contains(alg) {
            return Err(MessageFault::AlgNotAllowed);
        }
        if !encryption.contains(enc) {
            return Err(MessageFault::EncNotAllowed);
        }
        let mut fitting = self.fitting(keys).peekable();
        if fitting.peek().is_none() {
            let known = kid.is_some() && keys.keys().iter().any(|key| key.kid == *kid);
            return Err(if known { MessageFault::KeyMismatch } else { MessageFault::UnknownKey });
        }
        fitting.find_map(|key| self.open_with(key)).ok_or(MessageFault::Undecryptable)
    }

    fn open_with(&self, key: &OpeningKey) -> Option<Vec<u8>> {
        let enc = self.header.enc;
        let good = key.content_key(self).filter(|content| content.len() == enc.key_bytes());
        // As far as with a good one: who looks at the time learns no more than from the answer.
        let content = match good {
            Some(content) => content,
            None => random(enc.key_bytes())?,
        };
        let ciphertext = base64url::decode(self.ciphertext)?;
        enc.decrypt(&content, (&self.iv, &self.tag), self.protected.as_bytes(), ciphertext)
    }
}

impl fmt::Debug for Encrypted<'_> {
    /// The header only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Bytes that nobody can know.
pub(crate) fn random(bytes: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; bytes]);
    rand::fill(&mut out).ok()?;
    Some(out)
}
