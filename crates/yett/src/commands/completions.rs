//! `yett completions`: for bash, zsh, fish and others, from the same definitions as the help.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Outcome};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "yett", &mut script);
    terminal::out(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}
