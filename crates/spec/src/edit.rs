//! Changing a document as its author wrote it: what is to be said is put where it belongs, and nothing else is touched, neither comments
//! nor order nor quotes.
//!
//! Places come from the spans of the parsed tree. Documents are written in many ways, so nobody trusts the guess where a new key goes:
//! [`Edits::finish`] reads the changed text again and compares, and what does not mean exactly the intended is an error.

use std::collections::BTreeMap;

use crate::node::{Entry, Node, Value};
use crate::parse::parse;
use crate::patch::Patch;
use crate::print::quoted;
use diagnostics::{Diagnostics, FileId, Span};

/// What is said of a document that is written in a way that cannot be changed by this.
const UNKNOWN: &str = "it is written in a way that is not changed by itself: change it by hand";

/// Changes of one document.
#[derive(Debug)]
pub struct Edits<'t> {
    text: &'t str,
    tree: Node,
    /// The tree with all changes.
    wanted: Node,
    patch: Patch,
    /// New entries, by the keys of the mapping that they go into.
    new: BTreeMap<Vec<String>, Vec<(String, New)>>,
}

/// A value that is to be written.
#[derive(Debug)]
enum New {
    /// As it is written.
    Value(String),
    /// A mapping.
    Entries(Vec<(String, New)>),
}

impl New {
    /// Puts a value where these keys lead to, in the order in which they came.
    fn put(entries: &mut Vec<(String, New)>, path: &[&str], value: &str) {
        let Some((key, below)) = path.split_first() else { return };
        let at = match entries.iter().position(|(known, _)| known == key) {
            Some(at) => at,
            None => {
                entries.push(((*key).to_owned(), New::Entries(Vec::new())));
                entries.len() - 1
            }
        };
        match entries.get_mut(at) {
            Some((_, new)) if below.is_empty() => *new = New::Value(value.to_owned()),
            Some((_, New::Entries(entries))) => Self::put(entries, below, value),
            // Below a value there is nothing: that this is not what was wanted shows in the end.
            _ => {}
        }
    }

