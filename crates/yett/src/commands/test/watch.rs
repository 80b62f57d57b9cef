//! `yett test --watch`: again whenever a file changes that the outcome depends on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};

use super::{Arguments, Outcome, files, once};
use crate::load::{self, Loaded};
use crate::terminal;

/// Changes within this time belong together: editors write a file in several steps.
const TOGETHER: Duration = Duration::from_millis(100);

/// Runs until it is ended from outside.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut before: Option<Arc<Loaded>> = None;
    let mut watched = folders(arguments, None);
    loop {
        // Watched before it is read: a change between the two would be seen by nobody.
        let (changed, watcher) = watch(&watched)?;
        let loaded = load::load(&arguments.which.config, arguments.which.env.as_deref(), before.as_deref());
        let wanted = folders(arguments, loaded.as_ref().ok());
        let is_watched = wanted.is_subset(&watched);
        watched = wanted;
        if !is_watched {
            continue;
        }
        let ended = match loaded {
            Ok(loaded) => {
                let loaded = Arc::new(loaded);
                let ended = once(arguments, &loaded);
                before = Some(loaded);
                ended
            }
            Err(why) => Err(why),
        };
        if let Err(why) = ended {
            terminal::failed(&why);
        }
        terminal::say("waiting for a change");
        if !has_changed(&changed, TOGETHER) {
            return Ok(ExitCode::FAILURE);
        }
        drop(watcher);
        terminal::say("");
    }
}

/// Waits for a change and those that belong to it; `false` when none can come.
fn has_changed(changed: &Receiver<()>, together: Duration) -> bool {
    if changed.recv().is_err() {
        return false;
    }
    while changed.recv_timeout(together).is_ok() {}
    true
}

/// The folders of all files that count, those that are there.
fn folders(arguments: &Arguments, loaded: Option<&Loaded>) -> BTreeSet<PathBuf> {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::from([load::folder(&arguments.which.config)]);
    if let Some(loaded) = loaded {
        folders.extend(loaded.watched.iter().map(|path| load::folder(path)));
        folders.extend(loaded.folders.iter().cloned());
    }
    folders.extend(files::paths(arguments).into_iter().flatten().map(|path| load::folder(&path)));
    folders.retain(|folder| folder.is_dir());
    folders
}

/// Hears of changes in folders: a file is often replaced rather than written.
fn watch(folders: &BTreeSet<PathBuf>) -> Result<(Receiver<()>, impl Watcher + use<>), String> {
    let (heard, changed) = sync_channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // One that waits already says enough.
            let _ = heard.try_send(());
        }
    });
    let mut watcher = watcher.map_err(|error| format!("files cannot be watched: {error}"))?;
    for folder in folders {
        let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
        watched.map_err(|error| format!("`{}` cannot be watched: {error}", folder.display()))?;
    }
    Ok((changed, watcher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_together_is_one_change() {
        let (heard, changed) = sync_channel(100);
        (0..100).for_each(|_| heard.send(()).unwrap());
        drop(heard);
        assert!(has_changed(&changed, Duration::from_secs(3_600)), "a hundred changes");
        assert!(!has_changed(&changed, Duration::from_secs(3_600)), "and they were one");
    }
}
