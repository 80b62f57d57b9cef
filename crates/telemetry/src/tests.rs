use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::call::{BodyLength, CallId, Peer, Request};
use engine::plan::{BodyMode, Mode, OperationPlan, PlaceId, ResponseMode, Stage};
use engine::route::RouteTable;
use engine::snapshot::Live;
use engine::{Decision, Outcome, Recorded, bounds, codes};
use http::{HeaderMap, HeaderValue, Method, Version};
use testkit::FakeClock;

use super::*;

pub(crate) fn snapshot(generation: u64) -> Snapshot {
    Snapshot {
        generation,
        digest: [0; 32],
        listeners: Vec::new(),
        routes: RouteTable::default(),
        operations: Vec::new(),
        controls: Vec::new(),
        admission: Vec::new(),
        places: vec!["".into(), "yett.yaml:7:5".into()].into(),
        shedding: None,
        live: Live::default().enter(),
    }
}

pub(crate) fn plan() -> Arc<OperationPlan> {
    Arc::new(OperationPlan {
        api: "orders".into(),
        names: Arc::default(),
        id: "getOrder".into(),
        method: Method::GET,
        template: "/orders/{id}".into(),
        upstream: None,
        client_certificate: false,
        base_length: 0,
        head: Box::default(),
        body: Box::default(),
        message: Box::default(),
        response_head: Box::default(),
        before_upstream: Box::default(),
        response_body: Box::default(),
        observe: Box::default(),
        request_mode: BodyMode::Pass { limit: 0 },
        response_mode: ResponseMode::Pass,
        websocket: None,
    })
}

pub(crate) fn call(agent: &'static str, plan: &Arc<OperationPlan>) -> Call {
    let clock = FakeClock::new();
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static(agent));
    let peer =
        Peer { address: SocketAddr::from(([192, 0, 2, 7], 1234)), listener: 0, tls: false, facts: None };
    let target = "/orders/7?token=secret".parse().unwrap();
    let host: (Box<str>, Box<str>) = ("a".into(), "a:80".into());
    let request =
        Request::new(Method::GET, Version::HTTP_11, target, host, headers, BodyLength::Empty).unwrap();
    let mut call = Call::new(CallId(0xab), (clock.now(), clock.unix()), peer, request);
    call.operation = Some(Arc::clone(plan));
    call.decision = Decision { status: 200, bytes_out: 12, ..Decision::default() };
    call.decision.timings.total = Duration::from_micros(120);
    call
}

pub(crate) fn refused(plan: &Arc<OperationPlan>) -> Call {
    let mut call = call("x", plan);
    // A subject may hold anything that JSON can.
    call.decision.fault = Some("\u{1b}[31m\u{202e}".into());
    call.decision.status = 429;
    call.decision.code = Some(&codes::RATE_LIMITED);
    call.decision.verdicts.push(Recorded {
        control: "limits",
        rule: None,
        stage: Stage::Head,
        mode: Mode::Enforce,
        outcome: Outcome::Throttle,
        code: Some(&codes::RATE_LIMITED),
        place: PlaceId(1),
        contract: PlaceId::default(),
        cost: 1_500,
        detail: Some("subject".into()),
    });
    call
}

#[test]
fn lines_are_json_that_says_why_and_keeps_secrets() {
    let plan = plan();
    let mut out = Vec::new();
    line::write(&mut out, &mut Stamp::default(), &snapshot(1), &refused(&plan));
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("}\n") && text.matches('\n').count() == 1);
    assert!(!text.contains("secret") && !text.contains(['\u{1b}', '\u{202e}']));
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["time"], "2026-01-01T00:00:00.000Z");
    assert_eq!(line["id"], "000000000000000000000000000000ab");
    assert_eq!(line["client"], "192.0.2.7");
    assert_eq!(line["path"], "/orders/7");
    assert_eq!(line["operation"], "getOrder");
    assert_eq!(line["status"], 429);
    assert_eq!(line["code"], "rate_limited");
    assert_eq!(line["blame"], "client");
    assert_eq!(line["verdicts"][0]["place"], "yett.yaml:7:5");
    assert_eq!(line["verdicts"][0]["cost_us"], 1);
}

