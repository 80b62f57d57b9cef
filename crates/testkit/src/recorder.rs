//! An upstream that remembers every byte that reached it and answers as told, or misbehaves as told.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::until;
use crate::wire::{Head, Reader, faults_of_request, framing_of_request, read_head};

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The bytes of the head, with the empty line.
    pub raw: Vec<u8>,
    /// The head in its parts.
    pub head: Head,
    /// The body, chunks joined.
    pub body: Vec<u8>,
    /// On which connection it came.
    pub connection: usize,
    /// Whether all of the body came.
    pub complete: bool,
}

impl Recorded {
    /// Its method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap_or_default()
    }

    /// Its target.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// How an answer goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    None,
    /// The connection is reset after so many bytes.
    Reset(usize),
    /// The connection is closed after so many bytes.
    Close(usize),
    /// Nothing more comes after so many bytes, and the connection stays open.
    Stall(usize),
    /// One byte at a time with a pause after each.
    Slow(Duration),
    /// The head says this length, whatever the body's is; then the connection is closed.
    Claim(u64),
    /// These bytes come instead of an answer; then the connection is closed.
    Garbage(Vec<u8>),
    /// These bytes come before the answer.
    Before(Vec<u8>),
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Fields beside `content-length`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// How it goes wrong.
    pub fault: Fault,
}

impl Answer {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), fault: Fault::None }
            .header("content-type", "application/json")
    }

    /// With another field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// That goes wrong.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn bytes(&self, method: &str) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} Answer\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let length = match self.fault {
            Fault::Claim(length) => length,
            _ => self.body.len() as u64,
        };
        let bare = matches!(self.status, 204 | 304) || (100..200).contains(&self.status);
        let own_framing = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("transfer-encoding") || name.eq_ignore_ascii_case("content-length")
        });
        if !bare && !own_framing {
            out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if method != "HEAD" && !bare {
            out.extend_from_slice(&self.body);
        }
        out
    }
}

type Script = dyn Fn(&Recorded) -> Answer + Send + Sync;

struct State {
    calls: Mutex<Vec<Recorded>>,
    /// All bytes of all connections, and what of them is not strict RFC 9112.
    bytes: Mutex<Vec<u8>>,
    streams: Mutex<Vec<Vec<u8>>>,
    faults: Mutex<Vec<String>>,
    script: Mutex<Arc<Script>>,
    connections: AtomicUsize,
    over: AtomicBool,
    bell: Condvar,
    gate: Mutex<()>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("calls", &self.calls)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The upstream. It stops listening when dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    state: Arc<State>,
}

impl Recorder {
    /// Listens on a free port of the loopback address and answers `200` with `{}`.
    #[must_use]
    pub fn start() -> Self {
        Self::scripted(|_| Answer::json(200, "{}"))
    }

    /// Listens and answers as the script says.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn scripted(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            calls: Mutex::default(),
            bytes: Mutex::default(),
            streams: Mutex::default(),
            faults: Mutex::default(),
            script: Mutex::new(Arc::new(script)),
            connections: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            bell: Condvar::new(),
            gate: Mutex::new(()),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&shared);
                lock(&shared.streams).push(Vec::new());
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(&shared, stream, number));
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers otherwise from now on.
    pub fn script(&self, script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) {
        *lock(&self.state.script) = Arc::new(script);
    }

    /// Answers every call so from now on.
    pub fn answer(&self, answer: Answer) {
        self.script(move |_| answer.clone());
    }

    /// All calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Recorded> {
        lock(&self.state.calls).clone()
    }

    /// How many calls so far.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.state.calls).len()
    }

    /// The last call.
    ///
    /// # Panics
    /// When there was none.
    #[must_use]
    pub fn last(&self) -> Recorded {
        lock(&self.state.calls).last().expect("a call reached the upstream").clone()
    }

    /// How many bytes came, in calls or not.
    #[must_use]
    pub fn received(&self) -> usize {
        lock(&self.state.bytes).len()
    }

    /// All bytes of all connections in the order of their coming.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.state.bytes).clone()
    }

    /// The bytes of each connection, in the order of their coming.
    #[must_use]
    pub fn streams(&self) -> Vec<Vec<u8>> {
        lock(&self.state.streams).clone()
    }

    /// What of all that came is not strict RFC 9112.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        lock(&self.state.faults).clone()
    }

    /// How many connections came.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Waits for so many calls in all; false when they do not come.
    #[must_use]
    pub fn wait_for(&self, calls: usize) -> bool {
        until(10, || (self.count() >= calls).then_some(())).is_some()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.state.bell.notify_all();
        // Wakes the accepting thread, which then lets the port go.
        let _ = TcpStream::connect(self.address);
    }
}

