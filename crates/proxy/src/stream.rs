//! A call whose answer is on its way: in the table of its core, over reloads, and to its end.
//!
//! It goes over to the snapshot that a reload brings, so that old ones do not live as long as the longest download (invariant
//! 4). It ends when for too long no byte of it moves, whichever side is at fault, and when it has lasted as long as it may.
//!
//! A *live* stream (events, messages, gRPC, a WebSocket) may last for hours, and what allowed it may not: it also ends when its
//! credential is taken no more, when the client certificate of its connection does not stand any more, when its principal or the API key
//! that proves it is revoked ([`crate::DataPlane::revoke`]), when the token that let it in was ([`crate::DataPlane::withdraw`]), or when the controls that can be asked again do not allow it under a new snapshot. How it ends is for its protocol to say: [`Why`] says why.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use engine::bounds::Bound;
use engine::principal::CredentialKind;
use engine::{Call, CoreSnapshot, Principal, Tick, Withdrawn, bounds};
use smallvec::SmallVec;

use crate::alarm::Alarm;
use crate::core::Core;
use crate::flight::Flight;
use crate::listen::standing;
pub(crate) use crate::live::{Kind, Why};
use crate::task::Task;

/// How long a stream may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Without a byte that moves.
    pub(crate) idle: Duration,
    /// In all.
    pub(crate) lifetime: Duration,
}

impl Span {
    /// What the call's upstream is given.
    pub(crate) fn of(call: &Call) -> Self {
        let upstream = call.operation.as_ref().and_then(|plan| plan.upstream.as_ref());
        let usual = Self { idle: bounds::IDLE_TIME, lifetime: bounds::STREAM_LIFETIME };
        upstream.map_or(usual, |upstream| {
            let deadlines = &upstream.deadlines;
            Self { idle: deadlines.idle, lifetime: deadlines.lifetime }
        })
    }
}

/// Whose streams are found together: issuer and subject.
pub(crate) type Who = (Arc<str>, Arc<str>);

/// A call whose answer is on its way.
#[derive(Debug)]
pub(crate) struct Stream {
    flight: RefCell<Option<Flight>>,
    waker: RefCell<Option<Waker>>,
    number: Cell<Option<usize>>,
    core: Rc<Core>,
    kind: Kind,
    /// How long nothing may move.
    idle: Duration,
    /// Whether something has moved since the alarm was set.
    moved: Cell<bool>,
    /// When it began.
    began: Tick,
    /// When it has lasted as long as it may.
    old: Cell<Tick>,
    /// When it ends before that, whatever moves, and why.
    ends: Cell<Option<(Tick, Why)>>,
    /// That moment has passed: its task was told.
    over: Cell<Option<Why>>,
    /// Up to when its controls have to say that it may go on.
    recheck: Cell<Option<Tick>>,
    /// A snapshot that came while the flight was away.
    missed: RefCell<Option<Rc<CoreSnapshot>>>,
    /// Whom it was entered for.
    who: RefCell<Vec<Who>>,
    /// Who was let in, while it is live: whatever becomes of the call, that was proven when it began.
    principals: SmallVec<[Arc<Principal>; 1]>,
    /// What carries it on HTTP/2.
    task: Option<Rc<Task>>,
}

impl Stream {
    /// Enters the call in the table of its core. It ends when nothing moves for too long, or after its time.
    pub(crate) fn enter(flight: Flight, span: Span, kind: Kind) -> Rc<Self> {
        let core = Rc::clone(&flight.core);
        let now = core.clock.now();
        let live = kind != Kind::Finite;
        let ends = if live { expiry(&flight.call) } else { None };
        let who: Vec<Who> = if live { principals(&flight.call) } else { Vec::new() };
        let began = flight.call.started;
        let proofs = flight.call.proofs.iter().filter(|_| live);
        let principals = proofs.map(|proof| Arc::clone(&proof.principal)).collect();
        let stream = Rc::new(Self {
            idle: span.idle,
            kind,
            moved: Cell::new(true),
            began: now,
            old: Cell::new(now.after(span.lifetime)),
            ends: Cell::new(ends.map(|at| (at, Why::Expired))),
            over: Cell::new(None),
            recheck: Cell::new(None),
            missed: RefCell::new(None),
            task: core.task.borrow().clone().filter(|_| kind != Kind::Switched),
            flight: RefCell::new(Some(flight)),
            waker: RefCell::new(None),
            number: Cell::new(None),
            who: RefCell::new(Vec::new()),
            principals,
            core: Rc::clone(&core),
        });
        let number = core.streams.insert(Rc::clone(&stream));
        stream.number.set(Some(number));
        for who in &who {
            core.live.enter(who, number);
        }
        let revoked = core.revocations.since(began, &who) || stream.is_withdrawn(&core);
        *stream.who.borrow_mut() = who;
        stream.catch_up(&core, revoked);
        stream
    }

