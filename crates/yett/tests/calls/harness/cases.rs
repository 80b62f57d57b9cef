//! Requests as bytes, and what is expected of them.

use testkit::Reply;

/// A hostile call, what it must come to, and a call like it that is good.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is tried.
    pub name: String,
    /// All that the client sends.
    pub hostile: Vec<u8>,
    /// What must come back.
    pub expect: Expect,
    /// The good call.
    pub twin: Vec<u8>,
}

/// What must come back.
#[derive(Debug, Clone)]
pub enum Expect {
    /// This status and code.
    Problem(u16, &'static str),
    /// This status, of an answer without a body.
    Status(u16),
    /// A refusal of any kind: a status from 400 to 499 with a code of ours, 501 or 505, or the end of the connection.
    Refusal,
    /// A refusal with one of these codes.
    OneOf(&'static [&'static str]),
}

impl Expect {
    /// Whether the reply is as expected.
    pub fn check(&self, reply: Option<&Reply>) -> Result<(), String> {
        let told = |reply: &Reply| format!("got {} {}", reply.status, reply.text());
        match (self, reply) {
            (Expect::Refusal, None) => Ok(()),
            (_, None) => Err(String::from("got no answer")),
            (Expect::Problem(status, code), Some(reply)) => {
                let good = reply.status == *status && reply.code().as_deref() == Some(*code);
                if good { problem(reply) } else { Err(format!("{}, expected {status} {code}", told(reply))) }
            }
            (Expect::Status(status), Some(reply)) if reply.status == *status => Ok(()),
            (Expect::Status(status), Some(reply)) => Err(format!("{}, expected {status}", told(reply))),
            (Expect::OneOf(codes), Some(reply)) => {
                let good = reply.code().is_some_and(|code| codes.contains(&code.as_str()));
                if good { problem(reply) } else { Err(format!("{}, expected one of {codes:?}", told(reply))) }
            }
            (Expect::Refusal, Some(reply)) => {
                let good = (400..500).contains(&reply.status) && reply.code().is_some();
                if good { problem(reply) } else { Err(format!("{}, expected a refusal", told(reply))) }
            }
        }
    }
}

/// Whether a refusal is a whole problem document (RFC 9457) with the call's id.
fn problem(reply: &Reply) -> Result<(), String> {
    let document: serde_json::Value =
        serde_json::from_slice(&reply.body).map_err(|error| format!("not a problem document: {error}"))?;
    let id = reply.head.get("yett-call-id").ok_or("no `yett-call-id`")?;
    let instance = document["instance"].as_str().unwrap_or_default();
    if reply.head.get("content-type") != Some("application/problem+json") {
        return Err(format!("content type {:?}", reply.head.get("content-type")));
    }
    if !instance.ends_with(id) || document["status"] != reply.status {
        return Err(format!("instance `{instance}` or status of {document} is not of {} {id}", reply.status));
    }
    Ok(())
}

/// A case whose twin is the plainest good call.
pub fn case(name: &str, hostile: impl Into<Vec<u8>>, expect: Expect) -> Case {
    Case { name: name.to_owned(), hostile: hostile.into(), expect, twin: get("/things", "") }
}

impl Case {
    /// With its own twin.
    pub fn twin(mut self, twin: impl Into<Vec<u8>>) -> Self {
        self.twin = twin.into();
        self
    }
}

/// A GET with further fields, each ending with CRLF.
pub fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: api.test\r\n{fields}\r\n").into_bytes()
}

/// A request with a body of a known length.
pub fn send(method: &str, target: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: api.test\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A POST of JSON.
pub fn post_json(target: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    send("POST", target, "Content-Type: application/json\r\n", body)
}

/// A GET with a token.
pub fn get_as(target: &str, token: &str) -> Vec<u8> {
    get(target, &format!("Authorization: Bearer {token}\r\n"))
}

/// A POST of chunks, given as they go over the wire.
pub fn chunked(target: &str, chunks: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    [head.as_bytes(), chunks].concat()
}
