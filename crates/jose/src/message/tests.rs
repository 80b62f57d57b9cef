//! Vectors of the standards, messages of another implementation, hostile tables with their valid twins, and keys.

mod foreign;
mod hostile;
mod keys;
mod vectors;

use std::sync::LazyLock;

use bytes::Bytes;

use super::{ContentEncryption, Encrypted, KeyManagement, MessageFault, OpeningKeys};

/// Keys that another implementation made, one of each kind.
const KEYS: &str = include_str!("tests/joserfc.jwks");

/// A set of these keys.
fn set(keys: &[&str]) -> Bytes {
    format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into()
}

fn opening() -> &'static OpeningKeys {
    static OPENING: LazyLock<OpeningKeys> =
        LazyLock::new(|| OpeningKeys::parse(Bytes::from_static(KEYS.as_bytes())).unwrap());
    &OPENING
}

/// The whole way of a message, with all that there is allowed.
fn open(message: &str) -> Result<Vec<u8>, MessageFault> {
    Encrypted::parse(message)?.open(opening(), (&KeyManagement::ALL, &ContentEncryption::ALL))
}
