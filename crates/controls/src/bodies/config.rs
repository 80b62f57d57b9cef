//! The section `bodies`.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics};
use engine::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Mode, Node, Size, Spanned};

use super::Bodies;
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// A content coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950 around RFC 1951.
    Deflate,
}

impl Coding {
    pub(super) const ALL: [Self; 2] = [Self::Gzip, Self::Deflate];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// How request bodies are decoded, and how large they and their insides may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Bodies")]
pub struct BodiesSection {
    /// whether bodies out of bounds are refused, or only recorded
    pub mode: Mode,
    /// longest body, decoded
    pub max: Spanned<Size>,
    /// content codings that are accepted: `gzip`, `deflate`; they are undone before anything reads the body
    pub codings: Vec<Coding>,
    /// how many times longer than sent a decoded body may be
    #[schemars(range(min = 1, max = 1000))]
    pub ratio: u32,
    /// bounds inside JSON
    pub json: JsonSection,
}

impl Default for BodiesSection {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            max: Spanned::nowhere(Size::from_bytes(engine::bounds::BODY_BYTES)),
            codings: Vec::new(),
            ratio: 100,
            json: JsonSection::default(),
        }
    }
}

/// How large each dimension of a JSON body may be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "JsonBounds")]
pub struct JsonSection {
    /// arrays and objects inside each other
    #[schemars(range(min = 1, max = 512))]
    pub depth: u32,
    /// values in all
    #[schemars(range(min = 1))]
    pub values: u32,
    /// members of one object
    pub members: u32,
    /// items of one array
    pub items: u32,
    /// length of a member's name
    pub name: Size,
    /// length of a string
    pub string: Size,
    /// length of a number
    pub number: Size,
}

impl Default for JsonSection {
    fn default() -> Self {
        let tape::Bounds { depth, values, members, items, name_bytes, string_bytes, number_bytes } =
            tape::Bounds::default();
        let size = |bytes: u32| Size::from_bytes(u64::from(bytes));
        Self {
            depth,
            values,
            members,
            items,
            name: size(name_bytes),
            string: size(string_bytes),
            number: size(number_bytes),
        }
    }
}

impl JsonSection {
    pub(super) fn bounds(&self) -> tape::Bounds {
        let bytes = |size: Size| u32::try_from(size.bytes()).unwrap_or(u32::MAX);
        tape::Bounds {
            depth: self.depth,
            values: self.values,
            members: self.members,
            items: self.items,
            name_bytes: bytes(self.name),
            string_bytes: bytes(self.string),
            number_bytes: bytes(self.number),
        }
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(BodiesSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let section: Option<BodiesSection> = spec::read(node, out);
    if let Some(section) = section {
        check_ranges(&section, Some(node), out);
    }
}

/// Compiles it for an operation: where the contract declares a body, or the document has the section.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    if scope.kind != OperationKind::Declared {
        return Vec::new();
    }
    let declared = scope.contract.is_some_and(|operation| operation.request.has_body());
    if scope.contract.is_none() && scope.section.is_none() {
        return Vec::new();
    }
    let reads = declared || scope.contract.is_none();
    let span = scope.section.map(|node| node.span);
    let shared = scope.api.share(&format!("{}:{reads}", scope.section_key("bodies")), || {
        let section: BodiesSection = match scope.section {
            None => BodiesSection::default(),
            Some(node) => spec::read(node, out)?,
        };
        check_ranges(&section, scope.section, out)?;
        let max = section.max.bytes();
        let control: Arc<dyn Control> = Arc::new(Bodies::new(&section, reads));
        let mode = mode(section.mode);
        Some(Compiled {
            control,
            mode,
            response_mode: mode,
            body_limit: reads.then_some(max),
            held_to: HeldTo::Configuration,
            span,
        })
    });
    shared.iter().filter(|compiled| compiled.mode != engine::Mode::Off).cloned().collect()
}

fn check_ranges(section: &BodiesSection, node: Option<&Node>, out: &mut Diagnostics) -> Option<()> {
    let max = section.max;
    let bound = engine::bounds::WHOLE_BYTES / 4;
    if max.bytes() == 0 || max.bytes() > bound {
        let message = format!("`max: {}` is out of range", max.value);
        let help = format!(
            "write from `1B` to `{}`: bodies are held in memory while they are read",
            Size::from_bytes(bound)
        );
        out.push(Diagnostic::error("bodies", message).at(max.span).help(help));
        return None;
    }
    // Bodies are read and validated by recursion: the depth is bounded by the stack.
    let ranges = [
        ("ratio", section.ratio, 1..=1000),
        ("json.depth", section.json.depth, 1..=512),
        ("json.values", section.json.values, 1..=u32::MAX),
    ];
    let mut good = Some(());
    for (key, value, range) in ranges.into_iter().filter(|(_, value, range)| !range.contains(value)) {
        let help = format!("write from {} to {}", range.start(), range.end());
        let at = node.map(|node| {
            let path: Vec<&str> = key.split('.').collect();
            node.at(&path).unwrap_or(node).span
        });
        let found = Diagnostic::error("bodies", format!("`{key}: {value}` is out of range"));
        out.push(found.maybe_at(at).help(help));
        good = None;
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_enforced() {
        for (ratio, depth, values, errors) in [
            (1, 1, 1, 0),
            (1000, 512, u32::MAX, 0),
            (0, 512, 1, 1),
            (1001, 512, 1, 1),
            (100, 0, 1, 1),
            (100, 4_000_000, 1, 1),
            (5000, 513, 0, 3),
        ] {
            let json = JsonSection { depth, values, ..JsonSection::default() };
            let section = BodiesSection { ratio, json, ..BodiesSection::default() };
            let mut out = Diagnostics::new();
            assert_eq!(check_ranges(&section, None, &mut out).is_some(), errors == 0);
            assert_eq!(out.count(diagnostics::Severity::Error), errors, "{ratio} {depth} {values}");
        }
    }
}
