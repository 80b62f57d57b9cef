//! What was revoked of the tokens of others: kept, widened, undone, forgotten, bounded.

use credentials::{Kind, Token, token_digest};
use engine::bounds;

use super::*;

fn revocation(kind: Kind, issuer: &str, value: &str) -> NewRevocation {
    NewRevocation {
        kind,
        issuer: issuer.into(),
        value: value.into(),
        before: None,
        reason: String::from("lost"),
        lasts: DAY,
    }
}

/// By what a table takes out a token of alice's.
fn takes_out(table: &Table, now: u64) -> Option<Kind> {
    let token = Token {
        issuer: "https://idp",
        subject: "alice",
        applications: [Some("app"), None],
        id: Some("t1"),
        session: Some("s1"),
        issued: Some(now),
        digest: Some(&token_digest("opaque")),
    };
    table.revoked().find(&token, now)
}

fn hex(token: &str) -> String {
    token_digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn what_is_revoked_is_so_until_it_is_undone_or_forgotten(world: World) {
    let store = world.open().await;
    let digest = hex("opaque");
    for (kind, issuer, value) in [
        (Kind::Token, "https://idp", "t1"),
        (Kind::Digest, "", digest.as_str()),
        (Kind::Subject, "https://idp", "alice"),
        (Kind::Session, "https://idp", "s1"),
        (Kind::Application, "https://idp", "app"),
        (Kind::Issuer, "https://idp", ""),
    ] {
        let done = store.revoke(WHO, &revocation(kind, issuer, value), None).await.unwrap();
        assert!(done.value.id.starts_with("rev_") && done.value.created == world.now(), "{done:?}");
        assert_eq!(takes_out(&store.table(done.contents, None), world.now()), Some(kind), "{kind:?}");
        // As another process reads it.
        let other = world.open().await;
        assert_eq!(
            takes_out(&other.table(other.contents(None).await.unwrap(), None), world.now()),
            Some(kind)
        );
        let undone = store.undo_revocation(WHO, &done.value.id).await.unwrap();
        assert_eq!(takes_out(&store.table(undone.contents, None), world.now()), None, "{kind:?}");
        let again = store.undo_revocation(WHO, &done.value.id).await.unwrap_err();
        assert!(matches!(again, StoreError::Missing(_)), "{again}");
        other.close().await;
    }
    let done = store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t1"), None).await.unwrap();
    let table = store.table(done.contents, None);
    let end = world.now() + DAY.as_secs();
    assert_eq!((takes_out(&table, end - 1), takes_out(&table, end)), (Some(Kind::Token), None));
    world.clock.advance(DAY);
    assert!(store.revocations(None, 10).await.unwrap().is_empty());
    let next = store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t2"), None).await.unwrap();
    assert_eq!(store.table(next.contents, None).revoked().len(), 1, "what is over is gone");
    let chain = store.audit(0, 100).await.unwrap();
    assert_eq!((chain[0].action.as_str(), chain[1].action.as_str()), ("revocation.add", "revocation.undo"));
    assert!(chain[0].detail.contains("kind=token issuer=https://idp value=t1"), "{}", chain[0].detail);
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(14));
}

pub(super) async fn what_is_revoked_once_more_is_so_for_the_longer_and_the_wider(world: World) {
    let store = world.open().await;
    let with = |before, lasts| NewRevocation { before, lasts, ..revocation(Kind::Subject, "i", "alice") };
    let now = world.now();
    let first = store.revoke(WHO, &with(Some(100), DAY), None).await.unwrap().value;
    for (before, lasts, expected) in [
        (Some(200), DAY / 2, (Some(200), now + DAY.as_secs())),
        (Some(150), 2 * DAY, (Some(200), now + 2 * DAY.as_secs())),
        (None, DAY, (None, now + 2 * DAY.as_secs())),
        (Some(300), DAY, (None, now + 2 * DAY.as_secs())),
    ] {
        let kept = store.revoke(WHO, &with(before, lasts), None).await.unwrap().value;
        assert_eq!((&kept.id, kept.before, kept.expires), (&first.id, expected.0, expected.1));
    }
    assert_eq!(store.revocations(None, 10).await.unwrap().len(), 1);
    // Listed piece by piece.
    for number in 0..7 {
        store.revoke(WHO, &revocation(Kind::Session, "i", &number.to_string()), None).await.unwrap();
    }
    let all = store.revocations(None, 100).await.unwrap();
    let place = (all[2].created, all[2].id.as_str());
    assert_eq!(store.revocations(Some(place), 3).await.unwrap(), &all[3..6]);
    assert_eq!(all.len(), 8);
}

