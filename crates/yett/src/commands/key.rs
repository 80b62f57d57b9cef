//! `yett key`: API keys of a running gateway's applications. A key is shown once, when it is made.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use manage_api::{ApiKey, CreatedKey, NewKey, Rotation};

use super::{Outcome, Running};
use crate::render::{day, printable};
use crate::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and print it: the only time that it is shown
    Create {
        #[command(flatten)]
        running: Running,
        /// Name or id of the application that it is for
        application: String,
        /// A scope it carries; several by repeating it, or with spaces between them
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// How long it is good; without it as long as nobody revokes it
        #[arg(long, value_name = "TIME")]
        expires: Option<spec::Duration>,
        /// What to call it, as in `nightly export`
        #[arg(long, default_value = "")]
        label: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show keys, without what is secret of them
    List {
        #[command(flatten)]
        running: Running,
        /// Those of one application only, by name or id
        application: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a key that takes the place of another, which stays good for a while
    Rotate {
        #[command(flatten)]
        running: Running,
        /// Id of the other: what stands between `yett_` and the next `_`
        key: String,
        /// How long the other stays good: 0s to 90d
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: spec::Duration,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let no call pass with a key, from now on
    Revoke {
        #[command(flatten)]
        running: Running,
        /// Its id: what stands between `yett_` and the next `_`
        key: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Create { running, application, scopes, expires, label, json } => {
            let scopes =
                scopes.iter().flat_map(|scopes| scopes.split_whitespace()).map(str::to_owned).collect();
            let new = NewKey { label, scopes, ttl: expires.map(|time| time.get().as_secs()) };
            let made = running.ask(|client| async move { client.create_key(&application, &new).await })?;
            reveal(&made, json)
        }
        Command::List { running, application, json } => list(&running, application, json),
        Command::Rotate { running, key, overlap, json } => {
            let rotation = Rotation { overlap: overlap.get().as_secs() };
            let made = running.ask(|client| async move { client.rotate_key(&key, &rotation).await })?;
            reveal(&made, json)
        }
        Command::Revoke { running, key, json } => {
            let done = running.ask(|client| async move { client.revoke_key(&key).await })?;
            if json {
                super::json(&done)?;
            } else {
                terminal::out(printable(&format!("`{}` is revoked: no call passes with it", done.id)));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The key alone on standard output, so that it can be piped to where it belongs.
fn reveal(made: &CreatedKey, json: bool) -> Outcome {
    if json {
        super::json(made)?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal::out(&made.key);
    terminal::say(printable(&line(&made.details)));
    terminal::say("this is the only time that the key is shown: keep it where secrets are kept");
    Ok(ExitCode::SUCCESS)
}

fn list(running: &Running, application: Option<String>, json: bool) -> Outcome {
    let keys = match application {
        Some(which) => running.ask(|client| async move { client.application(&which).await })?.keys,
        None => running.ask(|client| async move { client.keys().await })?.keys,
    };
    if json {
        super::json(&keys)?;
    } else if keys.is_empty() {
        terminal::out("no keys yet: `yett key create APPLICATION` makes one");
    }
    keys.iter().filter(|_| !json).for_each(|one| terminal::out(line(one)));
    Ok(ExitCode::SUCCESS)
}

/// A key in one line.
pub(super) fn line(key: &ApiKey) -> String {
    let mut words = vec![key.id.clone(), key.application_name.clone(), key.state.clone()];
    words.push(if key.scopes.is_empty() { String::from("no scopes") } else { key.scopes.join(",") });
    let mut when = |what: &str, at: Option<u64>| words.extend(at.map(|at| format!("{what} {}", day(at))));
    when("made", Some(key.created));
    when("expires", key.expires);
    when("good until", key.retires);
    when("revoked", key.revoked);
    when("last used", key.last_used);
    words.extend(key.replaced_by.as_ref().map(|id| format!("replaced by {id}")));
    if !key.label.is_empty() {
        words.push(format!("({})", key.label));
    }
    printable(&words.join("  "))
}
