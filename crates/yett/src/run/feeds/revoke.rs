//! The revocation endpoint of RFC 7009, for access tokens of the issuers that the document names for a client.
//!
//! A token is revoked by who proves to be the client that it was given to, or one that may revoke for others. What is not one of
//! these issuers' good tokens is unknown, and the answer is 200 all the same (section 2.2): who asks learns nothing of it.

use controls::authentication::shape::Shape;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jose::{Claims, Expectations, Fault, TypPolicy};
use serde_json::json;
use spec::{Issuer, RevocationClient, Spanned};

use super::super::revoke::{by_token, remembered};
use super::form::field;
use super::{Said, Unsigned, View, Vouched, basic, is_of, issued};

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) async fn answer(view: &View<'_>, headers: &HeaderMap, body: &[u8]) -> Said {
    if !is_of(headers, FORM) {
        return invalid("the body is no form");
    }
    let Some((name, client)) = client(view, headers) else {
        let said = error(StatusCode::UNAUTHORIZED, "invalid_client", "who calls is not known");
        return view
            .failed(said.field(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"revocation\"")));
    };
    if let Err(said) = view.allow(&format!("client {name}")) {
        return said;
    }
    let (token, hint) = match (field(body, "token"), field(body, "token_type_hint")) {
        (Ok(Some(token)), Ok(hint)) if !token.is_empty() => (token, hint),
        _ => return invalid("`token` has to stand there once, and `token_type_hint` once at most"),
    };
    // A second way of saying who calls (RFC 6749 section 2.3).
    if ["client_secret", "client_assertion"].iter().any(|name| !matches!(field(body, name), Ok(None))) {
        return invalid("a client says once who it is");
    }
    // A wrong hint must not save a token (section 2.1): it counts where nothing else says what the token is.
    if hint.as_deref() == Some("refresh_token") && jose::parse(&token).is_err() {
        return unsupported("refresh tokens are revoked at their issuer");
    }
    revoke(view, &name, client, &token).await.err().unwrap_or_else(|| Said::plain(StatusCode::OK))
}

/// Revokes a token; also good when it is none that could be revoked.
async fn revoke(view: &View<'_>, name: &str, client: &RevocationClient, token: &str) -> Result<(), Said> {
    let Ok(parsed) = jose::parse(token) else { return revoke_opaque(view, name, client, token).await };
    let named = parsed.issuer();
    let Some((issuer_name, issuer)) = named.as_deref().and_then(|iss| view.issuer(iss)) else {
        return Ok(());
    };
    if !client.issuers.iter().any(|known| known.value == *issuer_name) {
        return Ok(());
    }
    if issued::asks_all(issuer) {
        return revoke_vouched(view, (name, client), issuer, token).await;
    }
    let signer = view.signer(issuer_name, issuer).ok_or_else(|| Said::later(5))?;
    let verified = match signer.verify(&parsed, &view.feeds().context).await {
        Ok(verified) => verified,
        Err(Unsigned::Unavailable) => return Err(Said::later(5)),
        Err(Unsigned::Fault(_)) => return Ok(()),
    };
    let shape = Shape::of(issuer);
    let audiences = audiences(verified.payload(), &shape);
    let expect = Expectations {
        issuer: &signer.issuer,
        audiences: &audiences,
        audience_from: shape.audience_from.as_deref(),
        typ: match shape.typ {
            TypPolicy::IdToken => TypPolicy::IdToken,
            // Whoever can be let in nowhere can be revoked all the same.
            TypPolicy::Common | TypPolicy::Rfc9068 => TypPolicy::Common,
        },
        leeway: issuer.leeway.get(),
        now: view.now(),
        max_age: None,
    };
    match jose::validate(&verified, &expect) {
        // It passes nowhere here.
        Ok(claims) if shape.check(claims.payload).is_err() => return Ok(()),
        Ok(claims) if client.any || is_given_to(&shape, &claims, name) => {}
        Ok(_) => return Err(anothers()),
        Err(Fault::TypRefused | Fault::WrongKind) => {
            return Err(unsupported("only access tokens are revoked here"));
        }
        // No good token: there is nothing to revoke.
        Err(_) => return Ok(()),
    }
    let known = by_token(token, view.issuers.values().map(|issuer| &issuer.value), view.now());
    let new = store::NewRevocation { reason: String::from("RFC 7009"), ..known };
    view.deny(&format!("client:{name}"), new).await
}

