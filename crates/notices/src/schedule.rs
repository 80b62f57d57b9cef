//! What is sent next to one receiver.
//!
//! Events of one actor stand in a lane, and only the first of a lane is ever on its way, so that they arrive in order. Lanes wait for
//! nobody but themselves, as long as something gets through: one event that the receiver cannot bear holds up its own actor only.
//! When [`DOWN`] tries in a row have failed the receiver is taken for down: then it is asked with one event at a time, after a pause
//! that grows, until something gets through; and then all lanes may go on at once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::event::Actor;
use crate::retry::Retry;

/// Events on their way to one receiver at one time.
const TOGETHER: usize = 8;
/// Tries in a row that failed after which a receiver is taken for down.
const DOWN: u32 = 5;

/// One event that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Its number in the spool.
    pub sequence: u64,
    /// Whose lane it stands in.
    pub actor: Actor,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// When it came, in milliseconds since 1970.
    pub at: u64,
    /// How often it was tried.
    pub tries: u32,
    /// Whether the receiver may have it already.
    pub sent: bool,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Item>,
    /// Not before this moment, in milliseconds since 1970.
    due: u64,
    /// Whether the first is on its way.
    busy: bool,
}

/// All events that wait for one receiver.
#[derive(Debug, Default)]
pub struct Schedule {
    lanes: HashMap<Actor, Lane>,
    /// Lanes that are not busy: when they are due, the number of their first event, whose they are.
    idle: BTreeSet<(u64, u64, Actor)>,
    on_their_way: usize,
    count: usize,
    bytes: u64,
    /// Tries that failed since something got through.
    failures: u32,
    /// How often the receiver was found to be down since then, and until when it is left alone for that.
    rounds: u32,
    rest: u64,
    /// Until when it asked to be left alone, whatever gets through meanwhile.
    asked: u64,
}

/// The moment so long after `now`, in milliseconds.
fn after(now: u64, pause: Duration) -> u64 {
    now.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
}

impl Schedule {
    /// How many wait, those on their way included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// What they take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many tries have failed since something got through.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How many are on their way.
    #[must_use]
    pub fn on_their_way(&self) -> usize {
        self.on_their_way
    }

