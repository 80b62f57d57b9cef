//! Passwords of users (HTTP Basic, RFC 7617), for the contract's security schemes that they are bound to (`users`).
//!
//! What is read in one way only ([`presented`]) is checked against a line for each group of users that the operation takes: the user's own,
//! or, for a name that nobody has, another's, so that a name costs as much as any other and how long an answer takes says nothing of who
//! there is. The work is done on another thread, for few calls at one time ([`checking`]); what was found good is remembered for
//! minutes. An address that has failed too often is checked nothing for (admission has looked before): only what is remembered passes.
//!
//! Where a call passes, `Authorization` is taken out, unless the scheme says `forward`, and caches before the service are told that answers
//! are for this call alone.

pub mod checking;
mod config;
pub mod presented;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use credentials::PasswordHash;
use engine::principal::{CredentialKind, Proof};
use engine::verdict::Refusal;
use engine::{Call, Clock, CoreContext, Principal, Step, Verdict, codes};
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use smallvec::SmallVec;

use super::AtCore;
use super::looked::Looked;
use crate::address::bucket;
use crate::hops::says_https;
use crate::security::{ALONE, Challenge};
use checking::{Check, Checker, Flight, Found, Line, Matched};
pub use config::check_users;
pub(super) use config::compile;
use presented::{Pair, Presented, presented};

/// One who is let in.
#[derive(Debug)]
pub struct User {
    /// Of the password.
    pub hash: Arc<PasswordHash>,
    /// Whom it proves.
    pub principal: Arc<Principal>,
}

/// A group of users, as an API takes them.
#[derive(Debug)]
pub struct Table {
    /// Who vouches, as principals name them.
    pub issuer: Arc<str>,
    /// Those who are let in, by name.
    pub users: HashMap<Box<str>, User>,
    /// What the others' passwords are checked against; never empty.
    pub stand_ins: Vec<Arc<PasswordHash>>,
}

/// Groups of users, and the schemes of the contract that each of them proves.
#[derive(Debug)]
struct Group {
    /// Places of their tables.
    tables: SmallVec<[usize; 1]>,
    /// Numbers of the schemes.
    schemes: SmallVec<[u16; 2]>,
    forward: bool,
}

/// What takes passwords for the schemes of some operations. Immutable; [`CorePasswords`] is it at work.
#[derive(Debug)]
pub struct Passwords {
    tables: Vec<Arc<Table>>,
    groups: Vec<Group>,
    /// Numbers of the listeners by which they may come from anybody.
    private: Box<[u16]>,
}

/// It at work on one core.
#[derive(Debug)]
pub struct CorePasswords {
    rule: Arc<Passwords>,
    checker: Arc<Checker>,
    clock: Arc<dyn Clock>,
}

/// A password of which nothing is known yet.
#[derive(Debug)]
pub enum Pending {
    /// It is being checked.
    Asked(Arc<Flight>),
    /// It has to be.
    Check(Check, Pair, Vec<Line>),
}

/// How a call ends whose password cannot be checked now.
pub(super) fn unchecked() -> Box<Refusal> {
    let detail = "as many passwords are being checked as there is room for, or nobody came to check this one";
    Refusal::new(&codes::PASSWORD_UNCHECKED, detail).retry_after(Duration::from_secs(1))
}

impl CorePasswords {
    /// Binds it to a core.
    #[must_use]
    pub fn attach(rule: &Arc<Passwords>, core: &CoreContext) -> Self {
        Self { rule: Arc::clone(rule), checker: Checker::of(core), clock: Arc::clone(&core.clock) }
    }

