//! Who is on the other end, and whether they have failed too often: before routing, and before any cryptography.
//!
//! The address of the client is that of the connection, unless the peer is a trusted hop: then `X-Forwarded-For` or
//! `Forwarded` (RFC 7239) is walked from the right past trusted hops, and nothing beyond the first that is not trusted is
//! looked at. When both are there and do not name one client, one of them came from the client: the call is refused, since
//! no guess is safe. An entry of a trusted hop that cannot be read ends the walk at the last that can, and the decision
//! says so.
//!
//! Before any cryptography an address is asked how much of two allowances is left (an IPv6 address counts by its /64):
//!
//! - *anonymous*: each call without a credential takes a unit, and so does one whose credential nobody looks at, where anyone may
//!   call ([`open`]);
//! - *failures*: each call that fails without a verified principal takes a unit, and so does one whose client goes away while its
//!   credential is looked at. Asking takes none, so units come back at their rate whatever is sent.
//!
//! When an address has failed too often, its calls without a credential are 429. Those with one go on as suspects
//! ([`Call::suspect`]): a credential that is remembered as good passes, since looking it up costs nothing; anything that
//! would have to be verified, and any other refusal, is 429. So a bad neighbor behind the same NAT spends no signature of
//! ours and does not lock out those who called before.

mod config;
mod open;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::call::too_many_failures;
use engine::cells::{Cells, Meter, Taken};
use engine::codes::{self, Code};
use engine::verdict::Refusal;
use engine::{Attached, Call, Clock, Control, CoreContext, Needs, Request, Step, Verdict};
use http::header::AUTHORIZATION;
use signatures::SIGNATURE;
use spec::Cidr;

pub use config::{AdmissionSection, check_section, compile, compile_open, schema};

use crate::address::bucket;
use crate::hops::List;
use crate::security;

/// How much an address may do.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// How it is counted.
    pub meter: Meter,
    /// What it is: the part of its cells' key that outlives snapshots.
    pub definition: Vec<u8>,
}

impl Allowance {
    /// The same, counted apart.
    #[must_use]
    fn shadowed(mut self) -> Self {
        self.definition.extend_from_slice(b" shadow");
        self
    }

    fn key(&self, cells: &dyn Cells, call: &Call) -> u128 {
        let (bytes, length) = bucket(call.client);
        cells.key(&[&self.definition, bytes.get(..length).unwrap_or(&bytes)])
    }

    fn take(&self, cells: &dyn Cells, call: &Call) -> Taken {
        cells.take(self.key(cells, call), &self.meter, call.at)
    }

    fn peek(&self, cells: &dyn Cells, call: &Call) -> Taken {
        cells.peek(self.key(cells, call), &self.meter, call.at)
    }
}

/// What counts as a credential beside what stands in `Authorization`, since an API takes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Credentials {
    /// API keys. In which place is not known before routing, but how they begin.
    pub keys: bool,
    /// Client certificates.
    pub certificates: bool,
    /// Signatures over calls.
    pub signatures: bool,
    /// Webhooks.
    pub webhooks: bool,
}

/// Whether a credential came, good or not.
fn presents_credential(call: &Call, credentials: Credentials) -> bool {
    let request = &call.request;
    request.headers.contains_key(AUTHORIZATION)
        || (credentials.keys && security::holds_key(request))
        || (credentials.certificates && call.peer.certificate().is_some())
        || (credentials.signatures && signs(request))
        || (credentials.webhooks && is_delivery(request))
}

/// Whether a call carries a signature (RFC 9421).
fn signs(request: &Request) -> bool {
    request.headers.contains_key(SIGNATURE)
}

/// Whether a call says that it is the delivery of a webhook.
fn is_delivery(request: &Request) -> bool {
    request.headers.contains_key("webhook-signature")
}

fn too_many_anonymous(retry_after: Duration) -> Box<Refusal> {
    let detail = "the address has made too many calls without a credential";
    Refusal::new(&codes::TOO_MANY_ANONYMOUS, detail).retry_after(retry_after)
}

/// Settings of admission, ready to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Proxies that are believed; `None` leaves it to another control to say who the client is, and to act.
    pub trusted: Option<Vec<Cidr>>,
    /// Calls of one address without a credential.
    pub anonymous: Option<Allowance>,
    /// Failing calls of one address.
    pub failures: Option<Allowance>,
    /// What is a credential here.
    pub credentials: Credentials,
}

