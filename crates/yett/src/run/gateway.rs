//! The gateway as one value: what serves, what it was compiled from, and what came of the last reload.

mod applications;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use compile::{Compiled, Input, Kept};
use controls::authentication::{CacheCounts, IssuerState, TokenCache, issuer_states};
use diagnostics::{Diagnostics, Sources};
use engine::fetch::Spawn;
use engine::keyed::Keyed;
use engine::snapshot::Live;
use engine::{Clock, CoreContext, bounds};
use jose::SigningKey;
use manage_api::{ApiStatus, ListenerStatus, ReloadReport, Status};
use parking_lot::Mutex;
use proxy::{Address, DataPlane, Passed, Services, Settings, TargetState};
use state::Shared;
use telemetry::{Destination, Exporter, Telemetry};
use tokio::runtime::Handle;

use super::credentials::{Credentials, Plane};
use super::decisions::Decisions;
use super::feeds::Feeds;
use super::notices::Notices;
use super::side::Side;
use super::{Options, data, export, shared};
use crate::clock::SystemClock;
use crate::load::{self, Loaded};
use crate::{render, terminal};
use applications::{keep_decisions, tell, wanted_store};

/// What serves, and what it was made from.
pub(super) struct Current {
    pub(super) compiled: Compiled,
    /// The last load, whether it could be compiled or not.
    pub(super) loaded: Arc<Loaded>,
    /// The load that the snapshot was compiled from.
    pub(super) served: Arc<Loaded>,
    /// When the snapshot began to serve, in seconds since 1970.
    pub(super) since: u64,
    pub(super) last_reload: Option<ReloadReport>,
}

/// Everything of one running gateway.
pub(super) struct Gateway {
    pub(super) options: Options,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) live: Live,
    pub(super) current: Mutex<Current>,
    pub(super) plane: Plane,
    pub(super) key: Mutex<Option<Arc<SigningKey>>>,
    /// One reload at a time; those who come meanwhile share the next one.
    pub(super) turn: tokio::sync::Mutex<u64>,
    pub(super) asked: AtomicU64,
    pub(super) counts: Counts,
    /// The store of applications, once one is wanted.
    credentials: Arc<OnceLock<Arc<Credentials>>>,
    /// Where others say what is revoked.
    pub(super) feeds: Feeds,
    decisions: Arc<Decisions>,
    notices: Arc<Notices>,
    exporter: Arc<Exporter>,
    /// What is shared with other gateways, where anything is.
    shared: Option<Arc<Shared>>,
    side: Handle,
    telemetry: Arc<Telemetry>,
    keyed: Arc<Keyed>,
    data: PathBuf,
    addresses: Vec<(String, Address)>,
    admin: OnceLock<SocketAddr>,
    admin_bind: SocketAddr,
    started: u64,
    stopping: AtomicBool,
}

