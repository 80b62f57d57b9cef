//! `yett`: a security-first API gateway.
//!
//! The binary holds what touches the world: files, environment, terminal, signals, the clock. Commands are one file each
//! under `commands`; `run` wires the data plane, the side runtime, the admin listener and the control socket together.

mod bundle;
mod clock;
mod commands;
mod in_shadow;
mod inspect;
mod layout;
mod load;
mod next;
mod pages;
mod render;
mod rewrite;
mod run;
mod switch;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use engine::text::is_hidden;

// Without huge pages (a feature of it): the kernel fills up what a parked connection gave back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::Cli::try_parse() {
        Ok(cli) => cli.run(),
        // What was typed may be a text of somebody else.
        Err(error) if std::env::args_os().any(|word| word.to_string_lossy().contains(is_hidden)) => {
            terminal::say(error.render().to_string().trim_end());
            ExitCode::from(2)
        }
        Err(error) => error.exit(),
    }
}
