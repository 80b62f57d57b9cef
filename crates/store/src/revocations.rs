//! The denylist: what was revoked of the tokens of others, each until it is forgotten.

use std::sync::Arc;
use std::time::Duration;

use credentials::{Kind, NewKey, Table};
use engine::bounds;

use crate::Store;
use crate::fault::StoreError;
use crate::link::{Row, Value, Work, damaged};
use crate::read::{Behind, count};
use crate::records::{MAX_TTL, Short, check_text};
use crate::transaction::{Change, Changed};

/// What a change is called that revokes something, in the chain.
pub(crate) const REVOKED: &str = "revocation.add";
/// Longest issuer and longest value, in bytes: as long as a claim of a token that is taken.
const CLAIM: usize = 1024;
/// Before every entry.
const NEWEST: Behind<'static> = (u64::MAX, "");

/// What is to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevocation {
    /// By what.
    pub kind: Kind,
    /// `iss` of the tokens; empty for [`Kind::Digest`].
    pub issuer: String,
    /// Which: `jti`, digest, `sub`, `sid` or `client_id`; empty for [`Kind::Issuer`].
    pub value: String,
    /// Only tokens that were issued in this second or before it, where it is written.
    pub before: Option<u64>,
    /// Why, for people; may be empty.
    pub reason: String,
    /// After how long it is forgotten: not before the last of the tokens has ended.
    pub lasts: Duration,
}

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// `rev_` and letters and digits.
    pub id: String,
    /// By what.
    pub kind: Kind,
    /// `iss` of the tokens; empty for [`Kind::Digest`].
    pub issuer: String,
    /// Which; empty for [`Kind::Issuer`].
    pub value: String,
    /// Only tokens that were issued in this second or before it; `None` for all.
    pub before: Option<u64>,
    /// Why, for people; may be empty.
    pub reason: String,
    /// When, in seconds since 1970.
    pub created: u64,
    /// First second at which it is forgotten.
    pub expires: u64,
    /// When it was said last, here or at another gateway, in µs since 1970.
    pub said: u64,
}

impl Revocation {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text(0)?,
            kind: Kind::parse(&row.text(1)?).ok_or_else(damaged)?,
            issuer: row.text(2)?,
            value: row.text(3)?,
            before: row.maybe_number(4)?,
            reason: row.text(5)?,
            created: row.number(6)?,
            expires: row.number(7)?,
            said: row.number(8)?,
        })
    }

    /// Whether it takes out all that another one does.
    pub(crate) fn says(&self, before: Option<u64>, until: u64) -> bool {
        let earlier = match (self.before, before) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => other <= own,
        };
        earlier && until <= self.expires
    }

    pub(crate) fn describe(&self) -> String {
        let before = self.before.map_or_else(|| String::from("all"), |before| before.to_string());
        format!(
            "kind={} issuer={} value={} before={before} until={} reason={}",
            self.kind.name(),
            self.issuer,
            self.value,
            self.expires,
            self.reason
        )
    }

    /// Takes in what is revoked once more: what either of the two takes out, for as long as the longer of them.
    fn widen(&mut self, new: &NewRevocation, until: u64, said: u64) {
        self.before = self.before.zip(new.before).map(|(one, other)| one.max(other));
        self.expires = self.expires.max(until);
        self.said = self.said.max(said);
        self.reason.clone_from(&new.reason);
    }
}

/// A security event that is to take effect once, at whichever gateway of the store it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// SHA-256 of who sent it and of its `jti`, in hexadecimal digits.
    pub digest: String,
    /// First second at which it would not be taken any more.
    pub until: u64,
}

impl Store {
    /// Revokes something. What is revoked already is so for as long as the longer of the two says. Beside a table that is known,
    /// only what is newer is handed over, where that is enough.
    ///
    /// # Errors
    /// When it is not well-formed, the list is full, or the store cannot keep it.
    pub async fn revoke(
        &self,
        actor: &str,
        new: &NewRevocation,
        known: Option<&Arc<Table>>,
    ) -> Result<Changed<Revocation>, StoreError> {
        check(new)?;
        self.keep(async {
            let mut change = self.begin().await?.since(known);
            change.forget_revocations().await?;
            let kept = self.put(&mut change, new, None).await?;
            let (target, detail) = (kept.id.clone(), kept.describe());
            self.finish(change, (actor, REVOKED, &target), detail, kept).await
        })
        .await
    }

