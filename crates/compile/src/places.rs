//! Places in documents and contracts, each named once: what decisions point to.

use std::collections::HashMap;

use contract::PlacedPart;
use diagnostics::{FileId, Sources, Span};
use engine::plan::PlaceId;
use engine::text::bounded;

/// The table of places while it grows. Number 0 is no place.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    sources: &'a Sources,
    document: FileId,
    by_text: HashMap<Box<str>, PlaceId>,
    by_span: HashMap<Span, PlaceId>,
    /// Where lines of contracts end, in bytes: a large one has thousands of places, and each is far from its beginning.
    lines: HashMap<FileId, Vec<u32>>,
    all: Vec<Box<str>>,
}

/// Longest place in a contract, in bytes: whoever writes one may name a path as they like.
const LONGEST: usize = 1_024;

impl<'a> Places<'a> {
    pub(crate) fn new(sources: &'a Sources, document: FileId) -> Self {
        let all = vec![Box::default()];
        Self {
            sources,
            document,
            by_text: HashMap::new(),
            by_span: HashMap::new(),
            lines: HashMap::new(),
            all,
        }
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

    /// The number of a part of the contract in `file`, as `file:line#pointer`.
    pub(crate) fn part(&mut self, file: &str, part: &PlacedPart) -> PlaceId {
        // A key may have a `#` in it.
        let is_own = part.pointer.is_empty() || part.pointer.starts_with('/');
        let elsewhere = part.pointer.split_once('#').filter(|_| !is_own);
        let (file, pointer) = elsewhere.unwrap_or((file, &part.pointer));
        let line = part.span.and_then(|span| self.line(span));
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let text = format!("{file}{line}#{pointer}");
        self.text(bounded(&text, LONGEST))
    }

    /// The line on which a span begins.
    fn line(&mut self, span: Span) -> Option<usize> {
        let text = &self.sources.get(span.file)?.text;
        let lines = self.lines.entry(span.file).or_insert_with(|| {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            ends.filter_map(|(at, _)| u32::try_from(at).ok()).collect()
        });
        Some(lines.partition_point(|end| *end < span.start) + 1)
    }

    pub(crate) fn finish(self) -> Vec<Box<str>> {
        self.all
    }
}
