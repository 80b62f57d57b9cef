//! Parameters in every style: path segments, query, headers and cookies, checked against the sample contract.

use contract::{ContentType, ParameterInput, Violations};
use engine::path::{canonical_path, canonical_query};
use http::{HeaderMap, HeaderName, HeaderValue};

const NAMES: [&str; 5] = ["simple", "label", "matrix", "object", "list"];

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 3) else { return };
    match selector {
        2 => content_type(rest),
        strips => check(rest, strips == 1),
    }
}

/// Lines: path, query, then header fields. What is stripped leaves nothing more to strip, and bounds are kept.
fn check(data: &[u8], strips: bool) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut text = || lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let (Ok(path), Ok(query)) = (canonical_path(text()), canonical_query(text())) else { return };
    let segments = NAMES.into_iter().zip(path.split('/').skip(1));
    // The matrix parameter has a letter before it in the template.
    let segments = segments.map(|(name, text)| match name {
        "matrix" => (name, text.strip_prefix('m').unwrap_or(text)),
        _ => (name, text),
    });
    let segments: Vec<(&str, &str)> = segments.collect();
    let headers = headers(lines);
    let api = crate::sample::api(strips);
    let rules = &api.operations[0].request;
    let mut out = Violations::new();
    let input = ParameterInput { path: &segments, query: Some(&query), headers: &headers };
    let stripped = rules.check_parameters(&input, &mut out);
    bounded(&out);
    assert!(strips || stripped.is_empty(), "something is stripped although it is to be refused");
    let mut left = headers.clone();
    let cookies =
        |headers: &HeaderMap| headers.get("cookie").and_then(|value| value.to_str().ok().map(str::to_owned));
    if let Some(raw) = cookies(&headers).filter(|_| headers.get_all("cookie").iter().count() == 1) {
        left.remove("cookie");
        if let Some(value) = stripped.apply_cookie(&raw).and_then(|kept| HeaderValue::from_str(&kept).ok()) {
            left.insert("cookie", value);
        }
    }
    for name in &stripped.headers {
        left.remove(name);
    }
    let kept = stripped.apply_query(&query);
    let input = ParameterInput { path: &segments, query: kept.as_deref(), headers: &left };
    let mut again = Violations::new();
    let second = rules.check_parameters(&input, &mut again);
    assert!(second.query.is_empty() && second.headers.is_empty(), "what was stripped is still there");
    if out.is_empty() && stripped.cookies.is_empty() {
        assert!(again.is_empty(), "what is left after stripping is refused: {:?}", again.items());
    }
}

pub(crate) fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take(32) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Violations are few and short, whatever was sent.
pub(crate) fn bounded(out: &Violations) {
    assert!(out.items().len() <= contract::MAX_VIOLATIONS, "more violations than allowed");
    for violation in out.items() {
        assert!(violation.message.len() <= contract::MAX_MESSAGE, "a longer message than allowed");
        assert!(violation.pointer.len() <= contract::MAX_POINTER, "a longer pointer than allowed");
    }
}

fn content_type(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(parsed) = ContentType::parse(text) else { return };
    let _ = (parsed.kind(), parsed.is_utf8(), parsed.parameter("boundary"), parsed.parameter("charset"));
}
