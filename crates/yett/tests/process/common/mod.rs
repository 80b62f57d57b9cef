//! A gateway as a process, a service behind it, and a client in front; ports are the system's choice, waits end on events.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a module of tests")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Notes, version: "1" }
security: [{ oauth: ["notes:read"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "notes:read": r, "notes:write": w } } } }
paths:
  /notes:
    get: { operationId: listNotes, responses: { "200": { description: ok } } }
    post:
      operationId: addNote
      security: [{ oauth: ["notes:write"] }]
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, required: [text], properties: { text: { type: string } } } } }
      responses: { "200": { description: ok } }
"##;

/// A folder to work in.
pub struct House {
    pub dir: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("openapi.yaml"), CONTRACT).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        // As editors do: a whole new file under the old name.
        let draft = self.path(".draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.path(name)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yett"));
        command.args(arguments).current_dir(self.dir.path()).env("NO_COLOR", "1");
        command
    }

    pub fn yett(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub fn good(&self, arguments: &[&str]) -> String {
        let output = self.yett(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Standard error of a command that must fail.
    pub fn bad(&self, arguments: &[&str]) -> String {
        let output = self.yett(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// A document as `init` writes it, with ports of the system's choice.
    pub fn document(&self, upstream: u16) -> String {
        format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\napis:\n  notes:\n    contract: ./openapi.yaml\n    \
             upstream: http://127.0.0.1:{upstream}\n    issuer: local\n    limits: [{{ per: subject, rate: 1000/min }}]\n"
        )
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running gateway.
pub struct Gateway {
    child: Child,
    lines: Receiver<String>,
    pub url: String,
    pub admin: String,
    /// Address of the listener with TLS, where there is one.
    pub secure: String,
    /// Where others say what is revoked, where they may.
    pub feeds: String,
}

impl Gateway {
    pub fn start(house: &House) -> Self {
        Self::spawn(house.command(&["run", "--cores", "1"]))
    }

    /// With further arguments.
    pub fn start_with(house: &House, arguments: &[&str]) -> Self {
        Self::spawn(house.command(&[&["run", "--cores", "1"], arguments].concat()))
    }

    /// With no more than so many file descriptors.
    pub fn start_with_descriptors(house: &House, count: usize) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {count}; exec \"$0\" run --cores 1");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_yett")]);
        command.current_dir(house.dir.path()).env("NO_COLOR", "1");
        Self::spawn(command)
    }

    /// As a command of the test's own.
    pub fn from_command(command: Command) -> Self {
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut gateway = Self {
            child,
            lines,
            url: String::new(),
            admin: String::new(),
            secure: String::new(),
            feeds: String::new(),
        };
        let address = |line: &str, scheme: &str| {
            let (_, rest) = line.split_once(scheme)?;
            rest.split([' ', '/']).next().map(str::to_owned)
        };
        while gateway.admin.is_empty() {
            let line = gateway.line(" on http");
            if let Some(admin) = line.contains("admin on ").then(|| address(&line, "http://")).flatten() {
                gateway.admin = admin;
            } else if line.contains("revocations on ") {
                gateway.feeds = address(&line, "http://").unwrap();
            } else if let Some(secure) = address(&line, "https://") {
                gateway.secure = secure;
            } else if gateway.url.is_empty() {
                gateway.url = address(&line, "http://").unwrap();
            }
        }
        gateway
    }

    /// Waits for a line on standard error that has a text.
    pub fn line(&mut self, wanted: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.contains(wanted) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no `{wanted}` in {seen:#?}"),
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut does: nothing is told, nothing is tidied up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The sum of the series of a metric with this label.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, page) = call(&self.admin, "GET", "/metrics", None, None);
        let series = page.lines().filter(|line| line.starts_with(name) && line.contains(label));
        series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Waits for its end.
    pub fn end(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One exchange on a connection of its own: status and the whole answer.
pub fn call(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if let Some(token) = token {
        request.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if let Some(body) = body {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body.unwrap_or_default());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer)
}

/// A service that answers everything with 200, and counts.
pub struct Service {
    pub port: u16,
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let calls = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let calls = Arc::clone(&calls);
                std::thread::spawn(move || answer_all(stream, &calls));
            }
        });
        Self { port, seen }
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn answer_all(stream: TcpStream, calls: &Mutex<Vec<String>>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0_usize;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        calls.lock().unwrap().push(first.trim().to_owned());
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
