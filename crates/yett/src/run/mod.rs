//! The running gateway: wiring, start, reload, end.
//!
//! Threads: one per core for the data plane, one for the side runtime (JWKS, files, admin, control socket), and the main
//! thread, which waits for the end. A reload compiles on a thread for blocking work while the old snapshot serves.

mod admin;
mod alone;
mod confine;
mod credentials;
mod data;
mod decisions;
mod descriptors;
mod export;
mod feeds;
mod gateway;
mod memory;
mod mint;
mod notices;
mod reload;
mod revoke;
mod service;
mod shared;
mod side;
mod targets;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use manage_api::Handler;
use proxy::Passed;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::load::{self, Loaded};
use crate::terminal;
use alone::Alone;
use gateway::Gateway;
pub(crate) use memory::{for_bodies as memory_for_bodies, size as memory_size};

/// What the command line says.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) config: PathBuf,
    pub(crate) environment: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) cores: usize,
    /// Bytes that bodies may hold.
    pub(crate) bodies: usize,
    /// Whether it may open whatever its user may.
    pub(crate) unconfined: bool,
    /// Folders that later versions of the document may name files of.
    pub(crate) allow_read: Vec<PathBuf>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Told to stop; calls in flight were let end.
    Drained,
    /// The document has errors, which were shown.
    NotStarted,
}

/// Stack of the side thread in bytes: as much as the main thread has for the same documents; memory only where it is used.
const STACK: usize = 8 << 20;

/// Runs until told to stop.
///
/// # Errors
/// What kept it from starting, as one line.
pub(crate) fn serve(options: Options) -> Result<Stopped, String> {
    if let Some(note) = descriptors::raise() {
        terminal::say(note);
    }
    let passed = service::sockets()?;
    let loaded = load::load(&options.config, options.environment.as_deref(), None)?;
    confine(&options, &loaded)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("side")
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .map_err(|error| format!("the side runtime cannot start: {error}"))?;
    let alone = runtime.block_on(async { take_data(&options, &loaded) })?;
    let started = Gateway::start(options, loaded, &passed, runtime.handle())?;
    let (Some(gateway), Some(mut alone)) = (started, alone) else { return Ok(Stopped::NotStarted) };
    let gateway = Arc::new(gateway);
    export::measure(&gateway);
    // Before anybody is told that it runs: a signal that nobody listens for ends the process.
    let started =
        runtime.block_on(async { Ok((Signals::listen()?, open(&gateway, &passed, &mut alone).await?)) });
    let (signals, watcher) = match started {
        Ok(started) => started,
        Err(why) => {
            gateway.stop();
            return Err(why);
        }
    };
    service::tell("READY=1");
    runtime.block_on(until_told(&gateway, signals));
    service::tell("STOPPING=1");
    drop(watcher);
    terminal::say("draining: calls in flight may end, new ones are not taken");
    gateway.stop();
    drop(alone);
    runtime.shutdown_background();
    Ok(Stopped::Drained)
}

/// Makes the data directory, and confines the process to it and to the files that its document names. A document of which
/// nothing can be made is left to be complained of.
fn confine(options: &Options, loaded: &Loaded) -> Result<(), String> {
    if options.unconfined || loaded.outline.is_none() {
        return Ok(());
    }
    let data = gateway::data_directory(options, loaded);
    data::prepare(&data)?;
    if let Some(none) = options.allow_read.iter().find(|folder| !folder.is_dir()) {
        return Err(format!(
            "`--allow-read {}` is no folder: what is not there cannot be allowed",
            none.display()
        ));
    }
    let places = confine::Places::of(&options.config, loaded, &data, &options.allow_read);
    for folder in places.exposed(&options.config, loaded) {
        terminal::say(format_args!(
            "warning: `{}` holds files of the configuration and is written to: give the access log and sockets a folder of their \
             own",
            folder.display()
        ));
    }
    confine::enter(&places).into_iter().for_each(terminal::say);
    Ok(())
}

/// Takes the data directory for this process alone; none of a document of which nothing can be made.
fn take_data(options: &Options, loaded: &Loaded) -> Result<Option<Alone>, String> {
    loaded.outline.as_ref().map(|_| Alone::take(&gateway::data_directory(options, loaded))).transpose()
}

/// Opens the ways in for operators and says where everything is.
async fn open(gateway: &Arc<Gateway>, passed: &Passed, alone: &mut Alone) -> Result<watch::Watch, String> {
    let admin = admin::bind(passed, gateway.admin_bind()).await?;
    gateway.set_admin(admin.local_addr().map_err(|error| error.to_string())?);
    tokio::spawn(admin::serve(admin, Arc::clone(gateway)));
    let feed = match gateway.feed_bind() {
        Some(address) => Some(feeds::bind(passed, address).await?),
        None => None,
    };
    let feed_address = feed
        .as_ref()
        .map(tokio::net::TcpListener::local_addr)
        .transpose()
        .map_err(|error| error.to_string())?;
    service::all_taken(passed)?;
    if let Some(feed) = feed {
        tokio::spawn(feeds::serve(feed, Arc::clone(gateway)));
    }
    tokio::spawn(feeds::keep(Arc::downgrade(gateway)));
    let handler: Arc<dyn Handler> = Arc::new(reload::Control(Arc::clone(gateway)));
    alone.serve(handler);
    let watch = watch::start(gateway);
    for listener in gateway.listeners() {
        terminal::say(format_args!("listening on {} ({})", listener.url, listener.name));
    }
    if let Some(address) = feed_address {
        terminal::say(format_args!("revocations on http://{address}"));
    }
    terminal::say(format_args!("admin on http://{}", gateway.admin_address()));
    Ok(watch)
}

/// What operators say by signal.
struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
        Ok(Self {
            hang_up: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }
}

/// SIGHUP reloads; SIGTERM and SIGINT end.
async fn until_told(gateway: &Arc<Gateway>, mut signals: Signals) {
    loop {
        tokio::select! {
            _ = signals.hang_up.recv() => {
                gateway.telemetry().reopen();
                let gateway = Arc::clone(gateway);
                tokio::spawn(async move { reload::reload(&gateway, reload::Reason::Asked).await });
            }
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
        }
    }
}
