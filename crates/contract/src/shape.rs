//! From text to typed values: what a schema says of a parameter's or form field's type, and the tape made of it.

use std::collections::BTreeMap;

use serde_json::Value;
use tape::{Bounds, Builder, Kind, Node, Tape};

use crate::documents::Spot;
use crate::lower::Lowering;
use crate::media::Range;

/// The types that a schema admits, as far as reading text needs them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) string: bool,
    number: bool,
    boolean: bool,
    null: bool,
    pub(crate) items: Option<Box<Shape>>,
    pub(crate) fields: Option<Fields>,
    /// The schema names no type.
    any: bool,
    /// A string that stands for bytes (`format: binary`, `contentEncoding`, `contentMediaType`).
    bytes: bool,
    /// What the bytes are (`contentMediaType`), where that is a type of its own.
    pub(crate) media: Option<Range>,
}

/// An object's properties.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    pub(crate) named: BTreeMap<String, Shape>,
    /// What other names hold; `None` when there are none.
    pub(crate) rest: Option<Box<Shape>>,
}

/// Text split by a style, not yet typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(String, Raw)>),
    /// JSON text.
    Json(String),
}

const DEPTH: usize = 8;
/// Schemas read for one shape: where schemas refer to one another in circles, every level multiplies them. What lies
/// beyond is read as text that may be anything, and the validator decides.
const MAX_SCHEMAS: usize = 4096;

/// What is left to read.
struct Budget {
    depth: usize,
    schemas: usize,
}

impl Shape {
    /// Reads the schema at `spot`.
    pub(crate) fn of(lowering: &Lowering<'_>, spot: &Spot) -> Self {
        let mut shape = Self::default();
        shape.read(lowering, spot, &mut Budget { depth: DEPTH, schemas: MAX_SCHEMAS });
        shape.any = !(shape.string || shape.number || shape.boolean || shape.null || shape.is_compound());
        shape
    }

    fn inner(lowering: &Lowering<'_>, spot: &Spot, left: &mut Budget) -> Self {
        let mut shape = Self::default();
        shape.read(lowering, spot, left);
        shape.any = !(shape.string || shape.number || shape.boolean || shape.null || shape.is_compound());
        shape
    }

    /// Of no schema at all.
    pub(crate) fn free() -> Self {
        Self { any: true, ..Self::default() }
    }

    /// Whether it says nothing of what values are.
    pub(crate) fn is_any(&self) -> bool {
        self.any
    }

    pub(crate) fn is_scalar(&self) -> bool {
        self.any || self.string || self.number || self.boolean || self.null
    }

    /// Whether a part of multipart may hold bytes that are no text.
    pub(crate) fn is_bytes(&self) -> bool {
        self.any || self.bytes
    }

    pub(crate) fn is_compound(&self) -> bool {
        self.items.is_some() || self.fields.is_some()
    }

    /// Whether the schema names this type.
    pub(crate) fn has_kind(&self, kind: Kind) -> bool {
        match kind {
            Kind::String => self.string,
            Kind::Number => self.number,
            Kind::Bool => self.boolean,
            Kind::Null => self.null,
            Kind::Array => self.items.is_some(),
            Kind::Object => self.fields.is_some(),
        }
    }

    fn read(&mut self, lowering: &Lowering<'_>, spot: &Spot, left: &mut Budget) {
        if left.depth == 0 || left.schemas == 0 {
            return;
        }
        left.depth -= 1;
        left.schemas -= 1;
        self.read_one(lowering, spot, left);
        left.depth += 1;
    }

