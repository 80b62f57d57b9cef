//! What types cannot say: names that refer to each other, and keys that need or exclude each other.

use super::check_issuer;
use super::check_possession;
use super::check_signers;
use super::transport;
use super::{AcceptUnenforced, Api, Authentication, ContractSource, Document};
use crate::node::{Node, Origin};
use crate::read::Spanned;
use diagnostics::{Diagnostic, Diagnostics, Span, nearest};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Signature algorithms that tokens may use (RFC 7518 §3.1, RFC 9864); `none` and the symmetric ones are not among them.
const ALGORITHMS: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/// Reports what is wrong between the parts of a document.
pub(super) fn check(document: &Document, tree: &Node, out: &mut Diagnostics) {
    if document.version.value != 1 {
        let message = format!("version `{}` is not known", document.version.value);
        out.push(Diagnostic::error("version", message).at(document.version.span).help("write `version: 1`"));
    }
    names(tree, out);
    listeners(document, tree, out);
    hops(document, tree, out);
    issuers(document, out);
    super::authority::check(document, out);
    check_signers::check(document, out);
    super::caller::check(document, out);
    super::revocation::check(document, out);
    super::telemetry::check(document, out);
    super::shared::check(document, out);
    super::shedding::check(document, out);
    for (name, upstream) in &document.upstreams {
        super::check_upstream::check(name, upstream, tree, out);
        if let Some(mirror) = &upstream.mirror {
            refer("upstream", &mirror.upstream, tree, out);
        }
        if upstream.targets.is_empty()
            && tree.at(&["upstreams", name, "targets"]).is_some_and(|n| n.items().is_empty())
        {
            let diagnostic = Diagnostic::error("missing-key", format!("the upstream `{name}` has no target"));
            out.push(diagnostic.at(upstream.span).help("write `url: http://127.0.0.1:3000`"));
        }
    }
    super::record::check(&document.record, out);
    super::notify::check(document, tree, out);
    for api in document.apis.values() {
        check_api(document, tree, api, out);
    }
}

/// Whether a listener, an issuer, an upstream or an API may be called so: 1 to 128 ASCII letters, digits and `-_.:/~%[]`.
/// Names end up in metrics, logs and file names.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/~%[]".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(known)
}

/// Reports what is not a name.
fn names(tree: &Node, out: &mut Diagnostics) {
    let groups = ["listeners", "issuers", "authorities", "signers", "users", "webhooks", "upstreams", "apis"];
    for group in groups {
        let Some(node) = tree.get(group) else { continue };
        for entry in node.entries() {
            // What the short form made carries the name of an API, which is looked at itself.
            if !is_name(&entry.key) && !matches!(entry.value.origin, Origin::Sugar(_)) {
                let message = format!("`{}` is not a name", entry.key.escape_debug());
                let help = "use letters, digits, `-`, `_` and `.`, at most 128";
                out.push(Diagnostic::error("invalid-name", message).at(entry.key_span).help(help));
            }
        }
    }
}

fn listeners(document: &Document, tree: &Node, out: &mut Diagnostics) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let admin = document.admin.bind.value.address();
    for (name, listener) in &document.listeners {
        let socket = listener.bind.address();
        if socket.is_some_and(|socket| overlap(socket, admin)) {
            let message = format!(
                "the listener `{name}` on `{}` is in the way of the admin listener on `{admin}`",
                listener.bind.value
            );
            let help = "give one of them another port: the admin listener's is in `admin: { bind: … }`";
            out.push(Diagnostic::error("conflict", message).at(listener.bind.span).help(help));
        }
        let address = listener.bind.value.to_string();
        let fixed = socket.is_none_or(|socket| socket.port() != 0);
        if fixed && let Some(other) = seen.insert(address.clone(), name) {
            let message = format!("`{address}` is the address of the listener `{other}` already");
            let help = "give each listener an address of its own";
            out.push(Diagnostic::error("conflict", message).at(listener.bind.span).help(help));
        }
        hosts(&listener.hosts, out);
        transport::check(name, listener, tree, out);
        for most in [listener.connections.total, listener.connections.address].into_iter().flatten() {
            if !(1..=1_000_000).contains(&most.value) {
                let message = format!("`{}` connections are out of bounds", most.value);
                out.push(
                    Diagnostic::error("invalid-value", message).at(most.span).help("write 1 to 1000000"),
                );
            }
        }
        let streams = listener.http.streams;
        if !(1..=10_000).contains(&streams) {
            let message = format!("`{streams}` streams are out of bounds");
            out.push(Diagnostic::error("invalid-value", message).at(listener.span).help("write 1 to 10000"));
        }
    }
}

/// Reports hops that are everybody: then whoever calls says which address a call is from.
fn hops(document: &Document, tree: &Node, out: &mut Diagnostics) {
    let written = tree.get("trusted_hops").map(Node::items).unwrap_or_default();
    for (hop, node) in document.trusted_hops.iter().zip(written).filter(|(hop, _)| hop.prefix() == 0) {
        let message = format!("`{hop}` lets anybody say from which address a call is");
        let help = "write the addresses of the proxies in front, as in `10.0.0.0/24`";
        out.push(Diagnostic::error("invalid-value", message).at(node.span).help(help));
    }
}

