//! The answer's side.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use contract::{ContentType, MediaKind};
use engine::control::Cancel;
use engine::verdict::Refusal;
use engine::{Call, Response, Step, Verdict, codes};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, Method, StatusCode};
use tape::Tape;

use super::check::essence;
use super::fields::{Fields, Unclear, write};
use super::keys::{Outgoing, Recipients};
use super::{Form, abandoned, media_type};
use crate::aside::{aside_in_parts, is_long};
use crate::coding::is_encoded;
use crate::private;
use crate::read_body;

/// What is done with answers.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) form: Form,
    /// The media type of a message that is the whole answer.
    pub(super) media_type: HeaderValue,
    pub(super) outgoing: Outgoing,
    /// The fields of a call by which callers are known, for `Vary`.
    pub(super) vary: HeaderValue,
}

type Checked = Result<(), Box<Refusal>>;

/// Whether answers of this status have no content (RFC 9110 sections 15.3.5, 15.4.5 and 9.3.2).
fn is_bare(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 205 | 304)
}

impl Answers {
    /// Refuses who could not read the answer, and asks for one that is whole and can be read.
    pub(super) fn check_head(&self, call: &mut Call, application: Option<&str>, enforced: bool) -> Checked {
        if self.outgoing.recipient(application).is_err() {
            let detail = "`encrypt.callers` has no key for this application";
            return Err(Refusal::new(&codes::RECIPIENT_UNKNOWN, detail));
        }
        if enforced {
            let headers = &mut call.request.headers;
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            if matches!(self.form, Form::Whole(_)) && self.asks_for_message(headers) {
                // The service has no such type, and what it has is sealed whatever it is.
                headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            }
            if call.request.method == Method::GET || call.request.method == Method::HEAD {
                for name in [RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE]
                {
                    headers.remove(name);
                }
            }
        }
        Ok(())
    }

