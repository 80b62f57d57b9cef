//! The denylist that gateways have in common at a real server: whatever happened in between, and in whatever order it was said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::BoxFuture;
use testkit::{Redis, until};

use super::super::{Denial, Denylist, Shared};
use super::world::{World, is_down, is_up};

/// A list that keeps what it is told, by name.
#[derive(Default)]
struct List(Mutex<Vec<Denial>>);

impl Denylist for List {
    fn adopt(&self, said: Vec<Denial>) -> BoxFuture<'_, Result<(), String>> {
        let mut list = self.0.lock().unwrap();
        for one in said {
            let known = list.iter().position(|known| known.value == one.value);
            if known.is_some_and(|known| one.undone && list[known].said >= one.said) {
                continue;
            }
            known.map(|known| list.remove(known));
            if !one.undone {
                list.push(one);
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }
    fn all(&self) -> BoxFuture<'_, Result<Vec<Denial>, String>> {
        let all = self.0.lock().unwrap().clone();
        Box::pin(std::future::ready(Ok(all)))
    }
}

impl List {
    fn has(&self, value: &str) -> Option<Denial> {
        self.0.lock().unwrap().iter().find(|one| one.value == value).cloned()
    }
}

/// Gateways that share their denylist, each with a list of its own.
struct Denying {
    world: World,
    lists: [Arc<List>; 2],
    gateways: [Arc<Shared>; 2],
}

impl Denying {
    fn at(redis: &Redis) -> Self {
        let world = World::new();
        let lists = [Arc::new(List::default()), Arc::new(List::default())];
        let gateways = [world.ready(redis), world.ready(redis)];
        gateways.iter().zip(&lists).for_each(|(gateway, list)| follow(gateway, list));
        Self { world, lists, gateways }
    }

    /// What is said of one now.
    fn denial(&self, value: &str, before: Option<u64>, undone: bool) -> Denial {
        denial(&self.world, value, before, undone)
    }

    fn say(&self, number: usize, one: Denial) {
        self.world.wait(self.lists[number].adopt(vec![one.clone()])).unwrap();
        self.world.wait(self.gateways[number].say(&[one]));
    }

    #[track_caller]
    fn arrives(&self, number: usize, value: &str) -> Denial {
        let arrived = until(10, || self.lists[number].has(value));
        let Some(arrived) = arrived else { panic!("{value} did not arrive at {number}") };
        arrived
    }

    #[track_caller]
    fn goes(&self, number: usize, value: &str) {
        let gone = until(10, || self.lists[number].has(value).is_none().then_some(()));
        assert!(gone.is_some(), "{value} did not go at {number}");
    }

    /// What a newcomer reads, when it has read all.
    fn newcomer(&self, redis: &Redis) -> (Arc<Shared>, Arc<List>) {
        let (list, newcomer) = (Arc::new(List::default()), self.world.ready(redis));
        follow(&newcomer, &list);
        assert!(until(10, || newcomer.state().revocations_age).is_some());
        (newcomer, list)
    }

    fn is_down(&self) {
        self.gateways.iter().for_each(|gateway| drop(is_down(gateway)));
    }
}

fn follow(gateway: &Shared, list: &Arc<List>) {
    let list: Arc<dyn Denylist> = Arc::<List>::clone(list);
    gateway.follow(Arc::downgrade(&list));
}

fn denial(world: &World, value: &str, before: Option<u64>, undone: bool) -> Denial {
    Denial {
        kind: String::from("subject"),
        issuer: String::from("https://idp.example.com"),
        value: value.to_owned(),
        before,
        until: world.now() / 1_000_000_000 + 3_600,
        undone,
        said: world.now() / 1_000,
    }
}

