use engine::Kept;

use super::window::Window;
use super::*;
use crate::event::tests::evidence;
use crate::event::{Event, Severity};
use crate::filter::Filter;

const MINUTE: u64 = 60_000;
const NOW: u64 = 1_767_225_600_000;

fn rule(condition: Condition, by: &[Label]) -> Rule {
    Rule {
        name: String::from("rule"),
        filter: Filter { codes: vec![String::from("token_invalid")], ..Filter::default() },
        all_calls: false,
        by: by.to_vec(),
        condition,
        hold: Duration::from_secs(300),
        repeat: Duration::from_secs(3_600),
        severity: Severity::Error,
        sinks: Vec::new(),
    }
}

fn rate(count: u64) -> Condition {
    Condition::Rate(count, Duration::from_secs(60))
}

fn from(address: &str) -> Evidence {
    Evidence { address: address.into(), ..evidence(Kept::Refused, "token_invalid") }
}

fn tick(alerts: &mut Alerts, now: u64) -> Vec<Alert> {
    alerts.tick(now, usize::MAX)
}

fn changes(alerts: &mut Alerts, now: u64) -> Vec<(&'static str, String, u64)> {
    let told = tick(alerts, now);
    told.into_iter().map(|alert| (alert.change.name(), alert.group.concat(), alert.count)).collect()
}

#[test]
fn a_rate_is_told_once_again_after_a_while_and_when_it_is_over() {
    let mut alerts = Alerts::new(vec![rule(rate(5), &[])], NOW);
    for number in 0..4 {
        alerts.event(&from("a"), NOW + number);
    }
    alerts.event(&evidence(Kept::Refused, "rate_limited"), NOW);
    assert!(changes(&mut alerts, NOW + 10).is_empty());
    alerts.event(&from("a"), NOW + 20);
    assert_eq!(changes(&mut alerts, NOW + 30), [("firing", String::new(), 5)]);
    assert_eq!(alerts.firing(), 1);
    for second in 1..=3_600 {
        alerts.event(&from("a"), NOW + second * 1_000);
        alerts.event(&from("a"), NOW + second * 1_000);
        let told = changes(&mut alerts, NOW + second * 1_000 + 30);
        assert_eq!(told.len(), usize::from(second == 3_600), "{second}: {told:?}");
    }
    // It ceases: that is told when it has for as long as is asked for, and once.
    let end = NOW + 3_600_000;
    assert!(changes(&mut alerts, end + MINUTE).is_empty());
    assert!(changes(&mut alerts, end + 5 * MINUTE).is_empty());
    assert_eq!(changes(&mut alerts, end + 6 * MINUTE + 1_000), [("resolved", String::new(), 0)]);
    assert!(changes(&mut alerts, end + 7 * MINUTE).is_empty());
    assert_eq!(alerts.firing(), 0);
}

