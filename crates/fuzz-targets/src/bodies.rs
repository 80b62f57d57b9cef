//! Bodies against the sample contract: JSON, forms, multipart and text; and answers.
//!
//! The property that matters most: what was inspected is what is sent. A body that passes is rewritten, and the rewritten
//! one must pass without anything more to strip, and be its own rewriting (THREATS row 34).

use bytes::Bytes;
use contract::{BodyInput, BodyMatch, MediaKind, Violations};
use http::StatusCode;
use tape::{Bounds, Tape};

const TYPES: [&str; 8] = [
    "application/json",
    "application/merge-patch+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=\"a b\"",
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "",
];

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 18) else { return };
    match selector {
        16.. => answer(rest),
        selector => {
            let strips = selector >= 8;
            match TYPES[usize::from(selector % 8)] {
                // The first line is the content type.
                "" => {
                    let at = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    let Ok(text) = std::str::from_utf8(&rest[..at]) else { return };
                    request(text, rest.get(at + 1..).unwrap_or_default(), strips);
                }
                text => request(text, rest, strips),
            }
        }
    }
}

fn request(content_type: &str, bytes: &[u8], strips: bool) {
    let api = crate::sample::api(strips);
    let rules = &api.operations[1].request;
    let BodyMatch::Media(media) = rules.body(Some(content_type)) else { return };
    let input = BodyInput { bytes, tape: None, content_type: Some(content_type) };
    let mut out = Violations::new();
    let strip = media.check(&input, &mut out);
    crate::parameters::bounded(&out);
    assert!(strips || strip.is_empty(), "something is stripped although it is to be refused");
    // With or without a tape that somebody else made, the verdict is the same.
    if let Ok(tape) = Tape::parse(Bytes::copy_from_slice(bytes), &Bounds::default()) {
        let mut other = Violations::new();
        let shared = BodyInput { bytes, tape: Some(&tape), content_type: Some(content_type) };
        assert_eq!(media.check(&shared, &mut other), strip, "a shared tape changes what is stripped");
        assert_eq!(out.items().len(), other.items().len(), "a shared tape changes the verdict");
    }
    if !out.is_empty() {
        return;
    }
    let Some(sent) = media.rewrite(&input, &strip) else {
        // Forms have ways of writing that a property cannot be taken out of, which is refused.
        let may_refuse = matches!(media.kind(Some(content_type)), MediaKind::Form | MediaKind::Multipart);
        return assert!(
            strip.is_empty() || may_refuse,
            "nothing is stripped from a body that is sent as it is"
        );
    };
    let content_type = sent.content_type.as_deref().unwrap_or(content_type);
    let BodyMatch::Media(media) = rules.body(Some(content_type)) else {
        panic!("`{content_type}` is undeclared")
    };
    let input = BodyInput { bytes: &sent.bytes, tape: None, content_type: Some(content_type) };
    let mut again = Violations::new();
    assert!(media.check(&input, &mut again).is_empty(), "what was stripped is still there");
    assert!(again.is_empty(), "what is sent does not pass: {:?}", again.items());
    let twice = media.rewrite(&input, &[]).expect("a rewritten body can be rewritten");
    assert!(twice.bytes == sent.bytes, "the canonical form is no fixed point");
}

/// Status, content type, headers by line, an empty line, the body.
fn answer(data: &[u8]) {
    let Some(([high, low], rest)) = data.split_first_chunk::<2>() else { return };
    let Ok(status) = StatusCode::from_u16(100 + u16::from_be_bytes([*high, *low]) % 500) else { return };
    let at = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
    let headers = crate::parameters::headers(rest[..at].split(|byte| *byte == b'\n'));
    let body = rest.get(at + 2..).unwrap_or_default();
    let rules = &crate::sample::api(false).operations[1].responses;
    let mut out = Violations::new();
    rules.check_head(status, &headers, &mut out);
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
    if let BodyMatch::Media(media) = rules.media(status, content_type) {
        let _ = media.check(&BodyInput { bytes: body, tape: None, content_type }, &mut out);
    }
    crate::parameters::bounded(&out);
}
