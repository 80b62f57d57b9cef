//! Every test runs on SQLite and on a real PostgreSQL.

mod adopted;
mod revocations;
mod silence;

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use credentials::{Checked, HashKey, NewKey, Presented, Table};
use engine::Clock;
use testkit::{FakeClock, Postgres};

use crate::link::Value;
use crate::*;
use adopted::{
    a_revocation_of_before_was_said_when_it_was_made,
    an_undo_takes_back_nothing_that_was_revoked_after_it_was_said,
    what_others_revoked_is_taken_in_once_and_taken_back,
};
use revocations::{
    a_full_denylist_refuses_and_says_so, a_store_of_before_takes_the_step,
    an_event_takes_effect_once_wherever_it_comes, what_cannot_be_revoked_is_said_and_changes_nothing,
    what_is_newer_is_read_and_all_after_a_gap, what_is_revoked_is_so_until_it_is_undone_or_forgotten,
    what_is_revoked_once_more_is_so_for_the_longer_and_the_wider,
};

const WHO: &str = "unix:0";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn hash_key(byte: u8) -> Arc<HashKey> {
    Arc::new(HashKey::new(&[byte; 32]).unwrap())
}

/// A place, and the clock of who opens it.
struct World {
    place: Place,
    clock: FakeClock,
}

impl World {
    async fn try_open(&self, key: u8) -> Result<Store, StoreError> {
        Store::open(&self.place, hash_key(key), Arc::new(self.clock.clone())).await
    }

    async fn open(&self) -> Store {
        self.try_open(1).await.unwrap()
    }

    fn now(&self) -> u64 {
        self.clock.unix().seconds()
    }
}

/// Runs each of these once on SQLite and once on PostgreSQL, in a database of its own.
macro_rules! everywhere {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let place = Place::Sqlite(dir.path().join("store.db"));
                super::$name(World { place, clock: FakeClock::new() }).await;
            })*
        }

        /// One server for all: making one takes longer than everything that is done with it.
        #[tokio::test]
        async fn on_postgres() {
            let server = Postgres::start();
            $({
                let place = Place::Postgres(server.database(stringify!($name)));
                $name(World { place, clock: FakeClock::new() }).await;
            })*
        }
    };
}

everywhere!(
    applications_and_keys_live_and_end,
    rotation_overlaps_and_ends,
    what_is_asked_wrong_changes_nothing,
    the_chain_shows_what_was_touched,
    the_table_is_what_the_store_says,
    uses_are_written_in_one_go,
    a_store_is_known_again,
    changes_at_one_time_are_one_after_the_other,
    what_is_not_kept_leaves_no_trace,
    another_history_under_the_same_number_is_seen,
    lists_are_read_piece_by_piece,
    what_is_revoked_is_so_until_it_is_undone_or_forgotten,
    what_is_revoked_once_more_is_so_for_the_longer_and_the_wider,
    what_cannot_be_revoked_is_said_and_changes_nothing,
    a_full_denylist_refuses_and_says_so,
    a_store_of_before_takes_the_step,
    what_is_newer_is_read_and_all_after_a_gap,
    an_event_takes_effect_once_wherever_it_comes,
    an_undo_takes_back_nothing_that_was_revoked_after_it_was_said,
    a_revocation_of_before_was_said_when_it_was_made,
    what_others_revoked_is_taken_in_once_and_taken_back,
);

fn new(application: &str, scopes: &[&str], ttl: Option<Duration>) -> NewApiKey {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    NewApiKey { application: application.into(), label: String::new(), scopes, ttl }
}

/// What a table says of a key.
fn says(table: &Table, key: &NewKey, now: u64) -> &'static str {
    match table.check(&Presented::parse(key.reveal().as_bytes()).unwrap(), now) {
        Checked::Good(_) => "good",
        Checked::Unknown => "unknown",
        Checked::Wrong => "wrong",
        Checked::Revoked => "revoked",
        Checked::Over(_) => "over",
        Checked::Suspended(_) => "suspended",
    }
}

