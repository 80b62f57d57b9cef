//! From a path to everything a compilation needs: the document, the files it names, the files that contracts refer to,
//! secrets from files and the environment.
//!
//! Reads are bounded and of plain files only. A file is read whole or not at all; what cannot be read is reported by the
//! compiler at the place that names it. Secrets are wiped when the load is dropped, where nothing holds them any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compile::{Needed, NeededKind, Outline};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a file that is neither a document nor a contract.
const MAX_FILE: usize = 4 << 20;
/// Bytes of a database. The largest of cities have a hundred million.
const MAX_DATABASE: usize = 256 << 20;
/// Files of one folder of rules.
const MAX_RULE_FILES: usize = 1_000;
/// Bytes of a secret.
const MAX_SECRET: usize = 64 << 10;
/// Files that one contract may refer to, all taken together.
const MAX_REFERENCES: usize = 2_000;

/// See [`confined`].
static CONFINED: AtomicBool = AtomicBool::new(false);

type Assets = BTreeMap<String, Arc<[u8]>>;

/// Everything a compilation needs.
#[derive(Default)]
pub(crate) struct Loaded {
    /// The document's name as shown.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// What it names.
    pub(crate) assets: Assets,
    /// Why what it names is not among the assets.
    pub(crate) unreadable: BTreeMap<String, String>,
    /// Files that each contract file refers to.
    pub(crate) references: BTreeMap<String, Vec<String>>,
    /// Files whose change would matter, those that are not there included.
    pub(crate) watched: BTreeSet<PathBuf>,
    /// Folders in which a new file would matter.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// What is known of the document; `None` when nothing can be made of it.
    pub(crate) outline: Option<Outline>,
    secrets: BTreeSet<String>,
}

impl Loaded {
    /// Whether both would compile to the same.
    pub(crate) fn same_content(&self, other: &Loaded) -> bool {
        self.text == other.text && self.assets == other.assets && self.unreadable == other.unreadable
    }

    /// A secret that the document names, without the line end of its file.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn secret(&self, reference: &spec::SecretRef) -> Result<&[u8], String> {
        let found = self.assets.get(&compile::secret_key(reference));
        found.map(|bytes| &**bytes).ok_or_else(|| format!("the secret `{reference}` is not there"))
    }

    /// Adds a secret that no document names.
    pub(crate) fn keep(&mut self, name: &str, secret: &[u8]) {
        self.assets.insert(name.to_owned(), secret.into());
        self.secrets.insert(name.to_owned());
    }

    /// Files that the URL of the database names (`sslrootcert`, `sslcert`, `sslkey`).
    pub(crate) fn database_files(&self) -> Vec<PathBuf> {
        let url = self.outline.as_ref().and_then(|outline| outline.store_url.as_ref());
        let Some(url) = url.and_then(|url| self.secret_text(url).ok()) else { return Vec::new() };
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let files = pairs.filter(|(name, _)| ["sslrootcert", "sslcert", "sslkey"].contains(name));
        files.map(|(_, path)| PathBuf::from(path)).collect()
    }

    /// A secret as text.
    ///
    /// # Errors
    /// When it is not there, or not UTF-8.
    pub(crate) fn secret_text(&self, reference: &spec::SecretRef) -> Result<Zeroizing<String>, String> {
        let text = std::str::from_utf8(self.secret(reference)?);
        let text = text.map_err(|_| format!("the secret `{reference}` is not UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        for name in &self.secrets {
            if let Some(bytes) = self.assets.get_mut(name).and_then(Arc::get_mut) {
                bytes.zeroize();
            }
        }
    }
}

/// Reads a document and what it names.
///
/// # Errors
/// When the document itself cannot be read.
pub(crate) fn load(
    path: &Path,
    environment: Option<&str>,
    before: Option<&Loaded>,
) -> Result<Loaded, String> {
    let name = path.display().to_string();
    let bytes = read(path, spec::MAX_BYTES).map_err(|why| {
        let next = if path.exists() { "" } else { ": `yett init` writes one, `--config` names another" };
        format!("`{name}` cannot be read: {why}{next}")
    })?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| format!("`{name}` is not UTF-8"))?;
    let outline = compile::outline(&name, &text, environment);
    let mut loaded = Loaded::default();
    (loaded.name, loaded.text, loaded.outline) = (name, text, outline);
    loaded.watched.insert(path.to_owned());
    let folder = folder(path);
    let needed: Vec<Needed> = loaded.outline.iter().flat_map(|outline| outline.needed.clone()).collect();
    for one in needed {
        match one.kind {
            NeededKind::Contract => contract(&folder, &one.name, before, &mut loaded),
            NeededKind::File => file(&folder, &one.name, MAX_FILE, &mut loaded),
            NeededKind::Database => file(&folder, &one.name, MAX_DATABASE, &mut loaded),
            NeededKind::Rules => rules(&folder, &one.name, &mut loaded),
            NeededKind::Secret => {
                file(&folder, &one.name, MAX_SECRET, &mut loaded);
                strip_newline(&one.name, &mut loaded);
                loaded.secrets.insert(one.name);
            }
            NeededKind::Passwords => {
                file(&folder, &one.name, engine::bounds::USERS_BYTES, &mut loaded);
                loaded.secrets.insert(one.name);
            }
            NeededKind::Env => {
                let variable = one.name.strip_prefix("env:").unwrap_or_default();
                if let Ok(value) = std::env::var(variable) {
                    let value = Zeroizing::new(value);
                    loaded.assets.insert(one.name.clone(), value.as_bytes().into());
                    loaded.secrets.insert(one.name);
                }
            }
        }
    }
    Ok(loaded)
}

