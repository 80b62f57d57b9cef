//! Dead letters: what was given up, kept to be looked at and put back.

use super::{Notice, Spool};
use crate::fault::StoreError;
use crate::link::{Row, Value, damaged};
use crate::{PATIENCE, in_time};

/// Dead letters that are removed at one time at most.
const REMOVED: u64 = 1_000;

/// A notice that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// The notice.
    pub notice: Notice,
    /// Names the event.
    pub id: String,
    /// When it was given up, in milliseconds since 1970.
    pub dead: u64,
    /// Why.
    pub why: String,
    /// What was to be sent.
    pub body: String,
}

impl Dead {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            notice: Notice::read(row)?,
            id: row.text(7)?,
            dead: row.number(8)?,
            why: row.text(9)?,
            body: row.text(10)?,
        })
    }
}

/// How many notices there are for a sink and what they take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owed {
    /// The sink.
    pub sink: String,
    /// Dead letters.
    pub dead: u64,
    /// Their bytes.
    pub dead_bytes: u64,
}

impl Spool {
    /// A page of dead letters after a number, the oldest first: of one sink, or of all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn dead(&self, sink: Option<&str>, after: u64, most: u64) -> Result<Vec<Dead>, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let sql = "SELECT sequence, sink, actor, at, tries, sent, bytes, id, dead, why, body FROM yett_notices \
                       WHERE dead > 0 AND sequence > $1 AND ($2 IS NULL OR sink = $2) ORDER BY sequence LIMIT $3";
            let sink = Value::Text(sink.map(str::to_owned));
            let rows = work.rows(sql, [Value::from(after), sink, Value::from(most)]).await?;
            rows.iter().map(Dead::read).collect()
        })
        .await
    }

    /// How many dead letters there are, by sink.
    ///
    /// # Errors
    /// When they cannot be counted.
    pub async fn owed(&self) -> Result<Vec<Owed>, StoreError> {
        in_time(PATIENCE, async {
            let mut work = self.link.read().await?;
            let sql = "SELECT sink, COUNT(*), SUM(bytes) FROM yett_notices WHERE dead > 0 GROUP BY sink";
            let rows = work.rows(sql, []).await?;
            let owed =
                |row: &Row| Ok(Owed { sink: row.text(0)?, dead: row.number(1)?, dead_bytes: row.number(2)? });
            rows.iter().map(owed).collect()
        })
        .await
    }

    /// Removes the oldest dead letters of a sink while they take more than `most` bytes; says how many are left, and what they take.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub async fn bury(&self, sink: &str, most: u64) -> Result<Owed, StoreError> {
        loop {
            let (work, owed, removed) = in_time(PATIENCE, async {
                let mut work = self.link.write().await?;
                let sql =
                    "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM yett_notices WHERE dead > 0 AND sink = $1";
                let rows = work.rows(sql, [Value::from(sink)]).await?;
                let sum = rows.first().ok_or_else(damaged)?;
                let mut owed =
                    Owed { sink: sink.to_owned(), dead: sum.number(0)?, dead_bytes: sum.number(1)? };
                let mut cut = None;
                if owed.dead_bytes > most {
                    let sql = "SELECT sequence, bytes FROM yett_notices WHERE dead > 0 AND sink = $1 \
                               ORDER BY sequence LIMIT $2";
                    for row in work.rows(sql, [Value::from(sink), Value::from(REMOVED)]).await? {
                        if owed.dead_bytes <= most {
                            break;
                        }
                        cut = Some(row.number(0)?);
                        owed.dead -= 1;
                        owed.dead_bytes = owed.dead_bytes.saturating_sub(row.number(1)?);
                    }
                }
                if let Some(cut) = cut {
                    let sql = "DELETE FROM yett_notices WHERE dead > 0 AND sink = $1 AND sequence <= $2";
                    work.execute(sql, [Value::from(sink), Value::from(cut)]).await?;
                }
                Ok((work, owed, cut.is_some()))
            })
            .await?;
            work.commit(PATIENCE).await?;
            if !removed || owed.dead_bytes <= most {
                return Ok(owed);
            }
        }
    }

    /// Puts dead letters of a sink back, the oldest first, as many as fit into `room` bytes, as if they had come at `at`: all, or the
    /// one of an event. Gives what waits again.
    ///
    /// # Errors
    /// When that cannot be kept: then nothing of it was.
    pub async fn revive(
        &self,
        sink: &str,
        id: Option<&str>,
        (room, at): (u64, u64),
    ) -> Result<Vec<Notice>, StoreError> {
        let (work, revived) = in_time(PATIENCE, async {
            let mut work = self.link.write().await?;
            let sql = "SELECT sequence, sink, actor, at, tries, sent, bytes FROM yett_notices \
                       WHERE dead > 0 AND sink = $1 AND ($2 IS NULL OR id = $2) ORDER BY sequence LIMIT $3";
            let id = Value::Text(id.map(str::to_owned));
            let rows = work.rows(sql, [Value::from(sink), id, Value::from(REMOVED)]).await?;
            let (mut revived, mut left) = (Vec::new(), room);
            for row in &rows {
                let notice = Notice::read(row)?;
                let Some(rest) = left.checked_sub(notice.bytes) else { break };
                left = rest;
                let sql =
                    "UPDATE yett_notices SET dead = 0, why = '', tries = 0, at = $2 WHERE sequence = $1";
                work.execute(sql, [Value::from(notice.sequence), Value::from(at)]).await?;
                revived.push(Notice { tries: 0, at, ..notice });
            }
            Ok((work, revived))
        })
        .await?;
        work.commit(PATIENCE).await?;
        Ok(revived)
    }
}