async fn applications_and_keys_live_and_end(world: World) {
    let store = world.open().await;
    let made = store.create_application(WHO, "shop", "team-shop@example.com").await.unwrap();
    let app = made.value;
    assert!(app.id.starts_with("app_") && app.status == Status::Active);
    let made =
        store.create_key(WHO, &new("shop", &["orders:read", "orders:write"], Some(DAY))).await.unwrap();
    let (key, secret) = made.value;
    assert_eq!((key.scopes.len(), key.expires), (2, Some(world.now() + DAY.as_secs())));
    let table = store.table(made.contents, None);
    assert_eq!(says(&table, &secret, world.now()), "good");
    assert_eq!(says(&table, &secret, world.now() + DAY.as_secs()), "over");

    // By name or id, by key or id.
    for which in ["shop", &app.id] {
        let (found, keys) = store.application(which, None, 100).await.unwrap();
        assert_eq!((&found, keys.len()), (&app, 1));
    }
    let suspended = store.set_status(WHO, &app.id, Status::Suspended).await.unwrap();
    assert_eq!(says(&store.table(suspended.contents, None), &secret, world.now()), "suspended");
    let resumed = store.set_status(WHO, "shop", Status::Active).await.unwrap();
    assert_eq!(says(&store.table(resumed.contents, None), &secret, world.now()), "good");
    let refused = store.delete_application(WHO, "shop", false).await.unwrap_err();
    assert!(refused.to_string().contains("--keys"), "{refused}");
    let revoked = store.revoke_key(WHO, secret.reveal()).await.unwrap();
    assert_eq!(revoked.value.state(world.now()), KeyState::Revoked);
    assert_eq!(says(&store.table(revoked.contents, None), &secret, world.now()), "revoked");
    // Again is the same, at the same moment.
    world.clock.advance(DAY / 2);
    let again = store.revoke_key(WHO, key.id.as_str()).await.unwrap();
    assert_eq!(again.value.revoked, revoked.value.revoked);
    let deleted = store.delete_application(WHO, "shop", false).await.unwrap();
    assert_eq!(says(&store.table(deleted.contents, None), &secret, world.now()), "unknown");
    assert!(store.applications(None, 10).await.unwrap().is_empty());
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(7));
}

async fn rotation_overlaps_and_ends(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    let (old, first) = store.create_key(WHO, &new("shop", &["a"], Some(10 * DAY))).await.unwrap().value;
    world.clock.advance(DAY);
    let hour = Duration::from_secs(3600);
    let rotated = store.rotate_key(WHO, old.id.as_str(), hour).await.unwrap();
    let (key, second) = rotated.value;
    assert_eq!((&key.scopes, key.expires), (&old.scopes, Some(world.now() + 10 * DAY.as_secs())));
    let table = store.table(rotated.contents, None);
    let verdicts = |at| (says(&table, &first, at), says(&table, &second, at));
    assert_eq!(verdicts(world.now()), ("good", "good"));
    assert_eq!(verdicts(world.now() + 3599), ("good", "good"));
    assert_eq!(verdicts(world.now() + 3600), ("over", "good"));
    let (_, keys) = store.application("shop", None, 100).await.unwrap();
    let states: Vec<KeyState> = keys.iter().map(|key| key.state(world.now())).collect();
    assert_eq!(states, [KeyState::Active, KeyState::Retiring]);
    assert_eq!(keys[1].state(world.now() + 3600), KeyState::Replaced);
    let twice = store.rotate_key(WHO, old.id.as_str(), hour).await.unwrap_err();
    assert!(twice.to_string().contains(key.id.as_str()), "{twice}");
    // Without an overlap the old one is over at once; a key that is over cannot come back by being rotated.
    let next = store.rotate_key(WHO, key.id.as_str(), Duration::ZERO).await.unwrap();
    let table = store.table(next.contents, None);
    assert_eq!(
        (says(&table, &second, world.now()), says(&table, &next.value.1, world.now())),
        ("over", "good")
    );
    store.revoke_key(WHO, next.value.0.id.as_str()).await.unwrap();
    let gone = store.rotate_key(WHO, next.value.0.id.as_str(), hour).await.unwrap_err();
    assert!(gone.to_string().contains("revoked") && gone.to_string().contains("key create"), "{gone}");
    // Names of keys that are long over are forgotten.
    world.clock.advance(REMEMBERED + DAY);
    let made = store.create_key(WHO, &new("shop", &[], None)).await.unwrap();
    let table = store.table(made.contents, None);
    assert_eq!((table.len(), says(&table, &first, world.now())), (1, "unknown"));
}

