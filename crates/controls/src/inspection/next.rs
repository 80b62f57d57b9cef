//! Rules that are to come: a set of files that looks at calls in shadow, beside what is in force, by an engine of its own.
//!
//! It is asked of requests only, once, with the body; what it says counts for nothing. Exclusions and rules that have a mode of their own
//! hold for it as far as it has the rules that they name: what it lacks is a warning, since it would be an error once it is in force.

use std::sync::Arc;

use bytes::Bytes;
use diagnostics::{Diagnostic, Diagnostics};
use engine::{Attached, Call, Control, CoreContext, Mode as EngineMode, Needs, Step, Verdict};
use spec::{FileRef, Mode, Spanned};

use super::config::{InspectionSection, Over, ThresholdSection, body_limit, folder};
use super::evidence::Side;
use super::exclude::{self, Excluded};
use super::inspected::{judge, missing};
use super::rules::{self, Loaded, Wanted};
use super::{Inspection, Settings, dispatch, view};
use crate::coding::is_encoded;
use crate::scope::{Compiled, HeldTo, OperationScope};

/// Its name in decisions and counts.
const NAME: &str = "next";

/// What the section says of it, before it is looked at which exclusions hold for which operation.
pub(super) struct Prepared {
    loaded: Arc<Loaded>,
    /// For each exclusion of the section, where it has the rules.
    exclusions: Vec<Option<Excluded>>,
    /// The same for rules that have a mode of their own: what does not count now is left out.
    left_out: Vec<Option<Excluded>>,
    span: diagnostics::Span,
}

/// Loads it; `None` when it cannot be loaded, which is reported.
pub(super) fn prepare(
    section: &InspectionSection,
    next: &Spanned<FileRef>,
    scope: &OperationScope<'_>,
    out: &mut Diagnostics,
) -> Option<Prepared> {
    let setup = section.setup.as_ref().map(folder);
    // The scores of the detectors of our own are others.
    let threshold = if section.is_builtin() { ThresholdSection::default() } else { section.threshold };
    let wanted = Wanted {
        path: &folder(next),
        setup: setup.as_deref(),
        paranoia: section.paranoia.map(|level| level.value),
        threshold,
        body: section.body,
    };
    let loaded = rules::load(scope.api.gateway, &wanted, next.span, out)?;
    loaded.tell(scope.api.gateway.sources, out);
    let engine = loaded.engine()?;
    let mut lacking = Diagnostics::new();
    let exclusions =
        section.exclude.iter().map(|exclude| exclude::compile(engine, exclude, &mut lacking)).collect();
    let watched = section.modes.values().map(|one| {
        let rules = exclude::rules(engine, (&one.rule, &one.tag, one.span), &[], &mut lacking)?;
        (one.mode != Mode::Enforce).then(|| Excluded::new(rules, []))
    });
    let left_out = watched.collect();
    for found in lacking.iter() {
        let message = format!("{}, of those that are to come by `next`", found.message);
        let help = "take it out when they are promoted: it is an error then";
        out.push(Diagnostic::warning("inspection", message).maybe_at(found.span).help(help));
    }
    Some(Prepared { exclusions, left_out, span: next.span, loaded })
}

impl Prepared {
    /// The control; `here` are the numbers of the exclusions that hold for its operation, `ruled` those of the modes.
    pub(super) fn control(&self, section: &InspectionSection, here: &[usize], ruled: &[usize]) -> Compiled {
        let held = |all: &[Option<Excluded>], at: &usize| all.get(*at).cloned().flatten();
        let exclusions = here.iter().filter_map(|at| held(&self.exclusions, at));
        let left_out = ruled.iter().filter_map(|at| held(&self.left_out, at));
        let settings = Settings {
            request: EngineMode::Shadow,
            answers: EngineMode::Off,
            body: section.body.max.as_usize(),
            whole: section.body.over == Over::Refuse,
        };
        let inspection = Inspection::new(
            Arc::clone(&self.loaded),
            exclusions.chain(left_out).collect(),
            Vec::new(),
            settings,
        );
        Compiled {
            control: Arc::new(Next(Arc::new(inspection))),
            mode: EngineMode::Shadow,
            response_mode: EngineMode::Off,
            body_limit: body_limit(section),
            held_to: HeldTo::Configuration,
            span: Some(self.span),
        }
    }
}

/// The control.
#[derive(Debug)]
pub(super) struct Next(pub(super) Arc<Inspection>);

impl Next {
    fn check<'s>(&self, call: &Call) -> Step<'s> {
        let inspection = Arc::clone(&self.0);
        let Some(engine) = inspection.loaded.engine() else { return Step::Done(missing()) };
        let mut looked = engine.transaction();
        looked.set_mode(seclang::Mode::DetectionOnly);
        for exclusion in &inspection.exclusions {
            exclusion.apply(call, &mut looked);
        }
        let read = view::head(&mut looked, call);
        let looked = looked.suspend();
        if !call.body.bytes().is_empty() && is_encoded(&call.request.headers) {
            let note = "a body in a content coding is not read by the rules that are to come";
            return Step::Done(Verdict::Note(note.into()));
        }
        let bytes: Bytes = call.body.bytes().clone();
        let most = inspection.settings.body;
        dispatch(read + bytes.len().min(most), move || {
            let Some(engine) = inspection.loaded.engine() else { return missing() };
            let mut looked = engine.resume(looked);
            let _ = looked.request_head_done();
            if bytes.len() > most {
                inspection.beginning.iter().for_each(|exclusion| looked.exclude(exclusion));
            }
            let _ = looked.request_body(&bytes);
            judge(&looked, (0, None), Side::Request, &inspection.loaded)
        })
    }
}

impl Control for Next {
    fn name(&self) -> &'static str {
        "inspection"
    }

    fn rule(&self) -> Option<&str> {
        Some(NAME)
    }

    fn needs(&self) -> Needs {
        Needs { body: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Next>);

impl Attached for AtWork {
    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        self.0.check(call)
    }
}
