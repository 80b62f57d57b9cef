//! The token of a case: what an issuer would have signed.

use controls::authentication::LOCAL_ISSUER;
use serde_json::{Map, Value as Json, json};
use spec::{Api, Issuer, ScopesFrom, Spanned, TypRule};

use crate::Subject;
use crate::document::{Credential, SignedBy};

/// How long a token is good unless a case says otherwise, in seconds.
const GOOD: u64 = 300;

/// The times of a case, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// When the first call of it is made.
    pub(crate) from: u64,
    /// When the one is made that is judged.
    pub(crate) at: u64,
}

/// The issuer whose tokens an API takes first.
fn issuer_of<'d>(subject: &'d Subject, api: Option<&'d Api>) -> Option<&'d str> {
    let issuers = &subject.document().issuers;
    let of_api = api.and_then(|api| {
        let mut schemes = api.authentication.values();
        schemes.find_map(|scheme| scheme.issuers.first().map(|name| name.value.as_str()))
    });
    of_api.or_else(|| issuers.keys().next().map(String::as_str))
}

/// The audience that an API wants of an issuer's tokens.
fn audience_of(issuer: &Issuer, name: &str, api: Option<&Api>) -> Vec<String> {
    let mut schemes = api.into_iter().flat_map(|api| api.authentication.values());
    let takes = schemes.find(|scheme| scheme.issuers.iter().any(|known| known.value == name));
    let own = takes.and_then(|scheme| scheme.audience.as_ref()).map(|audience| &audience.value);
    own.or(issuer.audience.as_ref()).map(|audience| audience.0.clone()).unwrap_or_default()
}

/// Puts scopes where an issuer has them.
fn put_scopes(scopes: &[String], from: Option<&ScopesFrom>, claims: &mut Map<String, Json>) {
    if scopes.is_empty() {
        return;
    }
    match from {
        None | Some(ScopesFrom::Scope) => {
            claims.insert(String::from("scope"), json!(scopes.join(" ")));
        }
        Some(ScopesFrom::Pointer(pointer)) => put_at(pointer, json!(scopes), claims),
        Some(claim) => {
            claims.insert(claim.to_string(), json!(scopes));
        }
    }
}

/// Puts roles where an issuer has them, and those that grant what no scope of its tokens can: an ID token has none.
fn put_roles(roles: &[String], scopes: &[String], (issuer, claims): (&Issuer, &mut Map<String, Json>)) {
    let mut roles = roles.to_vec();
    for scope in scopes.iter().filter(|_| issuer.typ == TypRule::IdToken && issuer.scopes_from.is_none()) {
        let granting = issuer.roles.iter().find(|(_, granted)| granted.0.contains(scope));
        roles.extend(granting.map(|(role, _)| role.clone()));
    }
    roles.dedup();
    if roles.is_empty() {
        return;
    }
    let place = issuer.roles_from.as_ref().map(|places| places.value.0.first().map(String::as_str));
    // A claim that a document names may be one role, as `sub` has to be.
    let value = if place.is_some() && roles.len() == 1 { json!(roles.first()) } else { json!(roles) };
    match place {
        Some(Some(place)) => put(place, value, claims),
        Some(None) => {}
        None => put("roles", value, claims),
    }
}

/// Puts a value at a claim or a pointer.
fn put(place: &str, value: Json, claims: &mut Map<String, Json>) {
    if place.starts_with('/') {
        let aud = claims.get("aud");
        let audience = aud.and_then(|aud| aud.as_str().or_else(|| aud.get(0)?.as_str())).unwrap_or_default();
        let escaped = audience.replace('~', "~0").replace('/', "~1");
        put_at(&place.replace("{audience}", &escaped), value, claims);
    } else {
        claims.insert(place.to_owned(), value);
    }
}

/// Makes claims say what an issuer's have to.
fn put_required(issuer: &Issuer, own_subject: bool, claims: &mut Map<String, Json>) {
    for (place, values) in &issuer.require_claims {
        let Some(first) = values.0.first().filter(|_| !(own_subject && place == "sub")) else { continue };
        let whole = Json::Object(claims.clone());
        let said = if place.starts_with('/') { whole.pointer(place) } else { whole.get(place) };
        let said = said.and_then(Json::as_str);
        let is_met = |value: &String| match (said, value.strip_suffix('*')) {
            (Some(said), Some(start)) => said.starts_with(start),
            (said, _) => said == Some(value.as_str()),
        };
        if !values.0.iter().any(is_met) {
            let value = match first.strip_suffix('*') {
                Some(start) => format!("{start}{}", said.unwrap_or("tests")),
                None => first.clone(),
            };
            put(place, json!(value), claims);
        }
    }
}

