//! An answer without the fields that a caller may not see, in one walk of its tape.

use smallvec::SmallVec;
use tape::{Kind, Node, Tape};

use super::{Against, Hide};
use crate::pattern::{Step, is_name};

/// An answer as one caller sees it.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// How many fields each rule has hidden.
    pub(super) counts: SmallVec<[u32; 4]>,
}

/// A pattern on its way down: its rule, its steps to go.
#[derive(Clone, Copy)]
struct Way<'r> {
    rule: usize,
    hide: Hide,
    steps: &'r [Step],
}

type Ways<'r> = SmallVec<[Way<'r>; 8]>;

struct Writer {
    out: Vec<u8>,
    counts: SmallVec<[u32; 4]>,
}

/// Writes it; `None` when nothing of it is hidden.
pub(super) fn view(tape: &Tape, against: &Against<'_>) -> Option<View> {
    let ways: Ways<'_> = against
        .iter()
        .enumerate()
        .flat_map(|(rule, of)| of.at.iter().map(move |at| Way { rule, hide: of.hide, steps: at.steps() }))
        .collect();
    let out = Vec::with_capacity(tape.source().len());
    let mut writer = Writer { out, counts: SmallVec::from_elem(0, against.len()) };
    writer.value(tape.root(), &ways);
    let Writer { out: bytes, counts } = writer;
    counts.iter().any(|count| *count > 0).then_some(View { bytes, counts })
}

/// Where a value stands in what it is in.
enum Place<'a> {
    Member(tape::Name<'a>),
    Item(usize),
}

impl Writer {
    /// As deep as the longest pattern: what no pattern leads into is copied whole.
    fn value(&mut self, node: Node<'_>, ways: &Ways<'_>) {
        match node.kind() {
            _ if ways.is_empty() => node.write_canonical(&mut self.out),
            Kind::Object => {
                self.out.push(b'{');
                let mut first = true;
                for (name, member) in node.entries() {
                    self.child(&Place::Member(name), member, ways, &mut first);
                }
                self.out.push(b'}');
            }
            Kind::Array => {
                self.out.push(b'[');
                let mut first = true;
                for (index, item) in node.items().enumerate() {
                    self.child(&Place::Item(index), item, ways, &mut first);
                }
                self.out.push(b']');
            }
            _ => node.write_canonical(&mut self.out),
        }
    }

    fn child(&mut self, place: &Place<'_>, node: Node<'_>, ways: &Ways<'_>, first: &mut bool) {
        let mut below = Ways::new();
        let mut hide = None;
        for way in ways {
            let Some((step, rest)) = way.steps.split_first() else { continue };
            if !leads(step, place) {
                continue;
            }
            if rest.is_empty() {
                hide = hide.max(Some(way.hide));
                if let Some(count) = self.counts.get_mut(way.rule) {
                    *count = count.saturating_add(1);
                }
            } else {
                below.push(Way { steps: rest, ..*way });
            }
        }
        if hide == Some(Hide::Remove) {
            return;
        }
        if !std::mem::take(first) {
            self.out.push(b',');
        }
        if let Place::Member(name) = place {
            name.write_canonical(&mut self.out);
            self.out.push(b':');
        }
        match hide {
            // One length for all, so that it tells nothing.
            Some(_) if node.kind() == Kind::String => self.out.extend_from_slice(b"\"***\""),
            Some(_) => self.out.extend_from_slice(b"null"),
            None => self.value(node, &below),
        }
    }
}

fn leads(step: &Step, place: &Place<'_>) -> bool {
    match (step, place) {
        (Step::Any, _) | (Step::Item, Place::Item(_)) => true,
        (Step::Item, Place::Member(_)) => false,
        (Step::Name(name), Place::Member(written)) => is_name(name, *written),
        (Step::Name(name), Place::Item(index)) => name.parse::<usize>() == Ok(*index),
    }
}
