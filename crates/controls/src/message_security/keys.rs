//! From what comes to what is in it, and back.

use std::collections::BTreeMap;

use contract::ContentType;
use jose::{
    Algorithm, ContentEncryption, Encrypted, KeyManagement, KeySet, MessageFault, OpeningKeys, Recipient,
    Signed, Signer,
};

use super::fields::MAX_FIELDS;

/// `typ` of a message that has a compact serialization (RFC 7515 section 4.1.9), and `cty` of one that has such a message in it.
const JOSE: &str = "JOSE";

/// Most operations with a key that are done where the call is: of curves, which take up to a quarter of a millisecond each.
const FEW: usize = 4;

/// Why a message is not good, for the operator: the step, and what was wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) step: &'static str,
    pub(super) why: &'static str,
}

impl Broken {
    fn decrypt(fault: MessageFault) -> Self {
        Self { step: "decrypt", why: fault.name() }
    }

    fn verify(fault: MessageFault) -> Self {
        Self { step: "verify", why: fault.name() }
    }
}

/// How many operations with keys one body may still cost: without a bound, one that holds the public key would hold a worker by messages that
/// name no key and are tried with all.
#[derive(Debug)]
pub(super) struct Tries(usize);

impl Tries {
    /// Two for each field, as of signed messages in encrypted ones that name their keys.
    pub(super) const fn of_one_body() -> Self {
        Self(2 * MAX_FIELDS)
    }

    fn take(&mut self, step: &'static str, keys: usize) -> Result<(), Broken> {
        let left = self.0.checked_sub(keys);
        self.0 = left.ok_or(Broken { step, why: "more keys to be tried than for one body" })?;
        Ok(())
    }
}

/// Our keys, and what they may be used for.
#[derive(Debug)]
pub(super) struct Decrypt {
    pub(super) keys: OpeningKeys,
    pub(super) management: Vec<KeyManagement>,
    pub(super) encryption: Vec<ContentEncryption>,
}

/// Keys of those who sign, and which of them is whose.
#[derive(Debug)]
pub(super) struct Verify {
    pub(super) keys: KeySet,
    pub(super) algorithms: Vec<Algorithm>,
    /// `typ` that a message has to have; without it one that says nothing of what it is for.
    pub(super) typ: Option<Box<str>>,
    /// `kid` by application; without it any key will do for all.
    pub(super) callers: Option<BTreeMap<Box<str>, Box<str>>>,
}

impl Verify {
    /// With how many keys one message is tried at most; with one where it is known whose it is.
    fn tried(&self) -> usize {
        if self.callers.is_none() { self.keys.tried(&self.algorithms) } else { 1 }
    }

    /// Whether a signer of ours is one of those who sign here.
    fn takes(&self, signer: &Signer) -> bool {
        let is_callers = self
            .callers
            .as_ref()
            .is_none_or(|callers| callers.values().any(|kid| signer.kid() == Some(&**kid)));
        let is_typ = self.typ.as_deref().is_none_or(|typ| is_kind(JOSE, typ));
        is_callers && is_typ && self.algorithms.contains(&signer.algorithm()) && self.keys.includes(signer)
    }
}

/// What is done with a message that comes.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) decrypt: Option<Decrypt>,
    pub(super) verify: Option<Verify>,
    /// The media type of what is in it, in lower case, without parameters.
    pub(super) content: Box<str>,
}

impl Incoming {
    /// What is in a message.
    pub(super) fn read(
        &self,
        text: &str,
        application: Option<&str>,
        tries: &mut Tries,
    ) -> Result<Vec<u8>, Broken> {
        let Some(decrypt) = &self.decrypt else { return self.verified(text, application, tries) };
        let message = Encrypted::parse(text).map_err(Broken::decrypt)?;
        tries.take("decrypt", message.tried(&decrypt.keys))?;
        let content = message.open(&decrypt.keys, (&decrypt.management, &decrypt.encryption));
        let content = content.map_err(Broken::decrypt)?;
        let header = message.header();
        if header.typ.as_deref().is_some_and(|typ| !is_kind(typ, JOSE)) {
            return Err(Broken { step: "decrypt", why: "another `typ`" });
        }
        if self.verify.is_none() {
            self.check_content("decrypt", header.cty.as_deref())?;
            return Ok(content);
        }
        // RFC 7519 section 5.2 has `JWT` there for what is nested.
        if header.cty.as_deref().is_some_and(|cty| !is_kind(cty, JOSE) && !is_kind(cty, "JWT")) {
            return Err(Broken { step: "decrypt", why: "another `cty` than that of a signed message" });
        }
        let inner = String::from_utf8(content).map_err(|_| Broken { step: "verify", why: "malformed" })?;
        self.verified(&inner, application, tries)
    }

    /// What is in a signed message.
    fn verified(&self, text: &str, application: Option<&str>, tries: &mut Tries) -> Result<Vec<u8>, Broken> {
        let broken = |why| Broken { step: "verify", why };
        let Some(verify) = &self.verify else { return Err(broken("nothing to verify with")) };
        let message = Signed::parse(text).map_err(Broken::verify)?;
        let header = message.header();
        let typ = header.typ.as_deref();
        let is_typ = match &verify.typ {
            Some(wanted) => typ.is_some_and(|typ| is_kind(typ, wanted)),
            // A token that the same key has signed is no message (RFC 8725 section 3.11).
            None => typ.is_none_or(|typ| is_kind(typ, JOSE)),
        };
        if !is_typ {
            return Err(broken("another `typ`"));
        }
        if let Some(callers) = &verify.callers {
            let own = application.and_then(|application| callers.get(application));
            let own = own.ok_or(broken("no key of this caller is known"))?;
            if header.kid.as_deref() != Some(&**own) {
                return Err(broken("signed by another than the caller"));
            }
        }
        tries.take("verify", message.tried(&verify.keys))?;
        let content = message.verify(&verify.keys, &verify.algorithms).map_err(Broken::verify)?;
        self.check_content("verify", header.cty.as_deref())?;
        Ok(content)
    }

