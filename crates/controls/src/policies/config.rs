//! The section `policies`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use diagnostics::{Diagnostic, Diagnostics, Severity};
use schemars::JsonSchema;
use serde::de::{Error, MapAccess, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use spec::{FileRef, Mode, Node, Spanned, Strings};

use super::link_config::LinkSection;
use super::offset;
use crate::callers::ClaimPath;
use crate::pattern::{Pattern, Step};
use crate::scope::{NamedFile, NamedKind};

/// Most files and links of a section, claims and values of bodies.
const MOST: usize = 1_000;

/// Policies in Cedar that say who may do what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Policies")]
pub struct PoliciesSection {
    /// whether calls are refused, or only recorded
    pub mode: Mode,
    /// files with policies
    pub files: Vec<Spanned<FileRef>>,
    /// policies made of templates, by names of your choice, which decisions have
    pub links: BTreeMap<String, Spanned<LinkSection>>,
    /// claims that policies read, by their names in `context.claims`, and their types
    pub claims: BTreeMap<String, Spanned<ClaimSection>>,
    /// issuers whose claims and roles policies are told, by their names; `applications` for API keys, or `any`
    pub issuer: Option<Spanned<Strings>>,
    /// values of bodies that policies read, by their names in `resource`, and where they stand
    pub body: BTreeMap<String, Spanned<BodySection>>,
    /// what is added to UTC for `context.time`, as in `+01:00`
    pub utc_offset: Option<Spanned<String>>,
    /// how a call is refused: `forbidden` is 403, `not_found` is 404, as if there were no such thing
    pub refuse: RefuseAs,
}

impl Default for PoliciesSection {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            files: Vec::new(),
            links: BTreeMap::new(),
            claims: BTreeMap::new(),
            issuer: None,
            body: BTreeMap::new(),
            utc_offset: None,
            refuse: RefuseAs::Forbidden,
        }
    }
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PoliciesRefuse")]
pub enum RefuseAs {
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PolicyType")]
pub enum TypeName {
    /// A text, or a whole number as it is written.
    #[default]
    String,
    /// A whole number.
    Long,
    /// True or false.
    Bool,
    /// Texts: of a list each, else the one.
    Strings,
}

impl TypeName {
    pub(super) const fn kind(self) -> cedar::names::Kind {
        match self {
            Self::String => cedar::names::Kind::Text,
            Self::Long => cedar::names::Kind::Long,
            Self::Bool => cedar::names::Kind::Bool,
            Self::Strings => cedar::names::Kind::Texts,
        }
    }
}

/// A claim: its type, where its name is its own; else where it is as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimSection {
    /// Where it is; without it under its own name.
    pub(super) claim: Option<ClaimPath>,
    /// What it is.
    pub(super) of: TypeName,
}

/// The long form of a claim.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyClaim")]
struct LongClaim {
    /// its name, or where it is in the claims
    claim: ClaimPath,
    /// its type
    #[serde(rename = "type", default)]
    of: TypeName,
}

/// A value of bodies: where it stands, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySection {
    pub(super) pointer: Pattern,
    pub(super) of: TypeName,
    pub(super) absent: OnAbsent,
}

/// The long form of a value of bodies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyBody")]
struct LongBody {
    /// where it stands: a JSON Pointer, `*` for every item or member
    pointer: Pattern,
    /// its type; of what stands in several places it is `strings`
    #[serde(rename = "type", default)]
    of: TypeName,
    /// a call without it, or with `null`
    #[serde(default)]
    absent: OnAbsent,
}

/// What becomes of a call that has no value where the contract declares one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PolicyAbsent")]
pub enum OnAbsent {
    /// It is refused, and policies need not ask whether there is one.
    #[default]
    Refuse,
    /// Policies have to ask (`resource has …`).
    Pass,
}

