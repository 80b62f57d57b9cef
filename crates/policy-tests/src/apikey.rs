//! API keys of a case: made by what makes those of the gateway, and put where its store would put them.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::{Entry, HASH_KEY_BYTES, HashKey, KeyId, NEVER, NewKey, Presented, Table, Usage};
use engine::Clock;

use crate::clock::StillClock;
use crate::document::{ApiKey, KeyState};
use crate::token::Times;

/// What hashes the keys of cases: nothing is kept, so it need not be secret.
const HASHED_BY: [u8; HASH_KEY_BYTES] = [7; HASH_KEY_BYTES];
/// The application of a key that names none.
const APPLICATION: &str = "tests";

/// A key as its holder has it, and what the gateway knows of it.
#[derive(Debug)]
pub(crate) struct Issued {
    /// The whole of it.
    pub(crate) text: String,
    id: KeyId,
    key: ApiKey,
    until: u64,
}

impl Issued {
    /// Makes it.
    pub(crate) fn of(key: &ApiKey, times: Times) -> Self {
        let clock = StillClock::at(0);
        let new = NewKey::draw(|bytes| clock.fill(bytes));
        let over = matches!(key.state, KeyState::Expired | KeyState::Replaced);
        let until = if over { times.from.saturating_sub(3_600) } else { NEVER };
        Self { text: new.reveal().to_owned(), id: new.id, key: key.clone(), until }
    }

    fn entry(&self, by: &HashKey, scopes: u32) -> Option<Entry> {
        let name: Arc<str> = self.key.application.as_deref().unwrap_or(APPLICATION).into();
        Some(Entry {
            hash: by.hash(&Presented::parse(self.text.as_bytes()).ok()?),
            application: Arc::clone(&name),
            name,
            scopes: (0..scopes).collect(),
            until: self.until,
            replaced: self.key.state == KeyState::Replaced,
            revoked: self.key.state == KeyState::Revoked,
            suspended: self.key.state == KeyState::Suspended,
            usage: Arc::new(Usage::default()),
        })
    }
}

/// The keys that a gateway knows to which a case is put: that of the case, unless nobody made it. `None` when none can be hashed.
pub(crate) fn table(issued: Option<&Issued>) -> Option<Table> {
    let by = Arc::new(HashKey::new(&HASHED_BY).ok()?);
    let mut keys = HashMap::new();
    let mut scopes: Vec<Box<str>> = Vec::new();
    if let Some(issued) = issued.filter(|issued| issued.key.state != KeyState::Unknown) {
        let words = issued.key.scopes.0.iter().flat_map(|text| text.split_whitespace());
        scopes.extend(words.map(Box::from));
        keys.insert(issued.id, issued.entry(&by, u32::try_from(scopes.len()).ok()?)?);
    }
    Some(Table::new(by, 1, scopes, keys))
}
