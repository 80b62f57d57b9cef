//! Fields of bodies: what a caller may not set, and what a patch would tell of what is hidden.

use engine::{Call, Verdict};
use tape::{Kind, Node, Tape};

use super::{Views, against, refusal};
use crate::patch::{Patch, Touch, Use};
use crate::pattern::{self, Found, Pattern, Step, is_name};
use crate::read_body::{self, Content};

impl Views {
    pub(super) fn check_body(&self, call: &mut Call) -> Verdict {
        let may_not = against(&self.rules.requests, call);
        let hidden = against(&self.rules.answers, call);
        if may_not.is_empty() && hidden.is_empty() {
            return Verdict::Allow;
        }
        let body = read_body::read(self.operation.as_deref(), call);
        let patch = match &body {
            Content::Patch(tape) | Content::Both(tape) => Some(Patch::read(tape.root())),
            _ => None,
        };
        for rule in &may_not {
            for pattern in &rule.at {
                if self.sets(&body, patch.as_ref(), pattern) {
                    return refusal(rule, ("body", pattern.as_str()), "may not be set by this caller");
                }
            }
        }
        let Some(patch) = patch else { return Verdict::Allow };
        for rule in &hidden {
            for pattern in &rule.at {
                if tells(&patch, pattern) {
                    return refusal(rule, ("body", pattern.as_str()), "may not be read by this caller");
                }
            }
        }
        Verdict::Allow
    }

    /// Whether a body sets a field, or may do so in a way that cannot be read here.
    fn sets(&self, body: &Content, patch: Option<&Patch<'_>>, pattern: &Pattern) -> bool {
        let written = || patch.is_some_and(|patch| writes(patch, pattern));
        match body {
            Content::Empty => false,
            Content::Unread => true,
            // In text or bytes a service may find what the operation has in another form.
            Content::Flat => self.possible(pattern),
            Content::Json(tape) => self.has(tape, pattern),
            Content::Merge(tape) => self.merges(tape, pattern),
            Content::Both(tape) => self.has(tape, pattern) || written(),
            Content::Fields(tape) => read_body::has_alias(tape, pattern) || self.has(tape, pattern),
            Content::Patch(_) => written(),
        }
    }

    fn has(&self, tape: &Tape, pattern: &Pattern) -> bool {
        let mut has = false;
        pattern.walk(tape.root(), &mut |found| {
            has |= match found {
                Found::Value(_) => true,
                Found::Absent => false,
                Found::Misplaced => self.possible(pattern),
            };
        });
        has
    }

    /// Whether a merge patch sets a field, or puts what is no object above it.
    fn merges(&self, tape: &Tape, pattern: &Pattern) -> bool {
        match merge(pattern.steps(), tape.root()) {
            Merge::Sets => true,
            Merge::Replaces => self.possible(pattern),
            Merge::Leaves => false,
        }
    }

    /// Whether a body of the operation may have such a place at all: where it may not, a value of another kind is none.
    fn possible(&self, pattern: &Pattern) -> bool {
        let steps: Vec<Option<&str>> = pattern.steps().iter().map(pattern::Step::name).collect();
        self.operation.as_ref().is_none_or(|operation| {
            operation.request.media().iter().any(|media| media.carries(&steps) != contract::Carries::No)
        })
    }
}

/// What a merge patch does to a field; the later is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Merge {
    Leaves,
    /// It takes the place of something that the field may be in: what is no object replaces all that was there (RFC 7396 section 2).
    Replaces,
    Sets,
}

/// As deep as the pattern is long.
fn merge(steps: &[Step], node: Node<'_>) -> Merge {
    let Some((step, rest)) = steps.split_first() else { return Merge::Sets };
    let within = |leads: &dyn Fn(tape::Name<'_>) -> bool| {
        let below = node.entries().filter(|(name, _)| leads(*name));
        below.map(|(_, member)| merge(rest, member)).max().unwrap_or(Merge::Leaves)
    };
    match (step, node.kind()) {
        (Step::Name(name), Kind::Object) => within(&|written| is_name(name, written)),
        (Step::Any, Kind::Object) => within(&|_| true),
        // A list that has such an item sets the field; any list takes the place of the one before.
        (Step::Any | Step::Item, Kind::Array) => {
            node.items().map(|item| merge(rest, item)).fold(Merge::Replaces, Ord::max)
        }
        _ => Merge::Replaces,
    }
}

/// Whether a patch sets a field, from above too.
fn writes(patch: &Patch<'_>, pattern: &Pattern) -> bool {
    let mut writes = false;
    patch.touches(pattern, &mut |with, touch| match touch {
        Touch::Malformed => writes = true,
        Touch::Value(_) | Touch::Other => writes |= with == Use::Write,
        // What has the field not takes it away.
        Touch::Above(..) => writes |= with == Use::Write,
        Touch::Appended(node, rest) => pattern::walk(rest, node, &mut |found| {
            writes |= with == Use::Write && !matches!(found, Found::Absent);
        }),
    });
    writes
}

/// Whether a patch tells of a field, by testing it or by copying it to where it can be seen.
fn tells(patch: &Patch<'_>, pattern: &Pattern) -> bool {
    let mut tells = false;
    patch.touches(pattern, &mut |with, touch| {
        tells |= with == Use::Read || matches!(touch, Touch::Malformed);
    });
    tells
}
