//! What is revoked, by whatever, and what goes on.

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
        digest: Some(&DIGEST),
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
        let twin = Token { issuer: "j", digest: Some(&[8; 32]), ..token() };
        assert_eq!(all.find(&twin, 500), None, "{kind:?} of another issuer");
        let other = Token {
            subject: "Alice",
            applications: [None, None],
            id: None,
            session: Some("s"),
            digest: Some(&[8; 32]),
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
fn what_is_newer_stands_beside_what_is_older_and_what_is_over_is_left_out() {
    let mut all = one(Kind::Subject, "i", "alice", Some(100));
    all.settle(0);
    let before = all.clone();
    let rule = |until| Rule { before: None, until };
    let name = |number: usize| format!("j{number}");
    for number in 0..=NEWER {
        all.insert(Kind::Session, ("i", &name(number)), rule(10 + u64::from(number > 5)));
    }
    assert_eq!((all.len(), before.len()), (NEWER + 2, 1));
    all.settle(10);
    assert_eq!(all.len(), NEWER - 4, "six were over");
    let session = |all: &Revoked, number: usize| {
        all.find(&Token { session: Some(&name(number)), subject: "x", ..token() }, 10)
    };
    assert_eq!((session(&all, 6), session(&all, 5)), (Some(Kind::Session), None));
    assert_eq!((session(&before, 6), before.find(&token(), 1)), (None, Some(Kind::Subject)));
    assert_eq!(all.find(&token(), 10), Some(Kind::Subject), "among the others");
    // Wider of late: what either takes out is out.
    let later = Token { issued: Some(500), ..token() };
    assert_eq!(all.find(&later, 20), None);
    all.insert(Kind::Subject, ("i", "alice"), rule(1_000));
    assert_eq!((all.find(&later, 20), all.find(&token(), 20)), (Some(Kind::Subject), Some(Kind::Subject)));
    all.insert(Kind::Digest, ("", &"07".repeat(32)), rule(1_000));
    all.insert(Kind::Issuer, ("j", ""), rule(1_000));
    for number in 0..=NEWER {
        all.insert(Kind::Token, ("k", &name(number)), rule(1_000));
    }
    all.settle(11);
    assert_eq!(all.len(), 3 + NEWER + 1);
    assert_eq!(all.find(&later, 20), Some(Kind::Digest));
    assert_eq!(all.find(&Token { issuer: "j", digest: None, ..token() }, 20), Some(Kind::Issuer));
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
