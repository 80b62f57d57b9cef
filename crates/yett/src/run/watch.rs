//! Watching the document and its files: the folders they lie in, since editors and deployments replace files, folders and
//! links rather than write into them; [`paths`] says which names decide. An event is only a hint; whether anything changed
//! is decided by content.

mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::gateway::Gateway;
use super::reload::{self, Reason};
use crate::terminal;
pub(super) use paths::deciding;

/// Quiet time after the last event before files are read, so that a set of files is read when it is complete.
const QUIET: Duration = Duration::from_millis(150);
/// Longest time that events can put a reload off.
const PATIENCE: u32 = 20;

/// Watched folders, and what each is on the disk.
type Folders = BTreeMap<PathBuf, paths::Identity>;

/// What an event has to be about.
#[derive(Default)]
struct Wanted {
    /// Names that decide what is read.
    names: BTreeSet<PathBuf>,
    /// Folders of which every file is read.
    folders: BTreeSet<PathBuf>,
}

impl Wanted {
    fn concern(&self, path: &Path) -> bool {
        self.names.contains(path) || path.parent().is_some_and(|folder| self.folders.contains(folder))
    }
}

/// Watches until dropped.
pub(super) struct Watch {
    _watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to watch. Where the system cannot, it says so, and SIGHUP and `yett reload` remain.
pub(super) fn start(gateway: &Arc<Gateway>) -> Watch {
    let files: Arc<Mutex<Wanted>> = Arc::default();
    let hint = Arc::new(Notify::new());
    let (wanted, woken) = (Arc::clone(&files), Arc::clone(&hint));
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
        Ok(event) => {
            // Reading files makes events of access, which must not lead to reading them again.
            let changes = !matches!(event.kind, EventKind::Access(_));
            let files = wanted.lock();
            if changes && event.paths.iter().any(|path| files.concern(path)) {
                woken.notify_one();
            }
        }
        // Events were lost: look.
        Err(_) => woken.notify_one(),
    });
    let watcher = match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            terminal::say(format_args!("warning: files are not watched ({error}); use `yett reload`"));
            None
        }
    };
    let watcher = Arc::new(Mutex::new(watcher));
    let mut folders = Folders::new();
    follow(gateway, &watcher, &files, &mut folders);
    // What happened since the files were read was seen by nobody.
    hint.notify_one();
    let task = tokio::spawn(run(Arc::downgrade(gateway), Arc::clone(&watcher), files, folders, hint));
    Watch { _watcher: watcher, task }
}

async fn run(
    gateway: Weak<Gateway>,
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
    files: Arc<Mutex<Wanted>>,
    mut folders: Folders,
    hint: Arc<Notify>,
) {
    loop {
        hint.notified().await;
        for _ in 0..PATIENCE {
            if tokio::time::timeout(QUIET, hint.notified()).await.is_err() {
                break;
            }
        }
        let Some(gateway) = gateway.upgrade() else { return };
        let _ = reload::reload(&gateway, Reason::Seen).await;
        if follow(&gateway, &watcher, &files, &mut folders) {
            hint.notify_one();
        }
    }
}

/// Watches the folders in which something decides what the last load read, and no others. True when a folder is watched
/// that was not before, so that something may have happened there unseen.
fn follow(
    gateway: &Gateway,
    watcher: &Mutex<Option<RecommendedWatcher>>,
    files: &Mutex<Wanted>,
    folders: &mut Folders,
) -> bool {
    let loaded = Arc::clone(&gateway.current.lock().loaded);
    let wanted: BTreeSet<PathBuf> = loaded.watched.iter().flat_map(|path| paths::deciding(path)).collect();
    let above = wanted.iter().filter_map(|path| Some(path.parent()?.to_owned()));
    let now: BTreeSet<PathBuf> = above.chain(loaded.folders.iter().cloned()).collect();
    *files.lock() = Wanted { names: wanted, folders: loaded.folders.clone() };
    let mut watcher = watcher.lock();
    let Some(watcher) = watcher.as_mut() else { return false };
    // A folder that was replaced is another one under the same name.
    let now: Folders =
        now.into_iter().filter_map(|path| paths::identity(&path).map(|identity| (path, identity))).collect();
    for (gone, _) in folders.iter().filter(|(path, identity)| now.get(*path) != Some(*identity)) {
        let _ = watcher.unwatch(gone);
    }
    let mut more = false;
    let mut watched = Folders::new();
    for (path, identity) in now {
        let known = folders.get(&path) == Some(&identity);
        // A folder that this user may not read is tried again after the next reload.
        if known || watcher.watch(&path, RecursiveMode::NonRecursive).is_ok() {
            more |= !known;
            watched.insert(path, identity);
        }
    }
    *folders = watched;
    more
}