#[test]
fn numbers_add_up_over_cores_and_reloads() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (one, two) = (telemetry.core(0), telemetry.core(1));
    let old = plan();
    one.call(&snapshot(1), &call("a", &old));
    one.call(&snapshot(2), &call("a", &plan()));
    two.call(&snapshot(2), &refused(&plan()));
    two.bound(Bound::Body);
    two.connection(ConnectionEvent::Opened);
    let name = Arc::<str>::from;
    assert_eq!(telemetry.calls(), [(name("orders"), name("getOrder"), 3)]);
    let text = telemetry.render(&[Sample {
        name: "yett_generation",
        help: "Running generation.",
        kind: Kind::Gauge,
        labels: Vec::new(),
        value: 2.0,
    }]);
    for expected in [
        "yett_calls_total{api=\"orders\",operation=\"getOrder\",status=\"200\",code=\"\",blame=\"\"} 2\n",
        "yett_calls_total{api=\"orders\",operation=\"getOrder\",status=\"429\",code=\"rate_limited\",blame=\"client\"} 1\n",
        "yett_verdicts_total{control=\"limits\",outcome=\"throttle\",mode=\"enforce\",code=\"rate_limited\"} 1\n",
        "yett_call_duration_seconds_bucket{le=\"0.0001\"} 0\n",
        "yett_call_duration_seconds_bucket{le=\"0.00025\"} 3\n",
        "yett_call_duration_seconds_sum 0.00036\n",
        "yett_bound_reached_total{bound=\"body\"} 1\n",
        "yett_connections_total{event=\"opened\"} 1\n",
        "yett_response_bytes_total 36\n",
        "# TYPE yett_generation gauge\nyett_generation 2\n",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    assert_eq!(Arc::strong_count(&old), 1, "plans of an old snapshot are let go");
}

#[test]
fn a_body_refused_by_its_length_is_counted_as_bound() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let core = telemetry.core(0);
    core.call(&snapshot(1), &refused(&plan()));
    assert!(telemetry.render(&[]).contains("yett_bound_reached_total{bound=\"body\"} 0\n"));
    let mut call = refused(&plan());
    call.decision.code = Some(&codes::BODY_TOO_LARGE);
    call.decision.verdicts[0].code = Some(&codes::BODY_TOO_LARGE);
    core.call(&snapshot(1), &call);
    assert!(telemetry.render(&[]).contains("yett_bound_reached_total{bound=\"body\"} 1\n"));
}

#[test]
fn statuses_of_an_odd_upstream_are_bounded() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let core = telemetry.core(0);
    let plan = plan();
    for status in 100..999 {
        let mut call = call("a", &plan);
        call.decision.status = status;
        core.call(&snapshot(1), &call);
    }
    let lines = telemetry.render(&[]).lines().filter(|line| line.starts_with("yett_calls_total{")).count();
    assert!(lines <= 33, "{lines}");
}

#[test]
fn the_log_is_written_rotated_and_a_full_disk_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let telemetry = Telemetry::new(&Destination::File(path.clone()), Arc::new(FakeClock::new())).unwrap();
    let core = telemetry.core(0);
    let plan = plan();
    core.call(&snapshot(1), &call("a", &plan));
    telemetry.flush();
    std::fs::rename(&path, folder.path().join("old.log")).unwrap();
    telemetry.reopen();
    core.call(&snapshot(1), &call("a", &plan));
    core.call(&snapshot(1), &call("a", &plan));
    telemetry.flush();
    let lines =
        |name: &str| std::fs::read(folder.path().join(name)).unwrap().iter().filter(|b| **b == b'\n').count();
    assert_eq!((lines("old.log"), lines("access.log")), (1, 2));
    assert_eq!(telemetry.log_fault(), None);

    let full = Telemetry::new(&Destination::File("/dev/full".into()), Arc::new(FakeClock::new())).unwrap();
    full.core(0).call(&snapshot(1), &call("a", &plan));
    full.flush();
    assert!(full.log_fault().unwrap().contains("No space left"));
    assert!(full.render(&[]).contains("yett_log_lines_lost_total 1\n"));
}

