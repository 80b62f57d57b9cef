//! Who vouches for the credentials that an operation takes.

use std::borrow::Cow;

use engine::Principal;
use spec::{Authentication, Issuer, Spanned};

use super::{
    Access, access, authority_issuer, certificate_scheme, key_scheme, key_schemes, password_scheme,
    signature_scheme, signers_issuer, takes_token, users_issuer, webhook_issuer, webhook_scheme,
};
use crate::scope::{ApiScope, OperationScope};

/// `iss` of the tokens of the built-in local issuer.
pub const LOCAL_ISSUER: &str = "urn:yett:local";

/// Who vouches for applications by their API keys: the store of this gateway.
pub const APPLICATIONS: &str = "yett:applications";

/// An issuer as its tokens call it.
#[must_use]
pub fn iss(issuer: &Issuer) -> &str {
    issuer.url.as_ref().filter(|_| !issuer.local).map_or(LOCAL_ISSUER, |url| url.as_str())
}

/// Issuers that a rule believes, as principals name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Issuers {
    /// Whoever vouches.
    #[default]
    Any,
    /// One of these.
    These(Box<[Box<str>]>),
}

impl Issuers {
    /// Whether one of them vouches for a principal.
    #[must_use]
    pub fn vouch_for(&self, principal: &Principal) -> bool {
        match self {
            Self::Any => true,
            Self::These(all) => all.iter().any(|iss| **iss == *principal.issuer),
        }
    }
}

/// Who vouches for the credentials of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouching<'d> {
    /// Issuers of tokens, authorities of certificates, signers, groups of users and senders of webhooks: their names in the document,
    /// and as principals call them.
    pub named: Vec<(&'d str, Cow<'d, str>)>,
    /// Whether API keys are taken.
    pub keys: bool,
}

impl<'d> Vouching<'d> {
    /// Of an operation.
    #[must_use]
    pub fn of(scope: &OperationScope<'d>) -> Self {
        let api = scope.api;
        let mut found = Self { named: Vec::new(), keys: false };
        match access(scope) {
            Access::Open | Access::Closed(_) => {}
            Access::Authenticated => {
                for entry in api.settings.authentication.values() {
                    found.take_tokens(api, entry);
                    found.take(&entry.authorities, authority_issuer);
                    found.take(&entry.signers, signers_issuer);
                    found.take(&entry.users, users_issuer);
                    found.take(&entry.webhook, webhook_issuer);
                }
                found.keys = !key_schemes(api).is_empty();
            }
            Access::OneOf { alternatives, .. } => {
                for need in alternatives.iter().flat_map(|one| &one.needs) {
                    if let Some(signed) = signature_scheme(api, need.scheme) {
                        found.take(&signed.entry.signers, signers_issuer);
                        continue;
                    }
                    found.take(certificate_scheme(api, need.scheme), authority_issuer);
                    found.take(password_scheme(api, need.scheme).0, users_issuer);
                    found.take(webhook_scheme(api, need.scheme), webhook_issuer);
                    if key_scheme(api, need.scheme).is_some() {
                        found.keys = true;
                    } else if let (true, Some(scheme)) =
                        (takes_token(api, need.scheme), api.schemes.get(usize::from(need.scheme)))
                    {
                        let bound = api.settings.authentication_for(scheme);
                        bound.into_iter().for_each(|entry| found.take_tokens(api, entry));
                    }
                }
            }
        }
        found
    }

    fn take_tokens(&mut self, api: &ApiScope<'d>, entry: &'d Authentication) {
        for name in &entry.issuers {
            let issuer = api.gateway.document.issuers.get(&name.value).filter(|_| !self.knows(&name.value));
            self.named.extend(issuer.map(|issuer| (name.value.as_str(), Cow::Borrowed(iss(issuer)))));
        }
    }

    /// Those of these names, who are called so by principals.
    fn take(
        &mut self,
        names: impl IntoIterator<Item = &'d Spanned<String>>,
        called: impl Fn(&str) -> String,
    ) {
        for name in names.into_iter().map(|name| name.value.as_str()) {
            if !self.knows(name) {
                self.named.push((name, Cow::Owned(called(name))));
            }
        }
    }

    fn knows(&self, name: &str) -> bool {
        self.named.iter().any(|(known, _)| *known == name)
    }
}
