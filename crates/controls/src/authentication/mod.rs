//! Who calls: the contract's security schemes, bound by name to issuers of tokens, to API keys of applications, to authorities of
//! certificates, to signers, to users or to senders of webhooks.
//!
//! Speaks at the head, and where signatures over calls or webhooks are taken once more when the body is there. It finds the call's one token
//! ([`bearer`], RFC 6750 section 2.1, RFC 9449 section 7.1), verifies it for each scheme that the operation names ([`verifier`], RFC 7519,
//! 8725 and 9068) or asks its issuer ([`introspection`], RFC 7662), holds who presents it to whom it is bound to ([`possession`], RFC
//! 9449 and 8705), and leaves the proofs in the call. API keys are looked for first ([`apikey`]): what holds one is no token. A signature over the call ([`signature`], RFC 9421) is
//! read before anything is verified. Each credential that is presented has to be good. The client certificate of the connection proves
//! the schemes that are bound to its authorities ([`certificate`]). A password stands where a token would ([`password`], RFC 7617); a
//! webhook is signed over its body, to which the call is held once that is there ([`webhook`]).
//! The call goes on when at least one alternative of the contract's `security` has all of its schemes proven; whether their
//! scopes suffice is authorization's question.
//!
//! A remembered token is answered at once and without allocating; another costs one verification, and a bound one another on
//! every call; only a token that newer keys might prove waits, at most [`keys::WAIT`], or one whose issuer is asked. For an
//! address that has failed too often ([`Call::suspect`]) only remembered tokens count. There is no mode `off` and none
//! `shadow`.

pub mod apikey;
pub mod bearer;
pub mod cache;
pub mod certificate;
mod config;
mod facts;
pub mod introspection;
pub mod issued;
pub mod keys;
mod live;
mod looked;
pub mod password;
pub mod possession;
pub mod revoked;
pub mod scopes;
pub mod shape;
pub mod signature;
pub mod verifier;
pub mod webhook;
mod why;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine::call::too_many_failures;
use engine::principal::{Principal, Proof};
use engine::verdict::Refusal;
use engine::{Attached, Call, Clock, Control, CoreContext, Needs, Step, Verdict, codes};
use jose::Fault;
use spec::SenderConstrained;

pub use crate::security::LOCAL_ISSUER;
use crate::security::possession::Proofs;
use crate::security::{Challenge, Scheme};
use apikey::{CoreKeys, Keys, Proven};
use bearer::Presented;
pub use cache::{CacheCounts, TokenCache};
pub use certificate::check_authorities;
use certificate::{CoreCertificates, Group as CertificateGroup, Shown as ShownCertificate};
pub use config::{check_issuers, compile};
pub use keys::{IssuerState, KeyStatus, issuer_states};
use live::is_provable;
use looked::{Found, Good, Looked, Once, Token, Uses, Waiting};
pub use password::check_users;
use password::checking::Matched;
use password::{CorePasswords, Passwords};
use possession::{CoreProofs, DPOP, DPOP_NONCE, NotShown, Shown, first, held};
use revoked::CoreRevoked;
use signature::{CoreSignatures, Refused, Signatures};
use verifier::{Checked, CoreVerifier, Verifier, Why};
pub use webhook::check_webhooks;
use webhook::{CoreWebhooks, Webhooks};
use why::{refuse as refuse_token, refuse_proof};

/// How often a call may wait: for the keys of one issuer and for what another tells.
const WAITS: usize = 3;

/// A verifier and the schemes of the contract for which it stands.
#[derive(Debug, Clone)]
pub struct Group {
    /// Verifies.
    pub verifier: Arc<Verifier>,
    /// Numbers of the schemes.
    pub schemes: Vec<u16>,
    /// What its tokens have to be bound to.
    pub demand: Option<SenderConstrained>,
}

/// The control, as compiled for the operations of one API that ask for the same schemes.
#[derive(Debug)]
pub struct Authentication {
    challenge: Challenge,
    rule: Rule,
    keys: Option<Arc<Keys>>,
    signatures: Option<Arc<Signatures>>,
    /// Whether calls can have a body that signatures have to cover.
    bodies: bool,
    /// Who proves schemes by client certificates.
    certificates: Arc<[CertificateGroup]>,
    passwords: Option<Arc<Passwords>>,
    webhooks: Option<Arc<Webhooks>>,
    /// Whether tokens can be revoked here.
    revocations: bool,
}

