//! `yett test`: the cases beside a configuration, put to it without a network.

mod files;
mod generate;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use diagnostics::{Diagnostics, Sources};
use policy_tests::document::Case;
use policy_tests::report::{Ran, Report, junit, junit_not_run, lines, table};
use policy_tests::{Coverage, Finished, Outcome as CaseOutcome, Subject, Suite};
use serde_json::json;

use super::{Outcome, Which};
use crate::layout::{fold, inert_json};
use crate::load::{self, Loaded};
use crate::{render, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Files of cases, or folders with them; without any all `*.test.yaml` beside the configuration
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// For people, for machines, or for build servers
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Say of every operation and control what no case has tried
    #[arg(long)]
    coverage: bool,
    /// How many cases at one time; without it one for each processor
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Run again whenever the configuration, a contract or a case changes
    #[arg(long, conflicts_with = "generate")]
    watch: bool,
    /// Write cases from the contracts: one file for each API, beside the configuration
    #[arg(long)]
    generate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Junit,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if arguments.watch {
        return watch::run(arguments);
    }
    let loaded = load::load(&arguments.which.config, arguments.which.env.as_deref(), None);
    let ended = loaded.and_then(|loaded| once(arguments, &loaded));
    // A build server that finds no report takes it for no failure.
    if let (Format::Junit, false, Err(why)) = (arguments.format, arguments.generate, &ended) {
        terminal::out(junit_not_run(why, why).trim_end());
    }
    ended
}

/// How many threads run cases.
fn jobs(arguments: &Arguments) -> usize {
    let own = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    arguments.jobs.unwrap_or_else(own).max(1)
}

/// Compiles what was loaded, with keys of ours in the place of every issuer's.
fn subject(arguments: &Arguments, loaded: &Loaded, sources: &mut Sources) -> Result<Subject, Diagnostics> {
    let files = policy_tests::Files {
        name: &loaded.name,
        text: &loaded.text,
        assets: &loaded.assets,
        unreadable: &loaded.unreadable,
        references: &loaded.references,
        environment: arguments.which.env.as_deref(),
    };
    Subject::compile(&files, sources)
}

/// Runs all cases once, or writes them.
fn once(arguments: &Arguments, loaded: &Loaded) -> Outcome {
    let mut sources = Sources::default();
    let spinner = terminal::spin("compiling");
    let compiled = subject(arguments, loaded, &mut sources);
    drop(spinner);
    let subject = match compiled {
        Ok(subject) => subject,
        Err(found) => return refused(arguments, &found, &sources),
    };
    if arguments.generate {
        return generate::run(arguments, &subject);
    }
    let mut found = Diagnostics::new();
    let mut suites = Vec::new();
    for (name, text) in files::read(arguments)? {
        suites.extend(Suite::read(&name, &text, &mut sources, &mut found));
    }
    if found.has_errors() {
        return refused(arguments, &found, &sources);
    }
    let cases: Vec<&Case> = suites.iter().flat_map(|suite| &suite.cases).map(|case| &case.value).collect();
    let finished = policy_tests::run(&subject, &cases, jobs(arguments))?;
    let code = tell(arguments, &suites, &finished, (&subject, &sources))?;
    // The process ends here: giving back the memory of a large contract piece by piece would only take time.
    std::mem::forget(subject);
    Ok(code)
}

fn tell(
    arguments: &Arguments,
    suites: &[Suite],
    finished: &[Finished],
    (subject, sources): (&Subject, &Sources),
) -> Outcome {
    let coverage = Coverage::of(subject, finished);
    let mut rest = finished;
    let mut ran = Vec::new();
    for suite in suites {
        let (results, after) = rest.split_at_checked(suite.cases.len()).unwrap_or((rest, &[]));
        rest = after;
        ran.push(Ran { suite, results });
    }
    let report = Report { suites: ran, coverage: &coverage, sources };
    match arguments.format {
        Format::Human => {
            for line in lines(&report, arguments.coverage) {
                terminal::out(fold(&line));
            }
        }
        Format::Json => terminal::out(inert_json(&table(&report), true)?),
        Format::Junit => terminal::out(junit(&report).trim_end()),
    }
    let good = finished.iter().all(|one| matches!(one.outcome, CaseOutcome::Passed));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what is wrong with the configuration or a file of cases.
fn refused(arguments: &Arguments, found: &Diagnostics, sources: &Sources) -> Outcome {
    if arguments.format == Format::Json {
        let (views, _) = render::views(found, sources, usize::MAX);
        let report = json!({ "ok": false, "diagnostics": views });
        terminal::out(inert_json(&report, true)?);
        return Ok(ExitCode::FAILURE);
    }
    if arguments.format == Format::Junit && !arguments.generate {
        let message = format!("not run: {}", render::tally(found));
        terminal::out(junit_not_run(&message, &render::human(found, sources, false)).trim_end());
    }
    terminal::rendered(&render::human(found, sources, terminal::color()));
    terminal::say(format_args!("not run: {}", render::tally(found)));
    Ok(ExitCode::FAILURE)
}
