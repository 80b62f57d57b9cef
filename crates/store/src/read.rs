//! What is read: applications, keys, and all that cores are handed.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::{Entry, Hash, KeyId, NEVER, Revoked, Table, Usage};

use crate::audit;
use crate::denied::Denied;
use crate::fault::StoreError;
use crate::link::{Value, Work, damaged};
use crate::records::{ApiKey, Application, Short, Status};
use crate::revocations::REVOKED;
use crate::{API_KEYS, Store};

/// The key behind which a list of keys goes on, whether it is still there or not: when it was made, and its id.
pub type Behind<'a> = (u64, &'a str);

/// Most changes of which only what is newer is read.
const NEWER: u64 = 1_000;

/// Before every key.
const NEWEST: Behind<'static> = (u64::MAX, "");

pub(crate) fn count(most: usize) -> Value {
    Value::from(u64::try_from(most).unwrap_or(u64::MAX))
}

/// The last change of a store. Two states of it are the same when number and seal are: where a backup was put back, or a replica
/// that had fallen behind took over, another change comes under a number that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first.
    pub sequence: u64,
    /// Its seal over itself and all changes before, in hexadecimal digits; empty before the first.
    pub seal: String,
}

impl Head {
    pub(crate) async fn read(work: &mut Work) -> Result<Self, StoreError> {
        let rows = work.rows("SELECT sequence, hash FROM yett_chain WHERE id = 1", []).await?;
        let row = rows.first().ok_or_else(damaged)?;
        Ok(Self { sequence: row.number(0)?, seal: row.text(1)? })
    }

    /// Whether a table is of this state.
    #[must_use]
    pub fn is_of(&self, table: &Table) -> bool {
        self.sequence == table.sequence() && self.seal == table.seal()
    }
}

/// All that cores are handed, as it was at one moment.
pub struct Contents {
    head: Head,
    /// The keys; or the table that has them, beside which `denied` is what is newer.
    keys: Result<Vec<Made>, Arc<Table>>,
    denied: Denied,
}

/// A key as it is kept.
type Made = (KeyId, Hash, ApiKey);

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys.as_ref().map_or_else(|table| table.len(), Vec::len);
        let mut shown = f.debug_struct("Contents");
        shown.field("head", &self.head).field("keys", &keys).field("whole", &self.is_whole());
        shown.field("denied", &self.denied.len()).finish()
    }
}

impl Contents {
    /// Number of the last change that is in it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.head.sequence
    }

    /// Whether it was read whole, and not only what is newer than what was known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.keys.is_ok()
    }

    /// What is newer than a table, where nothing else has changed than what is revoked, and not much of it; else all.
    pub(crate) async fn read(work: &mut Work, known: Option<&Arc<Table>>) -> Result<Self, StoreError> {
        let head = Head::read(work).await?;
        if let Some(table) = known
            && audit::only(work, table, REVOKED, NEWER).await?
        {
            let denied = Denied::newer(work, table.sequence()).await?;
            return Ok(Self { head, keys: Err(Arc::clone(table)), denied });
        }
        let sql = "SELECT k.id, k.application, a.name, a.status, k.label, k.scopes, k.created_at, k.expires_at, \
                   k.retires_at, k.replaced_by, k.revoked_at, k.last_used_at, k.hash \
                   FROM yett_api_keys k JOIN yett_applications a ON a.id = k.application LIMIT $1";
        let most = u64::try_from(API_KEYS).unwrap_or(u64::MAX).saturating_add(1);
        let rows = work.rows(sql, [Value::from(most)]).await?;
        if rows.len() > API_KEYS {
            return Err(StoreError::Unfit(format!("the store has more than {API_KEYS} keys")));
        }
        let key = |row| {
            let key = ApiKey::read(row)?;
            Ok((key.id, Hash::from_hex(&row.text(12)?).ok_or_else(damaged)?, key))
        };
        let keys: Result<Vec<_>, StoreError> = rows.iter().map(key).collect();
        Ok(Self { head, keys: Ok(keys?), denied: Denied::read(work).await? })
    }
}

