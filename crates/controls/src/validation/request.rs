//! The request's side.

use std::sync::Arc;

use bytes::Bytes;
use contract::{
    BodyInput, BodyMatch, MediaKind, MediaRules, ParameterInput, Rewritten, Stripped, Violations,
};
use engine::call::BodyLength;
use engine::verdict::Refusal;
use engine::{Call, Step, Verdict, codes};
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, COOKIE};
use smallvec::SmallVec;
use tape::Tape;

use super::{Validation, content_type, verdict};
use crate::aside::{aside, is_long};
use crate::rewrite::sized;

impl Validation {
    pub(super) fn check_head(&self, call: &mut Call) -> Verdict {
        let mut found = Violations::new();
        let stripped = {
            let names = self.params.iter().map(|name| &**name);
            let path: SmallVec<[(&str, &str); 4]> = names.zip(call.params()).collect();
            let input =
                ParameterInput { path: &path, query: call.request.query(), headers: &call.request.headers };
            self.operation.request.check_parameters(&input, &mut found)
        };
        let parameters = verdict(&codes::PARAMETER_INVALID, &found);
        if matches!(parameters, Verdict::Refuse(_)) {
            return parameters;
        }
        if let Some(refusal) = self.check_media(call) {
            return Verdict::Refuse(refusal);
        }
        if self.changes() && !stripped.is_empty() {
            strip(call, &stripped);
        }
        parameters
    }

    /// Whether there may be a body, and whether of this media type.
    fn check_media(&self, call: &Call) -> Option<Box<Refusal>> {
        let rules = &self.operation.request;
        if matches!(call.request.length, BodyLength::Empty | BodyLength::Known(0)) {
            let missing = rules.body_required();
            return missing.then(|| Refusal::new(&codes::BODY_MISSING, "the contract requires a body"));
        }
        let Ok(content_type) = content_type(&call.request.headers) else {
            return Some(self.unsupported("`Content-Type` must be there once"));
        };
        match rules.body(content_type) {
            BodyMatch::Media(media) if self.is_readable(media, content_type) => None,
            BodyMatch::Media(_) => Some(self.unsupported("nothing here can read this media type")),
            BodyMatch::NotDeclared => {
                Some(Refusal::new(&codes::BODY_NOT_DECLARED, "the contract declares no body here"))
            }
            BodyMatch::MissingContentType => Some(self.unsupported("`Content-Type` is missing or malformed")),
            BodyMatch::Unsupported => Some(self.unsupported("the contract declares other media types")),
        }
    }

    fn is_readable(&self, media: &MediaRules, content_type: Option<&str>) -> bool {
        self.settings.opaque || !media.is_unread(content_type)
    }

    fn unsupported(&self, detail: &str) -> Box<Refusal> {
        let refusal = Refusal::new(&codes::MEDIA_TYPE_UNSUPPORTED, detail).public(detail);
        match &self.accept {
            // RFC 9110 section 15.5.16: what would have been accepted.
            Some(accept) => refusal.header(ACCEPT, accept.clone()),
            None => refusal,
        }
    }

    pub(super) fn check_body<'c>(self: &'c Arc<Self>, call: &'c mut Call) -> Step<'c> {
        if call.body.bytes().is_empty() {
            let missing = self.operation.request.body_required();
            return Step::Done(if missing {
                Verdict::Refuse(Refusal::new(
                    &codes::BODY_MISSING,
                    "the body is empty and the contract requires one",
                ))
            } else {
                Verdict::Allow
            });
        }
        // In shadow an undeclared coding is recorded by its own control and the body stays encoded.
        if call.request.headers.contains_key(CONTENT_ENCODING) {
            let refusal =
                Refusal::new(&codes::CODING_UNSUPPORTED, "the body is encoded, so it cannot be checked");
            return Step::Done(Verdict::Refuse(refusal));
        }
        let content_type = match content_type(&call.request.headers) {
            Ok(content_type) => content_type.map(str::to_owned),
            Err(()) => {
                let refusal = self.unsupported("`Content-Type` must be there once");
                return Step::Done(Verdict::Refuse(refusal));
            }
        };
        let (bytes, tape) = (call.body.bytes().clone(), call.body.tape().cloned());
        let (this, long) = (Arc::clone(self), is_long(bytes.len()));
        let judge = move || this.judge(&bytes, tape, content_type.as_deref());
        aside(long, judge, move |judged| judged.put(call))
    }

