//! A copy of a call for a second upstream, for which nobody waits.
//!
//! The call has passed all checks, and its body is here whole. The mirror gets what the upstream gets, but for what each of the two
//! rewrites in the head; once, and never again, however that ends. Its answer is read, as far as that is bounded, and thrown away; what
//! came of it stands with what calls met at the mirror's targets. A mirror that is dead, slow or full costs copies and no call.

use std::rc::Rc;
use std::sync::Arc;

use engine::bounds::{self, Bound};
use engine::pipeline::Permitted;
use engine::upstream::{Target, Upstream};
use engine::{Blame, Call, Share, Tick, codes};
use http::StatusCode;

use crate::alarm::Alarm;
use crate::body;
use crate::core::Core;
use crate::exchange::{Failure, is_grpc};
use crate::flight::Flight;
use crate::forward::{Answered, Attempt, Unanswered, Wait};
use crate::outgoing::Outgoing;
use crate::tries::says_ill;
use crate::upstream::{Group, Lease, Met, Sender, Set, Wanted};

/// What goes to the mirror.
struct Copy {
    call: Box<Call>,
    body: Outgoing,
    base_length: usize,
    grpc: bool,
}

/// Begins a copy of a call, when its upstream has a mirror whose turn it is. What goes on as a WebSocket is not copied, nor is a body
/// that passes as it comes.
pub(crate) fn offer(flight: &Flight, permitted: &Permitted, outgoing: &Outgoing) {
    let plan = permitted.plan();
    let Some((upstream, mirror)) =
        plan.upstream.as_ref().and_then(|upstream| Some((upstream, upstream.mirror.as_ref()?)))
    else {
        return;
    };
    // Where one service stands in for all targets, it would see each call twice.
    if flight.opening.is_some() || flight.core.service.is_some() {
        return;
    }
    let Some(body) = outgoing.copy() else { return };
    let core = &flight.core;
    if !core.pool.group(upstream, &core.context).is_copied(mirror.share) {
        return;
    }
    let Some(place) = Place::take(core, &body) else {
        core.recorder.bound(Bound::Mirror);
        return;
    };
    let call = Box::new(flight.call.copy_for_upstream(core.clock.now()));
    let copy = Copy { call, body, base_length: plan.base_length, grpc: is_grpc(flight) };
    let to = Arc::clone(&mirror.upstream);
    tokio::task::spawn_local(async move {
        send(&place.core, &to, copy).await;
        drop(place);
    });
}

/// The place of a copy: it is one of [`bounds::MIRRORED`], and its body holds what it holds once more.
struct Place {
    core: Rc<Core>,
    _body: Share,
}

impl Place {
    fn take(core: &Rc<Core>, body: &Outgoing) -> Option<Self> {
        let mut share = core.share();
        let length = if let Outgoing::Whole(bytes) = body { bytes.len() } else { 0 };
        if core.mirroring.get() >= bounds::MIRRORED || !share.resize(length) {
            return None;
        }
        core.mirroring.set(core.mirroring.get() + 1);
        Some(Self { core: Rc::clone(core), _body: share })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.core.mirroring.set(self.core.mirroring.get().saturating_sub(1));
    }
}

async fn send(core: &Rc<Core>, configured: &Arc<Upstream>, copy: Copy) {
    let Ok(group) = core.pool.ready(configured, core).await else { return };
    let upstream = group.upstream(configured);
    let number = group.pick(&copy.call, Set::default(), copy.call.started);
    let (Some(target), Some(lease)) = (upstream.targets.get(number), Lease::take(&group, number, core))
    else {
        core.recorder.bound(Bound::Mirror);
        return;
    };
    let overall = copy.call.started.after(upstream.deadlines.total);
    let sender = match lease.connection(upstream, Wanted { fresh: false, one: false, by: overall }).await {
        Ok((sender, _)) => sender,
        Err(failure) => return unreached(core, (&group, number), &failure),
    };
    let alarm = Alarm::new(Arc::clone(&core.clock));
    let answered = attempt(core, (upstream, target), (&alarm, overall), (sender, copy)).await;
    let now = core.clock.now();
    let mut answer = match answered {
        Ok((status, _, answer)) => {
            let ill = says_ill(status) || status == StatusCode::SWITCHING_PROTOCOLS;
            group.report(number, if ill { Met::Ill } else { Met::Good }, now);
            if status == StatusCode::SWITCHING_PROTOCOLS {
                return;
            }
            answer
        }
        Err(unanswered) => {
            if unanswered.failure.code.blame == Blame::Upstream {
                group.report(number, Met::Ill, now);
            }
            return;
        }
    };
    alarm.set(overall);
    if body::read_out(&mut answer, bounds::MIRROR_ANSWER, &alarm).await {
        lease.give_back(&mut answer);
    }
}

/// No connection to the mirror, or none that is free.
fn unreached(core: &Core, (group, number): (&Group, usize), failure: &Failure) {
    if failure.code == &codes::UPSTREAM_UNREACHABLE {
        group.report(number, Met::Dead, core.clock.now());
    } else {
        core.recorder.bound(Bound::Mirror);
    }
}

async fn attempt(
    core: &Core,
    (upstream, target): (&Upstream, &Target),
    (alarm, overall): (&Alarm, Tick),
    (sender, copy): (Sender, Copy),
) -> Result<Answered, Unanswered> {
    let attempt = Attempt {
        call: &copy.call,
        base_length: copy.base_length,
        target,
        headers: &upstream.headers,
        sign: upstream.sign.as_deref(),
        wait: Wait {
            alarm,
            clock: &*core.clock,
            passing: None,
            overall,
            this: None,
            first_byte: upstream.deadlines.first_byte,
            started: core.clock.now(),
        },
        opening: None,
        recorder: &*core.recorder,
    };
    match sender {
        Sender::One(connection) => attempt.one(connection, copy.body).await,
        Sender::Two(sender) => attempt.two(sender, copy.body, copy.grpc).await,
    }
}
