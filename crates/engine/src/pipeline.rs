//! The life of a call: admission, route, head, body, (upstream), answer.
//!
//! Each step hands out a proof that only this module can make, and the next step wants it: [`Permitted`] is what the
//! proxy must show to send anything upstream, and there is no other way to come by one. A control that is missing, a
//! job that could not run, a plan without an operation: all of them refuse.

mod stream;

use crate::call::{Call, too_many_failures};
use crate::clock::{Clock, Tick};
use crate::codes;
use crate::control::{Attached, Offload, Step};
use crate::decision::{Outcome, Recorded};
use crate::plan::{Mode, PlaceId, PlannedStep, Stage};
use crate::route::Route;
use crate::snapshot::CoreSnapshot;
use crate::text::bounded;
use crate::verdict::{Answer, Refusal, Verdict};
use crate::{bounds, plan::OperationPlan};

use std::sync::Arc;

/// Why nothing goes upstream.
#[derive(Debug)]
pub enum Stop {
    /// A control refused.
    Refuse(Box<Refusal>),
    /// A control answered.
    Answer(Box<Answer>),
}

/// What a proof rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Every control allowed it.
    Policy,
    /// At least one control in shadow would have refused it.
    ShadowedRefusal,
}

/// Proof that the controls of admission allowed the call.
#[derive(Debug)]
#[must_use]
pub struct Admitted(());

/// Proof that the call has an operation.
#[derive(Debug)]
#[must_use]
pub struct Routed(Arc<OperationPlan>);

impl Routed {
    /// Its plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<OperationPlan> {
        &self.0
    }
}

/// Proof that the checks on the head allowed the call.
#[derive(Debug)]
#[must_use]
pub struct HeadPassed(Arc<OperationPlan>);

/// Proof that all checks allowed the call; nothing goes upstream without one.
#[derive(Debug)]
#[must_use]
pub struct Permitted {
    plan: Arc<OperationPlan>,
    basis: Basis,
}

impl Permitted {
    /// The plan that was followed.
    #[must_use]
    pub fn plan(&self) -> &Arc<OperationPlan> {
        &self.plan
    }

    /// What the proof rests on.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }
}

/// Runs calls through the controls of one core.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline<'a> {
    /// The configuration as attached to this core.
    pub core: &'a CoreSnapshot,
    /// For what each control takes.
    pub clock: &'a dyn Clock,
    /// For jobs.
    pub offload: &'a dyn Offload,
}

