//! What a signature has to cover and to say: the configuration's components, and those without which what it covers would not be the
//! call.
//!
//! Method, authority, path and query always: a signature that leaves one of them out is good for another call. With a body, its
//! digest, and what says how its bytes are read. Of the fields that carry other credentials, all that are there: somebody on the way
//! could join theirs to a signature that is not theirs. What is not there cannot be covered, and needs not be.

use engine::Call;
use engine::call::BodyLength;
use http::HeaderName;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE};
use signatures::{CONTENT_DIGEST, Signature};

use super::super::possession::DPOP;
use super::Refused;

/// How far in the future a signature may have been made, in seconds: clocks differ.
pub(super) const AHEAD: u64 = 10;

/// What covers each part of the target; any of them does.
const TARGET: [(&str, &[&str]); 4] = [
    ("@method", &["@method"]),
    ("@authority", &["@authority", "@target-uri"]),
    ("@path", &["@path", "@request-target", "@target-uri"]),
    ("@query", &["@query", "@request-target", "@target-uri"]),
];

/// What a signature has to cover and to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it has to cover beside what it has to cover anyway.
    pub components: Vec<Box<str>>,
    /// Fields of API keys, to be covered where they are there.
    pub credentials: Vec<HeaderName>,
    /// How old it may be, in seconds.
    pub max_age: u64,
    /// Whether it has to carry a nonce.
    pub nonce: bool,
    /// The tag that it has to carry.
    pub tag: Option<Box<str>>,
}

/// Whether a call brings a body, by its head.
pub(super) fn has_body(call: &Call) -> bool {
    !matches!(call.request.length, BodyLength::Empty | BodyLength::Known(0))
}

impl Policy {
    /// Whether a signature covers and says what it has to, at a second since 1970.
    pub(super) fn check(&self, signature: &Signature, call: &Call, now: u64) -> Result<(), Refused> {
        self.is_timely(signature, now)?;
        if self.nonce && signature.nonce.is_none() {
            return Err(Refused::wrong("the signature has no `nonce`"));
        }
        if self.tag.is_some() && self.tag.as_deref() != signature.tag.as_deref() {
            return Err(Refused::wrong("the signature has not the `tag` that is asked for"));
        }
        match self.uncovered(signature, call) {
            None => Ok(()),
            Some(name) => Err(Refused::Wrong(format!("the signature does not cover `{name}`").into())),
        }
    }

    fn is_timely(&self, signature: &Signature, now: u64) -> Result<(), Refused> {
        let Some(created) = signature.created else {
            return Err(Refused::wrong("the signature does not say when it was made (`created`)"));
        };
        if created > now.saturating_add(AHEAD) {
            return Err(Refused::wrong("the signature is from the future"));
        }
        if created < now.saturating_sub(self.max_age) {
            return Err(Refused::wrong("the signature is too old"));
        }
        if signature.expires.is_some_and(|expires| expires <= now) {
            return Err(Refused::wrong("the signature has expired"));
        }
        Ok(())
    }

    /// The first component that has to be covered and is not.
    fn uncovered<'p>(&'p self, signature: &Signature, call: &Call) -> Option<&'p str> {
        let covered = |name: &str| signature.covers(name);
        let target = TARGET.iter().find(|(_, by)| !by.iter().any(|name| covered(name)));
        if let Some((name, _)) = target {
            return Some(name);
        }
        if let Some(name) = self.components.iter().find(|name| !covered(name)) {
            return Some(name);
        }
        if has_body(call) {
            if !covered(CONTENT_DIGEST.as_str()) {
                return Some("content-digest");
            }
            let form = [("content-type", CONTENT_TYPE), ("content-encoding", CONTENT_ENCODING)];
            let open = |(name, field): &(&str, HeaderName)| {
                call.request.headers.contains_key(field) && !covered(name)
            };
            if let Some((name, _)) = form.iter().find(|one| open(one)) {
                return Some(name);
            }
        }
        let open = |name: &HeaderName| call.request.headers.contains_key(name) && !covered(name.as_str());
        let usual = [("authorization", AUTHORIZATION), ("cookie", COOKIE), ("dpop", DPOP)];
        let usual = usual.into_iter().find(|(_, name)| open(name)).map(|(text, _)| text);
        usual.or_else(|| self.credentials.iter().find(|name| open(name)).map(HeaderName::as_str))
    }
}
