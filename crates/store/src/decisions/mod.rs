//! Decisions, kept to be asked for: written in batches, found by id or by what they say, the oldest removed.
//!
//! In SQLite they have a file of their own, so that a burst of them never stands in the way of a change of applications; in
//! PostgreSQL they have tables of their own, which any number of gateways write. A batch is one transaction, and begins by
//! taking its numbers from one row: who comes later waits until it is there or is not, so that numbers become visible in their
//! order and whoever follows them misses nothing. A batch of which nobody knows whether it was kept is written again, and what of it is
//! there already stays as it is.
//!
//! What it promises: what [`DecisionStore::write`] returned from is there after a kill and after a power cut; what it holds is bounded
//! by age and by bytes, and removing costs a bounded piece of work per batch.

mod counts;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::time::Duration;

use crate::fault::StoreError;
use crate::link::Link;
use crate::open::{Place, connect, take_steps};
use crate::{PATIENCE, in_time};

pub use counts::{CountBatch, Counted, CountedSince, FOLDED};
pub use read::{Filter, Held, Page, Position, Stored};
pub use write::Written;

/// Name of the version of these tables in the table of versions.
const VERSION: &str = "decisions";

/// The tables, as steps from one version to the next; types and rules are those of [`crate::schema`]. `at` is in milliseconds
/// since 1970; a text that there is none of is empty.
const STEPS: &[&[&str]] = &[
    &[
        // One row: the number of the last record, and the bytes that all hold.
        "CREATE TABLE yett_decision_head (id BIGINT PRIMARY KEY, sequence BIGINT NOT NULL, bytes BIGINT NOT NULL)",
        "INSERT INTO yett_decision_head (id, sequence, bytes) VALUES (1, 0, 0)",
        "CREATE TABLE yett_decisions (sequence BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, at BIGINT NOT NULL, \
     kept TEXT NOT NULL, status BIGINT NOT NULL, code TEXT NOT NULL, control TEXT NOT NULL, method TEXT NOT NULL, \
     path TEXT NOT NULL, api TEXT NOT NULL, operation TEXT NOT NULL, address TEXT NOT NULL, issuer TEXT NOT NULL, \
     subject TEXT NOT NULL, application TEXT NOT NULL, micros BIGINT NOT NULL, bytes BIGINT NOT NULL, \
     document TEXT NOT NULL)",
    ],
    &[
        // What controls in shadow said of all calls: `code` is empty in the row of those that were looked at.
        "CREATE TABLE yett_shadow_counts (at BIGINT NOT NULL, api TEXT NOT NULL, operation TEXT NOT NULL, \
         control TEXT NOT NULL, part TEXT NOT NULL, code TEXT NOT NULL, calls BIGINT NOT NULL, good BIGINT NOT NULL, \
         PRIMARY KEY (at, api, operation, control, part, code))",
        // Which batches of counts are in it.
        "CREATE TABLE yett_shadow_batches (id TEXT PRIMARY KEY, at BIGINT NOT NULL)",
    ],
];

/// How much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How old a decision gets.
    pub age: Duration,
    /// How many bytes all of them take.
    pub bytes: u64,
}

/// An open store of decisions.
#[derive(Debug)]
pub struct DecisionStore {
    link: Link,
}

impl DecisionStore {
    /// Opens it and takes the steps to this version.
    ///
    /// # Errors
    /// When it cannot be reached, is of a newer version or is not a store.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        let link = match tokio::time::timeout(PATIENCE, connect(place)).await {
            Ok(connected) => connected?,
            Err(_) => return Err(StoreError::Unavailable(String::from("it did not answer in time"))),
        };
        let steps = async {
            let mut work = link.write().await?;
            take_steps(&mut work, VERSION, STEPS).await?;
            Ok(work)
        };
        let ready = async { in_time(PATIENCE, steps).await?.commit(PATIENCE).await };
        if let Err(why) = ready.await {
            link.close().await;
            return Err(why);
        }
        Ok(Self { link })
    }

    /// Closes it: what was written is kept.
    pub async fn close(&self) {
        // One that does not answer is left to itself.
        let _ = tokio::time::timeout(PATIENCE, self.link.close()).await;
    }
}
