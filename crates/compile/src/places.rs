//! Places in documents and contracts, each named once: what decisions point to.

use std::collections::HashMap;

use diagnostics::{FileId, Sources, Span};
use engine::plan::PlaceId;

/// The table of places while it grows. Number 0 is no place.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    sources: &'a Sources,
    document: FileId,
    by_text: HashMap<Box<str>, PlaceId>,
    by_span: HashMap<Span, PlaceId>,
    all: Vec<Box<str>>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(sources: &'a Sources, document: FileId) -> Self {
        let all = vec![Box::default()];
        Self { sources, document, by_text: HashMap::new(), by_span: HashMap::new(), all }
    }

    /// The number of a text such as `openapi.yaml#/paths/~1orders/get`.
    pub(crate) fn text(&mut self, text: &str) -> PlaceId {
        if let Some(known) = self.by_text.get(text) {
            return *known;
        }
        let id = PlaceId(u32::try_from(self.all.len()).unwrap_or(0));
        self.all.push(text.into());
        self.by_text.insert(text.into(), id);
        id
    }

    /// The number of a span of the document, as `file:line:column`. `None` for other files: contracts are long, and a
    /// pointer into them says more than a line.
    pub(crate) fn span(&mut self, span: Span) -> Option<PlaceId> {
        if span.file != self.document {
            return None;
        }
        if let Some(known) = self.by_span.get(&span) {
            return Some(*known);
        }
        let text = self.sources.place(span);
        let id = self.text(&text);
        self.by_span.insert(span, id);
        Some(id)
    }

    pub(crate) fn finish(self) -> Vec<Box<str>> {
        self.all
    }
}
