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
        digest: &token_digest("opaque"),
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
        let done = store.revoke(WHO, &revocation(kind, issuer, value)).await.unwrap();
        assert!(done.value.id.starts_with("rev_") && done.value.created == world.now(), "{done:?}");
        assert_eq!(takes_out(&store.table(done.contents, None), world.now()), Some(kind), "{kind:?}");
        // As another process reads it.
        let other = world.open().await;
        assert_eq!(takes_out(&other.table(other.contents().await.unwrap(), None), world.now()), Some(kind));
        let undone = store.undo_revocation(WHO, &done.value.id).await.unwrap();
        assert_eq!(takes_out(&store.table(undone.contents, None), world.now()), None, "{kind:?}");
        let again = store.undo_revocation(WHO, &done.value.id).await.unwrap_err();
        assert!(matches!(again, StoreError::Missing(_)), "{again}");
        other.close().await;
    }
    let done = store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t1")).await.unwrap();
    let table = store.table(done.contents, None);
    let end = world.now() + DAY.as_secs();
    assert_eq!((takes_out(&table, end - 1), takes_out(&table, end)), (Some(Kind::Token), None));
    world.clock.advance(DAY);
    assert!(store.revocations(None, 10).await.unwrap().is_empty());
    let next = store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t2")).await.unwrap();
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
    let first = store.revoke(WHO, &with(Some(100), DAY)).await.unwrap().value;
    for (before, lasts, expected) in [
        (Some(200), DAY / 2, (Some(200), now + DAY.as_secs())),
        (Some(150), 2 * DAY, (Some(200), now + 2 * DAY.as_secs())),
        (None, DAY, (None, now + 2 * DAY.as_secs())),
        (Some(300), DAY, (None, now + 2 * DAY.as_secs())),
    ] {
        let kept = store.revoke(WHO, &with(before, lasts)).await.unwrap().value;
        assert_eq!((&kept.id, kept.before, kept.expires), (&first.id, expected.0, expected.1));
    }
    assert_eq!(store.revocations(None, 10).await.unwrap().len(), 1);
    // Listed piece by piece.
    for number in 0..7 {
        store.revoke(WHO, &revocation(Kind::Session, "i", &number.to_string())).await.unwrap();
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
        let refused = store.revoke(WHO, &revocation(kind, issuer, value)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid(_)), "{kind:?} {issuer} {value}: {refused}");
    }
    for lasts in [Duration::ZERO, 2 * MAX_TTL] {
        let wrong = NewRevocation { lasts, ..revocation(Kind::Token, "i", "t") };
        assert!(matches!(store.revoke(WHO, &wrong).await, Err(StoreError::Invalid(_))));
    }
    let wrong = NewRevocation { reason: "a\nb".into(), ..revocation(Kind::Token, "i", "t") };
    assert!(matches!(store.revoke(WHO, &wrong).await, Err(StoreError::Invalid(_))));
    assert_eq!(store.head().await.unwrap().sequence, 0);
    // Their twin, at the bounds.
    store.revoke(WHO, &revocation(Kind::Session, &long[1..], &long[1..])).await.unwrap();
}

pub(super) async fn a_full_denylist_refuses_and_says_so(world: World) {
    let store = world.open().await;
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) \
                INSERT INTO yett_revocations (id, kind, issuer, value, before_at, reason, created_at, expires_at) \
                SELECT 'rev_' || i, 'token', 'i', 'jti-' || i, NULL, '', 1, 99999999999 FROM n";
    let mut work = store.link.write().await.unwrap();
    work.execute(fill, []).await.unwrap();
    work.commit(PATIENCE).await.unwrap();
    let last = store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t1")).await.unwrap();
    let table = store.table(last.contents, None);
    assert_eq!((table.revoked().len(), takes_out(&table, world.now())), (bounds::DENIED, Some(Kind::Token)));
    let full = store.revoke(WHO, &revocation(Kind::Token, "i", "another")).await.unwrap_err();
    assert!(
        matches!(full, StoreError::Conflict(_)) && full.to_string().contains("yett revocations list"),
        "{full}"
    );
    // One that is there may be said again, and what is forgotten makes room.
    store.revoke(WHO, &revocation(Kind::Token, "https://idp", "t1")).await.unwrap();
    world.clock.advance(DAY);
    store.revoke(WHO, &revocation(Kind::Token, "i", "another")).await.unwrap();
}

pub(super) async fn a_store_of_before_takes_the_step(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    let mut work = store.link.write().await.unwrap();
    for sql in ["DROP TABLE yett_revocations", "UPDATE yett_meta SET value = '1' WHERE name = 'version'"] {
        work.execute(sql, []).await.unwrap();
    }
    work.commit(PATIENCE).await.unwrap();
    store.close().await;
    let store = world.open().await;
    store.revoke(WHO, &revocation(Kind::Issuer, "i", "")).await.unwrap();
    assert_eq!(
        (store.applications(None, 10).await.unwrap().len(), store.verify_audit().await.unwrap()),
        (1, Verified::Whole(2))
    );
}
