//! The sections that controls own, each read once wherever it stands: also where no operation comes to read it.

use crate::SectionSpec;
use crate::document::Document;
use crate::merge::merge;
use crate::node::Node;
use diagnostics::Diagnostics;

/// Reports what is wrong with the sections at the top, of each API, and of each of its operations as laid over the
/// API's. Controls that are compiled report the same once more: see [`Diagnostics::without_repeats`].
pub fn check_sections(document: &Document, sections: &[SectionSpec], out: &mut Diagnostics) {
    let of_api = |name: &str| sections.iter().find(|section| !section.top && section.name == name);
    for section in sections.iter().filter(|section| section.top) {
        if let Some(node) = document.section(section.name) {
            (section.check)(node, out);
        }
    }
    for api in document.apis.values() {
        let own = api.sections.iter().map(|(name, node)| (name, node.clone()));
        let operations = api.operations.iter().flat_map(|operation| &operation.sections);
        let laid_over = operations.map(|(name, node)| (name, over(api.section(name), node)));
        for (name, node) in own.chain(laid_over) {
            if let Some(section) = of_api(name) {
                (section.check)(&node, out);
            }
        }
    }
}

fn over(base: Option<&Node>, node: &Node) -> Node {
    base.map_or_else(|| node.clone(), |base| merge(base.clone(), node.clone()))
}
