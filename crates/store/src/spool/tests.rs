use std::path::PathBuf;

use super::*;

const NOW: u64 = 1_767_225_600_000;

fn notices(numbers: std::ops::RangeInclusive<u64>) -> Vec<NewNotice> {
    let of = |number: u64| NewNotice {
        sink: if number.is_multiple_of(2) { "even" } else { "odd" }.to_owned(),
        id: format!("event-{number}"),
        actor: format!("actor-{}", number % 3),
        at: NOW + number,
        body: format!("{{\"é\":\"{number:02}\"}}"),
    };
    numbers.map(of).collect()
}

async fn numbers(spool: &Spool) -> Vec<u64> {
    spool.waiting(0, 10_000).await.unwrap().iter().map(|notice| notice.sequence).collect()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notices.db");
    (dir, path)
}

#[tokio::test]
async fn what_was_put_is_there_until_its_end_was_written() {
    let (_dir, path) = place();
    let spool = Spool::open(&path).await.unwrap();
    // More than go together, and some that are left over.
    assert_eq!(spool.put(&notices(1..=70)).await.unwrap(), 1);
    assert_eq!(spool.put(&notices(71..=72)).await.unwrap(), 71);
    let all = spool.waiting(0, 100).await.unwrap();
    assert_eq!(all.len(), 72);
    let (first, expected) = (&all[0], &notices(1..=1)[0]);
    assert_eq!((&first.sink, &first.actor, first.at), (&expected.sink, &expected.actor, expected.at));
    assert_eq!((first.tries, first.sent, first.bytes), (0, false, expected.bytes()));
    assert_eq!(spool.waiting(70, 1).await.unwrap()[0].sequence, 71);
    assert_eq!(spool.body(7).await.unwrap(), Some((String::from("event-7"), String::from("{\"é\":\"07\"}"))));
    let mut endings: Vec<Ending> = (1..=67).map(Ending::Delivered).collect();
    endings.extend([Ending::Tried(68), Ending::Dead(69, NOW, String::from("it answered 500"))]);
    spool.end(&endings).await.unwrap();
    assert_eq!((spool.body(7).await.unwrap(), spool.body(69).await.unwrap()), (None, None));
    spool.close().await;
    let spool = Spool::open(&path).await.unwrap();
    assert_eq!(numbers(&spool).await, [68, 70, 71, 72]);
    let left = spool.waiting(0, 100).await.unwrap();
    assert_eq!((left[0].tries, left[0].sent, left[1].sent), (1, true, false), "it was closed");
    assert_eq!(spool.put(&notices(1..=1)).await.unwrap(), 73, "no number is given twice");
}

#[tokio::test]
async fn what_is_left_of_a_spool_that_was_not_closed_may_have_been_sent() {
    let (_dir, path) = place();
    let spool = Spool::open(&path).await.unwrap();
    spool.put(&notices(1..=3)).await.unwrap();
    spool.end(&[Ending::Delivered(2)]).await.unwrap();
    spool.abandon().await;
    let spool = Spool::open(&path).await.unwrap();
    let left = spool.waiting(0, 9).await.unwrap();
    assert_eq!(left.iter().map(|one| (one.sequence, one.sent)).collect::<Vec<_>>(), [(1, true), (3, true)]);
}