impl<'de> Deserialize<'de> for ClaimSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = ClaimSection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`string`, `long`, `bool`, `strings`, or `claim` and `type`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ClaimSection, E> {
                let of = match text {
                    "string" => TypeName::String,
                    "long" => TypeName::Long,
                    "bool" => TypeName::Bool,
                    "strings" => TypeName::Strings,
                    _ => {
                        let help = "write `string`, `long`, `bool` or `strings`";
                        return Err(spec::fault(format_args!("`{text}` is no type of a claim"), help));
                    }
                };
                Ok(ClaimSection { claim: None, of })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClaimSection, A::Error> {
                let LongClaim { claim, of } = LongClaim::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ClaimSection { claim: Some(claim), of })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for ClaimSection {
    fn schema_name() -> Cow<'static, str> {
        "PolicyClaimRule".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (short, long) = (generator.subschema_for::<TypeName>(), generator.subschema_for::<LongClaim>());
        schemars::json_schema!({ "anyOf": [short, long] })
    }
}

impl<'de> Deserialize<'de> for BodySection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = BodySection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON Pointer, or `pointer`, `type` and `absent`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<BodySection, E> {
                let pointer = Pattern::parse(text).ok_or_else(|| {
                    let help = "write one as in `/customer_id`";
                    spec::fault(format_args!("`{text}` is no JSON Pointer into a body (RFC 6901)"), help)
                })?;
                Ok(BodySection { pointer, of: TypeName::String, absent: OnAbsent::Refuse })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BodySection, A::Error> {
                let LongBody { pointer, of, absent } =
                    LongBody::deserialize(MapAccessDeserializer::new(map))?;
                Ok(BodySection { pointer, of, absent })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for BodySection {
    fn schema_name() -> Cow<'static, str> {
        "PolicyBodyRule".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (short, long) = (generator.subschema_for::<Pattern>(), generator.subschema_for::<LongBody>());
        schemars::json_schema!({ "anyOf": [short, long] })
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(PoliciesSection)
}

/// The files that it names.
#[must_use]
pub fn files(node: &Node) -> Vec<NamedFile> {
    let items = node.get("files").map(Node::items).unwrap_or_default();
    let named = |item: &Node| {
        let path = item.as_str()?.parse::<FileRef>().ok()?.path().to_owned();
        Some(NamedFile { path, span: item.span, kind: NamedKind::Rules })
    };
    items.iter().filter_map(named).collect()
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let before = out.count(Severity::Error);
    let Some(section) = spec::read::<PoliciesSection>(node, out) else { return };
    // What was left out since it cannot be read is not missed a second time.
    if out.count(Severity::Error) == before {
        check(&section, node, out);
    }
}

/// Reports what is wrong with a section that can be read: as it is written, and as it came to be of several.
pub(super) fn check(section: &PoliciesSection, node: &Node, out: &mut Diagnostics) {
    let mut error = |message: String, help: &str, span| {
        out.push(Diagnostic::error("policies", message).at(span).help(help));
    };
    let counts = [section.files.len(), section.links.len(), section.claims.len(), section.body.len()];
    if counts.iter().any(|count| *count > MOST) {
        error(
            format!("a list in it has more than {MOST} entries"),
            "put policies into fewer files",
            node.span,
        );
    }
    if let Some(offset) = section.utc_offset.as_ref().filter(|text| offset::of(&text.value).is_none()) {
        let message = format!("`{}` is no distance from UTC", offset.value);
        error(message, "write one as in `+01:00` or `-05:30`", offset.span);
    }
    for (name, claim) in &section.claims {
        if claim.value.claim.is_none() && ClaimPath::parse(name).is_err() {
            let message = format!("`{name}` is not the name of one claim");
            error(message, "write where it is: `{ claim: /realm_access/roles, type: strings }`", claim.span);
        }
    }
    for (name, value) in &section.body {
        let several = value.value.pointer.steps().iter().any(|step| !matches!(step, Step::Name(_)));
        if several && value.value.of != TypeName::Strings {
            let message = format!("`{name}` may stand in several places");
            error(message, "write `type: strings`: policies read it as a set", value.span);
        }
    }
    for (name, link) in &section.links {
        super::links::check(name, link, section, &mut error);
    }
}
