//! What holds after a server has lost what it was told last, beside a gateway whose clock is wrong, and with no more rights than the
//! documentation asks for.

use std::time::Duration;

use engine::UnixTime;
use engine::cells::Meter;
use engine::replay::Used;
use testkit::{Redis, until};

use super::world::{World, is_down, is_up, window};

const HOUR: Duration = Duration::from_secs(3_600);
const LATER: u64 = 20_000_000_000;

#[test]
fn a_server_that_begins_again_with_what_was_on_its_disk_may_have_lost_a_use() {
    let (world, mut redis) = (World::new(), Redis::start());
    let gateways = [world.ready(&redis), world.ready(&redis)];
    let made = world.now();
    assert_eq!(world.use_once(&gateways[0], "kept", made), Used::First);
    assert_eq!(redis.ask(&["SAVE"]), "+OK\r\n");
    assert_eq!(world.use_once(&gateways[0], "lost", made), Used::First);
    redis.stop();
    gateways.iter().for_each(|gateway| drop(is_down(gateway)));
    redis.resume();
    gateways.iter().for_each(|gateway| is_up(gateway));
    assert!(redis.ask(&["KEYS", "test:*"]).contains(":u:"), "it has what was on its disk");
    assert_eq!(world.use_once(&gateways[1], "lost", made), Used::Unknown);
    assert_eq!(world.use_once(&gateways[1], "kept", made), Used::Before);
    assert_eq!(world.use_once(&gateways[1], "new", world.now() + LATER), Used::First);
}

#[test]
fn a_clock_that_is_ahead_does_not_have_proofs_refused_for_longer_than_clocks_may_differ() {
    let (world, wrong, redis) = (World::new(), World::ahead(HOUR), Redis::start());
    let begun = || {
        let answer = redis.ask(&["GET", "test:2:begun"]);
        let value = answer.lines().nth(1)?;
        let (begun, run) = value.split_once(':')?;
        Some((begun.parse::<u64>().ok()?, run.to_owned()))
    };
    let ahead = |begun: u64| Duration::from_micros(begun).saturating_sub(Duration::from_nanos(world.now()));
    let _first = wrong.ready(&redis);
    let (at, run) = begun().unwrap();
    assert!(ahead(at) <= Duration::from_secs(10), "{at}");
    let gateway = world.ready(&redis);
    assert_eq!(world.use_once(&gateway, "one", world.now() + LATER), Used::First);
    // What was written before is cut as well.
    let far = world.now() / 1_000 + 3_600_000_000;
    redis.ask(&["SET", "test:2:begun", &format!("{far}:{run}")]);
    assert!(until(10, || begun().filter(|(at, _)| ahead(*at) <= Duration::from_secs(10))).is_some());
    assert_eq!(world.use_once(&gateway, "two", world.now() + LATER), Used::First);
}

#[test]
fn a_clock_that_is_ahead_does_not_have_a_quota_forgotten_early() {
    let (world, wrong, redis) = (World::new(), World::ahead(HOUR / 2), Redis::start());
    let (right, ahead) = (world.ready(&redis), wrong.ready(&redis));
    let meter = window(&world, 10);
    let key = right.cells().shared().unwrap().key(&[b"quota"]);
    assert!(world.take(&right, key, &meter) && wrong.take(&ahead, key, &meter));
    let keys = redis.ask(&["KEYS", "test:*:q:*"]);
    let lasts = redis.ask(&["PTTL", keys.lines().nth(2).unwrap()]);
    let lasts: u64 = lasts.trim().trim_start_matches(':').parse().unwrap();
    assert!(lasts > 3_500_000, "{lasts} ms of an hour");
    // It is as long as who knows of the longest says.
    let Meter::Window { start, .. } = meter else { unreachable!("it is a window") };
    let longer = Meter::Window { start, end: UnixTime(world.now() + 7_200_000_000_000), limit: 10 };
    assert!(world.take(&right, key, &longer));
    let lasts = redis.ask(&["PTTL", keys.lines().nth(2).unwrap()]);
    assert!(lasts.trim().trim_start_matches(':').parse::<u64>().unwrap() > 7_000_000, "{lasts}");
}

/// The account that the documentation says, as options of the server.
fn account() -> Vec<String> {
    let page = include_str!("../../../../../docs/state.md");
    let line = page.lines().find_map(|line| line.strip_prefix("ACL SETUSER ")).expect("the page names none");
    let words = line.replace("~yett:", "~test:");
    let mut options = vec![String::from("--user")];
    options.extend(words.split(' ').map(str::to_owned));
    options.extend(["--user", "default", "on", "nopass", "~*", "+@all"].map(str::to_owned));
    options
}

#[test]
fn the_account_of_the_documentation_is_enough_and_says_which_run_it_is() {
    let account = account();
    let options: Vec<&str> = account.iter().map(String::as_str).collect();
    let (world, redis) = (World::new(), Redis::start_with(&options));
    let gateway = world.gateway(&redis.path(), |settings| {
        settings.username = Some(String::from("yett"));
        settings.password = Some(zeroize::Zeroizing::new(String::from("secret")));
        settings.database = 1;
    });
    is_up(&gateway);
    let key = gateway.cells().shared().unwrap().key(&[b"limit"]);
    let rate = Meter::Rate { interval: Duration::from_secs(60), burst: 3 };
    assert!(world.take(&gateway, key, &window(&world, 2_000)) && world.take(&gateway, key + 1, &rate));
    assert_eq!(world.use_once(&gateway, "one", world.now() + LATER), Used::First);
    super::denials::all_is_said(&world, &gateway);
    world.wait(gateway.close());
    let state = gateway.state();
    assert!((state.fault.is_none(), state.failed) == (true, 0), "{state:?}");
    // One that may not be asked which run it is cannot be told from one that lost its memory.
    redis.ask(&["ACL", "SETUSER", "yett", "-info"]);
    let refused = until(30, || gateway.state().fault.filter(|(why, _)| why.contains("'info'")));
    assert!(refused.is_some(), "{:?}", gateway.state());
}
