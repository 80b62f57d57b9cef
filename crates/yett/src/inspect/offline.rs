//! One call through the checks of its operation that need neither the caller nor anything outside.
//!
//! Who calls and how often is not asked: what undoes codings, what holds a call to its contract, and the inspection itself speak, in
//! their order. Each sees what the one before left, so that the inspection sees the decoded body, without what is stripped.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use compile::Compiled;
use engine::call::CallId;
use engine::control::Cancel;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Spawn};
use engine::plan::{BodyMode, PlannedStep};
use engine::route::Route;
use engine::{
    Attached, Body, BoxFuture, Call, Clock, Code, CoreContext, CoreSnapshot, Mode, OperationPlan, Peer,
    Refusal, Request, Stage, Step, Verdict, codes,
};

use super::requests::Raw;
use super::{Explanation, explain};
use crate::clock::SystemClock;

/// Who speaks: nobody who asks for a credential, counts, or reaches out.
const ASKED: [&str; 4] = ["bodies", "validation", "content", INSPECTION];
/// The one that explains itself.
pub(crate) const INSPECTION: &str = "inspection";

/// A refusal.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// Who refuses: a control, or `gateway` for what is refused before any of them speaks.
    pub(crate) by: &'static str,
    pub(crate) mode: Mode,
    pub(crate) code: &'static Code,
    pub(crate) detail: String,
}

/// What became of one call.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Its operation, where it has one.
    pub(crate) operation: Option<Arc<OperationPlan>>,
    /// All who refuse, in the order in which they speak. In a gateway the first one that is enforced ends the call.
    pub(crate) refused: Vec<Refused>,
    /// What the inspection saw; `None` where the operation has none, or the call does not get that far.
    pub(crate) explanation: Option<Explanation>,
}

impl Judged {
    fn stopped(by: &'static str, refusal: &Refusal) -> Self {
        let refused = vec![Refused::new(by, Mode::Enforce, refusal)];
        Self { refused, ..Self::default() }
    }

    /// Whether a gateway would refuse the call: what the inspection refuses in shadow counts, so that it can be tried before it is enforced.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.iter().any(|refused| refused.by == INSPECTION || refused.mode == Mode::Enforce)
    }

    /// Who refuses beside the inspection, where that counts.
    pub(crate) fn refused_elsewhere(&self) -> Option<&Refused> {
        self.refused.iter().find(|refused| refused.by != INSPECTION && refused.mode == Mode::Enforce)
    }
}

impl Refused {
    fn new(by: &'static str, mode: Mode, refusal: &Refusal) -> Self {
        Self { by, mode, code: refusal.code, detail: refusal.detail.to_string() }
    }
}

/// A compiled document without a gateway around it.
pub(crate) struct Offline {
    core: CoreSnapshot,
    clock: SystemClock,
}

impl Offline {
    /// Attaches what was compiled to a core that nothing leaves.
    pub(crate) fn new(compiled: &Compiled) -> Self {
        let context = CoreContext {
            core: 0,
            clock: Arc::new(SystemClock),
            cells: Arc::new(state::MemoryCells::new()),
            replays: Arc::new(state::MemoryReplays::new()),
            fetch: Arc::new(Nowhere),
            side: Arc::new(Nowhere),
            keyed: Arc::default(),
        };
        Self { core: CoreSnapshot::attach(Arc::clone(&compiled.snapshot), &context), clock: SystemClock }
    }

