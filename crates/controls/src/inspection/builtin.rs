//! `rules: builtin`: detectors of our own, which need no file of rules.
//!
//! Every value of a call is looked at by the crate `detect`, in all its views; the surest finding is held against the threshold.
//! A parameter that its contract declares as an integer, a boolean, a UUID or one of a list of words, and whose value is one,
//! is not looked at. Fields that carry credentials and digests are looked at for look-ups of loggers only, since chance makes
//! anything of them.

mod explain;

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use detect::{Families, Family, Finding};
use engine::control::{Direction, Message};
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use tape::Tape;

use super::config::CallerSection;
use super::dispatch_over;
use super::exclude::is_caller;
use super::parts::{self, Part, Reader, Sink, Where};
use crate::coding::is_encoded;

/// Bytes of a body up to which it is inspected on its core: some hundred microseconds at most.
const OFFLOADED: usize = 16 * 1024;
/// Findings that the decision keeps of those that refuse, and of those that are near it.
const KEPT: usize = 4;
/// Longest name of a value in the decision, in characters: it may be the caller's.
const NAME: usize = 64;

/// What some detectors do not look at.
#[derive(Debug, Clone)]
pub(super) struct Excluded {
    /// What is not looked for.
    pub(super) families: Families,
    /// Whether it holds for all of the call.
    pub(super) everywhere: bool,
    /// Parameters, under the names of [`Part::name`].
    pub(super) parameters: Vec<String>,
    /// Header fields, in lower case.
    pub(super) headers: Vec<String>,
    /// Cookies.
    pub(super) cookies: Vec<String>,
    /// Those it holds for; none are all.
    pub(super) callers: Vec<CallerSection>,
}

/// Which exclusions hold for who calls, by their number; all where nothing is said.
pub(super) type Holding = Option<Arc<[bool]>>;

/// What a section comes to for one operation.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The score from which on a call is refused.
    pub(super) threshold: u8,
    pub(super) excluded: Vec<Excluded>,
    /// Bytes that are read of a body.
    pub(super) body: usize,
    /// Whether a longer body is refused.
    pub(super) whole: bool,
    /// Values that are read of a body, when that is bounded; more are refused.
    pub(super) arguments: Option<u32>,
}

/// The control.
#[derive(Debug)]
pub(super) struct Builtin {
    settings: Settings,
    /// Its name, where it is one family of detectors that is only watched.
    rule: Option<Box<str>>,
    contract: Option<Arc<contract::Operation>>,
    params: Vec<Box<str>>,
    /// Whether the operation has messages.
    messages: bool,
}

impl Builtin {
    pub(super) fn new(
        settings: Settings,
        rule: Option<Box<str>>,
        contract: Option<Arc<contract::Operation>>,
        params: &[Box<str>],
        messages: bool,
    ) -> Self {
        detect::prepare();
        Self { settings, rule, contract, params: params.to_vec(), messages }
    }

    fn check_head(&self, call: &Call) -> Verdict {
        let mut scan = Scan::new(self, None, self.holding(call));
        let params = self.contract.is_some().then_some(self.params.as_slice());
        parts::head(call, params, &mut scan);
        scan.verdict()
    }