impl Store {
    /// All that cores are handed: beside a table that is known, where there is one, only what is newer when that is enough.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn contents(&self, known: Option<&Arc<Table>>) -> Result<Contents, StoreError> {
        self.in_time(async { Contents::read(&mut self.link.read().await?, known).await }).await
    }

    /// The last change, wherever it came from.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head(&self) -> Result<Head, StoreError> {
        self.in_time(async { Head::read(&mut self.link.read().await?).await }).await
    }

    /// The table to be published. When keys were last used goes over from the table before.
    #[must_use]
    pub fn table(&self, contents: Contents, before: Option<&Table>) -> Table {
        let Contents { head, keys, denied } = contents;
        let now = self.clock.unix().seconds();
        match keys {
            Ok(keys) => {
                let table = self.table_of(keys, before, head.sequence);
                table.sealed(&head.seal).revoking(denied.beside(&Revoked::default(), now))
            }
            Err(known) => {
                let revoked = denied.beside(known.revoked(), now);
                known.after(head.sequence, &head.seal).revoking(revoked)
            }
        }
    }

    fn table_of(&self, made: Vec<Made>, before: Option<&Table>, sequence: u64) -> Table {
        let mut scopes: Vec<Box<str>> = Vec::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut names: HashMap<String, (Arc<str>, Arc<str>)> = HashMap::new();
        let mut keys = HashMap::with_capacity(made.len());
        for (id, hash, key) in made {
            let mut number = |scope: String| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(scope).or_insert_with_key(|scope| {
                    scopes.push(scope.as_str().into());
                    next
                })
            };
            let own: Box<[u32]> = key.scopes.into_iter().map(&mut number).collect();
            let (application, name) = names
                .entry(key.application.clone())
                .or_insert_with(|| (key.application.as_str().into(), key.name.as_str().into()))
                .clone();
            let known = before.and_then(|table| table.get(&id)).map(|entry| Arc::clone(&entry.usage));
            let entry = Entry {
                hash,
                application,
                name,
                scopes: own,
                until: key.expires.into_iter().chain(key.retires).min().unwrap_or(NEVER),
                replaced: key.retires.is_some(),
                revoked: key.revoked.is_some(),
                suspended: key.status == Status::Suspended,
                usage: known.unwrap_or_else(|| Arc::new(Usage::since(key.last_used.unwrap_or(0)))),
            };
            keys.insert(id, entry);
        }
        Table::new(Arc::clone(&self.key), sequence, scopes, keys)
    }

    /// The applications behind a name, by name, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn applications(
        &self,
        behind: Option<&str>,
        most: usize,
    ) -> Result<Vec<Application>, StoreError> {
        let sql = "SELECT id, name, owner, status, created_at, changed_at FROM yett_applications \
                   WHERE name > $1 ORDER BY name LIMIT $2";
        let values = [Value::from(behind.unwrap_or_default()), count(most)];
        self.in_time(async {
            self.link.read().await?.rows(sql, values).await?.iter().map(Application::read).collect()
        })
        .await
    }

    /// The keys of all applications behind one, the newest first, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn keys(&self, behind: Option<Behind<'_>>, most: usize) -> Result<Vec<ApiKey>, StoreError> {
        let sql = "SELECT k.id, k.application, a.name, a.status, k.label, k.scopes, k.created_at, k.expires_at, \
                   k.retires_at, k.replaced_by, k.revoked_at, k.last_used_at \
                   FROM yett_api_keys k JOIN yett_applications a ON a.id = k.application \
                   WHERE k.created_at < $1 OR (k.created_at = $1 AND k.id > $2) \
                   ORDER BY k.created_at DESC, k.id LIMIT $3";
        let (created, id) = behind.unwrap_or(NEWEST);
        let values = [Value::from(created), Value::from(id), count(most)];
        self.in_time(async {
            self.link.read().await?.rows(sql, values).await?.iter().map(ApiKey::read).collect()
        })
        .await
    }

    /// One application, by name or id, with its keys behind one, the newest first, at most so many.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub async fn application(
        &self,
        which: &str,
        behind: Option<Behind<'_>>,
        most: usize,
    ) -> Result<(Application, Vec<ApiKey>), StoreError> {
        self.in_time(async {
            let mut work = self.link.read().await?;
            let application = find_application(&mut work, which).await?;
            let keys = keys_of(&mut work, &application.id, behind, most).await?;
            Ok((application, keys))
        })
        .await
    }
}

pub(crate) async fn find_application(work: &mut Work, which: &str) -> Result<Application, StoreError> {
    // A name never begins as an id does.
    let sql = "SELECT id, name, owner, status, created_at, changed_at FROM yett_applications \
               WHERE id = $1 OR name = $1";
    let rows = work.rows(sql, [Value::from(which)]).await?;
    match rows.first() {
        Some(row) => Application::read(row),
        None => Err(StoreError::Missing(format!(
            "there is no application `{}`: `yett app list` shows all, `yett app create` makes one",
            Short(which)
        ))),
    }
}

pub(crate) async fn find_key(work: &mut Work, which: &str) -> Result<ApiKey, StoreError> {
    let missing = || {
        StoreError::Missing(format!(
            "there is no key `{}`: `yett key list` shows the ids of all",
            // Somebody may have written the whole key.
            Short(which.get(..which.len().min(17)).unwrap_or_default())
        ))
    };
    let id = credentials::public_id(which).ok_or_else(missing)?;
    let sql = "SELECT k.id, k.application, a.name, a.status, k.label, k.scopes, k.created_at, k.expires_at, \
               k.retires_at, k.replaced_by, k.revoked_at, k.last_used_at \
               FROM yett_api_keys k JOIN yett_applications a ON a.id = k.application WHERE k.id = $1";
    let rows = work.rows(sql, [Value::from(id.as_str())]).await?;
    rows.first().map(ApiKey::read).transpose()?.ok_or_else(missing)
}

pub(crate) async fn keys_of(
    work: &mut Work,
    application: &str,
    behind: Option<Behind<'_>>,
    most: usize,
) -> Result<Vec<ApiKey>, StoreError> {
    let sql = "SELECT k.id, k.application, a.name, a.status, k.label, k.scopes, k.created_at, k.expires_at, \
               k.retires_at, k.replaced_by, k.revoked_at, k.last_used_at \
               FROM yett_api_keys k JOIN yett_applications a ON a.id = k.application \
               WHERE k.application = $1 AND (k.created_at < $2 OR (k.created_at = $2 AND k.id > $3)) \
               ORDER BY k.created_at DESC, k.id LIMIT $4";
    let (created, id) = behind.unwrap_or(NEWEST);
    let values = [Value::from(application), Value::from(created), Value::from(id), count(most)];
    work.rows(sql, values).await?.iter().map(ApiKey::read).collect()
}