    fn read_one(&mut self, lowering: &Lowering<'_>, spot: &Spot, left: &mut Budget) {
        let Some(spot) = lowering.settle(spot) else { return };
        let Some(Value::Object(map)) = lowering.documents.get(&spot) else { return };
        self.null |= lowering.old && map.get("nullable") == Some(&Value::Bool(true));
        self.bytes |= map.get("format").is_some_and(|format| format == "binary")
            || map.contains_key("contentEncoding")
            || map.contains_key("contentMediaType");
        // `application/octet-stream` is OpenAPI's word for any file, whatever its own type.
        let media = map.get("contentMediaType").and_then(Value::as_str);
        let media = media.filter(|media| !media.eq_ignore_ascii_case("application/octet-stream"));
        if self.media.is_none() {
            self.media = media.and_then(Range::parse);
        }
        let names: Vec<&str> = match map.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ if map.contains_key("properties") => vec!["object"],
            _ if map.contains_key("items") => vec!["array"],
            _ => Vec::new(),
        };
        for name in names {
            match name {
                "string" => self.string = true,
                "integer" | "number" => self.number = true,
                "boolean" => self.boolean = true,
                "null" => self.null = true,
                "array" => {
                    let inner = map.get("items").map(|_| Self::inner(lowering, &spot.join("items"), left));
                    self.items.get_or_insert_with(|| Box::new(inner.unwrap_or(Shape::free())));
                }
                "object" => self.read_fields(lowering, &spot, map, left),
                _ => {}
            }
        }
        if map.get("type").is_none() {
            for value in
                map.get("enum").and_then(Value::as_array).into_iter().flatten().chain(map.get("const"))
            {
                self.string |= value.is_string();
                self.number |= value.is_number();
                self.boolean |= value.is_boolean();
            }
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for index in 0..map.get(key).and_then(Value::as_array).map_or(0, Vec::len) {
                self.read(lowering, &spot.at(&[key, &index.to_string()]), left);
            }
        }
        if let Some(reference) = map.get("$ref").and_then(Value::as_str)
            && let Some(target) = lowering.resolve(&spot, reference)
        {
            self.read(lowering, &target, left);
        }
    }

    fn read_fields(
        &mut self,
        lowering: &Lowering<'_>,
        spot: &Spot,
        map: &serde_json::Map<String, Value>,
        left: &mut Budget,
    ) {
        let fields = self.fields.get_or_insert_with(Fields::default);
        if let Some(Value::Object(properties)) = map.get("properties") {
            for name in properties.keys() {
                let inner = Self::inner(lowering, &spot.at(&["properties", name]), left);
                fields.named.entry(name.clone()).or_insert(inner);
            }
        }
        let rest = match map.get("additionalProperties") {
            Some(Value::Bool(false)) if !map.contains_key("patternProperties") => None,
            Some(Value::Object(_)) => Some(Self::inner(lowering, &spot.join("additionalProperties"), left)),
            _ => Some(Shape::free()),
        };
        if let Some(rest) = rest {
            fields.rest.get_or_insert_with(|| Box::new(rest));
        }
    }

    /// The typed value; `literal` reads scalars as strings where the schema admits strings.
    pub(crate) fn build(&self, raw: &Raw, literal: bool) -> Option<Tape> {
        let mut builder = Builder::new();
        self.write(raw, literal, &mut builder, 0)?;
        builder.try_finish().ok()
    }

    /// Whether reading scalars as strings could make a difference.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let own = self.any || (self.string && (self.number || self.boolean || self.null));
        own || self.items.as_ref().is_some_and(|items| items.is_ambiguous())
            || self.fields.as_ref().is_some_and(|fields| {
                fields.named.values().any(Shape::is_ambiguous)
                    || fields.rest.as_ref().is_some_and(|r| r.is_ambiguous())
            })
    }

    fn write(&self, raw: &Raw, literal: bool, builder: &mut Builder, depth: usize) -> Option<()> {
        if depth > 64 {
            return None;
        }
        let free = Shape::free();
        match raw {
            Raw::Text(text) => self.scalar(text, literal, builder),
            Raw::List(items) => {
                builder.begin_array();
                for item in items {
                    self.items.as_deref().unwrap_or(&free).write(item, literal, builder, depth + 1)?;
                }
                builder.end_array();
            }
            Raw::Map(members) => {
                builder.begin_object();
                for (name, member) in members {
                    let fields = self.fields.as_ref();
                    let shape = fields.and_then(|fields| fields.named.get(name).or(fields.rest.as_deref()));
                    builder.key(name);
                    shape.unwrap_or(&free).write(member, literal, builder, depth + 1)?;
                }
                builder.end_object();
            }
            Raw::Json(text) => {
                let tape = Tape::parse(text.clone().into(), &Bounds::default()).ok()?;
                copy(tape.root(), builder, depth)?;
            }
        }
        Some(())
    }

    fn scalar(&self, text: &str, literal: bool, builder: &mut Builder) {
        let as_string = literal && (self.string || self.any);
        if as_string {
            builder.string(text);
        } else if (self.number || self.any) && builder.number(text).is_ok() {
        } else if (self.boolean || self.any) && matches!(text, "true" | "false") {
            builder.bool(text == "true");
        } else if self.null && (text == "null" || text.is_empty()) && !(self.string && text.is_empty()) {
            builder.null();
        } else {
            builder.string(text);
        }
    }
}

fn copy(node: Node<'_>, builder: &mut Builder, depth: usize) -> Option<()> {
    if depth > 256 {
        return None;
    }
    match node.kind() {
        Kind::Null => {
            builder.null();
        }
        Kind::Bool => {
            builder.bool(node.as_bool()?);
        }
        Kind::Number => {
            builder.number(node.as_number()?.text()).ok()?;
        }
        Kind::String => {
            builder.string(&node.as_str()?);
        }
        Kind::Array => {
            builder.begin_array();
            for item in node.items() {
                copy(item, builder, depth + 1)?;
            }
            builder.end_array();
        }
        Kind::Object => {
            builder.begin_object();
            for (name, member) in node.members() {
                builder.key(&name);
                copy(member, builder, depth + 1)?;
            }
            builder.end_object();
        }
    }
    Some(())
}
