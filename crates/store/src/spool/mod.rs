//! What has to be told to others, on the disk until it was told: a file of SQLite's beside those of the stores, of one process.
//!
//! A notice is spooled for one sink. What [`Spool::put`] returned from is there after a kill and after a power cut, until
//! [`Spool::end`] returned from its end; an end that was not written yet leaves the notice where it is, so that it is sent again. A
//! process that did not close the spool does not say what it had sent: then everything that is left may have been
//! ([`Notice::sent`]).
//!
//! What was given up stays beside the rest as a dead letter, bounded, until it is removed or put back.

mod dead;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::LazyLock;

use crate::fault::StoreError;
use crate::link::{Link, Row, Value, Work, damaged};
use crate::open::{Place, connect, take_steps};
use crate::{PATIENCE, in_time};

pub use dead::{Dead, Owed};

/// Name of the version of these tables in the table of versions.
const VERSION: &str = "notices";

/// The tables, as steps from one version to the next. `at` is in milliseconds since 1970, and so is `dead`, the moment at which a
/// notice was given up, which is 0 while it was not.
const STEPS: &[&[&str]] = &[&[
    // One row: whether the last process closed the file.
    "CREATE TABLE yett_notice_head (id BIGINT PRIMARY KEY, sequence BIGINT NOT NULL, closed BIGINT NOT NULL)",
    "INSERT INTO yett_notice_head (id, sequence, closed) VALUES (1, 0, 1)",
    "CREATE TABLE yett_notices (sequence BIGINT PRIMARY KEY, sink TEXT NOT NULL, id TEXT NOT NULL, actor TEXT NOT NULL, \
     at BIGINT NOT NULL, tries BIGINT NOT NULL, sent BIGINT NOT NULL, bytes BIGINT NOT NULL, dead BIGINT NOT NULL, \
     why TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX yett_notices_dead ON yett_notices (sink, dead, sequence)",
]];

/// Notices of one statement; what is left over of a batch goes one by one.
const TOGETHER: usize = 32;
/// Columns of a notice that is put.
const COLUMNS: usize = 6;
/// What a notice takes beside its texts, in bytes.
const OVERHEAD: usize = 128;

static INSERT_MANY: LazyLock<String> = LazyLock::new(|| insert(TOGETHER));
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert(1));
static DELETE_MANY: LazyLock<String> = LazyLock::new(|| {
    let numbers: Vec<String> = (1..=TOGETHER).map(|number| format!("${number}")).collect();
    format!("DELETE FROM yett_notices WHERE sequence IN ({})", numbers.join(", "))
});
const DELETE_ONE: &str = "DELETE FROM yett_notices WHERE sequence = $1";

fn insert(notices: usize) -> String {
    let row = |notice: usize| {
        let first = notice * COLUMNS;
        let value = |column: usize| format!("${}", first + column);
        let [sequence, sink, id, actor, at, body] = [1, 2, 3, 4, 5, 6].map(value);
        // Texts are ASCII or counted as such; what they take is counted in bytes by who puts them.
        format!(
            "({sequence}, {sink}, {id}, {actor}, {at}, 0, 0, LENGTH(CAST({body} AS BLOB)) + LENGTH({sink}) + {OVERHEAD}, 0, '', {body})"
        )
    };
    let rows: Vec<String> = (0..notices).map(row).collect();
    format!(
        "INSERT INTO yett_notices (sequence, sink, id, actor, at, tries, sent, bytes, dead, why, body) VALUES {}",
        rows.join(", ")
    )
}

/// A notice that is to be spooled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    /// For whom: ASCII.
    pub sink: String,
    /// Names the event.
    pub id: String,
    /// Whose events it keeps its order with.
    pub actor: String,
    /// When it came, in milliseconds since 1970.
    pub at: u64,
    /// What is sent.
    pub body: String,
}

impl NewNotice {
    /// What it takes on the disk, in bytes, as it is counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.body.len() + self.sink.len() + OVERHEAD) as u64
    }
}

/// A notice that waits, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number: in the order in which notices came.
    pub sequence: u64,
    /// For whom.
    pub sink: String,
    /// Whose events it keeps its order with.
    pub actor: String,
    /// When it came.
    pub at: u64,
    /// How often it was tried.
    pub tries: u64,
    /// Whether the receiver may have it already.
    pub sent: bool,
    /// What it takes, in bytes.
    pub bytes: u64,
}

impl Notice {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: row.number(0)?,
            sink: row.text(1)?,
            actor: row.text(2)?,
            at: row.number(3)?,
            tries: row.number(4)?,
            sent: row.number(5)? != 0,
            bytes: row.number(6)?,
        })
    }
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was delivered: it is removed.
    Delivered(u64),
    /// A try of it failed, or nobody knows what came of it.
    Tried(u64),
    /// It was given up at a moment, for this reason.
    Dead(u64, u64, String),
}

/// An open spool.
#[derive(Debug)]
pub struct Spool {
    link: Link,
}

