//! What is in shadow in a compiled configuration.

use std::collections::{BTreeMap, BTreeSet};

use engine::shadow::named;
use engine::{Part, Snapshot};
use manage_api::{AskShadow, InShadow};

/// What is in shadow in a configuration, of the control that was asked for.
pub(crate) fn in_shadow(snapshot: &Snapshot, ask: &AskShadow) -> Vec<InShadow> {
    let mut found: BTreeMap<((&str, &str), &str, &str), u64> = BTreeMap::new();
    let name = |number: u32| {
        let control = snapshot.controls.get(number as usize);
        control.map_or(("", ""), |control| (control.name(), control.rule().unwrap_or_default()))
    };
    let wanted = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    for plan in &snapshot.operations {
        if !wanted(&ask.api, &plan.api) || !wanted(&ask.operation, &plan.id) {
            continue;
        }
        let stages = [
            (Part::Request, &plan.head),
            (Part::Request, &plan.body),
            (Part::Request, &plan.message),
            (Part::Answer, &plan.response_head),
            (Part::Answer, &plan.response_body),
        ];
        let mut here = BTreeSet::new();
        for (part, steps) in stages {
            for step in steps.iter().filter(|step| step.mode == engine::Mode::Shadow) {
                here.insert((name(step.control), part.name(), written(snapshot.place(step.place))));
            }
        }
        here.into_iter().for_each(|key| *found.entry(key).or_default() += 1);
    }
    let all = snapshot.operations.len() as u64;
    for step in snapshot.admission.iter().filter(|step| step.mode == engine::Mode::Shadow) {
        found.insert((name(step.control), Part::Request.name(), written(snapshot.place(step.place))), all);
    }
    let view = |(((control, rule), part, place), operations): (((&str, &str), &str, &str), u64)| InShadow {
        control: named(control, rule),
        part: part.to_owned(),
        place: place.to_owned(),
        operations,
    };
    // What only writes on answers cannot refuse, in whatever mode.
    found.retain(|((control, _), ..), _| controls::can_refuse(control));
    found.into_iter().map(view).filter(|row| ask.wants(&row.control)).collect()
}

/// A place of the document. What holds by default is said to stand at the operation in the contract, which is no place of a setting.
fn written(place: &str) -> &str {
    if place.contains("#/") { "" } else { place }
}
