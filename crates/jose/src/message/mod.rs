//! Messages: bodies, or values in them, that are signed, encrypted, or both, whoever carries them.
//!
//! Follows RFC 7515 (JWS) and RFC 7516 (JWE), compact serialization only, with the algorithms of RFC 7518 and RFC 8037 that are listed in
//! [`KeyManagement`], [`ContentEncryption`] and [`crate::Algorithm`]. A message need be no JWT: its content is bytes.
//!
//! Promises, beside those of the crate:
//! - what is not listed is not there: no RSAES-PKCS1-v1_5, no OAEP with SHA-1, no key out of a password (so no `p2c` that somebody else
//!   chooses), no `zip` (so nothing that comes out is longer than what came in), no `crit`, no detached content (`b64`);
//! - a key serves an algorithm only when type, curve, length and the key's own `alg`, `use` and `key_ops` agree; a symmetric key has to
//!   name its algorithm;
//! - which of the steps behind the header failed is not told, neither by the fault nor by how far the work went: an encrypted key
//!   that is not good is replaced by a random one, and the tag decides (RFC 7516 section 11.5);
//! - the tag is compared before anything is decrypted (RFC 7518 section 5.2.2.2), so that there is no padding to guess;
//! - a point that is not on its curve, and one of low order, agree on nothing.

mod agree;
mod algorithm;
mod content;
mod encrypted;
mod fault;
mod keys;
mod read;
mod recipient;
mod signed;
mod signer;

pub use algorithm::KeyManagement;
pub use content::ContentEncryption;
pub use encrypted::{Encrypted, EncryptedHeader};
pub use fault::{MessageFault, MessageKeyError};
pub use keys::OpeningKeys;
pub use recipient::Recipient;
pub use signed::Signed;
pub use signer::Signer;

/// Longest header of a message, in bytes as it is written.
pub const MAX_HEADER_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests;
