//! What a PDP is told of a call, and how each protocol has it.
//!
//! All of it is of the call as it goes upstream, and bounded: the operation, method, canonical path with its parameters, query, the
//! header fields and claims that are named, who calls, from where, at which listener, and the body where it is asked for. What cannot
//! be told as a text is not told otherwise: such a call is refused. Credentials are never told.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use engine::fetch::{FetchRequest, Reach};
use engine::text::{push_address, push_number};
use engine::verdict::Refusal;
use engine::{Call, CallId, Principal, UnixTime, bounds, codes};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tape::Tape;

use super::written::Writer;
use super::{Endpoint, Protocol, grpc};
use crate::callers::ClaimPath;
use crate::read_body::{self, Content};
use crate::security::find::query_without;

/// Longest answer, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;

/// What is told of the calls of one operation.
#[derive(Debug)]
pub struct Telling {
    /// Name of the API.
    pub api: Arc<str>,
    /// Name of the operation.
    pub operation: Arc<str>,
    /// Its path template, with the base path.
    pub template: Arc<str>,
    /// Names of its path parameters.
    pub params: Vec<Box<str>>,
    /// Header fields that are told.
    pub include: Vec<HeaderName>,
    /// Claims that are told.
    pub claims: Vec<ClaimPath>,
    /// Names of the listeners, by their numbers.
    pub listeners: Vec<Box<str>>,
    /// Addresses and ports at which they listen.
    pub bound: Vec<Option<(Box<str>, u16)>>,
    /// Parameters of the query in which API keys are sent: they are not told.
    pub keys: Vec<Box<str>>,
    /// Whether the body is told.
    pub body: bool,
    /// The operation's rules, by which bodies are read.
    pub contract: Option<Arc<contract::Operation>>,
}

/// A body as it is told.
#[derive(Debug)]
pub(super) enum Body {
    /// There is none.
    Empty,
    /// JSON, as it goes upstream.
    Json(Arc<Tape>, Bytes),
}

/// A question, but for what every question to its PDP has and for the time.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// For the protocols that tell the time, open at its end, where that follows.
    pub(super) body: Vec<u8>,
    pub(super) told: Protocol,
    /// The call that asks, which is not of what is asked.
    pub(super) id: CallId,
}

impl Question {
    /// All that it says, so that it is found again by nothing less. The time is not of it: an answer counts for a time.
    pub(super) fn identity(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.body.len() + self.url.len() + 256);
        let mut part = |bytes: &[u8]| {
            all.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            all.extend_from_slice(bytes);
        };
        part(self.method.as_str().as_bytes());
        part(self.url.as_bytes());
        for (name, value) in &self.headers {
            part(name.as_str().as_bytes());
            part(value.as_bytes());
        }
        // No name of a field is empty: what follows is no field.
        part(b"");
        part(&self.body);
        all
    }

    /// As it is asked at a time.
    pub(super) fn request(self, endpoint: &Endpoint, now: UnixTime) -> FetchRequest {
        let Self { method, url, mut headers, mut body, told, id } = self;
        match told {
            Protocol::Opa | Protocol::AuthZen => {
                body.extend_from_slice(b",\"time\":");
                push_number(&mut body, now.seconds());
                body.extend_from_slice(b"}}");
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
            Protocol::ExtAuthz => {}
            Protocol::ExtAuthzGrpc => {
                grpc::push_moment(&mut body, id, now);
                body = grpc::framed(&body);
                grpc::fields(&mut headers, endpoint.deadline);
            }
        }
        headers.extend(endpoint.token.clone().map(|token| (AUTHORIZATION, token)));
        FetchRequest {
            method,
            url,
            headers,
            body: body.into(),
            deadline: endpoint.deadline,
            max_bytes: ANSWER_BYTES + if told == Protocol::ExtAuthzGrpc { grpc::PREFIX } else { 0 },
            head_only: told == Protocol::ExtAuthz,
            reach: Reach::Operator,
        }
    }
}

pub(super) fn unread(what: &str) -> Box<Refusal> {
    Refusal::new(&codes::REQUEST_MALFORMED, format!("{what} cannot be told to the PDP as a text"))
}

