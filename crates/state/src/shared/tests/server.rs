//! Two gateways and a real server: what it counts, forgets and refuses, and what is made of one that lies.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::cells::Meter;
use engine::replay::Used;
use testkit::{Redis, until};

use super::world::{World, is_down, is_up, window};

#[test]
fn limits_hold_over_two_gateways_and_are_used_up() {
    let (world, redis) = (World::new(), Redis::start());
    let gateways = [world.ready(&redis), world.ready(&redis)];
    let rate = |count: u32, burst| Meter::Rate { interval: Duration::from_secs(3_600) / count, burst };
    for (name, meter, most) in [
        ("small quota", window(&world, 7), 7),
        ("large quota", window(&world, 2_000), 2_000),
        ("small rate", rate(20, 5), 5),
        // An hour's worth, of which the server keeps back what could be used late.
        ("large rate", rate(1_000, 1_000), 1_000),
    ] {
        let key = gateways[0].cells().shared().unwrap().key(&[name.as_bytes()]);
        let mut passed = 0;
        let mut idle = 0;
        while idle < 4 {
            let before = passed;
            for gateway in &gateways {
                passed += u32::from(world.take(gateway, key, &meter));
            }
            idle = if passed == before { idle + 1 } else { 0 };
        }
        assert!(passed <= most && passed * 100 >= most * 95, "{name}: {passed} of {most}");
    }
    // Everything that was written has an end.
    let keys = redis.ask(&["EVAL", "local n = 0 for _, k in ipairs(redis.call('KEYS', 'test:*')) do if redis.call('PTTL', k) < 0 then n = n + 1 end end return n", "0"]);
    assert_eq!(keys, ":0\r\n");
}

#[test]
fn a_large_limit_is_taken_ahead_so_that_calls_do_not_wait() {
    let (world, redis) = (World::new(), Redis::start());
    let gateway = world.ready(&redis);
    let cells = gateway.cells().shared().unwrap();
    let meter = window(&world, 1_000_000);
    let key = cells.key(&[b"ahead"]);
    let mut waited = 0;
    for number in 0..2_000 {
        while !cells.take(key, &meter, world.clock.unix()).allowed {
            waited += 1;
            world.wait(cells.fetch(key, &meter, world.clock.unix()).unwrap());
        }
        // A call takes as long as an answer.
        assert_eq!(world.use_once(&gateway, &number.to_string(), world.now() + 20_000_000_000), Used::First);
    }
    assert!(waited < 200, "{waited} of 2000 calls waited");
    let asked = gateway.state().answered - 2_000;
    assert!(asked < 400, "{asked} questions for 2000 calls");
}

#[test]
fn what_is_not_used_goes_back() {
    let (world, redis) = (World::new(), Redis::start());
    let gateways = [world.ready(&redis), world.ready(&redis)];
    let meter = window(&world, 1_000);
    let key = gateways[0].cells().shared().unwrap().key(&[b"back"]);
    assert!((0..50).all(|_| world.take(&gateways[0], key, &meter)));
    world.wait(gateways[0].close());
    let passed = (0..1_000).filter(|_| world.take(&gateways[1], key, &meter)).count();
    assert_eq!(passed, 950);
}

#[test]
fn what_was_used_is_known_everywhere_and_what_was_forgotten_is_not_believed() {
    let (world, mut redis) = (World::new(), Redis::start());
    let gateways = [world.ready(&redis), world.ready(&redis)];
    let later = 20_000_000_000;
    // Whatever was made before the memory began may have been used before.
    assert_eq!(world.use_once(&gateways[0], "old", world.now() - later), Used::Unknown);
    let one = world.now() + later;
    assert_eq!(world.use_once(&gateways[0], "one", one), Used::First);
    assert_eq!(world.use_once(&gateways[0], "one", one), Used::Before);
    assert_eq!(world.use_once(&gateways[1], "one", one), Used::Before);
    assert_eq!(world.use_once(&gateways[1], "two", one), Used::First);

    // It forgets everything, and says that it does not know for as long as that could matter.
    assert_eq!(redis.ask(&["FLUSHALL"]), "+OK\r\n");
    let made = world.now() - 1;
    assert_eq!(world.use_once(&gateways[1], "three", made), Used::Unknown);
    assert_eq!(world.use_once(&gateways[1], "four", world.now() + later), Used::First);

    redis.stop();
    gateways.iter().for_each(|gateway| drop(is_down(gateway)));
    assert_eq!(world.use_once(&gateways[0], "five", world.now() + later), Used::Unknown);
    let made = world.now();
    redis.resume();
    gateways.iter().for_each(|gateway| is_up(gateway));
    assert_eq!(world.use_once(&gateways[1], "six", made), Used::Unknown, "made while it was gone");
    assert_eq!(world.use_once(&gateways[1], "seven", world.now() + later), Used::First);
}