    /// Has the controls look at a request of `client`.
    ///
    /// # Errors
    /// When a control cannot say without the world outside.
    pub(crate) fn judge(&self, raw: &Raw, client: IpAddr) -> Result<Judged, String> {
        let peer = Peer::new((client, 0).into(), 0);
        let message = match proxy::offline::read(&raw.bytes, &peer) {
            Ok(message) => message,
            Err(refusal) => return Ok(Judged::stopped("gateway", &refusal)),
        };
        let (number, params, peer) = match self.route(&message.request, &peer) {
            Ok(found) => found,
            Err(refusal) => return Ok(Judged::stopped("gateway", &refusal)),
        };
        let Some(plan) = self.core.snapshot().operations.get(number as usize) else {
            return Err(String::from("the route leads to no operation"));
        };
        let mut call = Call::new(CallId(1), (self.clock.now(), self.clock.unix()), peer, message.request);
        (call.client, call.params, call.operation) = (client, params, Some(Arc::clone(plan)));
        let mut judged = Judged { operation: Some(Arc::clone(plan)), ..Judged::default() };
        if let Some(refusal) = too_long(plan, message.body.len()) {
            judged.refused.push(Refused::new("gateway", Mode::Enforce, &refusal));
            return Ok(judged);
        }
        self.ask(&plan.head, Stage::Head, &mut call, &mut judged)?;
        if matches!(plan.request_mode, BodyMode::Whole { .. }) {
            call.body = Body::new(message.body);
        }
        self.ask(&plan.body, Stage::Body, &mut call, &mut judged)?;
        Ok(judged)
    }

    /// Finds the operation, whichever listener serves it.
    fn route(
        &self,
        request: &Request,
        peer: &Peer,
    ) -> Result<(u32, engine::route::Params, Peer), Box<Refusal>> {
        let snapshot = self.core.snapshot();
        let mut refusal = Refusal::new(&codes::HOST_UNKNOWN, "no API is mounted under this host");
        for listener in 0..u16::try_from(snapshot.listeners.len()).unwrap_or(u16::MAX) {
            let found = snapshot.routes.find(listener, &request.host, request.path(), &request.method);
            refusal = match found {
                Route::Operation(number, params) => {
                    return Ok((number, params, Peer { listener, ..peer.clone() }));
                }
                Route::OtherMethods(..) => {
                    Refusal::new(&codes::METHOD_NOT_ALLOWED, "the path has other methods")
                }
                Route::NoPath => Refusal::new(&codes::OPERATION_UNKNOWN, "no operation has this path"),
                Route::NoHost => continue,
            };
        }
        Err(refusal)
    }

    fn ask(
        &self,
        steps: &[PlannedStep],
        stage: Stage,
        call: &mut Call,
        judged: &mut Judged,
    ) -> Result<(), String> {
        for step in steps {
            let Some((name, control)) = self.core.control(step.control) else { continue };
            if !ASKED.contains(&name) {
                continue;
            }
            let planned = self.core.snapshot().controls.get(step.control as usize);
            if let Some(planned) = planned.filter(|_| name == INSPECTION) {
                // Rules that are only watched do not count.
                if planned.rule().is_some() {
                    continue;
                }
                if stage == Stage::Body {
                    judged.explanation = explain(&**planned, call);
                }
            }
            if let Verdict::Refuse(refusal) | Verdict::StepUp(refusal) | Verdict::Throttle(refusal) =
                settle(speak(control, stage, call))?
            {
                judged.refused.push(Refused::new(name, step.mode, &refusal));
            }
        }
        Ok(())
    }
}

/// A body beyond the bound of its operation, which a gateway does not read.
fn too_long(plan: &OperationPlan, length: usize) -> Option<Box<Refusal>> {
    let (BodyMode::Pass { limit } | BodyMode::Whole { limit }) = plan.request_mode;
    (length as u64 > limit).then(|| {
        Refusal::new(&codes::BODY_TOO_LARGE, format!("longer than the {limit} bytes of this operation"))
    })
}

fn speak<'c>(control: &'c dyn Attached, stage: Stage, call: &'c mut Call) -> Step<'c> {
    match stage {
        Stage::Head => control.head(call),
        _ => control.body(call),
    }
}

/// The verdict of a step; work for another thread is done on this one.
fn settle(step: Step<'_>) -> Result<Verdict, String> {
    match step {
        Step::Done(verdict) => Ok(verdict),
        Step::Offload(job) => Ok((job.run)(&Cancel::default())),
        Step::OffloadThen(job, then) => settle(then((job.run)(&Cancel::default()))),
        Step::Wait(mut future) => match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => Ok(verdict),
            Poll::Pending => Err(String::from("a check waits for something outside")),
        },
    }
}

/// No way out.
#[derive(Debug)]
struct Nowhere;

impl Fetch for Nowhere {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        Box::pin(async move { Err(FetchError::Address(request.url)) })
    }
}

impl Spawn for Nowhere {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(task);
    }
}
