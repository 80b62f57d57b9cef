//! `yett inspect`: what the inspection says of a call, and which exclusions let calls pass that it refused by mistake; needs no network.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use compile::Compiled;
use diagnostics::Sources;
use serde_json::{Value, json};

use super::{Outcome, Which};
use crate::inspect::offline::Offline;
use crate::inspect::requests::{self, Parts, Raw};
use crate::inspect::tune::{Exclusion, Tuned, Tuner};
use crate::inspect::{Named, RuleName, show};
use crate::layout::inert_json;
use crate::{load, render, terminal};

/// Neither allowed nor refused: it could not be said.
const ERROR: u8 = 2;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    common: Common,
    /// A file with a request of HTTP/1.1 as it goes over the wire, or `-` for standard input
    #[arg(required_unless_present = "target", conflicts_with_all = ["target", "method", "headers", "data"])]
    request: Option<String>,
    /// Instead of a file: the path with its query
    #[arg(long)]
    target: Option<String>,
    /// The method; without it GET, or POST with `--data`
    #[arg(long, requires = "target")]
    method: Option<String>,
    /// A header field; several by repeating it
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", requires = "target")]
    headers: Vec<String>,
    /// The body; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, requires = "target")]
    data: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct Common {
    #[command(flatten)]
    which: Which,
    /// Who calls
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))]
    client: IpAddr,
    /// For people or for machines
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find the narrowest exclusions that let requests pass which were refused by mistake; prints a patch of the configuration
    Tune(Tune),
}

#[derive(Debug, Args)]
struct Tune {
    #[command(flatten)]
    common: Common,
    /// Files of requests that are good, one after the other in each
    #[arg(required = true, value_name = "RECORDED")]
    recorded: Vec<String>,
    /// A file of requests that have to be refused still; several by repeating it
    #[arg(long = "refused", value_name = "FILE")]
    refused: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let outcome = match &arguments.task {
        Some(Task::Tune(tune)) => run_tune(tune),
        None => explain(arguments),
    };
    Ok(outcome.unwrap_or_else(|why| {
        terminal::say(format_args!("error: {why}"));
        ExitCode::from(ERROR)
    }))
}

fn explain(arguments: &Arguments) -> Outcome {
    let requests = match (&arguments.target, &arguments.request) {
        (Some(target), _) => vec![requests::of_parts(&Parts {
            method: arguments.method.as_deref(),
            target,
            headers: &arguments.headers,
            data: arguments.data.as_deref(),
        })?],
        (None, path) => requests::of_file(path.as_deref().unwrap_or("-"))?,
    };
    let common = &arguments.common;
    let loaded = load::load(&common.which.config, common.which.env.as_deref(), None)?;
    let tuner = tuner(common, &loaded, &[], &[]);
    let offline = Offline::new(&compiled(&tuner)?);
    let mut refused = false;
    let mut said = Vec::new();
    for raw in &requests {
        let judged = offline.judge(raw, common.client)?;
        if let (None, Some(plan), true) = (&judged.explanation, &judged.operation, !judged.is_refused()) {
            return Err(format!("`inspection` does not hold for `{}` of `{}`", plan.id, plan.api));
        }
        refused |= judged.is_refused();
        match common.format {
            Format::Human => terminal::out(show::human(&raw.name, &judged)),
            Format::Json => said.push(show::as_json(&raw.name, &judged)),
        }
    }
    if common.format == Format::Json {
        let only = said.len() == 1;
        let whole = if only { said.pop().unwrap_or_default() } else { Value::from(said) };
        terminal::out(inert_json(&whole, true)?);
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tuner<'a>(common: &'a Common, loaded: &'a load::Loaded, good: &'a [Raw], bad: &'a [Raw]) -> Tuner<'a> {
    Tuner { loaded, environment: common.which.env.as_deref(), client: common.client, good, bad }
}

/// The document as it is; what is wrong with it is told.
fn compiled(tuner: &Tuner<'_>) -> Result<Compiled, String> {
    let mut sources = Sources::default();
    tuner.compile(&tuner.loaded.text, None, &mut sources).map_err(|found| {
        terminal::rendered(&render::human(&found, &sources, terminal::color()));
        format!("`{}` is not good: `yett check` says the same", tuner.loaded.name)
    })
}

fn run_tune(arguments: &Tune) -> Outcome {
    let files = |paths: &[String]| -> Result<Vec<Raw>, String> {
        let requests = paths.iter().map(|path| requests::of_file(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(requests.into_iter().flatten().collect())
    };
    let (good, bad) = (files(&arguments.recorded)?, files(&arguments.refused)?);
    let common = &arguments.common;
    let loaded = load::load(&common.which.config, common.which.env.as_deref(), None)?;
    let tuner = tuner(common, &loaded, &good, &bad);
    let spinner = terminal::spin("tuning");
    let tuned = tuner.run(&compiled(&tuner)?)?;
    drop(spinner);
    match common.format {
        Format::Human => show_tuned(&tuned, good.len()),
        Format::Json => terminal::out(inert_json(&tuned_as_json(&tuned), true)?),
    }
    let whole = tuned.left.is_empty() && tuned.passing.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The patch is the result; what is said of it goes beside it.
fn show_tuned(tuned: &Tuned, good: usize) {
    if !tuned.patch.is_empty() {
        terminal::out(tuned.patch.trim_end());
    }
    for Exclusion { api, operation, rule, part } in &tuned.exclusions {
        let rule = show::rule(rule);
        terminal::say(format_args!(
            "{rule} does not look at {part} in `{operation}` of `{api}`",
            part = said(part)
        ));
    }
    for (name, why) in &tuned.left {
        terminal::say(format_args!("still refused: {name}: {}", render::printable(why)));
    }
    for name in &tuned.passing {
        terminal::say(format_args!("passes, and is to be refused: {name}"));
    }
    let passing = good - tuned.left.len();
    let when = if tuned.patch.is_empty() { "as it is" } else { "with the patch" };
    terminal::say(format_args!("{passing} of {good} good requests pass {when}"));
}

fn said(part: &Named) -> String {
    match part {
        Named::Parameter(name) => format!("the parameter {}", spec::quoted(name)),
        Named::Header(name) => format!("the header field {}", spec::quoted(name)),
        Named::Cookie(name) => format!("the cookie {}", spec::quoted(name)),
        Named::Nothing => String::from("anything"),
    }
}

fn tuned_as_json(tuned: &Tuned) -> Value {
    let one = |exclusion: &Exclusion| {
        let (id, tag) = match &exclusion.rule {
            RuleName::Id(id) => (Some(*id), None),
            RuleName::Tag(tag) => (None, Some(*tag)),
        };
        let (parameter, header, cookie) = match &exclusion.part {
            Named::Parameter(name) => (Some(name), None, None),
            Named::Header(name) => (None, Some(name), None),
            Named::Cookie(name) => (None, None, Some(name)),
            Named::Nothing => (None, None, None),
        };
        json!({
            "api": exclusion.api, "operation": exclusion.operation, "rule": id, "tag": tag,
            "parameter": parameter, "header": header, "cookie": cookie,
        })
    };
    json!({
        "exclusions": tuned.exclusions.iter().map(one).collect::<Vec<_>>(),
        "patch": tuned.patch,
        "document": tuned.document,
        "refused_still": tuned.left.iter().map(|(name, why)| json!({ "request": name, "why": why })).collect::<Vec<_>>(),
        "passing_wrongly": tuned.passing,
    })
}
