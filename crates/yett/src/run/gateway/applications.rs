//! The store of applications: where it is, and that it is opened once one is wanted.

use std::path::Path;
use std::sync::Arc;

use engine::Clock;
use engine::keyed::Keyed;
use store::Place;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::super::credentials::{Credentials, Plane, Settings, State};
use super::super::data;
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
                let services = (&self.clock, &*self.keyed, &self.plane, &self.side);
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
    let written = document.store.as_ref();
    let secret = |reference: &spec::SecretRef| {
        let found = loaded.assets.get(&compile::secret_key(reference));
        found.ok_or_else(|| format!("the secret `{reference}` is not there"))
    };
    let url = written.and_then(|store| store.url.as_ref()).map(|url| secret(url)).transpose()?;
    let url = url.map(|bytes| {
        let text = std::str::from_utf8(bytes).map_err(|_| "the URL of the store is not UTF-8")?;
        Ok::<_, &str>(Zeroizing::new(text.to_owned()))
    });
    let url = url.transpose()?;
    let file = data.join("store.db");
    let key = match written.and_then(|store| store.key.as_ref()) {
        Some(key) => Zeroizing::new(secret(key)?.to_vec()),
        None => data::hash_key(data, &file, clock)?,
    };
    let place = url.as_ref().map_or(Place::Sqlite(file), |url| Place::Postgres(url.to_string()));
    Ok((Settings { url, key }, place))
}

/// Opens the store of a document. Blocks.
pub(super) fn open_store(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    (clock, keyed, plane, side): (&Arc<dyn Clock>, &Keyed, &Plane, &Handle),
) -> Result<Arc<Credentials>, String> {
    let (settings, place) = store_settings(document, loaded, data, &**clock)?;
    Credentials::open(settings, &place, clock, (keyed, plane), side)
}
