//! Security schemes whose credential is the password of a user: bound by `users`, which contracts call `type: http, scheme: basic`
//! (RFC 7617).
//!
//! A password is worth what the way is worth on which it came, and it comes with every call: so it is taken on connections that nobody
//! else reads, and `yett check` says where there are others.

use contract::SecurityScheme;
use diagnostics::{Diagnostic, Diagnostics};
use spec::{Listener, Spanned};

use super::possession::listeners;
use crate::scope::ApiScope;

/// What groups of users are called that vouch for who knows the password, before their name in the document.
const VOUCHES: &str = "yett:users:";

/// Who vouches for users of a group, as principals name them.
#[must_use]
pub fn users_issuer(name: &str) -> String {
    format!("{VOUCHES}{name}")
}

/// Whether a scheme is HTTP Basic.
pub(super) fn is_basic(scheme: &SecurityScheme) -> bool {
    matches!(scheme, SecurityScheme::Http { scheme, .. } if scheme == "basic")
}

/// Whether passwords, and nothing else, satisfy a scheme of a contract.
#[must_use]
pub fn takes_password(settings: &spec::Api, contract: &contract::Api, name: &str) -> bool {
    let bound = settings.authentication_for(name).is_some_and(|bound| !bound.users.is_empty());
    bound && contract.schemes.get(name).is_some_and(is_basic)
}

/// Why passwords cannot satisfy a scheme that they are bound to, and nothing else is.
pub(super) fn misfit(api: &ApiScope<'_>, name: &str) -> Option<&'static str> {
    let bound = api.settings.authentication_for(name).filter(|bound| !bound.users.is_empty())?;
    let signed_or_shown = !bound.signers.is_empty() || !bound.authorities.is_empty();
    let alone = bound.issuers.is_empty() && bound.source.is_none() && !signed_or_shown;
    let other = api.contract?.schemes.get(name).is_some_and(|scheme| !is_basic(scheme));
    (alone && other).then_some("passwords satisfy schemes of type `http` with scheme `basic` only")
}

/// The groups of users whose passwords satisfy the scheme of a number, by name, and whether these go on; none where something else does.
#[must_use]
pub fn password_scheme<'d>(api: &ApiScope<'d>, number: u16) -> (&'d [Spanned<String>], bool) {
    let found = api.schemes.get(usize::from(number)).zip(api.contract);
    let taken = found.filter(|(name, contract)| takes_password(api.settings, contract, name));
    let bound = taken.and_then(|(name, _)| api.settings.authentication_for(name));
    bound.map(|bound| (bound.users.as_slice(), bound.forward)).unwrap_or_default()
}

/// Whether any passwords are taken of an API's callers.
#[must_use]
pub fn takes_any_password(api: &ApiScope<'_>) -> bool {
    api.settings.authentication.values().any(|bound| !bound.users.is_empty())
}

/// Whether nobody on the way reads what comes by a listener: it speaks TLS, or only this machine reaches it.
fn is_private(listener: &Listener) -> bool {
    listener.tls.is_some() || listener.bind.is_loopback()
}

/// Numbers of the listeners by which passwords may come whoever is the peer. By others they come from a trusted hop that says that the
/// client spoke TLS to it.
#[must_use]
pub fn private_listeners(api: &ApiScope<'_>) -> Box<[u16]> {
    let all = (0_u16..).zip(api.gateway.document.listeners.values());
    all.filter(|(_, listener)| is_private(listener)).map(|(number, _)| number).collect()
}

/// Reports passwords that would come in clear text.
pub(super) fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let Some(first) = api.settings.authentication.values().find_map(|bound| bound.users.first()) else {
        return;
    };
    if !api.gateway.document.trusted_hops.is_empty() {
        return;
    }
    if let Some(listener) = listeners(api).find(|listener| !is_private(listener)) {
        let message = format!(
            "`{}` would take passwords in clear text on `{}`, which other machines can reach",
            api.name, listener.bind.value
        );
        let help = "give the listener `tls`, or name the proxies that end TLS in front of it in `trusted_hops`: who reads along \
                    once can call for ever";
        out.push(Diagnostic::error("passwords-in-clear", message).at(first.span).help(help));
    }
}