    /// In flow style.
    fn written(&self) -> String {
        match self {
            New::Value(value) => value.clone(),
            New::Entries(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), value.written()));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl<'t> Edits<'t> {
    /// No change yet. `None` when the text is no document.
    #[must_use]
    pub fn new(text: &'t str) -> Option<Self> {
        let tree = parse(text, FileId(0), &mut Diagnostics::new())?;
        Some(Self { text, wanted: tree.clone(), tree, patch: Patch::default(), new: BTreeMap::new() })
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patch.is_empty() && self.new.is_empty()
    }

    /// The document as it was.
    #[must_use]
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// Puts a word in the place of another, in its quotes where it has some.
    ///
    /// # Errors
    /// When no scalar is written there.
    pub fn replace(&mut self, span: Span, word: &str) -> Result<(), String> {
        let (start, end) = (span.start as usize, span.end as usize);
        let written = self.text.get(start..end).filter(|text| !text.is_empty() && !text.contains('\n'));
        let at = |node: &Node| node.span.start == span.start && node.span.end == span.end;
        let node = find(&mut self.wanted, &at).filter(|node| is_scalar(node));
        let (Some(written), Some(node)) = (written, node) else { return Err(String::from(UNKNOWN)) };
        node.value = Value::String(word.to_owned());
        let new = match written.chars().next() {
            Some(quote @ ('"' | '\'')) => format!("{quote}{word}{quote}"),
            _ => word.to_owned(),
        };
        self.patch.put(start, end, &new);
        Ok(())
    }

    /// Sets the value along a path of keys, each made where it is missing. The value is one line of YAML in flow style.
    ///
    /// # Errors
    /// When something else than a mapping is on the way, or the value is no YAML.
    pub fn set(&mut self, path: &[&str], value: &str) -> Result<(), String> {
        let parsed = parse(value, FileId(0), &mut Diagnostics::new());
        let parsed = parsed.filter(|_| !value.contains('\n')).ok_or_else(|| String::from(UNKNOWN))?;
        let (mut node, mut known) = (&self.tree, 0);
        while let Some(next) = path.get(known).and_then(|key| node.entry(key)) {
            (node, known) = (&next.value, known + 1);
        }
        let (before, below) = path.split_at(known);
        if below.is_empty() {
            if !is_scalar(node) || node.span.start == node.span.end {
                return Err(String::from(UNKNOWN));
            }
            self.patch.put(node.span.start as usize, node.span.end as usize, value);
        } else {
            let before = before.iter().map(|key| (*key).to_owned()).collect();
            New::put(self.new.entry(before).or_default(), below, value);
        }
        want(&mut self.wanted, path, parsed)
    }

    /// Takes an entry out that stands on a line of its own, or in a mapping in flow style beside another.
    ///
    /// # Errors
    /// When it is not there, or written in another way.
    pub fn remove(&mut self, path: &[&str]) -> Result<(), String> {
        let unknown = || String::from(UNKNOWN);
        let (key, above) = path.split_last().ok_or_else(unknown)?;
        let (start, end) = self.extent(above, key).ok_or_else(unknown)?;
        self.patch.put(start, end, "");
        let mut node = &mut self.wanted;
        for key in above {
            node = node.get_mut(key).ok_or_else(unknown)?;
        }
        node.remove(key).map(drop).ok_or_else(unknown)
    }

    /// From where to where an entry is written, with the line or the comma that goes with it.
    fn extent(&self, above: &[&str], key: &str) -> Option<(usize, usize)> {
        let mapping = self.tree.at(above)?;
        let entries = mapping.entries();
        let at = entries.iter().position(|entry| entry.key == key)?;
        let entry = entries.get(at)?;
        let (first, last) = (entry.key_span.start as usize, self.end(&entry.value));
        let (start, end) = if !self.text.get(mapping.span.start as usize..)?.starts_with('{') {
            let start = self.text.get(..first)?.rfind('\n').map_or(0, |end| end + 1);
            let alone = self.text.get(start..first)?.trim().is_empty();
            let end = self.text.get(last..)?.find('\n').map_or(self.text.len(), |after| last + after + 1);
            alone.then_some((start, end))?
        } else if let Some(next) = entries.get(at + 1) {
            (first, next.key_span.start as usize)
        } else {
            (self.end(&entries.get(at.checked_sub(1)?)?.value), last)
        };
        let taken = self.text.get(start..end)?;
        (!taken.strip_suffix('\n').unwrap_or(taken).contains('\n')).then_some((start, end))
    }

    /// Writes the new entries where they go.
    fn place_all(&mut self) -> Option<()> {
        for (path, entries) in std::mem::take(&mut self.new) {
            let (mut node, mut entry) = (&self.tree, None);
            for key in &path {
                let next = node.entry(key)?;
                (node, entry) = (&next.value, Some(next));
            }
            let new: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), value.written())).collect();
            let (at, new) = self.place(node, entry, &new)?;
            self.patch.put(at, at, &new);
        }
        Some(())
    }

    /// Where new entries of a mapping go, and how they are written there.
    fn place(&self, node: &Node, entry: Option<&Entry>, new: &[String]) -> Option<(usize, String)> {
        let start = node.span.start as usize;
        let flow = new.join(", ");
        match &node.value {
            // A key with nothing behind it.
            Value::Null if node.span.start == node.span.end => {
                let key = entry?.key_span.end as usize;
                let colon = self.text.get(key..)?.find(':')? + key + 1;
                Some((colon, format!(" {{ {flow} }}")))
            }
            Value::Mapping(_) if self.text.get(start..)?.starts_with('{') => {
                let filled = !self.text.get(start + 1..)?.trim_start().starts_with('}');
                Some((start + 1, format!(" {flow}{}", if filled { "," } else { " " })))
            }
            Value::Mapping(entries) => {
                let first = entries.first()?.key_span.start as usize;
                let line = self.text.get(..first)?.rfind('\n').map_or(0, |end| end + 1);
                let indent = " ".repeat(self.text.get(line..first)?.chars().count());
                let end = self.end(node);
                let line_end = self.text.get(end..)?.find('\n').map(|after| end + after + 1);
                Some(match line_end {
                    Some(at) => (at, new.iter().map(|new| format!("{indent}{new}\n")).collect()),
                    None => (self.text.len(), new.iter().map(|new| format!("\n{indent}{new}")).collect()),
                })
            }
            _ => None,
        }
    }

    /// Behind the last character of a value that is not blank.
    fn end(&self, node: &Node) -> usize {
        let flow = self.text.get(node.span.start as usize..).is_some_and(|text| text.starts_with(['{', '[']));
        let last = match &node.value {
            Value::Mapping(entries) if !flow => {
                entries.last().map(|entry| self.end(&entry.value).max(entry.key_span.end as usize))
            }
            Value::Sequence(items) if !flow => items.last().map(|item| self.end(item)),
            _ => None,
        };
        let end = last.unwrap_or(node.span.end as usize);
        self.text.get(..end).map_or(end, |text| text.trim_end().len())
    }

    /// The changed text and the patch that makes it.
    ///
    /// # Errors
    /// When the changed text does not mean exactly what was asked for.
    pub fn finish(mut self) -> Result<(String, Patch), String> {
        self.place_all().ok_or_else(|| String::from(UNKNOWN))?;
        let text = self.patch.apply(self.text);
        match parse(&text, FileId(0), &mut Diagnostics::new()) {
            Some(tree) if alike(&tree, &self.wanted) => Ok((text, self.patch)),
            _ => Err(String::from(UNKNOWN)),
        }
    }
}

