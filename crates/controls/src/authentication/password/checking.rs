//! Which passwords are known to be good, and which are being checked: one table for all cores.
//!
//! Checking one costs a thread tens of milliseconds and tens of megabytes, so that of calls with the same name and password one has it
//! checked and the others wait; few are checked at one time, fewer of one address. That a password is good is remembered for minutes, by
//! a keyed hash of everything that it was checked against: a line that changed is another one. That it is wrong is never remembered, or
//! who guesses could fill the table; nor is what came of a call that went away, or who guesses could go before a guess is counted and look
//! afterwards which one is known.
//!
//! An address that has failed too often is told what is known only of passwords that it has proven itself, and of one name once in a
//! while ([`bounds::PASSWORD_GUESS_AGAIN`]): else it would guess those of whoever is active, at no cost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use credentials::PasswordHash;
use engine::control::{Cancel, Job};
use engine::signal::Signal;
use engine::{Clock, CoreContext, Tick, Verdict, bounds};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Pair;

/// Longer than this nobody waits for a password to be checked.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a password is checked against, one for each group of users: a hash, and whether it is that of the name that came.
pub type Line = (Arc<PasswordHash>, bool);

/// Which lines a password is that of, by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched(u64);

impl Matched {
    fn insert(&mut self, place: usize) {
        self.0 |= u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default();
    }

    /// Whether that at a place is among them.
    #[must_use]
    pub fn has(self, place: usize) -> bool {
        u32::try_from(place)
            .ok()
            .and_then(|place| self.0.checked_shr(place))
            .is_some_and(|bits| bits & 1 == 1)
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A name and a password with all that they are checked against, as a keyed hash.
pub type Question = [u8; 32];
/// Whom an address stands for.
pub type Holder = ([u8; 8], usize);

/// One that is being checked.
#[derive(Debug, Default)]
pub struct Flight {
    outcome: OnceLock<Matched>,
    over: AtomicBool,
    ended: Signal,
}

impl Flight {
    /// Waits for its end, which comes with the end of the work at the latest.
    pub async fn wait(&self) {
        let version = self.ended.version();
        if !self.over.load(Ordering::Acquire) {
            self.ended.changed(version).await;
        }
    }

    /// What came of it; nothing where nobody did the work.
    #[must_use]
    pub fn outcome(&self) -> Option<Matched> {
        self.outcome.get().copied()
    }
}

/// What is to be done about a password.
#[derive(Debug)]
pub enum Found {
    /// It is known to be good.
    Known(Matched),
    /// It is being checked.
    Asked(Arc<Flight>),
    /// It has to be.
    Check(Check),
    /// It would have to be, and too many are.
    Busy,
}

/// One that is known to be good.
#[derive(Debug)]
struct Known {
    matched: Matched,
    until: Tick,
    /// Who has proven it, the latest last.
    holders: SmallVec<[Holder; bounds::PASSWORD_HOLDERS]>,
}

impl Known {
    fn is_proven_by(&mut self, holder: Holder) {
        if self.holders.contains(&holder) {
            return;
        }
        if self.holders.len() == bounds::PASSWORD_HOLDERS {
            self.holders.remove(0);
        }
        self.holders.push(holder);
    }
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<Question, Known>,
    checking: HashMap<Question, Arc<Flight>>,
    from: HashMap<Holder, usize>,
    /// Until when a name is not asked about again by an address that has failed too often; each has a slot by a keyed hash. Empty until
    /// there is such an address.
    resting: Vec<Tick>,
}

/// The table.
pub struct Checker {
    hash: Key,
    state: Mutex<State>,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checker")
    }
}

impl Checker {
    /// The one of the process.
    #[must_use]
    pub fn of(core: &CoreContext) -> Arc<Self> {
        core.keyed.get_or_make("passwords", "", || {
            let mut secret = zeroize::Zeroizing::new([0; 32]);
            core.clock.fill(&mut *secret);
            Self { hash: Key::new(HMAC_SHA256, &*secret), state: Mutex::default() }
        })
    }

    /// The question that a name and a password are, checked against these lines of these groups.
    #[must_use]
    pub fn question<'l>(&self, pair: &Pair, lines: impl Iterator<Item = (&'l str, &'l Line)>) -> Question {
        let mut context = Context::with_key(&self.hash);
        // Each part says how long it is, so that no two questions are the same text.
        let mut add = |part: &[u8]| {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            context.update(part);
        };
        add(pair.user().as_bytes());
        add(pair.password());
        for (group, (hash, known)) in lines {
            add(group.as_bytes());
            add(if *known { hash.line().as_slice() } else { &[] });
        }
        let mut question = [0; 32];
        question.iter_mut().zip(context.sign().as_ref()).for_each(|(slot, byte)| *slot = *byte);
        question
    }

    /// A number below `among` that a name always has, and that nobody outside can tell; `None` below 0.
    #[must_use]
    pub fn choose(&self, name: &[u8], among: usize) -> Option<usize> {
        let tag = aws_lc_rs::hmac::sign(&self.hash, name);
        let number = tag.as_ref().iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        let among = u64::try_from(among).ok()?;
        usize::try_from(number.checked_rem(among)?).ok()
    }

