//! Unix sockets: made beside their path and put there whole, with their permissions; taken away again at the end.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The file of a socket, which goes when it is dropped, unless another one has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|id| id == self.id) {
            // It may be gone by now, which is what is wanted.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Listens on a path. What an earlier process left there is replaced; the permissions hold from the first moment.
///
/// # Errors
/// When somebody listens there, something else than a socket is there, or the folder does not let us.
pub(crate) fn bind(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the path is taken, and not by a socket",
            ));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
        }
        _ => {}
    }
    // Nobody finds the socket before it is what it should be: connecting wants the right to write to it.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    let socket = UnixListener::bind(&beside)?;
    let put = fs::set_permissions(&beside, Permissions::from_mode(mode)).and_then(|()| {
        socket.set_nonblocking(true)?;
        fs::rename(&beside, path)?;
        identity(path)
    });
    match put {
        Ok(id) => Ok((socket, SocketFile { path: path.to_owned(), id })),
        Err(why) => {
            let _ = fs::remove_file(&beside);
            Err(why)
        }
    }
}
