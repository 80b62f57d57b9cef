//! From the head of a call to what it asks of the store.

use http::request::Parts;
use http::{Method, Uri};
use hyper::body::Incoming;

use crate::decisions::{AskDecisions, page_asked};
use crate::notices::{AskNotices, dead_asked};
use crate::nouns::{Ask, Behind};
use crate::server::read;
use crate::shadow::shadow_asked;
use crate::types::Problem;

/// What a path may be asked, by method.
pub(crate) enum Routed {
    /// It is none of these paths.
    Elsewhere,
    /// Not with this method; these are known.
    OtherMethods(&'static str),
    /// This.
    Ask(Result<Ask, Problem>),
    /// This, of decisions.
    Decisions(Result<AskDecisions, Problem>),
    /// This, of those who are told.
    Notices(Result<AskNotices, Problem>),
}

/// Reads a call, its body included where it has one.
pub(crate) async fn route(parts: &Parts, body: Incoming) -> Routed {
    let segments: Option<Vec<String>> =
        parts.uri.path().split('/').skip(1).map(decode).collect::<Option<Vec<_>>>();
    let Some(segments) = segments else { return Routed::Elsewhere };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let name = |name: &&str| (*name).to_owned();
    let ask = match (segments.as_slice(), &parts.method) {
        (["v1", "applications"], &Method::GET) => text(&parts.uri, "behind").map(Ask::Applications),
        (["v1", "applications"], &Method::POST) => read(body).await.map(Ask::CreateApplication),
        (["v1", "applications"], _) => return Routed::OtherMethods("GET, POST"),
        (["v1", "applications", which], &Method::GET) => {
            behind(&parts.uri).map(|behind| Ask::Application(name(which), behind))
        }
        (["v1", "applications", which], &Method::DELETE) => {
            Ok(Ask::DeleteApplication(name(which), query(&parts.uri, "keys") == Some("true")))
        }
        (["v1", "applications", _], _) => return Routed::OtherMethods("DELETE, GET"),
        (["v1", "applications", which, "suspend"], &Method::POST) => Ok(Ask::Suspend(name(which))),
        (["v1", "applications", which, "resume"], &Method::POST) => Ok(Ask::Resume(name(which))),
        (["v1", "applications", which, "keys"], &Method::POST) => {
            read(body).await.map(|new| Ask::CreateKey(name(which), new))
        }
        (["v1", "applications", _, "suspend" | "resume" | "keys"], _) => return Routed::OtherMethods("POST"),
        (["v1", "keys"], &Method::GET) => behind(&parts.uri).map(Ask::Keys),
        (["v1", "keys"], _) => return Routed::OtherMethods("GET"),
        (["v1", "keys", which, "rotate"], &Method::POST) => {
            read(body).await.map(|rotation| Ask::RotateKey(name(which), rotation))
        }
        (["v1", "keys", which, "revoke"], &Method::POST) => Ok(Ask::RevokeKey(name(which))),
        (["v1", "keys", _, "rotate" | "revoke"], _) => return Routed::OtherMethods("POST"),
        (["v1", "revocations"], &Method::GET) => behind(&parts.uri).map(Ask::Revocations),
        (["v1", "revocations"], &Method::POST) => read(body).await.map(Ask::Revoke),
        (["v1", "revocations"], _) => return Routed::OtherMethods("GET, POST"),
        (["v1", "revocations", which], &Method::DELETE) => Ok(Ask::UndoRevocation(name(which))),
        (["v1", "revocations", _], _) => return Routed::OtherMethods("DELETE"),
        (["v1", "audit"], &Method::GET) => number(&parts.uri, "after", 0)
            .and_then(|after| Ok(Ask::Audit(after, number(&parts.uri, "limit", 100)?))),
        (["v1", "audit"], _) => return Routed::OtherMethods("GET"),
        (["v1", "audit", "verify"], &Method::POST) => Ok(Ask::VerifyAudit),
        (["v1", "audit", "verify"], _) => return Routed::OtherMethods("POST"),
        (["v1", "decisions"], &Method::GET) => return Routed::Decisions(page_asked(&parts.uri)),
        (["v1", "decisions", id], &Method::GET) => return Routed::Decisions(Ok(AskDecisions::One(name(id)))),
        (["v1", "notices", ..], _) => return notices(&segments, parts, body).await,
        (["v1", "shadow"], &Method::GET) => {
            let asked = shadow_asked(&parts.uri).map(Box::new);
            return Routed::Decisions(asked.map(AskDecisions::Shadow));
        }
        (["v1", "decisions" | "shadow"] | ["v1", "decisions", _], _) => return Routed::OtherMethods("GET"),
        _ => return Routed::Elsewhere,
    };
    Routed::Ask(ask)
}

async fn notices(segments: &[&str], parts: &Parts, body: Incoming) -> Routed {
    match (segments, &parts.method) {
        (["v1", "notices"], &Method::GET) => Routed::Notices(Ok(AskNotices::Sinks)),
        (["v1", "notices", "dead"], &Method::GET) => Routed::Notices(dead_asked(&parts.uri)),
        (["v1", "notices", "retry"], &Method::POST) => {
            Routed::Notices(read(body).await.map(AskNotices::Retry))
        }
        (["v1", "notices"] | ["v1", "notices", "dead"], _) => Routed::OtherMethods("GET"),
        (["v1", "notices", "retry"], _) => Routed::OtherMethods("POST"),
        _ => Routed::Elsewhere,
    }
}

pub(crate) fn query<'u>(uri: &'u Uri, name: &str) -> Option<&'u str> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value)
}

pub(crate) fn number(uri: &Uri, name: &str, default: u64) -> Result<u64, Problem> {
    match query(uri, name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Problem::invalid(format!("`{name}` is not a number"))),
    }
}

pub(crate) fn text(uri: &Uri, name: &str) -> Result<Option<String>, Problem> {
    let wrong = || Problem::invalid(format!("`{name}` is not encoded as it has to be"));
    query(uri, name).map(|text| decode(text).ok_or_else(wrong)).transpose()
}

/// The key behind which a list goes on: both of its parts, or none.
fn behind(uri: &Uri) -> Result<Option<Behind>, Problem> {
    match (text(uri, "behind")?, query(uri, "created")) {
        (None, None) => Ok(None),
        (Some(id), Some(_)) => Ok(Some(Behind { created: number(uri, "created", 0)?, id })),
        _ => Err(Problem::invalid("`behind` and `created` belong together")),
    }
}

/// A segment of a path (RFC 3986 section 2.1).
pub(crate) fn decode(segment: &str) -> Option<String> {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => (hex(*high)? << 4 | hex(*low)?, after),
            (b'%', _) => return None,
            _ => (*first, after),
        };
        out.push(byte);
        rest = after;
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A text as a segment of a path.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_back_as_they_were() {
        for text in ["shop", "", ".", "..", "a/b", "a b%", "é", "\0", "a.b"] {
            let encoded = encode(text);
            assert!(!encoded.contains(['/', '.', '?', '#']), "{encoded}");
            assert_eq!(decode(&encoded).as_deref(), Some(text));
        }
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
