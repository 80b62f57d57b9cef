//! Refusals as problem documents (RFC 9457).
//!
//! `type` is `urn:yett:error:<code>`, `instance` names the call, `code` repeats the code for those who branch on it, and
//! `violations` lists what the contract objects to. Nothing of the operator's detail is in it.

use bytes::Bytes;

use crate::bounds;
use crate::call::CallId;
use crate::codes::Code;
use crate::text::push_json;
use crate::verdict::{Refusal, Violation};

/// Media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The document of a refusal.
#[must_use]
pub fn render(refusal: &Refusal, id: CallId) -> Bytes {
    write(refusal.code, refusal.public.as_deref(), &refusal.violations, id)
}

/// The document of a code alone, for faults behind the checks.
#[must_use]
pub fn render_code(code: &Code, id: CallId) -> Bytes {
    write(code, None, &[], id)
}

fn write(code: &Code, public: Option<&str>, violations: &[Violation], id: CallId) -> Bytes {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"type\":\"urn:yett:error:");
    out.extend_from_slice(code.name.as_bytes());
    out.extend_from_slice(b"\",\"title\":");
    push_json(&mut out, code.title);
    out.extend_from_slice(b",\"status\":");
    out.extend_from_slice(code.status.to_string().as_bytes());
    if let Some(detail) = public {
        out.extend_from_slice(b",\"detail\":");
        push_json(&mut out, detail);
    }
    out.extend_from_slice(b",\"instance\":\"urn:yett:call:");
    out.extend_from_slice(&id.text());
    out.extend_from_slice(b"\",\"code\":\"");
    out.extend_from_slice(code.name.as_bytes());
    out.push(b'"');
    if !violations.is_empty() {
        push_violations(&mut out, violations);
    }
    out.push(b'}');
    Bytes::from(out)
}

fn push_violations(out: &mut Vec<u8>, violations: &[Violation]) {
    out.extend_from_slice(b",\"violations\":[");
    for (index, violation) in violations.iter().take(bounds::VIOLATIONS).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"in\":");
        push_json(out, violation.place);
        out.extend_from_slice(b",\"pointer\":");
        push_json(out, &violation.pointer);
        out.extend_from_slice(b",\"message\":");
        push_json(out, &violation.message);
        out.push(b'}');
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn the_operators_detail_stays_inside() {
        let mut refusal =
            Refusal::new(&codes::BODY_INVALID, "secret upstream name").public("look at \"name\"");
        refusal.violations.push(Violation {
            place: "body",
            pointer: "/a\u{1b}".into(),
            message: "must be an integer".into(),
        });
        let text = String::from_utf8(render(&refusal, CallId(7)).to_vec()).unwrap();
        assert_eq!(
            text,
            "{\"type\":\"urn:yett:error:body_invalid\",\"title\":\"the body violates the contract\",\"status\":400,\
             \"detail\":\"look at \\\"name\\\"\",\
             \"instance\":\"urn:yett:call:00000000000000000000000000000007\",\"code\":\"body_invalid\",\
             \"violations\":[{\"in\":\"body\",\"pointer\":\"/a\\u001b\",\"message\":\"must be an integer\"}]}"
        );
    }
}
