//! What is asked after a call was let in, for as long as its stream lives.

use super::{Pipeline, Stop, enter, missing_control};
use crate::bounds;
use crate::call::Call;
use crate::codes;
use crate::control::{Message, Step};
use crate::plan::{Mode, ResponseMode, Stage};
use crate::verdict::{Refusal, Verdict};

impl Pipeline<'_> {
    /// Asks the controls that read messages of a stream, by the plan that the call has now.
    ///
    /// # Errors
    /// The refusal of one of them; the stream is to end with its protocol's own error.
    pub async fn message(&self, call: &mut Call, message: &mut Message) -> Result<(), Stop> {
        let Some(plan) = call.operation.clone() else { return Err(missing_control()) };
        for step in &plan.message {
            let start = self.clock.now();
            let Some((name, control)) = self.core.control(step.control) else {
                return Err(missing_control());
            };
            let verdict = self.finish(control.message(call, message)).await;
            let allowed = matches!(verdict, Verdict::Allow);
            self.judge(name, Stage::Message, step, start, verdict, call)?;
            // A stream may have any number of messages: what says nothing of them is not kept.
            if allowed || call.decision.verdicts.len() > bounds::VIOLATIONS {
                call.decision.verdicts.pop();
            }
        }
        Ok(())
    }

    /// Asks once more whether a live stream is allowed, by the plan that it has now: where it was let in, and every control
    /// whose needs say that it can be asked again. Where answers are read whole by now, as to hide fields of them, no stream goes on.
    /// `None` when a control would have to wait for its answer.
    #[must_use]
    pub fn recheck(&self, call: &mut Call) -> Option<Result<(), Box<Refusal>>> {
        let Some(plan) = call.operation.clone() else { return Some(Ok(())) };
        // Whatever its address did since: this call was let in.
        call.suspect = None;
        // What goes upstream has gone: who calls is read from what they sent.
        if let Some(field) = call.presented.take() {
            call.request.headers.insert(http::header::AUTHORIZATION, field);
        }
        if let Some(refusal) = enter(call, &plan) {
            return Some(Err(refusal));
        }
        if plan.websocket.is_none() && matches!(plan.response_mode, ResponseMode::Whole { .. }) {
            // What it sends on is read by nobody: no answer that begins now is let through so.
            let why = "answers of the operation are read whole now";
            return Some(Err(Refusal::new(&codes::STREAM_WITHDRAWN, why)));
        }
        for step in &plan.head {
            let asked = self.core.snapshot().controls.get(step.control as usize);
            if !asked.is_some_and(|control| control.needs().recheck) {
                continue;
            }
            let start = self.clock.now();
            let Some((name, control)) = self.core.control(step.control) else {
                return Some(Err(Refusal::new(&codes::CONTROL_FAILED, "a planned control is not attached")));
            };
            let verdict = match control.head(call) {
                Step::Done(verdict) => verdict,
                _ if step.mode == Mode::Enforce => return None,
                // What is not enforced ends no stream, and nobody waits for it.
                _ => continue,
            };
            if matches!(verdict, Verdict::Allow) {
                continue;
            }
            if let Err(Stop::Refuse(refusal)) = self.judge(name, Stage::Head, step, start, verdict, call) {
                return Some(Err(refusal));
            }
        }
        Some(Ok(()))
    }
}