async fn what_is_asked_wrong_changes_nothing(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    let long = "x".repeat(300);
    for (name, owner) in [
        ("", "me"),
        ("a b", "me"),
        ("é", "me"),
        ("-a", "me"),
        ("app_x", "me"),
        (&long, "me"),
        ("a'; DROP TABLE yett_applications; --", "me"),
        ("good", ""),
        ("good", " "),
        ("good", "a\nb"),
        ("good", &long),
    ] {
        let refused = store.create_application(WHO, name, owner).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid(_)), "{name} {owner}: {refused}");
    }
    let taken = store.create_application(WHO, "shop", "you").await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)) && taken.to_string().contains("app show"), "{taken}");
    for scopes in
        [vec![String::from("a b")], vec![String::from("\"")], vec![long.clone()], vec!["a".into(); 101]]
    {
        let wrong = NewApiKey { application: "shop".into(), scopes, ..NewApiKey::default() };
        assert!(matches!(store.create_key(WHO, &wrong).await, Err(StoreError::Invalid(_))));
    }
    for ttl in [Duration::ZERO, 2 * MAX_TTL] {
        assert!(matches!(
            store.create_key(WHO, &new("shop", &[], Some(ttl))).await,
            Err(StoreError::Invalid(_))
        ));
    }
    for missing in ["nobody", "app_000000000000", "' OR 1=1 --"] {
        assert!(matches!(store.create_key(WHO, &new(missing, &[], None)).await, Err(StoreError::Missing(_))));
        assert!(matches!(
            store.set_status(WHO, missing, Status::Suspended).await,
            Err(StoreError::Missing(_))
        ));
        assert!(matches!(store.delete_application(WHO, missing, true).await, Err(StoreError::Missing(_))));
        assert!(matches!(store.application(missing, None, 10).await, Err(StoreError::Missing(_))));
    }
    for missing in ["", "x", "000000000000", "yett_000000000000_secretsecretsecretsecretsecret000000"] {
        let refused = store.revoke_key(WHO, missing).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Missing(_)) && !refused.to_string().contains("secret"),
            "{refused}"
        );
        assert!(matches!(store.rotate_key(WHO, missing, DAY).await, Err(StoreError::Missing(_))));
    }
    assert_eq!(store.head().await.unwrap().sequence, 1);
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(1));
    // The valid twin of all of them.
    store.create_key(WHO, &new("shop", &["a"], Some(DAY))).await.unwrap();
    assert_eq!(store.head().await.unwrap().sequence, 2);
}

async fn the_chain_shows_what_was_touched(world: World) {
    let store = world.open().await;
    for name in ["one", "two", "three", "four"] {
        store.create_application(WHO, name, "me").await.unwrap();
    }
    let rows = store.audit(0, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((rows[1].actor.as_str(), rows[1].action.as_str()), (WHO, "application.create"));
    assert!(rows[1].detail.contains("name=two"));
    assert_eq!(store.audit(2, 1).await.unwrap(), &rows[2..3]);
    let touch = async |sql| {
        let mut work = store.link.write().await.unwrap();
        work.execute(sql, []).await.unwrap();
        work.commit(PATIENCE).await.unwrap();
        store.verify_audit().await.unwrap()
    };
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(4));
    assert_eq!(touch("UPDATE yett_audit SET actor = 'unix:7' WHERE sequence = 3").await, Verified::Broken(3));
    assert_eq!(touch("UPDATE yett_audit SET actor = 'unix:0' WHERE sequence = 3").await, Verified::Whole(4));
    assert_eq!(touch("DELETE FROM yett_audit WHERE sequence = 4").await, Verified::Broken(4));
    assert_eq!(touch("DELETE FROM yett_audit WHERE sequence = 2").await, Verified::Broken(2));
}

