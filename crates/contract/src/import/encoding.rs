//! `encoding` of forms and multipart: how each property is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Import, keys};
use crate::body::Encoding;
use crate::documents::Spot;
use crate::media::{self, MediaKind, Range};
use crate::shape::Shape;
use crate::style::Style;

impl Import<'_> {
    pub(super) fn encodings(
        &mut self,
        at: &Spot,
        encodings: &Map<String, Value>,
        kind: MediaKind,
        shape: &Shape,
    ) -> BTreeMap<String, Encoding> {
        let mut out = BTreeMap::new();
        for (name, value) in encodings {
            let spot = at.join(name);
            if !self.keys(&spot, value, &keys::ENCODING) {
                continue;
            }
            let headers = self.part_headers(&spot, value);
            for key in ["encoding", "itemEncoding", "prefixEncoding"] {
                if value.get(key).is_some() {
                    self.lowering.operation_issue(&spot.join(key), "parts of parts are not read");
                }
            }
            let style = self.encoding_style(&spot, value, kind);
            let explode = value.get("explode").and_then(Value::as_bool);
            let explode = explode.unwrap_or(style.is_none_or(|style| style == Style::Form));
            let types = value.get("contentType").and_then(Value::as_str).unwrap_or_default();
            let types: Vec<Range> = types.split(',').filter_map(|one| Range::parse(one.trim())).collect();
            let is_named = shape.fields.as_ref().is_some_and(|fields| fields.named.contains_key(name));
            let json = kind == MediaKind::Form && self.is_json_field(&spot, value, &types, is_named);
            out.insert(name.clone(), Encoding { types, style, explode, json, headers });
        }
        out
    }

    /// Names of the header fields that a part may have.
    fn part_headers(&mut self, spot: &Spot, value: &Value) -> Vec<String> {
        let headers = value.get("headers").and_then(Value::as_object);
        let headers: Vec<String> =
            headers.into_iter().flat_map(Map::keys).map(|name| name.to_ascii_lowercase()).collect();
        if !headers.is_empty() {
            self.lowering.operation_issue(&spot.join("headers"), "header fields of parts are not checked");
        }
        headers
    }

    fn encoding_style(&mut self, spot: &Spot, value: &Value, kind: MediaKind) -> Option<Style> {
        let text = value.get("style").and_then(Value::as_str);
        // Those of queries (OpenAPI 3.1.1 §4.8.15.1.2).
        let for_forms =
            |style: &Style| matches!(style, Style::Form | Style::Space | Style::Pipe | Style::Deep);
        let style = text.and_then(Style::parse).filter(for_forms);
        if let (Some(text), None) = (text, style) {
            let what = format!("`{text}` is not a style for a field of a form");
            self.lowering.operation_issue(&spot.join("style"), what);
        }
        // OpenAPI 3.0 has styles in urlencoded forms only, and says nothing of what else such a list would be.
        let spread = style.is_none_or(|style| style == Style::Form)
            && value.get("explode").and_then(Value::as_bool).unwrap_or(true);
        if kind == MediaKind::Multipart && !spread {
            let what = "in multipart each item is a part of its own: another style is not read";
            self.lowering.operation_issue(spot, what);
        }
        style
    }

    /// Whether a field of a form is JSON because `contentType` says so; a type that nothing reads is noted. Beside
    /// `style`, `explode` or `allowReserved` a content type means nothing (OpenAPI 3.1.1 §4.8.15.1.2).
    fn is_json_field(&mut self, spot: &Spot, value: &Value, types: &[Range], is_named: bool) -> bool {
        let is_styled = ["style", "explode", "allowReserved"].iter().any(|key| value.get(key).is_some());
        if is_styled || value.get("contentType").is_none() {
            return false;
        }
        let all = |wanted: MediaKind| {
            !types.is_empty()
                && types.iter().all(|one| one.is_exact() && media::kind(&one.essence()) == wanted)
        };
        if all(MediaKind::Text) {
            return false;
        }
        let json = all(MediaKind::Json);
        if !json || !is_named {
            let what =
                if json { "the schema has no such property" } else { "a field of this type is not read" };
            self.lowering.operation_issue(&spot.join("contentType"), what);
        }
        json
    }
}