    /// The password of a call.
    ///
    /// # Errors
    /// How the call ends when what came is none.
    pub fn read(&self, call: &Call, challenge: &Challenge) -> Result<Option<Pair>, Box<Refusal>> {
        let end = |code, why| Err(challenge.password(code, why, why));
        match presented(&call.request) {
            Presented::Nothing => Ok(None),
            // Whoever read along has it by now.
            _ if !self.is_private(call) => {
                end(&codes::CREDENTIAL_MISSING, "passwords are taken over TLS only")
            }
            Presented::Pair(pair) => Ok(Some(pair)),
            Presented::Wrong(why) => end(&codes::PASSWORD_INVALID, why),
            Presented::Malformed(why) => end(&codes::CREDENTIAL_MALFORMED, why),
        }
    }

    /// Whether the client's call came on a way that nobody else reads: to this gateway, or to a proxy that is believed. What that says of the
    /// client's way counts, however it came here itself.
    pub(super) fn is_private(&self, call: &Call) -> bool {
        let said = if call.trusted { says_https(&call.request.headers) } else { None };
        said.unwrap_or_else(|| call.peer.tls || self.rule.private.contains(&call.peer.listener))
    }

    /// What a name is checked against, in each table.
    fn lines(&self, user: &str) -> Option<Vec<Line>> {
        let line = |table: &Arc<Table>| {
            let own = table.users.get(user).map(|user| (Arc::clone(&user.hash), true));
            own.or_else(|| {
                let place = self.checker.choose(user.as_bytes(), table.stand_ins.len())?;
                Some((Arc::clone(table.stand_ins.get(place)?), false))
            })
        };
        self.rule.tables.iter().map(line).collect()
    }

    /// What a password proves; how far that is known. For an address that has failed too often nothing is checked, and only what it has
    /// proven itself is known.
    fn look(&self, call: &Call, pair: Pair) -> Result<Matched, Option<Box<Pending>>> {
        let lines = self.lines(pair.user()).ok_or(None)?;
        let groups = self.rule.tables.iter().map(|table| &*table.issuer);
        let question = self.checker.question(&pair, groups.zip(&lines));
        let (now, holder) = (self.clock.now(), bucket(call.client));
        if call.suspect.is_some() {
            return self.checker.proven_by(&question, pair.user(), holder, now).ok_or(None);
        }
        match self.checker.find(question, holder, now) {
            Found::Known(matched) => Ok(matched),
            Found::Asked(flight) => Err(Some(Box::new(Pending::Asked(flight)))),
            Found::Check(check) => Err(Some(Box::new(Pending::Check(check, pair, lines)))),
            Found::Busy => Err(None),
        }
    }

    /// A proof for each scheme that a user satisfies whose password matched.
    fn proofs(&self, call: &Call, user: &str, matched: Matched) -> SmallVec<[Proof; 1]> {
        let mut proofs = SmallVec::new();
        for group in &self.rule.groups {
            let own = |place: &&usize| matched.has(**place);
            let table = group.tables.iter().find(own).and_then(|place| self.rule.tables.get(*place));
            let Some(user) = table.and_then(|table| table.users.get(user)) else { continue };
            proofs.extend(group.schemes.iter().map(|scheme| Proof {
                scheme: *scheme,
                principal: Arc::clone(&user.principal),
                certificate: call.peer.certificate().cloned(),
            }));
        }
        proofs
    }

    /// Whether a name is that of somebody, for who runs the gateway.
    fn knows(&self, user: &str) -> bool {
        self.rule.tables.iter().any(|table| table.users.contains_key(user))
    }

    /// Whether whoever a proof of an open stream names is still one of the users, by the same password; they may what they may by now.
    #[must_use]
    pub fn renew(&self, proof: &mut Proof) -> bool {
        let known = &proof.principal;
        let groups = self.rule.groups.iter().filter(|group| group.schemes.contains(&proof.scheme));
        let mut tables =
            groups.flat_map(|group| &group.tables).filter_map(|place| self.rule.tables.get(*place));
        let table = tables.find(|table| table.issuer == known.issuer);
        let user = table.and_then(|table| table.users.get(&*known.subject));
        let same = |user: &&User| user.principal.marks == known.marks;
        let Some(user) = user.filter(same) else { return false };
        proof.principal = Arc::clone(&user.principal);
        true
    }

