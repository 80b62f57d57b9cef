//! Templates of which neither is the more precise and which match the same path: `/{a}/x` and `/y/{b}` both match `/y/x`.
//!
//! The router prefers what is literal further to the left, which is a choice that the contract did not make. It is worth
//! a warning; and where the two are not for the same callers, the contract does not say who may call.
//!
//! Of `/{id}/x` and `/y/{b}` with a number for `id` the path is not of the former: `y` is no number.

use std::collections::BTreeMap;

use diagnostics::Diagnostic;

use super::{Draft, Import};
use crate::documents::Spot;
use crate::model::Operation;

impl Import<'_> {
    pub(super) fn ambiguous(&mut self, drafts: &mut [Draft]) {
        let mut groups: BTreeMap<(String, usize), Vec<usize>> = BTreeMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            let segments = draft.operation.template.split('/').count();
            groups.entry((draft.operation.method.to_string(), segments)).or_default().push(index);
        }
        for group in groups.values() {
            for (at, first) in group.iter().enumerate() {
                for second in group.iter().skip(at + 1) {
                    self.pair(drafts, *first, *second);
                }
            }
        }
    }

    fn pair(&mut self, drafts: &mut [Draft], first: usize, second: usize) {
        let (Some(one), Some(two)) = (drafts.get(first), drafts.get(second)) else { return };
        let (one, two) = (&one.operation, &two.operation);
        let Some(path) = both(&one.template, &two.template) else { return };
        let method = &one.method;
        let said = format!("`{method} {path}` is of `{}` and of `{}`", one.template, two.template);
        let (chosen, other) = if answers(&one.template, &two.template) { (one, two) } else { (two, one) };
        if refuses(other, &chosen.template) {
            return;
        }
        let differ = one.security != two.security;
        let at = Spot::root(0).at(&["paths", &two.template]);
        if !differ || refuses(chosen, &other.template) {
            let help = if differ {
                "the one that is literal further to the left answers and its parameter takes no such value: such calls are \
                 refused as long as requests are validated, and not for the same callers otherwise; rename one"
            } else {
                "the one that is literal further to the left answers; rename one to say which is meant"
            };
            self.documents.say(Diagnostic::warning("ambiguous-templates", said).help(help), &at);
            return;
        }
        self.lowering.begin_operation();
        let what = format!("{said}, which are not for the same callers");
        let spot = drafts.get(second).map_or(at, |draft| draft.spot.clone());
        self.lowering.operation_issue(&spot, what);
        let found = self.lowering.end_operation();
        for index in [first, second] {
            if let Some(draft) = drafts.get_mut(index) {
                draft.issues.extend(&found);
            }
        }
    }
}

/// Whether the router prefers `one`: at the first difference a literal wins over a parameter with text around it, and that
/// over a plain one; of two with text the longer.
fn answers(one: &str, two: &str) -> bool {
    let rank = |segment: &str| match (segment.contains('{'), literal(segment)) {
        (false, _) => (0, 0),
        (true, 0) => (2, 0),
        (true, fixed) => (1, usize::MAX - fixed),
    };
    let mut ranks = one.split('/').map(rank).zip(two.split('/').map(rank));
    ranks.find(|(one, two)| one != two).is_none_or(|(one, two)| one < two)
}

/// Whether a parameter of the operation takes no value such as stands in its place in `literals`, as far as that is known
/// without a validator.
fn refuses(operation: &Operation, literals: &str) -> bool {
    operation.template.split('/').zip(literals.split('/')).any(|(pattern, text)| {
        let name = pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let parameter = operation.request.path.iter().find(|one| Some(one.name.as_str()) == name);
        let fast = parameter.and_then(|parameter| parameter.fast.as_ref());
        !text.contains(['{', '%']) && fast.is_some_and(|fast| fast.check(text).is_err())
    })
}

/// A path that both templates match, when neither is the more precise one.
fn both(one: &str, two: &str) -> Option<String> {
    let mut path = String::new();
    let (mut one_is_wider, mut two_is_wider) = (false, false);
    for (one, two) in one.split('/').zip(two.split('/')).skip(1) {
        path.push('/');
        match (one.contains('{'), two.contains('{')) {
            (false, false) if one != two => return None,
            (false, false) => path.push_str(one),
            (false, true) if fits(two, one) => {
                two_is_wider = true;
                path.push_str(one);
            }
            (true, false) if fits(one, two) => {
                one_is_wider = true;
                path.push_str(two);
            }
            (true, true) => path.push_str(&wildcards(one, two, &mut one_is_wider, &mut two_is_wider)?),
            _ => return None,
        }
    }
    (one_is_wider && two_is_wider).then_some(path)
}

/// A segment that two patterns match, judged by how they begin and end.
fn wildcards(one: &str, two: &str, one_is_wider: &mut bool, two_is_wider: &mut bool) -> Option<String> {
    let ((head, tail), (other_head, other_tail)) = (ends(one), ends(two));
    let head = longer(head, other_head, str::starts_with)?;
    let tail = longer(tail, other_tail, str::ends_with)?;
    let (fixed, other_fixed) = (literal(one), literal(two));
    *one_is_wider |= fixed < other_fixed;
    *two_is_wider |= other_fixed < fixed;
    Some(format!("{head}…{tail}"))
}

fn longer<'t>(one: &'t str, two: &'t str, begins: fn(&'t str, &'t str) -> bool) -> Option<&'t str> {
    if begins(one, two) {
        Some(one)
    } else if begins(two, one) {
        Some(two)
    } else {
        None
    }
}

/// What stands before the first parameter of a segment and after the last.
fn ends(segment: &str) -> (&str, &str) {
    let head = segment.split('{').next().unwrap_or_default();
    let tail = segment.rsplit('}').next().unwrap_or_default();
    (head, tail)
}

/// Characters outside of parameters.
fn literal(segment: &str) -> usize {
    segment
        .split('{')
        .enumerate()
        .map(|(index, piece)| match piece.split_once('}') {
            Some((_, rest)) if index > 0 => rest.len(),
            _ => piece.len(),
        })
        .sum()
}

/// Whether a literal segment matches a pattern; of the pieces between parameters each must follow the one before.
fn fits(pattern: &str, text: &str) -> bool {
    let (head, tail) = ends(pattern);
    let Some(mut rest) = text.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)) else {
        return false;
    };
    let inner = pattern.split('{').skip(1).filter_map(|piece| piece.split_once('}').map(|(_, after)| after));
    let pieces: Vec<&str> = inner.collect();
    for piece in pieces.iter().take(pieces.len().saturating_sub(1)) {
        // Each parameter takes at least one character, of however many bytes.
        let mut characters = rest.chars();
        let Some(_) = characters.next() else { return false };
        let Some((_, behind)) = characters.as_str().split_once(piece) else { return false };
        rest = behind;
    }
    !rest.is_empty()
}
