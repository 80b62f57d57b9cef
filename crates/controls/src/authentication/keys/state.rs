//! How the keys of each issuer are, for readiness and metrics.

use std::sync::Arc;

use engine::Tick;
use engine::keyed::Keyed;
use spec::{Document, FileOrUrl, Introspected, Issuer};

use super::{KeySource, KeyStatus, Remote};
use crate::authentication::verifier::{Keys, source_name};

/// An issuer on the network whose tokens some API takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerState {
    /// Its name in the document.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// How its keys are.
    pub keys: KeyStatus,
}

/// Whether no key of an issuer is ever used: it is asked about all of its tokens, and its answers are not signed.
#[must_use]
pub fn unneeded(issuer: &Issuer) -> bool {
    let asked = issuer.introspection.as_ref();
    asked.is_some_and(|asked| asked.tokens == Introspected::All && !asked.signed)
}

/// Where the keys of an issuer are fetched; `None` for the local issuer, for keys in a file, and for those that nobody needs.
#[must_use]
pub fn remote(issuer: &Issuer) -> Option<Remote> {
    let jwks = match issuer.jwks.as_ref().map(|jwks| &jwks.value) {
        _ if issuer.local || unneeded(issuer) => return None,
        Some(FileOrUrl::File(_)) => return None,
        Some(FileOrUrl::Url(url)) => Some(url.as_str().to_owned()),
        None => None,
    };
    let url = issuer.url.as_ref()?.as_str().to_owned();
    Some(Remote { issuer: url, jwks, max_age: issuer.keys.max_age.get() })
}

/// Every issuer on the network whose tokens some API takes, by name.
#[must_use]
pub fn issuer_states(document: &Document, keyed: &Keyed, now: Tick) -> Vec<IssuerState> {
    let used = |name: &str| {
        let mut schemes = document.apis.values().flat_map(|api| api.authentication.values());
        schemes.any(|scheme| scheme.issuers.iter().any(|issuer| issuer.value == name))
    };
    let all = document.issuers.iter().filter(|(name, _)| used(name));
    all.filter_map(|(name, issuer)| {
        let remote = remote(issuer)?;
        let url = remote.issuer.clone();
        // The source that the cores hold; before they hold one, an idle one, which says that there are no keys.
        let key = source_name(&url, &Keys::Remote(remote.clone()));
        let source: Arc<KeySource> = keyed.get_or_make("issuer-keys", &key, || KeySource::remote(remote));
        Some(IssuerState { name: name.clone(), url, keys: source.status(now) })
    })
    .collect()
}
