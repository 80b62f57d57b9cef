//! The section `content`.

use diagnostics::{Diagnostic, Diagnostics};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Mode, Size};

use super::{Settings, compiled, form, json, multipart};
use crate::scope::{Compiled, OperationKind, OperationScope, mode};

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "OnContent")]
pub enum OnPart {
    /// The call is refused.
    Refuse,
    /// It passes.
    Allow,
}

/// How large the insides of bodies may be, and whether they are what their media type says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Content")]
pub struct ContentSection {
    /// whether bodies out of bounds are refused, or only recorded
    pub mode: Mode,
    /// what becomes of a body, or a part of one, that is something else than its media type says
    pub mismatch: OnPart,
    /// JSON: narrower bounds than those of `bodies.json`
    pub json: JsonSection,
    /// XML
    pub xml: XmlSection,
    /// `application/x-www-form-urlencoded`
    pub form: FormSection,
    /// `multipart/form-data`
    pub multipart: MultipartSection,
}

impl Default for ContentSection {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            mismatch: OnPart::Refuse,
            json: JsonSection::default(),
            xml: XmlSection::default(),
            form: FormSection::default(),
            multipart: MultipartSection::default(),
        }
    }
}

/// Narrower bounds than those of `bodies.json`; without a key, those hold alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ContentJson")]
pub struct JsonSection {
    /// arrays and objects inside each other
    pub depth: Option<u32>,
    /// values in all
    pub values: Option<u32>,
    /// members of one object
    pub members: Option<u32>,
    /// items of one array
    pub items: Option<u32>,
    /// length of a member's name, unescaped
    pub name: Option<Size>,
    /// length of a string, unescaped
    pub string: Option<Size>,
    /// length of a number as written
    pub number: Option<Size>,
    /// names in one object that differ in case alone
    pub folded: OnPart,
    /// numbers that not every reader reads alike: whole ones beyond 2^53, others beyond doubles (RFC 7493)
    pub inexact: OnPart,
}

impl Default for JsonSection {
    fn default() -> Self {
        Self {
            depth: None,
            values: None,
            members: None,
            items: None,
            name: None,
            string: None,
            number: None,
            folded: OnPart::Allow,
            inexact: OnPart::Allow,
        }
    }
}

/// Bounds of XML. Document types, and entities other than XML's own five, are always refused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ContentXml")]
pub struct XmlSection {
    /// elements inside each other
    #[schemars(range(min = 1, max = 512))]
    pub depth: u32,
    /// elements in all
    pub elements: u32,
    /// attributes of one element
    #[schemars(range(max = 1000))]
    pub attributes: u32,
    /// length of a name
    pub name: Size,
    /// length of an attribute's value
    pub value: Size,
    /// length of a text between two tags
    pub text: Size,
    /// namespaces that one element declares
    #[schemars(range(max = 1000))]
    pub namespaces: u32,
    /// length of a namespace's name
    pub namespace: Size,
    /// comments
    pub comments: OnPart,
    /// length of a comment, where they are allowed
    pub comment: Size,
    /// processing instructions
    pub instructions: OnPart,
}

impl Default for XmlSection {
    fn default() -> Self {
        let bounds = probe::xml::Bounds::default();
        let size = |bytes: usize| Size::from_bytes(bytes as u64);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            depth: count(bounds.depth),
            elements: count(bounds.elements),
            attributes: count(bounds.attributes),
            name: size(bounds.name),
            value: size(bounds.value),
            text: size(bounds.text),
            namespaces: count(bounds.namespaces),
            namespace: size(bounds.namespace),
            comments: OnPart::Refuse,
            comment: Size::from_bytes(1024),
            instructions: OnPart::Refuse,
        }
    }
}

/// Bounds of forms; lengths are those after decoding.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ContentForm")]
pub struct FormSection {
    /// fields in all, 1024 at most
    #[schemars(range(max = 1024))]
    pub fields: u32,
    /// length of a field's name
    pub name: Size,
    /// length of a field's value
    pub value: Size,
    /// fields that are there more than once
    pub repeated: OnPart,
}

impl Default for FormSection {
    fn default() -> Self {
        Self {
            fields: 1024,
            name: Size::from_bytes(256),
            value: Size::from_bytes(1024 * 1024),
            repeated: OnPart::Allow,
        }
    }
}

