//! What the person at the terminal sees: standard output for results, standard error for everything else, color and
//! progress only where somebody looks.

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line of the result. A reader that went away is no fault of ours.
pub(crate) fn out(line: impl Display) {
    let _ = writeln!(stdout().lock(), "{line}");
}

/// A line of a result that has no end; `false` when its reader went away.
pub(crate) fn is_out(line: impl Display) -> bool {
    writeln!(stdout().lock(), "{line}").is_ok()
}

/// A line beside the result.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// Asks the person at the terminal, who says yes or not.
///
/// # Errors
/// When nobody is there to be asked.
pub(crate) fn agrees(question: &str) -> Result<bool, String> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(format!("{question} Nobody is there to be asked: say `--yes`, or `--dry-run`"));
    }
    let _ = write!(stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    // A line is as long as a person types; whoever pipes something in was told above.
    let _ = stdin().lock().take(64).read_line(&mut answer);
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Whether standard error is a terminal that wants color (<https://no-color.org>).
pub(crate) fn color() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !refused && !dumb && stderr().is_terminal()
}

/// Shows that something goes on, on a terminal, until dropped.
pub(crate) struct Spinner(Option<ProgressBar>);

/// Starts to show that `what` goes on.
pub(crate) fn spin(what: &str) -> Spinner {
    if !stderr().is_terminal() {
        return Spinner(None);
    }
    let bar = ProgressBar::new_spinner();
    let template = if color() { "{spinner:.cyan} {msg} ({elapsed})" } else { "{spinner} {msg} ({elapsed})" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    Spinner(Some(bar))
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
