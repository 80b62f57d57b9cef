//! YAML 1.2.2 text to a tree with spans.
//!
//! The scanner and parser are granit's (by way of serde-saphyr); this module builds the tree from its events, so that
//! every duplicate key is found at its exact place in one go. What a configuration does not need is refused rather than
//! given a meaning: tags, aliases and merge keys, several documents, keys that are not plain words.
//!
//! Bounds: 4 MiB of text, 64 levels.

use crate::node::{Entry, Node, Value};
use diagnostics::{Diagnostic, Diagnostics, FileId, Span};
use serde_saphyr::granit_parser::{self as yaml, Event, ScalarStyle};
use std::collections::HashSet;

/// Largest document, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 64;

/// Reads one YAML document. On a syntax error the first one is reported (nothing after it can be trusted) and `None`
/// returned; all other problems are reported together.
pub fn parse(text: &str, file: FileId, out: &mut Diagnostics) -> Option<Node> {
    let whole = Span { file, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        out.push(
            Diagnostic::error("too-large", format!("the document is over {MAX_BYTES} bytes"))
                .at(whole)
                .help("split it, or move what is large (contracts, keys) to files of their own"),
        );
        return None;
    }
    let mut builder = Builder { file, text, out, stack: Vec::new(), root: None, documents: 0, failed: false };
    let parser = yaml::Parser::new_from_str(text);
    for event in parser {
        match event {
            Ok((event, span)) => {
                if let Some(tag) = span.tag_start {
                    let place = builder.span(yaml::Span::new(tag, span.end));
                    builder.refuse_tag(place);
                }
                let span = builder.span(span);
                if !builder.event(event, span) {
                    return None;
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let at = u32::try_from(at.min(text.len())).unwrap_or(u32::MAX);
                builder.out.push(
                    Diagnostic::error("yaml", format!("not YAML: {}", error.info()))
                        .at(Span { file, start: at, end: at.saturating_add(1) })
                        .help("check the indentation and the quotes of this line and the one before"),
                );
                return None;
            }
        }
    }
    if builder.failed {
        return None;
    }
    match builder.root.take() {
        Some(root) => Some(root),
        None => Some(Node::file(Value::Null, whole)),
    }
}

/// A list or mapping whose end has not come yet.
enum Open {
    Sequence(Vec<Node>, Span),
    Mapping { entries: Vec<Entry>, seen: HashSet<String>, key: Option<(String, Span)>, span: Span },
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    out: &'a mut Diagnostics,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    failed: bool,
}

impl Builder<'_> {
    fn span(&self, span: yaml::Span) -> Span {
        let at = |marker: yaml::Marker| {
            u32::try_from(marker.byte_offset().unwrap_or_default().min(self.text.len())).unwrap_or(u32::MAX)
        };
        Span { file: self.file, start: at(span.start), end: at(span.end).max(at(span.start)) }
    }

    fn fail(&mut self, code: &'static str, message: String, span: Span, help: &str) {
        self.failed = true;
        self.out.push(Diagnostic::error(code, message).at(span).help(help));
    }

    /// Takes one event; false when there is no use in going on.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "put everything in one document, or several files";
                    self.fail("several-documents", String::from("a second document begins here"), span, help);
                    return false;
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let help = "write the value out, or share settings by a profile";
                self.fail("alias", String::from("YAML aliases are not used here"), span, help);
                self.put(Node::file(Value::Null, span));
            }
            Event::Scalar(text, style, ..) => {
                let value = scalar(&text, style);
                if self.wants_key() {
                    self.key(text.into_owned(), &value, span);
                } else {
                    self.put(Node::file(value, span));
                }
            }
            Event::SequenceStart(..) => {
                return self.open(Open::Sequence(Vec::new(), span), span);
            }
            Event::MappingStart(..) => {
                let open = Open::Mapping { entries: Vec::new(), seen: HashSet::new(), key: None, span };
                return self.open(open, span);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => {}
        }
        true
    }

    fn refuse_tag(&mut self, span: Span) {
        self.fail("tag", String::from("YAML tags are not used here"), span, "write the value without `!`");
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open::Mapping { key: None, .. }))
    }

    fn open(&mut self, open: Open, span: Span) -> bool {
        if self.wants_key() {
            let help = "write a word before the colon; quote what begins with `{` or `[`";
            self.fail("key", String::from("a key must be a word, not a list or mapping"), span, help);
            return false;
        }
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            self.fail("too-deep", message, span, "flatten it");
            return false;
        }
        self.stack.push(open);
        true
    }

    fn key(&mut self, text: String, value: &Value, at: Span) {
        if matches!(value, Value::Null) {
            self.fail(
                "key",
                String::from("a key is missing before `:`"),
                at,
                "write a word before the colon",
            );
        }
        let Some(Open::Mapping { seen, key, .. }) = self.stack.last_mut() else { return };
        let fresh = seen.insert(text.clone());
        *key = Some((text, at));
        if !fresh && let Some(Open::Mapping { key: Some((name, _)), .. }) = self.stack.last() {
            let message = format!("the key `{name}` is there twice");
            self.fail("duplicate-key", message, at, "keep one of them");
        }
    }

    fn close(&mut self, end: Span) {
        let node = match self.stack.pop() {
            Some(Open::Sequence(items, span)) => {
                Node::file(Value::Sequence(items), Span { end: end.end.max(span.end), ..span })
            }
            Some(Open::Mapping { entries, span, .. }) => {
                // A block mapping's own event is empty and stands at its first key already.
                Node::file(Value::Mapping(entries), Span { end: end.end.max(span.end), ..span })
            }
            None => return,
        };
        self.put(node);
    }

    fn put(&mut self, node: Node) {
        match self.stack.last_mut() {
            Some(Open::Sequence(items, _)) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
                // An alias in the place of a key: reported already; the value that follows is dropped with it.
                None => *key = Some((String::new(), node.span)),
            },
            None => self.root = Some(node),
        }
    }
}

/// What a scalar means by the core schema (YAML 1.2.2 §10.3.2). Numbers out of range, and `.inf` and `.nan`, stay
/// strings, so that whoever wanted a number says so.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if !matches!(style, ScalarStyle::Plain) {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    integer(text).or_else(|| float(text)).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    let radix = |digits: &str, radix| {
        let plain = !digits.starts_with(['+', '-']);
        plain.then(|| i64::from_str_radix(digits, radix).ok()).flatten().map(Value::Integer)
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    text.parse().ok().map(Value::Integer)
}

fn float(text: &str) -> Option<Value> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    // `f64::from_str` also takes words such as `inf`; the core schema wants a digit and these characters only.
    let shaped = body.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && body.chars().any(|c| c.is_ascii_digit())
        && body.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let value = shaped.then(|| text.parse::<f64>().ok()).flatten()?;
    value.is_finite().then_some(Value::Float(value))
}
