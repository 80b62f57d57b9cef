//! The short form: what ten lines say, written out in the full shape.
//!
//! | short | full |
//! |---|---|
//! | `listen: http://127.0.0.1:8080` | `listeners: { default: { bind: 127.0.0.1:8080 } }` |
//! | `upstreams: { a: { url: U } }` | `upstreams: { a: { targets: [{ url: U }] } }` |
//! | `upstreams: { a: { health: PATH } }` | `upstreams: { a: { health: { path: PATH } } }` |
//! | API `a` with `upstream: URL` | `upstreams: { a: { targets: [{ url: URL }] } }`, `upstream: a` |
//! | `issuer: local` | `issuers: { local: { local: true } }`, `authentication: { "*": { issuers: [local], audience: a } }` |
//! | `issuer: https://host/path`, `audience: A` | `issuers: { host/path: { url: … } }`, `authentication: { "*": … }` |
//! | `issuer: name` | `authentication: { "*": { issuers: [name], … } }` |

use crate::document::audience_missing;
use crate::node::{Entry, Node, Value};
use crate::units::{Bind, Url};
use diagnostics::{Diagnostic, Diagnostics, Span};

fn text(text: impl Into<String>, span: Span) -> Node {
    Node::sugar(Value::String(text.into()), span)
}

fn mapping(entries: Vec<(&str, Node)>, span: Span) -> Node {
    let entries = entries.into_iter().map(|(key, value)| Entry::new(key, value)).collect();
    Node::sugar(Value::Mapping(entries), span)
}

fn list(items: Vec<Node>, span: Span) -> Node {
    Node::sugar(Value::Sequence(items), span)
}

fn string<'a>(node: &'a Node, what: &str, out: &mut Diagnostics) -> Option<&'a str> {
    let text = node.as_str();
    if text.is_none() {
        let message = format!("expected {what}, found {}", node.kind());
        out.push(Diagnostic::error("wrong-type", message).at(node.span).help(format!("write {what}")));
    }
    text
}

/// Puts a named thing into a group (`listeners`, `upstreams`, `issuers`), making the group if need be. False when the
/// name is taken.
fn add(root: &mut Node, group: &str, name: &str, value: Node) -> bool {
    let span = value.span;
    if root.get(group).is_none_or(|node| matches!(node.value, Value::Null)) {
        root.set(group, mapping(Vec::new(), span));
    }
    let Some(node) = root.get_mut(group) else { return false };
    if node.get(name).is_some() {
        return false;
    }
    node.set(name, value);
    true
}

/// Writes out the whole document's short forms.
pub(crate) fn expand(root: &mut Node, out: &mut Diagnostics) {
    listen(root, out);
    targets(root, out);
    let names: Vec<(String, Span)> = root
        .get("apis")
        .map(|apis| apis.entries().iter().map(|entry| (entry.key.clone(), entry.key_span)).collect())
        .unwrap_or_default();
    for (name, span) in names {
        upstream(root, &name, out);
        issuer(root, &name, span, out);
    }
}

fn listen(root: &mut Node, out: &mut Diagnostics) {
    let Some(entry) = root.remove("listen") else { return };
    if let Some(listeners) = root.entry("listeners") {
        let diagnostic = Diagnostic::error("conflict", "`listen` and `listeners` are both there");
        let help = "move the address of `listen` to a listener of its own";
        out.push(diagnostic.at(entry.key_span.max(listeners.key_span)).help(help));
        return;
    }
    let span = entry.value.span;
    let Some(written) = string(&entry.value, "a URL", out) else { return };
    let url: Result<Url, _> = written.parse();
    let bind = match &url {
        Ok(url) if url.is_https() => {
            let full = format!(
                "listeners: {{ default: {{ bind: \"{}\", tls: {{ certificate: file:cert.pem, key: file:key.pem }} }} }}",
                address(url)
            );
            let diagnostic = Diagnostic::error("missing-key", "`https` needs a certificate and a key");
            out.push(diagnostic.at(span).help(format!("write `{full}`")));
            return;
        }
        Ok(url) if !matches!(url.path(), "" | "/") => {
            let diagnostic = Diagnostic::error("invalid-value", format!("`{written}` has a path"));
            out.push(diagnostic.at(span).help("take the path out, or make it the `base_path` of an API"));
            return;
        }
        Ok(url) => address(url),
        Err(_) => written.to_owned(),
    };
    match bind.parse::<Bind>() {
        Ok(bind) => {
            let bind = instead(&entry.value, Value::String(bind.to_string()));
            let listener = mapping(vec![("bind", bind)], span);
            add(root, "listeners", "default", listener);
        }
        Err(error) => {
            let message = format!("`{written}` is not an address to listen on");
            let help = if url.is_ok() { error.help } else { "write it as in `http://127.0.0.1:8080`".into() };
            out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
        }
    }
}

