//! A program of others that says in one line of JSON where it serves.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long a program may take until it says where it serves.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is started: Node.js was seen to stand still for ever while it starts, with every thread waiting for a lock.
const STARTS: usize = 3;

/// A program that serves until this is dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    /// The line that it said, as it came.
    pub about: String,
    /// Kept open: a program that cannot say something ends.
    _said: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it and waits for its line.
    ///
    /// # Panics
    /// When it cannot be started, or says nothing each time.
    pub fn start(command: &mut Command) -> Self {
        for _ in 0..STARTS {
            let mut child =
                command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| {
                    panic!("{command:?} does not start ({error}); `make peers` installs what tests run")
                });
            let mut said = BufReader::new(child.stdout.take().unwrap());
            let (tell, told) = channel();
            thread::spawn(move || {
                let mut about = String::new();
                let read = said.read_line(&mut about);
                let _ = tell.send(read.map(|_| (about, said)));
            });
            match told.recv_timeout(PATIENCE) {
                Ok(read) => {
                    let (about, said) = read.unwrap();
                    assert!(!about.is_empty(), "{command:?} ended before it served; run `make peers`");
                    return Self { child, about, _said: said };
                }
                // What it writes to ends with it, and so does the thread.
                Err(_) => end(&mut child),
            }
        }
        panic!("{command:?} said nothing for {PATIENCE:?}, {STARTS} times");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
