//! Counters that several gateways share: units are taken at the server and used here.
//!
//! What is large is taken ahead of need, so that a call finds a unit here; a call waits only for the first unit after a pause, or
//! when calls come faster than what was taken, and not longer than for the one answer. What is small is asked for by each
//! call. How it is seen to that gateways together never give more than the limit: [`super::plan`].
//!
//! What this gateway lets in it counts for itself as well. When the server cannot be used, when a question was not answered or too
//! many wait to ask it, and when there is no room for what it would say, either that count decides alone, so that each gateway keeps
//! the limit by itself, or limited calls are refused as unchecked, as the settings say. What a process holds at one time
//! (concurrency) is counted by itself always: nobody could take back what a gateway held that is gone.

use std::sync::Arc;
use std::time::Duration;

use engine::cells::{Cells, Meter, Taken};
use engine::{BoxFuture, Clock, Tick, UnixTime, bounds};
use parking_lot::Mutex;
use redis::Value;

use super::held::{Held, Shard};
use super::link::{Done, Link};
use super::plan::{Plan, window};
use super::scripts::{Script, number, parts};
use super::share::{Grant, Share};
use crate::hash::{Keys, public, shard};
use crate::memory::MemoryCells;

/// A power of two, enough that cores seldom meet in one shard.
const SHARDS: usize = 64;
/// How long a window's cell is kept at the server after its end: clocks differ.
const LINGER: Duration = Duration::from_secs(60);
/// How long a call is told to wait when nobody knows, and nobody is asked after a question that was not answered.
const UNKNOWN: Duration = Duration::from_secs(1);

/// What is said while nothing is known.
const NOTHING: Taken = Taken { allowed: false, remaining: 0, reset_after: UNKNOWN, retry_after: UNKNOWN };

/// The counters.
#[derive(Debug)]
pub(super) struct SharedCells {
    link: Arc<Link>,
    local: Arc<MemoryCells>,
    clock: Arc<dyn Clock>,
    shards: Arc<[Mutex<Shard>]>,
    per_shard: usize,
    /// Shared keys can be worked out by anybody; where they are kept here cannot, so that nobody can aim at one shard.
    keys: Keys,
}

impl SharedCells {
    pub(super) fn new(link: &Arc<Link>, local: Arc<MemoryCells>) -> Arc<Self> {
        Self::with_capacity(link, local, bounds::CELLS)
    }

    pub(super) fn with_capacity(link: &Arc<Link>, local: Arc<MemoryCells>, limits: usize) -> Arc<Self> {
        Arc::new(Self {
            link: Arc::clone(link),
            local,
            clock: Arc::clone(&link.clock),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_shard: limits / SHARDS,
            keys: Keys::default(),
        })
    }

