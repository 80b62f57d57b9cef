//! What the person at the terminal sees: standard output for results, standard error for everything else, color and
//! progress only where somebody looks.

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::time::Duration;

use engine::text::is_hidden;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::layout::{MESSAGE, cut, fold};

/// A text as a terminal may be given it, whoever wrote what stands in it: what moves a cursor, or hides or turns text, is
/// U+FFFD (Unicode TR 36, section 2). Lines stay lines, and tabs stay.
fn inert(text: &impl Display) -> String {
    let text = text.to_string();
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return text;
    }
    let is_kept = |char| matches!(char, '\n' | '\t') || !is_hidden(char);
    text.chars().map(|char| if is_kept(char) { char } else { '\u{fffd}' }).collect()
}

/// A line of the result. A reader that went away is no fault of ours.
pub(crate) fn out(line: impl Display) {
    let _ = is_out(line);
}

/// A line of a result that has no end; `false` when its reader went away.
pub(crate) fn is_out(line: impl Display) -> bool {
    writeln!(stdout().lock(), "{}", inert(&line)).is_ok()
}

/// A line beside the result.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{}", inert(&line));
}

/// What a command could not do: in one line, or in as many as it takes where somebody looks.
pub(crate) fn failed(why: &str) {
    let text = cut(&format!("error: {why}"), MESSAGE);
    say(if stderr().is_terminal() { fold(&text) } else { text });
}

/// What was rendered for people beside the result: it may have colors, and nothing hidden of anybody else.
pub(crate) fn rendered(text: &str) {
    let _ = writeln!(stderr().lock(), "{}", text.trim_end());
}

/// Asks the person at the terminal, who says yes or not.
///
/// # Errors
/// When nobody is there to be asked.
pub(crate) fn agrees(question: &str) -> Result<bool, String> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(format!("{question} Nobody is there to be asked: say `--yes`, or `--dry-run`"));
    }
    let _ = write!(stderr().lock(), "{} [y/N] ", inert(&question));
    let mut answer = String::new();
    // A line is as long as a person types; whoever pipes something in was told above.
    let _ = stdin().lock().take(64).read_line(&mut answer);
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A secret of one line: what is typed at the terminal, twice and without being seen, or else the first line of standard input.
///
/// # Errors
/// When it cannot be read, or is not the same twice.
pub(crate) fn secret(what: &str, most: usize) -> Result<Zeroizing<String>, String> {
    if !stdin().is_terminal() {
        return line(most);
    }
    let hidden = Hidden::begin()?;
    let ask = |prompt: &str| {
        let _ = write!(stderr().lock(), "{}: ", inert(&prompt));
        line(most)
    };
    let (first, second) = (ask(what)?, ask("once more")?);
    drop(hidden);
    if *first == *second { Ok(first) } else { Err(String::from("it is not the same twice")) }
}

/// One line of standard input, without its end; of one that is longer than `most` bytes more than those.
fn line(most: usize) -> Result<Zeroizing<String>, String> {
    // As much as there can be, so that nothing is left behind where it grew.
    let mut text = Zeroizing::new(String::with_capacity(most.saturating_add(3)));
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(2);
    let read = stdin().lock().take(bound).read_line(&mut text);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    let length = text.strip_suffix('\n').map_or(text.len(), str::len);
    text.truncate(length);
    Ok(text)
}

/// The terminal shows nothing of what is typed, until dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> Result<Self, String> {
        let failed = |error| format!("the terminal cannot be kept from showing it: {error}");
        let before = tcgetattr(stdin()).map_err(failed)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(stdin(), OptionalActions::Flush, &quiet).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_steers_the_terminal() {
        for (text, printed) in [
            ("two\nlines, \ttabs", "two\nlines, \ttabs"),
            ("Überweisung – 支払い", "Überweisung – 支払い"),
            ("\u{1b}[2J\u{9b}31m\r", "\u{fffd}[2J\u{fffd}31m\u{fffd}"),
            ("a\u{202e}b\u{2066}c\u{200b}\u{feff}", "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(inert(&text), printed);
        }
    }
}
