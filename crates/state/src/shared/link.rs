//! The one connection to the server, shared by all cores: kept by a task of the side runtime, which also writes and reads it, so
//! that a core sends a question and wakes up when it is answered, and questions of all cores go out together.
//!
//! Whether the server answers is known without asking: a beat every tenth of a second shows that it takes writes, and a question
//! that is not answered in time says that it does not. From then on nobody waits for it until it answers again.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use engine::fetch::Spawn;
use engine::{BoxFuture, Clock, bounds};
use parking_lot::{Mutex, RwLock};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, RedisConnectionInfo, RedisError, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Settings;
use super::about;
use super::limited::{Limited, Unread};
use super::scripts::{Loaded, Script, number};

/// A stream to the server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens one.
pub type Dial = Arc<dyn Fn() -> BoxFuture<'static, Result<Box<dyn Stream>, String>> + Send + Sync>;
/// What is done with an answer; `None` where there is none.
pub(super) type Done = Box<dyn FnOnce(Option<&Value>) + Send>;

/// Between two beats.
const BEAT: Duration = Duration::from_millis(100);
/// For a connection with all that is said at its beginning.
const CONNECT: Duration = Duration::from_secs(2);
/// Before the next try; doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// How long the server keeps the beginning of its memory without us, in milliseconds.
const MEMORY: u64 = 24 * 3600 * 1000;

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    /// Which run of the server it ends at: what it was told by another, this one may have lost.
    run: Arc<str>,
    scripts: Arc<Loaded>,
    unread: Unread,
}

/// Why the server cannot be used.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) why: String,
    /// In seconds since 1970.
    pub(super) since: u64,
}

/// Questions, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) answered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) not_asked: AtomicU64,
    pub(super) connections: AtomicU64,
}

/// The connection.
pub(super) struct Link {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) side: Arc<dyn Spawn>,
    pub(super) counts: Counts,
    connected: RwLock<Option<Connected>>,
    up: AtomicBool,
    /// Whether what is written stays until its time is over.
    keeps: AtomicBool,
    waiting: AtomicUsize,
    fault: Mutex<Option<Fault>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("up", &self.is_up()).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>, side: Arc<dyn Spawn>) -> Arc<Self> {
        let since = clock.unix().seconds();
        let fault = Fault { why: String::from("it has not answered yet"), since };
        Arc::new(Self {
            settings,
            clock,
            side,
            counts: Counts::default(),
            connected: RwLock::new(None),
            up: AtomicBool::new(false),
            keeps: AtomicBool::new(true),
            waiting: AtomicUsize::new(0),
            fault: Mutex::new(Some(fault)),
        })
    }

    /// Whether it is worth asking.
    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Whether the server forgets nothing before its time.
    pub(super) fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Acquire)
    }

    /// Whether no question waits for its answer.
    pub(super) fn is_quiet(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.lock().clone()
    }

    /// The name of a key, under ours and of this version of what it holds.
    pub(super) fn key(&self, what: &str) -> String {
        format!("{}:2:{what}", self.settings.prefix)
    }

    /// Runs a script; `done` is told on the side runtime, whether whoever asked still waits or not.
    pub(super) fn run(
        self: &Arc<Self>,
        script: Script,
        keys: &[String],
        arguments: impl FnOnce(&mut Cmd),
        done: Done,
    ) {
        let connected = if self.is_up() { self.connected.read().clone() } else { None };
        let full = self.waiting.fetch_add(1, Ordering::AcqRel) >= bounds::SHARED_QUESTIONS;
        let Some(connected) = connected.filter(|_| !full) else {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            self.counts.not_asked.fetch_add(1, Ordering::Relaxed);
            return done(None);
        };
        let mut command = self.command(&connected, script, keys);
        arguments(&mut command);
        let link = Arc::clone(self);
        self.side.spawn(Box::pin(async move {
            let answer = link.ask(connected, &command, link.settings.timeout).await;
            link.waiting.fetch_sub(1, Ordering::AcqRel);
            match answer {
                Ok(answer) => {
                    link.counts.answered.fetch_add(1, Ordering::Relaxed);
                    done(Some(&answer));
                }
                Err(why) => {
                    link.counts.failed.fetch_add(1, Ordering::Relaxed);
                    link.ill(&why);
                    done(None);
                }
            }
        }));
    }

    /// A call of a script, with what each of them needs that looks since when nothing was lost.
    fn command(&self, to: &Connected, script: Script, keys: &[String]) -> Cmd {
        let mut command = to.scripts.call(script, keys);
        if script.begins() {
            command.arg(self.clock.unix().0 / 1_000).arg(MEMORY).arg(&*to.run);
        }
        command
    }

    /// Asks whether it takes writes; why it does not.
    async fn beat(&self, to: Connected) -> Result<(), String> {
        let command = self.command(&to, Script::Beat, &[self.key("begun")]);
        let answer = self.ask(to, &command, self.settings.timeout).await?;
        number(&answer).map(drop).ok_or_else(|| String::from("it answers what was not asked"))
    }

    /// The same for who waits. To be awaited on any runtime.
    pub(super) fn run_and_wait(
        self: &Arc<Self>,
        script: Script,
        keys: &[String],
        arguments: impl FnOnce(&mut Cmd),
    ) -> BoxFuture<'static, Option<Value>> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let done: Done = Box::new(move |answer| drop(sender.send(answer.cloned())));
        self.run(script, keys, arguments, done);
        Box::pin(async move { receiver.await.ok().flatten() })
    }

    async fn ask(&self, mut to: Connected, command: &Cmd, patience: Duration) -> Result<Value, String> {
        let deadline = self.clock.sleep(patience);
        tokio::select! {
            answer = to.connection.send_packed_command(command) => {
                to.unread.clear();
                good(answer)
            }
            () = deadline => Err(format!("no answer in {} ms", patience.as_millis())),
        }
    }

    fn ill(&self, why: &str) {
        self.up.store(false, Ordering::Release);
        let mut fault = self.fault.lock();
        let since = fault.as_ref().map_or_else(|| self.clock.unix().seconds(), |fault| fault.since);
        // What it says is told to operators, and it may say anything.
        let why: String = why.chars().filter(|one| !one.is_control()).take(200).collect();
        if fault.is_none() {
            (self.settings.say)(&format!("warning: the server of shared state: {why}"));
        }
        *fault = Some(Fault { why, since });
    }

    fn well(&self) {
        self.up.store(true, Ordering::Release);
        if self.fault.lock().take().is_some() {
            (self.settings.say)("the server of shared state answers");
        }
    }
}