/// Reloads by what became of them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) changed: AtomicU64,
    pub(super) unchanged: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl Gateway {
    /// What happened to the tables of verified tokens, over all cores.
    pub(super) fn token_cache(&self) -> CacheCounts {
        let of = |core| TokenCache::of(&self.keyed, core).counts();
        (0..self.options.cores).map(of).fold(CacheCounts::default(), |sum, one| CacheCounts {
            hits: sum.hits + one.hits,
            misses: sum.misses + one.misses,
            evicted: sum.evicted + one.evicted,
        })
    }

    /// How the keys of each issuer on the network are.
    pub(super) fn issuer_states(&self) -> Vec<IssuerState> {
        let current = self.current.lock();
        issuer_states(&current.compiled.resolved.document, &self.keyed, self.clock.now())
    }

    /// Which operations returned personal data, and to whom.
    pub(super) fn returned(&self) -> manage_api::Returned {
        let (rows, more) = controls::leaks::Returned::of(&self.keyed).rows();
        let row = |row: controls::leaks::Row| manage_api::ReturnedRow {
            api: row.api.to_string(),
            operation: row.operation.to_string(),
            class: row.class.to_owned(),
            issuer: row.issuer.map(|issuer| issuer.to_string()),
            application: row.application.map(|application| application.to_string()),
            answers: row.answers,
            hidden: row.hidden,
            last: row.last,
        };
        manage_api::Returned { since: self.started, rows: rows.into_iter().map(row).collect(), more }
    }

    /// How the targets of all upstreams are, and what calls met there.
    pub(super) fn target_states(&self) -> Vec<TargetState> {
        let snapshot = Arc::clone(&self.current.lock().compiled.snapshot);
        proxy::target_states(&snapshot, (&self.keyed, self.options.cores, self.clock.now()))
    }

    /// Listeners that look clients up in revocation lists, and when the first of these is out of date, in seconds since 1970.
    pub(super) fn revocation_lists(&self) -> Vec<(String, u64)> {
        let current = self.current.lock();
        let listeners = current.compiled.snapshot.listeners.iter();
        let until = listeners.filter_map(|listener| {
            let clients = listener.tls.as_ref()?.clients.as_ref()?;
            Some((listener.name.to_string(), clients.crls_until?))
        });
        until.collect()
    }

    /// Compiles and starts serving; `None` when the document has errors, which were shown.
    pub(super) fn start(
        options: Options,
        mut loaded: Loaded,
        passed: &Passed,
        side: &Handle,
    ) -> Result<Option<Self>, String> {
        let spinner = terminal::spin("compiling");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let _ = clock.now();
        let data = data_directory(&options, &loaded);
        let key = prepare(&data, &mut loaded)?;
        let live = Live::default();
        let mut sources = Sources::default();
        let result = compile_loaded(&loaded, &options, key.as_deref(), 1, &live, None, &mut sources);
        drop(spinner);
        let compiled = match result {
            Ok(compiled) => compiled,
            Err(found) => {
                show(&found, &sources);
                terminal::say(format_args!("{}: not served, {}", loaded.name, render::tally(&found)));
                return Ok(None);
            }
        };
        show(&compiled.warnings, &sources);
        let document = &compiled.resolved.document;
        let telemetry = telemetry(document, &options, &clock)?;
        let spawn: Arc<dyn Spawn> = Arc::new(Side(side.clone()));
        let shared = shared::start(document, &loaded, (&clock, &spawn))?;
        let services = services(&clock, &live, &telemetry, (spawn, shared.as_ref()))?;
        let running = Plane::default();
        let around = (&clock, &*services.keyed, &running, side, shared.as_ref());
        let credentials = wanted_store(document, &loaded, &data, around)?;
        let decisions = keep_decisions(document, &loaded, &data, (&telemetry, &clock, side))?;
        let notices = tell(document, &loaded, &data, (&telemetry, &services, side), &credentials)?;
        let ways = (&telemetry, &clock, &services.fetch, side);
        let exporter = export::start(document, &loaded, ways);
        let plane = DataPlane::start(&compiled.snapshot, &settings(&options, passed), &services)
            .map_err(|error| format!("the gateway cannot listen: {error}"))?;
        let addresses = plane.addresses().to_vec();
        *running.write() = Some(plane);
        let now = clock.unix().seconds();
        let loaded = Arc::new(loaded);
        Ok(Some(Self {
            addresses,
            admin_bind: document.admin.bind.address(),
            current: Mutex::new(Current {
                compiled,
                served: Arc::clone(&loaded),
                loaded,
                since: now,
                last_reload: None,
            }),
            plane: running,
            key: Mutex::new(key),
            turn: tokio::sync::Mutex::new(0),
            asked: AtomicU64::new(0),
            counts: Counts::default(),
            credentials,
            feeds: Feeds::new(context(&services)),
            decisions,
            notices,
            exporter,
            shared,
            side: side.clone(),
            admin: OnceLock::new(),
            started: now,
            stopping: AtomicBool::new(false),
            options,
            clock,
            live,
            telemetry,
            keyed: services.keyed,
            data,
        }))
    }

    /// Takes no new calls, lets those in flight end, writes what is to be written. Blocks.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(plane) = self.plane.write().take() {
            plane.drain();
        }
        if let Some(credentials) = self.credentials.get() {
            credentials.close();
        }
        self.notices.close();
        if let Some(shared) = &self.shared {
            self.side.block_on(shared.close());
        }
        self.decisions.close();
        self.side.block_on(self.exporter.close());
        self.telemetry.flush();
    }

    /// Those who are told.
    pub(super) fn notices(&self) -> &Arc<Notices> {
        &self.notices
    }

    /// The store of decisions.
    pub(super) fn decisions(&self) -> &Arc<Decisions> {
        &self.decisions
    }

    /// What exports traces, metrics and logs.
    pub(super) fn exporter(&self) -> &Arc<Exporter> {
        &self.exporter
    }

    /// What is shared with other gateways, where anything is.
    pub(super) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn admin_bind(&self) -> SocketAddr {
        self.admin_bind
    }

    /// Where others say what is revoked, when they may.
    pub(super) fn feed_bind(&self) -> Option<SocketAddr> {
        let current = self.current.lock();
        let revocation = current.compiled.resolved.document.revocation.as_ref();
        revocation.map(|revocation| revocation.bind.address())
    }

    pub(super) fn set_admin(&self, address: SocketAddr) {
        let _ = self.admin.set(address);
    }

    pub(super) fn admin_address(&self) -> SocketAddr {
        self.admin.get().copied().unwrap_or(self.admin_bind)
    }

    /// Where calls come in.
    pub(super) fn listeners(&self) -> Vec<ListenerStatus> {
        let current = self.current.lock();
        let snapshot = &current.compiled.snapshot;
        self.addresses
            .iter()
            .map(|(name, address)| {
                let tls = snapshot.listeners.iter().any(|known| *known.name == **name && known.tls.is_some());
                let url = match address {
                    Address::Tcp(_) if tls => format!("https://{address}"),
                    Address::Tcp(_) => format!("http://{address}"),
                    Address::Unix(_) => address.to_string(),
                };
                ListenerStatus { name: name.clone(), address: address.to_string(), url }
            })
            .collect()
    }

    /// What its configuration does.
    pub(super) fn behavior(&self) -> serde_json::Value {
        let current = self.current.lock();
        policy_diff::describe(&current.compiled, &current.served.assets)
    }

    /// What it is doing.
    pub(super) fn status(&self) -> Status {
        let listeners = self.listeners();
        let current = self.current.lock();
        let compiled = &current.compiled;
        let apis = compiled.apis.iter().map(|api| ApiStatus {
            name: api.name.clone(),
            title: api.title.clone(),
            base_path: api.base_path.clone(),
            operations: api.operations,
            fully_enforced: api.fully_enforced,
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: compiled.snapshot.generation,
            digest: compiled.digest().iter().map(|byte| format!("{byte:02x}")).collect(),
            since: current.since,
            started: self.started,
            live_snapshots: self.live.count(),
            listeners,
            admin: self.admin_address().to_string(),
            apis: apis.collect(),
            last_reload: current.last_reload.clone(),
        }
    }
}

