//! A case as a client of HTTP/1.1 sends it (RFC 9112), and where it goes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use engine::Peer;
use engine::peer::{AltName, ClientCertificate, PeerFacts};
use engine::plan::OperationPlan;
use engine::route::Route;
use http::Method;
use spec::{Api, Strings};

use crate::Subject;
use crate::document::{Case, Certificate, Request};
use crate::present::Carried;

/// The port of every client.
const PORT: u16 = 40_000;
/// The address of a client that has none of its own: for documentation (RFC 5737 section 3).
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Where a call goes.
#[derive(Debug, Clone)]
pub(crate) struct Place<'s> {
    /// Number of the listener.
    pub(crate) listener: u16,
    /// As in `Host`.
    pub(crate) host: String,
    /// Whether calls come there over TLS.
    pub(crate) tls: bool,
    /// The API that answers there, or the first.
    pub(crate) api: Option<&'s Api>,
}

impl<'s> Place<'s> {
    fn of(subject: &Subject, (listener, host): (u16, String), api: Option<&'s Api>) -> Self {
        let tls = subject.compiled.snapshot.listeners.get(usize::from(listener));
        let tls = tls.is_some_and(|listener| listener.tls.is_some());
        Self { listener, host, tls, api }
    }
}

/// A host that a pattern of the document stands for.
fn host_for(pattern: &str) -> String {
    pattern.strip_prefix('*').map_or_else(|| pattern.to_owned(), |rest| format!("any{rest}"))
}

fn own<'c>(request: &'c Request, name: &str) -> Option<&'c Strings> {
    request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The number of a listener and the host under which an API is reached there.
fn reached_at(subject: &Subject, api: Option<&Api>, case: &Case) -> Result<(u16, String), String> {
    let snapshot = &subject.compiled.snapshot;
    let first = api.and_then(|api| api.listeners.first()).map(|name| name.value.as_str());
    let name = case.listener.as_ref().map(|name| name.value.as_str()).or(first);
    let number = match name {
        None => 0,
        Some(name) => {
            snapshot.listeners.iter().position(|listener| &*listener.name == name).ok_or_else(|| {
                let names = snapshot.listeners.iter().map(|listener| &*listener.name);
                let near = diagnostics::nearest(name, names);
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                format!("the configuration has no listener `{name}`{near}")
            })?
        }
    };
    let written = own(&case.request, "host").and_then(|host| host.0.first().cloned());
    let of_api = api.and_then(|api| api.hosts.first()).map(|host| host_for(&host.value));
    let of_listener = || {
        let name = snapshot.listeners.get(number).map(|listener| listener.name.to_string())?;
        let listener = subject.document().listeners.get(&name)?;
        listener.hosts.first().map(|host| host_for(&host.value))
    };
    let host = written.or(of_api).or_else(of_listener).unwrap_or_else(|| String::from("localhost"));
    Ok((u16::try_from(number).unwrap_or(u16::MAX), host))
}

/// Where a case's call goes: to the API that it names, else to the first that has its path.
pub(crate) fn place<'s>(subject: &'s Subject, case: &Case) -> Result<Place<'s>, String> {
    let apis = &subject.document().apis;
    if let Some(name) = &case.api {
        let api = apis.get(&name.value).ok_or_else(|| {
            let near = diagnostics::nearest(&name.value, apis.keys().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("the configuration has no API `{}`{near}", name.value)
        })?;
        return reached_at(subject, Some(api), case).map(|at| Place::of(subject, at, Some(api)));
    }
    let mut first = None;
    for api in apis.values() {
        let (listener, host) = reached_at(subject, Some(api), case)?;
        if apis.len() == 1 || plan(subject, api, (listener, &host), &case.request).is_some() {
            return Ok(Place::of(subject, (listener, host), Some(api)));
        }
        first = first.or(Some(Place::of(subject, (listener, host), Some(api))));
    }
    match first {
        Some(place) => Ok(place),
        None => reached_at(subject, None, case).map(|at| Place::of(subject, at, None)),
    }
}

