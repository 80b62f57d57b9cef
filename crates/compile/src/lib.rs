//! The one way from a document and its files to a snapshot (invariant 2): pure, without IO, all diagnostics at once.
//!
//! The file loader, `yett check`, start-up and reload call [`compile`] with the same input and get the same answer;
//! nothing validates a second time. What the document names by path arrives as assets; [`needed_assets`] says which.
//!
//! Stages, each of which goes on as far as it can so that a person mends everything in one go: read the document, import
//! contracts (kept from the previous snapshot when neither file nor option changed), bind listeners and upstreams, plan
//! every operation by asking each control of the registry in its order, lay out the mounts.
//!
//! What it promises: no operation without a plan, no planned step without a control, no two operations under one
//! method and shape of path, no certificate without its key; a digest over the document as meant and all its files.

mod api;
mod assets;
mod contracts;
mod digest;
mod listeners;
mod mounts;
mod notify;
mod operations;
mod places;
mod plan;
mod revocation;
mod seal;
mod selectors;
mod state;
mod telemetry;
mod unsupported;
mod upstreams;
mod websocket;

use std::collections::BTreeMap;
use std::sync::Arc;

use controls::scope::{Assets, GatewayScope, Shared};
use diagnostics::{Diagnostics, Sources};
use engine::Snapshot;
use engine::route::RouteTable;
use engine::shedding::Shedding;
use engine::snapshot::Live;

pub use assets::{Needed, NeededKind, Outline, header_secret, needed_assets, outline, secret_key};
pub use contracts::{Contract, Kept, import_options};
/// The policies of an operation, by its control: for whoever describes what was compiled.
pub use controls::policies::policies_of;
/// The name among the assets of the gateway's own key of assertions ([`Outline::assertion_key`]).
pub use controls::upstream_identity::OWN_KEY as ASSERTION_KEY;
pub use state::state_roots;

/// All that a snapshot is made of.
#[derive(Debug)]
pub struct Input<'a> {
    /// The document's name as shown in messages.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Files by the path that the document (or a contract) calls them by; environment variables as `env:NAME`.
    pub assets: &'a Assets,
    /// Why an asset that the document names is not there, by the same name.
    pub unreadable: &'a BTreeMap<String, String>,
    /// Files that each file of a contract refers to, as [`contract::references`] says; what is not in it is worked out.
    pub references: &'a BTreeMap<String, Vec<String>>,
    /// Which of the document's environments is meant.
    pub environment: Option<&'a str>,
    /// Public keys of the built-in local issuer (a JWKS), when there is one.
    pub local_jwks: Option<&'a [u8]>,
    /// Number of the snapshot to be made.
    pub generation: u64,
    /// Counts living snapshots.
    pub live: &'a Live,
}

/// A document that may be served, and what the next compilation takes over from it.
#[derive(Debug)]
pub struct Compiled {
    /// What the data plane is handed.
    pub snapshot: Arc<Snapshot>,
    /// The document as meant.
    pub resolved: spec::Resolved,
    /// What somebody should look at; no errors.
    pub warnings: Diagnostics,
    /// What each API came to, in the order of their names.
    pub apis: Vec<ApiSummary>,
    kept: Kept,
}

impl Compiled {
    /// SHA-256 over the document as meant and its files; equal digests serve alike.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.snapshot.digest
    }

    /// What the next compilation takes over where nothing of it has changed.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// An API's imported contract; `None` when it has none.
    #[must_use]
    pub fn contract(&self, api: &str) -> Option<&Arc<contract::Api>> {
        self.kept.contracts.get(api).map(Contract::api)
    }
}

/// What an API came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSummary {
    /// Its name in the document.
    pub name: String,
    /// Title of its contract; empty without one.
    pub title: String,
    /// Base path under which it is served; empty for the root.
    pub base_path: String,
    /// Operations that the contract declares, or `allow` lists.
    pub operations: usize,
    /// Those of which each used part of the contract is enforced.
    pub fully_enforced: usize,
    /// Those that refuse every call, by their ids: none of the credentials that they take can be verified.
    pub refusing: Vec<String>,
}

