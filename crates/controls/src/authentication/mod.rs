//! Who calls: the contract's security schemes, bound by name to issuers of signed tokens.
//!
//! Speaks at the head. It finds the call's one bearer token ([`bearer`], RFC 6750 section 2.1), verifies it for each
//! scheme that the operation names ([`verifier`], RFC 7519, 8725 and 9068), and leaves the proofs in the call. The call
//! goes on when at least one alternative of the contract's `security` has all of its schemes proven; whether their scopes
//! suffice is authorization's question.
//!
//! A remembered token is answered at once and without allocating; another costs one verification; only a token that
//! newer keys might prove waits, and at most [`keys::WAIT`]. For an address that has failed too often ([`Call::suspect`])
//! only remembered tokens count. There is no mode `off` and none `shadow`.

pub mod bearer;
pub mod cache;
mod config;
pub mod keys;
pub mod scopes;
pub mod verifier;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine::call::too_many_failures;
use engine::principal::Proof;
use engine::verdict::Refusal;
use engine::{Attached, Call, Clock, Control, CoreContext, Needs, Step, Verdict, codes};
use jose::Fault;
use smallvec::SmallVec;

use crate::security::Challenge;
use bearer::Presented;
pub use cache::{CacheCounts, TokenCache};
pub use config::{LOCAL_ISSUER, check_issuers, compile};
use keys::KeySource;
pub use keys::{IssuerState, KeyStatus, issuer_states};
use verifier::{Checked, CoreVerifier, FaultOf, Verifier, Why};

/// A verifier and the schemes of the contract for which it stands.
#[derive(Debug, Clone)]
pub struct Group {
    /// Verifies.
    pub verifier: Arc<Verifier>,
    /// Numbers of the schemes.
    pub schemes: Vec<u16>,
}

/// The control, as compiled for the operations of one API that ask for the same schemes.
#[derive(Debug)]
pub struct Authentication {
    challenge: Challenge,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// Refuses every call; says why, to the operator.
    Closed(&'static str),
    Schemes {
        groups: Vec<Group>,
        /// Sets of schemes of which one must be proven whole.
        alternatives: Vec<Vec<u16>>,
        anonymous: bool,
    },
}

impl Authentication {
    /// Refuses every call.
    #[must_use]
    pub fn closed(challenge: Challenge, why: &'static str) -> Self {
        Self { challenge, rule: Rule::Closed(why) }
    }

    /// Asks for one of the alternatives; `anonymous` lets calls pass that present nothing.
    #[must_use]
    pub fn new(
        challenge: Challenge,
        groups: Vec<Group>,
        alternatives: Vec<Vec<u16>>,
        anonymous: bool,
    ) -> Self {
        Self { challenge, rule: Rule::Schemes { groups, alternatives, anonymous } }
    }
}

impl Control for Authentication {
    fn name(&self) -> &'static str {
        "authentication"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, recheck: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let verifiers = match &self.rule {
            Rule::Closed(_) => Vec::new(),
            Rule::Schemes { groups, .. } => {
                groups.iter().map(|group| CoreVerifier::attach(&group.verifier, core)).collect()
            }
        };
        Box::new(AtCore { control: self, verifiers, clock: Arc::clone(&core.clock) })
    }
}

#[derive(Debug)]
struct AtCore {
    control: Arc<Authentication>,
    verifiers: Vec<CoreVerifier>,
    clock: Arc<dyn Clock>,
}

/// What a first look came to.
enum Looked<'k> {
    Done(Verdict),
    /// These keys may be newer soon; the number of fetches seen, and the verdict if nothing comes of it.
    Wait(&'k Arc<KeySource>, u64, Why),
}

impl Attached for AtCore {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        if let Some(wait) = call.suspect {
            // Nothing that costs is done for an address that has failed too often, and nothing more is said to it.
            return Step::Done(match self.look(call) {
                Looked::Done(Verdict::Allow) if !call.proofs.is_empty() => Verdict::Allow,
                _ => Verdict::Throttle(too_many_failures(wait)),
            });
        }
        match self.look(call) {
            Looked::Done(verdict) => Step::Done(verdict),
            Looked::Wait(source, seen, why) => {
                // Newer keys that came since this call looked are as good as those it would ask for.
                if source.attempts() != seen {
                    return Step::Done(self.last_look(call));
                }
                if !source.ask(self.clock.now()) {
                    return Step::Done(Verdict::Refuse(self.refuse(why)));
                }
                Step::Wait(Box::pin(async move {
                    source.wait(seen, &*self.clock).await;
                    self.last_look(call)
                }))
            }
        }
    }
}

impl AtCore {
    /// Looks, and refuses what would have to wait.
    fn last_look(&self, call: &mut Call) -> Verdict {
        match self.look(call) {
            Looked::Done(verdict) => verdict,
            Looked::Wait(_, _, why) => Verdict::Refuse(self.refuse(why)),
        }
    }

