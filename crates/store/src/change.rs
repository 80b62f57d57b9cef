//! What changes: each function is one transaction, with one row in the chain.

use std::time::Duration;

use credentials::{NewKey, Presented};

use crate::fault::StoreError;
use crate::link::{Value, damaged};
use crate::read::{find_application, find_key, keys_of};
use crate::records::{ApiKey, Application, KeyState, MAX_TTL, Status, check_name, check_scopes, check_text};
use crate::transaction::{Change, Changed};
use crate::{API_KEYS, APPLICATIONS, Store};

/// Longest overlap of a key and the one that takes its place.
const MAX_OVERLAP: Duration = Duration::from_secs(90 * 24 * 3600);

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewApiKey {
    /// Name or id of its application.
    pub application: String,
    /// What people call it; may be empty.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// How long it is good; `None` for as long as nobody revokes it.
    pub ttl: Option<Duration>,
}

impl Store {
    fn draw(&self) -> NewKey {
        NewKey::draw(|bytes| self.clock.fill(bytes))
    }

    /// Makes an application.
    ///
    /// # Errors
    /// When the name is taken or not good, there are too many, or the store cannot keep it.
    pub async fn create_application(
        &self,
        actor: &str,
        name: &str,
        owner: &str,
    ) -> Result<Changed<Application>, StoreError> {
        check_name(name)?;
        check_text("owner", owner, false)?;
        self.keep(async {
            let mut change = self.begin().await?;
            let there = change.count("SELECT COUNT(*) FROM yett_applications WHERE name = $1", name).await?;
            if there > 0 {
                let text = format!("there is an application `{name}` already: `yett app show {name}`");
                return Err(StoreError::Conflict(text));
            }
            let all = change.count("SELECT COUNT(*) FROM yett_applications WHERE name <> $1", name).await?;
            if all >= APPLICATIONS {
                let text = format!("there are {APPLICATIONS} applications already: delete some");
                return Err(StoreError::Conflict(text));
            }
            let application = Application {
                id: format!("app_{}", self.draw().id),
                name: name.to_owned(),
                owner: owner.to_owned(),
                status: Status::Active,
                created: change.now,
                changed: change.now,
            };
            let sql = "INSERT INTO yett_applications (id, name, owner, status, created_at, changed_at) \
                       VALUES ($1, $2, $3, 'active', $4, $4)";
            let values = [
                Value::from(application.id.as_str()),
                Value::from(name),
                Value::from(owner),
                Value::from(change.now),
            ];
            change.work.execute(sql, values).await?;
            let target = application.id.clone();
            let detail = format!("name={name} owner={owner}");
            self.finish(change, (actor, "application.create", &target), detail, application).await
        })
        .await
    }

    /// Suspends an application, or lets it call again. One that is so already stays so.
    ///
    /// # Errors
    /// When there is none, or the store cannot keep it.
    pub async fn set_status(
        &self,
        actor: &str,
        which: &str,
        status: Status,
    ) -> Result<Changed<Application>, StoreError> {
        self.keep(async {
            let mut change = self.begin().await?;
            let mut application = find_application(&mut change.work, which).await?;
            (application.status, application.changed) = (status, change.now);
            let sql = "UPDATE yett_applications SET status = $1, changed_at = $2 WHERE id = $3";
            let id = application.id.clone();
            let values = [Value::from(status.name()), Value::from(change.now), Value::from(id.as_str())];
            change.work.execute(sql, values).await?;
            let action = match status {
                Status::Active => "application.resume",
                Status::Suspended => "application.suspend",
            };
            self.finish(change, (actor, action, &id), format!("name={}", application.name), application).await
        })
        .await
    }

    /// Takes an application out, with its keys; one with keys that are good only when `with_keys` says so.
    ///
    /// # Errors
    /// When there is none, when keys of it are good, or the store cannot keep it.
    pub async fn delete_application(
        &self,
        actor: &str,
        which: &str,
        with_keys: bool,
    ) -> Result<Changed<Application>, StoreError> {
        self.keep(async {
            let mut change = self.begin().await?;
            let application = find_application(&mut change.work, which).await?;
            let keys = keys_of(&mut change.work, &application.id, None, API_KEYS).await?;
            let dead = |key: &&ApiKey| {
                key.revoked.is_some()
                    || key.expires.into_iter().chain(key.retires).min().is_some_and(|end| end <= change.now)
            };
            let good = keys.len() - keys.iter().filter(dead).count();
            if good > 0 && !with_keys {
                let name = &application.name;
                return Err(StoreError::Conflict(format!(
                    "`{name}` has {good} keys that are not over: revoke them, or write `yett app delete {name} --keys`"
                )));
            }
            let id = || Value::from(application.id.as_str());
            change.work.execute("DELETE FROM yett_api_keys WHERE application = $1", [id()]).await?;
            change.work.execute("DELETE FROM yett_applications WHERE id = $1", [id()]).await?;
            let detail = format!("name={} keys={}", application.name, keys.len());
            let target = application.id.clone();
            self.finish(change, (actor, "application.delete", &target), detail, application).await
        })
        .await
    }

