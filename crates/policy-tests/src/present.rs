//! What a case's client sends to show who it is: a token, a proof that is made anew for each call, an API key where the contract
//! says, a user's name and password.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use controls::security::{Where, key_place};
use engine::path::percent_encoded;
use jose::base64url_encode as encode;
use serde_json::{Map, Value as Json, json};
use spec::Api;

use crate::Subject;
use crate::apikey::Issued;
use crate::bytes_of::{self, Place};
use crate::document::{ApiKey, Case, Credential, Dpop, Mtls, ProofState, Request};
use crate::keys::Key;
use crate::subject::PASSWORD;
use crate::token::{self, Times};

/// What goes with a call.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// Fields.
    pub(crate) headers: Vec<(String, String)>,
    /// A pair of the query.
    pub(crate) query: Option<String>,
    /// A cookie with its name.
    pub(crate) cookie: Option<String>,
}

/// What a case's client has.
#[derive(Debug, Default)]
pub(crate) struct Presented<'s> {
    token: Option<String>,
    holder: Option<Holder<'s>>,
    key: Option<(Where, Issued)>,
    /// A name and a password, as they are sent.
    basic: Option<String>,
}

/// Who holds the key that a token is bound to.
#[derive(Debug)]
struct Holder<'s> {
    key: &'s Key,
    dpop: Dpop,
    method: String,
    uri: String,
}

/// One call of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nth<'n> {
    /// Its number.
    pub(crate) number: u32,
    /// When it is made, in seconds since 1970.
    pub(crate) now: u64,
    /// What the gateway gave for proofs.
    pub(crate) nonce: Option<&'n str>,
}

impl<'s> Presented<'s> {
    /// Makes what a case presents.
    ///
    /// # Errors
    /// What of the credential the configuration does not know.
    pub(crate) fn of(
        subject: &'s Subject,
        case: &Case,
        place: &Place<'_>,
        times: Times,
    ) -> Result<Self, String> {
        let Some(credential) = case.credential.as_ref().filter(|credential| !credential.none) else {
            return Ok(Self::default());
        };
        let key = match &credential.key {
            Some(key) => Some((where_key_goes(subject, place, &case.request, key)?, Issued::of(key, times))),
            None => None,
        };
        if let Some(user) = &credential.user {
            let password = credential.password.as_deref().unwrap_or(PASSWORD);
            let basic = Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
            return Ok(Self { key, basic, ..Self::default() });
        }
        if credential.key.as_ref().is_some_and(|key| !key.and_token) {
            return Ok(Self { key, ..Self::default() });
        }
        let bound = bound(subject, place.api, case, credential)?;
        let token = token::mint(subject, place.api, credential, (times, bound))?;
        let holder = match &credential.dpop {
            Some(dpop) => Some(Holder::of(subject, (place, &case.request), dpop)?),
            None => None,
        };
        Ok(Self { token: Some(token), holder, key, basic: None })
    }

    /// The API key.
    pub(crate) fn issued(&self) -> Option<&Issued> {
        self.key.as_ref().map(|(_, issued)| issued)
    }

    /// Whether a call is made twice with the same proof.
    pub(crate) fn is_repeated(&self) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.dpop.proof == ProofState::Repeated)
    }

    /// Whether a nonce is taken when the gateway gives one.
    pub(crate) fn takes_nonces(&self) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.dpop.proof != ProofState::WithoutNonce)
    }

    /// What goes with one call.
    ///
    /// # Errors
    /// When no proof can be signed.
    pub(crate) fn with(&self, nth: Nth<'_>) -> Result<Carried, String> {
        let mut carried = Carried::default();
        let mut field = |name: &str, value: String| carried.headers.push((name.to_owned(), value));
        if let Some(token) = &self.token {
            let plain = self.holder.as_ref().is_none_or(|holder| holder.dpop.proof == ProofState::Bearer);
            field("authorization", format!("{} {token}", if plain { "Bearer" } else { "DPoP" }));
            if let Some(proof) = self.holder.as_ref().map(|holder| holder.proof(token, nth)).transpose()? {
                proof.into_iter().for_each(|proof| field("dpop", proof));
            }
        }
        if let Some(basic) = &self.basic {
            field("authorization", basic.clone());
        }
        if let Some((place, issued)) = &self.key {
            let text = issued.text.clone();
            match place {
                Where::Header(name) => field(name.as_str(), text),
                Where::Authorization(scheme) => field("authorization", format!("{scheme} {text}")),
                Where::Query(name) => {
                    carried.query = Some(format!("{}={text}", percent_encoded(name.as_bytes())));
                }
                Where::Cookie(name) => carried.cookie = Some(format!("{name}={text}")),
            }
        }
        Ok(carried)
    }
}

