//! What a core is told, by the data plane and by the other cores: of these it also gets connections, when it has fewer.
//!
//! The kernel gives each connection to one of the cores by a hash or by chance. Connections that live long, as those of HTTP/2 and
//! WebSockets do, then weigh on some cores more than on others for hours. So a core that has accepted one hands it to the one that
//! has the fewest, where that is worth the way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use engine::bounds::Bound;
use engine::{Snapshot, Withdrawn};
use tokio::sync::Notify;

use crate::stream::Who;

/// A core hands a connection on when it has so many more than another, and an eighth more.
const MARGIN: usize = 8;

/// A connection that one core has accepted for another.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(std::net::TcpStream, SocketAddr),
    Unix(std::os::unix::net::UnixStream),
}

/// What a core is told.
pub(crate) enum Command {
    Swap(Arc<Snapshot>, SyncSender<()>),
    Note(Bound),
    Revoke(Who),
    Withdraw(Arc<dyn Withdrawn>),
    /// Serve a connection of the listener of this number.
    Serve(u16, Accepted),
    Drain,
}

#[derive(Default)]
struct Commands {
    waiting: VecDeque<Command>,
    closed: bool,
}

/// Commands on their way to a core, and how many connections it has. At most one swap is under way at a time, and connections come
/// one at a time from each other core, so this stays short.
#[derive(Default)]
pub(crate) struct Inbox {
    commands: Mutex<Commands>,
    notify: Notify,
    open: AtomicUsize,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Inbox {
    /// Tells the core something.
    ///
    /// # Errors
    /// The command, when the core takes none any more.
    pub(crate) fn send(&self, command: Command) -> Result<(), Command> {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if commands.closed {
            return Err(command);
        }
        commands.waiting.push_back(command);
        drop(commands);
        self.notify.notify_one();
        Ok(())
    }

    /// The next one.
    pub(crate) async fn next(&self) -> Command {
        loop {
            let next = self.commands.lock().unwrap_or_else(PoisonError::into_inner).waiting.pop_front();
            match next {
                Some(command) => return command,
                None => self.notify.notified().await,
            }
        }
    }

    /// Takes none any more, and hands out those that were sent before.
    pub(crate) fn close(&self) -> VecDeque<Command> {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.closed = true;
        std::mem::take(&mut commands.waiting)
    }

    /// Connections that the core has open, handshakes included.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// A core among all of them.
#[derive(Debug)]
pub(crate) struct Siblings {
    all: Arc<[Arc<Inbox>]>,
    own: Arc<Inbox>,
}

impl Siblings {
    /// The core that reads `own`, which is among all.
    pub(crate) fn new(all: &Arc<[Arc<Inbox>]>, own: &Arc<Inbox>) -> Self {
        Self { all: Arc::clone(all), own: Arc::clone(own) }
    }

    /// A core without others.
    pub(crate) fn none() -> Self {
        Self { all: Arc::default(), own: Arc::default() }
    }

    /// Connections that the core has open, handshakes included.
    pub(crate) fn open(&self) -> usize {
        self.own.open()
    }

    /// It has one more.
    pub(crate) fn opened(&self) {
        self.own.open.fetch_add(1, Ordering::Relaxed);
    }

    /// It has one less.
    pub(crate) fn closed(&self) {
        self.own.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Another core that has so many less that a new connection should be its own.
    pub(crate) fn lighter(&self) -> Option<&Arc<Inbox>> {
        let other = self.all.iter().min_by_key(|inbox| inbox.open())?;
        let theirs = other.open();
        (self.open() >= theirs.saturating_add(MARGIN).saturating_add(theirs / 8)).then_some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_to_the_one_that_has_far_less() {
        let all: Arc<[Arc<Inbox>]> = (0..3).map(|_| Arc::default()).collect();
        let cores: Vec<Siblings> = all.iter().map(|own| Siblings::new(&all, own)).collect();
        let lighter = |of: usize| {
            let found = cores[of].lighter()?;
            all.iter().position(|inbox| Arc::ptr_eq(inbox, found))
        };
        let open = |counts: [usize; 3]| {
            for (inbox, count) in all.iter().zip(counts) {
                inbox.open.store(count, Ordering::Relaxed);
            }
        };
        for (counts, expected) in [
            ([0, 0, 0], None),
            ([MARGIN - 1, 5, 0], None),
            ([MARGIN, 5, 0], Some(2)),
            ([100 + MARGIN, 100, 101], None),
            ([112 + MARGIN, 100, 101], Some(1)),
        ] {
            open(counts);
            assert_eq!(lighter(0), expected, "{counts:?}");
        }
        assert!(Siblings::none().lighter().is_none());
    }

    #[test]
    fn nothing_is_lost_in_an_inbox_that_closes() {
        let inbox = Inbox::default();
        assert!(inbox.send(Command::Note(Bound::Body)).is_ok());
        assert_eq!(inbox.close().len(), 1);
        assert!(matches!(inbox.send(Command::Drain), Err(Command::Drain)));
    }
}
