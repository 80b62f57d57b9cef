//! What is wrong with how callers prove that a token is theirs, and with how issuers are asked about tokens.

use super::check::algorithms;
use super::{Api, ClientAuthentication, Document, Dpop, Issuer, TokenEndpoint};
use crate::read::Spanned;
use crate::units::{Duration, Url};
use diagnostics::{Diagnostic, Diagnostics, Span};

/// Checks how an issuer is asked.
pub(super) fn issuer(name: &str, issuer: &Issuer, out: &mut Diagnostics) {
    if let Some(endpoint) = &issuer.token_endpoint {
        gives(name, issuer, endpoint, out);
    }
    let Some(introspection) = &issuer.introspection else { return };
    if issuer.local {
        let message = format!("the issuer `{name}` is the gateway's own and cannot be asked");
        let help = "take `introspection` out: its tokens are signed";
        out.push(Diagnostic::error("conflict", message).at(introspection.span).help(help));
    }
    encrypted("the introspection endpoint", &introspection.url, out);
    let client_id = introspection.client_id.as_str();
    let kept = (introspection.client_secret.is_some(), introspection.client_key.is_some());
    client(client_id, introspection.client_authentication, kept, introspection.span, out);
    let second = 1_000;
    within("an answer cannot count for", introspection.max_age, (second, 600 * second), "`1s` to `10m`", out);
    within("an answer cannot take", introspection.deadline, (100, 10 * second), "`100ms` to `10s`", out);
}

/// Checks how an issuer is asked for tokens.
fn gives(name: &str, issuer: &Issuer, endpoint: &Spanned<TokenEndpoint>, out: &mut Diagnostics) {
    if issuer.local {
        let message = format!("the issuer `{name}` is the gateway's own and has no token endpoint");
        let help = "take `token_endpoint` out; `assert` of `upstream_identity` tells a service who calls";
        out.push(Diagnostic::error("conflict", message).at(endpoint.span).help(help));
    }
    encrypted("the token endpoint", &endpoint.url, out);
    let kept = (endpoint.client_secret.is_some(), endpoint.client_key.is_some());
    client(&endpoint.client_id, endpoint.client_authentication, kept, endpoint.span, out);
    within("an answer cannot take", endpoint.deadline, (100, 10_000), "`100ms` to `10s`", out);
}

fn client(
    client_id: &str,
    by: ClientAuthentication,
    (secret, key): (bool, bool),
    span: Span,
    out: &mut Diagnostics,
) {
    let wrong = match by {
        ClientAuthentication::PrivateKeyJwt if !key => Some("`private_key_jwt` wants a `client_key`"),
        ClientAuthentication::PrivateKeyJwt if secret => Some("`private_key_jwt` sends no `client_secret`"),
        ClientAuthentication::PrivateKeyJwt => None,
        _ if !secret => Some("there is no `client_secret`"),
        _ if key => Some("a `client_key` is for `private_key_jwt`"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        let help =
            "write `client_secret: env:NAME`; or `client_authentication: private_key_jwt` and `client_key`";
        out.push(Diagnostic::error("invalid-value", wrong).at(span).help(help));
    }
    if client_id.is_empty() || client_id.bytes().any(|b| b.is_ascii_control()) {
        let message = "the `client_id` is empty or has a control character";
        let help = "write the name that the issuer knows the gateway by";
        out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
    }
}

/// Checks how proofs are taken, and that no token is shown to an issuer whose it is not.
pub(super) fn api(document: &Document, api: &Api, out: &mut Diagnostics) {
    for (scheme, settings) in &api.authentication {
        if let Some(demand) = settings.sender_constrained.as_ref().filter(|_| settings.issuers.is_empty()) {
            let message = format!("the scheme `{scheme}` takes no token that could be bound to its holder");
            let help = "take `sender_constrained` out, or name `issuers`: an API key is bound to nobody";
            out.push(Diagnostic::error("conflict", message).at(demand.span).help(help));
        }
        let mut asked = settings.issuers.iter().filter(|issuer| {
            document.issuers.get(&issuer.value).is_some_and(|issuer| issuer.introspection.is_some())
        });
        if let Some(second) = asked.nth(1) {
            let message = format!("the scheme `{scheme}` has two issuers with `introspection`");
            let help = "keep one: an opaque token does not say whose it is, and is not shown to another";
            out.push(Diagnostic::error("conflict", message).at(second.span).help(help));
        }
    }
    if let Some(settings) = &api.dpop {
        dpop(settings, out);
    }
    if let Some(url) = &api.url {
        encrypted("the URL of the API", url, out);
    }
}

fn dpop(settings: &Dpop, out: &mut Diagnostics) {
    within("a proof cannot be good for", settings.window, (1_000, 600_000), "`1s` to `10m`", out);
    algorithms(settings.algorithms.as_deref(), out);
}

fn encrypted(what: &str, url: &Spanned<Url>, out: &mut Diagnostics) {
    if !url.is_https() && !url.is_loopback() {
        let message = format!("{what} `{}` is not `https`", url.value);
        let help = "what is sent in clear can be read and replaced on the way: use its `https` URL";
        out.push(Diagnostic::error("insecure-url", message).at(url.span).help(help));
    }
}

fn within(
    what: &str,
    time: Spanned<Duration>,
    (least, most): (u128, u128),
    said: &str,
    out: &mut Diagnostics,
) {
    if !(least..=most).contains(&time.get().as_millis()) {
        let message = format!("{what} `{}`", time.value);
        let help = format!("write from {said}");
        out.push(Diagnostic::error("invalid-value", message).at(time.span).help(help));
    }
}
