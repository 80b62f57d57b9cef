//! The receiver of security events, by push (RFC 8935) or as they were asked for (RFC 8936): session-revoked and credential-change of
//! CAEP 1.0.
//!
//! An event is taken when its transmitter signed it for this gateway, and acknowledged when what it says is kept and in effect.
//! What it cannot be held to (a subject that nobody here can tell from others) is refused, so that the transmitter knows; events
//! of other types are taken and have no effect, since they are no wrong.

use credentials::Kind;
use http::header::{CONTENT_LANGUAGE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jose::{EVENT_TYPE, EventExpectations, Fault, SecurityEvent};
use serde_json::json;
use spec::{Issuer, Transmitter};
use store::{NewRevocation, Once};

use super::seen;
use super::subject::{self, Meant};
use super::{Said, Unsigned, View, basic, is_of, issued};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
/// How far clocks may differ.
const LEEWAY: std::time::Duration = std::time::Duration::from_secs(60);

/// How an event came.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// Its transmitter sent it, with these header fields.
    Push(&'a HeaderMap),
    /// It was asked for: by the name of its transmitter, under this `jti`.
    Poll(&'a str, &'a str),
}

pub(super) async fn answer(view: &View<'_>, headers: &HeaderMap, body: &[u8]) -> Said {
    if !is_of(headers, &format!("application/{EVENT_TYPE}")) {
        return error("invalid_request", "the body is not said to be a security event token");
    }
    let Ok(token) = std::str::from_utf8(body) else {
        return error("invalid_request", "the body is no security event token");
    };
    let taken = receive(view, token, Way::Push(headers)).await;
    taken.err().unwrap_or_else(|| Said::plain(StatusCode::ACCEPTED))
}

/// Takes an event: good when what it says is kept and in effect, also when it was before.
pub(super) async fn receive(view: &View<'_>, token: &str, way: Way<'_>) -> Result<(), Said> {
    let Ok(parsed) = jose::parse(token) else {
        return Err(error("invalid_request", "the text is no security event token"));
    };
    // Whoever sends may fail so often; one that is asked is left alone when it does.
    let failed = |said| match way {
        Way::Push(_) => view.failed(said),
        Way::Poll(..) => said,
    };
    let iss = parsed.issuer();
    let found = iss.as_deref().and_then(|iss| {
        let (name, issuer) = view.issuer(iss)?;
        Some((name, issuer, &view.settings.transmitters.get(name)?.value))
    });
    let Some((name, issuer, transmitter)) = found else {
        return Err(failed(error("invalid_issuer", "events of this issuer are not taken")));
    };
    match way {
        Way::Push(headers) => {
            if let Some(said) = unproven(view, headers, transmitter) {
                return Err(failed(said));
            }
        }
        Way::Poll(asked, _) if asked != name => {
            return Err(error("invalid_issuer", "the event is another issuer's"));
        }
        Way::Poll(..) => {}
    }
    let signer = view.signer(name, issuer).ok_or_else(|| Said::later(5))?;
    let verified = match signer.verify(&parsed, &view.feeds().context).await {
        Ok(verified) => verified,
        Err(Unsigned::Unavailable) => return Err(Said::later(5)),
        Err(Unsigned::Fault(_)) => {
            return Err(failed(error("invalid_key", "the signature is not one of the issuer's")));
        }
    };
    view.allow(&format!("transmitter {name}"))?;
    let expect = EventExpectations {
        issuer: &signer.issuer,
        audiences: &transmitter.audience.0,
        leeway: LEEWAY,
        max_age: transmitter.max_age.get(),
        now: view.now(),
    };
    let event = jose::validate_event(&verified, &expect).map_err(refused)?;
    if let Way::Poll(_, id) = way
        && *event.id != *id
    {
        return Err(error("invalid_request", "the event has another `jti` than it came under"));
    }
    // Once more is no wrong: whoever sent it may not have heard the answer (RFC 8935 section 2).
    if view.feeds().seen.has(&signer.issuer, &event.id) {
        return Ok(());
    }
    let all = understood(view, (name, transmitter), &event)?;
    let until = event.issued.saturating_add((transmitter.max_age.get() + 2 * LEEWAY).as_secs());
    if !all.is_empty() {
        let once = Once { digest: seen::name(&signer.issuer, &event.id), until };
        view.deny_once(&format!("transmitter:{name}"), all, once).await?;
    }
    view.feeds().seen.note(&signer.issuer, &event.id, until, view.now());
    Ok(())
}

/// That a transmitter does not prove who it is, where it has to beside its signature.
fn unproven(view: &View<'_>, headers: &HeaderMap, transmitter: &Transmitter) -> Option<Said> {
    let reference = transmitter.secret.as_ref()?;
    let kept = view.secret(reference);
    let proven =
        basic::bearer(headers).zip(kept).is_some_and(|(sent, kept)| basic::same(sent.as_bytes(), kept));
    if proven {
        return None;
    }
    let body = json!({ "err": "authentication_failed", "description": "who sends is not known" });
    let said = Said::with(StatusCode::UNAUTHORIZED, body);
    Some(said.field(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"events\"")))
}

