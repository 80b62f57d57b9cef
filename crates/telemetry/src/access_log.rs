//! The access log's way to its file: each core appends to a buffer of its own, one thread collects and writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use engine::{Clock, Tick, UnixTime, bounds};
use parking_lot::{Condvar, Mutex};

use crate::timestamp::Stamp;

/// How often waiting lines are written.
const INTERVAL: Duration = Duration::from_millis(100);
/// A write that takes longer is told as a fault.
const HANGING: Duration = Duration::from_secs(2);
/// How long a flush, the last one too, waits for the sink.
const FLUSH: Duration = Duration::from_secs(2);
/// So many bytes of lines of a core are written at once and not only at the next [`INTERVAL`]: a buffer that is used again
/// while the caches still hold it costs less than one that grows, and where core and writer share a processor, calls wait for one
/// write at most.
const MUCH: usize = 64 * 1024;

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

/// The log and its writer.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    writer: Thread,
}

/// What the cores, the writer and those who ask share. Nobody holds one of these locks while something is written: a
/// pipe that nobody reads must stop the writer only.
#[derive(Debug)]
struct Shared {
    buffers: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    state: Mutex<State>,
    /// Told of each change of [`State::done`].
    changed: Condvar,
    lost: AtomicU64,
    stop: AtomicBool,
    reopen: AtomicBool,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<String>,
    /// Since when one write goes on.
    writing: Option<(Tick, UnixTime)>,
    /// Flushes asked for, and those whose lines are written.
    asked: u64,
    done: u64,
}

/// Held by the writer alone.
#[derive(Debug)]
struct Sink {
    file: Option<(PathBuf, File)>,
    /// Empty, with the room that the last buffer needed: the next core's lines go there.
    spare: Vec<u8>,
}

/// One core's end of the log.
#[derive(Debug)]
pub(crate) struct Buffer {
    waiting: Arc<Mutex<Vec<u8>>>,
    shared: Arc<Shared>,
    writer: Thread,
}

impl Buffer {
    /// Appends what `write` writes; `false` when there was no room and it is lost.
    pub(crate) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        if before >= bounds::LOG_QUEUE_BYTES {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        write(&mut waiting);
        let much = before < MUCH && waiting.len() >= MUCH;
        drop(waiting);
        if much {
            self.writer.unpark();
        }
        true
    }
}

impl AccessLog {
    pub(crate) fn open(destination: &Destination, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let file = match destination {
            Destination::File(path) => Some((path.clone(), open(path)?)),
            _ => None,
        };
        let shared = Arc::new(Shared {
            buffers: Mutex::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
            lost: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
            clock,
        });
        let writing = Arc::clone(&shared);
        let mut sink = Sink { file, spare: Vec::new() };
        let writer = thread::Builder::new().name(String::from("access-log")).spawn(move || {
            while !writing.stop.load(Ordering::Acquire) {
                thread::park_timeout(INTERVAL);
                writing.write_waiting(&mut sink);
            }
        })?;
        // Not joined: its last word is a flush, which is waited for, and one that hangs in a write ends with the process.
        Ok(Self { shared, writer: writer.thread().clone() })
    }

    /// A new core's end.
    pub(crate) fn buffer(&self) -> Buffer {
        let waiting = Arc::new(Mutex::new(Vec::new()));
        self.shared.buffers.lock().push(Arc::clone(&waiting));
        Buffer { waiting, shared: Arc::clone(&self.shared), writer: self.writer.clone() }
    }

    /// Lines lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Why the last write failed, until one succeeds, or since when one hangs.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let state = self.shared.state.lock();
        if let Some((since, at)) = state.writing
            && self.shared.clock.now().since(since) >= HANGING
        {
            let mut text = b"blocked since ".to_vec();
            Stamp::default().push(&mut text, at);
            text.extend_from_slice(b": what reads the log takes nothing");
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
        state.fault.clone()
    }

    /// Writes what waits now. Ends without it after [`FLUSH`], when the sink takes nothing.
    pub fn flush(&self) {
        let mut state = self.shared.state.lock();
        state.asked += 1;
        let own = state.asked;
        self.writer.unpark();
        while state.done < own {
            if self.shared.changed.wait_for(&mut state, FLUSH).timed_out() {
                return;
            }
        }
    }

    /// Opens the file again before the next write.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
        self.shared.stop.store(true, Ordering::Release);
        self.writer.unpark();
    }
}

impl Shared {
    fn write_waiting(&self, sink: &mut Sink) {
        let asked = self.state.lock().asked;
        if self.reopen.swap(false, Ordering::AcqRel)
            && let Err(why) = sink.reopen()
        {
            self.state.lock().fault = Some(why);
        }
        let buffers: Vec<_> = self.buffers.lock().iter().map(Arc::clone).collect();
        for buffer in buffers {
            let spare = std::mem::take(&mut sink.spare);
            let mut lines = std::mem::replace(&mut *buffer.lock(), spare);
            if !lines.is_empty() {
                self.write(sink, &lines);
            }
            // What a burst needed is given back.
            if lines.capacity() <= 2 * MUCH {
                lines.clear();
                sink.spare = lines;
            }
        }
        self.state.lock().done = asked;
        self.changed.notify_all();
    }

    /// Writes as much as it can; what is left is lost and counted.
    fn write(&self, sink: &mut Sink, lines: &[u8]) {
        self.state.lock().writing = Some((self.clock.now(), self.clock.unix()));
        let result = sink.write(lines);
        let mut state = self.state.lock();
        state.writing = None;
        state.fault = None;
        if let Err((written, why)) = result {
            state.fault = Some(why);
            let rest = lines.get(written..).unwrap_or_default();
            let lost = rest.iter().filter(|byte| **byte == b'\n').count();
            self.lost.fetch_add(u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl Sink {
    /// Writes all; else gives how much it could, and why.
    fn write(&mut self, lines: &[u8]) -> Result<(), (usize, String)> {
        let mut written = 0;
        while let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
            let result = match &mut self.file {
                Some((_, file)) => file.write(rest),
                None => io::stdout().lock().write(rest),
            };
            match result {
                Ok(0) => return Err((written, String::from("nothing could be written"))),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error.to_string())),
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), String> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        *file = open(path).map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
