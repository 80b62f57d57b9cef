//! Schemas that apply themselves to the same value, through whatever they are made of.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Lowering;
use crate::documents::Spot;

/// A schema, and whether it is reached through `allOf`, where its discriminator does not select.
type Step = (Spot, bool);

impl Lowering<'_> {
    /// Notes a schema whose parts lead back to it without a step into a child: of any value it says that it is valid if
    /// it is. The usual hierarchy does not, because a base that is reached through `allOf` selects nothing.
    pub(super) fn endless(&mut self, target: &Spot, inherited: bool) {
        let start = (target.clone(), inherited);
        let mut seen = BTreeSet::new();
        let mut stack = vec![start.clone()];
        while let Some(step) = stack.pop() {
            let next = self.next_steps(&step);
            if next.contains(&start) {
                let what = "the schema applies itself to the same value, where it is taken to hold: put a property between";
                self.issue(target, what);
                return;
            }
            stack.extend(next.into_iter().filter(|next| seen.insert(next.clone())));
        }
    }

    /// Schemas that apply to the same value as this one, references followed.
    fn next_steps(&mut self, (spot, inherited): &Step) -> Vec<Step> {
        let documents = self.documents;
        let Some(map) = documents.get(spot).and_then(Value::as_object) else { return Vec::new() };
        let mut parts: Vec<Spot> = ["if", "then", "else", "not"]
            .iter()
            .filter(|key| map.contains_key(**key))
            .map(|key| spot.join(key))
            .collect();
        for name in map.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            parts.push(spot.at(&["dependentSchemas", name]));
        }
        parts.extend(self.chosen(spot, map, *inherited));
        let mut out: Vec<Step> = parts.iter().filter_map(|part| Some((self.settle(part)?, false))).collect();
        for part in self.sure_parts(spot, map) {
            if let Some(part) = self.settle(&part) {
                let selects = documents.get(&part).is_some_and(|part| part.get("discriminator").is_some());
                out.push((part, selects));
            }
        }
        out
    }

    /// The alternatives of a schema: its branches, and what its discriminator selects.
    fn chosen(&mut self, spot: &Spot, map: &Map<String, Value>, inherited: bool) -> Vec<Spot> {
        let mut out = self.branches(spot, map);
        let Some(Value::Object(discriminator)) = map.get("discriminator") else { return out };
        let is_base = out.is_empty();
        if inherited && (is_base || out.iter().any(|branch| self.extends(branch, spot))) {
            return Vec::new();
        }
        out.extend(self.fallback(spot, discriminator));
        if is_base {
            out.extend(self.mapping(spot, discriminator).into_keys());
            out.extend(self.subtypes_of(spot).into_iter().map(|(_, target)| target));
        }
        // The schema itself applies anyway.
        out.retain(|target| target != spot);
        out
    }
}