pub(super) async fn what_cannot_be_revoked_is_said_and_changes_nothing(world: World) {
    let store = world.open().await;
    let long = "x".repeat(1025);
    for (kind, issuer, value) in [
        (Kind::Token, "", "t1"),
        (Kind::Token, "i", ""),
        (Kind::Subject, "i", "a\nb"),
        (Kind::Subject, "a\0", "b"),
        (Kind::Session, "i", long.as_str()),
        (Kind::Session, long.as_str(), "s"),
        (Kind::Issuer, "i", "x"),
        (Kind::Issuer, "", ""),
        (Kind::Digest, "", "abc"),
        (Kind::Digest, "i", &"07".repeat(32)),
        (Kind::Digest, "", &"AB".repeat(32)),
    ] {
        let refused = store.revoke(WHO, &revocation(kind, issuer, value), None).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid(_)), "{kind:?} {issuer} {value}: {refused}");
    }
    for lasts in [Duration::ZERO, 2 * MAX_TTL] {
        let wrong = NewRevocation { lasts, ..revocation(Kind::Token, "i", "t") };
        assert!(matches!(store.revoke(WHO, &wrong, None).await, Err(StoreError::Invalid(_))));
    }
    let wrong = NewRevocation { reason: "a\nb".into(), ..revocation(Kind::Token, "i", "t") };
    assert!(matches!(store.revoke(WHO, &wrong, None).await, Err(StoreError::Invalid(_))));
    assert_eq!(store.head().await.unwrap().sequence, 0);
    // Their twin, at the bounds.
    store.revoke(WHO, &revocation(Kind::Session, &long[1..], &long[1..]), None).await.unwrap();
}

pub(super) async fn a_full_denylist_refuses_and_says_so(world: World) {
    let store = world.open().await;
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) \
                INSERT INTO yett_revocations (id, kind, issuer, value, before_at, reason, created_at, expires_at, \
                sequence) SELECT 'rev_' || i, 'token', 'i', 'jti-' || i, NULL, '', 1, 99999999999, 0 FROM n";
    let mut work = store.link.write().await.unwrap();
    work.execute(fill, []).await.unwrap();
    work.commit(PATIENCE).await.unwrap();
    let last = store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t1"), None).await.unwrap();
    let table = store.table(last.contents, None);
    assert_eq!((table.revoked().len(), takes_out(&table, world.now())), (bounds::DENIED, Some(Kind::Token)));
    let full = store.revoke(WHO, &revocation(Kind::Token, "i", "another"), None).await.unwrap_err();
    assert!(
        matches!(full, StoreError::Conflict(_)) && full.to_string().contains("yett revocations list"),
        "{full}"
    );
    // One that is there may be said again, and what is forgotten makes room.
    store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t1"), None).await.unwrap();
    world.clock.advance(DAY);
    store.revoke(WHO, &revocation(Kind::Token, "i", "another"), None).await.unwrap();
}

pub(super) async fn a_store_of_before_takes_the_step(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    let mut work = store.link.write().await.unwrap();
    for sql in [
        "DROP TABLE yett_revocations",
        "DROP TABLE yett_events",
        "UPDATE yett_meta SET value = '1' WHERE name = 'version'",
    ] {
        work.execute(sql, []).await.unwrap();
    }
    work.commit(PATIENCE).await.unwrap();
    store.close().await;
    let store = world.open().await;
    store.revoke(WHO, &revocation(Kind::Issuer, "i", ""), None).await.unwrap();
    assert_eq!(
        (store.applications(None, 10).await.unwrap().len(), store.verify_audit().await.unwrap()),
        (1, Verified::Whole(2))
    );
}

/// A table after a change, beside one that is known.
async fn beside(store: &Store, known: &Arc<Table>) -> (bool, Arc<Table>) {
    let contents = store.contents(Some(known)).await.unwrap();
    (contents.is_whole(), Arc::new(store.table(contents, Some(known))))
}

