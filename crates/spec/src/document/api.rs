//! A contract with an upstream and its settings.

use super::selector::{OperationRef, Selector};
use crate::merge::merge;
use crate::node::{Entry, Node};
use crate::read::{Spanned, fault, read};
use crate::units::{FileRef, ParseError, Strings, text_type};
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// One API, resolved: its profile applied, the short form expanded.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name, with the place of the key.
    pub name: Spanned<String>,
    /// Where its operations come from.
    pub contract: Spanned<ContractSource>,
    /// Operations, when there is no contract.
    pub allow: Vec<Spanned<Allow>>,
    /// Path put before the contract's; begins with `/` and does not end with it.
    pub base_path: Option<Spanned<String>>,
    /// Hosts it answers to; empty for any.
    pub hosts: Vec<Spanned<String>>,
    /// Names of the listeners it is served on; empty for all.
    pub listeners: Vec<Spanned<String>>,
    /// Name of its upstream.
    pub upstream: Spanned<String>,
    /// What proves a caller, by the contract's security scheme; `*` is for every scheme not named.
    pub authentication: BTreeMap<String, Spanned<Authentication>>,
    /// Who may call operations for which the contract says nothing.
    pub unsecured: Option<Spanned<Unsecured>>,
    /// Who is told about it.
    pub owner: Option<String>,
    /// Parts of the contract that are known not to be enforced.
    pub accept_unenforced: Option<Spanned<AcceptUnenforced>>,
    /// Settings for some operations, in the order written.
    pub operations: Vec<OperationSettings>,
    /// What controls own, unread.
    pub sections: Vec<(String, Node)>,
    /// The whole API.
    pub span: Span,
}

/// Settings for the operations that a selector selects.
#[derive(Debug, Clone)]
pub struct OperationSettings {
    /// Which operations, with the place of the key; whether it selects any is for the compiler to check.
    pub selector: Spanned<Selector>,
    /// Who may call them when the contract says nothing.
    pub unsecured: Option<Spanned<Unsecured>>,
    /// What controls own, unread; laid over the API's own sections.
    pub sections: Vec<(String, Node)>,
}

/// The keys of an API that are read as they stand, all of them optional because a profile may hold any.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "Api")]
pub(crate) struct ApiKeys {
    /// path of the API's contract (OpenAPI, JSON or YAML), or `none`
    #[serde(default)]
    contract: Option<Spanned<ContractSource>>,
    /// operations of an API without a contract, as in `GET /status/*`
    #[serde(default)]
    allow: Vec<Spanned<Allow>>,
    /// path put before the contract's, as in `/v1`
    #[serde(default)]
    base_path: Option<Spanned<String>>,
    /// hosts the API answers to; empty for any
    #[serde(default)]
    hosts: Vec<Spanned<String>>,
    /// names of the listeners it is served on; empty for all
    #[serde(default)]
    listeners: Vec<Spanned<String>>,
    /// name of an upstream, or its URL
    #[serde(default)]
    upstream: Option<Spanned<String>>,
    /// what proves a caller, by the contract's security scheme; `*` is for every scheme not named
    #[serde(default)]
    authentication: BTreeMap<String, Spanned<Authentication>>,
    /// who may call operations for which the contract says nothing
    #[serde(default)]
    unsecured: Option<Spanned<Unsecured>>,
    /// address of the people who are told about this API
    #[serde(default)]
    owner: Option<String>,
    /// parts of the contract known not to be enforced: a file written by `yett init`, or JSON Pointers
    #[serde(default)]
    accept_unenforced: Option<Spanned<AcceptUnenforced>>,
}

/// How a security scheme of the contract is satisfied.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Authentication {
    /// names of the issuers whose tokens are taken
    #[serde(default)]
    pub issuers: Vec<Spanned<String>>,
    /// audience that a token must name (any one of them); without it the issuer's
    #[serde(default)]
    pub audience: Option<Spanned<Strings>>,
}

/// Who may call an operation for which the contract has no `security` at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unsecured {
    /// Anyone.
    Anonymous,
    /// Anyone with a good credential, whatever its scopes.
    Authenticated,
}

/// Where an API's operations come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractSource {
    /// `none`: from `allow`.
    None,
    /// From a file.
    File(FileRef),
}

