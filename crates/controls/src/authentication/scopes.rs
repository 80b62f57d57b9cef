//! From an issuer's claims to the scopes and roles that the API's operations ask for.
//!
//! Without a preset, scopes are the words of `scope` (RFC 8693 section 4.2), else of `scp`. Providers without scopes name
//! the claim that stands for them. A role grants what the issuer's `roles` table says, and only that, unless the
//! roles themselves are the scopes (`scopes_from: roles`, `groups` or a pointer).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::ScopeSet;
use tape::Node;

/// The claim that holds scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum From {
    /// `scope`, else `scp`.
    #[default]
    Common,
    /// A claim of the token's top level.
    Claim(&'static str),
    /// A JSON Pointer (RFC 6901) into the claims.
    Pointer(String),
}

/// How one issuer's claims become scopes.
#[derive(Debug, Clone, Default)]
pub struct ScopeRule {
    /// Where scopes are.
    pub from: From,
    /// Numbers of the scopes that matter; all others are ignored.
    pub bits: Arc<HashMap<String, usize>>,
    /// Scopes that a role stands for.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl ScopeRule {
    /// Scopes and roles of a verified token.
    #[must_use]
    pub fn read(&self, claims: Node<'_>) -> (ScopeSet, Arc<[Box<str>]>) {
        let words = |name: &str| claims.get(name).map(jose::words).unwrap_or_default();
        let (scopes, are_roles) = match &self.from {
            From::Common if claims.get("scope").is_some() => (words("scope"), false),
            From::Common => (words("scp"), false),
            From::Claim(name) => (words(name), matches!(*name, "roles" | "groups")),
            From::Pointer(pointer) => (claims.pointer(pointer).map(jose::words).unwrap_or_default(), true),
        };
        let mut roles: Vec<Cow<'_, str>> = words("roles");
        if are_roles {
            roles.extend(scopes.iter().filter(|word| !roles.contains(word)).cloned().collect::<Vec<_>>());
        }
        let mut set = ScopeSet::default();
        let mut grant = |scope: &str| {
            if let Some(bit) = self.bits.get(scope) {
                set.insert(*bit);
            }
        };
        scopes.iter().for_each(|scope| grant(scope));
        for role in &roles {
            self.roles.get(role.as_ref()).into_iter().flatten().for_each(|scope| grant(scope));
        }
        (set, roles.iter().map(|role| Box::from(role.as_ref())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets() {
        let bits: HashMap<String, usize> =
            ["a", "b", "admin"].iter().enumerate().map(|(bit, name)| ((*name).to_owned(), bit)).collect();
        let bits = Arc::new(bits);
        let map = BTreeMap::from([("boss".to_owned(), vec!["b".to_owned()])]);
        let claim = From::Claim;
        // (from, claims, scopes granted, roles)
        let cases: Vec<(From, &str, &[&str], &[&str])> = vec![
            (From::Common, r#"{"scope":"a b unknown"}"#, &["a", "b"], &[]),
            (From::Common, r#"{"scp":["a"]}"#, &["a"], &[]),
            (From::Common, r#"{"scp":"a b"}"#, &["a", "b"], &[]),
            (From::Common, r#"{"scope":"a","scp":["b"]}"#, &["a"], &[]),
            (From::Common, r#"{"scope":"","scp":["b"]}"#, &[], &[]),
            (From::Common, r#"{"scope":{"a":1}}"#, &[], &[]),
            (From::Common, r#"{"scp":["a",1]}"#, &[], &[]),
            (From::Common, r#"{"roles":["admin"]}"#, &[], &["admin"]),
            (From::Common, r#"{"roles":["boss"]}"#, &["b"], &["boss"]),
            (claim("scope"), r#"{"scp":["a"]}"#, &[], &[]),
            (claim("scp"), r#"{"scope":"b","scp":["a"]}"#, &["a"], &[]),
            (
                claim("roles"),
                r#"{"scope":"b","roles":["admin","boss"]}"#,
                &["b", "admin"],
                &["admin", "boss"],
            ),
            (
                claim("groups"),
                r#"{"groups":["admin"],"roles":["boss"]}"#,
                &["b", "admin"],
                &["boss", "admin"],
            ),
            (
                From::Pointer("/realm_access/roles".into()),
                r#"{"realm_access":{"roles":["a"]}}"#,
                &["a"],
                &["a"],
            ),
            (From::Pointer("/none".into()), r#"{"scope":"a"}"#, &[], &[]),
        ];
        for (from, claims, granted, roles) in cases {
            let from_text = format!("{from:?} {claims}");
            let rule = ScopeRule { from, bits: Arc::clone(&bits), roles: map.clone() };
            let tape = tape::Tape::parse(claims.to_owned().into(), &tape::Bounds::default()).unwrap();
            let (set, found) = rule.read(tape.root());
            let names: Vec<&str> =
                ["a", "b", "admin"].into_iter().filter(|name| set.contains(bits[*name])).collect();
            assert_eq!(names, granted, "{from_text}");
            assert_eq!(found.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), roles, "{from_text}");
        }
    }
}