/// Says of one that it is revoked and that it was taken back, and reads that.
pub(super) fn all_is_said(world: &World, gateway: &Shared) {
    let list = Arc::new(List::default());
    follow(gateway, &list);
    world.wait(gateway.say(&[denial(world, "alice", None, false)]));
    assert!(until(10, || list.has("alice")).is_some());
    world.wait(gateway.say(&[denial(world, "alice", None, true)]));
    assert!(until(10, || list.has("alice").is_none().then_some(())).is_some());
}

#[test]
fn what_one_revokes_all_revoke_whatever_happened_in_between() {
    let mut redis = Redis::start();
    let all = Denying::at(&redis);
    let alice = all.denial("alice", Some(100), false);
    all.say(0, alice.clone());
    let arrived = all.arrives(1, "alice");
    // Where a look came in between, it was said once more, after the first time.
    assert!((alice.said..alice.said + 10).contains(&arrived.said));
    assert_eq!(Denial { said: alice.said, ..arrived }, alice);
    // Said again it is as wide as both.
    all.say(1, all.denial("alice", Some(50), false));
    all.say(1, all.denial("bob", None, false));
    assert_eq!((all.arrives(0, "bob").before, all.lists[0].has("alice").unwrap().before), (None, Some(100)));
    // Taken back, and revoked once more.
    all.say(1, all.denial("bob", None, true));
    all.goes(0, "bob");
    all.say(0, all.denial("bob", Some(7), false));
    assert_eq!(all.arrives(1, "bob").before, Some(7));
    // While the server is gone nobody hears of it; when it is back with nothing in it, all is said again.
    redis.stop();
    all.is_down();
    all.say(0, all.denial("carol", None, false));
    all.say(1, all.denial("dora", None, false));
    assert!(all.gateways[0].state().revocations_unsaid && all.lists[1].has("carol").is_none());
    redis.resume();
    assert_eq!((all.arrives(1, "carol").before, all.arrives(0, "dora").before), (None, None));
    assert!(until(10, || (!all.gateways[0].state().revocations_unsaid).then_some(())).is_some());
    // A newcomer reads all of it.
    let (newcomer, list) = all.newcomer(&redis);
    for value in ["alice", "bob", "carol", "dora"] {
        assert!(until(10, || list.has(value)).is_some(), "{value}");
    }
    let fresh = || newcomer.state().revocations_age.filter(|age| *age < Duration::from_secs(1));
    assert!(until(10, fresh).is_some());
    // What is no entry of ours is left out, and what comes behind it is read.
    redis.ask(&["ZADD", "test:2:d:order", "1", "nonsense"]);
    redis.ask(&["HSET", "test:2:d:entries", "nonsense", "x"]);
    all.newcomer(&redis);
    assert!(all.gateways[0].state().revocations_fault.is_none());
}

#[test]
fn what_is_revoked_after_the_server_lost_its_last_writes_is_heard_by_all() {
    let mut redis = Redis::start();
    let all = Denying::at(&redis);
    all.say(0, all.denial("first", None, false));
    all.arrives(1, "first");
    let number = redis.ask(&["GET", "test:2:d:number"]).lines().nth(1).unwrap().to_owned();
    assert_eq!(redis.ask(&["SAVE"]), "+OK\r\n");
    for value in ["second", "third"] {
        all.say(0, all.denial(value, None, false));
        all.arrives(1, value);
    }
    // A server that goes on: its number goes back, and what is new must be behind what was lost all the same.
    redis.ask(&["SET", "test:2:d:number", &number]);
    all.say(0, all.denial("fourth", None, false));
    all.arrives(1, "fourth");
    // One that begins again with what was on its disk: what it lost is said to it again, and what is new is heard.
    redis.stop();
    all.is_down();
    redis.resume();
    all.gateways.iter().for_each(|gateway| is_up(gateway));
    all.say(0, all.denial("fifth", None, false));
    all.arrives(1, "fifth");
    let (_newcomer, list) = all.newcomer(&redis);
    for value in ["first", "second", "third", "fourth", "fifth"] {
        assert!(until(10, || list.has(value)).is_some(), "{value}");
    }
}

