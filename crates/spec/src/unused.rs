//! What a document says and this run does not use: environments that were not chosen, and profiles. Both are resolved
//! all the same, and what is wrong in their own text is an error now instead of on the day when they are needed.
//!
//! Only what stands there is reported: a document that is whole with one environment need not be whole with another.

use crate::check_sections;
use crate::node::{Entry, Node, Value};
use crate::resolve::{Shape, lay_over};
use diagnostics::{Diagnostics, FileId, Span};

/// What a profile may leave to the APIs that use it.
const LEFT_OPEN: &str = "missing-key";

/// Reports what is wrong in the overlays but the chosen one, each laid over `base`.
pub(crate) fn environments(
    base: &Node,
    overlays: &[Entry],
    chosen: Option<&str>,
    shape: &Shape<'_>,
    out: &mut Diagnostics,
) {
    for overlay in overlays.iter().filter(|overlay| chosen != Some(overlay.key.as_str())) {
        let mut found = Diagnostics::new();
        let root = lay_over(base.clone(), overlay);
        profiles(&root, shape, &mut found);
        if let Some((document, _)) = shape.whole(root, &mut found) {
            check_sections(&document, shape.sections, &mut found);
        }
        let Some(extent) = extent(&overlay.value) else { continue };
        keep(&found, |_, span| extent.covers(span), out);
    }
}

/// Reports what is wrong in the profiles of a document, used or not: each becomes the profile of an API of its own.
pub(crate) fn profiles(root: &Node, shape: &Shape<'_>, out: &mut Diagnostics) {
    let all = root.get("profiles").map(Node::entries).unwrap_or_default();
    if all.is_empty() {
        return;
    }
    let mut probe = root.clone();
    let apis = all.iter().map(|profile| api_of(profile, root.span)).collect();
    probe.set("apis", Node::file(Value::Mapping(apis), root.span));
    let mut found = Diagnostics::new();
    if let Some((document, _)) = shape.whole(probe, &mut found) {
        check_sections(&document, shape.sections, &mut found);
    }
    let extents: Vec<Extent> = all.iter().filter_map(|profile| extent(&profile.value)).collect();
    let inside = |span| extents.iter().any(|extent| extent.covers(span));
    keep(&found, |code, span| code != LEFT_OPEN && inside(span), out);
}

/// An API that has nothing but a profile. What it needs beside that stands `at` the whole document, in no profile's text.
fn api_of(profile: &Entry, at: Span) -> Entry {
    let text = |text: &str| Node::file(Value::String(text.to_owned()), at);
    let mut own = vec![Entry::new("profile", text(&profile.key))];
    for (key, value) in [("contract", "none"), ("upstream", "http://127.0.0.1:1")] {
        if profile.value.get(key).is_none() {
            own.push(Entry::new(key, text(value)));
        }
    }
    // No name that a document can give to an API, so that it is in nobody's way.
    let name = format!("(profile {})", profile.key);
    Entry { key: name, key_span: at, value: Node::file(Value::Mapping(own), at) }
}

fn keep(found: &Diagnostics, wanted: impl Fn(&str, Span) -> bool, out: &mut Diagnostics) {
    for one in found.iter() {
        if one.span.is_some_and(|span| wanted(one.code, span)) {
            out.push(one.clone());
        }
    }
}

/// The text that a value was read from.
struct Extent {
    file: FileId,
    start: u32,
    end: u32,
}

impl Extent {
    fn covers(&self, span: Span) -> bool {
        self.file == span.file && self.start <= span.start && span.end <= self.end
    }
}

/// From the first to the last that is written under a value; the span of a block ends where the next thing begins.
fn extent(node: &Node) -> Option<Extent> {
    let keys = node.entries().iter().map(|entry| entry.key_span);
    let below = node.entries().iter().map(|entry| &entry.value).chain(node.items());
    let below = below.filter_map(extent).map(|one| Span { file: one.file, start: one.start, end: one.end });
    let leaf = (node.entries().is_empty() && node.items().is_empty()).then_some(node.span);
    let all: Vec<Span> = keys.chain(below).chain(leaf).collect();
    let start = all.iter().map(|span| span.start).min()?;
    let end = all.iter().map(|span| span.end).max()?;
    Some(Extent { file: node.span.file, start, end })
}
