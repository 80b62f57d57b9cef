//! Limits of which nothing is known: too many questions wait, or there is no room for what would be said.

use std::sync::Arc;
use std::time::Duration;

use engine::cells::Meter;
use engine::fetch::Spawn;
use engine::{BoxFuture, Clock, UnixTime, bounds};
use testkit::{FakeClock, Redis};

use super::super::cells::SharedCells;
use super::super::link::Link;
use super::super::plan::Plan;
use super::super::{Settings, Shared};
use super::world::{World, is_up, window};

/// As many questions as may wait, at a server that stands still.
fn fill(world: &World, gateway: &Shared) {
    let replays = gateway.replays();
    for number in 0..bounds::SHARED_QUESTIONS {
        let (key, now) = (replays.key(&[&number.to_be_bytes()]), world.clock.unix());
        drop(replays.elsewhere(key, (now, UnixTime(now.0 + 60_000_000_000)), now));
    }
}

#[test]
fn a_call_whose_question_cannot_be_asked_is_counted_here_or_refused_as_unchecked() {
    let (world, redis) = (World::new(), Redis::start());
    let with = |refuse: bool| {
        let gateway = world.gateway(&redis.path(), |settings| {
            (settings.timeout, settings.refuse_alone) = (Duration::from_secs(60), refuse);
        });
        is_up(&gateway);
        gateway
    };
    let (counting, refusing) = (with(false), with(true));
    redis.signal("STOP");
    let rate = |burst| Meter::Rate { interval: Duration::from_secs(3_600), burst };
    for (gateway, passes) in [(&counting, 3), (&refusing, 0)] {
        fill(&world, gateway);
        let cells = gateway.cells().shared().unwrap();
        for (name, meter) in [("quota", window(&world, 3)), ("rate", rate(3))] {
            let key = cells.key(&[name.as_bytes()]);
            let passed = (0..6).filter(|_| world.take(gateway, key, &meter)).count();
            assert_eq!(passed, passes, "{name}");
            assert!(gateway.state().fault.is_none(), "it is not known yet that it stands still");
            // Nothing here was used up by who asks, as far as anybody knows.
            assert_eq!(cells.is_lost(key), passes == 0, "{name}");
            assert!(cells.fetch(key, &meter, world.clock.unix()).is_none(), "nobody asks again at once");
        }
    }
    redis.signal("CONT");
    let cells = Arc::clone(&refusing).cells().shared().unwrap();
    let key = cells.key(&[b"quota"]);
    let heard = testkit::until(30, || world.take(&refusing, key, &window(&world, 3)).then_some(()));
    assert!(heard.is_some() && !cells.is_lost(key));
}

#[derive(Debug)]
struct Nobody;

impl Spawn for Nobody {
    fn spawn(&self, _task: BoxFuture<'static, ()>) {}
}

#[test]
fn nobody_can_aim_at_one_shard() {
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::new());
    let settings = Settings {
        prefix: String::new(),
        username: None,
        password: None,
        database: 0,
        timeout: Duration::from_secs(1),
        refuse_alone: false,
        say: |_| {},
    };
    let link = Link::new(settings, Arc::clone(&clock), Arc::new(Nobody));
    let cells = SharedCells::with_capacity(&link, Arc::default(), 64 * 4);
    let meter = Meter::Rate { interval: Duration::from_secs(1), burst: 3 };
    let plan = Plan::of(&meter, Duration::from_secs(1)).unwrap();
    // Keys that whoever works them out can choose to be alike in any of their halves.
    for half in [0, 64] {
        let entered = (1..=64_u128).filter(|n| cells.enter(n << half, plan, &meter, clock.now()).is_some());
        assert!(entered.count() > 50);
    }
}
