//! On SQLite and on a real PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use engine::{CallId, Evidence, Kept};
use testkit::Postgres;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: u64 = 1_767_225_600_000;
const ALL: Retention = Retention { age: DAY, bytes: 1 << 30 };

/// Runs each of these once on SQLite and once on PostgreSQL, in a database of its own.
macro_rules! everywhere {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(Place::Sqlite(dir.path().join("decisions.db"))).await;
            })*
        }

        #[tokio::test]
        async fn on_postgres() {
            let server = Postgres::start();
            $({ $name(Place::Postgres(server.database(stringify!($name)))).await; })*
            // Where letters outside ASCII have a case as well.
            letters_are_the_same_in_any_locale(Place::Postgres(server.database_in("C.UTF-8", "letters"))).await;
        }
    };
}

everywhere!(
    what_is_written_is_found,
    filters_choose_and_pages_end,
    the_oldest_go_by_age_and_by_size,
    a_batch_written_again_is_there_once,
    who_follows_misses_nothing_of_several_writers,
    hostile_texts_are_values,
    letters_are_the_same_in_any_locale,
    counts_are_sums_and_each_batch_counts_once,
    counts_are_folded_to_hours_and_end,
    decisions_come_with_their_documents,
);

fn record(number: u128) -> Evidence {
    Evidence {
        id: CallId(number),
        at: NOW + u64::try_from(number).unwrap(),
        kept: Kept::Refused,
        status: 403,
        code: "insufficient_scope".into(),
        control: "authorization".into(),
        method: "GET".into(),
        path: "/notes".into(),
        api: "notes".into(),
        operation: "listNotes".into(),
        address: "192.0.2.7".into(),
        issuer: "local".into(),
        subject: if number.is_multiple_of(2) { "alice".into() } else { "bob".into() },
        application: "tests".into(),
        micros: 120,
        document: format!("{{\"n\":{number},\"agent\":\"Curl/8 100% \\u001b\"}}").into(),
    }
}

fn records(numbers: std::ops::RangeInclusive<u128>) -> Vec<Arc<Evidence>> {
    numbers.map(record).map(Arc::new).collect()
}

fn numbers(page: &Page) -> Vec<u128> {
    page.decisions.iter().map(|stored| stored.evidence.id.0).collect()
}

async fn what_is_written_is_found(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    assert_eq!(store.held().await.unwrap(), Held { last: 0, bytes: 0, oldest: None });
    // More than go together, and some that are left over.
    let written = store.write(&records(1..=70), ALL, NOW).await.unwrap();
    assert_eq!(written.removed, 0);
    store.close().await;
    let store = DecisionStore::open(&place).await.unwrap();
    let found = store.find(CallId(70)).await.unwrap().unwrap();
    assert_eq!(found, Stored { sequence: 70, evidence: record(70) });
    assert_eq!(store.find(CallId(71)).await.unwrap(), None);
    let held = store.held().await.unwrap();
    assert_eq!((held.last, held.bytes, held.oldest), (70, written.bytes, Some(NOW + 1)));
    let sum: usize = records(1..=70).iter().map(|record| record.bytes()).sum();
    assert_eq!(held.bytes, sum as u64);
}

