//! Request bodies are decoded and bounded before anything reads them: what is inspected is what is sent.
//!
//! A content coding that is not declared is 415 with the head, before a byte of the body is read; one that is declared is
//! undone under bounds of size and ratio, and the body is sent on decoded, without its coding and without digests of what
//! it was (RFC 9530). Several codings on top of each other are refused always.
//!
//! A JSON body is parsed here once, for all controls: depth, counts and lengths are bounded and duplicate names refused
//! in the same pass (RFC 8259 section 4, THREATS row 34). In shadow the body stays as it came.
//!
//! What takes long (a body of over [`engine::bounds::LONG_BODY`], or one that may decode to that) is done by another thread.

mod config;
mod decode;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use contract::{ContentType, MediaKind};
use engine::call::BodyLength;
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Request, Step, Verdict, codes};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tape::{ErrorKind, Tape};

pub use config::{BodiesSection, Coding, JsonSection, check_section, compile, schema};

use crate::aside::{aside, is_long};
use crate::rewrite::sized;
use decode::{Failure, Limits, decode};

/// How much longer a body may take that has to be decoded.
const DECODING: usize = 16;

/// The control.
#[derive(Debug)]
pub struct Bodies {
    codings: Vec<Coding>,
    accept: Option<HeaderValue>,
    limits: Limits,
    json: tape::Bounds,
    reads: bool,
    changes: bool,
}

impl Bodies {
    /// By a section; `reads` says whether there can be a body to read.
    #[must_use]
    pub fn new(section: &BodiesSection, reads: bool) -> Self {
        let names: Vec<&str> = section.codings.iter().map(|coding| coding.name()).collect();
        let accept = if names.is_empty() { String::from("identity") } else { names.join(", ") };
        Self {
            codings: section.codings.clone(),
            accept: HeaderValue::from_str(&accept).ok(),
            limits: Limits { bytes: section.max.as_usize(), ratio: section.ratio as usize },
            json: section.json.bounds(),
            reads,
            changes: section.mode == spec::Mode::Enforce,
        }
    }

    /// The coding of a body; `None` for none.
    fn coding(&self, headers: &HeaderMap) -> Result<Option<Coding>, Box<Refusal>> {
        let mut fields = headers.get_all(CONTENT_ENCODING).iter();
        let Some(field) = fields.next() else { return Ok(None) };
        let one = fields.next().is_none();
        let text = field.to_str().unwrap_or_default().trim();
        if one && text.eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        let x_gzip = if text.eq_ignore_ascii_case("x-gzip") { "gzip" } else { text };
        let known = Coding::ALL.into_iter().find(|coding| coding.name().eq_ignore_ascii_case(x_gzip));
        match known.filter(|coding| one && self.codings.contains(coding)) {
            Some(coding) => Ok(Some(coding)),
            None => {
                let refusal = Refusal::new(
                    &codes::CODING_UNSUPPORTED,
                    "the content coding is not one of `bodies.codings`",
                );
                Err(match &self.accept {
                    // RFC 9110 section 12.5.3: what would have been accepted.
                    Some(accept) => refusal.header(ACCEPT_ENCODING, accept.clone()),
                    None => refusal,
                })
            }
        }
    }

    fn check_head(&self, request: &Request) -> Verdict {
        match self.coding(&request.headers) {
            Err(refusal) => Verdict::Refuse(refusal),
            Ok(_) if !self.reads => Verdict::Allow,
            Ok(_) => match request.length {
                BodyLength::Known(bytes) if bytes > self.limits.bytes as u64 => Verdict::Refuse(
                    Refusal::new(&codes::BODY_TOO_LARGE, "the declared length exceeds `bodies.max`"),
                ),
                _ => Verdict::Allow,
            },
        }
    }

    fn check_body<'c>(self: &'c Arc<Self>, call: &'c mut Call) -> Step<'c> {
        if call.body.bytes().is_empty() {
            // Nothing to decode; an empty body is for validation to judge.
            self.forget_coding(call);
            return Step::Done(Verdict::Allow);
        }
        let coding = match self.coding(&call.request.headers) {
            Ok(coding) => coding,
            Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
        };
        let (bytes, json) = (call.body.bytes().clone(), Json::of(call));
        let long = is_long(match coding {
            Some(_) => bytes.len().saturating_mul(DECODING),
            None => bytes.len(),
        });
        let this = Arc::clone(self);
        let read = move || this.read(&bytes, coding, json);
        aside(long, read, move |read| match read {
            Ok(read) => self.put(call, read),
            Err(refusal) => Verdict::Refuse(refusal),
        })
    }