async fn the_table_is_what_the_store_says(world: World) {
    let (one, two) = (world.open().await, world.open().await);
    one.create_application(WHO, "a", "me").await.unwrap();
    two.create_application(WHO, "b", "me").await.unwrap();
    let first = one.create_key(WHO, &new("a", &["x", "y"], None)).await.unwrap();
    let second = two.create_key(WHO, &new("b", &["y", "z"], None)).await.unwrap();
    // What another process changed is there as well.
    assert_eq!((second.contents.sequence(), one.head().await.unwrap().sequence), (4, 4));
    let listed = one.keys(None, 10).await.unwrap();
    assert_eq!((listed.len(), two.keys(None, 1).await.unwrap().len()), (2, 1));
    let table = one.table(one.contents(None).await.unwrap(), None);
    assert_eq!((table.len(), table.sequence()), (2, 4));
    let mut names: Vec<&str> = table.scopes().iter().map(AsRef::as_ref).collect();
    names.sort_unstable();
    assert_eq!(names, ["x", "y", "z"]);
    let entry = table.get(&first.value.0.id).unwrap();
    let own: Vec<&str> = entry.scopes.iter().map(|at| &*table.scopes()[*at as usize]).collect();
    assert_eq!((own, &*entry.name), (vec!["x", "y"], "a"));
    for (key, now) in [(&first.value.1, 0), (&second.value.1, u64::MAX - 1)] {
        assert_eq!(says(&table, key, now), "good");
    }
    // Nothing of a key is in the store but its hash.
    let secret = &first.value.1.reveal()[18..45];
    let mut work = one.link.read().await.unwrap();
    let rows = work.rows(
        "SELECT hash, label, scopes FROM yett_api_keys WHERE id = $1",
        [Value::from(first.value.0.id.as_str())],
    );
    let rows = rows.await.unwrap();
    assert_eq!(rows[0].text(0).unwrap().len(), 64);
    assert!(!rows[0].text(0).unwrap().contains(secret));
}

async fn lists_are_read_piece_by_piece(world: World) {
    let store = world.open().await;
    for name in ["c", "a", "b"] {
        store.create_application(WHO, name, "me").await.unwrap();
    }
    // Some of them in one second.
    for number in 0..12 {
        if number % 5 == 0 {
            world.clock.advance(Duration::from_secs(1));
        }
        store.create_key(WHO, &new(["a", "b"][number % 2], &[], None)).await.unwrap();
    }
    let all = store.keys(None, 100).await.unwrap();
    assert_eq!((all.len(), store.keys(None, 12).await.unwrap().len()), (12, 12));
    let behind = |key: &ApiKey| (key.created, key.id.to_string());
    let (mut keys, mut last) = (Vec::new(), None::<(u64, String)>);
    while keys.len() < 12 {
        let next = store.keys(last.as_ref().map(|(at, id)| (*at, &**id)), 5).await.unwrap();
        assert_eq!(next.len(), (12 - keys.len()).min(5));
        last = next.last().map(behind);
        keys.extend(next);
    }
    assert_eq!(keys, all);
    assert!(all.is_sorted_by_key(|key| std::cmp::Reverse(key.created)));
    let of_a = all.iter().filter(|key| key.name == "a").cloned().collect::<Vec<_>>();
    let (created, id) = behind(&of_a[3]);
    let (application, keys) = store.application("a", Some((created, id.as_str())), 100).await.unwrap();
    assert_eq!((&*application.name, keys), ("a", of_a[4..].to_vec()));
    // Also where the one behind which it goes on is gone, and behind the last.
    store.delete_application(WHO, "b", true).await.unwrap();
    let (created, id) = behind(all.iter().find(|key| key.name == "b").unwrap());
    let left = store.keys(Some((created, id.as_str())), 100).await.unwrap();
    assert!(left.len() >= 5 && left.iter().all(|key| key.name == "a"), "{left:?}");
    let (created, id) = behind(&of_a[5]);
    assert!(store.keys(Some((created, id.as_str())), 100).await.unwrap().is_empty());
    let names = async |behind, most| {
        let some = store.applications(behind, most).await.unwrap();
        some.into_iter().map(|application| application.name).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(None, 1).await, names(Some("a"), 9).await),
        (vec![String::from("a")], vec![String::from("c")])
    );
}

