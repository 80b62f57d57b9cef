//! A case as a client of HTTP/1.1 sends it (RFC 9112), and where it goes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use engine::Peer;
use engine::peer::{AltName, ClientCertificate, PeerFacts};
use engine::route::Route;
use http::Method;
use spec::{Api, Strings};

use crate::Subject;
use crate::document::{Case, Certificate, Request};

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
    /// The API that answers there, or the first.
    pub(crate) api: Option<&'s Api>,
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
        let (listener, host) = reached_at(subject, Some(api), case)?;
        return Ok(Place { listener, host, api: Some(api) });
    }
    let mut first = None;
    for api in apis.values() {
        let (listener, host) = reached_at(subject, Some(api), case)?;
        if apis.len() == 1 || answers(subject, api, (listener, &host), &case.request) {
            return Ok(Place { listener, host, api: Some(api) });
        }
        first = first.or(Some(Place { listener, host, api: Some(api) }));
    }
    match first {
        Some(place) => Ok(place),
        None => reached_at(subject, None, case).map(|(listener, host)| Place { listener, host, api: None }),
    }
}

/// Whether an API has the path of a request.
fn answers(subject: &Subject, api: &Api, (listener, host): (u16, &str), request: &Request) -> bool {
    let snapshot = &subject.compiled.snapshot;
    let path = request.target.value.split('?').next().unwrap_or_default();
    let Ok(path) = engine::path::canonical_path(path) else { return false };
    let method = Method::from_bytes(request.method.value.as_bytes()).unwrap_or_default();
    let number = match snapshot.routes.find(listener, &host.to_ascii_lowercase(), &path, &method) {
        Route::Operation(number, _) => Some(number),
        Route::OtherMethods(methods, _) => methods.first().map(|(_, number)| *number),
        Route::NoPath | Route::NoHost => None,
    };
    let plan = number.and_then(|number| snapshot.operations.get(number as usize));
    plan.is_some_and(|plan| *plan.api == *api.name.value)
}

/// The other end of the connection.
pub(crate) fn peer(subject: &Subject, case: &Case, place: &Place<'_>) -> Peer {
    let address = case.from.as_ref().and_then(|from| from.parse().ok()).unwrap_or(CLIENT);
    let mut peer = Peer::new(SocketAddr::new(address, PORT), place.listener);
    let listener = subject.compiled.snapshot.listeners.get(usize::from(place.listener));
    peer.tls = listener.is_some_and(|listener| listener.tls.is_some());
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
        thumbprint: [0; 32],
        subject: Box::default(),
        names: names.concat(),
        expires: u64::MAX,
    }
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
pub(crate) fn request(request: &Request, host: &str, token: Option<&str>) -> Vec<u8> {
    let mut out = format!("{} {} HTTP/1.1\r\n", request.method.value, request.target.value).into_bytes();
    let mut field = |name: &str, value: &str| {
        out.extend([name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    };
    if own(request, "host").is_none() {
        field("host", host);
    }
    field("connection", "close");
    for (name, values) in &request.headers {
        values.0.iter().for_each(|value| field(name, value));
    }
    if let (Some(token), None) = (token, own(request, "authorization")) {
        field("authorization", &format!("Bearer {token}"));
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