#[tokio::test]
async fn dead_letters_are_listed_bounded_and_put_back() {
    let (_dir, path) = place();
    let spool = Spool::open(&path).await.unwrap();
    spool.put(&notices(1..=20)).await.unwrap();
    let dead = |number| Ending::Dead(number, NOW, format!("why {number}"));
    spool.end(&(1..=20).map(dead).collect::<Vec<_>>()).await.unwrap();
    assert!(numbers(&spool).await.is_empty());
    let of_odd = spool.dead(Some("odd"), 3, 2).await.unwrap();
    let seen: Vec<_> =
        of_odd.iter().map(|one| (one.notice.sequence, &*one.id, &*one.why, &*one.body)).collect();
    assert_eq!(seen, [(5, "event-5", "why 5", "{\"é\":\"05\"}"), (7, "event-7", "why 7", "{\"é\":\"07\"}")]);
    assert_eq!(spool.dead(None, 0, 100).await.unwrap().len(), 20);
    let one = notices(1..=1)[0].bytes();
    assert_eq!(spool.owed().await.unwrap()[1], Owed { sink: "odd".into(), dead: 10, dead_bytes: 10 * one });
    let owed = spool.bury("odd", 4 * one).await.unwrap();
    assert_eq!((owed.dead, owed.dead_bytes), (4, 4 * one));
    assert_eq!(spool.dead(Some("odd"), 0, 1).await.unwrap()[0].notice.sequence, 13, "the oldest went");
    assert_eq!(spool.dead(Some("even"), 0, 100).await.unwrap().len(), 10, "of another nothing");
    let revived = spool.revive("odd", None, (3 * one, NOW + 99)).await.unwrap();
    assert_eq!(
        revived.iter().map(|one| (one.sequence, one.at)).collect::<Vec<_>>(),
        [(13, NOW + 99), (15, NOW + 99), (17, NOW + 99)]
    );
    assert_eq!(numbers(&spool).await, [13, 15, 17]);
    let revived = spool.revive("even", Some("event-6"), (u64::MAX, NOW)).await.unwrap();
    assert_eq!(revived.len(), 1);
    assert!(spool.revive("even", Some("event-6"), (u64::MAX, NOW)).await.unwrap().is_empty(), "once");
    assert!(spool.revive("nobody", None, (u64::MAX, NOW)).await.unwrap().is_empty());
}

/// The tail of what was written last is torn off, or is something else: what was acknowledged before it is there.
#[tokio::test]
async fn a_torn_tail_takes_nothing_with_it_that_was_before_it() {
    for torn in [1, 7, 100, 5_000] {
        let (dir, path) = place();
        let spool = Spool::open(&path).await.unwrap();
        spool.put(&notices(1..=40)).await.unwrap();
        let wal = dir.path().join("notices.db-wal");
        let good = std::fs::metadata(&wal).unwrap().len();
        spool.put(&notices(41..=80)).await.unwrap();
        // As a power cut leaves them: copied while the process that wrote them knows nothing of it.
        let copy = tempfile::tempdir().unwrap();
        let there = copy.path().join("notices.db");
        std::fs::copy(&path, &there).unwrap();
        let mut bytes = std::fs::read(&wal).unwrap();
        let whole = bytes.len();
        assert!(whole as u64 > good);
        bytes.truncate(whole - torn);
        bytes.extend(std::iter::repeat_n(0xa5, torn / 2));
        std::fs::write(copy.path().join("notices.db-wal"), bytes).unwrap();
        let again = Spool::open(&there).await.unwrap();
        let left = numbers(&again).await;
        assert!(left.len() == 40 || left.len() == 80, "{torn}: {}", left.len());
        assert_eq!(left[..40], (1..=40).collect::<Vec<_>>());
        assert_eq!(again.put(&notices(1..=1)).await.unwrap(), left.len() as u64 + 1, "and it goes on");
    }
}

#[tokio::test]
async fn hostile_texts_are_values_and_a_stranger_is_no_spool() {
    let (dir, path) = place();
    let spool = Spool::open(&path).await.unwrap();
    let hostile = "'); DROP TABLE yett_notices; --\u{1b}\0";
    let notice = NewNotice {
        id: hostile.into(),
        actor: hostile.into(),
        body: hostile.into(),
        ..notices(1..=1).remove(0)
    };
    spool.put(std::slice::from_ref(&notice)).await.unwrap();
    assert_eq!(spool.body(1).await.unwrap(), Some((hostile.into(), hostile.into())));
    assert_eq!(spool.waiting(0, 1).await.unwrap()[0].bytes, notice.bytes());
    let other = dir.path().join("other.db");
    std::fs::write(&other, "hello, I am a text and no database at all").unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(Spool::open(&other).await.is_err());
}
