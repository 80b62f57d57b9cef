//! What should not leave a service: stack traces, what a database said, listings of folders, credentials.
//!
//! It reads answers that are text, whatever their media type says, by fixed words and patterns in linear time ([`probe::leak`]). For each
//! class one of: tag (a note in the decision), mask (overwritten by asterisks, byte for byte, so that JSON stays JSON), refuse (502,
//! and nothing of the answer leaks). In shadow, which is the default, a copy of short answers is looked at afterwards and
//! nothing is changed; enforced, answers are read whole before the client gets a byte, and the upstream is asked for answers without a
//! content coding, since what cannot be read cannot be checked.
//!
//! A KiB takes 3 µs, and 6 where JSON is masked (`cargo run --release -p controls --example leaks`). Long answers leave their core for the
//! pool of worker threads, as do those with many places that look like a leak; who went away ends the looking.
//!
//! Personal data ([`probe::personal`]) is looked for where a class of it is not ignored, which all are by default. Callers for whom it is see it
//! as it came, and the decision says so; answers are kept out of caches then, since others see them otherwise.
//!
//! The decision keeps kinds, names and offsets of what was found, never what stood there; which operations return personal data to whom is
//! counted ([`Returned`]).

mod config;
mod returned;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use engine::control::{Cancel, Job};
use engine::verdict::Refusal;
use engine::{Attached, Call, Clock, Control, CoreContext, Needs, Response, Step, Verdict, codes};
use http::HeaderName;
use http::header::{ACCEPT_ENCODING, ETAG, HeaderValue, IF_RANGE, RANGE};
use probe::leak::{self, Class, Leak, Leaks};
use probe::{Kind, personal};

use crate::callers::Callers;
use crate::coding::is_encoded;
use crate::private;

pub use config::{LeaksSection, OnLeak, PersonalSection, check_section, compile, schema};
use returned::Whom;
pub use returned::{Returned, Row};

/// Bytes up to which an answer is looked through on its core: 0.2 ms, or 0.4 where something is masked.
const ON_CORE: usize = 64 * 1024;
/// Windows that are looked at there, each some microsecond; with more, a worker thread begins anew.
const WINDOWS_ON_CORE: usize = 200;
/// How long a worker thread may take. The longest answer takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// Leaks that are told one by one.
const TOLD: usize = 5;
/// Fields that describe the bytes as they were (RFC 9110 section 8.8.3, RFC 9530): they would be wrong once something is masked.
const STALE: [HeaderName; 5] = [
    ETAG,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Every class, and what is done about it.
const CLASSES: [Class; 9] = [
    Class::Trace,
    Class::Database,
    Class::Listing,
    Class::Secret,
    Class::Card,
    Class::Account,
    Class::Mail,
    Class::Phone,
    Class::Person,
];

/// What is done about each class.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// In the order of the classes.
    on: [OnLeak; 9],
    /// Whether answers may be changed and withheld.
    enforced: bool,
}

impl Settings {
    /// As a section says.
    #[must_use]
    pub fn of(section: &LeaksSection, enforced: bool) -> Self {
        let LeaksSection { traces, databases, listings, secrets, personal, .. } = section;
        let PersonalSection { cards, accounts, mails, phones, persons, .. } = personal;
        let on = [*traces, *databases, *listings, *secrets, *cards, *accounts, *mails, *phones, *persons];
        Self { on, enforced }
    }

    fn on(&self, class: Class) -> OnLeak {
        let mut both = CLASSES.iter().zip(self.on);
        both.find(|(known, _)| **known == class).map_or(OnLeak::Refuse, |(_, on)| on)
    }

    /// The same for callers for whom personal data is: what is looked for is told.
    fn for_its_audience(mut self) -> Self {
        for (class, on) in CLASSES.iter().zip(&mut self.on) {
            if personal::CLASSES.contains(class) && *on != OnLeak::Ignore {
                *on = OnLeak::Tag;
            }
        }
        self
    }

    fn looks_for_personal_data(&self) -> bool {
        personal::CLASSES.iter().any(|class| self.on(*class) != OnLeak::Ignore)
    }
}

