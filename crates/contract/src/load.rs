//! Reading contract documents: JSON (RFC 8259) and YAML 1.2, duplicate keys refused, sizes bounded.
//!
//! Nothing here opens a file: the loader hands over bytes and asks [`references`] which further files it has to read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use diagnostics::{Diagnostic, FileId, Sources, Span};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::pointer;
use crate::yaml::{self, Tree};

/// Files by their path as the loader writes it.
pub type Assets = BTreeMap<String, Arc<[u8]>>;

/// Bytes of one contract file; larger ones are refused.
pub const MAX_FILE: usize = 64 << 20;

/// One parsed file.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) id: FileId,
    pub(crate) value: Value,
    /// For YAML: where each value is.
    pub(crate) tree: Option<Tree>,
}

/// Local files that a contract document refers to by `$ref`, resolved against `path`, in order, without repetition.
///
/// The loader reads them and calls this on each in turn. Remote references are left out: [`crate::import`] reports them.
#[must_use]
pub fn references(path: &str, bytes: &[u8]) -> Vec<String> {
    parse(bytes).map_or_else(|_| Vec::new(), |(value, _)| references_of(path, &value))
}

/// [`references`] of a document that is already parsed.
pub(crate) fn references_of(path: &str, value: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    note_reference(path, reference, &mut found);
                }
                if let Some(Value::Object(mapping)) = map.get("discriminator").and_then(|d| d.get("mapping"))
                {
                    for target in mapping.values().filter_map(Value::as_str) {
                        if target.contains(['/', '#']) || target.ends_with("json") || target.ends_with("yaml")
                        {
                            note_reference(path, target, &mut found);
                        }
                    }
                }
                stack.extend(map.values());
            }
            Value::Array(items) => stack.extend(items),
            _ => {}
        }
    }
    found.into_iter().collect()
}

fn note_reference(path: &str, reference: &str, found: &mut BTreeSet<String>) {
    let (document, _) = pointer::split(reference);
    if !document.is_empty() && !pointer::is_remote(document) {
        let target = pointer::relative(path, document);
        if target != path {
            found.insert(target);
        }
    }
}

/// Why a file is not a document.
pub(crate) struct Fault {
    pub(crate) message: String,
    /// Byte offset, when known.
    pub(crate) offset: Option<usize>,
}

/// Parses JSON when the first character says so, YAML otherwise.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Value, Option<Tree>), Fault> {
    if bytes.len() > MAX_FILE {
        return Err(Fault { message: format!("larger than {} MiB", MAX_FILE >> 20), offset: None });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Fault { message: String::from("not UTF-8"), offset: Some(error.valid_up_to()) })?;
    let Some(after) = text.strip_prefix('\u{feff}') else { return parse_text(text) };
    // Places are those of the file, whose first bytes are the mark.
    let mark = text.len() - after.len();
    match parse_text(after) {
        Ok((value, mut tree)) => {
            if let (Some(tree), Ok(mark)) = (&mut tree, u32::try_from(mark)) {
                tree.shift(mark);
            }
            Ok((value, tree))
        }
        Err(fault) => Err(Fault { offset: fault.offset.map(|offset| offset + mark), ..fault }),
    }
}

/// Members are in the order of their names, whatever order their file has: nothing that is made of a contract depends on that.
fn parse_text(text: &str) -> Result<(Value, Option<Tree>), Fault> {
    let (mut value, tree) = parse_as_written(text)?;
    value.sort_all_objects();
    Ok((value, tree))
}

fn parse_as_written(text: &str) -> Result<(Value, Option<Tree>), Fault> {
    if text.trim_start().starts_with('{') {
        match serde_json::from_str::<Strict>(text) {
            Ok(Strict(value)) => return Ok((value, None)),
            Err(json) => {
                // A YAML flow mapping starts alike; the JSON reader's words are the better ones when neither reads it.
                return yaml::parse(text).map(|tree| (tree.to_value(), Some(tree))).map_err(|_| Fault {
                    message: json_words(&json),
                    offset: Some(offset_of(text, json.line(), json.column())),
                });
            }
        }
    }
    let tree = yaml::parse(text)?;
    Ok((tree.to_value(), Some(tree)))
}

fn json_words(error: &serde_json::Error) -> String {
    let text = without_place(&error.to_string());
    match text.as_str() {
        _ if error.is_eof() => String::from("it ends too early"),
        "recursion limit exceeded" => String::from("values lie in each other more than 128 deep"),
        _ => text,
    }
}

/// A reader's message without the line and column at its end, which a place says better.
pub(crate) fn without_place(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(head, _)| head).to_owned()
}

fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// Registers a file as a source and parses it; what is wrong becomes a diagnostic.
pub(crate) fn file(path: &str, bytes: &[u8], sources: &mut Sources) -> Result<File, Diagnostic> {
    let id = match sources.find(path) {
        Some(id) => id,
        None => sources.add(path, String::from_utf8_lossy(bytes).into_owned()),
    };
    match parse(bytes) {
        Ok((value, tree)) => Ok(File { path: path.to_owned(), id, value, tree }),
        Err(fault) => {
            let offset = fault.offset.and_then(|offset| u32::try_from(offset).ok()).unwrap_or(0);
            let span = Span { file: id, start: offset, end: offset.saturating_add(1) };
            Err(Diagnostic::error("contract-syntax", format!("`{path}` cannot be read: {}", fault.message))
                .at(span)
                .help("mend the document; any JSON or YAML 1.2 reader shows the same place"))
        }
    }
}

/// A JSON value without duplicate keys.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        items.shrink_to_fit();
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(de::Error::custom(format!("duplicate key `{key}`")));
            }
            let Strict(value) = map.next_value()?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}
