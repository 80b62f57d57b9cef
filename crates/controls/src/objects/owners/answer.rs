//! What a service answers that is asked for an object.

use std::sync::Arc;

use engine::bounds;
use engine::fetch::FetchResponse;
use http::StatusCode;
use tape::{Kind, Node, Tape};

use super::Answer;
use crate::callers::scalar;
use crate::read_body::{INSIDE_ANSWERS, content_type};

/// Reads it. `pointer` is where the owner is.
pub(super) fn read(pointer: &str, response: &FetchResponse) -> Answer {
    let unknown = |why: &str| Answer::Unknown(why.into());
    match response.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Answer::nobody(),
        other => return Answer::Unknown(format!("it answered {}", other.as_u16()).into()),
    }
    let is_json = content_type(&response.headers)
        .and_then(contract::ContentType::parse)
        .is_some_and(|actual| actual.kind() == contract::MediaKind::Json && actual.is_utf8());
    if !is_json || crate::coding::is_encoded(&response.headers) {
        return unknown("its answer is not JSON");
    }
    let Ok(tape) = Tape::parse(response.body.clone(), &INSIDE_ANSWERS) else {
        return unknown("its answer is not JSON that can be read in one way");
    };
    match tape.root().pointer(pointer) {
        Some(node) => owners(node).unwrap_or_else(|| unknown("what stands where the owner should is none")),
        None => unknown("its answer has nothing where the owner should be"),
    }
}

/// An owner, or a list of them; nobody for `null` and an empty text. None where there is something else.
fn owners(node: Node<'_>) -> Option<Answer> {
    let one = |node: Node<'_>| scalar(node).map(Box::<str>::from);
    let all: Vec<Box<str>> = match node.kind() {
        Kind::Null => Vec::new(),
        Kind::Array if node.len() > bounds::OWNERS => return None,
        Kind::Array => node.items().map(one).collect::<Option<_>>()?,
        _ => vec![one(node)?],
    };
    Some(Answer::Owners(all.into_iter().filter(|owner| !owner.is_empty()).collect::<Arc<[_]>>()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use http::header::CONTENT_TYPE;

    use super::*;

    fn of(status: u16, media: &'static str, body: &'static str) -> Answer {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, http::HeaderValue::from_static(media))]);
        let status = StatusCode::from_u16(status).unwrap();
        read("/order/customer", &FetchResponse { status, headers, body: Bytes::from_static(body.as_bytes()) })
    }

    fn these(owners: &[&str]) -> Answer {
        Answer::Owners(owners.iter().map(|owner| Box::from(*owner)).collect())
    }

    #[test]
    fn an_owner_or_a_list_of_them_or_nobody() {
        let json = "application/json";
        for (status, media, body, expected) in [
            (200, json, r#"{"order":{"customer":"a"}}"#, these(&["a"])),
            (200, "application/hal+json", r#"{"order":{"customer":7}}"#, these(&["7"])),
            (200, json, r#"{"order":{"customer":["a",7,"a"]}}"#, these(&["a", "7", "a"])),
            (200, json, r#"{"order":{"customer":null}}"#, these(&[])),
            (200, json, r#"{"order":{"customer":""}}"#, these(&[])),
            (200, json, r#"{"order":{"customer":[]}}"#, these(&[])),
            (404, json, r#"{"order":{"customer":"a"}}"#, these(&[])),
            (410, "text/html", "", these(&[])),
        ] {
            assert_eq!(of(status, media, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn all_else_is_no_answer() {
        let (json, good) = ("application/json", r#"{"order":{"customer":"a"}}"#);
        for (status, media, body) in [
            (201, json, good),
            (204, json, ""),
            (206, json, good),
            (301, json, good),
            (401, json, good),
            (403, json, good),
            (500, json, good),
            (200, "text/html", good),
            (200, "application/json; charset=utf-16", good),
            (200, json, ""),
            (200, json, r#"{"order":{"customer":"b","customer":"a"}}"#),
            (200, json, r#"{"order":{"customer":{"id":"a"}}}"#),
            (200, json, r#"{"order":{"customer":[["a"]]}}"#),
            (200, json, r#"{"order":{"customer":true}}"#),
            (200, json, r#"{"order":{"customer":1.5}}"#),
            (200, json, r#"{"order":{"Customer":"a"}}"#),
            (200, json, r#"[{"order":{"customer":"a"}}]"#),
        ] {
            assert!(matches!(of(status, media, body), Answer::Unknown(_)), "{status} {media} {body}");
        }
    }
}