/// Keeps a copy of all that is read.
struct Tee<'a> {
    stream: TcpStream,
    state: &'a State,
    connection: usize,
}

impl Read for Tee<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(space)?;
        lock(&self.state.bytes).extend_from_slice(&space[..count]);
        if let Some(own) = lock(&self.state.streams).get_mut(self.connection) {
            own.extend_from_slice(&space[..count]);
        }
        Ok(count)
    }
}

fn serve(state: &State, stream: TcpStream, connection: usize) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let mut reader = Reader::new(Tee { stream, state, connection });
    loop {
        let Ok(raw) = reader.take_until(b"\r\n\r\n") else {
            if !reader.held().is_empty() {
                lock(&state.faults).push(format!("no end of a head: `{}`", reader.held().escape_ascii()));
            }
            return;
        };
        let faults = faults_of_request(&raw);
        let strict = faults.is_empty();
        lock(&state.faults).extend(faults);
        let head = read_head(&raw);
        let mut call = Recorded { raw, head, body: Vec::new(), connection, complete: true };
        match reader.take_body(framing_of_request(&call.head)) {
            Ok(body) => call.body = body,
            Err(error) => {
                call.complete = false;
                if error.kind() == io::ErrorKind::InvalidData {
                    lock(&state.faults).push(error.to_string());
                }
            }
        }
        lock(&state.calls).push(call.clone());
        let script = Arc::clone(&lock(&state.script));
        let keep = call.complete && write(state, reader.get_ref(), &script(&call), call.method());
        if !keep || !strict {
            let _ = reader.get_ref().stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// Writes an answer; whether the connection goes on.
fn write(state: &State, tee: &Tee<'_>, answer: &Answer, method: &str) -> bool {
    let mut stream = &tee.stream;
    let bytes = answer.bytes(method);
    let part = |at: usize| &bytes[..at.min(bytes.len())];
    match &answer.fault {
        Fault::None => stream.write_all(&bytes).is_ok(),
        Fault::Reset(at) => {
            let _ = stream.write_all(part(*at));
            let _ = socket2::SockRef::from(&tee.stream).set_linger(Some(Duration::ZERO));
            false
        }
        Fault::Close(at) => {
            let _ = stream.write_all(part(*at));
            false
        }
        Fault::Claim(_) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Fault::Garbage(garbage) => {
            let _ = stream.write_all(garbage);
            false
        }
        Fault::Before(before) => stream.write_all(before).and_then(|()| stream.write_all(&bytes)).is_ok(),
        Fault::Stall(at) => {
            let _ = stream.write_all(part(*at));
            // Until the other side gives up.
            let mut space = [0_u8; 64];
            let _ = stream.read(&mut space);
            false
        }
        Fault::Slow(pause) => {
            for byte in &bytes {
                if stream.write_all(&[*byte]).is_err() || state.over.load(Ordering::SeqCst) {
                    return false;
                }
                let gate = lock(&state.gate);
                drop(state.bell.wait_timeout(gate, *pause));
            }
            true
        }
    }
}