    /// Judges a body, and writes it anew where it is to be.
    fn judge(&self, bytes: &Bytes, tape: Option<Arc<Tape>>, content_type: Option<&str>) -> Judged {
        let media = match self.operation.request.body(content_type) {
            BodyMatch::Media(media) => media,
            BodyMatch::NotDeclared | BodyMatch::MissingContentType | BodyMatch::Unsupported => {
                return Judged::refused(self.unsupported("the contract declares other media types"));
            }
        };
        let tape = match tape {
            None if media.kind(content_type) == MediaKind::Json => {
                match Tape::parse(bytes.clone(), &tape::Bounds::default()) {
                    Ok(tape) => Some(Arc::new(tape)),
                    Err(error) => {
                        let refusal = Refusal::new(&codes::BODY_MALFORMED, error.kind.name());
                        return Judged::refused(refusal.public(error.to_string()));
                    }
                }
            }
            tape => tape,
        };
        let input = BodyInput { bytes, tape: tape.as_deref(), content_type };
        let mut found = Violations::new();
        let stripped = media.check(&input, &mut found);
        let mut judged = Judged {
            verdict: verdict(&codes::BODY_INVALID, &found),
            written: None,
            same: stripped.is_empty(),
            tape: None,
        };
        let accepted = !matches!(judged.verdict, Verdict::Refuse(_));
        if accepted && self.changes() && (self.settings.canonical || !judged.same) {
            judged.written = media.rewrite(&input, &stripped);
            // One that has no canonical form and has to lose something is refused.
            if judged.written.is_none() && !judged.same {
                let why = "undeclared properties cannot be stripped here";
                judged.verdict = Verdict::Refuse(Refusal::new(&codes::BODY_INVALID, why));
            }
        }
        judged.tape = tape;
        judged
    }
}

/// What a body was judged to be.
struct Judged {
    verdict: Verdict,
    /// What it was parsed to.
    tape: Option<Arc<Tape>>,
    /// What goes on in its place, and whether that is the same value.
    written: Option<Rewritten>,
    same: bool,
}

impl Judged {
    fn refused(refusal: Box<Refusal>) -> Self {
        Self { verdict: Verdict::Refuse(refusal), tape: None, written: None, same: true }
    }

    /// Puts it in the call.
    fn put(self, call: &mut Call) -> Verdict {
        if let Some(tape) = self.tape.filter(|_| call.body.tape().is_none()) {
            call.body.replace_parsed(tape);
        }
        let Some(written) = self.written else { return self.verdict };
        if self.same {
            call.body.respell(written.bytes.into());
        } else {
            call.body.replace(written.bytes.into());
        }
        if let Some(Ok(content_type)) = written.content_type.as_deref().map(HeaderValue::from_str) {
            call.request.headers.insert(CONTENT_TYPE, content_type);
        }
        sized(call);
        self.verdict
    }
}

/// Takes out of the head what the contract does not declare.
fn strip(call: &mut Call, stripped: &Stripped) {
    if !stripped.query.is_empty()
        && let Some(kept) = call.request.query().map(|query| stripped.apply_query(query))
    {
        call.request.set_query(kept.unwrap_or_default());
    }
    let headers = &mut call.request.headers;
    if !stripped.cookies.is_empty() {
        let kept: Vec<HeaderValue> = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|field| std::str::from_utf8(field.as_bytes()).ok())
            .filter_map(|field| stripped.apply_cookie(field))
            .filter_map(|field| HeaderValue::from_maybe_shared(bytes::Bytes::from(field)).ok())
            .collect();
        headers.remove(COOKIE);
        for field in kept {
            headers.append(COOKIE, field);
        }
    }
    for name in &stripped.headers {
        headers.remove(name);
    }
}