/// Reads a contract and all that it refers to, for a contract that no document names yet. `planned` is what it will say
/// when it is not on the disk yet.
pub(crate) fn contract_alone(folder: &Path, name: &str, planned: Option<&[u8]>) -> Loaded {
    let mut loaded = Loaded::default();
    if let Some(bytes) = planned {
        loaded.assets.insert(name.to_owned(), bytes.into());
    }
    contract(folder, name, None, &mut loaded);
    loaded
}

/// Reads rules as well that the document is to name.
pub(crate) fn more_rules(loaded: &mut Loaded, name: &str) {
    let folder = folder(Path::new(&loaded.name));
    rules(&folder, name, loaded);
}

/// Says that the process is confined from now on, which is then the likely reason when it may not read a file.
pub(crate) fn confined() {
    CONFINED.store(true, Ordering::Relaxed);
}

/// The folder that a document's paths are relative to.
pub(crate) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("."),
    }
}

/// Reads a plain file of at most `most` bytes.
///
/// # Errors
/// Why it cannot be read, as a clause.
pub(crate) fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let plain = |error: std::io::Error| {
        match error.kind() {
        std::io::ErrorKind::NotFound => String::from("there is no such file"),
        std::io::ErrorKind::PermissionDenied if CONFINED.load(Ordering::Relaxed) => {
            "this process may not read it: it reads in the folders of the files that it started with (start it anew, or with \
             `--allow-read`)"
                .to_owned()
        }
        std::io::ErrorKind::PermissionDenied => String::from("this user may not read it"),
        _ => error.to_string(),
    }
    };
    let found = std::fs::metadata(path).map_err(plain)?;
    if !found.is_file() {
        return Err(String::from("it is not a plain file"));
    }
    let expected = usize::try_from(found.len()).unwrap_or(usize::MAX).min(most);
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected.saturating_add(1)));
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(plain)?.take(bound).read_to_end(&mut bytes).map_err(plain)?;
    if bytes.len() > most {
        return Err(format!("it is longer than {most} bytes"));
    }
    Ok(bytes)
}

fn file(folder: &Path, name: &str, most: usize, loaded: &mut Loaded) {
    if loaded.assets.contains_key(name) {
        return;
    }
    let path = folder.join(name);
    match read(&path, most) {
        Ok(bytes) => {
            loaded.assets.insert(name.to_owned(), bytes.as_slice().into());
        }
        Err(why) => {
            loaded.unreadable.insert(name.to_owned(), why);
        }
    }
    loaded.watched.insert(path);
}

/// Reads a file of rules with the data beside it, or the files of a folder of rules.
fn rules(folder: &Path, name: &str, loaded: &mut Loaded) {
    if !folder.join(name).is_dir() {
        file(folder, name, MAX_FILE, loaded);
        let beside = name.rfind('/').map_or("", |end| name.get(..=end).unwrap_or_default());
        if let Err(why) = files_of_rules(folder, beside, &[".data"], loaded) {
            loaded.unreadable.insert(name.to_owned(), why);
        }
        return;
    }
    let mut found = 0;
    for below in [format!("{name}/"), format!("{name}/rules/")] {
        // The set's own settings are there as an example until somebody copies them.
        match files_of_rules(folder, &below, &[".conf", ".data", "-setup.conf.example"], loaded) {
            Ok(more) => found += more,
            Err(why) => {
                loaded.unreadable.insert(name.to_owned(), why);
                return;
            }
        }
    }
    if found == 0 {
        loaded.unreadable.insert(name.to_owned(), String::from("it holds no file of rules (`*.conf`)"));
    }
}