impl Spool {
    /// Opens it, or makes it. Until it is closed, the next who opens it knows that it was not.
    ///
    /// # Errors
    /// When it cannot be used, is of a newer version or is not a spool.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let link = match tokio::time::timeout(PATIENCE, connect(&Place::Sqlite(path.to_owned()))).await {
            Ok(connected) => connected?,
            Err(_) => return Err(StoreError::Unavailable(String::from("it did not answer in time"))),
        };
        let steps = async {
            let mut work = link.write().await?;
            take_steps(&mut work, VERSION, STEPS).await?;
            let head = work.rows("SELECT closed FROM yett_notice_head WHERE id = 1", []).await?;
            if head.first().ok_or_else(damaged)?.number(0)? == 0 {
                work.execute("UPDATE yett_notices SET sent = 1 WHERE dead = 0", []).await?;
            }
            work.execute("UPDATE yett_notice_head SET closed = 0 WHERE id = 1", []).await?;
            Ok(work)
        };
        let ready = async { in_time(PATIENCE, steps).await?.commit(PATIENCE).await };
        if let Err(why) = ready.await {
            link.close().await;
            return Err(why);
        }
        Ok(Self { link })
    }

    /// Spools notices; gives the number of the first, and the others follow it.
    ///
    /// # Errors
    /// When they cannot be kept: then none was, but for [`StoreError::Unknown`], after which they may be there twice.
    pub async fn put(&self, batch: &[NewNotice]) -> Result<u64, StoreError> {
        let (work, first) = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            let sql = "UPDATE yett_notice_head SET sequence = sequence + $1 WHERE id = 1 RETURNING sequence";
            let rows = work.rows(sql, [Value::from(batch.len() as u64)]).await?;
            let last = rows.first().ok_or_else(damaged)?.number(0)?;
            let first = last.saturating_sub(batch.len() as u64) + 1;
            let mut sequence = first;
            let (many, rest) = batch.split_at(batch.len() - batch.len() % TOGETHER);
            for some in many.chunks(TOGETHER).chain(rest.chunks(1)) {
                let sql = if some.len() == TOGETHER { &INSERT_MANY } else { &INSERT_ONE };
                let values = (sequence..).zip(some).flat_map(|(number, notice)| values(number, notice));
                work.execute_all(sql, values.collect()).await?;
                sequence += some.len() as u64;
            }
            Ok((work, first))
        })
        .await?;
        work.commit(PATIENCE).await?;
        Ok(first)
    }

    /// Up to `most` of those that wait, after a number.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn waiting(&self, after: u64, most: u64) -> Result<Vec<Notice>, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let sql = "SELECT sequence, sink, actor, at, tries, sent, bytes FROM yett_notices \
                       WHERE dead = 0 AND sequence > $1 ORDER BY sequence LIMIT $2";
            let rows = work.rows(sql, [Value::from(after), Value::from(most)]).await?;
            rows.iter().map(Notice::read).collect()
        })
        .await
    }

    /// The id and the body of one that waits; `None` when there is no such.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn body(&self, sequence: u64) -> Result<Option<(String, String)>, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let sql = "SELECT id, body FROM yett_notices WHERE sequence = $1 AND dead = 0";
            let rows = work.rows(sql, [Value::from(sequence)]).await?;
            rows.first().map(|row| Ok((row.text(0)?, row.text(1)?))).transpose()
        })
        .await
    }

    /// Writes what became of notices, all or nothing.
    ///
    /// # Errors
    /// When it cannot be kept: then nothing of it was, but for [`StoreError::Unknown`], after which it can be written again.
    pub async fn end(&self, endings: &[Ending]) -> Result<(), StoreError> {
        let work = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            let mut delivered = Vec::new();
            for ending in endings {
                match ending {
                    Ending::Delivered(sequence) => delivered.push(*sequence),
                    Ending::Tried(sequence) => {
                        let sql = "UPDATE yett_notices SET tries = tries + 1, sent = 1 WHERE sequence = $1";
                        work.execute(sql, [Value::from(*sequence)]).await?;
                    }
                    Ending::Dead(sequence, at, why) => {
                        let sql = "UPDATE yett_notices SET dead = $2, why = $3 WHERE sequence = $1";
                        let values = [Value::from(*sequence), Value::from((*at).max(1)), Value::from(&**why)];
                        work.execute(sql, values).await?;
                    }
                }
            }
            remove(&mut work, &delivered).await?;
            Ok(work)
        })
        .await?;
        work.commit(PATIENCE).await
    }

    /// Closes it: what became of everything was written.
    pub async fn close(&self) {
        let closed = async {
            let work = in_time(PATIENCE, async {
                let mut work = self.link.write().await?;
                work.execute("UPDATE yett_notice_head SET closed = 1 WHERE id = 1", []).await?;
                Ok(work)
            });
            work.await?.commit(PATIENCE).await
        };
        // Where that cannot be said, all that is left is taken for sent.
        let _ = closed.await;
        self.abandon().await;
    }

    /// Lets go of it without saying that all was written.
    pub async fn abandon(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.link.close()).await;
    }
}

async fn remove(work: &mut Work, sequences: &[u64]) -> Result<(), StoreError> {
    let (many, rest) = sequences.split_at(sequences.len() - sequences.len() % TOGETHER);
    for some in many.chunks(TOGETHER) {
        work.execute_all(&DELETE_MANY, some.iter().copied().map(Value::from).collect()).await?;
    }
    for one in rest {
        work.execute(DELETE_ONE, [Value::from(*one)]).await?;
    }
    Ok(())
}

fn values(sequence: u64, notice: &NewNotice) -> [Value; COLUMNS] {
    [
        Value::from(sequence),
        Value::from(&*notice.sink),
        Value::from(&*notice.id),
        Value::from(&*notice.actor),
        Value::from(notice.at),
        Value::from(&*notice.body),
    ]
}
