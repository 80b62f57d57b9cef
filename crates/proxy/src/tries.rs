//! The tries of a call: to which target, on what connection, and whether once more.
//!
//! What of a call may be said twice is said twice (RFC 9110 section 9.2.2), never more:
//!
//! - Nothing of it was written: another target is asked, whatever the method, each at most once.
//! - A connection that had waited broke before an answer: the other side may have closed it in the same moment. The target
//!   gets the call on a new connection, when its method is idempotent or nothing of it was written.
//! - The upstream says that it did nothing with the call (over HTTP/2, RFC 9113 section 8.7), whose body is there to be sent again: once it
//!   goes to another target or on a new connection, and after that it is retried like an idempotent one, whatever its method.
//! - An idempotent call whose body is there to be sent again failed otherwise: a retry, as often as `retries` allows, and
//!   only while retries are within their share of all calls.
//!
//! A body of which a part has gone is never sent again, and all tries together have one deadline.

use std::rc::Rc;

use engine::bounds::Bound;
use engine::pipeline::Permitted;
use engine::upstream::Upstream;
use engine::{Blame, Tick, codes};
use http::{Method, StatusCode};

use crate::core::Core;
use crate::exchange::{Failure, is_grpc};
use crate::flight::Flight;
use crate::forward::{Answer, Answered, Attempt, Ended, Unanswered, Wait};
use crate::outgoing::Outgoing;
use crate::upstream::{Group, Lease, Met, Sender, Set, Wanted, Way, busy};

/// Sends a call to its upstream and waits for the head of the answer. Nothing is sent without a proof that all checks
/// allowed it.
///
/// # Errors
/// What became of the last try, with the code of the answer.
pub(crate) async fn send(
    flight: &mut Flight,
    permitted: &Permitted,
    mut outgoing: Outgoing,
) -> Result<Answer, Failure> {
    let plan = permitted.plan();
    let Some(upstream) = &plan.upstream else {
        return Err(Failure::new(&codes::CONTROL_FAILED, "no control answered in place of an upstream"));
    };
    let core = Rc::clone(&flight.core);
    let group = match core.pool.group(upstream, &core.context) {
        group if !group.is_empty() => group,
        _ => Box::pin(core.pool.ready(upstream, &core)).await?,
    };
    let upstream = group.upstream(upstream);
    let mut tries = Tries::begin(flight, upstream, &group);
    loop {
        let Some(lease) = Lease::take(&group, tries.target, &core) else {
            core.recorder.bound(Bound::UpstreamCalls);
            tries.unreached(flight, &core, busy("as many calls as may be are under way"))?;
            continue;
        };
        let (sender, way) = match lease.connection(upstream, tries.wanted()).await {
            Ok(found) => found,
            Err(failure) => {
                tries.unreached(flight, &core, failure)?;
                continue;
            }
        };
        if tries.retries > 0 || tries.refused {
            lease.retried();
        }
        let started = tries.started(&core, way);
        if started >= tries.overall {
            return Err(Failure::new(&codes::UPSTREAM_TIMEOUT, "no time was left to send the call"));
        }
        let (copy, reused) = (tries.copy(&outgoing, &sender, way), way.is_reused());
        let outcome = attempt(flight, (upstream, &tries), (sender, started, copy.is_some()), outgoing).await;
        let now = core.clock.now();
        flight.call.decision.timings.sent = started.since(flight.call.started);
        flight.call.decision.timings.upstream = now.since(started);
        match outcome {
            Ok((status, headers, body)) => {
                let unasked = status == StatusCode::SWITCHING_PROTOCOLS && !tries.switching;
                let ill = unasked || says_ill(status);
                group.report(tries.target, if ill { Met::Ill } else { Met::Good }, now);
                if unasked {
                    let why = "switched protocols without being asked";
                    return Err(Failure::new(&codes::UPSTREAM_PROTOCOL, why));
                }
                match copy.filter(|_| upstream.retries.statuses.contains(&status)) {
                    Some(copy) if tries.retry(flight, &core, now) => outgoing = copy,
                    _ => {
                        // Whoever reads the answer whole still has the deadline of the whole; a stream gets its own.
                        flight.alarm().set(tries.overall);
                        return Ok(Answer { status, headers, body, lease });
                    }
                }
            }
            Err(unanswered) => outgoing = tries.again(flight, &core, (unanswered, copy), (reused, now))?,
        }
    }
}

async fn attempt(
    flight: &Flight,
    (upstream, tries): (&Upstream, &Tries<'_>),
    (sender, started, repeats): (Sender, Tick, bool),
    outgoing: Outgoing,
) -> Result<Answered, Unanswered> {
    let (Some(plan), Some(target)) = (&flight.call.operation, upstream.targets.get(tries.target)) else {
        return Err(Failure::new(&codes::CONTROL_FAILED, "the upstream has no such target").into());
    };
    let per_try = upstream.retries.per_try.filter(|_| repeats && tries.may_retry());
    let attempt = Attempt {
        call: &flight.call,
        base_length: plan.base_length,
        target,
        headers: &upstream.headers,
        sign: upstream.sign.as_deref(),
        wait: Wait {
            alarm: flight.alarm(),
            clock: &*flight.core.clock,
            passing: flight.passing.as_deref(),
            overall: tries.overall,
            this: per_try.map(|time| started.after(time)),
            first_byte: upstream.deadlines.first_byte,
            started,
        },
        recorder: &*flight.core.recorder,
        opening: flight.opening.as_deref(),
    };
    match sender {
        Sender::One(connection) => attempt.one(connection, outgoing).await,
        // In a box: it is large, and most upstreams speak HTTP/1.
        Sender::Two(sender) => Box::pin(attempt.two(sender, outgoing, is_grpc(flight))).await,
    }
}

/// How far a call has come with its targets.
struct Tries<'a> {
    upstream: &'a Upstream,
    group: &'a Group,
    /// The target of the next try.
    target: usize,
    tried: Set,
    /// Whether its connection has to be a new one.
    fresh: bool,
    /// Whether the call is to go on as a WebSocket: on a connection of HTTP/1 of its own.
    switching: bool,
    /// Retries that were spent.
    retries: u32,
    /// Whether an upstream refused it already.
    refused: bool,
    idempotent: bool,
    /// When the checks had passed.
    checked: Tick,
    /// When all tries have to be over.
    overall: Tick,
}