    /// When the oldest came, in milliseconds since 1970.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        self.lanes.values().filter_map(|lane| lane.waiting.front()).map(|item| item.at).min()
    }

    /// Puts an event behind those of its actor.
    pub fn push(&mut self, item: Item) {
        self.count += 1;
        self.bytes += item.bytes;
        let lane = self.lanes.entry(item.actor).or_default();
        if lane.waiting.is_empty() {
            self.idle.insert((lane.due, item.sequence, item.actor));
        }
        lane.waiting.push_back(item);
    }

    /// The next that may be sent at `now`; it is on its way then.
    pub fn next(&mut self, now: u64) -> Option<Item> {
        if self.on_their_way >= self.together() || now < self.later() {
            return None;
        }
        let first = *self.idle.first().filter(|(due, ..)| *due <= now)?;
        self.idle.remove(&first);
        let lane = self.lanes.get_mut(&first.2)?;
        lane.busy = true;
        self.on_their_way += 1;
        lane.waiting.front().copied()
    }

    /// The receiver is left alone until this moment.
    fn later(&self) -> u64 {
        self.rest.max(self.asked)
    }

    const fn together(&self) -> usize {
        if self.failures >= DOWN { 1 } else { TOGETHER }
    }

    /// When there may be something to send, when it is not now; `None` when only what is on its way, or new, can change that.
    #[must_use]
    pub fn wake(&self) -> Option<u64> {
        let room = self.on_their_way < self.together();
        self.idle.first().filter(|_| room).map(|(due, ..)| (*due).max(self.later()))
    }

    /// The first of a lane got through.
    pub fn delivered(&mut self, actor: Actor, now: u64) {
        if std::mem::take(&mut self.failures) >= DOWN {
            self.release(now);
        }
        (self.rounds, self.rest) = (0, 0);
        self.drop_first(actor);
    }

    /// The first of a lane is gone.
    pub fn dropped(&mut self, actor: Actor) {
        self.drop_first(actor);
    }

    /// The first of a lane failed for the last time: it is given up.
    pub fn given_up(&mut self, actor: Actor, retry: &Retry, asked: Option<Duration>, at: (u64, u64)) {
        self.count_failure(retry, asked, at);
        self.drop_first(actor);
    }

    /// The first of a lane failed: it waits as `retry` says.
    pub fn failed(&mut self, actor: Actor, retry: &Retry, asked: Option<Duration>, (now, dice): (u64, u64)) {
        self.count_failure(retry, asked, (now, dice));
        let Some(lane) = self.lanes.get_mut(&actor) else { return };
        if let Some(first) = lane.waiting.front_mut() {
            first.tries = first.tries.saturating_add(1);
            first.sent = true;
            lane.due = after(now, retry.pause(first.tries, asked, dice));
        }
        self.put_back(actor);
    }

    /// The first of a lane was not sent: it waits for so long.
    pub fn untried(&mut self, actor: Actor, pause: Duration, now: u64) {
        self.rest = self.rest.max(after(now, pause));
        self.put_back(actor);
    }

    /// The first of a lane was refused for good by a receiver that wants nothing more: it stays where it is.
    pub fn refused(&mut self, actor: Actor) {
        if let Some(first) = self.lanes.get_mut(&actor).and_then(|lane| lane.waiting.front_mut()) {
            first.tries = first.tries.saturating_add(1);
            first.sent = true;
        }
        self.put_back(actor);
    }

    /// Lets everything be tried at once: the receiver may be another one now.
    pub fn renew(&mut self, now: u64) {
        (self.failures, self.rounds, self.rest, self.asked) = (0, 0, 0, 0);
        self.release(now);
    }

    /// Takes out what is as old as `age` and not on its way, with what of its lane came before it.
    #[must_use]
    pub fn take_older(&mut self, now: u64, age: Duration) -> Vec<Item> {
        let before = now.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let is_old = |lane: &Lane| !lane.busy && lane.waiting.front().is_some_and(|item| item.at <= before);
        let actors: Vec<Actor> =
            self.lanes.iter().filter(|(_, lane)| is_old(lane)).map(|(actor, _)| *actor).collect();
        let mut taken = Vec::new();
        for actor in actors {
            self.forget_idle(actor);
            while let Some(item) = self
                .lanes
                .get_mut(&actor)
                .and_then(|lane| lane.waiting.pop_front_if(|item| item.at <= before))
            {
                self.count -= 1;
                self.bytes -= item.bytes;
                taken.push(item);
            }
            self.put_back(actor);
        }
        taken
    }

    /// Takes out all that is not on its way.
    #[must_use]
    pub fn take_all(&mut self) -> Vec<Item> {
        let mut taken = Vec::new();
        for lane in self.lanes.values_mut() {
            let from = usize::from(lane.busy).min(lane.waiting.len());
            taken.extend(lane.waiting.drain(from..));
        }
        self.lanes.retain(|_, lane| lane.busy);
        self.idle.clear();
        self.count -= taken.len();
        self.bytes -= taken.iter().map(|item| item.bytes).sum::<u64>();
        taken.sort_unstable_by_key(|item| item.sequence);
        taken
    }

    /// Takes out what is on its way and will not come back.
    #[must_use]
    pub fn take_unsettled(&mut self) -> Vec<Item> {
        let busy = self.lanes.iter().filter(|(_, lane)| lane.busy);
        let firsts: Vec<Item> = busy.filter_map(|(_, lane)| lane.waiting.front().copied()).collect();
        firsts.iter().for_each(|item| self.drop_first(item.actor));
        firsts
    }

    /// The receiver did not take an event: it is left alone for as long as it asks for, and once it is down longer and longer.
    fn count_failure(&mut self, retry: &Retry, asked: Option<Duration>, (now, dice): (u64, u64)) {
        self.failures = self.failures.saturating_add(1);
        if let Some(asked) = asked {
            self.asked = self.asked.max(after(now, asked.min(retry.most)));
        }
        // What was on its way together failed for one reason, and makes one pause.
        if self.failures >= DOWN && now >= self.rest {
            self.rounds = self.rounds.saturating_add(1);
            self.rest = after(now, retry.pause(self.rounds, None, dice));
        }
    }

    fn drop_first(&mut self, actor: Actor) {
        if let Some(lane) = self.lanes.get_mut(&actor) {
            lane.due = 0;
            if let Some(item) = lane.waiting.pop_front() {
                self.count -= 1;
                self.bytes -= item.bytes;
            }
        }
        self.put_back(actor);
    }

    /// A lane is not busy any more, or has another first event.
    fn put_back(&mut self, actor: Actor) {
        let Some(lane) = self.lanes.get_mut(&actor) else { return };
        if std::mem::take(&mut lane.busy) {
            self.on_their_way -= 1;
        }
        match lane.waiting.front() {
            Some(first) => drop(self.idle.insert((lane.due, first.sequence, actor))),
            None => drop(self.lanes.remove(&actor)),
        }
    }

    fn forget_idle(&mut self, actor: Actor) {
        if let Some(lane) = self.lanes.get(&actor)
            && let Some(first) = lane.waiting.front()
        {
            self.idle.remove(&(lane.due, first.sequence, actor));
        }
    }

    /// Makes all lanes due.
    fn release(&mut self, now: u64) {
        for lane in self.lanes.values_mut() {
            lane.due = lane.due.min(now);
        }
        let idle = std::mem::take(&mut self.idle);
        self.idle = idle.into_iter().map(|(due, first, actor)| (due.min(now), first, actor)).collect();
    }
}

#[cfg(test)]
mod tests;
