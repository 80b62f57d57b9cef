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
    loop {
        let loaded = load::load(&arguments.which.config, arguments.which.env.as_deref(), before.as_deref());
        let (changed, watcher) = watch(arguments, loaded.as_ref().ok())?;
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
            terminal::say(format_args!("error: {why}"));
        }
        terminal::say("waiting for a change");
        if changed.recv().is_err() {
            return Ok(ExitCode::FAILURE);
        }
        while changed.recv_timeout(TOGETHER).is_ok() {}
        drop(watcher);
        terminal::say("");
    }
}

/// Hears of changes in the folders of all files that count: a file is often replaced rather than written.
fn watch(
    arguments: &Arguments,
    loaded: Option<&Loaded>,
) -> Result<(Receiver<()>, impl Watcher + use<>), String> {
    let (heard, changed) = sync_channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // One that waits already says enough.
            let _ = heard.try_send(());
        }
    });
    let mut watcher = watcher.map_err(|error| format!("files cannot be watched: {error}"))?;
    let mut folders: BTreeSet<PathBuf> = BTreeSet::from([load::folder(&arguments.which.config)]);
    if let Some(loaded) = loaded {
        folders.extend(loaded.watched.iter().map(|path| load::folder(path)));
        folders.extend(loaded.folders.iter().cloned());
    }
    folders.extend(files::paths(arguments).into_iter().flatten().map(|path| load::folder(&path)));
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
        watched.map_err(|error| format!("`{}` cannot be watched: {error}", folder.display()))?;
    }
    Ok((changed, watcher))
}
