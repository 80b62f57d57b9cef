//! What rules look at: the description of a configuration, by API and by operation.

use std::collections::BTreeMap;

use compile::Compiled;
use contract::{KeyPlace, SecurityScheme};
use serde_json::Value as Json;

use crate::schema::Schemas;

/// Nothing at all.
pub(crate) static NOTHING: Json = Json::Null;

/// What lies along a path of keys; nothing where there is none.
pub(crate) fn at<'j>(value: &'j Json, path: &[&str]) -> &'j Json {
    path.iter().try_fold(value, |value, key| value.get(*key)).unwrap_or(&NOTHING)
}

/// What only the compiled contract says of an API.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Security schemes that carry an API key in the query, by name.
    pub(crate) keys_in_query: Vec<String>,
    /// Parts of the contract that are accepted not to be enforced.
    pub(crate) accepted: usize,
    /// Operations that the contract calls deprecated, by `METHOD /template` without base path.
    pub(crate) deprecated: Vec<String>,
}

/// A whole configuration.
pub(crate) struct Whole<'j> {
    pub(crate) json: &'j Json,
    pub(crate) apis: Vec<Api<'j>>,
}

/// One API.
pub(crate) struct Api<'j> {
    pub(crate) name: &'j str,
    pub(crate) json: &'j Json,
    pub(crate) facts: Facts,
    pub(crate) operations: Vec<Operation<'j>>,
}

/// One operation.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'j> {
    /// Upper-case method.
    pub(crate) method: &'j str,
    /// Path template with the base path.
    pub(crate) path: &'j str,
    pub(crate) json: &'j Json,
    pub(crate) schemas: Schemas<'j>,
    pub(crate) deprecated: bool,
}

impl<'j> Whole<'j> {
    /// Reads a description.
    pub(crate) fn of(described: &'j Json, compiled: &Compiled) -> Self {
        let names = described["apis"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let facts = names.map(|name| (name.to_owned(), facts(compiled, name))).collect();
        Self::with(described, facts)
    }

    /// The same with facts of one's own.
    pub(crate) fn with(described: &'j Json, mut facts: BTreeMap<String, Facts>) -> Self {
        let apis = described["apis"].as_object().into_iter().flatten().map(|(name, json)| {
            let facts = facts.remove(name).unwrap_or_default();
            let schemas = Schemas(at(json, &["schemas"]));
            let operations =
                json["operations"].as_object().into_iter().flatten().filter_map(|(key, json)| {
                    let (method, path) = key.split_once(' ')?;
                    // The contract has no base path in front.
                    let deprecated = facts.deprecated.iter().any(|one| {
                        one.split_once(' ')
                            .is_some_and(|(verb, template)| verb == method && path.ends_with(template))
                    });
                    Some(Operation { method, path, json, schemas, deprecated })
                });
            let operations = operations.collect();
            Api { name, json, facts, operations }
        });
        Self { json: described, apis: apis.collect() }
    }
}

fn facts(compiled: &Compiled, api: &str) -> Facts {
    let Some(contract) = compiled.contract(api) else { return Facts::default() };
    let in_query = |(name, scheme): (&String, &SecurityScheme)| {
        matches!(scheme, SecurityScheme::ApiKey { place: KeyPlace::Query, .. }).then(|| name.clone())
    };
    Facts {
        keys_in_query: contract.schemes.iter().filter_map(in_query).collect(),
        accepted: contract.unenforced.iter().filter(|part| part.accepted).count(),
        deprecated: contract
            .operations
            .iter()
            .filter(|operation| operation.deprecated)
            .map(|operation| format!("{} {}", operation.method, operation.template))
            .collect(),
    }
}

impl<'j> Operation<'j> {
    pub(crate) fn id(&self) -> &'j str {
        self.json["id"].as_str().unwrap_or_default()
    }

