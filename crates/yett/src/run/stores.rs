//! Where the stores are: in the data directory, or in the database that the document names.

use std::path::Path;
use std::sync::Arc;

use engine::Clock;
use engine::keyed::Keyed;
use store::Place;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::credentials::{Credentials, Settings as StoreSettings};
use super::data;
use crate::load::Loaded;

/// Where the store is, and what it is opened with.
pub(super) fn store_settings(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    clock: &dyn Clock,
) -> Result<(StoreSettings, Place), String> {
    let url = store_url(document, loaded)?;
    let file = data.join("store.db");
    let key = match document.store.as_ref().and_then(|store| store.key.as_ref()) {
        Some(key) => Zeroizing::new(secret(loaded, key)?.to_vec()),
        None => data::hash_key(data, &file, clock)?,
    };
    let place = url.as_ref().map_or(Place::Sqlite(file), |url| Place::Postgres(url.to_string()));
    Ok((StoreSettings { url, key }, place))
}

/// Where decisions are kept: in the database that the document names, else in a file of their own.
pub(super) fn decisions_place(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
) -> Result<Place, String> {
    let file = || Place::Sqlite(data.join("decisions.db"));
    Ok(store_url(document, loaded)?.map_or_else(file, |url| Place::Postgres(url.to_string())))
}

/// The URL of the database that the document names.
fn store_url(document: &spec::Document, loaded: &Loaded) -> Result<Option<Zeroizing<String>>, String> {
    let written = document.store.as_ref().and_then(|store| store.url.as_ref());
    let url = written.map(|url| {
        let text = std::str::from_utf8(secret(loaded, url)?);
        let text = text.map_err(|_| String::from("the URL of the store is not UTF-8"))?;
        Ok::<_, String>(Zeroizing::new(text.to_owned()))
    });
    url.transpose()
}

fn secret<'l>(loaded: &'l Loaded, reference: &spec::SecretRef) -> Result<&'l [u8], String> {
    let found = loaded.assets.get(&compile::secret_key(reference));
    found.map(|bytes| &**bytes).ok_or_else(|| format!("the secret `{reference}` is not there"))
}

/// Opens the store of applications. Blocks.
pub(super) fn open_store(
    document: &spec::Document,
    loaded: &Loaded,
    data: &Path,
    (clock, keyed, side): (&Arc<dyn Clock>, &Keyed, &Handle),
) -> Result<Arc<Credentials>, String> {
    let (settings, place) = store_settings(document, loaded, data, &**clock)?;
    Credentials::open(settings, &place, clock, keyed, side)
}
