//! Both databases as one: transactions that take a text of SQL with `$1` and values, and give rows.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{PgPool, Postgres, Row as _, Sqlite, SqlitePool};
use tokio::time::timeout;

use crate::fault::StoreError;

/// A value that goes into a statement. What may be absent says of which type it would be: PostgreSQL wants to know.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::from(Some(number))
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        Self::Number(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

/// An open database.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// One transaction; dropped, it leaves no trace.
pub(crate) enum Work {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// One row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Link {
    /// Begins a transaction that changes something.
    pub(crate) async fn write(&self) -> Result<Work, StoreError> {
        Ok(match self {
            // Takes the lock at once: one that reads first and is overtaken could not go on.
            Self::Sqlite(pool) => Work::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Work::Postgres(pool.begin().await?),
        })
    }

    /// Begins a transaction that sees one moment only.
    pub(crate) async fn read(&self) -> Result<Work, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Work::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => {
                Work::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A statement with its values.
macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query
    }};
}

impl Work {
    /// Says how many rows it changed.
    pub(crate) async fn execute<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
    ) -> Result<u64, StoreError> {
        self.execute_all(sql, values.into()).await
    }

    /// The same with any number of values.
    pub(crate) async fn execute_all(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(work) => bound!(sql, values).execute(&mut **work).await?.rows_affected(),
            Self::Postgres(work) => bound!(sql, values).execute(&mut **work).await?.rows_affected(),
        })
    }

    pub(crate) async fn rows<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
    ) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Self::Sqlite(work) => {
                bound!(sql, values).fetch_all(&mut **work).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(work) => {
                bound!(sql, values).fetch_all(&mut **work).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Makes it lasting, within `patience`. An error here does not say that it is not, and neither does no answer.
    pub(crate) async fn commit(self, patience: Duration) -> Result<(), StoreError> {
        let done = match self {
            Self::Sqlite(work) => timeout(patience, work.commit()).await,
            Self::Postgres(work) => timeout(patience, work.commit()).await,
        };
        let Ok(done) = done else {
            return Err(StoreError::Unknown(String::from("it did not answer in time")));
        };
        done.map_err(|error| match StoreError::from(error) {
            // The database itself says that it did not.
            full @ StoreError::Full(_) => full,
            other => StoreError::Unknown(match other {
                StoreError::Unavailable(why) => why,
                other => other.to_string(),
            }),
        })
    }
}

impl Row {
    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<String>, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        })
    }

    pub(crate) fn maybe_number(&self, at: usize) -> Result<Option<u64>, StoreError> {
        let found: Option<i64> = match self {
            Self::Sqlite(row) => row.try_get(at)?,
            Self::Postgres(row) => row.try_get(at)?,
        };
        found.map(|number| u64::try_from(number).map_err(|_| damaged())).transpose()
    }

    pub(crate) fn text(&self, at: usize) -> Result<String, StoreError> {
        self.maybe_text(at)?.ok_or_else(damaged)
    }

    pub(crate) fn number(&self, at: usize) -> Result<u64, StoreError> {
        self.maybe_number(at)?.ok_or_else(damaged)
    }
}

/// What is said of content that this crate did not write.
pub(crate) fn damaged() -> StoreError {
    StoreError::Unfit(String::from(
        "the store holds a row that cannot be read: restore it from a backup, or find out who wrote it",
    ))
}
