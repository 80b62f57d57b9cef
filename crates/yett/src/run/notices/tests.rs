//! Sinks without a network.

use ::notices::{Actor, Event, Filter, Item, Retry};
use engine::fetch::{FetchError, FetchRequest, FetchResponse, Reach};
use engine::{BoxFuture, CallId, Evidence, Kept};
use store::{Ending, NewNotice};
use telemetry::Destination;
use testkit::{FakeClock, NoFetch};
use tokio::sync::mpsc::{Sender, channel};

use super::choice::Choice;
use super::intake::item;
use super::watch::Told as Alerted;
use super::*;

const MIB: u64 = 1 << 20;

fn settings(size: u64) -> Settings {
    Settings {
        url: String::from("https://soc.example/hook"),
        secrets: Vec::new(),
        calls: true,
        alerts: true,
        wanted: Filter::default(),
        owners: Vec::new(),
        reach: Reach::Operator,
        deadline: Duration::from_secs(60),
        retry: Retry {
            first: Duration::from_secs(1),
            most: Duration::from_secs(1),
            tries: 3,
            age: Duration::from_secs(600),
        },
        size,
        dead: MIB,
    }
}

fn record(id: u128) -> Evidence {
    let none = || Box::<str>::default();
    Evidence {
        id: CallId(id),
        at: 0,
        kept: Kept::Refused,
        status: 403,
        code: "operation_unknown".into(),
        control: none(),
        method: none(),
        path: none(),
        api: none(),
        operation: none(),
        address: "192.0.2.7".into(),
        issuer: none(),
        subject: none(),
        application: none(),
        micros: 0,
        document: "{}".into(),
    }
}

fn waits(sequence: u64, bytes: u64) -> Item {
    Item { sequence, actor: Actor(1), bytes, at: 0, tries: 0, sent: false }
}

#[test]
fn alerts_find_room_where_calls_find_none_and_have_a_bound_too() {
    let sink = Arc::new(Sink::new("soc", settings(MIB)));
    let mut choice = Choice::new([Arc::clone(&sink)], "urn:x".into(), 0);
    let bytes = |choice: &Choice| choice.batch.iter().map(NewNotice::bytes).sum::<u64>();
    while choice.lost == 0 {
        choice.call(&record(choice.batch.len() as u128));
    }
    let calls = choice.batch.len();
    assert!(bytes(&choice) <= MIB - MIB / 16, "{} of calls", bytes(&choice));
    let event = Event::of(&record(7)).unwrap();
    let alert = Alerted { event, owners: Vec::new(), sinks: Vec::new() };
    choice.alert(&alert);
    assert_eq!((choice.batch.len(), choice.lost), (calls + 1, 1));
    while choice.lost == 1 {
        choice.alert(&alert);
    }
    assert!(bytes(&choice) <= MIB && bytes(&choice) > MIB - 1_024, "{} in all", bytes(&choice));
    // What waits already is part of it, and who takes no alerts keeps nothing free for them.
    let _ = sink.push(waits(1, MIB), &FakeClock::new());
    let other = Arc::new(Sink::new("other", Settings { alerts: false, ..settings(MIB) }));
    let _ = other.push(waits(2, MIB - MIB / 16), &FakeClock::new());
    let mut choice = Choice::new([sink, other], "urn:x".into(), 0);
    choice.call(&record(1));
    choice.alert(&alert);
    let told: Vec<&str> = choice.batch.iter().map(|notice| &*notice.sink).collect();
    assert_eq!((told, choice.lost), (vec!["other"], 2));
}

#[test]
fn what_comes_too_late_for_a_sink_is_given_up() {
    let (sink, clock) = (Sink::new("soc", settings(MIB)), FakeClock::new());
    assert_eq!(sink.push(waits(1, 10), &clock), None);
    let is_dead = |ending: &Ending, number: u64| matches!(ending, Ending::Dead(one, ..) if *one == number);
    assert!(is_dead(&sink.give_up(&clock)[0], 1));
    assert!(is_dead(&sink.push(waits(2, 10), &clock).unwrap(), 2));
    assert_eq!(sink.told().waiting, 0);
}

/// A receiver that says that it was asked, and never answers.
#[derive(Debug)]
struct Silent(Sender<String>);

impl Fetch for Silent {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        let _ = self.0.try_send(request.url);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn of_a_sink_that_is_taken_out_nothing_is_left_to_be_delivered_again() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let spool = Arc::new(Spool::open(&dir.path().join("notices.db")).await.unwrap());
    let (sender, mut asked) = channel(8);
    let services = Services { clock: clock.clone(), fetch: Arc::new(Silent(sender)) };
    let sink = Arc::new(Sink::new("soc", settings(MIB)));
    // Two of one actor: the first is on its way when the sink is taken out, the second waits for it.
    let notice = |id: &str| NewNotice {
        sink: String::from("soc"),
        id: id.to_owned(),
        actor: String::from("1"),
        at: sink::unix(&*clock),
        body: String::from("{}"),
    };
    spool.put(&[notice("a"), notice("b")]).await.unwrap();
    for waiting in spool.waiting(0, 10).await.unwrap() {
        assert_eq!(sink.push(item(&waiting), &*clock), None);
    }
    let task = tokio::spawn(deliver::deliver(Arc::clone(&sink), Arc::clone(&spool), services));
    asked.recv().await.unwrap();
    sink.end(Stage::Removed);
    while !task.is_finished() {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(task.await.unwrap());
    assert_eq!(spool.waiting(0, 10).await.unwrap(), []);
    let letters = spool.dead(Some("soc"), 0, 10).await.unwrap();
    let letters: Vec<_> =
        letters.iter().map(|dead| (&*dead.id, dead.notice.tries, dead.notice.sent)).collect();
    assert_eq!(letters, [("a", 1, true), ("b", 0, false)], "the first may have arrived");
    assert!(asked.try_recv().is_err(), "nothing was sent since");
}

#[tokio::test]
async fn a_turn_runs_to_its_end_also_when_nobody_waits_for_it() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let clock: Arc<dyn Clock> = clock;
    let telemetry = Arc::new(Telemetry::new(&Destination::Off, Arc::clone(&clock)).unwrap());
    let (document, loaded) = document(dir.path());
    let path = dir.path().join("notices.db");
    let ways = (&clock, Arc::new(NoFetch) as Arc<dyn Fetch>, &Handle::current());
    let notices = Notices::start(&telemetry, &Arc::default(), path, ways, (&document, &loaded)).unwrap();
    let mut all = Box::pin(notices.spool_in_time());
    std::future::poll_fn(|context| {
        let _ = all.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(all);
    assert!(notices.work.try_lock().is_err(), "it goes on, and no other begins");
    let work = notices.work.lock().await;
    assert!(notices.spool.lock().is_some() && work.held() == 0);
}

fn document(folder: &std::path::Path) -> (spec::Document, Loaded) {
    let text = "version: 1\nlisten: http://127.0.0.1:0\nnotify:\n  sinks: { soc: { url: \"https://soc.example/hook\", secret: \"file:hook.secret\" } }\n";
    std::fs::write(folder.join("yett.yaml"), text).unwrap();
    std::fs::write(folder.join("hook.secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let loaded = crate::load::load(&folder.join("yett.yaml"), None, None).unwrap();
    let (mut sources, mut found) = (diagnostics::Sources::default(), diagnostics::Diagnostics::new());
    let file = sources.add("yett.yaml", text);
    let node = spec::parse(text, file, &mut found).unwrap();
    let resolved = spec::resolve(&node, None, &compile::sections(), &mut found).unwrap();
    (resolved.document, loaded)
}
