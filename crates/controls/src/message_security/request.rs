//! The request's side.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use contract::MediaKind;
use engine::control::Cancel;
use engine::verdict::Refusal;
use engine::{Call, Step, Verdict, codes};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tape::{Bounds, Tape};

use super::fields::{Fields, Unclear, write};
use super::keys::{Broken, Incoming, Tries};
use super::{Form, abandoned, media_type, refuse_field};
use crate::aside::{aside_in_parts, is_long};
use crate::coding::is_encoded;
use crate::rewrite::sized;
use crate::{patch, read_body};

/// What callers read of a field.
const MUST_BE_PROTECTED: &str = "must be signed or encrypted";
const MUST_BE_GOOD: &str = "must be a message that is signed or encrypted as agreed";

/// What is done with bodies.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) form: Form,
    /// The media type of what is in a message that is the whole body.
    pub(super) content_type: HeaderValue,
    /// Whether clear text is refused.
    pub(super) required: bool,
    pub(super) incoming: Incoming,
}

/// Held by a call whose body is a message as a whole, once its head says otherwise.
struct Protected;

type Checked = Result<(), Box<Refusal>>;

impl Requests {
    /// By its head, whether a body is protected as it should be.
    pub(super) fn check_head(&self, call: &mut Call, enforced: bool) -> Checked {
        if !read_body::comes(call) {
            return Ok(());
        }
        let is_due = match &self.form {
            Form::Whole(_) => self.is_message(call),
            Form::Fields(_) => is_json(call),
        };
        if !is_due {
            return if self.required { Err(unprotected("by its media type")) } else { Ok(()) };
        }
        if is_encoded(&call.request.headers) {
            let detail = "a body in a content coding is not read as a message";
            return Err(Refusal::new(&codes::CODING_UNSUPPORTED, detail).public(detail));
        }
        if enforced && matches!(self.form, Form::Whole(_)) {
            call.request.headers.insert(CONTENT_TYPE, self.content_type.clone());
            call.held.push(Box::new(Protected));
        }
        Ok(())
    }

    /// Where the contract declares no body: validation may let one pass, and nobody reads it as a message.
    pub(super) fn check_undeclared(&self, call: &Call) -> Checked {
        let is_unprotected = self.required && read_body::comes(call);
        if is_unprotected { Err(unprotected("the contract declares none")) } else { Ok(()) }
    }

    /// Whether the body is a message as a whole, as its head says or has said.
    fn is_message(&self, call: &Call) -> bool {
        let Form::Whole(message) = &self.form else { return false };
        call.held.iter().any(|held| held.is::<Protected>())
            || media_type(&call.request.headers).is_some_and(|said| said.essence == **message)
    }

