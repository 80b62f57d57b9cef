//! Upstreams: one target each, for now.

use std::collections::BTreeMap;
use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics};
use engine::snapshot::{Deadlines, Upstream, UpstreamHttp};
use http::HeaderValue;
use spec::HttpVersion;

use crate::listeners::certificates;

/// All upstreams by their names.
pub(crate) fn build(
    document: &spec::Document,
    files: &Assets,
    out: &mut Diagnostics,
) -> BTreeMap<String, Arc<Upstream>> {
    let mut all = BTreeMap::new();
    for (name, upstream) in &document.upstreams {
        if let Some(built) = one(name, upstream, files, out) {
            all.insert(name.clone(), Arc::new(built));
        }
    }
    all
}

fn one(
    name: &str,
    upstream: &spec::Spanned<spec::Upstream>,
    files: &Assets,
    out: &mut Diagnostics,
) -> Option<Upstream> {
    // No target at all was reported when the document was read.
    let (target, further) = upstream.targets.split_first()?;
    if let Some(second) = further.first() {
        let message = format!("the upstream `{name}` has {} targets", upstream.targets.len());
        let help = "this version sends to one target: write one, such as the address of a load balancer";
        out.push(Diagnostic::error("unsupported", message).at(second.url.span).help(help));
        return None;
    }
    let url = &target.url;
    let authority = HeaderValue::from_str(&url.authority()).ok()?;
    Some(Upstream {
        name: name.into(),
        tls: url.is_https(),
        host: url.host().into(),
        port: url.port(),
        authority,
        path: path(url.path()),
        http: match upstream.http {
            HttpVersion::Auto => UpstreamHttp::Auto,
            HttpVersion::Http1 => UpstreamHttp::One,
            HttpVersion::Http2 => UpstreamHttp::Two,
        },
        roots: roots(name, upstream, files, out),
        deadlines: Deadlines {
            connect: upstream.deadlines.connect.get(),
            first_byte: upstream.deadlines.first_byte.get(),
            total: upstream.deadlines.total.get(),
            idle: upstream.deadlines.idle.get(),
        },
    })
}

/// Without a path in its URL, an upstream gets the path as the client sent it; `/` takes the base path away, any other
/// path stands in its place.
fn path(written: &str) -> Option<Box<str>> {
    if written.is_empty() { None } else { Some(written.trim_end_matches('/').into()) }
}

fn roots(
    name: &str,
    upstream: &spec::Spanned<spec::Upstream>,
    files: &Assets,
    out: &mut Diagnostics,
) -> Vec<Vec<u8>> {
    let Some(ca) = &upstream.tls.ca else { return Vec::new() };
    let Some(pem) = files.get(ca.path()) else { return Vec::new() };
    match certificates(pem) {
        Ok(roots) => roots,
        Err(why) => {
            let message = format!("`{}`, the authorities of `{name}`, cannot be used: {why}", ca.path());
            let help = "give a PEM file with the certificates of the authorities that sign the upstream's";
            out.push(Diagnostic::error("certificate", message).at(ca.span).help(help));
            Vec::new()
        }
    }
}
