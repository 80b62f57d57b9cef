use std::collections::HashMap;

use super::*;

const RETRY: Retry = Retry {
    first: Duration::from_secs(1),
    most: Duration::from_secs(60),
    tries: 5,
    age: Duration::from_secs(3_600),
};

fn item(sequence: u64, actor: u128) -> Item {
    Item { sequence, actor: Actor(actor), bytes: 10, at: sequence, tries: 0, sent: false }
}

fn schedule(of: &[(u64, u128)]) -> Schedule {
    let mut schedule = Schedule::default();
    of.iter().for_each(|(sequence, actor)| schedule.push(item(*sequence, *actor)));
    schedule
}

fn drain(schedule: &mut Schedule, now: u64) -> Vec<u64> {
    std::iter::from_fn(|| schedule.next(now).map(|item| item.sequence)).collect()
}

#[test]
fn one_of_each_actor_goes_at_a_time_the_oldest_first() {
    let mut all = schedule(&[(1, 7), (2, 7), (3, 8), (4, 7), (5, 8)]);
    assert_eq!(drain(&mut all, 0), [1, 3]);
    assert_eq!((all.wake(), all.on_their_way(), all.count(), all.bytes()), (None, 2, 5, 50));
    all.delivered(Actor(8), 0);
    assert_eq!(drain(&mut all, 0), [5]);
    all.delivered(Actor(7), 0);
    all.delivered(Actor(8), 0);
    assert_eq!(drain(&mut all, 0), [2]);
    all.dropped(Actor(7));
    assert_eq!(drain(&mut all, 0), [4]);
    all.delivered(Actor(7), 0);
    assert_eq!((all.count(), all.bytes(), all.on_their_way(), all.lanes.len()), (0, 0, 0, 0));
}

#[test]
fn an_event_that_fails_holds_up_its_own_actor_only() {
    let mut all = schedule(&[(1, 7), (2, 7), (3, 8), (4, 8)]);
    assert_eq!(drain(&mut all, 0), [1, 3]);
    all.failed(Actor(7), &RETRY, None, (0, u64::MAX - 1));
    all.delivered(Actor(8), 0);
    assert_eq!(drain(&mut all, 0), [4]);
    assert_eq!(all.wake(), Some(all.idle.first().unwrap().0));
    let due = all.wake().unwrap();
    assert!((500..=1_000).contains(&due), "{due}");
    assert!(drain(&mut all, due - 1).is_empty());
    let again = all.next(due).unwrap();
    assert_eq!((again.sequence, again.tries, again.sent), (1, 1, true));
}

#[test]
fn a_receiver_that_is_down_is_asked_with_one_event_at_a_time() {
    let of: Vec<(u64, u128)> = (1..=40).map(|number| (number, u128::from(number))).collect();
    let mut all = schedule(&of);
    assert_eq!(drain(&mut all, 0).len(), TOGETHER);
    (1..=8).for_each(|actor| all.failed(Actor(actor), &RETRY, None, (0, 0)));
    assert!(drain(&mut all, 1).is_empty(), "left alone");
    assert!(all.wake().unwrap() <= 1_000, "what failed together makes one pause, the first");
    let (mut now, mut asked) = (0, 0);
    while now < 600_000 {
        now = all.wake().unwrap();
        let tried = drain(&mut all, now);
        assert_eq!(tried.len(), 1, "at {now}");
        assert_eq!(all.wake(), None, "until that one has come back");
        let actor = Actor(u128::from(tried[0]));
        all.failed(actor, &RETRY, None, (now, 0));
        asked += 1;
    }
    assert!((10..=30).contains(&asked), "{asked} times in ten minutes");
    now = all.wake().unwrap();
    let through = all.next(now).unwrap();
    all.delivered(through.actor, now);
    assert_eq!(drain(&mut all, now).len(), TOGETHER, "all lanes may go on at once");
}

#[test]
fn what_the_receiver_asks_for_holds_for_all() {
    let mut all = schedule(&[(1, 7), (2, 8), (3, 9)]);
    let first = all.next(0).unwrap();
    all.failed(first.actor, &RETRY, Some(Duration::from_secs(20)), (0, 0));
    assert_eq!((drain(&mut all, 19_999), all.wake()), (vec![], Some(20_000)));
    assert_eq!(drain(&mut all, 20_000), [2, 3, 1]);
}

#[test]
fn what_the_receiver_asks_for_holds_whatever_gets_through_meanwhile() {
    let mut all = schedule(&[(1, 7), (2, 8), (3, 8), (4, 9)]);
    assert_eq!(drain(&mut all, 0), [1, 2, 4]);
    all.failed(Actor(7), &RETRY, Some(Duration::from_secs(20)), (0, 0));
    all.failed(Actor(9), &RETRY, Some(Duration::from_secs(2)), (0, 0));
    all.delivered(Actor(8), 10);
    assert_eq!((drain(&mut all, 19_999), all.wake()), (vec![], Some(20_000)));
    assert_eq!(drain(&mut all, 20_000), [3, 4, 1]);
    // However much it asks for, no longer than is said.
    all.failed(Actor(8), &RETRY, Some(Duration::MAX), (20_000, 0));
    all.dropped(Actor(7));
    all.dropped(Actor(9));
    assert_eq!(all.wake(), Some(80_000));
}

