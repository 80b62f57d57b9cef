//! What types cannot say of an upstream: bounds, and keys that exclude each other.

use super::{Deadlines, Upstream};
use crate::node::Node;
use crate::read::{SECRET_CODE, Spanned};
use diagnostics::{Diagnostic, Diagnostics, Span};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Most targets of one upstream.
const TARGETS: usize = 64;

/// Reports what is wrong within one upstream.
pub(super) fn check(name: &str, upstream: &Spanned<Upstream>, tree: &Node, out: &mut Diagnostics) {
    deadlines(name, upstream, tree, out);
    targets(name, upstream, out);
    tls(name, upstream, out);
    headers(upstream, out);
    mirror(name, upstream, out);
    super::check_signers::signing(name, upstream, out);
    if let Some(health) = &upstream.health {
        asked_at(name, &health.path, out);
    }
    let mut within = |what: &str, value: &dyn Display, good: bool, span: Span, help: &str| {
        if !good {
            let message = format!("`{value}` is out of bounds for `{what}` of the upstream `{name}`");
            out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
        }
    };
    let (outliers, retries) = (&upstream.outliers, &upstream.retries);
    let failures = outliers.failures;
    within(
        "failures",
        &failures.value,
        (1..=1000).contains(&failures.value),
        failures.span,
        "write 1 to 1000",
    );
    let eject = outliers.eject;
    within("eject", &eject.value, !eject.get().is_zero(), eject.span, "write at least `1ms`");
    if let Some(most) = retries.most {
        within("most", &most.value, most.value <= 10, most.span, "write 0 to 10");
    }
    if let Some(per_try) = retries.per_try {
        within("per_try", &per_try.value, !per_try.get().is_zero(), per_try.span, "write at least `1ms`");
    }
    for status in &retries.statuses {
        let help = "write 500 to 599: what the caller did wrong is wrong the second time too";
        within("statuses", &status.value, (500..=599).contains(&status.value), status.span, help);
    }
    let million = |value: u32| (1..=1_000_000).contains(&value);
    let breakers = &upstream.breakers;
    let (connections, pending) = (breakers.connections, breakers.pending);
    let help = "write 1 to 1000000";
    within("connections", &connections.value, million(connections.value), connections.span, help);
    within("pending", &pending.value, pending.value <= 1_000_000, pending.span, "write 0 to 1000000");
    if let Some(calls) = breakers.calls {
        within("calls", &calls.value, million(calls.value), calls.span, help);
    }
    if let Some(health) = &upstream.health {
        for (key, time) in [("every", health.every), ("timeout", health.timeout)] {
            within(key, &time.value, !time.get().is_zero(), time.span, "write at least `1ms`");
        }
        for (key, count) in [("down_after", health.down_after), ("up_after", health.up_after)] {
            within(key, &count.value, (1..=100).contains(&count.value), count.span, "write 1 to 100");
        }
    }
    if let Some(mirror) = &upstream.mirror {
        let share = mirror.share;
        within("share", &share.value, share.get() > 0, share.span, "write `1%` to `100%`");
    }
    let kept = upstream.pool.connections;
    within("connections", &kept.value, (1..=65_535).contains(&kept.value), kept.span, "write 1 to 65535");
}

/// Fields that are ours to write, or end at this hop.
pub(super) const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
/// Fields whose values are secrets.
const SECRET: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// Whether the value of such a field is a secret.
pub(crate) fn is_secret_field(name: &str) -> bool {
    SECRET.contains(&name.to_ascii_lowercase().as_str())
}

fn headers(upstream: &Spanned<Upstream>, out: &mut Diagnostics) {
    let headers = &upstream.headers;
    let set = headers.set.iter().map(|(name, value)| (name.as_str(), value.span));
    let secrets = headers.secrets.iter().map(|(name, value)| (name.as_str(), value.span));
    let removed = headers.remove.iter().map(|name| (name.value.as_str(), name.span));
    let mut seen = BTreeMap::new();
    for (name, span) in set.chain(secrets).chain(removed) {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
            let message = format!("`{}` is not the name of a header field", name.escape_debug());
            let help = "use letters, digits and `-`, at most 128";
            out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
        } else if OURS.contains(&lower.as_str()) {
            let message = format!("`{name}` is written by the gateway itself");
            let help = "take it out: host and path come of the target's URL, framing of the body";
            out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
        } else if seen.insert(lower, ()).is_some() {
            let message = format!("`{name}` is there twice");
            let help = "keep one of them: what is set replaces the client's";
            out.push(Diagnostic::error("conflict", message).at(span).help(help));
        }
    }
    for (name, value) in &headers.set {
        if is_secret_field(name) {
            let message = format!("the value of `{name}` is a secret, written here in clear");
            let help = format!("write it under `secrets`, as in `secrets: {{ {name}: env:NAME }}`");
            out.push(Diagnostic::error(SECRET_CODE, message).at(value.span).help(help));
        } else if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.trim() != value.value {
            let message = format!("the value of `{name}` cannot be sent");
            let help = "use printable ASCII without spaces around it";
            out.push(Diagnostic::error("invalid-value", message).at(value.span).help(help));
        }
    }
}