    /// Whether it changes something, by its method (RFC 9110 section 9.2.1).
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    /// Whether anyone may call it.
    pub(crate) fn is_anonymous(&self) -> bool {
        *at(self.json, &["access", "anonymous"]) == Json::Bool(true)
    }

    /// Whether nobody may.
    pub(crate) fn is_closed(&self) -> bool {
        !self.is_anonymous() && self.ways().next().is_none()
    }

    /// What has to be shown, one of these whole.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Vec<&'j str>> {
        let ways = at(self.json, &["access", "any_of"]).as_array().into_iter().flatten();
        ways.map(|needs| needs.as_array().into_iter().flatten().filter_map(Json::as_str).collect())
    }

    /// Whether each caller needs a scope or a role, by the contract or by the configuration.
    pub(crate) fn wants_right(&self) -> bool {
        let required = self.setting(&["authorization", "require"]);
        let some = |key: &str| match &required[key] {
            Json::String(text) => !text.is_empty(),
            Json::Array(items) => !items.is_empty(),
            _ => false,
        };
        let added = (some("roles") || some("scopes")) && self.setting(&["authorization", "mode"]) != "shadow";
        let scoped = |way: Vec<&str>| way.iter().any(|need| need.starts_with("the scope"));
        added || (!self.is_anonymous() && !self.is_closed() && self.ways().all(scoped))
    }

    /// The mode of a control for it: `enforce`, `shadow`, or nothing when it does not look.
    pub(crate) fn mode(&self, control: &str) -> Option<&'j str> {
        at(self.json, &["controls", control]).as_str()
    }

    /// What of a control is in shadow for it, as a sentence: all of it, or rules beside enforced ones.
    pub(crate) fn in_shadow(&self, control: &str) -> Option<String> {
        let rules = self.json["rules_in_shadow"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let is_of = |name: &&str| name.split('.').next() == Some(control);
        let mut rules = rules.filter(is_of);
        match (rules.next(), rules.count()) {
            (None, _) => (self.mode(control) == Some("shadow")).then(|| format!("`{control}` is in shadow")),
            (Some(rule), 0) => Some(format!("`{rule}` is in shadow")),
            (Some(rule), more) => Some(format!("`{rule}` and {more} more are in shadow")),
        }
    }

    /// Whether a control refuses for it.
    pub(crate) fn enforces(&self, control: &str) -> bool {
        self.mode(control) == Some("enforce")
    }

    /// A setting of a control, after all that holds for it.
    pub(crate) fn setting(&self, path: &[&str]) -> &'j Json {
        at(&self.json["settings"], path)
    }

    /// Its parameters: place, name, and what is declared of it.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'j str, &'j str, &'j Json)> {
        let all = at(self.json, &["request", "parameters"]).as_object().into_iter().flatten();
        all.filter_map(|(key, json)| key.split_once(' ').map(|(place, name)| (place, name, json)))
    }

    /// Media types of its body with their schemas.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = (&'j str, &'j Json)> {
        let media = at(self.json, &["request", "body", "media"]).as_object().into_iter().flatten();
        media.map(|(name, schema)| (name.as_str(), schema))
    }

    /// Media types of answers with their statuses and schemas.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&'j str, &'j str, &'j Json)> {
        let all = self.json["responses"].as_object().into_iter().flatten();
        all.flat_map(|(status, one)| {
            let media = one["media"].as_object().into_iter().flatten();
            media.map(move |(name, schema)| (status.as_str(), name.as_str(), schema))
        })
    }

    /// Limits that are enforced.
    pub(crate) fn limits(&self) -> impl Iterator<Item = &'j Json> {
        let all = self.setting(&["limits"]).as_array().into_iter().flatten();
        let held = self.enforces("limits");
        all.filter(move |limit| held && !matches!(limit["mode"].as_str(), Some("shadow" | "off")))
    }
}

/// Whether a media type is JSON (RFC 6839 section 3.1).
pub(crate) fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json")
}