fn put_at(pointer: &str, value: Json, claims: &mut Map<String, Json>) {
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let mut tokens: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    let Some(last) = tokens.pop() else { return };
    let mut at = claims;
    for token in tokens {
        let below = at.entry(token).or_insert_with(|| Json::Object(Map::new()));
        if !below.is_object() {
            *below = Json::Object(Map::new());
        }
        let Json::Object(members) = below else { return };
        at = members;
    }
    at.insert(last, value);
}

/// Mints it; `bound` is what it is bound to (`cnf`, RFC 7800).
///
/// # Errors
/// What of the credential the configuration does not know.
pub(crate) fn mint(
    subject: &Subject,
    api: Option<&Api>,
    credential: &Credential,
    (times, bound): (Times, Map<String, Json>),
) -> Result<String, String> {
    let document = subject.document();
    let name = match &credential.issuer {
        Some(name) => name.value.as_str(),
        None => issuer_of(subject, api).ok_or("the configuration has no issuer")?,
    };
    let issuer: &Spanned<Issuer> = document.issuers.get(name).ok_or_else(|| {
        let near = diagnostics::nearest(name, document.issuers.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("the configuration has no issuer `{name}`{near}")
    })?;
    let claims = claims(issuer, (name, api), credential, (times, bound));
    let key = subject.keys.of(issuer, credential.signed_by == SignedBy::Stranger);
    let typ = credential.typ.as_deref().unwrap_or(match issuer.typ {
        TypRule::Rfc9068 | TypRule::Lenient => "at+jwt",
        TypRule::IdToken => "JWT",
    });
    let token = key.and_then(|key| key.token(typ, &Json::Object(claims).to_string()));
    token.ok_or_else(|| String::from("no token can be signed"))
}

fn claims(
    issuer: &Issuer,
    (name, api): (&str, Option<&Api>),
    credential: &Credential,
    (times, bound): (Times, Map<String, Json>),
) -> Map<String, Json> {
    let iss = match &issuer.url {
        Some(url) if !issuer.local => url.as_str(),
        _ => LOCAL_ISSUER,
    };
    let audience = match &credential.audience {
        Some(audience) => audience.0.clone(),
        // One of them is enough.
        None => audience_of(issuer, name, api).into_iter().take(1).collect(),
    };
    let good = credential.expires_in.map_or(GOOD, |time| time.get().as_secs());
    let expires =
        if credential.expired { times.from.saturating_sub(3_600) } else { times.at.saturating_add(good) };
    let issued = if credential.expired { expires.saturating_sub(GOOD) } else { times.from };
    let mut claims = Map::new();
    let own = [
        ("iss", json!(iss)),
        ("sub", json!(credential.subject.as_deref().unwrap_or("alice"))),
        ("client_id", json!(credential.application.as_deref().unwrap_or("tests"))),
        ("iat", json!(issued)),
        ("auth_time", json!(issued)),
        ("exp", json!(expires)),
        ("jti", json!("00000000000000000000000000000001")),
    ];
    claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
    match audience.as_slice() {
        [] => {}
        [one] => drop(claims.insert(String::from("aud"), json!(one))),
        several => drop(claims.insert(String::from("aud"), json!(several))),
    }
    let scopes: Vec<String> =
        credential.scopes.0.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect();
    if let Some(Some(place)) = issuer.application_from.as_ref().map(|places| places.value.0.first()) {
        put(place, json!(credential.application.as_deref().unwrap_or("tests")), &mut claims);
    }
    if !bound.is_empty() {
        claims.insert(String::from("cnf"), Json::Object(bound));
    }
    put_required(issuer, credential.subject.is_some(), &mut claims);
    put_roles(&credential.roles.0, &scopes, (issuer, &mut claims));
    if issuer.typ != TypRule::IdToken || issuer.scopes_from.is_some() {
        put_scopes(&scopes, issuer.scopes_from.as_ref().map(|from| &from.value), &mut claims);
    }
    for (name, value) in &credential.claims {
        match value {
            Json::Null => drop(claims.remove(name)),
            other => drop(claims.insert(name.clone(), other.clone())),
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_stand_where_the_issuer_has_them() {
        let scopes = [String::from("a"), String::from("b")];
        for (from, expected) in [
            (None, json!({ "scope": "a b" })),
            (Some("scope"), json!({ "scope": "a b" })),
            (Some("scp"), json!({ "scp": ["a", "b"] })),
            (Some("roles"), json!({ "roles": ["a", "b"] })),
            (Some("/realm_access/roles"), json!({ "realm_access": { "roles": ["a", "b"] } })),
        ] {
            let from: Option<ScopesFrom> = from.map(|text| text.parse().unwrap());
            let mut claims = Map::new();
            put_scopes(&scopes, from.as_ref(), &mut claims);
            assert_eq!(Json::Object(claims), expected);
        }
    }
}
