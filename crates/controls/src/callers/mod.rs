//! Which callers a rule means, in the words of several sections: roles, scopes and claims of what a call has proven.
//!
//! All that [`Traits`] name must be carried by one principal, so that what two credentials prove is never put together to
//! something that neither is. Roles are those that authentication read, or, where `authorization.roles_from` says so, the
//! words of those claims and no others ([`Roles`]). Names of claims are compiled to steps when the document is.
//!
//! An issuer puts into its tokens what it likes: roles and claims are believed of those issuers only that the rule names, or of the one
//! whose tokens the operation takes ([`trust::Trust`]).

pub mod config;
#[cfg(test)]
mod tests;
pub mod trust;

use std::borrow::Cow;

use engine::{Call, Principal, ScopeSet};
use smallvec::SmallVec;
use tape::{Kind, Node};

use crate::security::Issuers;

/// The place of a claim: a claim's own name, or a JSON Pointer (RFC 6901) into the claims.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimPath {
    written: Box<str>,
    steps: Box<[Box<str>]>,
}

impl ClaimPath {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it. A name with a dot or a slash is one: it might be meant as a path, and then it would never be found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let steps = if text.starts_with('/') {
            crate::pattern::steps(text).ok_or_else(|| format!("`{text}` is not a JSON Pointer (RFC 6901)"))?
        } else if text.is_empty() || text.contains(['.', '/', '~']) {
            return Err(format!("`{text}` is not the name of one claim"));
        } else {
            vec![text.into()]
        };
        Ok(Self { written: text.into(), steps: steps.into() })
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The claim of a principal.
    #[must_use]
    pub fn find<'p>(&self, principal: &'p Principal) -> Option<Node<'p>> {
        self.steps.iter().try_fold(principal.claims.root(), |node, step| node.get(step))
    }
}

/// Where roles are, and of which issuers they count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles {
    /// The claims that hold them; without any they are where authentication found them.
    claims: Option<Box<[ClaimPath]>>,
    issuers: Issuers,
}

impl Roles {
    /// In these claims only.
    #[must_use]
    pub fn in_claims(claims: impl IntoIterator<Item = ClaimPath>) -> Self {
        Self { claims: Some(claims.into_iter().collect()), issuers: Issuers::Any }
    }

    /// Of these issuers only.
    #[must_use]
    pub fn of(self, issuers: Issuers) -> Self {
        Self { issuers, ..self }
    }

    /// All roles of a principal.
    pub(crate) fn of_principal<'p>(&self, principal: &'p Principal) -> SmallVec<[Cow<'p, str>; 8]> {
        if !self.issuers.vouch_for(principal) {
            return SmallVec::new();
        }
        match &self.claims {
            None => principal.roles.iter().map(|role| Cow::Borrowed(&**role)).collect(),
            Some(paths) => paths.iter().filter_map(|path| path.find(principal)).flat_map(words).collect(),
        }
    }

    /// Whether a principal has a role.
    #[must_use]
    pub fn has(&self, principal: &Principal, role: &str) -> bool {
        self.issuers.vouch_for(principal)
            && match &self.claims {
                None => principal.roles.iter().any(|known| &**known == role),
                Some(paths) => {
                    paths.iter().filter_map(|path| path.find(principal)).any(|claim| has_word(claim, role))
                }
            }
    }
}

/// The words of a claim, as [`has_word`] reads them.
fn words(claim: Node<'_>) -> SmallVec<[Cow<'_, str>; 8]> {
    match claim.as_str() {
        Some(Cow::Borrowed(text)) => text.split(' ').map(Cow::Borrowed).collect(),
        Some(Cow::Owned(text)) => text.split(' ').map(|word| Cow::Owned(word.to_owned())).collect(),
        None => {
            let strings = claim.items().all(|item| item.kind() == Kind::String);
            let items = claim.items().filter(|_| strings);
            items.filter_map(Node::as_str).collect()
        }
    }
}

/// Whether a claim of words (a string parted by spaces, or an array of strings; see [`jose::words`]) has this one.
fn has_word(claim: Node<'_>, word: &str) -> bool {
    match claim.as_str() {
        Some(text) => text.split(' ').any(|one| one == word),
        None => {
            let strings = claim.items().all(|item| item.kind() == Kind::String);
            strings && claim.items().any(|item| item.as_str().as_deref() == Some(word))
        }
    }
}

