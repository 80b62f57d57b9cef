//! How many calls may be tried again: a share of all calls, so that retries never become the load that keeps a service
//! down.

use std::cell::Cell;

/// What a retry costs; each call earns the budget's percentage.
const PRICE: u32 = 100;
/// What can be saved up, in retries: also where it starts, so that a gateway with few calls has some.
const SAVED: u32 = 10;

/// The budget of an upstream on one core.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(SAVED * PRICE))
    }
}

impl Budget {
    /// A call begins.
    pub(crate) fn earn(&self, percent: u8) {
        self.0.set((self.0.get() + u32::from(percent)).min(SAVED * PRICE));
    }

    /// Whether there is enough for a retry; it is spent then.
    pub(crate) fn spend(&self) -> bool {
        let left = self.0.get().checked_sub(PRICE);
        if let Some(left) = left {
            self.0.set(left);
        }
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_the_calls() {
        let budget = Budget::default();
        let retried = (0..1000)
            .filter(|_| {
                budget.earn(20);
                budget.spend()
            })
            .count();
        assert_eq!(retried, 210 - 1, "a fifth, and what was saved up");
        let none = Budget::default();
        (0..SAVED).for_each(|_| assert!(none.spend()));
        assert!(!none.spend(), "without calls there is nothing to spend");
        none.earn(100);
        assert!(none.spend());
    }
}