#[derive(Debug)]
enum Rule {
    /// Refuses every call; says why, to the operator.
    Closed(&'static str),
    Schemes(Schemes),
}

/// Which schemes have to be proven.
#[derive(Debug)]
pub struct Schemes {
    /// Who proves them.
    pub groups: Vec<Group>,
    /// Sets of schemes of which one must be proven whole.
    pub alternatives: Vec<Vec<u16>>,
    /// Lets calls pass that present nothing.
    pub anonymous: bool,
    /// How proofs of possession are taken; `None` where they are not.
    pub proofs: Option<Arc<Proofs>>,
}

impl Authentication {
    /// Refuses every call.
    #[must_use]
    pub fn closed(challenge: Challenge, why: &'static str) -> Self {
        Self::with_rule(challenge, Rule::Closed(why))
    }

    /// Asks for one of the alternatives.
    #[must_use]
    pub fn new(challenge: Challenge, schemes: Schemes) -> Self {
        Self::with_rule(challenge, Rule::Schemes(schemes))
    }

    fn with_rule(challenge: Challenge, rule: Rule) -> Self {
        let certificates = Arc::default();
        Self {
            challenge,
            rule,
            keys: None,
            signatures: None,
            bodies: false,
            certificates,
            passwords: None,
            webhooks: None,
            revocations: false,
        }
    }

    /// Takes API keys as well.
    #[must_use]
    pub fn with_keys(self, keys: Option<Keys>) -> Self {
        Self { keys: keys.map(Arc::new), ..self }
    }

    /// Takes signatures over calls as well, which may have `bodies`.
    #[must_use]
    pub fn with_signatures(self, signatures: Option<Signatures>, bodies: bool) -> Self {
        Self { signatures: signatures.map(Arc::new), bodies, ..self }
    }

    /// Takes client certificates as well.
    #[must_use]
    pub fn with_certificates(self, certificates: Arc<[CertificateGroup]>) -> Self {
        Self { certificates, ..self }
    }

    /// Takes passwords of users as well.
    #[must_use]
    pub fn with_passwords(self, passwords: Option<Passwords>) -> Self {
        Self { passwords: passwords.map(Arc::new), ..self }
    }

    /// Takes webhooks as well.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Option<Webhooks>) -> Self {
        Self { webhooks: webhooks.map(Arc::new), ..self }
    }

    /// Asks the denylist of the gateway's store about tokens, where it has one.
    #[must_use]
    pub fn with_revocations(self, revocations: bool) -> Self {
        Self { revocations, ..self }
    }
}

impl Control for Authentication {
    fn name(&self) -> &'static str {
        "authentication"
    }

    fn needs(&self) -> Needs {
        let body = (self.bodies && self.signatures.is_some()) || self.webhooks.is_some();
        Needs { head: true, body, recheck: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let (mut verifiers, mut proofs) = (Vec::new(), None);
        if let Rule::Schemes(schemes) = &self.rule {
            verifiers.extend(schemes.groups.iter().map(|group| CoreVerifier::attach(&group.verifier, core)));
            proofs = schemes.proofs.as_ref().map(|rule| CoreProofs::attach(rule, core));
        }
        let keys = self.keys.as_ref().map(|keys| CoreKeys::attach(keys, core));
        let signatures = self.signatures.as_ref().map(|rule| CoreSignatures::attach(rule, core));
        let revoked = self.revocations.then(|| CoreRevoked::attach(core));
        let asks = !self.certificates.is_empty();
        let certificates = asks.then(|| CoreCertificates::attach(&self.certificates, core));
        let passwords = self.passwords.as_ref().map(|rule| CorePasswords::attach(rule, core));
        let webhooks = self.webhooks.as_ref().map(|rule| CoreWebhooks::attach(rule, core));
        let clock = Arc::clone(&core.clock);
        Box::new(AtCore {
            control: self,
            verifiers,
            proofs,
            keys,
            signatures,
            certificates,
            passwords,
            webhooks,
            revoked,
            clock,
        })
    }
}

