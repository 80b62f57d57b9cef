//! `yett token`: a token of the local issuer, made by the running gateway. The CLI itself never opens the key
//! (invariant 11).

use std::process::ExitCode;

use clap::Args;
use manage_api::TokenRequest;
use serde_json::Value;

use super::{Outcome, Running};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// Whom the token proves
    #[arg(long, short)]
    subject: String,
    /// A scope it carries; several by repeating it, or with spaces between them
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A role it carries; several by repeating it
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// For whom it is; without it the audience of the API
    #[arg(long, conflicts_with = "api")]
    audience: Option<String>,
    /// The API it is for, when there are several
    #[arg(long)]
    api: Option<String>,
    /// How long it is good: at most 24h
    #[arg(long, default_value = "1h")]
    ttl: spec::Duration,
    /// A further claim; the value is JSON, or else a string
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write `name=value`")?;
    if name.is_empty() {
        return Err(String::from("write `name=value`"));
    }
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))))
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    let request = TokenRequest {
        subject: arguments.subject,
        scopes: arguments
            .scopes
            .iter()
            .flat_map(|scopes| scopes.split_whitespace())
            .map(str::to_owned)
            .collect(),
        roles: arguments.roles,
        audience: arguments.audience,
        api: arguments.api,
        ttl: arguments.ttl.get().as_secs(),
        claims: arguments.claims.into_iter().collect(),
    };
    let token = arguments.running.ask(|client| async move { client.token(&request).await })?;
    terminal::out(&token.token);
    Ok(ExitCode::SUCCESS)
}
