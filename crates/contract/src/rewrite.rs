//! JSON without some of its properties, in canonical form.

use std::collections::BTreeSet;

use tape::{Kind, Node};

use crate::pointer;

/// Levels written; a deeper document is not.
const MAX_DEPTH: usize = 512;

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