/// Callers for whom personal data is, and the fields by which they are known.
#[derive(Debug)]
struct Audience {
    callers: Callers,
    vary: HeaderValue,
}

/// The control.
#[derive(Debug)]
pub struct LeakWatch {
    settings: Settings,
    audience: Option<Audience>,
}

impl LeakWatch {
    /// By its settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, audience: None }
    }

    /// With callers for whom personal data is, who are known by the fields of `vary`.
    #[must_use]
    pub fn with_audience(self, callers: Callers, vary: HeaderValue) -> Self {
        Self { audience: Some(Audience { callers, vary }), ..self }
    }

    /// What is done about the answer to a call.
    fn settings_for(&self, call: &Call) -> Settings {
        let included = self.audience.as_ref().is_some_and(|audience| audience.callers.include(call));
        if included { self.settings.for_its_audience() } else { self.settings }
    }

    /// What can be said of an answer before it is looked through.
    fn refuse_encoded(&self, response: &Response) -> Option<Verdict> {
        is_encoded(&response.headers).then(|| {
            // In shadow nobody asked the upstream for another; enforced, it was asked and did not listen.
            if self.settings.enforced {
                let detail = "the answer is encoded: it cannot be read";
                Verdict::Refuse(Refusal::new(&codes::ANSWER_REFUSED, detail))
            } else {
                Verdict::Note("the answer is encoded: in shadow it is not read".into())
            }
        })
    }

    fn check<'c>(&self, settings: Settings, whom: Option<Whom>, response: &'c mut Response) -> Step<'c> {
        if response.body.bytes().is_empty() {
            return Step::Done(Verdict::Allow);
        }
        if let Some(verdict) = self.refuse_encoded(response) {
            return Step::Done(verdict);
        }
        let bytes = response.body.bytes().clone();
        if bytes.len() <= ON_CORE
            && let Some(judged) = settings.look(&bytes, whom.as_ref(), |windows| windows < WINDOWS_ON_CORE)
        {
            replace(response, judged.masked);
            return Step::Done(judged.verdict);
        }
        let masked = Arc::new(OnceLock::new());
        let hand_over = Arc::clone(&masked);
        let run = Box::new(move |cancel: &Cancel| {
            match settings.look(&bytes, whom.as_ref(), |_| !cancel.is_cancelled()) {
                Some(judged) => {
                    judged.masked.map(|bytes| hand_over.set(bytes));
                    judged.verdict
                }
                // Nobody waits for it any more.
                None => Verdict::Refuse(Refusal::new(&codes::CONTROL_FAILED, "looking for leaks was ended")),
            }
        });
        let then = move |verdict| {
            replace(response, masked.get().cloned());
            Step::Done(verdict)
        };
        Step::OffloadThen(Job { budget: PATIENCE, run }, Box::new(then))
    }
}

/// Puts what was masked in the place of what came.
fn replace(response: &mut Response, masked: Option<Bytes>) {
    let Some(masked) = masked else { return };
    response.body.replace(masked);
    for name in &STALE {
        response.headers.remove(name);
    }
}

/// What is made of an answer.
struct Judged {
    verdict: Verdict,
    /// What goes on in its place.
    masked: Option<Bytes>,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, masked: None }
    }
}

impl Settings {
    /// Looks through an answer; `None` when `go_on`, which is asked with how many windows were looked at, ended it.
    fn look(&self, bytes: &Bytes, whom: Option<&Whom>, go_on: impl FnMut(usize) -> bool) -> Option<Judged> {
        let kind = Kind::of(bytes);
        // Text in another charset is bytes to us, and its ASCII is what the words are made of. What begins like a picture may be text
        // all the same.
        if !kind.is_text() && kind != Kind::Data && !probe::kind::is_text(bytes) {
            return Some(Verdict::Allow.into());
        }
        let mut found = leak::find_while(bytes, go_on)?;
        if self.looks_for_personal_data() {
            let people = personal::find(bytes, |class| self.on(class) != OnLeak::Ignore);
            found.more |= people.more;
            found.all.extend(people.all);
        }
        found.all.retain(|leak| self.on(leak.class) != OnLeak::Ignore);
        if found.all.is_empty() && !found.more {
            return Some(Verdict::Allow.into());
        }
        let judged = self.judge(bytes, &found);
        if let Some(whom) = whom {
            let withheld = self.enforced && matches!(judged.verdict, Verdict::Refuse(_));
            let has = |class: &Class| found.all.iter().any(|leak| leak.class == *class);
            let hidden = |class| withheld || (judged.masked.is_some() && self.on(class) == OnLeak::Mask);
            whom.count(personal::CLASSES.into_iter().filter(has).map(|class| (class, hidden(class))));
        }
        Some(judged)
    }

