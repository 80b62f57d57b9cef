//! Signatures over calls (HTTP Message Signatures, RFC 9421), for the contract's security schemes that they are bound to.
//!
//! Looked at in the order of cost: what the two fields say ([`signatures::Signature`]), whose key it is, what it covers and when it
//! was made ([`policy`]), then the signature itself, over the call as it came; and last, when everything else about the call is
//! good, its nonce, which is good once. Its principal is known from the configuration. A covered `Content-Digest` is held to the
//! body as soon as that is there, before anything decodes it ([`Signed`]).
//!
//! The two fields end here, unless the scheme says `forward`.

mod config;
mod policy;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use engine::principal::Proof;
use engine::replay::{Replays, Used};
use engine::verdict::Refusal;
use engine::{BoxFuture, Call, Clock, CoreContext, Principal, Step, UnixTime, Verdict, codes};
use signatures::{
    CONTENT_DIGEST, ContentDigest, Fault, Key, Message, SIGNATURE, SIGNATURE_INPUT, Signature,
    normal_authority,
};
use smallvec::SmallVec;
use spec::Url;

pub use config::{groups, verifier};
pub use policy::Policy;

use super::why::refuse_unchecked;
use crate::aside::{aside_and, is_long};
use crate::security::Challenge;
use policy::{AHEAD, has_body};

/// One who signs.
#[derive(Debug)]
pub struct Signer {
    /// The key, with its algorithm.
    pub key: Key,
    /// Whom it proves.
    pub principal: Arc<Principal>,
}

/// How the signatures of some signers are taken by an API.
#[derive(Debug)]
pub struct Verifier {
    /// Who vouches for the signers.
    pub issuer: Arc<str>,
    /// Who signs, by `keyid`.
    pub signers: HashMap<Box<str>, Signer>,
    /// What signatures have to cover and to say.
    pub policy: Policy,
}

/// A verifier and the schemes of the contract for which it stands.
#[derive(Debug, Clone)]
pub struct Group {
    /// Verifies.
    pub verifier: Arc<Verifier>,
    /// Numbers of the schemes.
    pub schemes: Vec<u16>,
    /// Whether the fields of signatures go on to the upstream.
    pub forward: bool,
}

/// What takes signatures for the schemes of some operations. Immutable; [`CoreSignatures`] is it at work.
#[derive(Debug)]
pub struct Signatures {
    /// Who takes them.
    pub groups: Vec<Group>,
    /// Where clients find the API, when the call itself does not say.
    pub url: Option<Url>,
}

/// Why a signature is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not good, and why; the caller may know.
    Wrong(Box<str>),
    /// Its signer was revoked.
    Revoked,
    /// Whether it was used before cannot be told.
    Unchecked,
}

impl Refused {
    fn wrong(why: &'static str) -> Self {
        Self::Wrong(why.into())
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::wrong(fault.text())
    }
}

/// How a call ends whose signature is not taken.
pub(super) fn refuse(challenge: &Challenge, call: &Call, why: Refused) -> Box<Refusal> {
    match why {
        Refused::Wrong(why) => {
            challenge.unsigned(&call.request, &codes::SIGNATURE_INVALID, why.clone(), &why)
        }
        Refused::Revoked => {
            let detail = "the signer is on the denylist";
            challenge.unsigned(&call.request, &codes::SIGNATURE_INVALID, detail, "the signer was revoked")
        }
        Refused::Unchecked => refuse_unchecked(),
    }
}

/// Whether a call carries a signature, or half of one.
pub(super) fn is_signed(call: &Call) -> bool {
    [SIGNATURE, SIGNATURE_INPUT].iter().any(|name| call.request.headers.contains_key(name))
}

/// What a use that was asked about means.
pub(super) fn first(used: Used) -> Result<(), Refused> {
    match used {
        Used::First => Ok(()),
        Used::Before => Err(Refused::wrong("the signature was used before")),
        Used::Unknown => Err(Refused::Unchecked),
    }
}