impl Pipeline<'_> {
    /// Asks the controls of admission.
    ///
    /// # Errors
    /// The refusal or answer of one of them.
    pub async fn admit(&self, call: &mut Call) -> Result<Admitted, Stop> {
        self.run(&self.core.snapshot().admission, Stage::Admission, call).await?;
        Ok(Admitted(()))
    }

    /// Asks the controls of admission about a call whose head is refused already: whose it is, and whether their address is
    /// heard at all. Says how it ends.
    pub async fn refuse(&self, call: &mut Call, refusal: Box<Refusal>) -> Stop {
        match (self.admit(call).await, call.suspect) {
            (Err(stop), _) => stop,
            (Ok(_), Some(wait)) => Stop::Refuse(too_many_failures(wait)),
            (Ok(_), None) => Stop::Refuse(refusal),
        }
    }

    /// Finds the operation. What no contract knows is refused.
    ///
    /// # Errors
    /// `host_unknown`, `operation_unknown`, `method_not_allowed`, `certificate_required`, `upgrade_refused`,
    /// `upgrade_required`, or `origin_refused`.
    pub fn route(&self, call: &mut Call, _admitted: Admitted) -> Result<Routed, Stop> {
        let snapshot = self.core.snapshot();
        let request = &call.request;
        let refusal =
            match snapshot.routes.find(call.peer.listener, &request.host, request.path(), &request.method) {
                Route::Operation(number, params) => match snapshot.operations.get(number as usize) {
                    Some(plan) => {
                        call.operation = Some(Arc::clone(plan));
                        match enter(call, plan) {
                            Some(refusal) => refusal,
                            None => {
                                call.params = params;
                                return Ok(Routed(Arc::clone(plan)));
                            }
                        }
                    }
                    None => Refusal::new(&codes::CONTROL_FAILED, "the route leads to no operation"),
                },
                Route::OtherMethods(methods, _) => {
                    refuse_method(methods.iter().map(|(method, _)| method.as_str()))
                }
                Route::NoPath => Refusal::new(&codes::OPERATION_UNKNOWN, "no operation has this path"),
                Route::NoHost => Refusal::new(&codes::HOST_UNKNOWN, "no API is mounted under this host"),
            };
        let (outcome, refusal) = match call.suspect {
            // Whoever guesses paths is told no more of them.
            Some(wait) => (Outcome::Throttle, too_many_failures(wait)),
            None => (Outcome::Refuse, refusal),
        };
        call.decision.verdicts.push(Recorded {
            control: "route",
            rule: None,
            stage: Stage::Head,
            mode: Mode::Enforce,
            outcome,
            code: Some(refusal.code),
            place: PlaceId::default(),
            contract: PlaceId::default(),
            cost: 0,
            detail: Some(refusal.detail.clone()),
        });
        Err(Stop::Refuse(refusal))
    }

    /// Asks the controls that need the head only.
    ///
    /// # Errors
    /// The refusal or answer of one of them.
    pub async fn head(&self, call: &mut Call, routed: Routed) -> Result<HeadPassed, Stop> {
        self.run(&routed.0.head, Stage::Head, call).await?;
        Ok(HeadPassed(routed.0))
    }

    /// Asks the controls that need the body, and then those that speak last of all: what these do is for the upstream, and not
    /// done for a call that goes nowhere. The body must be in [`Call::body`] by now if the plan reads it whole.
    ///
    /// # Errors
    /// The refusal or answer of one of them.
    pub async fn body(&self, call: &mut Call, passed: HeadPassed) -> Result<Permitted, Stop> {
        self.run(&passed.0.body, Stage::Body, call).await?;
        self.run(&passed.0.before_upstream, Stage::Upstream, call).await?;
        let basis =
            if call.decision.shadowed().next().is_some() { Basis::ShadowedRefusal } else { Basis::Policy };
        Ok(Permitted { plan: passed.0, basis })
    }

    /// Asks the controls that see the head of the answer.
    ///
    /// # Errors
    /// The refusal of one of them.
    pub async fn response_head(&self, call: &mut Call, plan: &OperationPlan) -> Result<(), Stop> {
        self.run(&plan.response_head, Stage::ResponseHead, call).await
    }

    /// Asks the controls that see the body of the answer; it must be in [`Call::response`] by now.
    ///
    /// # Errors
    /// The refusal of one of them.
    pub async fn response_body(&self, call: &mut Call, plan: &OperationPlan) -> Result<(), Stop> {
        self.run(&plan.response_body, Stage::ResponseBody, call).await
    }

    /// Shows the finished decision to the controls that learn from it. Of a call whose body would have had to prove who called, and was not
    /// looked at, nobody learns a name, and neither does its record.
    pub fn observe(&self, call: &mut Call) {
        if call.unproven {
            call.proofs.clear();
        }
        let call = &*call;
        let snapshot = self.core.snapshot();
        for step in &snapshot.admission {
            let observes =
                snapshot.controls.get(step.control as usize).is_some_and(|control| control.needs().observe);
            if let Some((_, control)) = self.core.control(step.control).filter(|_| observes) {
                control.observe(call);
            }
        }
        let Some(plan) = &call.operation else { return };
        for number in &plan.observe {
            if let Some((_, control)) = self.core.control(*number) {
                control.observe(call);
            }
        }
    }

    async fn run(&self, steps: &[PlannedStep], stage: Stage, call: &mut Call) -> Result<(), Stop> {
        if steps.is_empty() {
            return Ok(());
        }
        call.decision.verdicts.reserve(steps.len());
        // Between the end of the head and the last check on it nothing is waited for but what a control waits for.
        let mut start = match stage {
            Stage::Admission | Stage::Head => call.marked,
            _ => self.clock.now(),
        };
        for step in steps {
            let Some((name, control)) = self.core.control(step.control) else {
                return Err(missing_control());
            };
            let said = speak(control, stage, call);
            let at_once = matches!(said, Step::Done(_));
            let verdict = self.finish(said).await;
            if call.body.is_short() || call.response.body.is_short() {
                // Whatever it said: it may have seen a part.
                return Err(Stop::Refuse(Refusal::new(
                    &codes::OVERLOADED,
                    "no room for what a body becomes",
                )));
            }
            let began = start;
            let judged = self.judge(name, stage, step, began, verdict, call);
            call.decision.long_work |= at_once && call.marked.since(began) > bounds::LONG_WORK;
            start = judged?;
        }
        Ok(())
    }

    async fn finish(&self, mut step: Step<'_>) -> Verdict {
        loop {
            step = match step {
                Step::Done(verdict) => return verdict,
                Step::Wait(future) => return future.await,
                Step::Offload(job) => return self.offload.run(job).await.unwrap_or_else(not_worked),
                Step::OffloadThen(job, then) => match self.offload.run(job).await {
                    Some(verdict) => then(verdict),
                    None => return not_worked(),
                },
            };
        }
    }

    /// Records a verdict and acts on it; returns when the step ended.
    fn judge(
        &self,
        control: &'static str,
        stage: Stage,
        step: &PlannedStep,
        start: Tick,
        verdict: Verdict,
        call: &mut Call,
    ) -> Result<Tick, Stop> {
        let now = self.clock.now();
        call.marked = now;
        let (outcome, code, detail) = summarize(&verdict);
        call.decision.verdicts.push(Recorded {
            control,
            rule: self.core.rule(step.control),
            stage,
            mode: step.mode,
            outcome,
            code,
            place: step.place,
            contract: step.contract_of(code),
            cost: u32::try_from(now.since(start).as_nanos()).unwrap_or(u32::MAX),
            detail,
        });
        match verdict {
            Verdict::Allow | Verdict::Note(_) => Ok(now),
            _ if step.mode != Mode::Enforce => Ok(now),
            Verdict::Refuse(refusal) | Verdict::StepUp(refusal) | Verdict::Throttle(refusal) => {
                Err(Stop::Refuse(refusal))
            }
            Verdict::Answer(answer) => Err(Stop::Answer(answer)),
        }
    }
}

