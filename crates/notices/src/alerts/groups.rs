//! The groups of one rule, bounded.

use std::collections::HashMap;
use std::time::Duration;

use engine::CallId;

use super::Rule;
use super::window::Window;

/// Most groups of one rule.
pub const GROUPS: usize = 1_024;
/// Calls that are named in an alert as examples.
const EXAMPLES: usize = 3;

/// What a group has in common, in the order of the rule's labels.
pub(super) type Key = Vec<Box<str>>;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) events: Window,
    pub(super) calls: Window,
    /// When it began to hold, when it held last, and when it was told last.
    pub(super) firing: Option<Firing>,
    pub(super) examples: Vec<CallId>,
    /// When the last event came; for what is absent.
    pub(super) last: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Firing {
    pub(super) since: u64,
    pub(super) held: u64,
    pub(super) told: u64,
}

impl Group {
    fn new(slice: Duration, now: u64) -> Self {
        Self {
            events: Window::new(slice),
            calls: Window::new(slice),
            firing: None,
            examples: Vec::new(),
            last: now,
        }
    }

    pub(super) fn add(&mut self, id: CallId, now: u64) {
        self.events.add(now, 1);
        self.last = now;
        if self.examples.len() >= EXAMPLES {
            self.examples.remove(0);
        }
        self.examples.push(id);
    }

    fn is_idle(&mut self, now: u64) -> bool {
        self.firing.is_none() && self.events.sum(now) == 0 && self.calls.sum(now) == 0
    }
}

/// Groups of a rule, by what each has in common.
#[derive(Debug)]
pub(super) struct Groups {
    slice: Duration,
    all: HashMap<Key, Group>,
    /// The step of the window in which room was made last.
    swept: Option<u64>,
    /// How often it was.
    #[cfg(test)]
    pub(super) sweeps: u32,
}

impl Groups {
    pub(super) fn new(rule: &Rule, now: u64) -> Self {
        let mut groups = Self {
            slice: rule.slice(),
            all: HashMap::new(),
            swept: None,
            #[cfg(test)]
            sweeps: 0,
        };
        if rule.is_one_group() {
            groups.all.insert(Vec::new(), Group::new(groups.slice, now));
        }
        groups
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Group> {
        self.all.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Group)> {
        self.all.iter_mut()
    }

    /// The group of a key; makes it when there is room.
    pub(super) fn of(&mut self, key: Key, now: u64) -> Option<&mut Group> {
        if !self.all.contains_key(&key) && !self.has_room(now) {
            return None;
        }
        Some(self.all.entry(key).or_insert_with(|| Group::new(self.slice, now)))
    }

    /// Whether there is room for one more, or can be made. All groups are walked for it once in a step of the window: no sooner does
    /// any of them lose what it has, and who makes up a group for each call shall not have them walked for each.
    fn has_room(&mut self, now: u64) -> bool {
        if self.all.len() < GROUPS {
            return true;
        }
        let step = Some(Window::step(self.slice, now));
        if self.swept != step {
            self.swept = step;
            self.forget_idle(now);
        }
        self.all.len() < GROUPS
    }

    /// Forgets those that have nothing in their window.
    pub(super) fn forget_idle(&mut self, now: u64) {
        #[cfg(test)]
        {
            self.sweeps += 1;
        }
        self.all.retain(|_, group| !group.is_idle(now));
    }
}