/// What an event revokes: all of it is understood before any of it is kept.
fn understood(
    view: &View<'_>,
    (name, transmitter): (&str, &Transmitter),
    event: &SecurityEvent<'_>,
) -> Result<Vec<NewRevocation>, Said> {
    let speaks_of = |iss: &str| {
        let found = view.issuer(iss).map(|(name, _)| name);
        found.is_some_and(|found| match transmitter.issuers.as_slice() {
            [] => found == name,
            some => some.iter().any(|known| known.value == *found),
        })
    };
    let own: Vec<&str> = match transmitter.issuers.as_slice() {
        [] => view.issuers.get(name).map(|issuer| iss_of(issuer)).into_iter().collect(),
        some => some
            .iter()
            .filter_map(|known| view.issuers.get(&known.value))
            .map(|issuer| iss_of(issuer))
            .collect(),
    };
    let mut all = Vec::new();
    for (kind, said) in &event.events {
        let has_effect = match &**kind {
            SESSION_REVOKED => true,
            // A credential more takes nothing from those that there are.
            CREDENTIAL_CHANGE => {
                match said.get("change_type").and_then(|change| change.as_str()).as_deref() {
                    Some("create") => false,
                    Some("revoke" | "update" | "delete") => true,
                    _ => return Err(error("invalid_request", "`change_type` is none of CAEP's")),
                }
            }
            _ => false,
        };
        if !has_effect {
            continue;
        }
        let meant = subject::meant(event.subject, *said, transmitter.opaque, &own);
        let meant = meant.map_err(|why| error("invalid_request", why))?;
        let before =
            subject::when(*said, event.issued, view.now()).map_err(|why| error("invalid_request", why))?;
        if !meant.iter().all(|one| speaks_of(one.issuer())) {
            return Err(error("access_denied", "this issuer does not speak of tokens of that one"));
        }
        all.extend(meant.into_iter().map(|one| revocation(one, before, kind)));
    }
    Ok(all)
}

/// How long what an event revokes is remembered: longer than any access token should be good.
const LASTS: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// What is kept of whom an event speaks of. A session is over as a whole; of a subject what was issued until then.
fn revocation(meant: Meant, before: u64, event: &str) -> NewRevocation {
    let (kind, issuer, value, before) = match meant {
        Meant::Subject(issuer, value) => (Kind::Subject, issuer, value, Some(before)),
        Meant::Session(issuer, value) => (Kind::Session, issuer, value, None),
        Meant::Token(issuer, value) => (Kind::Token, issuer, value, None),
    };
    let reason = format!("event {}", event.rsplit('/').next().unwrap_or_default());
    NewRevocation { kind, issuer, value, before, reason, lasts: LASTS }
}

fn iss_of(issuer: &Issuer) -> &str {
    issued::iss(issuer)
}

fn refused(fault: Fault) -> Said {
    let code = match fault {
        Fault::IssuerMissing | Fault::IssuerMismatch => "invalid_issuer",
        Fault::AudienceMissing | Fault::AudienceMismatch => "invalid_audience",
        _ => "invalid_request",
    };
    error(code, fault.name())
}

/// As RFC 8935 section 2.3 has it, which wants to be told in which language.
fn error(code: &str, why: &str) -> Said {
    let said = Said::with(StatusCode::BAD_REQUEST, json!({ "err": code, "description": why }));
    said.field(CONTENT_LANGUAGE, HeaderValue::from_static("en"))
}
