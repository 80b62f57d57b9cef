//! Patterns of places in JSON: JSON Pointers (RFC 6901) in which `*` stands for every item of an array and every member of an
//! object, and `-` for every item of an array.
//!
//! They guard what upstreams read, so a name is found in whatever case and width it is written: many services read `Id` and `id` as
//! one. Patterns are parsed when a document is compiled; a walk makes nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use contract::Carries;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use tape::{Kind, Node};

/// Most steps of a pattern: deeper than bodies may be by default.
pub(crate) const STEPS: usize = 64;

/// Names that do not say what they are of: in a body they are of anything.
pub(crate) const PLAIN: [&str; 2] = ["id", "ids"];

/// The steps of a pointer, unescaped; `None` when it is none. The empty pointer has none.
pub(crate) fn steps(pointer: &str) -> Option<Vec<Box<str>>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(step).collect()
}

fn step(written: &str) -> Option<Box<str>> {
    let mut parts = written.split('~');
    let mut out = String::from(parts.next()?);
    for part in parts {
        let (escape, rest) = part.split_at_checked(1)?;
        out.push(match escape {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        out.push_str(rest);
    }
    Some(out.into())
}

/// Sections that name places in bodies.
const NAMING: [&str; 4] = ["message_security", "objects", "policies", "views"];

/// Whether a section of an API names places in bodies, so that its contract is asked whether it has them.
#[must_use]
pub fn named(api: &spec::Api) -> bool {
    let of_operations = api.operations.iter().map(|settings| &settings.sections);
    of_operations.chain([&api.sections]).flatten().any(|(name, _)| NAMING.contains(&name.as_str()))
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A member of this name, in any case; of an array the item of this number.
    Name(Box<str>),
    /// Every item or member.
    Any,
    /// Every item.
    Item,
}

impl Step {
    /// The name, of a step that is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Any | Self::Item => None,
        }
    }

    /// Whether it leads to a step of a schema: a member by its name, or an item.
    pub(crate) fn leads(&self, step: Option<&str>) -> bool {
        match (self, step) {
            (Self::Any, _) | (Self::Item, None) => true,
            (Self::Name(name), Some(step)) => same_name(name, step),
            (Self::Item, Some(_)) | (Self::Name(_), None) => false,
        }
    }
}

/// Steps of a schema as a pattern is written: a JSON Pointer (RFC 6901) in which `*` is any item.
pub(crate) fn written(steps: &[Option<&str>]) -> String {
    steps.iter().fold(String::new(), |pointer, step| contract::pointer::join(&pointer, step.unwrap_or("*")))
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: Box<str>,
    steps: Box<[Step]>,
}

/// What a walk along a pattern comes to; once for each way that it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    /// A value stands there.
    Value(Node<'a>),
    /// Nothing, or on the way there `null` or what has no items or members.
    Absent,
    /// On the way there is a value that has no such step: readers may make of it what they like.
    Misplaced,
}

impl Pattern {
    /// What bodies, or answers, of these operations have of it.
    pub(crate) fn carried<'o>(
        &self,
        operations: impl IntoIterator<Item = &'o Arc<contract::Operation>>,
        bodies: bool,
    ) -> Carries {
        let steps: Vec<Option<&str>> = self.steps.iter().map(Step::name).collect();
        let of = |operation: &Arc<contract::Operation>| {
            if bodies {
                operation.request.media().iter().map(|media| media.knows(&steps)).max()
            } else {
                operation.responses.media_of_all().map(|media| media.knows(&steps)).max()
            }
        };
        operations.into_iter().filter_map(of).max().unwrap_or(Carries::No)
    }

    /// Reads one; the root alone is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let steps: Vec<Step> = steps(text)?
            .into_iter()
            .map(|step| match &*step {
                "*" => Step::Any,
                "-" => Step::Item,
                _ => Step::Name(step),
            })
            .collect();
        let good = !steps.is_empty() && steps.len() <= STEPS;
        good.then(|| Self { written: text.into(), steps: steps.into() })
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Tells of every way along the pattern from `root`.
    pub(crate) fn walk<'a>(&self, root: Node<'a>, tell: &mut dyn FnMut(Found<'a>)) {
        walk(&self.steps, root, tell);
    }
}

/// As deep as the pattern is long.
pub(crate) fn walk<'a>(steps: &[Step], node: Node<'a>, tell: &mut dyn FnMut(Found<'a>)) {
    let Some((step, rest)) = steps.split_first() else { return tell(Found::Value(node)) };
    match (step, node.kind()) {
        (_, Kind::Null) => tell(Found::Absent),
        (Step::Any | Step::Item, Kind::Array) | (Step::Any, Kind::Object) if node.is_empty() => {
            tell(Found::Absent);
        }
        (Step::Any | Step::Item, Kind::Array) => node.items().for_each(|item| walk(rest, item, tell)),
        (Step::Any, Kind::Object) => node.members().for_each(|(_, member)| walk(rest, member, tell)),
        (Step::Name(name), Kind::Object) => {
            let mut found = false;
            for (written, member) in node.entries() {
                if is_name(name, written) {
                    found = true;
                    walk(rest, member, tell);
                }
            }
            if !found {
                tell(Found::Absent);
            }
        }
        (Step::Name(name), Kind::Array) => match name.parse().ok().and_then(|index| node.at(index)) {
            Some(item) => walk(rest, item, tell),
            None => tell(Found::Misplaced),
        },
        _ => tell(Found::Misplaced),
    }
}

