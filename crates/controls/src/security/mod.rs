//! What a contract's `security` demands of one operation, as both authentication and authorization read it.
//!
//! Not a control: the words that two controls share, so that they cannot disagree. `security: []` is open to anyone; `{}`
//! beside other alternatives is open to who presents no credential; no `security` at all stays closed until the
//! configuration says `unsecured`. An alternative with a scheme that we cannot verify is dropped, which can only make an
//! operation stricter; when none is left, the operation is closed.

mod asked;
mod certificates;
mod challenge;
pub mod find;
mod issuers;
mod keys;
#[cfg(test)]
pub(crate) mod kit;
mod passwords;
pub mod possession;
mod report;
mod signatures;
#[cfg(test)]
mod tests;
mod webhooks;

use std::sync::Arc;

use contract::{Requirement, Security, SecurityScheme};
use engine::ScopeSet;
pub use engine::principal::ANY_SCHEME;
use engine::principal::Names;
use http::HeaderValue;
use spec::{Node, OperationRef, Unsecured};

use crate::scope::{ApiScope, OperationKind, OperationScope};

pub use asked::ALWAYS_COVERED;
pub use certificates::{
    asking, authority_issuer, certificate_scheme, takes_any_certificate, takes_certificate,
};
pub use challenge::{Challenge, Scheme};
pub use issuers::{APPLICATIONS, Issuers, LOCAL_ISSUER, Vouching, iss};
pub use keys::{KeyScheme, Where, holds_key, key_place, key_scheme, key_schemes};
pub use passwords::{password_scheme, private_listeners, takes_any_password, takes_password, users_issuer};
pub use report::report;
pub use signatures::{
    SignatureScheme, signature_scheme, signature_schemes, signers_issuer, takes_signatures,
};
pub use webhooks::{awaits_body, only_sender, takes_webhook, webhook_issuer, webhook_scheme, webhooks};

/// What a cache before the service is told where `Authorization` does not tell callers apart any more (THREATS row 22): not to keep
/// the answer, nor to give one that it has kept (RFC 9111 sections 5.2.1.4 and 5.2.1.5).
pub const ALONE: HeaderValue = HeaderValue::from_static("no-cache, no-store");

/// Sections that ask for scopes beside what the contract asks for.
const ASK_FOR_SCOPES: [&str; 3] = ["authorization", "objects", "views"];

/// Who may call an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Anyone; credentials are not looked at.
    Open,
    /// Nobody; says why.
    Closed(&'static str),
    /// Whoever holds a valid token of one of the API's issuers, or another credential that it takes, whatever its scopes.
    Authenticated,
    /// Whoever satisfies one of these.
    OneOf {
        /// Never empty.
        alternatives: Vec<Alternative>,
        /// Or presents no credential at all.
        anonymous: bool,
    },
}

/// Schemes that must hold together. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// One scheme each.
    pub needs: Vec<Need>,
}

/// One scheme and the scopes that it must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Number of the scheme in the API.
    pub scheme: u16,
    /// Scopes, as bits of [`scope_names`].
    pub scopes: ScopeSet,
    /// The same with their names.
    pub names: Vec<(usize, Box<str>)>,
}