impl FromStr for ContractSource {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::File) }
    }
}

impl fmt::Display for ContractSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::File(file) => file.fmt(f),
        }
    }
}

text_type!(
    ContractSource,
    "the path of a contract, or `none`",
    "write a path, as in `./openapi.yaml`, or `none` with `allow`",
    schemars::json_schema!({
        "type": "string",
        "description": "path of a contract (OpenAPI, JSON or YAML), or `none`",
        "minLength": 1,
        "pattern": "^(?!https?://)",
        "examples": ["./openapi.yaml", "none"]
    })
);

/// One operation of an API without a contract: a method, or `*` for any, and a path whose last segment may be `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Allow {
    /// Upper-case method; `None` for any.
    pub method: Option<String>,
    /// Path without the final `*`; begins with `/`.
    pub path: String,
    /// Whether anything may follow the path.
    pub prefix: bool,
}

impl FromStr for Allow {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write a method and a path, as in `GET /status` or `* /files/*`";
            ParseError::new(format!("`{text}` names no operation"), help)
        };
        let (method, path) = text.split_once(' ').ok_or_else(wrong)?;
        let method = match method {
            "*" => None,
            method if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                Some(method.to_owned())
            }
            _ => return Err(wrong()),
        };
        let (path, prefix) = match path.strip_suffix('*') {
            Some(path) if path.ends_with('/') => (path, true),
            _ => (path, false),
        };
        let clean = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?#{}\\".contains(&byte));
        if !path.starts_with('/') || !clean {
            return Err(wrong());
        }
        Ok(Self { method, path: path.to_owned(), prefix })
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_deref().unwrap_or("*");
        write!(f, "{method} {}{}", self.path, if self.prefix { "*" } else { "" })
    }
}

text_type!(
    Allow,
    "a method and a path",
    "write a method and a path, as in `GET /status/*`",
    schemars::json_schema!({
        "type": "string",
        "description": "an operation: a method (or `*`) and a path whose last segment may be `*`",
        "pattern": "^(\\*|[A-Z]+) /[^*?#{}\\\\ ]*\\*?$",
        "examples": ["GET /status/*"]
    })
);

/// Parts of a contract that are known not to be enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptUnenforced {
    /// A file with a pointer and a reason each.
    File(FileRef),
    /// JSON Pointers (RFC 6901) into the contract.
    Pointers(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for AcceptUnenforced {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AcceptVisitor;

        impl<'de> serde::de::Visitor<'de> for AcceptVisitor {
            type Value = AcceptUnenforced;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`file:path` or a list of pointers")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AcceptUnenforced, E> {
                match text.strip_prefix("file:") {
                    Some(path) if !path.is_empty() => Ok(AcceptUnenforced::File(FileRef::new(path))),
                    _ => Err(fault(
                        format_args!("`{text}` is not a file reference"),
                        "write `file:path`, or a list of pointers into the contract",
                    )),
                }
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<AcceptUnenforced, A::Error> {
                let mut pointers = Vec::new();
                while let Some(pointer) = seq.next_element()? {
                    pointers.push(pointer);
                }
                Ok(AcceptUnenforced::Pointers(pointers))
            }
        }

        deserializer.deserialize_any(AcceptVisitor)
    }
}

impl JsonSchema for AcceptUnenforced {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AcceptUnenforced".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "parts of the contract known not to be enforced",
            "anyOf": [
                { "type": "string", "pattern": "^file:.+$" },
                { "type": "array", "items": { "type": "string", "pattern": "^/" } }
            ]
        })
    }
}