fn speak<'c>(control: &'c dyn Attached, stage: Stage, call: &'c mut Call) -> Step<'c> {
    match stage {
        Stage::Admission => control.admission(call),
        Stage::Head => control.head(call),
        Stage::Body => control.body(call),
        Stage::Upstream => control.upstream(call),
        Stage::ResponseHead => control.response_head(call),
        Stage::ResponseBody => control.response_body(call),
        // Messages have a step of their own, with the message beside the call.
        Stage::Message => {
            Step::Done(Verdict::Refuse(Refusal::new(&codes::CONTROL_FAILED, "a message without content")))
        }
    }
}

/// What an operation asks of every call before any control speaks.
fn enter(call: &Call, plan: &OperationPlan) -> Option<Box<Refusal>> {
    if plan.client_certificate && call.peer.certificate().is_none() {
        let why = "the connection has no client certificate";
        return Some(Refusal::new(&codes::CERTIFICATE_REQUIRED, why));
    }
    match (&plan.websocket, &call.request.handshake) {
        (None, None) => None,
        (None, Some(_)) => Some(Refusal::new(&codes::UPGRADE_REFUSED, "the operation is no WebSocket")),
        (Some(_), None) => {
            let refusal = Refusal::new(&codes::UPGRADE_REQUIRED, "the call is no handshake of a WebSocket");
            Some(refusal.header(http::header::UPGRADE, http::HeaderValue::from_static("websocket")))
        }
        (Some(rules), Some(_)) => {
            rules.check_origin(&call.request).err().map(|why| Refusal::new(&codes::ORIGIN_REFUSED, why))
        }
    }
}

fn summarize(verdict: &Verdict) -> (Outcome, Option<&'static codes::Code>, Option<Box<str>>) {
    let of =
        |refusal: &Refusal| (Some(refusal.code), Some(bounded(&refusal.detail, bounds::DETAIL_BYTES).into()));
    let (outcome, (code, detail)) = match verdict {
        Verdict::Allow => (Outcome::Allow, (None, None)),
        Verdict::Note(note) => (Outcome::Note, (None, Some(bounded(note, bounds::DETAIL_BYTES).into()))),
        Verdict::Refuse(refusal) => (Outcome::Refuse, of(refusal)),
        Verdict::StepUp(refusal) => (Outcome::StepUp, of(refusal)),
        Verdict::Throttle(refusal) => (Outcome::Throttle, of(refusal)),
        Verdict::Answer(_) => (Outcome::Answer, (None, None)),
    };
    (outcome, code, detail)
}

fn not_worked() -> Verdict {
    Verdict::Refuse(Refusal::new(&codes::OVERLOADED, "no worker thread took the job"))
}

fn missing_control() -> Stop {
    Stop::Refuse(Refusal::new(&codes::CONTROL_FAILED, "a planned control is not attached"))
}

/// 405 with the methods that there are (RFC 9110 section 15.5.6).
fn refuse_method<'m>(methods: impl Iterator<Item = &'m str>) -> Box<Refusal> {
    let mut names: Vec<&str> = methods.collect();
    names.sort_unstable();
    names.dedup();
    let refusal = Refusal::new(&codes::METHOD_NOT_ALLOWED, "the path has other methods");
    match http::HeaderValue::from_str(&names.join(", ")) {
        Ok(allow) => refusal.header(http::header::ALLOW, allow),
        Err(_) => refusal,
    }
}