/// The signature of a call, read and found to cover what it has to. Nothing is proven yet.
#[derive(Debug)]
pub struct Read<'k> {
    signature: Signature,
    found: SmallVec<[(&'k Group, &'k Signer); 1]>,
    digest: Option<ContentDigest>,
}

/// What is left of a good signature until the body is there.
#[derive(Debug)]
struct Signed(Option<ContentDigest>);

/// It at work on one core.
#[derive(Debug)]
pub struct CoreSignatures {
    rule: Arc<Signatures>,
    replays: Arc<dyn Replays>,
    clock: Arc<dyn Clock>,
}

impl CoreSignatures {
    /// Binds it to a core.
    #[must_use]
    pub fn attach(rule: &Arc<Signatures>, core: &CoreContext) -> Self {
        let (replays, clock) = (Arc::clone(&core.replays), Arc::clone(&core.clock));
        Self { rule: Arc::clone(rule), replays, clock }
    }

    /// The signature of a call, when there is one.
    ///
    /// # Errors
    /// What is wrong with it, before any cryptography.
    pub fn read(&self, call: &Call) -> Result<Option<Read<'_>>, Refused> {
        let headers = &call.request.headers;
        let Some(signature) = Signature::read(headers)? else { return Ok(None) };
        let Some(id) = signature.key.as_deref() else {
            return Err(Refused::wrong("the signature names no key (`keyid`)"));
        };
        let now = self.clock.unix().seconds();
        let (mut found, mut why) = (SmallVec::new(), None);
        for group in &self.rule.groups {
            let Some(signer) = group.verifier.signers.get(id) else { continue };
            let agreed = signature.agrees_with(&signer.key).map_err(Refused::from);
            match agreed.and_then(|()| group.verifier.policy.check(&signature, call, now)) {
                Ok(()) => found.push((group, signer)),
                Err(wrong) => why = Some(wrong),
            }
        }
        if found.is_empty() {
            return Err(why.unwrap_or_else(|| Refused::wrong("the key of the signature is not known")));
        }
        // One that is not covered says nothing.
        let covered = signature.covers(CONTENT_DIGEST.as_str());
        let digest = if covered { ContentDigest::read(headers)? } else { None };
        if digest.is_none() && (covered || has_body(call)) {
            return Err(Refused::from(Fault::FieldMissing));
        }
        Ok(Some(Read { signature, found, digest }))
    }

    /// Whom the signature of a call proves.
    ///
    /// # Errors
    /// Why it proves nobody.
    pub fn prove(&self, call: &Call, read: &mut Read<'_>) -> Result<SmallVec<[Proof; 1]>, Refused> {
        let base = read.signature.base(&message(call, self.rule.url.as_ref()))?;
        read.found.retain(|(_, signer)| read.signature.is_by(&signer.key, &base));
        let mut proofs = SmallVec::new();
        for (group, signer) in &read.found {
            proofs.extend(group.schemes.iter().map(|scheme| Proof {
                scheme: *scheme,
                principal: Arc::clone(&signer.principal),
                certificate: call.peer.certificate().cloned(),
            }));
        }
        if proofs.is_empty() { Err(Refused::wrong("the signature is wrong")) } else { Ok(proofs) }
    }

    /// Takes down that a good signature is used, and gives what other gateways say of it, where there are any.
    ///
    /// # Errors
    /// When it was used before, or nobody can tell.
    pub fn take(&self, read: &Read<'_>) -> Result<SmallVec<[BoxFuture<'static, Used>; 1]>, Refused> {
        let mut elsewhere = SmallVec::new();
        let Signature { created, nonce, key, .. } = &read.signature;
        let (created, nonce) = (created.unwrap_or_default(), nonce.as_deref().unwrap_or_default());
        let now = self.clock.unix();
        for (group, _) in read.found.iter().filter(|(group, _)| group.verifier.policy.nonce) {
            let (issuer, key) = (group.verifier.issuer.as_bytes(), key.as_deref().unwrap_or_default());
            // To the end of the last second in which its date is still good.
            let until = created.saturating_add(group.verifier.policy.max_age).saturating_add(1);
            let until = UnixTime(until.saturating_mul(1_000_000_000).saturating_sub(1));
            if now > until {
                return Err(Refused::wrong("the signature is too old"));
            }
            let holder = self.replays.key(&[b"signature", issuer, key.as_bytes()]);
            let used = self.replays.key(&[b"signature", issuer, key.as_bytes(), nonce.as_bytes()]);
            first(self.replays.take((holder, used), until, now))?;
            // Before that it was from the future.
            let since = UnixTime(created.saturating_sub(AHEAD).saturating_mul(1_000_000_000));
            elsewhere.extend(self.replays.elsewhere(used, (since, until), now));
        }
        Ok(elsewhere)
    }

    /// Whether a principal is still one of those who sign here: of a live stream, after a change of the configuration.
    #[must_use]
    pub fn knows(&self, principal: &Principal) -> bool {
        let mut signers = self.rule.groups.iter().flat_map(|group| group.verifier.signers.values());
        signers.any(|signer| {
            let known = &signer.principal;
            let same = known.issuer == principal.issuer && known.subject == principal.subject;
            same && key_id(known) == key_id(principal)
        })
    }
}

