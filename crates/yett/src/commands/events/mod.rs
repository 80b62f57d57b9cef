//! `yett events`: what a running gateway decided, and which alerts it gave, page by page or as it happens.

mod follow;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use engine::Clock;
use manage_api::{Begin, Client, ClientError, Event, EventFilter, MAX_DECISIONS};
use policy_tests::moment::Moment;

use self::follow::{Following, follow};
use super::{Outcome, Running};
use crate::clock::SystemClock;
use crate::layout::{cut, inert_json};
use crate::render::moment;
use crate::terminal;

/// Columns of a line for people.
const COLUMNS: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    running: Running,
    /// Those of this caller, as their issuer calls them
    #[arg(long, value_name = "SUBJECT")]
    principal: Option<String>,
    /// Those of callers that this issuer vouches for
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Those of this application, by its id
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// Those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Those of this operation
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Those of this client
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// Those with this code, as in `rate_limited`
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Those that this control ended, or would have
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// `refused`, `failed`, `shadowed` (a control in shadow would have ended it), `passed` (of the sample) or `alert` (of a rule over many)
    #[arg(long, value_parser = ["refused", "failed", "shadowed", "noted", "passed", "alert"])]
    outcome: Option<String>,
    /// Those that have this text anywhere
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Not before this moment: `2026-03-01T12:00:00Z`, or so long ago, as in `15m`
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Before this moment
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// How many at most, the newest of them
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Show what comes as it comes
    #[arg(long)]
    follow: bool,
    /// As JSON, one object in a line
    #[arg(long)]
    json: bool,
}

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    At(Moment),
    Ago(Duration),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = || text.parse::<spec::Duration>().map(|ago| Self::Ago(ago.get()));
        let moment = text.parse().map(Self::At);
        moment.or_else(|()| {
            ago().map_err(|_| {
                String::from(
                    "write a moment in UTC, as in `2026-03-01T12:00:00Z`, or how long ago, as in `15m`",
                )
            })
        })
    }
}

