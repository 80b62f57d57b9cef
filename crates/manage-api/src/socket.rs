//! The socket file: in a directory that only its owner can enter, itself readable by its owner only.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use tokio::net::UnixListener;

/// Binds the control socket with mode 0600. A socket that nobody listens on any more is replaced.
///
/// Must run inside a tokio runtime.
///
/// # Errors
/// When another process listens there, when the path is something else than a socket, or when it cannot be made.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let _turn = turn(path)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file of that name that is no socket",
            ));
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            // Whether anybody listens is not known.
            Err(error) => return Err(error),
            Ok(_) => {
                let why = "another gateway uses this data directory";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One at a time looks whether the socket is somebody's and makes it its own, until this is dropped: of two that start together
/// after a kill, each would remove the other's.
fn turn(path: &Path) -> io::Result<Option<fs::File>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::File::open(folder.unwrap_or(Path::new(".")))?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(fs::TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another gateway starts in this data directory"))
        }
        // Some file systems on a network have no such locks.
        Err(fs::TryLockError::Error(_)) => Ok(None),
    }
}
