//! What operators keep in a database: applications, their API keys, what was revoked of the tokens of others, and a chain of who
//! changed what. The only SQL of the house.
//!
//! One text of SQL serves SQLite (a file in the data directory) and PostgreSQL (by URL): `link` is all that knows which of the
//! two it is. Every change is one transaction that takes the lock of the audit chain first, so changes are serial wherever they
//! come from, and that ends by reading what cores are to be handed: what was acknowledged and what takes effect cannot differ.
//!
//! What it promises:
//! - a change is acknowledged when it is on the disk (SQLite: WAL with `synchronous=FULL`; PostgreSQL: its own `fsync`), or it
//!   did not happen; a full disk or a lost connection is an error, never a half change;
//! - of a key only its keyed hash is kept ([`credentials`]); the key that hashes is never in the store, which remembers a
//!   fingerprint of it and refuses to be opened with another;
//! - each change leaves one row in the chain, sealed with that key over the row before it: a row that is changed, moved or left
//!   out shows ([`Store::verify_audit`]);
//! - migrations are in this crate; a store of a newer version is refused.
//!
//! Beside them, and apart from the chain, decisions are kept ([`DecisionStore`]): written in batches, bounded, the oldest removed.
//! What has to be told to others waits in a file of its own until it was ([`Spool`]).

mod adopted;
mod audit;
mod change;
mod decisions;
mod denied;
mod fault;
mod link;
mod open;
mod read;
mod records;
mod revocations;
mod schema;
mod spool;
#[cfg(test)]
mod tests;
mod transaction;
mod used;

use std::sync::Arc;
use std::time::Duration;

use credentials::HashKey;
use engine::Clock;

pub use adopted::Adopted;
pub use audit::{AuditRow, Verified};
pub use change::NewApiKey;
pub use decisions::{
    CountBatch, Counted, CountedSince, DecisionStore, FOLDED, Filter, Held, Page, Position, Retention,
    Stored, Written,
};
pub use fault::StoreError;
pub use open::Place;
pub use read::{Behind, Contents, Head};
pub use records::{ApiKey, Application, KeyState, MAX_TTL, Status};
pub use revocations::{NewRevocation, Once, Revocation};
pub use spool::{Dead, Ending, NewNotice, Notice, Owed, Spool};
pub use transaction::Changed;

use link::Link;

/// Most applications of a store.
pub const APPLICATIONS: usize = 10_000;
/// Most API keys of a store, those that are no good any more included.
pub const API_KEYS: usize = 100_000;
/// How long a key that is no good any more is still known by name: then it is forgotten, and unknown like any other.
pub const REMEMBERED: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long the work of one transaction may take, and then again keeping it.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open store.
#[derive(Debug)]
pub struct Store {
    link: Link,
    key: Arc<HashKey>,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl Store {
    fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        in_time(self.patience, work)
    }
}

/// Ends what takes too long: a database that does not answer is one that is not there. Never around what keeps a change
/// ([`link::Work::commit`]): what became of that is not known.
///
/// The work lies on the heap: it holds what a driver keeps of a connection, and whoever asks one of many questions would have
/// room for each of them on its stack.
fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> impl Future<Output = Result<T, StoreError>> {
    let work = tokio::time::timeout(patience, Box::pin(work));
    async move {
        match work.await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Unavailable(String::from("it did not answer in time"))),
        }
    }
}
