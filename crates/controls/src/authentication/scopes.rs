//! From an issuer's claims to the scopes and roles that the API's operations ask for.
//!
//! Unless the document says otherwise, scopes are the words of `scope` (RFC 8693 section 4.2), else of `scp`. Providers without
//! scopes name the claim that stands for them. A role grants what the issuer's `roles` table says, and only that, unless the
//! roles themselves are the scopes (`scopes_from: roles`, `groups` or a pointer). Where a token says that its scopes or roles are
//! elsewhere, it is not taken to have none ([`ScopeRule::elsewhere`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::ScopeSet;
use tape::Node;

use super::shape::Place;

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
    /// Where roles are; `None` for the words of `roles`.
    pub roles_from: Option<Box<[Place]>>,
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
        let mut roles: Vec<Cow<'_, str>> = match &self.roles_from {
            None => words("roles"),
            Some(places) => places.iter().flat_map(|place| place.find(claims)).flat_map(whole).collect(),
        };
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

    /// The claim with scopes or roles that a token does not carry but points to, if there is one: a distributed or aggregated claim
    /// (OpenID Connect Core section 5.6.2), or Entra's `hasgroups`. Whoever is in too many groups to name would pass for somebody in
    /// none.
    #[must_use]
    pub fn elsewhere(&self, claims: Node<'_>) -> Option<&str> {
        let names = claims.get("_claim_names");
        let is_elsewhere = |claim: &str| {
            let pointed = names.is_some_and(|names| names.get(claim).is_some());
            let said = || claims.get("hasgroups").is_some_and(|said| said.as_bool() != Some(false));
            pointed || claim == "groups" && claims.get(claim).is_none() && said()
        };
        let scopes: &[&str] = match &self.from {
            From::Common => &["scope", "scp"],
            From::Claim(name) => &[*name],
            From::Pointer(pointer) => &[pointer.split('/').nth(1).unwrap_or_default()],
        };
        let roles = self.roles_from.as_deref().map(|places| places.iter().map(Place::top));
        let usual = self.roles_from.is_none().then_some("roles");
        let mut all = scopes.iter().copied().chain(roles.into_iter().flatten()).chain(usual);
        all.find(|claim| is_elsewhere(claim))
    }
}

/// The roles of a claim that the document names: a list of them, or one. A single one is never parted: what a branch or a namespace is
/// called must not grant what another one has.
fn whole(claim: Node<'_>) -> Vec<Cow<'_, str>> {
    match claim.as_str() {
        Some(one) if one.is_empty() => Vec::new(),
        Some(one) => vec![one],
        None => jose::words(claim),
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
            let rule = ScopeRule { from, bits: Arc::clone(&bits), roles: map.clone(), roles_from: None };
            let tape = tape::Tape::parse(claims.to_owned().into(), &tape::Bounds::default()).unwrap();
            let (set, found) = rule.read(tape.root());
            let names: Vec<&str> =
                ["a", "b", "admin"].into_iter().filter(|name| set.contains(bits[*name])).collect();
            assert_eq!(names, granted, "{from_text}");
            assert_eq!(found.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), roles, "{from_text}");
        }
    }
}
