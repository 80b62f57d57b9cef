//! Upstreams: what the document says of them, as the data plane takes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use controls::scope::Assets;
use diagnostics::{Diagnostic, Diagnostics};
use engine::upstream::{
    Balance, Breakers, Deadlines, HashBy, HealthCheck, Kept, Mirror, Outliers, Retries, Rewrites, Target,
    Trust, Upstream, UpstreamHttp,
};
use http::{HeaderName, HeaderValue, StatusCode};
use signatures::{SIGNATURE, SIGNATURE_INPUT};
use spec::HttpVersion;

use crate::assets::{header_secret, secret_key};
use crate::listeners::{certificates, identity};
use crate::seal;

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
    // Copies go to upstreams as they are without mirrors of their own: no copy is copied.
    let plain = all.clone();
    for (name, upstream) in &document.upstreams {
        let mirror = upstream.mirror.as_ref();
        let found = mirror.and_then(|mirror| Some((mirror, plain.get(mirror.upstream.as_str())?)));
        if let (Some((mirror, found)), Some(own)) = (found, all.get_mut(name)) {
            let mirror = Mirror { upstream: Arc::clone(found), share: mirror.share.get() };
            *own = Arc::new(Upstream { mirror: Some(mirror), ..Upstream::clone(own) });
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
    let targets: Vec<Target> = upstream.targets.iter().filter_map(target).collect();
    if targets.is_empty() {
        return None;
    }
    let deadlines = &upstream.deadlines;
    let deadlines = Deadlines {
        connect: deadlines.connect.get(),
        first_byte: deadlines.first_byte.get(),
        total: deadlines.total.get(),
        idle: deadlines.idle.get(),
        lifetime: deadlines.lifetime.get(),
    };
    let (outliers, retries, pool) = (&upstream.outliers, &upstream.retries, &upstream.pool);
    let service = upstream.targets.iter().find_map(|target| target.url.service().map(|_| target.url.host()));
    let mut usual = Upstream::new(name, targets, deadlines);
    if service.is_some() {
        // Its records may name several.
        usual.retries.most = 1;
    }
    Some(Upstream {
        service: service.map(Into::into),
        balance: balance(&upstream.balance),
        http: match upstream.http {
            HttpVersion::Auto => UpstreamHttp::Auto,
            HttpVersion::Http1 => UpstreamHttp::One,
            HttpVersion::Http2 => UpstreamHttp::Two,
        },
        trust: Arc::new(trust(name, upstream, files, out)),
        outliers: Outliers {
            failures: outliers.failures.value,
            eject: outliers.eject.get(),
            floor: outliers.floor.get(),
        },
        slow_start: upstream.slow_start.get(),
        retries: Retries {
            most: retries.most.map_or(usual.retries.most, |most| most.value),
            budget: retries.budget.get(),
            per_try: retries.per_try.map(|time| time.get()),
            statuses: retries
                .statuses
                .iter()
                .filter_map(|code| StatusCode::from_u16(code.value).ok())
                .collect(),
        },
        kept: Kept {
            connections: usize::try_from(pool.connections.value).unwrap_or(usize::MAX),
            idle: pool.idle.get(),
        },
        breakers: Breakers {
            connections: upstream.breakers.connections.value,
            pending: upstream.breakers.pending.value,
            calls: upstream.breakers.calls.map(|calls| calls.value),
        },
        headers: rewrites(name, upstream, files, out),
        sign: seal::build(name, upstream, files, out),
        health: upstream.health.as_ref().map(health),
        ..usual
    })
}

/// What is wrong with names and values that stand in the document was reported when it was read.
fn rewrites(
    name: &str,
    upstream: &spec::Spanned<spec::Upstream>,
    files: &Assets,
    out: &mut Diagnostics,
) -> Rewrites {
    let headers = &upstream.headers;
    let field = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
    let mut set: Vec<(HeaderName, HeaderValue)> = headers
        .set
        .iter()
        .filter_map(|(name, value)| Some((field(name)?, HeaderValue::from_str(value).ok()?)))
        .collect();
    for (field_name, secret) in &headers.secrets {
        // What is not there was reported by `assets::check`.
        let Some(bytes) = files.get(&secret_key(secret)) else { continue };
        match (field(field_name), header_secret(bytes)) {
            (Some(field), Some(value)) => set.push((field, value)),
            _ => {
                let message =
                    format!("the secret for `{field_name}` of the upstream `{name}` cannot be sent");
                let help = "give it as one line of printable ASCII";
                out.push(Diagnostic::error("secret", message).at(secret.span).help(help));
            }
        }
    }
    let removed = headers.remove.iter().filter_map(|name| field(name));
    // A client's own signature would stand beside the gateway's.
    let signed = upstream.sign.iter().flat_map(|_| [SIGNATURE, SIGNATURE_INPUT]);
    let without = set.iter().map(|(name, _)| name.clone()).chain(removed).chain(signed).collect();
    Rewrites { without, set: set.into_boxed_slice() }
}

fn health(check: &spec::HealthCheck) -> HealthCheck {
    HealthCheck {
        path: check.path.as_str().into(),
        every: check.every.get(),
        timeout: check.timeout.get(),
        down_after: check.down_after.value,
        up_after: check.up_after.value,
    }
}

fn trust(
    name: &str,
    upstream: &spec::Spanned<spec::Upstream>,
    files: &Assets,
    out: &mut Diagnostics,
) -> Trust {
    let tls = &upstream.tls;
    let pair = tls.certificate.as_ref().zip(tls.key.as_ref());
    // The domain of a service stands in the document, its targets in records that nobody vouches for (RFC 6125 section 6.2.1).
    let domain = upstream.targets.iter().find_map(|target| target.url.service());
    Trust {
        roots: roots(name, upstream, files, out),
        server_name: tls.server_name.as_ref().map(|name| name.as_str()).or(domain).map(Into::into),
        pins: tls.pins.iter().map(|pin| pin.bytes()).collect(),
        identity: pair.and_then(|pair| identity(pair, files, out)).map(Arc::new),
    }
}

fn target(target: &spec::Target) -> Option<Target> {
    let url = &target.url;
    let (scheme, host) = (if url.is_https() { "https" } else { "http" }, url.host());
    if let Some(domain) = url.service() {
        return Some(Target {
            name: format!("{scheme}://{host}").into(),
            tls: url.is_https(),
            host: domain.into(),
            port: url.port(),
            authority: HeaderValue::from_str(domain).ok()?,
            path: path(url.path()),
            weight: 1,
        });
    }
    let host_port = if host.contains(':') {
        format!("[{host}]:{}", url.port())
    } else {
        format!("{host}:{}", url.port())
    };
    Some(Target {
        name: format!("{scheme}://{host_port}").into(),
        tls: url.is_https(),
        host: host.into(),
        port: url.port(),
        authority: HeaderValue::from_str(&url.authority()).ok()?,
        path: path(url.path()),
        weight: target.weight.value,
    })
}

fn balance(balance: &spec::Balance) -> Balance {
    match balance {
        spec::Balance::RoundRobin => Balance::RoundRobin,
        spec::Balance::LeastBusy => Balance::LeastBusy,
        spec::Balance::Address => Balance::Hash(HashBy::Address),
        spec::Balance::Subject => Balance::Hash(HashBy::Subject),
        spec::Balance::Header(name) => {
            // Such a name was read only when it is one.
            let name = HeaderName::from_bytes(name.as_bytes());
            Balance::Hash(name.map_or(HashBy::Address, HashBy::Header))
        }
    }
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
