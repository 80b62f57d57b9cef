//! `yett status`: what a running gateway does.

use std::process::ExitCode;

use clap::Args;
use manage_api::{ReloadOutcome, ReloadReport, Status};

use super::{Outcome, Running};
use crate::{render, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let status = arguments.running.ask(|client| async move { client.status().await })?;
    if arguments.json {
        super::json(&status)?;
    } else {
        show(&status);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(status: &Status) {
    let digest: String = status.digest.chars().take(12).collect();
    terminal::out(format_args!(
        "yett {}, configuration {} ({digest}), {} alive",
        status.version, status.generation, status.live_snapshots
    ));
    for listener in &status.listeners {
        terminal::out(format_args!("listening on {} ({})", listener.url, listener.name));
    }
    terminal::out(format_args!("admin on http://{}", status.admin));
    for api in &status.apis {
        terminal::out(format_args!("{}: {} operations under `{}/`", api.name, api.operations, api.base_path));
    }
    if let Some(report) = &status.last_reload {
        terminal::out(format_args!("last reload: {}", words(report)));
        for diagnostic in &report.diagnostics {
            terminal::out(line(diagnostic));
        }
    }
}

/// A reload in one line.
pub(super) fn words(report: &ReloadReport) -> String {
    match report.outcome {
        ReloadOutcome::Changed => format!("configuration {} serves now", report.generation),
        ReloadOutcome::Unchanged => format!("nothing changed, configuration {} goes on", report.generation),
        ReloadOutcome::Failed => format!("failed, configuration {} goes on serving", report.generation),
    }
}

/// A diagnostic in one line.
pub(super) fn line(diagnostic: &manage_api::DiagnosticView) -> String {
    let place = match (&diagnostic.file, diagnostic.line, diagnostic.column) {
        (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
        _ => String::new(),
    };
    let help = diagnostic.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    render::printable(&format!(
        "  {place}{}[{}]: {}{help}",
        diagnostic.severity, diagnostic.code, diagnostic.message
    ))
}
