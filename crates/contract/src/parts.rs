//! From the parts of a multipart body to the object that its schema describes.

use std::collections::BTreeMap;

use tape::{Bounds, Tape};

use crate::body::{MediaRules, Problem, add};
use crate::media::{ContentType, MediaKind, Range};
use crate::multipart::{self, Part};
use crate::pointer;
use crate::rewrite::Strip;
use crate::shape::{Raw, Shape};

impl MediaRules {
    /// The object that the parts stand for.
    pub(crate) fn read_multipart(&self, bytes: &[u8], actual: Option<&ContentType>) -> Result<Tape, Problem> {
        let boundary = actual
            .and_then(|actual| actual.parameter("boundary"))
            .ok_or(Problem::new("boundary", "the content type must give a boundary"))?;
        let parts = multipart::parse(bytes, boundary).map_err(|message| Problem::new("syntax", message))?;
        let free = Shape::free();
        let mut members = Vec::new();
        for part in parts {
            let shape = self.part_shape(&part.name).unwrap_or(&free);
            let item = shape.items.as_deref().filter(|_| !shape.is_scalar()).unwrap_or(shape);
            self.part_head(&part, item)?;
            let text = match std::str::from_utf8(part.body) {
                Ok(text) => text.to_owned(),
                Err(_) if self.may_be_bytes(&part.name, item) => latin(part.body),
                Err(_) => return Err(Problem::at(&part.name, "encoding", "must be UTF-8")),
            };
            let raw = if is_json(&part)
                || (item.fields.is_some() && !item.is_scalar() && part.filename.is_none())
            {
                if Tape::parse(part.body.to_vec().into(), &Bounds::default()).is_err() {
                    return Err(Problem::at(&part.name, "syntax", "must be JSON"));
                }
                Raw::Json(text)
            } else {
                Raw::Text(text)
            };
            let whole = is_whole(&part);
            add(&mut members, part.name, raw, if whole { &free } else { shape })?;
        }
        self.object(members)
    }

    /// Appends the parts without what goes. `None` for a body that does not parse.
    pub(crate) fn write_multipart(
        &self,
        bytes: &[u8],
        boundary: &str,
        strip: &Strip<'_>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let parts = multipart::parse(bytes, boundary).ok()?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut kept = Vec::with_capacity(parts.len());
        for part in &parts {
            let own = pointer::join("", &part.name);
            let count = counts.entry(&part.name).or_default();
            let at = if self.is_item(part) { format!("{own}/{count}") } else { own };
            *count += 1;
            if !(strip.takes(&at) || strip.takes_owner(&part.name)) {
                kept.push((part, strip.json_without(&at, part.body)));
            }
        }
        let written: Vec<Part<'_>> = kept
            .iter()
            .map(|(part, body)| {
                let declared = self.part_headers(&part.name);
                let mut part = (*part).clone();
                part.others.retain(|(name, _)| declared.contains(name));
                if let Some(body) = body {
                    part.body = body;
                }
                part
            })
            .collect();
        multipart::write(&written, boundary, out);
        Some(())
    }

    /// The schema's word on a part.
    fn part_shape(&self, name: &str) -> Option<&Shape> {
        let fields = self.shape.fields.as_ref()?;
        fields.named.get(name).or(fields.rest.as_deref())
    }

    /// Whether a part is one item of a list, and not all of it.
    fn is_item(&self, part: &Part<'_>) -> bool {
        let is_list =
            self.part_shape(&part.name).is_some_and(|shape| shape.items.is_some() && !shape.is_scalar());
        is_list && !is_whole(part)
    }

    /// Header fields of a part: its type as the contract names it (by `encoding`, else by the schema's
    /// `contentMediaType`), and no field that nobody declared.
    fn part_head(&self, part: &Part<'_>, shape: &Shape) -> Result<(), Problem> {
        let encoding = self.encodings.get(&part.name);
        let declared = self.part_headers(&part.name);
        if part.others.iter().any(|(name, _)| !declared.contains(name)) {
            let message = "the part has a header field that the contract does not declare";
            return Err(Problem::at(&part.name, "headers", message));
        }
        if part.content_type.as_ref().is_some_and(|actual| !actual.is_utf8()) {
            return Err(Problem::at(&part.name, "charset", "the charset of the part must be utf-8"));
        }
        let types = encoding.map_or(&[][..], |encoding| &encoding.types);
        let types = if types.is_empty() { shape.media.as_slice() } else { types };
        let plain = ContentType { essence: String::from("text/plain"), parameters: Vec::new() };
        let actual = part.content_type.as_ref().unwrap_or(&plain);
        if types.is_empty() || types.iter().any(|range| range.matches(actual).is_some()) {
            return Ok(());
        }
        let message = "the part must be of a content type that the contract names";
        Err(Problem::at(&part.name, "contentType", message))
    }

    /// Names of header fields that a part may have beside its own.
    pub(crate) fn part_headers(&self, name: &str) -> &[String] {
        self.encodings.get(name).map_or(&[][..], |encoding| &encoding.headers)
    }

    /// Whether the contract, not the client, says that a part need not be text.
    fn may_be_bytes(&self, name: &str, shape: &Shape) -> bool {
        let types = self.encodings.get(name).map_or(&[][..], |encoding| &encoding.types);
        shape.is_bytes() || types.iter().any(Range::may_be_bytes)
    }
}

fn is_json(part: &Part<'_>) -> bool {
    part.content_type.as_ref().is_some_and(|kind| kind.kind() == MediaKind::Json)
}

/// A part of JSON that is an array stands for the whole property.
fn is_whole(part: &Part<'_>) -> bool {
    is_json(part) && part.body.trim_ascii_start().starts_with(b"[")
}

/// One character per byte, so that lengths are those of the bytes.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
