//! A real PostgreSQL server (Debian's) in a folder of its own, on a unix socket only. It is missing where the package is:
//! that fails the test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    server: Option<Child>,
}

impl Postgres {
    /// Makes an empty cluster and starts it.
    #[must_use]
    pub fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("yett-postgres-{}-{number}", std::process::id()));
        let made = as_server("mkdir").args(["-m", "700"]).arg(&folder).status().unwrap();
        assert!(made.success(), "`{}` cannot be made", folder.display());
        let mut cluster = Self { folder, server: None };
        let data = cluster.folder.join("data");
        // What is lost when the machine fails in the middle of making it is made again.
        let made = as_server(program("initdb"))
            .args(["--no-sync", "-A", "trust", "-U", "yett", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        cluster.resume();
        cluster
    }

    /// Starts the server again after [`Postgres::stop`].
    pub fn resume(&mut self) {
        let mut child = as_server(program("postgres"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-c", "listen_addresses=", "-c", "max_connections=40", "-k"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = Vec::new();
        let ready = lines.by_ref().any(|line| {
            let ready = line.contains("database system is ready to accept connections");
            seen.push(line);
            ready
        });
        assert!(ready, "postgres does not start: {seen:#?}");
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        self.server = Some(child);
    }

    /// Ends the server at once, as when its machine is gone: open connections break.
    pub fn stop(&mut self) {
        let Some(mut child) = self.server.take() else { return };
        let sent = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        child.wait().unwrap();
    }

    /// Makes a database and says by which URL it is reached.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        self.database_in("C", name)
    }

    /// The same in a locale, as in `C.UTF-8`, which says which letters are the same but for their case.
    #[must_use]
    pub fn database_in(&self, locale: &str, name: &str) -> String {
        let made = Command::new(program("createdb"))
            .args(["-U", "yett", "-T", "template0", "-l", locale, "-h"])
            .arg(&self.folder)
            .arg(name)
            .output()
            .unwrap();
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres:///{name}?host={}&user=yett", self.folder.display())
    }

    /// What a statement answers, column by column with `|` between.
    pub fn query(&self, name: &str, sql: &str) -> String {
        let done = Command::new(program("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "yett", "-d", name, "-c", sql, "-h"])
            .arg(&self.folder)
            .output()
            .unwrap();
        assert!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The newest of the installed versions' programs; Debian keeps them off the path.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map_while(Result::ok);
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.is_file()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("`{name}` is not installed: run `tests/peers/setup debian`"))
}

/// A command as the user that PostgreSQL runs as: it refuses to run as root.
fn as_server(program: impl AsRef<Path>) -> Command {
    let am_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !am_root {
        return Command::new(program.as_ref());
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program.as_ref());
    // A folder that it may enter.
    command.current_dir("/");
    command
}
