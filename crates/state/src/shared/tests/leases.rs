//! Units that are taken ahead never add up to more than the limit: gateways, a server, and everything that can happen between them in
//! any order, on a clock that stands still between events. What was let in is held against the meter itself, as one process
//! counts with it.

use std::time::Duration;

use engine::cells::Meter;
use engine::{Tick, UnixTime};
use proptest::prelude::*;

use super::super::plan::{Plan, window};
use super::super::share::{Grant, Share};
use crate::cell::decide;

const PATIENCE: Duration = Duration::from_millis(250);
const GATEWAYS: usize = 3;
/// A moment long after 1970, at the beginning of a minute.
const START: u64 = 1_767_225_600_000_000_000;

/// What can happen.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Time goes on, in microseconds.
    Pass(u32),
    /// A call comes to a gateway, which uses a unit when it has one.
    Call(usize),
    /// A call comes to a gateway, which does what gateways do: it uses a unit, or asks for one, and asks ahead of need.
    Serve(usize),
    /// A gateway asks for units; the server hears it at once.
    Ask(usize),
    /// The oldest answer on the way to a gateway arrives.
    Hear(usize),
    /// The oldest answer on the way to a gateway is lost.
    Lose(usize),
    /// A gateway ends and begins again.
    Crash(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let gateway = 0..GATEWAYS;
    prop_oneof![
        3 => (1_u32..200_000).prop_map(Event::Pass),
        1 => (200_000_u32..4_000_000).prop_map(Event::Pass),
        12 => gateway.clone().prop_map(Event::Call),
        4 => gateway.clone().prop_map(Event::Ask),
        4 => gateway.clone().prop_map(Event::Serve),
        5 => gateway.clone().prop_map(Event::Hear),
        1 => gateway.clone().prop_map(Event::Lose),
        1 => gateway.prop_map(Event::Crash),
    ]
}

/// The server, as the scripts count.
#[derive(Debug, Default)]
struct Server {
    arrival: u64,
    used: u32,
    window: UnixTime,
}

impl Server {
    fn give(&mut self, meter: &Meter, plan: &Plan, want: u32, now: u64) -> Grant {
        let (units, left) = match *meter {
            Meter::Rate { interval, .. } => {
                let interval = u64::try_from(interval.as_nanos()).unwrap();
                let depth = interval * u64::from(plan.burst);
                let arrival = self.arrival.max(now);
                let there = (now + depth).saturating_sub(arrival) / interval;
                let units = u32::try_from(there.min(u64::from(want))).unwrap();
                self.arrival = arrival + u64::from(units) * interval;
                (units, there - u64::from(units))
            }
            _ => {
                if window(meter) != self.window {
                    (self.window, self.used) = (window(meter), 0);
                }
                let units = want.min(plan.burst - self.used);
                self.used += units;
                (units, u64::from(plan.burst - self.used))
            }
        };
        let wait = if units == 0 { Duration::from_millis(10) } else { Duration::ZERO };
        Grant { units, left, retry_after: wait, reset_after: Duration::ZERO }
    }
}

#[derive(Debug, Default)]
struct Gateway {
    share: Share,
    on_the_way: Vec<(UnixTime, Grant, Tick)>,
}

