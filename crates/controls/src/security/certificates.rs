//! Security schemes whose credential is the client certificate of the connection: bound by `authorities`, which the contract calls
//! `mutualTLS` (OpenAPI 3.1); where it cannot, in 3.0, any scheme may be bound so by its name.

use contract::SecurityScheme;
use diagnostics::{Diagnostic, Diagnostics};
use spec::{Authority, Spanned};

use super::possession::listeners;
use crate::scope::ApiScope;

/// What authorities are called that vouch for who shows their certificate, before their name in the document.
const VOUCHES: &str = "yett:authorities:";

/// Who vouches for certificates of authorities, as principals name them.
#[must_use]
pub fn authority_issuer(name: &str) -> String {
    format!("{VOUCHES}{name}")
}

/// Whether client certificates, and nothing else, satisfy a scheme of a contract.
#[must_use]
pub fn takes_certificate(settings: &spec::Api, contract: &contract::Api, name: &str) -> bool {
    let bound = settings.authentication_for(name).filter(|bound| !bound.authorities.is_empty());
    let Some(bound) = bound else { return false };
    match contract.schemes.get(name) {
        None => false,
        Some(SecurityScheme::MutualTls) => true,
        // Under `*` tokens, keys, signatures and passwords have those that they can satisfy.
        Some(_) => {
            let others = bound.issuers.is_empty() && bound.source.is_none();
            others && bound.signers.is_empty() && bound.users.is_empty()
        }
    }
}

/// The authorities whose certificates satisfy the scheme of a number, by name; none where something else does.
#[must_use]
pub fn certificate_scheme<'d>(api: &ApiScope<'d>, number: u16) -> &'d [Spanned<String>] {
    let found = api.schemes.get(usize::from(number)).zip(api.contract);
    let taken = found.filter(|(name, contract)| takes_certificate(api.settings, contract, name));
    let bound = taken.and_then(|(name, _)| api.settings.authentication_for(name));
    bound.map(|bound| bound.authorities.as_slice()).unwrap_or_default()
}

/// Whether any certificates are taken of an API's callers.
#[must_use]
pub fn takes_any_certificate(api: &ApiScope<'_>) -> bool {
    api.settings.authentication.values().any(|bound| !bound.authorities.is_empty())
}

/// Numbers of the listeners that ask for certificates of the very authorities: those that a connection was verified by vouch for
/// it, and no others.
#[must_use]
pub fn asking(api: &ApiScope<'_>, authority: &Authority) -> Box<[u16]> {
    let assets = api.gateway.assets;
    let Some(bundle) = assets.get(authority.client_ca.path()) else { return Box::default() };
    let asks = |listener: &spec::Listener| {
        let file = listener.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
        file.and_then(|file| assets.get(file.path())).is_some_and(|own| own == bundle)
    };
    let all = (0_u16..).zip(api.gateway.document.listeners.values());
    all.filter(|(_, listener)| asks(listener)).map(|(number, _)| number).collect()
}

/// Reports authorities that vouch for nobody who can call the API, and two of which nobody could say which one does.
pub(super) fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let (document, assets) = (api.gateway.document, api.gateway.assets);
    for (scheme, settings) in &api.settings.authentication {
        let mut before: Vec<(&str, &[u8])> = Vec::new();
        for name in &settings.authorities {
            let Some(authority) = document.authorities.get(&name.value) else { continue };
            let file = authority.client_ca.path();
            // One that is not there is reported where all are.
            let Some(bundle) = assets.get(file) else { continue };
            let served = listeners(api).any(|listener| {
                let asked = listener.tls.as_ref().and_then(|tls| tls.client_ca.as_ref());
                asked.and_then(|asked| assets.get(asked.path())).is_some_and(|own| own == bundle)
            });
            if !served {
                let message = format!(
                    "no listener of `{}` asks for client certificates of the authorities `{}`",
                    api.name, name.value
                );
                let help = format!("write `client_ca: {file}` under the listener's `tls`");
                out.push(Diagnostic::error("certificates-not-asked-for", message).at(name.span).help(help));
            }
            if let Some((other, _)) = before.iter().find(|(_, known)| *known == &**bundle) {
                let message = format!(
                    "the scheme `{scheme}` names the same authorities as `{other}` and `{}`",
                    name.value
                );
                let help = "keep one of them: a certificate has one issuer";
                out.push(Diagnostic::error("conflict", message).at(name.span).help(help));
            }
            before.push((&name.value, bundle));
        }
    }
}
