//! Writing decisions, and removing the oldest.

use std::sync::{Arc, LazyLock};

use engine::Evidence;

use super::{DecisionStore, Retention};
use crate::fault::StoreError;
use crate::link::{Value, Work, damaged};
use crate::{PATIENCE, in_time};

/// Records of one statement; what is left over of a batch goes one by one.
const TOGETHER: usize = 32;
/// Columns of a record.
const COLUMNS: usize = 18;
/// Records that are removed with one batch at most: more than come with one, so that it catches up when less is to be held.
const REMOVED: u64 = 4_000;
/// Records that are looked at together when it is found out which these are.
const LOOKED_AT: u64 = 100;

static INSERT_MANY: LazyLock<String> = LazyLock::new(|| insert(TOGETHER));
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert(1));

/// The statement that inserts so many records. One that is there already stays.
fn insert(records: usize) -> String {
    let row = |record: usize| {
        let first = record * COLUMNS + 1;
        let numbers: Vec<String> = (first..first + COLUMNS).map(|number| format!("${number}")).collect();
        format!("({})", numbers.join(", "))
    };
    let rows: Vec<String> = (0..records).map(row).collect();
    format!(
        "INSERT INTO yett_decisions (sequence, id, at, kept, status, code, control, method, path, api, operation, \
         address, issuer, subject, application, micros, bytes, document) VALUES {} ON CONFLICT (id) DO NOTHING",
        rows.join(", ")
    )
}

fn values(sequence: u64, record: &Evidence) -> [Value; COLUMNS] {
    [
        Value::from(sequence),
        Value::from(record.id.to_string()),
        Value::from(record.at),
        Value::from(record.kept.name()),
        Value::from(u64::from(record.status)),
        Value::from(&*record.code),
        Value::from(&*record.control),
        Value::from(&*record.method),
        Value::from(&*record.path),
        Value::from(&*record.api),
        Value::from(&*record.operation),
        Value::from(&*record.address),
        Value::from(&*record.issuer),
        Value::from(&*record.subject),
        Value::from(&*record.application),
        Value::from(record.micros),
        Value::from(bytes(record)),
        Value::from(&*record.document),
    ]
}

fn size_of(records: &[Arc<Evidence>]) -> u64 {
    records.iter().map(|record| bytes(record)).sum()
}

fn bytes(record: &Evidence) -> u64 {
    u64::try_from(record.bytes()).unwrap_or(u64::MAX)
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes that all decisions take now.
    pub bytes: u64,
    /// How many were removed.
    pub removed: u64,
}

impl DecisionStore {
    /// Writes a batch, and removes what is over the retention at `now` (milliseconds since 1970), the oldest first and so many at
    /// a time. Without records it only removes.
    ///
    /// # Errors
    /// When it cannot be kept: then nothing of it was, but for [`StoreError::Unknown`], after which it can be written again.
    pub async fn write(
        &self,
        batch: &[Arc<Evidence>],
        retention: Retention,
        now: u64,
    ) -> Result<Written, StoreError> {
        let (work, written) = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            let (count, size) = (batch.len() as u64, size_of(batch));
            let sql = "UPDATE yett_decision_head SET sequence = sequence + $1, bytes = bytes + $2 WHERE id = 1 \
                       RETURNING sequence, bytes";
            let rows = work.rows(sql, [Value::from(count), Value::from(size)]).await?;
            let head = rows.first().ok_or_else(damaged)?;
            let (last, mut held) = (head.number(0)?, head.number(1)?);
            let known = insert_all(&mut work, batch, last.saturating_sub(count)).await?;
            if known > 0 {
                held = held.saturating_sub(known);
                set_bytes(&mut work, held).await?;
            }
            let written = remove(&mut work, held, retention, now).await?;
            Ok((work, written))
        })
        .await?;
        work.commit(PATIENCE).await?;
        Ok(written)
    }
}

/// Inserts the records under the numbers after `before`; says how many bytes of them were there already.
async fn insert_all(work: &mut Work, batch: &[Arc<Evidence>], before: u64) -> Result<u64, StoreError> {
    let (mut sequence, mut known) = (before, 0);
    let (many, rest) = batch.split_at(batch.len() - batch.len() % TOGETHER);
    for some in many.chunks(TOGETHER).chain(rest.chunks(1)) {
        let sql = if some.len() == TOGETHER { &INSERT_MANY } else { &INSERT_ONE };
        let numbered = (sequence + 1..).zip(some);
        let all: Vec<Value> = numbered.flat_map(|(number, record)| values(number, record)).collect();
        let inserted = work.execute_all(sql, all).await?;
        sequence += some.len() as u64;
        let missing = (some.len() as u64).saturating_sub(inserted);
        // Of a batch that is written again all is there or nothing, so that the mean is exact.
        known += size_of(some) * missing / some.len() as u64;
    }
    Ok(known)
}

async fn set_bytes(work: &mut Work, bytes: u64) -> Result<(), StoreError> {
    let sql = "UPDATE yett_decision_head SET bytes = $1 WHERE id = 1";
    work.execute(sql, [Value::from(bytes)]).await.map(drop)
}

/// Removes the oldest records while there are too many bytes or they are too old.
async fn remove(
    work: &mut Work,
    mut held: u64,
    retention: Retention,
    now: u64,
) -> Result<Written, StoreError> {
    let age = u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX);
    let before = now.saturating_sub(age);
    let is_over = |held: u64, at: u64| held > retention.bytes || at < before;
    let (mut cut, mut removed) = (0, 0);
    'all: while removed < REMOVED {
        let oldest =
            "SELECT sequence, at, bytes FROM yett_decisions WHERE sequence > $1 ORDER BY sequence LIMIT $2";
        // In small pieces: a row as the driver has it takes two KiB. Mostly the first stays, and nothing more is asked.
        let many = if removed == 0 { 1 } else { LOOKED_AT };
        let rows = work.rows(oldest, [Value::from(cut), Value::from(many)]).await?;
        let last = (rows.len() as u64) < many;
        for row in rows {
            if !is_over(held, row.number(1)?) {
                break 'all;
            }
            cut = row.number(0)?;
            held = held.saturating_sub(row.number(2)?);
            removed += 1;
        }
        if last {
            break;
        }
    }
    if removed > 0 {
        work.execute("DELETE FROM yett_decisions WHERE sequence <= $1", [Value::from(cut)]).await?;
        set_bytes(work, held).await?;
    }
    Ok(Written { bytes: held, removed })
}
