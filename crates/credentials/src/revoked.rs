//! What was revoked of the tokens of others: single ones, and all of a subject, a session, an application or an issuer.
//!
//! A denylist and not a list of what is good: whoever is not in it goes on. It is asked about tokens that are good otherwise, so
//! that nobody learns from it whether somebody else's was revoked. Looking allocates nothing: one look for the issuer, and
//! only for an issuer of whom something was revoked one more for each thing that a token can be revoked by.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// By what something is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One token, by its `jti` at its issuer.
    Token,
    /// One token, by its digest ([`token_digest`]); no issuer belongs to it.
    Digest,
    /// All tokens of a subject (`sub`) of an issuer.
    Subject,
    /// All tokens of a session (`sid`) at an issuer.
    Session,
    /// All tokens of an application (`client_id` or `azp`) at an issuer.
    Application,
    /// All tokens of an issuer; no value belongs to it.
    Issuer,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Token, Kind::Digest, Kind::Subject, Kind::Session, Kind::Application, Kind::Issuer];

    /// As kept and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Digest => "digest",
            Self::Subject => "subject",
            Self::Session => "session",
            Self::Application => "application",
            Self::Issuer => "issuer",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which tokens an entry takes out, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Those that were issued in this second since 1970 or before it, and those that do not say when; `None` for all, whenever
    /// they were issued.
    pub before: Option<u64>,
    /// First second at which it is forgotten.
    pub until: u64,
}

impl Rule {
    fn hits(&self, issued: Option<u64>, now: u64) -> bool {
        now < self.until
            && match (self.before, issued) {
                (Some(before), Some(issued)) => issued <= before,
                (None, _) | (_, None) => true,
            }
    }
}

/// A token that is good otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// Who vouches for it.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// `client_id` and `azp`, those that there are.
    pub applications: [Option<&'a str>; 2],
    /// `jti`.
    pub id: Option<&'a str>,
    /// `sid`.
    pub session: Option<&'a str>,
    /// `iat`.
    pub issued: Option<u64>,
    /// Its [`token_digest`], where that is known.
    pub digest: Option<&'a Digest>,
}

/// What was revoked of one issuer's tokens.
#[derive(Debug, Default, Clone)]
struct OfIssuer {
    all: Option<Rule>,
    tokens: HashMap<Box<str>, Rule>,
    subjects: HashMap<Box<str>, Rule>,
    sessions: HashMap<Box<str>, Rule>,
    applications: HashMap<Box<str>, Rule>,
}

impl OfIssuer {
    /// Those that are named by a value; none of [`Kind::Digest`] and [`Kind::Issuer`].
    fn named(&mut self, kind: Kind) -> Option<&mut HashMap<Box<str>, Rule>> {
        match kind {
            Kind::Token => Some(&mut self.tokens),
            Kind::Subject => Some(&mut self.subjects),
            Kind::Session => Some(&mut self.sessions),
            Kind::Application => Some(&mut self.applications),
            Kind::Digest | Kind::Issuer => None,
        }
    }
}

/// Entries, each found by what it names.
#[derive(Debug, Default, Clone)]
struct Layer {
    issuers: HashMap<Box<str>, OfIssuer>,
    digests: HashMap<Digest, Rule>,
    len: usize,
}

impl Layer {
    /// False for what is no digest, where one is wanted.
    fn insert(&mut self, kind: Kind, (issuer, value): (&str, &str), rule: Rule) -> bool {
        let before = if kind == Kind::Digest {
            let Some(digest) = crate::Hash::from_hex(value) else { return false };
            self.digests.insert(digest.bytes(), rule)
        } else {
            let of = self.issuers.entry(issuer.into()).or_default();
            match of.named(kind) {
                Some(named) => named.insert(value.into(), rule),
                None => of.all.replace(rule),
            }
        };
        self.len += usize::from(before.is_none());
        true
    }