impl<'s> Holder<'s> {
    fn of(
        subject: &'s Subject,
        (place, request): (&Place<'_>, &Request),
        dpop: &Dpop,
    ) -> Result<Self, String> {
        let stranger = dpop.proof == ProofState::Stranger;
        let key = subject.keys.of_client(place.api, stranger).ok_or("no proof can be signed")?;
        let path = request.target.value.split('?').next().unwrap_or_default();
        let base = place.api.and_then(|api| api.url.as_ref());
        let own = match base {
            Some(url) => format!("{}{path}", url.as_str().trim_end_matches('/')),
            None => format!("{}://{}{path}", if place.tls { "https" } else { "http" }, place.host),
        };
        Ok(Self {
            key,
            dpop: dpop.clone(),
            method: dpop.method.clone().unwrap_or_else(|| request.method.value.clone()),
            uri: dpop.uri.clone().unwrap_or(own),
        })
    }

    /// The proof for one call (RFC 9449 section 4.2); `None` where none is sent.
    fn proof(&self, token: &str, nth: Nth<'_>) -> Result<Option<String>, String> {
        let state = self.dpop.proof;
        if matches!(state, ProofState::None | ProofState::Bearer) {
            return Ok(None);
        }
        let named = if state == ProofState::OtherToken { "another" } else { token };
        let age = self.dpop.age.map_or(0, |age| age.get().as_secs());
        let mut claims = json!({
            "jti": format!("{:032}", nth.number),
            "htm": self.method,
            "htu": self.uri,
            "iat": nth.now.saturating_sub(age),
            "ath": encode(digest(&SHA256, named.as_bytes()).as_ref()),
        });
        if let (Some(nonce), Some(claims)) = (nth.nonce, claims.as_object_mut()) {
            claims.insert(String::from("nonce"), json!(nonce));
        }
        let proof = self.key.proof(&claims.to_string());
        proof.map(Some).ok_or_else(|| String::from("no proof can be signed"))
    }
}

/// What a token is bound to (`cnf`, RFC 7800).
fn bound(
    subject: &Subject,
    api: Option<&Api>,
    case: &Case,
    credential: &Credential,
) -> Result<Map<String, Json>, String> {
    let mut bound = Map::new();
    if credential.dpop.as_ref().is_some_and(|dpop| dpop.proof != ProofState::Unbound) {
        let thumbprint = subject.keys.of_client(api, false).and_then(Key::thumbprint);
        bound.insert(String::from("jkt"), json!(thumbprint.ok_or("no token can be bound to a key")?));
    }
    let certificate = credential.mtls.map(|mtls| match mtls {
        Mtls::Own => bytes_of::thumbprint(&case.certificate.clone().unwrap_or_default()),
        Mtls::Other => [0xff; 32],
    });
    if let Some(thumbprint) = certificate {
        bound.insert(String::from("x5t#S256"), json!(encode(&thumbprint)));
    }
    Ok(bound)
}

/// Where the contract has a key sent: by the scheme that the case names, else by the first of the operation that takes keys, else
/// by the first of the contract that does.
fn where_key_goes(
    subject: &Subject,
    place: &Place<'_>,
    request: &Request,
    key: &ApiKey,
) -> Result<Where, String> {
    let api = place.api.ok_or("the configuration has no API")?;
    let name = &api.name.value;
    let contract = subject.compiled.contract(name);
    let contract =
        contract.ok_or_else(|| format!("`{name}` has no contract that says where a key is sent"))?;
    let goes = |scheme: &str| key_place(api, contract, scheme)?.ok();
    if let Some(scheme) = &key.scheme {
        return goes(scheme).ok_or_else(|| {
            let takes = contract.schemes.keys().map(String::as_str).filter(|name| goes(name).is_some());
            let near = diagnostics::nearest(scheme, takes);
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            format!("the security scheme `{}` of `{name}` takes no API key{near}", scheme.value)
        });
    }
    let plan = bytes_of::plan(subject, api, (place.listener, &place.host), request);
    let operation = plan.and_then(|plan| contract.operations.iter().find(|one| one.id == *plan.id));
    let named = operation.into_iter().flat_map(|operation| match &operation.security {
        contract::Security::Alternatives(all) => all.as_slice(),
        _ => &[],
    });
    let named = named.flat_map(|one| &one.schemes).map(|(scheme, _)| scheme.as_str());
    let mut all = named.chain(contract.schemes.keys().map(String::as_str));
    all.find_map(goes).ok_or_else(|| {
        format!("no security scheme of `{name}` takes API keys: write `source: applications` for one under `authentication`")
    })
}
