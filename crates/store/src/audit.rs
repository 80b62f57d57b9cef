//! The chain of changes: each row is sealed over the row before it, with the key that is not in the store.

use credentials::{HashKey, Table};

use crate::Store;
use crate::fault::StoreError;
use crate::link::{Row, Value, Work};

/// Rows that are read at one time.
const BATCH: u64 = 1_000;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub sequence: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Who asked.
    pub actor: String,
    /// What was done, as in `key.revoke`.
    pub action: String,
    /// To what: the id of an application or of a key.
    pub target: String,
    /// How, as `name=value` with spaces between.
    pub detail: String,
    /// Seal over all of this and the row before, in hexadecimal digits.
    pub hash: String,
}

impl AuditRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: row.number(0)?,
            at: row.number(1)?,
            actor: row.text(2)?,
            action: row.text(3)?,
            target: row.text(4)?,
            detail: row.text(5)?,
            hash: row.text(6)?,
        })
    }

    fn seal(&self, key: &HashKey, before: &str) -> String {
        let (sequence, at) = (self.sequence.to_be_bytes(), self.at.to_be_bytes());
        let words = [&self.actor, &self.action, &self.target, &self.detail];
        let mut parts: Vec<&[u8]> = vec![before.as_bytes(), &sequence, &at];
        parts.extend(words.iter().map(|word| word.as_bytes()));
        key.seal("audit", &parts).to_hex()
    }
}

/// What became of looking at the whole chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is whole, and has so many rows.
    Whole(u64),
    /// This row, or the end of the chain, is not what was written.
    Broken(u64),
}

/// The number and the hash of the row before: locks the chain until the transaction ends.
pub(crate) async fn lock(work: &mut Work) -> Result<(u64, String), StoreError> {
    let sql = "UPDATE yett_chain SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence, hash";
    let rows = work.rows(sql, []).await?;
    let row = rows.first().ok_or_else(crate::link::damaged)?;
    Ok((row.number(0)?, row.text(1)?))
}

/// Writes the row of a change.
pub(crate) async fn append(
    work: &mut Work,
    key: &HashKey,
    before: &str,
    mut row: AuditRow,
) -> Result<(), StoreError> {
    row.hash = row.seal(key, before);
    work.execute("UPDATE yett_chain SET hash = $1 WHERE id = 1", [Value::from(row.hash.as_str())]).await?;
    let sql = "INSERT INTO yett_audit (sequence, at, actor, action, target, detail, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = [
        Value::from(row.sequence),
        Value::from(row.at),
        Value::from(row.actor),
        Value::from(row.action),
        Value::from(row.target),
        Value::from(row.detail),
        Value::from(row.hash),
    ];
    work.execute(sql, values).await.map(drop)
}

/// Whether all changes behind the one that a table is of are of one kind, and at most so many. Not so where another history has come
/// in the place of the one that the table is of.
pub(crate) async fn only(
    work: &mut Work,
    table: &Table,
    action: &str,
    most: u64,
) -> Result<bool, StoreError> {
    let sql = "SELECT sequence, hash, action FROM yett_audit WHERE sequence >= $1 ORDER BY sequence LIMIT $2";
    let rows = work.rows(sql, [Value::from(table.sequence()), Value::from(most.saturating_add(2))]).await?;
    let Some((first, rest)) = rows.split_first() else { return Ok(false) };
    if first.number(0)? != table.sequence() || first.text(1)? != table.seal() {
        return Ok(false);
    }
    let mut last = table.sequence();
    for row in rest {
        last += 1;
        if row.number(0)? != last || row.text(2)? != action {
            return Ok(false);
        }
    }
    Ok(last - table.sequence() <= most)
}

async fn page(work: &mut Work, after: u64, most: u64) -> Result<Vec<AuditRow>, StoreError> {
    let sql = "SELECT sequence, at, actor, action, target, detail, hash FROM yett_audit \
               WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    work.rows(sql, [Value::from(after), Value::from(most)]).await?.iter().map(AuditRow::read).collect()
}

impl Store {
    /// The changes after a number, the oldest first, at most `most` of them and 1,000.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit(&self, after: u64, most: u64) -> Result<Vec<AuditRow>, StoreError> {
        self.in_time(async { page(&mut self.link.read().await?, after, most.min(BATCH)).await }).await
    }

    /// Looks at every row of the chain, [`BATCH`] of them at a time: each of these has its time, however long the chain is.
    ///
    /// # Errors
    /// When the store cannot be read. A chain that is broken is an answer.
    pub async fn verify_audit(&self) -> Result<Verified, StoreError> {
        let mut work = self.in_time(self.link.read()).await?;
        let (mut last, mut before) = (0, String::new());
        loop {
            let rows = self.in_time(page(&mut work, last, BATCH)).await?;
            for row in &rows {
                if row.sequence != last + 1 || row.hash != row.seal(&self.key, &before) {
                    return Ok(Verified::Broken(last + 1));
                }
                last = row.sequence;
                before.clone_from(&row.hash);
            }
            if rows.is_empty() {
                break;
            }
        }
        let sql = "SELECT sequence, hash FROM yett_chain WHERE id = 1";
        let head = self.in_time(work.rows(sql, [])).await?;
        let whole = match head.first() {
            Some(row) => row.number(0)? == last && row.text(1)? == before,
            None => false,
        };
        Ok(if whole { Verified::Whole(last) } else { Verified::Broken(last + 1) })
    }
}
