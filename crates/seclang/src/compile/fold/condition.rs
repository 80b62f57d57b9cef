//! Tests whose result is known before any call.

use super::Folder;
use crate::operator::{Capture, Operator};
use crate::rule::{Link, Rule};
use crate::store::Value;
use crate::template::{Expand, Piece};

impl Folder<'_> {
    /// Whether all tests of a rule hold, when that is known.
    pub(super) fn condition(&self, rule: &Rule) -> Option<bool> {
        let mut all = true;
        for link in &rule.links {
            match self.test(link)? {
                true => {}
                false => all = false,
            }
            if !all {
                // What the first tests of a chain set, they set even when a later one fails.
                let clean =
                    rule.links.iter().all(|link| link.set_vars.is_empty() && link.controls.is_empty());
                let first_fails = rule.links.first().is_some_and(|first| self.test(first) == Some(false));
                return (clean || first_fails).then_some(false);
            }
        }
        Some(all)
    }

    fn test(&self, link: &Link) -> Option<bool> {
        let Some((negated, operator)) = &link.test else { return Some(true) };
        let plain = matches!(
            operator,
            Operator::Compare(..) | Operator::Text(..) | Operator::Always | Operator::Never
        );
        if !plain
            || link.capture != Capture::No
            || !link.excluded.is_empty()
            || !link.transformations.is_empty()
            || link.targets.is_empty()
        {
            return None;
        }
        let parameter = operator.parameter().map_or(Some(Vec::new()), |parameter| self.expand(parameter))?;
        let mut any = false;
        for target in &link.targets {
            let value = self.known.get(&target.slot?)?;
            let text = match (target.count, value) {
                (true, value) => Some(if value.is_some() { b"1".to_vec() } else { b"0".to_vec() }),
                (false, value) => value.as_ref().map(Value::to_bytes),
            };
            any |=
                text.is_some_and(|text| operator.test(&text, &parameter, Capture::No).is_some() != *negated);
        }
        Some(any)
    }

    pub(super) fn expand(&self, text: &Expand) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for piece in &text.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Tx(slot) => {
                    if let Some(value) = self.known.get(slot)? {
                        value.write(&mut out);
                    }
                }
                Piece::Variable(..) => return None,
            }
        }
        Some(out)
    }
}