async fn another_history_under_the_same_number_is_seen(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "a", "me").await.unwrap();
    let one = store.create_key(WHO, &new("a", &[], None)).await.unwrap().value.1;
    let two = store.create_key(WHO, &new("a", &[], None)).await.unwrap().value.1;
    let revoked = store.revoke_key(WHO, one.id.as_str()).await.unwrap();
    let table = store.table(revoked.contents, None);
    let known = store.head().await.unwrap();
    assert!(known.is_of(&table) && known.sequence == 4, "{known:?}");
    // What was there before the last change comes back, as from a replica that had not seen it; then something else is changed.
    let mut work = store.link.write().await.unwrap();
    for sql in [
        "UPDATE yett_api_keys SET revoked_at = NULL",
        "DELETE FROM yett_audit WHERE sequence = 4",
        "UPDATE yett_chain SET sequence = 3, hash = (SELECT hash FROM yett_audit WHERE sequence = 3)",
    ] {
        work.execute(sql, []).await.unwrap();
    }
    work.commit(PATIENCE).await.unwrap();
    store.revoke_key(WHO, two.id.as_str()).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(4));
    let head = store.head().await.unwrap();
    assert!(head.sequence == known.sequence && !head.is_of(&table), "{head:?}");
    let table = store.table(store.contents(None).await.unwrap(), Some(&table));
    assert!(head.is_of(&table));
    assert_eq!((says(&table, &one, world.now()), says(&table, &two, world.now())), ("good", "revoked"));
}

async fn uses_are_written_in_one_go(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "a", "me").await.unwrap();
    let one = store.create_key(WHO, &new("a", &[], None)).await.unwrap();
    let two = store.create_key(WHO, &new("a", &[], None)).await.unwrap();
    let (one, two) = (one.value.0.id, (two.value.0.id, two.contents));
    let table = store.table(two.1, None);
    assert_eq!(store.write_uses(&table).await.unwrap(), 0);
    table.get(&one).unwrap().usage.mark(world.now() + 5);
    assert_eq!(store.write_uses(&table).await.unwrap(), 1);
    assert_eq!(store.write_uses(&table).await.unwrap(), 0, "the store knows");
    // Uses that are not written yet go over to the next table; those of others are never undone.
    table.get(&two.0).unwrap().usage.mark(world.now() + 7);
    let next = store.table(store.contents(None).await.unwrap(), Some(&table));
    assert_eq!(store.write_uses(&next).await.unwrap(), 1);
    let last = async |id| {
        let (_, keys) = store.application("a", None, 100).await.unwrap();
        keys.iter().find(|key| key.id == id).unwrap().last_used
    };
    assert_eq!((last(one).await, last(two.0).await), (Some(world.now() + 5), Some(world.now() + 7)));
    assert_eq!(store.head().await.unwrap().sequence, 3, "being used is no change");
}

async fn a_store_is_known_again(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    let made = store.create_key(WHO, &new("shop", &[], None)).await.unwrap();
    store.close().await;
    let refused = world.try_open(2).await.unwrap_err();
    assert!(refused.to_string().contains("another key"), "{refused}");
    let store = world.open().await;
    let table = store.table(store.contents(None).await.unwrap(), None);
    assert_eq!(says(&table, &made.value.1, world.now()), "good");
    let mut work = store.link.write().await.unwrap();
    work.execute("UPDATE yett_meta SET value = '99' WHERE name = 'version'", []).await.unwrap();
    work.commit(PATIENCE).await.unwrap();
    store.close().await;
    let refused = world.try_open(1).await.unwrap_err();
    assert!(refused.to_string().contains("newer program"), "{refused}");
}

