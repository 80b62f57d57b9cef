//! What was revoked of the tokens of others: single ones, and all of a subject, a session, an application or an issuer.
//!
//! A denylist and not a list of what is good: whoever is not in it goes on. It is asked about tokens that are good otherwise, so
//! that nobody learns from it whether somebody else's was revoked. Looking allocates nothing: one look for the issuer, and
//! only for an issuer of whom something was revoked one more for each thing that a token can be revoked by.

use std::collections::HashMap;

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
    /// Its [`token_digest`].
    pub digest: &'a Digest,
}

/// What was revoked of one issuer's tokens.
#[derive(Debug, Default)]
struct OfIssuer {
    all: Option<Rule>,
    tokens: HashMap<Box<str>, Rule>,
    subjects: HashMap<Box<str>, Rule>,
    sessions: HashMap<Box<str>, Rule>,
    applications: HashMap<Box<str>, Rule>,
}

/// All that was revoked, at one moment. Never changed once it is published.
#[derive(Debug, Default)]
pub struct Revoked {
    issuers: HashMap<Box<str>, OfIssuer>,
    digests: HashMap<Digest, Rule>,
    len: usize,
}

impl Revoked {
    /// Enters one: `issuer` is empty for [`Kind::Digest`] and `value` for [`Kind::Issuer`]. False for what is no digest in 64
    /// hexadecimal digits, where one is wanted.
    pub fn insert(&mut self, kind: Kind, (issuer, value): (&str, &str), rule: Rule) -> bool {
        let before = if kind == Kind::Digest {
            let Some(digest) = crate::Hash::from_hex(value) else { return false };
            self.digests.insert(digest.bytes(), rule)
        } else {
            let of = self.issuers.entry(issuer.into()).or_default();
            match kind {
                Kind::Issuer => of.all.replace(rule),
                Kind::Token | Kind::Digest => of.tokens.insert(value.into(), rule),
                Kind::Subject => of.subjects.insert(value.into(), rule),
                Kind::Session => of.sessions.insert(value.into(), rule),
                Kind::Application => of.applications.insert(value.into(), rule),
            }
        };
        self.len += usize::from(before.is_none());
        true
    }

    /// How many entries there are, those that are over included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// By what a token was revoked, at a second; `None` for one that goes on.
    #[must_use]
    pub fn find(&self, token: &Token<'_>, now: u64) -> Option<Kind> {
        if self.is_empty() {
            return None;
        }
        let hits = |rule: Option<&Rule>| rule.is_some_and(|rule| rule.hits(token.issued, now));
        if !self.digests.is_empty() && hits(self.digests.get(token.digest)) {
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
mod tests {
    use super::*;

    const DIGEST: Digest = [7; 32];

    fn token() -> Token<'static> {
        Token {
            issuer: "i",
            subject: "alice",
            applications: [Some("app"), Some("party")],
            id: Some("t1"),
            session: Some("s1"),
            issued: Some(100),
            digest: &DIGEST,
        }
    }

    fn one(kind: Kind, issuer: &str, value: &str, before: Option<u64>) -> Revoked {
        let mut all = Revoked::default();
        assert!(all.insert(kind, (issuer, value), Rule { before, until: 1_000 }));
        all
    }

    #[test]
    fn each_kind_takes_out_what_it_names_and_nothing_else() {
        let hex = "07".repeat(32);
        for (kind, issuer, value) in [
            (Kind::Token, "i", "t1"),
            (Kind::Digest, "", hex.as_str()),
            (Kind::Subject, "i", "alice"),
            (Kind::Session, "i", "s1"),
            (Kind::Application, "i", "app"),
            (Kind::Application, "i", "party"),
            (Kind::Issuer, "i", ""),
        ] {
            let all = one(kind, issuer, value, None);
            assert_eq!(all.find(&token(), 500), Some(kind), "{kind:?}");
            assert_eq!(all.find(&token(), 999), Some(kind));
            assert_eq!(all.find(&token(), 1_000), None, "forgotten");
            let twin = Token { issuer: "j", digest: &[8; 32], ..token() };
            assert_eq!(all.find(&twin, 500), None, "{kind:?} of another issuer");
            let other = Token {
                subject: "Alice",
                applications: [None, None],
                id: None,
                session: Some("s"),
                digest: &[8; 32],
                ..token()
            };
            assert_eq!(all.find(&other, 500), Some(kind).filter(|kind| *kind == Kind::Issuer), "{kind:?}");
        }
        // A name of one kind is none of another.
        assert_eq!(one(Kind::Session, "i", "alice", None).find(&token(), 1), None);
        assert_eq!(one(Kind::Token, "i", "s1", None).find(&token(), 1), None);
    }

    #[test]
    fn a_moment_parts_what_was_issued_before_from_what_comes_after() {
        let all = one(Kind::Subject, "i", "alice", Some(100));
        for (issued, expected) in
            [(Some(99), true), (Some(100), true), (Some(101), false), (None, true), (Some(0), true)]
        {
            let token = Token { issued, ..token() };
            assert_eq!(all.find(&token, 500).is_some(), expected, "{issued:?}");
        }
    }

    #[test]
    fn what_is_no_digest_is_not_taken_and_what_comes_twice_counts_once() {
        let mut all = Revoked::default();
        let rule = Rule { before: None, until: 1_000 };
        for bad in ["", "07", &"0G".repeat(32), &"AB".repeat(32)] {
            assert!(!all.insert(Kind::Digest, ("", bad), rule), "{bad}");
        }
        assert!(all.is_empty());
        for _ in 0..2 {
            assert!(all.insert(Kind::Token, ("i", "t1"), rule));
        }
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_signature_written_otherwise_is_the_same_token() {
        assert_eq!(token_digest("h.p.one"), token_digest("h.p.two"));
        assert_eq!(token_digest("h.p."), token_digest("h.p.two"));
        for (one, other) in [
            ("h.p.s", "h.q.s"),
            ("opaque", "opaquf"),
            ("a.b", "a.c"),
            ("a.b.c.d", "a.b.c.e"),
            ("a.b.c.d.e", "a.b.c.d.f"),
        ] {
            assert_ne!(token_digest(one), token_digest(other), "{one}");
        }
        assert_eq!(crate::Hash::from_hex(&"07".repeat(32)).map(crate::Hash::bytes), Some(DIGEST));
    }
}
