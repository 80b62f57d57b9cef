//! The command line: one file per command.

mod app;
mod audit;
mod changes;
mod check;
mod completions;
mod config;
mod diff;
mod events;
mod explain;
mod init;
mod inspect;
mod key;
mod notices;
mod order;
mod promote;
mod reload;
mod returns;
mod revocations;
mod revoke;
mod rewriting;
mod run;
mod schema;
mod shadow;
mod status;
mod test;
mod token;
mod update;
mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use manage_api::Client;
use serde::Serialize;

use crate::layout::inert_json;
use crate::{load, terminal};

/// What a command comes to: its exit code, or what it could not do, as one line.
pub(crate) type Outcome = Result<ExitCode, String>;

/// A security-first API gateway: takes an API's contract as law.
#[derive(Debug, Parser)]
#[command(name = "yett", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration for a contract and a service
    Init(init::Arguments),
    /// Say everything that is wrong with a configuration; needs no network
    Check(check::Arguments),
    /// Say what a configuration and its contracts leave open, and what to do first; needs no network
    Audit(audit::Arguments),
    /// Say what the inspection makes of a request, and tune its exclusions; needs no network
    Inspect(inspect::Arguments),
    /// Try the policies of a configuration by the cases beside it; needs no network
    Test(test::Arguments),
    /// Tell what two configurations do differently, or a configuration and the running gateway
    Diff(diff::Arguments),
    /// Run the gateway
    Run(run::Arguments),
    /// Make a token of the local issuer of a running gateway
    Token(token::Arguments),
    /// Make, show, suspend and delete applications of a running gateway
    App(app::Arguments),
    /// Make, show, rotate and revoke API keys of a running gateway's applications
    Key(key::Arguments),
    /// Make lines of a file of passwords
    User(user::Arguments),
    /// Have a running gateway take tokens no more: one, or all of a subject, a session, an application or an issuer
    Revoke(revoke::Arguments),
    /// Show what is revoked, and take it back
    Revocations(revocations::Arguments),
    /// Show who changed applications and keys
    Changes(changes::Arguments),
    /// Say why a running gateway decided a call as it did
    Explain(explain::Arguments),
    /// Show what a running gateway refused, would have refused, and failed at
    Events(events::Arguments),
    /// Show whom a running gateway tells of what happens, and what it gave up telling
    Notify(notices::Arguments),
    /// Report which operations of a running gateway returned personal data, and to whom
    Returns(returns::Arguments),
    /// Report what controls in shadow would have refused, and how many good calls of it
    Shadow(shadow::Arguments),
    /// Enforce what is in shadow, in the configuration itself, when what was seen in shadow speaks for it
    Promote(promote::Arguments),
    /// Take up rules from a signed bundle, in shadow first, and go back; needs no network
    Update(update::Arguments),
    /// Show what a running gateway does
    Status(status::Arguments),
    /// Have a running gateway read its configuration anew
    Reload(reload::Arguments),
    /// Print the configuration as meant, and where each value came from
    Config(config::Arguments),
    /// Print the JSON Schema of the configuration
    Schema,
    /// Print in which order controls look at a call, and why
    Order,
    /// Print completions for a shell
    Completions(completions::Arguments),
}

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Init(arguments) => init::run(&arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Audit(arguments) => audit::run(&arguments),
            Command::Inspect(arguments) => inspect::run(&arguments),
            Command::Test(arguments) => test::run(&arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Run(arguments) => run::run(&arguments),
            Command::Token(arguments) => token::run(arguments),
            Command::App(arguments) => app::run(arguments),
            Command::Key(arguments) => key::run(arguments),
            Command::User(arguments) => user::run(arguments),
            Command::Revoke(arguments) => revoke::run(arguments),
            Command::Revocations(arguments) => revocations::run(arguments),
            Command::Changes(arguments) => changes::run(arguments),
            Command::Explain(arguments) => explain::run(&arguments),
            Command::Events(arguments) => events::run(&arguments),
            Command::Notify(arguments) => notices::run(arguments),
            Command::Returns(arguments) => returns::run(&arguments),
            Command::Shadow(arguments) => shadow::run(&arguments),
            Command::Promote(arguments) => promote::run(&arguments),
            Command::Update(arguments) => update::run(&arguments),
            Command::Status(arguments) => status::run(&arguments),
            Command::Reload(arguments) => reload::run(&arguments),
            Command::Config(arguments) => config::run(&arguments),
            Command::Schema => schema::run(),
            Command::Order => order::run(),
            Command::Completions(arguments) => completions::run(&arguments),
        };
        outcome.unwrap_or_else(|why| {
            terminal::failed(&why);
            ExitCode::FAILURE
        })
    }
}

/// The configuration that is meant where none is named.
const DOCUMENT: &str = "yett.yaml";

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = DOCUMENT)]
    pub(crate) config: PathBuf,
    /// Which of its environments
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<String>,
}

impl Which {
    /// As it is said on the command line; nothing where it is what a command takes by itself.
    pub(crate) fn config_flag(&self) -> String {
        if self.config.as_os_str() == DOCUMENT {
            return String::new();
        }
        format!(" --config {}", self.config.display())
    }
}

/// Which running gateway.
#[derive(Debug, Clone, Args)]
pub(crate) struct Running {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Its data directory; without it the one that the configuration names
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl Running {
    /// The data directory.
    pub(crate) fn data(&self) -> Result<PathBuf, String> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let path = &self.which.config;
        let name = path.display().to_string();
        let bytes = load::read(path, spec::MAX_BYTES).map_err(|why| {
            format!("`{name}` cannot be read: {why}; name the gateway by `--config` or `--data`")
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let outline = compile::outline(&name, &text, self.which.env.as_deref());
        let data = outline.map_or_else(|| String::from("./data"), |outline| outline.data);
        let data = load::folder(path).join(data.strip_prefix("./").unwrap_or(&data));
        Ok(data.strip_prefix(".").map(Path::to_owned).unwrap_or(data))
    }

    /// Asks the gateway something.
    pub(crate) fn ask<T, F>(&self, question: impl FnOnce(Client) -> F) -> Result<T, String>
    where
        F: Future<Output = Result<T, manage_api::ClientError>>,
    {
        let client = Client::new(&socket(&self.data()?));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(question(client)).map_err(|error| error.to_string())
    }
}

/// Prints a result as JSON.
fn json(value: &impl Serialize) -> Result<(), String> {
    terminal::out(inert_json(value, true)?);
    Ok(())
}

/// The control socket of a data directory.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join("yett.sock")
}
