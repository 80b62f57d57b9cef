//! `yett audit`: what a configuration and its contracts leave open, what to do about it first, and what of that can be done by itself.

mod table;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use policy_audit::{Audit, Repair, report};

use super::rewriting::Rewriting;
use super::{Outcome, Which};
use crate::layout::inert_json;
use crate::switch::Wanted;
use crate::{render, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// For people, for machines, for code scanning (SARIF 2.1.0), or as annotations of GitHub's workflows
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// End with 1 when the score is below this
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_score: Option<u8>,
    /// Write what is safe into the configuration: what refuses no call that passes now
    #[arg(long)]
    fix: bool,
    /// With --fix: say what would be changed, and write nothing
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// With --fix: write without asking
    #[arg(long, short, requires = "fix")]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Sarif,
    Github,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let spinner = terminal::spin("auditing");
    let document = Rewriting::begin(&arguments.which)?;
    let audit = policy_audit::audit(&document.compiled, &document.loaded.assets, &document.sources);
    drop(spinner);
    if arguments.fix {
        return fix(arguments, &document, &audit);
    }
    match arguments.format {
        Format::Human => table::lines(&audit).into_iter().for_each(terminal::out),
        Format::Json => terminal::out(inert_json(&report::as_json(&audit), true)?),
        Format::Sarif => terminal::out(inert_json(&report::sarif(&audit, env!("CARGO_PKG_VERSION")), true)?),
        Format::Github => terminal::out(render::printable_lines(report::github(&audit).trim_end())),
    }
    let is_low = arguments.min_score.is_some_and(|least| audit.score < least);
    if let (true, Some(least)) = (is_low, arguments.min_score) {
        terminal::say(format_args!("the score is {}, and has to be {least}", audit.score));
    }
    Ok(if is_low { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Applies what is safe.
fn fix(arguments: &Arguments, document: &Rewriting<'_>, audit: &Audit) -> Outcome {
    let mut edits = document.edits()?;
    for repair in audit.findings.iter().filter_map(|finding| finding.repair.as_ref()) {
        match repair {
            Repair::Watch { control, setting, api } => {
                Wanted::watched(control, setting, api).change(&mut edits, &document.compiled)?;
            }
            Repair::Set { path, value } => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                edits.set(&path, value)?;
            }
        }
    }
    if edits.is_empty() {
        terminal::say("nothing of what was found can be mended without a decision of yours");
        return Ok(ExitCode::SUCCESS);
    }
    let changed = document.compiled(edits)?;
    if !document.show(&changed)? {
        return Err(String::from(
            "that lets more through somewhere, so nothing was written: change it by hand",
        ));
    }
    let after = policy_audit::audit(&changed.compiled, &document.loaded.assets, &changed.sources);
    terminal::say(format_args!(
        "the score goes from {} to {}, and {} of {} findings stay",
        audit.score,
        after.score,
        after.findings.len(),
        audit.findings.len()
    ));
    if !arguments.dry_run {
        document.write(&changed, arguments.yes)?;
    }
    Ok(ExitCode::SUCCESS)
}
