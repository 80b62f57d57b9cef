//! What the cases have tried: operation × control × outcome, and what nobody has.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Mode, OperationPlan, Outcome, Part, Snapshot, Stage};
use http::Method;

use crate::Subject;
use crate::record::Heard;
use crate::run::Finished;

/// Whether a control may end a call at a stage: some only write there what goes on.
fn can_refuse_at(control: &str, stage: Stage) -> bool {
    let writes = match control {
        "leaks" => stage == Stage::Head,
        // It answers with its keys there; whether it refuses later is up to an issuer, which no case can say.
        "upstream_identity" => true,
        "cors" | "limits" => stage == Stage::ResponseHead,
        _ => false,
    };
    controls::can_refuse(control) && !writes
}

/// A control that can refuse, as planned at one operation, and what was tried of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The control.
    pub control: &'static str,
    /// Of which side of the call it speaks there.
    pub part: Part,
    /// Whether its verdicts count.
    pub mode: Mode,
    /// Where it was configured: tells apart what is planned several times.
    pub place: String,
    /// A call went on past all that it had to say.
    pub allowed: bool,
    /// It ended one; in shadow: it would have.
    pub refused: bool,
}

impl Planned {
    fn is_of(&self, heard: &Heard) -> bool {
        (self.control, self.part, self.mode) == (heard.control, Part::of_stage(heard.stage), heard.mode)
            && self.place == heard.place
            && can_refuse_at(heard.control, heard.stage)
    }

    /// Takes down what it said of one call: one word against it counts, whatever it said before.
    fn hear(&mut self, verdicts: &[Heard]) {
        let own = verdicts.iter().filter(|heard| self.is_of(heard) && heard.outcome != Outcome::Answer);
        let (spoke, stopped) =
            own.fold((false, false), |(_, stopped), heard| (true, stopped || heard.outcome.stops()));
        self.refused |= stopped;
        self.allowed |= spoke && !stopped;
    }

    /// What it is called beside the others of its operation.
    fn label(&self, beside: &[Planned]) -> String {
        let mut label = self.control.to_owned();
        if self.part == Part::Answer {
            label.push_str(" of answers");
        }
        if self.mode == Mode::Shadow {
            label.push_str(" in shadow");
        }
        let like = |one: &&Planned| (one.control, one.part, one.mode) == (self.control, self.part, self.mode);
        if beside.iter().filter(like).count() > 1 {
            label.push_str(&format!(" ({})", self.place));
        }
        label
    }
}

/// What was tried of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfOperation {
    /// Calls that came to it.
    pub calls: usize,
    /// Its controls that can refuse, in the order in which they are planned.
    pub controls: Vec<Planned>,
}

impl OfOperation {
    fn plan(&mut self, snapshot: &Snapshot, plan: &OperationPlan) {
        let stages = [
            (Stage::Head, &plan.head),
            (Stage::Body, &plan.body),
            (Stage::Message, &plan.message),
            (Stage::ResponseHead, &plan.response_head),
            (Stage::ResponseBody, &plan.response_body),
        ];
        let steps = stages.into_iter().flat_map(|(stage, all)| all.iter().map(move |step| (stage, step)));
        for (stage, step) in steps {
            let Some(control) = snapshot.controls.get(step.control as usize) else { continue };
            let planned = Planned {
                control: control.name(),
                part: Part::of_stage(stage),
                mode: step.mode,
                place: snapshot.place(step.place).to_owned(),
                allowed: false,
                refused: false,
            };
            if can_refuse_at(planned.control, stage) && !self.controls.contains(&planned) {
                self.controls.push(planned);
            }
        }
    }
}

/// What was tried of all operations, by API and operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By API and id.
    pub operations: BTreeMap<(String, String), OfOperation>,
}

impl Coverage {
    /// Of these cases.
    #[must_use]
    pub fn of(subject: &Subject, finished: &[Finished]) -> Self {
        let mut all = Self::default();
        let snapshot = &subject.compiled.snapshot;
        // HEAD and OPTIONS follow from what is declared, and so do documents of our own.
        let declared =
            snapshot.operations.iter().filter(|plan| plan.upstream.is_some() && plan.method != Method::HEAD);
        for plan in declared {
            let of = all.operations.entry((plan.api.to_string(), plan.id.to_string())).or_default();
            of.plan(snapshot, plan);
        }
        for seen in finished.iter().filter_map(|finished| finished.seen.as_ref()) {
            let Some((api, id, _)) = &seen.decided.operation else { continue };
            let Some(of) = all.operations.get_mut(&(api.clone(), id.clone())) else { continue };
            of.calls += 1;
            of.controls.iter_mut().for_each(|one| one.hear(&seen.decided.verdicts));
        }
        all
    }

    /// How many outcomes there are, and how many were tried.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let all = self.operations.values().flat_map(|of| &of.controls);
        all.fold((0, 0), |(there, tried), one| {
            (there + 2, tried + usize::from(one.allowed) + usize::from(one.refused))
        })
    }

    /// Operations that no call came to.
    #[must_use]
    pub fn never_called(&self) -> Vec<&(String, String)> {
        self.operations.iter().filter(|(_, of)| of.calls == 0).map(|(name, _)| name).collect()
    }

    /// Controls that never refused, or never let a call go on, each with the operations that were called and where that is so.
    #[must_use]
    pub fn untried(&self) -> BTreeMap<(String, &'static str), BTreeSet<&str>> {
        let mut all: BTreeMap<(String, &'static str), BTreeSet<&str>> = BTreeMap::new();
        for ((_, id), of) in self.operations.iter().filter(|(_, of)| of.calls > 0) {
            for one in &of.controls {
                for (outcome, tried) in [("refuse", one.refused), ("allow", one.allowed)] {
                    if !tried {
                        all.entry((one.label(&of.controls), outcome)).or_default().insert(id);
                    }
                }
            }
        }
        all
    }
}
