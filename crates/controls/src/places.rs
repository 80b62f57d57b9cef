//! What the contract says of the places that sections name, for controls that do nothing where there is none.

use contract::MediaRules;

use crate::pattern::{PLAIN, Pattern, Step, written};
use crate::scope::OperationScope;
use crate::security::operation_ref;

/// Places whose name is that of one that is named, and to which no known pattern leads: written as patterns, each once. `id` alone is a name
/// of anything, and is not looked for.
pub(crate) fn elsewhere<'m>(
    media: impl Iterator<Item = &'m MediaRules>,
    named: &[Pattern],
    known: &[&Pattern],
) -> Vec<String> {
    let mut names: Vec<&str> = named.iter().filter_map(|at| at.steps().last().and_then(Step::name)).collect();
    names.retain(|name| !PLAIN.contains(name));
    let mut found: Vec<String> = Vec::new();
    for rules in media {
        for steps in names.iter().flat_map(|name| rules.places(name)) {
            let pointer = written(&steps);
            if !found.contains(&pointer) && !known.iter().any(|pattern| is_at(pattern, &steps)) {
                found.push(pointer);
            }
        }
    }
    found
}

/// The first of them, and how many more there are.
pub(crate) fn first_of(found: &[String]) -> Option<String> {
    let (first, more) = found.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Some(format!("`{first}`{more}"))
}

/// Whether a pattern leads there, or to what it is in.
fn is_at(pattern: &Pattern, steps: &[Option<&str>]) -> bool {
    let mut both = pattern.steps().iter().zip(steps);
    pattern.steps().len() <= steps.len() && both.all(|(wanted, step)| wanted.leads(*step))
}

/// Whether answers that are not what the contract says are withheld: in those a value may stand where no pattern leads.
pub(crate) fn withholds(scope: &OperationScope<'_>) -> bool {
    let tags: Vec<&str> = scope.contract.iter().flat_map(|one| &one.tags).map(String::as_str).collect();
    let section = scope.api.settings.section_for("validation", &operation_ref(scope, &tags));
    let response = section.as_ref().and_then(|node| node.get("response"));
    response.is_some_and(|mode| mode.as_str() == Some("enforce"))
}
