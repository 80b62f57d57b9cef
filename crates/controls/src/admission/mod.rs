//! Who is on the other end, and whether they have failed too often: before routing, and before any cryptography.
//!
//! The address of the client is that of the connection, unless the peer is a trusted hop: then `X-Forwarded-For` or
//! `Forwarded` (RFC 7239) is walked from the right past trusted hops. When a trusted hop sends both and they name
//! different clients, one of them came from the client: the call is refused, since no guess is safe. A malformed list
//! is not believed: the peer's address stands, and the decision says so.
//!
//! Calls that fail without a verified principal take units from their address (an IPv6 address counts by its /64); when
//! they are used up, everything from that address is 429 until one is there again. Principals behind the same NAT
//! share that fate, but never for good: asking takes no unit, only failing does, so units come back at their rate
//! whatever is sent, and the next call that comes goes through.

mod config;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use engine::cells::Cells;
use engine::codes::{self, Code};
use engine::verdict::Refusal;
use engine::{Attached, Call, Clock, Control, CoreContext, Needs, Step, Verdict};

pub use config::{FAILURES, Settings, compile};

use crate::address::bucket;
use crate::hops::{self, Malformed, Nodes};

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
        self.0.trusted.iter().any(|range| range.contains(address))
    }
}

impl Control for Admission {
    fn name(&self) -> &'static str {
        "admission"
    }

    fn needs(&self) -> Needs {
        Needs { admission: true, observe: true, ..Needs::default() }
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
    fn key(&self, call: &Call) -> u128 {
        let (bytes, length) = bucket(call.client);
        self.cells.key(&[b"failures", bytes.get(..length).unwrap_or(&bytes)])
    }

    /// Finds the client behind trusted hops; says what could not be believed.
    fn locate(&self, call: &mut Call) -> Result<Option<&'static str>, Box<Refusal>> {
        let peer = call.peer.address.ip().to_canonical();
        call.client = peer;
        call.trusted = self.control.is_trusted(peer);
        if !call.trusted {
            return Ok(None);
        }
        let headers = &call.request.headers;
        let walk = |nodes: Result<Option<Nodes>, Malformed>| {
            nodes.map(|nodes| nodes.map(|nodes| hops::client(&nodes, peer, |at| self.control.is_trusted(at))))
        };
        match (walk(hops::x_forwarded_for(headers)), walk(hops::forwarded(headers))) {
            (Ok(Some(one)), Ok(Some(other))) if one != other => Err(Refusal::new(
                &codes::REQUEST_MALFORMED,
                "a trusted hop sent `Forwarded` and `X-Forwarded-For` that name different clients",
            )
            .public("`Forwarded` and `X-Forwarded-For` disagree")),
            (Ok(one), Ok(other)) => {
                call.client = one.or(other).unwrap_or(peer);
                Ok(None)
            }
            (Err(Malformed), _) => Ok(Some("`X-Forwarded-For` is malformed: the peer's address is used")),
            (_, Err(Malformed)) => Ok(Some("`Forwarded` is malformed: the peer's address is used")),
        }
    }
}

impl Attached for AtWork {
    fn admission<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let note = match self.locate(call) {
            Ok(note) => note,
            Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
        };
        let asked = self.cells.peek(self.key(call), &self.control.0.failures, call.at);
        if !asked.allowed {
            let refusal = Refusal::new(&codes::TOO_MANY_FAILURES, "the address has failed too often")
                .retry_after(asked.retry_after);
            return Step::Done(Verdict::Throttle(refusal));
        }
        Step::Done(note.map_or(Verdict::Allow, |note| Verdict::Note(note.into())))
    }

    fn observe(&self, call: &Call) {
        if call.proofs.is_empty() && call.decision.code.is_some_and(is_failure) {
            let _ = self.cells.take(self.key(call), &self.control.0.failures, self.clock.unix());
        }
    }
}

/// Ends that a caller without a good credential brings about by trying: not throttling, and nothing of the upstream's.
fn is_failure(code: &'static Code) -> bool {
    code.blame == codes::Blame::Client && matches!(code.status, 400 | 401 | 403 | 404 | 405 | 421)
}
