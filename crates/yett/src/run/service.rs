//! Listeners of the process itself, and the service manager that started it: sockets that it has opened (`sd_listen_fds(3)`), and
//! what it is told (`sd_notify(3)`).
//!
//! A manager that holds the sockets restarts the gateway without a refused connection: the old process lets its calls end while
//! clients of the new one wait in the queue, or are served already.

use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use proxy::Passed;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long to wait when accepting fails.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Takes the sockets that were passed. Before any thread is started: it clears the variables, which children must not see.
///
/// # Errors
/// When one is no socket that clients could connect to.
pub(super) fn sockets() -> Result<Passed, String> {
    let mut descriptors = ListenFd::from_env();
    let sockets: io::Result<Vec<Socket>> =
        (0..descriptors.len()).map(|number| take(&mut descriptors, number)).collect();
    sockets
        .and_then(Passed::new)
        .map_err(|why| format!("a socket of the service manager cannot be used: {why}"))
}

fn take(descriptors: &mut ListenFd, number: usize) -> io::Result<Socket> {
    let (stream, mut last) = (i32::from(Type::STREAM), None);
    for family in [Domain::IPV4, Domain::IPV6, Domain::UNIX] {
        match descriptors.take_custom::<Socket>(number, family.into(), stream, "stream socket") {
            Ok(Some(socket)) => return Ok(socket),
            Ok(None) => {}
            Err(why) => last = Some(why),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("it is gone")))
}

/// Opens a listener of the process itself, unless it was passed.
///
/// # Errors
/// When the address is in use or not ours.
pub(super) async fn listen(passed: &Passed, address: SocketAddr) -> io::Result<TcpListener> {
    match passed.tcp(address) {
        Some(socket) => TcpListener::from_std(socket),
        None => TcpListener::bind(address).await,
    }
}

/// Serves each connection in a task of its own, so many at one time; further ones wait. Until dropped.
pub(super) async fn serve<F>(listener: TcpListener, most: usize, one: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(most));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = one(stream);
                tokio::spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            // As when there are no descriptors left.
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

/// What to say of sockets that nothing is bound to: they would take connections that nobody answers.
///
/// # Errors
/// When there are any.
pub(super) fn all_taken(passed: &Passed) -> Result<(), String> {
    let left: Vec<String> = passed.left().iter().map(|address| format!("`{address}`")).collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the service manager has opened {} for us, which no listener is bound to; write the same address in the document and in \
         `ListenStream=`",
        left.join(" and ")
    ))
}

/// Tells the manager something, where there is one. One that does not listen loses nothing but the news.
pub(super) fn tell(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let _ = send(Path::new(&path), state);
}

fn send(path: &Path, state: &str) -> io::Result<()> {
    let name = path.as_os_str().as_encoded_bytes();
    let address = match name.strip_prefix(b"@") {
        Some(name) => UnixAddress::from_abstract_name(name)?,
        None => UnixAddress::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("yett-notify-{}", std::process::id());
        let abstract_name = UnixAddress::from_abstract_name(&name).unwrap();
        let cases = [
            (UnixDatagram::bind(&path).unwrap(), path),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}").into()),
        ];
        for (manager, path) in cases {
            send(&path, "READY=1").unwrap();
            let mut said = [0; 16];
            let length = manager.recv(&mut said).unwrap();
            assert_eq!(&said[..length], b"READY=1");
        }
        assert!(send(&folder.path().join("nobody"), "READY=1").is_err());
    }

    #[test]
    fn sockets_that_nobody_is_bound_to_are_named() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let passed = Passed::new(vec![socket.into()]).unwrap();
        assert!(all_taken(&passed).unwrap_err().contains(&format!("`{address}`")));
        assert!(passed.tcp(address).is_some());
        assert_eq!(all_taken(&passed), Ok(()));
    }
}
