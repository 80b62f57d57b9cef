//! Decisions, and alerts among them, as they are asked for: one by the id of its call, or page by page by what they say. Fields are
//! added, never given another meaning.

use std::collections::BTreeMap;

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::MAX_DECISIONS;
use crate::routes::{decode, encode, query};
use crate::shadow::{AskShadow, ShadowReport};
use crate::types::Problem;

/// One decision, in short. A text that there is none of is empty; texts have no hidden characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number: in the order in which decisions came to the store.
    pub sequence: u64,
    /// Id of the call, or of the event that told an alert: 32 lower-case hexadecimal digits.
    pub id: String,
    /// When the call began, in milliseconds since 1970.
    pub at: u64,
    /// `refused`, `failed`, `shadowed`, `noted`, `passed` or `alert`.
    pub kept: String,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
    /// Its code; of an alert, `alert_firing` or `alert_resolved`.
    pub code: String,
    /// The control that ended it; where nothing did, the first in shadow that would have. Of an alert, its rule.
    pub control: String,
    /// Method of the request.
    pub method: String,
    /// Its canonical path.
    pub path: String,
    /// Name of the API.
    pub api: String,
    /// Name of the operation.
    pub operation: String,
    /// Address of the client.
    pub address: String,
    /// Who vouches for the caller.
    pub issuer: String,
    /// Who called.
    pub subject: String,
    /// Which application called.
    pub application: String,
    /// What it took in all, in microseconds.
    pub micros: u64,
}

/// Some decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// The newest first; those after a number the oldest first.
    pub events: Vec<Event>,
    /// Where to go on; without it there is nothing more that way. A page may be empty and have a next one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<u64>,
    /// Decisions of this process that were lost since it began.
    pub lost: u64,
}

/// One decision, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// In short.
    #[serde(flatten)]
    pub event: Event,
    /// Everything that is kept.
    pub record: Record,
}

/// Everything that is kept of a decision: what the access log says, with all verdicts in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// When the call began (RFC 3339).
    pub time: String,
    /// Version of what follows.
    pub v: u64,
    /// Who was addressed.
    pub host: String,
    /// What the client calls itself, bounded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// Id of the trace that the call is a part of, where that is not its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace: String,
    /// Id of the trace that an untrusted caller said it is a part of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub linked_trace: String,
    /// Path template of the operation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// What kind of credential was presented: `jwt`, `introspected`, `api_key`, `signature`, `certificate`, `password` or `webhook`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// Scopes that the caller brought and that count in the API, where a scope was missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Words of the credential's `scope` or `scp` that count for nothing there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_scopes: Vec<String>,
    /// Who has to act: `client`, `upstream`, `issuer` or `gateway`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub blame: String,
    /// The fault behind the code, when no verdict says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fault: String,
    /// Whether the client went away before the answer was whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub aborted: bool,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// With which code a WebSocket was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<u16>,
    /// Messages of a WebSocket from the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_in: Option<u64>,
    /// And to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_out: Option<u64>,
    /// What the checks took, waiting for the body included, in microseconds.
    pub checks_us: u64,
    /// From sending upstream to the head of its answer; zero when nothing was sent.
    pub upstream_us: u64,
    /// To the last byte of the answer.
    pub total_us: u64,
    /// Number of the configuration that decided.
    pub generation: u64,
    /// Its digest.
    pub digest: String,
    /// Verdicts in the order given, of controls in shadow too.
    pub verdicts: Vec<Verdict>,
    /// How severe an alert is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// What an alert says, and nothing where it is a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Box<Alert>>,
}

/// What an alert says: the data of its event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// The rule.
    pub rule: String,
    /// Names it from its beginning to its end.
    pub alert: String,
    /// `firing` or `resolved`.
    pub state: String,
    /// When it began (RFC 3339).
    pub since: String,
    /// Who answers for what it is about.
    pub owners: Vec<String>,
    /// What its calls have in common, by label.
    pub group: BTreeMap<String, String>,
    /// Calls that it is about, the newest last.
    pub calls: Vec<String>,
    /// What was found, and what it was held against: `events`, `of_calls`, `at_least`, `window_s` and their like.
    #[serde(flatten)]
    pub numbers: BTreeMap<String, serde_json::Value>,
}

/// One control's verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// The control, or `route`.
    pub control: String,
    /// The one rule of it that speaks, where that has a mode of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Where in the life of the call.
    pub stage: String,
    /// `allow`, `note`, `refuse`, `step_up`, `throttle` or `answer`.
    pub outcome: String,
    /// `shadow` when it did not count.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Its code, when it ends a call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Where in the configuration or the contract it comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// The part of the contract whose rule it is, of what it refuses or notes: `file:line#pointer`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub contract: String,
    /// What it says of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What it took, in microseconds.
    pub cost_us: u64,
}

