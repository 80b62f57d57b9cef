//! What one gateway has of one limit: units that it has taken and not used yet, and what it was told last. No time of its own
//! and no IO, so that it can be tried in every order of events.

use std::collections::VecDeque;
use std::time::Duration;

use engine::{Tick, UnixTime};

use super::plan::Plan;

/// Into how many parts a life is divided: units that are granted in one of them end together, so that so many and one are kept apart.
const BATCHES: u32 = 16;

/// Units that end together.
#[derive(Debug, Clone, Copy)]
struct Batch {
    units: u32,
    until: Tick,
}

/// What the server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// Units that were asked for and are given.
    pub(super) units: u32,
    /// Units left there.
    pub(super) left: u64,
    /// When none is given: until one is there.
    pub(super) retry_after: Duration,
    /// Until all are there again.
    pub(super) reset_after: Duration,
}

/// What one gateway has of one limit.
#[derive(Debug, Default)]
pub(super) struct Share {
    window: UnixTime,
    batches: VecDeque<Batch>,
    /// Until when there is nothing, as far as the server said.
    denied: Tick,
    /// Until when nobody is asked, since a question was not answered.
    lost: Tick,
    left: u64,
    reset: Tick,
    /// Units used in this period, which is as long as a unit lives, and in the one before.
    used: u32,
    used_before: u32,
    since: Tick,
    /// Questions on the way.
    asking: u32,
}

impl Share {
    /// Goes on to a moment. Gives how many units ended unused whose window goes on: they can go back.
    pub(super) fn turn(&mut self, window: UnixTime, plan: &Plan, now: Tick) -> u32 {
        if window > self.window {
            self.window = window;
            self.batches.clear();
            self.denied = Tick(0);
        }
        let elapsed = now.since(self.since);
        if elapsed >= plan.life {
            self.used_before = if elapsed >= plan.life * 2 { 0 } else { self.used };
            (self.used, self.since) = (0, now);
        }
        let mut over = 0;
        self.batches.retain(|batch| {
            let lasts = now < batch.until;
            over += if lasts { 0 } else { batch.units };
            lasts
        });
        if self.window == UnixTime(0) { 0 } else { over }
    }

    /// Units that are there.
    pub(super) fn units(&self) -> u32 {
        self.batches.iter().fold(0, |sum, batch| sum.saturating_add(batch.units))
    }

    /// Gives up all units; how many of them can go back.
    pub(super) fn give_up(&mut self) -> u32 {
        let units = if self.window == UnixTime(0) { 0 } else { self.units() };
        self.batches.clear();
        units
    }

    /// Uses one, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let Some(first) = self.batches.front_mut() else { return false };
        first.units = first.units.saturating_sub(1);
        if first.units == 0 {
            self.batches.pop_front();
        }
        self.used = self.used.saturating_add(1);
        true
    }

    /// How many to ask for: what was used in as long as they live, and one more; and one only while that is on the way already.
    /// Whoever asks has to say what came of it.
    pub(super) fn want(&mut self, plan: &Plan) -> u32 {
        let want = if self.asking == 0 { self.usual(plan) } else { 1 };
        self.asking = self.asking.saturating_add(1);
        want
    }

    fn usual(&self, plan: &Plan) -> u32 {
        self.used.max(self.used_before).saturating_add(1).min(plan.most)
    }

    /// How many to ask for before they are needed, where it is time for that.
    pub(super) fn want_ahead(&mut self, plan: &Plan, now: Tick) -> Option<u32> {
        let want = self.usual(plan);
        let is_low = u64::from(self.units()) * 2 <= u64::from(want);
        if self.asking > 0 || !plan.is_ahead() || want < 3 || !is_low || now < self.denied.max(self.lost) {
            return None;
        }
        Some(self.want(plan))
    }

    /// What was asked for has come, or will not.
    pub(super) fn asked(&mut self) {
        self.asking = self.asking.saturating_sub(1);
    }

    /// Takes in what the server said of units of a window, which were asked for at a moment.
    pub(super) fn grant(&mut self, window: UnixTime, (grant, asked): (Grant, Tick), plan: &Plan, now: Tick) {
        if window != self.window {
            return;
        }
        self.lost = Tick(0);
        self.left = grant.left;
        self.reset = now.after(grant.reset_after);
        if grant.units == 0 {
            self.denied = now.after(grant.retry_after);
            return;
        }
        // Counted from before they were asked for: the server may have given them at once.
        let until = asked.after(plan.life);
        // Those that would end soon after others end with them.
        if let Some(last) = self.batches.back_mut()
            && until < last.until.after(plan.life / BATCHES)
        {
            last.units = last.units.saturating_add(grant.units);
            last.until = last.until.min(until);
            return;
        }
        self.batches.push_back(Batch { units: grant.units, until });
    }

    /// Until there may be something again, when there was nothing.
    pub(super) fn denied_for(&self, now: Tick) -> Duration {
        self.denied.since(now)
    }

    /// A question was not answered, or not asked: until a moment nobody knows.
    pub(super) fn lose(&mut self, until: Tick) {
        self.lost = until;
    }

    /// Whether nobody knows what there is, as far as the server did not say that there is nothing.
    pub(super) fn is_lost(&self, now: Tick) -> bool {
        now < self.lost && self.denied <= now
    }

    /// Units left here and there, and until all are there again.
    pub(super) fn left(&self, now: Tick) -> (u64, Duration) {
        (self.left.saturating_add(u64::from(self.units())), self.reset.since(now))
    }

    /// Whether forgetting it changes nothing.
    pub(super) fn is_idle(&self, plan_life: Duration, now: Tick) -> bool {
        self.asking == 0
            && self.batches.is_empty()
            && self.denied <= now
            && self.lost <= now
            && now.since(self.since) >= plan_life.saturating_mul(2)
    }

    /// The window that its units belong to; 0 for a rate.
    pub(super) fn window(&self) -> UnixTime {
        self.window
    }
}
