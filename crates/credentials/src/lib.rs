//! What an API key is: its form, how it is kept, and the table of those that are good; and which tokens of others are not ([`Revoked`]).
//! Beside them passwords ([`PasswordHash`]) and deliveries of webhooks ([`Delivery`]): how they are kept, read and compared.
//!
//! A key is `yett_` + id + `_` + secret + checksum, 51 letters and digits of one length, so that a scanner of leaked secrets
//! finds it by the expression [`PATTERN`] and a misspelled one is told from a wrong one before anything is computed. The id is
//! public: it is what logs, lists and commands say. Of the whole key only a keyed hash is kept (HMAC-SHA-256, RFC 2104) under a
//! key that is not in the store, so that who reads the store can neither use a key nor guess at one.
//!
//! What it promises: a malformed key costs no cryptography, a well-formed one costs one HMAC and a comparison in constant time;
//! nothing is allocated and no lock is taken while the [`Table`] stays the same; a table is never changed, only replaced.
//!
//! Pure: no IO, no runtime, no serde.

mod hash;
mod key;
mod password;
mod revoked;
mod table;
#[cfg(test)]
mod tests;
mod users;
mod webhook;

pub use hash::{HASH_KEY_BYTES, Hash, HashKey, HashKeyError};
pub use key::{ID_LENGTH, KeyId, LENGTH, Malformed, NewKey, PATTERN, PREFIX, Presented, public_id};
pub use password::{NoHash, PASSWORD_BYTES, PasswordHash, SALT_BYTES, USER_BYTES};
pub use revoked::{Digest, Kind, Revoked, Rule, Token, token_digest};
pub use table::{Checked, Entry, Held, Made, NEVER, Published, Table, Usage};
pub use users::{LineFault, Users, is_user, read_users};
pub use webhook::{Delivery, NoDelivery, WebhookKey};
