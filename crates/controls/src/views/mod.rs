//! Property level authorization: which fields of an answer a caller sees, and which of a body a caller may set (OWASP API3:2023).
//!
//! Fields are named by JSON Pointers with `*`; who is not among a rule's callers does not see them (removed, or masked) and does not
//! set them (refused). Answers are read whole, within the engine's bound, before the client gets a byte, and are written anew in one walk
//! of the tape that validation has read, or that is made here.
//!
//! Pointers are for answers of the contract: one of a status or media type that it does not declare, with a value of another kind on the
//! way to a field, or with a field's name where neither a rule nor the schema has it, is withheld from who may not see all.
//!
//! What was hidden must not come out another way. For who may not see all: the upstream is asked for a whole answer without a content
//! coding and without conditions (`Range`, `If-None-Match` and the like are left out of a GET, since a part could not be read and a 304
//! tells whether a guess was right); an answer that is a part, is encoded, or is not JSON is withheld; validators and digests, which are
//! of the whole, are removed, and so is the length of an answer to HEAD. Every answer of such an operation is for its caller alone
//! (`Cache-Control: private`, RFC 9111 section 5.2.2.7). Answers that say no are answers too. Filters and orders by a hidden field are
//! refused where the rule names them.
//!
//! A field is set by what takes the place of the whole that it is in as well: by a JSON Patch from above, and by what is no object in a
//! merge patch. Of a JSON Patch the paths count, and what it copies or tests where a field is hidden.

mod config;
mod modes;
mod question;
mod set;
#[cfg(test)]
mod tests;
mod unguarded;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use contract::{BodyMatch, ContentType, MediaKind};
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Control, CoreContext, Needs, Request, Response, Step, Verdict, codes};
use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{Method, StatusCode};
use smallvec::SmallVec;
use tape::Tape;

use crate::aside::{aside, is_long};
use crate::callers::Callers;
use crate::coding::is_encoded;
use crate::pattern::Pattern;
use crate::private;
use crate::read_body;
use question::Question;
use write::Unsure;

pub use config::{AnswerSection, Otherwise, RequestSection, ViewsSection, check_section, compile, schema};

/// What others see in the place of a field; the later is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hide {
    Mask,
    Remove,
}

/// Fields and the callers that they are for.
#[derive(Debug)]
struct Rule {
    name: Box<str>,
    at: Box<[Pattern]>,
    callers: Callers,
    hide: Hide,
    questions: Box<[Question]>,
}

/// The rules of one operation.
#[derive(Debug)]
struct Rules {
    answers: Vec<Rule>,
    requests: Vec<Rule>,
    /// The fields by which callers are known.
    vary: HeaderValue,
}

/// The control, for one operation: all rules of one mode, or one that has a mode of its own.
#[derive(Debug)]
pub struct Views {
    rules: Rules,
    /// Its one rule, where that is in shadow by itself.
    rule: Option<Box<str>>,
    operation: Option<Arc<contract::Operation>>,
    bodies: Bodies,
    /// Whether answers may be changed and withheld.
    enforced: bool,
}

/// Which bodies an operation may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bodies {
    None,
    /// But no JSON Patch.
    Plain,
    Any,
}

type Against<'r> = SmallVec<[&'r Rule; 4]>;
/// Rules of answers by their number.
type Numbers = SmallVec<[usize; 4]>;

/// The rules that a caller is on the wrong side of.
fn against<'r>(rules: &'r [Rule], call: &Call) -> Against<'r> {
    rules.iter().filter(|rule| !rule.callers.include(call)).collect()
}

/// The first question by what is hidden that a query asks, and its rule.
fn asked<'r>(hidden: &Against<'r>, query: &str) -> Option<(&'r Rule, &'r Question)> {
    let mut all = hidden.iter().flat_map(|rule| rule.questions.iter().map(|question| (*rule, question)));
    if query.is_empty() {
        return None;
    }
    match contract::pairs(query) {
        Ok(pairs) => all.find(|(_, question)| question.is_asked(&pairs)),
        // What cannot be read may ask anything.
        Err(_) => all.next(),
    }
}

/// A condition of a change that compares what is there (RFC 9110 section 13.1); `*` asks only whether there is anything.
fn condition(call: &Call) -> Option<HeaderName> {
    let Request { method, headers, .. } = &call.request;
    if *method == Method::GET || *method == Method::HEAD {
        return None;
    }
    let compares = |name: &HeaderName| {
        let is_date = *name == IF_MODIFIED_SINCE || *name == IF_UNMODIFIED_SINCE;
        let mut fields = headers.get_all(name).iter();
        fields.any(|field| is_date || field.as_bytes().trim_ascii() != b"*")
    };
    [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE].into_iter().find(compares)
}

