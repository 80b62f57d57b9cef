//! Exclusions written into a document as its author wrote it: as little as possible is put in, and nothing else is touched.

use std::collections::BTreeMap;

use spec::{Node, Origin, Value};

/// How what is there is written, and so how something is put into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Style {
    /// `[a, b]`; whether there is anything in it.
    FlowList(bool),
    /// `{ a: b }`, without the key.
    FlowMap(bool),
    /// `- a`, with this before the dash.
    BlockList(String),
    /// `a: b`, with this before the key.
    BlockMap(String),
}

/// A place in the document where exclusions can be put.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    at: usize,
    style: Style,
}

/// Where exclusions of a section go: into its list, or into the section that has none yet.
///
/// # Errors
/// When the document is written in a way that this does not know.
pub(crate) fn place(text: &str, section: &Node) -> Result<Place, String> {
    let written = |node: &&Node| !matches!(node.origin, Origin::Default(_));
    let list = section.get("exclude").filter(written).filter(|node| matches!(node.value, Value::Sequence(_)));
    let at = list.unwrap_or(section).span.start as usize;
    let (before, rest) = (text.get(..at).unwrap_or_default(), text.get(at..).unwrap_or_default());
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let indent = before.get(line..).unwrap_or_default();
    let blank = |text: &str| text.bytes().all(|byte| byte == b' ');
    let filled = |end: char| !rest.get(1..).unwrap_or_default().trim_start().starts_with(end);
    match (list.is_some(), rest.chars().next()) {
        (true, Some('[')) => Ok(Place { at: at + 1, style: Style::FlowList(filled(']')) }),
        (false, Some('{')) => Ok(Place { at: at + 1, style: Style::FlowMap(filled('}')) }),
        (true, Some('-')) if blank(indent) => {
            Ok(Place { at: line, style: Style::BlockList(indent.to_owned()) })
        }
        (true, Some(_)) if blank(indent.trim_end().trim_end_matches('-')) && indent.contains('-') => {
            let indent = indent.split('-').next().unwrap_or_default().to_owned();
            Ok(Place { at: line, style: Style::BlockList(indent) })
        }
        (false, Some(_)) if blank(indent) && matches!(section.value, Value::Mapping(_)) => {
            Ok(Place { at: line, style: Style::BlockMap(indent.to_owned()) })
        }
        _ => Err(String::from("its section is written in a way that no patch is made for")),
    }
}

/// What is put into the document: places with the items that go there, each an exclusion as YAML writes it on one line.
#[derive(Debug, Default)]
pub(crate) struct Patch(BTreeMap<Place, Vec<String>>);

impl Patch {
    /// Puts an item in.
    pub(crate) fn add(&mut self, place: Place, item: String) {
        self.0.entry(place).or_default().push(item);
    }

    /// The document with all items.
    pub(crate) fn apply(&self, text: &str) -> String {
        self.changes().apply(text)
    }

    /// The change as a unified diff, as `patch` and `git apply` read it.
    pub(crate) fn diff(&self, name: &str, text: &str) -> String {
        self.changes().diff(name, text)
    }

    fn changes(&self) -> spec::Patch {
        let mut changes = spec::Patch::default();
        for (place, items) in &self.0 {
            changes.put(place.at, place.at, &inserted(&place.style, items));
        }
        changes
    }
}

fn inserted(style: &Style, items: &[String]) -> String {
    let list = items.join(", ");
    let separator = |filled: bool| if filled { ", " } else { "" };
    match style {
        Style::FlowList(filled) => format!("{list}{}", separator(*filled)),
        Style::FlowMap(filled) => format!(" exclude: [{list}]{}", if *filled { "," } else { " " }),
        Style::BlockList(indent) => lines(indent, items),
        Style::BlockMap(indent) => format!("{indent}exclude:\n{}", lines(&format!("{indent}  "), items)),
    }
}

fn lines(indent: &str, items: &[String]) -> String {
    items.iter().fold(String::new(), |text, item| text + indent + "- " + item + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let mut found = diagnostics::Diagnostics::new();
        let mut sources = diagnostics::Sources::default();
        let file = sources.add("a.yaml", text);
        spec::parse(text, file, &mut found).unwrap()
    }

    /// The document with an item in each of its sections.
    fn patched(text: &str, items: &[&str]) -> (String, String) {
        let tree = tree(text);
        let mut patch = Patch::default();
        for section in tree.entries() {
            let place = place(text, &section.value).unwrap();
            items.iter().for_each(|item| patch.add(place.clone(), (*item).to_owned()));
        }
        (patch.apply(text), patch.diff("a.yaml", text))
    }

    #[test]
    fn each_way_of_writing_is_kept() {
        for (text, expected) in [
            ("a: { b: 1 }\n", "a: { exclude: [{ x: 1 }, { y: 2 }], b: 1 }\n"),
            ("a: {}\n", "a: { exclude: [{ x: 1 }, { y: 2 }] }\n"),
            ("a: { exclude: [{ z: 0 }] }\n", "a: { exclude: [{ x: 1 }, { y: 2 }, { z: 0 }] }\n"),
            ("a: { exclude: [] }\n", "a: { exclude: [{ x: 1 }, { y: 2 }] }\n"),
            ("a:\n  b: 1 # c\n", "a:\n  exclude:\n    - { x: 1 }\n    - { y: 2 }\n  b: 1 # c\n"),
            (
                "a:\n  b: 1\n  exclude:\n  # c\n  - { z: 0 }",
                "a:\n  b: 1\n  exclude:\n  # c\n  - { x: 1 }\n  - { y: 2 }\n  - { z: 0 }",
            ),
        ] {
            let (out, _) = patched(text, &["{ x: 1 }", "{ y: 2 }"]);
            assert_eq!(out, expected);
            let list = tree(&out).at(&["a", "exclude"]).unwrap().items().len();
            assert_eq!(list, 2 + usize::from(text.contains('z')), "{out}");
        }
        for text in ["a: 1\n", "a:\n"] {
            assert!(place(text, &tree(text).entries()[0].value).is_err(), "{text}");
        }
    }

    #[test]
    fn the_diff_says_the_same() {
        let text = "a: { b: 1 }\n1: {}\n2: {}\n3: {}\nc:\n  d: 1";
        let mut patch = Patch::default();
        for key in ["a", "c"] {
            patch.add(place(text, tree(text).get(key).unwrap()).unwrap(), String::from("{ x: 1 }"));
        }
        assert_eq!(
            patch.diff("a.yaml", text),
            "--- a.yaml\n+++ a.yaml\n@@ -1,6 +1,8 @@\n-a: { b: 1 }\n+a: { exclude: [{ x: 1 }], b: 1 }\n 1: {}\n 2: {}\n \
             3: {}\n c:\n+  exclude:\n+    - { x: 1 }\n   d: 1\n\\ No newline at end of file\n"
        );
    }
}
