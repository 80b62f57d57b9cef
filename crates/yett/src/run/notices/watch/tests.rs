use engine::codes;
use engine::record::{CoreRecorder, Recorder};
use engine::route::RouteTable;
use engine::snapshot::{Live, Snapshot};
use notices::Change;
use telemetry::Destination;
use testkit::{CallBuilder, FakeClock};

use super::*;

fn document(alerts: &str) -> spec::Document {
    let text = format!(
        "version: 1\nlisten: http://127.0.0.1:0\napis:\n  notes:\n    contract: ./openapi.yaml\n    upstream: http://127.0.0.1:1\n    \
         issuer: local\n    owner: team@example.com\nnotify:\n  sinks: {{ soc: {{ url: \"https://a.example\", secret: env:A }} }}\n  \
         alerts: {{ {alerts} }}\n"
    );
    let (mut sources, mut found) = (diagnostics::Sources::default(), diagnostics::Diagnostics::new());
    let file = sources.add("yett.yaml", &*text);
    let node = spec::parse(&text, file, &mut found).unwrap();
    let resolved = spec::resolve(&node, None, &compile::sections(), &mut found).unwrap();
    assert!(!found.has_errors(), "{found:?}");
    resolved.document
}

/// A gateway's recorder, what watches it, and time.
struct World {
    clock: Arc<FakeClock>,
    telemetry: Telemetry,
    core: Box<dyn CoreRecorder>,
    watch: Watch,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(FakeClock::new());
        let telemetry = Telemetry::new(&Destination::Off, clock.clone()).unwrap();
        telemetry.events().want(Some(0));
        let core = telemetry.core(0);
        Self { clock, telemetry, core, watch: Watch::default() }
    }

    fn applies(&mut self, alerts: &str) {
        self.watch.apply(&document(alerts), &self.telemetry, &*self.clock);
    }

    /// So many calls that no operation serves: refused, or not.
    fn calls(&mut self, count: usize, refused: bool) {
        let snapshot = Snapshot {
            generation: 1,
            digest: [0; 32],
            listeners: Vec::new(),
            routes: RouteTable::default(),
            operations: Vec::new(),
            controls: Vec::new(),
            admission: Vec::new(),
            places: vec!["".into()].into(),
            shedding: None,
            live: Live::default().enter(),
        };
        for _ in 0..count {
            let mut call = CallBuilder::get("/x").clock(&self.clock).build();
            (call.operation, call.decision.status) = (None, if refused { 404 } else { 200 });
            call.decision.code = refused.then_some(&codes::OPERATION_UNKNOWN);
            self.core.call(&snapshot, &call);
        }
        for record in self.telemetry.events().take().into_iter().flatten() {
            self.watch.event(&record, &*self.clock);
        }
    }

    /// What is told when so much time has gone by.
    fn after(&mut self, time: Duration) -> Vec<(String, Change, u64, u64)> {
        self.clock.advance(time);
        let told = self.watch.look(&self.telemetry, &*self.clock, usize::MAX);
        told.into_iter().map(|(rule, alert)| (rule.name, alert.change, alert.count, alert.calls)).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_there_was_before_a_rule_asked_for_it_is_in_no_window() {
    let mut world = World::new();
    world.applies("");
    world.calls(1_000, false);
    assert_eq!(world.after(SECOND), []);
    let share = "some: { share: 50%, window: 1m, at_least: 50, hold: 0s }";
    world.applies(share);
    world.calls(30, true);
    assert_eq!(world.after(SECOND), [], "thirty calls are too few to say");
    world.calls(30, true);
    assert_eq!(world.after(SECOND), [("some".into(), Change::Firing, 60, 60)]);
    // A reload that does not change it goes on with it, and good calls make it sink.
    world.applies(&format!("{share}, other: {{ rate: 1000/s }}"));
    assert_eq!(world.after(SECOND), []);
    world.calls(100, false);
    assert_eq!(world.after(SECOND), [("some".into(), Change::Resolved, 60, 160)]);
    assert_eq!(world.watch.numbers(), (0, 0));
}

#[test]
fn the_first_rise_after_the_start_is_seen() {
    let mut world = World::new();
    world.applies("some: { share: 50%, window: 1m, at_least: 6 }, many: { rate: 7/10s }");
    world.calls(7, true);
    let told = world.after(SECOND / 10);
    assert_eq!(told, [("many".into(), Change::Firing, 7, 0), ("some".into(), Change::Firing, 7, 7)]);
}

#[test]
fn silence_is_told_once_and_so_is_its_end() {
    let mut world = World::new();
    world.applies("silent: { of: calls, absent: 2m, hold: 0s }, calm: { absent: 5m, hold: 0s }");
    let minute = 60 * SECOND;
    assert_eq!(world.after(minute), []);
    world.calls(1, false);
    assert_eq!(world.after(SECOND), [], "a call came");
    assert_eq!(world.after(2 * minute - SECOND), [], "not for so long");
    assert_eq!(world.after(SECOND), [("silent".into(), Change::Firing, 120_000, 0)]);
    assert_eq!(world.after(minute), [], "told once");
    let told = world.after(minute - SECOND);
    assert_eq!(told, [("calm".into(), Change::Firing, 300_000, 0)], "good calls are no events");
    world.calls(1, true);
    let told: Vec<_> = world.after(SECOND).into_iter().map(|(name, change, ..)| (name, change)).collect();
    assert_eq!(told, [("calm".into(), Change::Resolved), ("silent".into(), Change::Resolved)]);
}

#[test]
fn an_alert_is_the_business_of_who_answers_for_its_api() {
    let mut world = World::new();
    world.applies(
        "one: { events: { api: [notes] }, rate: 1/s }, two: { by: [api], rate: 1/s }, three: { by: [operation], rate: 1/s }, \
         four: { rate: 1/s }",
    );
    let owners: Vec<Option<String>> = (0..4)
        .map(|number| {
            let rule = world.watch.alerts.rule(number).unwrap();
            let group: &[&str] = match rule.name.as_str() {
                "two" => &["notes"],
                "three" => &["notes/listNotes"],
                _ => &[],
            };
            let group = group.iter().map(|text| Box::from(*text)).collect();
            let alert = Alert {
                rule: number,
                group,
                change: Change::Firing,
                since: 0,
                count: 1,
                calls: 0,
                examples: Vec::new(),
            };
            world.watch.owner(rule, &alert).map(|owner| format!("{}: {owner}", rule.name))
        })
        .collect();
    let team = |name: &str| Some(format!("{name}: team@example.com"));
    // In the order of their names.
    assert_eq!(owners, [None, team("one"), team("three"), team("two")]);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_waited_for_once() {
    let clock = FakeClock::new();
    let asked = std::cell::Cell::new(0);
    let applications = BTreeSet::from(["a", "b", "c", "d"]);
    let ask = |id: &str| {
        asked.set(asked.get() + 1);
        let owner = (id == "a").then(|| String::from("shop@example.com"));
        async move { if owner.is_some() { owner } else { std::future::pending().await } }
    };
    let late = async { clock.advance(PATIENCE) };
    let (known, ()) = tokio::join!(owners_in_time(&applications, &clock, ask), late);
    assert_eq!(known, HashMap::from([(String::from("a"), String::from("shop@example.com"))]));
    assert_eq!(asked.get(), 2, "nobody is asked after the one that does not answer");
}
