//! `yett app`: applications of a running gateway, the callers that API keys are given to.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use manage_api::{Application, NewApplication};

use super::{Outcome, Running, key};
use crate::render::{day, printable};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an application
    Create {
        #[command(flatten)]
        running: Running,
        /// What it is called: letters, digits, `-`, `_` and `.`
        name: String,
        /// Who answers for it, as in `team-shop@example.com`
        #[arg(long)]
        owner: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show all applications
    List {
        #[command(flatten)]
        running: Running,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an application with its keys
    Show(One),
    /// Let none of its keys pass, until it is resumed
    Suspend(One),
    /// Let its keys pass again
    Resume(One),
    /// Take an application out, for good
    Delete {
        #[command(flatten)]
        one: One,
        /// Also when it has keys that are not over
        #[arg(long)]
        keys: bool,
    },
}

/// One application.
#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    running: Running,
    /// Its name or id
    application: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Create { running, name, owner, json } => {
            let new = NewApplication { name, owner };
            let made = running.ask(|client| async move { client.create_application(&new).await })?;
            tell(
                &made,
                json,
                &format!("`{}` is there: `yett key create {}` makes a key for it", made.name, made.name),
            )
        }
        Command::List { running, json } => list(&running, json),
        Command::Show(one) => show(&one),
        Command::Suspend(One { running, application, json }) => {
            let done = running.ask(|client| async move { client.suspend(&application).await })?;
            tell(&done, json, &format!("`{}` is suspended: no key of it passes", done.name))
        }
        Command::Resume(One { running, application, json }) => {
            let done = running.ask(|client| async move { client.resume(&application).await })?;
            tell(&done, json, &format!("`{}` may call again", done.name))
        }
        Command::Delete { one: One { running, application, json }, keys } => {
            let done =
                running.ask(|client| async move { client.delete_application(&application, keys).await })?;
            tell(&done, json, &format!("`{}` is gone, with all its keys", done.name))
        }
    }
}

fn tell(application: &Application, json: bool, words: &str) -> Outcome {
    if json {
        super::json(application)?;
    } else {
        terminal::out(printable(words));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(running: &Running, json: bool) -> Outcome {
    let all = running.ask(|client| async move { client.applications().await })?;
    if json {
        super::json(&all)?;
    } else if all.applications.is_empty() {
        terminal::out("no application yet: `yett app create NAME --owner WHO` makes one");
    }
    for one in all.applications.iter().filter(|_| !json) {
        terminal::out(line(one));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Application) -> String {
    let words =
        format!("{}  {}  {}  {}  since {}", one.name, one.id, one.status, one.owner, day(one.created));
    printable(&words)
}

fn show(one: &One) -> Outcome {
    let found = one.running.ask(|client| async move { client.application(&one.application).await })?;
    if one.json {
        super::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal::out(line(&found.application));
    if found.keys.is_empty() {
        terminal::out(format_args!("no keys yet: `yett key create {}` makes one", found.application.name));
    }
    found.keys.iter().for_each(|one| terminal::out(format_args!("  {}", key::line(one))));
    Ok(ExitCode::SUCCESS)
}
