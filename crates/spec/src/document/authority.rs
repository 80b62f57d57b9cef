//! Who signs certificates of clients, so that a certificate alone proves who calls.

use super::Document;
use crate::read::Spanned;
use crate::units::{FileRef, Strings};
use diagnostics::{Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Words that mean something where rules name issuers.
const TAKEN: [&str; 2] = ["any", "applications"];

/// What one of those who vouch is called; the others are many.
const ISSUER: &str = "an issuer";
const SENDER: &str = "a sender of webhooks";

/// Authorities whose certificates prove who calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Authority {
    /// PEM file with the certificates of the authorities, the same as `client_ca` of the listeners whose clients they vouch for
    pub client_ca: Spanned<FileRef>,
    /// what of a certificate is the subject; without it the only URI among its names, and of one without a URI the only host
    #[serde(default)]
    pub subject: Option<Spanned<CertificateSubject>>,
    /// who is let in, with scopes and roles, by subject: in full, `spiffe://example.com/shop/*` for all below, `*.example.com`,
    /// `*@example.com`, or `*` for all; without it everybody is, without scopes
    #[serde(default)]
    pub grants: BTreeMap<String, Spanned<Grant>>,
}

/// What a certificate calls who holds it (RFC 8705 section 2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateSubject {
    /// The only URI among its subject alternative names, as of a SPIFFE identity.
    UriSan,
    /// The only host among them.
    DnsSan,
    /// The only mail address among them.
    EmailSan,
    /// The only common name of its subject.
    CommonName,
    /// Its subject as a string of RFC 4514.
    SubjectDn,
    /// SHA-256 of its DER, in hexadecimal digits.
    Fingerprint,
}

/// What who is let in may do.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Grant {
    /// scopes
    pub scopes: Strings,
    /// roles
    pub roles: Strings,
}

/// What vouches for callers and is no issuer: what one of it is called in a message, and the names.
fn vouching(document: &Document) -> impl Iterator<Item = (&'static str, &str, Span)> {
    let authorities = document.authorities.iter().map(|(name, one)| ("authorities", name, one.span));
    let signers = document.signers.iter().map(|(name, one)| ("signers", name, one.span));
    let users = document.users.iter().map(|(name, one)| ("users", name, one.span));
    let webhooks = document.webhooks.iter().map(|(name, one)| (SENDER, name, one.span));
    let all = authorities.chain(signers).chain(users).chain(webhooks);
    all.map(|(what, name, span)| (what, name.as_str(), span))
}

/// Reports what is wrong with names: rules and revocations name all who vouch alike.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    for (what, name, span) in vouching(document) {
        let other = match before.insert(name, what) {
            _ if document.issuers.contains_key(name) => Some(ISSUER),
            other => other,
        };
        let wrong = if let Some(other) = other {
            let is = if [ISSUER, SENDER].contains(&other) { "is" } else { "are" };
            format!("`{name}` {is} {other} and {what}")
        } else if TAKEN.contains(&name) {
            format!("`{name}` has a meaning of its own where rules name issuers")
        } else {
            continue;
        };
        let them = what.strip_prefix("a ").unwrap_or(what);
        let help =
            format!("give the {them} another name: rules and revocations name them as they do issuers");
        out.push(Diagnostic::error("conflict", wrong).at(span).help(help));
    }
}
