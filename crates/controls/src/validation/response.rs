//! The answer's side.

use std::sync::Arc;

use bytes::Bytes;
use contract::{BodyInput, BodyMatch, MediaKind, Place, Violations};
use engine::{Call, Step, Verdict, codes};
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Method, StatusCode};
use tape::Tape;

use super::{Validation, content_type, verdict};
use crate::aside::{aside, is_long};
use crate::coding::is_encoded;
use crate::read_body;

/// Asks the upstream for an answer without a content coding.
pub(super) fn ask_for_readable(call: &mut Call) {
    call.request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Whether answers of this status have no content (RFC 9110 sections 15.3.5, 15.4.5 and 9.3.2).
fn is_bare(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 205 | 304)
}

impl Validation {
    pub(super) fn check_response_head(&self, call: &Call) -> Verdict {
        let mut found = Violations::new();
        let (status, headers) = (call.response.status, &call.response.headers);
        let rules = &self.operation.responses;
        rules.check_head(status, headers, &mut found);
        if !is_bare(&call.request.method, status) && rules.declares(status) {
            match content_type(headers) {
                Err(()) => found.push(Place::Header, "content-type", "media-type", "must be there once"),
                // Without a content type there may be no content at all: the body's check says.
                Ok(None) => {}
                Ok(content_type) => {
                    if let BodyMatch::Unsupported | BodyMatch::MissingContentType =
                        rules.media(status, content_type)
                    {
                        let message = "the contract declares other media types for this status";
                        found.push(Place::Header, "content-type", "media-type", message);
                    }
                }
            }
        }
        self.withhold(&found)
    }

    pub(super) fn check_response_body<'c>(self: &'c Arc<Self>, call: &'c mut Call) -> Step<'c> {
        let status = call.response.status;
        let rules = &self.operation.responses;
        if is_bare(&call.request.method, status) || !rules.declares(status) {
            return Step::Done(Verdict::Allow);
        }
        let bytes = call.response.body.bytes().clone();
        // Nothing at all is content too where the contract declares some: no JSON document is empty.
        if bytes.is_empty() && rules.all_media(status).is_empty() {
            return Step::Done(Verdict::Allow);
        }
        if is_encoded(&call.response.headers) {
            return Step::Done(self.refuse_encoded());
        }
        let content_type = content_type(&call.response.headers).ok().flatten().map(str::to_owned);
        let tape = call.response.body.tape().cloned();
        let (this, long) = (Arc::clone(self), is_long(bytes.len()));
        let judge = move || this.judge_answer(status, &bytes, tape, content_type.as_deref());
        aside(long, judge, move |(verdict, tape)| {
            if let Some(tape) = tape.filter(|_| call.response.body.tape().is_none()) {
                call.response.body.replace_parsed(tape);
            }
            verdict
        })
    }

    fn refuse_encoded(&self) -> Verdict {
        // In shadow nobody asked the upstream for another; enforced, it was asked and did not listen.
        if self.settings.response != engine::Mode::Enforce {
            return Verdict::Note("the answer is encoded: in shadow it is not read".into());
        }
        let mut found = Violations::new();
        found.push(Place::Header, "content-encoding", "encoding", "the answer must not be encoded");
        self.withhold(&found)
    }

    /// Judges an answer with content, and hands back what it was parsed to.
    fn judge_answer(
        &self,
        status: StatusCode,
        bytes: &Bytes,
        mut tape: Option<Arc<Tape>>,
        content_type: Option<&str>,
    ) -> (Verdict, Option<Arc<Tape>>) {
        let rules = &self.operation.responses;
        let mut found = Violations::new();
        match rules.media(status, content_type) {
            BodyMatch::Media(media) => {
                if tape.is_none() && media.kind(content_type) == MediaKind::Json {
                    match Tape::parse(bytes.clone(), &read_body::INSIDE_ANSWERS) {
                        Ok(parsed) => tape = Some(Arc::new(parsed)),
                        Err(error) => {
                            found.push(Place::Body, "", "syntax", error.kind.to_string());
                            return (self.withhold(&found), None);
                        }
                    }
                }
                let input = BodyInput { bytes, tape: tape.as_deref(), content_type };
                media.check(&input, &mut found);
            }
            // A status that declares no content leaves open what comes.
            BodyMatch::NotDeclared => {}
            BodyMatch::MissingContentType if !rules.all_media(status).is_empty() => {
                found.push(Place::Header, "content-type", "media-type", "must be there");
            }
            BodyMatch::MissingContentType | BodyMatch::Unsupported => {}
        }
        (self.withhold(&found), tape)
    }

    /// For the caller a bare 502: violations of an answer would tell what stands behind the gateway.
    fn withhold(&self, found: &Violations) -> Verdict {
        match verdict(&codes::RESPONSE_INVALID, found) {
            Verdict::Refuse(mut refusal) => {
                refusal.violations.clear();
                Verdict::Refuse(refusal)
            }
            other => other,
        }
    }
}