/// Parts a mapping into what controls own and the rest.
fn split(node: &Node, sections: &[&'static str]) -> (Node, Vec<(String, Node)>) {
    let mut own = node.clone();
    let mut raw = Vec::new();
    if let Some(entries) = own.entries_mut() {
        entries.retain(|entry| {
            let section = sections.contains(&entry.key.as_str());
            if section {
                raw.push((entry.key.clone(), entry.value.clone()));
            }
            !section
        });
    }
    (own, raw)
}

impl Api {
    /// Reads one entry of `apis`, whose unknown keys have been reported and removed.
    pub(crate) fn from_entry(
        entry: &Entry,
        sections: &[&'static str],
        out: &mut Diagnostics,
    ) -> Option<Self> {
        let (mut own, raw) = split(&entry.value, sections);
        let operations = own.remove("operations");
        for consumed in ["profile", "issuer", "audience"] {
            own.remove(consumed);
        }
        let keys: ApiKeys = read(&own, out)?;
        let missing = |key: &str, help: &str, out: &mut Diagnostics| {
            let lost = own.entry(key).is_some();
            if !lost {
                let message = format!("the API `{}` has no `{key}`", entry.key);
                out.push(Diagnostic::error("missing-key", message).at(entry.key_span).help(help));
            }
        };
        if keys.contract.is_none() {
            let help = "write `contract: openapi.yaml`, or `contract: none` with `allow`";
            missing("contract", help, out);
        }
        if keys.upstream.is_none() {
            missing("upstream", "write `upstream: http://127.0.0.1:3000`", out);
        }
        let operations = operations
            .iter()
            .flat_map(|entry| entry.value.entries())
            .filter_map(|entry| OperationSettings::from_entry(entry, sections, out))
            .collect();
        Some(Self {
            name: Spanned::new(entry.key.clone(), entry.key_span),
            contract: keys.contract?,
            allow: keys.allow,
            base_path: keys.base_path,
            hosts: keys.hosts,
            listeners: keys.listeners,
            upstream: keys.upstream?,
            authentication: keys.authentication,
            unsecured: keys.unsecured,
            owner: keys.owner,
            accept_unenforced: keys.accept_unenforced,
            operations,
            sections: raw,
            span: entry.value.span,
        })
    }

    /// The API's own section of a control, without any operation's.
    #[must_use]
    pub fn section(&self, section: &str) -> Option<&Node> {
        self.sections.iter().find(|(name, _)| name == section).map(|(_, node)| node)
    }

    /// A control's section for one operation: the API's own, with that of each selector that matches laid over it,
    /// the narrowest last. Mappings merge, lists and scalars replace.
    #[must_use]
    pub fn section_for(&self, section: &str, operation: &OperationRef<'_>) -> Option<Node> {
        let over = self.matching(operation).into_iter().filter_map(|settings| {
            settings.sections.iter().find(|(name, _)| name == section).map(|(_, node)| node.clone())
        });
        self.section(section).cloned().into_iter().chain(over).reduce(merge)
    }

    /// Who may call an operation for which the contract has no `security`; `None` refuses the document.
    #[must_use]
    pub fn unsecured_for(&self, operation: &OperationRef<'_>) -> Option<Spanned<Unsecured>> {
        let narrowest =
            self.matching(operation).into_iter().filter_map(|settings| settings.unsecured).next_back();
        narrowest.or(self.unsecured)
    }

    /// How a security scheme of the contract is satisfied: by its own name, else by `*`.
    #[must_use]
    pub fn authentication_for(&self, scheme: &str) -> Option<&Spanned<Authentication>> {
        self.authentication.get(scheme).or_else(|| self.authentication.get("*"))
    }

    /// The settings that match, the narrowest last; of equals the later written.
    fn matching(&self, operation: &OperationRef<'_>) -> Vec<&OperationSettings> {
        let mut all: Vec<_> =
            self.operations.iter().filter(|settings| settings.selector.matches(operation)).collect();
        all.sort_by_key(|settings| settings.selector.narrowness());
        all
    }
}

/// The keys of an operation's settings that are not a control's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "Operation")]
pub(crate) struct OperationKeys {
    /// who may call the operation when the contract says nothing
    #[serde(default)]
    unsecured: Option<Spanned<Unsecured>>,
}

impl OperationSettings {
    fn from_entry(entry: &Entry, sections: &[&'static str], out: &mut Diagnostics) -> Option<Self> {
        let (own, raw) = split(&entry.value, sections);
        let keys: Option<OperationKeys> = read(&own, out);
        match entry.key.parse::<Selector>() {
            Ok(selector) => Some(Self {
                selector: Spanned::new(selector, entry.key_span),
                unsecured: keys?.unsecured,
                sections: raw,
            }),
            Err(error) => {
                out.push(
                    Diagnostic::error("invalid-selector", error.message).at(entry.key_span).help(error.help),
                );
                None
            }
        }
    }
}