/// The operation as settings' selectors see it: a HEAD that the contract does not declare is its GET.
pub fn operation_ref<'a>(scope: &'a OperationScope<'_>, tags: &'a [&'a str]) -> OperationRef<'a> {
    let method = if scope.kind == OperationKind::ImpliedHead { "GET" } else { scope.method.as_str() };
    OperationRef { id: Some(scope.id), method, template: scope.template, tags }
}

/// Why a scheme cannot be verified; `None` when it can.
pub fn unsatisfiable(api: &ApiScope<'_>, scheme: &str) -> Option<&'static str> {
    let Some(contract) = api.contract else { return Some("there is no contract") };
    match signatures::bound(api, scheme) {
        Ok(Some(_)) => return None,
        Ok(None) => {}
        Err(why) => return Some(why),
    }
    if takes_certificate(api.settings, contract, scheme)
        || takes_password(api.settings, contract, scheme)
        || takes_webhook(api.settings, contract, scheme).is_some()
    {
        return None;
    }
    if let Some(why) = passwords::misfit(api, scheme) {
        return Some(why);
    }
    match keys::bound(api, scheme) {
        Ok(Some(_)) => return None,
        Ok(None) => {}
        Err(why) => return Some(why),
    }
    let bound = api.settings.authentication_for(scheme).is_some_and(|bound| !bound.issuers.is_empty());
    match contract.schemes.get(scheme) {
        Some(SecurityScheme::OpenIdConnect { .. } | SecurityScheme::OAuth2 { .. }) => {
            (!bound).then_some("no issuer is bound to it")
        }
        Some(SecurityScheme::Http { scheme, .. }) if scheme == "bearer" => {
            (!bound).then_some("no issuer is bound to it")
        }
        Some(scheme) if passwords::is_basic(scheme) => Some("no users are bound to it"),
        Some(SecurityScheme::Http { scheme, .. }) if scheme == "signature" => {
            Some("no signers are bound to it")
        }
        Some(SecurityScheme::Http { .. }) => Some("this HTTP authentication scheme is not verified here"),
        Some(SecurityScheme::ApiKey { .. }) => Some("no API keys are bound to it"),
        Some(SecurityScheme::MutualTls) => Some("no authorities of certificates are bound to it"),
        Some(SecurityScheme::Unknown(_)) => Some("its type is unknown"),
        None => Some("the contract does not define it"),
    }
}

/// Names of all scopes that the API's operations need, by the contract or by `require`: their numbers are the bits of
/// [`ScopeSet`]. The contract's come first, with the numbers of [`ApiScope::scopes`].
pub fn scope_names(api: &ApiScope<'_>) -> Arc<Vec<String>> {
    api.share("security-scope-names", || {
        let mut names = api.scopes.to_vec();
        let mut add = |name: &str| {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        };
        let declared = api.contract.iter().flat_map(|contract| &contract.operations);
        for operation in declared {
            if let Security::Alternatives(list) = &operation.security {
                list.iter()
                    .flat_map(|requirement| &requirement.schemes)
                    .flat_map(|(_, scopes)| scopes)
                    .for_each(|name| add(name));
            }
        }
        let sections = api.settings.operations.iter().map(|settings| &settings.sections);
        for (name, node) in sections.chain([&api.settings.sections]).flatten() {
            if ASK_FOR_SCOPES.contains(&name.as_str()) {
                named_scopes(node, &mut add);
            }
        }
        names
    })
}

/// Every word under a key `scopes`, at any depth of a section.
fn named_scopes(node: &Node, add: &mut impl FnMut(&str)) {
    for entry in node.entries() {
        if entry.key == "scopes" {
            let items = entry.value.items().iter().filter_map(Node::as_str);
            entry.value.as_str().into_iter().chain(items).for_each(&mut *add);
        }
        // A rule may itself be called so.
        named_scopes(&entry.value, add);
    }
    node.items().iter().for_each(|item| named_scopes(item, add));
}

/// What the numbers in an API's proofs mean.
pub fn names(api: &ApiScope<'_>) -> Arc<Names> {
    let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
    api.share("security-names", || Names { schemes: boxed(api.schemes), scopes: boxed(&scope_names(api)) })
}

/// Who may call an operation. Says nothing of what is wrong: [`report`] does.
pub fn access(scope: &OperationScope<'_>) -> Access {
    if matches!(scope.kind, OperationKind::ImpliedOptions | OperationKind::WellKnown) {
        return Access::Open;
    }
    let api = scope.api;
    match (api.contract, scope.contract.map(|operation| &operation.security)) {
        (Some(_), None) => Access::Closed("the operation is not in the contract"),
        (_, Some(Security::Alternatives(list))) if list.is_empty() => Access::Open,
        (_, Some(Security::Alternatives(list))) => one_of(api, list),
        (_, Some(Security::Malformed)) => Access::Closed("the contract's `security` is malformed"),
        (_, Some(Security::Absent)) | (None, None) => unsecured(scope),
    }
}

fn unsecured(scope: &OperationScope<'_>) -> Access {
    let tags: Vec<&str> =
        scope.contract.iter().flat_map(|operation| &operation.tags).map(String::as_str).collect();
    match scope.api.settings.unsecured_for(&operation_ref(scope, &tags)).map(|unsecured| unsecured.value) {
        Some(Unsecured::Anonymous) => Access::Open,
        Some(Unsecured::Authenticated) if scope.api.settings.authentication.is_empty() => {
            Access::Closed("no issuer is configured")
        }
        Some(Unsecured::Authenticated) => Access::Authenticated,
        None => Access::Closed("neither the contract nor the configuration says who may call it"),
    }
}

fn one_of(api: &ApiScope<'_>, list: &[Requirement]) -> Access {
    let names = scope_names(api);
    let anonymous = list.iter().any(|requirement| requirement.schemes.is_empty());
    let alternatives: Vec<Alternative> = list
        .iter()
        .filter(|requirement| !requirement.schemes.is_empty())
        .filter_map(|requirement| alternative(api, &names, requirement))
        .collect();
    match (alternatives.is_empty(), anonymous) {
        (false, anonymous) => Access::OneOf { alternatives, anonymous },
        // `security: [{}]` says "anyone" in another way; `{}` beside only what we cannot verify does not: whether a
        // credential is presented could not be told.
        (true, true) if list.iter().all(|requirement| requirement.schemes.is_empty()) => Access::Open,
        (true, _) => Access::Closed("none of its security schemes can be verified"),
    }
}

fn alternative(api: &ApiScope<'_>, names: &[String], requirement: &Requirement) -> Option<Alternative> {
    let need = |(scheme, scopes): &(String, Vec<String>)| {
        if unsatisfiable(api, scheme).is_some() {
            return None;
        }
        let number = api.schemes.iter().position(|known| known == scheme)?;
        let scopes: Option<Vec<(usize, Box<str>)>> =
            scopes.iter().map(|scope| Some((bit(names, scope)?, scope.as_str().into()))).collect();
        let names = scopes?;
        let mut set = ScopeSet::default();
        names.iter().for_each(|(bit, _)| set.insert(*bit));
        Some(Need { scheme: u16::try_from(number).ok()?, scopes: set, names })
    };
    let needs: Option<Vec<Need>> = requirement.schemes.iter().map(need).collect();
    needs.map(|needs| Alternative { needs })
}

/// Whether a token satisfies the scheme of a number, if anything does: none of the other kinds of credential is bound to it.
#[must_use]
pub fn takes_token(api: &ApiScope<'_>, number: u16) -> bool {
    key_scheme(api, number).is_none()
        && certificate_scheme(api, number).is_empty()
        && signature_scheme(api, number).is_none()
        && password_scheme(api, number).0.is_empty()
        && webhook_scheme(api, number).is_none()
}

/// Number of a scope.
pub fn bit(names: &[String], scope: &str) -> Option<usize> {
    names.iter().position(|name| name == scope)
}