    /// Puts what is in a message in its place.
    pub(super) fn check_body<'c>(
        self: &'c Arc<Self>,
        call: &'c mut Call,
        application: Option<Arc<str>>,
        enforced: bool,
    ) -> Step<'c> {
        let is_due = match &self.form {
            // One that was announced and has nothing in it is no message; one that never was is for the contract to judge.
            Form::Whole(_) => {
                self.is_message(call) && (read_body::comes(call) || !call.body.bytes().is_empty())
            }
            Form::Fields(_) => !call.body.bytes().is_empty() && is_json(call),
        };
        if !is_due {
            // With the head, clear text was refused or let pass; in shadow nothing was said to the call.
            return Step::Done(Verdict::Allow);
        }
        let bytes = call.body.bytes().clone();
        let mut long = is_long(bytes.len()) || self.incoming.is_costly(1);
        let mut tape = None;
        if let (false, Form::Fields(fields)) = (long, &self.form) {
            let parsed = match parse(&bytes) {
                Ok(parsed) => parsed,
                Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
            };
            long = self.incoming.is_costly(fields.count(parsed.root()));
            tape = Some(parsed);
        }
        let this = Arc::clone(self);
        let read = move |cancel: &Cancel| this.read(&bytes, tape, application.as_deref(), cancel);
        aside_in_parts(long, read, move |read| match read {
            Ok(Some(content)) if enforced => {
                call.body.replace(content);
                sized(call);
                Verdict::Allow
            }
            Ok(_) => Verdict::Allow,
            Err(refusal) => Verdict::Refuse(refusal),
        })
    }

    /// The body in clear text; `None` when it is so already.
    pub(super) fn read(
        &self,
        bytes: &Bytes,
        tape: Option<Tape>,
        application: Option<&str>,
        cancel: &Cancel,
    ) -> Result<Option<Bytes>, Box<Refusal>> {
        match &self.form {
            Form::Whole(_) => {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                match self.incoming.read(text, application, &mut Tries::of_one_body()) {
                    Ok(content) => Ok(Some(content.into())),
                    Err(broken) => Err(Refusal::new(&codes::PROTECTION_INVALID, said(broken))),
                }
            }
            Form::Fields(fields) => {
                let tape = tape.map_or_else(|| parse(bytes), Ok)?;
                self.read_fields(fields, &tape, application, cancel)
            }
        }
    }

    fn read_fields(
        &self,
        fields: &Fields,
        tape: &Tape,
        application: Option<&str>,
        cancel: &Cancel,
    ) -> Result<Option<Bytes>, Box<Refusal>> {
        let root = tape.root();
        if patch::looks_like_one(root) {
            // Where it puts a field is not where the field stands in it.
            return if self.required { Err(unprotected("it is a patch")) } else { Ok(None) };
        }
        let places = match fields.find(root) {
            Ok(places) => places,
            Err(Unclear::TooMany) => {
                let detail = "more fields than are read of one body";
                return Err(Refusal::new(&codes::BODY_OUT_OF_BOUNDS, detail).public(detail));
            }
            Err(Unclear::Misplaced(_)) if !self.required => return Ok(None),
            Err(Unclear::Misplaced(at)) => {
                return Err(refuse_field(&codes::BODY_UNPROTECTED, "misplaced", at, MUST_BE_PROTECTED));
            }
        };
        let (mut values, mut tries) = (BTreeMap::new(), Tries::of_one_body());
        for (index, (at, node)) in places {
            if cancel.is_cancelled() {
                return Err(abandoned());
            }
            let Some(text) = node.as_str() else {
                if self.required {
                    return Err(refuse_field(&codes::BODY_UNPROTECTED, "no string", at, MUST_BE_PROTECTED));
                }
                continue;
            };
            if !self.required && !self.incoming.looks_like_one(&text) {
                continue;
            }
            let bad = |detail: &str| refuse_field(&codes::PROTECTION_INVALID, detail, at, MUST_BE_GOOD);
            let content = self.incoming.read(&text, application, &mut tries);
            let content = content.map_err(|broken| bad(&said(broken)))?;
            let value =
                fields.values.to_json(content).ok_or_else(|| bad("its content is of another kind"))?;
            values.insert(index, value);
        }
        if values.is_empty() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(tape.source().len());
        write(root, &values, &mut out);
        Ok(Some(out.into()))
    }
}

/// Whether a body is JSON in which fields stand where they are.
fn is_json(call: &Call) -> bool {
    media_type(&call.request.headers).is_some_and(|said| {
        said.kind() == MediaKind::Json && said.is_utf8() && said.essence != "application/json-patch+json"
    })
}

fn parse(bytes: &Bytes) -> Result<Tape, Box<Refusal>> {
    Tape::parse(bytes.clone(), &Bounds::default())
        .map_err(|error| Refusal::new(&codes::BODY_MALFORMED, error.kind.name()).public(error.to_string()))
}

fn unprotected(why: &str) -> Box<Refusal> {
    Refusal::new(&codes::BODY_UNPROTECTED, format!("the body is no message: {why}"))
}

fn said(Broken { step, why }: Broken) -> String {
    format!("{step}: {why}")
}