/// Reads the files of a folder, whose name ends with a slash unless it is empty, that have one of these endings.
fn files_of_rules(
    folder: &Path,
    below: &str,
    endings: &[&str],
    loaded: &mut Loaded,
) -> Result<usize, String> {
    let path = folder.join(below);
    loaded.watched.insert(path.clone());
    let Ok(entries) = std::fs::read_dir(&path) else { return Ok(0) };
    loaded.folders.insert(path.canonicalize().unwrap_or(path));
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let wanted =
        |name: &String| !name.starts_with('.') && endings.iter().any(|ending| name.ends_with(ending));
    let mut names: Vec<String> = names.filter(wanted).collect();
    if names.len() > MAX_RULE_FILES {
        return Err(format!("it holds more than {MAX_RULE_FILES} files of rules"));
    }
    names.sort();
    for name in &names {
        file(folder, &format!("{below}{name}"), MAX_FILE, loaded);
    }
    Ok(names.len())
}

fn contract(folder: &Path, name: &str, before: Option<&Loaded>, loaded: &mut Loaded) {
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        if loaded.references.contains_key(&name) || loaded.references.len() >= MAX_REFERENCES {
            continue;
        }
        file(folder, &name, contract::MAX_FILE, loaded);
        let Some(bytes) = loaded.assets.get(&name) else { continue };
        // Finding references means parsing, which a large contract makes one feel: not twice for the same bytes.
        let known = before.filter(|before| before.assets.get(&name) == Some(bytes));
        let further = match known.and_then(|before| before.references.get(&name)) {
            Some(further) => further.clone(),
            None => contract::references(&name, bytes),
        };
        open.extend(further.iter().cloned());
        loaded.references.insert(name, further);
    }
}

/// A secret is the file's content less one newline at its end.
fn strip_newline(name: &str, loaded: &mut Loaded) {
    let Some(bytes) = loaded.assets.get_mut(name) else { return };
    if let Some((b'\n', rest)) = bytes.split_last() {
        let rest: Arc<[u8]> = rest.strip_suffix(b"\r").unwrap_or(rest).into();
        let mut old = std::mem::replace(bytes, rest);
        if let Some(old) = Arc::get_mut(&mut old) {
            old.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_bounded_and_of_plain_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().as_slice(), b"12345");
        assert!(read(&path, 4).unwrap_err().contains("longer"));
        assert!(read(dir.path(), 4).unwrap_err().contains("plain"));
        assert!(read(&dir.path().join("none"), 4).unwrap_err().contains("no such"));
    }

    #[test]
    fn folders_of_rules_are_read_and_watched() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("crs/rules")).unwrap();
        let write = |name: &str| std::fs::write(dir.path().join("crs").join(name), name).unwrap();
        for name in [
            "crs-setup.conf.example",
            "rules/a.conf",
            "rules/b.data",
            "rules/c.conf.example",
            "rules/.d.conf",
        ] {
            write(name);
        }
        let mut loaded = Loaded::default();
        rules(dir.path(), "crs", &mut loaded);
        let read: Vec<&String> = loaded.assets.keys().collect();
        assert_eq!(read, ["crs/crs-setup.conf.example", "crs/rules/a.conf", "crs/rules/b.data"]);
        assert_eq!(loaded.folders.len(), 2);
        std::fs::create_dir(dir.path().join("none")).unwrap();
        for (name, why) in [("none", "no file of rules"), ("gone", "no such file")] {
            rules(dir.path(), name, &mut loaded);
            assert!(loaded.unreadable[name].contains(why), "{name}");
        }
        let mut alone = Loaded::default();
        rules(dir.path(), "crs/rules/a.conf", &mut alone);
        assert_eq!(alone.assets.keys().collect::<Vec<_>>(), ["crs/rules/a.conf", "crs/rules/b.data"]);
    }

    #[test]
    fn references_are_followed_and_what_is_missing_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write(
            "yett.yaml",
            "version: 1\nlisten: http://127.0.0.1:0\napis:\n  a:\n    contract: a.yaml\n    upstream: http://127.0.0.1:1\n",
        );
        write("a.yaml", "x: { $ref: 'b.yaml#/y' }\n");
        write("b.yaml", "y: { $ref: 'c.yaml' }\n");
        let loaded = load(&dir.path().join("yett.yaml"), None, None).unwrap();
        assert_eq!(loaded.assets.keys().collect::<Vec<_>>(), ["a.yaml", "b.yaml"]);
        assert!(loaded.unreadable.contains_key("c.yaml"));
        assert!(loaded.watched.contains(&dir.path().join("c.yaml")));
        let again = load(&dir.path().join("yett.yaml"), None, Some(&loaded)).unwrap();
        assert!(again.same_content(&loaded));
    }
}