    fn look(&self, call: &mut Call) -> Looked<'_> {
        let challenge = &self.control.challenge;
        let (groups, alternatives, anonymous) = match &self.control.rule {
            Rule::Closed(why) => {
                return Looked::Done(Verdict::Refuse(Refusal::new(&codes::UNSECURED_OPERATION, *why)));
            }
            Rule::Schemes { groups, alternatives, anonymous } => (groups, alternatives, *anonymous),
        };
        let refuse = |refusal| Looked::Done(Verdict::Refuse(refusal));
        let token = match bearer::presented(&call.request) {
            Presented::Token(token) => token,
            Presented::Nothing if anonymous => return Looked::Done(Verdict::Allow),
            Presented::Nothing => return refuse(challenge.missing("no credential came", None)),
            Presented::OtherScheme => {
                let detail = "the credential is of another scheme than `Bearer`";
                return refuse(challenge.missing(detail, Some("only bearer tokens are accepted")));
            }
            Presented::NoToken => {
                let detail = "the credential has a character that no token has";
                return refuse(challenge.invalid(&codes::TOKEN_INVALID, detail, "the token is malformed"));
            }
            Presented::Malformed(what) => return refuse(challenge.malformed(what)),
        };
        let mut proofs: SmallVec<[Proof; 1]> = SmallVec::new();
        let mut wanted = None;
        let mut worst: Option<Why> = None;
        for (group, verifier) in groups.iter().zip(&self.verifiers) {
            let checked = match call.suspect {
                None => verifier.check(token),
                Some(_) => match verifier.remembered(token) {
                    Some(principal) => Checked::Proven(principal),
                    None => continue,
                },
            };
            match checked {
                Checked::Proven(principal) => {
                    let proof = |scheme: &u16| Proof { scheme: *scheme, principal: Arc::clone(&principal) };
                    proofs.extend(group.schemes.iter().map(proof));
                }
                Checked::Refused(why) => worst = worst.max(Some(why)),
                Checked::KeysWanted(issuer, seen, why) => {
                    wanted = verifier.source(issuer).map(|source| (source, seen, why.clone()));
                    worst = worst.max(Some(why));
                }
            }
        }
        let proven = |scheme: &u16| proofs.iter().any(|proof| proof.scheme == *scheme);
        if alternatives.iter().any(|schemes| !schemes.is_empty() && schemes.iter().all(proven)) {
            call.proofs = proofs;
            return Looked::Done(Verdict::Allow);
        }
        match wanted {
            Some((source, seen, why)) => Looked::Wait(source, seen, why),
            None => refuse(self.refuse(worst.unwrap_or(Why::from(Fault::IssuerMismatch)))),
        }
    }

    fn refuse(&self, why: Why) -> Box<Refusal> {
        let challenge = &self.control.challenge;
        let invalid = |detail: String, public| challenge.invalid(&codes::TOKEN_INVALID, detail, public);
        match why {
            Why::Fault(FaultOf(Fault::Expired)) => {
                challenge.invalid(&codes::TOKEN_EXPIRED, "expired", "the token has expired")
            }
            Why::Fault(FaultOf(fault)) => invalid(format!("{}: {fault}", fault.name()), public_text(fault)),
            Why::UnknownIssuer(issuer) => {
                let detail = format!("the issuer `{issuer}` is none of the scheme's");
                invalid(detail, "the token is from another issuer")
            }
            Why::Bound => invalid(
                String::from("the token is bound to a sender (`cnf`) and came as a mere bearer token"),
                "the token is bound to a key and cannot be used as a bearer token",
            ),
            Why::NoSubject => invalid(String::from("the token has no `sub`"), "the token names no subject"),
            Why::Unavailable(issuer, after) => {
                Challenge::unavailable(format!("the keys of the issuer `{issuer}` are not known"), after)
            }
        }
    }
}

/// What the caller may know of a fault: what it could see in its own token, and nothing of our keys.
fn public_text(fault: Fault) -> &'static str {
    match fault {
        Fault::BadSignature | Fault::UnknownKey | Fault::KeyMismatch => {
            "the token's signature cannot be verified"
        }
        Fault::AudienceMissing | Fault::AudienceMismatch => "the token is not for this API",
        Fault::IssuerMissing | Fault::IssuerMismatch => "the token is from another issuer",
        Fault::NotYetValid | Fault::IssuedInFuture => "the token is not valid yet",
        Fault::ExpMissing => "the token never expires",
        Fault::TypRefused | Fault::WrongKind => "the token is not an access token",
        Fault::AlgNone | Fault::AlgNotAllowed => "the token's signature algorithm is not accepted",
        _ => "the token is malformed",
    }
}
