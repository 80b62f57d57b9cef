//! Deliveries of webhooks that their sender signed (Standard Webhooks 1.0), for the contract's security schemes that it is bound to
//! (`webhook`).
//!
//! A signature is over the body, which is not there while the head is looked at. So the head is looked at for what costs nothing (the
//! three fields, how old the delivery says that it is), and its sender counts as proven until the body is there ([`Call::unproven`]): the
//! signature is verified first of all that reads it, over the bytes as they came, and nothing goes upstream before. A call that ends earlier,
//! whoever ends it, was nobody's: for its address it counts as such, and its record has no name. Last, when all else is good, the
//! attempt (`webhook-id` with `webhook-timestamp`) is taken down as used. A sender that delivers a message again after a failure sends
//! the same id with a new timestamp, and has to be let through.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use credentials::{Delivery, WebhookKey};
use engine::principal::Proof;
use engine::replay::{Replays, Used};
use engine::verdict::Refusal;
use engine::{BoxFuture, Call, Clock, CoreContext, Principal, Step, UnixTime, Verdict};
use http::HeaderName;
use smallvec::SmallVec;

use super::AtCore;
use super::looked::Good;
use super::why::refuse_unchecked;
use crate::aside::{aside_and, is_long};
use crate::security::Challenge;
pub use config::check_webhooks;
pub(super) use config::compile;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The field that makes a call a delivery.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Longest `webhook-signature`, in bytes.
const SIGNATURE_BYTES: usize = 2_048;
/// Signatures on a curve that are verified on the call's own core; more are long work.
const CURVES: usize = 2;

/// Of a delivery that is older than its sender's `tolerance`.
const OLD: &str = "the delivery is too old";

/// A sender, as an API takes its deliveries.
#[derive(Debug)]
pub struct Sender {
    /// What it signs with.
    pub keys: Vec<WebhookKey>,
    /// How old a delivery may be, and how far ahead, in seconds.
    pub tolerance: u64,
    /// Whom a delivery proves.
    pub principal: Arc<Principal>,
}

/// What takes deliveries for the schemes of some operations. Immutable; [`CoreWebhooks`] is it at work.
#[derive(Debug)]
pub struct Webhooks {
    /// Whose.
    pub sender: Arc<Sender>,
    /// Numbers of the schemes.
    pub schemes: Vec<u16>,
}

/// A delivery whose fields are good. Nothing is verified yet.
#[derive(Debug)]
pub struct Sent {
    delivery: Delivery,
    sender: Arc<Sender>,
}

/// It at work on one core.
#[derive(Debug)]
pub struct CoreWebhooks {
    rule: Arc<Webhooks>,
    replays: Arc<dyn Replays>,
    clock: Arc<dyn Clock>,
}

impl CoreWebhooks {
    /// Binds it to a core.
    #[must_use]
    pub fn attach(rule: &Arc<Webhooks>, core: &CoreContext) -> Self {
        let (replays, clock) = (Arc::clone(&core.replays), Arc::clone(&core.clock));
        Self { rule: Arc::clone(rule), replays, clock }
    }

    /// The delivery that a call says it is.
    ///
    /// # Errors
    /// How the call ends when it is none.
    pub fn read(&self, call: &Call, challenge: &Challenge) -> Result<Option<Sent>, Box<Refusal>> {
        let headers = &call.request.headers;
        if !headers.contains_key(SIGNATURE) {
            return Ok(None);
        }
        let end = |why: &'static str| challenge.webhook(why, why);
        let one = |name: &HeaderName, why| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().filter(|_| values.next().is_none());
            value.map(http::HeaderValue::as_bytes).ok_or_else(|| end(why))
        };
        let id = one(&ID, "there is not exactly one `webhook-id`")?;
        let at = one(&TIMESTAMP, "there is not exactly one `webhook-timestamp`")?;
        let signatures = one(&SIGNATURE, "there is more than one `webhook-signature` header")?;
        if signatures.len() > SIGNATURE_BYTES {
            return Err(end("`webhook-signature` is too long"));
        }
        let delivery = Delivery::read(id, at, signatures).map_err(|why| end(why.text()))?;
        let (now, tolerance) = (self.clock.unix().seconds(), self.rule.sender.tolerance);
        if delivery.at.saturating_add(tolerance) < now {
            return Err(end(OLD));
        }
        if delivery.at > now.saturating_add(tolerance) {
            return Err(end("the delivery is from the future"));
        }
        Ok(Some(Sent { delivery, sender: Arc::clone(&self.rule.sender) }))
    }

    /// A proof for each scheme, which holds until the body is there.
    pub fn proofs(&self, call: &Call) -> SmallVec<[Proof; 1]> {
        let proof = |scheme: &u16| Proof {
            scheme: *scheme,
            principal: Arc::clone(&self.rule.sender.principal),
            certificate: call.peer.certificate().cloned(),
        };
        self.rule.schemes.iter().map(proof).collect()
    }

    /// Whether whoever a proof of an open stream names is still the sender, by the same keys; it may what it may by now.
    #[must_use]
    pub fn renew(&self, proof: &mut Proof) -> bool {
        let sender = &self.rule.sender.principal;
        let known = &proof.principal;
        let same = self.rule.schemes.contains(&proof.scheme)
            && sender.issuer == known.issuer
            && sender.marks == known.marks;
        if same {
            proof.principal = Arc::clone(sender);
        }
        same
    }

    /// Takes down that an attempt was made, and what others say of it, where there are any. `None` when it is too old by now: its body took so
    /// long that nobody remembers any more whether it came before.
    fn take(&self, sent: &Delivery, sender: &Sender) -> Option<(Used, Option<BoxFuture<'static, Used>>)> {
        let issuer = sender.principal.issuer.as_bytes();
        let at = sent.at.to_le_bytes();
        let holder = self.replays.key(&[b"webhook", issuer]);
        let used = self.replays.key(&[b"webhook", issuer, sent.id.as_bytes(), &at]);
        let nanos = |seconds: u64| seconds.saturating_mul(1_000_000_000);
        // To the end of the last second in which it is still new enough; before the first it was from the future.
        let until =
            UnixTime(nanos(sent.at.saturating_add(sender.tolerance).saturating_add(1)).saturating_sub(1));
        let since = UnixTime(nanos(sent.at.saturating_sub(sender.tolerance)));
        let now = self.clock.unix();
        if now > until {
            return None;
        }
        Some(match self.replays.take((holder, used), until, now) {
            Used::First => (Used::First, self.replays.elsewhere(used, (since, until), now)),
            other => (other, None),
        })
    }
}