impl Read<'_> {
    /// Lets a call go on: its body is held to what was signed, and what is the gateway's own ends here.
    pub fn settle(self, call: &mut Call) {
        if !self.found.iter().all(|(group, _)| group.forward) {
            call.request.headers.remove(SIGNATURE);
            call.request.headers.remove(SIGNATURE_INPUT);
        }
        call.held.push(Box::new(Signed(self.digest)));
    }
}

/// The `keyid` of a signer, as its claims have it.
fn key_id(principal: &Principal) -> Option<Cow<'_, str>> {
    principal.claims.root().get("keyid").and_then(tape::Node::as_str)
}

/// Holds the body of a call to what was signed with its head. What is `next` comes of a body that is good.
pub(super) fn check_body<'c>(
    challenge: &'c Challenge,
    call: &'c mut Call,
    next: impl FnOnce(&'c mut Call) -> Step<'c> + 'c,
) -> Step<'c> {
    let signed = call.held.iter().find_map(|held| held.downcast_ref::<Signed>());
    let body = call.body.bytes().clone();
    let digest = match signed {
        None => return next(call),
        Some(Signed(Some(digest))) => digest.clone(),
        Some(Signed(None)) if body.is_empty() => return next(call),
        Some(Signed(None)) => {
            let why = Refused::wrong("there is a body whose digest is not covered");
            // Somebody has the head of who signed: that is no call of theirs.
            call.proofs.clear();
            return Step::Done(Verdict::Refuse(refuse(challenge, call, why)));
        }
    };
    let long = is_long(body.len());
    aside_and(
        long,
        move || digest.is_of(&body),
        move |same| {
            if same {
                return next(call);
            }
            call.proofs.clear();
            let public = "the body is not the one whose digest was signed";
            let refusal = challenge.unsigned(&call.request, &codes::DIGEST_MISMATCH, public, public);
            Step::Done(Verdict::Refuse(refusal))
        },
    )
}

/// A call as its client sent it.
fn message<'a>(call: &'a Call, url: Option<&'a Url>) -> Message<'a> {
    let request = &call.request;
    let (path, query) = request.received_target();
    let https = url.map_or(call.peer.tls, Url::is_https);
    let (authority, path) = match url {
        None => (normal_authority(&request.authority, https), Cow::Borrowed(path)),
        Some(url) => {
            let authority = normal_authority(&url.authority(), https).into_owned();
            let prefix = url.path().trim_end_matches('/');
            (Cow::Owned(authority), Cow::Owned(format!("{prefix}{path}")))
        }
    };
    let scheme = if https { "https" } else { "http" };
    Message { method: request.method.as_str(), scheme, authority, path, query, headers: &request.headers }
}
