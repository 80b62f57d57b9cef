//! Checking the claims of an access token: RFC 7519 section 4.1, RFC 8725 section 3, RFC 9068 section 4.

use crate::{Fault, Verified, kinds};
use std::borrow::Cow;
use std::time::Duration;
use tape::{Kind, Node, Number};

/// Longest subject, client, issuer or identifier accepted, in bytes.
const MAX_TEXT: usize = 1024;

/// Last second of the year 9999: dates past it are mistakes (often milliseconds) or attacks.
const LAST_SECOND: u64 = 253_402_300_799;

/// Which values of the header's `typ` are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TypPolicy {
    /// `at+jwt`, `JWT` or none: what issuers in the field send.
    #[default]
    Common,
    /// RFC 9068: `at+jwt` only, and all claims which section 2.2 requires.
    Rfc9068,
    /// An ID token (OpenID Connect Core section 2) in the place of an access token: `JWT` or none, and no claim of an access token.
    IdToken,
}

/// What a token must say to be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The issuer whose keys verified the token, compared byte by byte.
    pub issuer: &'a str,
    /// At least one of these must be in `aud`; none at all refuses every token.
    pub audiences: &'a [String],
    /// The claim that stands for `aud` in tokens that have none.
    pub audience_from: Option<&'a str>,
    /// Which types are accepted.
    pub typ: TypPolicy,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Now, in seconds since 1970.
    pub now: u64,
    /// How long ago a token may have been issued, when that matters.
    pub max_age: Option<Duration>,
}

/// What an accepted token says. Dates are in seconds since 1970.
#[derive(Clone, Debug)]
pub struct Claims<'t> {
    /// `iss`
    pub issuer: Cow<'t, str>,
    /// `sub`, unique within the issuer only.
    pub subject: Option<Cow<'t, str>>,
    /// `client_id`, else `azp`.
    pub client: Option<Cow<'t, str>>,
    /// `jti`
    pub id: Option<Cow<'t, str>>,
    /// `exp`, rounded down; check it again on each use of a cached result.
    pub expires: u64,
    /// `iat`, rounded up.
    pub issued: Option<u64>,
    /// `nbf`, rounded up.
    pub not_before: Option<u64>,
    /// All claims.
    pub payload: Node<'t>,
}

impl<'t> Claims<'t> {
    /// The words of the claim `name`: see [`words`]. Empty when there is none.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<Cow<'t, str>> {
        self.payload.get(name).map(words).unwrap_or_default()
    }

    /// `cnf` (RFC 7800): a token that has it must not be accepted as a mere bearer token.
    #[must_use]
    pub fn confirmation(&self) -> Option<Node<'t>> {
        self.payload.get("cnf")
    }
}

/// A claim that holds several words, as a string with spaces between them (`scope`, RFC 8693 section 4.2) or as an
/// array of strings (`scp`, `roles`, `groups`). Of any other shape, no words: nobody is granted anything by it.
#[must_use]
pub fn words(claim: Node<'_>) -> Vec<Cow<'_, str>> {
    match claim.as_str() {
        Some(Cow::Borrowed(text)) => text.split(' ').filter(|w| !w.is_empty()).map(Cow::Borrowed).collect(),
        Some(Cow::Owned(text)) => {
            text.split(' ').filter(|w| !w.is_empty()).map(|w| Cow::Owned(w.to_owned())).collect()
        }
        None => claim.items().map(Node::as_str).collect::<Option<_>>().unwrap_or_default(),
    }
}

/// Checks the claims of a verified token.
///
/// # Errors
/// The first expectation that is not met, in this order: kind, issuer, audience, dates, the other claims.
pub fn validate<'t>(token: &Verified<'t>, expect: &Expectations<'_>) -> Result<Claims<'t>, Fault> {
    let payload = token.payload();
    kinds::refuse_others(token.header(), payload, expect.typ)?;
    let issuer = text(payload, "iss")?.ok_or(Fault::IssuerMissing)?;
    if issuer != expect.issuer {
        return Err(Fault::IssuerMismatch);
    }
    audience_or(payload, expect)?;
    let (expires, not_before, issued) = dates(payload, expect)?;
    let client = match text(payload, "client_id")? {
        Some(client) => Some(client),
        None => text(payload, "azp")?,
    };
    let (subject, id) = (text(payload, "sub")?, text(payload, "jti")?);
    let complete =
        subject.is_some() && id.is_some() && issued.is_some() && payload.get("client_id").is_some();
    if expect.typ == TypPolicy::Rfc9068 && !complete {
        return Err(Fault::ClaimMissing);
    }
    Ok(Claims { issuer, subject, client, id, expires, issued, not_before, payload })
}

/// Checks what an issuer says of an active token (RFC 7662 section 2.2): as of a token's own claims, but that it need name no
/// issuer, no end and no subject, and, where `needs_audience` is false, no audience.
///
/// It has to call the token an access token (`token_type`, or the `typ` of some issuers): asked about a refresh token, issuers
/// say that it is active, and no more. A token that never ends ends with the last second that there is.
///
/// # Errors
/// As of [`validate`].
pub fn validate_answer<'t>(
    payload: Node<'t>,
    expect: &Expectations<'_>,
    needs_audience: bool,
) -> Result<Claims<'t>, Fault> {
    let kind = text(payload, "token_type")?.map_or_else(|| text(payload, "typ"), |kind| Ok(Some(kind)))?;
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer") || kind.eq_ignore_ascii_case("dpop")) {
        return Err(Fault::WrongKind);
    }
    if text(payload, "iss")?.is_some_and(|issuer| issuer != expect.issuer) {
        return Err(Fault::IssuerMismatch);
    }
    if needs_audience || payload.get("aud").is_some() {
        audience_or(payload, expect)?;
    }
    let ends = payload.get("exp").is_some();
    let (expires, not_before, issued) = if ends {
        dates(payload, expect)?
    } else {
        starts(payload, expect).map(|(from, at)| (LAST_SECOND, from, at))?
    };
    Ok(Claims {
        issuer: Cow::Owned(expect.issuer.to_owned()),
        subject: text(payload, "sub")?,
        client: text(payload, "client_id")?,
        id: text(payload, "jti")?,
        expires,
        issued,
        not_before,
        payload,
    })
}

