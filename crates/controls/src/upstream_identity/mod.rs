//! What the service gets in place of the caller's credential: nothing, another token, one of the gateway's own, and beside that
//! an assertion of who calls.
//!
//! Speaks when every check has passed, before anything goes upstream: no token is shown to an issuer for a call that is refused, and
//! nothing that reads the call reads what was put in. Whatever stands here but `pass`, what the contract calls a credential is taken out,
//! verified or not (also of an operation that anyone may call), so that what the service finds in `Authorization` is the gateway's.
//!
//! Decisions:
//! - `exchange` asks an issuer for a token that is for the service (RFC 8693, [`exchange`]). The issuer's "no" to the caller's token is
//!   the caller's 401; no answer is 503. Nothing goes on with the caller's own token instead.
//! - `client_credentials` has one token for all callers (RFC 6749 section 4.4, [`own`]), fetched before the old one ends.
//! - `assert` signs who calls, once for each call ([`assertion`]): a transaction token names one transaction, so that none could be
//!   remembered for the next, and a signature costs less than a tenth of a call.
//! - Each control of the answer and of messages comes later; a live stream keeps what it began with.

mod assertion;
mod build;
mod config;
mod exchange;
mod own;
mod published;
mod strip;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use engine::principal::CredentialKind;
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Principal, Step, Verdict, codes};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL};

pub use assertion::{Asserts, OWN_KEY, Subject};
pub use build::{compile, wants_own_key};
pub use config::{check_section, schema};
pub use published::{WELL_KNOWN, keys_path, publishes};
pub use token::Asked;

use crate::asked::Flight;
use crate::security::find::spellings;
use crate::security::{ALONE, Challenge, Scheme, Where};
use exchange::{Exchanger, Known};
use own::Own;
use token::Given;

/// How often a call may wait for one answer: it may be over by the time that the call looks.
const WAITS: usize = 3;
/// When a caller may come back whom nobody could vouch for.
const LATER: Duration = Duration::from_secs(1);

/// What goes into `Authorization`.
#[derive(Debug)]
pub enum Credential {
    /// What the caller sent; it is not touched.
    Pass,
    /// Nothing.
    Strip,
    /// A token in exchange for the caller's.
    Exchange(Arc<Asked>),
    /// A token of the gateway's own.
    Own(Arc<Asked>),
}

/// The control, as compiled for operations with the same settings.
#[derive(Debug)]
pub struct UpstreamIdentity {
    credential: Credential,
    asserts: Option<Asserts>,
    /// Where the contract says that credentials stand, beside `Authorization`.
    places: Box<[Where]>,
    challenge: Challenge,
}

impl Control for UpstreamIdentity {
    fn name(&self) -> &'static str {
        "upstream_identity"
    }

    fn needs(&self) -> Needs {
        Needs { upstream: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let source = match &self.credential {
            Credential::Pass | Credential::Strip => Source::None,
            Credential::Exchange(asked) => Source::Exchange(Exchanger::of(asked, core)),
            Credential::Own(asked) => Source::Own(Own::of(asked, core)),
        };
        Box::new(AtCore { control: self, source, core: core.clone() })
    }
}

/// Where a token for the service comes from.
#[derive(Debug)]
enum Source {
    None,
    Exchange(Arc<Exchanger>),
    Own(Arc<Own>),
}

#[derive(Debug)]
struct AtCore {
    control: Arc<UpstreamIdentity>,
    source: Source,
    core: CoreContext,
}

/// What a look came to.
enum Looked {
    /// The call goes on, with this in `Authorization`.
    Goes(Option<HeaderValue>),
    /// It does not.
    Ends(Box<Refusal>),
    /// That is known when this is over.
    Wait(Arc<Flight>),
}

impl Attached for AtCore {
    fn upstream<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        match self.look(call) {
            Looked::Goes(token) => Step::Done(self.send(call, token)),
            Looked::Ends(refusal) => Step::Done(Verdict::Refuse(refusal)),
            Looked::Wait(flight) => Step::Wait(Box::pin(self.wait_and_look(call, flight))),
        }
    }
}

impl AtCore {
    async fn wait_and_look(&self, call: &mut Call, mut flight: Arc<Flight>) -> Verdict {
        for _ in 0..WAITS {
            flight.wait().await;
            match self.look(call) {
                Looked::Goes(token) => return self.send(call, token),
                Looked::Ends(refusal) => return Verdict::Refuse(refusal),
                Looked::Wait(next) => flight = next,
            }
        }
        Verdict::Refuse(unavailable("each answer was over before it could be used", LATER))
    }

