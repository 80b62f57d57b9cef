//! `content`: media types, their schemas and encodings.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Import, keys};
use crate::body::MediaRules;
use crate::checker::Checker;
use crate::documents::Spot;
use crate::lower::Side;
use crate::media::{self, MediaKind, Range};
use crate::model::OnUndeclared;
use crate::shape::Shape;

impl Import<'_> {
    /// The entries of `content` of a request body or an answer.
    pub(super) fn content(
        &mut self,
        owner: &Spot,
        value: &Value,
        side: Side,
        undeclared: OnUndeclared,
    ) -> Vec<MediaRules> {
        let Some(Value::Object(content)) = value.get("content") else { return Vec::new() };
        let mut out = Vec::new();
        for media_type in content.keys() {
            let at = owner.at(&["content", media_type]);
            let Some(range) = Range::parse(media_type) else {
                let message = format!("`{media_type}` is not a media type");
                self.documents.error(&at, "bad-media-type", message, "use `type/subtype`");
                continue;
            };
            let Some((at, media)) = self.documents.follow(&at) else { continue };
            if !self.keys(&at, media, &keys::MEDIA) {
                continue;
            }
            out.push(self.media(&at, media, range, media_type, side, undeclared));
        }
        out
    }

    fn media(
        &mut self,
        at: &Spot,
        value: &Value,
        range: Range,
        media_type: &str,
        side: Side,
        undeclared: OnUndeclared,
    ) -> MediaRules {
        let kind = media::kind(&range.essence());
        let has_schema = value.get("schema").is_some();
        for key in ["itemSchema", "itemEncoding", "prefixEncoding"] {
            if value.get(key).is_some() {
                let what = format!("`{key}` is not enforced: streams are not checked item by item");
                self.lowering.operation_issue(&at.join(key), what);
            }
        }
        let reads =
            matches!(kind, MediaKind::Json | MediaKind::Form | MediaKind::Multipart | MediaKind::Text)
                || !range.is_exact();
        let schema = at.join("schema");
        let (checker, shape) = if has_schema && reads {
            let (checker, _) = Checker::new(&mut self.lowering, &schema, side, undeclared);
            // A tape needs no types to be read by; text does.
            let free = kind == MediaKind::Json && self.options.lean;
            let shape = if free { Shape::free() } else { Shape::of(&self.lowering, &schema) };
            (checker, shape)
        } else if has_schema && !self.options.lean {
            // What is not read may have places all the same.
            (Checker::free(), Shape::of(&self.lowering, &schema))
        } else {
            (Checker::free(), Shape::free())
        };
        if has_schema && !reads && !self.is_bytes(&schema) {
            let what = format!("bodies of `{media_type}` are not read, so that their schema is not enforced");
            self.lowering.operation_issue(&schema, what);
        }
        let encodings = match value.get("encoding") {
            Some(Value::Object(encodings)) => self.encodings(&at.join("encoding"), encodings, kind, &shape),
            _ => BTreeMap::new(),
        };
        // Of a range the client chooses the type: one that nothing reads must not lead around the schema.
        let readable_only = has_schema && !range.is_exact() && !self.is_bytes(&schema);
        let media_type = media_type.to_owned();
        let kind = range.is_exact().then_some(kind);
        let plain = range.is_exact() && !media_type.contains(';');
        MediaRules { plain, range, kind, media_type, checker, shape, encodings, has_schema, readable_only }
    }

    /// Whether a schema says no more than that there are bytes.
    fn is_bytes(&self, schema: &Spot) -> bool {
        let Some(spot) = self.lowering.settle(schema) else { return true };
        let Some(value) = self.documents.get(&spot) else { return true };
        let Some(map) = value.as_object() else { return true };
        let plain = |map: &Map<String, Value>| {
            map.keys().all(|key| {
                matches!(
                    key.as_str(),
                    "type"
                        | "format"
                        | "description"
                        | "title"
                        | "example"
                        | "examples"
                        | "nullable"
                        | "contentEncoding"
                        | "contentMediaType"
                        | "deprecated"
                        | "default"
                        | "externalDocs"
                ) || key.starts_with("x-")
            })
        };
        plain(map) && map.get("type").is_none_or(|name| name == "string")
    }
}