#[derive(Debug)]
struct AtCore {
    control: Arc<Authentication>,
    verifiers: Vec<CoreVerifier>,
    proofs: Option<CoreProofs>,
    keys: Option<CoreKeys>,
    signatures: Option<CoreSignatures>,
    certificates: Option<CoreCertificates>,
    passwords: Option<CorePasswords>,
    webhooks: Option<CoreWebhooks>,
    revoked: Option<CoreRevoked>,
    clock: Arc<dyn Clock>,
}

impl Attached for AtCore {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        // Of a live stream that is asked about again: a proof of possession is good once, and what others vouch for they would have
        // to be asked. Such a proof stands until it ends, or the operation takes none.
        let takes = matches!(self.control.rule, Rule::Schemes(_));
        if takes && call.proofs.iter().any(|proof| !is_provable(&proof.principal)) {
            return Step::Done(self.stands(call));
        }
        if let Some(wait) = call.suspect {
            // Nothing that costs is done for an address that has failed too often, and nothing more is said to it.
            return match self.look(call, None) {
                Looked::Done(Verdict::Allow) if !call.proofs.is_empty() => Step::Done(Verdict::Allow),
                Looked::Elsewhere(uses, good) => Step::Wait(Box::pin(async move {
                    match self.heard(call, uses, good).await {
                        Verdict::Allow => Verdict::Allow,
                        _ => Verdict::Throttle(too_many_failures(wait)),
                    }
                })),
                _ => Step::Done(Verdict::Throttle(too_many_failures(wait))),
            };
        }
        match self.look(call, None) {
            Looked::Done(verdict) => Step::Done(verdict),
            Looked::Elsewhere(uses, good) => Step::Wait(Box::pin(self.heard(call, uses, good))),
            Looked::Password(pending) => self.pend(call, *pending),
            Looked::Wait(waiting, otherwise) => {
                if !self.may_wait(&waiting) {
                    return Step::Done(Verdict::Refuse(otherwise));
                }
                Step::Wait(Box::pin(self.wait_and_look(call, waiting)))
            }
        }
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        signature::check_body(&self.control.challenge, call, |call| self.delivered(call))
    }
}

impl AtCore {
    /// Whether waiting may help. Newer keys that came since the call looked are as good as those it would ask for.
    fn may_wait(&self, waiting: &Waiting<'_>) -> bool {
        match waiting {
            Waiting::Keys(source, seen) => source.attempts() != *seen || source.ask(self.clock.now()),
            Waiting::Answer(_) => true,
        }
    }

    /// What the certificate of the connection proves.
    fn shown(&self, call: &Call) -> ShownCertificate {
        let revoked = |principal: &Principal| self.revoked.as_ref()?.find(principal, &*self.clock);
        let certificates = self.certificates.as_ref();
        certificates.map(|certificates| certificates.look(call, revoked)).unwrap_or_default()
    }

    fn revoked(&self, principal: &Principal) -> Option<Why> {
        self.revoked.as_ref()?.find(principal, &*self.clock).map(Why::Revoked)
    }

    /// Whether whoever presents a token is whom it is bound to, and it was not revoked.
    fn usable(
        &self,
        call: &Call,
        scheme: Scheme,
        principal: &Principal,
        demand: Option<SenderConstrained>,
    ) -> Result<(), Why> {
        held(call, scheme, &principal.binding, demand)?;
        self.revoked(principal).map_or(Ok(()), Err)
    }

