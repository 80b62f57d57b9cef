//! What an API's settings say of tokens that are bound to their holders, as authentication, its challenges and the metadata
//! read it.
//!
//! A proof (RFC 9449) names the URI that it was made for. Where no host is named for an API, a caller may call it whatever it
//! likes, and a proof that was made for somebody else's server would be good here under that server's name. So proofs are
//! taken only where the API's URL is known: by `url`, by hosts, or because nobody but this machine can call.

use std::sync::Arc;
use std::time::Duration;

use diagnostics::{Diagnostic, Diagnostics};
use jose::Algorithm;
use spec::{Listener, Nonce, OperationRef, SecretRef, SenderConstrained, Spanned, Url};

use super::Scheme;
use crate::scope::ApiScope;

/// Shortest secret that nonces are made with, in bytes: as long as what the hash gives (RFC 2104 section 3).
const NONCE_KEY_BYTES: usize = 32;

/// How proofs are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proofs {
    /// Algorithms taken.
    pub algorithms: Vec<Algorithm>,
    /// How old a proof may be.
    pub window: Duration,
    /// Whether it needs a nonce of ours.
    pub nonce: Option<NonceKey>,
    /// Where clients find the API, when the call itself does not say.
    pub url: Option<Url>,
}

/// What nonces are made with.
#[derive(Clone, PartialEq, Eq)]
pub enum NonceKey {
    /// A secret of the process's own.
    Own,
    /// One that gateways share.
    Shared(Arc<[u8]>),
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Own => "Own",
            Self::Shared(_) => "Shared",
        })
    }
}

/// How an API takes proofs; `None` where it cannot.
pub fn taken(api: &ApiScope<'_>) -> Option<Arc<Proofs>> {
    (*api.share("security-proofs", || make(api).map(Arc::new))).clone()
}

fn make(api: &ApiScope<'_>) -> Option<Proofs> {
    let settings = api.settings.dpop.as_ref().map(|dpop| dpop.value.clone()).unwrap_or_default();
    let url = api.settings.url.as_ref().map(|url| url.value.clone());
    if url.is_none() && !knows_its_hosts(api) {
        return None;
    }
    let algorithms = match &settings.algorithms {
        None => Algorithm::ALL.to_vec(),
        Some(list) => list.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
    };
    let nonce = match (settings.nonce, &settings.nonce_key) {
        (Nonce::Off, _) => None,
        (Nonce::Required, None) => Some(NonceKey::Own),
        (Nonce::Required, Some(key)) => Some(NonceKey::Shared(nonce_key(api, key)?)),
    };
    (!algorithms.is_empty()).then(|| Proofs { algorithms, window: settings.window.get(), nonce, url })
}

fn nonce_key(api: &ApiScope<'_>, key: &SecretRef) -> Option<Arc<[u8]>> {
    api.gateway.secret(key).filter(|key| key.len() >= NONCE_KEY_BYTES).cloned()
}

/// Listeners on which an API is served.
pub(super) fn listeners<'a>(api: &ApiScope<'a>) -> impl Iterator<Item = &'a Listener> {
    let (named, all) = (&api.settings.listeners, &api.gateway.document.listeners);
    let served = |name: &String| named.is_empty() || named.iter().any(|one| one.value == *name);
    all.iter().filter(move |(name, _)| served(name)).map(|(_, listener)| &listener.value)
}

pub(super) fn knows_its_hosts(api: &ApiScope<'_>) -> bool {
    let is_near =
        |listener: &Listener| listener.bind.address().is_none_or(|address| address.ip().is_loopback());
    !api.settings.hosts.is_empty()
        || listeners(api).all(|listener| !listener.hosts.is_empty() || is_near(listener))
}

/// Whether clients can show certificates to an API.
pub fn has_certificates(api: &ApiScope<'_>) -> bool {
    listeners(api).any(|listener| listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()))
}

