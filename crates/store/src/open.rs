//! Opening a store: where it is, who may read it, which version it has, and whether it is ours.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use credentials::{Hash, HashKey};
use engine::Clock;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use crate::fault::StoreError;
use crate::link::{Link, Value, Work};
use crate::schema::{META, STEPS};
use crate::{PATIENCE, Store, in_time};

/// How long a connection to the database may take, and how long one waits for another's lock.
const WAIT: Duration = Duration::from_secs(5);
/// How long a connection that is given back may take to say that it is there: less than somebody waits for one.
const PROBE: Duration = Duration::from_secs(2);
/// Open connections at one time: changes are serial, and besides them somebody looks.
const CONNECTIONS: u32 = 3;

/// Where a store is.
#[derive(Clone)]
pub enum Place {
    /// A file of SQLite's; made when it is not there.
    Sqlite(PathBuf),
    /// A database of PostgreSQL's, by URL, which may hold a password.
    Postgres(String),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Place {
    /// For people: without what is secret.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("`{}`", path.display()),
            Self::Postgres(url) => match PgConnectOptions::from_str(url) {
                Ok(options) => format!(
                    "PostgreSQL at `{}`",
                    options
                        .get_socket()
                        .map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string())
                ),
                Err(_) => String::from("PostgreSQL"),
            },
        }
    }
}

impl Store {
    /// Opens the store, takes the steps to this version, and checks that `key` is the one that its hashes were made with.
    ///
    /// # Errors
    /// When it cannot be reached, is of a newer version, is not a store, or belongs to another key.
    pub async fn open(place: &Place, key: Arc<HashKey>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let link = connect(place).await?;
        let ready = async { in_time(PATIENCE, prepare(&link, &key)).await?.commit(PATIENCE).await };
        if let Err(why) = ready.await {
            link.close().await;
            return Err(why);
        }
        Ok(Self { link, key, clock, patience: PATIENCE })
    }

    /// Closes it, within [`PATIENCE`]: what was acknowledged is kept.
    pub async fn close(&self) {
        // One that does not answer is left to itself.
        let _ = timeout(self.patience, self.link.close()).await;
    }
}

/// Connects to the database of a place.
pub(crate) async fn connect(place: &Place) -> Result<Link, StoreError> {
    match place {
        Place::Sqlite(path) => sqlite(path).await,
        Place::Postgres(url) => postgres(url).await,
    }
}

async fn sqlite(path: &Path) -> Result<Link, StoreError> {
    own(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // Each commit is on the disk before it is acknowledged, also when the power fails.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WAIT)
        .foreign_keys(true)
        // In KiB, of each connection; the system keeps the file in memory as well.
        .pragma("cache_size", "-512")
        // The process may write into its own folders only.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(WAIT)
        .after_release(|connection, _| Box::pin(is_free(connection)));
    let pool = pool.connect_with(options).await.map_err(|error| {
        let why = StoreError::from(error);
        StoreError::Unavailable(format!("`{}`: {}", path.display(), reason(&why)))
    })?;
    Ok(Link::Sqlite(pool))
}

/// The clause of an error that says why, for a longer one.
fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(why) | StoreError::Full(why) => why.clone(),
        other => other.to_string(),
    }
}

/// Makes the file with mode 0600, so that what the database puts beside it has that mode too, or checks the one that is there.
fn own(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StoreError::Unavailable(format!("`{shown}` cannot be made: {error}"))),
    }
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(StoreError::Unfit(format!("the store `{shown}` is not a file"))),
        Ok(found) if found.mode() & 0o077 != 0 => Err(StoreError::Unfit(format!(
            "the store `{shown}` can be read by others: run `chmod 600 {shown}`"
        ))),
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!("`{shown}` cannot be read: {error}"))),
    }
}

async fn postgres(url: &str) -> Result<Link, StoreError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        let text = "the URL of the store does not begin with `postgres://`: write one, or leave `url` out for SQLite";
        return Err(StoreError::Unfit(String::from(text)));
    }
    let options = checked(PgConnectOptions::from_str(url)?, url)?
        .application_name("yett")
        .options([("statement_timeout", "8000"), ("lock_timeout", "5000")])
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(WAIT)
        // The pool asks too, and would wait for the answer for ever: one that is silent would be a place less.
        .after_release(|connection, _| Box::pin(is_there(connection)));
    Ok(Link::Postgres(pool.connect_with(options).await?))
}

/// A transaction that the database ended by itself, as on a full disk, cannot be rolled back, and its connection would begin no
/// other.
async fn is_free(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind what was said before.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Also ends what a transaction that was given up has left.
async fn is_there(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match timeout(PROBE, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())),
    }
}

/// Demands a connection that is encrypted, to a server that proves its name, unless it does not leave the machine.
fn checked(options: PgConnectOptions, url: &str) -> Result<PgConnectOptions, StoreError> {
    let host = options.get_host();
    let here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let written = url.contains("sslmode=") || url.contains("ssl-mode=");
    match options.get_ssl_mode() {
        _ if here => Ok(options),
        PgSslMode::VerifyFull | PgSslMode::VerifyCa => Ok(options),
        _ if !written => Ok(options.ssl_mode(PgSslMode::VerifyFull)),
        _ => Err(StoreError::Unfit(String::from(
            "the store is on another machine and nothing would prove that it is that one: write \
             `sslmode=verify-full` (and `sslrootcert=…`) into its URL",
        ))),
    }
}

/// Takes the steps that are missing, and knows the key again.
async fn prepare(link: &Link, key: &HashKey) -> Result<Work, StoreError> {
    let mut work = link.write().await?;
    take_steps(&mut work, "version", STEPS).await?;
    let own = key.fingerprint();
    match meta(&mut work, "key").await? {
        None => set(&mut work, "key", &own.to_hex()).await?,
        Some(known) if Hash::from_hex(&known) == Some(own) => {}
        Some(_) => {
            return Err(StoreError::Unfit(String::from(
                "the keys of the store were hashed with another key than the one that is given: put the right \
                 `credentials.key` (or `store.key`) back; without it, no key that was given out can be known again",
            )));
        }
    }
    Ok(work)
}

/// Takes the steps that are missing of the tables whose version is under this name.
pub(crate) async fn take_steps(
    work: &mut Work,
    name: &'static str,
    steps: &'static [&'static [&'static str]],
) -> Result<(), StoreError> {
    work.execute(META, []).await?;
    let version = match meta(work, name).await? {
        None => 0,
        Some(text) => text.parse::<usize>().map_err(|_| crate::link::damaged())?,
    };
    if version > steps.len() {
        return Err(StoreError::Unfit(format!(
            "the store has version {version} and this program knows {}: run the newer program again",
            steps.len()
        )));
    }
    for step in steps.iter().skip(version) {
        for statement in *step {
            work.execute(statement, []).await?;
        }
    }
    if version < steps.len() {
        set(work, name, &steps.len().to_string()).await?;
    }
    Ok(())
}

async fn meta(work: &mut Work, name: &str) -> Result<Option<String>, StoreError> {
    let rows = work.rows("SELECT value FROM yett_meta WHERE name = $1", [Value::from(name)]).await?;
    rows.first().map(|row| row.text(0)).transpose()
}

async fn set(work: &mut Work, name: &str, value: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO yett_meta (name, value) VALUES ($1, $2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    work.execute(sql, [Value::from(name), Value::from(value)]).await.map(drop)
}