async fn changes_at_one_time_are_one_after_the_other(world: World) {
    let stores = [world.open().await, world.open().await];
    stores[0].create_application(WHO, "shop", "me").await.unwrap();
    let stores = stores.map(Arc::new);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&stores[number % 2]);
        tasks.spawn(async move {
            let made = store.create_key(WHO, &new("shop", &["a"], None)).await.unwrap();
            store.revoke_key(WHO, made.value.0.id.as_str()).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(stores[0].verify_audit().await.unwrap(), Verified::Whole(41));
    let (_, keys) = stores[1].application("shop", None, 100).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.state(world.now()) == KeyState::Revoked).count(), 20);
}

async fn what_is_not_kept_leaves_no_trace(world: World) {
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    // Dropped in the middle, as when the task ends.
    let mut work = store.link.write().await.unwrap();
    work.execute("DELETE FROM yett_applications", []).await.unwrap();
    drop(work);
    assert_eq!(store.applications(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(1));
}

#[tokio::test]
async fn a_file_is_its_owners_and_nothing_else_is_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let world = World { place: Place::Sqlite(path.clone()), clock: FakeClock::new() };
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    store.close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(world.try_open(1).await.unwrap_err().to_string().contains("chmod 600"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    drop(world.open().await);
    std::fs::write(&path, "not a database, but long enough to look like a file of one").unwrap();
    let refused = world.try_open(1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    let folder = World { place: Place::Sqlite(dir.path().to_owned()), clock: FakeClock::new() };
    assert!(folder.try_open(1).await.is_err());
}

#[tokio::test]
async fn a_full_disk_is_said_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World { place: Place::Sqlite(dir.path().join("store.db")), clock: FakeClock::new() };
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    let before = store.head().await.unwrap().sequence;
    let Link::Sqlite(pool) = &store.link else { unreachable!() };
    // As if there were not a page more on the disk: for the one connection that writes as for the others.
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = pool.acquire().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut *connection).await.unwrap();
        held.push(connection);
    }
    drop(held);
    let mut refused = None;
    for number in 0..200 {
        let label = "x".repeat(200);
        let new =
            NewApiKey { application: "shop".into(), label, scopes: vec![format!("s{number}")], ttl: None };
        match store.create_key(WHO, &new).await {
            Ok(_) => {}
            Err(why) => {
                refused = Some((number, why));
                break;
            }
        }
    }
    let (kept, why) = refused.unwrap();
    assert!(matches!(why, StoreError::Full(_)) && why.to_string().contains("nothing was changed"), "{why}");
    assert_eq!(store.head().await.unwrap().sequence, before + kept);
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(before + kept));
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_proven_is_refused() {
    let world = |url: &str| World { place: Place::Postgres(url.into()), clock: FakeClock::new() };
    for (url, said) in [
        ("mysql://db/x", "does not begin"),
        ("postgres://db.example/x?sslmode=disable", "verify-full"),
        ("postgres://db.example/x?sslmode=prefer", "verify-full"),
        ("postgres://db.example/x?sslmode=require", "verify-full"),
        ("postgres:///x?host=/nowhere/at/all", "cannot be used"),
        ("postgres://u:hunter2@127.0.0.1:1/x", "cannot be used"),
        ("postgres://u:hunter2@[::1/x", "cannot be read"),
    ] {
        let refused = world(url).try_open(1).await.unwrap_err().to_string();
        assert!(refused.contains(said) && !refused.contains("hunter2"), "{url}: {refused}");
        assert!(!format!("{:?}", world(url).place).contains("hunter2"));
    }
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_used_again() {
    let mut server = Postgres::start();
    let world = World { place: Place::Postgres(server.database("a")), clock: FakeClock::new() };
    let store = world.open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    server.stop();
    let gone = store.create_key(WHO, &new("shop", &[], None)).await.unwrap_err();
    assert!(matches!(gone, StoreError::Unavailable(_)), "{gone}");
    assert!(store.head().await.is_err());
    server.resume();
    store.create_key(WHO, &new("shop", &[], None)).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(2));
    let chain = server.query("a", "SELECT count(*) FROM yett_audit");
    assert_eq!(chain, "2");
}
