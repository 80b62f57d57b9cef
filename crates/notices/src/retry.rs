//! When an event is sent again, and when no more.

use std::time::Duration;

/// How a receiver that fails is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
    /// After so many tries an event is given up.
    pub tries: u32,
    /// As old as this it is given up.
    pub age: Duration,
}

impl Retry {
    /// The pause after so many tries in a row that failed: twice as long each time, less up to half of it by `dice`, so that what
    /// failed together does not come back together; at least what the receiver asked for, and never more than [`Retry::most`].
    #[must_use]
    pub fn pause(&self, tries: u32, asked: Option<Duration>, dice: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << tries.saturating_sub(1).min(24)).min(self.most);
        let half = doubled / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        let pause = half + Duration::from_nanos(dice % span);
        pause.max(asked.unwrap_or_default()).min(self.most)
    }

    /// Whether an event is given up that was tried so often and is so old.
    #[must_use]
    pub fn is_over(&self, tries: u32, age: Duration) -> bool {
        tries >= self.tries || age >= self.age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        first: Duration::from_secs(1),
        most: Duration::from_secs(900),
        tries: 50,
        age: Duration::from_secs(3 * 86_400),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (tries, most) in [(1, 1), (2, 2), (3, 4), (10, 512), (11, 900), (50, 900), (u32::MAX, 900)] {
            let most = Duration::from_secs(most);
            for dice in [0, 1, 7 << 40, u64::MAX - 1, u64::MAX] {
                let pause = RETRY.pause(tries, None, dice);
                assert!(pause >= most / 2 && pause <= most, "{tries}: {pause:?}");
            }
        }
        assert_ne!(RETRY.pause(9, None, 1), RETRY.pause(9, None, 1 << 33), "not all at the same moment");
    }

    #[test]
    fn what_the_receiver_asks_for_is_obeyed_and_bounded() {
        let pause = |asked| RETRY.pause(1, Some(Duration::from_secs(asked)), 0);
        assert_eq!(pause(0), Duration::from_millis(500));
        assert_eq!(pause(120), Duration::from_secs(120));
        assert_eq!(pause(u64::MAX), Duration::from_secs(900));
    }

    #[test]
    fn an_event_is_given_up_by_tries_and_by_age() {
        assert!(!RETRY.is_over(49, Duration::from_secs(1)));
        assert!(RETRY.is_over(50, Duration::from_secs(1)));
        assert!(RETRY.is_over(0, RETRY.age));
    }
}
