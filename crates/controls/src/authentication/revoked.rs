//! Tokens that are good by themselves and were revoked: by the denylist of the store, as all cores of a gateway have it.
//!
//! The list comes with the table of API keys, by the same pointer ([`apikey::published`]): a core looks at one atomic per call to
//! know that it still has the newest. It is asked after everything else about a token is known to be good, remembered or not,
//! so that nobody is told of a token that is not theirs. Where the gateway has no store, nobody is asked.

use std::sync::Arc;

use credentials::{Held, Kind, Published, Revoked, Table, Token};
use engine::principal::Marks;
use engine::{Clock, CoreContext, Principal, Withdrawn};
use jose::Claims;

use super::apikey;

/// What a token can be known by again.
pub(super) fn marks(token: &str, claims: &Claims<'_>) -> Box<Marks> {
    let text = |name| claims.payload.get(name).and_then(tape::Node::as_str);
    let party = text("azp").filter(|party| claims.client.as_ref().is_some_and(|client| client != party));
    Box::new(Marks {
        digest: credentials::token_digest(token),
        id: claims.id.as_deref().map(Into::into),
        session: text("sid").as_deref().map(Into::into),
        party: party.as_deref().map(Into::into),
        issued: issued(claims),
    })
}

/// `iat`, rounded down: a token that was issued within the second of its revocation came before it, whatever its fraction says.
fn issued(claims: &Claims<'_>) -> Option<u64> {
    let exact = claims.payload.get("iat").and_then(tape::Node::as_number).and_then(|number| number.as_f64());
    // Both are within what a date may be, and the one is the other rounded up.
    let part = exact.is_some_and(|exact| exact.fract() > 0.0);
    claims.issued.map(|issued| issued.saturating_sub(u64::from(part)))
}

/// By what the token of a principal was revoked.
///
/// One that was let in before there was a store has no marks: it is known by its subject, application and issuer, and counts as
/// issued before anything was revoked.
fn find(revoked: &Revoked, principal: &Principal, now: u64) -> Option<Kind> {
    if revoked.is_empty() {
        return None;
    }
    let marks = principal.marks.as_ref();
    let token = Token {
        issuer: &principal.issuer,
        subject: &principal.subject,
        applications: [principal.application.as_deref(), marks.and_then(|marks| marks.party.as_deref())],
        id: marks.and_then(|marks| marks.id.as_deref()),
        session: marks.and_then(|marks| marks.session.as_deref()),
        issued: marks.and_then(|marks| marks.issued),
        digest: marks.map(|marks| &marks.digest),
    };
    revoked.find(&token, now)
}

/// The denylist as one core holds it.
#[derive(Debug)]
pub(super) struct CoreRevoked(Held<()>);

impl CoreRevoked {
    pub(super) fn attach(core: &CoreContext) -> Self {
        Self(Held::new(apikey::published(&core.keyed)))
    }

    /// By what a token was revoked. A gateway with a store has read it before it serves; cases without one (`yett test`) revoke
    /// nothing.
    pub(super) fn find(&self, principal: &Principal, clock: &dyn Clock) -> Option<Kind> {
        let held = self.0.get(|_| ())?;
        let revoked = held.0.revoked();
        // The time is asked for where anything is revoked only.
        if revoked.is_empty() { None } else { find(revoked, principal, clock.unix().seconds()) }
    }
}

/// The denylist as the data plane asks about live streams.
#[derive(Debug)]
struct Streams(Arc<Table>);

impl Withdrawn for Streams {
    fn is(&self, principal: &Principal, now: u64) -> bool {
        find(self.0.revoked(), principal, now).is_some()
    }
}

/// What the data plane is to ask about live streams from now on; `None` before the first table.
#[must_use]
pub fn withdrawn(published: &Published) -> Option<Arc<dyn Withdrawn>> {
    published.current().map(|table| Arc::new(Streams(table)) as Arc<dyn Withdrawn>)
}
