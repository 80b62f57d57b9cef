//! `yett diff`: what two configurations do differently, or a configuration and the gateway that runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use diagnostics::Sources;
use policy_diff::{Change, Effect};
use policy_tests::{Files, Subject};
use serde_json::{Value, json};

use super::{DOCUMENT, Outcome, Running, Which};
use crate::layout::{fold, inert_json};
use crate::load::Loaded;
use crate::{load, render, terminal};

/// Most operations that are named for one change.
const NAMED: usize = 6;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration before and the one after; one alone, or `yett.yaml` without any, is compared with what the running
    /// gateway does
    #[arg(value_name = "CONFIG", num_args = 0..=2)]
    files: Vec<PathBuf>,
    /// Which of their environments
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The data directory of the running gateway; without it the one that the configuration names
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// For people or for machines
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let spinner = terminal::spin("comparing");
    let (old, new) = match arguments.files.as_slice() {
        [old, new] => (of_file(old, arguments), of_file(new, arguments)),
        [] => (of_running(Path::new(DOCUMENT), arguments), of_file(Path::new(DOCUMENT), arguments)),
        [new, ..] => (of_running(new, arguments), of_file(new, arguments)),
    };
    drop(spinner);
    let (old, new) = (old?, new?);
    if old.get("version") != new.get("version") {
        return Err(String::from(
            "the running gateway describes itself in another way: it is of another version of yett",
        ));
    }
    let changes = policy_diff::compare(&old, &new);
    match arguments.format {
        Format::Human => show(&changes),
        Format::Json => terminal::out(as_json(&changes)?),
    }
    let weaker = changes.iter().any(|change| change.effect == Effect::Weaker);
    Ok(if weaker { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a configuration does. Keys and secrets that are not here have stand-ins: nothing is told of them.
fn of_file(path: &Path, arguments: &Arguments) -> Result<Value, String> {
    let loaded = load::load(path, arguments.env.as_deref(), None)?;
    behavior(&loaded, &loaded.text, arguments.env.as_deref())
}

/// What a text does in the place of the document that was loaded, or that itself.
pub(super) fn behavior(loaded: &Loaded, text: &str, environment: Option<&str>) -> Result<Value, String> {
    let files = Files {
        name: &loaded.name,
        text,
        assets: &loaded.assets,
        unreadable: &loaded.unreadable,
        references: &loaded.references,
        environment,
    };
    let mut sources = Sources::default();
    match Subject::compile(&files, &mut sources) {
        Ok(subject) => Ok(policy_diff::describe(subject.compiled(), &loaded.assets)),
        Err(found) => {
            terminal::rendered(&render::human(&found, &sources, terminal::color()));
            Err(format!("`{}` cannot be compared: {}", loaded.name, render::tally(&found)))
        }
    }
}

fn of_running(config: &Path, arguments: &Arguments) -> Result<Value, String> {
    let which = Which { config: config.to_owned(), env: arguments.env.clone() };
    let running = Running { which, data: arguments.data.clone() };
    running.ask(|client| async move { client.behavior().await })
}

pub(super) fn show(changes: &[Change]) {
    if changes.is_empty() {
        return terminal::out("both do the same");
    }
    for effect in [Effect::Weaker, Effect::Stricter, Effect::Neutral] {
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        for change in changes.iter().filter(|change| change.effect == effect) {
            match told.iter_mut().find(|(what, _)| *what == change.what) {
                Some((_, about)) => about.push(&change.about),
                None => told.push((&change.what, vec![&change.about])),
            }
        }
        for (what, about) in told {
            let mut names = about.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            if about.len() > NAMED {
                names.push_str(&format!(" and {} more", about.len() - NAMED));
            }
            terminal::out(fold(&format!("{:<8} {names}: {what}", effect.name())));
        }
    }
    let count = |effect| changes.iter().filter(|change| change.effect == effect).count();
    terminal::out(format_args!(
        "{} differences: {} weaker, {} stricter, {} neutral",
        changes.len(),
        count(Effect::Weaker),
        count(Effect::Stricter),
        count(Effect::Neutral)
    ));
}

fn as_json(changes: &[Change]) -> Result<String, String> {
    let rows: Vec<Value> = changes
        .iter()
        .map(|change| json!({ "effect": change.effect.name(), "about": change.about, "what": change.what }))
        .collect();
    let weaker = changes.iter().any(|change| change.effect == Effect::Weaker);
    inert_json(&json!({ "weaker": weaker, "changes": rows }), true)
}