    fn check_body<'s>(self: &Arc<Self>, call: &mut Call) -> Step<'s> {
        let bytes = call.body.bytes().clone();
        if bytes.is_empty() {
            return Step::Done(Verdict::Allow);
        }
        if is_encoded(&call.request.headers) {
            let detail = "a body in a content coding cannot be inspected: see `bodies.codings`";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::CODING_UNSUPPORTED, detail)));
        }
        let long = bytes.len() > self.settings.body;
        if long && self.settings.whole {
            let detail = "the body exceeds `inspection.body.max`";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::BODY_TOO_LARGE, detail)));
        }
        let Some(reader) = parts::reader(&call.request.headers) else {
            let detail = "a body of which nobody knows how it is read: one readable media type, in UTF-8";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::MEDIA_TYPE_UNSUPPORTED, detail)));
        };
        // Of a body of which only the beginning is read no tape is made: its strings are found as far as they go.
        let tape = match reader {
            Reader::Json if !long => call.body.json(&tape::Bounds::default()).ok().cloned(),
            _ => None,
        };
        let bytes = bytes.slice(..bytes.len().min(self.settings.body));
        let (builtin, holding) = (Arc::clone(self), self.holding(call));
        dispatch_over(OFFLOADED, bytes.len(), move || {
            builtin.read_body(&bytes, &reader, tape.as_deref(), (long, holding))
        })
    }

    /// A message of a client: a text is JSON when it can be read as such, other bytes are no value of any language.
    fn check_message<'s>(self: &Arc<Self>, call: &Call, message: &mut Message) -> Step<'s> {
        if message.direction == Direction::Down || !message.text || message.body.bytes().is_empty() {
            return Step::Done(Verdict::Allow);
        }
        let bytes = message.body.bytes().clone();
        let long = bytes.len() > self.settings.body;
        if long && self.settings.whole {
            let detail = "the message exceeds `inspection.body.max`";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::MESSAGE_TOO_LARGE, detail)));
        }
        let tape = if long { None } else { message.body.json(&tape::Bounds::default()).ok().cloned() };
        let reader = if tape.is_some() { Reader::Json } else { Reader::Text };
        let bytes = bytes.slice(..bytes.len().min(self.settings.body));
        let (builtin, holding) = (Arc::clone(self), self.holding(call));
        dispatch_over(OFFLOADED, bytes.len(), move || {
            builtin.read_body(&bytes, &reader, tape.as_deref(), (long, holding))
        })
    }

    fn holding(&self, call: &Call) -> Holding {
        let excluded = &self.settings.excluded;
        if excluded.iter().all(|one| one.callers.is_empty()) {
            return None;
        }
        let holds = |one: &Excluded| {
            one.callers.is_empty() || one.callers.iter().any(|caller| is_caller(caller, call))
        };
        Some(excluded.iter().map(holds).collect())
    }

    fn read_body(
        &self,
        bytes: &Bytes,
        reader: &Reader,
        tape: Option<&Tape>,
        (cut, holding): (bool, Holding),
    ) -> Verdict {
        if matches!(reader, Reader::Xml) && !detect::xml_is_utf8(bytes) {
            let detail = "an XML body that is not UTF-8, or does not say so readably";
            return Verdict::Refuse(Refusal::new(&codes::MEDIA_TYPE_UNSUPPORTED, detail));
        }
        let mut scan = Scan::new(self, self.settings.arguments, holding);
        if let Err(expected) = parts::body(bytes, reader, tape, cut, &mut scan) {
            return Verdict::Refuse(Refusal::new(&codes::BODY_MALFORMED, expected));
        }
        if scan.is_over() {
            let detail = "the body has more values than `inspection.body.arguments`";
            return Verdict::Refuse(Refusal::new(&codes::PAYLOAD_REFUSED, detail));
        }
        scan.verdict()
    }

    /// Families that are not looked for in a part.
    fn skipped(&self, part: &Part<'_>, holding: &Holding) -> Families {
        let here = |excluded: &Excluded| {
            excluded.everywhere
                || match part.stands {
                    Where::Header => excluded.headers.iter().any(|name| name == part.name),
                    Where::Cookie => excluded.cookies.iter().any(|name| name == part.name),
                    _ => excluded.parameters.iter().any(|name| name == part.name),
                }
        };
        let holds = |at: usize| holding.as_ref().is_none_or(|holding| holding.get(at) == Some(&true));
        let excluded = self.settings.excluded.iter().enumerate().filter(|(at, one)| holds(*at) && here(one));
        let skipped = excluded.fold(Families::NONE, |all, (_, one)| all.union(one.families));
        match part.stands {
            Where::Header if is_opaque(part.name) => skipped.union(Families::ALL.without(Family::Jndi)),
            _ => skipped,
        }
    }

    /// Whether the contract leaves the value no room.
    fn is_settled(&self, part: &Part<'_>) -> bool {
        let place = match part.stands {
            Where::Path => contract::Place::Path,
            Where::Query => contract::Place::Query,
            Where::Cookie => contract::Place::Cookie,
            Where::Header => contract::Place::Header,
            _ => return false,
        };
        let Some(contract) = self.contract.as_ref().filter(|_| part.place != detect::Place::Name) else {
            return false;
        };
        std::str::from_utf8(part.value).is_ok_and(|value| contract.request.settles(place, part.name, value))
    }
}

