//! `yett notify`: how those are who a running gateway tells, and what it gave up telling them.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use manage_api::{DeadLetter, Retry, SinkStatus};

use super::{Outcome, Running};
use crate::layout::{cut, inert_json};
use crate::render::moment;
use crate::terminal;

/// Columns of a line for people.
const COLUMNS: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how sinks are
    Status {
        #[command(flatten)]
        running: Running,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Events that were given up
    Dead(DeadArguments),
}

#[derive(Debug, Args)]
struct DeadArguments {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// Show them, the oldest first
    List {
        #[command(flatten)]
        running: Running,
        /// Those of this sink
        #[arg(long, value_name = "NAME")]
        sink: Option<String>,
        /// As JSON, one object in a line, with the event
        #[arg(long)]
        json: bool,
    },
    /// Have them sent again
    Retry {
        #[command(flatten)]
        running: Running,
        /// Those of this sink
        sink: String,
        /// Only the one of this event
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

pub(super) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Status { running, json } => status(&running, json),
        Command::Dead(DeadArguments { command: DeadCommand::List { running, sink, json } }) => {
            list(&running, sink.as_deref(), json)
        }
        Command::Dead(DeadArguments { command: DeadCommand::Retry { running, sink, id } }) => {
            retry(&running, &Retry { sink, id })
        }
    }
}

fn status(running: &Running, json: bool) -> Outcome {
    let all = running.ask(|client| async move { client.sinks().await })?;
    if json {
        terminal::out(inert_json(&all, true)?);
        return Ok(ExitCode::SUCCESS);
    }
    if all.sinks.is_empty() {
        terminal::out("nobody is told of anything: write `notify: { sinks: { … } }`");
    }
    all.sinks.iter().flat_map(sink_lines).for_each(terminal::out);
    if let Some(fault) = &all.fault {
        terminal::say(cut(fault, COLUMNS));
    }
    Ok(ExitCode::SUCCESS)
}

fn sink_lines(sink: &SinkStatus) -> Vec<String> {
    let SinkStatus { name, state, waiting, delivered, dead_letters, .. } = sink;
    let mut words =
        format!("{name}  {state}  {delivered} delivered  {waiting} waiting  {dead_letters} dead letters");
    if let Some(oldest) = sink.oldest {
        words.push_str(&format!("  the oldest of {}", moment(oldest)));
    }
    let mut lines = vec![cut(&words, COLUMNS)];
    lines.extend(sink.error.as_ref().map(|error| cut(&format!("  {error}"), COLUMNS)));
    lines
}

fn list(running: &Running, sink: Option<&str>, json: bool) -> Outcome {
    running.ask(|client| async move {
        let (mut after, mut shown) = (0, 0);
        loop {
            let page = client.dead_letters(sink, after).await?;
            for letter in &page.letters {
                shown += 1;
                let is_out = match json {
                    true => inert_json(letter, false).is_ok_and(terminal::is_out),
                    false => letter_lines(letter).into_iter().all(terminal::is_out),
                };
                if !is_out {
                    return Ok(());
                }
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        if shown == 0 && !json {
            terminal::say("there are no dead letters");
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn letter_lines(letter: &DeadLetter) -> [String; 2] {
    let kind = letter.event.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
    let first = format!("{}  {}  {kind}  {}", moment(letter.at), letter.sink, letter.id);
    let second = format!("  given up at {}: {}", moment(letter.dead), letter.why);
    [cut(&first, COLUMNS), cut(&second, COLUMNS)]
}

fn retry(running: &Running, retry: &Retry) -> Outcome {
    let done = running.ask(|client| async move { client.retry_dead(retry).await })?;
    terminal::out(format_args!("{} wait to be sent again, {} are left", done.retried, done.left));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use engine::text::is_hidden;
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_is_in_a_letter_it_is_two_lines() {
        let hostile = format!("\u{1b}[2J\r\n\u{202e}{}", "W".repeat(1 << 20));
        let letter = DeadLetter {
            id: hostile.clone(),
            why: hostile.clone(),
            event: json!({ "type": hostile }),
            ..DeadLetter::default()
        };
        for line in letter_lines(&letter) {
            assert!(!line.contains(is_hidden) && line.chars().count() <= COLUMNS, "{line:?}");
        }
        let sink = SinkStatus {
            name: "soc".into(),
            state: "ok".into(),
            error: Some(hostile),
            ..SinkStatus::default()
        };
        let lines = sink_lines(&sink);
        assert_eq!(lines[0], "soc  ok  0 delivered  0 waiting  0 dead letters");
        assert!(lines.iter().all(|line| !line.contains(is_hidden) && line.chars().count() <= COLUMNS));
    }
}