    /// Revokes all that an event says, or nothing of it; `None` where the event has taken effect before.
    ///
    /// # Errors
    /// As [`Store::revoke`].
    pub async fn revoke_once(
        &self,
        actor: &str,
        (new, once): (&[NewRevocation], &Once),
        known: Option<&Arc<Table>>,
    ) -> Result<Option<Changed<Vec<Revocation>>>, StoreError> {
        new.iter().try_for_each(check)?;
        self.keep_any(async {
            let mut change = self.begin().await?.since(known);
            if !change.enter_event(once).await? {
                return Ok(None);
            }
            change.forget_revocations().await?;
            let mut kept = Vec::with_capacity(new.len());
            for new in new {
                kept.push(self.put(&mut change, new, None).await?);
            }
            let join = |words: Vec<String>, between| words.join(between);
            let target = join(kept.iter().map(|one| one.id.clone()).collect(), " ");
            let detail = join(kept.iter().map(Revocation::describe).collect(), "; ");
            self.finish(change, (actor, REVOKED, &target), detail, kept).await.map(Some)
        })
        .await
    }

    /// Enters what is said now, or was said elsewhere at a moment (in µs since 1970).
    pub(crate) async fn put(
        &self,
        change: &mut Change,
        new: &NewRevocation,
        said: Option<u64>,
    ) -> Result<Revocation, StoreError> {
        let until = change.now.saturating_add(new.lasts.as_secs());
        let said = said.unwrap_or_else(|| self.clock.unix().0 / 1_000);
        let Some(mut known) = find(&mut change.work, new).await? else {
            return self.enter(change, new, (until, said)).await;
        };
        known.widen(new, until, said);
        let sql = "UPDATE yett_revocations SET before_at = $1, expires_at = $2, reason = $3, sequence = $4, said_at = $5 \
                   WHERE id = $6";
        let values = [
            Value::from(known.before),
            Value::from(known.expires),
            Value::from(known.reason.as_str()),
            Value::from(change.sequence),
            Value::from(known.said),
            Value::from(known.id.as_str()),
        ];
        change.work.execute(sql, values).await?;
        Ok(known)
    }

    async fn enter(
        &self,
        change: &mut Change,
        new: &NewRevocation,
        (until, said): (u64, u64),
    ) -> Result<Revocation, StoreError> {
        let all = change.count("SELECT COUNT(*) FROM yett_revocations WHERE id <> $1", "").await?;
        if all >= bounds::DENIED {
            return Err(StoreError::Conflict(format!(
                "there are {} revocations already, and nothing more can be revoked until some are forgotten or undone: \
                 `yett revocations list` shows them; all of a subject, an application or an issuer is one",
                bounds::DENIED
            )));
        }
        let made = Revocation {
            id: format!("rev_{}", NewKey::draw(|bytes| self.clock.fill(bytes)).id),
            kind: new.kind,
            issuer: new.issuer.clone(),
            value: new.value.clone(),
            before: new.before,
            reason: new.reason.clone(),
            created: change.now,
            expires: until,
            said,
        };
        let sql = "INSERT INTO yett_revocations (id, kind, issuer, value, before_at, reason, created_at, expires_at, \
                   sequence, said_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let values = [
            Value::from(made.id.as_str()),
            Value::from(made.kind.name()),
            Value::from(made.issuer.as_str()),
            Value::from(made.value.as_str()),
            Value::from(made.before),
            Value::from(made.reason.as_str()),
            Value::from(made.created),
            Value::from(made.expires),
            Value::from(change.sequence),
            Value::from(made.said),
        ];
        change.work.execute(sql, values).await?;
        Ok(made)
    }

    /// Takes a revocation back: what it took out is good again, where nothing else took it out.
    ///
    /// # Errors
    /// When there is none of this id, or the store cannot keep it.
    pub async fn undo_revocation(&self, actor: &str, id: &str) -> Result<Changed<Revocation>, StoreError> {
        self.keep(async {
            let mut change = self.begin().await?;
            change.forget_revocations().await?;
            let sql = "SELECT id, kind, issuer, value, before_at, reason, created_at, expires_at, said_at \
                       FROM yett_revocations WHERE id = $1";
            let rows = change.work.rows(sql, [Value::from(id)]).await?;
            let Some(row) = rows.first() else {
                return Err(StoreError::Missing(format!(
                    "there is no revocation `{}`: `yett revocations list` shows all",
                    Short(id)
                )));
            };
            let gone = Revocation::read(row)?;
            change.work.execute("DELETE FROM yett_revocations WHERE id = $1", [Value::from(id)]).await?;
            let (target, detail) = (gone.id.clone(), gone.describe());
            self.finish(change, (actor, "revocation.undo", &target), detail, gone).await
        })
        .await
    }

    /// What is revoked, behind one, the newest first, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revocations(
        &self,
        behind: Option<Behind<'_>>,
        most: usize,
    ) -> Result<Vec<Revocation>, StoreError> {
        let sql = "SELECT id, kind, issuer, value, before_at, reason, created_at, expires_at, said_at \
                   FROM yett_revocations \
                   WHERE expires_at > $1 AND (created_at < $2 OR (created_at = $2 AND id > $3)) \
                   ORDER BY created_at DESC, id LIMIT $4";
        let (created, id) = behind.unwrap_or(NEWEST);
        let now = self.clock.unix().seconds();
        let values = [Value::from(now), Value::from(created), Value::from(id), count(most)];
        self.in_time(async {
            self.link.read().await?.rows(sql, values).await?.iter().map(Revocation::read).collect()
        })
        .await
    }
}

