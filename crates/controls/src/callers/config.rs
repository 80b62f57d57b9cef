//! Callers as sections write them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use diagnostics::{Diagnostics, Span};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spec::Strings;

use super::trust::{ANY, Trust};
use super::{ClaimPath, ClaimRule, Traits};
use crate::security::{Issuers, bit, scope_names};

const CLAIM_HELP: &str =
    "write the claim's name, or a pointer such as `/realm_access/roles` (a slash in a name is `~1`)";

impl<'de> Deserialize<'de> for ClaimPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = ClaimPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a claim")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ClaimPath, E> {
                ClaimPath::parse(text).map_err(|why| spec::fault(why, CLAIM_HELP))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for ClaimPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl JsonSchema for ClaimPath {
    fn schema_name() -> Cow<'static, str> {
        "ClaimPath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "a claim: its name, or a JSON Pointer into the claims",
            "examples": ["department", "/realm_access/roles"]
        })
    }
}

/// One claim or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimPaths(pub Vec<ClaimPath>);

impl<'de> Deserialize<'de> for ClaimPaths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &String| ClaimPath::parse(text).map_err(|why| spec::fault(why, CLAIM_HELP));
        let Strings(written) = Strings::deserialize(deserializer)?;
        written.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for ClaimPaths {
    fn schema_name() -> Cow<'static, str> {
        "ClaimPaths".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<ClaimPath>();
        schemars::json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
    }
}

/// Values of a claim: one, or a list of which one will do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClaimValues(Vec<String>);

impl<'de> Deserialize<'de> for ClaimValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = ClaimValues;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number, `true`, `false`, or a list of these")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ClaimValues, E> {
                Ok(ClaimValues(vec![text.to_owned()]))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<ClaimValues, E> {
                Ok(ClaimValues(vec![value.to_string()]))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<ClaimValues, E> {
                Ok(ClaimValues(vec![value.to_string()]))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<ClaimValues, E> {
                Ok(ClaimValues(vec![value.to_string()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<ClaimValues, A::Error> {
                let mut all = Vec::new();
                while let Some(ClaimValues(one)) = seq.next_element()? {
                    all.extend(one);
                }
                Ok(ClaimValues(all))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for ClaimValues {
    fn schema_name() -> Cow<'static, str> {
        "ClaimValues".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let scalar = serde_json::json!({ "type": ["string", "integer", "boolean"] });
        schemars::json_schema!({ "anyOf": [scalar, { "type": "array", "items": scalar }] })
    }
}

/// Claims with their values.
pub type ClaimsSection = BTreeMap<ClaimPath, ClaimValues>;

/// What one caller carries, all of it: a role by its name, or roles, scopes and claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallerSection(TraitsSection);

/// The long form of a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "CallerTraits")]
struct TraitsSection {
    /// scopes, all of them
    scopes: Strings,
    /// roles, all of them
    roles: Strings,
    /// claims and the values of which each must have one
    claims: ClaimsSection,
    /// issuers that are believed, by their names; `applications` for API keys, or `any`
    issuer: Option<Strings>,
}

impl TraitsSection {
    /// Whether it leaves nobody out.
    fn is_everybody(&self) -> bool {
        let any = |named: &Strings| named.0.iter().all(|name| name == ANY);
        let asks = !self.scopes.0.is_empty() || !self.roles.0.is_empty() || !self.claims.is_empty();
        !asks && self.issuer.as_ref().is_none_or(any)
    }
}

impl<'de> Deserialize<'de> for CallerSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = CallerSection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a role, or `roles`, `scopes` and `claims`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CallerSection, E> {
                if text.is_empty() {
                    return Err(spec::fault("a role without a name", "write the name of a role"));
                }
                let roles = Strings(vec![text.to_owned()]);
                Ok(CallerSection(TraitsSection { roles, ..TraitsSection::default() }))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<CallerSection, A::Error> {
                let section = TraitsSection::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                if section.is_everybody() {
                    let help = "name a role, or write `roles`, `scopes`, `claims` or `issuer`";
                    return Err(spec::fault("an entry that asks for nothing means every caller", help));
                }
                Ok(CallerSection(section))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for CallerSection {
    fn schema_name() -> Cow<'static, str> {
        "CallerRule".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let long = generator.subschema_for::<TraitsSection>();
        schemars::json_schema!({ "anyOf": [{ "type": "string", "minLength": 1 }, long] })
    }
}

impl Trust<'_> {
    /// What a section says of callers, compiled; `at` is where it says so.
    pub fn callers(&self, all: &[CallerSection], at: Span, out: &mut Diagnostics) -> super::Callers {
        super::Callers::new(self.each(all, None, at, out), self.roles.clone())
    }

    /// The descriptions themselves; where `within` names who is believed, they need not.
    pub fn each(
        &self,
        all: &[CallerSection],
        within: Option<&Strings>,
        at: Span,
        out: &mut Diagnostics,
    ) -> Vec<Traits> {
        let one = |CallerSection(one): &CallerSection| {
            let issuer = one.issuer.as_ref().or(within);
            self.traits((&one.scopes, &one.roles, &one.claims), issuer, at, out)
        };
        all.iter().map(one).collect()
    }

    /// Scopes, roles and claims, and who has to vouch for them, compiled.
    pub fn traits(
        &self,
        (scopes, roles, claims): (&Strings, &Strings, &ClaimsSection),
        issuer: Option<&Strings>,
        at: Span,
        out: &mut Diagnostics,
    ) -> Traits {
        let names = scope_names(self.scope.api);
        // A scope without a number can be carried by no token: one number past all others refuses.
        let scope = |name: &String| (bit(&names, name).unwrap_or(names.len()), name.as_str().into());
        let rule = |(path, values): (&ClaimPath, &ClaimValues)| ClaimRule {
            path: path.clone(),
            values: values.0.iter().map(|value| value.as_str().into()).collect(),
        };
        Traits {
            claims: claims.iter().map(rule).collect(),
            issuers: self.of_traits(issuer, (roles, claims), at, out),
            ..Traits::new(
                scopes.0.iter().map(scope).collect(),
                roles.0.iter().map(|role| role.as_str().into()).collect(),
            )
        }
    }

    /// Who has to vouch for what a description asks for. Scopes are the contract's own, and whoever the API takes tokens of gives them.
    fn of_traits(
        &self,
        issuer: Option<&Strings>,
        (roles, claims): (&Strings, &ClaimsSection),
        at: Span,
        out: &mut Diagnostics,
    ) -> Issuers {
        let by_role = !roles.0.is_empty() && !self.says_of_roles;
        if issuer.is_some() || by_role || !claims.is_empty() {
            self.issuers(issuer, at, out)
        } else {
            Issuers::Any
        }
    }
}
