//! Sockets that clients connect to, and what is found out of a connection before its first call.
//!
//! Each core has a socket of its own on the same address (`SO_REUSEPORT`), so that accepting needs no lock; the cores share
//! the queue of a unix socket, and of one that was opened for us (`passed`). A connection stays where it was accepted, unless another core has
//! far fewer (`inbox`). In order: whose connection it is, where a trusted proxy says so (`preamble`); the ClientHello,
//! kept as it came (`hello`); the handshake, and the client's certificate (`handshake`), over a socket of `records`. Whether that certificate is still
//! good is asked again at each call (`standing`).

mod bind;
pub(crate) mod handshake;
mod hello;
mod passed;
mod preamble;
pub(crate) mod proxied;
pub(crate) mod records;
mod replay;
pub(crate) mod standing;
mod unix;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use engine::bounds::{self, Bound};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Notify;

pub use bind::Address;
#[cfg(test)]
pub(crate) use bind::open;
pub(crate) use bind::{Door, open_all};
pub use passed::Passed;
pub(crate) use replay::Replay;
pub(crate) use unix::SocketFile;

use crate::connection;
use crate::core::Core;
use crate::inbox::{Accepted, Command, Inbox};

/// How long to wait when accepting fails, as when there are no descriptors left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A listening socket, on its core's runtime.
#[derive(Debug)]
pub(crate) enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    /// Waits for a connection, which is served in a task of its own: here, or on a core that has far fewer.
    async fn next(&self, core: &Rc<Core>, listener: u16) -> io::Result<()> {
        let lighter = || core.siblings.lighter().filter(|_| !core.ending.get());
        match self {
            Accepting::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                match lighter() {
                    Some(other) => hand(core, listener, other, Accepted::Tcp(stream.into_std()?, address)),
                    None => serve_tcp(core, listener, stream, address),
                }
            }
            Accepting::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                match lighter() {
                    Some(other) => hand(core, listener, other, Accepted::Unix(stream.into_std()?)),
                    None => serve_unix(core, listener, stream),
                }
            }
        }
        Ok(())
    }
}

/// Gives a connection to another core; one that takes none any more leaves it here.
fn hand(core: &Rc<Core>, listener: u16, other: &Inbox, accepted: Accepted) {
    if let Err(Command::Serve(_, accepted)) = other.send(Command::Serve(listener, accepted)) {
        adopt(core, listener, accepted);
    }
}

/// Serves a connection that another core accepted.
pub(crate) fn adopt(core: &Rc<Core>, listener: u16, accepted: Accepted) {
    match accepted {
        Accepted::Tcp(stream, address) => {
            if let Ok(stream) = TcpStream::from_std(stream) {
                serve_tcp(core, listener, stream, address);
            }
        }
        Accepted::Unix(stream) => {
            if let Ok(stream) = UnixStream::from_std(stream) {
                serve_unix(core, listener, stream);
            }
        }
    }
}

fn serve_tcp(core: &Rc<Core>, listener: u16, stream: TcpStream, address: SocketAddr) {
    if has_room(core) {
        tokio::task::spawn_local(connection::serve(Rc::clone(core), listener, stream, address));
    }
}

fn serve_unix(core: &Rc<Core>, listener: u16, stream: UnixStream) {
    if has_room(core) {
        tokio::task::spawn_local(connection::serve_unix(Rc::clone(core), listener, stream));
    }
}

/// Accepts until it is told to end, and then whoever stands in the queue: the system has told them that they are connected.
pub(crate) async fn accept(core: Rc<Core>, listener: u16, socket: Accepting, end: Rc<Notify>) {
    let all = async {
        loop {
            if socket.next(&core, listener).await.is_err() {
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = end.notified() => {}
    }
    let queued = async {
        for _ in 0..bind::BACKLOG {
            if socket.next(&core, listener).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = tokio::task::unconstrained(queued) => {}
        () = std::future::ready(()) => {}
    }
}

fn has_room(core: &Core) -> bool {
    let room = core.siblings.open() < bounds::CONNECTIONS;
    if !room {
        core.recorder.bound(Bound::Connections);
    }
    room
}