async fn filters_choose_and_pages_end(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let mut all: Vec<Evidence> = (1..=40).map(record).collect();
    all[9].kept = Kept::Shadowed;
    all[9].status = 200;
    all[19].code = "body_invalid".into();
    all[19].control = "validation".into();
    all[19].operation = "addNote".into();
    all[29].address = "2001:db8::7".into();
    all[29].application = "shop".into();
    all[29].api = "shop".into();
    all[29].issuer = "idp".into();
    let all: Vec<Arc<Evidence>> = all.into_iter().map(Arc::new).collect();
    store.write(&all, ALL, NOW).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (Filter { kept: Some(Kept::Shadowed), ..Filter::default() }, vec![10]),
        (Filter { code: text("body_invalid"), ..Filter::default() }, vec![20]),
        (Filter { control: text("validation"), ..Filter::default() }, vec![20]),
        (Filter { operation: text("addNote"), ..Filter::default() }, vec![20]),
        (Filter { address: text("2001:db8::7"), ..Filter::default() }, vec![30]),
        (
            Filter { application: text("shop"), api: text("shop"), issuer: text("idp"), ..Filter::default() },
            vec![30],
        ),
        (Filter { since: Some(NOW + 38), until: Some(NOW + 40), ..Filter::default() }, vec![39, 38]),
        (Filter { subject: text("alice"), since: Some(NOW + 37), ..Filter::default() }, vec![40, 38]),
        (Filter { text: text("\"n\":7,"), ..Filter::default() }, vec![]),
        (Filter { text: text("n"), until: Some(NOW + 2), ..Filter::default() }, vec![1]),
        (Filter { text: text("curl/8 100% \u{1b}"), until: Some(NOW + 2), ..Filter::default() }, vec![1]),
        (Filter { text: text("1_0"), ..Filter::default() }, vec![]),
        (Filter { subject: text("' OR 1=1 --"), ..Filter::default() }, vec![]),
    ] {
        let page = store.page(&filter, Position::Newest, 100).await.unwrap();
        assert_eq!((numbers(&page), page.next), (expected, None), "{filter:?}");
    }
    // Back from the newest, three at a time: each once, and an end.
    let filter = Filter { subject: text("bob"), ..Filter::default() };
    let (mut from, mut seen) = (Position::Newest, Vec::new());
    loop {
        let page = store.page(&filter, from, 3).await.unwrap();
        seen.extend(numbers(&page));
        match page.next {
            Some(next) => from = Position::Before(next),
            None => break,
        }
    }
    assert_eq!(seen, (1..=40).rev().filter(|number| number % 2 == 1).collect::<Vec<_>>());
    let none = store.page(&Filter::default(), Position::Before(1), 3).await.unwrap();
    assert_eq!((numbers(&none), none.next), (vec![], None));
    let far = store.page(&Filter::default(), Position::Before(u64::MAX), 2).await.unwrap();
    assert_eq!((numbers(&far), far.next), (vec![40, 39], Some(39)));
}

async fn the_oldest_go_by_age_and_by_size(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let size = |numbers| records(numbers).iter().map(|record| record.bytes()).sum::<usize>() as u64;
    // Ten fit; the eleventh takes the place of the first.
    let ten = Retention { age: DAY, bytes: size(10..=19) };
    store.write(&records(10..=19), ten, NOW).await.unwrap();
    let written = store.write(&records(20..=21), ten, NOW).await.unwrap();
    assert_eq!((written.removed, written.bytes), (2, size(12..=21)));
    let page = store.page(&Filter::default(), Position::Newest, 100).await.unwrap();
    assert_eq!((numbers(&page), page.next), ((12..=21).rev().collect(), None));
    // One by one they get too old.
    let later = NOW + 24 * 3_600_000 + 15;
    let written = store.write(&[], ten, later).await.unwrap();
    assert_eq!((written.removed, written.bytes), (3, size(15..=21)));
    assert_eq!(store.held().await.unwrap().oldest, Some(NOW + 15));
    let written = store.write(&[], Retention { bytes: 0, ..ten }, NOW).await.unwrap();
    assert_eq!((written.removed, written.bytes), (7, 0));
    // Numbers go on.
    store.write(&records(30..=30), ALL, NOW).await.unwrap();
    assert_eq!(store.find(CallId(30)).await.unwrap().unwrap().sequence, 13);
}

async fn a_batch_written_again_is_there_once(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let batch = records(1..=35);
    let first = store.write(&batch, ALL, NOW).await.unwrap();
    let again = store.write(&batch, ALL, NOW).await.unwrap();
    assert_eq!(first, again, "not even its bytes are counted twice");
    let page = store.page(&Filter::default(), Position::Newest, 100).await.unwrap();
    assert_eq!(page.decisions.len(), 35);
}

async fn who_follows_misses_nothing_of_several_writers(place: Place) {
    let stores = [DecisionStore::open(&place).await.unwrap(), DecisionStore::open(&place).await.unwrap()];
    let reader = DecisionStore::open(&place).await.unwrap();
    let write = async |store: &DecisionStore, from: u128| {
        for step in 0..20 {
            let first = from + step * 3;
            store.write(&records(first..=first + 2), ALL, NOW).await.unwrap();
        }
    };
    let follow = async {
        let (mut seen, mut after) = (Vec::new(), 0);
        while seen.len() < 120 {
            let page = reader.page(&Filter::default(), Position::After(after), 7).await.unwrap();
            seen.extend(numbers(&page));
            after = page.next.unwrap();
            tokio::task::yield_now().await;
        }
        (seen, after)
    };
    let ((), (), (mut seen, after)) =
        tokio::join!(write(&stores[0], 1_000), write(&stores[1], 2_000), follow);
    seen.sort_unstable();
    assert_eq!(seen, (1_000..1_060).chain(2_000..2_060).collect::<Vec<_>>());
    assert_eq!(after, 120);
    let nothing = reader.page(&Filter::default(), Position::After(after), 7).await.unwrap();
    assert_eq!((numbers(&nothing), nothing.next), (vec![], Some(120)));
}

