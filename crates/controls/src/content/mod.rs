//! Bodies are held to bounds inside, and to what their media type says they are (THREATS rows 23 and 34).
//!
//! It reads the body that goes upstream: decoded by `bodies`, rewritten by `validation`. JSON is read off the tape that they
//! made, so nothing is parsed twice; what the tape's own bounds (`bodies.json`) have refused is not seen here, and what is
//! written here is narrower, for one operation, and answered with a JSON Pointer for each violation. XML, forms and multipart
//! are read in one pass each and nothing is kept of them. XML with a document type or entities of its own is refused before
//! anything is expanded.
//!
//! A body agrees with its media type when its signature does ([`probe::kind`]), and where the type has a syntax (JSON, XML, forms,
//! multipart), when it parses. The same holds for each part of a multipart body, whose parts are split by the same
//! reader that `validation` uses.
//!
//! What is refused is said by place and kind, never by what stood there.

mod config;
mod form;
mod json;
mod multipart;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use contract::{ContentType, MediaKind};
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Code, Control, CoreContext, Mode, Needs, Step, Verdict, bounds, codes};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tape::Tape;

use crate::aside::{aside, is_long};
use crate::coding::is_encoded;
use probe::Kind;

pub use config::{
    ContentSection, FormSection, JsonSection, MultipartSection, OnPart, XmlSection, check_section, compile,
    schema,
};

/// Bounds of a body that nobody has parsed before: those that were set are `bodies.json`'s, and did not hold in shadow.
const INSIDE: tape::Bounds = tape::Bounds { depth: 512, ..tape::Bounds::UNBOUNDED };
/// Longest pointer that is told, in bytes.
const POINTER: usize = 256;

/// What a section comes to.
#[derive(Debug, Clone)]
struct Settings {
    /// Whether media types are held against what they are said of.
    agree: bool,
    json: json::Limits,
    xml: probe::xml::Bounds,
    form: form::Limits,
    multipart: multipart::Limits,
}

/// The control.
#[derive(Debug)]
pub struct Content {
    settings: Settings,
}

/// Where in the body something was found, and what.
type Found = Result<(), Box<Refusal>>;

impl Content {
    /// By a section.
    #[must_use]
    pub fn new(section: &ContentSection) -> Self {
        Self { settings: section.settings() }
    }

    fn check<'c>(self: &'c Arc<Self>, call: &'c mut Call) -> Step<'c> {
        if call.body.bytes().is_empty() {
            return Step::Done(Verdict::Allow);
        }
        if is_encoded(&call.request.headers) {
            let detail = "a body in a content coding cannot be read: see `bodies.codings`";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::CODING_UNSUPPORTED, detail)));
        }
        let Some(content_type) = content_type(&call.request.headers) else {
            let refusal =
                Refusal::new(&codes::MEDIA_TYPE_UNSUPPORTED, "a body without one readable media type");
            return Step::Done(Verdict::Refuse(refusal.public("a body wants a `Content-Type`, once")));
        };
        let (bytes, tape) = (call.body.bytes().clone(), call.body.tape().cloned());
        let (this, long) = (Arc::clone(self), is_long(bytes.len()));
        aside(
            long,
            move || this.settings.check(&bytes, tape, &content_type),
            |(found, parsed)| {
                if let Some(tape) = parsed {
                    call.body.replace_parsed(tape);
                }
                match found {
                    Ok(()) => Verdict::Allow,
                    Err(refusal) => Verdict::Refuse(refusal),
                }
            },
        )
    }
}

impl Settings {
    /// A body; also what it was parsed to, if it had not been.
    fn check(
        &self,
        bytes: &Bytes,
        tape: Option<Arc<Tape>>,
        content_type: &ContentType,
    ) -> (Found, Option<Arc<Tape>>) {
        match (content_type.kind(), tape) {
            (MediaKind::Json, Some(tape)) => (self.json.check(tape.root(), ""), None),
            (MediaKind::Json, None) => match Tape::parse(bytes.clone(), &INSIDE) {
                Ok(tape) => (self.json.check(tape.root(), ""), Some(Arc::new(tape))),
                Err(error) => (Err(malformed("", &error.to_string())), None),
            },
            (MediaKind::Multipart, _) => (self.check_multipart(bytes, content_type), None),
            _ => (self.check_bytes(bytes, content_type, ""), None),
        }
    }

