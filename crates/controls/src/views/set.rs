//! Fields of bodies: what a caller may not set, and what a patch would tell of what is hidden.

use engine::{Call, Verdict};
use tape::Tape;

use super::{Views, against, refusal};
use crate::patch::{self, Touch, Use};
use crate::pattern::{self, Found, Pattern};
use crate::read_body::{self, Content};

impl Views {
    pub(super) fn check_body(&self, call: &mut Call) -> Verdict {
        let may_not = against(&self.rules.requests, call);
        let hidden = against(&self.rules.answers, call);
        if may_not.is_empty() && hidden.is_empty() {
            return Verdict::Allow;
        }
        let body = read_body::read(self.operation.as_deref(), call);
        for rule in &may_not {
            for pattern in &rule.at {
                if self.sets(&body, pattern) {
                    return refusal(rule, ("body", pattern.as_str()), "may not be set by this caller");
                }
            }
        }
        let (Content::Patch(tape) | Content::Both(tape)) = &body else { return Verdict::Allow };
        for rule in &hidden {
            for pattern in &rule.at {
                if tells(tape, pattern) {
                    return refusal(rule, ("body", pattern.as_str()), "may not be read by this caller");
                }
            }
        }
        Verdict::Allow
    }

    /// Whether a body sets a field, or may do so in a way that cannot be read here.
    fn sets(&self, body: &Content, pattern: &Pattern) -> bool {
        match body {
            Content::Empty => false,
            Content::Unread => true,
            // In text or bytes a service may find what the operation has in another form.
            Content::Flat => self.possible(pattern),
            Content::Json(tape) => self.has(tape, pattern),
            Content::Both(tape) => self.has(tape, pattern) || writes(tape, pattern),
            Content::Fields(tape) => read_body::has_alias(tape, pattern) || self.has(tape, pattern),
            Content::Patch(tape) => writes(tape, pattern),
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

    /// Whether a body of the operation may have such a place at all: where it may not, a value of another kind is none.
    fn possible(&self, pattern: &Pattern) -> bool {
        let steps: Vec<Option<&str>> = pattern.steps().iter().map(pattern::Step::name).collect();
        self.operation.as_ref().is_none_or(|operation| {
            operation.request.media().iter().any(|media| media.carries(&steps) != contract::Carries::No)
        })
    }
}

/// Whether a patch sets a field, from above too.
fn writes(tape: &Tape, pattern: &Pattern) -> bool {
    let mut writes = false;
    patch::touches(tape.root(), pattern, &mut |with, touch| match touch {
        Touch::Malformed => writes = true,
        Touch::Value(_) | Touch::Other => writes |= with == Use::Write,
        Touch::Above(node, rest) => pattern::walk(rest, node, &mut |found| {
            writes |= with == Use::Write && !matches!(found, Found::Absent);
        }),
    });
    writes
}

/// Whether a patch tells of a field, by testing it or by copying it to where it can be seen.
fn tells(tape: &Tape, pattern: &Pattern) -> bool {
    let mut tells = false;
    patch::touches(tape.root(), pattern, &mut |with, touch| {
        tells |= with == Use::Read || matches!(touch, Touch::Malformed);
    });
    tells
}