impl Telling {
    /// The body of a call, as it is told.
    ///
    /// # Errors
    /// The refusal of a body that is no JSON, or too long.
    pub(super) fn read(&self, call: &mut Call) -> Result<Body, Box<Refusal>> {
        if call.body.bytes().len() > bounds::PDP_QUESTION {
            let detail = format!("the PDP is told of bodies up to {} bytes", bounds::PDP_QUESTION);
            return Err(Refusal::new(&codes::BODY_TOO_LARGE, detail));
        }
        match read_body::read(self.contract.as_deref(), call) {
            Content::Empty => Ok(Body::Empty),
            Content::Json(tape) | Content::Patch(tape) | Content::Merge(tape) | Content::Both(tape) => {
                Ok(Body::Json(tape, call.body.bytes().clone()))
            }
            Content::Fields(_) | Content::Flat | Content::Unread => {
                let detail = "the PDP is told of bodies in JSON only";
                Err(Refusal::new(&codes::MEDIA_TYPE_UNSUPPORTED, detail))
            }
        }
    }

    /// The question about a call.
    ///
    /// # Errors
    /// The refusal of a call that cannot be told.
    pub(super) fn question(
        &self,
        endpoint: &Endpoint,
        call: &Call,
        body: Option<&Body>,
    ) -> Result<Question, Box<Refusal>> {
        let question = match endpoint.protocol {
            Protocol::Opa => posted(endpoint, call, self.opa(call, body)?),
            Protocol::AuthZen => posted(endpoint, call, self.authzen(call, body)?),
            Protocol::ExtAuthz => self.ext_authz(endpoint, call, body),
            Protocol::ExtAuthzGrpc => posted(endpoint, call, self.check(call, body)?),
        };
        let fields = question.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        if question.body.len() + question.url.len() + fields.sum::<usize>() <= bounds::PDP_QUESTION {
            return Ok(question);
        }
        let code = if matches!(body, Some(Body::Json(..))) {
            &codes::BODY_TOO_LARGE
        } else {
            &codes::HEADERS_TOO_LARGE
        };
        let detail = format!("what the PDP would be told has more than {} bytes", bounds::PDP_QUESTION);
        Err(Refusal::new(code, detail))
    }

    /// `{"input":{…`
    fn opa(&self, call: &Call, body: Option<&Body>) -> Result<Vec<u8>, Box<Refusal>> {
        let mut out = Writer::new(b"{\"input\":{");
        out.text("api", &self.api);
        out.text("operation", &self.operation);
        out.text("method", call.request.method.as_str());
        out.text("template", &self.template);
        self.target(&mut out, call)?;
        self.headers(&mut out, call)?;
        out.key("principal");
        match call.principal() {
            Some(principal) => self.principal(&mut out, principal, call),
            None => out.raw(b"null"),
        }
        self.others(&mut out, call);
        self.place(&mut out, call);
        out.body(body);
        Ok(out.bytes)
    }

    /// `{"subject":{…},"action":{…},"resource":{…},"context":{…`: sections 5 and 6.1. A caller is an `identity` and an operation a
    /// `route`, as in the working group's profile for gateways.
    fn authzen(&self, call: &Call, body: Option<&Body>) -> Result<Vec<u8>, Box<Refusal>> {
        let mut out = Writer::new(b"{\"subject\":{");
        match call.principal() {
            Some(principal) => {
                out.text("type", "identity");
                out.text("id", &principal.subject);
                out.key("properties");
                self.principal(&mut out, principal, call);
            }
            None => {
                out.text("type", "anonymous");
                out.text("id", "anonymous");
            }
        }
        out.raw(b"},\"action\":{");
        out.text("name", call.request.method.as_str());
        out.raw(b"},\"resource\":{");
        out.text("type", "route");
        out.text("id", &self.template);
        out.key("properties");
        out.raw(b"{");
        out.text("api", &self.api);
        out.text("operation", &self.operation);
        self.target(&mut out, call)?;
        out.body(body);
        out.raw(b"}},\"context\":{");
        self.headers(&mut out, call)?;
        self.others(&mut out, call);
        self.place(&mut out, call);
        Ok(out.bytes)
    }