    /// Whether `Accept` names the type of the message.
    fn asks_for_message(&self, headers: &HeaderMap) -> bool {
        let own = essence(self.media_type.to_str().unwrap_or_default());
        let said = headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok());
        let mut ranges = said.flat_map(|field| field.split(','));
        ranges
            .any(|range| range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case(&own)))
    }

    /// Removes what describes the answer in clear text; withholds, before a stream without an end is waited for, what is no message.
    pub(super) fn check_response_head(&self, call: &mut Call, enforced: bool) -> Checked {
        let Response { status, headers, .. } = &call.response;
        let bare = is_bare(&call.request.method, *status);
        let part = *status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
        if part {
            return Err(withhold("it is a part of the whole"));
        }
        // One that says neither its length nor its type may have no content.
        let empty = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == b"0");
        let silent = headers.get(CONTENT_TYPE).is_none();
        let unreadable = if bare || empty || silent { None } else { self.unreadable(&call.response) };
        if let Some(why) = unreadable {
            return Err(withhold(why));
        }
        if enforced {
            let headers = &mut call.response.headers;
            private::forget(headers);
            if matches!(self.outgoing.encrypt, Some(Recipients::Callers(_))) {
                // A cache would give another application what it cannot read.
                private::keep(headers, &self.vary);
            }
            if call.request.method == Method::HEAD {
                headers.remove(CONTENT_LENGTH);
                if matches!(self.form, Form::Whole(_)) && headers.contains_key(CONTENT_TYPE) {
                    headers.insert(CONTENT_TYPE, self.media_type.clone());
                }
            }
        }
        Ok(())
    }

    /// Seals the answer, or its fields.
    pub(super) fn check_response_body<'c>(
        self: &'c Arc<Self>,
        call: &'c mut Call,
        application: Option<Arc<str>>,
        enforced: bool,
    ) -> Step<'c> {
        // By its bytes: a status that is to have no content may have some.
        if call.response.body.bytes().is_empty() {
            return Step::Done(Verdict::Allow);
        }
        if let Some(why) = self.unreadable(&call.response) {
            return Step::Done(Verdict::Refuse(withhold(why)));
        }
        let response = &mut call.response;
        let (bytes, mut tape) = (response.body.bytes().clone(), response.body.tape().cloned());
        let cty = read_body::content_type(&response.headers).map(str::to_owned);
        let mut long = is_long(bytes.len()) || self.outgoing.is_costly(1);
        if let (false, Form::Fields(fields)) = (long, &self.form) {
            let parsed = match tape.map_or_else(|| parse(&bytes), Ok) {
                Ok(parsed) => parsed,
                Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
            };
            long = self.outgoing.is_costly(fields.count(parsed.root()));
            tape = Some(parsed);
        }
        let this = Arc::clone(self);
        let seal = move |cancel: &Cancel| match &this.form {
            Form::Whole(_) => this.seal(&bytes, cty.as_deref(), application.as_deref()).map(Some),
            Form::Fields(fields) => this.seal_fields(fields, (&bytes, tape), application.as_deref(), cancel),
        };
        aside_in_parts(long, seal, move |sealed| match sealed {
            Ok(Some(message)) if enforced => {
                response.body.replace(message);
                if matches!(self.form, Form::Whole(_)) {
                    response.headers.insert(CONTENT_TYPE, self.media_type.clone());
                }
                Verdict::Allow
            }
            Ok(_) => Verdict::Allow,
            Err(refusal) => Verdict::Refuse(refusal),
        })
    }

    /// The whole answer as it goes out.
    fn seal(
        &self,
        bytes: &Bytes,
        cty: Option<&str>,
        application: Option<&str>,
    ) -> Result<Bytes, Box<Refusal>> {
        let message = self.outgoing.write(bytes, cty.map(bare_type), application);
        message.map(Bytes::from).ok_or_else(failed)
    }

    /// The answer with its fields as they go out; `None` when it has none.
    fn seal_fields(
        &self,
        fields: &Fields,
        (bytes, tape): (&Bytes, Option<Arc<Tape>>),
        application: Option<&str>,
        cancel: &Cancel,
    ) -> Result<Option<Bytes>, Box<Refusal>> {
        let tape = tape.map_or_else(|| parse(bytes), Ok)?;
        let places = fields.find(tape.root()).map_err(|unclear| match unclear {
            Unclear::TooMany => withhold("it has more fields than are protected in one answer"),
            Unclear::Misplaced(_) => withhold("a value stands on the way to a field"),
        })?;
        let mut values = BTreeMap::new();
        for (index, (_, node)) in places {
            if cancel.is_cancelled() {
                return Err(abandoned());
            }
            let content = fields.values.content(node).ok_or_else(|| withhold("a field is no text"))?;
            let message = self.outgoing.write(&content, Some(fields.values.cty()), application);
            // Base64url and dots need no escapes.
            values.insert(index, format!("\"{}\"", message.ok_or_else(failed)?).into_bytes());
        }
        if values.is_empty() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(bytes.len());
        write(tape.root(), &values, &mut out);
        Ok(Some(out.into()))
    }

    /// Why an answer cannot be sealed, by its head.
    fn unreadable(&self, response: &Response) -> Option<&'static str> {
        if is_encoded(&response.headers) {
            return Some("it is in a content coding");
        }
        let said = media_type(&response.headers);
        match &self.form {
            Form::Whole(_) => {
                let endless = said.is_some_and(|said| said.essence == "text/event-stream");
                endless.then_some("it is a stream of events")
            }
            Form::Fields(_) => {
                let json = |said: &ContentType| {
                    said.kind() == MediaKind::Json
                        && said.is_utf8()
                        && said.essence != "application/json-patch+json"
                };
                (!said.as_ref().is_some_and(json)).then_some("it is not JSON")
            }
        }
    }
}

/// A media type as `cty` has it: `application/` is left out where nothing else has a slash (RFC 7515 section 4.1.10).
fn bare_type(text: &str) -> &str {
    match text.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest,
        _ => text,
    }
}

fn parse(bytes: &Bytes) -> Result<Arc<Tape>, Box<Refusal>> {
    Tape::parse(bytes.clone(), &read_body::INSIDE_ANSWERS)
        .map(Arc::new)
        .map_err(|_| withhold("it is not JSON that can be read in one way"))
}

fn withhold(why: &str) -> Box<Refusal> {
    Refusal::new(&codes::ANSWER_UNREADABLE, format!("the answer is to be signed or encrypted, and {why}"))
}

fn failed() -> Box<Refusal> {
    Refusal::new(&codes::CONTROL_FAILED, "the answer could not be signed or encrypted")
}