    /// Takes another one in, whose entries stand for those of the same name, and leaves out what is over at a second.
    fn take_in(&mut self, newer: Layer, now: u64) {
        self.digests.extend(newer.digests);
        for (issuer, newer) in newer.issuers {
            let of = self.issuers.entry(issuer).or_default();
            of.all = newer.all.or(of.all);
            of.tokens.extend(newer.tokens);
            of.subjects.extend(newer.subjects);
            of.sessions.extend(newer.sessions);
            of.applications.extend(newer.applications);
        }
        let lasts = |rule: &Rule| now < rule.until;
        self.digests.retain(|_, rule| lasts(rule));
        self.len = self.digests.len();
        self.issuers.retain(|_, of| {
            of.all = of.all.filter(lasts);
            let maps = [&mut of.tokens, &mut of.subjects, &mut of.sessions, &mut of.applications];
            let named = maps.into_iter().map(|map| {
                map.retain(|_, rule| lasts(rule));
                map.len()
            });
            let kept = named.sum::<usize>() + usize::from(of.all.is_some());
            self.len += kept;
            kept > 0
        });
    }

    fn find(&self, token: &Token<'_>, now: u64) -> Option<Kind> {
        if self.len == 0 {
            return None;
        }
        let hits = |rule: Option<&Rule>| rule.is_some_and(|rule| rule.hits(token.issued, now));
        if !self.digests.is_empty() && hits(token.digest.and_then(|digest| self.digests.get(digest))) {
            return Some(Kind::Digest);
        }
        let of = self.issuers.get(token.issuer)?;
        let named = |rules: &HashMap<Box<str>, Rule>, name: Option<&str>| {
            !rules.is_empty() && name.is_some_and(|name| hits(rules.get(name)))
        };
        let [application, party] = token.applications;
        let cases = [
            (Kind::Token, named(&of.tokens, token.id)),
            (Kind::Session, named(&of.sessions, token.session)),
            (Kind::Subject, named(&of.subjects, Some(token.subject))),
            (Kind::Application, named(&of.applications, application) || named(&of.applications, party)),
            (Kind::Issuer, hits(of.all.as_ref())),
        ];
        cases.into_iter().find(|(_, is)| *is).map(|(kind, _)| kind)
    }
}

/// Newer entries that are looked through beside the others, at most: then they are put among these.
const NEWER: usize = 1_024;

/// All that was revoked, at one moment. Never changed once it is published; a copy shares all but the newest entries.
#[derive(Debug, Default, Clone)]
pub struct Revoked {
    older: Arc<Layer>,
    newer: Layer,
}

impl Revoked {
    /// Enters one: `issuer` is empty for [`Kind::Digest`] and `value` for [`Kind::Issuer`]. It stands beside one of the same name
    /// that is older: what either of them takes out is out. False for what is no digest in 64 hexadecimal digits, where one is
    /// wanted.
    pub fn insert(&mut self, kind: Kind, named: (&str, &str), rule: Rule) -> bool {
        self.newer.insert(kind, named, rule)
    }

    /// Puts the newest among the others when there are many of them, and then leaves out what is over at a second. To be called
    /// when all are entered.
    pub fn settle(&mut self, now: u64) {
        if self.newer.len > NEWER {
            let newer = std::mem::take(&mut self.newer);
            Arc::make_mut(&mut self.older).take_in(newer, now);
        }
    }

    /// How many entries there are, those that are over included, and those twice that were entered once more of late.
    #[must_use]
    pub fn len(&self) -> usize {
        self.older.len + self.newer.len
    }

    /// Whether nothing was revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// By what a token was revoked, at a second; `None` for one that goes on.
    #[must_use]
    pub fn find(&self, token: &Token<'_>, now: u64) -> Option<Kind> {
        self.newer.find(token, now).or_else(|| self.older.find(token, now))
    }
}

/// What a token is known by that has no `jti`: SHA-256 of it, and of what looks like a signed one without its signature. Whoever
/// holds a token could write the signature of one under an elliptic curve in a second way (FIPS 186-5 section 6: with *n − s* for
/// *s*), and a digest of the whole would not know it again.
#[must_use]
pub fn token_digest(token: &str) -> Digest {
    let mut parts = token.splitn(4, '.');
    let signed = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(_), None) => header.len() + 1 + payload.len(),
        _ => token.len(),
    };
    let mut out = [0; 32];
    let tag = digest(&SHA256, token.as_bytes().get(..signed).unwrap_or_default());
    out.iter_mut().zip(tag.as_ref()).for_each(|(slot, byte)| *slot = *byte);
    out
}

#[cfg(test)]
mod tests;