    /// How many limits there are of which something is kept.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().held.len()).sum()
    }

    fn place(&self, key: u128) -> usize {
        shard(self.keys.of(&[&key.to_be_bytes()]), SHARDS)
    }

    fn shard(&self, key: u128) -> Option<&Mutex<Shard>> {
        self.shards.get(self.place(key))
    }

    /// Our own count. Its key is keyed by this process, since anybody can work out the shared one.
    fn own(&self, key: u128) -> u128 {
        self.local.key(&[&key.to_be_bytes()])
    }

    fn plan(&self, meter: &Meter) -> Option<Plan> {
        Plan::of(meter, self.link.settings.timeout)
    }

    /// By this gateway alone.
    fn alone(&self, key: u128, meter: &Meter, now: UnixTime, take: bool) -> Taken {
        if self.link.settings.refuse_alone {
            return NOTHING;
        }
        if take {
            self.local.take(self.own(key), meter, now)
        } else {
            self.local.peek(self.own(key), meter, now)
        }
    }

    /// By what was taken; `None` where nobody knows.
    fn look(&self, key: u128, (meter, plan): (&Meter, Plan), now: UnixTime, take: bool) -> Option<Taken> {
        let tick = self.clock.now();
        let mut shard = self.shard(key)?.lock();
        let has_room = shard.has_room(key, self.per_shard, tick);
        let Some(held) = shard.held.get_mut(&key) else { return has_room.then_some(NOTHING) };
        let back = held.share.turn(window(meter), &plan, tick);
        let there = held.share.units();
        let allowed = if take { held.share.take() } else { there > 0 };
        let ahead = if take { held.share.want_ahead(&plan, tick) } else { None };
        let at = held.share.window();
        let (left, reset) = held.share.left(tick);
        let denied = held.share.denied_for(tick);
        let is_lost = !allowed && held.share.is_lost(tick);
        drop(shard);
        if let Some(want) = ahead {
            self.ask(key, (meter, plan, at), want, Box::new(|| {}));
        }
        if back > 0 {
            give_back(&self.link, key, at, back);
        }
        if is_lost {
            return None;
        }
        let reset_after = match *meter {
            Meter::Window { end, .. } => Duration::from_nanos(end.0.saturating_sub(now.0)),
            _ => reset,
        };
        let wait = match meter {
            _ if allowed => Duration::ZERO,
            Meter::Window { .. } if denied > Duration::ZERO => reset_after,
            _ if denied > Duration::ZERO => denied,
            _ => UNKNOWN,
        };
        let remaining = left.saturating_sub(u64::from(allowed && !take));
        Some(Taken { allowed, remaining, reset_after, retry_after: wait })
    }

    /// Asks for units and takes them in; `then` is done when that is over.
    fn ask(
        &self,
        key: u128,
        (meter, plan, at): (&Meter, Plan, UnixTime),
        want: u32,
        then: Box<dyn FnOnce() + Send>,
    ) {
        let asked = self.clock.now();
        let (shards, clock) = (Arc::clone(&self.shards), Arc::clone(&self.clock));
        let (in_window, place) = (at != UnixTime(0), self.place(key));
        let done: Done = Box::new(move |answer| {
            let mut shard = shards.get(place).map(|shard| shard.lock());
            if let Some(held) = shard.as_mut().and_then(|shard| shard.held.get_mut(&key)) {
                held.share.asked();
                let rest = Duration::from_nanos(held.end.0.saturating_sub(clock.unix().0));
                match answer.and_then(|answer| grant(answer, want, in_window.then_some(rest))) {
                    Some(grant) => held.share.grant(at, (grant, asked), &plan, clock.now()),
                    None => held.share.lose(clock.now().after(UNKNOWN)),
                }
            }
            drop(shard);
            then();
        });
        match *meter {
            Meter::Rate { interval, .. } => {
                let interval = interval.as_nanos().div_ceil(1_000).max(1);
                let keys = [self.link.key(&format!("r:{key:032x}"))];
                let arguments = |command: &mut redis::Cmd| {
                    command.arg(interval.to_string()).arg(plan.burst).arg(want);
                };
                self.link.run(Script::Rate, &keys, arguments, done);
            }
            Meter::Window { end, .. } => {
                let rest = Duration::from_nanos(end.0.saturating_sub(self.clock.unix().0)) + LINGER;
                let keys = [quota_key(&self.link, key, at)];
                let arguments = |command: &mut redis::Cmd| {
                    command.arg(plan.burst).arg(want).arg(rest.as_millis().to_string());
                };
                self.link.run(Script::Quota, &keys, arguments, done);
            }
            Meter::Concurrency { .. } => done(None),
        }
    }

    /// Makes room for what is kept of a limit, where there is any.
    pub(super) fn enter(&self, key: u128, plan: Plan, meter: &Meter, tick: Tick) -> Option<(u32, UnixTime)> {
        let mut shard = self.shard(key)?.lock();
        if !shard.has_room(key, self.per_shard, tick) {
            return None;
        }
        let end = if let Meter::Window { end, .. } = *meter { end } else { UnixTime(0) };
        let held = shard.held.entry(key).or_insert_with(|| Held { share: Share::default(), plan, end });
        held.share.turn(window(meter), &plan, tick);
        held.end = held.end.max(end);
        if held.share.denied_for(tick) > Duration::ZERO || held.share.is_lost(tick) {
            return None;
        }
        Some((held.share.want(&plan), held.share.window()))
    }

    /// Gives back all that was not used, before the end; whether that was any.
    pub(super) fn give_up(&self) -> bool {
        let mut any = false;
        for shard in self.shards.iter() {
            let held: Vec<(u128, UnixTime, u32)> = shard
                .lock()
                .held
                .iter_mut()
                .map(|(key, held)| (*key, held.share.window(), held.share.give_up()))
                .filter(|(.., back)| *back > 0)
                .collect();
            any |= !held.is_empty();
            held.into_iter().for_each(|(key, at, back)| give_back(&self.link, key, at, back));
        }
        any
    }

    /// Gives back what was not used of one of the shards, and forgets what is idle.
    pub(super) fn tidy(&self, number: usize) {
        let Some(shard) = self.shards.get(number % SHARDS) else { return };
        let tick = self.clock.now();
        let mut over: Vec<(u128, UnixTime, u32)> = Vec::new();
        shard.lock().held.retain(|key, held| {
            let at = held.share.window();
            let back = held.share.turn(at, &held.plan, tick);
            if back > 0 {
                over.push((*key, at, back));
            }
            !held.share.is_idle(held.plan.life, tick)
        });
        over.into_iter().for_each(|(key, at, back)| give_back(&self.link, key, at, back));
    }
}

