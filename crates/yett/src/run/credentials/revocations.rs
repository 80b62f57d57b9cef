//! What is revoked of the tokens of others: kept, in effect at every core of this process, and then acknowledged.

use std::sync::Arc;

use controls::authentication::revoked;
use credentials::{Checked, Presented, Table};
use manage_api::{Problem, Said};
use store::{Adopted, Behind, NewRevocation, Once, Revocation, StoreError};

use super::super::shared::denial;
use super::Credentials;
use super::views::{problem, revocation};

/// Does it, whether who asked still waits or not.
async fn spawned<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let broke = |_| StoreError::Unknown(String::from("a fault of this build"));
    tokio::spawn(work).await.map_err(broke)?
}

impl Credentials {
    /// Revokes something, whether who asked still waits or not.
    pub(in crate::run) async fn revoke(
        self: Arc<Self>,
        actor: String,
        new: NewRevocation,
    ) -> Result<Said, Problem> {
        let done = self.deny(actor, new).await.map_err(|why| problem(&why))?;
        Ok(Said::Revocation(revocation(done)))
    }

    /// The same, for who speaks another language than the control API.
    pub(in crate::run) async fn deny(
        self: Arc<Self>,
        actor: String,
        new: NewRevocation,
    ) -> Result<Revocation, StoreError> {
        spawned(async move {
            let _turn = self.turn.lock().await;
            let known = self.published.current();
            let done = self.store.revoke(&actor, &new, known.as_ref()).await;
            self.note(&done);
            let changed = done?;
            self.publish(changed.contents);
            self.say(std::slice::from_ref(&changed.value), false).await;
            Ok(changed.value)
        })
        .await
    }

    /// Revokes all that an event says, unless it has taken effect before, here or at another gateway of the store.
    pub(in crate::run) async fn deny_once(
        self: Arc<Self>,
        actor: String,
        new: Vec<NewRevocation>,
        once: Once,
    ) -> Result<(), StoreError> {
        spawned(async move {
            let _turn = self.turn.lock().await;
            let known = self.published.current();
            let done = self.store.revoke_once(&actor, (&new, &once), known.as_ref()).await;
            self.note(&done);
            match done? {
                Some(changed) => {
                    self.publish(changed.contents);
                    self.say(&changed.value, false).await;
                }
                // What another gateway did is acknowledged by this one: it is in effect here as well.
                None => self.read_newer().await?,
            }
            Ok(())
        })
        .await
    }

    /// Tells other gateways, where there are any that have stores of their own.
    pub(super) async fn say(&self, changed: &[Revocation], undone: bool) {
        if let Some(shared) = &self.shared {
            let undone = undone.then(|| self.clock.unix().0 / 1_000);
            let said: Vec<_> = changed.iter().map(|one| denial(one, undone)).collect();
            shared.say(&said).await;
        }
    }

    /// Takes in what other gateways said.
    pub(in crate::run) async fn take_over(&self, actor: &str, said: &[Adopted]) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let known = self.published.current();
        let done = self.store.adopt(actor, said, known.as_ref()).await;
        self.note(&done);
        if let Some(changed) = done? {
            self.publish(changed.contents);
        }
        Ok(())
    }

    /// What is revoked, behind one, the newest first.
    pub(in crate::run) async fn listed(
        &self,
        behind: Option<Behind<'_>>,
        most: usize,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.store.revocations(behind, most).await
    }

    /// Hands cores what others have changed. Under the turn.
    async fn read_newer(&self) -> Result<(), StoreError> {
        let known = self.published.current();
        let read = self.store.contents(known.as_ref()).await;
        self.publish(read?);
        Ok(())
    }

    /// The name of the application whose key this is, when it is good.
    pub(in crate::run) fn application_of(&self, key: &[u8], now: u64) -> Option<Arc<str>> {
        let presented = Presented::parse(key).ok()?;
        let table = self.published.current()?;
        match table.check(&presented, now) {
            Checked::Good(entry) => {
                entry.usage.mark(now);
                Some(Arc::clone(&entry.name))
            }
            _ => None,
        }
    }

    /// Notes how the store is by what became of a change.
    fn note<T>(&self, done: &Result<T, StoreError>) {
        match done {
            Ok(_) => self.well(true),
            Err(why) if why.is_of_the_store() => self.ill(why),
            Err(_) => self.well(false),
        }
    }

    /// Hands the data plane what to ask about live streams, where anything is revoked or was before.
    pub(super) fn withdraw(&self, before: Option<&Table>) {
        let is_empty = |table: &Table| table.revoked().is_empty();
        let now = self.published.current();
        if before.is_none_or(is_empty) && now.as_deref().is_none_or(is_empty) {
            return;
        }
        // It is only held against readers while it is drained, which ends all streams.
        let Some(plane) = self.plane.try_read() else { return };
        if let (Some(plane), Some(withdrawn)) = (&*plane, revoked::withdrawn(&self.published)) {
            plane.withdraw(&withdrawn);
        }
    }
}
