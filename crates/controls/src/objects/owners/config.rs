//! The key `owner` of a binding.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use http::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;
use spec::{Duration, FileRef, Node, SecretRef, Spanned, Url};

use super::lookup::ID;
use super::{Lookup, Source, Table};
use crate::pattern::Pattern;
use crate::scope::{NamedFile, NamedKind, OperationScope};

/// Whose an object is, where its id does not say so itself: one of both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ObjectOwner")]
pub struct OwnerSection {
    /// a JSON file of one object: ids, each with its owner or a list of them
    #[serde(default)]
    pub table: Option<Spanned<FileRef>>,
    /// the service that is asked for the object
    #[serde(default)]
    pub lookup: Option<Spanned<LookupSection>>,
}

/// How a service is asked for an object, by GET.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ObjectLookup")]
pub struct LookupSection {
    /// where the object is, with `{id}` once in its path, as `http://127.0.0.1:3000/orders/{id}`
    pub url: Spanned<String>,
    /// where its owner is in the answer, or a list of owners: a JSON Pointer
    pub pointer: Spanned<Pattern>,
    /// a token that is sent as `Authorization: Bearer`
    #[serde(default)]
    pub token: Option<Spanned<SecretRef>>,
    /// longest time that an answer may take, from `10ms` to `5s`
    #[serde(default = "deadline")]
    pub deadline: Spanned<Duration>,
    /// how long an answer counts for other calls, from `1s` to `5m`; without it the service is asked at every call
    #[serde(default)]
    pub max_age: Option<Spanned<Duration>>,
}

fn deadline() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_millis(500))
}

/// The files that the section `objects` names.
pub(in crate::objects) fn files(section: &Node) -> Vec<NamedFile> {
    let bindings = section.get("bindings").into_iter().flat_map(Node::entries);
    let owners = bindings.filter_map(|binding| binding.value.get("owner"));
    let of = |owner: &Node| {
        let table = owner.get("table").and_then(|table| {
            let path = table.as_str()?.parse::<FileRef>().ok()?.path().to_owned();
            Some(NamedFile { path, span: table.span, kind: NamedKind::Database })
        });
        let token = owner.get("lookup").and_then(|lookup| lookup.get("token"));
        table.into_iter().chain(token.and_then(NamedFile::secret)).collect::<Vec<_>>()
    };
    owners.flat_map(of).collect()
}

/// Reports what is wrong with it by itself.
pub(in crate::objects) fn check(owner: &Spanned<OwnerSection>, out: &mut Diagnostics) {
    let mut error = |code, message: String, help: &str, span: Span| {
        out.push(Diagnostic::error(code, message).at(span).help(help));
    };
    let lookup = match (&owner.table, &owner.lookup) {
        (Some(_), None) => return,
        (None, Some(lookup)) => lookup,
        (Some(_), Some(_)) | (None, None) => {
            let message = String::from("an owner is found in a `table` or by a `lookup`");
            return error("objects", message, "write one of both", owner.span);
        }
    };
    match around(&lookup.url) {
        Ok((url, _)) if lookup.token.is_some() && !url.is_https() && !url.is_loopback() => {
            let message = format!("a token is sent to `{}`, which is not `https`", lookup.url.value);
            let help = "what is said in clear can be read on the way: use its `https` URL, or send no token";
            error("insecure-url", message, help, lookup.url.span);
        }
        Ok(_) => {}
        Err(why) => {
            let help = "write it as in `http://127.0.0.1:3000/orders/{id}`";
            error("objects", why, help, lookup.url.span);
        }
    }
    if lookup.pointer.steps().iter().any(|step| step.name().is_none()) {
        let message = format!("`{}` is more than one place", lookup.pointer.as_str());
        let help = "write a JSON Pointer without `*` and `-`; where a list stands, each of it is an owner";
        error("objects", message, help, lookup.pointer.span);
    }
    let age = lookup.max_age;
    for (what, time, (least, most), help) in [
        ("an answer cannot take", Some(lookup.deadline), (10, 5_000), "write from `10ms` to `5s`"),
        ("an answer cannot count for", age, (1_000, 300_000), "write from `1s` to `5m`"),
    ] {
        let Some(time) = time else { continue };
        if !(least..=most).contains(&time.get().as_millis()) {
            error("invalid-value", format!("{what} `{}`", time.value), help, time.span);
        }
    }
}

/// The URL, and what stands around the id in it.
pub(super) fn around(url: &str) -> Result<(Url, (&str, &str)), String> {
    let wrong = |why: &str| Err(format!("`{url}` {why}"));
    let Some((before, after)) = url.split_once(ID) else { return wrong("has no `{id}`") };
    if after.contains(ID) {
        return wrong("has `{id}` twice");
    }
    // An id is a segment, or a part of one, and nothing of it can be taken for the host.
    let whole: Url =
        format!("{before}id{after}").parse().map_err(|error: spec::ParseError| error.to_string())?;
    let is_in_path = before.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if is_in_path { Ok((whole, (before, after))) } else { wrong("has `{id}` outside of its path") }
}

/// Where owners are found; `None` when that was reported.
pub(in crate::objects) fn compile(
    scope: &OperationScope<'_>,
    owner: Option<&Spanned<OwnerSection>>,
    out: &mut Diagnostics,
) -> Option<Source> {
    let Some(owner) = owner else { return Some(Source::Id) };
    if let Some(file) = &owner.table {
        let shared = scope.api.share(&format!("owners {}", file.path()), || table(scope, file, out));
        return Some(Source::Table(Arc::clone((*shared).as_ref()?)));
    }
    let lookup = owner.lookup.as_ref()?;
    let (_, (before, after)) = around(&lookup.url).ok()?;
    let token = match &lookup.token {
        None => None,
        Some(kept) => Some(bearer(scope, kept, out)?),
    };
    Some(Source::Lookup(Arc::new(Lookup {
        around: (before.into(), after.into()),
        token,
        pointer: lookup.pointer.as_str().into(),
        deadline: lookup.deadline.get(),
        max_age: lookup.max_age.map(|age| age.get()).unwrap_or_default(),
    })))
}

fn table(scope: &OperationScope<'_>, file: &Spanned<FileRef>, out: &mut Diagnostics) -> Option<Arc<Table>> {
    // That it is missing has been reported with all that are.
    let text = scope.api.gateway.assets.get(file.path())?;
    match Table::parse(text) {
        Ok(table) => Some(Arc::new(table)),
        Err((why, at)) => {
            let line = 1 + text.iter().take(at).filter(|byte| **byte == b'\n').count();
            let message = format!("`{}` is no table of owners: {why} (line {line}, byte {at})", file.path());
            let help = r#"write it as in `{ "ord_1": "cus_1", "ord_2": ["cus_1", "cus_2"] }`"#;
            out.push(Diagnostic::error("objects", message).at(file.span).help(help));
            None
        }
    }
}

/// `Authorization` of questions. That a secret is missing has been reported with all that are.
fn bearer(
    scope: &OperationScope<'_>,
    kept: &Spanned<SecretRef>,
    out: &mut Diagnostics,
) -> Option<HeaderValue> {
    let value = crate::bearer::field(scope.api.gateway.secret(&kept.value)?);
    if value.is_none() {
        let help = "write one word of visible ASCII to where it is kept";
        let message = "the token of the lookup cannot be sent";
        out.push(Diagnostic::error("objects", message).at(kept.span).help(help));
    }
    value
}