#[test]
fn a_log_that_nobody_reads_stops_its_writer_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Both ends, so that it opens; never read, until the end.
    let mut reader = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let clock = FakeClock::new();
    let telemetry = Telemetry::new(&Destination::File(path), Arc::new(clock.clone())).unwrap();
    let core = telemetry.core(0);
    let plan = plan();
    // More than a pipe holds.
    for _ in 0..1000 {
        core.call(&snapshot(1), &call("a", &plan));
    }
    telemetry.flush();
    assert_eq!(telemetry.log_fault(), None, "it may only be slow");
    clock.advance(Duration::from_secs(3));
    let fault = telemetry.log_fault().unwrap_or_default();
    assert!(fault.starts_with("blocked since 2026-01-01T00:00:00.000Z"), "{fault}");
    core.call(&snapshot(1), &call("a", &plan));
    assert!(telemetry.render(&[]).contains("yett_calls_total"), "nobody else waits");
    // Somebody reads: it goes on, and nothing was lost.
    let reading = std::thread::spawn(move || {
        let (mut lines, mut buffer) = (0, [0; 65_536]);
        while lines < 1001 {
            let read = std::io::Read::read(&mut reader, &mut buffer).unwrap();
            lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        }
        reader
    });
    let mut reader = reading.join().unwrap();
    telemetry.flush();
    assert_eq!(telemetry.log_fault(), None);
    assert!(telemetry.render(&[]).contains("yett_log_lines_lost_total 0\n"));
    // And an end that does not hang.
    for _ in 0..1000 {
        core.call(&snapshot(1), &call("a", &plan));
    }
    drop(telemetry);
    let _ = std::io::Read::read(&mut reader, &mut [0; 16]);
}

/// Records that a queue holds, over all cores.
fn taken(queue: &RecordQueue) -> Vec<Arc<engine::Evidence>> {
    queue.take().into_iter().flatten().collect()
}

fn shadowed(plan: &Arc<OperationPlan>) -> Call {
    let mut call = refused(plan);
    (call.decision.status, call.decision.code, call.decision.fault) = (200, None, None);
    call.decision.verdicts[0].mode = Mode::Shadow;
    call
}

#[test]
fn what_ended_or_would_have_is_kept_and_a_share_of_the_rest() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (queue, plan) = (telemetry.decisions(), plan());
    let core = telemetry.core(0);
    let four = || {
        let mut failed = refused(&plan);
        failed.decision.verdicts.clear();
        failed.decision.code = Some(&codes::UPSTREAM_TIMEOUT);
        for call in [call("a", &plan), refused(&plan), shadowed(&plan), failed] {
            core.call(&snapshot(1), &call);
        }
        taken(queue)
            .iter()
            .map(|record| (record.kept.name(), &*record.control == "limits"))
            .collect::<Vec<_>>()
    };
    assert_eq!(four(), [], "nobody asked for any");
    let (refused, shadowed, failed) = (("refused", true), ("shadowed", true), ("failed", false));
    queue.want(Some(0));
    assert_eq!(four(), [refused, shadowed, failed]);
    queue.want(Some(500_000));
    assert_eq!(four(), [refused, shadowed, failed]);
    assert_eq!(four(), [("passed", false), refused, shadowed, failed], "every other");
    queue.want(None);
    assert_eq!(four(), []);
}

#[test]
fn who_is_told_and_the_store_have_the_same_record_and_do_not_wait_for_each_other() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (store, events, plan) = (telemetry.decisions(), telemetry.events(), plan());
    let core = telemetry.core(0);
    events.want(Some(0));
    for call in [call("a", &plan), refused(&plan), shadowed(&plan)] {
        core.call(&snapshot(1), &call);
    }
    assert_eq!((store.waiting(), taken(events).len()), (0, 2), "nothing is kept, and what matters is told");
    store.want(Some(1_000_000));
    core.call(&snapshot(1), &refused(&plan));
    core.call(&snapshot(1), &call("a", &plan));
    let (kept, told) = (taken(store), taken(events));
    assert_eq!((kept.len(), told.len()), (2, 1), "the sample is for the store");
    assert!(Arc::ptr_eq(&kept[0], &told[0]), "made once");
    for _ in 0..=bounds::EVENT_QUEUE {
        core.call(&snapshot(1), &refused(&plan));
        let _ = store.take();
    }
    assert_eq!((store.lost()[0].1, events.lost()[0].1, events.waiting()), (0, 1, bounds::EVENT_QUEUE));
    assert!(telemetry.render(&[]).contains("yett_bound_reached_total{bound=\"event_queue\"} 1\n"));
}

