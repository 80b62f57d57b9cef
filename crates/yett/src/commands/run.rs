//! `yett run`: the gateway itself.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, Which};
use crate::run::{Options, Stopped, memory_for_bodies, memory_size, serve};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// The data directory; without it the one that the configuration names
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Cores that serve; without it all
    #[arg(long, value_name = "N")]
    cores: Option<NonZeroUsize>,
    /// Memory that bodies of calls and answers may hold at one time; without it 256MiB for each core, at most a quarter of
    /// what the machine or its control group has
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    body_memory: Option<usize>,
    /// A folder that later versions of the document may name files of; those of its files of now are allowed
    #[arg(long, value_name = "DIR")]
    allow_read: Vec<PathBuf>,
    /// Open whatever its user may open, make any system call
    #[arg(long, conflicts_with = "allow_read")]
    unconfined: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let cores = arguments.cores.map_or_else(all_cores, NonZeroUsize::get);
    let options = Options {
        config: arguments.which.config.clone(),
        environment: arguments.which.env.clone(),
        data: arguments.data.clone(),
        cores,
        bodies: arguments.body_memory.unwrap_or_else(|| memory_for_bodies(cores)),
        unconfined: arguments.unconfined,
        allow_read: arguments.allow_read.clone(),
    };
    match serve(options)? {
        Stopped::Drained => Ok(ExitCode::SUCCESS),
        Stopped::NotStarted => Ok(ExitCode::FAILURE),
    }
}

fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