impl When {
    /// In milliseconds since 1970.
    pub(super) fn millis(self) -> u64 {
        match self {
            When::At(moment) => moment.0.saturating_mul(1_000),
            When::Ago(ago) => {
                let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
                (SystemClock.unix().0 / 1_000_000).saturating_sub(ago)
            }
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    arguments.running.ask(|client| async move { show(arguments, &client).await })?;
    Ok(ExitCode::SUCCESS)
}

async fn show(arguments: &Arguments, client: &Client) -> Result<(), ClientError> {
    let filter = EventFilter {
        principal: arguments.principal.clone(),
        issuer: arguments.issuer.clone(),
        application: arguments.application.clone(),
        api: arguments.api.clone(),
        operation: arguments.operation.clone(),
        address: arguments.address.clone(),
        code: arguments.code.clone(),
        control: arguments.control.clone(),
        outcome: arguments.outcome.clone(),
        since: arguments.since.map(When::millis),
        until: arguments.until.map(When::millis),
        text: arguments.text.clone(),
    };
    // Before what is there is read, so that nothing falls in between.
    let now = client.decisions(&filter, Begin::Now, 1).await?;
    let from = now.next.unwrap_or_default();
    let mut known = back(client, &filter, from, arguments.limit as usize).await?;
    known.reverse();
    if known.is_empty() && !arguments.follow && !arguments.json {
        terminal::say("nothing that was asked for is kept");
    }
    if now.lost > 0 {
        terminal::say(format_args!("{} decisions were lost since the gateway started", now.lost));
    }
    let all_shown = known.iter().all(|event| shown(event, arguments.json));
    if arguments.follow && all_shown {
        let show = |event: &Event| shown(event, arguments.json);
        let say = |text: &str| terminal::say(text);
        let following = Following { show: &show, say: &say, clock: &SystemClock };
        follow(following, |begin| client.decisions(&filter, begin, MAX_DECISIONS), from).await?;
    }
    Ok(())
}

/// The newest that fit, the newest first.
async fn back(
    client: &Client,
    filter: &EventFilter,
    newest: u64,
    most: usize,
) -> Result<Vec<Event>, ClientError> {
    let (mut all, mut begin) = (Vec::new(), Begin::Before(newest.saturating_add(1)));
    loop {
        let room = most - all.len();
        let page = client.decisions(filter, begin, room.min(MAX_DECISIONS)).await?;
        all.extend(page.events);
        match page.next {
            Some(next) if all.len() < most => begin = Begin::Before(next),
            _ => return Ok(all),
        }
    }
}

/// Shows one; `false` when nobody reads.
fn shown(event: &Event, json: bool) -> bool {
    if json {
        return inert_json(event, false).is_ok_and(terminal::is_out);
    }
    let [first, second] = lines(event);
    terminal::is_out(first) && terminal::is_out(second)
}

/// An event in two lines: what happened, and to whom.
fn lines(event: &Event) -> [String; 2] {
    let call = format!("{} {}", event.method, event.path);
    let (what, of) = match event.kept.as_str() {
        "shadowed" => (format!("{} shadowed", event.status), call),
        "passed" => (format!("{} passed", event.status), call),
        "noted" => (format!("{} noted by {}", event.status, event.control), call),
        "alert" => (event.code.clone(), event.control.clone()),
        _ => (format!("{} {}", event.status, event.code), call),
    };
    let first = format!("{}  {what}  {of}", moment(event.at));
    let mut words = vec![event.id.clone()];
    let caller = if event.issuer.is_empty() {
        String::new()
    } else {
        format!("{} of {}", event.subject, event.issuer)
    };
    let operation =
        if event.operation.is_empty() { String::new() } else { format!("{}/{}", event.api, event.operation) };
    let control = if event.kept == "alert" { String::new() } else { event.control.clone() };
    words.extend(
        [control, event.address.clone(), operation, caller].into_iter().filter(|word| !word.is_empty()),
    );
    [cut(&first, COLUMNS), cut(&format!("  {}", words.join("  ")), COLUMNS)]
}

#[cfg(test)]
mod tests {
    use engine::text::is_hidden;

    use super::*;

    #[test]
    fn an_event_is_two_lines_whatever_is_in_it() {
        let event = Event {
            id: "0123456789abcdef0123456789abcdef".into(),
            at: 1_767_225_600_123,
            kept: "refused".into(),
            status: 429,
            code: "rate_limited".into(),
            control: "limits".into(),
            method: "GET".into(),
            path: "/notes".into(),
            address: "192.0.2.7".into(),
            ..Event::default()
        };
        let expected = [
            "2026-01-01 00:00:00.123  429 rate_limited  GET /notes",
            "  0123456789abcdef0123456789abcdef  limits  192.0.2.7",
        ];
        assert_eq!(lines(&event), expected);
        let alert = Event {
            kept: "alert".into(),
            code: "alert_firing".into(),
            control: "guessing".into(),
            method: String::new(),
            path: String::new(),
            ..event.clone()
        };
        let expected = [
            "2026-01-01 00:00:00.123  alert_firing  guessing",
            "  0123456789abcdef0123456789abcdef  192.0.2.7",
        ];
        assert_eq!(lines(&alert), expected);
        let hostile = format!("\u{1b}[2J\r\n\u{202e}{}", "W".repeat(1 << 20));
        let event = Event { path: hostile.clone(), subject: hostile.clone(), issuer: hostile, ..event };
        for line in lines(&event) {
            assert!(!line.contains(is_hidden) && line.chars().count() <= COLUMNS, "{line:?}");
        }
    }

    #[test]
    fn a_moment_is_written_or_counted_back() {
        assert_eq!("2026-01-01T00:00:00Z".parse::<When>().unwrap().millis(), 1_767_225_600_000);
        assert!("15m".parse::<When>().unwrap().millis() > 1_767_225_600_000);
        assert!("yesterday".parse::<When>().unwrap_err().contains("15m"));
    }
}
