//! What policies are told of a call. What cannot be told as what it was declared to be is not told otherwise: such a call is refused.

use std::borrow::Cow;
use std::sync::Arc;

use cedar::Wants;
use cedar::facts::{Assurance, Caller, Facts, Term, Time, Told};
use cedar::names::Kind;
use engine::{Call, Principal, UnixTime};
use smallvec::SmallVec;
use tape::{Kind as Json, Node};

use super::offset;
use crate::callers::{ClaimPath, Roles, scalar};
use crate::pattern::{Found, Pattern};
use crate::read_body::{self, Content};
use crate::security::Issuers;

/// A claim that policies read.
#[derive(Debug)]
pub(super) struct Claim {
    /// Its name in `context.claims`.
    pub(super) name: Box<str>,
    /// Where it is.
    pub(super) path: ClaimPath,
    /// What it is.
    pub(super) kind: Kind,
}

/// A value of the body that policies read.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// Its name in `resource`.
    pub(super) name: Box<str>,
    /// Where it stands.
    pub(super) pointer: Pattern,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether it has to be there.
    pub(super) required: bool,
}

/// What is told of the calls of one operation.
#[derive(Debug)]
pub(super) struct Telling {
    /// Names of its path parameters, in the order of the template; `None` of those that no policy reads.
    pub(super) params: Box<[Option<Box<str>>]>,
    /// Values of its body.
    pub(super) values: Box<[Value]>,
    /// Claims.
    pub(super) claims: Arc<[Claim]>,
    /// Whose claims and roles are told.
    pub(super) believed: Issuers,
    /// Where roles are.
    pub(super) roles: Roles,
    /// Issuers as principals name them, and by their names in the document.
    pub(super) issuers: Arc<[(Box<str>, Box<str>)]>,
    /// Names of the listeners, by their numbers.
    pub(super) listeners: Arc<[Box<str>]>,
    /// Minutes that are added to UTC.
    pub(super) offset: i64,
    /// The operation's rules, by which bodies are read.
    pub(super) contract: Option<Arc<contract::Operation>>,
}

/// Why a call cannot be told: what of it, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untold {
    /// What: a claim, a parameter, a value of the body.
    pub(super) what: Box<str>,
    /// How.
    pub(super) why: &'static str,
}

const OTHER_TYPE: &str = "is not of the type that is declared for it";
const SEVERAL: &str = "is there more than once, or in a form that is read in more than one way";
const MISSING: &str = "is not there";
const NO_TEXT: &str = "is no text in UTF-8";

impl Telling {
    /// A call as policies are told of it; with its body, where that was read.
    ///
    /// # Errors
    /// What of it cannot be told.
    pub(super) fn facts<'c>(
        &'c self,
        wants: &Wants,
        call: &'c Call,
        body: Option<&'c Content>,
        now: UnixTime,
    ) -> Result<Facts<'c>, Untold> {
        let principal = call.principal().map(|principal| &**principal);
        let believed = principal.filter(|principal| self.believed.vouch_for(principal));
        let mut resource = SmallVec::new();
        self.path(call, &mut resource)?;
        if let Some(body) = body {
            self.body(body, &mut resource)?;
        }
        let seconds = i64::try_from(now.seconds()).unwrap_or(i64::MAX);
        let (token_age, token_left) = if wants.token { ages(principal, seconds) } else { (None, None) };
        Ok(Facts {
            caller: principal.map(|principal| self.caller(wants, principal, believed.is_some(), call)),
            path: call.request.path(),
            resource,
            claims: believed.map_or_else(|| Ok(SmallVec::new()), |principal| self.claims(principal))?,
            method: call.request.method.as_str(),
            host: &call.request.host,
            listener: self.listeners.get(usize::from(call.peer.listener)).map_or("", |name| &**name),
            tls: call.peer.tls,
            address: call.client,
            located: call.located,
            time: self.time(wants, now),
            token_age,
            token_left,
            assurance: match (wants.assurance, believed) {
                (true, Some(principal)) => assurance(principal, seconds),
                _ => Assurance::default(),
            },
            credentials: if wants.credentials { credentials(call) } else { SmallVec::new() },
        })
    }

    fn path<'c>(&'c self, call: &'c Call, out: &mut SmallVec<[Told<'c>; 8]>) -> Result<(), Untold> {
        for (name, value) in self.params.iter().zip(call.params()) {
            let Some(name) = name else { continue };
            let untold = || Untold { what: format!("the parameter `{name}`").into(), why: NO_TEXT };
            let text = match detect::percent_decoded(value.as_bytes()) {
                Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
                Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
            };
            out.push((name, Term::Text(text.ok_or_else(untold)?)));
        }
        Ok(())
    }

    fn body<'c>(&'c self, body: &'c Content, out: &mut SmallVec<[Told<'c>; 8]>) -> Result<(), Untold> {
        for value in &self.values {
            let untold = |why| Untold { what: format!("`{}` of the body", value.name).into(), why };
            let term = match body {
                Content::Empty => None,
                Content::Json(tape) | Content::Merge(tape) => of_body(value, tape.root()).map_err(untold)?,
                Content::Fields(tape) if read_body::has_alias(tape, &value.pointer) => {
                    return Err(untold(SEVERAL));
                }
                Content::Fields(tape) => of_body(value, tape.root()).map_err(untold)?,
                // What a patch makes of it is known to the service only.
                Content::Patch(_) | Content::Both(_) | Content::Flat | Content::Unread => {
                    return Err(untold(SEVERAL));
                }
            };
            match term {
                Some(term) => out.push((&value.name, term)),
                None if value.required => return Err(untold(MISSING)),
                None => {}
            }
        }
        Ok(())
    }

    fn claims<'c>(&'c self, principal: &'c Principal) -> Result<SmallVec<[Told<'c>; 8]>, Untold> {
        let mut all = SmallVec::new();
        for claim in &*self.claims {
            let Some(node) = claim.path.find(principal).filter(|node| !node.is_null()) else { continue };
            let untold = || Untold { what: format!("the claim `{}`", claim.name).into(), why: OTHER_TYPE };
            all.push((&*claim.name, term(claim.kind, node).ok_or_else(untold)?));
        }
        Ok(all)
    }

    fn caller<'c>(
        &'c self,
        wants: &Wants,
        principal: &'c Principal,
        believed: bool,
        call: &'c Call,
    ) -> Caller<'c> {
        let known = self.issuers.iter().find(|(iss, _)| **iss == *principal.issuer);
        let names = call.operation.iter().flat_map(|plan| plan.names.scopes.iter()).enumerate();
        let scopes = names.filter(|(bit, _)| wants.scopes && principal.scopes.contains(*bit));
        let roles =
            if wants.roles && believed { self.roles.of_principal(principal) } else { SmallVec::new() };
        Caller {
            issuer: &principal.issuer,
            issuer_name: known.map_or(&*principal.issuer, |(_, name)| &**name),
            subject: &principal.subject,
            application: principal.application.as_deref(),
            credential: principal.credential.name(),
            scopes: scopes.map(|(_, name)| &**name).collect(),
            roles,
        }
    }

    fn time(&self, wants: &Wants, now: UnixTime) -> Time {
        if !wants.time {
            return Time::default();
        }
        let unix = i64::try_from(now.0 / 1_000_000).unwrap_or(i64::MAX);
        let (weekday, minute) = offset::local(unix / 1_000, self.offset);
        Time { unix, weekday, minute }
    }
}

