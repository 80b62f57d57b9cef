//! An answer without the fields that a caller may not see, in one walk of its tape.

use std::borrow::Cow;

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

/// On the way to a field stands a value of a kind that leads nowhere, and that the answer's schema does not have there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misplaced;

/// Says whether a value of some kind, at the first steps, is misplaced on the way to where the other steps lead from there.
pub(super) type IsMisplaced<'f> = &'f dyn Fn(&[Option<&str>], Kind, &[Option<&str>]) -> bool;

struct Writer<'a, 'f> {
    out: Vec<u8>,
    counts: SmallVec<[u32; 4]>,
    /// Where it is, as far as patterns lead.
    at: Vec<Place<'a>>,
    is_misplaced: IsMisplaced<'f>,
    misplaced: bool,
}

/// Writes it; `None` when nothing of it is hidden.
///
/// # Errors
/// [`Misplaced`].
pub(super) fn view(
    tape: &Tape,
    against: &Against<'_>,
    is_misplaced: IsMisplaced<'_>,
) -> Result<Option<View>, Misplaced> {
    let ways: Ways<'_> = against
        .iter()
        .enumerate()
        .flat_map(|(rule, of)| of.at.iter().map(move |at| Way { rule, hide: of.hide, steps: at.steps() }))
        .collect();
    let out = Vec::with_capacity(tape.source().len());
    let counts = SmallVec::from_elem(0, against.len());
    let mut writer = Writer { out, counts, at: Vec::new(), is_misplaced, misplaced: false };
    writer.value(tape.root(), &ways);
    let Writer { out: bytes, counts, misplaced, .. } = writer;
    if misplaced {
        return Err(Misplaced);
    }
    Ok(counts.iter().any(|count| *count > 0).then_some(View { bytes, counts }))
}

/// Where a value stands in what it is in.
#[derive(Clone, Copy)]
enum Place<'a> {
    Member(tape::Name<'a>),
    Item(usize),
}

impl<'a> Writer<'a, '_> {
    /// As deep as the longest pattern: what no pattern leads into is copied whole.
    fn value(&mut self, node: Node<'a>, ways: &Ways<'_>) {
        if !self.misplaced {
            self.misplaced = ways.iter().any(|way| self.ends(node.kind(), way));
        }
        match node.kind() {
            _ if ways.is_empty() => node.write_canonical(&mut self.out),
            Kind::Object => {
                self.out.push(b'{');
                let mut first = true;
                for (name, member) in node.entries() {
                    self.child(Place::Member(name), member, ways, &mut first);
                }
                self.out.push(b'}');
            }
            Kind::Array => {
                self.out.push(b'[');
                let mut first = true;
                for (index, item) in node.items().enumerate() {
                    self.child(Place::Item(index), item, ways, &mut first);
                }
                self.out.push(b']');
            }
            _ => node.write_canonical(&mut self.out),
        }
    }

    /// Whether a way ends at a value that is misplaced on it.
    fn ends(&self, kind: Kind, way: &Way<'_>) -> bool {
        let goes_on = match (way.steps.first(), kind) {
            (None, _) | (_, Kind::Null) | (Some(Step::Any), Kind::Object | Kind::Array) => true,
            (Some(Step::Item), Kind::Array) | (Some(Step::Name(_)), Kind::Object) => true,
            (Some(Step::Name(name)), Kind::Array) => name.parse::<usize>().is_ok(),
            _ => false,
        };
        if goes_on {
            return false;
        }
        let name = |place: &Place<'a>| match place {
            Place::Member(name) => Some(name.text()),
            Place::Item(_) => None,
        };
        let at: Vec<Option<Cow<'_, str>>> = self.at.iter().map(name).collect();
        let at: Vec<Option<&str>> = at.iter().map(Option::as_deref).collect();
        let rest: Vec<Option<&str>> = way.steps.iter().map(Step::name).collect();
        (self.is_misplaced)(&at, kind, &rest)
    }

    fn child(&mut self, place: Place<'a>, node: Node<'a>, ways: &Ways<'_>, first: &mut bool) {
        let mut below = Ways::new();
        let mut hide = None;
        for way in ways {
            let Some((step, rest)) = way.steps.split_first() else { continue };
            if !leads(step, &place) {
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
            None if below.is_empty() => node.write_canonical(&mut self.out),
            None => {
                self.at.push(place);
                self.value(node, &below);
                self.at.pop();
            }
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
