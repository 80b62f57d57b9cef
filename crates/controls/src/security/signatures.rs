//! Security schemes whose credential is a signature over the call (RFC 9421): bound by `signers`.
//!
//! OpenAPI has no type of its own for them. Contracts say `type: http` with `scheme: signature`, or name the field that the
//! signature stands in (`type: apiKey`, `in: header`, `name: Signature`); both are taken, and nothing else is.

use std::collections::BTreeSet;

use contract::{KeyPlace, SecurityScheme};
use diagnostics::{Diagnostic, Diagnostics};
use spec::Authentication;

use super::possession::knows_its_hosts;
use super::{ANY_SCHEME, Access};
use crate::scope::ApiScope;

/// What signers are called that vouch for who signs under one of their keys, before their name in the document.
const VOUCHES: &str = "yett:signers:";

/// Who vouches for the signatures of signers, as principals name them.
#[must_use]
pub fn signers_issuer(name: &str) -> String {
    format!("{VOUCHES}{name}")
}

/// A security scheme that takes signatures.
#[derive(Debug, Clone, Copy)]
pub struct SignatureScheme<'a> {
    /// The entry of `authentication` that says whose.
    pub entry: &'a Authentication,
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
pub(super) fn bound<'a>(api: &ApiScope<'a>, name: &str) -> Result<Option<&'a Authentication>, &'static str> {
    let settings: &'a spec::Api = api.settings;
    let entry = settings.authentication_for(name).map(|entry| &entry.value);
    let Some(entry) = entry.filter(|entry| !entry.signers.is_empty()) else { return Ok(None) };
    match api.contract.and_then(|contract| contract.schemes.get(name)) {
        Some(scheme) if is_signature(scheme) => Ok(Some(entry)),
        None => Ok(None),
        // Under `*` the others have those schemes that they can satisfy.
        Some(_) if takes_others(entry) => Ok(None),
        Some(_) => Err("signatures satisfy schemes of type `http` with scheme `signature` only"),
    }
}

fn takes_others(entry: &Authentication) -> bool {
    let tokens_or_keys = !entry.issuers.is_empty() || entry.source.is_some();
    tokens_or_keys || !entry.authorities.is_empty() || !entry.users.is_empty()
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
            let settings: &'a spec::Api = api.settings;
            let signed = settings.authentication.values().filter(|entry| !entry.signers.is_empty());
            signed.map(|entry| SignatureScheme { entry, number: ANY_SCHEME }).collect()
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
    settings.authentication.values().any(|entry| !entry.signers.is_empty())
}

/// Reports, once per API, signatures that would be good for other servers too.
pub(super) fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let first = api.settings.authentication.values().find_map(|entry| entry.signers.first());
    let Some(first) = first.filter(|_| api.settings.url.is_none() && !knows_its_hosts(api)) else {
        return;
    };
    let message = format!("signatures cannot be taken at `{}`, since any host is taken for it", api.name);
    let help = "write `hosts: [api.example.com]`, or `url: https://api.example.com`: a call that was signed for \
                another server would be good here under its name";
    out.push(Diagnostic::error("proofs-for-any-host", message).at(first.span).help(help));
}