    async fn wait_and_look<'c>(&'c self, call: &'c mut Call, first: Waiting<'c>) -> Verdict {
        let mut waiting = first;
        for _ in 1..WAITS {
            self.wait(&waiting).await;
            match self.look(call, None) {
                Looked::Done(verdict) => return verdict,
                // A token stands where a password would.
                Looked::Password(_) => return Verdict::Refuse(password::unchecked()),
                Looked::Elsewhere(uses, good) => return self.heard(call, uses, good).await,
                // Once is enough: what newer keys do not prove now is refused.
                Looked::Wait(Waiting::Keys(..), otherwise) if matches!(waiting, Waiting::Keys(..)) => {
                    return Verdict::Refuse(otherwise);
                }
                Looked::Wait(next, otherwise) => {
                    if !self.may_wait(&next) {
                        return Verdict::Refuse(otherwise);
                    }
                    waiting = next;
                }
            }
        }
        self.wait(&waiting).await;
        match self.look(call, None) {
            Looked::Done(verdict) => verdict,
            Looked::Elsewhere(uses, good) => self.heard(call, uses, good).await,
            Looked::Wait(_, otherwise) => Verdict::Refuse(otherwise),
            Looked::Password(_) => Verdict::Refuse(password::unchecked()),
        }
    }

    /// Lets a call go on of which nothing was used before, by what others say.
    async fn heard(&self, call: &mut Call, uses: Uses, good: Box<Good<'_>>) -> Verdict {
        let challenge = &self.control.challenge;
        for (once, used) in uses {
            let used = used.await;
            let wrong = match once {
                Once::Proof => first(used).err().map(|why| refuse_proof(challenge, why)),
                Once::Signature => {
                    signature::first(used).err().map(|why| signature::refuse(challenge, call, why))
                }
            };
            if let Some(refusal) = wrong {
                return Verdict::Refuse(refusal);
            }
        }
        self.settle(call, *good)
    }

    async fn wait(&self, waiting: &Waiting<'_>) {
        match waiting {
            Waiting::Keys(source, seen) => source.wait(*seen, &*self.clock).await,
            Waiting::Answer(flight) => flight.wait().await,
        }
    }

    /// `checked` is what came of checking the call's password, where that was done.
    fn look(&self, call: &mut Call, checked: Option<Matched>) -> Looked<'_> {
        let clear = self.passwords.as_ref().is_some_and(|passwords| !passwords.is_private(call));
        let looked = self.look_at(call, checked);
        if clear { looked.in_clear() } else { looked }
    }

    fn look_at(&self, call: &mut Call, checked: Option<Matched>) -> Looked<'_> {
        let schemes = match &self.control.rule {
            Rule::Closed(why) => {
                return Looked::Done(Verdict::Refuse(Refusal::new(&codes::UNSECURED_OPERATION, *why)));
            }
            Rule::Schemes(schemes) => schemes,
        };
        let challenge = &self.control.challenge;
        let refuse = |refusal| Looked::Done(Verdict::Refuse(refusal));
        let signed = match self.signed(call) {
            Ok(signed) => signed,
            Err(why) => return refuse(signature::refuse(challenge, call, why)),
        };
        let shown = self.shown(call);
        let (sent, pair) = match self.sent(call).and_then(|sent| Ok((sent, self.pair(call)?))) {
            Ok(found) => found,
            Err(refusal) => return refuse(refusal),
        };
        let others = !shown.is_nothing() || signed.is_some() || sent.is_some() || pair.is_some();
        let (keys, token) = match self.presented(call, pair.is_some()) {
            Ok((keys, None)) if keys.proofs.is_empty() && !others => {
                return match schemes.anonymous {
                    true => Looked::Done(Verdict::Allow),
                    false => refuse(challenge.missing_from(&call.request, "no credential came")),
                };
            }
            Ok(presented) => presented,
            Err(refusal) => return refuse(refusal),
        };
        if let Some(wrong) = shown.wrong.as_ref().filter(|wrong| wrong.is_final()) {
            return refuse(wrong.refuse(challenge));
        }
        let found = token.map(|(scheme, token)| self.prove(&schemes.groups, call, scheme, token));
        let Found { proofs, wanted, worst } = found.unwrap_or_default();
        // A token that nobody verified goes no further, whatever comes beside it.
        let unproven = token.is_some() && proofs.is_empty();
        let by_token = proofs.len();
        let mut good = Good { proofs, places: keys.places, fresh: None, signed, sent };
        good.proofs.extend(keys.proofs);
        match self.known(call, pair, checked) {
            Ok(proofs) => good.proofs.extend(proofs),
            Err(looked) => return looked,
        }
        self.prove_sent(call, &mut good);
        good.proofs.extend(shown.proofs);
        if !unproven && let Err(why) = self.prove_signed(call, &mut good) {
            return refuse(signature::refuse(challenge, call, why));
        }
        let proven = |scheme: &u16| good.proofs.iter().any(|proof| proof.scheme == *scheme);
        let mut alternatives = schemes.alternatives.iter();
        if !unproven && alternatives.any(|schemes| !schemes.is_empty() && schemes.iter().all(proven)) {
            return match self.use_up(call, token, by_token, &mut good) {
                Err(refusal) => refuse(refusal),
                Ok(uses) if uses.is_empty() => Looked::Done(self.settle(call, good)),
                Ok(uses) => Looked::Elsewhere(uses, Box::new(good)),
            };
        }
        let refusal = match (token, worst, shown.wrong) {
            (Some((scheme, _)), Some(why), _) => refuse_token(challenge, scheme, why),
            (Some((scheme, _)), None, _) if unproven => {
                refuse_token(challenge, scheme, Why::from(Fault::IssuerMismatch))
            }
            (_, _, Some(wrong)) => wrong.refuse(challenge),
            _ => challenge.missing("no alternative has all of its schemes proven", None),
        };
        match wanted {
            Some(waiting) => Looked::Wait(waiting, refusal),
            None => refuse(refusal),
        }
    }

    /// The signature of a call. For an address that has failed too often none is verified: one that comes is not good.
    fn signed(&self, call: &Call) -> Result<Option<signature::Read<'_>>, Refused> {
        match &self.signatures {
            None => Ok(None),
            Some(_) if call.suspect.is_some() && signature::is_signed(call) => {
                Err(Refused::Wrong("signatures of the address are not verified now".into()))
            }
            Some(signatures) => signatures.read(call),
        }
    }

    /// Adds what the signature of a call proves.
    fn prove_signed(&self, call: &Call, good: &mut Good<'_>) -> Result<(), Refused> {
        let (Some(signatures), Some(signed)) = (&self.signatures, &mut good.signed) else { return Ok(()) };
        let proofs = signatures.prove(call, signed)?;
        if proofs.iter().any(|proof| self.revoked(&proof.principal).is_some()) {
            return Err(Refused::Revoked);
        }
        good.proofs.extend(proofs);
        Ok(())
    }

    /// Takes down what may be used once of a call that is good but for that.
    fn use_up(
        &self,
        call: &Call,
        token: Option<Token<'_>>,
        by_token: usize,
        good: &mut Good<'_>,
    ) -> Result<Uses, Box<Refusal>> {
        let challenge = &self.control.challenge;
        let mut uses = Uses::new();
        if let Some((Scheme::Dpop, token)) = token {
            let shown = self.show(call, token, good.proofs.get(..by_token).unwrap_or_default());
            let Shown { fresh, elsewhere } = shown.map_err(|why| refuse_proof(challenge, why))?;
            good.fresh = Some(fresh);
            uses.extend(elsewhere.map(|used| (Once::Proof, used)));
        }
        if let (Some(signatures), Some(signed)) = (&self.signatures, &good.signed) {
            let elsewhere = signatures.take(signed);
            let elsewhere = elsewhere.map_err(|why| signature::refuse(challenge, call, why))?;
            uses.extend(elsewhere.into_iter().map(|used| (Once::Signature, used)));
        }
        Ok(uses)
    }

    /// The good API keys of a call, and its token with how it came; none where a password stands in its place.
    fn presented<'c>(
        &self,
        call: &'c Call,
        by_password: bool,
    ) -> Result<(Proven, Option<Token<'c>>), Box<Refusal>> {
        let challenge = &self.control.challenge;
        let keys =
            self.keys.as_ref().map_or_else(|| Ok(Proven::default()), |keys| keys.look(call, challenge))?;
        if keys.in_authorization || by_password {
            return Ok((keys, None));
        }
        let presented = bearer::presented(&call.request);
        if !challenge.takes_tokens() && !matches!(presented, Presented::Nothing | Presented::Malformed(_)) {
            // It would go on to the service, which might take it for one that was verified.
            let detail = "`Authorization` holds a credential that the operation does not take";
            return Err(challenge.missing(detail, Some(self.only())));
        }
        let other = |public| {
            let detail = "the credential is of another scheme than those that are taken";
            Err(challenge.missing(detail, Some(public)))
        };
        match presented {
            Presented::Token(Scheme::Dpop, _) | Presented::NoToken(Scheme::Dpop) if self.proofs.is_none() => {
                other("proofs of possession are not accepted")
            }
            Presented::Token(scheme, token) => Ok((keys, Some((scheme, token)))),
            Presented::Nothing => Ok((keys, None)),
            Presented::OtherScheme => other("only access tokens are accepted"),
            Presented::NoToken(scheme) => {
                let (code, detail) =
                    (&codes::TOKEN_INVALID, "the credential has a character that no token has");
                Err(challenge.invalid(scheme, code, detail, "the token is malformed"))
            }
            Presented::Malformed(what) => Err(challenge.malformed(Scheme::presented(&call.request), what)),
        }
    }

    /// What each verifier makes of a token. Nobody is proven by a token that is bound to somebody else.
    fn prove(&self, groups: &[Group], call: &Call, scheme: Scheme, token: &str) -> Found<'_> {
        let mut found = Found::default();
        for (group, verifier) in groups.iter().zip(&self.verifiers) {
            let checked = match call.suspect {
                None => verifier.check(token),
                Some(_) => match verifier.remembered(token) {
                    Some(principal) => Checked::Proven(principal),
                    None => continue,
                },
            };
            let why = match checked {
                Checked::Proven(principal) => match self.usable(call, scheme, &principal, group.demand) {
                    Ok(()) => {
                        let shown = call.peer.certificate();
                        found.proofs.extend(group.schemes.iter().map(|scheme| Proof {
                            scheme: *scheme,
                            principal: Arc::clone(&principal),
                            certificate: shown.cloned(),
                        }));
                        continue;
                    }
                    Err(why) => why,
                },
                Checked::Refused(why) => why,
                Checked::KeysWanted(issuer, seen, why) => {
                    found.wanted = verifier.source(issuer).map(|source| Waiting::Keys(source, seen));
                    why
                }
                Checked::Asking(flight, why) => {
                    found.wanted = Some(Waiting::Answer(flight));
                    why
                }
            };
            found.worst = found.worst.max(Some(why));
        }
        found
    }

    /// Checks that the caller holds the key that the token is bound to: one proof, for whoever took the token.
    fn show(&self, call: &Call, token: &str, found: &[Proof]) -> Result<Shown, NotShown> {
        let mut keys = found.iter().map(|proof| proof.principal.binding.key);
        let key = keys.next().flatten().ok_or(NotShown::OtherKey)?;
        if keys.any(|other| other != Some(key)) {
            return Err(NotShown::OtherKey);
        }
        self.proofs.as_ref().ok_or(NotShown::Unchecked)?.check(call, token, &key)
    }

    /// What is accepted, where tokens are not.
    fn only(&self) -> &'static str {
        let kinds = [
            (self.keys.is_some(), "only API keys are accepted"),
            (self.certificates.is_some(), "only client certificates are accepted"),
            (self.signatures.is_some(), "only signatures are accepted"),
            (self.passwords.is_some(), "only passwords are accepted"),
            (self.webhooks.is_some(), "only webhooks are accepted"),
        ];
        let mut taken = kinds.into_iter().filter(|(taken, _)| *taken).map(|(_, text)| text);
        match (taken.next(), taken.next()) {
            (Some(only), None) => only,
            _ => "access tokens are not accepted",
        }
    }

    /// Lets the call go on. A proof of possession ends here: it was for this gateway. To a delivery its body is held once it is there.
    fn settle(&self, call: &mut Call, good: Good<'_>) -> Verdict {
        if let Some(fresh) = good.fresh {
            call.answer_headers.extend(fresh.map(|nonce| (DPOP_NONCE, nonce)));
            call.request.headers.remove(DPOP);
        }
        call.proofs = good.proofs;
        self.keys.iter().for_each(|keys| keys.strip(call, good.places));
        self.passwords.iter().for_each(|passwords| passwords.strip(call));
        if let Some(signed) = good.signed {
            signed.settle(call);
        }
        if let Some(sent) = good.sent {
            call.unproven = true;
            call.held.push(Box::new(sent));
        }
        Verdict::Allow
    }
}
