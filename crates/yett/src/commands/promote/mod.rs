//! `yett promote`: from shadow to enforcement, in the document itself, when what was seen in shadow speaks for it.

mod judge;

use std::process::ExitCode;

use clap::Args;
use manage_api::{AskShadow, ShadowReport};

use super::events::When;
use super::rewriting::Rewriting;
use super::{Outcome, Running};
use crate::layout::fold;
use crate::next;
use crate::switch::{self, Wanted};
use crate::terminal;
use judge::{Bounds, Share};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The control, as in `limits`; with a setting of it where it has several, as in `validation.request`, or with
    /// one rule of it, as in `objects.bindings.customer`
    #[arg(value_name = "CONTROL")]
    control: Option<String>,
    #[command(flatten)]
    running: Running,
    /// Only for this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Only for this operation
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Which calls in shadow speak for it: those since this moment, or so long ago, as in `7d`; without it those since the
    /// configuration that runs began to
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Most of the good calls that may be harmed, of all and of each operation
    #[arg(long, value_name = "SHARE", default_value = "0.1%")]
    max_harm: Share,
    /// How many good calls have to have been looked at; without it three for each that `--max-harm` allows one harmed of
    #[arg(long, value_name = "N")]
    min_calls: Option<u64>,
    /// Say what would be changed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write without asking
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let document = Rewriting::begin(&arguments.running.which)?;
    let (api, operation) = (arguments.api.as_deref(), arguments.operation.as_deref());
    let Some(control) = &arguments.control else {
        return Err(match switch::in_shadow(&document.compiled, api, operation).join("`, `") {
            none if none.is_empty() => format!("nothing is in shadow in `{}`", document.loaded.name),
            some => format!("say which: what is in shadow is `{some}`"),
        });
    };
    let wanted = Wanted::promoted(control, api, operation);
    let is_next = next::is_named(control);
    let mut edits = document.edits()?;
    let judged = if is_next {
        next::enforce(&mut edits, api, operation)?;
        vec![next::judged()]
    } else {
        let judged = wanted.parts(&document.compiled)?;
        wanted.change(&mut edits, &document.compiled)?;
        judged
    };
    let report = report(arguments, wanted.control)?;
    let bounds = Bounds { max_harm: arguments.max_harm, min_calls: arguments.min_calls };
    for line in judge::judge(&report, &judged, bounds).map_err(|why| format!("declined: {why}"))? {
        terminal::say(fold(&line));
    }
    let changed = document.compiled(edits)?;
    let is_done = if is_next {
        !next::is_in_shadow(&changed.compiled, api, operation)
    } else {
        wanted.is_done(&changed.compiled)?
    };
    if !is_done {
        return Err(String::from("the changed document leaves it in shadow: change it by hand"));
    }
    document.show(&changed)?;
    if !arguments.dry_run {
        document.write(&changed, arguments.yes)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the running gateway saw.
fn report(arguments: &Arguments, control: &str) -> Result<ShadowReport, String> {
    let ask = AskShadow {
        since: arguments.since.map(When::millis),
        control: Some(control.to_owned()),
        api: arguments.api.clone(),
        operation: arguments.operation.clone(),
        by: None,
    };
    let since = arguments.since.is_some();
    let asked = arguments.running.ask(|client| async move {
        if since {
            return client.shadow(&ask).await;
        }
        let serving = client.status().await?.since.saturating_mul(1_000);
        client.shadow(&AskShadow { since: Some(judge::counted_from(serving)), ..ask }).await
    });
    asked.map_err(|why| format!("declined: nothing is known of what it would refuse: {why}"))
}