impl<'a> Tries<'a> {
    fn begin(flight: &Flight, upstream: &'a Upstream, group: &'a Group) -> Self {
        group.budget.earn(upstream.retries.budget);
        let checked = flight.call.started.after(flight.call.decision.timings.checks);
        Self {
            target: group.pick(&flight.call, Set::default(), checked),
            upstream,
            group,
            tried: Set::default(),
            fresh: false,
            switching: flight.opening.is_some(),
            retries: 0,
            refused: false,
            idempotent: is_idempotent(&flight.call.request.method),
            checked,
            overall: checked.after(upstream.deadlines.total),
        }
    }

    /// What connection the next try wants.
    fn wanted(&self) -> Wanted {
        Wanted { fresh: self.fresh || self.switching, one: self.switching, by: self.overall }
    }

    /// When the try began. Where nothing was waited for since the checks, that is when they had passed.
    fn started(&self, core: &Core, way: Way) -> Tick {
        let at_once = way == Way::Kept && self.tried == Set::default() && !self.fresh;
        if at_once { self.checked } else { core.clock.now() }
    }

    fn may_retry(&self) -> bool {
        self.idempotent && self.has_retries()
    }

    fn has_retries(&self) -> bool {
        self.retries < self.upstream.retries.most
    }

    /// A second body for a second try, where there may be one.
    fn copy(&self, outgoing: &Outgoing, sender: &Sender, way: Way) -> Option<Outgoing> {
        let may_be_refused = matches!(sender, Sender::Two(_)) && !self.refused;
        let wanted = (way.is_reused() && !self.fresh) || may_be_refused || self.has_retries();
        if wanted { outgoing.copy() } else { None }
    }

    /// No connection, or no room for the call: the next target, while there is one.
    fn unreached(&mut self, flight: &Flight, core: &Core, failure: Failure) -> Result<(), Failure> {
        let now = core.clock.now();
        if failure.code == &codes::UPSTREAM_UNREACHABLE {
            self.group.report(self.target, Met::Dead, now);
        } else if failure.code != &codes::UPSTREAM_BUSY {
            return Err(failure);
        }
        if self.next(flight, now) { Ok(()) } else { Err(failure) }
    }

    /// Goes on to a target that was not tried, when there is one and time for it.
    fn next(&mut self, flight: &Flight, now: Tick) -> bool {
        self.tried.add(self.target);
        let goes_on = now < self.overall && self.group.has_other(self.tried);
        if goes_on {
            self.target = self.group.pick(&flight.call, self.tried, now);
            self.fresh = false;
        }
        goes_on
    }

    /// Goes on to another target, or to a new connection of this one: what failed may have ended its others as well.
    fn elsewhere(&mut self, flight: &Flight, now: Tick) {
        if !self.next(flight, now) {
            self.fresh = true;
        }
    }

    /// Tries an idempotent call again, when there is a retry left and the budget allows it.
    fn retry(&mut self, flight: &Flight, core: &Core, now: Tick) -> bool {
        self.idempotent && self.spend(flight, core, now)
    }

    fn spend(&mut self, flight: &Flight, core: &Core, now: Tick) -> bool {
        if !self.has_retries() || now >= self.overall {
            return false;
        }
        if !self.group.budget.spend() {
            core.recorder.bound(Bound::Retries);
            return false;
        }
        self.retries += 1;
        self.elsewhere(flight, now);
        true
    }

    /// The upstream did nothing with the call: once that costs no retry, since upstreams that end their connections from time to time refuse
    /// what was on its way to them. One that refuses everything is not asked without end.
    fn refused(&mut self, flight: &Flight, core: &Core, now: Tick) -> bool {
        if std::mem::replace(&mut self.refused, true) {
            return self.spend(flight, core, now);
        }
        self.elsewhere(flight, now);
        true
    }

    /// What to send next after a try without an answer.
    fn again(
        &mut self,
        flight: &Flight,
        core: &Core,
        (unanswered, copy): (Unanswered, Option<Outgoing>),
        (reused, now): (bool, Tick),
    ) -> Result<Outgoing, Failure> {
        let Unanswered { failure, ended, body } = unanswered;
        // Nothing is said of a target by a connection of it that had waited too long, or was to end anyway.
        let waited = reused && !self.fresh && matches!(ended, Ended::Unsent | Ended::Refused | Ended::Broken);
        if !waited && failure.code.blame == Blame::Upstream {
            self.group.report(self.target, Met::Ill, now);
        }
        let Some(body) = copy.or(body).filter(|_| now < self.overall) else { return Err(failure) };
        let goes_on = match ended {
            Ended::Unsent | Ended::Broken if waited && (self.idempotent || ended == Ended::Unsent) => {
                self.fresh = true;
                true
            }
            Ended::Unsent => self.next(flight, now),
            Ended::Refused => self.refused(flight, core, now),
            Ended::Broken | Ended::Late => self.retry(flight, core, now),
            Ended::Otherwise => false,
        };
        if goes_on { Ok(body) } else { Err(failure) }
    }
}

/// Statuses by which a target says that it cannot serve; what a caller could provoke at will (500) is not among them.
pub(crate) fn says_ill(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}
