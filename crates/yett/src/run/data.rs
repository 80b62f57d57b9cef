//! The data directory: the keys of the local issuer and of assertions, the key that hashes API keys, the store and the control socket. Its
//! owner's alone.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use credentials::HASH_KEY_BYTES;
use engine::Clock;
use jose::SigningKey;
use zeroize::Zeroizing;

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
    let pkcs8 = signing_key(data, &path)?;
    SigningKey::from_pkcs8(&pkcs8).map_err(|error| format!("`{}`: {error}", path.display()))
}

/// The key of assertions as it stands in its file: made on first use, readable by its owner only. Whoever wants to have one key
/// follow another puts both there, in PEM.
///
/// # Errors
/// What is wrong, as one line.
pub(super) fn assertion_key(data: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let path = data.join("assertion.key");
    let bytes = signing_key(data, &path)?;
    // What is no key is one that was cut off, or overwritten: nobody would be told who calls, and why not by each call.
    if SigningKey::from_pkcs8(&bytes).is_err() && !bytes.starts_with(b"-----BEGIN ") {
        return Err(format!("`{}` holds no key that can sign", path.display()));
    }
    Ok(bytes)
}

/// The content of the file of a key that signs, which is made on first use.
fn signing_key(data: &Path, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    if let Some(found) = read_key(path)? {
        return Ok(found);
    }
    let key = SigningKey::generate().map_err(|error| error.to_string())?;
    let pkcs8 = key.to_pkcs8().map_err(|error| error.to_string())?;
    let failed = |error| format!("the key `{}` cannot be written: {error}", path.display());
    create(data, path, &pkcs8).map_err(failed)?;
    Ok(pkcs8)
}

/// The key that hashes API keys: made on first use, readable by its owner only. One that is missing beside a store that is
/// there is not made anew, since no key that was given out could be known again.
///
/// # Errors
/// What is wrong, as one line.
pub(super) fn hash_key(data: &Path, store: &Path, clock: &dyn Clock) -> Result<Zeroizing<Vec<u8>>, String> {
    let path = data.join("credentials.key");
    let shown = path.display();
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    if store.exists() {
        return Err(format!(
            "the key `{shown}` is missing, with which the API keys in `{}` were hashed: put it back from a backup",
            store.display()
        ));
    }
    let mut key = Zeroizing::new(vec![0; HASH_KEY_BYTES]);
    clock.fill(&mut key);
    create(data, &path, &key).map_err(|error| format!("the key `{shown}` cannot be written: {error}"))?;
    Ok(key)
}

/// A key file that only its owner can read; `None` when there is none.
fn read_key(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    let shown = path.display();
    let Ok(found) = fs::metadata(path) else { return Ok(None) };
    if found.mode() & 0o077 != 0 {
        return Err(format!(
            "the key `{shown}` can be read by others: run `chmod 600 {shown}`, or remove it"
        ));
    }
    let bytes =
        load::read(path, MAX_KEY).map_err(|why| format!("the key `{shown}` cannot be read: {why}"))?;
    Ok(Some(bytes))
}

/// Writes a file whole or not at all: under another name first, then by a rename that is on the disk when this returns.
fn create(data: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = data.join(format!(".key.{}", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    let written = written.and_then(|()| fs::File::open(data)?.sync_all());
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
    fn the_key_of_assertions_is_made_once_and_may_have_another_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let (data, path) = (dir.path(), dir.path().join("assertion.key"));
        let key = assertion_key(data).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(*assertion_key(data).unwrap(), *key);
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\n").unwrap();
        assert!(assertion_key(data).is_ok(), "the compiler says what is wrong with it");
        fs::write(&path, "half").unwrap();
        assert!(assertion_key(data).unwrap_err().contains("assertion.key"));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(assertion_key(data).unwrap_err().contains("chmod"));
    }

    #[test]
    fn the_hashing_key_is_made_once_and_never_in_the_place_of_a_lost_one() {
        let dir = tempfile::tempdir().unwrap();
        let (data, store, clock) = (dir.path(), dir.path().join("store"), testkit::FakeClock::new());
        let key = hash_key(data, &store, &clock).unwrap();
        assert!(key.len() == HASH_KEY_BYTES && key.iter().any(|byte| *byte != 0));
        let path = data.join("credentials.key");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::write(&store, "").unwrap();
        assert_eq!(*hash_key(data, &store, &clock).unwrap(), *key);
        fs::remove_file(&path).unwrap();
        assert!(hash_key(data, &store, &clock).unwrap_err().contains("backup"));
        fs::remove_file(&store).unwrap();
        assert_ne!(*hash_key(data, &store, &clock).unwrap(), *key);
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