    /// Makes a key. The key itself is in the answer, and nowhere else.
    ///
    /// # Errors
    /// When there is no such application, a word is not good, there are too many, or the store cannot keep it.
    pub async fn create_key(
        &self,
        actor: &str,
        new: &NewApiKey,
    ) -> Result<Changed<(ApiKey, NewKey)>, StoreError> {
        check_text("label", &new.label, true)?;
        check_scopes(&new.scopes)?;
        if new.ttl.is_some_and(|ttl| ttl.is_zero() || ttl > MAX_TTL) {
            return Err(StoreError::Invalid(String::from(
                "a key is good for at least 1s and at most 10 years",
            )));
        }
        self.keep(async {
            let mut change = self.begin().await?;
            let application = find_application(&mut change.work, &new.application).await?;
            let expires = new.ttl.map(|ttl| change.now.saturating_add(ttl.as_secs().max(1)));
            let made = self.insert(&mut change, &application, (&new.label, &new.scopes, expires)).await?;
            let detail = describe(&made.0);
            let target = made.0.id;
            self.finish(change, (actor, "key.create", target.as_str()), detail, made).await
        })
        .await
    }

    /// Makes a key that takes the place of another: same application, label and scopes, as long a life. The other stays good
    /// for `overlap`, and not for longer than it would have been.
    ///
    /// # Errors
    /// When there is no such key, it is over already, the overlap is too long, or the store cannot keep it.
    pub async fn rotate_key(
        &self,
        actor: &str,
        which: &str,
        overlap: Duration,
    ) -> Result<Changed<(ApiKey, NewKey)>, StoreError> {
        if overlap > MAX_OVERLAP {
            return Err(StoreError::Invalid(String::from("two keys overlap for at most 90d")));
        }
        self.keep(async {
            let mut change = self.begin().await?;
            let old = find_key(&mut change.work, which).await?;
            let state = old.state(change.now);
            if let Some(next) = old.replaced_by.filter(|_| state != KeyState::Revoked) {
                return Err(StoreError::Conflict(format!(
                    "the key `{}` was rotated already: rotate `{next}`, which took its place",
                    old.id
                )));
            }
            if matches!(state, KeyState::Revoked | KeyState::Expired) {
                return Err(StoreError::Conflict(format!(
                    "the key `{}` is {}: make a new one by `yett key create {}`",
                    old.id,
                    state.name(),
                    old.name
                )));
            }
            let application = find_application(&mut change.work, &old.application).await?;
            let life = old.expires.map(|end| end.saturating_sub(old.created));
            let expires = life.map(|life| change.now.saturating_add(life));
            let made = self.insert(&mut change, &application, (&old.label, &old.scopes, expires)).await?;
            let retires = change.now.saturating_add(overlap.as_secs());
            let sql = "UPDATE yett_api_keys SET retires_at = $1, replaced_by = $2 WHERE id = $3";
            let values =
                [Value::from(retires), Value::from(made.0.id.as_str()), Value::from(old.id.as_str())];
            change.work.execute(sql, values).await?;
            let detail = format!("{} by={} until={retires}", describe(&old), made.0.id);
            self.finish(change, (actor, "key.rotate", old.id.as_str()), detail, made).await
        })
        .await
    }

    /// Revokes a key. One that is revoked already stays so, and keeps the moment at which it was.
    ///
    /// # Errors
    /// When there is no such key, or the store cannot keep it.
    pub async fn revoke_key(&self, actor: &str, which: &str) -> Result<Changed<ApiKey>, StoreError> {
        self.keep(async {
            let mut change = self.begin().await?;
            let mut key = find_key(&mut change.work, which).await?;
            let at = *key.revoked.get_or_insert(change.now);
            let sql = "UPDATE yett_api_keys SET revoked_at = $1 WHERE id = $2";
            change.work.execute(sql, [Value::from(at), Value::from(key.id.as_str())]).await?;
            let (id, detail) = (key.id, describe(&key));
            self.finish(change, (actor, "key.revoke", id.as_str()), detail, key).await
        })
        .await
    }

    async fn insert(
        &self,
        change: &mut Change,
        application: &Application,
        (label, scopes, expires): (&str, &[String], Option<u64>),
    ) -> Result<(ApiKey, NewKey), StoreError> {
        change.forget().await?;
        let all = change.count("SELECT COUNT(*) FROM yett_api_keys WHERE id <> $1", "").await?;
        if all >= API_KEYS {
            return Err(StoreError::Conflict(format!(
                "there are {API_KEYS} keys already: delete applications"
            )));
        }
        let new = self.draw();
        let presented = Presented::parse(new.reveal().as_bytes()).map_err(|_| damaged())?;
        let hash = self.key.hash(&presented).to_hex();
        let sql = "INSERT INTO yett_api_keys (id, application, label, hash, scopes, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = [
            Value::from(new.id.as_str()),
            Value::from(application.id.as_str()),
            Value::from(label),
            Value::from(hash),
            Value::from(scopes.join(" ")),
            Value::from(change.now),
            Value::from(expires),
        ];
        change.work.execute(sql, values).await?;
        let key = ApiKey {
            id: new.id,
            application: application.id.clone(),
            name: application.name.clone(),
            status: application.status,
            label: label.to_owned(),
            scopes: scopes.to_vec(),
            created: change.now,
            expires,
            retires: None,
            replaced_by: None,
            revoked: None,
            last_used: None,
        };
        Ok((key, new))
    }
}

fn describe(key: &ApiKey) -> String {
    let end = |end: Option<u64>| end.map_or_else(|| String::from("never"), |end| end.to_string());
    format!("application={} scopes={} expires={}", key.application, key.scopes.join(","), end(key.expires))
}
