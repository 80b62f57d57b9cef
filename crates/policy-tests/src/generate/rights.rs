//! What a good caller carries beside the contract's scopes: what the configuration requires.

use serde_json::{Map, Value as Json, json};
use spec::{Node, Spanned, Value};

use super::operation::words;
use crate::document::Credential;

/// Adds what a section `authorization` asks for, of alternatives the first, and puts all roles where it has them.
pub(crate) fn add(section: Option<&Node>, credential: &mut Credential) {
    let Some(section) = section else { return };
    if let Some(require) = section.get("require") {
        traits(require, credential);
        if let Some(first) = require.get("any").and_then(|any| any.items().first()) {
            one(first, credential);
        }
    }
    if !credential.roles.0.is_empty() {
        issuer(section.get("roles_issuer"), credential);
    }
    let from = words(Some(section), &["roles_from"]);
    if let Some(path) = from.first() {
        put(&mut credential.claims, path, json!(credential.roles.0));
    }
}

/// Adds what callers carry whom the sections `objects` and `views` let name every object and see every field: the first of those
/// that each rule lists.
pub(crate) fn add_exempt(section: Option<&Node>, credential: &mut Credential) {
    let Some(section) = section else { return };
    for entry in section.entries() {
        if matches!(entry.key.as_str(), "except" | "to" | "by") {
            entry.value.items().first().into_iter().for_each(|first| one(first, credential));
        } else {
            add_exempt(Some(&entry.value), credential);
        }
    }
}

/// One caller of a list: a role, or what must hold together.
fn one(caller: &Node, credential: &mut Credential) {
    match caller.as_str() {
        Some(role) => push(&mut credential.roles.0, role),
        None => traits(caller, credential),
    }
}

/// The first of those who are believed, where they are named. One who is named before stays: no token is of two.
fn issuer(node: Option<&Node>, credential: &mut Credential) {
    let Some(node) = node else { return };
    let first = node.as_str().or_else(|| node.items().first().and_then(Node::as_str));
    if let Some(name) = first.filter(|name| !matches!(*name, "any" | "applications")) {
        credential.issuer.get_or_insert_with(|| Spanned { value: name.to_owned(), span: node.span });
    }
}

fn traits(node: &Node, credential: &mut Credential) {
    issuer(node.get("issuer"), credential);
    words(Some(node), &["scopes"]).iter().for_each(|scope| push(&mut credential.scopes.0, scope));
    words(Some(node), &["roles"]).iter().for_each(|role| push(&mut credential.roles.0, role));
    for entry in node.get("claims").map(Node::entries).unwrap_or_default() {
        let value = entry.value.items().first().unwrap_or(&entry.value);
        let value = match &value.value {
            Value::Bool(value) => json!(value),
            Value::Integer(value) => json!(value),
            Value::String(text) => json!(text),
            _ => continue,
        };
        put(&mut credential.claims, &entry.key, value);
    }
}

fn push(all: &mut Vec<String>, word: &str) {
    if !all.iter().any(|known| known == word) {
        all.push(word.to_owned());
    }
}

/// Puts a value where a claim's name or pointer says, beside what stands there.
fn put(claims: &mut std::collections::BTreeMap<String, Json>, path: &str, value: Json) {
    let steps: Vec<String> = match path.strip_prefix('/') {
        Some(rest) => rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None => vec![path.to_owned()],
    };
    let Some((first, rest)) = steps.split_first() else { return };
    let mut at = claims.entry(first.clone()).or_insert(Json::Null);
    for step in rest {
        if !at.is_object() {
            *at = Json::Object(Map::new());
        }
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(step.clone()).or_insert(Json::Null);
    }
    *at = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_carried() {
        let text = "require: { scopes: a, roles: [r], claims: { /org/level: 3, /org/x~1y: [b, c], ok: true }, any: [s, t] }\nroles_from: /realm_access/roles\n";
        let mut sources = diagnostics::Sources::default();
        let file = sources.add("x.yaml", text);
        let node = spec::parse(text, file, &mut diagnostics::Diagnostics::new()).unwrap();
        let mut credential = Credential::default();
        let exempt = "bindings: { a: { claim: c, except: [q, z] } }\nanswers: { b: { to: [{ claims: { ok: false } }] } }\n";
        let exempt = spec::parse(exempt, file, &mut diagnostics::Diagnostics::new()).unwrap();
        add_exempt(Some(&exempt), &mut credential);
        add(Some(&node), &mut credential);
        assert_eq!(
            (credential.scopes.0.as_slice(), credential.roles.0.as_slice()),
            (&["a".to_owned()][..], &["q".to_owned(), "r".to_owned(), "s".to_owned()][..])
        );
        let claims =
            json!({"org": {"level": 3, "x/y": "b"}, "ok": true, "realm_access": {"roles": ["q", "r", "s"]}});
        assert_eq!(json!(credential.claims), claims);
    }
}
