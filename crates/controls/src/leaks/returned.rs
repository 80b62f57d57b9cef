//! Which operations return personal data, and to whom: counted since the process began, of all cores. Who asks is known by issuer and
//! application, not by name: a row for each person would be personal data itself, and without a bound.

use std::collections::HashMap;
use std::sync::Arc;

use engine::keyed::Keyed;
use engine::{Call, bounds};
use parking_lot::Mutex;
use probe::leak::Class;

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    api: Arc<str>,
    operation: Arc<str>,
    class: Class,
    issuer: Option<Arc<str>>,
    application: Option<Arc<str>>,
}

/// Answers of an operation that had personal data of a class in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The API.
    pub api: Arc<str>,
    /// The operation.
    pub operation: Arc<str>,
    /// What was found.
    pub class: &'static str,
    /// Who vouches for who asked; `None` for nobody.
    pub issuer: Option<Arc<str>>,
    /// The application that asked, where that is known.
    pub application: Option<Arc<str>>,
    /// How many answers.
    pub answers: u64,
    /// Those of them that were masked or withheld.
    pub hidden: u64,
    /// When the last one was, in seconds since 1970.
    pub last: u64,
}

/// The table of them.
#[derive(Debug, Default)]
pub struct Returned {
    rows: Mutex<HashMap<Key, (u64, u64, u64)>>,
}

impl Returned {
    /// That of the gateway.
    #[must_use]
    pub fn of(keyed: &Keyed) -> Arc<Self> {
        keyed.get_or_make("personal-data-returned", "", Self::default)
    }

    /// All rows, those of one operation together; and whether there were more than [`bounds::RETURNED`].
    #[must_use]
    pub fn rows(&self) -> (Vec<Row>, bool) {
        let rows = self.rows.lock();
        let row = |(key, (answers, hidden, last)): (&Key, &(u64, u64, u64))| Row {
            api: Arc::clone(&key.api),
            operation: Arc::clone(&key.operation),
            class: key.class.name(),
            issuer: key.issuer.clone(),
            application: key.application.clone(),
            answers: *answers,
            hidden: *hidden,
            last: *last,
        };
        let mut all: Vec<Row> = rows.iter().map(row).collect();
        let more = all.len() >= bounds::RETURNED;
        drop(rows);
        all.sort_by(|one, other| {
            let key = |row: &Row| (Arc::clone(&row.api), Arc::clone(&row.operation), row.class);
            key(one).cmp(&key(other)).then(other.answers.cmp(&one.answers))
        });
        (all, more)
    }
}

/// Who is about to see an answer of which operation.
#[derive(Debug, Clone)]
pub(super) struct Whom {
    table: Arc<Returned>,
    api: Arc<str>,
    operation: Arc<str>,
    issuer: Option<Arc<str>>,
    application: Option<Arc<str>>,
    at: u64,
}

impl Whom {
    /// Of a call; `None` where it is of no operation.
    pub(super) fn of(table: &Arc<Returned>, call: &Call, at: u64) -> Option<Self> {
        let plan = call.operation.as_ref()?;
        let principal = call.proofs.first().map(|proof| &proof.principal);
        Some(Self {
            table: Arc::clone(table),
            api: Arc::clone(&plan.api),
            operation: Arc::clone(&plan.id),
            issuer: principal.map(|principal| Arc::clone(&principal.issuer)),
            application: principal.and_then(|principal| principal.application.clone()),
            at,
        })
    }

    /// Counts an answer that has data of these classes; `hidden` says of each whether they did not see it.
    pub(super) fn count(&self, classes: impl Iterator<Item = (Class, bool)>) {
        let mut rows = self.table.rows.lock();
        for (class, hidden) in classes {
            let key = Key {
                api: Arc::clone(&self.api),
                operation: Arc::clone(&self.operation),
                class,
                issuer: self.issuer.clone(),
                application: self.application.clone(),
            };
            if rows.len() >= bounds::RETURNED && !rows.contains_key(&key) {
                continue;
            }
            let (answers, withheld, last) = rows.entry(key).or_default();
            (*answers, *withheld, *last) = (*answers + 1, *withheld + u64::from(hidden), self.at);
        }
    }
}