async fn hostile_texts_are_values(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let mut hostile = record(1);
    let text = "'); DROP TABLE yett_decisions; --\u{fffd}%_";
    (hostile.subject, hostile.path) = (text.into(), text.into());
    store.write(&[Arc::new(hostile.clone())], ALL, NOW).await.unwrap();
    // Asked for as it came, with what was replaced when it was kept.
    let asked = text.replace('\u{fffd}', "\0");
    let page =
        store.page(&Filter { subject: Some(asked), ..Filter::default() }, Position::Newest, 9).await.unwrap();
    assert_eq!(numbers(&page), [1]);
    assert_eq!(store.find(CallId(1)).await.unwrap().unwrap().evidence, hostile);
    let long = Filter { text: Some("x".repeat(1 << 20)), ..Filter::default() };
    assert_eq!(numbers(&store.page(&long, Position::Newest, 9).await.unwrap()), []);
}

/// ASCII letters are the same but for their case, and others are what they are, whatever the database thinks of them.
async fn letters_are_the_same_in_any_locale(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let written = |number, text: &str| {
        Arc::new(Evidence { document: format!("{{\"agent\":\"{text}\"}}").into(), ..record(number) })
    };
    store.write(&[written(1, "Ärger/7 İX"), written(2, "ärger/7 ix")], ALL, NOW).await.unwrap();
    for (text, expected) in [
        ("Ärger", vec![1]),
        ("ÄRGER", vec![1]),
        ("ärger", vec![2]),
        ("RGER/7", vec![2, 1]),
        ("İx", vec![1]),
        ("IX", vec![2]),
        ("X", vec![2, 1]),
    ] {
        let filter = Filter { text: Some(text.to_owned()), ..Filter::default() };
        let page = store.page(&filter, Position::Newest, 9).await.unwrap();
        assert_eq!(numbers(&page), expected, "{text}");
        let back = store.page(&filter, Position::After(0), 9).await.unwrap();
        assert_eq!(numbers(&back), expected.iter().rev().copied().collect::<Vec<_>>(), "{text}");
        let whole = store.whole(&filter, u64::MAX, 9).await.unwrap();
        assert_eq!(numbers(&whole), expected, "{text}");
    }
}

/// What the file takes stays near what was allowed, however much goes through it.
#[tokio::test]
async fn a_file_does_not_grow_past_its_bound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("decisions.db");
    let store = DecisionStore::open(&Place::Sqlite(path.clone())).await.unwrap();
    let bound = Retention { age: DAY, bytes: 2 << 20 };
    for round in 0..30_u128 {
        let numbers = 1 + round * 1_000..=1_000 + round * 1_000;
        let long = |number| Evidence { document: "x".repeat(700).into(), ..record(number) };
        let batch: Vec<Arc<Evidence>> = numbers.map(long).map(Arc::new).collect();
        let written = store.write(&batch, bound, NOW).await.unwrap();
        assert!(written.bytes <= bound.bytes, "{written:?}");
    }
    store.close().await;
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < bound.bytes * 2, "{size} bytes on the disk for {} that are allowed", bound.bytes);
}

#[tokio::test]
async fn it_may_share_a_file_with_another_version_of_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(dir.path().join("decisions.db"));
    let store = DecisionStore::open(&place).await.unwrap();
    let mut work = store.link.write().await.unwrap();
    work.execute("UPDATE yett_meta SET value = '99' WHERE name = 'decisions'", []).await.unwrap();
    work.commit(PATIENCE).await.unwrap();
    store.close().await;
    let said = DecisionStore::open(&place).await.unwrap_err().to_string();
    assert!(said.contains("version 99"), "{said}");
}

fn count(at: u64, control: &'static str, code: &'static str, calls: u64, good: u64) -> engine::ShadowCount {
    engine::ShadowCount {
        at,
        api: "notes".into(),
        operation: "addNote".into(),
        control: control.into(),
        part: engine::Part::Request,
        code: code.into(),
        calls,
        good,
    }
}