/// Whether every token has to be bound to a key, whatever the operation.
pub fn always_proven(api: &ApiScope<'_>) -> bool {
    let is_proof = |demand: Option<Spanned<SenderConstrained>>| {
        demand.is_some_and(|demand| demand.value == SenderConstrained::Dpop)
    };
    let own = |settings: &spec::OperationSettings| settings.authentication.as_ref()?.sender_constrained;
    let schemes = &api.settings.authentication;
    !schemes.is_empty()
        && schemes.values().all(|scheme| is_proof(scheme.sender_constrained))
        && api.settings.operations.iter().filter_map(own).all(|demand| is_proof(Some(demand)))
}

/// What the tokens of a scheme have to be bound to at an operation.
pub fn demanded(
    api: &ApiScope<'_>,
    operation: Option<&OperationRef<'_>>,
    entry: &str,
) -> Option<Spanned<SenderConstrained>> {
    let own = operation.and_then(|operation| api.settings.sender_constrained_for(operation));
    own.or_else(|| api.settings.authentication.get(entry)?.sender_constrained)
}

/// Schemes that a caller is told of where these are demanded of the alternatives.
#[must_use]
pub fn offered(demands: &[Option<SenderConstrained>]) -> &'static [Scheme] {
    let proofs = |demand: &Option<SenderConstrained>| *demand == Some(SenderConstrained::Dpop);
    if !demands.is_empty() && demands.iter().all(proofs) {
        return &[Scheme::Dpop];
    }
    let either = |demand: &Option<SenderConstrained>| {
        matches!(demand, Some(SenderConstrained::Dpop | SenderConstrained::Any))
    };
    if demands.iter().any(either) { &[Scheme::Dpop, Scheme::Bearer] } else { &[Scheme::Bearer] }
}

/// Reports, once per API, what is demanded and cannot be shown.
pub(super) fn report(api: &ApiScope<'_>, out: &mut Diagnostics) {
    let of_schemes = api.settings.authentication.values().filter_map(|scheme| scheme.sender_constrained);
    let own = |settings: &spec::OperationSettings| settings.authentication.as_ref()?.sender_constrained;
    let demands: Vec<_> = of_schemes.chain(api.settings.operations.iter().filter_map(own)).collect();
    let settings = api.settings.dpop.as_ref();
    if let Some(key) = settings.and_then(|dpop| dpop.nonce_key.as_ref()) {
        let short = api.gateway.secret(key).is_some_and(|bytes| bytes.len() < NONCE_KEY_BYTES);
        if short {
            let message = format!("the key of nonces has less than {NONCE_KEY_BYTES} bytes");
            let help = "make one with `openssl rand -hex 32`";
            out.push(Diagnostic::error("weak-secret", message).at(key.span).help(help));
            return;
        }
    }
    let proofs = demands.iter().find(|demand| demand.value != SenderConstrained::Mtls);
    let place = proofs.map(|demand| demand.span).or(settings.map(|dpop| dpop.span));
    let is_known = api.settings.url.is_some() || knows_its_hosts(api);
    if let (Some(place), false) = (place, is_known) {
        let message = format!("proofs cannot be taken at `{}`, since any host is taken for it", api.name);
        let help = "write `hosts: [api.example.com]`, or `url: https://api.example.com`: a proof that was \
                    made for another server would be good here under its name";
        out.push(Diagnostic::error("proofs-for-any-host", message).at(place).help(help));
    }
    let certificates = demands.iter().find(|demand| demand.value == SenderConstrained::Mtls);
    if let Some(demand) = certificates.filter(|_| !has_certificates(api)) {
        let message = format!("no listener of `{}` asks for client certificates", api.name);
        let help = "write `client_ca: file:ca.pem` under the listener's `tls`, or demand `dpop`";
        out.push(Diagnostic::error("certificates-not-asked-for", message).at(demand.span).help(help));
    }
}
