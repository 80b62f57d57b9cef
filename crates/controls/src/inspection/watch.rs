//! Rules that are only watched: whether a call that they matched would have been refused with them in force.
//!
//! It is asked where they matched, and answered by inspecting the call once more, with them and without the others that are watched:
//! scores add up, and a rule may take another out, so that nothing less says what they would have come to.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Attached, Call, Control, CoreContext, Mode, Needs, Step, Verdict};
use seclang::Suspended;

use super::evidence::Side;
use super::inspected::{self, judge, missing};
use super::{Inspection, dispatch, view};
use crate::coding::is_encoded;

/// The rules of one entry.
#[derive(Debug)]
pub(super) struct Watch {
    inspection: Arc<Inspection>,
    /// Its number among those that are watched.
    number: usize,
    name: Box<str>,
}

impl Watch {
    pub(super) fn new(inspection: Arc<Inspection>, number: usize, name: Box<str>) -> Self {
        Self { inspection, number, name }
    }

    fn has_matched(&self, call: &Call, side: Side) -> bool {
        inspected::of(call).is_some_and(|inspected| inspected.has_watched(self.number, side))
    }

    /// The call as it is when its inspection begins, with the bytes of its head.
    fn begin(&self, call: &Call, mode: seclang::Mode) -> Option<(Suspended, usize)> {
        let mut again = self.inspection.loaded.engine()?.transaction();
        again.set_mode(mode);
        for exclusion in &self.inspection.exclusions {
            exclusion.apply(call, &mut again);
        }
        let others = self.inspection.watched.iter().enumerate().filter(|(number, _)| *number != self.number);
        others.for_each(|(_, rules)| again.exclude(rules));
        let read = view::head(&mut again, call);
        Some((again.suspend(), read))
    }

    fn check_body<'s>(&self, call: &Call) -> Step<'s> {
        if !self.has_matched(call, Side::Request) {
            return Step::Done(Verdict::Allow);
        }
        let Some((again, read)) = self.begin(call, seclang::Mode::On) else { return Step::Done(missing()) };
        // A body that cannot be read was told of when the others were asked.
        let is_read = !is_encoded(&call.request.headers);
        let bytes = if is_read { call.body.bytes().clone() } else { Bytes::new() };
        let most = self.inspection.settings.body;
        let inspection = Arc::clone(&self.inspection);
        dispatch(read + bytes.len().min(most), move || {
            let Some(engine) = inspection.loaded.engine() else { return missing() };
            let mut again = engine.resume(again);
            let _ = again.request_head_done();
            if bytes.len() > most {
                inspection.beginning.iter().for_each(|exclusion| again.exclude(exclusion));
            }
            let _ = again.request_body(&bytes);
            judge(&again, (0, None), Side::Request, &inspection.loaded)
        })
    }

    /// Of an answer only what its rules say themselves counts: the request's body went on long ago.
    fn check_answer<'s>(&self, call: &Call) -> Step<'s> {
        if !self.has_matched(call, Side::Answer) || is_encoded(&call.response.headers) {
            return Step::Done(Verdict::Allow);
        }
        let Some((again, read)) = self.begin(call, seclang::Mode::DetectionOnly) else {
            return Step::Done(missing());
        };
        let (status, headers) = (call.response.status, call.response.headers.clone());
        let bytes = call.response.body.bytes().clone();
        let inspection = Arc::clone(&self.inspection);
        dispatch(read + bytes.len(), move || {
            let Some(engine) = inspection.loaded.engine() else { return missing() };
            let mut again = engine.resume(again);
            let _ = again.request_head_done();
            let _ = again.request_body(b"");
            // What was foreseen of the request is forgotten.
            again.set_mode(seclang::Mode::On);
            let told = again.reports().len();
            view::answer(&mut again, status, &headers);
            let _ = again.response_head_done();
            let _ = again.response_body(&bytes);
            judge(&again, (told, None), Side::Answer, &inspection.loaded)
        })
    }
}

impl Control for Watch {
    fn name(&self) -> &'static str {
        "inspection"
    }

    fn rule(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn needs(&self) -> Needs {
        let response_body = self.inspection.settings.answers != Mode::Off;
        Needs { body: true, response_body, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Watch>);

impl Attached for AtWork {
    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_body(call)
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_answer(call)
    }
}