/// An upstream that gets its own calls twice.
fn mirror(name: &str, upstream: &Spanned<Upstream>, out: &mut Diagnostics) {
    if let Some(mirror) = upstream.mirror.as_ref().filter(|mirror| *mirror.upstream.value == *name) {
        let message = format!("the upstream `{name}` is its own mirror: it would get calls twice");
        let help = "name another upstream, or take `mirror` out";
        out.push(Diagnostic::error("conflict", message).at(mirror.upstream.span).help(help));
    }
}

/// What of TLS is there without what it needs.
fn tls(name: &str, upstream: &Spanned<Upstream>, out: &mut Diagnostics) {
    let tls = &upstream.tls;
    let pair = [tls.certificate.as_ref().map(|one| one.span), tls.key.as_ref().map(|one| one.span)];
    if let [Some(span), None] | [None, Some(span)] = pair {
        let message = format!("the upstream `{name}` is shown half of a certificate and its key");
        let help = "write `certificate` and `key`, or neither";
        out.push(Diagnostic::error("missing-key", message).at(span).help(help));
    }
    let first = [tls.ca.as_ref().map(|one| one.span), tls.server_name.as_ref().map(|one| one.span)];
    let first =
        first.into_iter().chain(pair).chain(tls.pins.iter().map(|one| Some(one.span))).flatten().next();
    let clear = upstream.targets.iter().all(|target| !target.url.is_https());
    if let Some(span) = first.filter(|_| clear && !upstream.targets.is_empty()) {
        let message = format!("the upstream `{name}` has settings of TLS and no target that speaks it");
        let help = "write `https://` in the URLs of its targets, or take `tls` out";
        out.push(Diagnostic::error("conflict", message).at(span).help(help));
    }
}

fn targets(name: &str, upstream: &Spanned<Upstream>, out: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for target in &upstream.targets {
        if !(1..=1000).contains(&target.weight.value) {
            let message = format!("`{}` is no weight of a target", target.weight.value);
            let help = "write 1 to 1000, or take the target out";
            out.push(Diagnostic::error("invalid-value", message).at(target.weight.span).help(help));
        }
        let place = (target.url.is_https(), target.url.host(), target.url.port());
        if seen.insert(place, ()).is_some() {
            let message = format!("the upstream `{name}` has `{}` twice", target.url.value);
            let help = "keep one of them: its `weight` gives it more calls";
            out.push(Diagnostic::error("conflict", message).at(target.url.span).help(help));
        }
    }
    service(name, upstream, out);
    if let Some(first) = upstream.targets.get(TARGETS) {
        let message = format!("the upstream `{name}` has {} targets", upstream.targets.len());
        let help = format!("write at most {TARGETS}, or a name that leads to several addresses");
        out.push(Diagnostic::error("invalid-value", message).at(first.url.span).help(help));
    }
}

/// The records of a service say where it runs, on which ports, and with which weights.
fn service(name: &str, upstream: &Spanned<Upstream>, out: &mut Diagnostics) {
    let Some(service) = upstream.targets.iter().find(|target| target.url.service().is_some()) else { return };
    let url = &service.url;
    let mut wrong = |what: &str, help: &str| {
        let message = format!("`{}` of the upstream `{name}` is a service, and {what}", url.value);
        out.push(Diagnostic::error("conflict", message).at(url.span).help(help));
    };
    if upstream.targets.len() > 1 {
        wrong(
            "stands beside other targets",
            "give it an upstream of its own, since its records name all targets",
        );
    }
    if url.has_port() {
        wrong("has a port", "take the port out: it is in the records");
    }
    if service.weight.value != 1 {
        wrong("has a weight", "take the weight out: it is in the records");
    }
}

/// A deadline of no time lets no call through.
fn deadlines(name: &str, upstream: &Spanned<Upstream>, tree: &Node, out: &mut Diagnostics) {
    let Deadlines { connect, first_byte, total, idle, lifetime } = &upstream.deadlines;
    let calls = [("connect", connect), ("first_byte", first_byte), ("total", total)];
    let all = calls.into_iter().chain([("idle", idle), ("lifetime", lifetime)]);
    for (key, _) in all.filter(|(_, deadline)| deadline.get().is_zero()) {
        let span = tree.at(&["upstreams", name, "deadlines", key]).map_or(upstream.span, |node| node.span);
        let message = format!("a deadline of no time lets no call through: `{key}` of the upstream `{name}`");
        out.push(Diagnostic::error("invalid-value", message).at(span).help("write at least `1ms`"));
    }
}

/// Reports what is no path to ask a target at.
fn asked_at(name: &str, path: &Spanned<String>, out: &mut Diagnostics) {
    let good =
        path.starts_with('/') && path.len() <= 2048 && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        let message = format!("`{}` is not a path at which the upstream `{name}` can be asked", path.value);
        let diagnostic = Diagnostic::error("invalid-value", message).at(path.span);
        out.push(diagnostic.help("write it from the root, as in `/healthz`"));
    }
}