impl AtCore {
    /// The delivery of a call, where deliveries are taken. For an address that has failed too often none is verified: one that comes is not
    /// good.
    pub(super) fn sent(&self, call: &Call) -> Result<Option<Sent>, Box<Refusal>> {
        let challenge = &self.control.challenge;
        match &self.webhooks {
            None => Ok(None),
            Some(_) if call.suspect.is_some() && call.request.headers.contains_key(SIGNATURE) => {
                Err(challenge
                    .webhook("webhooks of the address are not verified now", "the webhook is not verified"))
            }
            Some(webhooks) => webhooks.read(call, challenge),
        }
    }

    /// Adds what the delivery of a call proves, until its body is there.
    pub(super) fn prove_sent(&self, call: &Call, good: &mut Good<'_>) {
        let webhooks = self.webhooks.as_ref().filter(|_| good.sent.is_some());
        good.proofs.extend(webhooks.into_iter().flat_map(|webhooks| webhooks.proofs(call)));
    }

    /// Holds the body of a call to what its sender signed.
    pub(super) fn delivered<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let place = call.held.iter().position(|held| held.is::<Sent>());
        let sent = place.and_then(|place| call.held.swap_remove(place).downcast::<Sent>().ok());
        let Some(sent) = sent else { return Step::Done(Verdict::Allow) };
        let (sent, body) = (Arc::new(*sent), call.body.bytes().clone());
        let long = is_long(body.len()) || sent.delivery.curves(&sent.sender.keys) > CURVES;
        let held = Arc::clone(&sent);
        aside_and(
            long,
            move || held.delivery.is_by(&held.sender.keys, &body),
            move |good| self.arrived(call, &sent, good),
        )
    }

    /// The end of the look at a delivery whose signature is good, or not.
    fn arrived<'c>(&'c self, call: &'c mut Call, sent: &Sent, good: bool) -> Step<'c> {
        let challenge = &self.control.challenge;
        if !good {
            let public = "the webhook is not signed by its sender";
            return Step::Done(unproven(
                call,
                challenge.webhook("no key of the sender's signed this body", public),
            ));
        }
        if self.revoked(&sent.sender.principal).is_some() {
            let public = "the sender of the webhook was revoked";
            return Step::Done(unproven(call, challenge.webhook("the sender is on the denylist", public)));
        }
        let Some(webhooks) = &self.webhooks else { return Step::Done(unproven(call, refuse_unchecked())) };
        match webhooks.take(&sent.delivery, &sent.sender) {
            None => Step::Done(unproven(call, challenge.webhook(OLD, OLD))),
            Some((used, None)) => Step::Done(first(call, challenge, used)),
            Some((_, Some(elsewhere))) => Step::Wait(Box::pin(async move {
                let used = elsewhere.await;
                first(call, challenge, used)
            })),
        }
    }
}

/// What a use of an attempt means.
fn first(call: &mut Call, challenge: &Challenge, used: Used) -> Verdict {
    let public = "the webhook was delivered before";
    match used {
        Used::First => {
            call.unproven = false;
            Verdict::Allow
        }
        Used::Before => {
            unproven(call, challenge.webhook("an attempt with this id and timestamp came before", public))
        }
        Used::Unknown => unproven(call, refuse_unchecked()),
    }
}

/// The end of a call that nobody has proven: what counted as a proof until now is none.
fn unproven(call: &mut Call, refusal: Box<Refusal>) -> Verdict {
    call.proofs.clear();
    Verdict::Refuse(refusal)
}