    /// Host, path, parameters and query.
    fn target(&self, out: &mut Writer, call: &Call) -> Result<(), Box<Refusal>> {
        out.text("host", &call.request.host);
        out.text("path", call.request.path());
        out.key("params");
        out.raw(b"{");
        for (name, value) in self.params.iter().zip(call.params()) {
            let value = detect::percent_decoded(value.as_bytes());
            let value = std::str::from_utf8(&value).map_err(|_| unread("a parameter of the path"))?;
            out.text(name, value);
        }
        out.raw(b"}");
        if let Some(query) = self.query(call) {
            out.text("query", &query);
        }
        Ok(())
    }

    /// The query, without credentials.
    pub(super) fn query<'c>(&self, call: &'c Call) -> Option<Cow<'c, str>> {
        let query = call.request.query()?;
        let names = self.keys.iter().map(|name| &**name);
        Some(names.fold(Cow::Borrowed(query), |told, name| Cow::Owned(query_without(&told, name))))
    }

    /// Each field that is named and there, with the list of its values.
    fn headers(&self, out: &mut Writer, call: &Call) -> Result<(), Box<Refusal>> {
        out.key("headers");
        out.raw(b"{");
        for name in &self.include {
            let mut values = call.request.headers.get_all(name).iter().peekable();
            if values.peek().is_none() {
                continue;
            }
            out.key(name.as_str());
            out.raw(b"[");
            for value in values {
                let value = std::str::from_utf8(value.as_bytes());
                out.item(value.map_err(|_| unread("a header field"))?);
            }
            out.raw(b"]");
        }
        out.raw(b"}");
        Ok(())
    }

    fn principal(&self, out: &mut Writer, principal: &Principal, call: &Call) {
        out.raw(b"{");
        out.text("issuer", &principal.issuer);
        out.text("subject", &principal.subject);
        if let Some(application) = &principal.application {
            out.text("application", application);
        }
        out.text("credential", principal.credential.name());
        out.list("scopes", scopes(principal, call));
        out.list("roles", principal.roles.iter().map(|role| &**role));
        out.key("claims");
        self.claims(&mut out.bytes, principal);
        out.raw(b"}");
    }

    pub(super) fn claims(&self, out: &mut Vec<u8>, principal: &Principal) {
        let mut claims = Writer::new(b"{");
        for path in &self.claims {
            if let Some(claim) = path.find(principal) {
                claims.key(path.as_str());
                claim.write_compact(&mut claims.bytes);
            }
        }
        claims.raw(b"}");
        out.append(&mut claims.bytes);
    }

    /// Who else is proven, by further credentials.
    fn others(&self, out: &mut Writer, call: &Call) {
        let mut told: Vec<&Arc<Principal>> = Vec::new();
        for proof in &call.proofs {
            if !told.iter().any(|known| Arc::ptr_eq(known, &proof.principal)) {
                told.push(&proof.principal);
            }
        }
        if told.len() < 2 {
            return;
        }
        out.key("others");
        out.raw(b"[");
        for principal in told.into_iter().skip(1) {
            out.comma();
            self.principal(out, principal, call);
        }
        out.raw(b"]");
    }

    /// From where, at which listener.
    fn place(&self, out: &mut Writer, call: &Call) {
        out.key("client");
        out.raw(b"{");
        let mut address = Vec::new();
        push_address(&mut address, call.client);
        out.text("address", &String::from_utf8_lossy(&address));
        out.key("located");
        out.raw(if call.located { b"true" } else { b"false" });
        out.raw(b"}");
        out.text("listener", self.listener(call));
        out.key("tls");
        out.raw(if call.peer.tls { b"true" } else { b"false" });
    }

    pub(super) fn listener(&self, call: &Call) -> &str {
        self.listeners.get(usize::from(call.peer.listener)).map(|name| &**name).unwrap_or_default()
    }
}

fn posted(endpoint: &Endpoint, call: &Call, body: Vec<u8>) -> Question {
    Question {
        method: Method::POST,
        url: endpoint.url.clone(),
        headers: HeaderMap::new(),
        body,
        told: endpoint.protocol,
        id: call.id,
    }
}

/// Scopes of the contract that a principal has, by their names.
pub(super) fn scopes<'c>(principal: &'c Principal, call: &'c Call) -> impl Iterator<Item = &'c str> {
    let names = call.operation.iter().flat_map(|plan| plan.names.scopes.iter());
    names.enumerate().filter(move |(bit, _)| principal.scopes.contains(*bit)).map(|(_, name)| &**name)
}
