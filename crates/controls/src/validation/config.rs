//! The section `validation`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use contract::{OnUndeclared, Undeclared};
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use spec::Mode;

use super::{Settings, Validation};
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// How calls and answers are held to the contract.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Validation")]
pub struct ValidationSection {
    /// whether requests that violate the contract are refused, or only recorded
    pub request: Mode,
    /// whether answers that violate the contract are withheld, or only recorded
    pub response: Mode,
    /// what becomes of what the contract does not declare: one word for every place, or a word for each; of the whole API only
    pub undeclared: UndeclaredSection,
    /// whether bodies go on in one canonical spelling instead of as they came
    pub canonical: bool,
    /// whether bodies of media types that nothing here can read pass unread
    pub opaque: Opaque,
}

impl Default for ValidationSection {
    fn default() -> Self {
        Self {
            request: Mode::Enforce,
            response: Mode::Shadow,
            undeclared: UndeclaredSection::default(),
            canonical: false,
            opaque: Opaque::Refuse,
        }
    }
}

/// What becomes of a body that nothing here can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Opaque {
    /// An operation that declares one is an error.
    Refuse,
    /// It passes.
    Accept,
}

/// A word of `undeclared`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// A violation.
    Refuse,
    /// Removed before the call goes on.
    Strip,
    /// Goes on, and is noted in the decision.
    Report,
    /// Goes on.
    Allow,
}

impl Word {
    const fn of(what: OnUndeclared) -> Self {
        match what {
            OnUndeclared::Refuse => Word::Refuse,
            OnUndeclared::Strip => Word::Strip,
            OnUndeclared::Report => Word::Report,
            OnUndeclared::Allow => Word::Allow,
        }
    }

    const fn get(self) -> OnUndeclared {
        match self {
            Word::Refuse => OnUndeclared::Refuse,
            Word::Strip => OnUndeclared::Strip,
            Word::Report => OnUndeclared::Report,
            Word::Allow => OnUndeclared::Allow,
        }
    }
}

/// `undeclared`: one word, or one for each place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UndeclaredSection(Places);

impl UndeclaredSection {
    pub(super) fn get(self) -> Undeclared {
        let Places { query, cookie, header, property } = self.0;
        Undeclared {
            query: query.get(),
            cookie: cookie.get(),
            header: header.get(),
            property: property.get(),
        }
    }
}

/// The long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Places {
    /// query parameters
    query: Word,
    /// cookies
    cookie: Word,
    /// header fields; those that HTTP itself and every client use are never undeclared
    header: Word,
    /// properties of JSON and form bodies where the schema does not decide
    property: Word,
}

impl Default for Places {
    fn default() -> Self {
        let Undeclared { query, cookie, header, property } = Undeclared::default();
        Self {
            query: Word::of(query),
            cookie: Word::of(cookie),
            header: Word::of(header),
            property: Word::of(property),
        }
    }
}

impl<'de> Deserialize<'de> for UndeclaredSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = UndeclaredSection;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`refuse`, `strip`, `report`, `allow`, or a word for each of `query`, `cookie`, `header`, `property`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<UndeclaredSection, E> {
                let word = match text {
                    "refuse" => Word::Refuse,
                    "strip" => Word::Strip,
                    "report" => Word::Report,
                    "allow" => Word::Allow,
                    other => {
                        let help = "write `refuse`, `strip`, `report` or `allow`";
                        return Err(spec::fault(
                            format_args!("`{other}` says nothing of what is undeclared"),
                            help,
                        ));
                    }
                };
                Ok(UndeclaredSection(Places { query: word, cookie: word, header: word, property: word }))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<UndeclaredSection, A::Error> {
                Places::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(UndeclaredSection)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for UndeclaredSection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Undeclared".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let word = generator.subschema_for::<Word>();
        let places = generator.subschema_for::<Places>();
        schemars::json_schema!({ "anyOf": [word, places] })
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ValidationSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let _: Option<ValidationSection> = spec::read(node, out);
}

/// What an API's section says of the undeclared, for the import of its contract. Faults in the section are reported when the
/// control is compiled.
#[must_use]
pub fn undeclared(settings: &spec::Api) -> Undeclared {
    let section = settings.section("validation");
    let read = section.and_then(|node| spec::read::<ValidationSection>(node, &mut Diagnostics::new()));
    read.unwrap_or_default().undeclared.get()
}

/// Compiles it for an operation of a contract.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(operation), OperationKind::Declared | OperationKind::ImpliedHead) =
        (scope.contract, scope.kind)
    else {
        return Vec::new();
    };
    let span = scope.section.map(|node| node.span);
    let section = scope.api.share(&scope.section_key("validation"), || {
        let section: ValidationSection = match scope.section {
            None => ValidationSection::default(),
            Some(node) => spec::read(node, out)?,
        };
        check_undeclared(scope, &section, span, out);
        Some(section)
    });
    let Some(section) = &*section else { return Vec::new() };
    if section.request != Mode::Off && section.opaque == Opaque::Refuse {
        check_opaque(scope, operation, span, out);
    }
    if section.request == Mode::Off && section.response == Mode::Off {
        return Vec::new();
    }
    let settings = Settings {
        request: mode(section.request),
        response: mode(section.response),
        canonical: section.canonical,
        opaque: section.opaque == Opaque::Accept,
    };
    vec![Compiled {
        control: Arc::new(Validation::new(Arc::clone(operation), scope.params, settings)),
        mode: settings.request,
        response_mode: settings.response,
        body_limit: None,
        held_to: HeldTo::Messages,
        span: span.or(operation.span),
    }]
}

/// The contract is imported once for the API, with one answer to what is undeclared.
fn check_undeclared(
    scope: &OperationScope<'_>,
    section: &ValidationSection,
    span: Option<Span>,
    out: &mut Diagnostics,
) {
    if section.undeclared.get() != undeclared(scope.api.settings) {
        let message = "`undeclared` cannot differ between operations of one API";
        let help = "set it under the API's own `validation`";
        out.push(Diagnostic::error("validation", message).maybe_at(span).help(help));
    }
}

/// A body that nothing reads passes only where that is accepted; each media type is said once.
fn check_opaque(
    scope: &OperationScope<'_>,
    operation: &contract::Operation,
    span: Option<Span>,
    out: &mut Diagnostics,
) {
    let said = scope.api.share("validation:opaque", Mutex::<BTreeSet<String>>::default);
    for rules in operation.request.media() {
        let media_type = rules.media_type();
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if rules.may_be_unread() && said.insert(media_type.to_owned()) {
            let message =
                format!("nothing here can read bodies of `{media_type}`, which `{}` declares", operation.id);
            let bytes = !rules.has_schema();
            let help = if bytes {
                "write `validation: { opaque: accept }` to let them pass unread, or say in the contract that any bytes \
                 will do: `schema: { type: string, format: binary }`"
            } else {
                "write `validation: { opaque: accept }` to let them pass unread"
            };
            out.push(
                Diagnostic::error("opaque-body", message)
                    .maybe_at(span.or(operation.span))
                    .pointer(operation.pointer.clone())
                    .help(help),
            );
        }
    }
}