/// Lets events happen and gives the moments at which calls were let in, with the meter of each.
fn let_in(meter: impl Fn(u64) -> Meter, events: &[Event]) -> Vec<(u64, Meter)> {
    let mut server = Server::default();
    let mut gateways: [Gateway; GATEWAYS] = Default::default();
    let (mut now, mut passed) = (START, Vec::new());
    for event in events {
        let meter = meter(now);
        let plan = Plan::of(&meter, PATIENCE).unwrap();
        let tick = Tick(now - START);
        match *event {
            Event::Pass(micros) => now += u64::from(micros) * 1_000,
            Event::Call(number) | Event::Ask(number) | Event::Serve(number) => {
                let share = &mut gateways[number].share;
                let back = share.turn(window(&meter), &plan, tick);
                // Only windows take units back.
                if window(&meter) == server.window {
                    server.used -= back.min(server.used);
                }
                let passes = !matches!(event, Event::Ask(_)) && share.take();
                if passes {
                    passed.push((now, meter));
                }
                let want = match event {
                    Event::Call(_) => None,
                    Event::Serve(_) if passes => share.want_ahead(&plan, tick),
                    Event::Serve(_) if share.denied_for(tick) > Duration::ZERO => None,
                    _ => Some(share.want(&plan)),
                };
                if let Some(want) = want {
                    let grant = server.give(&meter, &plan, want, now);
                    gateways[number].on_the_way.push((window(&meter), grant, tick));
                }
            }
            Event::Hear(number) if !gateways[number].on_the_way.is_empty() => {
                let gateway = &mut gateways[number];
                let (at, grant, asked) = gateway.on_the_way.remove(0);
                gateway.share.asked();
                gateway.share.grant(at, (grant, asked), &plan, tick);
            }
            Event::Lose(number) if !gateways[number].on_the_way.is_empty() => {
                gateways[number].on_the_way.remove(0);
                gateways[number].share.asked();
            }
            Event::Crash(number) => gateways[number] = Gateway::default(),
            Event::Hear(_) | Event::Lose(_) => {}
        }
    }
    passed
}

/// Whether a meter in one process would have let all of them in.
fn is_within(passed: &[(u64, Meter)]) -> bool {
    let mut word = 0;
    passed.iter().all(|(at, meter)| {
        let (taken, next, _) = decide(word, meter, UnixTime(*at));
        word = next;
        taken.allowed
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rates_are_never_more_than_the_rate(
        events in prop::collection::vec(event(), 1..1_500),
        (count, burst) in prop::sample::select(vec![(1_000_u32, 120_u32), (6_000, 100), (1_000, 150), (1_200, 1_000), (60, 5), (30_000, 500)]),
    ) {
        let meter = Meter::Rate { interval: Duration::from_secs(60) / count, burst };
        let passed = let_in(|_| meter, &events);
        let plan = Plan::of(&meter, PATIENCE).unwrap();
        if plan.is_ahead() {
            prop_assert!(is_within(&passed), "{} of {meter:?}", passed.len());
        }
    }

    #[test]
    fn quotas_are_never_more_than_the_quota(
        events in prop::collection::vec(event(), 1..1_500),
        limit in prop::sample::select(vec![1_u32, 20, 999, 1_000, 1_300]),
    ) {
        let minute = 60_000_000_000;
        let meter = |now: u64| {
            let start = now / minute * minute;
            Meter::Window { start: UnixTime(start), end: UnixTime(start + minute), limit }
        };
        prop_assert!(is_within(&let_in(meter, &events)));
    }
}

/// A crowd at all gateways: nothing over the limit, and little under it.
#[test]
fn under_a_crowd_what_is_left_out_is_little() {
    for (count, burst) in [(1_000_u32, 1_000_u32), (1_000, 200), (6_000, 6_000), (60_000, 1_000)] {
        let meter = Meter::Rate { interval: Duration::from_secs(60) / count, burst };
        let mut events = Vec::new();
        let seconds = 30;
        // A call every 0.2 ms at each, answers after 0.2 ms.
        for round in 0..seconds * 5_000 {
            let at = round % GATEWAYS;
            events.extend([Event::Serve(at), Event::Hear((at + 1) % GATEWAYS), Event::Pass(200)]);
        }
        let passed = let_in(|_| meter, &events);
        assert!(is_within(&passed), "{count}");
        let most = u64::from(burst) + u64::from(count) * u64::try_from(seconds).unwrap() / 60;
        let least = most * 95 / 100;
        assert!(u64::try_from(passed.len()).unwrap() >= least, "{} of {most} at {count}/min", passed.len());
    }
}