/// What decisions have to say to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Who called, as their issuer calls them.
    pub principal: Option<String>,
    /// Who vouches for them.
    pub issuer: Option<String>,
    /// Which application called.
    pub application: Option<String>,
    /// Name of the API.
    pub api: Option<String>,
    /// Name of the operation.
    pub operation: Option<String>,
    /// Address of the client.
    pub address: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The control that ended it or would have.
    pub control: Option<String>,
    /// `refused`, `failed`, `shadowed`, `noted`, `passed` or `alert`.
    pub outcome: Option<String>,
    /// Not before this moment, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Before this moment.
    pub until: Option<u64>,
    /// Anything in the record.
    pub text: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the newest, and back.
    Newest,
    /// Before a number, and back.
    Before(u64),
    /// After a number, and on.
    After(u64),
    /// After the newest that there is, and on: an empty page that says where to go on.
    Now,
}

/// What may be asked of decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskDecisions {
    /// The one of a call.
    One(String),
    /// A page of at most so many.
    Page(Box<EventFilter>, Begin, usize),
    /// What controls in shadow would have refused.
    Shadow(Box<AskShadow>),
}

/// What is said of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SaidDecisions {
    /// To [`AskDecisions::One`].
    One(Box<Explained>),
    /// To [`AskDecisions::Page`].
    Page(Events),
    /// To [`AskDecisions::Shadow`].
    Shadow(Box<ShadowReport>),
}

/// Names of the texts of a filter in a query.
type Texts<'f> = [(&'static str, &'f mut Option<String>); 10];

impl EventFilter {
    fn texts(&mut self) -> Texts<'_> {
        [
            ("principal", &mut self.principal),
            ("issuer", &mut self.issuer),
            ("application", &mut self.application),
            ("api", &mut self.api),
            ("operation", &mut self.operation),
            ("address", &mut self.address),
            ("code", &mut self.code),
            ("control", &mut self.control),
            ("outcome", &mut self.outcome),
            ("text", &mut self.text),
        ]
    }
}

/// The path with the query that asks for a page.
pub(crate) fn page_path(filter: &EventFilter, begin: Begin, most: usize) -> String {
    let mut path = format!("/v1/decisions?limit={most}");
    match begin {
        Begin::Newest => {}
        Begin::Before(number) => path.push_str(&format!("&before={number}")),
        Begin::After(number) => path.push_str(&format!("&after={number}")),
        Begin::Now => path.push_str("&after=now"),
    }
    for (name, value) in filter.clone().texts() {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    for (name, moment) in [("since", filter.since), ("until", filter.until)] {
        if let Some(moment) = moment {
            path.push_str(&format!("&{name}={moment}"));
        }
    }
    path
}

/// Reads what [`page_path`] writes.
///
/// # Errors
/// What does not fit, or is not known.
pub(crate) fn page_asked(uri: &Uri) -> Result<AskDecisions, Problem> {
    let mut filter = EventFilter::default();
    let known = ["limit", "before", "after", "since", "until"];
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut texts = filter.texts();
        match texts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => {
                let value = decode(value);
                **slot = Some(value.ok_or_else(|| Problem::invalid(format!("`{name}` is not UTF-8")))?);
            }
            None if known.contains(&name) => {}
            None => return Err(Problem::invalid(format!("`{name}` is not known"))),
        }
    }
    let number = |name: &str| match query(uri, name) {
        None => Ok(None),
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| Problem::invalid(format!("`{name}` is not a number")))
        }
    };
    (filter.since, filter.until) = (number("since")?, number("until")?);
    let begin = match (query(uri, "after"), number("before")?) {
        (Some("now"), None) => Begin::Now,
        (Some(_), None) => Begin::After(number("after")?.unwrap_or_default()),
        (None, Some(before)) => Begin::Before(before),
        (None, None) => Begin::Newest,
        (Some(_), Some(_)) => return Err(Problem::invalid("`before` and `after` exclude each other")),
    };
    let most = number("limit")?.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_DECISIONS);
    Ok(AskDecisions::Page(Box::new(filter), begin, most.clamp(1, MAX_DECISIONS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_comes_over_as_it_was() {
        let mut filter = EventFilter { since: Some(1), until: Some(u64::MAX), ..EventFilter::default() };
        for (number, (_, slot)) in filter.texts().into_iter().enumerate() {
            *slot = Some(format!("{number} a&b=c%/é\u{202e}\n"));
        }
        for begin in [Begin::Newest, Begin::Before(7), Begin::After(0), Begin::Now] {
            let uri: Uri = page_path(&filter, begin, 7).parse().unwrap();
            assert_eq!(page_asked(&uri).unwrap(), AskDecisions::Page(Box::new(filter.clone()), begin, 7));
        }
        let nothing: Uri = "/v1/decisions".parse().unwrap();
        let all = AskDecisions::Page(Box::default(), Begin::Newest, MAX_DECISIONS);
        assert_eq!(page_asked(&nothing).unwrap(), all);
        for bad in ["limit=x", "since=-1", "subject=x", "before=1&after=1", "text=%ff", "after=later"] {
            let uri: Uri = format!("/v1/decisions?{bad}").parse().unwrap();
            assert!(page_asked(&uri).is_err(), "{bad}");
        }
    }
}
