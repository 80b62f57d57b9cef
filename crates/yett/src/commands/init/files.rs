//! What `init` writes: all of it or, when one file is in the way, nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files to be written.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    force: bool,
    planned: BTreeMap<PathBuf, Vec<u8>>,
}

impl Files {
    pub(super) fn new(folder: &Path, force: bool) -> Self {
        Self { folder: folder.to_owned(), force, planned: BTreeMap::new() }
    }

    /// Plans a file; refuses one that is there.
    pub(super) fn plan(&mut self, path: &Path, content: Vec<u8>) -> Result<(), String> {
        if !self.force && path.exists() {
            return Err(format!(
                "`{}` is there already: write elsewhere with `--out`, or over it with `--force`",
                path.display()
            ));
        }
        self.replace(path, content);
        Ok(())
    }

    /// Sets the content of a planned file.
    pub(super) fn replace(&mut self, path: &Path, content: Vec<u8>) {
        self.planned.insert(path.to_owned(), content);
    }

    /// A planned file of the folder by its name.
    pub(super) fn planned(&self, name: &str) -> Option<&[u8]> {
        self.planned.get(&self.folder.join(name)).map(Vec::as_slice)
    }

    /// Names of all that was planned.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.planned.keys().map(|path| path.strip_prefix(".").unwrap_or(path).display().to_string())
    }

    /// Writes them.
    pub(super) fn write(&self) -> Result<(), String> {
        for (path, content) in &self.planned {
            std::fs::write(path, content)
                .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
        }
        Ok(())
    }
}