/// Whether two sockets want the same port of the same address; an unspecified address is all of its kind, and that of
/// IPv6 those of IPv4 too. Port 0 is one of the system's choice.
fn overlap(left: SocketAddr, right: SocketAddr) -> bool {
    let covers = |wide: SocketAddr, narrow: SocketAddr| {
        wide.ip().is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4()) || wide.ip() == narrow.ip()
    };
    left.port() == right.port() && left.port() != 0 && (covers(left, right) || covers(right, left))
}

fn hosts(hosts: &[Spanned<String>], out: &mut Diagnostics) {
    for host in hosts {
        let name = host.strip_prefix("*.").unwrap_or(host);
        let good = !name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
            });
        if !good && name.parse::<std::net::IpAddr>().is_err() {
            let message = format!("`{}` is not a host", host.value);
            let help =
                "write a lower-case name without scheme and port, as in `api.example.com` or `*.example.com`";
            out.push(Diagnostic::error("invalid-value", message).at(host.span).help(help));
        }
    }
}

fn issuers(document: &Document, out: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, issuer) in &document.issuers {
        match (&issuer.url, issuer.local) {
            (Some(_), true) => {
                let message = format!("the issuer `{name}` has both `url` and `local`");
                out.push(Diagnostic::error("conflict", message).at(issuer.span).help("keep one of them"));
            }
            (None, false) => {
                let message = format!("the issuer `{name}` has no `url`");
                let help = "write `url: https://…`, or `local: true` for the gateway's own";
                out.push(Diagnostic::error("missing-key", message).at(issuer.span).help(help));
            }
            (Some(url), false) => {
                if !url.is_https() && !url.is_loopback() {
                    let message = format!("the issuer `{}` is not `https`", url.value);
                    let help = "keys fetched in clear can be replaced on the way: use its `https` URL";
                    out.push(Diagnostic::error("insecure-issuer", message).at(url.span).help(help));
                }
                if let Some(other) = seen.insert(url.as_str(), name) {
                    let message = format!("`{}` is the issuer `{other}` already", url.value);
                    out.push(Diagnostic::error("conflict", message).at(url.span).help("keep one of them"));
                }
            }
            (None, true) => {}
        }
        algorithms(issuer.algorithms.as_deref(), out);
        check_issuer::check(name, issuer, out);
        check_possession::issuer(name, issuer, out);
        let max_age = issuer.keys.max_age;
        if !(60..=7 * 86_400).contains(&max_age.get().as_secs()) {
            let message = format!("keys cannot serve for `{}` without news of their issuer", max_age.value);
            let help = "write from `1m` to `7d`: a key that was withdrawn meanwhile still opens the gate";
            out.push(Diagnostic::error("invalid-value", message).at(max_age.span).help(help));
        }
        if issuer.leeway.get().as_secs() > 300 {
            let message = format!("a leeway of `{}` keeps expired tokens alive", issuer.leeway.value);
            out.push(
                Diagnostic::error("invalid-value", message).at(issuer.leeway.span).help("write at most `5m`"),
            );
        }
    }
}

/// Reports algorithms that are not taken.
pub(super) fn algorithms(named: Option<&[Spanned<String>]>, out: &mut Diagnostics) {
    for algorithm in named.unwrap_or_default() {
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            let message = format!("the algorithm `{}` is not taken", algorithm.value);
            let symmetric = algorithm.starts_with("HS");
            let help = match nearest(algorithm, ALGORITHMS) {
                Some(near) if !symmetric => format!("did you mean `{near}`?"),
                _ => format!("write some of `{}`", ALGORITHMS.join("`, `")),
            };
            out.push(Diagnostic::error("unknown-value", message).at(algorithm.span).help(help));
        }
    }
}