/// Bounds of multipart bodies. `filename*`, transfer encodings, and what else two readers read differently, are always refused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ContentMultipart")]
pub struct MultipartSection {
    /// parts in all, 256 at most
    #[schemars(range(max = 256))]
    pub parts: u32,
    /// parts that are files
    #[schemars(range(max = 256))]
    pub files: u32,
    /// length of a part's name
    pub name: Size,
    /// length of a file's name
    pub filename: Size,
    /// length of a part's content; without it the body's own bound holds alone
    pub part: Option<Size>,
    /// parts that are multipart themselves
    pub nested: OnPart,
}

impl Default for MultipartSection {
    fn default() -> Self {
        Self {
            parts: 256,
            files: 32,
            name: Size::from_bytes(256),
            filename: Size::from_bytes(255),
            part: None,
            nested: OnPart::Refuse,
        }
    }
}

impl ContentSection {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            agree: self.mismatch == OnPart::Refuse,
            json: self.json.limits(),
            xml: self.xml.bounds(),
            form: form::Limits {
                fields: self.form.fields as usize,
                name: self.form.name.as_usize(),
                value: self.form.value.as_usize(),
                repeated: self.form.repeated == OnPart::Allow,
            },
            multipart: multipart::Limits {
                parts: self.multipart.parts as usize,
                files: self.multipart.files as usize,
                name: self.multipart.name.as_usize(),
                filename: self.multipart.filename.as_usize(),
                part: self.multipart.part.map_or(usize::MAX, Size::as_usize),
                nested: self.multipart.nested,
            },
        }
    }
}

impl JsonSection {
    fn limits(&self) -> json::Limits {
        json::Limits {
            depth: self.depth,
            values: self.values,
            members: self.members,
            items: self.items,
            name: self.name.map(Size::as_usize),
            string: self.string.map(Size::as_usize),
            number: self.number.map(Size::as_usize),
            folded: self.folded == OnPart::Refuse,
            interoperable: self.inexact == OnPart::Refuse,
        }
    }
}

impl XmlSection {
    fn bounds(&self) -> probe::xml::Bounds {
        probe::xml::Bounds {
            depth: self.depth as usize,
            elements: self.elements as usize,
            attributes: self.attributes as usize,
            name: self.name.as_usize(),
            value: self.value.as_usize(),
            text: self.text.as_usize(),
            namespaces: self.namespaces as usize,
            namespace: self.namespace.as_usize(),
            comment: (self.comments == OnPart::Allow).then(|| self.comment.as_usize()),
            instructions: self.instructions == OnPart::Allow,
        }
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ContentSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let section: Option<ContentSection> = spec::read(node, out);
    if let Some(section) = section {
        check_ranges(&section, node, out);
    }
}

/// Compiles it for an operation: where the contract declares a body, or the document has the section.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let declared = scope.contract.is_some_and(|operation| operation.request.has_body());
    let wanted = declared || (scope.contract.is_none() && scope.section.is_some());
    if scope.kind != OperationKind::Declared || !wanted {
        return Vec::new();
    }
    let shared = scope.api.share(&scope.section_key("content"), || {
        let section: ContentSection = match scope.section {
            None => ContentSection::default(),
            Some(node) => {
                let section = spec::read(node, out)?;
                check_ranges(&section, node, out)?;
                section
            }
        };
        let mode = mode(section.mode);
        Some(compiled(&section, mode, scope.section.map(|node| node.span)))
    });
    shared.iter().filter(|compiled| compiled.mode != engine::Mode::Off).cloned().collect()
}

/// Bounds that something else depends on: the checks on attributes take time by the square of their number, and the readers of
/// forms and multipart have bounds of their own.
fn check_ranges(section: &ContentSection, node: &spec::Node, out: &mut Diagnostics) -> Option<()> {
    let ranges = [
        ("xml.depth", section.xml.depth, 1..=512),
        ("xml.attributes", section.xml.attributes, 0..=1000),
        ("xml.namespaces", section.xml.namespaces, 0..=1000),
        ("form.fields", section.form.fields, 0..=1024),
        ("multipart.parts", section.multipart.parts, 0..=256),
        ("multipart.files", section.multipart.files, 0..=256),
    ];
    let mut good = Some(());
    for (key, value, range) in ranges.into_iter().filter(|(_, value, range)| !range.contains(value)) {
        let path: Vec<&str> = key.split('.').collect();
        let help = format!("write from {} to {}", range.start(), range.end());
        let found = Diagnostic::error("content", format!("`{key}: {value}` is out of range"));
        out.push(found.at(node.at(&path).unwrap_or(node).span).help(help));
        good = None;
    }
    good
}
