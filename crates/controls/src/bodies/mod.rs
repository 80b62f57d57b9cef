//! Request bodies are decoded and bounded before anything reads them: what is inspected is what is sent.
//!
//! A content coding that is not declared is 415 with the head, before a byte of the body is read; one that is declared is
//! undone under bounds of size and ratio, and the body is sent on decoded, without its coding and without digests of what
//! it was (RFC 9530). Several codings on top of each other are refused always.
//!
//! A JSON body is parsed here once, for all controls: depth, counts and lengths are bounded and duplicate names refused
//! in the same pass (RFC 8259 section 4, THREATS row 34). In shadow the body stays as it came.
//!
//! A body of up to [`engine::bounds::BODY_BYTES`] is parsed on its core: a millisecond or two.

mod config;
mod decode;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::{ContentType, MediaKind};
use engine::call::BodyLength;
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Request, Step, Verdict, codes};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tape::ErrorKind;

pub use config::{BodiesSection, Coding, JsonSection, check_section, compile, schema};

use crate::rewrite::sized;
use decode::{Failure, Limits, decode};

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

    fn check_body(&self, call: &mut Call) -> Verdict {
        if call.body.bytes().is_empty() {
            // Nothing to decode; an empty body is for validation to judge.
            self.forget_coding(call);
            return Verdict::Allow;
        }
        match self.coding(&call.request.headers) {
            Err(refusal) => return Verdict::Refuse(refusal),
            Ok(None) => {}
            Ok(Some(coding)) => match decode(coding, call.body.bytes(), self.limits) {
                Ok(decoded) if self.changes => call.body.replace(decoded.into()),
                Ok(_) => return Verdict::Note("the body is encoded: in shadow it is not read".into()),
                Err(failure) => return Verdict::Refuse(refuse_coding(failure)),
            },
        }
        if call.body.bytes().len() > self.limits.bytes {
            return Verdict::Refuse(Refusal::new(&codes::BODY_TOO_LARGE, "the body exceeds `bodies.max`"));
        }
        self.forget_coding(call);
        self.check_json(call)
    }

    fn forget_coding(&self, call: &mut Call) {
        if self.changes && call.request.headers.contains_key(CONTENT_ENCODING) {
            call.request.headers.remove(CONTENT_ENCODING);
            sized(call);
        }
    }

    fn check_json(&self, call: &mut Call) -> Verdict {
        let content_type = call.request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let Some(content_type) = content_type.and_then(ContentType::parse) else { return Verdict::Allow };
        if content_type.kind() != MediaKind::Json {
            return Verdict::Allow;
        }
        if !content_type.is_utf8() {
            let refusal = Refusal::new(&codes::BODY_MALFORMED, "JSON in another charset than UTF-8");
            return Verdict::Refuse(refusal.public("JSON is UTF-8 (RFC 8259 section 8.1)"));
        }
        match call.body.json(&self.json) {
            Ok(_) => Verdict::Allow,
            Err(error) => {
                let code =
                    if is_bound(error.kind) { &codes::BODY_OUT_OF_BOUNDS } else { &codes::BODY_MALFORMED };
                Verdict::Refuse(Refusal::new(code, error.kind.name()).public(error.to_string()))
            }
        }
    }
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
        Step::Done(self.0.check_body(call))
    }
}
