//! Bundles as folders: what is read to make one, and where it is put when it arrives.
//!
//! A bundle goes into `NAME/VERSION` below one folder, whole or not at all, and is never changed there. A version that is not later than one
//! that is there is refused, so that nobody is led back to old rules by an old bundle; the way back is the document.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Bundle, MAX_COUNT};
use crate::load;

/// Bytes of one file, as of any file of rules.
const MAX_FILE: usize = 4 << 20;
/// Folders of a set that are read, below its own.
const FOLDERS: [&str; 2] = ["", "rules/"];
/// Endings of what rules are loaded from.
const ENDINGS: [&str; 3] = [".conf", ".data", "-setup.conf.example"];
/// What goes with them wherever they go.
const TERMS: [&str; 2] = ["LICENSE", "NOTICE"];

/// The files of a folder of rules that a bundle is made of: those that are read when it is named under `rules`.
///
/// # Errors
/// When one cannot be read, or there is none.
pub(crate) fn collect(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    for below in FOLDERS {
        let Ok(entries) = fs::read_dir(folder.join(below)) else { continue };
        for entry in entries {
            let entry = entry.map_err(|error| format!("`{}` cannot be read: {error}", folder.display()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let wanted = ENDINGS.iter().any(|ending| name.ends_with(ending))
                || below.is_empty() && TERMS.contains(&name.as_str());
            if name.starts_with('.') || !wanted {
                continue;
            }
            let path = entry.path();
            // A link may lead to what is nobody else's business.
            let linked = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
            let read = if linked { Err(String::from("it is a link")) } else { load::read(&path, MAX_FILE) };
            let bytes = read.map_err(|why| format!("`{}` cannot be read: {why}", path.display()))?;
            files.insert(format!("{below}{name}"), bytes.to_vec());
            if files.len() > MAX_COUNT {
                return Err(format!("`{}` holds more than {MAX_COUNT} files of rules", folder.display()));
            }
        }
    }
    if files.keys().any(|name| name.ends_with(".conf")) {
        return Ok(files);
    }
    Err(format!("`{}` holds no file of rules (`*.conf`), nor does its `rules`", folder.display()))
}

/// Whether a bundle is in its place already.
///
/// # Errors
/// When it is older than what is there, or another one of the same version.
pub(crate) fn is_there(parent: &Path, bundle: &Bundle) -> Result<bool, String> {
    let set = parent.join(&bundle.name);
    let entries = fs::read_dir(&set).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let latest = names.filter_map(|name| name.parse::<u64>().ok()).max();
    let (name, version) = (&bundle.name, bundle.version);
    match latest {
        Some(latest) if latest > version => Err(format!(
            "`{name}` {version} is older than {latest}, which is here already: `yett update rollback` goes back"
        )),
        Some(latest) if latest == version => {
            let place = set.join(version.to_string());
            let held = |path: &String, bytes: &Vec<u8>| bundle.files.get(path) == Some(bytes);
            let whole = |(path, bytes): (&String, &Vec<u8>)| {
                load::read(&place.join(path), MAX_FILE).is_ok_and(|found| *found == *bytes)
            };
            // Neither more than it holds nor less.
            let same = collect(&place).is_ok_and(|files| files.iter().all(|(path, bytes)| held(path, bytes)))
                && bundle.files.iter().all(whole);
            let other = || {
                format!(
                    "`{}` is not what the bundle holds: two bundles have one version, or somebody has changed it",
                    place.display()
                )
            };
            if same { Ok(true) } else { Err(other()) }
        }
        _ => Ok(false),
    }
}

/// Puts a bundle in its place.
///
/// # Errors
/// When it cannot be written; then nothing of it is there.
pub(crate) fn install(parent: &Path, bundle: &Bundle) -> Result<PathBuf, String> {
    let set = parent.join(&bundle.name);
    let place = set.join(bundle.version.to_string());
    let draft = set.join(format!(".{}.{}", bundle.version, std::process::id()));
    let written = fs::create_dir_all(&set)
        .and_then(|()| write(&draft, bundle))
        .and_then(|()| fs::rename(&draft, &place))
        .and_then(|()| File::open(&set)?.sync_all());
    if written.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    written.map_err(|error| format!("`{}` cannot be written: {error}", place.display()))?;
    Ok(place)
}

/// Takes it away again, where the document does not name it.
pub(crate) fn remove(place: &Path) {
    let _ = fs::remove_dir_all(place);
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever owns it.
    Owner,
    /// As the process's mask says.
    All,
}

/// Writes a file that is not there yet.
///
/// # Errors
/// When it is, or cannot be written.
pub(crate) fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), String> {
    let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}

fn write(draft: &Path, bundle: &Bundle) -> io::Result<()> {
    // What an earlier process of this number left half-written.
    if draft.exists() {
        fs::remove_dir_all(draft)?;
    }
    fs::create_dir(draft)?;
    for (path, bytes) in &bundle.files {
        let path = draft.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    File::open(draft)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(version: u64, text: &str) -> Bundle {
        let files = [("crs-setup.conf", "# none\n"), ("rules/a.conf", text), ("rules/a.data", "x\n")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        Bundle { name: String::from("crs"), version, made: 1, until: 9, files: files.into() }
    }

    #[test]
    fn threat_40_old_and_half_written_bundles_take_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join("updates");
        let (old, new) = (bundle(41, "# a"), bundle(42, "# b"));
        assert_eq!(is_there(&parent, &old), Ok(false));
        let place = install(&parent, &old).unwrap();
        assert_eq!(place, parent.join("crs/41"));
        assert_eq!(collect(&place).unwrap(), old.files);
        // What a process left that was killed while it wrote is nobody's version.
        fs::create_dir(parent.join("crs/.42.1")).unwrap();
        assert_eq!((is_there(&parent, &old), is_there(&parent, &new)), (Ok(true), Ok(false)));
        install(&parent, &new).unwrap();
        assert!(is_there(&parent, &old).unwrap_err().contains("older than 42"));
        assert!(is_there(&parent, &bundle(42, "# c")).unwrap_err().contains("two bundles"));
        // A later one that cannot be written whole leaves nothing.
        let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
        let mut broken = bundle(43, "# d");
        broken.files.insert(String::from("rules/a.conf/b"), Vec::new());
        assert!(install(&parent, &broken).is_err());
        assert_eq!(names(&parent.join("crs")), 3, "41, 42 and what was there");
        fs::write(place.join("rules/a.conf"), "changed").unwrap();
        assert_eq!(collect(&place).unwrap()["rules/a.conf"], b"changed");
    }

    #[test]
    fn a_folder_gives_what_would_be_read_of_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("rules")).unwrap();
        let write = |name: &str| fs::write(dir.path().join(name), name).unwrap();
        for name in ["LICENSE", "README.md", "crs-setup.conf.example", "rules/b.data", "rules/.c.conf"] {
            write(name);
        }
        assert!(collect(dir.path()).unwrap_err().contains("no file of rules"));
        write("rules/a.conf");
        let names: Vec<String> = collect(dir.path()).unwrap().into_keys().collect();
        assert_eq!(names, ["LICENSE", "crs-setup.conf.example", "rules/a.conf", "rules/b.data"]);
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("rules/d.conf")).unwrap();
        assert!(collect(dir.path()).unwrap_err().contains("a link"));
    }
}
