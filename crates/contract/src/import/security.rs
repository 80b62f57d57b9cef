//! `securitySchemes` and `security`.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;
use serde_json::{Map, Value};

use super::{Import, keys};
use crate::documents::Spot;
use crate::model::{KeyPlace, Open, Requirement, Security, SecurityScheme};

impl Import<'_> {
    /// Reads all schemes; what is wrong with one is wrong with each operation that names it.
    pub(crate) fn security_schemes(&mut self) {
        let at = Spot::root(0).at(&["components", "securitySchemes"]);
        let documents = self.documents;
        let Some(Value::Object(schemes)) = documents.get(&at) else { return };
        for name in schemes.keys() {
            let Some((spot, value)) = documents.follow(&at.join(name)) else { continue };
            self.lowering.begin_operation();
            let scheme = if self.scheme_keys(&spot, value) { self.scheme(&spot, value) } else { None };
            let found = self.lowering.end_operation();
            self.loose.extend(&found);
            self.scheme_issues.insert(name.clone(), found);
            if let Some(scheme) = scheme {
                self.schemes.insert(name.clone(), scheme);
            }
        }
    }

    fn scheme_keys(&mut self, spot: &Spot, value: &Value) -> bool {
        if !self.keys(spot, value, &keys::SECURITY_SCHEME) {
            return false;
        }
        let at = spot.join("flows");
        let Some(flows) = self.documents.get(&at).filter(|flows| flows.is_object()) else { return true };
        self.keys(&at, flows, &keys::OAUTH_FLOWS);
        for (name, flow) in flows.as_object().into_iter().flatten() {
            if !name.starts_with("x-") && flow.is_object() {
                self.keys(&at.join(name), flow, &keys::OAUTH_FLOW);
            }
        }
        true
    }

    fn scheme(&self, spot: &Spot, value: &Value) -> Option<SecurityScheme> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let need = |key: &str| {
            let found = text(key);
            if found.is_none() {
                let message = format!("the security scheme needs `{key}`");
                self.documents.error(spot, "bad-security-scheme", message, "add it; OpenAPI 3 requires it");
            }
            found
        };
        Some(match need("type")?.as_str() {
            "apiKey" => {
                let place = match need("in")?.as_str() {
                    "query" => KeyPlace::Query,
                    "header" => KeyPlace::Header,
                    "cookie" => KeyPlace::Cookie,
                    other => {
                        let message = format!("`{other}` is not a place for an API key");
                        let help = "use `query`, `header` or `cookie`";
                        self.documents.error(&spot.join("in"), "bad-security-scheme", message, help);
                        return None;
                    }
                };
                SecurityScheme::ApiKey { name: need("name")?, place }
            }
            "http" => SecurityScheme::Http {
                scheme: need("scheme")?.to_ascii_lowercase(),
                bearer_format: text("bearerFormat"),
            },
            "oauth2" => oauth2(value.get("flows").and_then(Value::as_object), text("oauth2MetadataUrl")),
            "openIdConnect" => SecurityScheme::OpenIdConnect { url: need("openIdConnectUrl")? },
            "mutualTLS" => SecurityScheme::MutualTls,
            other => SecurityScheme::Unknown(other.to_owned()),
        })
    }

    /// The operation's `security`, else the document's.
    pub(super) fn security(&mut self, spot: &Spot, value: &Value, id: &str) -> Security {
        let (at, declared) = match value.get("security") {
            Some(own) => (spot.join("security"), Some(own)),
            None => {
                let at = Spot::root(0).join("security");
                let declared = self.documents.get(&at);
                (at, declared)
            }
        };
        let Some(declared) = declared else {
            self.open.push(Open {
                operation: id.to_owned(),
                kind: "no-security",
                what: String::from("neither the operation nor the document says who may call it"),
            });
            return Security::Absent;
        };
        let Some(list) = declared.as_array() else {
            self.documents.error(
                &at,
                "bad-security",
                "`security` is a list",
                "write `security: []` for nobody needed",
            );
            return Security::Malformed;
        };
        let alternatives: Vec<Option<Requirement>> = list
            .iter()
            .enumerate()
            .map(|(index, one)| self.requirement(&at.join(&index.to_string()), one))
            .collect();
        // One alternative that is not understood closes the operation: without it the list could be empty, which is
        // "anyone".
        alternatives
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map_or(Security::Malformed, Security::Alternatives)
    }

    /// One alternative; `None` and an error for what is not understood.
    fn requirement(&mut self, at: &Spot, value: &Value) -> Option<Requirement> {
        let Some(map) = value.as_object() else {
            let help = "write `- name: [scope, …]`, or `- {}` for nobody needed";
            let message = "a security requirement is an object of scheme names";
            self.documents.error(at, "bad-security", message, help);
            return None;
        };
        let mut schemes = Vec::new();
        let mut understood = true;
        for (name, scopes) in map {
            let at = at.join(name);
            self.name(&at, "the name of a security scheme", name);
            self.known_scheme(&at, name);
            if let Some(issues) = self.scheme_issues.get(name) {
                self.lowering.operation_uses(issues);
            }
            match self.scopes(&at, name, scopes) {
                Some(scopes) => schemes.push((name.clone(), scopes)),
                None => understood = false,
            }
        }
        understood.then_some(Requirement { schemes })
    }

    fn known_scheme(&self, at: &Spot, name: &str) {
        if self.schemes.contains_key(name) {
            return;
        }
        let known = self.schemes.keys().map(String::as_str);
        let hint = diagnostics::nearest(name, known).map_or_else(
            || String::from("declare it under `components.securitySchemes`"),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("the security scheme `{name}` is not declared");
        self.documents.error(at, "unknown-security-scheme", message, &hint);
    }

    fn scopes(&self, at: &Spot, name: &str, value: &Value) -> Option<Vec<String>> {
        let list: Option<Vec<String>> = value
            .as_array()
            .and_then(|list| list.iter().map(|scope| scope.as_str().map(str::to_owned)).collect());
        let Some(list) = list else {
            let message = format!("the scopes of `{name}` are a list of names");
            let help = format!("write `{name}: [scope]`, or `{name}: []` for none");
            self.documents.error(at, "bad-security", message, &help);
            return None;
        };
        for (index, scope) in list.iter().enumerate() {
            self.name(&at.join(&index.to_string()), "a scope", scope);
        }
        if let Some(SecurityScheme::OAuth2 { scopes: declared, .. }) = self.schemes.get(name) {
            for scope in list.iter().filter(|scope| !declared.contains(*scope)) {
                let hint = diagnostics::nearest(scope, declared.iter().map(String::as_str)).map_or_else(
                    || String::from("declare it under `flows`, or correct it: no token may carry it"),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("the scheme `{name}` declares no scope `{scope}`");
                self.documents.say(Diagnostic::warning("undeclared-scope", message).help(hint), at);
            }
        }
        Some(list)
    }

    /// Names that the schemes of an operation read from query, header and cookies.
    pub(super) fn key_names(&self, security: &Security, wanted: KeyPlace) -> Vec<String> {
        let Security::Alternatives(alternatives) = security else { return Vec::new() };
        let used: BTreeSet<&String> =
            alternatives.iter().flat_map(|one| one.schemes.iter().map(|(name, _)| name)).collect();
        used.into_iter()
            .filter_map(|name| match self.schemes.get(name) {
                Some(SecurityScheme::ApiKey { name, place }) if *place == wanted => Some(match wanted {
                    KeyPlace::Header => name.to_ascii_lowercase(),
                    _ => name.clone(),
                }),
                _ => None,
            })
            .collect()
    }
}

fn oauth2(flows: Option<&Map<String, Value>>, metadata_url: Option<String>) -> SecurityScheme {
    let mut scopes = BTreeSet::new();
    let mut token_urls = Vec::new();
    for flow in flows.into_iter().flat_map(Map::values) {
        scopes.extend(flow.get("scopes").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned());
        if let Some(url) = flow.get("tokenUrl").and_then(Value::as_str)
            && !token_urls.iter().any(|known| known == url)
        {
            token_urls.push(url.to_owned());
        }
    }
    SecurityScheme::OAuth2 { scopes, token_urls, metadata_url }
}