/// The control.
#[derive(Debug)]
pub struct Admission(Settings);

impl Admission {
    /// With these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(settings)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.0.trusted.iter().flatten().any(|range| range.contains(address))
    }
}

impl Control for Admission {
    fn name(&self) -> &'static str {
        "admission"
    }

    fn needs(&self) -> Needs {
        Needs { admission: true, observe: self.0.failures.is_some(), ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork { control: self, cells: Arc::clone(&core.cells), clock: Arc::clone(&core.clock) })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<Admission>,
    cells: Arc<dyn Cells>,
    clock: Arc<dyn Clock>,
}

impl AtWork {
    /// Finds the client behind trusted hops; says what could not be believed.
    fn locate(&self, call: &mut Call) -> Result<Option<&'static str>, Box<Refusal>> {
        let peer = call.peer.address.ip().to_canonical();
        call.client = peer;
        call.trusted = self.control.is_trusted(peer);
        if !call.trusted {
            return Ok(None);
        }
        let headers = &call.request.headers;
        let find = |list: List| list.client(headers, peer, |at| self.control.is_trusted(at));
        let found = match (find(List::XForwardedFor), find(List::Forwarded)) {
            (Some(one), Some(other)) if one.address != other.address || !one.good || !other.good => {
                return Err(Refusal::new(
                    &codes::REQUEST_MALFORMED,
                    "a trusted hop sent `Forwarded` and `X-Forwarded-For` that do not name one client",
                )
                .public("`Forwarded` and `X-Forwarded-For` disagree"));
            }
            (one, other) => one.or(other),
        };
        call.client = found.map_or(peer, |found| found.address);
        call.located = found.is_none_or(|found| found.good && !found.hidden);
        Ok(found
            .is_some_and(|found| !found.good)
            .then_some("a hop's entry cannot be read: the last hop that is known is taken for the client"))
    }
}

impl Attached for AtWork {
    fn admission<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let Settings { trusted, anonymous, failures, credentials } = &self.control.0;
        let mut note = None;
        if trusted.is_some() {
            match self.locate(call) {
                Ok(said) => note = said,
                Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
            }
        }
        let presents = presents_credential(call, *credentials);
        let anonymous = anonymous.as_ref().filter(|_| !presents);
        let failing = failures.as_ref().map(|allowance| allowance.peek(&*self.cells, call));
        if let Some(wait) = failing.filter(|left| !left.allowed).map(|left| left.retry_after) {
            if !presents {
                return Step::Done(Verdict::Throttle(too_many_failures(wait)));
            }
            if trusted.is_some() {
                call.suspect = Some(wait);
            }
            note = note.or(Some("the address has failed too often: only a remembered credential passes"));
        }
        let taken = anonymous.map(|allowance| allowance.take(&*self.cells, call));
        if let Some(taken) = taken.filter(|taken| !taken.allowed) {
            return Step::Done(Verdict::Throttle(too_many_anonymous(taken.retry_after)));
        }
        Step::Done(note.map_or(Verdict::Allow, |note| Verdict::Note(note.into())))
    }

    fn observe(&self, call: &Call) {
        let Settings { failures: Some(failures), credentials, .. } = &self.control.0 else { return };
        let failed = call.decision.code.map_or_else(|| is_gone(call, *credentials), is_failure);
        // A suspect's failures cost it nothing more, so that units come back.
        if call.suspect.is_none() && call.proofs.is_empty() && failed {
            let _ = self.cells.take(failures.key(&*self.cells, call), &failures.meter, self.clock.unix());
        }
    }
}

/// Whether whoever presented a credential went away while it was looked at: not waiting for the answer must not make a guess free. Once all
/// checks have passed nothing is guessed any more.
fn is_gone(call: &Call, credentials: Credentials) -> bool {
    let decision = &call.decision;
    decision.aborted && decision.timings.checks.is_zero() && presents_credential(call, credentials)
}

/// Ends that a caller without a good credential brings about by trying: not throttling, nothing of the upstream's, and not
/// the question for a nonce, which only who holds a good credential is asked.
fn is_failure(code: &'static Code) -> bool {
    *code != codes::PROOF_NONCE_REQUIRED
        && code.blame == codes::Blame::Client
        && matches!(code.status, 400 | 401 | 403 | 404 | 405 | 421)
}