    fn judge(&self, bytes: &Bytes, found: &Leaks) -> Judged {
        let said = describe(found);
        let has = |what: OnLeak| found.all.iter().any(|leak| self.on(leak.class) == what);
        // What was not looked at cannot be masked, and may be what is to be refused.
        let strict = |class: &Class| matches!(self.on(*class), OnLeak::Refuse | OnLeak::Mask);
        if has(OnLeak::Refuse) || (found.more && CLASSES.iter().any(strict)) {
            return Verdict::Refuse(Refusal::new(&codes::ANSWER_REFUSED, said)).into();
        }
        if !self.enforced || !has(OnLeak::Mask) {
            return Verdict::Note(said.into()).into();
        }
        let mut masked = bytes.to_vec();
        for class in CLASSES.into_iter().filter(|class| self.on(*class) == OnLeak::Mask) {
            leak::mask(&mut masked, &found.all, class);
        }
        let masked = Bytes::from(masked);
        if values(bytes).is_some_and(|before| values(&masked) != Some(before)) {
            // What was found reaches from one value into the next: no mask leaves the rest as it was.
            return Verdict::Refuse(Refusal::new(&codes::ANSWER_REFUSED, said)).into();
        }
        Judged { verdict: Verdict::Note(format!("masked: {said}").into()), masked: Some(masked) }
    }
}

/// How many values there are in JSON; bounds are those of the whole answer, and a depth that no stack minds.
fn values(bytes: &Bytes) -> Option<usize> {
    let bounds = tape::Bounds { depth: 512, ..tape::Bounds::UNBOUNDED };
    Some(tape::Tape::parse(bytes.clone(), &bounds).ok()?.values().count())
}

/// Kinds, names and offsets of the first few, and how many more.
fn describe(found: &Leaks) -> String {
    let one = |leak: &Leak| format!("{} ({}) at {}", leak.class.name(), leak.name, leak.start);
    let told: Vec<String> = found.all.iter().take(TOLD).map(one).collect();
    let more = found.all.len().saturating_sub(TOLD);
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    let end = if found.more { "; not looked at to the end" } else { "" };
    format!("leaks: {}{rest}{end}", told.join(", "))
}

impl Control for LeakWatch {
    fn name(&self) -> &'static str {
        "leaks"
    }

    fn needs(&self) -> Needs {
        let private = self.settings.enforced && self.audience.is_some();
        Needs {
            head: self.settings.enforced,
            response_head: private,
            response_body: true,
            ..Needs::default()
        }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let returned = Returned::of(&core.keyed);
        Box::new(AtWork { control: self, returned, clock: Arc::clone(&core.clock) })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<LeakWatch>,
    returned: Arc<Returned>,
    clock: Arc<dyn Clock>,
}

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let headers = &mut call.request.headers;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // Of a part nobody can tell what it is a part of.
        headers.remove(RANGE);
        headers.remove(IF_RANGE);
        Step::Done(Verdict::Allow)
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        if let Some(audience) = &self.control.audience {
            private::keep(&mut call.response.headers, &audience.vary);
        }
        Step::Done(Verdict::Allow)
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let settings = self.control.settings_for(call);
        let looks = settings.looks_for_personal_data();
        let whom = looks.then(|| Whom::of(&self.returned, call, self.clock.unix().seconds())).flatten();
        self.control.check(settings, whom, &mut call.response)
    }
}