/// The data directory: as the command line says, else as the document says, relative to it.
pub(super) fn data_directory(options: &Options, loaded: &Loaded) -> PathBuf {
    if let Some(data) = &options.data {
        return data.clone();
    }
    let written = loaded.outline.as_ref().map_or("./data", |outline| outline.data.as_str());
    load::folder(&options.config).join(written)
}

/// Makes the data directory ready, and the keys of the local issuer and of assertions where the document has such.
fn prepare(data: &Path, loaded: &mut Loaded) -> Result<Option<Arc<SigningKey>>, String> {
    if loaded.outline.is_none() {
        return Ok(None);
    }
    data::prepare(data)?;
    add_assertion_key(data, loaded)?;
    let Some(outline) = &loaded.outline else { return Ok(None) };
    if outline.local_issuer { data::issuer_key(data).map(Arc::new).map(Some) } else { Ok(None) }
}

/// Puts the gateway's own key of assertions beside what was loaded, where the document wants it.
pub(super) fn add_assertion_key(data: &Path, loaded: &mut Loaded) -> Result<(), String> {
    if loaded.outline.as_ref().is_some_and(|outline| outline.assertion_key) {
        loaded.keep(compile::ASSERTION_KEY, &data::assertion_key(data)?);
    }
    Ok(())
}

