//! JSON, off the tape.

use std::collections::BTreeSet;

use engine::verdict::{Refusal, Violation};
use engine::{bounds, codes};
use tape::{Kind, Node};

use super::{Found, step, violation};

/// Narrower bounds than those that the tape was made with; `None` sets none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) depth: Option<u32>,
    pub(super) values: Option<u32>,
    pub(super) members: Option<u32>,
    pub(super) items: Option<u32>,
    pub(super) name: Option<usize>,
    pub(super) string: Option<usize>,
    pub(super) number: Option<usize>,
    /// Whether names that differ in case alone are refused in one object.
    pub(super) folded: bool,
    /// Whether numbers are held to what every reader reads alike (RFC 7493 section 2.2).
    pub(super) interoperable: bool,
}

/// Where a value stands.
enum At<'a> {
    Name(std::borrow::Cow<'a, str>),
    Item(usize),
}

struct Walk<'a, 'l> {
    limits: &'l Limits,
    prefix: &'l str,
    path: Vec<At<'a>>,
    values: u32,
    found: Vec<Violation>,
}

impl Limits {
    /// Checks a value that stands at `prefix`; all violations at once, up to [`bounds::VIOLATIONS`].
    pub(super) fn check(&self, root: Node<'_>, prefix: &str) -> Found {
        if *self == Self::default() {
            return Ok(());
        }
        let mut walk = Walk { limits: self, prefix, path: Vec::new(), values: 0, found: Vec::new() };
        walk.value(root, 0);
        let Some(first) = walk.found.first() else { return Ok(()) };
        let more = walk.found.len() - 1;
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        let detail = format!("{} at `{}`{rest}", first.message, super::shown(&first.pointer));
        let mut refusal = Refusal::new(&codes::BODY_OUT_OF_BOUNDS, detail);
        refusal.violations = walk.found;
        Err(refusal)
    }
}

impl<'a> Walk<'a, '_> {
    fn found(&mut self, message: &str) {
        if self.found.len() < bounds::VIOLATIONS {
            let mut pointer = self.prefix.to_owned();
            for at in &self.path {
                pointer.push('/');
                match at {
                    At::Name(name) => pointer.push_str(&step(name)),
                    At::Item(number) => pointer.push_str(&number.to_string()),
                }
            }
            self.found.push(violation(&pointer, message));
        }
    }

    /// The depth of a tape is bounded, so recursion is.
    fn value(&mut self, node: Node<'a>, depth: u32) {
        self.values = self.values.saturating_add(1);
        if let Some(most) = self.limits.values.filter(|most| self.values == most.saturating_add(1)) {
            self.found(&format!("must have at most {most} values in all"));
        }
        match node.kind() {
            Kind::Object | Kind::Array => self.container(node, depth + 1),
            Kind::String => self.text(node),
            Kind::Number => self.number(node),
            _ => {}
        }
    }

    fn container(&mut self, node: Node<'a>, depth: u32) {
        if let Some(most) = self.limits.depth.filter(|most| depth > *most) {
            // What is below is deeper still: said once.
            return self.found(&format!("must not be nested deeper than {most}"));
        }
        let (bound, what) = match node.kind() {
            Kind::Object => (self.limits.members, "members"),
            _ => (self.limits.items, "items"),
        };
        if let Some(most) = bound.filter(|most| node.len() > *most as usize) {
            self.found(&format!("must have at most {most} {what}"));
        }
        for (number, item) in node.items().enumerate() {
            self.path.push(At::Item(number));
            self.value(item, depth);
            self.path.pop();
        }
        let mut folded = BTreeSet::new();
        for (name, value) in node.members() {
            let long = self.limits.name.filter(|most| name.len() > *most);
            let again = self.limits.folded && !folded.insert(name.to_lowercase());
            self.path.push(At::Name(name));
            if let Some(most) = long {
                self.found(&format!("must have a name of at most {most} bytes"));
            }
            if again {
                self.found("must have a name that differs from others in more than case");
            }
            self.value(value, depth);
            self.path.pop();
        }
    }

    fn text(&mut self, node: Node<'a>) {
        let Some(most) = self.limits.string else { return };
        if node.as_str().is_some_and(|text| text.len() > most) {
            self.found(&format!("must be at most {most} bytes long"));
        }
    }

    fn number(&mut self, node: Node<'a>) {
        let Some(number) = node.as_number() else { return };
        if let Some(most) = self.limits.number.filter(|most| number.text().len() > *most) {
            self.found(&format!("must be written in at most {most} bytes"));
        }
        if self.limits.interoperable && !is_interoperable(number) {
            self.found("must be a number that every reader reads alike (RFC 7493)");
        }
    }
}

/// Whole numbers within ±(2^53 − 1), others within the range of a double.
fn is_interoperable(number: tape::Number<'_>) -> bool {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    let text = number.text();
    let whole = !text.contains(['.', 'e', 'E']);
    match text.parse::<f64>() {
        Ok(value) if whole => value.abs() <= EXACT,
        Ok(value) => value.is_finite(),
        Err(_) => false,
    }
}