#[test]
fn what_is_given_up_says_something_of_the_receiver_too() {
    let of: Vec<(u64, u128)> = (1..=40).map(|number| (number, u128::from(number))).collect();
    let mut all = schedule(&of);
    for item in drain(&mut all, 0) {
        all.given_up(Actor(u128::from(item)), &RETRY, None, (0, 0));
    }
    assert!(drain(&mut all, 1).is_empty(), "the others are not burnt as well");
    let now = all.wake().unwrap();
    assert_eq!(drain(&mut all, now).len(), 1);
}

#[test]
fn what_was_not_sent_is_not_counted() {
    let mut all = schedule(&[(1, 7)]);
    let first = all.next(0).unwrap();
    all.untried(first.actor, Duration::from_secs(5), 0);
    assert_eq!((all.wake(), all.failures()), (Some(5_000), 0));
    assert_eq!(all.next(5_000), Some(first));
}

#[test]
fn what_a_receiver_that_is_gone_refused_was_sent() {
    let mut all = schedule(&[(1, 7), (2, 7)]);
    let first = all.next(0).unwrap();
    all.refused(first.actor);
    assert_eq!((all.failures(), all.on_their_way(), all.count()), (0, 0, 2));
    assert_eq!(all.next(0), Some(Item { tries: 1, sent: true, ..first }));
}

#[test]
fn what_is_too_old_is_taken_out_and_what_is_on_its_way_is_not() {
    let mut all = schedule(&[(1, 7), (2, 8), (3, 8), (4, 8)]);
    assert_eq!(all.next(0).unwrap().sequence, 1);
    let taken = all.take_older(3_600_003, RETRY.age);
    assert_eq!(taken.iter().map(|item| item.sequence).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((all.count(), all.bytes(), all.oldest()), (2, 20, Some(1)));
    assert_eq!(drain(&mut all, 0), [4]);
    assert_eq!(all.take_all(), []);
    all.delivered(Actor(7), 0);
    all.push(item(5, 8));
    assert_eq!(all.take_all().len(), 1);
    all.delivered(Actor(8), 0);
    assert_eq!((all.count(), all.bytes(), all.lanes.len()), (0, 0, 0));
}

#[test]
fn another_receiver_is_tried_at_once() {
    let mut all = schedule(&[(1, 7), (2, 8)]);
    for actor in [7, 8, 7, 8, 7, 8] {
        all.renew(0);
        assert!(all.next(0).is_some());
        all.failed(Actor(actor), &RETRY, Some(RETRY.most), (0, 0));
        if all.on_their_way() > 0 {
            all.untried(Actor(15 - actor), Duration::ZERO, 0);
        }
    }
    assert!(drain(&mut all, 0).is_empty());
    all.renew(0);
    assert_eq!(drain(&mut all, 0), [1, 2]);
}

/// Whatever a receiver does, in whatever order answers come: each actor's events end in their order, and the books balance.
#[test]
fn order_holds_whatever_happens() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = move |most: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % most
    };
    let (mut all, mut now, mut next) = (Schedule::default(), 0_u64, 1_u64);
    let mut on_their_way: Vec<Item> = Vec::new();
    let mut ended: HashMap<Actor, u64> = HashMap::new();
    let mut count = 0;
    for _ in 0..50_000 {
        now += roll(400);
        if roll(3) == 0 && next < 5_000 {
            all.push(item(next, u128::from(roll(12))));
            next += 1;
        }
        while let Some(item) = all.next(now) {
            assert!(on_their_way.iter().all(|other| other.actor != item.actor), "two of one actor");
            on_their_way.push(item);
        }
        assert!(on_their_way.len() <= TOGETHER && on_their_way.len() == all.on_their_way());
        if on_their_way.is_empty() || roll(4) == 0 {
            continue;
        }
        let at = usize::try_from(roll(on_their_way.len() as u64)).unwrap();
        let item = on_their_way.swap_remove(at);
        match roll(10) {
            0..=5 => all.delivered(item.actor, now),
            6 => all.untried(item.actor, Duration::from_secs(1), now),
            _ if RETRY.is_over(item.tries + 1, Duration::ZERO) => {
                all.given_up(item.actor, &RETRY, None, (now, now * 31));
            }
            roll => {
                let asked = (roll == 7).then_some(Duration::from_secs(2));
                all.failed(item.actor, &RETRY, asked, (now, now * 31));
                continue;
            }
        }
        if all.lanes.get(&item.actor).and_then(|lane| lane.waiting.front()).map(|first| first.sequence)
            != Some(item.sequence)
        {
            count += 1;
            let before = ended.insert(item.actor, item.sequence).unwrap_or_default();
            assert!(before < item.sequence, "{item:?} after {before}");
        }
    }
    assert_eq!(count + all.count() as u64, next - 1);
    assert_eq!(all.bytes(), all.count() as u64 * 10);
    assert!(count > 1_000, "{count}");
}

#[test]
fn what_is_on_its_way_and_will_not_come_back_can_be_taken_out() {
    let mut all = schedule(&[(1, 7), (2, 7), (3, 8), (4, 9)]);
    assert_eq!(drain(&mut all, 0), [1, 3, 4]);
    all.delivered(Actor(9), 0);
    let mut unsettled: Vec<u64> = all.take_unsettled().iter().map(|item| item.sequence).collect();
    unsettled.sort_unstable();
    assert_eq!(unsettled, [1, 3]);
    assert_eq!((all.on_their_way(), all.count(), all.bytes()), (0, 1, 10));
    assert!(all.take_unsettled().is_empty());
    assert_eq!(drain(&mut all, 0), [2], "the rest of a lane stays");
}
