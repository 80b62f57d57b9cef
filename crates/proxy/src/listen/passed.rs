//! Sockets that whoever started the process has opened and holds on to, so that clients wait while it is restarted and are not
//! refused (systemd's socket activation, `sd_listen_fds(3)`).
//!
//! One belongs to the listener that is bound to its address. All cores accept from its one queue.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::Socket;

use super::Address;

/// Sockets that were passed and are not yet taken.
#[derive(Debug, Clone, Default)]
pub struct Passed(Arc<Mutex<Vec<(Address, Socket)>>>);

impl Passed {
    /// Sockets as they came.
    ///
    /// # Errors
    /// When one does not listen, or has no address to know it by.
    pub fn new(sockets: Vec<Socket>) -> io::Result<Self> {
        let mut known = Vec::with_capacity(sockets.len());
        for socket in sockets {
            if !socket.is_listener()? {
                return Err(invalid("a socket was passed that does not listen (`ListenStream=` is wanted)"));
            }
            socket.set_nonblocking(true)?;
            let local = socket.local_addr()?;
            let address = match (local.as_socket(), local.as_pathname()) {
                (Some(address), _) => Address::Tcp(address),
                (None, Some(path)) => Address::Unix(path.to_owned()),
                (None, None) => {
                    return Err(invalid("a socket was passed that has neither a port nor a path"));
                }
            };
            known.push((address, socket));
        }
        Ok(Self(Arc::new(Mutex::new(known))))
    }

    /// The one that is bound to an address and port.
    #[must_use]
    pub fn tcp(&self, bound: SocketAddr) -> Option<TcpListener> {
        self.take(&Address::Tcp(bound)).map(TcpListener::from)
    }

    /// The one that is bound to a path.
    pub(super) fn unix(&self, path: &Path) -> Option<UnixListener> {
        self.take(&Address::Unix(PathBuf::from(path))).map(UnixListener::from)
    }

    /// Those that no listener is bound to.
    #[must_use]
    pub fn left(&self) -> Vec<Address> {
        self.all().iter().map(|(address, _)| address.clone()).collect()
    }

    fn take(&self, bound: &Address) -> Option<Socket> {
        let mut all = self.all();
        let at = all.iter().position(|(address, _)| address == bound)?;
        Some(all.swap_remove(at).1)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<(Address, Socket)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn a_socket_is_known_by_its_address_and_taken_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let unix = UnixListener::bind(&path).unwrap();
        let at = listener.local_addr().unwrap();
        let passed = Passed::new(vec![listener.into(), unix.into()]).unwrap();
        assert_eq!(passed.left(), [Address::Tcp(at), Address::Unix(path.clone())]);
        assert!(passed.tcp(SocketAddr::from(([127, 0, 0, 2], at.port()))).is_none());
        assert_eq!(passed.tcp(at).unwrap().local_addr().unwrap(), at);
        assert!(passed.tcp(at).is_none());
        assert!(passed.unix(folder.path()).is_none());
        assert!(passed.unix(&path).is_some());
        assert!(passed.left().is_empty());
    }

    #[test]
    fn what_nobody_could_connect_to_is_refused() {
        let (one, _other) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        assert!(Passed::new(vec![one]).unwrap_err().to_string().contains("does not listen"));
        let nameless = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let _ = nameless.listen(1);
        assert!(Passed::new(vec![nameless]).is_err());
    }
}
