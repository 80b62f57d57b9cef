//! Keys of ours in the place of every issuer's, wherever these are: beside the document, on the network, or made by the
//! gateway itself. The tokens are real, and so is what verifies them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::BoxFuture;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use http::{HeaderMap, StatusCode};
use jose::Algorithm;
use spec::{Document, FileOrUrl, Issuer};

use crate::keys::Key;

/// The keys of one run.
#[derive(Debug)]
pub(crate) struct Keys {
    /// By algorithm; each issuer uses the first that it takes.
    good: Vec<Key>,
    /// Whom nobody knows.
    strange: Vec<Key>,
    jwks: Arc<[u8]>,
}

/// The algorithm by which tokens of an issuer are signed: ES256 where it is taken.
pub(crate) fn algorithm(issuer: &Issuer) -> Algorithm {
    let taken: Vec<Algorithm> = match &issuer.algorithms {
        None => vec![Algorithm::Es256],
        Some(names) => names.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
    };
    if taken.contains(&Algorithm::Es256) {
        Algorithm::Es256
    } else {
        *taken.first().unwrap_or(&Algorithm::Es256)
    }
}

impl Keys {
    /// Makes one key for each algorithm that an issuer of the document wants.
    pub(crate) fn generate(document: &Document) -> Option<Self> {
        let mut wanted: Vec<Algorithm> = Vec::new();
        for issuer in document.issuers.values() {
            let algorithm = algorithm(issuer);
            if !wanted.contains(&algorithm) {
                wanted.push(algorithm);
            }
        }
        if wanted.is_empty() {
            wanted.push(Algorithm::Es256);
        }
        let make = || wanted.iter().map(|algorithm| Key::generate(*algorithm)).collect::<Option<Vec<Key>>>();
        let (good, strange) = (make()?, make()?);
        let texts: Vec<String> = good.iter().map(Key::jwk).collect::<Option<_>>()?;
        let jwks = format!("{{\"keys\":[{}]}}", texts.join(",")).into_bytes().into();
        Some(Self { good, strange, jwks })
    }

    /// The public keys as every issuer has them.
    pub(crate) fn jwks(&self) -> &Arc<[u8]> {
        &self.jwks
    }

    /// The key that signs for an issuer, or a stranger's of the same kind.
    pub(crate) fn of(&self, issuer: &Issuer, stranger: bool) -> Option<&Key> {
        let wanted = algorithm(issuer);
        let keys = if stranger { &self.strange } else { &self.good };
        keys.iter().find(|key| key.algorithm() == wanted)
    }
}

/// Files with the keys of issuers.
pub(crate) fn key_files(document: &Document) -> BTreeSet<String> {
    let files = document.issuers.values().filter_map(|issuer| match &issuer.jwks.as_ref()?.value {
        FileOrUrl::File(file) => Some(file.path().to_owned()),
        FileOrUrl::Url(_) => None,
    });
    files.collect()
}

/// The network as cases know it: the documents of all issuers, and nothing else.
#[derive(Debug)]
pub(crate) struct Network(BTreeMap<String, bytes::Bytes>);

impl Network {
    /// Of the issuers of a document.
    pub(crate) fn of(document: &Document, keys: &Keys) -> Self {
        let jwks = bytes::Bytes::copy_from_slice(keys.jwks());
        let mut all = BTreeMap::new();
        for issuer in document.issuers.values() {
            if let Some(FileOrUrl::Url(url)) = issuer.jwks.as_ref().map(|jwks| &jwks.value) {
                all.insert(url.as_str().to_owned(), jwks.clone());
            }
            if let Some(url) = &issuer.url {
                let base = url.as_str().trim_end_matches('/');
                let place = format!("{base}/.well-known/yett-test-keys");
                let metadata = serde_json::json!({ "issuer": url.as_str(), "jwks_uri": place });
                all.insert(format!("{base}/.well-known/openid-configuration"), metadata.to_string().into());
                all.insert(place, jwks.clone());
            }
        }
        Self(all)
    }
}

impl Fetch for Network {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        let found = self.0.get(&request.url).cloned();
        Box::pin(async move {
            match found {
                Some(body) => Ok(FetchResponse { status: StatusCode::OK, headers: HeaderMap::new(), body }),
                None => Err(FetchError::Address(String::from("tests of policies have no network"))),
            }
        })
    }
}