fn check_api(document: &Document, tree: &Node, api: &Api, out: &mut Diagnostics) {
    hosts(&api.hosts, out);
    for listener in &api.listeners {
        refer("listener", listener, tree, out);
    }
    transport::check_api(document, api, out);
    refer("upstream", &api.upstream, tree, out);
    for (scheme, settings) in &api.authentication {
        proofs(scheme, settings, out);
        for issuer in &settings.issuers {
            refer("issuer", issuer, tree, out);
            let known = document.issuers.get(&issuer.value);
            if settings.audience.is_none() && known.is_some_and(|known| known.audience.is_none()) {
                audience_missing(&issuer.value, issuer.span, out);
            }
        }
        for authority in &settings.authorities {
            refer("authority", authority, tree, out);
        }
        for signers in &settings.signers {
            refer("signer", signers, tree, out);
        }
        for users in &settings.users {
            refer("users", users, tree, out);
        }
        if let Some(webhook) = &settings.webhook {
            refer("webhook", webhook, tree, out);
        }
    }
    check_possession::api(document, api, out);
    check_signers::api(document, api, out);
    contract(api, out);
    if let Some(AcceptUnenforced::Pointers(pointers)) = api.accept_unenforced.as_ref().map(|one| &one.value) {
        for pointer in pointers {
            let (file, path) = pointer.split_once('#').unwrap_or(("-", &pointer.value));
            if file.is_empty() || !path.starts_with('/') {
                let message = format!("`{}` is not a JSON Pointer", pointer.value);
                let help = "write it as `yett check` does, as in `/paths/~1orders/get` or `other.yaml#/a`";
                out.push(Diagnostic::error("invalid-value", message).at(pointer.span).help(help));
            }
        }
    }
    if let Some(base) = &api.base_path {
        let bad = !base.starts_with('/')
            || base.ends_with('/')
            || base.contains("//")
            || base.contains(['?', '#', '{']);
        if bad {
            let message = format!("`{}` is not a base path", base.value);
            let help = "begin with `/` and do not end with it, as in `/v1`";
            out.push(Diagnostic::error("invalid-value", message).at(base.span).help(help));
        }
    }
}

/// What a scheme takes: one kind of credential. `*` may stand for schemes of all kinds.
fn proofs(scheme: &str, settings: &Spanned<Authentication>, out: &mut Diagnostics) {
    let first = |names: &[Spanned<String>]| names.first().map(|name| name.span);
    let kinds = [
        ("issuers", "tokens", first(&settings.issuers)),
        ("source", "API keys", settings.source.as_ref().map(|source| source.span)),
        ("authorities", "client certificates", first(&settings.authorities)),
        ("signers", "signatures", first(&settings.signers)),
        ("users", "passwords", first(&settings.users)),
        ("webhook", "webhooks", settings.webhook.as_ref().map(|webhook| webhook.span)),
    ];
    let mut taken = kinds.into_iter().filter_map(|(key, what, span)| Some((key, what, span?)));
    let Some((key, what, _)) = taken.next() else {
        let message = format!("the scheme `{scheme}` names no issuer");
        let help = "write `issuers: [name]`, `source: applications` for API keys, `authorities: [name]` for client certificates, \
                    `signers: [name]` for signatures, `users: [name]` for passwords, or `webhook: name`";
        out.push(Diagnostic::error("missing-key", message).at(settings.span).help(help));
        return;
    };
    for (other, also, span) in taken.filter(|_| scheme != "*") {
        let message = format!("the scheme `{scheme}` takes {what} and {also}");
        let help = format!("keep `{key}` or `{other}`: a scheme has one kind of credential");
        out.push(Diagnostic::error("conflict", message).at(span).help(help));
    }
    let ends = settings.source.is_some() || !settings.signers.is_empty() || !settings.users.is_empty();
    if settings.forward && !ends {
        let message =
            format!("`forward` is for API keys, signatures and passwords, and `{scheme}` takes none");
        let help = "take it out: tokens are sent on to the service";
        out.push(Diagnostic::error("conflict", message).at(settings.span).help(help));
    }
}

/// A token that is good for anyone is good for no one (RFC 8725 §3.9).
pub(crate) fn audience_missing(issuer: &str, span: Span, out: &mut Diagnostics) {
    let message = format!("no audience is set for tokens of `{issuer}`");
    let help = "write `audience: …`, as the issuer puts it into tokens for this API";
    out.push(Diagnostic::error("missing-key", message).at(span).help(help));
}

fn contract(api: &Api, out: &mut Diagnostics) {
    match (&api.contract.value, api.allow.first()) {
        (ContractSource::None, None) => {
            let message = format!("the API `{}` has neither a contract nor `allow`", api.name.value);
            let help = "write `allow: [\"GET /path/*\"]`, one entry per operation";
            out.push(Diagnostic::error("missing-key", message).at(api.contract.span).help(help));
        }
        (ContractSource::File(_), Some(first)) => {
            let help = "take `allow` out; what the contract does not know is refused";
            let diagnostic = Diagnostic::error("conflict", "`allow` is for `contract: none` only");
            out.push(diagnostic.at(first.span).help(help));
        }
        _ => {}
    }
}

/// Reports a name that nothing has. What is there but broken has been reported itself.
fn refer(what: &str, name: &Spanned<String>, tree: &Node, out: &mut Diagnostics) {
    let group = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if what.ends_with('s') => what.to_owned(),
        None => format!("{what}s"),
    };
    let known: Vec<&str> = tree
        .get(&group)
        .map(|group| group.entries().iter().map(|entry| entry.key.as_str()).collect())
        .unwrap_or_default();
    if known.contains(&name.as_str()) {
        return;
    }
    let help = match nearest(&name.value, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("write it under `{group}`"),
        None => {
            let names: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
            format!("write it under `{group}`; there are {}", names.join(", "))
        }
    };
    let is = if what.ends_with('s') { "are" } else { "is" };
    let message = format!("there {is} no {what} `{}`", name.value);
    out.push(Diagnostic::error("unknown-name", message).at(name.span).help(help));
}