    /// What a reload or a revocation did while the call was under way, and in no table.
    fn catch_up(&self, core: &Core, revoked: bool) {
        let current = core.current();
        let pinned = |flight: &Flight| Rc::ptr_eq(&flight.pin, &current);
        if !self.flight.borrow().as_ref().is_none_or(pinned) {
            self.rebind(&current, core.drain);
        }
        if revoked {
            self.end_at(core.clock.now(), Why::Withdrawn);
        }
    }

    fn is_withdrawn(&self, core: &Core) -> bool {
        core.withdrawn.borrow().as_ref().is_some_and(|withdrawn| {
            let now = core.clock.unix().seconds();
            self.principals.iter().any(|principal| withdrawn.is(principal, now))
        })
    }

    /// Ends when what it was let in with is among what was revoked.
    pub(crate) fn review(&self, withdrawn: &dyn Withdrawn, now: (Tick, u64)) {
        if self.principals.iter().any(|principal| withdrawn.is(principal, now.1)) {
            self.end_at(now.0, Why::Withdrawn);
        }
    }

    /// Takes the call out again.
    pub(crate) fn leave(&self) -> Option<Flight> {
        if let Some(number) = self.number.take() {
            self.core.streams.remove(number);
            for who in self.who.take() {
                self.core.live.leave(&who, number);
            }
        }
        self.flight.borrow_mut().take()
    }

    /// Lends the call out, to be brought back.
    pub(crate) fn lend(&self) -> Option<Flight> {
        self.flight.borrow_mut().take()
    }

    /// Brings the call back; it goes over to a snapshot that came meanwhile.
    pub(crate) fn bring_back(&self, flight: Flight) {
        *self.flight.borrow_mut() = Some(flight);
        if let Some(new) = self.missed.take() {
            self.rebind(&new, self.core.drain);
        }
    }

