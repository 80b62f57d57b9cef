//! Which issuers are believed.
//!
//! Each issuer that an API takes tokens of puts roles and claims into them as it likes. Where an operation takes the tokens of one issuer,
//! that one is meant. Where it takes those of several, a rule says by name whose roles and claims it believes, or `any`; one that does not
//! say is an error, and nobody is believed. An API key carries no roles, and of claims its own id and its application's name: it is believed
//! where `applications` is named, or where nothing else is taken. The authorities of client certificates, signers, groups of users
//! and senders of webhooks are named as issuers are.

use std::borrow::Cow;

use diagnostics::{Diagnostic, Diagnostics, Span, nearest};
use spec::{Node, Strings};

use super::{ClaimPath, Roles};
use crate::scope::OperationScope;
use crate::security::{
    APPLICATIONS, Issuers, Vouching, authority_issuer, iss, operation_ref, signers_issuer, users_issuer,
    webhook_issuer,
};

/// Every issuer whose tokens are taken, and API keys.
pub(super) const ANY: &str = "any";

/// The issuer of API keys, as documents name it.
const KEYS: &str = "applications";

/// What is believed of the callers of one operation.
#[derive(Debug)]
pub struct Trust<'s> {
    pub(super) scope: &'s OperationScope<'s>,
    vouching: Vouching<'s>,
    pub(super) roles: Roles,
    /// Whether `authorization.roles_issuer` says whose roles count.
    pub(crate) says_of_roles: bool,
}

impl<'s> Trust<'s> {
    /// For an operation, as its `authorization` says. What else is wrong with that section is said by its own control; what cannot be read
    /// holds no roles.
    pub fn of(scope: &'s OperationScope<'s>, out: &mut Diagnostics) -> Self {
        let vouching = Vouching::of(scope);
        let mut trust = Self { scope, vouching, roles: Roles::default(), says_of_roles: false };
        let tags: Vec<&str> = scope.contract.iter().flat_map(|one| &one.tags).map(String::as_str).collect();
        let Some(section) = scope.api.settings.section_for("authorization", &operation_ref(scope, &tags))
        else {
            return trust;
        };
        if let Some(from) = section.get("roles_from") {
            let claims = strings(from).0;
            trust.roles = Roles::in_claims(claims.iter().filter_map(|text| ClaimPath::parse(text).ok()));
        }
        if let Some(node) = section.get("roles_issuer") {
            let issuers = trust.issuers(Some(&strings(node)), node.span, out);
            trust.roles = trust.roles.of(issuers);
            trust.says_of_roles = true;
        }
        trust
    }

    /// Where roles are.
    #[must_use]
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Those whose roles and claims a rule at `at` believes.
    pub fn issuers(&self, named: Option<&Strings>, at: Span, out: &mut Diagnostics) -> Issuers {
        match named {
            Some(Strings(names)) if *names == [ANY] && !self.is_issuer(ANY) => Issuers::Any,
            Some(Strings(names)) => {
                if names.is_empty() {
                    self.say(at, "", out, || ("names no issuer".to_owned(), "name one, or write `any`"));
                }
                let found = names.iter().filter_map(|name| self.named(name, at, out));
                Issuers::These(found.map(Into::into).collect())
            }
            None => self.only(at, out),
        }
    }

    /// The one that is meant where none is named.
    fn only(&self, at: Span, out: &mut Diagnostics) -> Issuers {
        let found = match (self.vouching.named.as_slice(), self.vouching.keys) {
            ([], false) => None,
            ([], true) => Some(APPLICATIONS),
            ([(_, iss)], _) => Some(&**iss),
            (several, _) => {
                let names: Vec<String> = several.iter().map(|(name, _)| format!("`{name}`")).collect();
                let id = self.scope.id;
                self.say(at, "unsaid", out, || {
                    let message = format!(
                        "`{id}` takes credentials of {}, and each could give its own the roles and claims that are asked for here",
                        names.join(" and ")
                    );
                    let help = "say whom to believe by `issuer`, beside `roles` or `claim`; of roles also once for all, by \
                                `authorization: { roles_issuer: … }`; `any` believes each";
                    (message, help)
                });
                None
            }
        };
        Issuers::These(found.map(Into::into).into_iter().collect())
    }

    /// How principals call an issuer that a document names.
    fn named(&self, name: &str, at: Span, out: &mut Diagnostics) -> Option<Cow<'s, str>> {
        let api = self.scope.api;
        let taken = |entry: &spec::Authentication| entry.issuers.iter().any(|one| one.value == name);
        let entries = &api.settings.authentication;
        let called = |entry: &spec::Authentication| {
            let named = |names: &[spec::Spanned<String>]| names.iter().any(|one| one.value == name);
            let sends = entry.webhook.as_ref().is_some_and(|one| one.value == name);
            let shows = named(&entry.authorities).then(|| authority_issuer(name));
            let signs = || named(&entry.signers).then(|| signers_issuer(name));
            let knows = || named(&entry.users).then(|| users_issuer(name));
            shows.or_else(signs).or_else(knows).or_else(|| sends.then(|| webhook_issuer(name)))
        };
        if let Some(issuer) = entries.values().find_map(|entry| called(entry)) {
            return Some(Cow::Owned(issuer));
        }
        match (name, api.gateway.document.issuers.get(name)) {
            (ANY | KEYS, Some(_)) => {
                self.say(at, name, out, || {
                    let message =
                        format!("`{name}` has a meaning of its own here, and an issuer is called so");
                    (message, "give the issuer another name")
                });
                None
            }
            (ANY, None) => {
                let message = "`any` stands beside no other name".to_owned();
                self.say(at, name, out, || (message, "write `any` alone, or the names of issuers"));
                None
            }
            (KEYS, None) => Some(Cow::Borrowed(APPLICATIONS)),
            (_, Some(issuer)) if entries.values().any(|entry| taken(entry)) => {
                Some(Cow::Borrowed(iss(issuer)))
            }
            (_, known) => {
                self.say(at, name, out, || {
                    let document = api.gateway.document;
                    let all = document.issuers.keys().chain(document.authorities.keys()).chain(document.signers.keys());
                    let all = all.chain(document.users.keys()).chain(document.webhooks.keys());
                    let near = nearest(name, all.map(String::as_str));
                    let near = near.filter(|_| known.is_none());
                    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    let message = format!("the API takes no tokens of an issuer `{name}`{near}");
                    (
                        message,
                        "name an issuer, authorities, signers, users or a sender of its `authentication`, `applications` or `any`",
                    )
                });
                None
            }
        }
    }

    fn is_issuer(&self, name: &str) -> bool {
        self.scope.api.gateway.document.issuers.contains_key(name)
    }

    /// Once for all operations that the rule holds for.
    fn say(
        &self,
        at: Span,
        what: &str,
        out: &mut Diagnostics,
        text: impl FnOnce() -> (String, &'static str),
    ) {
        self.scope.api.share(&format!("issuers {at:?} {what}"), || {
            let (message, help) = text();
            out.push(Diagnostic::error("issuer", message).at(at).help(help));
        });
    }
}

fn strings(node: &Node) -> Strings {
    spec::read(node, &mut Diagnostics::new()).unwrap_or_default()
}