/// Whether a member's name is one that a service may read as `name`.
pub(crate) fn is_name(name: &str, written: tape::Name<'_>) -> bool {
    match written.plain() {
        Some(plain) if plain.is_ascii() && name.is_ascii() => plain.eq_ignore_ascii_case(name.as_bytes()),
        _ => same_name(name, &written.text()),
    }
}

/// The same of a name that is read already. Letters count as one that some reader folds together (`K` and the Kelvin sign), and
/// a name ends at a NUL, as it does for readers in C.
pub(crate) fn same_name(name: &str, written: &str) -> bool {
    let written = written.split('\0').next().unwrap_or_default();
    name.eq_ignore_ascii_case(written)
        || (!(name.is_ascii() && written.is_ascii()) && folded(name).eq(folded(written)))
}

/// Whether a member's name is one that a service may read as `name`, or a path that ends in it (`or.customer_id`).
pub(crate) fn ends_in(name: &str, written: tape::Name<'_>) -> bool {
    if is_name(name, written) {
        return true;
    }
    let may_be_path = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'.' | b'[' | b'/'));
    if written.plain().is_some_and(|plain| plain.len() <= name.len() || !may_be_path(plain)) {
        return false;
    }
    let text = written.text();
    let last = text.split(['.', '[', ']', '/']).rfind(|piece| !piece.is_empty());
    last.is_some_and(|last| last.len() < text.len() && same_name(name, last))
}

/// By way of the upper case, in which the long s is an S; stops where names differ and makes nothing, since bodies have many names.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Pattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON Pointer")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Pattern, E> {
                Pattern::parse(text).ok_or_else(|| {
                    let help =
                        "write a pointer such as `/email` or `/items/*/email`; `~1` is a slash in a name";
                    spec::fault(format_args!("`{text}` names no place in JSON"), help)
                })
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "JsonPattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "a JSON Pointer (RFC 6901); `*` is every item or member, `-` every item",
            "pattern": "^/",
            "examples": ["/email", "/items/*/email"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape::{Bounds, Tape};

    fn found(pattern: &str, json: &str) -> String {
        let tape = Tape::parse(json.to_owned().into(), &Bounds::default()).unwrap();
        let mut all = Vec::new();
        Pattern::parse(pattern).unwrap().walk(tape.root(), &mut |found| {
            all.push(match found {
                Found::Value(node) => {
                    let mut out = Vec::new();
                    node.write_canonical(&mut out);
                    String::from_utf8(out).unwrap()
                }
                Found::Absent => String::from("absent"),
                Found::Misplaced => String::from("misplaced"),
            });
        });
        all.join(" ")
    }

    #[test]
    fn patterns_find_what_readers_may_read() {
        for (pattern, json, expected) in [
            ("/a", r#"{"a":1}"#, "1"),
            ("/a", r#"{"A":1,"b":2}"#, "1"),
            ("/a", r#"{"a":1,"A":2,"\u0041b":3,"\u0061b":4}"#, "1 2"),
            ("/kelvin", "{\"\u{212a}elvin\":1}", "1"),
            ("/\u{3c3}\u{3c2}", "{\"\u{3a3}\u{3a3}\":1}", "1"),
            ("/kelvin", "{\"\u{212a}elvi\u{3c3}\":1}", "absent"),
            // Readers in C end a name at a NUL.
            ("/a", r#"{"a\u0000b":1,"\u0000a":2}"#, "1"),
            ("/a", r#"{"b":1}"#, "absent"),
            ("/a", "null", "absent"),
            ("/a", "[1]", "misplaced"),
            ("/a", "3", "misplaced"),
            ("/a/b", r#"{"a":null}"#, "absent"),
            ("/a/b", r#"{"a":"x"}"#, "misplaced"),
            ("/a/b", r#"{"a":[{"b":1}]}"#, "misplaced"),
            ("/a/*/b", r#"{"a":[{"b":1},{"c":2},null,5]}"#, "1 absent absent misplaced"),
            ("/a/*/b", r#"{"a":{"x":{"b":1}}}"#, "1"),
            ("/a/-/b", r#"{"a":{"x":{"b":1}}}"#, "misplaced"),
            ("/a/-/b", r#"{"a":[{"b":1},{"b":2}]}"#, "1 2"),
            // A list of nothing is nothing, as is an object of nothing.
            ("/a/*", r#"{"a":[]}"#, "absent"),
            ("/a/-/b", r#"{"a":[]}"#, "absent"),
            ("/a/*/b", r#"{"a":{}}"#, "absent"),
            ("/a/1", r#"{"a":[1,2]}"#, "2"),
            ("/a/1", r#"{"a":{"1":3}}"#, "3"),
            ("/a~1b/~0c", r#"{"a/b":{"~c":1}}"#, "1"),
            ("/~01", r#"{"~1":1,"/":2}"#, "1"),
            ("/", r#"{"":1}"#, "1"),
        ] {
            assert_eq!(found(pattern, json), expected, "{pattern} {json}");
        }
    }

    #[test]
    fn what_names_no_place_is_no_pattern() {
        for text in ["", "a", "#/a", "/a~", "/a~2", "$.a"] {
            assert!(Pattern::parse(text).is_none(), "{text}");
        }
        assert!(Pattern::parse(&"/a".repeat(STEPS)).is_some());
        assert!(Pattern::parse(&"/a".repeat(STEPS + 1)).is_none());
    }
}
