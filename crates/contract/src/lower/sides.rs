//! What must not be there: `readOnly` in requests, `writeOnly` in responses (OpenAPI 3 §4.8.24.1), which is then not
//! required either.
//!
//! Why: `required` often stands in another part of a composition than the flag. What one alternative forbids is nothing
//! to the others, so a flag counts for the schema that declares it, for its parts, and for alternatives below it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::keywords::{Views, push_all_of};
use super::{Context, Lowering, Side};
use crate::documents::Spot;

/// Properties that must not be there; false for those that only some alternatives forbid.
pub(super) type Exempt = BTreeMap<String, bool>;

const DEPTH: usize = 24;

impl Context {
    /// Seen from one of several alternatives: what others forbid does not count in it.
    pub(super) fn alternative(&self) -> Self {
        if self.exempt.values().all(|sure| *sure) {
            return self.clone();
        }
        let sure = self.exempt.iter().filter(|(_, sure)| **sure);
        let exempt = Rc::new(sure.map(|(name, sure)| (name.clone(), *sure)).collect());
        Self { exempt, ..self.clone() }
    }
}

impl Lowering<'_> {
    /// What must not be there in a schema: what is forbidden around it, and what it forbids itself.
    pub(super) fn exempt(&mut self, spot: &Spot, context: &Context) -> Rc<Exempt> {
        if context.asks {
            return Rc::default();
        }
        let own = self.flagged(spot, context.side, !context.inherited, &mut BTreeSet::new());
        if own.iter().all(|(name, sure)| context.exempt.get(name).is_some_and(|known| known >= sure)) {
            return context.exempt.clone();
        }
        let mut all = Exempt::clone(&context.exempt);
        add(&mut all, own);
        Rc::new(all)
    }

    /// `reach`: whether the schema's own discriminator picks a subtype.
    fn flagged(&mut self, spot: &Spot, side: Side, reach: bool, path: &mut BTreeSet<Spot>) -> Exempt {
        let mut out = Exempt::new();
        if path.len() >= DEPTH || !path.insert(spot.clone()) {
            return out;
        }
        let documents = self.documents;
        if let Some(map) = documents.get(spot).and_then(Value::as_object) {
            for part in self.sure_parts(spot, map) {
                add(&mut out, self.flagged(&part, side, false, path));
            }
            if self.pure_reference(map).is_none() {
                self.flagged_here(spot, map, side, &mut out);
                for group in self.alternatives(spot, map, reach) {
                    let branches: Vec<Exempt> =
                        group.iter().map(|branch| self.flagged(branch, side, true, path)).collect();
                    add(&mut out, either(&branches));
                }
            }
        }
        path.remove(spot);
        out
    }

    fn flagged_here(&self, spot: &Spot, map: &Map<String, Value>, side: Side, out: &mut Exempt) {
        for name in map.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            if self.is_flagged(&spot.at(&["properties", name]), side) {
                out.insert(name.clone(), true);
            }
        }
    }

    /// Parts that hold whenever the schema does.
    pub(super) fn sure_parts(&self, spot: &Spot, map: &Map<String, Value>) -> Vec<Spot> {
        let reference = map.get("$ref").and_then(Value::as_str);
        let mut parts: Vec<Spot> =
            reference.and_then(|reference| self.resolve(spot, reference)).into_iter().collect();
        if self.pure_reference(map).is_none() {
            parts.extend(listed(spot, map, "allOf"));
        }
        parts
    }

    /// Groups of schemas of which one may hold and another not; one that stands alone may not hold at all.
    fn alternatives(&mut self, spot: &Spot, map: &Map<String, Value>, reach: bool) -> Vec<Vec<Spot>> {
        let mut groups = Vec::new();
        let picks = map.contains_key("discriminator");
        for key in ["oneOf", "anyOf"] {
            let group = listed(spot, map, key);
            // The base of an `allOf` does not choose.
            if !(picks && !reach && group.iter().any(|branch| self.extends(branch, spot))) {
                groups.push(group);
            }
        }
        if picks && reach && groups.iter().all(Vec::is_empty) {
            groups.extend(self.subtypes_of(spot).into_iter().map(|(_, target)| vec![spot.clone(), target]));
        }
        for key in ["then", "else"].into_iter().filter(|key| map.contains_key(*key)) {
            groups.push(vec![spot.clone(), spot.join(key)]);
        }
        for name in map.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            groups.push(vec![spot.clone(), spot.at(&["dependentSchemas", name])]);
        }
        groups
    }

    /// `oneOf` and `anyOf`. Alternatives that differ in whether they require what must not be there cannot be told apart:
    /// then whatever fits one of them is taken.
    pub(super) fn choice(
        &mut self,
        at: &Spot,
        value: &Value,
        views: &Views,
        out: &mut Map<String, Value>,
    ) -> Option<Value> {
        let view = views.part.alternative();
        let list = self.schema_list(at, value, &view)?;
        let count = value.as_array().map_or(0, Vec::len);
        let branches: Vec<Spot> = (0..count).map(|index| at.join(&index.to_string())).collect();
        let Some(name) = self.undecided(&branches, &view) else { return Some(list) };
        let what =
            format!("only some of the alternatives require `{name}`, which must not be there: any may fit");
        self.issue(at, what);
        push_all_of(out, json!({ "anyOf": list }));
        None
    }

    /// A property that must not be there and that some branches require and others do not.
    fn undecided(&mut self, branches: &[Spot], view: &Context) -> Option<String> {
        if view.exempt.is_empty() {
            return None;
        }
        let mut all = Vec::new();
        for branch in branches {
            let own = self.flagged(branch, view.side, true, &mut BTreeSet::new());
            let names = view.exempt.keys().filter(|name| own.get(*name) != Some(&true));
            all.push(self.wanted(branch, &names.map(String::as_str).collect()));
        }
        either(&all).into_iter().find(|(_, sure)| !sure).map(|(name, _)| name)
    }

    /// Which of the names a schema requires; false where that depends.
    fn wanted(&mut self, branch: &Spot, names: &BTreeSet<&str>) -> Exempt {
        let documents = self.documents;
        let mut out = Exempt::new();
        let mut seen = BTreeSet::new();
        let mut stack = vec![(branch.clone(), true)];
        while let Some((spot, sure)) = stack.pop() {
            if !seen.insert((spot.clone(), sure)) {
                continue;
            }
            let Some(map) = documents.get(&spot).and_then(Value::as_object) else { continue };
            stack.extend(self.sure_parts(&spot, map).into_iter().map(|part| (part, sure)));
            if self.pure_reference(map).is_some() {
                continue;
            }
            let groups = self.alternatives(&spot, map, false);
            stack.extend(groups.into_iter().flatten().map(|part| (part, false)));
            let required = map.get("required").into_iter().map(|list| (list, sure));
            let dependent = map.get("dependentRequired").and_then(Value::as_object);
            let dependent = dependent.into_iter().flat_map(Map::values).map(|list| (list, false));
            for (list, sure) in required.chain(dependent) {
                let listed = list.as_array().into_iter().flatten().filter_map(Value::as_str);
                add(&mut out, listed.filter(|name| names.contains(name)).map(|name| (name.to_owned(), sure)));
            }
        }
        out
    }
}

/// Both hold.
fn add(all: &mut Exempt, more: impl IntoIterator<Item = (String, bool)>) {
    for (name, sure) in more {
        *all.entry(name).or_default() |= sure;
    }
}

/// One of them holds.
fn either(branches: &[Exempt]) -> Exempt {
    let names: BTreeSet<String> = branches.iter().flat_map(|branch| branch.keys().cloned()).collect();
    let in_all = |name: &String| branches.iter().all(|branch| branch.get(name) == Some(&true));
    names.into_iter().map(|name| (name.clone(), in_all(&name))).collect()
}

fn listed(spot: &Spot, map: &Map<String, Value>, key: &str) -> Vec<Spot> {
    let count = map.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    (0..count).map(|index| spot.at(&[key, &index.to_string()])).collect()
}
