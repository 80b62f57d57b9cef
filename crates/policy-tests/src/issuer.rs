//! Keys of ours in the place of every issuer's, wherever these are: beside the document, on the network, or made by the
//! gateway itself. The tokens are real, and so is what verifies them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::BoxFuture;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jose::Algorithm;
use spec::{Api, Document, FileOrUrl, Issuer};

use crate::keys::Key;

/// The keys of one run.
#[derive(Debug)]
pub(crate) struct Keys {
    /// By algorithm; each issuer uses the first that it takes.
    good: Vec<Key>,
    /// Whom nobody knows.
    strange: Vec<Key>,
    /// Of clients, by algorithm: what their tokens are bound to (RFC 9449).
    held: Vec<Key>,
    /// Of other clients.
    others: Vec<Key>,
    jwks: Arc<[u8]>,
}

/// The algorithm by which tokens of an issuer are signed: ES256 where it is taken.
fn algorithm(issuer: &Issuer) -> Algorithm {
    let names = issuer.algorithms.iter().flatten();
    preferred(names.filter_map(|name| Algorithm::from_name(name)))
}

/// The algorithm by which clients of an API sign proofs.
fn of_proofs(api: Option<&Api>) -> Algorithm {
    let names = api.and_then(|api| api.dpop.as_ref()?.algorithms.as_ref()).into_iter().flatten();
    preferred(names.filter_map(|name| Algorithm::from_name(name)))
}

/// Of those that are taken, which are all when none is named.
fn preferred(mut taken: impl Iterator<Item = Algorithm>) -> Algorithm {
    let usual = Algorithm::Es256;
    let Some(first) = taken.next() else { return usual };
    if taken.any(|one| one == usual) { usual } else { first }
}

/// A key for each of these algorithms.
fn each(wanted: &[Algorithm]) -> Option<Vec<Key>> {
    wanted.iter().map(|algorithm| Key::generate(*algorithm)).collect()
}

fn distinct(all: impl Iterator<Item = Algorithm>) -> Vec<Algorithm> {
    let mut found = Vec::new();
    for algorithm in all {
        if !found.contains(&algorithm) {
            found.push(algorithm);
        }
    }
    found
}

impl Keys {
    /// Makes one key for each algorithm that an issuer of the document wants, and for each by which proofs are signed.
    pub(crate) fn generate(document: &Document) -> Option<Self> {
        let mut wanted = distinct(document.issuers.values().map(|issuer| algorithm(issuer)));
        if wanted.is_empty() {
            wanted.push(Algorithm::Es256);
        }
        let of_clients = distinct(document.apis.values().map(Some).chain([None]).map(of_proofs));
        let (good, strange) = (each(&wanted)?, each(&wanted)?);
        let (held, others) = (each(&of_clients)?, each(&of_clients)?);
        let texts: Vec<String> = good.iter().map(Key::jwk).collect::<Option<_>>()?;
        let jwks = format!("{{\"keys\":[{}]}}", texts.join(",")).into_bytes().into();
        Some(Self { good, strange, held, others, jwks })
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

    /// The key of a client of an API, or of another one.
    pub(crate) fn of_client(&self, api: Option<&Api>, other: bool) -> Option<&Key> {
        let wanted = of_proofs(api);
        let keys = if other { &self.others } else { &self.held };
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

/// What every token endpoint gives (RFC 6749 section 5.1, RFC 8693 section 2.2.1): no case is about what an issuer does not give.
const TOKEN: &str = "{\"access_token\":\"given-by-tests\",\"token_type\":\"Bearer\",\"expires_in\":300,\
                     \"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\"}";

/// The network as cases know it: the documents of all issuers, the tokens that they give, and nothing else.
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
            if let Some(endpoint) = &issuer.token_endpoint {
                all.insert(endpoint.url.as_str().to_owned(), TOKEN.into());
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
                Some(body) => {
                    let json = HeaderValue::from_static("application/json");
                    let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
                    Ok(FetchResponse { status: StatusCode::OK, headers, body })
                }
                None => Err(FetchError::Address(String::from("tests of policies have no network"))),
            }
        })
    }
}