fn is_scalar(node: &Node) -> bool {
    !matches!(node.value, Value::Sequence(_) | Value::Mapping(_))
}

/// The value for which something holds.
fn find<'n>(node: &'n mut Node, is: &dyn Fn(&Node) -> bool) -> Option<&'n mut Node> {
    if is(node) && is_scalar(node) {
        return Some(node);
    }
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().find_map(|item| find(item, is)),
        Value::Mapping(entries) => entries.iter_mut().find_map(|entry| find(&mut entry.value, is)),
        _ => None,
    }
}

/// Sets the value along a path in the tree.
fn want(node: &mut Node, path: &[&str], value: Node) -> Result<(), String> {
    let Some((key, below)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.value == Value::Null {
        node.value = Value::Mapping(Vec::new());
    }
    if !matches!(node.value, Value::Mapping(_)) {
        return Err(String::from(UNKNOWN));
    }
    if node.get(key).is_none() {
        node.set(key, Node { value: Value::Null, ..value.clone() });
    }
    node.get_mut(key).map_or_else(|| Err(String::from(UNKNOWN)), |next| want(next, below, value))
}

/// Whether both mean the same, wherever it stands and in whatever order keys are.
fn alike(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Sequence(one), Value::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Mapping(one), Value::Mapping(others)) => {
            let in_both = |entry: &Entry| {
                let other = others.iter().find(|other| other.key == entry.key);
                other.is_some_and(|other| alike(&entry.value, &other.value))
            };
            one.len() == others.len() && one.iter().all(in_both)
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, path: &[&str], value: &str) -> Result<String, String> {
        let mut edits = Edits::new(text).unwrap();
        edits.set(path, value)?;
        edits.finish().map(|(text, _)| text)
    }

    #[test]
    fn what_is_set_is_put_where_it_belongs_and_nothing_else_is_touched() {
        for (text, path, value, expected) in [
            ("a:\n  b: shadow # c\n", &["a", "b"][..], "enforce", "a:\n  b: enforce # c\n"),
            ("a: { b: 1 }\n", &["a", "c"], "2", "a: { c: 2, b: 1 }\n"),
            ("a: {}\n", &["a", "c"], "2", "a: { c: 2 }\n"),
            ("a:\n", &["a", "c"], "2", "a: { c: 2 }\n"),
            ("a: # why\n", &["a", "c"], "2", "a: { c: 2 } # why\n"),
            ("a:\n  b: 1 # c\nd: 2\n", &["a", "c"], "2", "a:\n  b: 1 # c\n  c: 2\nd: 2\n"),
            ("a:\n  b: 1", &["a", "c"], "2", "a:\n  b: 1\n  c: 2"),
            (
                "a:\n    b: [1,\n      2] # c\n\n# d\nd: 2\n",
                &["a", "c"],
                "2",
                "a:\n    b: [1,\n      2] # c\n    c: 2\n\n# d\nd: 2\n",
            ),
            ("a:\n  b: |\n    text\n\nd: 2\n", &["a", "c"], "2", "a:\n  b: |\n    text\n  c: 2\n\nd: 2\n"),
            (
                "a:\n  - b: 1\n    c: 2\nd: 2\n",
                &["e", "GET /x/{id}", "m"],
                "on",
                "a:\n  - b: 1\n    c: 2\nd: 2\ne: { \"GET /x/{id}\": { m: on } }\n",
            ),
            ("a:\n- 1\n- { b: 2 }\n", &["c"], "[x]", "a:\n- 1\n- { b: 2 }\nc: [x]\n"),
            (
                "a:\n  b:\n    c:\n      d: 'x'\n  # last\n",
                &["a", "e"],
                "1",
                "a:\n  b:\n    c:\n      d: 'x'\n  e: 1\n  # last\n",
            ),
        ] {
            assert_eq!(set(text, path, value).as_deref(), Ok(expected), "{text}");
        }
        for (text, path, value) in [
            ("a: 1\n", &["a", "b"][..], "1"),
            ("a: [1]\n", &["a", "b"], "1"),
            ("a: { b: 1 }\n", &["a"], "1"),
            ("a: 1\n", &["b"], "1\n2"),
            ("a: 1\n", &["b"], "{"),
        ] {
            assert!(set(text, path, value).is_err(), "{text}");
        }
    }

    #[test]
    fn what_goes_into_one_mapping_is_written_as_one() {
        let mut edits = Edits::new("a:\n  b: { c: 1 }\n").unwrap();
        for (path, value) in [
            (&["a", "v", "x"][..], "1"),
            (&["a", "w"], "[2]"),
            (&["a", "v", "u", "z"], "3"),
            (&["a", "b", "d"], "4"),
            (&["a", "b", "e"], "5"),
        ] {
            edits.set(path, value).unwrap();
        }
        let expected = "a:\n  b: { d: 4, e: 5, c: 1 }\n  v: { x: 1, u: { z: 3 } }\n  w: [2]\n";
        assert_eq!(edits.finish().unwrap().0, expected);
        // What contradicts itself is not written.
        let mut edits = Edits::new("a: {}\n").unwrap();
        edits.set(&["a", "b"], "1").unwrap();
        assert!(edits.set(&["a", "b", "c"], "2").is_err() || edits.finish().is_err());
    }

    #[test]
    fn an_entry_is_taken_out_with_its_line_or_its_comma() {
        let without = |text: &str| {
            let mut edits = Edits::new(text).unwrap();
            edits.remove(&["a", "n"])?;
            edits.finish()
        };
        for (text, expected) in [
            ("a:\n  b: 1\n  n: x # c\n  d: 2\n", "a:\n  b: 1\n  d: 2\n"),
            ("a:\n  n: x\n  b: 1\n", "a:\n  b: 1\n"),
            ("a:\n  b: 1\n  n: x", "a:\n  b: 1\n"),
            ("a: { n: x, b: 1 } # c\n", "a: { b: 1 } # c\n"),
            ("a: { b: 1, n: 'x' }\n", "a: { b: 1 }\n"),
            ("a: {b: 1, n: x, d: 2}\n", "a: {b: 1, d: 2}\n"),
        ] {
            let (out, patch) = without(text).unwrap();
            assert_eq!(out, expected, "{text}");
            assert!(patch.diff("y", text).contains("\n-"), "{text}");
        }
        for text in
            ["a:\n  n: x\n", "a: { n: x }\n", "a: { b: 1 }\n", "a:\n  b: 1\n  n:\n    x: 1\n    y: 2\n"]
        {
            assert!(without(text).is_err(), "{text}");
        }
        // Beside other changes of the same mapping.
        for (text, expected) in [
            ("a:\n  b: 1\n  n: x\nd: 2\n", "a:\n  b: x\n  o: 1\nd: 2\n"),
            ("a: { n: x, b: 1 }\n", "a: { o: 1, b: x }\n"),
            ("a: { b: 1, n: x }\n", "a: { o: 1, b: x }\n"),
        ] {
            let mut edits = Edits::new(text).unwrap();
            edits.set(&["a", "b"], "x").unwrap();
            edits.set(&["a", "o"], "1").unwrap();
            edits.remove(&["a", "n"]).unwrap();
            let (out, patch) = edits.finish().unwrap();
            assert_eq!(out, expected, "{text}");
            assert!(patch.diff("y", text).starts_with("--- y\n"), "{text}");
        }
    }

    #[test]
    fn a_word_is_replaced_in_its_quotes() {
        for (text, expected) in [
            ("a: { b: shadow }\n", "a: { b: enforce }\n"),
            ("a: { b: 'shadow' }\n", "a: { b: 'enforce' }\n"),
            ("a:\n  b: \"shadow\"   # c\n", "a:\n  b: \"enforce\"   # c\n"),
        ] {
            let mut edits = Edits::new(text).unwrap();
            let span = edits.tree().at(&["a", "b"]).unwrap().span;
            edits.replace(span, "enforce").unwrap();
            assert_eq!(edits.finish().unwrap().0, expected);
        }
        let mut edits = Edits::new("a:\n").unwrap();
        let span = edits.tree().get("a").unwrap().span;
        assert!(edits.replace(span, "enforce").is_err(), "nothing is written there");
        let mut edits = Edits::new("a: [1]\n").unwrap();
        let span = edits.tree().get("a").unwrap().span;
        assert!(edits.replace(span, "enforce").is_err(), "a list is no word");
    }

    #[test]
    fn several_changes_are_one_patch() {
        let text =
            "a: { m: shadow }\nb:\n  m: shadow\n1: {}\n2: {}\n3: {}\n4: {}\n5: {}\n6: {}\n7: {}\nc:\n  d: 1";
        let mut edits = Edits::new(text).unwrap();
        for key in ["a", "b"] {
            let span = edits.tree().at(&[key, "m"]).unwrap().span;
            edits.replace(span, "enforce").unwrap();
        }
        edits.set(&["c", "e"], "{ x: 1 }").unwrap();
        edits.set(&["b", "p"], "2").unwrap();
        edits.set(&["b", "o"], "3").unwrap();
        let (out, patch) = edits.finish().unwrap();
        let changed = "a: { m: enforce }\nb:\n  m: enforce\n  p: 2\n  o: 3\n1: {}\n2: {}\n3: {}\n4: {}\n5: {}\n6: {}\n7: {}\nc:\n  d: 1\n  e: { x: 1 }";
        assert_eq!(out, changed);
        assert_eq!(
            patch.diff("y.yaml", text),
            "--- y.yaml\n+++ y.yaml\n@@ -1,7 +1,9 @@\n-a: { m: shadow }\n+a: { m: enforce }\n b:\n-  m: shadow\n+  m: enforce\n\
             +  p: 2\n+  o: 3\n 1: {}\n 2: {}\n 3: {}\n 4: {}\n@@ -9,4 +11,5 @@\n 6: {}\n 7: {}\n c:\n-  d: 1\n\
             \\ No newline at end of file\n+  d: 1\n+  e: {{ x: 1 }}\n\\ No newline at end of file\n"
                .replace("{{", "{")
                .replace("}}", "}")
        );
        // At the very end of a text that ends with a line.
        let mut edits = Edits::new("a:\n  b: 1\n").unwrap();
        edits.set(&["a", "c"], "2").unwrap();
        let (_, patch) = edits.finish().unwrap();
        assert_eq!(patch.diff("y", "a:\n  b: 1\n"), "--- y\n+++ y\n@@ -1,2 +1,3 @@\n a:\n   b: 1\n+  c: 2\n");
    }
}
