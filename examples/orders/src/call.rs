//! One call as the handlers see it, and what they answer: no network in sight, so that tests need none.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, ETAG, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::time::Seconds;

/// What a handler comes to.
pub(crate) type Outcome = Result<Reply, Refusal>;

/// A request, read in full.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    /// When it came.
    pub(crate) at: Seconds,
}

impl Call {
    pub(crate) fn new(head: Parts, body: Bytes, at: Seconds) -> Self {
        // HEAD is GET without the body, which hyper leaves out (RFC 9110 §9.3.2).
        let method = if head.method == Method::HEAD { Method::GET } else { head.method };
        let query = pairs(head.uri.query().unwrap_or_default());
        Self { method, path: head.uri.path().to_owned(), query, headers: head.headers, body, at }
    }

    /// Every value of the query parameter `name`, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of the query parameter `name`.
    pub(crate) fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The same as a number, or a refusal naming the parameter.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.one(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refusal::bad(format!("query parameter `{name}` is no number")))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of the cookie `name` (RFC 6265 §4.2).
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let jar = self.headers.get(COOKIE)?.to_str().ok()?;
        jar.split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|p| p.1)
    }

    /// The JSON body as the type a handler wants.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| Refusal::bad(format!("body: {error}")))
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let split = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key), decoded(value))
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(split).collect()
}

/// `application/x-www-form-urlencoded` decoding; what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let plain = text.replace('+', " ");
    let mut parts = plain.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let escape = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escape.unwrap_or(b'%'));
        out.extend_from_slice(
            part.get(if escape.is_some() { 2 } else { 0 }..).unwrap_or_default().as_bytes(),
        );
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An answer of ours.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    media_type: &'static str,
    location: Option<String>,
    revision: Option<u32>,
}

impl Reply {
    /// 200 with `body`.
    pub(crate) fn ok(body: &impl Serialize) -> Outcome {
        Self::json(StatusCode::OK, "application/json", body)
    }

    /// 201 with `body`, which from now on is found at `location`.
    pub(crate) fn created(body: &impl Serialize, location: String) -> Outcome {
        let mut reply = Self::json(StatusCode::CREATED, "application/json", body)?;
        reply.location = Some(location);
        Ok(reply)
    }

    /// 204.
    pub(crate) fn nothing() -> Self {
        let status = StatusCode::NO_CONTENT;
        Self { status, body: Vec::new(), media_type: "", location: None, revision: None }
    }

    /// With an `ETag` made from the revision of what is shown.
    pub(crate) fn revision(mut self, revision: u32) -> Self {
        self.revision = Some(revision);
        self
    }

    fn json(status: StatusCode, media_type: &'static str, body: &impl Serialize) -> Outcome {
        let body = serde_json::to_vec(body).map_err(|error| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "not writable", error.to_string())
        })?;
        Ok(Self { status, body, media_type, location: None, revision: None })
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !self.media_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        if let Some(location) = self.location.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(LOCATION, location);
        }
        if let Some(tag) =
            self.revision.and_then(|number| HeaderValue::try_from(format!("\"r{number}\"")).ok())
        {
            headers.insert(ETAG, tag);
        }
        response
    }
}

/// An answer that says no, shown as a problem document (RFC 9457).
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    title: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        // As long as the contract allows, whatever a parser had to say.
        Self { status, title, detail: detail.chars().take(1_000).collect() }
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad request", detail)
    }

    pub(crate) fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", format!("there is no such {what}"))
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub(crate) fn impossible(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not possible", detail)
    }

    pub(crate) fn into_reply(self) -> Reply {
        let status = self.status;
        let problem = Problem {
            r#type: "about:blank",
            title: self.title,
            status: status.as_u16(),
            detail: &self.detail,
        };
        Reply::json(status, "application/problem+json", &problem).unwrap_or_else(|_| {
            let mut reply = Reply::nothing();
            reply.status = StatusCode::INTERNAL_SERVER_ERROR;
            reply
        })
    }
}
