//! What the cases have tried: operation × control × outcome, and what nobody has.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;

use crate::Subject;
use crate::run::Finished;

/// What was tried of one control at one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// It let a call go on.
    pub allowed: bool,
    /// It ended one.
    pub refused: bool,
}

/// What was tried of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfOperation {
    /// Calls that came to it.
    pub calls: usize,
    /// Its controls that can refuse, in the order in which they are planned.
    pub controls: Vec<(&'static str, Tried)>,
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
            let steps = [&plan.head, &plan.body, &plan.message, &plan.response_head, &plan.response_body];
            for step in steps.into_iter().flatten() {
                let Some(control) = snapshot.controls.get(step.control as usize) else { continue };
                let known = of.controls.iter().any(|(name, _)| *name == control.name());
                if !known && controls::can_refuse(control.name()) {
                    of.controls.push((control.name(), Tried::default()));
                }
            }
        }
        for seen in finished.iter().filter_map(|finished| finished.seen.as_ref()) {
            let Some((api, id, _)) = &seen.decided.operation else { continue };
            let Some(of) = all.operations.get_mut(&(api.clone(), id.clone())) else { continue };
            of.calls += 1;
            for heard in &seen.decided.verdicts {
                let Some((_, tried)) = of.controls.iter_mut().find(|(name, _)| *name == heard.control) else {
                    continue;
                };
                if heard.outcome.stops() {
                    tried.refused = true;
                } else {
                    tried.allowed = true;
                }
            }
        }
        all
    }

    /// How many outcomes there are, and how many were tried.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let all = self.operations.values().flat_map(|of| &of.controls);
        all.fold((0, 0), |(there, tried), (_, one)| {
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
    pub fn untried(&self) -> BTreeMap<(&'static str, &'static str), BTreeSet<&str>> {
        let mut all: BTreeMap<(&'static str, &'static str), BTreeSet<&str>> = BTreeMap::new();
        for ((_, id), of) in self.operations.iter().filter(|(_, of)| of.calls > 0) {
            for (control, tried) in &of.controls {
                if !tried.refused {
                    all.entry((control, "refuse")).or_default().insert(id);
                }
                if !tried.allowed {
                    all.entry((control, "allow")).or_default().insert(id);
                }
            }
        }
        all
    }
}
