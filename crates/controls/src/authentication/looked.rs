//! What a look at the credentials of a call comes to.

use std::sync::Arc;

use engine::principal::Proof;
use engine::replay::Used;
use engine::verdict::Refusal;
use engine::{BoxFuture, Verdict};
use http::HeaderValue;
use smallvec::SmallVec;

use super::apikey::Places;
use super::introspection::Flight;
use super::keys::KeySource;
use super::password::Pending;
use super::signature;
use super::verifier::Why;
use super::webhook::Sent;
use crate::security::{Challenge, Scheme};

/// What a look came to.
pub(super) enum Looked<'k> {
    Done(Verdict),
    /// More may be known soon; the verdict if nothing comes of it.
    Wait(Waiting<'k>, Box<Refusal>),
    /// All is good here, and other gateways are asked whether what may be used once was used there.
    Elsewhere(Uses, Box<Good<'k>>),
    /// All depends on a password that has to be checked.
    Password(Box<Pending>),
}

impl Looked<'_> {
    /// The same of a call on whose way others read along.
    pub(super) fn in_clear(self) -> Self {
        match self {
            Self::Done(Verdict::Refuse(refusal)) => Self::Done(Verdict::Refuse(Challenge::in_clear(refusal))),
            Self::Wait(waiting, refusal) => Self::Wait(waiting, Challenge::in_clear(refusal)),
            other => other,
        }
    }
}

/// What a call proved, and what is left to do with it.
pub(super) struct Good<'k> {
    pub(super) proofs: SmallVec<[Proof; 1]>,
    /// The places of its keys.
    pub(super) places: Places,
    /// Set when it has a proof of possession: a nonce for the next one, where there is one.
    pub(super) fresh: Option<Option<HeaderValue>>,
    /// Its signature.
    pub(super) signed: Option<signature::Read<'k>>,
    /// The delivery that it says it is.
    pub(super) sent: Option<Sent>,
}

/// What may be used once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Once {
    Proof,
    Signature,
}

/// What other gateways are asked about.
pub(super) type Uses = SmallVec<[(Once, BoxFuture<'static, Used>); 1]>;

/// A token, and how it is presented.
pub(super) type Token<'c> = (Scheme, &'c str);

/// What a call waits for.
pub(super) enum Waiting<'k> {
    /// Newer keys than those that came with so many fetches.
    Keys(&'k Arc<KeySource>, u64),
    /// What an issuer says of a token.
    Answer(Arc<Flight>),
}

/// What the verifiers make of a token.
#[derive(Default)]
pub(super) struct Found<'k> {
    pub(super) proofs: SmallVec<[Proof; 1]>,
    pub(super) wanted: Option<Waiting<'k>>,
    pub(super) worst: Option<Why>,
}