    /// A body, or a part of one at `pointer`, that is neither multipart nor parsed already.
    fn check_bytes(&self, bytes: &[u8], content_type: &ContentType, pointer: &str) -> Found {
        match content_type.kind() {
            MediaKind::Json => match Tape::parse(Bytes::copy_from_slice(bytes), &INSIDE) {
                Ok(tape) => self.json.check(tape.root(), pointer),
                Err(error) => Err(malformed(pointer, &error.to_string())),
            },
            MediaKind::Form => self.form.check(bytes, pointer),
            _ if is_xml(&content_type.essence) => check_xml(bytes, &self.xml, content_type, pointer),
            _ if self.agree => agree(bytes, content_type, pointer),
            _ => Ok(()),
        }
    }
}

/// Whether bytes are what the media type says, by their signature.
fn agree(bytes: &[u8], content_type: &ContentType, pointer: &str) -> Found {
    let kind = Kind::of(bytes);
    // Text in another charset is bytes to us.
    let foreign = kind == Kind::Data && content_type.essence.starts_with("text/") && !content_type.is_utf8();
    if foreign || kind.agrees_with(&content_type.essence) {
        return Ok(());
    }
    let detail =
        format!("`{}` was said of content of the kind `{}`", shown(&content_type.essence), kind.name());
    Err(refuse(&codes::CONTENT_MISMATCH, &detail, pointer, "must be what its media type says"))
}

fn is_xml(essence: &str) -> bool {
    matches!(essence, "application/xml" | "text/xml" | "application/xml-dtd" | "application/xhtml+xml")
        || essence.ends_with("+xml")
}

fn check_xml(bytes: &[u8], bounds: &probe::xml::Bounds, content_type: &ContentType, pointer: &str) -> Found {
    if !content_type.is_utf8() {
        return Err(malformed(pointer, "XML must be UTF-8"));
    }
    probe::xml::check(bytes, bounds).map_err(|fault| {
        let code = match fault.what {
            what if what.is_bound() => &codes::BODY_OUT_OF_BOUNDS,
            what if what.is_forbidden() => &codes::CONTENT_FORBIDDEN,
            _ => &codes::BODY_MALFORMED,
        };
        let message = fault.what.to_string();
        refuse(code, &message, &format!("{pointer}{}", fault.path), &message)
    })
}

fn malformed(pointer: &str, message: &str) -> Box<Refusal> {
    refuse(&codes::BODY_MALFORMED, message, pointer, message)
}

fn beyond(pointer: &str, message: &str) -> Box<Refusal> {
    refuse(&codes::BODY_OUT_OF_BOUNDS, message, pointer, message)
}

/// A refusal with one violation.
fn refuse(code: &'static Code, detail: &str, pointer: &str, message: &str) -> Box<Refusal> {
    let mut refusal = Refusal::new(code, format!("{detail} at `{}`", shown(pointer)));
    refusal.violations.push(violation(pointer, message));
    refusal
}

fn violation(pointer: &str, message: &str) -> Violation {
    let pointer = engine::text::bounded(pointer, POINTER);
    Violation { place: "body", pointer: pointer.to_string(), message: message.to_owned() }
}

/// What the caller chose, in the log.
fn shown(text: &str) -> String {
    engine::text::bounded(text, bounds::DETAIL_BYTES / 4)
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// One step of a JSON Pointer (RFC 6901 section 3).
fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn content_type(headers: &HeaderMap) -> Option<ContentType> {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let (first, second) = (fields.next()?, fields.next());
    ContentType::parse(first.to_str().ok()?).filter(|_| second.is_none())
}

impl Control for Content {
    fn name(&self) -> &'static str {
        "content"
    }

    fn needs(&self) -> Needs {
        Needs { body: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Content>);

impl Attached for AtWork {
    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check(call)
    }
}

/// Of a section for an operation; never off.
fn compiled(section: &ContentSection, mode: Mode, span: Option<diagnostics::Span>) -> crate::scope::Compiled {
    let control: Arc<dyn Control> = Arc::new(Content::new(section));
    crate::scope::Compiled {
        control,
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: crate::scope::HeldTo::Configuration,
        span,
    }
}