    /// Whether it is known to be good, for an address that has failed too often: it has to have proven it itself, and a name about
    /// which it was wrong rests, whatever it says of it next.
    #[must_use]
    pub fn proven_by(&self, question: &Question, user: &str, holder: Holder, now: Tick) -> Option<Matched> {
        let slot = self.choose(&[user.as_bytes(), &holder.0].concat(), bounds::PASSWORD_GUESSERS)?;
        let mut state = self.state.lock();
        if state.resting.get(slot).is_some_and(|until| now < *until) {
            return None;
        }
        let known = state.known.get(question).filter(|known| now < known.until);
        let proven = known.filter(|known| known.holders.contains(&holder)).map(|known| known.matched);
        if proven.is_none() {
            state.resting.resize(bounds::PASSWORD_GUESSERS, Tick(0));
            let until = now.after(bounds::PASSWORD_GUESS_AGAIN);
            state.resting.get_mut(slot).into_iter().for_each(|resting| *resting = until);
        }
        proven
    }

    /// What is to be done about it, for a call from an address.
    #[must_use]
    pub fn find(self: &Arc<Self>, question: Question, holder: Holder, now: Tick) -> Found {
        let mut state = self.state.lock();
        if let Some(known) = state.known.get_mut(&question).filter(|known| now < known.until) {
            known.is_proven_by(holder);
            return Found::Known(known.matched);
        }
        if let Some(flight) = state.checking.get(&question) {
            return Found::Asked(Arc::clone(flight));
        }
        let own = state.from.get(&holder).copied().unwrap_or_default();
        let taken = state.checking.len();
        // The second half is for those who have none yet, so that a few addresses cannot hold all.
        let crowded = taken >= bounds::PASSWORDS_CHECKED / 2 && own > 0;
        if crowded || taken >= bounds::PASSWORDS_CHECKED || own >= bounds::PASSWORDS_OF_ONE {
            return Found::Busy;
        }
        let flight = Arc::new(Flight::default());
        state.checking.insert(question, Arc::clone(&flight));
        state.from.insert(holder, own + 1);
        Found::Check(Check { checker: Arc::clone(self), question, holder, flight })
    }
}

impl State {
    /// Forgets what is over, and, when nothing is, the half that ends first.
    fn make_room(&mut self, now: Tick) {
        if self.known.len() < bounds::PASSWORDS_KNOWN {
            return;
        }
        self.known.retain(|_, known| now < known.until);
        if self.known.len() < bounds::PASSWORDS_KNOWN {
            return;
        }
        let mut ends: Vec<Tick> = self.known.values().map(|known| known.until).collect();
        let middle = ends.len() / 2;
        let (_, middle, _) = ends.select_nth_unstable(middle);
        let middle = *middle;
        self.known.retain(|_, known| known.until > middle);
    }
}

/// Which of these lines a password is that of; `None` when one cannot be checked.
fn matched(lines: &[Line], password: &[u8]) -> Option<Matched> {
    let mut matched = Matched::default();
    for (place, (hash, known)) in lines.iter().enumerate() {
        if hash.is_of(password)? && *known {
            matched.insert(place);
        }
    }
    Some(matched)
}

/// A place among those that are checked. However it ends, it gives the place back and wakes who waits.
#[derive(Debug)]
pub struct Check {
    checker: Arc<Checker>,
    question: Question,
    holder: Holder,
    flight: Arc<Flight>,
}

impl Check {
    /// What calls wait for.
    #[must_use]
    pub fn flight(&self) -> Arc<Flight> {
        Arc::clone(&self.flight)
    }

    /// The work: every line is hashed, whichever matched before, so that it costs the same for any name.
    #[must_use]
    pub fn job(self, pair: Pair, lines: Vec<Line>, clock: Arc<dyn Clock>) -> Job {
        // Others may wait for it as well, so that it is done even if the first has gone.
        let run = move |cancel: &Cancel| {
            // Without memory nothing comes of it, which is no wrong password.
            if let Some(matched) = matched(&lines, pair.password()) {
                self.settle(matched, !cancel.is_cancelled(), clock.now());
            }
            Verdict::Allow
        };
        Job { budget: PATIENCE, run: Box::new(run) }
    }

    /// Tells who waits what came of it, and keeps that when `wanted`: by whoever asked first.
    fn settle(&self, matched: Matched, wanted: bool, now: Tick) {
        let _ = self.flight.outcome.set(matched);
        if matched.is_empty() || !wanted {
            return;
        }
        let mut state = self.checker.state.lock();
        state.make_room(now);
        let until = now.after(bounds::PASSWORD_KNOWN_FOR);
        state
            .known
            .insert(self.question, Known { matched, until, holders: SmallVec::from_iter([self.holder]) });
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        let mut state = self.checker.state.lock();
        state.checking.remove(&self.question);
        let left = state.from.get(&self.holder).map_or(0, |own| own.saturating_sub(1));
        match left {
            0 => drop(state.from.remove(&self.holder)),
            left => drop(state.from.insert(self.holder, left)),
        }
        drop(state);
        self.flight.over.store(true, Ordering::Release);
        self.flight.ended.raise();
    }
}
