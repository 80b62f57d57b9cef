//! The store of applications and keys beside the running gateway: answers what operators ask of it, and hands cores what holds.
//!
//! A change and its publication are one step under one lock, so that what was acknowledged is in effect at every core of this
//! process. What others change in a shared database is seen by looking at the last change, its number and its seal, ten times a
//! second. A store that is gone changes nothing for calls: the last table serves, changes are refused, and readiness and metrics
//! say why. Streams that are open end with the key that opened them, wherever it was ended.

mod ends;
mod lists;
mod revocations;
mod views;

use std::sync::{Arc, Weak};
use std::time::Duration;

use controls::authentication::apikey;
use credentials::{HashKey, Published};
use engine::Clock;
use engine::keyed::Keyed;
use manage_api::{Ask, Problem, Said};
use parking_lot::{Mutex, RwLock};
use proxy::DataPlane;
use state::Shared;
use store::{Changed, Contents, NewApiKey, Place, Status, Store, StoreError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::terminal;
use ends::Ends;
use views::{application, created, key, problem, revocation};

/// How often the last change is looked at: one row of an index. What another gateway has changed is in effect here after this long
/// and one reading of what is new.
const LOOK: Duration = Duration::from_millis(100);
/// Looks between two times at which is written when keys were last used.
const LOOKS_PER_WRITE: u32 = 200;

/// Where a store is and what its hashes are made with, as the document says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// The URL of a database; `None` for the file in the data directory.
    pub(super) url: Option<Zeroizing<String>>,
    /// The key that hashes keys.
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// The data plane while it runs.
pub(super) type Plane = Arc<RwLock<Option<DataPlane>>>;

/// The store at work.
pub(super) struct Credentials {
    settings: Settings,
    store: Store,
    published: Arc<Published>,
    plane: Plane,
    ends: Mutex<Ends>,
    clock: Arc<dyn Clock>,
    side: Handle,
    /// What other gateways are told of revocations by.
    shared: Option<Arc<Shared>>,
    /// Held while something is changed and published, or read and published.
    turn: tokio::sync::Mutex<()>,
    fault: Mutex<Option<Fault>>,
}

/// Why the store cannot be used.
#[derive(Clone)]
struct Fault {
    why: String,
    /// Whether it is only known by writing, so that a good read does not end it.
    of_writing: bool,
}

/// How the store is, for readiness and metrics.
pub(super) struct State {
    /// Why it cannot be used, when it cannot.
    pub(super) fault: Option<String>,
    /// Keys that cores know.
    pub(super) keys: usize,
    /// What is revoked of the tokens of others.
    pub(super) revocations: usize,
    /// Number of the last change that is in effect.
    pub(super) sequence: u64,
}

impl Credentials {
    /// Opens the store, hands cores what is in it, and begins to look after it. Blocks; not to be called on a runtime's
    /// own threads.
    ///
    /// # Errors
    /// Why it cannot be used, as one line.
    pub(super) fn open(
        settings: Settings,
        place: &Place,
        clock: &Arc<dyn Clock>,
        (keyed, plane): (&Keyed, &Plane),
        (side, shared): (&Handle, Option<&Arc<Shared>>),
    ) -> Result<Arc<Self>, String> {
        let hashing = HashKey::new(&settings.key)
            .map_err(|why| format!("the key that API keys are hashed with cannot be used: {why}"))?;
        let opened = side.block_on(async {
            let store = Store::open(place, Arc::new(hashing), Arc::clone(clock)).await?;
            let contents = store.contents(None).await?;
            Ok::<_, StoreError>((store, contents))
        });
        let (store, contents) = opened.map_err(|why| {
            format!("the store of applications ({}) cannot be opened: {}", place.shown(), plain(&why))
        })?;
        let credentials = Arc::new(Self {
            settings,
            store,
            published: apikey::published(keyed),
            plane: Arc::clone(plane),
            ends: Mutex::default(),
            clock: Arc::clone(clock),
            side: side.clone(),
            shared: shared.map(Arc::clone),
            turn: tokio::sync::Mutex::new(()),
            fault: Mutex::new(None),
        });
        credentials.publish(contents);
        side.spawn(keep(Arc::downgrade(&credentials)));
        Ok(credentials)
    }

    /// Whether it is the store that these settings name.
    pub(super) fn is(&self, settings: &Settings) -> bool {
        self.settings == *settings
    }

    /// How it is.
    pub(super) fn state(&self) -> State {
        let table = self.published.current();
        State {
            fault: self.fault.lock().as_ref().map(|fault| fault.why.clone()),
            keys: table.as_ref().map_or(0, |table| table.len()),
            revocations: table.as_ref().map_or(0, |table| table.revoked().len()),
            sequence: table.map_or(0, |table| table.sequence()),
        }
    }

    /// Lets a change under way end, writes what is left to be written, and closes it. Blocks.
    pub(super) fn close(&self) {
        self.side.block_on(async {
            let turn = self.turn.lock().await;
            self.write_uses().await;
            self.store.close().await;
            // Nobody gets a turn any more.
            std::mem::forget(turn);
        });
    }

    /// Does what is asked, whether who asked still waits or not.
    pub(super) async fn ask(self: Arc<Self>, actor: String, ask: Ask) -> Result<Said, Problem> {
        let done = tokio::spawn(async move { self.serve(&actor, ask).await });
        let broke = |_| {
            Problem::new(500, "internal", "a fault of this build", "look whether it was done, and ask again")
        };
        done.await.unwrap_or_else(|error| Err(broke(error)))
    }

    /// What changes something: kept, then in effect, then acknowledged.
    async fn change(&self, actor: &str, ask: Ask, now: u64) -> Result<Said, Problem> {
        let _turn = self.turn.lock().await;
        let store = &self.store;
        match ask {
            Ask::CreateApplication(new) => {
                let done = store.create_application(actor, &new.name, &new.owner).await;
                Ok(Said::Application(application(self.took(done)?)))
            }
            Ask::Suspend(which) => {
                let done = store.set_status(actor, &which, Status::Suspended).await;
                Ok(Said::Application(application(self.took(done)?)))
            }
            Ask::Resume(which) => {
                let done = store.set_status(actor, &which, Status::Active).await;
                Ok(Said::Application(application(self.took(done)?)))
            }
            Ask::DeleteApplication(which, with_keys) => {
                let done = store.delete_application(actor, &which, with_keys).await;
                Ok(Said::Application(application(self.took(done)?)))
            }
            Ask::CreateKey(which, new) => {
                let new = NewApiKey {
                    application: which,
                    label: new.label,
                    scopes: new.scopes,
                    ttl: new.ttl.map(Duration::from_secs),
                };
                Ok(created(self.took(store.create_key(actor, &new).await)?, now))
            }
            Ask::RotateKey(which, rotation) => {
                let overlap = Duration::from_secs(rotation.overlap);
                Ok(created(self.took(store.rotate_key(actor, &which, overlap).await)?, now))
            }
            Ask::RevokeKey(which) => {
                Ok(Said::Key(key(self.took(store.revoke_key(actor, &which).await)?, now)))
            }
            Ask::UndoRevocation(id) => {
                let undone = self.took(store.undo_revocation(actor, &id).await)?;
                self.say(std::slice::from_ref(&undone), true).await;
                Ok(Said::Revocation(revocation(undone)))
            }
            Ask::Revoke(_)
            | Ask::Revocations(_)
            | Ask::Applications(_)
            | Ask::Application(..)
            | Ask::Keys(_)
            | Ask::Audit(..)
            | Ask::VerifyAudit => {
                Err(Problem::new(500, "internal", "a fault of this build", "it changes nothing"))
            }
        }
    }

    /// Publishes a change that was kept.
    fn took<T>(&self, done: Result<Changed<T>, StoreError>) -> Result<T, Problem> {
        let Changed { value, contents } = self.told(done)?;
        self.well(true);
        self.publish(contents);
        Ok(value)
    }

    /// Notes how the store is by what it said.
    fn told<T>(&self, done: Result<T, StoreError>) -> Result<T, Problem> {
        match done {
            Ok(value) => {
                self.well(false);
                Ok(value)
            }
            Err(why) => {
                if why.is_of_the_store() {
                    self.ill(&why);
                }
                Err(problem(&why))
            }
        }
    }

    /// It answered; `wrote` says that it kept something.
    fn well(&self, wrote: bool) {
        let mut fault = self.fault.lock();
        if fault.take_if(|fault| wrote || !fault.of_writing).is_some() {
            terminal::say("the store of applications can be used again");
        }
    }

    fn ill(&self, why: &StoreError) {
        let text = plain(why);
        let mut fault = self.fault.lock();
        if fault.is_none() {
            terminal::say(format_args!(
                "warning: the store of applications: {text}; the keys that are known go on"
            ));
        }
        *fault = Some(Fault { why: text, of_writing: matches!(why, StoreError::Full(_)) });
    }

    /// Hands a table to the cores. Under the turn: what was read last is the newest, also where a backup was put back.
    fn publish(&self, contents: Contents) {
        let before = self.published.current();
        self.published.publish(self.store.table(contents, before.as_deref()));
        self.withdraw(before.as_deref());
        self.end_streams();
    }

    /// Ends the streams of keys that are over.
    fn end_streams(&self) {
        let Some(table) = self.published.current() else { return };
        let over = self.ends.lock().look(&table, self.clock.unix().seconds());
        // It is only held against readers while it is drained, which ends all streams.
        let Some(plane) = self.plane.try_read() else { return };
        if let Some(plane) = &*plane {
            over.iter().for_each(|one| plane.revoke(apikey::ISSUER, one.subject()));
        }
    }

    /// Looks whether somebody else changed something.
    async fn look(&self) {
        let _turn = self.turn.lock().await;
        let known = self.published.current();
        let seen = match self.store.head().await {
            Ok(head) if known.as_ref().is_some_and(|table| head.is_of(table)) => Ok(None),
            Ok(_) => self.store.contents(known.as_ref()).await.map(Some),
            Err(why) => Err(why),
        };
        match seen {
            Ok(contents) => {
                self.well(false);
                contents.into_iter().for_each(|contents| self.publish(contents));
            }
            Err(why) => self.ill(&why),
        }
        // Overlaps end whether the store can be reached or not.
        self.end_streams();
    }

    async fn write_uses(&self) {
        let Some(table) = self.published.current() else { return };
        match self.store.write_uses(&table).await {
            Ok(0) => {}
            Ok(_) => self.well(true),
            Err(why) => self.ill(&why),
        }
    }
}

/// Looks after the store as long as there is one.
async fn keep(credentials: Weak<Credentials>) {
    let mut looks = 0_u32;
    let mut writing: Option<JoinHandle<()>> = None;
    loop {
        let Some(clock) = credentials.upgrade().map(|credentials| Arc::clone(&credentials.clock)) else {
            return;
        };
        clock.sleep(LOOK).await;
        let Some(credentials) = credentials.upgrade() else { return };
        credentials.look().await;
        looks = looks.wrapping_add(1);
        // Beside the looks: what others have revoked does not wait for it.
        if looks.is_multiple_of(LOOKS_PER_WRITE) && writing.as_ref().is_none_or(JoinHandle::is_finished) {
            writing = Some(tokio::spawn(async move { credentials.write_uses().await }));
        }
    }
}

/// An error as a clause, without what is said to who asked for a change.
pub(super) fn plain(why: &StoreError) -> String {
    match why {
        StoreError::Unavailable(why) | StoreError::Full(why) | StoreError::Unknown(why) => why.clone(),
        other => other.to_string(),
    }
}