fn quota_key(link: &Link, key: u128, at: UnixTime) -> String {
    link.key(&format!("q:{key:032x}:{}", at.seconds()))
}

/// Hands units of a window to whoever needs them.
fn give_back(link: &Arc<Link>, key: u128, at: UnixTime, units: u32) {
    let arguments = |command: &mut redis::Cmd| {
        command.arg(units);
    };
    link.run(Script::Back, &[quota_key(link, key, at)], arguments, Box::new(|_| {}));
}

/// Reads what the server gives; never more than was asked for. `rest` is what is left of the window, where there is one.
fn grant(answer: &Value, want: u32, rest: Option<Duration>) -> Option<Grant> {
    let [units, left, retry, reset] = parts(answer)? else { return None };
    let units = u32::try_from(number(units)?).ok()?.min(want);
    let micros = |value| number(value).map(Duration::from_micros);
    let (retry, reset) = (micros(retry)?, micros(reset)?);
    Some(Grant {
        units,
        left: number(left)?,
        // What others give back can be had before the window ends.
        retry_after: rest.map_or(retry, |rest| rest.min(UNKNOWN)),
        reset_after: rest.unwrap_or(reset),
    })
}

impl Cells for SharedCells {
    fn take(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        let Some(plan) = self.plan(meter) else { return self.local.take(self.own(key), meter, now) };
        if !self.link.is_up() {
            return self.alone(key, meter, now, true);
        }
        let Some(taken) = self.look(key, (meter, plan), now, true) else {
            return self.alone(key, meter, now, true);
        };
        if taken.allowed {
            // What it says does not count: others may have given less.
            let _ = self.local.take(self.own(key), meter, now);
        }
        taken
    }

    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        let Some(plan) = self.plan(meter) else { return self.local.peek(self.own(key), meter, now) };
        if !self.link.is_up() {
            return self.alone(key, meter, now, false);
        }
        self.look(key, (meter, plan), now, false).unwrap_or_else(|| self.alone(key, meter, now, false))
    }

    fn release(&self, key: u128) {
        self.local.release(self.own(key));
    }

    fn key(&self, parts: &[&[u8]]) -> u128 {
        public(parts)
    }

    fn fetch(&self, key: u128, meter: &Meter, _now: UnixTime) -> Option<BoxFuture<'static, ()>> {
        let plan = self.plan(meter)?;
        if !self.link.is_up() {
            return None;
        }
        let (want, at) = self.enter(key, plan, meter, self.clock.now())?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.ask(key, (meter, plan, at), want, Box::new(move || sender.send(()).unwrap_or_default()));
        Some(Box::pin(async move { receiver.await.unwrap_or_default() }))
    }

    fn is_lost(&self, key: u128) -> bool {
        let is_unknown = || {
            let (tick, shard) = (self.clock.now(), self.shard(key)?.lock());
            Some(match shard.held.get(&key) {
                Some(held) => held.share.is_lost(tick),
                None => shard.held.len() >= self.per_shard,
            })
        };
        self.link.settings.refuse_alone && (!self.link.is_up() || is_unknown().unwrap_or(true))
    }
}