/// The text of a value by which ids and claims are compared: a string's own, and that of a whole number written in digits only, so
/// that `42` and `"42"` are one value and `42.0`, `4.2e1` and `042` are none.
#[must_use]
pub fn scalar(node: Node<'_>) -> Option<Cow<'_, str>> {
    match node.kind() {
        Kind::String => node.as_str(),
        Kind::Number => {
            let text = node.as_number()?.text();
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && text != "-0";
            plain.then_some(Cow::Borrowed(text))
        }
        _ => None,
    }
}

/// A claim that must have one of these values, or, where it is a list, have one of them in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ClaimRule {
    path: ClaimPath,
    values: Box<[Box<str>]>,
}

impl ClaimRule {
    fn holds(&self, principal: &Principal) -> bool {
        let one = |node: Node<'_>| {
            let text = match node.as_bool() {
                Some(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
                None => scalar(node),
            };
            text.is_some_and(|text| self.values.iter().any(|value| **value == *text))
        };
        let claim = self.path.find(principal);
        claim.is_some_and(|claim| match claim.kind() {
            Kind::Array => claim.items().any(one),
            _ => one(claim),
        })
    }
}

/// What one principal has to carry, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traits {
    scopes: Vec<(usize, Box<str>)>,
    set: ScopeSet,
    roles: Vec<Box<str>>,
    claims: Vec<ClaimRule>,
    /// Who has to vouch for it.
    issuers: Issuers,
}

impl Traits {
    /// All of these scopes (number and name) and roles.
    #[must_use]
    pub fn new(scopes: Vec<(usize, Box<str>)>, roles: Vec<Box<str>>) -> Self {
        let mut set = ScopeSet::default();
        scopes.iter().for_each(|(bit, _)| set.insert(*bit));
        Self { scopes, set, roles, ..Self::default() }
    }

    /// Whether nothing is asked for, so that everybody has it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let asks = !self.scopes.is_empty() || !self.roles.is_empty() || !self.claims.is_empty();
        !asks && self.issuers == Issuers::Any
    }

    /// Whether a principal has it all.
    #[must_use]
    pub fn hold(&self, principal: &Principal, roles: &Roles) -> bool {
        principal.scopes.contains_all(&self.set)
            && self.issuers.vouch_for(principal)
            && self.roles.iter().all(|role| roles.has(principal, role))
            && self.claims.iter().all(|rule| rule.holds(principal))
    }

    /// What a principal lacks: scopes, roles, names of claims.
    #[must_use]
    pub fn missing(&self, principal: &Principal, roles: &Roles) -> Missing<'_> {
        let scopes = self.scopes.iter().filter(|(bit, _)| !principal.scopes.contains(*bit));
        let claims = self.claims.iter().filter(|rule| !rule.holds(principal));
        Missing {
            scopes: scopes.map(|(_, name)| &**name).collect(),
            roles: self.roles.iter().filter(|role| !roles.has(principal, role)).map(|role| &**role).collect(),
            claims: claims.map(|rule| rule.path.as_str()).collect(),
            issuer: !self.issuers.vouch_for(principal),
        }
    }
}

/// What a principal lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing<'t> {
    /// Scopes.
    pub scopes: Vec<&'t str>,
    /// Roles.
    pub roles: Vec<&'t str>,
    /// Names of claims, which are not there or have other values.
    pub claims: Vec<&'t str>,
    /// An issuer that is believed.
    pub issuer: bool,
}

/// Callers of whom one description holds; of none, nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callers {
    any: Box<[Traits]>,
    roles: Roles,
}

impl Callers {
    /// Of whom one of these holds.
    #[must_use]
    pub fn new(any: Vec<Traits>, roles: Roles) -> Self {
        Self { any: any.into(), roles }
    }

    /// Whether one of the call's credentials proves one of them. Who is anonymous is none.
    #[must_use]
    pub fn include(&self, call: &Call) -> bool {
        let is_one =
            |principal: &Principal| self.any.iter().any(|traits| traits.hold(principal, &self.roles));
        !self.any.is_empty() && call.proofs.iter().any(|proof| is_one(&proof.principal))
    }
}