    /// What a message says of its content is what everybody after is told of it.
    fn check_content(&self, step: &'static str, cty: Option<&str>) -> Result<(), Broken> {
        let same = |cty: &str| {
            // RFC 7515 section 4.1.10: `application/` may be left out.
            let whole = if cty.contains('/') { cty.to_owned() } else { format!("application/{cty}") };
            ContentType::parse(&whole).is_some_and(|said| said.essence == *self.content)
        };
        match cty {
            Some(cty) if !same(cty) => Err(Broken { step, why: "another `cty` than `content_type`" }),
            _ => Ok(()),
        }
    }

    /// Whether a text that may be clear text is meant to be a message.
    pub(super) fn looks_like_one(&self, text: &str) -> bool {
        let dots = if self.decrypt.is_some() { 4 } else { 2 };
        // How a JSON object begins in base64url: a brace, and a quote or a space behind it, or the end of its line or a tab.
        ["ey", "ew"].iter().any(|begin| text.starts_with(begin))
            && text.bytes().filter(|byte| *byte == b'.').count() == dots
    }

    /// Whether reading so many takes long however short they are: each may be tried with all keys that fit.
    pub(super) fn is_costly(&self, messages: usize) -> bool {
        let rsa = |decrypt: &Decrypt| decrypt.management.contains(&KeyManagement::RsaOaep256);
        let opened = |decrypt: &Decrypt| decrypt.keys.tried(&decrypt.management, &decrypt.encryption);
        let tried = self.decrypt.as_ref().map_or(0, opened) + self.verify.as_ref().map_or(0, Verify::tried);
        self.decrypt.as_ref().is_some_and(rsa) || messages * tried > FEW
    }
}

/// Whether a media type of a header is of a kind, each with `application/` before it or not (RFC 7515 section 4.1.9).
fn is_kind(said: &str, kind: &str) -> bool {
    bare(said).eq_ignore_ascii_case(bare(kind))
}

/// A media type without `application/`, where nothing else in it has a slash.
fn bare(text: &str) -> &str {
    match text.split_once('/') {
        Some((tree, rest)) if tree.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        _ => text,
    }
}

/// For whom answers are encrypted.
#[derive(Debug)]
pub(super) enum Recipients {
    /// Whoever calls.
    One(Recipient),
    /// Each application by a key of its own.
    Callers(BTreeMap<Box<str>, Recipient>),
}

impl Recipients {
    fn any(&self, is_one: impl Fn(&Recipient) -> bool) -> bool {
        match self {
            Self::One(recipient) => is_one(recipient),
            Self::Callers(all) => all.values().any(is_one),
        }
    }
}

/// What is made of an answer.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) sign: Option<Signer>,
    pub(super) encrypt: Option<Recipients>,
}

impl Outgoing {
    /// Who reads the answer; `Ok(None)` when it is not encrypted.
    ///
    /// # Errors
    /// When nothing is known to encrypt with for this caller.
    pub(super) fn recipient(&self, application: Option<&str>) -> Result<Option<&Recipient>, ()> {
        match &self.encrypt {
            None => Ok(None),
            Some(Recipients::One(recipient)) => Ok(Some(recipient)),
            Some(Recipients::Callers(all)) => {
                application.and_then(|application| all.get(application)).map(Some).ok_or(())
            }
        }
    }

    /// Whether what is made here is good there. A key that encrypts here must not open there under another `kid` either.
    pub(super) fn is_taken_by(&self, other: &Incoming) -> bool {
        let is_opened = match (&self.encrypt, &other.decrypt) {
            (Some(recipients), Some(decrypt)) => recipients.any(|one| decrypt.keys.includes(one)),
            (None, None) => true,
            _ => false,
        };
        let is_verified = match (&self.sign, &other.verify) {
            (Some(signer), Some(verify)) => verify.takes(signer),
            (None, None) => true,
            _ => false,
        };
        is_opened && is_verified
    }

    /// The message with this content; `None` when it cannot be made.
    pub(super) fn write(
        &self,
        content: &[u8],
        cty: Option<&str>,
        application: Option<&str>,
    ) -> Option<String> {
        let recipient = self.recipient(application).ok()?;
        let signed = match &self.sign {
            Some(signer) => Some(signer.sign(content, Some(JOSE), cty).ok()?),
            None => None,
        };
        match (recipient, signed) {
            (Some(recipient), Some(signed)) => {
                recipient.encrypt(signed.as_bytes(), Some(JOSE), Some(JOSE)).ok()
            }
            (Some(recipient), None) => recipient.encrypt(content, Some(JOSE), cty).ok(),
            (None, signed) => signed,
        }
    }

    /// Whether writing so many takes long however short they are.
    pub(super) fn is_costly(&self, messages: usize) -> bool {
        let rsa = self.sign.as_ref().is_some_and(|signer| {
            !matches!(
                signer.algorithm(),
                Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa
            )
        });
        let each = usize::from(self.sign.is_some()) + usize::from(self.encrypt.is_some());
        rsa || messages * each > FEW
    }
}