    /// Reads the call, while it is not lent out.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Call) -> T) -> Option<T> {
        self.flight.borrow().as_ref().map(|flight| read(&flight.call))
    }

    /// A byte of it went on.
    pub(crate) fn moved(&self) {
        self.moved.set(true);
    }

    /// Why it ends now, if it does.
    pub(crate) fn over(&self) -> Option<Why> {
        self.over.get()
    }

    /// Why it ends at a moment, if it does by then.
    pub(crate) fn due(&self, now: Tick) -> Option<Why> {
        self.over.get().or_else(|| {
            let sooner = self.ends.get().filter(|(at, _)| *at <= now).map(|(_, why)| why);
            sooner.or_else(|| (self.old.get() <= now).then_some(Why::Old))
        })
    }

    /// Why it ends by now, if it does.
    pub(crate) fn due_now(&self) -> Option<Why> {
        self.due(self.core.clock.now())
    }

    /// When it ends whatever moves.
    pub(crate) fn ends_at(&self) -> Tick {
        let old = self.old.get();
        self.ends.get().map_or(old, |(at, _)| at.min(old))
    }

    /// Ends it at a moment, unless it ends before.
    pub(crate) fn end_at(&self, at: Tick, why: Why) {
        if self.ends.get().is_none_or(|(before, _)| at < before) {
            self.ends.set(Some((at, why)));
            self.rearm();
            self.wake();
        }
    }

    /// The gateway ends: what has no end of its own ends now.
    pub(crate) fn drain(&self) {
        if self.kind == Kind::Switched {
            self.end_at(self.core.clock.now(), Why::Draining);
        }
    }

    fn arm(&self, alarm: &Alarm, now: Tick) {
        alarm.set(now.after(self.idle).min(self.ends_at()));
    }

    /// Sets the alarm anew, since its end has moved.
    fn rearm(&self) {
        if let Some(flight) = &*self.flight.borrow() {
            self.arm(flight.alarm(), self.core.clock.now());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Looks after what nobody else does: a stream that is over is told so however busy it is, and one whose task is not
    /// polled any more, as when a client of HTTP/2 keeps its window shut, is ended from outside.
    pub(crate) fn sweep(&self, now: Tick) {
        self.ask_again(now);
        if self.kind != Kind::Finite && self.is_outdated() {
            self.end_at(now, Why::Withdrawn);
        }
        if let Some(why) = self.due(now) {
            let told = self.over.replace(Some(why)).is_some();
            match &self.task {
                Some(task) if told => task.end(),
                _ => self.wake(),
            }
            return;
        }
        let Some(task) = &self.task else { return };
        let Some(flight) = &*self.flight.borrow() else { return };
        let alarm = flight.alarm();
        if self.moved.replace(false) {
            self.arm(alarm, now);
        } else if alarm.at().is_some_and(|at| at <= now) {
            self.core.recorder.bound(Bound::AnswerIdle);
            task.end();
        }
    }

    /// Whether nothing has moved for too long, or it is over; wakes the task when that is so.
    pub(crate) fn overdue(&self, context: &mut Context<'_>) -> bool {
        if self.over.get().is_some() {
            return true;
        }
        if self.moved.replace(false)
            && let Some(flight) = &*self.flight.borrow()
        {
            self.arm(flight.alarm(), self.core.clock.now());
        }
        self.watch(context);
        self.flight.borrow().as_ref().is_some_and(|flight| flight.alarm().poll(context).is_ready())
    }

    /// The same of a stream of which its client takes nothing at the moment. That it was let go for this is counted.
    pub(crate) fn stuck(&self, context: &mut Context<'_>) -> bool {
        let overdue = self.overdue(context);
        if overdue && self.due_now().is_none() {
            self.core.recorder.bound(Bound::AnswerIdle);
        }
        overdue
    }

    /// Wakes the task when something becomes of it.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *slot = Some(context.waker().clone());
        }
    }

    /// Goes over to a new snapshot; without its operation in it, it ends within `drain`. What is live is asked about again.
    pub(crate) fn rebind(&self, new: &Rc<CoreSnapshot>, drain: Duration) {
        let now = self.core.clock.now();
        let bound = match &mut *self.flight.borrow_mut() {
            Some(flight) => flight.rebind(new),
            None => {
                *self.missed.borrow_mut() = Some(Rc::clone(new));
                return;
            }
        };
        self.renew();
        if !bound {
            self.end_at(now.after(drain), Why::Withdrawn);
        } else if self.kind != Kind::Finite && !self.stands() {
            self.end_at(now, Why::Withdrawn);
        } else if self.kind != Kind::Finite {
            self.recheck.set(Some(now.after(drain)));
            self.ask_again(now);
        }
        // The deadline may have moved.
        self.wake();
    }

    /// Lasts as long as the snapshot that it has gone over to says. A WebSocket has rules of its own.
    fn renew(&self) {
        if self.kind == Kind::Switched {
            return;
        }
        let Some(span) = self.read(Span::of) else { return };
        let old = self.began.after(span.lifetime);
        if self.old.replace(old) != old {
            self.rearm();
        }
    }

    /// Whether the client certificate of its connection, where there is one, is good under the snapshot that it has.
    fn stands(&self) -> bool {
        let now = self.core.clock.unix().seconds();
        let flight = self.flight.borrow();
        let shown = flight.as_ref().filter(|flight| flight.conn.peer.certificate().is_some());
        shown.is_none_or(|flight| standing::stands(flight, now))
    }

    /// Whether that certificate is out of date, or the list that says whether it was revoked is.
    fn is_outdated(&self) -> bool {
        let flight = self.flight.borrow();
        let shown = flight.as_ref().filter(|flight| flight.conn.peer.certificate().is_some());
        let standing = shown.and_then(|flight| flight.conn.standing.as_ref());
        standing.is_some_and(|standing| standing.is_over(self.core.clock.unix().seconds()))
    }

    /// Asks the controls whether it may go on. While one of them would have to wait, the question stays open, up to a deadline.
    fn ask_again(&self, now: Tick) {
        let Some(deadline) = self.recheck.get() else { return };
        let answer = match &mut *self.flight.borrow_mut() {
            Some(flight) => {
                let (pipeline, call) = flight.pipeline();
                pipeline.recheck(call)
            }
            None => return,
        };
        match answer {
            Some(Ok(())) => self.recheck.set(None),
            None if now < deadline => {}
            None | Some(Err(_)) => {
                self.recheck.set(None);
                self.end_at(now, Why::Withdrawn);
            }
        }
    }
}

/// When the first of its credentials is taken no more.
fn expiry(call: &Call) -> Option<Tick> {
    let seconds = call.proofs.iter().map(|proof| proof.principal.taken_until).min()?;
    let left = seconds.saturating_mul(1_000_000_000).saturating_sub(call.at.0);
    Some(call.started.after(Duration::from_nanos(left)))
}

fn principals(call: &Call) -> Vec<Who> {
    let mut all: Vec<Who> = Vec::with_capacity(call.proofs.len());
    for proof in &call.proofs {
        let principal = &proof.principal;
        let subjects = [Some(Arc::clone(&principal.subject)), key_of(principal)];
        for who in subjects.into_iter().flatten().map(|subject| (Arc::clone(&principal.issuer), subject)) {
            if !all.contains(&who) {
                all.push(who);
            }
        }
    }
    all
}

/// The id of the API key that proved an application, which can be revoked without it. No application is called so.
fn key_of(principal: &Principal) -> Option<Arc<str>> {
    let key =
        principal.claims.root().get("key").filter(|_| principal.credential == CredentialKind::ApiKey)?;
    key.as_str().map(Arc::from)
}
