//! How a change is made: one transaction that takes the lock of the chain, does its work in time, and is kept.

use std::sync::Arc;

use credentials::Table;

use crate::audit::{self, AuditRow};
use crate::fault::StoreError;
use crate::link::{Value, Work, damaged};
use crate::read::Contents;
use crate::{REMEMBERED, Store};

/// What a change came to, and all that cores are to be handed since.
#[derive(Debug)]
pub struct Changed<T> {
    /// What it came to.
    pub value: T,
    /// What holds now.
    pub contents: Contents,
}

/// A transaction that holds the lock of the chain.
pub(crate) struct Change {
    pub(crate) work: Work,
    pub(crate) now: u64,
    /// Its number.
    pub(crate) sequence: u64,
    before: String,
    known: Option<Arc<Table>>,
}

/// A change with all of its work done: there is only left to keep it.
pub(crate) struct Ready<T> {
    work: Work,
    changed: Changed<T>,
}

impl Store {
    pub(crate) async fn begin(&self) -> Result<Change, StoreError> {
        let mut work = self.link.write().await?;
        let (sequence, before) = audit::lock(&mut work).await?;
        Ok(Change { work, sequence, before, now: self.clock.unix().seconds(), known: None })
    }

    /// Writes the row of a change.
    pub(crate) async fn finish<T>(
        &self,
        change: Change,
        (actor, action, target): (&str, &str, &str),
        detail: String,
        value: T,
    ) -> Result<Ready<T>, StoreError> {
        let Change { mut work, sequence, before, now, known } = change;
        let row = AuditRow {
            sequence,
            at: now,
            actor: actor.to_owned(),
            action: action.to_owned(),
            target: target.to_owned(),
            detail,
            hash: String::new(),
        };
        audit::append(&mut work, &self.key, &before, row).await?;
        // Read before it is kept: what takes effect is what is acknowledged, and nothing can fail between the two.
        let contents = Contents::read(&mut work, known.as_ref()).await?;
        Ok(Ready { work, changed: Changed { value, contents } })
    }

    /// Does a change and keeps it. What takes too long before it is kept leaves no trace; while it is kept, nobody knows.
    pub(crate) fn keep<T>(
        &self,
        change: impl Future<Output = Result<Ready<T>, StoreError>>,
    ) -> impl Future<Output = Result<Changed<T>, StoreError>> {
        let ready = self.in_time(change);
        let patience = self.patience;
        async move {
            let Ready { work, changed } = ready.await?;
            work.commit(patience).await?;
            Ok(changed)
        }
    }

    /// The same of a change that may turn out to be none, and then leaves no trace.
    pub(crate) async fn keep_any<T>(
        &self,
        change: impl Future<Output = Result<Option<Ready<T>>, StoreError>>,
    ) -> Result<Option<Changed<T>>, StoreError> {
        let Some(ready) = self.in_time(change).await? else { return Ok(None) };
        self.keep(async { Ok(ready) }).await.map(Some)
    }
}

impl Change {
    /// Hands over, of what a table knows, only what is newer, where that can be told.
    pub(crate) fn since(self, known: Option<&Arc<Table>>) -> Self {
        Self { known: known.map(Arc::clone), ..self }
    }

    pub(crate) async fn count(&mut self, sql: &'static str, value: &str) -> Result<usize, StoreError> {
        let rows = self.work.rows(sql, [Value::from(value)]).await?;
        let count = rows.first().ok_or_else(damaged)?.number(0)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Takes out keys that have been over for long: unknown keys are refused as well.
    pub(crate) async fn forget(&mut self) -> Result<(), StoreError> {
        let sql = "DELETE FROM yett_api_keys WHERE revoked_at < $1 OR expires_at < $1 OR retires_at < $1";
        let before = self.now.saturating_sub(REMEMBERED.as_secs());
        self.work.execute(sql, [Value::from(before)]).await.map(drop)
    }
}
