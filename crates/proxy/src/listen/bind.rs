//! Opening sockets.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use engine::Snapshot;
use engine::snapshot::Bind;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Accepting, Passed, SocketFile, unix};
use crate::tls::Tls;

/// How many connections wait to be accepted, at most.
pub(super) const BACKLOG: i32 = 1024;

/// Where a listener is, once it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Address and port.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl Address {
    /// Address and port, where there are.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }

    /// A unix socket's path.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Address::Tcp(_) => None,
            Address::Unix(path) => Some(path),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A core's own handle of a listener.
#[derive(Debug)]
pub(crate) enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Door {
    /// Puts it on the runtime of this thread.
    pub(crate) fn accepting(self) -> io::Result<Accepting> {
        Ok(match self {
            Door::Tcp(socket) => Accepting::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Door::Unix(socket) => Accepting::Unix(tokio::net::UnixListener::from_std(socket)?),
        })
    }
}

/// A listener with a handle for each core.
pub(crate) type Opened = (Address, Vec<Door>, Option<SocketFile>);

/// Opens a listener for so many cores, unless it was passed; a relative path of a socket begins in the folder.
///
/// # Errors
/// When the text is no address, the address is in use or not ours, or the path is taken.
pub(crate) fn open(bind: &Bind, (folder, passed): (&Path, &Passed), cores: usize) -> io::Result<Opened> {
    match bind {
        Bind::Tcp(text) => {
            let address = parse(text)?;
            if let Some(socket) = passed.tcp(address) {
                let doors = for_each(cores, || socket.try_clone().map(Door::Tcp))?;
                return Ok((Address::Tcp(address), doors, None));
            }
            let (address, sockets) = tcp(address, cores)?;
            Ok((Address::Tcp(address), sockets.into_iter().map(Door::Tcp).collect(), None))
        }
        Bind::Unix { path, mode } => {
            let path = folder.join(path);
            let (socket, file) = match passed.unix(&path) {
                // Its file is whose it was.
                Some(socket) => (socket, None),
                None => unix::bind(&path, *mode).map(|(socket, file)| (socket, Some(file)))?,
            };
            let doors = for_each(cores, || socket.try_clone().map(Door::Unix))?;
            Ok((Address::Unix(path), doors, file))
        }
    }
}

fn for_each(cores: usize, handle: impl Fn() -> io::Result<Door>) -> io::Result<Vec<Door>> {
    (0..cores.max(1)).map(|_| handle()).collect()
}

fn parse(text: &str) -> io::Result<SocketAddr> {
    text.parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}` is not an address with a port"))
    })
}

/// All listeners by name, what each core accepts on, and the files that go with the plane.
pub(crate) type AllOpened = (Vec<(String, Address)>, Vec<Vec<Door>>, Vec<SocketFile>);

/// Opens all listeners of a snapshot.
///
/// # Errors
/// When one cannot be opened, or what it would serve TLS with cannot be used.
pub(crate) fn open_all(
    first: &Snapshot,
    tls: &Tls,
    from: (&Path, &Passed),
    cores: usize,
) -> io::Result<AllOpened> {
    let (mut addresses, mut files) = (Vec::with_capacity(first.listeners.len()), Vec::new());
    let mut doors: Vec<Vec<Door>> = (0..cores).map(|_| Vec::new()).collect();
    for listener in &first.listeners {
        let place = match &listener.bind {
            Bind::Tcp(text) => text.to_string(),
            Bind::Unix { path, .. } => path.display().to_string(),
        };
        let failed = |why: io::Error| io::Error::new(why.kind(), format!("`{place}`: {why}"));
        tls.server(listener).map_err(failed)?;
        let (address, own, file) = open(&listener.bind, from, cores).map_err(failed)?;
        addresses.push((listener.name.to_string(), address));
        files.extend(file);
        for (slot, door) in doors.iter_mut().zip(own) {
            slot.push(door);
        }
    }
    Ok((addresses, doors, files))
}

/// One socket per core, all on one port.
fn tcp(mut address: SocketAddr, cores: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // With SO_REUSEPORT a second process of the same user would silently take half of the connections.
    drop(socket(address, false)?);
    let mut sockets = Vec::with_capacity(cores);
    for _ in 0..cores.max(1) {
        let socket = socket(address, true)?;
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok((address, sockets))
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