/// Fields of credentials, digests, validators and hints, whose values are random, quoted or lists.
fn is_opaque(name: &str) -> bool {
    name.starts_with("sec-")
        || name.starts_with("accept")
        || name.starts_with("if-")
        || matches!(
            name,
            "authorization"
                | "proxy-authorization"
                | "host"
                | "content-length"
                | "content-digest"
                | "repr-digest"
                | "digest"
                | "signature"
                | "signature-input"
                | "dpop"
                | "traceparent"
                | "tracestate"
                | "baggage"
                | "date"
                | "range"
                | "priority"
                | "cache-control"
                | "connection"
                | "etag"
        )
}

/// A call while it is looked at.
struct Scan<'a> {
    builtin: &'a Builtin,
    values: u32,
    /// How many values are read; the head is bounded by its size alone.
    most: Option<u32>,
    found: Vec<(Finding, String)>,
    /// How many of `found` refuse.
    refusing: usize,
    holding: Holding,
}

impl<'a> Scan<'a> {
    fn new(builtin: &'a Builtin, most: Option<u32>, holding: Holding) -> Self {
        Self { builtin, values: 0, most, found: Vec::new(), refusing: 0, holding }
    }

    /// Whether there are more values than are read.
    fn is_over(&self) -> bool {
        self.most.is_some_and(|most| self.values > most)
    }

    /// The surest finding decides; the others are told beside it.
    fn verdict(mut self) -> Verdict {
        self.found.sort_by_key(|(finding, _)| std::cmp::Reverse(finding.score));
        let Some((surest, _)) = self.found.first() else { return Verdict::Allow };
        let threshold = self.builtin.settings.threshold;
        let mut said = format!("score {} of {threshold}", surest.score);
        for (finding, place) in &self.found {
            let (family, rule) = (finding.family.name(), finding.rule);
            let Finding { view, start, end, score, .. } = finding;
            let _ = write!(said, "; {family}/{rule} {score} in `{place}` ({view}, bytes {start} to {end})");
        }
        if surest.score >= threshold {
            return Verdict::Refuse(Refusal::new(&codes::PAYLOAD_REFUSED, said));
        }
        Verdict::Note(said.into())
    }
}

impl Sink for Scan<'_> {
    fn part(&mut self, part: &Part<'_>) {
        self.values = self.values.saturating_add(u32::from(part.place != detect::Place::Name));
        if self.is_done() || self.builtin.is_settled(part) {
            return;
        }
        let found = detect::inspect(part.place, part.value, self.builtin.skipped(part, &self.holding));
        // Just below the threshold it is worth a note.
        let Some(finding) = found.filter(|finding| finding.score + 1 >= self.builtin.settings.threshold)
        else {
            return;
        };
        if finding.score >= self.builtin.settings.threshold {
            self.refusing += 1;
        } else if self.found.len() - self.refusing >= KEPT {
            return;
        }
        let name = part.name.chars().map(|char| if char.is_control() || char == '`' { '?' } else { char });
        let separator = if part.name.is_empty() { "" } else { ":" };
        let name: String = name.take(NAME).collect();
        self.found.push((finding, format!("{}{separator}{name}", part.stands.name())));
    }

    /// Only a refusal ends the search: what is merely near the threshold says nothing of the values behind it.
    fn is_done(&self) -> bool {
        self.refusing >= KEPT || self.is_over()
    }
}

impl Control for Builtin {
    fn name(&self) -> &'static str {
        "inspection"
    }

    fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    fn needs(&self) -> Needs {
        Needs { head: true, body: true, message: self.messages, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Builtin>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_head(call))
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_body(call)
    }

    fn message<'c>(&'c self, call: &'c mut Call, message: &'c mut Message) -> Step<'c> {
        self.0.check_message(call, message)
    }
}
