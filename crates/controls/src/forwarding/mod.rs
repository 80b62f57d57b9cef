//! What goes upstream beside what the client sent: who it came from; and what does not: fields by which a client could pass
//! for somebody else, or have something else called (THREATS rows 14, 36, 43).
//!
//! Decisions: identity fields, forwarding fields of untrusted peers and override fields are removed, in any spelling, and the
//! call goes on: a refusal would tell a prober which names matter. [`names`] is the list. What a trusted hop says by
//! `Forwarded` and `X-Forwarded-*` is kept and appended to, as far to the left as it is well-formed.
//!
//! Written for every call: `Forwarded` (RFC 7239), `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`. Cookies and
//! `Authorization` pass. Speaks last at the head, so that no other control reads what it wrote, and what it wrote is what
//! the upstream gets.

mod config;
mod names;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict};
use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

pub use config::compile;

use crate::hops::{List, X_FORWARDED_FOR};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The control.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// Header fields that pass since the contract declares them, in lower case.
    declared: Vec<Box<str>>,
}

impl Forwarding {
    /// `declared` are the header fields of the operation's contract.
    #[must_use]
    pub fn new<'n>(declared: impl Iterator<Item = &'n str>) -> Self {
        let names = declared.map(str::to_ascii_lowercase).filter(|name| names::depends_on_contract(name));
        Self { declared: names.map(String::into_boxed_str).collect() }
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
        Needs { head: true, ..Needs::default() }
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
    let host = kept.host.clone().or_else(|| HeaderValue::from_str(&call.request.authority).ok());
    let mut forwarded = kept.forwarded.map_or_else(String::new, |before| before + ", ");
    push_element(&mut forwarded, peer, call.peer.tls, &call.request.authority);
    let mut addresses = kept.addresses.map_or_else(String::new, |before| before + ", ");
    // Writing to a string does not fail.
    let _ = write!(addresses, "{peer}");
    let headers = &mut call.request.headers;
    if let Ok(value) = HeaderValue::from_str(&forwarded) {
        headers.insert(FORWARDED, value);
    }
    if let Ok(value) = HeaderValue::from_str(&addresses) {
        headers.insert(X_FORWARDED_FOR, value);
    }
    headers.insert(X_FORWARDED_PROTO, kept.proto.unwrap_or(own));
    if let Some(host) = host.filter(|host| !host.is_empty()) {
        headers.insert(X_FORWARDED_HOST, host);
    }
}

/// One `forwarded-element`. The host is quoted, for its colon; it holds no quote, being a checked authority.
fn push_element(out: &mut String, peer: IpAddr, tls: bool, authority: &str) {
    let _ = match peer {
        IpAddr::V4(v4) => write!(out, "for={v4}"),
        IpAddr::V6(v6) => write!(out, "for=\"[{v6}]\""),
    };
    let _ = write!(out, ";proto={}", if tls { "https" } else { "http" });
    if !authority.is_empty() && authority.as_bytes().iter().all(is_host) {
        let _ = write!(out, ";host=\"{authority}\"");
    }
}
