//! Proofs of possession: the JWT of RFC 9449 section 4.2, and those of the checks of section 4.3 that need nothing but the
//! proof.
//!
//! A proof is the one kind of token here that brings its own key along. It proves that whoever made it holds that key, and
//! nothing of who that is: whoever takes it has to compare [`Proof::thumbprint`] with what an issuer vouches for (`cnf.jkt`).
//! What costs little stands before what costs much: [`Proof::read`] needs no cryptography, so that all that it tells can be
//! compared before [`Proof::verify`]; nothing is proven until then.

use std::borrow::Cow;

use aws_lc_rs::signature::ParsedPublicKey;
use tape::{Node, Tape};

use crate::claims::date;
use crate::{Algorithm, Fault, Header, base64url, header, jwk, token};

/// Largest proof read, in bytes: one under an RSA key of 4096 bits has two thousand and its names.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;
/// Longest `jti`, `htm`, `ath` and `nonce`, in bytes.
const MAX_NAME: usize = 512;

/// A proof as it came. Nothing in it is proven before [`Proof::verify`].
pub struct Proof<'a> {
    key: ParsedPublicKey,
    thumbprint: [u8; 32],
    payload: Tape,
    signing_input: &'a str,
    signature: Vec<u8>,
}

/// What a proof says. Dates are in seconds since 1970, rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofClaims<'a> {
    /// `jti`: what tells it from every other proof under the same key.
    pub id: Cow<'a, str>,
    /// `htm`: the method of the request.
    pub method: Cow<'a, str>,
    /// `htu`: the URI of the request, without query and fragment.
    pub uri: Cow<'a, str>,
    /// `iat`
    pub issued: u64,
    /// `exp`, which a proof need not have.
    pub expires: Option<u64>,
    /// `nbf`, which a proof need not have.
    pub not_before: Option<u64>,
    /// `ath`: base64url of the SHA-256 of the access token.
    pub token: Option<Cow<'a, str>>,
    /// `nonce`
    pub nonce: Option<Cow<'a, str>>,
}

impl<'a> Proof<'a> {
    /// Reads a proof: one well-formed JWT, `typ` exactly `dpop+jwt`, an allowed asymmetric algorithm, and in `jwk` a public
    /// key that fits it and no private one (section 4.3, checks 2, 4, 5 and 7).
    ///
    /// # Errors
    /// [`Fault::TooLarge`], [`Fault::Malformed`], [`Fault::DuplicateMember`], [`Fault::AlgNone`], [`Fault::AlgNotAllowed`],
    /// [`Fault::CritUnsupported`], [`Fault::TypRefused`], [`Fault::KeyPrivate`], [`Fault::KeyMalformed`],
    /// [`Fault::KeyMismatch`].
    pub fn read(text: &'a str, allowed: &[Algorithm]) -> Result<Self, Fault> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(Fault::TooLarge);
        }
        let (signing_input, head, payload, signature) = token::parts(text)?;
        let head = header::tape(head)?;
        let Header { alg, typ, .. } = Header::of(head.root())?;
        if typ.as_deref() != Some("dpop+jwt") {
            return Err(Fault::TypRefused);
        }
        if !allowed.contains(&alg) {
            return Err(Fault::AlgNotAllowed);
        }
        let carried = head.root().get("jwk").ok_or(Fault::KeyMalformed)?;
        let (key, thumbprint) = jwk::carried(carried, alg)?;
        let payload = token::object(payload)?;
        let signature = base64url::decode(signature).ok_or(Fault::Malformed)?;
        if alg.signature_bytes().is_some_and(|bytes| bytes != signature.len()) {
            return Err(Fault::BadSignature);
        }
        Ok(Self { key, thumbprint, payload, signing_input, signature })
    }

    /// SHA-256 thumbprint of the key that it carries (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// What it says; `jti`, `htm`, `htu` and `iat` have to be there (check 3).
    ///
    /// # Errors
    /// [`Fault::ClaimMissing`], [`Fault::ClaimMalformed`].
    pub fn claims(&self) -> Result<ProofClaims<'_>, Fault> {
        let payload = self.payload.root();
        let must = |name, most| text(payload, name, most)?.ok_or(Fault::ClaimMissing);
        Ok(ProofClaims {
            id: must("jti", MAX_NAME)?,
            method: must("htm", MAX_NAME)?,
            uri: must("htu", MAX_PROOF_BYTES)?,
            issued: date(payload, "iat", f64::floor)?.ok_or(Fault::ClaimMissing)?,
            expires: date(payload, "exp", f64::floor)?,
            not_before: date(payload, "nbf", f64::floor)?,
            token: text(payload, "ath", MAX_NAME)?,
            nonce: text(payload, "nonce", MAX_NAME)?,
        })
    }

    /// Checks the signature under the key that it carries (check 6).
    ///
    /// # Errors
    /// [`Fault::BadSignature`].
    pub fn verify(&self) -> Result<(), Fault> {
        let input = self.signing_input.as_bytes();
        self.key.verify_sig(input, &self.signature).map_err(|_| Fault::BadSignature)
    }
}

impl std::fmt::Debug for Proof<'_> {
    /// The key only: the rest is a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("key", &base64url::encode(&self.thumbprint)).finish_non_exhaustive()
    }
}

/// A claim that is a string when it is there, not empty and without control characters.
fn text<'t>(payload: Node<'t>, name: &str, most: usize) -> Result<Option<Cow<'t, str>>, Fault> {
    let Some(node) = payload.get(name) else { return Ok(None) };
    let text = node.as_str().ok_or(Fault::ClaimMalformed)?;
    let good = !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control);
    if good { Ok(Some(text)) } else { Err(Fault::ClaimMalformed) }
}
