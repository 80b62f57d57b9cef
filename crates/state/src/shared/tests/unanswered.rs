//! Limits of which nothing is known: too many questions wait, or there is no room for what would be said.

use std::sync::Arc;
use std::time::Duration;

use engine::cells::Meter;
use engine::{UnixTime, bounds};
use testkit::Redis;

use super::super::Shared;
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