#[test]
fn numbers_of_another_run_tell_nothing() {
    let mut redis = Redis::start();
    let all = Denying::at(&redis);
    all.say(0, all.denial("first", None, false));
    all.arrives(1, "first");
    // A clock that was ahead, and is right after the server has begun again.
    redis.ask(&["SET", "test:2:d:number", "8000000000000000"]);
    all.say(0, all.denial("second", None, false));
    all.arrives(1, "second");
    redis.stop();
    all.is_down();
    redis.resume();
    all.gateways.iter().for_each(|gateway| is_up(gateway));
    all.say(0, all.denial("third", None, false));
    all.arrives(1, "third");
}

#[test]
fn an_undo_takes_back_nothing_that_was_revoked_after_it_was_said() {
    let redis = Redis::start();
    let all = Denying::at(&redis);
    all.say(0, all.denial("alice", Some(1), false));
    all.arrives(1, "alice");
    let mut late = all.denial("alice", None, true);
    late.said -= 10;
    all.say(0, all.denial("alice", Some(2), false));
    assert!(until(10, || all.lists[1].has("alice").filter(|one| one.before == Some(2))).is_some());
    // It was taken back at one before the other revoked it again, and that is said only now.
    let gone = all.lists[1].0.lock().unwrap().pop();
    assert!(gone.is_some());
    all.world.wait(all.gateways[1].say(&[late]));
    assert_eq!(all.arrives(1, "alice").before, Some(2), "whoever took it back hears that it is revoked");
    assert!(all.lists[0].has("alice").is_some());
    // Whose clock is an hour ahead takes back what was revoked until now, and not what is revoked in that hour.
    let mut ahead = all.denial("alice", None, true);
    ahead.said += 3_600_000_000;
    all.world.wait(all.gateways[1].say(&[ahead]));
    all.goes(0, "alice");
    all.goes(1, "alice");
    all.say(0, all.denial("alice", Some(3), false));
    assert_eq!(all.arrives(1, "alice").before, Some(3));
    // What was revoked before an undo, and is said again later, stays taken back.
    let mut before = all.denial("bob", None, false);
    before.said -= 10;
    all.say(0, all.denial("bob", None, true));
    all.world.wait(all.lists[1].adopt(vec![before])).unwrap();
    redis.ask(&["DEL", "test:2:begun"]);
    all.goes(1, "bob");
    let (_newcomer, list) = all.newcomer(&redis);
    assert!(list.has("bob").is_none() && list.has("alice").is_some());
}

#[test]
fn what_is_taken_back_while_the_server_is_gone_is_said_when_it_is_back() {
    let mut redis = Redis::start();
    let all = Denying::at(&redis);
    for value in ["alice", "bob"] {
        all.say(0, all.denial(value, None, false));
        all.arrives(1, value);
    }
    assert_eq!(redis.ask(&["SAVE"]), "+OK\r\n");
    redis.stop();
    all.is_down();
    all.say(1, all.denial("alice", None, true));
    assert!(all.gateways[1].state().revocations_unsaid);
    redis.resume();
    all.goes(0, "alice");
    assert!(until(10, || (!all.gateways[1].state().revocations_unsaid).then_some(())).is_some());
    all.goes(1, "alice");
    assert!(all.lists.iter().all(|list| list.has("bob").is_some()));
    // More than can wait is told to operators, and stays revoked at the others.
    redis.stop();
    all.is_down();
    let undone: Vec<Denial> = (0..1_030).map(|n| all.denial(&n.to_string(), None, true)).collect();
    all.world.wait(all.gateways[1].say(&undone));
    redis.resume();
    assert!(until(10, || (!all.gateways[1].state().revocations_unsaid).then_some(())).is_some());
    assert_eq!(redis.ask(&["ZCARD", "test:2:d:order"]), format!(":{}\r\n", 1_024 + 2));
}
