//! Who should be refused: nobody, and whoever lacks one thing of what a good caller shows.

use serde_json::{Value as Json, json};
use spec::{Duration, Nonce, Strings};

use super::candidates::Candidate;
use super::operation::Known;
use super::shown;
use crate::document::{Certificate, Credential, Dpop, KeyState, Mtls, ProofState, SignedBy};

const NOBODY: &[&str] = &["credential_missing"];
const BAD_TOKEN: &[&str] = &["token_invalid", "token_expired"];
const BAD_PROOF: &[&str] = &["proof_invalid", "token_invalid"];
const BAD_KEY: &[&str] = &["key_invalid"];
const BAD_CERTIFICATE: &[&str] = &["certificate_invalid"];
const OLD_KEY: &[&str] = &["key_expired"];
const SCOPE: &[&str] = &["insufficient_scope"];
const PRIVILEGE: &[&str] =
    &["privilege_missing", "object_forbidden", "object_not_found", "property_forbidden"];

/// What is wrong, who calls, the codes that say so, and the scopes that are missing.
struct Wrong(String, Option<Credential>, &'static [&'static str], Option<Vec<String>>);

/// All who should be refused.
pub(super) fn all<'r>(known: &Known<'r>, found: &mut Vec<Candidate<'r>>) {
    let mut add = |wrong: Wrong, certificate: Option<&Certificate>| {
        let Wrong(why, credential, codes, missing) = wrong;
        let (call, certificate) = (known.least.clone(), certificate.cloned());
        found.push(Candidate {
            why,
            call,
            credential,
            certificate,
            codes,
            missing,
            answer: None,
            decides: None,
        });
    };
    let shows = known.certificate.as_ref();
    if known.demands_certificate {
        let codes = &["certificate_required"];
        add(Wrong("without a client certificate".into(), known.credential.clone(), codes, None), None);
    }
    if known.proves {
        let (with, nobody) = (known.credential.clone(), shown::nobody());
        add(Wrong("without the certificate that is a credential".into(), with.clone(), NOBODY, None), None);
        add(Wrong("with a certificate that names two".into(), with, BAD_CERTIFICATE, None), Some(&nobody));
    }
    let Some(good) = &known.credential else { return };
    add(Wrong("without a credential".into(), None, NOBODY, None), shows);
    if shown::sends_token(good) {
        tokens(good).into_iter().for_each(|wrong| add(wrong, shows));
    }
    keys(good).into_iter().for_each(|wrong| add(wrong, shows));
    proofs(known, good).into_iter().for_each(|wrong| add(wrong, shows));
    if good.mtls.is_some() {
        let codes = &["token_invalid"];
        let bound = |mtls| other(good, |one| one.mtls = mtls);
        add(
            Wrong("with a token of another certificate".into(), bound(Some(Mtls::Other)), codes, None),
            shows,
        );
        add(Wrong("with a token of no certificate".into(), bound(None), codes, None), shows);
        let codes = &["token_invalid", "certificate_required"];
        add(Wrong("without the certificate of the token".into(), Some(good.clone()), codes, None), None);
    }
    rights(known, good).into_iter().for_each(|wrong| add(wrong, shows));
}

/// A good caller but for one thing.
fn other(good: &Credential, change: impl FnOnce(&mut Credential)) -> Option<Credential> {
    let mut credential = good.clone();
    change(&mut credential);
    Some(credential)
}

fn tokens(good: &Credential) -> Vec<Wrong> {
    let elsewhere = "https://elsewhere.example";
    let wrong = |why: &str, credential| Wrong(why.to_owned(), credential, BAD_TOKEN, None);
    let claim = |name: &str, value: Json| other(good, |one| drop(one.claims.insert(name.to_owned(), value)));
    let for_another = Strings(vec![String::from(elsewhere)]);
    vec![
        wrong("with an expired token", other(good, |one| one.expired = true)),
        wrong("with a token for somebody else", other(good, |one| one.audience = Some(for_another))),
        wrong("with a token that a stranger signed", other(good, |one| one.signed_by = SignedBy::Stranger)),
        wrong("with a token of an unknown issuer", claim("iss", json!(elsewhere))),
        wrong("with a token that never expires", claim("exp", Json::Null)),
        wrong("with a token that names nobody", claim("sub", Json::Null)),
        wrong("with a token that is not good yet", claim("nbf", json!(4_000_000_000_u64))),
    ]
}