impl Change {
    /// Enters an event; false for one that is there. When there are too many, those give way that end first: what an event revokes
    /// is the same however often it comes, but for what was undone by hand since.
    async fn enter_event(&mut self, once: &Once) -> Result<bool, StoreError> {
        let over = "DELETE FROM yett_events WHERE expires_at <= $1";
        self.work.execute(over, [Value::from(self.now)]).await?;
        let sql =
            "INSERT INTO yett_events (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
        let values = [Value::from(once.digest.as_str()), Value::from(once.until)];
        if self.work.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        let all = self.count("SELECT COUNT(*) FROM yett_events WHERE digest <> $1", "").await?;
        let sql = "DELETE FROM yett_events WHERE digest IN (SELECT digest FROM yett_events WHERE digest <> $1 \
                   ORDER BY expires_at, digest LIMIT $2)";
        if let Some(excess) = all.checked_sub(bounds::EVENTS).filter(|excess| *excess > 0) {
            self.work.execute(sql, [Value::from(once.digest.as_str()), count(excess)]).await?;
        }
        Ok(true)
    }

    /// Takes out what is over: the tokens that it took out have ended.
    pub(crate) async fn forget_revocations(&mut self) -> Result<(), StoreError> {
        let sql = "DELETE FROM yett_revocations WHERE expires_at <= $1";
        self.work.execute(sql, [Value::from(self.now)]).await.map(drop)
    }
}

pub(crate) async fn find(work: &mut Work, new: &NewRevocation) -> Result<Option<Revocation>, StoreError> {
    let sql = "SELECT id, kind, issuer, value, before_at, reason, created_at, expires_at, said_at FROM yett_revocations \
               WHERE kind = $1 AND issuer = $2 AND value = $3";
    let values =
        [Value::from(new.kind.name()), Value::from(new.issuer.as_str()), Value::from(new.value.as_str())];
    work.rows(sql, values).await?.first().map(Revocation::read).transpose()
}

pub(crate) fn check(new: &NewRevocation) -> Result<(), StoreError> {
    let invalid = |text: String| Err(StoreError::Invalid(text));
    let claim = |text: &str| (1..=CLAIM).contains(&text.len()) && !text.chars().any(char::is_control);
    let (wants_issuer, wants_value) = (new.kind != Kind::Digest, new.kind != Kind::Issuer);
    if wants_issuer != claim(&new.issuer) || (!wants_issuer && !new.issuer.is_empty()) {
        return invalid(format!(
            "`{}` is not an issuer: it has 1 to {CLAIM} bytes and no control characters",
            Short(&new.issuer)
        ));
    }
    if wants_value != claim(&new.value) || (!wants_value && !new.value.is_empty()) {
        return invalid(format!(
            "`{}` is not a {}: it has 1 to {CLAIM} bytes and no control characters",
            Short(&new.value),
            new.kind.name()
        ));
    }
    if new.kind == Kind::Digest && credentials::Hash::from_hex(&new.value).is_none() {
        return invalid(String::from("a digest has 64 hexadecimal digits in lower case"));
    }
    if new.lasts.as_secs() == 0 || new.lasts > MAX_TTL {
        return invalid(String::from("a revocation is kept for at least 1s and at most 10 years"));
    }
    check_text("reason", &new.reason, true)
}
