//! A call as `CheckRequest` has it: what Envoy tells of one, as far as it is told here, and fields of ours as `context_extensions`.

use std::collections::BTreeMap;

use engine::call::BodyLength;
use engine::peer::{AltName, ClientCertificate};
use engine::text::push_address;
use engine::verdict::Refusal;
use engine::{Call, CallId, UnixTime};
use http::Version;
use prost::Message;
use spec::ListenAddress;

use super::messages::{
    Address, AttributeContext, CheckRequest, HttpRequest, Peer, Request, SocketAddress, Timestamp,
};
use crate::pdp::Telling;
use crate::pdp::question::{Body, unread};

impl Telling {
    /// All that is told of a call but when it is asked about, and by which call: an answer counts for others.
    ///
    /// # Errors
    /// The refusal of a call that cannot be told.
    pub(in crate::pdp) fn check(&self, call: &Call, body: Option<&Body>) -> Result<Vec<u8>, Box<Refusal>> {
        let destination = self.bound.get(usize::from(call.peer.listener)).and_then(|bound| bound.as_ref());
        let attributes = AttributeContext {
            source: Some(source(call)),
            destination: destination.map(|(address, port)| peer(address.to_string(), *port)),
            request: Some(Request { time: None, http: Some(self.http(call, body)?) }),
            context_extensions: self
                .own(call)
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text))
                .collect(),
        };
        Ok(CheckRequest { attributes: Some(attributes) }.encode_to_vec())
    }

    fn http(&self, call: &Call, body: Option<&Body>) -> Result<HttpRequest, Box<Refusal>> {
        let request = &call.request;
        let mut path = request.path().to_owned();
        if let Some(query) = self.query(call).filter(|query| !query.is_empty()) {
            path.push('?');
            path.push_str(&query);
        }
        let told = match body {
            Some(Body::Json(_, bytes)) => bytes.clone(),
            Some(Body::Empty) | None => bytes::Bytes::new(),
        };
        let size = match request.length {
            _ if !told.is_empty() => i64::try_from(told.len()).ok(),
            BodyLength::Empty => Some(0),
            BodyLength::Known(length) => i64::try_from(length).ok(),
            BodyLength::Unknown => None,
        };
        Ok(HttpRequest {
            id: String::new(),
            method: request.method.as_str().to_owned(),
            headers: self.fields(call)?,
            path,
            host: request.host.to_string(),
            scheme: String::from(if call.peer.tls { "https" } else { "http" }),
            size: size.unwrap_or(-1),
            protocol: String::from(protocol(request.version)),
            body: told,
        })
    }

    /// The fields that are named, values of one name in one line (RFC 9110 section 5.3).
    fn fields(&self, call: &Call) -> Result<BTreeMap<String, String>, Box<Refusal>> {
        let mut all = BTreeMap::new();
        for name in &self.include {
            let values = call.request.headers.get_all(name).iter();
            let values: Result<Vec<&str>, _> =
                values.map(|value| std::str::from_utf8(value.as_bytes())).collect();
            let values = values.map_err(|_| unread("a header field"))?;
            if !values.is_empty() {
                all.insert(name.as_str().to_owned(), values.join(","));
            }
        }
        Ok(all)
    }
}

/// Where a listener listens, as far as that is an address.
pub(in crate::pdp) fn bound(address: &ListenAddress) -> Option<(Box<str>, u16)> {
    let address = address.address()?;
    Some((address.ip().to_string().into(), address.port()))
}

/// Adds what is not of a question's identity. It is written anew: a second message of one field is to be merged with the first (protobuf's
/// encoding, "Last One Wins"), and not every reader does.
pub(in crate::pdp) fn push_moment(message: &mut Vec<u8>, id: CallId, now: UnixTime) {
    let Ok(mut check) = CheckRequest::decode(message.as_slice()) else { return };
    let request = check.attributes.as_mut().and_then(|attributes| attributes.request.as_mut());
    if let Some(Request { time, http: Some(http) }) = request {
        *time = Some(Timestamp { seconds: i64::try_from(now.seconds()).unwrap_or(i64::MAX) });
        http.id = id.to_string();
    }
    *message = check.encode_to_vec();
}

/// The client, without its port: each of its connections has another.
fn source(call: &Call) -> Peer {
    let mut address = Vec::new();
    push_address(&mut address, call.client);
    let principal = call.peer.certificate().map(|certificate| principal(certificate)).unwrap_or_default();
    Peer { principal, ..peer(String::from_utf8_lossy(&address).into_owned(), 0) }
}

fn peer(address: String, port: u16) -> Peer {
    let socket_address = Some(SocketAddress { address, port_value: Some(port.into()) });
    Peer { address: Some(Address { socket_address }), principal: String::new() }
}

/// Whom a certificate names: by a URI, by a name of DNS, or by its subject, in that order, as the field's own text has it.
fn principal(certificate: &ClientCertificate) -> String {
    let uri = certificate.names.iter().find_map(|name| match name {
        AltName::Uri(uri) => Some(uri),
        _ => None,
    });
    let host = certificate.names.iter().find_map(|name| match name {
        AltName::Dns(host) => Some(host),
        _ => None,
    });
    uri.or(host).unwrap_or(&certificate.subject).to_string()
}

/// As Envoy calls them.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