fn keys(good: &Credential) -> Vec<Wrong> {
    if good.key.is_none() {
        return Vec::new();
    }
    let wrong = |why: &str, state: KeyState, codes| {
        let change = |one: &mut Credential| one.key.iter_mut().for_each(|key| key.state = state);
        Wrong(why.to_owned(), other(good, change), codes, None)
    };
    vec![
        wrong("with an API key that nobody made", KeyState::Unknown, BAD_KEY),
        wrong("with a revoked API key", KeyState::Revoked, BAD_KEY),
        wrong("with an expired API key", KeyState::Expired, OLD_KEY),
        wrong("with an API key that was replaced", KeyState::Replaced, OLD_KEY),
        wrong("with an API key of a suspended application", KeyState::Suspended, &["application_suspended"]),
    ]
}

fn proofs(known: &Known<'_>, good: &Credential) -> Vec<Wrong> {
    if good.dpop.is_none() {
        return Vec::new();
    }
    let wrong = |why: &str, dpop: Option<Dpop>, codes| {
        Wrong(why.to_owned(), other(good, |one| one.dpop = dpop), codes, None)
    };
    let state = |proof| Some(Dpop { proof, ..Dpop::default() });
    let method = Some(String::from(if known.least.method == "DELETE" { "GET" } else { "DELETE" }));
    let uri = Some(String::from("https://elsewhere.example/"));
    let age = known.proofs.window.get().saturating_add(std::time::Duration::from_secs(60)).as_secs();
    let mut all = vec![
        wrong("without the proof of a bound token", state(ProofState::None), BAD_PROOF),
        wrong("with a bound token as a mere bearer token", state(ProofState::Bearer), BAD_TOKEN),
        wrong("with a token that is bound to nobody", None, BAD_TOKEN),
        wrong("with a proof for a token that is bound to nobody", state(ProofState::Unbound), BAD_TOKEN),
        wrong("with a proof by another key", state(ProofState::Stranger), BAD_PROOF),
        wrong("with a proof that was used before", state(ProofState::Repeated), BAD_PROOF),
        wrong("with a proof for another token", state(ProofState::OtherToken), BAD_PROOF),
        wrong("with a proof for another method", Some(Dpop { method, ..Dpop::default() }), BAD_PROOF),
        wrong("with a proof for another URI", Some(Dpop { uri, ..Dpop::default() }), BAD_PROOF),
        wrong(
            "with a proof that is too old",
            Some(Dpop { age: Some(Duration::from_secs(age)), ..Dpop::default() }),
            BAD_PROOF,
        ),
    ];
    if known.proofs.nonce == Nonce::Required {
        let codes = &["proof_nonce_required"];
        all.push(wrong("with a proof without a nonce", state(ProofState::WithoutNonce), codes));
    }
    all
}

/// Callers who are known, and lack a right.
fn rights(known: &Known<'_>, good: &Credential) -> Vec<Wrong> {
    let mut all = Vec::new();
    let scopes = shown::scopes(&mut good.clone()).clone();
    for (number, scope) in scopes.iter().enumerate() {
        let lacking = other(good, |one| drop(shown::scopes(one).remove(number)));
        all.push(Wrong(format!("without the scope {scope}"), lacking, SCOPE, Some(vec![scope.clone()])));
    }
    for (number, role) in good.roles.0.iter().enumerate() {
        let lacking = other(good, |one| drop(one.roles.0.remove(number)));
        all.push(Wrong(format!("without the role {role}"), lacking, PRIVILEGE, None));
    }
    for claim in good.claims.keys() {
        let lacking = other(good, |one| drop(one.claims.remove(claim)));
        all.push(Wrong(format!("without the claim {claim}"), lacking, PRIVILEGE, None));
    }
    // Who needs no scope may have any.
    let others = known.scopes_of_api.iter().filter(|scope| !scopes.is_empty() && !scopes.contains(scope));
    for scope in others {
        let only = other(good, |one| *shown::scopes(one) = vec![scope.clone()]);
        all.push(Wrong(format!("with the scope {scope} alone"), only, SCOPE, None));
    }
    all
}
