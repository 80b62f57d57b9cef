//! The answer's side.

use contract::{BodyInput, BodyMatch, MediaKind, Place, Violations};
use engine::{Call, Verdict, codes};
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Method, StatusCode};

use super::{Validation, content_type, verdict};
use crate::coding::is_encoded;

/// Bounds inside an answer: those of the whole body hold already, and what an upstream sends is wider than what clients may.
const INSIDE: tape::Bounds = tape::Bounds {
    depth: 256,
    values: 1_000_000,
    members: 100_000,
    items: 1_000_000,
    name_bytes: 64 * 1024,
    string_bytes: u32::MAX,
    number_bytes: 1024,
};

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

    pub(super) fn check_response_body(&self, call: &mut Call) -> Verdict {
        let status = call.response.status;
        let rules = &self.operation.responses;
        if is_bare(&call.request.method, status) || !rules.declares(status) {
            return Verdict::Allow;
        }
        let mut found = Violations::new();
        let declared = !rules.all_media(status).is_empty();
        let bytes = call.response.body.bytes().clone();
        // Nothing at all is content too where the contract declares some: no JSON document is empty.
        if bytes.is_empty() && !declared {
            return Verdict::Allow;
        }
        if is_encoded(&call.response.headers) {
            // In shadow nobody asked the upstream for another; enforced, it was asked and did not listen.
            if self.settings.response != engine::Mode::Enforce {
                return Verdict::Note("the answer is encoded: in shadow it is not read".into());
            }
            found.push(Place::Header, "content-encoding", "encoding", "the answer must not be encoded");
            return self.withhold(&found);
        }
        let content_type = content_type(&call.response.headers).ok().flatten().map(str::to_owned);
        match rules.media(status, content_type.as_deref()) {
            BodyMatch::Media(media) => {
                if media.kind(content_type.as_deref()) == MediaKind::Json
                    && let Err(error) = call.response.body.json(&INSIDE)
                {
                    found.push(Place::Body, "", "syntax", error.kind.to_string());
                    return self.withhold(&found);
                }
                let tape = call.response.body.tape().map(std::convert::AsRef::as_ref);
                let input = BodyInput { bytes: &bytes, tape, content_type: content_type.as_deref() };
                media.check(&input, &mut found);
            }
            // A status that declares no content leaves open what comes.
            BodyMatch::NotDeclared => {}
            BodyMatch::MissingContentType if declared => {
                found.push(Place::Header, "content-type", "media-type", "must be there");
            }
            BodyMatch::MissingContentType | BodyMatch::Unsupported => {}
        }
        self.withhold(&found)
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
