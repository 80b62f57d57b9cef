//! What a contract has under the name of an id, and no place of the id's binding is: an id in the path that is guarded, and the same
//! in the body that nobody thought of.

use contract::RequestRules;
use diagnostics::{Diagnostic, Diagnostics};
use spec::Mode;

use super::config::{BindingSection, ObjectsSection, Part, PlaceSection};
use crate::pattern::{PLAIN, Pattern, Step, written};
use crate::scope::OperationScope;

const PARTS: [Part; 4] = [Part::Path, Part::Query, Part::Header, Part::Cookie];

/// Warns of such places of one operation, once for each binding.
pub(super) fn report(scope: &OperationScope<'_>, section: &ObjectsSection, out: &mut Diagnostics) {
    let Some(contract) = scope.contract else { return };
    let is_on = |binding: &BindingSection| binding.mode.unwrap_or(section.mode) != Mode::Off;
    for (name, binding) in section.bindings.iter().filter(|(_, binding)| is_on(binding)) {
        let found = unguarded(&contract.request, binding);
        let Some(first) = found.first() else { continue };
        let more = match found.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!("`{}` has {first}{more}, which is no place of the binding `{name}`", scope.id);
        let help = "add it to `places`, with `absent: pass` where it need not be there; where the name stands for something else, \
                    write the binding for the operations that it is of";
        out.push(Diagnostic::warning("objects-unguarded", message).at(binding.span).help(help));
    }
}

fn unguarded(request: &RequestRules, binding: &BindingSection) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |part: Part, name: &str, steps: &[Option<&str>]| {
        if !binding.places.iter().any(|place| is_at(place, part, name, steps)) {
            let place = format!("`{name}{}` in its {}", written(steps), part.place().as_str());
            if !found.contains(&place) {
                found.push(place);
            }
        }
    };
    for id in ids(binding) {
        for part in PARTS {
            for (name, places) in request.places(part.place(), id) {
                // `customer_id[]` beside `customer_id` is one of the two to some services.
                if name.eq_ignore_ascii_case(id) || contract::is_alias(id, name) {
                    add(part, name, &[]);
                }
                places.iter().for_each(|steps| add(part, name, steps));
            }
        }
        let bodies = request.media().iter().flat_map(|media| media.places(id));
        bodies.for_each(|steps| add(Part::Body, "", &steps));
    }
    found
}

/// The names under which ids of this kind stand.
fn ids(binding: &BindingSection) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::new();
    for place in &binding.places {
        let leaf = place.pointer.as_ref().map(|pointer| pointer.steps().last().and_then(Step::name));
        let name = leaf.unwrap_or(place.name.as_deref()).filter(|name| !PLAIN.contains(name));
        ids.extend(name.filter(|name| !ids.contains(name)));
    }
    ids
}

fn is_at(place: &PlaceSection, part: Part, name: &str, steps: &[Option<&str>]) -> bool {
    let own = place.name.as_deref().unwrap_or_default();
    let named = own == name || (part == Part::Header && own.eq_ignore_ascii_case(name));
    let wanted = place.pointer.as_ref().map(Pattern::steps).unwrap_or_default();
    let mut both = wanted.iter().zip(steps);
    place.part == part
        && named
        && wanted.len() == steps.len()
        && both.all(|(wanted, step)| wanted.leads(*step))
}
