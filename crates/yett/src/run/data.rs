//! The data directory: the key of the local issuer and the control socket. Its owner's alone.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use jose::SigningKey;

use crate::load;

/// Bytes of a key file.
const MAX_KEY: usize = 4096;

/// Makes the directory with mode 0700, or checks that nobody else can enter the one that is there.
///
/// # Errors
/// What is wrong, as one line.
pub(super) fn prepare(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let cannot = |error: io::Error| format!("the data directory `{shown}` cannot be used: {error}");
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(format!("the data directory `{shown}` is a file")),
        Ok(found) if found.mode() & 0o077 != 0 => {
            // Only its owner may close it; for anyone else this fails, as it has to.
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(cannot)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(cannot)
        }
        Err(error) => Err(cannot(error)),
    }
}

/// The key of the local issuer: made on first use, readable by its owner only.
///
/// # Errors
/// What is wrong, as one line.
pub(super) fn issuer_key(data: &Path) -> Result<SigningKey, String> {
    let path = data.join("issuer.key");
    let shown = path.display();
    if let Ok(found) = fs::metadata(&path) {
        if found.mode() & 0o077 != 0 {
            return Err(format!(
                "the key `{shown}` can be read by others: run `chmod 600 {shown}`, or remove it"
            ));
        }
        let pkcs8 =
            load::read(&path, MAX_KEY).map_err(|why| format!("the key `{shown}` cannot be read: {why}"))?;
        return SigningKey::from_pkcs8(&pkcs8).map_err(|error| format!("`{shown}`: {error}"));
    }
    let key = SigningKey::generate().map_err(|error| error.to_string())?;
    let pkcs8 = key.to_pkcs8().map_err(|error| error.to_string())?;
    create(data, &path, &pkcs8).map_err(|error| format!("the key `{shown}` cannot be written: {error}"))?;
    Ok(key)
}

/// Writes a file whole or not at all: under another name first, then by a rename.
fn create(data: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = data.join(format!(".issuer.key.{}", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        prepare(&data).unwrap();
        assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
        let key = issuer_key(&data).unwrap();
        let path = data.join("issuer.key");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(issuer_key(&data).unwrap().thumbprint(), key.thumbprint());
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(issuer_key(&data).unwrap_err().contains("chmod"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "half").unwrap();
        assert!(issuer_key(&data).is_err());
    }

    #[test]
    fn an_open_directory_is_closed_and_a_file_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        prepare(dir.path()).unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(prepare(&file).unwrap_err().contains("is a file"));
    }
}