#[test]
fn one_that_comes_and_goes_is_one_alert() {
    let mut alerts = Alerts::new(vec![rule(rate(5), &[])], NOW);
    let mut told = Vec::new();
    for round in 0..10 {
        let at = NOW + round * 2 * MINUTE;
        (0..5).for_each(|_| alerts.event(&from("a"), at));
        told.extend(changes(&mut alerts, at));
        told.extend(changes(&mut alerts, at + MINUTE + 5_000));
    }
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn groups_are_told_apart() {
    let mut alerts = Alerts::new(vec![rule(rate(3), &[Label::Address, Label::Principal])], NOW);
    for address in ["a", "a", "b", "a", "b", "c"] {
        alerts.event(&from(address), NOW);
    }
    alerts.event(&Evidence { subject: "bob".into(), ..from("c") }, NOW);
    alerts.event(&Evidence { issuer: "".into(), ..from("c") }, NOW);
    let told = tick(&mut alerts, NOW);
    let groups: Vec<_> = told.iter().map(|alert| alert.group.clone()).collect();
    assert_eq!(groups, [vec![Box::from("a"), Box::from("alice of local")]]);
    assert_eq!(told[0].examples.len(), 3);
}

#[test]
fn a_share_is_of_all_calls_of_the_group() {
    let share = Condition::Share { percent: 10, window: Duration::from_secs(300), at_least: 50 };
    let mut alerts = Alerts::new(vec![rule(share, &[Label::Operation])], NOW);
    assert!(alerts.wants_calls());
    let mut of = |operation: &str, calls: u64, refused: usize| {
        let one = Evidence { operation: operation.into(), ..from("a") };
        (0..refused).for_each(|_| alerts.event(&one, NOW));
        alerts.calls("notes", operation, calls, NOW);
    };
    of("few", 40, 40);
    of("good", 1_000, 99);
    of("bad", 1_000, 100);
    let told = tick(&mut alerts, NOW + 1_000);
    assert_eq!(told.len(), 1);
    assert_eq!((&*told[0].group[0], told[0].count, told[0].calls), ("notes/bad", 100, 1_000));
    // Good calls come, and the share sinks.
    alerts.calls("notes", "bad", 1_000, NOW + MINUTE);
    assert!(tick(&mut alerts, NOW + MINUTE).is_empty());
    assert_eq!(tick(&mut alerts, NOW + 6 * MINUTE)[0].change, Change::Resolved);
}

#[test]
fn silence_is_told() {
    let of_events = rule(Condition::Absent(Duration::from_secs(600)), &[]);
    let mut of_calls = Rule { all_calls: true, ..of_events.clone() };
    of_calls.filter = Filter { apis: vec![String::from("notes")], ..Filter::default() };
    of_calls.hold = Duration::ZERO;
    let mut alerts = Alerts::new(vec![of_events, of_calls], NOW);
    assert!(tick(&mut alerts, NOW + 9 * MINUTE).is_empty());
    alerts.calls("other", "x", 1, NOW + 9 * MINUTE);
    let rules = |told: Vec<Alert>| told.iter().map(|alert| (alert.rule, alert.change)).collect::<Vec<_>>();
    assert_eq!(rules(tick(&mut alerts, NOW + 10 * MINUTE)), [(0, Change::Firing), (1, Change::Firing)]);
    alerts.calls("notes", "x", 1, NOW + 11 * MINUTE);
    alerts.event(&from("a"), NOW + 11 * MINUTE);
    assert_eq!(
        rules(tick(&mut alerts, NOW + 11 * MINUTE)),
        [(1, Change::Resolved)],
        "the other holds on for a while"
    );
    assert_eq!(rules(tick(&mut alerts, NOW + 15 * MINUTE)), [(0, Change::Resolved)]);
}

#[test]
fn groups_are_bounded_and_those_without_anything_give_way() {
    let mut alerts = Alerts::new(vec![rule(rate(2), &[Label::Address])], NOW);
    for number in 0..100_000 {
        alerts.event(&from(&number.to_string()), NOW);
    }
    assert_eq!(alerts.rules[0].1.len(), GROUPS);
    assert_eq!(alerts.overflow(), 100_000 - GROUPS as u64);
    alerts.event(&from("7"), NOW);
    assert_eq!(tick(&mut alerts, NOW).len(), 1, "one that was there goes on");
    // Later there is room again, and what holds is still there.
    alerts.event(&from("late"), NOW + 2 * MINUTE);
    assert_eq!((alerts.rules[0].1.len(), alerts.firing()), (2, 1));
}

#[test]
fn a_new_group_for_each_event_has_all_groups_walked_once_in_a_step_of_the_window() {
    let mut alerts = Alerts::new(vec![rule(rate(1_000), &[Label::Address])], NOW);
    let mut flood = |from: u64, now: u64| {
        (from..from + 10_000).for_each(|number| alerts.event(&super::tests::from(&number.to_string()), now));
        (alerts.rules[0].1.len(), alerts.rules[0].1.sweeps)
    };
    // A window of a minute has steps of two seconds.
    assert_eq!(flood(0, NOW), (GROUPS, 1));
    assert_eq!(flood(10_000, NOW + 1_999), (GROUPS, 1));
    assert_eq!(flood(20_000, NOW + 2_000), (GROUPS, 2));
    assert_eq!(flood(30_000, NOW + MINUTE), (GROUPS, 3));
    assert_eq!(alerts.overflow(), 30_000 - GROUPS as u64 + 10_000 - GROUPS as u64);
}

#[test]
fn of_ipv6_a_subscriber_is_one_group() {
    let mut alerts = Alerts::new(vec![rule(rate(4), &[Label::Address])], NOW);
    for address in ["2001:db8:0:7::1", "2001:db8:0:7:ffff::2", "2001:db8:0:7:1:2:3:4", "2001:db8:0:7::"] {
        alerts.event(&from(address), NOW);
    }
    for address in ["2001:db8:0:8::1", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "192.0.2.1"] {
        alerts.event(&from(address), NOW);
    }
    assert_eq!(changes(&mut alerts, NOW), [("firing", String::from("2001:db8:0:7::/64"), 4)]);
    alerts.event(&from("192.0.2.1"), NOW);
    assert_eq!(changes(&mut alerts, NOW), [("firing", String::from("192.0.2.1"), 4)]);
}

#[test]
fn what_finds_no_room_is_told_the_next_time() {
    let mut alerts = Alerts::new(vec![rule(rate(1), &[Label::Address]), rule(rate(1), &[])], NOW);
    ["a", "b", "c", "d"].into_iter().for_each(|address| alerts.event(&from(address), NOW));
    assert!(alerts.tick(NOW, 0).is_empty());
    let mut told: Vec<(usize, Vec<Box<str>>)> = Vec::new();
    for (second, count) in [(1, 2), (2, 2), (3, 1), (4, 0)] {
        let some = alerts.tick(NOW + second * 1_000, 2);
        assert_eq!(some.len(), count, "{second}");
        assert!(some.iter().all(|alert| alert.change == Change::Firing));
        told.extend(some.into_iter().map(|alert| (alert.rule, alert.group)));
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 5, "each once: {told:?}");
}

#[test]
fn a_reload_ends_no_alert_of_a_rule_that_it_did_not_change() {
    let (kept, changed) = (rule(rate(1), &[]), rule(rate(1), &[Label::Address]));
    let mut alerts = Alerts::new(vec![kept.clone(), changed.clone()], NOW);
    alerts.event(&from("a"), NOW);
    assert_eq!(tick(&mut alerts, NOW).len(), 2);
    alerts.overflow = 7;
    let mut after = Alerts::new(vec![Rule { hold: Duration::ZERO, ..changed }, kept], NOW + 1);
    after.take_over(alerts);
    assert_eq!(after.firing(), 1);
    assert_eq!(after.overflow(), 7, "it only grows");
    assert!(tick(&mut after, NOW + 2).is_empty());
}

#[test]
fn a_window_slides_whatever_the_clock_does() {
    let mut window = Window::new(Duration::from_secs(2));
    window.add(NOW, 5);
    window.add(NOW + 30_000, 7);
    assert_eq!(window.sum(NOW + 57_999), 12);
    assert_eq!(window.sum(NOW + 60_000), 7);
    assert_eq!(window.sum(NOW - 500_000), 7, "set back");
    assert_eq!(window.sum(NOW + 10_000_000), 0);
    window.add(u64::MAX, u64::MAX);
    assert!(window.sum(u64::MAX) > 0);
}

#[test]
fn an_alert_is_an_event_with_one_name_from_beginning_to_end() {
    let hostile = "\u{1b}[2J\"}\u{202e}";
    let mut alerts = Alerts::new(vec![rule(rate(2), &[Label::Address])], NOW);
    (0..2).for_each(|_| alerts.event(&from(hostile), NOW));
    let firing = tick(&mut alerts, NOW).remove(0);
    let resolved = tick(&mut alerts, NOW + 6 * MINUTE).remove(0);
    assert_eq!((firing.change, resolved.change), (Change::Firing, Change::Resolved));
    let told = |alert: &Alert, id| {
        let event =
            Event::of_alert(alerts.rule(0).unwrap(), alert, id, &["team@example.com".to_owned()], NOW);
        let text = event.to_json("urn:x");
        assert!(!text.contains(engine::text::is_hidden), "{text}");
        (event.actor, serde_json::from_str::<serde_json::Value>(&text).unwrap())
    };
    let ((one, first), (other, last)) = (told(&firing, 1), told(&resolved, 2));
    assert_eq!(one, other, "they keep their order");
    assert_eq!((&first["type"], &last["type"]), (&"yett.alert.firing".into(), &"yett.alert.resolved".into()));
    assert_eq!((&first["severity"], &first["subject"]), (&"error".into(), &"rule".into()));
    assert_ne!(first["id"], last["id"]);
    let data = &first["data"];
    assert_eq!(data["alert"], last["data"]["alert"]);
    assert_eq!(
        (&data["group"]["address"], &data["owners"][0]),
        (&hostile.into(), &"team@example.com".into())
    );
    assert_eq!((&data["events"], &data["at_least"], &data["window_s"]), (&2.into(), &2.into(), &60.into()));
    assert_eq!(data["calls"].as_array().unwrap().len(), 2);
}

#[test]
fn what_begins_and_ceases_is_kept_under_the_id_of_its_event() {
    let by = [Label::Operation, Label::Principal, Label::Application, Label::Address];
    let mut alerts = Alerts::new(vec![rule(rate(1), &by)], NOW);
    let hostile = Evidence { subject: "a of b\u{202e}\n".into(), ..from("2001:db8::7") };
    alerts.event(&hostile, NOW);
    let told = tick(&mut alerts, NOW).remove(0);
    let rule = alerts.rule(told.rule).unwrap().clone();
    let of = |change| {
        let alert = Alert { change, ..told.clone() };
        let event = Event::of_alert(&rule, &alert, 0xab, &[String::from("team")], NOW + 7);
        event.evidence(&rule, &alert)
    };
    assert_eq!(of(Change::Lasting), None);
    assert_eq!(&*of(Change::Resolved).unwrap().code, "alert_resolved");
    let kept = of(Change::Firing).unwrap();
    assert_eq!((kept.id.0, kept.at, kept.kept, kept.status), (0xab, NOW + 7, Kept::Alert, 0));
    let texts = [&kept.code, &kept.control, &kept.api, &kept.operation, &kept.issuer, &kept.application];
    assert_eq!(texts.map(|text| &**text), ["alert_firing", "rule", "notes", "listNotes", "local", "tests"]);
    assert!(kept.subject.starts_with("a of b") && !kept.subject.contains(engine::text::is_hidden));
    assert_eq!(&*kept.address, "2001:db8::/64");
    assert!(!kept.document.contains(engine::text::is_hidden), "{}", kept.document);
    let json: serde_json::Value = serde_json::from_str(&kept.document).unwrap();
    assert_eq!((&json["kept"], &json["severity"]), (&"alert".into(), &"error".into()));
    assert_eq!((&json["alert"]["state"], &json["alert"]["events"]), (&"firing".into(), &1.into()));
}

#[test]
fn what_is_noted_counts_for_rules_that_name_it() {
    for (outcomes, fires) in [(vec![], false), (vec![Kept::Refused], false), (vec![Kept::Noted], true)] {
        let filter = Filter { outcomes: outcomes.clone(), ..Filter::default() };
        let mut alerts = Alerts::new(vec![Rule { filter, ..rule(rate(2), &[]) }], NOW);
        for _ in 0..2 {
            alerts.event(&evidence(Kept::Noted, ""), NOW);
        }
        assert_eq!(changes(&mut alerts, NOW + 10).len(), usize::from(fires), "{outcomes:?}");
        for _ in 0..2 {
            alerts.event(&evidence(Kept::Refused, "rate_limited"), NOW + 20);
        }
        let refusals = outcomes.is_empty() || outcomes.contains(&Kept::Refused);
        assert_eq!(changes(&mut alerts, NOW + 30).len(), usize::from(refusals), "{outcomes:?}");
    }
}
