//! Security schemes whose credential is a signature over the call (RFC 9421): bound by `signature`.
//!
//! OpenAPI has no type of its own for them. Contracts say `type: http` with `scheme: signature`, or name the field that the
//! signature stands in (`type: apiKey`, `in: header`, `name: Signature`); both are taken, and nothing else is.

use std::collections::BTreeSet;

use contract::{KeyPlace, SecurityScheme};
use diagnostics::{Diagnostic, Diagnostics};

use super::possession::knows_its_hosts;
use super::{ANY_SCHEME, Access};
use crate::scope::ApiScope;

/// A security scheme that takes signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignatureScheme<'a> {
    /// The entry of `authentication` that says how.
    pub entry: &'a str,
    /// Its number in the API.
    pub number: u16,
}

/// Whether a scheme is one of signatures, by its type.
pub(super) fn is_signature(scheme: &SecurityScheme) -> bool {
    match scheme {
        SecurityScheme::Http { scheme, .. } => scheme == "signature",
        SecurityScheme::ApiKey { name, place: KeyPlace::Header } => {
            ["signature", "signature-input"].iter().any(|field| name.eq_ignore_ascii_case(field))
        }
        _ => false,
    }
}

/// The entry that binds signatures to a scheme; `Ok(None)` when none does, or why the scheme can have none.
pub(super) fn bound<'a>(api: &ApiScope<'a>, name: &str) -> Result<Option<&'a str>, &'static str> {
    let entries = &api.settings.authentication;
    let found = entries.get_key_value(name).or_else(|| entries.get_key_value("*"));
    let Some((entry, settings)) = found.filter(|(_, settings)| settings.signature.is_some()) else {
        return Ok(None);
    };
    match api.contract.and_then(|contract| contract.schemes.get(name)) {
        Some(scheme) if is_signature(scheme) => Ok(Some(entry)),
        None => Ok(None),
        // Under `*` the others have those schemes that they can satisfy.
        Some(_) if !settings.issuers.is_empty() || settings.source.is_some() => Ok(None),
        Some(_) => Err("signatures satisfy schemes of type `http` with scheme `signature` only"),
    }
}

/// The scheme of a number, when signatures are bound to it.
#[must_use]
pub fn signature_scheme<'a>(api: &ApiScope<'a>, number: u16) -> Option<SignatureScheme<'a>> {
    let name = api.schemes.get(usize::from(number))?;
    let entry = bound(api, name).ok().flatten()?;
    Some(SignatureScheme { entry, number })
}

/// The schemes of an operation that signatures are bound to; where any credential will do, an entry for each that binds them.
#[must_use]
pub fn signature_schemes<'a>(api: &ApiScope<'a>, access: &Access) -> Vec<SignatureScheme<'a>> {
    match access {
        Access::Open | Access::Closed(_) => Vec::new(),
        Access::Authenticated => {
            let signed =
                api.settings.authentication.iter().filter(|(_, settings)| settings.signature.is_some());
            signed.map(|(entry, _)| SignatureScheme { entry, number: ANY_SCHEME }).collect()
        }
        Access::OneOf { alternatives, .. } => {
            let needs = alternatives.iter().flat_map(|one| &one.needs).map(|need| need.scheme);
            let numbers: BTreeSet<u16> = needs.collect();
            numbers.into_iter().filter_map(|number| signature_scheme(api, number)).collect()
        }
    }
}

/// Whether an API takes signatures anywhere.
#[must_use]
pub fn takes_signatures(settings: &spec::Api) -> bool {
    settings.authentication.values().any(|entry| entry.signature.is_some())
}

/// Reports, once per API, signatures that would be good for other servers too.
pub(super) fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let signing = api.settings.authentication.values().find_map(|entry| entry.signature.as_ref());
    let Some(signing) = signing.filter(|_| api.settings.url.is_none() && !knows_its_hosts(api)) else {
        return;
    };
    let message = format!("signatures cannot be taken at `{}`, since any host is taken for it", api.name);
    let help = "write `hosts: [api.example.com]`, or `url: https://api.example.com`: a call that was signed for \
                another server would be good here under its name";
    out.push(Diagnostic::error("proofs-for-any-host", message).at(signing.span).help(help));
}
