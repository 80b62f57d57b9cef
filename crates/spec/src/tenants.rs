//! One issuer for each tenant: a provider that signs for many by URLs that differ in one place.
//!
//! `corp: { url: "https://login.example.com/{tid}/v2.0", tenants: [a, b] }` is two issuers, `corp/a` and `corp/b`, each with its own URL, its
//! own keys and the claim `tid` that its tokens have to have; whoever names `corp` names both. From here on nothing knows of tenants, so
//! that whatever holds of issuers holds between tenants: keys are not shared, and (issuer, subject) are never the same. Nobody is let
//! in who is not in the list: it has no wildcard.

use crate::node::{Entry, Node, Origin, Value};
use diagnostics::{Diagnostic, Diagnostics, Span};

/// Most tenants of one issuer: the keys of each are kept fresh by themselves.
const MAX_TENANTS: usize = 64;
/// What stands for whichever tenant at providers, and is no token's.
const ANYBODY: [&str; 3] = ["common", "organizations", "consumers"];
/// Keys under which issuers are named.
const NAMING: [&str; 3] = ["issuers", "issuer", "roles_issuer"];
/// Keys of an issuer in which the tenant may stand.
const PLACES: [&str; 2] = ["url", "jwks"];

/// The names of the issuers that one stands for, with where each tenant is written.
struct Group {
    name: String,
    members: Vec<(String, Span)>,
}

/// Writes out the issuers of tenants, and whatever names them.
pub(crate) fn expand(root: &mut Node, out: &mut Diagnostics) {
    let Some(issuers) = root.get_mut("issuers").and_then(Node::entries_mut) else { return };
    let taken: Vec<String> = issuers.iter().map(|entry| entry.key.clone()).collect();
    let (mut groups, mut all) = (Vec::new(), Vec::new());
    for mut entry in std::mem::take(issuers) {
        let tenants = entry.value.remove("tenants");
        let Some(claim) = claim(&entry, tenants.as_ref(), out) else {
            silence(&mut entry.value);
            all.push(entry);
            continue;
        };
        let Some(tenants) = tenants else {
            all.push(entry);
            continue;
        };
        let listed = listed(&tenants.value, out);
        let members: Vec<(String, Span)> =
            listed.iter().map(|(tenant, span)| (format!("{}/{tenant}", entry.key), *span)).collect();
        if let Some((name, span)) = members.iter().find(|(name, _)| taken.contains(name)) {
            let diagnostic = Diagnostic::error("conflict", format!("there is an issuer `{name}` already"));
            out.push(diagnostic.at(*span).help("rename it: this is what the issuer of the tenant is called"));
        } else {
            let made = members.iter().zip(&listed);
            all.extend(made.map(|((name, _), tenant)| member(&entry, name, &claim, tenant)));
        }
        groups.push(Group { name: entry.key, members });
    }
    *issuers = all;
    if !groups.is_empty() {
        name_all(root, &groups);
    }
}

/// The claim that stands in braces in the URL of an issuer, where it has tenants; empty where it has none and wants none. `None` where
/// something is wrong, which is reported.
fn claim(entry: &Entry, tenants: Option<&Entry>, out: &mut Diagnostics) -> Option<String> {
    let url = entry.value.get("url");
    let text = url.and_then(Node::as_str).unwrap_or_default();
    let inner = text.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap_or((rest, "{")));
    let mut wrong = |code: &'static str, message: String, span: Span, help: &str| {
        out.push(Diagnostic::error(code, message).at(span).help(help));
        None
    };
    let at = url.map_or(entry.value.span, |url| url.span);
    match (inner, tenants) {
        (None, None) => Some(String::new()),
        (None, Some(tenants)) => wrong(
            "invalid-value",
            format!("the `url` of the issuer `{}` has no place for a tenant", entry.key),
            tenants.key_span,
            "write the claim that names the tenant in braces, as in `https://login.example.com/{tid}/v2.0`",
        ),
        (Some((claim, rest)), _) if !is_claim(claim) || rest.contains(['{', '}']) => wrong(
            "invalid-value",
            format!("the `url` of the issuer `{}` does not name one claim in braces", entry.key),
            at,
            "write the claim that names the tenant once, as in `https://login.example.com/{tid}/v2.0`",
        ),
        (Some((claim, _)), None) => wrong(
            "missing-key",
            format!(
                "the issuer `{}` does not say whose tokens it takes: `{claim}` could be anybody",
                entry.key
            ),
            at,
            "write `tenants: [ID, ID]`, one for each that is let in",
        ),
        (Some((claim, _)), Some(_)) => Some(claim.to_owned()),
    }
}

