//! `yett returns`: which operations returned personal data, and to whom.

use std::process::ExitCode;

use clap::Args;
use manage_api::{Returned, ReturnedRow};

use super::{Outcome, Running};
use crate::render::{day, printable};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let returned = arguments.running.ask(|client| async move { client.returned().await })?;
    if arguments.json {
        super::json(&returned)?;
    } else {
        show(&returned);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(returned: &Returned) {
    let since = day(returned.since);
    if returned.rows.is_empty() {
        let help = "what is looked for is said by `leaks: { personal: … }`";
        return terminal::out(format_args!("no personal data was seen in answers since {since}; {help}"));
    }
    terminal::out(format_args!("personal data in answers since {since}:"));
    let mut before = None;
    for row in &returned.rows {
        let operation = (&row.api, &row.operation);
        if before != Some(operation) {
            terminal::out(printable(&format!("{}: {}", row.api, row.operation)));
            before = Some(operation);
        }
        terminal::out(printable(&line(row)));
    }
    if returned.more {
        terminal::out("there is more than is counted: these rows are the first that were seen");
    }
}

/// A row in one line.
fn line(row: &ReturnedRow) -> String {
    let whom = match (&row.application, &row.issuer) {
        (Some(application), Some(issuer)) => format!("{application} ({issuer})"),
        (None, Some(issuer)) => format!("callers of {issuer}"),
        (_, None) => String::from("anyone"),
    };
    let hidden = if row.hidden > 0 { format!(", hidden in {}", row.hidden) } else { String::new() };
    format!("  {:<9} {:>8} answers{hidden} to {whom}, last {}", row.class, row.answers, day(row.last))
}
