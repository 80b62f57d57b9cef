//! Tokens of the local issuer (RFC 9068): short, for one audience, with what was asked for and nothing more.

use controls::authentication::LOCAL_ISSUER;
use engine::Clock;
use engine::text::hex128;
use jose::SigningKey;
use manage_api::{MAX_TTL, Problem, Token, TokenRequest};
use serde_json::{Map, Value, json};
use spec::Document;

/// Claims that the issuer sets itself.
const OWN: [&str; 10] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "roles"];
/// Most bytes of a subject, a scope, a role, an audience or a name of a claim.
const WORD: usize = 256;
/// Most scopes, roles and further claims, each.
const WORDS: usize = 200;

/// Makes a token.
///
/// # Errors
/// What is wrong with the request.
pub(super) fn mint(
    request: TokenRequest,
    document: &Document,
    key: &SigningKey,
    clock: &dyn Clock,
) -> Result<Token, Problem> {
    check(&request)?;
    let audience = match request.audience {
        Some(audience) => vec![audience],
        None => audience_of(document, request.api.as_deref())?,
    };
    let now = clock.unix().seconds();
    let expires = now.saturating_add(request.ttl);
    let mut id = [0; 16];
    clock.fill(&mut id);
    let id = hex128(u128::from_be_bytes(id));
    let mut claims: Map<String, Value> = request.claims.into_iter().collect();
    let aud = match audience.as_slice() {
        [one] => json!(one),
        several => json!(several),
    };
    // Who asks for a token here logs in by that.
    claims.entry("auth_time").or_insert(json!(now));
    let own = [
        ("iss", json!(LOCAL_ISSUER)),
        ("sub", json!(request.subject)),
        ("aud", aud),
        ("client_id", json!("yett-token")),
        ("iat", json!(now)),
        ("exp", json!(expires)),
        ("jti", json!(String::from_utf8_lossy(&id))),
    ];
    claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if !request.scopes.is_empty() {
        claims.insert(String::from("scope"), json!(request.scopes.join(" ")));
    }
    if !request.roles.is_empty() {
        claims.insert(String::from("roles"), json!(request.roles));
    }
    let failed =
        |_| Problem::new(500, "control_failed", "the token could not be made", "the key cannot sign");
    let payload = serde_json::to_vec(&claims).map_err(|error| Problem::invalid(error.to_string()))?;
    let token = key.sign(&[], &payload).map_err(failed)?;
    Ok(Token { token, issuer: LOCAL_ISSUER.to_owned(), audience, expires })
}

fn check(request: &TokenRequest) -> Result<(), Problem> {
    let word = |text: &str| !text.is_empty() && text.len() <= WORD && !text.chars().any(char::is_control);
    if !word(&request.subject) {
        return Err(Problem::invalid(format!(
            "the subject must have 1 to {WORD} bytes and no control characters"
        )));
    }
    // RFC 6749 section 3.3.
    let scope = |text: &str| {
        word(text) && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    if let Some(bad) = request.scopes.iter().find(|text| !scope(text)) {
        return Err(Problem::invalid(format!("`{}` is not a scope", bad.escape_debug())));
    }
    if let Some(bad) = request.roles.iter().chain(&request.audience).find(|text| !word(text)) {
        return Err(Problem::invalid(format!("`{}` is not a word of 1 to {WORD} bytes", bad.escape_debug())));
    }
    if request.scopes.len() > WORDS || request.roles.len() > WORDS || request.claims.len() > WORDS {
        return Err(Problem::invalid(format!("more than {WORDS} scopes, roles or claims")));
    }
    if let Some(own) = request.claims.keys().find(|name| OWN.contains(&name.as_str())) {
        return Err(Problem::invalid(format!(
            "the claim `{own}` is set by the issuer: use the option for it"
        )));
    }
    if let Some(bad) = request.claims.keys().find(|name| !word(name)) {
        return Err(Problem::invalid(format!("`{}` is not the name of a claim", bad.escape_debug())));
    }
    if request.ttl == 0 || request.ttl > MAX_TTL.as_secs() {
        return Err(Problem::invalid("a token is good for at least 1s and at most 24h"));
    }
    Ok(())
}

/// The audience that an API wants in tokens of the local issuer.
fn audience_of(document: &Document, api: Option<&str>) -> Result<Vec<String>, Problem> {
    let mut takers: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, settings) in &document.apis {
        for scheme in settings.authentication.values() {
            let local = scheme
                .issuers
                .iter()
                .find_map(|issuer| document.issuers.get(&issuer.value).filter(|known| known.local));
            let Some(local) = local else { continue };
            let audience =
                scheme.audience.as_ref().map(|audience| &audience.value).or(local.audience.as_ref());
            if let Some(first) = audience.and_then(|audience| audience.0.first())
                && !takers.iter().any(|(known, _)| known == name)
            {
                takers.push((name, vec![first.clone()]));
            }
        }
    }
    let names = || takers.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (api, takers.as_slice()) {
        (None, [(_, audience)]) => Ok(audience.clone()),
        (_, []) => Err(Problem::invalid("no API takes tokens of the local issuer: write `issuer: local`")),
        (None, _) => Err(Problem::invalid(format!(
            "several APIs take tokens of the local issuer: name one of {}",
            names()
        ))),
        (Some(api), _) => match takers.iter().find(|(name, _)| *name == api) {
            Some((_, audience)) => Ok(audience.clone()),
            None => {
                let known = takers.iter().map(|(name, _)| *name);
                let hint = diagnostics::nearest(api, known).map(|near| format!(": did you mean `{near}`?"));
                let hint = hint.unwrap_or_else(|| format!("; these do: {}", names()));
                Err(Problem::invalid(format!("no API `{api}` takes tokens of the local issuer{hint}")))
            }
        },
    }
}