    /// Takes the password out of a call that passes.
    pub fn strip(&self, call: &mut Call) {
        let proven = |group: &&Group| {
            call.proofs.iter().any(|proof| {
                proof.principal.credential == CredentialKind::Password
                    && group.schemes.contains(&proof.scheme)
            })
        };
        // Where two schemes read it, the stricter says what becomes of it.
        let ends = self.rule.groups.iter().filter(proven).any(|group| !group.forward);
        if ends {
            call.request.headers.remove(AUTHORIZATION);
            call.request.headers.insert(CACHE_CONTROL, ALONE);
        }
    }
}

impl AtCore {
    /// The password of a call, where passwords are taken.
    pub(super) fn pair(&self, call: &Call) -> Result<Option<Pair>, Box<Refusal>> {
        let passwords = self.passwords.as_ref();
        passwords.map_or(Ok(None), |passwords| passwords.read(call, &self.control.challenge))
    }

    /// What a password proves, or how the look at the call ends. `checked` is what came of checking it, where that was done.
    pub(super) fn known(
        &self,
        call: &Call,
        pair: Option<Pair>,
        checked: Option<Matched>,
    ) -> Result<SmallVec<[Proof; 1]>, Looked<'_>> {
        let (Some(passwords), Some(pair)) = (&self.passwords, pair) else { return Ok(SmallVec::new()) };
        let refuse = |refusal| Err(Looked::Done(Verdict::Refuse(refusal)));
        let challenge = &self.control.challenge;
        let user = pair.user().to_owned();
        let matched = match checked.map_or_else(|| passwords.look(call, pair), Ok) {
            Ok(matched) => matched,
            Err(Some(pending)) => return Err(Looked::Password(pending)),
            Err(None) => return refuse(unchecked()),
        };
        let proofs = passwords.proofs(call, &user, matched);
        if proofs.is_empty() {
            // A name that nobody has may be a password in the wrong place: it is written nowhere.
            let detail = match passwords.knows(&user) {
                true => format!("the password is not that of `{user}`"),
                false => "nobody who is let in has the name that came".to_owned(),
            };
            let public = codes::PASSWORD_INVALID.title;
            return refuse(challenge.password(&codes::PASSWORD_INVALID, detail, public));
        }
        if proofs.iter().any(|proof| self.revoked(&proof.principal).is_some()) {
            let detail = format!("`{user}` is on the denylist");
            return refuse(challenge.password(&codes::USER_REVOKED, detail, codes::USER_REVOKED.title));
        }
        Ok(proofs)
    }

    /// Has a password checked, or waits for whoever does, and ends the look at the call.
    pub(super) fn pend<'c>(&'c self, call: &'c mut Call, pending: Pending) -> Step<'c> {
        match pending {
            Pending::Asked(flight) => Step::Wait(Box::pin(async move {
                flight.wait().await;
                self.concluded(call, flight.outcome()).await
            })),
            Pending::Check(check, pair, lines) => {
                let flight = check.flight();
                let job = check.job(pair, lines, Arc::clone(&self.clock));
                Step::OffloadThen(
                    job,
                    Box::new(move |_| Step::Wait(Box::pin(self.concluded(call, flight.outcome())))),
                )
            }
        }
    }

    async fn concluded(&self, call: &mut Call, matched: Option<Matched>) -> Verdict {
        let Some(matched) = matched else { return Verdict::Refuse(unchecked()) };
        match self.look(call, Some(matched)) {
            Looked::Done(verdict) => verdict,
            // A signature over the call, beside the password.
            Looked::Elsewhere(uses, good) => self.heard(call, uses, good).await,
            // A password stands where a token would: nothing else is waited for.
            Looked::Wait(_, otherwise) => Verdict::Refuse(otherwise),
            Looked::Password(_) => Verdict::Refuse(unchecked()),
        }
    }
}
