//! Targets: the canonical path and query, path templates and their tree, and trace context.

use std::borrow::Cow;

use engine::path::{canonical_path, canonical_query};
use engine::route::{Found, Segment, Template, Tree};
use engine::trace::TraceParent;
use http::Method;

/// Most templates in one tree.
const TEMPLATES: usize = 12;
/// Longest path that is matched by trial.
const PATH: usize = 160;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 4) else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match selector {
        0 => path(text),
        1 => query(text),
        2 => tree(text),
        _ => trace(text),
    }
}

/// The canonical path means what was sent, is a fixed point, and each other spelling of it comes to the same.
fn path(raw: &str) {
    let Ok(canonical) = canonical_path(raw) else { return };
    assert_eq!(canonical_path(&canonical), Ok(Cow::Borrowed(&*canonical)), "no fixed point");
    let decoded = crate::percent_decoded(&canonical);
    assert_eq!(decoded, crate::percent_decoded(raw), "another meaning");
    assert!(
        !decoded.contains(&b'\\') && !decoded.iter().any(u8::is_ascii_control),
        "a byte that splits parsers"
    );
    assert_eq!(
        decoded.iter().filter(|byte| **byte == b'/').count(),
        raw.bytes().filter(|byte| *byte == b'/').count(),
        "a slash came out of an escape"
    );
    for segment in decoded.split(|byte| *byte == b'/') {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..", "a dot segment");
    }
    for (at, byte) in canonical.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            // An escape's own digits are no letters of the path.
            let within = canonical.as_bytes()[at.saturating_sub(2)..at].contains(&b'%');
            if !within {
                let spelled = format!("{}%{byte:02x}{}", &canonical[..at], &canonical[at + 1..]);
                // Two spellings may be refused as a double encoding, never be taken for another path.
                if let Ok(other) = canonical_path(&spelled) {
                    assert_eq!(other, canonical, "two spellings");
                }
            }
        }
    }
}

fn query(raw: &str) {
    let Ok(canonical) = canonical_query(raw) else { return };
    assert_eq!(canonical_query(&canonical), Ok(Cow::Borrowed(&*canonical)), "no fixed point");
    assert_eq!(crate::percent_decoded(&canonical), crate::percent_decoded(raw), "another meaning");
    let pairs = |text: &str| text.split('&').count();
    assert_eq!(pairs(&canonical), pairs(raw), "a pair came out of an escape");
    assert!(!canonical.contains(';'), "a second separator");
}

/// Templates by line, the last line a path: what is found fits, and nothing that fits is missed.
fn tree(text: &str) {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let Some(path) = lines.pop() else { return };
    let Ok(path) = canonical_path(path) else { return };
    let mut tree = Tree::default();
    let mut templates = Vec::new();
    for line in lines.into_iter().take(TEMPLATES) {
        let Ok(template) = Template::parse(line, true) else { continue };
        let number = u32::try_from(templates.len()).unwrap_or_default();
        if tree.insert(&template, Method::GET, number).is_ok() {
            templates.push(template);
        }
    }
    if path.len() > PATH {
        return;
    }
    match tree.find(&path, 0, &Method::GET) {
        Found::Operation(operation, params) => {
            let template = &templates[operation as usize];
            assert_eq!(params.len(), template.params.len(), "not one value for each parameter");
            let values: Vec<&str> =
                params.iter().map(|(from, to)| &path[*from as usize..*to as usize]).collect();
            assert!(
                values.iter().all(|value| !value.is_empty() && !value.contains('/')),
                "a value that is none"
            );
            assert!(written(template, &values, &path), "the values do not make the path");
        }
        Found::OtherMethods(..) => panic!("every template has the method"),
        Found::Nothing => {
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            let missed = templates.iter().find(|template| fits(&template.segments, &segments));
            assert!(missed.is_none(), "{missed:?} was missed");
        }
    }
    assert!(
        !matches!(tree.find(&path, 0, &Method::PUT), Found::Operation(..)),
        "a method that no template has"
    );
}

/// Whether the template with these values is the path.
fn written(template: &Template, values: &[&str], path: &str) -> bool {
    let (mut out, mut values) = (String::new(), values.iter());
    for segment in &template.segments {
        out.push('/');
        match segment {
            Segment::Literal(text) => out.push_str(text),
            Segment::Param => out.push_str(values.next().copied().unwrap_or_default()),
            Segment::Tail => return path.starts_with(&out),
            Segment::Mixed(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        out.push_str(values.next().copied().unwrap_or_default());
                    }
                    out.push_str(part);
                }
            }
        }
    }
    out == path
}

fn fits(template: &[Segment], path: &[&str]) -> bool {
    match (template.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((Segment::Tail, _)), Some(_)) => true,
        (Some((segment, template)), Some((text, path))) => {
            let here = match segment {
                Segment::Literal(literal) => **literal == **text,
                Segment::Param => !text.is_empty(),
                Segment::Mixed(parts) => mixed(parts, text),
                Segment::Tail => false,
            };
            here && fits(template, path)
        }
        _ => false,
    }
}

/// Whether `before{a}between{b}after` can be the text in any way.
fn mixed(parts: &[Box<str>], text: &str) -> bool {
    let Some((first, parts)) = parts.split_first() else { return text.is_empty() };
    let Some(text) = text.strip_prefix(&**first) else { return false };
    parts.is_empty() && text.is_empty()
        || !parts.is_empty()
            && (1..=text.len()).any(|taken| text.get(taken..).is_some_and(|rest| mixed(parts, rest)))
}

fn trace(text: &str) {
    let Some(parsed) = TraceParent::parse(text) else { return };
    assert!(parsed.trace_id != 0 && parsed.span_id != 0, "an id of zeros");
    let written = parsed.write();
    let again =
        std::str::from_utf8(&written).ok().and_then(TraceParent::parse).expect("what was written parses");
    let same =
        again.trace_id == parsed.trace_id && again.span_id == parsed.span_id && again.flags == parsed.flags;
    assert!(same, "another context");
}