fn is_claim(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(known)
}

/// Takes the braces out of what was reported, so that they are not reported again as no URL.
fn silence(issuer: &mut Node) {
    for place in PLACES {
        if let Some(Value::String(text)) = issuer.get_mut(place).map(|node| &mut node.value) {
            text.retain(|char| !matches!(char, '{' | '}'));
        }
    }
}

/// The tenants that are listed, less what is none, which is reported.
fn listed(node: &Node, out: &mut Diagnostics) -> Vec<(String, Span)> {
    let items = match &node.value {
        Value::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found: Vec<(String, Span)> = Vec::new();
    for item in items {
        let text = item.as_str().unwrap_or_default();
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let good = (1..=64).contains(&text.len()) && text.bytes().all(known);
        let (message, help) = if !good {
            (
                String::from("this is no tenant"),
                "write what the claim says of it, as in `8eaef023-2b34-4da1-9baa-8bc8c9d6a490`",
            )
        } else if ANYBODY.contains(&text) {
            (
                format!("`{text}` is no tenant, and no token is of it"),
                "write the ids of those that are let in",
            )
        } else if found.iter().any(|(known, _)| known == text) {
            (format!("the tenant `{text}` stands there twice"), "keep one of them")
        } else {
            found.push((text.to_owned(), item.span));
            continue;
        };
        out.push(Diagnostic::error("invalid-value", message).at(item.span).help(help));
    }
    if items.is_empty() || found.len() > MAX_TENANTS {
        let message = format!("an issuer has 1 to {MAX_TENANTS} tenants, and this one {}", items.len());
        let help = "write an issuer of its own for the others";
        out.push(Diagnostic::error("invalid-value", message).at(node.span).help(help));
        found.truncate(MAX_TENANTS);
    }
    found
}

/// The issuer of one tenant.
fn member(entry: &Entry, name: &str, claim: &str, (tenant, span): &(String, Span)) -> Entry {
    let origin = || Origin::Sugar(*span);
    let text = |text: String| Node { value: Value::String(text), span: *span, origin: origin() };
    let mut value = Node { origin: origin(), ..entry.value.clone() };
    for place in PLACES {
        if let Some(node) = value.get_mut(place)
            && let Some(written) = node.as_str().filter(|written| written.contains('{'))
        {
            *node = text(written.replace(&format!("{{{claim}}}"), tenant));
        }
    }
    let required = Node { value: Value::Sequence(vec![text(tenant.clone())]), span: *span, origin: origin() };
    match value.get_mut("require_claims") {
        Some(claims) if matches!(claims.value, Value::Mapping(_)) => claims.set(claim, required),
        _ => {
            let claims = Value::Mapping(vec![Entry::new(claim, required)]);
            value.set("require_claims", Node { value: claims, span: *span, origin: origin() });
        }
    }
    Entry { key: name.to_owned(), key_span: entry.key_span, value }
}

/// Names the issuers of all tenants wherever the one that they came from is named.
fn name_all(root: &mut Node, groups: &[Group]) {
    let Some(entries) = root.entries_mut() else { return };
    // The issuers themselves name nobody.
    for entry in entries.iter_mut().filter(|entry| entry.key != "issuers") {
        name_in(&mut entry.value, groups);
    }
}

fn name_in(node: &mut Node, groups: &[Group]) {
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| name_in(item, groups)),
        Value::Mapping(entries) => {
            for entry in entries {
                if NAMING.contains(&entry.key.as_str()) {
                    names(&mut entry.value, groups);
                }
                name_in(&mut entry.value, groups);
            }
        }
        _ => {}
    }
}

/// A name, or a list of them.
fn names(node: &mut Node, groups: &[Group]) {
    let meant = |node: &Node| groups.iter().find(|group| Some(group.name.as_str()) == node.as_str());
    let members = |written: &Node, group: &Group| -> Vec<Node> {
        let made = group.members.iter().map(|(name, _)| Node {
            value: Value::String(name.clone()),
            span: written.span,
            origin: Origin::Sugar(written.span),
        });
        made.collect()
    };
    if let Value::Sequence(items) = &mut node.value {
        let each = |item: Node| match meant(&item) {
            Some(group) => members(&item, group),
            None => vec![item],
        };
        *items = std::mem::take(items).into_iter().flat_map(each).collect();
    } else if let Some(group) = meant(node) {
        node.value = Value::Sequence(members(node, group));
    }
}
