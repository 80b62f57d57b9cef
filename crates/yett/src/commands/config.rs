//! `yett config`: the document as meant, with the origin of each value.

use std::process::ExitCode;

use clap::Args;
use diagnostics::{Diagnostics, Sources};

use super::{Outcome, Which};
use crate::{load, render, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let which = &arguments.which;
    let loaded = load::load(&which.config, which.env.as_deref(), None)?;
    let mut sources = Sources::default();
    let mut found = Diagnostics::new();
    let file = sources.add(loaded.name.as_str(), loaded.text.as_str());
    let resolved = spec::parse(&loaded.text, file, &mut found)
        .and_then(|tree| spec::resolve(&tree, which.env.as_deref(), &compile::sections(), &mut found));
    let text = render::human(&found, &sources, terminal::color());
    if !text.is_empty() {
        terminal::rendered(&text);
    }
    match resolved {
        Some(resolved) => {
            terminal::out(spec::print(&resolved, &sources).trim_end());
            Ok(if found.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        None => Ok(ExitCode::FAILURE),
    }
}