#[test]
fn a_record_has_all_verdicts_and_no_secret_and_is_inert() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (queue, plan) = (telemetry.decisions(), plan());
    queue.want(Some(0));
    let mut call = refused(&plan);
    let allowed = Recorded {
        outcome: Outcome::Allow,
        code: None,
        detail: None,
        control: "cors",
        ..call.decision.verdicts[0].clone()
    };
    call.decision.verdicts.insert(0, allowed);
    let hostile = "\u{1b}]0;x\u{7}\u{202e}\r\n\u{0}".to_owned() + &"é".repeat(1 << 20);
    call.decision.verdicts[1].detail = Some(hostile.clone().into());
    call.request = Request::refused(
        Method::GET,
        Version::HTTP_11,
        (&hostile, &hostile),
        HeaderMap::new(),
        BodyLength::Empty,
    );
    telemetry.core(0).call(&snapshot(7), &call);
    let record = taken(queue).remove(0);
    assert_eq!(
        (&*record.code, &*record.address, record.status, record.at),
        ("rate_limited", "192.0.2.7", 429, 1_767_225_600_000)
    );
    assert_eq!((&*record.api, &*record.operation, record.micros), ("orders", "getOrder", 120));
    let is_inert = |text: &str| !text.contains(engine::text::is_hidden);
    assert!(is_inert(&record.path) && record.path.len() < 3 * 256, "{}", record.path);
    assert!(is_inert(&record.document), "the document's hidden characters are escaped");
    let document: serde_json::Value = serde_json::from_str(&record.document).unwrap();
    let outcomes: Vec<_> =
        document["verdicts"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["allow", "throttle"]);
    assert_eq!((&document["generation"], &document["kept"]), (&7.into(), &"refused".into()));
    assert_eq!(document["digest"].as_str().unwrap().len(), 64);
    assert!(!record.document.contains("secret"));
}

#[test]
fn a_record_of_a_long_stream_is_bounded() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (queue, plan) = (telemetry.decisions(), plan());
    queue.want(Some(0));
    let mut call = refused(&plan);
    let said = Recorded {
        detail: Some("\u{1b}".repeat(bounds::DETAIL_BYTES).into()),
        ..call.decision.verdicts[0].clone()
    };
    call.decision.verdicts = vec![said; bounds::VIOLATIONS];
    telemetry.core(0).call(&snapshot(1), &call);
    let record = taken(queue).remove(0);
    assert!(record.document.len() < 2 * bounds::DECISION_BYTES, "{}", record.document.len());
    let document: serde_json::Value = serde_json::from_str(&record.document).unwrap();
    assert_eq!(document["verdicts"].as_array().unwrap().len(), bounds::VIOLATIONS);
}

#[test]
fn a_full_queue_drops_what_comes_and_says_why() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (queue, plan) = (telemetry.decisions(), plan());
    queue.want(Some(0));
    let core = telemetry.core(0);
    let call = refused(&plan);
    for _ in 0..=bounds::DECISION_QUEUE {
        core.call(&snapshot(1), &call);
    }
    queue.full_because(Lost::Unavailable);
    core.call(&snapshot(1), &call);
    assert_eq!(queue.waiting(), bounds::DECISION_QUEUE);
    let lost = |why| queue.lost().into_iter().find(|(known, _)| *known == why).unwrap().1;
    assert_eq!((lost(Lost::Queue), lost(Lost::Unavailable), lost(Lost::Full)), (1, 1, 0));
    assert!(telemetry.render(&[]).contains("yett_bound_reached_total{bound=\"decision_queue\"} 2\n"));
    assert_eq!(taken(queue).len(), bounds::DECISION_QUEUE);
    core.call(&snapshot(1), &call);
    assert_eq!(queue.waiting(), 1, "there is room again");
    // Another core is not concerned by it.
    telemetry.core(1).call(&snapshot(1), &call);
    assert_eq!(queue.waiting(), 2);
}

#[test]
fn what_is_no_calls_waits_where_no_flood_of_calls_takes_its_room_and_is_bounded_too() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let (queue, plan) = (telemetry.decisions(), plan());
    queue.want(Some(0));
    let core = telemetry.core(0);
    for _ in 0..=bounds::DECISION_QUEUE {
        core.call(&snapshot(1), &refused(&plan));
    }
    let alert = taken(queue).remove(0);
    for _ in 0..=bounds::DECISION_QUEUE {
        core.call(&snapshot(1), &refused(&plan));
    }
    let lost = queue.lost()[0].1;
    queue.add(Arc::clone(&alert));
    assert_eq!((queue.waiting(), queue.lost()[0].1), (bounds::DECISION_QUEUE + 1, lost));
    (0..bounds::DECISION_QUEUE).for_each(|_| queue.add(Arc::clone(&alert)));
    assert_eq!((queue.waiting(), queue.lost()[0].1), (2 * bounds::DECISION_QUEUE, lost + 1));
    assert_eq!(taken(queue).len(), 2 * bounds::DECISION_QUEUE);
    queue.want(None);
    queue.add(alert);
    assert_eq!(queue.waiting(), 0, "nothing is kept");
}