/// What stands in a body at a place; `None` for nothing.
fn of_body<'b>(value: &Value, root: Node<'b>) -> Result<Option<Term<'b>>, &'static str> {
    let mut found: SmallVec<[Node<'b>; 4]> = SmallVec::new();
    let mut misplaced = false;
    value.pointer.walk(root, &mut |one| match one {
        Found::Value(node) if node.is_null() => {}
        Found::Value(node) => found.push(node),
        Found::Absent => {}
        Found::Misplaced => misplaced = true,
    });
    match (value.kind, found.as_slice()) {
        _ if misplaced => Err(SEVERAL),
        (_, []) => Ok(None),
        (Kind::Texts, all) => {
            let mut texts = SmallVec::new();
            for node in all {
                let Some(Term::Texts(more)) = term(Kind::Texts, *node) else { return Err(OTHER_TYPE) };
                texts.extend(more);
            }
            Ok(Some(Term::Texts(texts)))
        }
        (kind, [one]) => term(kind, *one).map(Some).ok_or(OTHER_TYPE),
        // Under names that differ in case only: services differ in which of them counts.
        _ => Err(SEVERAL),
    }
}

/// A value as what it was declared to be; `None` when it is something else.
fn term(kind: Kind, node: Node<'_>) -> Option<Term<'_>> {
    match kind {
        Kind::Text => scalar(node).map(Term::Text),
        Kind::Long => scalar(node).filter(|_| node.kind() == Json::Number)?.parse().ok().map(Term::Long),
        Kind::Bool => node.as_bool().map(Term::Bool),
        Kind::Texts if node.kind() == Json::Array => {
            node.items().map(scalar).collect::<Option<_>>().map(Term::Texts)
        }
        Kind::Texts => scalar(node).map(|one| Term::Texts(SmallVec::from_iter([one]))),
    }
}

/// Seconds since the token was issued, and until the credential ends.
fn ages(principal: Option<&Principal>, now: i64) -> (Option<i64>, Option<i64>) {
    let Some(principal) = principal else { return (None, None) };
    let left = i64::try_from(principal.expires).ok().map(|expires| expires.saturating_sub(now));
    (since(principal, "iat", now), left)
}

/// Seconds since a moment that a claim names; a part of one counts as a whole, so that nothing is younger than it is.
fn since(principal: &Principal, claim: &str, now: i64) -> Option<i64> {
    let number = principal.claims.root().get(claim)?.as_number()?.as_f64()?;
    // What is far from any time is cut off.
    Some(now.saturating_sub(number.floor() as i64))
}

fn assurance(principal: &Principal, now: i64) -> Assurance<'_> {
    let claims = principal.claims.root();
    let amr = claims.get("amr").filter(|amr| amr.kind() == Json::Array);
    Assurance {
        acr: claims.get("acr").and_then(Node::as_str),
        amr: amr.into_iter().flat_map(Node::items).filter_map(Node::as_str).collect(),
        login_age: since(principal, "auth_time", now),
        bound: !principal.binding.is_none(),
    }
}

/// Kinds of all credentials that were proven.
fn credentials(call: &Call) -> SmallVec<[&str; 4]> {
    call.proofs.iter().map(|proof| proof.principal.credential.name()).collect()
}
