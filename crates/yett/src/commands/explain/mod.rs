//! `yett explain`: why a call ended as it did, or what an alert is about, by its id; or how one would end that was not made yet.

mod alert;
mod before;
mod story;

use std::process::ExitCode;

use clap::Args;

use super::{Outcome, Running};
use crate::layout::inert_json;
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// Id of the call or the alert: in `yett-call-id` of its answer, as `instance` of a problem document, or in the access log
    #[arg(value_name = "ID", required_unless_present = "request", conflicts_with = "request")]
    call: Option<String>,
    /// Instead: a call that was not made, as in `GET /orders/7`; tried with the configuration, without a network
    #[arg(long, value_name = "METHOD TARGET")]
    request: Option<String>,
    /// Claims of the token that it presents, as JSON; without them it presents none
    #[arg(long, value_name = "JSON", requires = "request")]
    claims: Option<String>,
    /// A header field of it; several by repeating it
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", requires = "request")]
    headers: Vec<String>,
    /// Its body
    #[arg(long, value_name = "TEXT", requires = "request")]
    body: Option<String>,
    /// The API that it is for, where host and path leave that open
    #[arg(long, value_name = "NAME", requires = "request")]
    api: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let found = match (&arguments.call, &arguments.request) {
        (Some(call), _) => {
            let call = call.clone();
            arguments.running.ask(|client| async move { client.decision(&call).await })?
        }
        (None, Some(request)) => match before::ask(arguments, request)? {
            Some(found) => found,
            // What is wrong with the configuration was shown.
            None => return Ok(ExitCode::FAILURE),
        },
        (None, None) => return Err(String::from("name a call by its id, or write one by `--request`")),
    };
    if arguments.json {
        terminal::out(inert_json(&found, true)?);
    } else {
        let story = match &found.record.alert {
            Some(alert) => alert::story(&found.event, alert),
            None => story::story(&found),
        };
        story.iter().for_each(terminal::out);
    }
    Ok(ExitCode::SUCCESS)
}