fn looked_at(verdicts: &[(&'static str, Stage, Mode, Option<&'static codes::Code>)], status: u16) -> Call {
    let mut call = call("x", &plan());
    call.decision.status = status;
    call.decision.verdicts.extend(verdicts.iter().map(|(control, stage, mode, code)| Recorded {
        control,
        rule: None,
        stage: *stage,
        mode: *mode,
        outcome: if code.is_some() { Outcome::Refuse } else { Outcome::Allow },
        code: *code,
        place: PlaceId(1),
        contract: PlaceId::default(),
        cost: 0,
        detail: None,
    }));
    call
}

#[test]
fn every_call_that_a_control_in_shadow_looked_at_counts_once() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let queue = telemetry.decisions();
    let core = telemetry.core(0);
    let (invalid, param) = (&codes::BODY_INVALID, &codes::PARAMETER_INVALID);
    let (head, body, answer) = (Stage::Head, Stage::Body, Stage::ResponseBody);
    let calls = [
        // Two reasons on one side are one refusal, for the first of them.
        looked_at(
            &[
                ("validation", head, Mode::Shadow, Some(param)),
                ("validation", body, Mode::Shadow, Some(invalid)),
                ("validation", answer, Mode::Shadow, None),
            ],
            200,
        ),
        looked_at(&[("validation", head, Mode::Shadow, None), ("validation", body, Mode::Shadow, None)], 304),
        // The service did not answer well: not a good call.
        looked_at(&[("validation", body, Mode::Shadow, Some(invalid))], 404),
        // Nothing in shadow.
        looked_at(&[("validation", body, Mode::Enforce, None)], 200),
    ];
    calls.iter().for_each(|call| core.call(&snapshot(1), call));
    assert!(telemetry.shadow().take().is_empty(), "nothing is kept");
    queue.want(Some(0));
    calls.iter().for_each(|call| core.call(&snapshot(1), call));
    // One that is enforced ended it: looked at, and not good.
    let mut ended = refused(&plan());
    ended.decision.verdicts.extend(looked_at(&[("cors", head, Mode::Shadow, None)], 200).decision.verdicts);
    core.call(&snapshot(1), &ended);
    let mut counts: Vec<_> = telemetry
        .shadow()
        .take()
        .into_iter()
        .map(|one| (one.control.into_owned(), one.part.name(), one.code.into_owned(), one.calls, one.good))
        .collect();
    counts.sort();
    let row = |control: &str, part, code: &str, calls, good| (control.into(), part, code.into(), calls, good);
    assert_eq!(
        summed(counts),
        [
            row("cors", "request", "", 1, 0),
            row("validation", "answer", "", 1, 1),
            row("validation", "request", "", 3, 2),
            row("validation", "request", "body_invalid", 1, 0),
            row("validation", "request", "parameter_invalid", 1, 1),
        ]
    );
    assert_eq!((telemetry.shadow().take().len(), telemetry.shadow().uncounted()), (0, 0));
}

type Row = (String, &'static str, String, u64, u64);

/// Counts of several plans of one name together, as a store adds them.
fn summed(counts: Vec<Row>) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    for one in counts {
        match all.last_mut().filter(|last| (&last.0, last.1, &last.2) == (&one.0, one.1, &one.2)) {
            Some(last) => (last.3, last.4) = (last.3 + one.3, last.4 + one.4),
            None => all.push(one),
        }
    }
    all
}

#[test]
fn counts_are_by_the_minute_and_bounded() {
    let telemetry = Telemetry::new(&Destination::Off, Arc::new(FakeClock::new())).unwrap();
    let queue = telemetry.decisions();
    queue.want(Some(0));
    let core = telemetry.core(0);
    let mut call = looked_at(&[("cors", Stage::Head, Mode::Shadow, None)], 200);
    let begin = call.at.0;
    let minute = |number: u64| engine::UnixTime(begin + number * 60_000_000_000);
    for number in 0..bounds::SHADOW_COUNTS as u64 + 2 {
        call.at = minute(number);
        core.call(&snapshot(1), &call);
    }
    assert_eq!(telemetry.shadow().uncounted(), 2);
    assert!(telemetry.render(&[]).contains("yett_bound_reached_total{bound=\"shadow_counts\"} 2\n"));
    let counts = telemetry.shadow().take();
    assert_eq!(counts.len(), bounds::SHADOW_COUNTS);
    assert_eq!((counts[0].at, counts[1].at), (begin / 1_000_000, begin / 1_000_000 + 60_000));
    core.call(&snapshot(1), &call);
    assert_eq!(telemetry.shadow().take().len(), 1, "there is room again");
}