pub(super) async fn what_is_newer_is_read_and_all_after_a_gap(world: World) {
    let (store, other) = (world.open().await, world.open().await);
    store.create_application(WHO, "shop", "me").await.unwrap();
    let key = store.create_key(WHO, &new("shop", &["a"], None)).await.unwrap();
    let (_, secret) = key.value;
    let first = Arc::new(store.table(key.contents, None));
    // As the one that revokes is handed it, and as another one reads it: the keys are those that it knows.
    let done =
        store.revoke(WHO, &revocation(Kind::Subject, "https://idp", "alice"), Some(&first)).await.unwrap();
    assert!(!done.contents.is_whole());
    let own = Arc::new(store.table(done.contents, Some(&first)));
    let (whole, read) = beside(&other, &first).await;
    for table in [&own, &read] {
        assert!(!whole && table.has_keys_of(&first) && !table.is_empty());
        assert_eq!((table.sequence(), table.revoked().len()), (3, 1));
        assert_eq!(takes_out(table, world.now()), Some(Kind::Subject));
        assert!(other.head().await.unwrap().is_of(table));
        assert_eq!(says(table, &secret, world.now()), "good");
    }
    assert_eq!(takes_out(&first, world.now()), None);
    // Nothing new, several at once, and one that is made wider.
    assert!(matches!(beside(&other, &read).await, (false, same) if same.sequence() == 3));
    for number in 0..5 {
        store.revoke(WHO, &revocation(Kind::Session, "i", &number.to_string()), None).await.unwrap();
    }
    let wider = NewRevocation { lasts: 2 * DAY, ..revocation(Kind::Subject, "https://idp", "alice") };
    store.revoke(WHO, &wider, None).await.unwrap();
    let (whole, read) = beside(&other, &read).await;
    assert_eq!((whole, read.sequence()), (false, 9));
    assert_eq!(takes_out(&read, world.now() + DAY.as_secs()), Some(Kind::Subject), "for longer");
    // Something else in between: all of it.
    let undone = store.undo_revocation(WHO, &done.value.id).await.unwrap();
    assert!(undone.contents.is_whole());
    let (whole, read) = beside(&other, &read).await;
    assert_eq!((whole, takes_out(&read, world.now()), read.revoked().len()), (true, None, 5));
    store.revoke_key(WHO, secret.id.as_str()).await.unwrap();
    store.revoke(WHO, &revocation(Kind::Issuer, "https://idp", ""), None).await.unwrap();
    let (whole, read) = beside(&other, &read).await;
    assert_eq!((whole, says(&read, &secret, world.now())), (true, "revoked"));
    // More than is read piece by piece, and another history under the number that is known.
    let fill = "INSERT INTO yett_audit (sequence, at, actor, action, target, detail, hash) \
                SELECT a.sequence + $1, 0, '', a.action, '', '', '' FROM yett_audit a WHERE a.sequence = $2";
    let mut work = store.link.write().await.unwrap();
    for more in 1..=1_001_u64 {
        work.execute(fill, [crate::link::Value::from(more), crate::link::Value::from(12_u64)]).await.unwrap();
    }
    for most in [1_001, 1_000] {
        assert_eq!(
            crate::audit::only(&mut work, &read, "revocation.add", most).await.unwrap(),
            most == 1_001
        );
    }
    drop(work);
    let contents = other.contents(None).await.unwrap();
    let foreign = Arc::new(other.table(contents, None).sealed("another"));
    assert!(beside(&other, &foreign).await.0);
    let empty =
        Arc::new(Table::new(Arc::new(HashKey::new(&[9; 32]).unwrap()), 0, Vec::new(), HashMap::new()));
    assert!(beside(&other, &empty).await.0);
}

pub(super) async fn an_event_takes_effect_once_wherever_it_comes(world: World) {
    let (store, other) = (world.open().await, world.open().await);
    let once = |name: &str, until| Once { digest: hex(name), until };
    let until = world.now() + DAY.as_secs();
    let both =
        [revocation(Kind::Subject, "https://idp", "alice"), revocation(Kind::Session, "https://idp", "s1")];
    let done = store.revoke_once(WHO, (&both, &once("e1", until)), None).await.unwrap().unwrap();
    assert_eq!(store.table(done.contents, None).revoked().len(), 2);
    assert_eq!(store.head().await.unwrap().sequence, 1, "one change");
    let chain = store.audit(0, 10).await.unwrap();
    assert!(chain[0].target.contains(&done.value[0].id) && chain[0].target.contains(&done.value[1].id));
    // At another one, after a restart, and after it was undone by hand: nothing.
    store.undo_revocation(WHO, &done.value[0].id).await.unwrap();
    for store in [&other, &store] {
        assert!(store.revoke_once(WHO, (&both, &once("e1", until)), None).await.unwrap().is_none());
    }
    assert_eq!(
        (store.head().await.unwrap().sequence, store.revocations(None, 9).await.unwrap().len()),
        (2, 1)
    );
    // Nothing of one that is not good, which may come again when it is.
    let wrong = [both[0].clone(), revocation(Kind::Subject, "", "alice")];
    assert!(store.revoke_once(WHO, (&wrong, &once("e2", until)), None).await.is_err());
    assert!(other.revoke_once(WHO, (&both, &once("e2", until)), None).await.unwrap().is_some());
    // Forgotten when it would not be taken any more.
    world.clock.advance(DAY);
    assert!(other.revoke_once(WHO, (&both, &once("e1", until + 9)), None).await.unwrap().is_some());
    // Too many: those give way that end first.
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65536) \
                INSERT INTO yett_events (digest, expires_at) SELECT 'e' || i, 99999990000 + i FROM n";
    let mut work = store.link.write().await.unwrap();
    work.execute(fill, []).await.unwrap();
    work.commit(PATIENCE).await.unwrap();
    let last = 99_999_999_999;
    assert!(store.revoke_once(WHO, (&both, &once("e3", last)), None).await.unwrap().is_some());
    let mut work = store.link.read().await.unwrap();
    let rows = work.rows("SELECT COUNT(*), MIN(expires_at) FROM yett_events", []).await.unwrap();
    assert_eq!(rows[0].number(0).unwrap(), 65_536);
    assert!(rows[0].number(1).unwrap() > 99_999_990_000, "the one that ended first");
    drop(work);
    assert!(store.revoke_once(WHO, (&both, &once("e3", last)), None).await.unwrap().is_none());
}
