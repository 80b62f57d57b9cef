//! An answer without the fields that a caller may not see, in one walk of its tape.

use std::borrow::Cow;

use smallvec::SmallVec;
use tape::{Kind, Node, Tape};

use super::{Against, Hide};
use crate::pattern::{Step, ends_in, is_name};

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

/// Why nothing of an answer is shown: it cannot be told that what is hidden is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unsure {
    /// On the way to a field stands a value of a kind that leads nowhere, and that the answer's schema does not have there.
    Misplaced,
    /// A field's name stands where no rule is for and the schema names nothing, as in an envelope that nobody told of.
    Elsewhere(Box<str>),
}

/// What the answer's schema says.
pub(super) trait Schema {
    /// Whether a value of some kind, at the first steps, is misplaced on the way to where the other steps lead from there.
    fn is_misplaced(&self, at: &[Option<&str>], kind: Kind, rest: &[Option<&str>]) -> bool;
    /// Whether it names the property where the steps lead.
    fn names(&self, at: &[Option<&str>]) -> bool;
}

struct Writer<'a, 'f> {
    out: Vec<u8>,
    counts: SmallVec<[u32; 4]>,
    /// Where it is.
    at: Vec<Place<'a>>,
    schema: &'f dyn Schema,
    /// Names of fields that are hidden.
    names: SmallVec<[&'f str; 8]>,
    unsure: Option<Unsure>,
}

/// Writes it; `None` when nothing of it is hidden.
///
/// # Errors
/// [`Unsure`].
pub(super) fn view(tape: &Tape, against: &Against<'_>, schema: &dyn Schema) -> Result<Option<View>, Unsure> {
    let ways: Ways<'_> = against
        .iter()
        .enumerate()
        .flat_map(|(rule, of)| of.at.iter().map(move |at| Way { rule, hide: of.hide, steps: at.steps() }))
        .collect();
    let out = Vec::with_capacity(tape.source().len());
    let counts = SmallVec::from_elem(0, against.len());
    let mut names: SmallVec<[&str; 8]> = SmallVec::new();
    for name in ways.iter().filter_map(|way| way.steps.iter().rev().find_map(Step::name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut writer = Writer { out, counts, at: Vec::new(), schema, names, unsure: None };
    writer.value(tape.root(), &ways);
    let Writer { out: bytes, counts, unsure, .. } = writer;
    if let Some(unsure) = unsure {
        return Err(unsure);
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
    /// What no pattern leads into, whole.
    fn copy(&mut self, node: Node<'a>) {
        node.write_compact(&mut self.out);
        self.search(node);
    }

    /// Looks for names of hidden fields where no pattern leads. As deep as the answer, which is bounded where it is read.
    fn search(&mut self, node: Node<'a>) {
        if self.unsure.is_some() {
            return;
        }
        match node.kind() {
            Kind::Object => {
                for (name, member) in node.entries() {
                    self.at.push(Place::Member(name));
                    self.look(name);
                    self.search(member);
                    self.at.pop();
                }
            }
            Kind::Array => {
                for (index, item) in node.items().enumerate() {
                    if matches!(item.kind(), Kind::Object | Kind::Array) {
                        self.at.push(Place::Item(index));
                        self.search(item);
                        self.at.pop();
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether the member where it is has a hidden field's name that the schema does not have there.
    fn look(&mut self, name: tape::Name<'a>) {
        let hidden = self.names.iter().find(|hidden| ends_in(hidden, name));
        if let Some(hidden) = hidden.filter(|_| self.unsure.is_none() && !self.is_named()) {
            self.unsure = Some(Unsure::Elsewhere((*hidden).into()));
        }
    }

    fn is_named(&self) -> bool {
        let names = self.steps();
        let steps: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
        self.schema.names(&steps)
    }

    /// Where it is, in the steps of a pointer.
    fn steps(&self) -> Vec<Option<Cow<'a, str>>> {
        let name = |place: &Place<'a>| match place {
            Place::Member(name) => Some(name.text()),
            Place::Item(_) => None,
        };
        self.at.iter().map(name).collect()
    }

    /// As deep as the longest pattern: what no pattern leads into is copied whole.
    fn value(&mut self, node: Node<'a>, ways: &Ways<'_>) {
        if self.unsure.is_none() && ways.iter().any(|way| self.ends(node.kind(), way)) {
            self.unsure = Some(Unsure::Misplaced);
        }
        match node.kind() {
            _ if ways.is_empty() => self.copy(node),
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
            _ => node.write_compact(&mut self.out),
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
        let at = self.steps();
        let at: Vec<Option<&str>> = at.iter().map(Option::as_deref).collect();
        let rest: Vec<Option<&str>> = way.steps.iter().map(Step::name).collect();
        self.schema.is_misplaced(&at, kind, &rest)
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
            name.write_compact(&mut self.out);
            self.out.push(b':');
        }
        match hide {
            // One length for all, so that it tells nothing.
            Some(_) if node.kind() == Kind::String => self.out.extend_from_slice(b"\"***\""),
            Some(_) => self.out.extend_from_slice(b"null"),
            None => {
                self.at.push(place);
                if let (Place::Member(name), true) = (place, below.is_empty()) {
                    self.look(name);
                }
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
