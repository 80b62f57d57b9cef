//! `yett user`: lines of a file of passwords. Nothing is kept, and no gateway is asked: the file is the operator's.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use credentials::{PASSWORD_BYTES, PasswordHash, SALT_BYTES, is_user};
use engine::Clock;
use zeroize::Zeroizing;

use super::Outcome;
use crate::clock::SystemClock;
use crate::terminal;

/// Fewest characters of a password (NIST SP 800-63B section 3.1.1.2 has no less for one that is all there is).
const LEAST: usize = 8;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a user's line for a file of passwords; the password is typed, or read from standard input
    Hash {
        /// The user's name
        name: String,
    },
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    let Command::Hash { name } = arguments.command;
    if !is_user(&name) {
        return Err(format!(
            "`{}` is no name of a user: at most 255 bytes, without `:`, control characters and spaces at its ends",
            name.escape_debug()
        ));
    }
    let password = password(&name)?;
    let mut salt = [0; SALT_BYTES];
    SystemClock.fill(&mut salt);
    let hash = PasswordHash::make(password.as_bytes(), &salt).ok_or("the password cannot be hashed")?;
    terminal::out(format!("{name}:{hash}"));
    Ok(ExitCode::SUCCESS)
}

/// The password, as it may be presented.
fn password(name: &str) -> Result<Zeroizing<String>, String> {
    let password = terminal::secret(&format!("password of {name}"), PASSWORD_BYTES)?;
    if password.chars().count() < LEAST {
        return Err(format!("the password has less than {LEAST} characters"));
    }
    if password.len() > PASSWORD_BYTES || password.contains(char::is_control) {
        return Err(format!("the password has more than {PASSWORD_BYTES} bytes, or a control character"));
    }
    Ok(password)
}
