//! What other gateways revoked: taken in once, as wide as it was said, and taken back.

use credentials::Kind;

use super::*;
use crate::Adopted;

const OTHERS: &str = "gateways:state";

pub(super) async fn what_others_revoked_is_taken_in_once_and_taken_back(world: World) {
    let store = world.open().await;
    let end = world.now() + DAY.as_secs();
    let said = |value: &str, before, until, undone| Adopted {
        kind: Kind::Subject,
        issuer: String::from("https://idp"),
        value: value.to_owned(),
        before,
        until,
        undone,
        said: 0,
    };
    let at = |said, one: Adopted| Adopted { said, ..one };
    let is = |table: &Table| table.revoked().len();
    let first = [said("alice", Some(100), end, false), said("bob", None, end, false)];
    let done = store.adopt(OTHERS, &first, None).await.unwrap().unwrap();
    let table = Arc::new(store.table(done.contents, None));
    assert_eq!(is(&table), 2);
    // Once is enough, and less than what is there is nothing.
    for nothing in [
        said("alice", Some(100), end, false),
        said("alice", Some(50), end - 1, false),
        said("bob", Some(100), end, false),
        said("carol", None, end, true),
        said("dora", None, world.now(), false),
        said("a\nb", None, end, false),
        said("", None, end, false),
    ] {
        assert!(
            store.adopt(OTHERS, std::slice::from_ref(&nothing), Some(&table)).await.unwrap().is_none(),
            "{nothing:?}"
        );
    }
    // More is kept, beside what nobody can make sense of.
    let more = [said("", None, end, false), said("alice", Some(200), end + 10, false)];
    assert!(store.adopt(OTHERS, &more, Some(&table)).await.unwrap().is_some());
    let listed = |all: Vec<crate::Revocation>| {
        let mut all: Vec<_> = all.into_iter().map(|one| (one.value, one.before, one.expires)).collect();
        all.sort();
        all
    };
    let expected = [(String::from("alice"), Some(200), end + 10), (String::from("bob"), None, end)];
    assert_eq!(listed(store.revocations(None, 10).await.unwrap()), expected);
    // What is taken back is gone for whoever knew it, in the order in which it was said.
    let back = [
        at(1, said("bob", None, end, true)),
        at(1, said("alice", None, end, true)),
        at(2, said("alice", Some(7), end, false)),
    ];
    let done = store.adopt(OTHERS, &back, Some(&table)).await.unwrap().unwrap();
    assert_eq!(is(&store.table(done.contents, Some(&table))), 1);
    let expected = [(String::from("alice"), Some(7), end)];
    assert_eq!(listed(store.revocations(None, 10).await.unwrap()), expected);
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(3));
}

pub(super) async fn an_undo_takes_back_nothing_that_was_revoked_after_it_was_said(world: World) {
    let store = world.open().await;
    let said = |at, undone| Adopted {
        kind: Kind::Subject,
        issuer: String::from("https://idp"),
        value: String::from("alice"),
        before: None,
        until: world.now() + DAY.as_secs(),
        undone,
        said: at,
    };
    let moments = async |store: &Store| -> Vec<u64> {
        store.revocations(None, 10).await.unwrap().iter().map(|one| one.said).collect()
    };
    let adopt = async |one: Adopted| store.adopt(OTHERS, &[one], None).await.unwrap().is_some();
    assert!(adopt(said(100, false)).await && !adopt(said(100, false)).await);
    // Said again it is as new as what was said last.
    assert!(adopt(said(200, false)).await && !adopt(said(150, false)).await);
    assert!(!adopt(said(150, true)).await && !adopt(said(200, true)).await);
    assert_eq!(moments(&store).await, [200]);
    assert!(adopt(said(201, true)).await);
    assert_eq!(moments(&store).await, []);
    // What is revoked here is said now, whether it was known or not.
    let new = NewRevocation {
        kind: Kind::Subject,
        issuer: String::from("https://idp"),
        value: String::from("alice"),
        before: None,
        reason: String::new(),
        lasts: DAY,
    };
    let now = world.now() * 1_000_000;
    assert!(adopt(said(100, false)).await);
    let again = store.revoke("admin", &new, None).await.unwrap().value;
    assert!(again.said >= now && !adopt(said(now - 1, true)).await);
    assert_eq!(moments(&store).await, [again.said]);
}

pub(super) async fn a_revocation_of_before_was_said_when_it_was_made(world: World) {
    let store = world.open().await;
    let one = Adopted {
        kind: Kind::Subject,
        issuer: String::from("https://idp"),
        value: String::from("alice"),
        before: None,
        until: world.now() + DAY.as_secs(),
        undone: false,
        said: 7,
    };
    store.adopt(OTHERS, &[one], None).await.unwrap();
    let mut work = store.link.write().await.unwrap();
    for sql in [
        "ALTER TABLE yett_revocations DROP COLUMN said_at",
        "UPDATE yett_meta SET value = '2' WHERE name = 'version'",
    ] {
        work.execute(sql, []).await.unwrap();
    }
    work.commit(PATIENCE).await.unwrap();
    store.close().await;
    let kept = world.open().await.revocations(None, 10).await.unwrap();
    assert_eq!(kept[0].said, kept[0].created * 1_000_000);
}
