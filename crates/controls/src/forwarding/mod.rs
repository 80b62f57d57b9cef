//! What goes upstream beside what the client sent: who it came from; and what does not: fields by which a client could pass
//! for somebody else, or have something else called (THREATS rows 14, 36, 43).
//!
//! Decisions: identity fields, forwarding fields of untrusted peers and override fields are removed, in any spelling, and the
//! call goes on: a refusal would tell a prober which names matter. [`names`] is the list. What a trusted hop says by
//! `Forwarded` and `X-Forwarded-*` is kept and appended to, as far to the left as it is well-formed.
//!
//! Written for every call: `Forwarded` (RFC 7239), `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`. Cookies and
//! `Authorization` pass. Speaks last at the head, so that no other control decides by what a client says of itself, and what it
//! wrote is what the upstream gets; after it only a policy decision point elsewhere is asked, about just that.
//!
//! Where calls to the upstream are signed (RFC 9421), it speaks once more when the body is what goes on: `Content-Digest` (RFC 9530) is that
//! of what is sent, whatever the client said of what came, and its own signature ends here. Signed is what each target gets
//! ([`engine::upstream::Sign`]), by the data plane.

mod config;
mod names;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use engine::text::push_address;
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Request, Step, Verdict, codes};
use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};
use signatures::{CONTENT_DIGEST, ContentDigest};
use smallvec::SmallVec;

pub use config::compile;

use crate::aside::{aside, is_long};
use crate::hops::{List, X_FORWARDED_FOR, X_FORWARDED_PROTO};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// An element of a list, without its host.
const ROOM: usize = 80;

/// The control.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// Header fields that pass since the contract declares them, in lower case.
    declared: Vec<Box<str>>,
    /// Whether the body's digest is sent, to be signed.
    digests: bool,
}

impl Forwarding {
    /// `declared` are the header fields of the operation's contract.
    #[must_use]
    pub fn new<'n>(declared: impl Iterator<Item = &'n str>) -> Self {
        let names = declared.map(str::to_ascii_lowercase).filter(|name| names::depends_on_contract(name));
        Self { declared: names.map(String::into_boxed_str).collect(), digests: false }
    }

    /// Sends the digest of the body, where `digests`.
    #[must_use]
    pub fn with_digest(self, digests: bool) -> Self {
        Self { digests, ..self }
    }

    /// Whether nothing that is usually removed is declared, so that operations can share it.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.declared.is_empty()
    }
}

impl Control for Forwarding {
    fn name(&self) -> &'static str {
        "forwarding"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, body: self.digests, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Forwarding>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let kept = if call.trusted { Kept::of(&call.request.headers) } else { Kept::default() };
        remove(&mut call.request.headers, &self.0.declared);
        write(call, kept);
        Step::Done(Verdict::Allow)
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let body = call.body.bytes().clone();
        if body.is_empty() {
            call.request.headers.remove(CONTENT_DIGEST);
            return Step::Done(Verdict::Allow);
        }
        aside(
            is_long(body.len()),
            move || ContentDigest::field(&body),
            move |field| match field {
                Some(field) => {
                    call.request.headers.insert(CONTENT_DIGEST, field);
                    Verdict::Allow
                }
                None => Verdict::Refuse(Refusal::new(&codes::CONTROL_FAILED, "the digest is no field")),
            },
        )
    }
}

/// What a trusted hop said, when it said it well.
#[derive(Default)]
struct Kept {
    forwarded: Option<String>,
    addresses: Option<String>,
    proto: Option<HeaderValue>,
    host: Option<HeaderValue>,
}

impl Kept {
    fn of(headers: &HeaderMap) -> Self {
        Self {
            forwarded: List::Forwarded.well_formed(headers),
            addresses: List::XForwardedFor.well_formed(headers),
            proto: single(headers, &X_FORWARDED_PROTO).filter(|value| *value == "http" || *value == "https"),
            host: single(headers, &X_FORWARDED_HOST).filter(|value| value.as_bytes().iter().all(is_host)),
        }
    }
}

fn single(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut fields = headers.get_all(name).iter();
    fields.next().cloned().filter(|_| fields.next().is_none())
}

fn is_host(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte)
}

fn remove(headers: &mut HeaderMap, declared: &[Box<str>]) {
    let found: SmallVec<[HeaderName; 4]> =
        headers.keys().filter(|name| names::is_removed(name.as_str(), declared)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

fn write(call: &mut Call, kept: Kept) {
    let peer = call.peer.address.ip().to_canonical();
    let own = HeaderValue::from_static(if call.peer.tls { "https" } else { "http" });
    let request = &mut call.request;
    let host = kept.host.or_else(|| host_of(request));
    let mut forwarded = list(kept.forwarded, ROOM + request.authority.len());
    push_element(&mut forwarded, peer, call.peer.tls, &request.authority);
    let mut addresses = list(kept.addresses, ROOM);
    push_address(&mut addresses, peer);
    for (name, value) in [(FORWARDED, forwarded), (X_FORWARDED_FOR, addresses)] {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            request.headers.insert(name, value);
        }
    }
    request.headers.insert(X_FORWARDED_PROTO, kept.proto.unwrap_or(own));
    if let Some(host) = host {
        request.headers.insert(X_FORWARDED_HOST, host);
    }
}

/// The value of `Host`, shared with the field itself where there is one.
fn host_of(request: &Request) -> Option<HeaderValue> {
    if request.authority.is_empty() {
        return None;
    }
    let field = request.headers.get(HOST).filter(|field| **field == *request.authority);
    field.cloned().or_else(|| HeaderValue::from_str(&request.authority).ok())
}

/// What a trusted hop said already, ready for one more.
fn list(before: Option<String>, room: usize) -> Vec<u8> {
    let before = before.unwrap_or_default();
    let mut out = Vec::with_capacity(before.len() + room);
    out.extend_from_slice(before.as_bytes());
    if !out.is_empty() {
        out.extend_from_slice(b", ");
    }
    out
}

/// One `forwarded-element`. The host is quoted, for its colon; it holds no quote, being a checked authority.
fn push_element(out: &mut Vec<u8>, peer: IpAddr, tls: bool, authority: &str) {
    out.extend_from_slice(if peer.is_ipv4() { b"for=" } else { b"for=\"[" });
    push_address(out, peer);
    out.extend_from_slice(if peer.is_ipv4() { b"" } else { b"]\"" });
    out.extend_from_slice(if tls { b";proto=https" } else { b";proto=http" });
    if !authority.is_empty() && authority.as_bytes().iter().all(is_host) {
        out.extend_from_slice(b";host=\"");
        out.extend_from_slice(authority.as_bytes());
        out.push(b'"');
    }
}