/// A claim that must be a [`plain`] string when it is there.
pub(crate) fn text<'t>(payload: Node<'t>, name: &str) -> Result<Option<Cow<'t, str>>, Fault> {
    payload.get(name).map(plain).transpose()
}

/// A claim as a string that may end in headers, keys and logs: not empty, bounded, without control characters.
///
/// # Errors
/// [`Fault::ClaimMalformed`] of anything else.
pub fn plain(claim: Node<'_>) -> Result<Cow<'_, str>, Fault> {
    let text = claim.as_str().ok_or(Fault::ClaimMalformed)?;
    if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(Fault::ClaimMalformed);
    }
    Ok(text)
}

/// `aud`, or the claim that stands for it where there is none: that one is a single name.
fn audience_or(payload: Node<'_>, expect: &Expectations<'_>) -> Result<(), Fault> {
    let (None, Some(claim)) = (payload.get("aud"), expect.audience_from) else {
        return audience(payload, expect.audiences);
    };
    let name = text(payload, claim)?.ok_or(Fault::AudienceMissing)?;
    let ours = expect.audiences.iter().any(|ours| *ours == name);
    if ours { Ok(()) } else { Err(Fault::AudienceMismatch) }
}

/// `aud`: a string, or an array of strings and nothing else (RFC 7519 section 4.1.3).
pub(crate) fn audience(payload: Node<'_>, expected: &[String]) -> Result<(), Fault> {
    let aud = payload.get("aud").ok_or(Fault::AudienceMissing)?;
    let names = match (aud.as_str(), aud.kind()) {
        (Some(one), _) => vec![one],
        (None, Kind::Array) => {
            aud.items().map(Node::as_str).collect::<Option<Vec<_>>>().ok_or(Fault::ClaimMalformed)?
        }
        _ => return Err(Fault::ClaimMalformed),
    };
    if names.iter().all(|name| name.is_empty()) {
        return Err(Fault::AudienceMissing);
    }
    let ours = names.iter().any(|name| !name.is_empty() && expected.iter().any(|ours| ours == name.as_ref()));
    if ours { Ok(()) } else { Err(Fault::AudienceMismatch) }
}

/// `exp`, `nbf`, `iat`.
fn dates(payload: Node<'_>, expect: &Expectations<'_>) -> Result<(u64, Option<u64>, Option<u64>), Fault> {
    let (leeway, now) = (expect.leeway.as_secs(), expect.now);
    let expires = date(payload, "exp", f64::floor)?.ok_or(Fault::ExpMissing)?;
    if now >= expires.saturating_add(leeway) {
        return Err(Fault::Expired);
    }
    let (not_before, issued) = starts(payload, expect)?;
    Ok((expires, not_before, issued))
}

/// `nbf`, `iat`.
fn starts(payload: Node<'_>, expect: &Expectations<'_>) -> Result<(Option<u64>, Option<u64>), Fault> {
    let (leeway, now) = (expect.leeway.as_secs(), expect.now);
    let not_before = date(payload, "nbf", f64::ceil)?;
    let issued = date(payload, "iat", f64::ceil)?;
    if not_before.is_some_and(|date| date > now.saturating_add(leeway)) {
        return Err(Fault::NotYetValid);
    }
    if issued.is_some_and(|date| date > now.saturating_add(leeway)) {
        return Err(Fault::IssuedInFuture);
    }
    if let Some(max_age) = expect.max_age {
        let oldest = issued.ok_or(Fault::ClaimMissing)?.saturating_add(max_age.as_secs());
        if now > oldest.saturating_add(leeway) {
            return Err(Fault::TooOld);
        }
    }
    Ok((not_before, issued))
}

/// A NumericDate (RFC 7519 section 2), rounded to the strict side.
pub(crate) fn date(payload: Node<'_>, name: &str, round: fn(f64) -> f64) -> Result<Option<u64>, Fault> {
    let Some(node) = payload.get(name) else { return Ok(None) };
    let number = node.as_number().ok_or(Fault::ClaimMalformed)?;
    let seconds = number.as_u64().or_else(|| rounded(number, round)).ok_or(Fault::ClaimMalformed)?;
    if seconds > LAST_SECOND { Err(Fault::ClaimMalformed) } else { Ok(Some(seconds)) }
}

fn rounded(number: Number<'_>, round: fn(f64) -> f64) -> Option<u64> {
    let seconds = round(number.as_f64().filter(|seconds| *seconds >= 0.0)?);
    // Below 2^53, so that the conversion is exact.
    (seconds <= LAST_SECOND as f64).then_some(seconds as u64)
}
