//! Is the call hostile: by detectors of our own (`builtin.rs`), or by the OWASP Core Rule Set or other rules in its language
//! (SecLang, ModSecurity Reference Manual v3.x), run by the engine in `seclang`. What follows is about the latter.
//!
//! # Which view is inspected
//!
//! The one that goes upstream. The target is the canonical one, the fields are those that are left when the ones of this hop
//! are taken off and validation has stripped what it strips; forwarding speaks later, so what a client says of itself by
//! `X-Forwarded-For` is seen although it does not go on. The body is the decoded one. A body that is still encoded cannot be
//! read, and is refused. Parameters, cookies, forms, multipart, JSON and XML are taken apart by the engine itself, as the
//! rules expect it; what it cannot take apart fails a rule of `engine.conf`.
//!
//! # When
//!
//! Phase 1 with the head, phase 2 with the body, and for calls without one all the same. Phase 3 with the head of the answer and
//! phase 4 with its body only where `answers` is on: enforced, the answer is read whole first, so nothing streams; in shadow
//! a copy of short answers is looked at afterwards. Phase 5, which only logs, follows the last of them.
//!
//! # What it costs
//!
//! More than all other controls together, so it speaks after them. What is longer than [`OFFLOADED`] leaves the core for the
//! pool of worker threads; a full pool refuses. No call costs more than the engine's own budgets of work and memory
//! ([`seclang::Settings`]); one that reaches them is refused.
//!
//! # What is said
//!
//! The caller learns that it was refused. The decision keeps ids of rules, the score, and the name of the part that
//! matched first; never a value. Rules that matched without reaching the threshold are a note.
//!
//! # Rules that are only watched
//!
//! They run with the others and change nothing. Where one matches, the call is inspected once more with it in force, which says whether it
//! would have been refused (`watch.rs`): what does not match costs nothing more. Rules of files that are to come (`next.rs`) look at
//! every call by themselves.

mod builtin;
mod config;
mod evidence;
mod exclude;
mod explain;
mod inspected;
mod modes;
mod multipart;
mod next;
mod own;
mod parts;
mod protobuf;
mod rules;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::control::Job;
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Mode, Needs, Step, Verdict, codes};
use http::header::{ACCEPT_ENCODING, HeaderValue};
use seclang::{Exclusion, Which};

pub use config::{
    BodySection, CallerSection, ExcludeSection, InspectionSection, Over, ThresholdSection, check_section,
    compile, files, schema,
};
pub use explain::{Explanation, Matched, Named, RuleName, explain};
pub use modes::ModeSection;

use evidence::Side;
use exclude::Excluded;
use inspected::{Inspected, missing, of};

use crate::coding::is_encoded;
use rules::Loaded;

/// Bytes of head and body up to which a call is inspected on its core: there the rules take some hundred microseconds.
const OFFLOADED: usize = 4 * 1024;
/// How long a worker thread may take; the engine's budget of work ends earlier.
const PATIENCE: Duration = Duration::from_secs(10);
/// Rules of `engine.conf` by which a body fails that cannot be read to its end.
const WHOLE_BODY_RULES: [u64; 3] = [200_002, 200_003, 200_004];

/// What a section comes to for one operation.
#[derive(Debug, Clone, Copy)]
struct Settings {
    request: Mode,
    answers: Mode,
    /// Bytes that are read of a body.
    body: usize,
    /// Whether a longer body is refused.
    whole: bool,
}

/// The control.
#[derive(Debug)]
pub struct Inspection {
    loaded: Arc<Loaded>,
    exclusions: Vec<Excluded>,
    /// Rules that are only watched, each by itself.
    watched: Arc<[Exclusion]>,
    /// For bodies of which only the beginning is read.
    beginning: Vec<Exclusion>,
    settings: Settings,
}

impl Inspection {
    fn new(
        loaded: Arc<Loaded>,
        exclusions: Vec<Excluded>,
        watched: Vec<Exclusion>,
        settings: Settings,
    ) -> Self {
        let beginning = loaded.engine().map_or_else(Vec::new, |engine| {
            WHOLE_BODY_RULES.iter().filter_map(|id| engine.exclusion(Which::Id(*id), &[])).collect()
        });
        Self { loaded, exclusions, watched: watched.into(), beginning, settings }
    }