#[test]
fn a_server_that_stands_still_is_not_waited_for_twice() {
    let (world, redis) = (World::new(), Redis::start());
    let gateway = world.gateway(&redis.path(), |settings| settings.timeout = Duration::from_millis(300));
    let strict = world.gateway(&redis.path(), |settings| {
        settings.timeout = Duration::from_millis(300);
        settings.refuse_alone = true;
    });
    is_up(&gateway);
    is_up(&strict);
    redis.signal("STOP");
    assert!(is_down(&gateway).contains("no answer"), "{:?}", gateway.state());
    is_down(&strict);
    assert_eq!(world.use_once(&gateway, "one", world.now() + 20_000_000_000), Used::Unknown);
    // Limits are counted by each alone, or refused and said to be unknown.
    let meter = window(&world, 3);
    let cells = gateway.cells().shared().unwrap();
    let key = cells.key(&[b"alone"]);
    let passed = (0..5).filter(|_| cells.take(key, &meter, world.clock.unix()).allowed).count();
    assert_eq!((passed, cells.is_lost(key)), (3, false));
    let cells = strict.cells().shared().unwrap();
    assert!(!cells.take(key, &meter, world.clock.unix()).allowed && cells.is_lost(key));
    assert!(cells.fetch(key, &meter, world.clock.unix()).is_none());
    // Concurrency is each gateway's own.
    assert!(cells.take(key + 1, &Meter::Concurrency { limit: 1 }, world.clock.unix()).allowed);
    redis.signal("CONT");
    is_up(&gateway);
    is_up(&strict);
    assert!(!strict.cells().shared().unwrap().is_lost(key));
}

#[test]
fn a_server_that_throws_things_away_is_not_trusted_with_uses() {
    let (world, redis) =
        (World::new(), Redis::start_with(&["--maxmemory", "50mb", "--maxmemory-policy", "volatile-lru"]));
    let gateway = world.ready(&redis);
    assert!(!gateway.state().keeps);
    assert_eq!(world.use_once(&gateway, "one", world.now() + 20_000_000_000), Used::Unknown);
    let full = Redis::start_with(&["--maxmemory", "1"]);
    let gateway = world.gateway(&full.path(), |settings| settings.timeout = Duration::from_secs(5));
    let full = until(3, || gateway.state().fault.filter(|(why, _)| why.contains("maxmemory")));
    assert!(full.is_some(), "{:?}", gateway.state());
}

#[test]
fn a_password_is_asked_for_and_given() {
    let (world, redis) = (
        World::new(),
        Redis::start_with(&[
            "--user", "yett", "on", ">secret", "~test:*", "+@all", "--user", "default", "off",
        ]),
    );
    let with = |password: &str| {
        let password = Some(zeroize::Zeroizing::new(password.to_owned()));
        world.gateway(&redis.path(), |settings| {
            (settings.username, settings.password) = (Some(String::from("yett")), password);
        })
    };
    is_up(&with("secret"));
    let wrong = with("wrong");
    assert!(
        until(30, || wrong.state().fault.filter(|(why, _)| why.contains("authentication failed"))).is_some(),
        "{:?}",
        wrong.state()
    );
}

/// Answers everything with the same bytes, again and again.
fn liar(
    folder: &std::path::Path,
    bytes: &'static [u8],
    times: usize,
) -> (std::path::PathBuf, Arc<AtomicU64>) {
    let path = folder.join("liar.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let sent: Arc<AtomicU64> = Arc::default();
    let count = Arc::clone(&sent);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut heard = [0; 4_096];
            if stream.read(&mut heard).is_ok() {
                for _ in 0..times {
                    if stream.write_all(bytes).is_err() {
                        break;
                    }
                    count.fetch_add(u64::try_from(bytes.len()).unwrap(), Ordering::SeqCst);
                }
            }
        }
    });
    (path, sent)
}

#[test]
fn what_a_hostile_server_says_is_bounded_and_opens_nothing() {
    let world = World::new();
    for bytes in [
        b"HTTP/1.1 200 OK\r\n\r\n".as_slice(),
        b"$4294967295\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        b"*9223372036854775807\r\n",
        b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        b"$-7\r\n",
        b"%9999999999999\r\n",
        b"\0\xff\xfe\r\n",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (path, sent) = liar(folder.path(), bytes, 4 << 20);
        let gateway = world.gateway(&path, |settings| settings.timeout = Duration::from_millis(200));
        assert!(until(30, || (sent.load(Ordering::SeqCst) > 0).then_some(())).is_some());
        assert_eq!(world.use_once(&gateway, "one", world.now() + 20_000_000_000), Used::Unknown);
        assert!(gateway.state().fault.is_some());
    }
    // One that says yes to everything has no script, and no beginning of its memory.
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = liar(folder.path(), b"+OK\r\n", 100);
    let gateway = world.gateway(&path, |settings| settings.timeout = Duration::from_millis(200));
    assert!(
        until(30, || gateway.state().fault.filter(|(why, _)| !why.contains("not answered yet"))).is_some()
    );
    assert_eq!(world.use_once(&gateway, "one", world.now() + 20_000_000_000), Used::Unknown);
}
