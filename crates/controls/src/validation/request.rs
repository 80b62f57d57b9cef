//! The request's side.

use contract::{BodyInput, BodyMatch, MediaKind, MediaRules, ParameterInput, Stripped, Violations};
use engine::call::BodyLength;
use engine::verdict::Refusal;
use engine::{Call, Verdict, codes};
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, COOKIE};
use smallvec::SmallVec;

use super::{Validation, content_type, verdict};
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

    pub(super) fn check_body(&self, call: &mut Call) -> Verdict {
        if call.body.bytes().is_empty() {
            let missing = self.operation.request.body_required();
            return if missing {
                Verdict::Refuse(Refusal::new(
                    &codes::BODY_MISSING,
                    "the body is empty and the contract requires one",
                ))
            } else {
                Verdict::Allow
            };
        }
        // In shadow an undeclared coding is recorded by its own control and the body stays encoded.
        if call.request.headers.contains_key(CONTENT_ENCODING) {
            let refusal =
                Refusal::new(&codes::CODING_UNSUPPORTED, "the body is encoded, so it cannot be checked");
            return Verdict::Refuse(refusal);
        }
        let content_type = match content_type(&call.request.headers) {
            Ok(content_type) => content_type.map(str::to_owned),
            Err(()) => return Verdict::Refuse(self.unsupported("`Content-Type` must be there once")),
        };
        let media = match self.operation.request.body(content_type.as_deref()) {
            BodyMatch::Media(media) => media,
            BodyMatch::NotDeclared | BodyMatch::MissingContentType | BodyMatch::Unsupported => {
                return Verdict::Refuse(self.unsupported("the contract declares other media types"));
            }
        };
        self.check_content(call, media, content_type.as_deref())
    }

    fn check_content(&self, call: &mut Call, media: &MediaRules, content_type: Option<&str>) -> Verdict {
        if media.kind(content_type) == MediaKind::Json
            && let Err(error) = call.body.json(&tape::Bounds::default())
        {
            let refusal = Refusal::new(&codes::BODY_MALFORMED, error.kind.name());
            return Verdict::Refuse(refusal.public(error.to_string()));
        }
        let tape = call.body.tape().cloned();
        let bytes = call.body.bytes().clone();
        let input = BodyInput { bytes: &bytes, tape: tape.as_deref(), content_type };
        let mut found = Violations::new();
        let stripped = media.check(&input, &mut found);
        let checked = verdict(&codes::BODY_INVALID, &found);
        if matches!(checked, Verdict::Refuse(_)) || !self.changes() {
            return checked;
        }
        if self.settings.canonical || !stripped.is_empty() {
            return rewrite(call, media, &input, &stripped, checked);
        }
        checked
    }
}

/// Writes the body anew, without what is stripped. A body that has no canonical form and has to lose something is refused.
fn rewrite(
    call: &mut Call,
    media: &MediaRules,
    input: &BodyInput<'_>,
    stripped: &[String],
    checked: Verdict,
) -> Verdict {
    let Some(written) = media.rewrite(input, stripped) else {
        return if stripped.is_empty() {
            checked
        } else {
            Verdict::Refuse(Refusal::new(
                &codes::BODY_INVALID,
                "undeclared properties cannot be stripped here",
            ))
        };
    };
    let content_type = written.content_type.as_deref().map(HeaderValue::from_str);
    if stripped.is_empty() {
        call.body.respell(written.bytes.into());
    } else {
        call.body.replace(written.bytes.into());
    }
    if let Some(Ok(content_type)) = content_type {
        call.request.headers.insert(CONTENT_TYPE, content_type);
    }
    sized(call);
    checked
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
