//! A real Redis server (Debian's) in a folder of its own, on a unix socket that stays where it is however often the server ends and
//! begins. It is missing where the package is: that fails the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Redis {
    folder: PathBuf,
    options: Vec<String>,
    server: Option<Child>,
}

impl Redis {
    /// Starts an empty one that keeps nothing on the disk.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further options, as `--maxmemory 1mb`.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("yett-redis-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut redis = Self { folder, options, server: None };
        redis.resume();
        redis
    }

    /// Its socket.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    /// Its folder, for files that options name.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server.as_ref().unwrap().id()
    }

    /// Starts it again after [`Redis::stop`], with an empty memory.
    pub fn resume(&mut self) {
        let _ = std::fs::remove_file(self.path());
        let mut child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no", "--unixsocket"])
            .arg(self.path())
            .arg("--dir")
            .arg(&self.folder)
            .args(&self.options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`redis-server` is not installed: run `tests/peers/setup debian`");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = Vec::new();
        let ready = lines.by_ref().any(|line| {
            let ready = line.to_lowercase().contains("ready to accept connections");
            seen.push(line);
            ready
        });
        assert!(ready, "redis-server does not start: {seen:#?}");
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        self.server = Some(child);
    }

    /// Ends it at once, as when its machine is gone: open connections break, and what it knew is lost.
    pub fn stop(&mut self) {
        let Some(mut child) = self.server.take() else { return };
        // One that stands still has to be killed as well.
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Lets it stand still (`STOP`) or go on (`CONT`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What it answers to a command, as it stands on the wire.
    pub fn ask(&self, words: &[&str]) -> String {
        let mut stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut command = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| command.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        command.push_str("*1\r\n$4\r\nQUIT\r\n");
        stream.write_all(command.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.strip_suffix("+OK\r\n").unwrap_or(&answer).to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
