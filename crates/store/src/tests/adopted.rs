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
    };
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
    let back =
        [said("bob", None, end, true), said("alice", None, end, true), said("alice", Some(7), end, false)];
    let done = store.adopt(OTHERS, &back, Some(&table)).await.unwrap().unwrap();
    assert_eq!(is(&store.table(done.contents, Some(&table))), 1);
    let expected = [(String::from("alice"), Some(7), end)];
    assert_eq!(listed(store.revocations(None, 10).await.unwrap()), expected);
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(3));
}
