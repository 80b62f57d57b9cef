//! What other gateways revoked that have stores of their own: taken into this one, so that it lasts here as well.

use std::sync::Arc;

use credentials::{Kind, Table};

use crate::Store;
use crate::fault::StoreError;
use crate::link::Value;
use crate::revocations::{NewRevocation, REVOKED, Revocation, check, find};
use crate::transaction::{Change, Changed};

/// What was said of one thing that can be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// By what.
    pub kind: Kind,
    /// `iss` of the tokens; empty for [`Kind::Digest`].
    pub issuer: String,
    /// Which; empty for [`Kind::Issuer`].
    pub value: String,
    /// Only tokens that were issued in this second or before it, where it is written.
    pub before: Option<u64>,
    /// First second at which it is forgotten.
    pub until: u64,
    /// Whether it was taken back.
    pub undone: bool,
    /// When this was said, in µs since 1970.
    pub said: u64,
}

impl Store {
    /// Takes in what was said, in this order; `None` where all of it is known, and then it leaves no trace. What is not well-formed,
    /// what is over, and an undo of what was revoked again since, is left out.
    ///
    /// # Errors
    /// When the list is full, or the store cannot keep it.
    pub async fn adopt(
        &self,
        actor: &str,
        said: &[Adopted],
        known: Option<&Arc<Table>>,
    ) -> Result<Option<Changed<()>>, StoreError> {
        self.keep_any(async {
            let mut change = self.begin().await?;
            change.forget_revocations().await?;
            let mut told = Vec::new();
            let mut undone = false;
            for one in said {
                let Some(what) = self.adopt_one(&mut change, one).await? else { continue };
                undone |= one.undone;
                told.push(what);
            }
            if told.is_empty() {
                return Ok(None);
            }
            // What was taken back is seen by reading all.
            let change = if undone { change } else { change.since(known) };
            let action = if undone { "revocation.follow" } else { REVOKED };
            let target = told.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(" ");
            let detail = told.iter().map(Revocation::describe).collect::<Vec<_>>().join("; ");
            self.finish(change, (actor, action, &target), detail, ()).await.map(Some)
        })
        .await
    }

    async fn adopt_one(&self, change: &mut Change, one: &Adopted) -> Result<Option<Revocation>, StoreError> {
        let new = NewRevocation {
            kind: one.kind,
            issuer: one.issuer.clone(),
            value: one.value.clone(),
            before: one.before,
            reason: String::new(),
            lasts: std::time::Duration::from_secs(one.until.saturating_sub(change.now)),
        };
        if one.until <= change.now || check(&new).is_err() {
            return Ok(None);
        }
        let known = find(&mut change.work, &new).await?;
        if one.undone {
            let Some(known) = known.filter(|known| known.said < one.said) else { return Ok(None) };
            let sql = "DELETE FROM yett_revocations WHERE id = $1";
            change.work.execute(sql, [Value::from(known.id.as_str())]).await?;
            return Ok(Some(known));
        }
        match known {
            Some(known) if known.says(one.before, one.until) && known.said >= one.said => Ok(None),
            Some(known) => {
                let new = NewRevocation { reason: known.reason, ..new };
                self.put(change, &new, Some(one.said)).await.map(Some)
            }
            None => self.put(change, &new, Some(one.said)).await.map(Some),
        }
    }
}
