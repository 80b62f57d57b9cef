//! The denylist as cores are handed it: all of it, or what is newer than what they know.

use credentials::{Kind, Revoked, Rule};
use engine::bounds;

use crate::fault::StoreError;
use crate::link::{Row, Value, Work, damaged};
use crate::read::count;

/// All that cores are to know, as rows say it; or what is newer of it.
#[derive(Debug)]
pub(crate) struct Denied(Vec<(Kind, String, String, Rule)>);

impl Denied {
    /// What was written by the changes behind one.
    pub(crate) async fn newer(work: &mut Work, sequence: u64) -> Result<Self, StoreError> {
        let sql =
            "SELECT kind, issuer, value, before_at, expires_at FROM yett_revocations WHERE sequence > $1";
        Self::of(&work.rows(sql, [Value::from(sequence)]).await?)
    }

    pub(crate) async fn read(work: &mut Work) -> Result<Self, StoreError> {
        let sql = "SELECT kind, issuer, value, before_at, expires_at FROM yett_revocations LIMIT $1";
        let rows = work.rows(sql, [count(bounds::DENIED + 1)]).await?;
        if rows.len() > bounds::DENIED {
            return Err(StoreError::Unfit(format!("the store has more than {} revocations", bounds::DENIED)));
        }
        Self::of(&rows)
    }

    fn of(rows: &[Row]) -> Result<Self, StoreError> {
        let read = |row: &Row| {
            let kind = Kind::parse(&row.text(0)?).ok_or_else(damaged)?;
            let rule = Rule { before: row.maybe_number(3)?, until: row.number(4)? };
            Ok((kind, row.text(1)?, row.text(2)?, rule))
        };
        rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>().map(Self)
    }

    /// As cores look them up, beside what they know already.
    pub(crate) fn beside(&self, known: &Revoked, now: u64) -> Revoked {
        let mut all = known.clone();
        for (kind, issuer, value, rule) in &self.0 {
            all.insert(*kind, (issuer, value), *rule);
        }
        all.settle(now);
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
