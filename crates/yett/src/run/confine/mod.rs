//! What the process can do no more once it has read its document: open files that are none of its own (landlock(7)), and
//! make system calls that no gateway makes (seccomp(2)). Both hold until it ends and for whatever it might be made to start.
//!
//! It may read the folders of the files that its document names, and what a process of this system needs to look up names
//! and to trust certificates ([`system`]); it may write into its data directory and where its access log and sockets lie. A later
//! version of the document that names files elsewhere is not served, and says why, as is one whose folder was itself replaced;
//! `--allow-read` names folders in which that is to come.
//!
//! Where the kernel has less than this, what it has is used and the rest is said; `--unconfined` leaves all of it out. The
//! calling thread is confined and all that it starts: it has to be called before there are others.

mod syscalls;
mod system;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::watch::deciding;
use crate::load::{self, Loaded};

/// What is known of file rights: those of Linux 6.10. An older kernel is asked for what it knows.
const KNOWN: ABI = ABI::V5;
/// What may be read and written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) read: BTreeSet<PathBuf>,
    pub(super) write: BTreeSet<PathBuf>,
}

impl Places {
    /// Those of a document and of the system, and folders that a later version of the document may name.
    pub(super) fn of(document: &Path, loaded: &Loaded, data: &Path, more: &[PathBuf]) -> Self {
        let beside = load::folder(document);
        let mut read: BTreeSet<PathBuf> = loaded.watched.iter().flat_map(|path| folders(path)).collect();
        read.extend(loaded.folders.iter().chain(more).chain([&beside]).cloned());
        read.extend(system::places());
        read.extend(loaded.database_files().iter().flat_map(|path| folders(path)));
        let made = loaded.outline.iter().flat_map(|outline| &outline.made);
        let mut write: BTreeSet<PathBuf> = made.map(|path| load::folder(&beside.join(path))).collect();
        write.insert(data.to_owned());
        Self { read, write }
    }

    /// Folders that are written to and hold files of the configuration: whoever got into the process could change it there.
    pub(super) fn exposed(&self, document: &Path, loaded: &Loaded) -> BTreeSet<PathBuf> {
        let kept: BTreeSet<PathBuf> = loaded
            .watched
            .iter()
            .map(PathBuf::as_path)
            .chain([document])
            .filter_map(|path| path.canonicalize().ok())
            .collect();
        let written = self.write.iter().filter_map(|folder| folder.canonicalize().ok());
        written.filter(|folder| kept.iter().any(|path| path.starts_with(folder))).collect()
    }
}

/// The folders in which a file has its name, its content and every link on the way: a link may lead elsewhere below its own
/// folder later, as that of a mounted volume does with each version.
fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let links = deciding(path).into_iter().filter(|name| name.is_symlink());
    let names = links.chain(path.canonicalize()).chain([path.to_owned()]);
    names.map(|name| load::folder(&name)).collect()
}

/// Confines this thread and all that it starts; what could not be had, as one line each.
pub(super) fn enter(places: &Places) -> Vec<String> {
    let files = files(places).map_err(|error| error.to_string());
    let calls = syscalls::deny();
    load::confined();
    lacking(files, calls)
}

/// What is said of what the kernel gave, or why it gave nothing: of files, and of system calls.
fn lacking(files: Result<RulesetStatus, String>, calls: Result<(), String>) -> Vec<String> {
    let files = match files {
        Ok(RulesetStatus::FullyEnforced) => None,
        Ok(RulesetStatus::PartiallyEnforced) => {
            Some("the kernel knows some file rights only (Linux 6.10 knows all)".into())
        }
        Ok(RulesetStatus::NotEnforced) => {
            Some("the kernel has no landlock: files of others may be opened".into())
        }
        Err(why) => Some(format!("landlock cannot be used ({why}): files of others may be opened")),
    };
    let calls = calls.err().map(|why| format!("system calls are not filtered: {why}"));
    files.into_iter().chain(calls).map(|why| format!("warning: not wholly confined: {why}")).collect()
}

fn files(places: &Places) -> Result<RulesetStatus, RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(KNOWN)
        & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        // It signals nobody but itself.
        .scope(Scope::Signal)?
        .create()?
        // A path that is not there is left out.
        .add_rules(path_beneath_rules(&places.read, read))?
        .add_rules(path_beneath_rules(&places.write, write))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

#[cfg(test)]
mod tests;
