//! Contracts of all APIs: imported once per content and options, taken over from the previous snapshot otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use controls::accepted;
use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics, FileId, Sources};
use engine::keyed::Keyed;
use spec::{Api, ContractSource, Document};

use crate::{Input, digest};

/// An imported contract and what it was imported from.
#[derive(Debug, Clone)]
pub struct Contract {
    api: Arc<contract::Api>,
    digest: [u8; 32],
    /// What the import said, all of it warnings.
    said: Diagnostics,
    /// Its files as they were registered, so that its spans mean the same files when it is taken over.
    files: Vec<(String, Option<FileId>)>,
}

impl Contract {
    /// What was imported.
    #[must_use]
    pub fn api(&self) -> &Arc<contract::Api> {
        &self.api
    }
}

/// Imported contracts by the name of their API; cheap to clone.
pub(crate) type Contracts = BTreeMap<String, Contract>;

/// What the next compilation takes over where nothing of it has changed; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    pub(crate) contracts: Contracts,
    /// What controls made that costs much, such as compiled rules; held by the controls of living snapshots.
    pub(crate) made: Arc<Keyed>,
}

/// Imports the contract of each API that has one; what fails is reported and left out.
pub(crate) fn import_all(
    document: &Document,
    input: &Input<'_>,
    previous: Option<&Contracts>,
    sources: &mut Sources,
    out: &mut Diagnostics,
) -> Contracts {
    let mut all = Contracts::new();
    for api in document.apis.values() {
        let ContractSource::File(file) = &api.contract.value else {
            let message =
                format!("the API `{}` has no contract, so nothing in its calls is validated", api.name.value);
            let help = "describe it by OpenAPI and write `contract: openapi.yaml`";
            out.push(Diagnostic::warning("no-contract", message).at(api.contract.span).help(help));
            continue;
        };
        // A file that is not there was reported by `assets::check`.
        if !input.assets.contains_key(file.path()) {
            continue;
        }
        let known = previous.and_then(|previous| previous.get(api.name.as_str()));
        if let Some(contract) = import(api, file.path(), input, known, sources, out) {
            all.insert(api.name.value.clone(), contract);
        }
    }
    all
}

/// How the contract of an API is to be imported, as the API's settings say.
pub fn import_options(
    api: &Api,
    assets: &Assets,
    sources: &mut Sources,
    out: &mut Diagnostics,
) -> contract::Options {
    contract::Options {
        undeclared: controls::validation::undeclared(api),
        accept_unenforced: accepted::pointers(api, assets, sources, out),
        accept_all: false,
        lean: !controls::pattern::named(api),
    }
}

fn import(
    api: &Api,
    path: &str,
    input: &Input<'_>,
    known: Option<&Contract>,
    sources: &mut Sources,
    out: &mut Diagnostics,
) -> Option<Contract> {
    let options = import_options(api, input.assets, sources, out);
    let files = closure(path, input);
    let described = format!("{options:?}");
    let parts = files.iter().filter_map(|name| Some((name.as_str(), &**input.assets.get(name)?)));
    let digest = digest::of_parts(std::iter::once(("options", described.as_bytes())).chain(parts));
    if let Some(known) =
        known.filter(|known| known.digest == digest && register(known, input.assets, sources))
    {
        out.extend(known.said.clone());
        return Some(known.clone());
    }
    let mut said = Diagnostics::new();
    let imported = contract::import(path, input.assets, sources, &options, &mut said);
    let failed = said.has_errors();
    out.extend(said.clone());
    let files = files
        .into_iter()
        .map(|name| {
            let id = sources.find(&name);
            (name, id)
        })
        .collect();
    imported.filter(|_| !failed).map(|api| Contract { api: Arc::new(api), digest, said, files })
}

/// Registers the files of a contract that is taken over; false when they would get other ids than its spans have.
fn register(known: &Contract, assets: &Assets, sources: &mut Sources) -> bool {
    known.files.iter().all(|(name, id)| {
        let Some(bytes) = assets.get(name) else { return id.is_none() };
        let now = match sources.find(name) {
            Some(now) => now,
            None => sources.add(name.as_str(), String::from_utf8_lossy(bytes)),
        };
        *id == Some(now)
    })
}

/// A contract's own file and all that it refers to, directly or not, sorted.
fn closure(path: &str, input: &Input<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::from([path.to_owned()]);
    let mut open = vec![path.to_owned()];
    while let Some(name) = open.pop() {
        let Some(bytes) = input.assets.get(&name) else { continue };
        let further = match input.references.get(&name) {
            Some(known) => known.clone(),
            None => contract::references(&name, bytes),
        };
        for file in further {
            if found.insert(file.clone()) {
                open.push(file);
            }
        }
    }
    found
}
