//! `yett revoke`: tokens that a running gateway takes no more, from the moment at which the command returns.

use std::io::Read;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use manage_api::{Issued, NewRevocation};

use super::{Outcome, Running, revocations};
use crate::terminal;

/// Longest token that is read, in bytes.
const TOKEN: u64 = 32 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One token: read from standard input, so that it stands in no list of processes, or named by what is known of it
    Token {
        #[command(flatten)]
        common: Common,
        /// Its `jti`, in the place of the token; together with `--issuer`
        #[arg(long, value_name = "JTI", requires = "issuer")]
        id: Option<String>,
        /// Who issued it: an issuer's name in the configuration, or its URL
        #[arg(long, value_name = "ISSUER", requires = "id")]
        issuer: Option<String>,
        /// SHA-256 of an opaque token, of a signed one up to its second dot, or of a client certificate's DER, in hexadecimal digits
        #[arg(long, value_name = "HEX", conflicts_with_all = ["id", "issuer"])]
        sha256: Option<String>,
    },
    /// All tokens, or client certificates, of a subject that were issued until now; or a user, or whoever signs as the subject
    Subject {
        #[command(flatten)]
        common: Common,
        /// `sub`
        subject: String,
        /// Who vouches: the name of an issuer, of authorities, of signers or of users in the configuration, or an issuer's URL
        #[arg(long, value_name = "ISSUER")]
        issuer: String,
        /// Those as well that are issued later
        #[arg(long)]
        later: bool,
    },
    /// All tokens of a session at an issuer
    Session {
        #[command(flatten)]
        common: Common,
        /// `sid`
        session: String,
        /// Who issued them: an issuer's name in the configuration, or its URL
        #[arg(long, value_name = "ISSUER")]
        issuer: String,
    },
    /// All tokens of an application at an issuer, those that are issued later as well
    Application {
        #[command(flatten)]
        common: Common,
        /// `client_id` or `azp`
        application: String,
        /// Who issued them: an issuer's name in the configuration, or its URL
        #[arg(long, value_name = "ISSUER")]
        issuer: String,
        /// Only those that were issued until now
        #[arg(long)]
        until_now: bool,
    },
    /// All tokens of an issuer, client certificates of authorities, or signers; those that are issued later as well
    Issuer {
        #[command(flatten)]
        common: Common,
        /// Its name in the configuration, or its URL
        issuer: String,
        /// Only those that were issued until now
        #[arg(long)]
        until_now: bool,
    },
}

/// What all of them have.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    running: Running,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// After how long it is forgotten; without it when the token has ended, or after 90d where that is not known
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<spec::Duration>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    let only = |is, issued| if is { Some(issued) } else { None };
    let (common, new) = match arguments.command {
        Command::Token { common, id: Some(id), issuer, .. } => (common, new("token", issuer, Some(id), None)),
        Command::Token { common, sha256: Some(digest), .. } => {
            (common, new("digest", None, Some(digest.to_ascii_lowercase()), None))
        }
        Command::Token { common, .. } => {
            let token = Some(token()?);
            (common, NewRevocation { token, ..new("token", None, None, None) })
        }
        Command::Subject { common, subject, issuer, later } => {
            (common, new("subject", Some(issuer), Some(subject), only(later, Issued::Whenever)))
        }
        Command::Session { common, session, issuer } => {
            (common, new("session", Some(issuer), Some(session), None))
        }
        Command::Application { common, application, issuer, until_now } => {
            (common, new("application", Some(issuer), Some(application), only(until_now, Issued::UntilNow)))
        }
        Command::Issuer { common, issuer, until_now } => {
            (common, new("issuer", Some(issuer), None, only(until_now, Issued::UntilNow)))
        }
    };
    let lasts = common.lasts.map(|time| time.get().as_secs());
    let new = NewRevocation { reason: common.reason, lasts, ..new };
    let done = common.running.ask(|client| async move { client.revoke(&new).await })?;
    if common.json {
        super::json(&done)?;
    } else {
        terminal::out(revocations::line(&done));
    }
    Ok(ExitCode::SUCCESS)
}

fn new(kind: &str, issuer: Option<String>, value: Option<String>, issued: Option<Issued>) -> NewRevocation {
    NewRevocation {
        kind: kind.to_owned(),
        issuer,
        value,
        token: None,
        issued,
        reason: String::new(),
        lasts: None,
    }
}

/// The token on standard input, with or without the scheme before it.
fn token() -> Result<String, String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(TOKEN + 1).read_to_string(&mut text);
    let read = read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    let token = text.trim();
    let token =
        ["Bearer ", "DPoP "].iter().find_map(|scheme| token.strip_prefix(scheme)).unwrap_or(token).trim();
    if token.is_empty() || token.contains(char::is_whitespace) || read > TOKEN as usize {
        return Err(format!(
            "write one token of at most {TOKEN} bytes to standard input, or name it by `--id` or `--sha256`"
        ));
    }
    Ok(token.to_owned())
}
