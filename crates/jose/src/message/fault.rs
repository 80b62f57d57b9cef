//! Why a message is refused, for whoever keeps the keys: those who sent it are told only that it was.

use std::fmt;

use crate::{Fault, JwksError};

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageFault {
    /// Not a compact serialization in strict base64url with a JSON object as its header.
    Malformed,
    /// The header or the encrypted key is past a bound.
    TooLarge,
    /// A member name occurs twice in the header.
    DuplicateMember,
    /// `alg` is unknown, refused here or not in the list of the caller.
    AlgNotAllowed,
    /// The same of `enc`.
    EncNotAllowed,
    /// `crit`, `zip`, `b64`, `p2c` or `p2s`.
    ExtensionRefused,
    /// No key of that `kid`, or none that fits.
    UnknownKey,
    /// There is a key of that `kid`, but it serves another algorithm.
    KeyMismatch,
    /// The key, the vector, the content or the tag is not what the sender of a good message would have written.
    Undecryptable,
    /// The signature does not verify.
    BadSignature,
}

impl MessageFault {
    /// The stable name, in kebab case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::DuplicateMember => "duplicate-member",
            Self::AlgNotAllowed => "alg-not-allowed",
            Self::EncNotAllowed => "enc-not-allowed",
            Self::ExtensionRefused => "extension-refused",
            Self::UnknownKey => "unknown-key",
            Self::KeyMismatch => "key-mismatch",
            Self::Undecryptable => "undecryptable",
            Self::BadSignature => "bad-signature",
        }
    }
}

impl From<Fault> for MessageFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge => Self::TooLarge,
            Fault::DuplicateMember => Self::DuplicateMember,
            Fault::AlgNone | Fault::AlgNotAllowed => Self::AlgNotAllowed,
            Fault::CritUnsupported => Self::ExtensionRefused,
            Fault::UnknownKey => Self::UnknownKey,
            Fault::KeyMismatch => Self::KeyMismatch,
            Fault::BadSignature => Self::BadSignature,
            _ => Self::Malformed,
        }
    }
}

impl fmt::Display for MessageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the message is malformed",
            Self::TooLarge => "a part of the message is too large",
            Self::DuplicateMember => "a member occurs twice in the message's header",
            Self::AlgNotAllowed => "the message's `alg` is not allowed",
            Self::EncNotAllowed => "the message's `enc` is not allowed",
            Self::ExtensionRefused => "the message needs an extension that is refused",
            Self::UnknownKey => "the message's key is unknown",
            Self::KeyMismatch => "the message's key and algorithm do not match",
            Self::Undecryptable => "the message cannot be decrypted",
            Self::BadSignature => "the message's signature is wrong",
        })
    }
}

impl std::error::Error for MessageFault {}

/// Why keys of ours, or of those that we write to, cannot be used. Says nothing of what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKeyError {
    /// The document is no JWK set.
    Set(JwksError),
    /// The key of this number, counted from 1, is not good.
    Key(usize, &'static str),
    /// None of the keys is for this.
    None,
    /// More than one is.
    Several,
}

impl fmt::Display for MessageKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(error) => error.fmt(f),
            Self::Key(number, why) => write!(f, "key {number} of the set cannot be used: {why}"),
            Self::None => f.write_str("no key of the set fits"),
            Self::Several => f.write_str("more than one key of the set fits"),
        }
    }
}

impl std::error::Error for MessageKeyError {}

impl From<JwksError> for MessageKeyError {
    fn from(error: JwksError) -> Self {
        Self::Set(error)
    }
}