/// Whether answers of this status have no content (RFC 9110 sections 15.3.5, 15.4.5 and 9.3.2).
fn is_bare(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 205 | 304)
}

impl Views {
    #[cfg(test)]
    fn new(
        rules: Rules,
        operation: Option<Arc<contract::Operation>>,
        bodies: Bodies,
        enforced: bool,
    ) -> Self {
        Self { rules, rule: None, operation, bodies, enforced }
    }

    /// Refuses questions by what is hidden, and asks for an answer that can be read and tells nothing by its status.
    fn check_head(&self, call: &mut Call) -> Verdict {
        let hidden = against(&self.rules.answers, call);
        let query = call.request.query().unwrap_or_default();
        if let Some((rule, question)) = asked(&hidden, query) {
            let public = "asks by a field that is hidden from this caller";
            return refusal(rule, ("query", &*question.name), public);
        }
        if let Some((rule, name)) = hidden.first().zip(condition(call)) {
            // Whether it holds tells of the whole, of which this caller has no validator.
            let public = "makes a change conditional on what is hidden from this caller";
            return refusal(rule, ("header", name.as_str()), public);
        }
        if self.bodies == Bodies::None
            && read_body::comes(call)
            && let Some(rule) = against(&self.rules.requests, call).first()
        {
            // Nothing here reads a body where none is declared; the service may.
            let public = "may set what this caller may not: the contract declares none";
            return refusal(rule, ("body", ""), public);
        }
        if self.enforced && !hidden.is_empty() {
            Self::ask(call);
        }
        Verdict::Allow
    }

    fn ask(call: &mut Call) {
        let headers = &mut call.request.headers;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if call.request.method == Method::GET || call.request.method == Method::HEAD {
            for name in [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
                headers.remove(name);
            }
        }
    }

