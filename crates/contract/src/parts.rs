//! From the parts of a multipart body to the object that its schema describes.

use tape::{Bounds, Tape};

use crate::body::{MediaRules, Problem, add};
use crate::media::{ContentType, MediaKind, Range};
use crate::multipart::{self, Part};
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
            let fields = self.shape.fields.as_ref();
            let shape = fields
                .and_then(|fields| fields.named.get(&part.name).or(fields.rest.as_deref()))
                .unwrap_or(&free);
            let item = shape.items.as_deref().filter(|_| !shape.is_scalar()).unwrap_or(shape);
            self.part_head(&part, item)?;
            let is_json = part.content_type.as_ref().is_some_and(|kind| kind.kind() == MediaKind::Json);
            let text = match std::str::from_utf8(part.body) {
                Ok(text) => text.to_owned(),
                Err(_) if self.may_be_bytes(&part.name, item) => latin(part.body),
                Err(_) => return Err(Problem::at(&part.name, "encoding", "must be UTF-8")),
            };
            let raw = if is_json || (item.fields.is_some() && !item.is_scalar() && part.filename.is_none()) {
                if Tape::parse(part.body.to_vec().into(), &Bounds::default()).is_err() {
                    return Err(Problem::at(&part.name, "syntax", "must be JSON"));
                }
                Raw::Json(text)
            } else {
                Raw::Text(text)
            };
            // A part of JSON that is an array stands for the whole property.
            let whole = is_json && part.body.trim_ascii_start().starts_with(b"[");
            add(&mut members, part.name, raw, if whole { &free } else { shape })?;
        }
        self.object(members)
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

/// One character per byte, so that lengths are those of the bytes.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
