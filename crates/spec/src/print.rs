//! The resolved document as YAML, with where each value came from beside it.

use crate::document::is_secret_field;
use crate::node::{Node, Origin, Value};
use crate::resolve::Resolved;
use crate::units::SecretRef;
use diagnostics::{Sources, without_userinfo};
use std::fmt::Write as _;

/// Prints a resolved document, complete, as YAML that means the same; each scalar has a comment that says where it came from.
#[must_use]
pub fn print(resolved: &Resolved, sources: &Sources) -> String {
    let mut out = String::new();
    let mut tree = resolved.complete.clone();
    redact(&mut tree, "");
    block(&tree, 0, sources, &mut out);
    out
}

/// Takes out what may be a secret: a document with errors is printed too, and its key may be written in clear.
fn redact(node: &mut Node, parent: &str) {
    match &mut node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let secret = match parent {
                    "tls" => entry.key == "key",
                    "secrets" => true,
                    "set" => is_secret_field(&entry.key),
                    _ => false,
                };
                if secret && !is_reference(&entry.value) {
                    entry.value.value = Value::String(String::from("(secret)"));
                } else {
                    redact(&mut entry.value, &entry.key);
                }
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| redact(item, parent)),
        Value::String(text) => *text = without_userinfo(text).into_owned(),
        _ => {}
    }
}

fn is_reference(node: &Node) -> bool {
    matches!(&node.value, Value::String(text) if text.parse::<SecretRef>().is_ok())
}

/// `file:line:column`, and who put it there when it was not written in its place.
fn comment(origin: &Origin, sources: &Sources) -> String {
    match origin {
        Origin::File(span) => sources.place(*span),
        Origin::Default("default") => String::from("default"),
        Origin::Default(reason) => format!("default: {reason}"),
        Origin::Sugar(span) => format!("{} (short form)", sources.place(*span)),
        Origin::Profile(name, span) => format!("profile {name} ({})", sources.place(*span)),
        Origin::Environment(name, span) => format!("environment {name} ({})", sources.place(*span)),
        Origin::Preset(name, span) => format!("preset {name} ({})", sources.place(*span)),
    }
}

fn block(node: &Node, depth: usize, sources: &Sources, out: &mut String) {
    let pad = "  ".repeat(depth);
    for entry in node.entries() {
        let _ = write!(out, "{pad}{}:", quoted(&entry.key));
        value(&entry.value, depth, sources, out);
    }
    for item in node.items() {
        let _ = write!(out, "{pad}-");
        item_value(item, depth, sources, out);
    }
}

/// What follows `key:`.
fn value(node: &Node, depth: usize, sources: &Sources, out: &mut String) {
    if node.entries().is_empty() && node.items().is_empty() {
        let _ = writeln!(out, " {}  # {}", scalar(node), comment(&node.origin, sources));
    } else {
        out.push('\n');
        block(node, depth + 1, sources, out);
    }
}

/// What follows `-`: a mapping begins on the same line.
fn item_value(node: &Node, depth: usize, sources: &Sources, out: &mut String) {
    if node.entries().is_empty() {
        return value(node, depth, sources, out);
    }
    let mut inner = String::new();
    block(node, depth + 1, sources, &mut inner);
    let first = inner.trim_start();
    let _ = write!(out, " {first}");
}

fn scalar(node: &Node) -> String {
    match &node.value {
        Value::Null => String::from("null"),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::String(text) => quoted(text),
        Value::Sequence(_) => String::from("[]"),
        Value::Mapping(_) => String::from("{}"),
    }
}

/// A string that YAML reads back as the same string wherever a scalar may stand, in flow style too, by this and by older
/// readers (`no`, `on` and numbers are quoted).
#[must_use]
pub fn quoted(text: &str) -> String {
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "y", "n", "~", "off"];
    let lower = text.to_ascii_lowercase();
    // `off` is a mode, and reads as a string by YAML 1.2; quoting it would only puzzle.
    let word = WORDS.contains(&lower.as_str()) && text != "off";
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@+$~%()".contains(&byte);
    let first =
        text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_/.$".contains(&byte));
    let number = text.parse::<f64>().is_ok()
        || [".nan", ".inf"].contains(&lower.as_str())
        || ["0x", "0o"].iter().any(|radix| lower.starts_with(radix));
    let plain = first && !word && !number && text.bytes().all(safe) && !text.ends_with(':');
    if plain { text.to_owned() } else { in_quotes(text) }
}

/// A string in the quotes of JSON, which are YAML's too. What a reader of YAML refuses (section 5.1) or a person does not see is
/// escaped, in units of UTF-16 as JSON has it.
fn in_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for char in serde_json::Value::String(text.to_owned()).to_string().chars() {
        let unseen = matches!(char, '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        if unseen {
            out.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            out.push(char);
        }
    }
    out
}