/// Compiles a document. Files are registered in `sources`, the document first, so that diagnostics can be shown.
///
/// # Errors
/// Everything that is wrong, warnings included; at least one of them is an error.
pub fn compile(
    input: &Input<'_>,
    previous: Option<&Kept>,
    sources: &mut Sources,
) -> Result<Compiled, Diagnostics> {
    let mut out = Diagnostics::new();
    let built = build(input, previous, sources, &mut out);
    let out = out.without_repeats();
    match built {
        Some(mut compiled) if !out.has_errors() => {
            compiled.warnings = out;
            Ok(compiled)
        }
        _ => Err(out),
    }
}

fn build(
    input: &Input<'_>,
    previous: Option<&Kept>,
    sources: &mut Sources,
    out: &mut Diagnostics,
) -> Option<Compiled> {
    let file = sources.add(input.path, input.text);
    let tree = spec::parse(input.text, file, out)?;
    let sections = sections();
    let resolved = spec::resolve(&tree, input.environment, &sections, out)?;
    let document = &resolved.document;
    spec::check_sections(document, &sections, out);
    unsupported::check(document, out);
    spec::dangers(document, out);
    assets::check(document, input, out);
    revocation::check(document, input.assets, out);
    controls::authentication::check_authorities(document, out);
    controls::authentication::check_users(document, input.assets, out);
    controls::authentication::check_webhooks(document, input.assets, out);
    telemetry::check(document, input.assets, out);
    state::check(document, input.assets, out);
    let contracts =
        contracts::import_all(document, input, previous.map(|kept| &kept.contracts), sources, out);
    // After the contracts, whose files have to get the numbers that they had before.
    assets::register(document, input, sources);
    let made = previous.map(|kept| Arc::clone(&kept.made)).unwrap_or_default();
    let listeners = listeners::build(document, input.assets, out);
    let upstreams = upstreams::build(document, input.assets, out);

    let sources = &*sources;
    let gateway = GatewayScope {
        document,
        assets: input.assets,
        local_jwks: input.local_jwks,
        sources,
        made: &made,
        shared: Shared::default(),
    };
    let mut planner = plan::Planner::new(sources, file);
    let admission = planner.admission(&gateway, out);
    let (mut mounts, mut well_known) = (Vec::new(), Vec::new());
    let mut claims = mounts::Claims::default();
    let mut apis = Vec::new();
    for settings in document.apis.values() {
        let mut built = api::Build {
            gateway: &gateway,
            settings,
            contract: contracts.get(settings.name.as_str()),
            upstream: upstreams.get(settings.upstream.as_str()),
            planner: &mut planner,
            claims: &mut claims,
            mounts: &mut mounts,
            well_known: &mut well_known,
        };
        apis.extend(built.run(out));
    }
    let (operations, controls, places) = planner.finish();
    notify::check(document, input.assets, &operations, out);
    let digest = digest::of(&resolved.tree, input);
    let snapshot = Snapshot {
        generation: input.generation,
        digest,
        listeners,
        routes: RouteTable::of_apis(well_known, mounts),
        operations,
        controls,
        admission,
        places: places.into(),
        shedding: shedding(document),
        live: input.live.enter(),
    };
    let kept = Kept { contracts, made };
    Some(Compiled { snapshot: Arc::new(snapshot), resolved, warnings: Diagnostics::new(), apis, kept })
}

fn shedding(document: &spec::Document) -> Option<Shedding> {
    let written = &document.shedding;
    written.enabled.then(|| Shedding { lag: written.lag.get(), interval: written.interval.get() })
}

/// The sections of the document that controls own.
#[must_use]
pub fn sections() -> Vec<spec::SectionSpec> {
    controls::CONTROLS
        .iter()
        .filter_map(|entry| {
            let (top, section) = (entry.gateway.is_some(), entry.section.as_ref()?);
            Some(spec::SectionSpec { name: entry.name, top, schema: section.schema, check: section.check })
        })
        .collect()
}

#[cfg(test)]
mod tests;