/// What an API has planned for the path of a request.
pub(crate) fn plan<'s>(
    subject: &'s Subject,
    api: &Api,
    (listener, host): (u16, &str),
    request: &Request,
) -> Option<&'s OperationPlan> {
    let snapshot = &subject.compiled.snapshot;
    let path = request.target.value.split('?').next().unwrap_or_default();
    let path = engine::path::canonical_path(path).ok()?;
    let method = Method::from_bytes(request.method.value.as_bytes()).unwrap_or_default();
    let number = match snapshot.routes.find(listener, &host.to_ascii_lowercase(), &path, &method) {
        Route::Operation(number, _) => Some(number),
        Route::OtherMethods(methods, _) => methods.first().map(|(_, number)| *number),
        Route::NoPath | Route::NoHost => None,
    };
    let plan = snapshot.operations.get(number? as usize)?;
    (*plan.api == *api.name.value).then_some(plan)
}

/// The other end of the connection.
pub(crate) fn peer(case: &Case, place: &Place<'_>) -> Peer {
    let address = case.from.as_ref().and_then(|from| from.parse().ok()).unwrap_or(CLIENT);
    let mut peer = Peer::new(SocketAddr::new(address, PORT), place.listener);
    peer.tls = place.tls;
    let certificate = case.certificate.as_ref().map(|named| Arc::new(certificate(named)));
    let host = place.host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if peer.tls || certificate.is_some() {
        let server_name = Some(host.into_boxed_str()).filter(|_| peer.tls);
        peer.facts = Some(Arc::new(PeerFacts { server_name, certificate, ..PeerFacts::default() }));
    }
    peer
}

fn certificate(named: &Certificate) -> ClientCertificate {
    let boxed = |names: &Strings, make: fn(Box<str>) -> AltName| {
        names.0.iter().map(|name| make(name.as_str().into())).collect::<Vec<_>>()
    };
    let names = [
        boxed(&named.dns, AltName::Dns),
        boxed(&named.uri, AltName::Uri),
        boxed(&named.email, AltName::Email),
    ];
    ClientCertificate {
        chain: Vec::new(),
        thumbprint: thumbprint(named),
        subject: Box::default(),
        common_name: None,
        names: names.concat(),
        begins: 0,
        expires: u64::MAX,
    }
}

/// What a token is bound to that is bound to a certificate: one is told from another by its names.
pub(crate) fn thumbprint(named: &Certificate) -> [u8; 32] {
    let Certificate { dns, uri, email } = named;
    let text = format!("{:?}", [&dns.0, &uri.0, &email.0]);
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

/// The content of a message, and whether it is JSON.
pub(crate) fn content(body: Option<&String>, json: Option<&serde_json::Value>) -> (Vec<u8>, bool) {
    match (body, json) {
        (_, Some(json)) => (json.to_string().into_bytes(), true),
        (Some(text), None) => (text.clone().into_bytes(), false),
        (None, None) => (Vec::new(), false),
    }
}

/// The request, byte for byte; the connection ends after it.
pub(crate) fn request(request: &Request, host: &str, carried: &Carried) -> Vec<u8> {
    let mut target = request.target.value.clone();
    if let Some(pair) = &carried.query {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(pair);
    }
    let mut out = format!("{} {target} HTTP/1.1\r\n", request.method.value).into_bytes();
    let mut field = |name: &str, value: &str| {
        out.extend([name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    };
    if own(request, "host").is_none() {
        field("host", host);
    }
    field("connection", "close");
    let mut cookie = carried.cookie.as_deref();
    for (name, values) in &request.headers {
        for value in &values.0 {
            match cookie.take_if(|_| name.eq_ignore_ascii_case("cookie")) {
                // A client sends one field with all of them (RFC 6265 section 5.4).
                Some(cookie) => field(name, &format!("{value}; {cookie}")),
                None => field(name, value),
            }
        }
    }
    cookie.into_iter().for_each(|cookie| field("cookie", cookie));
    for (name, value) in carried.headers.iter().filter(|(name, _)| own(request, name).is_none()) {
        field(name, value);
    }
    let (mut body, json) = content(request.body.as_ref(), request.json.as_ref());
    body.resize(body.len() + usize::try_from(request.padding.unwrap_or(0)).unwrap_or(0), b'x');
    if json && own(request, "content-type").is_none() {
        field("content-type", "application/json");
    }
    let framed = own(request, "content-length").is_some() || own(request, "transfer-encoding").is_some();
    let has_body = request.body.is_some() || json || request.padding.is_some();
    if has_body && !framed {
        field("content-length", &body.len().to_string());
    }
    out.extend_from_slice(b"\r\n");
    out.extend(body);
    out
}
