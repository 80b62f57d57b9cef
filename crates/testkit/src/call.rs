//! Calls as the proxy would hand them to the controls.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use engine::call::{BodyLength, Peer};
use engine::principal::{CredentialKind, Proof};
use engine::{Body, Call, CallId, Clock, Principal, Request, ScopeSet};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use tape::Tape;

use crate::FakeClock;

/// Makes a call step by step; by default `GET http://api.example.com/` from 192.0.2.1 without TLS.
#[derive(Debug, Clone)]
pub struct CallBuilder {
    method: Method,
    target: String,
    host: String,
    peer: SocketAddr,
    tls: bool,
    headers: HeaderMap,
    body: Option<Bytes>,
    length: Option<BodyLength>,
    principals: Vec<Arc<Principal>>,
    params: Vec<String>,
    clock: FakeClock,
}

impl CallBuilder {
    /// A call of `method` on `target` (path and query).
    #[must_use]
    pub fn new(method: Method, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            host: String::from("api.example.com"),
            peer: SocketAddr::from(([192, 0, 2, 1], 4711)),
            tls: false,
            headers: HeaderMap::new(),
            body: None,
            length: None,
            principals: Vec::new(),
            params: Vec::new(),
            clock: FakeClock::new(),
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new(Method::GET, target)
    }

    /// Begins at the time of this clock.
    #[must_use]
    pub fn clock(mut self, clock: &FakeClock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// Comes from this address.
    ///
    /// # Panics
    /// When `address` is none.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a helper of tests: a wrong literal fails the test")]
    pub fn peer(mut self, address: &str) -> Self {
        self.peer = SocketAddr::new(address.parse().expect("an address"), 4711);
        self
    }

    /// Comes over TLS.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Adds a header field.
    ///
    /// # Panics
    /// When HTTP has no such field.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a helper of tests: a wrong literal fails the test")]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a field name");
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a field value"));
        self
    }

    /// Carries a body, with its media type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Bytes>) -> Self {
        let mut with = self.header("content-type", media_type);
        with.body = Some(body.into());
        with
    }

    /// Says another length of the body than it has.
    #[must_use]
    pub fn length(mut self, length: BodyLength) -> Self {
        self.length = Some(length);
        self
    }

    /// Proves a principal.
    #[must_use]
    pub fn principal(mut self, issuer: &str, subject: &str, application: Option<&str>) -> Self {
        let principal = Arc::unwrap_or_clone(principal(issuer, subject, u64::MAX));
        self.principals.push(Arc::new(Principal { application: application.map(Into::into), ..principal }));
        self
    }

    /// Path parameters, which are looked up in the target.
    #[must_use]
    pub fn params(mut self, values: &[&str]) -> Self {
        self.params = values.iter().map(|value| (*value).to_owned()).collect();
        self
    }

    /// The call.
    ///
    /// # Panics
    /// When the target is none.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a helper of tests: a wrong literal fails the test")]
    pub fn build(self) -> Call {
        let known = self.body.as_ref().map_or(BodyLength::Empty, |body| BodyLength::Known(body.len() as u64));
        let uri: Uri = self.target.parse().expect("a target");
        let host = (self.host.clone().into_boxed_str(), self.host.into_boxed_str());
        let length = self.length.unwrap_or(known);
        let request = Request::new(self.method, Version::HTTP_11, uri, host, self.headers, length)
            .expect("a canonical target");
        let peer = Peer { address: self.peer, listener: 0, tls: self.tls, facts: None };
        let mut call = Call::new(CallId(1), (self.clock.now(), self.clock.unix()), peer, request);
        for value in &self.params {
            let at = call.request.path().find(value.as_str()).expect("the parameter in the path");
            let range = (u32::try_from(at), u32::try_from(at + value.len()));
            call.params.push((range.0.expect("a short path"), range.1.expect("a short path")));
        }
        call.proofs = self
            .principals
            .into_iter()
            .map(|principal| Proof { scheme: 0, principal, certificate: None })
            .collect();
        call.body = Body::new(self.body.unwrap_or_default());
        call
    }
}

/// A principal whose credential ends at a second since 1970, without claims.
///
/// # Panics
/// Never: the claims are an empty object.
#[must_use]
#[expect(clippy::expect_used, reason = "a constant that parses")]
pub fn principal(issuer: &str, subject: &str, until: u64) -> Arc<Principal> {
    let claims = Tape::parse(Bytes::from_static(b"{}"), &tape::Bounds::default()).expect("JSON");
    Arc::new(Principal {
        issuer: issuer.into(),
        subject: subject.into(),
        application: None,
        scopes: ScopeSet::default(),
        roles: Arc::from([]),
        claims: Arc::new(claims),
        expires: until,
        taken_until: until,
        credential: CredentialKind::Jwt,
        binding: engine::principal::Binding::default(),
        marks: None,
    })
}
