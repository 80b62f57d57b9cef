//! Watching the document and its files: the folders they lie in, since editors and deployments replace files rather than
//! write into them. An event is only a hint; whether anything changed is decided by content.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::gateway::Gateway;
use super::reload::{self, Reason};
use crate::{load, terminal};

/// Quiet time after the last event before files are read, so that a set of files is read when it is complete.
const QUIET: Duration = Duration::from_millis(150);
/// Longest time that events can put a reload off.
const PATIENCE: u32 = 20;

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
    let files: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
    let hint = Arc::new(Notify::new());
    let (wanted, woken) = (Arc::clone(&files), Arc::clone(&hint));
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
        Ok(event) => {
            // Reading files makes events of access, which must not lead to reading them again.
            let changes = !matches!(event.kind, EventKind::Access(_));
            let files = wanted.lock();
            if changes && event.paths.iter().any(|path| matters(path, &files)) {
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
    let mut folders = BTreeSet::new();
    follow(gateway, &watcher, &files, &mut folders);
    let task = tokio::spawn(run(Arc::downgrade(gateway), Arc::clone(&watcher), files, folders, hint));
    Watch { _watcher: watcher, task }
}

async fn run(
    gateway: Weak<Gateway>,
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    mut folders: BTreeSet<PathBuf>,
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
        follow(&gateway, &watcher, &files, &mut folders);
    }
}

/// Watches the folders of what the last load read, and no others.
fn follow(
    gateway: &Gateway,
    watcher: &Mutex<Option<RecommendedWatcher>>,
    files: &Mutex<BTreeSet<PathBuf>>,
    folders: &mut BTreeSet<PathBuf>,
) {
    let wanted: BTreeSet<PathBuf> =
        gateway.current.lock().loaded.watched.iter().map(|path| absolute(path)).collect();
    let now: BTreeSet<PathBuf> = wanted.iter().map(|path| load::folder(path)).collect();
    *files.lock() = wanted;
    let mut watcher = watcher.lock();
    let Some(watcher) = watcher.as_mut() else { return };
    for gone in folders.difference(&now) {
        let _ = watcher.unwatch(gone);
    }
    let mut watched: BTreeSet<PathBuf> = folders.intersection(&now).cloned().collect();
    for new in now.difference(folders) {
        // A folder that is not there yet is tried again after the next reload.
        if watcher.watch(new, RecursiveMode::NonRecursive).is_ok() {
            watched.insert(new.clone());
        }
    }
    *folders = watched;
}

fn absolute(path: &Path) -> PathBuf {
    let folder = load::folder(path);
    let folder = folder.canonicalize().or_else(|_| std::path::absolute(&folder)).unwrap_or(folder);
    path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name))
}

/// Whether an event is about a watched file, or about the link through which Kubernetes swaps mounted files at once.
fn matters(path: &Path, files: &BTreeSet<PathBuf>) -> bool {
    files.contains(path)
        || path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"..data"))
}