/// Revokes what is no signed token: the one issuer of the client's that can be asked says whose it is. Where there is none, no such
/// token passes here.
async fn revoke_opaque(
    view: &View<'_>,
    name: &str,
    client: &RevocationClient,
    token: &str,
) -> Result<(), Said> {
    let of = |issuer: &Spanned<String>| view.issuers.get(&issuer.value);
    let issuer = client.issuers.iter().filter_map(of).find(|issuer| issuer.introspection.is_some());
    let is_short = token.len() <= jose::MAX_TOKEN_BYTES;
    match issuer.filter(|_| is_short && token.bytes().all(|byte| byte.is_ascii_graphic())) {
        Some(issuer) => revoke_vouched(view, (name, client), issuer, token).await,
        None => Ok(()),
    }
}

/// Revokes a token that its issuer is asked about, by its digest.
async fn revoke_vouched(
    view: &View<'_>,
    (name, client): (&str, &RevocationClient),
    issuer: &Issuer,
    token: &str,
) -> Result<(), Said> {
    let voucher = view.voucher(issuer).ok_or_else(|| Said::later(5))?;
    let (given_to, expires) = match voucher.ask(token, &view.feeds().context).await {
        Vouched::Active { client, expires } => (client, expires),
        Vouched::Inactive => return Ok(()),
        Vouched::Unavailable => return Err(Said::later(5)),
    };
    if !client.any && given_to.as_deref() != Some(name) {
        return Err(anothers());
    }
    let known = by_token(token, view.issuers.values().map(|issuer| &issuer.value), view.now());
    let lasts = expires.map_or(known.lasts, |expires| remembered(expires, view.now()));
    let new = store::NewRevocation { reason: String::from("RFC 7009"), lasts, ..known };
    view.deny(&format!("client:{name}"), new).await
}

fn anothers() -> Said {
    error(StatusCode::BAD_REQUEST, "unauthorized_client", "the token was given to another client")
}

/// The audiences that a token names: it is revoked for whatever API it is.
fn audiences(payload: tape::Node<'_>, shape: &Shape) -> Vec<String> {
    let stands_for = shape.audience_from.as_deref().filter(|_| payload.get("aud").is_none());
    let aud = payload.get(stands_for.unwrap_or("aud"));
    let several = aud.into_iter().flat_map(|aud| aud.items()).filter_map(|one| one.as_str());
    aud.and_then(|aud| aud.as_str()).into_iter().chain(several).map(|one| one.into_owned()).collect()
}

/// Whether a token was given to a client: `client_id`, else `azp`, or what the issuer has in their place.
fn is_given_to(shape: &Shape, claims: &Claims<'_>, name: &str) -> bool {
    shape.application(claims).is_ok_and(|application| application.as_deref() == Some(name))
}

/// Which client calls, when it proves that.
fn client<'v>(view: &'v View<'_>, headers: &HeaderMap) -> Option<(String, &'v RevocationClient)> {
    let (name, secret) = basic::basic(headers)?;
    let client = view.settings.clients.get(&name)?;
    let proven = match &client.secret {
        Some(reference) => view.secret(reference).is_some_and(|kept| basic::same(kept, secret.as_bytes())),
        None => {
            let credentials = view.gateway.credentials()?;
            client.api_key
                && credentials.application_of(secret.as_bytes(), view.now()).as_deref() == Some(&*name)
        }
    };
    proven.then_some((name, &client.value))
}

fn unsupported(why: &str) -> Said {
    error(StatusCode::BAD_REQUEST, "unsupported_token_type", why)
}

fn invalid(why: &str) -> Said {
    error(StatusCode::BAD_REQUEST, "invalid_request", why)
}

/// As RFC 6749 section 5.2 has it.
fn error(status: StatusCode, error: &str, why: &str) -> Said {
    Said::with(status, json!({ "error": error, "error_description": why }))
}