async fn counts_are_sums_and_each_batch_counts_once(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let minute = NOW - NOW % 60_000;
    let mut counts: Vec<_> =
        (0..70).map(|number| count(minute + number * 60_000, "limits", "", 2, 1)).collect();
    // Two cores in one minute, and what was refused.
    counts.push(count(minute, "limits", "", 10, 9));
    counts.push(count(minute, "limits", "rate_limited", 3, 2));
    counts.push(count(minute, "cors", "", 5, 5));
    let batch = CountBatch { id: 7, counts };
    store.count(&batch, NOW).await.unwrap();
    store.count(&batch, NOW).await.unwrap();
    store.count(&CountBatch { id: 8, counts: vec![count(minute, "cors", "", 1, 0)] }, NOW).await.unwrap();
    let sums = |found: &CountedSince| -> Vec<(String, String, u64, u64)> {
        let row = |one: &Counted| {
            (one.sum.control.to_string(), one.sum.code.to_string(), one.sum.calls, one.sum.good)
        };
        found.sums.iter().map(row).collect()
    };
    let row = |control: &str, code: &str, calls, good| (control.to_owned(), code.to_owned(), calls, good);
    let all = store.counted(&Filter::default(), NOW, NOW).await.unwrap();
    assert_eq!(
        sums(&all),
        [row("limits", "", 150, 79), row("cors", "", 6, 5), row("limits", "rate_limited", 3, 2)]
    );
    assert_eq!((all.since, all.more, all.sums[0].sum.at), (minute, false, minute));
    assert_eq!(all.sums[0].last, minute + 69 * 60_000);
    let text = |text: &str| Some(text.to_owned());
    for (filter, rows) in [
        (Filter { control: text("cors"), ..Filter::default() }, 1),
        (Filter { api: text("notes"), operation: text("addNote"), ..Filter::default() }, 3),
        (Filter { operation: text("getNote"), ..Filter::default() }, 0),
        (Filter { control: text("' OR 1=1 --"), ..Filter::default() }, 0),
    ] {
        assert_eq!(store.counted(&filter, NOW, NOW).await.unwrap().sums.len(), rows, "{filter:?}");
    }
    // Without the first minute.
    let later = store.counted(&Filter::default(), minute + 60_000, NOW + 60_000).await.unwrap();
    assert_eq!(sums(&later), [row("limits", "", 138, 69)]);
}

async fn counts_are_folded_to_hours_and_end(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let hour = NOW - NOW % 3_600_000;
    // Four hours, a call in each minute.
    let counts = (0..240).map(|number| count(hour + number * 60_000, "limits", "", 1, 1)).collect();
    store.count(&CountBatch { id: 1, counts }, hour).await.unwrap();
    let now = hour + 4 * 3_600_000;
    let calls = async |since: u64, now: u64| {
        let found = store.counted(&Filter::default(), since, now).await.unwrap();
        found.sums.iter().map(|one| one.sum.calls).sum::<u64>()
    };
    assert_eq!(calls(0, now).await, 240);
    // Folded twice is folded once; what is written late comes to its hour.
    store.fold_counts(DAY, now).await.unwrap();
    let late = CountBatch { id: 2, counts: vec![count(hour + 5 * 60_000, "limits", "", 1, 1)] };
    store.count(&late, now).await.unwrap();
    store.fold_counts(DAY, now).await.unwrap();
    assert_eq!(calls(0, now).await, 241);
    // The last two hours stand by the minute, the ones before as hours.
    assert_eq!(calls(hour + 150 * 60_000, hour + 151 * 60_000).await, 90);
    assert_eq!(calls(hour + 90 * 60_000, now).await, 180, "from the hour on that the moment is in");
    store.fold_counts(Duration::from_secs(3_600), now).await.unwrap();
    assert_eq!(calls(0, now).await, 60);
    store.fold_counts(Duration::ZERO, now + 1).await.unwrap();
    assert_eq!(calls(0, now).await, 0);
}

async fn decisions_come_with_their_documents(place: Place) {
    let store = DecisionStore::open(&place).await.unwrap();
    let shadowed = |number| Evidence { kept: Kept::Shadowed, ..record(number) };
    let mut all = records(1..=9);
    (all[4], all[7]) = (Arc::new(shadowed(5)), Arc::new(shadowed(8)));
    store.write(&all, ALL, NOW).await.unwrap();
    let filter = Filter { kept: Some(Kept::Shadowed), ..Filter::default() };
    let page = store.whole(&filter, u64::MAX, 1).await.unwrap();
    assert_eq!(page.decisions, [Stored { sequence: 8, evidence: shadowed(8) }]);
    let page = store.whole(&filter, page.next.unwrap(), 9).await.unwrap();
    assert_eq!(page.decisions, [Stored { sequence: 5, evidence: shadowed(5) }]);
    assert_eq!(page.next, None);
}
