//! Verifying what an issuer of the document signed, outside of a call: tokens that are to be revoked, and security events.

use std::sync::Arc;

use engine::CoreContext;
use jose::{Algorithm, Fault, KeySet, Unverified, Verified};
use spec::{FileOrUrl, Issuer};

use super::LOCAL_ISSUER;
use super::keys::{self, KeySource};
use super::verifier::{Keys, source_name};
use crate::scope::Assets;

/// An issuer with its keys: the same that the cores verify tokens with, where they do.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Exactly as in `iss`.
    pub issuer: String,
    source: Arc<KeySource>,
    algorithms: Vec<Algorithm>,
}

/// Why nothing can be said of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It is not the issuer's.
    Fault(Fault),
    /// The keys of the issuer are not known now.
    Unavailable,
}

/// `iss` of an issuer.
#[must_use]
pub fn iss(issuer: &Issuer) -> &str {
    issuer.url.as_ref().filter(|_| !issuer.local).map_or(LOCAL_ISSUER, |url| url.as_str())
}

/// Whether a text is a key set with keys that can be used.
#[must_use]
pub fn usable(text: &[u8]) -> bool {
    KeySet::parse(bytes::Bytes::copy_from_slice(text)).is_ok_and(|set| !set.is_empty())
}

impl Signer {
    /// An issuer of the document; begins to fetch its keys where nobody does. `None` where it has none that could be used.
    #[must_use]
    pub fn of(
        issuer: &Issuer,
        assets: &Assets,
        local_jwks: Option<&[u8]>,
        core: &CoreContext,
    ) -> Option<Self> {
        let fixed = |text: &[u8]| {
            let set = KeySet::parse(bytes::Bytes::copy_from_slice(text)).ok()?;
            Some(Keys::Fixed(Arc::new(set), text.into()))
        };
        let keys = match (keys::remote(issuer), issuer.jwks.as_ref().map(|jwks| &jwks.value)) {
            (Some(remote), _) => Keys::Remote(remote),
            (None, _) if issuer.local => fixed(local_jwks?)?,
            (None, Some(FileOrUrl::File(file))) => fixed(assets.get(file.path())?)?,
            (None, _) => return None,
        };
        let name = source_name(iss(issuer), &keys);
        let source = core.keyed.get_or_make("issuer-keys", &name, || match &keys {
            Keys::Remote(remote) => KeySource::remote(remote.clone()),
            Keys::Fixed(set, _) => KeySource::fixed(Arc::clone(set)),
        });
        source.start(core);
        let algorithms = match &issuer.algorithms {
            None => Algorithm::ALL.to_vec(),
            Some(list) => list.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
        };
        Some(Self { issuer: iss(issuer).to_owned(), source, algorithms })
    }

    /// Verifies a signature; waits once for newer keys, where these might be needed.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub async fn verify<'t>(
        &self,
        token: &'t Unverified<'t>,
        core: &CoreContext,
    ) -> Result<Verified<'t>, Unsigned> {
        if !self.algorithms.contains(&token.header().alg) {
            return Err(Unsigned::Fault(Fault::AlgNotAllowed));
        }
        let seen = self.source.attempts();
        let first = self.try_verify(token, core);
        let newer = match first {
            Err(Unsigned::Unavailable | Unsigned::Fault(Fault::UnknownKey)) => true,
            Err(Unsigned::Fault(Fault::BadSignature)) => token.header().kid.is_none(),
            _ => false,
        };
        if !newer || !(self.source.attempts() != seen || self.source.ask(core.clock.now())) {
            return first;
        }
        self.source.wait(seen, &*core.clock).await;
        self.try_verify(token, core)
    }

    fn try_verify<'t>(
        &self,
        token: &'t Unverified<'t>,
        core: &CoreContext,
    ) -> Result<Verified<'t>, Unsigned> {
        let keys = self.source.current().keys.filter(|_| self.source.usable(core.clock.now()));
        let keys = keys.ok_or(Unsigned::Unavailable)?;
        jose::verify(token, &keys, &self.algorithms).map_err(Unsigned::Fault)
    }
}
