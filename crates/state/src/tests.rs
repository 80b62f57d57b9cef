use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::UnixTime;
use engine::cells::{Cells, Meter};

use crate::MemoryCells;

const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 1_767_225_600 * SECOND;
const RATE: Meter = Meter::Rate { interval: Duration::from_secs(1), burst: 3 };

fn at(seconds: u64) -> UnixTime {
    UnixTime(NOW + seconds * SECOND)
}

fn window(from: u64, to: u64, limit: u32) -> Meter {
    Meter::Window { start: at(from), end: at(to), limit }
}

#[test]
fn a_rate_gives_its_burst_then_one_unit_each_interval() {
    let cells = MemoryCells::new();
    let steps: [(u64, bool, u64); 7] = [
        (0, true, 2),
        (0, true, 1),
        (0, true, 0),
        (0, false, 0),
        (1, true, 0),
        (1, false, 0),
        (100, true, 2),
    ];
    for (index, (second, allowed, remaining)) in steps.into_iter().enumerate() {
        let taken = cells.take(1, &RATE, at(second));
        assert_eq!((taken.allowed, taken.remaining), (allowed, remaining), "step {index}");
    }
    for _ in 0..2 {
        assert!(cells.take(1, &RATE, at(100)).allowed);
    }
    let refused = cells.take(1, &RATE, UnixTime(at(100).0 + SECOND / 4));
    assert_eq!(refused.retry_after, Duration::from_millis(750));
    assert_eq!(refused.reset_after, Duration::from_millis(2750));
}

#[test]
fn a_window_starts_anew_and_a_late_core_does_not_reopen_the_old_one() {
    let cells = MemoryCells::new();
    let (first, second) = (window(0, 60, 2), window(60, 120, 2));
    assert!(cells.take(1, &first, at(10)).allowed);
    assert!(cells.take(1, &first, at(10)).allowed);
    let refused = cells.take(1, &first, at(20));
    assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(40)));
    assert!(cells.take(1, &second, at(60)).allowed);
    assert!(cells.take(1, &first, at(59)).allowed, "counts into the new window");
    assert!(!cells.take(1, &second, at(61)).allowed);
}

#[test]
fn looking_takes_nothing() {
    let cells = MemoryCells::new();
    for meter in [RATE, window(0, 60, 3), Meter::Concurrency { limit: 3 }] {
        let key = cells.key(&[format!("{meter:?}").as_bytes()]);
        for _ in 0..10 {
            assert_eq!(cells.peek(key, &meter, at(0)).remaining, 2);
        }
    }
    assert!(cells.is_empty());
}

#[test]
fn held_units_come_back() {
    let cells = MemoryCells::new();
    let meter = Meter::Concurrency { limit: 1 };
    assert!(cells.take(7, &meter, at(0)).allowed);
    assert!(!cells.take(7, &meter, at(0)).allowed);
    cells.release(7);
    assert!(cells.take(7, &meter, at(0)).allowed);
    cells.release(7);
    cells.release(7);
    assert!(cells.take(7, &meter, at(0)).allowed);
    assert!(!cells.take(7, &meter, at(0)).allowed, "a release too many adds no unit");
}

/// Key number `n` of one shard.
fn key(n: u128) -> u128 {
    n
}

#[test]
fn a_full_table_forgets_only_what_is_idle() {
    let cells = MemoryCells::with_capacity(1);
    assert!(cells.take(key(1), &window(0, 60, 1), at(0)).allowed);
    // The shard is full: newcomers share one cell, so the limit holds for them together.
    assert!(cells.take(key(2), &window(0, 60, 1), at(0)).allowed);
    assert!(!cells.take(key(3), &window(0, 60, 1), at(0)).allowed);
    assert!(!cells.take(key(1), &window(0, 60, 1), at(0)).allowed, "the first is not forgotten");
    // Once it is idle, its place is free.
    assert!(cells.take(key(4), &window(60, 120, 1), at(60)).allowed);
    assert!(cells.take(key(5), &window(60, 120, 1), at(60)).allowed, "the overflow has a new window");
    assert!(!cells.take(key(6), &window(60, 120, 1), at(60)).allowed);
    assert_eq!(cells.len(), 1);
}

#[test]
fn overflowing_concurrency_is_given_back_to_where_it_was_taken() {
    let cells = MemoryCells::with_capacity(1);
    let meter = Meter::Concurrency { limit: 1 };
    assert!(cells.take(key(1), &meter, at(0)).allowed);
    assert!(cells.take(key(2), &meter, at(0)).allowed);
    cells.release(key(1));
    // Key 2 still holds its unit in the overflow: a place is free, but it must not get a second unit there.
    assert!(!cells.take(key(2), &meter, at(1)).allowed);
    cells.release(key(2));
    assert!(cells.take(key(2), &meter, at(2)).allowed);
    assert!(!cells.take(key(2), &meter, at(2)).allowed);
}

#[test]
fn units_of_cells_that_are_shared_for_want_of_room_are_counted() {
    let cells = MemoryCells::with_capacity(1);
    for (number, crowded) in [(1, 0), (2, 1), (3, 1), (1, 0)] {
        cells.take(key(number), &window(0, 60, 9), at(0));
        assert_eq!(cells.take_crowded(), crowded, "key {number}");
    }
    assert_eq!(cells.take_crowded(), 0, "each is told once");
    // Room that is made is taken.
    cells.take(key(4), &window(60, 120, 9), at(60));
    assert_eq!(cells.take_crowded(), 0);
}

#[test]
fn more_meters_than_overflow_cells_are_refused() {
    let cells = MemoryCells::with_capacity(1);
    assert!(cells.take(key(1), &window(0, 60, 1), at(0)).allowed);
    let allowed = (0..200_u32)
        .filter(|n| cells.take(key(u128::from(*n) + 2), &window(0, 60, n + 1), at(0)).allowed)
        .count();
    assert_eq!(allowed, 64);
}

#[test]
fn many_threads_never_get_more_than_there_is() {
    for (meter, most) in [
        (Meter::Rate { interval: Duration::from_secs(3600), burst: 1000 }, 1000),
        (window(0, 60, 1000), 1000),
        (Meter::Concurrency { limit: 1000 }, 1000),
    ] {
        let (cells, given) = (Arc::new(MemoryCells::new()), Arc::new(AtomicU64::new(0)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let allowed = cells.take(9, &meter, at(1)).allowed;
                        given.fetch_add(u64::from(allowed), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(given.load(Ordering::Relaxed), most, "{meter:?}");
    }
}

#[test]
fn concurrency_holds_while_threads_come_and_go_in_a_full_table() {
    let cells = MemoryCells::with_capacity(1);
    let meter = Meter::Concurrency { limit: 2 };
    assert!(cells.take(key(1), &window(0, 60, 1), at(0)).allowed);
    let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    if cells.take(key(5), &meter, at(1)).allowed {
                        most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        held.fetch_sub(1, Ordering::SeqCst);
                        cells.release(key(5));
                    }
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[test]
fn keys_keep_parts_apart_and_processes_too() {
    let (one, two) = (MemoryCells::new(), MemoryCells::new());
    assert_eq!(one.key(&[b"a", b"bc"]), one.key(&[b"a", b"bc"]));
    assert_ne!(one.key(&[b"a", b"bc"]), one.key(&[b"ab", b"c"]));
    assert_ne!(one.key(&[b"a"]), one.key(&[b"a", b""]));
    assert_ne!(one.key(&[b"a"]), two.key(&[b"a"]));
}
