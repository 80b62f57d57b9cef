//! Verifying what an issuer of the document signed, or vouches for, outside of a call: tokens that are to be revoked, and security
//! events.

use std::sync::Arc;

use engine::CoreContext;
use jose::{Algorithm, Fault, KeySet, Unverified, Verified};
use spec::{FileOrUrl, Introspected, Issuer, SecretRef};

use super::config::{EMPTY, endpoint};
use super::introspection::{Answer, Introspector, Known};
use super::keys::{self, KeySource};
use super::verifier::{Keys, source_name};
use crate::scope::Assets;
pub use crate::security::iss;

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

/// Whether nothing that an issuer signs can be verified, since it is asked about all of its tokens and its keys are not needed.
#[must_use]
pub fn keyless(issuer: &Issuer) -> bool {
    keys::unneeded(issuer)
}

/// Whether an issuer is asked about tokens that it signed as well.
#[must_use]
pub fn asks_all(issuer: &Issuer) -> bool {
    issuer.introspection.as_ref().is_some_and(|asked| asked.tokens == Introspected::All)
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
            let set = KeySet::parse_for(bytes::Bytes::copy_from_slice(text), iss(issuer)).ok()?;
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

/// Times that an answer is waited for: another one may have been forgotten meanwhile.
const WAITS: usize = 3;

/// What an issuer says of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// It is active.
    Active {
        /// `client_id`: to whom it was given, where that is said.
        client: Option<String>,
        /// `exp`, in seconds since 1970, rounded down, where that is said.
        expires: Option<u64>,
    },
    /// It is not.
    Inactive,
    /// There is no answer now.
    Unavailable,
}

/// An issuer that is asked about tokens, by the same questions and answers as the cores', where they ask.
#[derive(Debug)]
pub struct Voucher {
    introspector: Arc<Introspector>,
    keys: Arc<KeySource>,
}

impl Voucher {
    /// An issuer of the document; `None` where it is not asked, or cannot be.
    #[must_use]
    pub fn of(
        issuer: &Issuer,
        assets: &Assets,
        secret: impl Fn(&SecretRef) -> Option<Arc<[u8]>>,
        core: &CoreContext,
    ) -> Option<Self> {
        let endpoint = endpoint(issuer.introspection.as_ref()?, iss(issuer), secret)??;
        let keys = match Signer::of(issuer, assets, None, core) {
            Some(signer) => signer.source,
            // Its answers are not signed, so that none is needed.
            None => Arc::new(KeySource::fixed(Arc::new(KeySet::parse(EMPTY.into()).ok()?))),
        };
        Some(Self { introspector: Introspector::of(&Arc::new(endpoint), core), keys })
    }

    /// What the issuer says of a token; waits for the answer within the endpoint's deadline.
    pub async fn ask(&self, token: &str, core: &CoreContext) -> Vouched {
        for _ in 0..WAITS {
            match self.introspector.look(token, &self.keys, core) {
                Known::Asking(flight) => flight.wait().await,
                Known::Busy | Known::Answer(Answer::None(_)) => return Vouched::Unavailable,
                Known::Answer(Answer::Inactive) => return Vouched::Inactive,
                Known::Answer(Answer::Active(claims, _)) => {
                    let claims = claims.root();
                    let client = claims.get("client_id").and_then(tape::Node::as_str);
                    let expires = claims.get("exp").and_then(tape::Node::as_number);
                    let expires = expires.and_then(|exp| exp.as_f64()).filter(|exp| *exp >= 0.0);
                    return Vouched::Active {
                        client: client.map(std::borrow::Cow::into_owned),
                        // What is past the range is as good as for ever.
                        expires: expires.map(|exp| exp.floor() as u64),
                    };
                }
            }
        }
        Vouched::Unavailable
    }
}