/// What calls are told to: the access log of a document, and metrics.
fn telemetry(
    document: &spec::Document,
    options: &Options,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Telemetry>, String> {
    let destination = match &document.record.access_log {
        spec::AccessLog::Stdout => Destination::Stdout,
        spec::AccessLog::Off => Destination::Off,
        spec::AccessLog::File(file) => Destination::File(load::folder(&options.config).join(file.path())),
    };
    let telemetry = Telemetry::new(&destination, Arc::clone(clock));
    telemetry.map(Arc::new).map_err(|error| format!("the access log cannot be opened: {error}"))
}

/// Compiles what was loaded.
pub(super) fn compile_loaded(
    loaded: &Loaded,
    options: &Options,
    key: Option<&SigningKey>,
    generation: u64,
    live: &Live,
    previous: Option<&Kept>,
    sources: &mut Sources,
) -> Result<Compiled, Diagnostics> {
    let jwks = key.map(SigningKey::jwks_json);
    let input = Input {
        path: &loaded.name,
        text: &loaded.text,
        assets: &loaded.assets,
        unreadable: &loaded.unreadable,
        references: &loaded.references,
        environment: options.environment.as_deref(),
        local_jwks: jwks.as_deref().map(str::as_bytes),
        generation,
        live,
    };
    compile::compile(&input, previous, sources)
}

/// Shows diagnostics on standard error.
pub(super) fn show(found: &Diagnostics, sources: &Sources) {
    let text = render::human(found, sources, terminal::color());
    if !text.is_empty() {
        terminal::rendered(&text);
    }
}

fn settings(options: &Options, passed: &Passed) -> Settings {
    Settings {
        cores: options.cores,
        workers: options.cores,
        bodies: options.bodies,
        drain: bounds::DRAIN_TIME,
        folder: load::folder(&options.config),
        passed: passed.clone(),
    }
}

/// What is done outside of a core is done with the same.
fn context(services: &Services) -> CoreContext {
    CoreContext {
        core: usize::MAX,
        clock: Arc::clone(&services.clock),
        cells: Arc::clone(&services.cells),
        replays: Arc::clone(&services.replays),
        fetch: Arc::clone(&services.fetch),
        side: Arc::clone(&services.side),
        keyed: Arc::clone(&services.keyed),
    }
}

fn services(
    clock: &Arc<dyn Clock>,
    live: &Live,
    telemetry: &Arc<Telemetry>,
    (side, shared): (Arc<dyn Spawn>, Option<&Arc<Shared>>),
) -> Result<Services, String> {
    let fetch = outbound::Client::new(Arc::clone(clock), &[])
        .map_err(|error| format!("calls of our own cannot be made: {error}"))?;
    let flushed = Arc::clone(telemetry);
    Ok(Services {
        clock: Arc::clone(clock),
        cells: shared.map_or_else(|| Arc::new(state::MemoryCells::new()) as Arc<_>, |shared| shared.cells()),
        replays: shared
            .map_or_else(|| Arc::new(state::MemoryReplays::new()) as Arc<_>, |shared| shared.replays()),
        fetch: Arc::new(fetch),
        side,
        keyed: Arc::new(Keyed::default()),
        recorder: Arc::<Telemetry>::clone(telemetry),
        live: live.clone(),
        dying: Arc::new(move |why| {
            terminal::say(format_args!("error: {why}; the process ends"));
            flushed.flush();
        }),
    })
}
