//! `yett changes`: who changed applications and keys, and whether the chain of changes is whole.

use std::process::ExitCode;

use clap::{Args, Subcommand};

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
    /// Show changes, the oldest first
    List {
        #[command(flatten)]
        running: Running,
        /// Number of the change after which to begin
        #[arg(long, value_name = "N", default_value_t = 0)]
        after: u64,
        /// How many, at most 1000
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Look whether every change is there as it was written; ends with 1 if not
    Verify {
        #[command(flatten)]
        running: Running,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::List { running, after, limit, json } => {
            let audit = running.ask(|client| async move { client.audit(after, limit).await })?;
            if json {
                super::json(&audit)?;
            }
            for entry in audit.entries.iter().filter(|_| !json) {
                terminal::out(printable(&format!(
                    "{}  {}  {}  {}  {}  {}",
                    entry.sequence,
                    day(entry.at),
                    entry.actor,
                    entry.action,
                    entry.target,
                    entry.detail
                )));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { running, json } => {
            let report = running.ask(|client| async move { client.verify_audit().await })?;
            if json {
                super::json(&report)?;
            } else if report.whole {
                terminal::out(format_args!("whole: {} changes, each as it was written", report.entries));
            } else {
                terminal::out(format_args!("broken: change {} is not what was written", report.entries));
            }
            Ok(if report.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
