//! `yett schema`: the JSON Schema of the configuration, for editors.

use std::process::ExitCode;

use super::Outcome;
use crate::terminal;

pub(super) fn run() -> Outcome {
    let schema = spec::schema(&compile::sections());
    terminal::out(serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?);
    Ok(ExitCode::SUCCESS)
}