    fn check_response_head(&self, call: &mut Call) -> Verdict {
        if !self.enforced {
            return Verdict::Allow;
        }
        let hidden = !against(&self.rules.answers, call).is_empty();
        let method = &call.request.method;
        let Response { status, headers, .. } = &mut call.response;
        private::keep(headers, &self.rules.vary);
        if !hidden {
            return Verdict::Allow;
        }
        private::forget(headers);
        if *method == Method::HEAD {
            headers.remove(CONTENT_LENGTH);
        }
        let empty = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == b"0");
        // One that says neither its length nor its type may have no content.
        let silent = headers.get(CONTENT_TYPE).is_none();
        // Said before a stream without an end is waited for.
        let bare = is_bare(method, *status) || empty || silent;
        let unreadable = if bare { None } else { self.unreadable(&call.response) };
        let part = call.response.status == StatusCode::PARTIAL_CONTENT
            || call.response.headers.contains_key(CONTENT_RANGE);
        match unreadable.or(part.then_some("it is a part of the whole")) {
            Some(why) => withhold(why),
            None => Verdict::Allow,
        }
    }

    fn check_response_body<'c>(self: &'c Arc<Self>, call: &'c mut Call) -> Step<'c> {
        let rules = self.rules.answers.iter().enumerate();
        let hidden: Numbers =
            rules.filter(|(_, rule)| !rule.callers.include(call)).map(|(number, _)| number).collect();
        let response = &mut call.response;
        // By its bytes: a status that is to have no content may have some.
        if hidden.is_empty() || response.body.bytes().is_empty() {
            return Step::Done(Verdict::Allow);
        }
        if let Some(why) = self.unreadable(response) {
            return Step::Done(withhold(why));
        }
        let (bytes, tape) = (response.body.bytes().clone(), response.body.tape().cloned());
        let (status, text) = (response.status, read_body::content_type(&response.headers).map(str::to_owned));
        let (this, long) = (Arc::clone(self), is_long(bytes.len()));
        let write = move || this.write(bytes, tape, (status, text.as_deref()), &hidden);
        aside(long, write, move |(verdict, written)| {
            if let Some(written) = written.filter(|_| self.enforced) {
                response.body.replace(written);
            }
            verdict
        })
    }

    /// Writes an answer without what rules of these numbers hide.
    fn write(
        &self,
        bytes: Bytes,
        tape: Option<Arc<Tape>>,
        (status, text): (StatusCode, Option<&str>),
        hidden: &Numbers,
    ) -> (Verdict, Option<Bytes>) {
        let Some(tape) = tape.or_else(|| Tape::parse(bytes, &read_body::INSIDE_ANSWERS).ok().map(Arc::new))
        else {
            return (withhold("it is not JSON that can be read in one way"), None);
        };
        let against: Against<'_> =
            hidden.iter().filter_map(|number| self.rules.answers.get(*number)).collect();
        let view = match write::view(&tape, &against, &Described(self.media(status, text))) {
            Ok(Some(view)) => view,
            Ok(None) => return (Verdict::Allow, None),
            Err(Unsure::Misplaced) => {
                return (withhold("it has another shape than the contract says"), None);
            }
            Err(Unsure::Elsewhere(name)) => {
                let why = format!("it has `{name}` where neither a rule nor the contract has it");
                return (withhold(&why), None);
            }
        };
        let hidden = against.iter().zip(&view.counts).filter(|(_, count)| **count > 0);
        let names: Vec<String> = hidden.map(|(rule, count)| format!("`{}` ({count})", rule.name)).collect();
        (Verdict::Note(format!("hidden: {}", names.join(", ")).into()), Some(view.bytes.into()))
    }

    /// What the contract says of an answer of such a status and media type.
    fn media(&self, status: StatusCode, text: Option<&str>) -> Option<&contract::MediaRules> {
        match self.operation.as_ref()?.responses.media(status, text) {
            BodyMatch::Media(media) => Some(media),
            _ => None,
        }
    }

    /// Why an answer cannot be read, by its head. Pointers are for answers of the contract: in others fields stand elsewhere.
    fn unreadable(&self, response: &Response) -> Option<&'static str> {
        if is_encoded(&response.headers) {
            return Some("it is in a content coding");
        }
        let Some(text) = read_body::content_type(&response.headers) else {
            return Some("it has no one media type");
        };
        match ContentType::parse(text) {
            Some(actual) if actual.essence == "application/json-patch+json" => Some("it is a patch"),
            Some(actual) if actual.kind() == MediaKind::Json && actual.is_utf8() => {
                let undeclared =
                    self.operation.is_some() && self.media(response.status, Some(text)).is_none();
                undeclared.then_some("the contract has none of this status and media type")
            }
            _ => Some("it is not JSON"),
        }
    }
}

/// What the contract says of an answer; without one nothing is known of it.
struct Described<'m>(Option<&'m contract::MediaRules>);

impl write::Schema for Described<'_> {
    fn is_misplaced(&self, at: &[Option<&str>], kind: tape::Kind, rest: &[Option<&str>]) -> bool {
        self.0.is_none_or(|media| media.is_misplaced(at, kind, rest))
    }

    fn names(&self, at: &[Option<&str>]) -> bool {
        self.0.is_some_and(|media| media.names(at))
    }
}

fn refusal(rule: &Rule, (place, pointer): (&'static str, &str), public: &str) -> Verdict {
    let detail = format!("`{}`: {place} `{pointer}` {public}", rule.name);
    let mut refusal = Refusal::new(&codes::PROPERTY_FORBIDDEN, detail);
    let violation = Violation { place, pointer: pointer.to_owned(), message: public.to_owned() };
    refusal.violations.push(violation);
    Verdict::Refuse(refusal)
}

fn withhold(why: &str) -> Verdict {
    let detail = format!("fields of the answer are hidden from this caller, and {why}");
    Verdict::Refuse(Refusal::new(&codes::ANSWER_UNREADABLE, detail))
}

impl Control for Views {
    fn name(&self) -> &'static str {
        "views"
    }

    fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    fn needs(&self) -> Needs {
        let answers = !self.rules.answers.is_empty();
        Needs {
            head: (answers
                && (self.enforced || self.rules.answers.iter().any(|rule| !rule.questions.is_empty())))
                || (self.bodies == Bodies::None && !self.rules.requests.is_empty()),
            body: match self.bodies {
                Bodies::None => false,
                Bodies::Plain => !self.rules.requests.is_empty(),
                Bodies::Any => true,
            },
            response_head: answers && self.enforced,
            response_body: answers,
            ..Needs::default()
        }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Views>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_head(call))
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_body(call))
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_response_head(call))
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_response_body(call)
    }
}
