//! What should not leave a service: stack traces, what a database said, listings of folders, credentials.
//!
//! It reads answers that are text, whatever their media type says, by fixed words and patterns in linear time ([`probe::leak`]). For each
//! class one of: tag (a note in the decision), mask (overwritten by asterisks, byte for byte, so that JSON stays JSON), refuse (502,
//! and nothing of the answer leaks). In shadow, which is the default, a copy of short answers is looked at afterwards and
//! nothing is changed; enforced, answers are read whole before the client gets a byte, and the upstream is asked for answers without a
//! content coding, since what cannot be read cannot be checked.
//!
//! The decision keeps kinds, names and offsets of what was found, never what stood there.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Response, Step, Verdict, codes};
use http::HeaderName;
use http::header::{ACCEPT_ENCODING, ETAG, HeaderValue};
use probe::Kind;
use probe::leak::{self, Class, Leak, Leaks};

use crate::coding::is_encoded;

pub use config::{LeaksSection, OnLeak, check_section, compile, schema};

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

/// What is done about each class; `None` does not look for it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Stack traces.
    pub traces: OnLeak,
    /// Errors of databases.
    pub databases: OnLeak,
    /// Listings of folders.
    pub listings: OnLeak,
    /// Credentials, keys, hashes of passwords.
    pub secrets: OnLeak,
    /// Whether answers may be changed and withheld.
    pub enforced: bool,
}

impl Settings {
    const fn on(&self, class: Class) -> OnLeak {
        match class {
            Class::Trace => self.traces,
            Class::Database => self.databases,
            Class::Listing => self.listings,
            Class::Secret => self.secrets,
        }
    }
}

/// The control.
#[derive(Debug)]
pub struct LeakWatch {
    settings: Settings,
}

impl LeakWatch {
    /// By its settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn check(&self, response: &mut Response) -> Verdict {
        if response.body.bytes().is_empty() {
            return Verdict::Allow;
        }
        if is_encoded(&response.headers) {
            // In shadow nobody asked the upstream for another; enforced, it was asked and did not listen.
            return if self.settings.enforced {
                let detail = "the answer is encoded: it cannot be read";
                Verdict::Refuse(Refusal::new(&codes::ANSWER_REFUSED, detail))
            } else {
                Verdict::Note("the answer is encoded: in shadow it is not read".into())
            };
        }
        let bytes = response.body.bytes().clone();
        let kind = Kind::of(&bytes);
        // Text in another charset is bytes to us, and its ASCII is what the words are made of. What begins like a picture may be text
        // all the same.
        if !kind.is_text() && kind != Kind::Data && !probe::kind::is_text(&bytes) {
            return Verdict::Allow;
        }
        let mut found = leak::find(&bytes);
        found.all.retain(|leak| self.settings.on(leak.class) != OnLeak::Ignore);
        if found.all.is_empty() && !found.more {
            return Verdict::Allow;
        }
        self.judge(response, &bytes, &found)
    }

    fn judge(&self, response: &mut Response, bytes: &Bytes, found: &Leaks) -> Verdict {
        let said = describe(found);
        let has = |what: OnLeak| found.all.iter().any(|leak| self.settings.on(leak.class) == what);
        let classes = [Class::Trace, Class::Database, Class::Listing, Class::Secret];
        // What was not looked at cannot be masked, and may be what is to be refused.
        let strict = |class: &Class| matches!(self.settings.on(*class), OnLeak::Refuse | OnLeak::Mask);
        if has(OnLeak::Refuse) || (found.more && classes.iter().any(strict)) {
            return Verdict::Refuse(Refusal::new(&codes::ANSWER_REFUSED, said));
        }
        if self.settings.enforced && has(OnLeak::Mask) {
            let mut masked = bytes.to_vec();
            for class in classes.into_iter().filter(|class| self.settings.on(*class) == OnLeak::Mask) {
                leak::mask(&mut masked, &found.all, class);
            }
            let masked = Bytes::from(masked);
            if values(bytes).is_some_and(|before| values(&masked) != Some(before)) {
                // What was found reaches from one value into the next: no mask leaves the rest as it was.
                return Verdict::Refuse(Refusal::new(&codes::ANSWER_REFUSED, said));
            }
            response.body.replace(masked);
            for name in &STALE {
                response.headers.remove(name);
            }
            return Verdict::Note(format!("masked: {said}").into());
        }
        Verdict::Note(said.into())
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
        Needs { head: self.settings.enforced, response_body: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<LeakWatch>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        call.request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Step::Done(Verdict::Allow)
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check(&mut call.response))
    }
}