/// Keeps the connection as long as there is somebody to keep it for.
pub(super) async fn keep(link: Weak<Link>, dial: Dial) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(strong) = link.upgrade() else { return };
        let deadline = strong.clock.sleep(CONNECT);
        let opened = tokio::select! {
            opened = open(&strong, &dial) => opened,
            () = deadline => Err(String::from("no connection in time")),
        };
        match opened {
            Ok(driver) => {
                pause = FIRST_PAUSE;
                drop(strong);
                let why = beat(&link).await;
                driver.abort();
                let Some(strong) = link.upgrade() else { return };
                *strong.connected.write() = None;
                strong.ill(&why);
            }
            Err(why) => {
                strong.ill(&why);
                drop(strong);
            }
        }
        let Some(clock) = link.upgrade().map(|link| Arc::clone(&link.clock)) else { return };
        // Gateways that lost it together come back apart.
        let mut random = [0; 1];
        clock.fill(&mut random);
        clock.sleep(pause / 2 + pause / 2 * u32::from(random[0]) / 256).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Asks again and again whether it takes writes; why it does not.
async fn beat(link: &Weak<Link>) -> String {
    loop {
        let Some(strong) = link.upgrade() else { return String::new() };
        let connected = strong.connected.read().clone();
        let Some(connected) = connected else { return String::from("the connection is gone") };
        match strong.beat(connected).await {
            Ok(()) => strong.well(),
            Err(why) => return why,
        }
        let clock = Arc::clone(&strong.clock);
        drop(strong);
        clock.sleep(BEAT).await;
    }
}

/// Opens a connection and says what is said first.
async fn open(link: &Arc<Link>, dial: &Dial) -> Result<Driver, String> {
    let unread = Unread::default();
    let stream = Limited::new(dial().await?, unread.clone());
    let settings = &link.settings;
    let mut about = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_db(i64::from(settings.database))
        .set_skip_set_lib_name();
    if let Some(username) = &settings.username {
        about = about.set_username(username);
    }
    if let Some(password) = &settings.password {
        about = about.set_password(password.as_str());
    }
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_connection_timeout(None)
        .set_pipeline_buffer_size(bounds::SHARED_QUESTIONS);
    let opened = MultiplexedConnection::new_with_config(&about, stream, config).await;
    let (mut connection, driver) = opened.map_err(|error| error.to_string())?;
    let driver = Driver(tokio::spawn(driver));
    let memory = connection.send_packed_command(redis::cmd("INFO").arg("memory")).await;
    unread.clear();
    link.keeps.store(good(memory).as_ref().map_or(true, about::keeps), Ordering::Release);
    let server = good(connection.send_packed_command(redis::cmd("INFO").arg("server")).await)?;
    let run = about::run(&server).ok_or("it does not say which run of the server it is (`run_id`)")?;
    let scripts = Loaded::load(&mut connection).await?;
    unread.clear();
    let connected = Connected { connection, run, scripts: Arc::new(scripts), unread };
    // Nothing else is asked before this server's memory has a beginning.
    link.beat(connected.clone()).await?;
    link.counts.connections.fetch_add(1, Ordering::AcqRel);
    *link.connected.write() = Some(connected);
    Ok(driver)
}

/// An answer that is none of an error, wherever the library puts it.
pub(super) fn good(answer: Result<Value, RedisError>) -> Result<Value, String> {
    answer.and_then(Value::extract_error).map_err(|error| error.to_string())
}

/// What reads and writes; ends with this.
struct Driver(tokio::task::JoinHandle<()>);

impl Driver {
    fn abort(self) {
        drop(self);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