    /// Begins with a call.
    fn begin(&self, call: &mut Call) -> Option<Arc<Inspected>> {
        let engine = self.loaded.engine()?;
        let mut inspection = engine.transaction();
        inspection.set_mode(seclang_mode(self.settings.request));
        for exclusion in &self.exclusions {
            exclusion.apply(call, &mut inspection);
        }
        self.watched.iter().for_each(|rules| inspection.watch(rules));
        let read = view::head(&mut inspection, call);
        let (loaded, watched) = (Arc::clone(&self.loaded), Arc::clone(&self.watched));
        let inspected = Arc::new(Inspected::new(loaded, watched, inspection.suspend(), read));
        call.held.push(Box::new(Arc::clone(&inspected)));
        Some(inspected)
    }

    fn check_head<'s>(&self, call: &mut Call) -> Step<'s> {
        if self.settings.answers == Mode::Enforce {
            call.request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let Some(inspected) = self.begin(call) else { return Step::Done(missing()) };
        dispatch(inspected.read, move || {
            inspected.go_on(Side::Request, false, |inspection| {
                let _ = inspection.request_head_done();
            })
        })
    }

    fn check_body<'s>(&self, call: &mut Call) -> Step<'s> {
        let Some(inspected) = of(call) else { return Step::Done(missing()) };
        let bytes = call.body.bytes().clone();
        if !bytes.is_empty() && is_encoded(&call.request.headers) {
            let detail = "a body in a content coding cannot be inspected: see `bodies.codings`";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::CODING_UNSUPPORTED, detail)));
        }
        let long = bytes.len() > self.settings.body;
        if long && self.settings.whole {
            let detail = "the body exceeds `inspection.body.max`";
            return Step::Done(Verdict::Refuse(Refusal::new(&codes::BODY_TOO_LARGE, detail)));
        }
        let beginning = if long { self.beginning.clone() } else { Vec::new() };
        let ends = self.settings.answers == Mode::Off;
        let read = inspected.read + bytes.len().min(self.settings.body);
        dispatch(read, move || {
            inspected.go_on(Side::Request, ends, |inspection| {
                for exclusion in &beginning {
                    inspection.exclude(exclusion);
                }
                let _ = inspection.request_body(&bytes);
            })
        })
    }

    fn check_answer_head<'s>(&self, call: &Call) -> Step<'s> {
        let Some(inspected) = of(call) else { return Step::Done(missing()) };
        let mode = seclang_mode(self.settings.answers);
        Step::Done(inspected.go_on(Side::Answer, false, |inspection| {
            inspection.set_mode(mode);
            view::answer(inspection, call.response.status, &call.response.headers);
            let _ = inspection.response_head_done();
        }))
    }

    fn check_answer_body<'s>(&self, call: &Call) -> Step<'s> {
        let Some(inspected) = of(call) else { return Step::Done(missing()) };
        let bytes: Bytes = call.response.body.bytes().clone();
        if is_encoded(&call.response.headers) {
            // In shadow nobody asked the upstream for another; enforced, it was asked and did not listen.
            return Step::Done(if self.settings.answers == Mode::Enforce {
                Verdict::Refuse(Refusal::new(
                    &codes::ANSWER_REFUSED,
                    "the answer is encoded: it cannot be inspected",
                ))
            } else {
                Verdict::Note("the answer is encoded: in shadow it is not read".into())
            });
        }
        dispatch(bytes.len(), move || {
            inspected.go_on(Side::Answer, true, |inspection| {
                let _ = inspection.response_body(&bytes);
            })
        })
    }
}

/// In shadow rules go on after one would have refused, so that the decision shows all that match.
const fn seclang_mode(mode: Mode) -> seclang::Mode {
    match mode {
        Mode::Enforce => seclang::Mode::On,
        Mode::Shadow | Mode::Off => seclang::Mode::DetectionOnly,
    }
}

fn dispatch<'s>(bytes: usize, work: impl FnOnce() -> Verdict + Send + 'static) -> Step<'s> {
    dispatch_over(OFFLOADED, bytes, work)
}

/// At once, or by a worker thread when there are more bytes than `most`.
fn dispatch_over<'s>(most: usize, bytes: usize, work: impl FnOnce() -> Verdict + Send + 'static) -> Step<'s> {
    if bytes <= most {
        return Step::Done(work());
    }
    Step::Offload(Job { budget: PATIENCE, run: Box::new(move |_| work()) })
}

impl Control for Inspection {
    fn name(&self) -> &'static str {
        "inspection"
    }

    fn needs(&self) -> Needs {
        let answers = self.settings.answers != Mode::Off;
        Needs { head: true, body: true, response_head: answers, response_body: answers, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Inspection>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_head(call)
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_body(call)
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_answer_head(call)
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check_answer_body(call)
    }
}
