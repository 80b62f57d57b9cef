//! Counters that several gateways share: units are taken at the server and used here.
//!
//! What is large is taken ahead of need, so that a call finds a unit here; a call waits only for the first unit after a pause, or
//! when calls come faster than what was taken, and not longer than for the one answer. What is small is asked for by each
//! call. How it is seen to that gateways together never give more than the limit: [`super::plan`].
//!
//! What this gateway lets in it counts for itself as well. When the server cannot be used, either that count decides alone, so that
//! each gateway keeps the limit by itself, or limited calls are refused, as the settings say. What a process holds at one time
//! (concurrency) is counted by itself always: nobody could take back what a gateway held that is gone.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::time::Duration;

use engine::cells::{Cells, Meter, Taken};
use engine::{BoxFuture, Clock, Tick, UnixTime, bounds};
use parking_lot::Mutex;
use redis::Value;

use super::link::{Done, Link};
use super::plan::{Plan, window};
use super::scripts::{Script, number, parts};
use super::share::{Grant, Share};
use crate::hash::{public, shard};
use crate::memory::MemoryCells;

/// A power of two, enough that cores seldom meet in one shard.
const SHARDS: usize = 64;
/// How long a window's cell is kept at the server after its end: clocks differ.
const LINGER: Duration = Duration::from_secs(60);
/// How long a call is told to wait when nobody knows.
const UNKNOWN: Duration = Duration::from_secs(1);

/// What is kept of one limit. Locked for the time of a look: it is several words that belong together.
#[derive(Debug)]
struct Held {
    share: Share,
    plan: Plan,
    end: UnixTime,
}

type Shard = Mutex<HashMap<u128, Held, RandomState>>;

/// The counters.
#[derive(Debug)]
pub(super) struct SharedCells {
    link: Arc<Link>,
    local: Arc<MemoryCells>,
    clock: Arc<dyn Clock>,
    shards: Arc<[Shard]>,
    per_shard: usize,
}

impl SharedCells {
    pub(super) fn new(link: &Arc<Link>, local: Arc<MemoryCells>) -> Arc<Self> {
        Arc::new(Self {
            link: Arc::clone(link),
            local,
            clock: Arc::clone(&link.clock),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_shard: bounds::CELLS / SHARDS,
        })
    }

    /// How many limits there are of which something is kept.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, key: u128) -> Option<&Shard> {
        self.shards.get(shard(key, SHARDS))
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
            return Taken { allowed: false, remaining: 0, reset_after: UNKNOWN, retry_after: UNKNOWN };
        }
        if take {
            self.local.take(self.own(key), meter, now)
        } else {
            self.local.peek(self.own(key), meter, now)
        }
    }

    fn look(&self, key: u128, (meter, plan): (&Meter, Plan), now: UnixTime, take: bool) -> Taken {
        let tick = self.clock.now();
        let nothing = Taken { allowed: false, remaining: 0, reset_after: UNKNOWN, retry_after: UNKNOWN };
        let Some(shard) = self.shard(key) else { return nothing };
        let mut shard = shard.lock();
        let Some(held) = shard.get_mut(&key) else { return nothing };
        let back = held.share.turn(window(meter), &plan, tick);
        let there = held.share.units();
        let allowed = if take { held.share.take() } else { there > 0 };
        let ahead = if take { held.share.want_ahead(&plan, tick) } else { None };
        let at = held.share.window();
        let (left, reset) = held.share.left(tick);
        let denied = held.share.denied_for(tick);
        drop(shard);
        if let Some(want) = ahead {
            self.ask(key, (meter, plan, at), want, Box::new(|| {}));
        }
        if back > 0 {
            give_back(&self.link, key, at, back);
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
        Taken { allowed, remaining, reset_after, retry_after: wait }
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
        let in_window = at != UnixTime(0);
        let done: Done = Box::new(move |answer| {
            let shard = shards.get(shard(key, SHARDS));
            if let Some(held) = shard.map(|shard| shard.lock()).as_mut().and_then(|shard| shard.get_mut(&key))
            {
                held.share.asked();
                let rest = Duration::from_nanos(held.end.0.saturating_sub(clock.unix().0));
                if let Some(grant) = answer.and_then(|answer| grant(answer, want, in_window.then_some(rest)))
                {
                    held.share.grant(at, (grant, asked), &plan, clock.now());
                }
            }
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
    fn enter(&self, key: u128, plan: Plan, meter: &Meter, tick: Tick) -> Option<(u32, UnixTime)> {
        let mut shard = self.shard(key)?.lock();
        if shard.len() >= self.per_shard && !shard.contains_key(&key) {
            shard.retain(|_, held| !held.share.is_idle(held.plan.life, tick));
            if shard.len() >= self.per_shard {
                return None;
            }
        }
        let end = if let Meter::Window { end, .. } = *meter { end } else { UnixTime(0) };
        let held = shard.entry(key).or_insert_with(|| Held { share: Share::default(), plan, end });
        held.share.turn(window(meter), &plan, tick);
        held.end = held.end.max(end);
        if held.share.denied_for(tick) > Duration::ZERO {
            return None;
        }
        Some((held.share.want(&plan), held.share.window()))
    }

    /// Gives back all that was not used, before the end.
    pub(super) fn give_up(&self) {
        for shard in self.shards.iter() {
            let held: Vec<(u128, UnixTime, u32)> = shard
                .lock()
                .iter_mut()
                .map(|(key, held)| (*key, held.share.window(), held.share.give_up()))
                .filter(|(.., back)| *back > 0)
                .collect();
            held.into_iter().for_each(|(key, at, back)| give_back(&self.link, key, at, back));
        }
    }

    /// Gives back what was not used of one of the shards, and forgets what is idle.
    pub(super) fn tidy(&self, number: usize) {
        let Some(shard) = self.shards.get(number % SHARDS) else { return };
        let tick = self.clock.now();
        let mut over: Vec<(u128, UnixTime, u32)> = Vec::new();
        shard.lock().retain(|key, held| {
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
        let taken = self.look(key, (meter, plan), now, true);
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
        self.look(key, (meter, plan), now, false)
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

    fn is_lost(&self) -> bool {
        self.link.settings.refuse_alone && !self.link.is_up()
    }
}

/// The counters of a gateway that shares some: its own, beside which those stand.
#[derive(Debug)]
pub(super) struct BothCells {
    pub(super) local: Arc<MemoryCells>,
    pub(super) shared: Arc<SharedCells>,
}

impl Cells for BothCells {
    fn take(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        self.local.take(key, meter, now)
    }
    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        self.local.peek(key, meter, now)
    }
    fn release(&self, key: u128) {
        self.local.release(key);
    }
    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.local.key(parts)
    }
    fn shared(&self) -> Option<Arc<dyn Cells>> {
        Some(Arc::clone(&self.shared) as Arc<dyn Cells>)
    }
}
