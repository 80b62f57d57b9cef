//! What is wrong with how signatures over calls are taken, and with how the gateway signs its own.

use super::{Api, Document, Signer, Signing, Upstream};
use crate::read::Spanned;
use diagnostics::{Diagnostic, Diagnostics, nearest};

/// The algorithms of RFC 9421 section 3.3; the last is that of secrets.
const ALGORITHMS: [&str; 6] =
    ["rsa-pss-sha512", "rsa-v1_5-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", "hmac-sha256"];

/// Longest text of a parameter of a signature, in bytes, as the gateway takes it.
const TEXT: usize = 256;

/// Fields that the gateway writes itself where it signs.
const WRITTEN: [&str; 3] = ["content-digest", "signature", "signature-input"];

/// Reports what is wrong with those who sign their calls.
pub(super) fn check(document: &Document, out: &mut Diagnostics) {
    for (name, signers) in &document.signers {
        within(&signers.max_age, out);
        tag(signers.tag.as_ref(), out);
        if signers.keys.is_empty() {
            let help = "write them by the `keyid` of their signatures, as in `keys: { shop-1: { subject: shop, … } }`";
            let message = format!("`{name}` lets nobody in");
            out.push(Diagnostic::error("missing-key", message).at(signers.span).help(help));
        }
        for (id, signer) in &signers.keys {
            keyid(id, signer, out);
            self::signer(id, signer, signers.jwks.is_some(), out);
        }
        let of_set = |signer: &Signer| signer.public.is_none() && signer.secret.is_none();
        let unused = !signers.keys.is_empty() && !signers.keys.values().any(|signer| of_set(signer));
        if let Some(jwks) = signers.jwks.as_ref().filter(|_| unused) {
            let message = format!("nobody's key is looked for in `{}`", jwks.path());
            let help = "name those of its keys that are taken under `keys`, by their `kid`, with a `subject`";
            out.push(Diagnostic::error("conflict", message).at(jwks.span).help(help));
        }
    }
}

fn signer(id: &str, signer: &Spanned<Signer>, in_set: bool, out: &mut Diagnostics) {
    if signer.subject.trim().is_empty() || signer.subject.chars().any(char::is_control) {
        let message = format!("the signer `{id}` has no subject");
        out.push(invalid(&signer.subject, message).help("write who it is, as in `subject: shop`"));
    }
    match (signer.public.is_some(), signer.secret.is_some()) {
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
    let Some(name) = &signer.algorithm else { return };
    let symmetric = name.as_str() == "hmac-sha256";
    if algorithm(name, out) && symmetric != signer.secret.is_some() {
        let message = format!("`{}` is no algorithm of the key of `{id}`", name.value);
        let help = "`hmac-sha256` is for a `secret` and for nothing else";
        out.push(Diagnostic::error("conflict", message).at(name.span).help(help));
    }
}

/// Reports what is wrong with how calls to an upstream are signed.
pub(super) fn signing(name: &str, upstream: &Upstream, out: &mut Diagnostics) {
    let Some(signing) = &upstream.sign else { return };
    let Signing { keyid: id, label, components, expires, .. } = &signing.value;
    keyid(id, id, out);
    within(expires, out);
    tag(signing.tag.as_ref(), out);
    if let Some(name) = &signing.algorithm {
        algorithm(name, out);
    }
    if !is_label(label) {
        let message = format!("`{}` is not a label of a signature", label.value.escape_debug());
        let help = "write 1 to 64 of `a` to `z`, `0` to `9`, `_`, `-`, `.` and `*`, with a letter first";
        out.push(invalid(label, message).help(help));
    }
    for component in components.iter().filter(|component| !is_field(component)) {
        let message = format!("`{}` cannot be signed as a header field", component.value.escape_debug());
        let help = "write fields that go to the service, in lower case, as in `x-request-id`; method, authority, path and query \
                    are signed anyway, as are body and credentials";
        out.push(invalid(component, message).help(help));
    }
    let headers = &upstream.headers;
    let set = headers.set.iter().map(|(field, value)| (field.as_str(), value.span));
    let secrets = headers.secrets.iter().map(|(field, value)| (field.as_str(), value.span));
    let removed = headers.remove.iter().map(|field| (field.value.as_str(), field.span));
    let all = set.chain(secrets).chain(removed);
    for (field, span) in all.filter(|(field, _)| WRITTEN.iter().any(|own| own.eq_ignore_ascii_case(field))) {
        let message = format!("`{field}` is written by the gateway, which signs calls to `{name}`");
        let help = "take it out, or `sign`";
        out.push(Diagnostic::error("conflict", message).at(span).help(help));
    }
}

/// Reports signatures that go on to a service which gets the gateway's own in their place.
pub(super) fn api(document: &Document, api: &Api, out: &mut Diagnostics) {
    let name = &api.upstream.value;
    if document.upstreams.get(name).is_none_or(|upstream| upstream.sign.is_none()) {
        return;
    }
    let entries = api.authentication.iter();
    for (scheme, settings) in entries.filter(|(_, one)| one.forward && !one.signers.is_empty()) {
        let message = format!("`{scheme}` sends signatures on to `{name}`, which gets the gateway's own");
        let help = "take out `forward`, or `sign` of the upstream";
        out.push(Diagnostic::error("conflict", message).at(settings.span).help(help));
    }
}

fn within(time: &Spanned<crate::units::Duration>, out: &mut Diagnostics) {
    let seconds = time.get().as_secs();
    if !(1..=600).contains(&seconds) || time.get().subsec_nanos() > 0 {
        let message = format!("a signature cannot be good for `{}`", time.value);
        out.push(invalid(time, message).help("write from `1s` to `10m`"));
    }
}

fn tag(tag: Option<&Spanned<String>>, out: &mut Diagnostics) {
    if let Some(tag) = tag.filter(|tag| !is_text(tag)) {
        let message = format!("`{}` is not a tag", tag.value.escape_debug());
        out.push(invalid(tag, message).help("write 1 to 256 ASCII characters"));
    }
}

fn keyid<T>(id: &str, at: &Spanned<T>, out: &mut Diagnostics) {
    if !is_text(id) {
        let message = format!("`{}` is not a `keyid`", id.escape_debug());
        out.push(invalid(at, message).help("write 1 to 256 ASCII characters"));
    }
}

/// Whether it is an algorithm; reports what is none.
fn algorithm(name: &Spanned<String>, out: &mut Diagnostics) -> bool {
    let known = ALGORITHMS.contains(&name.as_str());
    if !known {
        let message = format!("the algorithm `{}` is not taken", name.value);
        let help = match nearest(name, ALGORITHMS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of `{}`", ALGORITHMS.join("`, `")),
        };
        out.push(Diagnostic::error("unknown-value", message).at(name.span).help(help));
    }
    known
}

/// Whether a parameter of a signature can have this text.
fn is_text(text: &str) -> bool {
    (1..=TEXT).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a member of a dictionary can be called so (RFC 9651 section 3.1.2).
fn is_label(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*');
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte);
    first && text.len() <= 64 && text.bytes().all(known)
}

/// Whether a field goes to services as it stands here, so that it can be signed.
fn is_field(name: &str) -> bool {
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let own = super::check_upstream::OURS.contains(&name) || ["signature", "signature-input"].contains(&name);
    (1..=128).contains(&name.len()) && name.bytes().all(token) && !own
}

fn invalid<T>(at: &Spanned<T>, message: String) -> Diagnostic {
    Diagnostic::error("invalid-value", message).at(at.span)
}