/// What to bind to for a URL: its host and its port.
fn address(url: &Url) -> String {
    let host = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
    format!("{host}:{}", url.port())
}

fn targets(root: &mut Node, out: &mut Diagnostics) {
    let Some(upstreams) = root.get_mut("upstreams").and_then(Node::entries_mut) else { return };
    for upstream in upstreams {
        health(&mut upstream.value);
        let Some(url) = upstream.value.remove("url") else { continue };
        if upstream.value.get("targets").is_some() {
            let diagnostic = Diagnostic::error("conflict", "`url` and `targets` are both there");
            out.push(diagnostic.at(url.key_span).help("move the URL into `targets`"));
            continue;
        }
        let span = url.value.span;
        upstream.value.set("targets", list(vec![mapping(vec![("url", as_sugar(url.value))], span)], span));
    }
}

/// `health: /healthz` written out.
fn health(upstream: &mut Node) {
    if let Some(written) = upstream.get("health").filter(|node| node.as_str().is_some()).cloned() {
        let span = written.span;
        upstream.set("health", mapping(vec![("path", as_sugar(written))], span));
    }
}

/// The value as it is, as part of the short form; what came from a profile or an environment keeps that.
fn as_sugar(node: Node) -> Node {
    match node.origin {
        crate::node::Origin::File(span) => Node { origin: crate::node::Origin::Sugar(span), ..node },
        _ => node,
    }
}

/// Another value in the place of one that was written, by whoever wrote that.
fn instead(written: &Node, value: Value) -> Node {
    as_sugar(Node { value, span: written.span, origin: written.origin.clone() })
}

fn upstream(root: &mut Node, api: &str, out: &mut Diagnostics) {
    let Some(node) = root.at(&["apis", api, "upstream"]).cloned() else { return };
    let span = node.span;
    let Some(written) = string(&node, "a URL or the name of an upstream", out).map(str::to_owned) else {
        if let Some(api) = root.get_mut("apis").and_then(|apis| apis.get_mut(api)) {
            // Reported here; kept from being reported as missing by a name that is reported no more.
            api.set("upstream", text("", span));
        }
        return;
    };
    if !written.contains("://") {
        return;
    }
    let name = instead(&node, Value::String(api.to_owned()));
    let value = as_sugar(node);
    let target = list(vec![mapping(vec![("url", value)], span)], span);
    if !add(root, "upstreams", api, mapping(vec![("targets", target)], span)) {
        let message = format!("there is an upstream `{api}` already");
        let help = format!("write `upstream: {api}`, or rename the one under `upstreams`");
        out.push(Diagnostic::error("conflict", message).at(span).help(help));
    }
    if let Some(node) = root.get_mut("apis").and_then(|apis| apis.get_mut(api)) {
        node.set("upstream", name);
    }
}

