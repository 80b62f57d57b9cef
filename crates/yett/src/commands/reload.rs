//! `yett reload`: has a running gateway read its configuration anew.

use std::process::ExitCode;

use clap::Args;
use manage_api::ReloadOutcome;

use super::{Outcome, Running, status};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let spinner = terminal::spin("reloading");
    let report = arguments.running.ask(|client| async move { client.reload().await });
    drop(spinner);
    let report = report?;
    for diagnostic in &report.diagnostics {
        terminal::say(status::line(diagnostic));
    }
    if report.more > 0 {
        terminal::say(format_args!("  and {} more: `yett check` shows all", report.more));
    }
    terminal::out(status::words(&report));
    Ok(if report.outcome == ReloadOutcome::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
