//! Who vouches for the credentials that an operation takes.

use engine::Principal;
use spec::Issuer;

use super::{Access, access, key_scheme, key_schemes, signature_schemes};
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
    /// Issuers of tokens: their names in the document, and as tokens call them.
    pub tokens: Vec<(&'d str, &'d str)>,
    /// Whether API keys are taken.
    pub keys: bool,
    /// Issuers of those who sign calls.
    pub signers: Vec<&'d str>,
}

impl<'d> Vouching<'d> {
    /// Of an operation.
    #[must_use]
    pub fn of(scope: &OperationScope<'d>) -> Self {
        let api = scope.api;
        let access = access(scope);
        let signers = signature_schemes(api, &access).into_iter();
        let mut found = Self { tokens: Vec::new(), keys: false, signers: Vec::new() };
        for issuer in signers.filter_map(|scheme| signer(api, scheme.entry)) {
            if !found.signers.contains(&issuer) {
                found.signers.push(issuer);
            }
        }
        match access {
            Access::Open | Access::Closed(_) => {}
            Access::Authenticated => {
                api.settings.authentication.keys().for_each(|entry| found.take_tokens(api, entry));
                found.keys = !key_schemes(api).is_empty();
            }
            Access::OneOf { alternatives, .. } => {
                for need in alternatives.iter().flat_map(|one| &one.needs) {
                    if key_scheme(api, need.scheme).is_some() {
                        found.keys = true;
                    } else if let Some(scheme) = api.schemes.get(usize::from(need.scheme)) {
                        let own = api.settings.authentication.contains_key(scheme);
                        found.take_tokens(api, if own { scheme } else { "*" });
                    }
                }
            }
        }
        found
    }

    fn take_tokens(&mut self, api: &ApiScope<'d>, entry: &str) {
        let taken = api.settings.authentication.get(entry).into_iter().flat_map(|entry| &entry.issuers);
        for name in taken {
            let known = self.tokens.iter().any(|(known, _)| *known == name.value);
            let issuer = api.gateway.document.issuers.get(&name.value).filter(|_| !known);
            self.tokens.extend(issuer.map(|issuer| (name.value.as_str(), iss(issuer))));
        }
    }
}

/// Who vouches for those whose signatures an entry of `authentication` takes.
fn signer<'d>(api: &ApiScope<'d>, entry: &str) -> Option<&'d str> {
    let signing = api.settings.authentication.get(entry)?.signature.as_ref()?;
    Some(signing.issuer.as_str())
}