fn issuer(root: &mut Node, api: &str, api_span: Span, out: &mut Diagnostics) {
    let Some(node) = root.get_mut("apis").and_then(|apis| apis.get_mut(api)) else { return };
    let (issuer, audience) = (node.remove("issuer"), node.remove("audience"));
    let taken = node.at(&["authentication", "*"]).is_some();
    let Some(issuer) = issuer else {
        if let Some(audience) = audience {
            let diagnostic = Diagnostic::error("missing-key", "`audience` is there without `issuer`");
            let help =
                "write `issuer: https://…` beside it, or move it to where `authentication` names issuers";
            out.push(diagnostic.at(audience.key_span).help(help));
        }
        return;
    };
    if taken {
        let diagnostic =
            Diagnostic::error("conflict", "`issuer` and `authentication` with `*` are both there");
        out.push(diagnostic.at(issuer.key_span).help("keep one of them"));
        return;
    }
    let span = issuer.value.span;
    let Some(written) = string(&issuer.value, "`local`, a URL or the name of an issuer", out) else { return };
    let audience = audience.map(|entry| as_sugar(entry.value));
    let (name, audience) = if written.contains("://") {
        match issuer_of_url(root, written, as_sugar(issuer.value.clone()), out) {
            Some((name, has_audience)) => {
                if audience.is_none() && !has_audience {
                    audience_missing(written, span, out);
                }
                (name, audience)
            }
            None => return,
        }
    } else if written == "local" && root.at(&["issuers", "local"]).is_none() {
        let local = instead(&issuer.value, Value::Bool(true));
        add(root, "issuers", "local", mapping(vec![("local", local)], span));
        let default = || Node::default_at(Value::String(api.to_owned()), api_span, "name of the API");
        (String::from("local"), Some(audience.unwrap_or_else(default)))
    } else {
        let local = root.at(&["issuers", written, "local"]).is_some_and(|n| n.value == Value::Bool(true));
        let own = root.at(&["issuers", written, "audience"]).is_some();
        let default = || Node::default_at(Value::String(api.to_owned()), api_span, "name of the API");
        let audience = audience.or_else(|| (local && !own).then(default));
        (written.to_owned(), audience)
    };
    let name = instead(&issuer.value, Value::String(name));
    let mut scheme = mapping(vec![("issuers", list(vec![name], span))], span);
    match audience {
        Some(audience) => scheme.set("audience", audience),
        // Reported above; an empty list keeps it from being reported again.
        None if written.contains("://") && !issuer_has_audience(root, written) => {
            scheme.set("audience", list(Vec::new(), span));
        }
        None => {}
    }
    if let Some(node) = root.get_mut("apis").and_then(|apis| apis.get_mut(api)) {
        if node.get("authentication").is_none() {
            node.set("authentication", mapping(Vec::new(), span));
        }
        if let Some(authentication) = node.get_mut("authentication") {
            authentication.set("*", scheme);
        }
    }
}

fn issuer_with_url<'a>(root: &'a Node, url: &str) -> Option<&'a Entry> {
    let same = |entry: &&Entry| entry.value.get("url").and_then(Node::as_str) == Some(url);
    root.get("issuers")?.entries().iter().find(same)
}

fn issuer_has_audience(root: &Node, url: &str) -> bool {
    issuer_with_url(root, url).is_some_and(|entry| entry.value.get("audience").is_some())
}

/// The name of the issuer with a URL, made if there is none yet, and whether it has an audience of its own.
fn issuer_of_url(
    root: &mut Node,
    written: &str,
    value: Node,
    out: &mut Diagnostics,
) -> Option<(String, bool)> {
    if let Some(entry) = issuer_with_url(root, written) {
        return Some((entry.key.clone(), entry.value.get("audience").is_some()));
    }
    let span = value.span;
    if let Err(error) = written.parse::<Url>() {
        out.push(Diagnostic::error("invalid-value", error.message).at(span).help(error.help));
        return None;
    }
    let name = written.split_once("://").map_or(written, |(_, rest)| rest).trim_end_matches('/').to_owned();
    if !add(root, "issuers", &name, mapping(vec![("url", value)], span)) {
        let message = format!("there is an issuer `{name}` with another URL already");
        out.push(Diagnostic::error("conflict", message).at(span).help("write its name, or rename it"));
        return None;
    }
    Some((name, false))
}
