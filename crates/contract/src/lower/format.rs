//! What a string or a number is made of: `format`, `contentEncoding`, `contentMediaType`, `contentSchema`.
//!
//! JSON Schema leaves all four to who reads the schema. Here a format and an encoding are asserted where they are known;
//! what a text holds once it is decoded is not looked at, and where a schema says more of that than "bytes" or "text",
//! it is said.

use serde_json::{Map, Value, json};

use super::{Lowering, keywords, numbers};
use crate::documents::Spot;
use crate::formats::{self, Meaning, Number};
use crate::media::{ContentType, MediaKind};

impl Lowering<'_> {
    pub(super) fn format(&mut self, spot: &Spot, map: &Map<String, Value>, out: &mut Map<String, Value>) {
        let at = spot.join("format");
        let Some(format) = map.get("format") else { return };
        let Some(format) = format.as_str() else {
            self.issue(&at, "the value must be the name of a format");
            return;
        };
        let format = formats::plain_name(format);
        match formats::meaning(format) {
            Meaning::Asserted => assert_format(out, format),
            Meaning::Number(number) => numeric(map, out, number),
            Meaning::Type(name) if map.get("type").is_some_and(|own| own == name) => {}
            Meaning::Type(name) => {
                let what = format!("the format `{format}` says nothing of a value that is no {name}");
                self.issue(&at, what);
            }
            Meaning::Annotation => {}
            Meaning::Unknown => self.issue(&at, format!("the format `{format}` is not known")),
        }
    }

    pub(super) fn content(&mut self, spot: &Spot, map: &Map<String, Value>, out: &mut Map<String, Value>) {
        if !admits(map, "string") {
            return;
        }
        if let Some(encoding) = map.get("contentEncoding") {
            match encoding.as_str().map_or(Err(()), formats::of_encoding) {
                Ok(check) => check.into_iter().for_each(|check| assert_format(out, check)),
                Err(()) => {
                    let what = format!("the content encoding {} is not checked", keywords::short(encoding));
                    self.issue(&spot.join("contentEncoding"), what);
                }
            }
        }
        if let Some(media) = map.get("contentMediaType") {
            // Of bytes and of text there is nothing to check but what the schema says beside it.
            let kind = media.as_str().and_then(ContentType::parse).map(|media| media.kind());
            if !matches!(kind, Some(MediaKind::Binary | MediaKind::Text)) {
                let what = format!("whether the text is {} is not checked", keywords::short(media));
                self.issue(&spot.join("contentMediaType"), what);
            }
        }
        if map.get("contentSchema").is_some_and(|schema| schema != &Value::Bool(true) && schema != &json!({}))
        {
            self.issue(&spot.join("contentSchema"), "what the text holds is not checked against a schema");
        }
    }
}

/// Whether values of a type may be there.
fn admits(map: &Map<String, Value>, wanted: &str) -> bool {
    match map.get("type") {
        None => true,
        Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
        Some(name) => name == wanted,
    }
}

/// A second format of one schema stands beside the first.
fn assert_format(out: &mut Map<String, Value>, format: &str) {
    match out.get("format") {
        None => {
            out.insert(String::from("format"), json!(format));
        }
        Some(known) if known == format => {}
        Some(_) => keywords::push_all_of(out, json!({ "format": format })),
    }
}

/// Bounds for numbers; for strings that are declared as such, a check of the number that they carry.
fn numeric(map: &Map<String, Value>, out: &mut Map<String, Value>, number: Number) {
    let numbers_too = admits(map, "number") || admits(map, "integer");
    if map.contains_key("type") && admits(map, "string") {
        assert_format(out, number.text);
    }
    if !numbers_too {
        return;
    }
    if number.whole {
        numbers::whole(out);
    }
    if let Some((low, high)) = number.range {
        numbers::narrow(out, low, high);
    }
}
