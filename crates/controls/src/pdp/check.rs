//! What may be wrong with a section of `pdp` or a part of one: URLs in clear, times, names of header fields.

use diagnostics::{Diagnostic, Diagnostics};
use http::HeaderName;
use spec::{Duration, Spanned};

use super::PdpSection;

/// Most header fields, and most claims, that are named.
const MOST: usize = 32;

/// Reports it.
pub(super) fn check(section: &PdpSection, out: &mut Diagnostics) {
    if let Some(url) = section.url.as_ref().filter(|url| !url.is_https() && !url.is_loopback()) {
        let message = format!("the PDP `{}` is not `https`", url.value);
        let help = "what is said in clear can be read and replaced on the way: use its `https` URL";
        out.push(Diagnostic::error("insecure-url", message).at(url.span).help(help));
    }
    within("an answer of a PDP cannot take", section.deadline, (10, 5_000), "`10ms` to `5s`", out);
    if let Some(age) = section.max_age {
        within("an answer of a PDP cannot count for", age, (1_000, 300_000), "`1s` to `5m`", out);
    }
    for name in &section.include {
        name_of(name, told, "is not told to a PDP", out);
    }
    for name in &section.headers {
        name_of(name, added, "cannot be added to a call", out);
    }
    let beyond = |names: &[Spanned<String>]| names.get(MOST).map(|name| Some(name.span));
    for (key, beyond) in [
        ("include", beyond(&section.include)),
        ("claims", section.claims.get(MOST).map(|_| None)),
        ("headers", beyond(&section.headers)),
    ] {
        if let Some(at) = beyond {
            let found = Diagnostic::error("pdp", format!("`{key}` names more than {MOST}"));
            out.push(found.maybe_at(at).help("name those that the policy reads"));
        }
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

/// The name of a field, when it is one and `good`.
pub(super) fn name_of(
    name: &Spanned<String>,
    good: fn(&str) -> bool,
    wrong: &str,
    out: &mut Diagnostics,
) -> Option<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
    let message = match &parsed {
        None => format!("`{}` is not the name of a header field", name.value),
        // Some readers take `_` for `-`.
        Some(parsed) if !good(&parsed.as_str().replace('_', "-")) => format!("`{}` {wrong}", name.value),
        Some(_) => return parsed,
    };
    let help =
        "credentials stay here, and fields of the connection and of who forwards are written by the gateway";
    out.push(Diagnostic::error("pdp", message).at(name.span).help(help));
    None
}

/// What may be told: no credential, and nothing that could be taken for a field of ours.
pub(super) fn told(name: &str) -> bool {
    let credentials = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "dpop",
        "signature",
        "signature-input",
        "webhook-signature",
        "x-api-key",
        "x-auth-token",
    ];
    !credentials.contains(&name) && own_or_connection(name)
}

/// What may be added: nothing that says where a message ends, whose it is by a credential, or who forwards, or which answer is wanted,
/// since controls of the answer have to be able to read it.
pub(super) fn added(name: &str) -> bool {
    let forwarding = ["x-forwarded-", "x-original-", "x-rewrite-", "x-client-cert"];
    let forwarding = forwarding.iter().any(|prefix| name.starts_with(prefix))
        || ["forwarded", "x-real-ip", "true-client-ip", "x-http-method-override"].contains(&name);
    let credentials = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "dpop",
        "webhook-signature",
        "x-api-key",
        "x-auth-token",
    ];
    let of_content = name.starts_with("content-") || name.starts_with("if-");
    let others =
        ["accept-encoding", "expect", "range", "signature", "signature-input", "traceparent", "tracestate"];
    let of_content = of_content || others.contains(&name);
    !forwarding && !credentials.contains(&name) && !of_content && own_or_connection(name)
}

fn own_or_connection(name: &str) -> bool {
    let connection = [
        "connection",
        "host",
        "keep-alive",
        "content-length",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    !connection.contains(&name) && !["yett-", "sec-websocket-"].iter().any(|prefix| name.starts_with(prefix))
}
