//! Which files hold cases, and their texts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Arguments;
use crate::load;

/// What the names of files of cases end with.
const ENDING: &str = ".test.yaml";
/// Most files of cases.
const MOST: usize = 10_000;

/// The files: those that were named, those in folders that were named, else those beside the configuration.
///
/// # Errors
/// When one is not there, or none is.
pub(super) fn paths(arguments: &Arguments) -> Result<Vec<PathBuf>, String> {
    let mut found = BTreeSet::new();
    if arguments.paths.is_empty() {
        let folder = load::folder(&arguments.which.config);
        below(&folder, &mut found)?;
        if found.is_empty() {
            return Err(format!(
                "no file `*{ENDING}` stands beside `{}`: write one, or have one written by `yett test --generate`",
                arguments.which.config.display()
            ));
        }
    }
    for path in &arguments.paths {
        if path.is_dir() {
            below(path, &mut found)?;
        } else {
            found.insert(path.clone());
        }
    }
    if found.is_empty() {
        return Err(format!("no file `*{ENDING}` is in the folders that were named"));
    }
    Ok(found.into_iter().collect())
}

fn below(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if name.to_string_lossy().ends_with(ENDING) {
            let path = folder.join(name);
            // As a person would write it.
            found.insert(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
        }
        if found.len() > MOST {
            return Err(format!("`{shown}` holds more than {MOST} files of cases"));
        }
    }
    Ok(())
}

/// Their names and texts.
///
/// # Errors
/// When one cannot be read.
pub(super) fn read(arguments: &Arguments) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    for path in paths(arguments)? {
        let name = path.display().to_string();
        let bytes =
            load::read(&path, spec::MAX_BYTES).map_err(|why| format!("`{name}` cannot be read: {why}"))?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| format!("`{name}` is not UTF-8"))?;
        all.push((name, text));
    }
    Ok(all)
}
