//! The access log's way to its file: each core appends to a buffer of its own, one thread collects and writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use parking_lot::Mutex;

/// How often waiting lines are written.
const INTERVAL: Duration = Duration::from_millis(100);
/// Most bytes of lines that wait per core; what comes on top is lost and counted.
const WAITING: usize = 8 * 1024 * 1024;

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
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    buffers: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    /// Held while lines are written, so that a flush returns after what it found was written.
    sink: Mutex<Sink>,
    lost: AtomicU64,
    stop: AtomicBool,
    reopen: AtomicBool,
}

#[derive(Debug)]
struct Sink {
    file: Option<(PathBuf, File)>,
    fault: Option<String>,
}

/// One core's end of the log.
#[derive(Debug)]
pub(crate) struct Buffer {
    waiting: Arc<Mutex<Vec<u8>>>,
    shared: Arc<Shared>,
}

impl Buffer {
    /// Appends what `write` writes; `false` when there was no room and it is lost.
    pub(crate) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        write(&mut waiting);
        true
    }
}

impl AccessLog {
    pub(crate) fn open(destination: &Destination) -> io::Result<Self> {
        let file = match destination {
            Destination::File(path) => Some((path.clone(), open(path)?)),
            _ => None,
        };
        let shared = Arc::new(Shared {
            buffers: Mutex::default(),
            sink: Mutex::new(Sink { file, fault: None }),
            lost: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            reopen: AtomicBool::new(false),
        });
        let writing = Arc::clone(&shared);
        let writer = thread::Builder::new().name(String::from("access-log")).spawn(move || {
            while !writing.stop.load(Ordering::Acquire) {
                thread::park_timeout(INTERVAL);
                writing.write_waiting();
            }
        })?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// A new core's end.
    pub(crate) fn buffer(&self) -> Buffer {
        let waiting = Arc::new(Mutex::new(Vec::new()));
        self.shared.buffers.lock().push(Arc::clone(&waiting));
        Buffer { waiting, shared: Arc::clone(&self.shared) }
    }

    /// Lines lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Why the last write failed, until one succeeds.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.shared.sink.lock().fault.clone()
    }

    /// Writes what waits now.
    pub fn flush(&self) {
        self.shared.write_waiting();
    }

    /// Opens the file again before the next write.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(writer) = self.writer.take() {
            Thread::unpark(writer.thread());
            // The writer panics only if it is broken; its last lines are lost then.
            let _ = writer.join();
        }
        self.shared.write_waiting();
    }
}

impl Shared {
    fn write_waiting(&self) {
        let mut sink = self.sink.lock();
        if self.reopen.swap(false, Ordering::AcqRel) {
            sink.reopen();
        }
        let buffers: Vec<_> = self.buffers.lock().iter().map(Arc::clone).collect();
        for buffer in buffers {
            let lines = std::mem::take(&mut *buffer.lock());
            if !lines.is_empty() {
                let written = sink.write(&lines);
                if written < lines.len() {
                    let rest = lines.get(written..).unwrap_or_default();
                    let lost = rest.iter().filter(|byte| **byte == b'\n').count();
                    self.lost.fetch_add(u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
                }
            }
        }
    }
}

impl Sink {
    /// Writes as much as it can and returns how much that was.
    fn write(&mut self, mut lines: &[u8]) -> usize {
        let all = lines.len();
        while !lines.is_empty() {
            let result = match &mut self.file {
                Some((_, file)) => file.write(lines),
                None => io::stdout().lock().write(lines),
            };
            match result {
                Ok(0) => return self.fail(all - lines.len(), "nothing could be written"),
                Ok(written) => lines = lines.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.fail(all - lines.len(), &error.to_string()),
            }
        }
        self.fault = None;
        all
    }

    fn fail(&mut self, written: usize, why: &str) -> usize {
        self.fault = Some(why.to_owned());
        written
    }

    fn reopen(&mut self) {
        let Some((path, file)) = &mut self.file else { return };
        match open(path) {
            Ok(opened) => *file = opened,
            Err(error) => self.fault = Some(error.to_string()),
        }
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
