//! `yett revocations`: what a running gateway takes no more, and taking that back.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use manage_api::Revocation;

use super::{Outcome, Running};
use crate::render::{day, printable};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is revoked, the newest first
    List {
        #[command(flatten)]
        running: Running,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a revocation back: what it took out is good again
    Undo {
        #[command(flatten)]
        running: Running,
        /// Its id
        revocation: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::List { running, json } => {
            let all = running.ask(|client| async move { client.revocations().await })?.revocations;
            if json {
                super::json(&all)?;
            } else if all.is_empty() {
                terminal::out("nothing is revoked");
            }
            all.iter().filter(|_| !json).for_each(|one| terminal::out(line(one)));
        }
        Command::Undo { running, revocation, json } => {
            let done = running.ask(|client| async move { client.undo_revocation(&revocation).await })?;
            if json {
                super::json(&done)?;
            } else {
                terminal::out(printable(&format!(
                    "`{}` is undone: what it took out may be good again",
                    done.id
                )));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A revocation in one line.
pub(super) fn line(one: &Revocation) -> String {
    let mut words = vec![one.id.clone(), one.kind.clone()];
    words.extend([&one.value, &one.issuer].into_iter().filter(|word| !word.is_empty()).cloned());
    words.extend(one.before.map(|before| format!("issued until {}", day(before))));
    words.push(format!("revoked {}", day(one.created)));
    words.push(format!("until {}", day(one.expires)));
    if !one.reason.is_empty() {
        words.push(format!("({})", one.reason));
    }
    printable(&words.join("  "))
}
