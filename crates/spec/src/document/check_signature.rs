//! What is wrong with how signatures over calls are taken.

use super::{Api, Document, Signer, Signing, is_name};
use crate::read::Spanned;
use diagnostics::{Diagnostic, Diagnostics, nearest};

/// The algorithms of RFC 9421 section 3.3; the last is that of secrets.
const ALGORITHMS: [&str; 6] =
    ["rsa-pss-sha512", "rsa-v1_5-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", "hmac-sha256"];

/// Longest text of a parameter of a signature, in bytes, as the gateway takes it.
const TEXT: usize = 256;

/// Checks the signatures of an API's schemes.
pub(super) fn api(document: &Document, api: &Api, out: &mut Diagnostics) {
    for (scheme, settings) in &api.authentication {
        if let Some(signing) = &settings.signature {
            let taken = !settings.issuers.is_empty() || settings.source.is_some();
            if taken && scheme != "*" {
                let message =
                    format!("the scheme `{scheme}` takes signatures and another kind of credential");
                let help = "keep one: a scheme has one kind of credential";
                out.push(Diagnostic::error("conflict", message).at(signing.span).help(help));
            }
            self::signing(document, signing, out);
        }
    }
}

fn signing(document: &Document, signing: &Spanned<Signing>, out: &mut Diagnostics) {
    issuer(document, &signing.issuer, out);
    if !(1..=600).contains(&signing.max_age.get().as_secs()) {
        let message = format!("a signature cannot be good for `{}`", signing.max_age.value);
        out.push(invalid(&signing.max_age, message).help("write from `1s` to `10m`"));
    }
    if let Some(tag) = signing.tag.as_ref().filter(|tag| !is_text(tag)) {
        let message = format!("`{}` is not a tag", tag.value.escape_debug());
        out.push(invalid(tag, message).help("write 1 to 256 ASCII characters"));
    }
    if signing.keys.is_empty() {
        let help =
            "write them by the `keyid` of their signatures, as in `keys: { shop-1: { subject: shop, … } }`";
        let message = "nobody's signatures are taken";
        out.push(Diagnostic::error("missing-key", message).at(signing.span).help(help));
    }
    let mut of_set = false;
    for (id, signer) in &signing.keys {
        if !is_text(id) {
            let message = format!("`{}` is not a `keyid`", id.escape_debug());
            out.push(invalid(signer, message).help("write 1 to 256 ASCII characters"));
        }
        of_set |= signer.public.is_none() && signer.secret.is_none();
        self::signer(id, signer, signing.jwks.is_some(), out);
    }
    if let Some(jwks) = signing.jwks.as_ref().filter(|_| !of_set && !signing.keys.is_empty()) {
        let message = format!("nobody's key is looked for in `{}`", jwks.path());
        let help = "name those of its keys that are taken under `keys`, by their `kid`, with a `subject`";
        out.push(Diagnostic::error("conflict", message).at(jwks.span).help(help));
    }
}

/// The name of who vouches may not be that of another who does: principals are told apart by it.
fn issuer(document: &Document, issuer: &Spanned<String>, out: &mut Diagnostics) {
    let name = issuer.as_str();
    let reserved = ["any", "applications"].contains(&name)
        || ["yett:", "urn:yett:"].iter().any(|start| name.starts_with(start));
    let known = |url: &str| url == name;
    let others = document.issuers.iter();
    let taken = others
        .map(|(other, settings)| (other, settings.url.as_ref()))
        .any(|(other, url)| other == name || url.is_some_and(|url| known(url.as_str())));
    if !is_name(name) {
        let message = format!("`{}` is not a name", name.escape_debug());
        let help = "use letters, digits, `-`, `_` and `.`, at most 128";
        out.push(Diagnostic::error("invalid-name", message).at(issuer.span).help(help));
    } else if reserved || taken {
        let message = format!("`{name}` vouches for other callers already");
        let help = "give those who sign an issuer of their own, as in `partners`";
        out.push(Diagnostic::error("conflict", message).at(issuer.span).help(help));
    }
}

fn signer(id: &str, signer: &Spanned<Signer>, in_set: bool, out: &mut Diagnostics) {
    if signer.subject.trim().is_empty() || signer.subject.chars().any(char::is_control) {
        let message = format!("the signer `{id}` has no subject");
        out.push(invalid(&signer.subject, message).help("write who it is, as in `subject: shop`"));
    }
    let kinds = (signer.public.is_some(), signer.secret.is_some());
    match kinds {
        (true, true) => {
            let message = format!("the signer `{id}` has a public key and a secret");
            let help = "keep one: under a key that is both, anybody could sign";
            out.push(Diagnostic::error("conflict", message).at(signer.span).help(help));
        }
        (false, false) if !in_set => {
            let message = format!("the signer `{id}` has no key");
            let help = "write `public: file:shop.pem`, `secret: env:NAME`, or `jwks: file:…` beside `keys`";
            out.push(Diagnostic::error("missing-key", message).at(signer.span).help(help));
        }
        _ => {}
    }
    let Some(algorithm) = &signer.algorithm else { return };
    let symmetric = algorithm.as_str() == "hmac-sha256";
    if !ALGORITHMS.contains(&algorithm.as_str()) {
        let message = format!("the algorithm `{}` is not taken", algorithm.value);
        let help = match nearest(algorithm, ALGORITHMS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of `{}`", ALGORITHMS.join("`, `")),
        };
        out.push(Diagnostic::error("unknown-value", message).at(algorithm.span).help(help));
    } else if symmetric != kinds.1 {
        let message = format!("`{}` is no algorithm of the key of `{id}`", algorithm.value);
        let help = "`hmac-sha256` is for a `secret` and for nothing else";
        out.push(Diagnostic::error("conflict", message).at(algorithm.span).help(help));
    }
}

/// Whether a parameter of a signature can have this text.
fn is_text(text: &str) -> bool {
    (1..=TEXT).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn invalid<T>(at: &Spanned<T>, message: String) -> Diagnostic {
    Diagnostic::error("invalid-value", message).at(at.span)
}
