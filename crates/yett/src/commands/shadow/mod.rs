//! `yett shadow`: what controls in shadow would have refused, and what share of good calls that is.

mod table;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use manage_api::{AskShadow, By, Looked, ShadowReport};
use serde_json::{Value, json};

use super::events::When;
use super::{Outcome, Running};
use crate::layout::inert_json;
use crate::terminal;
pub(super) use table::{number, share};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// Not before this moment: `2026-03-01T12:00:00Z`, or so long ago, as in `7d`; without it as far back as is counted
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Of this control
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// Of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Of this operation
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Say whose calls they are, too
    #[arg(long, value_enum)]
    by: Option<Who>,
    /// For people or for machines
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    Principal,
    Address,
    Application,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let ask = AskShadow {
        since: arguments.since.map(When::millis),
        control: arguments.control.clone(),
        api: arguments.api.clone(),
        operation: arguments.operation.clone(),
        by: arguments.by.map(|who| match who {
            Who::Principal => By::Principal,
            Who::Address => By::Address,
            Who::Application => By::Application,
        }),
    };
    let report = arguments.running.ask(|client| async move { client.shadow(&ask).await })?;
    match arguments.format {
        Format::Human => table::lines(&report, arguments.by.is_some()).into_iter().for_each(terminal::out),
        Format::Json => terminal::out(inert_json(&as_json(&report)?, true)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The calls that a row of refusals is a share of.
pub(super) fn whole_of<'r>(report: &'r ShadowReport, row: &Looked) -> Option<&'r Looked> {
    let key = |one: &Looked| (one.api.clone(), one.operation.clone(), one.control.clone(), one.part.clone());
    report.looked.iter().find(|looked| key(looked) == key(row))
}

/// The report with the share of each row beside its numbers.
fn as_json(report: &ShadowReport) -> Result<Value, String> {
    let mut value = serde_json::to_value(report).map_err(|error| error.to_string())?;
    let rows = value.get_mut("refused").and_then(Value::as_array_mut);
    for (row, refused) in rows.into_iter().flatten().zip(&report.refused) {
        let looked = whole_of(report, &refused.of).map_or(0, |looked| looked.good);
        // Exact to 2^53, as every number of JSON.
        let share = (looked > 0).then(|| refused.of.good as f64 / looked as f64);
        if let Some(row) = row.as_object_mut() {
            row.insert(String::from("good_looked_at"), json!(looked));
            row.insert(String::from("share_of_good"), json!(share));
        }
    }
    Ok(value)
}
