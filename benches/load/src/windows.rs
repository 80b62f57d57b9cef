//! What an open loop tells of its latencies: the hundredth part that is slowest, window by window.
//!
//! One stall of the machine, of 20 ms, delays a hundredth of all calls of two seconds, and is then what their 99th percentile says:
//! a figure of whether it came, and not of the proxy. So the percentile is taken of the calls that were due in each window, and the
//! median of the windows is the figure: what slows less than half of them is not in it, what a proxy does again and again is. The
//! percentile of all calls is told beside it. Latencies are from when a call was due, so that a wait for a free connection counts.

use std::time::Duration;

/// Some thousand calls are due in it.
const WINDOW: Duration = Duration::from_millis(250);
/// Connections are opened, and everybody's caches are filled, before the first window.
const WARM_UP: Duration = Duration::from_millis(500);

/// The 99th percentiles of all whole windows; of all calls when the time is too short for one. `took` has an entry for each of `due`.
pub(crate) fn p99s(due: &[Duration], took: &[u32], time: Duration) -> Vec<u32> {
    let (mut from, mut found) = (WARM_UP, Vec::new());
    let before = |end: Duration| due.partition_point(|at| *at < end);
    while from + WINDOW <= time {
        let part = took.get(before(from)..before(from + WINDOW));
        found.extend(part.and_then(|part| percentile(part, 99)));
        from += WINDOW;
    }
    if found.is_empty() {
        found.extend(percentile(took, 99));
    }
    found
}

/// The value that so many of a hundred are below; `None` of no values.
pub(crate) fn percentile(values: &[u32], percent: usize) -> Option<u32> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted.get((sorted.len() * percent / 100).min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::{Duration, p99s, percentile};

    /// A call each millisecond for two seconds, of which these are slow.
    fn two_seconds(slow: impl Fn(usize) -> bool) -> Vec<u32> {
        let due: Vec<Duration> = (0..2000).map(Duration::from_millis).collect();
        let took: Vec<u32> = (0..2000).map(|at| if slow(at) { 20_000 } else { 300 }).collect();
        p99s(&due, &took, Duration::from_secs(2))
    }

    #[test]
    fn a_stall_is_in_its_window_only() {
        assert_eq!(two_seconds(|_| false), [300; 6]);
        let stalled = two_seconds(|at| (1000..1030).contains(&at));
        assert_eq!(stalled, [300, 300, 20_000, 300, 300, 300]);
        assert_eq!(percentile(&stalled, 50), Some(300));
        // The warm-up is in none.
        assert_eq!(two_seconds(|at| at < 500), [300; 6]);
    }

    #[test]
    fn what_a_proxy_does_again_and_again_is_in_all() {
        let all = two_seconds(|at| at % 200 < 4);
        assert_eq!(percentile(&all, 50), Some(20_000), "{all:?}");
    }

    #[test]
    fn a_time_that_is_too_short_is_one_window() {
        let due: Vec<Duration> = (0..100).map(Duration::from_millis).collect();
        assert_eq!(p99s(&due, &(0..100).collect::<Vec<_>>(), Duration::from_millis(100)), [99]);
        assert_eq!(p99s(&[], &[], Duration::from_secs(9)), [0; 0]);
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        assert_eq!(percentile(&[3, 1, 2], 50), Some(2));
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }
}
