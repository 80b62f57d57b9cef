//! Services that say whose an object is, as tests of policies have them.

use diagnostics::Diagnostics;
use spec::Node;

use super::config::around;
use super::lookup::of_segment;
use crate::objects::ObjectsSection;

/// A service that is asked, as tests of policies have it in its place.
#[derive(Debug, Clone)]
pub struct OwnerStandIn {
    around: (String, String),
    steps: Vec<String>,
}

impl OwnerStandIn {
    /// The object that it is asked for by this URL.
    #[must_use]
    pub fn id_in(&self, url: &str) -> Option<String> {
        let (before, after) = &self.around;
        let id = url.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
        if id.contains('/') { None } else { of_segment(id) }
    }

    /// The content of an answer of which these own the object; `owners` is JSON.
    #[must_use]
    pub fn says(&self, owners: &str) -> String {
        self.steps.iter().rev().fold(owners.to_owned(), |inner, step| {
            let mut name = Vec::new();
            engine::text::push_json(&mut name, step);
            format!("{{{}:{inner}}}", String::from_utf8_lossy(&name))
        })
    }
}

/// The services that a section `objects` names.
#[must_use]
pub fn stand_ins(section: &Node) -> Vec<OwnerStandIn> {
    let Some(section) = spec::read::<ObjectsSection>(section, &mut Diagnostics::new()) else {
        return Vec::new();
    };
    let lookups = section.bindings.values().filter_map(|binding| binding.owner.as_ref()?.lookup.as_ref());
    let stand_in = |lookup: &super::LookupSection| {
        let (_, (before, after)) = around(&lookup.url).ok()?;
        let steps = lookup.pointer.steps().iter();
        Some(OwnerStandIn {
            around: (before.to_owned(), after.to_owned()),
            steps: steps.filter_map(|step| step.name().map(str::to_owned)).collect(),
        })
    };
    lookups.filter_map(|lookup| stand_in(lookup)).collect()
}
