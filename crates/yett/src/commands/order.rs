//! `yett order`: in which order controls speak, and why each where it does.

use std::process::ExitCode;

use super::Outcome;
use crate::terminal;

pub(super) fn run() -> Outcome {
    terminal::out(controls::drawing().trim_end());
    Ok(ExitCode::SUCCESS)
}
