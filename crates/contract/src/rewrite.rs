//! JSON without some of its properties, in canonical form.

use std::collections::BTreeSet;

use tape::{Bounds, Kind, Node, Tape};

use crate::pointer;

/// Levels written; a deeper document is not.
const MAX_DEPTH: usize = 512;

/// Pointers of what goes.
pub(crate) struct Strip<'s>(BTreeSet<&'s str>);

impl<'s> Strip<'s> {
    pub(crate) fn new(pointers: &'s [String]) -> Self {
        Self(pointers.iter().map(String::as_str).collect())
    }

    pub(crate) fn pointers(&self) -> &BTreeSet<&'s str> {
        &self.0
    }

    /// Whether the value at `pointer` goes, by itself or with what it is in.
    pub(crate) fn takes(&self, pointer: &str) -> bool {
        let ends = pointer.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        ends.chain([pointer.len()]).any(|end| pointer.get(..end).is_some_and(|head| self.0.contains(head)))
    }

    /// Whether what a bracket of `name` follows goes: services read `a[b]` as part of `a`, whatever the contract says of it.
    pub(crate) fn takes_owner(&self, name: &str) -> bool {
        name.split_once('[').is_some_and(|(own, _)| self.0.contains(pointer::join("", own).as_str()))
    }

    /// JSON that stands at `pointer`, without what goes from within it; `None` when nothing does, or when it is no JSON.
    pub(crate) fn json_without(&self, pointer: &str, json: &[u8]) -> Option<Vec<u8>> {
        let below =
            self.0.iter().filter_map(|one| one.strip_prefix(pointer)).filter(|one| one.starts_with('/'));
        let below: BTreeSet<&str> = below.collect();
        if below.is_empty() {
            return None;
        }
        let tape = Tape::parse(json.to_vec().into(), &Bounds::default()).ok()?;
        let mut out = Vec::with_capacity(json.len());
        without(tape.root(), &below, &mut out)?;
        Some(out)
    }
}

/// Appends `node` without the values at the pointers of `strip`, counted from it. `None` when it is nested too deep.
pub(crate) fn without(node: Node<'_>, strip: &BTreeSet<&str>, out: &mut Vec<u8>) -> Option<()> {
    write(node, &mut String::new(), strip, out, 0)
}

fn write(
    node: Node<'_>,
    path: &mut String,
    strip: &BTreeSet<&str>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Option<()> {
    let below = strip.range(path.as_str()..).next().is_some_and(|next| next.starts_with(path.as_str()));
    let is_object = node.kind() == Kind::Object;
    if !below || !(is_object || node.kind() == Kind::Array) {
        node.write_canonical(out);
        return Some(());
    }
    if depth > MAX_DEPTH {
        return None;
    }
    out.push(if is_object { b'{' } else { b'[' });
    let mut first = true;
    let mut child = |token: &str, name: Option<&str>, node: Node<'_>, out: &mut Vec<u8>| {
        let length = path.len();
        path.push('/');
        path.push_str(&pointer::escape(token));
        if !strip.contains(path.as_str()) {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            if let Some(name) = name {
                out.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
                out.push(b':');
            }
            write(node, path, strip, out, depth + 1)?;
        }
        path.truncate(length);
        Some(())
    };
    if is_object {
        for (name, member) in node.members() {
            child(&name, Some(&name), member, out)?;
        }
    } else {
        for (index, item) in node.items().enumerate() {
            child(&index.to_string(), None, item, out)?;
        }
    }
    out.push(if is_object { b'}' } else { b']' });
    Some(())
}