    /// Decodes and parses a body.
    fn read(&self, bytes: &Bytes, coding: Option<Coding>, json: Json) -> Result<Read, Box<Refusal>> {
        let decoded = match coding {
            None => None,
            Some(coding) => Some(Bytes::from(decode(coding, bytes, self.limits).map_err(refuse_coding)?)),
        };
        if decoded.is_some() && !self.changes {
            return Ok(Read::Encoded);
        }
        let bytes = decoded.as_ref().unwrap_or(bytes);
        if bytes.len() > self.limits.bytes {
            return Err(Refusal::new(&codes::BODY_TOO_LARGE, "the body exceeds `bodies.max`"));
        }
        match json {
            Json::Not => Ok(decoded.map_or(Read::Same, Read::Decoded)),
            Json::Foreign => {
                let refusal = Refusal::new(&codes::BODY_MALFORMED, "JSON in another charset than UTF-8");
                Err(refusal.public("JSON is UTF-8 (RFC 8259 section 8.1)"))
            }
            Json::Is => match Tape::parse(bytes.clone(), &self.json) {
                Ok(tape) => Ok(Read::Parsed(Arc::new(tape))),
                Err(error) => Err(refuse_json(error)),
            },
        }
    }

    /// Puts in the call what its body was read to.
    fn put(&self, call: &mut Call, read: Read) -> Verdict {
        match read {
            Read::Encoded => return Verdict::Note("the body is encoded: in shadow it is not read".into()),
            Read::Same => {}
            Read::Decoded(bytes) => call.body.replace(bytes),
            Read::Parsed(tape) => call.body.replace_parsed(tape),
        }
        self.forget_coding(call);
        Verdict::Allow
    }

    fn forget_coding(&self, call: &mut Call) {
        if self.changes && call.request.headers.contains_key(CONTENT_ENCODING) {
            call.request.headers.remove(CONTENT_ENCODING);
            sized(call);
        }
    }
}

/// Whether a body is JSON, by its head.
#[derive(Debug, Clone, Copy)]
enum Json {
    Not,
    Is,
    /// In another charset than JSON has.
    Foreign,
}

impl Json {
    fn of(call: &Call) -> Self {
        let content_type = call.request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type.and_then(ContentType::parse) {
            Some(content_type) if content_type.kind() == MediaKind::Json => {
                if content_type.is_utf8() {
                    Json::Is
                } else {
                    Json::Foreign
                }
            }
            _ => Json::Not,
        }
    }
}

/// What a body was read to.
#[derive(Debug)]
enum Read {
    /// It stays encoded.
    Encoded,
    /// It stays as it came.
    Same,
    Decoded(Bytes),
    Parsed(Arc<Tape>),
}

fn refuse_json(error: tape::Error) -> Box<Refusal> {
    let code = if is_bound(error.kind) { &codes::BODY_OUT_OF_BOUNDS } else { &codes::BODY_MALFORMED };
    Refusal::new(code, error.kind.name()).public(error.to_string())
}

fn refuse_coding(failure: Failure) -> Box<Refusal> {
    match failure {
        Failure::Malformed => Refusal::new(&codes::BODY_MALFORMED, "the content coding cannot be undone")
            .public("the body is not what its content coding says"),
        Failure::TooLarge => Refusal::new(&codes::BODY_TOO_LARGE, "the decoded body exceeds `bodies.max`"),
        Failure::Ratio => Refusal::new(&codes::BODY_OUT_OF_BOUNDS, "the decoded body exceeds `bodies.ratio`")
            .public("the body is compressed too well"),
    }
}

const fn is_bound(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Depth
            | ErrorKind::Values
            | ErrorKind::Members
            | ErrorKind::Items
            | ErrorKind::NameLength
            | ErrorKind::StringLength
            | ErrorKind::NumberLength
            | ErrorKind::TooLarge
    )
}

impl Control for Bodies {
    fn name(&self) -> &'static str {
        "bodies"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, body: self.reads, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Bodies>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_head(&call.request))
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_body(call)
    }
}