    fn look(&self, call: &Call) -> Looked {
        let known = match &self.source {
            Source::None => return Looked::Goes(None),
            Source::Own(own) => match own.look(&self.core) {
                Known::Given(Given::None(why)) => {
                    let pause = own.pause(self.core.clock.now()).max(LATER);
                    return Looked::Ends(unavailable(&why, pause));
                }
                known => known,
            },
            Source::Exchange(exchanger) => match self.presented(call) {
                Presented::Token(token, expires) => exchanger.look(token, expires, &self.core),
                // Who may call as nobody is nobody to the service as well.
                Presented::Nobody => return Looked::Goes(None),
                Presented::Other => {
                    let detail = "the caller proved who they are by no token, so there is none to exchange";
                    let public = "an access token is required here";
                    return Looked::Ends(self.control.challenge.missing(detail, Some(public)));
                }
            },
        };
        match known {
            Known::Given(Given::Token(token)) => Looked::Goes(Some(token)),
            Known::Given(Given::Refused(why)) => Looked::Ends(self.refused(call, &why)),
            Known::Given(Given::None(why)) => Looked::Ends(unavailable(&why, LATER)),
            Known::Asking(flight) => Looked::Wait(flight),
            Known::Not(why, pause) => Looked::Ends(unavailable(why, pause)),
        }
    }

    /// The token by which the caller proved who they are, and when it ends.
    fn presented<'c>(&self, call: &'c Call) -> Presented<'c> {
        if call.proofs.is_empty() {
            return Presented::Nobody;
        }
        let is_token = |principal: &Principal| {
            matches!(principal.credential, CredentialKind::Jwt | CredentialKind::Introspected)
        };
        let by_token = call.proofs.iter().map(|proof| &proof.principal).find(|principal| is_token(principal));
        let field = call.request.headers.get(AUTHORIZATION).and_then(|field| field.to_str().ok());
        match (by_token, field.and_then(|field| field.split_once(' '))) {
            (Some(principal), Some((scheme, token))) if Scheme::of(scheme.as_bytes()).is_some() => {
                Presented::Token(token.trim_start_matches(' '), principal.expires)
            }
            _ => Presented::Other,
        }
    }

    /// The issuer's answer about the caller's token, as the answer to the caller.
    fn refused(&self, call: &Call, why: &str) -> Box<Refusal> {
        let public = "the issuer does not accept the token for this operation";
        let presented = Scheme::presented(&call.request);
        self.control.challenge.invalid(presented, &codes::EXCHANGE_REFUSED, why, public)
    }

    /// Puts into the call what the service is to have.
    fn send(&self, call: &mut Call, token: Option<HeaderValue>) -> Verdict {
        let UpstreamIdentity { credential, asserts, places, .. } = &*self.control;
        let assertion = match asserts.as_ref().map(|asserts| asserts.sign(call, &*self.core.clock)) {
            None => None,
            Some(Ok(assertion)) => assertion,
            Some(Err(why)) => return Verdict::Refuse(Refusal::new(&codes::CONTROL_FAILED, why)),
        };
        if !matches!(credential, Credential::Pass) {
            strip::take_out(call, places);
        }
        if matches!(credential, Credential::Strip | Credential::Own(_)) && !call.proofs.is_empty() {
            call.request.headers.insert(CACHE_CONTROL, ALONE);
        }
        if let Some(token) = token {
            call.request.headers.insert(AUTHORIZATION, token);
        }
        if let Some(asserts) = asserts {
            spellings(call, &asserts.header);
            let field = assertion.map(|assertion| (asserts.header.clone(), assertion));
            call.request.headers.extend(field);
        }
        Verdict::Allow
    }
}

/// How a caller proved who they are.
enum Presented<'c> {
    /// By this token, which ends then.
    Token(&'c str, u64),
    /// By something else.
    Other,
    /// Not at all.
    Nobody,
}

fn unavailable(why: &str, pause: Duration) -> Box<Refusal> {
    // In whole seconds, and not before it helps.
    let pause = Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0));
    Refusal::new(&codes::IDENTITY_UNAVAILABLE, why).retry_after(pause.max(LATER))
}
