//! The stores and the spool: where they are, and that the store of applications is opened once one is wanted.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use engine::Clock;
use engine::keyed::Keyed;
use proxy::Services;
use store::Place;
use telemetry::Telemetry;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::super::credentials::{Credentials, Plane, Settings, State};
use super::super::data;
use super::super::decisions::Decisions;
use super::super::notices::Notices;
use super::Gateway;
use crate::load::Loaded;

impl Gateway {
    /// The store of applications, where one is wanted.
    pub(in crate::run) fn credentials(&self) -> Option<&Arc<Credentials>> {
        self.credentials.get()
    }

    /// How it is.
    pub(in crate::run) fn store_state(&self) -> Option<State> {
        self.credentials.get().map(|credentials| credentials.state())
    }

    /// Opens the store when a document wants one and none is open. Blocks.
    ///
    /// # Errors
    /// Why it cannot be opened, or that the one that is open is another one.
    pub(in crate::run) fn want_store(
        &self,
        document: &spec::Document,
        loaded: &Loaded,
    ) -> Result<(), String> {
        match self.credentials.get() {
            _ if !document.wants_store() => Ok(()),
            Some(open) => match store_settings(document, loaded, &self.data, &*self.clock)? {
                (settings, _) if open.is(&settings) => Ok(()),
                _ => Err(String::from(
                    "the store of applications is another one: put it back, or restart `yett run`",
                )),
            },
            None => {
                let services = (&self.clock, &*self.keyed, &self.plane, &self.side, self.shared.as_ref());
                let opened = open_store(document, loaded, &self.data, services)?;
                let _ = self.credentials.set(opened);
                Ok(())
            }
        }
    }
}

/// Where the store is, and what it is opened with.
fn store_settings(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    clock: &dyn Clock,
) -> Result<(Settings, Place), String> {
    let url = store_url(document, loaded)?;
    let file = data.join("store.db");
    let key = match document.store.as_ref().and_then(|store| store.key.as_ref()) {
        Some(key) => Zeroizing::new(loaded.secret(key)?.to_vec()),
        None => data::hash_key(data, &file, clock)?,
    };
    let place = url.as_ref().map_or(Place::Sqlite(file), |url| Place::Postgres(url.to_string()));
    Ok((Settings { url, key }, place))
}

/// Begins to keep decisions: in the database that the document names, else in a file of their own.
pub(super) fn keep_decisions(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    (telemetry, clock, side): (&Telemetry, &Arc<dyn Clock>, &Handle),
) -> Result<Arc<Decisions>, String> {
    let file = || Place::Sqlite(data.join("decisions.db"));
    let place = store_url(document, loaded)?.map_or_else(file, |url| Place::Postgres(url.to_string()));
    Ok(Decisions::start(telemetry, place, clock, side, document))
}

/// Begins to tell those whom the document names; what they are owed lies in a file in the data directory.
pub(super) fn tell(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    (telemetry, services, side): (&Arc<Telemetry>, &Services, &Handle),
    credentials: &Arc<OnceLock<Arc<Credentials>>>,
) -> Result<Arc<Notices>, String> {
    let ways = (&services.clock, Arc::clone(&services.fetch), side);
    Notices::start(telemetry, credentials, data.join("notices.db"), ways, (document, loaded))
}

/// The URL of the database that the document names.
fn store_url(document: &spec::Document, loaded: &Loaded) -> Result<Option<Zeroizing<String>>, String> {
    let written = document.store.as_ref().and_then(|store| store.url.as_ref());
    written.map(|url| loaded.secret_text(url)).transpose()
}

/// What a store works beside.
pub(super) type Around<'a> =
    (&'a Arc<dyn Clock>, &'a Keyed, &'a Plane, &'a Handle, Option<&'a Arc<state::Shared>>);

/// The store of applications, open where a document wants one. Blocks.
pub(super) fn wanted_store(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    services: Around<'_>,
) -> Result<Arc<OnceLock<Arc<Credentials>>>, String> {
    let store = OnceLock::new();
    if document.wants_store() {
        let _ = store.set(open_store(document, loaded, data, services)?);
    }
    Ok(Arc::new(store))
}

/// Opens the store of a document. Blocks.
fn open_store(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    (clock, keyed, plane, side, shared): Around<'_>,
) -> Result<Arc<Credentials>, String> {
    let (settings, place) = store_settings(document, loaded, data, &**clock)?;
    let credentials = Credentials::open(settings, &place, clock, (keyed, plane), (side, shared))?;
    if let Some(shared) = shared {
        super::super::shared::follow(shared, &credentials);
    }
    Ok(credentials)
}
